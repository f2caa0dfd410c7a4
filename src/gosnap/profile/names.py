"""Names of nodes, functions and files, as pprof forms them (internal/graph/graph.go, as in Go 1.27)."""

from __future__ import annotations


def escaped(text: str) -> str:
    """A text as it may be shown: what would steer a terminal is escaped, bytes that are no UTF-8 are
    replaced."""
    if text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clean_path(path: bytes) -> bytes:
    """The shortest path that means the same, as Go's path/filepath.Clean on Unix."""
    if not path:
        return path
    rooted = path[:1] == b"/"
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            if parts and parts[-1] != b"..":
                parts.pop()
            elif not rooted:
                parts.append(part)
        else:
            parts.append(part)
    joined = b"/".join(parts)
    return b"/" + joined if rooted else joined or b"."


def is_clean(path: bytes) -> bool:
    """Whether ``clean_path`` leaves it alone, for most paths without splitting it."""
    if b"//" not in path and b"/." not in path and path[:1] != b"." and (path[-1:] != b"/" or path == b"/"):
        return True
    return clean_path(path) == path


def base_name(path: str) -> str:
    """The last element, as Go's path/filepath.Base on Unix."""
    if not path:
        return "."
    path = path.rstrip("/")
    return path.rpartition("/")[2] or "/"


def trim_path(path: bytes, trim: str, search: str) -> bytes:
    """A source file's name without what ``trim`` (paths separated by colons) names in front.

    Without ``trim``, up to the base name of a directory in ``search`` where that is in the path.
    """
    if not trim:
        for folder in search.split(":") if search else ():
            want = b"/" + base_name(folder).encode("utf-8", "surrogateescape") + b"/"
            found = path.find(want)
            if found >= 0:
                return path[found + len(want) :]
    prefixes = [p.encode("utf-8", "surrogateescape") for p in trim.split(":")] if trim else []
    for prefix in (*prefixes, b"/proc/self/cwd/./", b"/proc/self/cwd/"):
        if not prefix.endswith(b"/"):
            prefix += b"/"  # noqa: PLW2901
        if path.startswith(prefix):
            return path[len(prefix) :]
    return path


def printable(name: bytes, file: bytes, objfile: bytes, *, address: int, line: int, column: int) -> bytes:
    """How a node is called: the address, the function, and the file and line, as far as it has them."""
    parts = [b"%016x" % address] if address else []
    if name:
        parts.append(name)
    if line:
        parts.append(b"%b:%d:%d" % (file, line, column) if column else b"%b:%d" % (file, line))
    elif file:
        parts.append(file)
    elif not name:
        if objfile:
            text = objfile.decode("utf-8", "surrogateescape")
            parts.append(b"[" + base_name(text).encode("utf-8", "surrogateescape") + b"]")
        else:
            parts.append(b"<unknown>")
    return b" ".join(parts)


_ANONYMOUS = r"^\(anonymous namespace\)::"
_VERSION = r"^(.*?)/v(?:[2-9]|[1-9][0-9]+)([./].*)$"
_SHORT = (
    # Go, Java, C++
    r"^(?:[\w\-\.]+\/)+([^.]+\..+)",
    r"^(?:[a-z]\w*\.)*([A-Z][\w\$]*\.(?:<init>|[a-z][\w\$]*(?:\$\d+)?))(?:(?:\()|$)",
    r"^(?:[_a-zA-Z]\w*::)+(_*[A-Z]\w*::~?[_a-zA-Z]\w*(?:<.*>)?)",
)


def short_name(name: str) -> str:
    """A function's name without the path of its package, nor the version of its module. It has no
    newlines."""
    import re2

    name = re2.sub(_ANONYMOUS, "", name)
    name = re2.sub(_VERSION, r"\1\2", name)
    for pattern in _SHORT:
        found = re2.search(pattern, name)
        if found:
            return str(found.group(1))
    return name
