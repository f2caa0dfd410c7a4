"""Layouts of the runtime's own structures, probed from the target's DWARF.

A layout is never chosen by version number where it can be read: fields moved in most Go releases. A binary
without DWARF is read by the shipped table, as the nearest Go version in it has them; the self-checks of what
is read decide.
"""

from __future__ import annotations

from dataclasses import dataclass

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
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

    def size(self, name: str) -> int:
        """Size of a structure in bytes; 0 if the binary does not have it."""
        if self._types is None:
            return shipped(self._minor)[0].get(name, (0, {}))[0]
        row = self.struct(name)
        return int(self._types.size[row]) if row is not None else 0

    def find(self, name: str, field: str) -> Field | None:
        """The field, or None. ``field`` may be dotted: "stack.lo"."""
        key = (name, field)
        if key not in self._fields:
            self._fields[key] = self._find(name, field)
        return self._fields[key]

    def _find(self, name: str, field: str) -> Field | None:
        if self._types is None:
            _, fields = shipped(self._minor)[0].get(name, (0, {}))
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
    from gosnap.goruntime.layouttable import STRUCTS

    name, _, patch = version.removeprefix("go1.").partition(".")
    return (
        version.startswith("go1.")
        and name.isdigit()
        and int(name) in STRUCTS
        and (not patch or patch.isdigit())
    )


def shipped(minor: int) -> tuple[dict[str, tuple[int, dict[str, tuple[int, int]]]], dict[str, int]]:
    """(structures, constants) of the Go version in the shipped table that is nearest to 1.``minor``."""
    from gosnap.goruntime.layouttable import CONSTANTS, STRUCTS

    nearest = min(STRUCTS, key=lambda known: abs(known - minor))
    return STRUCTS[nearest], CONSTANTS[nearest]
