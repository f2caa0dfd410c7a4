"""Go's static types as columns."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from gosnap.binary.names import Names

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
KIND_NAMES = (
    *(
        "invalid",
        "bool",
        "int",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    ),
    *(
        "uintptr",
        "float32",
        "float64",
        "complex64",
        "complex128",
        "array",
        "chan",
        "func",
        "interface",
        "map",
    ),
    *("ptr", "slice", "string", "struct", "unsafe.Pointer"),
)
"""reflect.Kind.String(), by number (reflect/type.go)."""
KIND_ARRAY, KIND_STRUCT = KIND_NAMES.index("array"), KIND_NAMES.index("struct")
_DEEPEST = 64
"""Levels of structures and arrays in each other that are gone down."""


@dataclass
class TypeTable:
    """One row per type; row 0 is "no type" (void, or unknown). Typedefs and qualifiers are resolved away.

    ``kind``: reflect.Kind (reflect/type.go), 0 for what only C has. ``size`` in bytes. ``elem``: row of
    what a pointer, slice, array, channel or map holds; ``key``: of a map's keys. ``length``: of an array.
    ``impl``: row of the runtime structure behind a map or channel (hmap, Map, hchan). ``iface``: 1 an
    interface without methods (runtime.eface), 2 with methods (runtime.iface). ``rtype``: offset of the
    runtime type from moduledata.types, -1 where the linker kept none. Fields of row i are
    field_*[field_start[i] : field_start[i + 1]]; ``field_flags``: 1 for an embedded field.
    """

    kind: U8
    size: I64
    elem: I32
    key: I32
    length: I64
    impl: I32
    iface: U8
    rtype: I64
    field_start: I64
    field_offset: I64
    field_type: I32
    field_flags: U8
    name: Names
    field_name: Names

    def __len__(self) -> int:
        return len(self.kind)

    def type_by_name(self, name: str) -> int | None:
        """The row of a type; where several share a name, the first structure, else the first of them."""
        rows = list(self.name.find(name))
        for row in rows:
            if self.kind[row] == KIND_STRUCT:
                return row
        return rows[0] if rows else None

    def field_at(self, row: int, offset: int) -> int:
        """The field of a structure that an offset is in; -1 for padding."""
        for i in range(int(self.field_start[row]), int(self.field_start[row + 1])):
            begin = int(self.field_offset[i])
            if begin <= offset < begin + int(self.size[int(self.field_type[i])]):
                return i
        return -1

    def descend(self, row: int, offset: int, indices: bool = True) -> tuple[str, int, int]:
        """(".Cart[3].Photo", row of the innermost variable's type, its offset) at an offset in a value of a
        type; without ``indices`` "[…]" stands for them."""
        text, at = "", 0
        for _ in range(_DEEPEST):
            kind = int(self.kind[row])
            if kind == KIND_STRUCT or (kind == 0 and self.field_start[row] < self.field_start[row + 1]):
                found = self.field_at(row, offset - at)
                if found < 0:
                    return text + f"+{offset - at:#x}" if offset > at else text, row, at
                text += "." + self.field_name[found]
                at += int(self.field_offset[found])
                row = int(self.field_type[found])
            elif kind == KIND_ARRAY and int(self.size[int(self.elem[row])]) > 0:
                size = int(self.size[int(self.elem[row])])
                i = (offset - at) // size
                text += f"[{i}]" if indices else "[…]"
                at += i * size
                row = int(self.elem[row])
            else:
                break
        return text, row, at

    def rows_with_prefix(self, *prefixes: str) -> list[int]:
        """Rows whose name begins with one of these."""
        return self.name.with_prefix(*prefixes)

    def to_columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """Flat columns by name, for a snapshot."""
        out: dict[str, npt.NDArray[np.generic]] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Names):
                out.update(value.to_columns(f.name))
            else:
                out[f.name] = value
        return out

    @classmethod
    def from_columns(cls, columns: Mapping[str, npt.NDArray[np.generic]]) -> "TypeTable":
        """What ``to_columns`` made. KeyError or ValueError where something is missing or contradicts
        itself."""
        values = {
            f.name: Names.from_columns(columns, f.name) if f.type is Names else columns[f.name]
            for f in fields(cls)
        }
        table = cls(**values)  # type: ignore[arg-type]
        table._check()
        return table

    def _check(self) -> None:
        """ValueError where columns are not of their type, differ in length, or refer to rows that are not
        there."""
        dtypes: dict[object, str] = {U8: "u1", I32: "i4", I64: "i8"}
        n, m = len(self.name), len(self.field_name)
        if not n:
            raise ValueError("no row 0")
        for f in fields(self):
            column = getattr(self, f.name)
            of_fields = f.name.startswith("field_") and f.name != "field_start"
            if len(column) != (m if of_fields else n + (f.name == "field_start")):
                raise ValueError(f"the length of {f.name}")
            if f.type is not Names and column.dtype != np.dtype(dtypes[f.type]):
                raise ValueError(f"{f.name} holds {column.dtype}")
        for name in ("elem", "key", "impl", "field_type"):
            rows = getattr(self, name)
            if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n:
                raise ValueError(f"a row of {name}")
        start = self.field_start
        if int(start[0]) != 0 or int(start[-1]) != m or bool((start[1:] < start[:-1]).any()):
            raise ValueError("the fields of a type")
