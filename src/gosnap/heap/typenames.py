"""Names that people read: of an object's type, its kind and its package."""

import re

from gosnap.binary.types import KIND_NAMES
from gosnap.heap.roles import Role

BUILTIN = "(builtin)"

_SUFFIX = {
    Role.MAP_DIR: " (directory)",
    Role.MAP_OVERFLOW: " (overflow)",
    Role.MAP_OVERFLOW_ARRAY: " (overflow)",
    Role.CHAN_BUF: " (buffer)",
    Role.INSIDE: " (inside)",
}

_ROLE_KIND = {
    Role.ARRAY: "slice",
    Role.STRING: "string",
    Role.MAP: "map",
    Role.MAP_BUCKETS: "map",
    Role.MAP_DIR: "map",
    Role.MAP_TABLE: "map",
    Role.MAP_OVERFLOW: "map",
    Role.MAP_OVERFLOW_ARRAY: "map",
    Role.CHAN: "chan",
    Role.CHAN_BUF: "chan",
    Role.CLOSURE: "func",
    Role.TINY: "tiny",
}


def object_name(role: Role, name: str, swiss: bool) -> str:
    """The type of an object as a person reads it, from its role and the name of its row."""
    if role in (Role.ARRAY, Role.RTYPE_ARRAY):
        return "[]" + name
    if role is Role.STRING:
        return "string"
    if role is Role.TINY:
        return "tiny block"
    if role is Role.CLOSURE:
        return f"func {name}"
    if role is Role.MAP_BUCKETS:
        return name + (" (groups)" if swiss else " (buckets)")
    if role is Role.MAP_TABLE:
        return name + (" (table)" if swiss else " (overflow)")
    return name + _SUFFIX.get(role, "")


def object_kind(role: Role, kind: int) -> str:
    """The Go kind of an object: of its type, or what its role makes it ("slice" for a slice's array)."""
    known = _ROLE_KIND.get(role)
    if known is not None:
        return known
    if role is Role.RTYPE_ARRAY:
        return "slice"
    return KIND_NAMES[kind] if 0 < kind < len(KIND_NAMES) else "c"


def untyped_name(size: int, large: bool, noscan: bool) -> str:
    """The row that objects without a type share."""
    what = "large" if large else f"{size} B"
    return f"untyped ({what}, {'no pointers' if noscan else 'pointers'})"


def package_of(name: str) -> str:
    """The import path of the type's package; of the element for pointers, slices, maps and channels.

    "map[string]*net/http.Request (groups)" is of net/http; predeclared and unnamed types are of "(builtin)".
    """
    if name.startswith("func ") and not name.startswith("func ("):
        return _qualifier(name[5:])
    return _package(name, 0)


def _package(name: str, depth: int) -> str:
    while depth < 100:
        depth += 1
        if name.startswith("*"):
            name = name[1:]
        elif name.startswith("chan<- "):
            name = name[7:]
        elif name.startswith(("chan ", "<-chan ")):
            name = name.partition("chan ")[2]
        elif name.startswith("map["):
            close = _closing(name, 3)
            if close < 0:
                return BUILTIN
            value = _package(name[close + 1 :], depth)
            return value if value != BUILTIN else _package(name[4:close], depth)
        elif name.startswith("["):
            close = _closing(name, 0)
            if close < 0:
                return BUILTIN
            name = name[close + 1 :]
        elif name.startswith("(") and name.endswith(")"):
            name = name[1:-1]
        else:
            break
    if name.startswith(("func(", "struct {", "struct{", "interface {", "interface{")):
        return BUILTIN
    return _qualifier(name)


def _closing(text: str, opening: int) -> int:
    depth = 0
    for i in range(opening, len(text)):
        if text[i] == "[":
            depth += 1
        elif text[i] == "]":
            depth -= 1
            if not depth:
                return i
    return -1


def _qualifier(name: str) -> str:
    """What stands before the dot of a qualified name. Dots within an import path's last element are %2e in
    Go."""
    bracket = name.find("[")
    head = name if bracket < 0 else name[:bracket]
    slash = head.rfind("/")
    dot = head.find(".", slash + 1)
    if dot < 0:
        return BUILTIN
    return head[:dot].replace("%2e", ".")


_STANDARD = frozenset(
    (
        *(
            "archive",
            "bufio",
            "bytes",
            "cmp",
            "compress",
            "container",
            "crypto",
            "database",
            "debug",
            "embed",
        ),
        *("encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal"),
        *("io", "iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp"),
        *("runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text"),
        *("time", "unicode", "unique", "unsafe", "vendor", "weak"),
    )
)
"""First elements of the standard library's import paths. Not context: the children of a context are where
contexts pile up."""


_DIRECTORIES = re.compile(r"[\w.~-]+(?:/[\w.~-]+)*/")


def without_directories(name: str) -> str:
    """A type's name as code has it: "map[string]*http.Request" for "map[string]*net/http.Request"."""
    return _DIRECTORIES.sub("", name)


def is_standard(name: str) -> bool:
    """Whether a qualified name, of a type or a function, is of the standard library (but for context)."""
    name = name.lstrip("*[]0123456789").split("[", 1)[0]
    first = name.split("/", 1)[0].split(".", 1)[0]
    return "." in name and first in _STANDARD
