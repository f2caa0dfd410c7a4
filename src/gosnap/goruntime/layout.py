"""Layouts of the runtime's own structures, probed from the target's DWARF.

A layout is never chosen by version number where it can be read: fields moved in most Go releases. A binary
without DWARF is read by the shipped table, as the nearest Go version in it has them; the self-checks of what
is read decide.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gosnap.binary.types import TypeTable


@dataclass(frozen=True)
class Field:
    """A field of a runtime structure: byte offset and size."""

    offset: int
    size: int


class Layouts:
    """Field offsets by structure and dotted field name, looked up once and kept.

    ``types``: what DWARF says; None: what the shipped table says of Go 1.``minor``.
    """

    def __init__(self, types: TypeTable | None, minor: int = 0) -> None:
        self._types = types
        self._minor = minor
        self._structs: dict[str, int | None] = {}
        self._fields: dict[tuple[str, str], Field | None] = {}

    def struct(self, *names: str) -> int | None:
        """The type table's row of the first of these structures that the binary has."""
        if self._types is None:
            return None
        for name in names:
            if name not in self._structs:
                self._structs[name] = self._types.type_by_name(name)
            row = self._structs[name]
            if row is not None:
                return row
        return None

    def has(self, name: str) -> bool:
        """Whether this Go version has a structure."""
        if self._types is None:
            return name in shipped(self._minor).structs
        return self.struct(name) is not None

    def size(self, name: str) -> int:
        """Size of a structure in bytes; 0 if the binary does not have it."""
        if self._types is None:
            return shipped(self._minor).structs.get(name, (0, {}))[0]
        row = self.struct(name)
        return int(self._types.size[row]) if row is not None else 0

    def fields(self, name: str) -> dict[str, Field]:
        """What the shipped table has of a structure's fields, dotted ones included."""
        _, fields = shipped(self._minor).structs.get(name, (0, {}))
        return {f: Field(*place) for f, place in fields.items()}

    def find(self, name: str, field: str) -> Field | None:
        """The field, or None. ``field`` may be dotted: "stack.lo"."""
        key = (name, field)
        if key not in self._fields:
            self._fields[key] = self._find(name, field)
        return self._fields[key]

    def _find(self, name: str, field: str) -> Field | None:
        if self._types is None:
            _, fields = shipped(self._minor).structs.get(name, (0, {}))
            return Field(*fields[field]) if field in fields else None
        row = self.struct(name)
        if row is None:
            return None
        types = self._types
        offset = 0
        for part in field.split("."):
            for i in range(int(types.field_start[row]), int(types.field_start[row + 1])):
                if types.field_name[i] == part:
                    offset += int(types.field_offset[i])
                    row = int(types.field_type[i])
                    break
            else:
                return None
        return Field(offset, int(types.size[row]))

    def need(self, name: str, field: str) -> Field:
        """The field; GosnapError if this Go version has no such field."""
        got = self.find(name, field)
        if got is None:
            where = "the executable's DWARF" if self._types is not None else "gosnap's table of layouts"
            raise GosnapError(
                f"{where} has no {name}.{field}",
                "this Go version may be newer than gosnap knows; please report it, with `go version EXE`",
            )
        return got

    def offset(self, name: str, field: str, default: int = -1) -> int:
        """Offset of the field, or ``default``."""
        got = self.find(name, field)
        return default if got is None else got.offset


def is_shipped(version: str) -> bool:
    """Whether the shipped table is of this very Go: a release of a version that is in it, "go1.26.6" say,
    built without experiments, whose structures may differ."""
    name, _, patch = version.removeprefix("go1.").partition(".")
    return (
        version.startswith("go1.")
        and name.isdigit()
        and int(name) in known_versions()
        and (not patch or patch.isdigit())
    )


@dataclass(frozen=True)
class Variable:
    """A variable of the runtime: its bytes, and where the runtime's code names it: (function, which of its
    operands among variables, how many bytes behind the variable's first)."""

    size: int
    places: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Shipped:
    """What gosnap ships for a Go version. ``structs``: (size, field -> (offset, size)). What this version
    does not have is missing."""

    minor: int
    structs: dict[str, tuple[int, dict[str, tuple[int, int]]]]
    constants: dict[str, int]
    variables: dict[str, Variable]


@cache
def shipped(minor: int) -> Shipped:
    """What the shipped table has for Go 1.``minor``, or else for the version in it that is nearest."""
    table = _table()
    nearest = min(known_versions(), key=lambda m: abs(m - minor))

    def of_version(kind: str) -> dict[str, Any]:
        rows = ((name, versions.get(str(nearest))) for name, versions in table[kind].items())
        return {name: value for name, value in rows if value is not None}

    return Shipped(
        nearest,
        {
            name: (size, {field: (at, n) for field, (at, n) in fields.items()})
            for name, (size, fields) in of_version("structs").items()
        },
        of_version("constants"),
        {
            name: Variable(size, tuple((f, i, offset) for f, i, offset in places))
            for name, (size, places) in of_version("variables").items()
        },
    )


@cache
def known_versions() -> tuple[int, ...]:
    """The versions 1.N that the shipped table has."""
    return tuple(sorted(int(m) for m in _table()["structs"]["runtime.moduledata"]))


@cache
def _table() -> dict[str, Any]:
    """layouts.json, which tools/layout_table.py writes."""
    with open(os.path.join(os.path.dirname(__file__), "layouts.json"), encoding="utf-8") as f:  # noqa: PTH118, PTH120
        found: dict[str, Any] = json.load(f)
    return found
