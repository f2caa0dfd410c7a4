"""Names that people write for package variables and types, and the names that the executable has for them."""

import re

from gosnap.binary.names import Names
from gosnap.errors import GosnapError
from gosnap.values.subject import Subject

_BUILTIN = {"byte": "uint8", "rune": "int32", "any": "interface {}"}
_CLOSE = 4
_MOST_COMPARED = 20_000
_NO_SPACE = re.compile(r"\s*([,\[\]*])\s*")


def package_of(name: str) -> str:
    """The import path in "net/http.DefaultClient"; "" where there is none."""
    slash = name.rfind("/")
    dot = name.find(".", slash + 1)
    return name[:dot] if dot > 0 else ""


def escaped(name: str) -> str:
    """A name with the dots of its import path's last element as the linker writes them, "yaml%2ev3"
    (cmd/internal/objabi, PathToPrefix)."""
    slash, dot = name.rfind("/"), name.rfind(".")
    if slash < 0 or dot < slash:
        return name
    return name[: slash + 1] + name[slash + 1 : dot].replace(".", "%2e") + name[dot:]


def find(names: Names, name: str) -> list[int]:
    """The rows with a name: written whole, or with the last element of the import path only."""
    for wanted in dict.fromkeys((name, escaped(name))):
        rows = list(names.find(wanted))
        if rows:
            return rows
    if "/" in name or "." not in name:
        return []
    return names.with_suffix("/" + name)


def variable(subject: Subject, text: str) -> tuple[int, str]:
    """(row of a package variable, what follows its name) for "main.config.Port". GosnapError where there is
    none of that name: the message tells whether the program has the package."""
    names = subject.variables.name
    slash = text.rfind("/")
    end = len(text)
    while end > slash + 1:
        rows = find(names, text[:end])
        if len(rows) > 1:
            different = sorted({names[r] for r in rows})
            if len(different) > 1:
                raise GosnapError(
                    f"{text[:end]} is the name of several variables: {', '.join(different[:8])}",
                    "write the whole import path",
                )
        if rows:
            return rows[0], text[end:].lstrip(".")
        end = text.rfind(".", 0, end)
    raise missing(subject, text)


def missing(subject: Subject, text: str) -> GosnapError:
    """The error for a variable that is not there."""
    package = package_of(text)
    names = subject.variables.name
    if not package:
        package_hint = "write the package too, main.sessions"
        close = _close(text, _of_package(names, "main"))
        return GosnapError(f"{text}: no such variable", _did_you_mean(close) or package_hint)
    head = text[: len(package)] + "." + text[len(package) + 1 :].partition(".")[0]
    if subject.functions is not None and list(subject.functions.name.find(head)):
        return GosnapError(
            f"{head} is a function, not a variable", "`gosnap show TARGET --globals REGEX` lists variables"
        )
    there = _of_package(names, package)
    if there or _has_package(subject, package):
        close = _close(head, there)
        return GosnapError(
            f"{head}: not in this binary: the linker drops variables that nothing uses, "
            "and constants have no place in memory",
            _did_you_mean(close)
            or f"`gosnap show TARGET --globals '^{re.escape(package)}[.]'` lists what there is",
        )
    import difflib

    packages = sorted({package_of(n) for n in names} - {""})
    close = difflib.get_close_matches(package, packages, _CLOSE)
    return GosnapError(
        f"{head}: this program has no package {package}",
        _did_you_mean(close) or "`gosnap show TARGET --globals .` lists all variables",
    )


def _of_package(names: Names, package: str) -> list[str]:
    rows = names.with_prefix(package + ".", escaped(package + ".x")[:-1])
    if not rows and "/" not in package:
        rows = [i for i, n in enumerate(names) if package_of(n).rpartition("/")[2] == package]
    return [names[i] for i in rows if ".." not in names[i]]


def _has_package(subject: Subject, package: str) -> bool:
    f = subject.functions
    if f is not None and f.name.with_prefix(package + "."):
        return True
    return bool(subject.types.name.with_prefix(package + "."))


def _close(name: str, names: list[str]) -> list[str]:
    if len(names) > _MOST_COMPARED:
        return []
    import difflib

    exact = [n for n in names if n.lower() == name.lower()]
    return list(dict.fromkeys(exact + difflib.get_close_matches(name, names, _CLOSE, 0.7)))[:_CLOSE]


def _did_you_mean(close: list[str]) -> str:
    return f"did you mean {', '.join(close)}?" if close else ""


def close_to(name: str, names: list[str]) -> str:
    """ "did you mean ...?", or ""."""
    return _did_you_mean(_close(name, names))


def type_row(subject: Subject, text: str) -> int:
    """The row of a type by its name, written whole or with short package names. GosnapError where the program
    has none of that name."""
    name = normal(text)
    row = subject.type_row(name)
    if row:
        return row
    rows = find(subject.types.name, name)
    different = sorted({subject.types.name[r] for r in rows})
    if len(different) > 1:
        raise GosnapError(
            f"{text} is the name of several types: {', '.join(different[:8])}", "write the whole import path"
        )
    if rows:
        return subject.type_row(different[0])
    package = package_of(name.lstrip("*[]"))
    close: list[str] = []
    if package:
        known = subject.types.name
        close = _close(name, [known[i] for i in known.with_prefix(package + ".")])
    raise GosnapError(
        f"no type {text} in this program",
        _did_you_mean(close) or "generic types are written as Go does: main.Pair[string,int]",
    )


def normal(text: str) -> str:
    """A type's name as DWARF has it."""
    name = _NO_SPACE.sub(r"\1", text.strip())
    name = re.sub(r"\bstruct\s*\{\}", "struct {}", name)
    name = re.sub(r"\binterface\s*\{\}", "interface {}", name)
    return re.sub(r"(?<![\w./])(byte|rune|any)(?![\w./])", lambda m: _BUILTIN[m[1]], name)
