"""Source files of functions: where pprof looks, then where Go keeps them.

The first rules are pprof's (google/pprof internal/report/source.go, openSourceFile, as in Go 1.27). What they
do not find is looked for in the module cache, in GOROOT, in vendor directories, in the module that the
working directory or ``source_path`` belongs to (with its ``replace`` directives), and by the end of its path.
"""

from __future__ import annotations

import os
import stat

from gosnap.profile.names import trim_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 64 << 20
"""Bytes of a source file; larger ones are not read."""
LEAST_SUFFIX = 2
"""Elements of a path that must agree where nobody said where to look: `pkg/file.go`."""
SHORT_OF_GO = ("/usr/local/go", "/usr/lib/go", "/usr/lib/golang")
"""Where Go is installed, if neither GOROOT nor PATH says."""


class Source:
    """A source file: ``path`` and its ``lines``, without their ends.

    ``guessed``: another path than the profile's rules give: it may be another version of the file.
    """

    __slots__ = ("guessed", "lines", "path")

    def __init__(self, path: str, lines: list[bytes], guessed: bool) -> None:
        self.path = path
        self.lines = lines
        self.guessed = guessed

    def line(self, number: int) -> bytes | None:
        """A line, counted from 1; None where the file has none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else None


class Sources:
    """Finds and keeps source files. ``looked`` says of a name where it was looked for, best guess first."""

    def __init__(self, source_path: str, trim: str) -> None:
        self.given = bool(source_path)
        self.search = source_path or os.getcwd()  # noqa: PTH109  pathlib takes longer to import
        self.trim = trim
        self.looked: dict[bytes, list[str]] = {}
        self._found: dict[bytes, Source | None] = {}
        self._caches: list[str] | None = None
        self._roots: list[str] | None = None
        self._modules: list[Module] | None = None

    def find(self, name: bytes) -> Source | None:
        """The source file of this name, as profiles have it; None where there is none."""
        if name not in self._found:
            self._found[name] = self._look(name)
        return self._found[name]

    def _look(self, name: bytes) -> Source | None:
        looked = self.looked[name] = []
        path = os.fsdecode(trim_path(name, self.trim, self.search))
        seen: set[str] = set()
        for guessed, places in ((False, self._plain(path)), (True, self._as_go(path, os.fsdecode(name)))):
            for place in places:
                if place in seen or "\0" in place:
                    continue
                seen.add(place)
                lines = read_lines(place)
                if lines is not None:
                    return Source(place, lines, guessed)
                looked.append(place)
        return None

    def _plain(self, path: str) -> Iterator[str]:
        """Where pprof looks: at an absolute path; for others, below every directory and its parents."""
        if path.startswith("/"):
            yield path
            return
        for folder in self._folders():
            for above in parents(folder):
                yield os.path.join(above, path)  # noqa: PTH118

    def _folders(self) -> list[str]:
        return [folder for folder in self.search.split(":") if folder]

    def _as_go(self, path: str, name: str) -> Iterator[str]:
        """Where Go keeps sources, by what the path looks like."""
        name = name.removeprefix("./")
        for mark in ("/pkg/mod/", "/src/", "/vendor/"):
            at = name.find(mark)
            while at >= 0:
                rest = name[at + len(mark) :]
                if mark == "/pkg/mod/":
                    yield from (f"{cache}/{rest}" for cache in self.caches())
                elif mark == "/src/":
                    yield from (f"{root}/src/{rest}" for root in self.roots())
                else:
                    for folder in self._folders():
                        yield from (f"{above}/vendor/{rest}" for above in parents(folder))
                at = name.find(mark, at + 1)
        if not name.startswith("/"):
            yield from self._trimmed(name)
        yield from self._suffixes(path)

    def _trimmed(self, name: str) -> Iterator[str]:
        """A name as -trimpath makes it: module@version/file.go, std/package/file.go, main.module/file.go."""
        module, at, rest = name.partition("@")
        if at:
            version, _, file = rest.partition("/")
            escaped = f"{escape(module)}@{escape(version)}/{file}"
            yield from (f"{cache}/{escaped}" for cache in self.caches())
            name = f"{module}/{file}"
            for folder in self._folders():
                yield from (f"{above}/vendor/{name}" for above in parents(folder))
        if "." not in name.partition("/")[0]:
            yield from (f"{root}/src/{name}" for root in self.roots())
        for one in self.modules():
            for prefix, folder in one.places:
                if name.startswith(prefix + "/"):
                    yield f"{folder}/{name[len(prefix) + 1 :]}"
        for path in go_paths():
            yield f"{path}/src/{name}"

    def _suffixes(self, path: str) -> Iterator[str]:
        """The path without its first elements: sources that were built elsewhere."""
        parts = [p for p in path.split("/") if p]
        least = 1 if self.given else LEAST_SUFFIX
        for folder in self._folders():
            for first in range(1, len(parts) - least + 1):
                yield "/".join([folder.rstrip("/"), *parts[first:]])

    def caches(self) -> list[str]:
        """Module caches: GOMODCACHE, else pkg/mod of every GOPATH."""
        if self._caches is None:
            given = os.environ.get("GOMODCACHE")
            self._caches = [given] if given else [f"{path}/pkg/mod" for path in go_paths()]
        return self._caches

    def roots(self) -> list[str]:
        """Go installations: GOROOT, that of `go` on PATH, the usual places, toolchains in module caches."""
        if self._roots is None:
            import shutil

            found = [os.environ.get("GOROOT", "")]
            go = shutil.which("go")
            if go:
                # bin/go below GOROOT
                found.append(os.path.dirname(os.path.dirname(os.path.realpath(go))))  # noqa: PTH120
            found += SHORT_OF_GO
            for cache in self.caches():
                folder = f"{cache}/golang.org"
                names = sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []  # noqa: PTH112, PTH208
                found += [f"{folder}/{name}" for name in names if name.startswith("toolchain@")]
            self._roots = list(dict.fromkeys(root.rstrip("/") for root in found if root))
        return self._roots

    def modules(self) -> list[Module]:
        """Modules that the directories where sources are searched belong to."""
        if self._modules is None:
            folders = [above for folder in self._folders() for above in parents(folder)]
            texts = ((above, read_lines(f"{above}/go.mod")) for above in dict.fromkeys(folders))
            self._modules = [Module(above, text) for above, text in texts if text is not None]
        return self._modules


class Module:
    """What a go.mod says about where packages are: ``places`` are (import path, directory), longest first."""

    __slots__ = ("places",)

    def __init__(self, folder: str, text: list[bytes]) -> None:
        self.places: list[tuple[str, str]] = []
        block = ""
        for line in text:
            words = os.fsdecode(line).partition("//")[0].replace('"', "").split()
            if words[:1] == [")"]:
                block = ""
            elif len(words) == 2 and words[1] == "(":
                block = words[0]
            elif words:
                if block:
                    words.insert(0, block)
                if words[0] == "module" and len(words) == 2:
                    self.places.append((words[1], folder))
                elif words[0] == "replace" and "=>" in words[:-1]:
                    to = words[words.index("=>") + 1]
                    if to.startswith((".", "/")):
                        place = os.path.normpath(os.path.join(folder, to))  # noqa: PTH118
                        self.places.append((words[1], place))
        self.places.sort(key=lambda place: -len(place[0]))


def escape(path: str) -> str:
    """A module path or version as the module cache spells it: capitals are small letters behind a `!`."""
    return "".join(f"!{c.lower()}" if "A" <= c <= "Z" else c for c in path)


def go_paths() -> list[str]:
    """GOPATH, by default ~/go."""
    given = os.environ.get("GOPATH")
    if given:
        return [path for path in given.split(":") if path]
    home = os.environ.get("HOME", "")
    return [f"{home.rstrip('/')}/go"] if home else []


def parents(folder: str) -> Iterator[str]:
    """A directory and all above it."""
    folder = folder.rstrip("/") or "/"
    while True:
        yield folder
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return
        folder = above


def read_lines(path: str) -> list[bytes] | None:
    """The lines of a regular file, as Go's bufio.ScanLines ends them; None where there is none to be read."""
    try:
        # O_NONBLOCK: a FIFO must not make this wait
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        with open(fd, "rb", buffering=0, closefd=False) as file:
            data = file.readall() or b""
    except OSError:
        return None
    finally:
        os.close(fd)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]
