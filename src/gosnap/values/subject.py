"""What values are read of: a program that runs, a core, a snapshot; its memory, types and names."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram
from gosnap.values.heapobjects import slot_at
from gosnap.values.made import MadeTypes
from gosnap.values.memory import Memory

if TYPE_CHECKING:
    from gosnap.binary.dwarf import Closures

KINDS = (
    *("unknown", "bool", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32"),
    *("uint64", "uintptr", "float32", "float64", "complex64", "complex128", "array", "chan", "func"),
    *("interface", "map", "ptr", "slice", "string", "struct", "unsafe.Pointer"),
)
"""Names of reflect.Kind (reflect/type.go)."""
_DIRECT = {"ptr", "chan", "map", "func", "unsafe.Pointer"}
_DIRECT_IN_TFLAG = 26
"""Since Go 1.26 the flag "stored directly in an interface" is in TFlag, before it was in Kind_
(internal/abi/type.go)."""
_FLAG = 1 << 5

_NOTHING = ("unknown", 0, 0, 0, 0, 0, 0, ())
ObjectAt = Callable[[int], tuple[int, int, int] | None]
"""(row of its type, 0 where unknown; first address; bytes) of the heap object that holds an address."""
SlotAt = Callable[[int], tuple[int, int] | None]
"""(address, bytes) of the allocator's slot that holds an address; None for what is not in the heap."""
Holders = Callable[[int, int], list[str]]
"""What refers to the heap object that holds an address, but for the word at another: in words."""


@dataclass(frozen=True)
class Member:
    """A field of a structure."""

    name: str
    offset: int
    row: int
    embedded: bool


@dataclass(frozen=True)
class Shape:
    """A row of the type table, as Python has it."""

    row: int
    name: str
    kind: str
    size: int
    elem: int
    key: int
    length: int
    impl: int
    iface: int
    fields: tuple[Member, ...]


@dataclass(frozen=True)
class Variables:
    """Package variables by run-time address."""

    address: npt.NDArray[np.uint64]
    type: npt.NDArray[np.int32]
    name: Names


class Subject:
    """One target. ``minor``: of its Go version. ``program``: where there is one to unwind; None for a
    snapshot. ``object_at``, ``holders``: of a snapshot, what it knows of the heap."""

    def __init__(
        self,
        *,
        label: str,
        memory: Memory,
        types: TypeTable,
        variables: Variables,
        minor: int,
        types_base: int,
        functions: "Callable[[], Closures | None]",
        bias: int,
        program: GoProgram | None = None,
        object_at: ObjectAt | None = None,
        holders: Holders | None = None,
        slot_at: SlotAt | None = None,
    ) -> None:
        self.label = label
        self.memory = memory
        self.types = types
        self.variables = variables
        self.minor = minor
        self.types_base = types_base
        self.bias = bias
        self.program = program
        self.object_at = object_at
        self.holders = holders
        self.slot_at = slot_at
        self._functions = functions
        self._shapes: dict[int, Shape] = {}
        self._named: dict[str, int] = {}
        self._next = len(types)
        self.made = MadeTypes(self)

    def shape(self, row: int) -> Shape:
        """A type; row 0 is a type of nothing."""
        found = self._shapes.get(row)
        if found is None:
            found = self._shapes[row] = self._shape(row)
        return found

    def _shape(self, row: int) -> Shape:
        t = self.types
        start, end = int(t.field_start[row]), int(t.field_start[row + 1])
        kind = int(t.kind[row])
        name = t.name[row].replace("go.shape.", "")
        size = max(int(t.size[row]), 0)
        word = KINDS[kind] if kind < len(KINDS) else "unknown"
        if word == "unknown":
            # before Go 1.26 unsafe.Pointer has no kind; a C struct has fields
            word = "unsafe.Pointer" if name == "unsafe.Pointer" and size == 8 else word
            word = "struct" if end > start and word == "unknown" else word
        fields = tuple(
            Member(
                t.field_name[i], int(t.field_offset[i]), int(t.field_type[i]), bool(int(t.field_flags[i]) & 1)
            )
            for i in range(start, end)
        )
        return Shape(
            row=row,
            name=name,
            kind=word,
            size=size,
            elem=int(t.elem[row]),
            key=int(t.key[row]),
            length=max(int(t.length[row]), 0),
            impl=int(t.impl[row]),
            iface=int(t.iface[row]),
            fields=fields,
        )

    def add_shape(self) -> int:
        """A new row, behind those of the type table."""
        self._next += 1
        self.set_shape(self._next - 1, Shape(self._next - 1, "(unknown type)", *_NOTHING))
        return self._next - 1

    def set_shape(self, row: int, shape: Shape) -> None:
        """What a new row is."""
        self._shapes[row] = shape

    @staticmethod
    def new_member(name: str, offset: int, row: int, embedded: bool) -> Member:
        """A field of a new row."""
        return Member(name, offset, row, embedded)

    @staticmethod
    def kind_name(kind: int) -> str:
        """The name of a reflect.Kind."""
        return KINDS[kind] if kind < len(KINDS) else "unknown"

    def member(self, row: int, name: str) -> Member | None:
        """A field of a structure by its name, not of those embedded."""
        return next((m for m in self.shape(row).fields if m.name == name), None)

    def type_row(self, name: str) -> int:
        """The row of a type; 0 where the program has none of that name."""
        if name not in self._named:
            self._named[name] = self.types.type_by_name(name) or 0
        return self._named[name]

    @cached_property
    def _pointers(self) -> dict[int, int]:
        rows = np.flatnonzero(self.types.kind == KINDS.index("ptr"))
        return dict(zip(self.types.elem[rows].tolist(), rows.tolist(), strict=True))

    def pointer_to(self, row: int) -> int:
        """The row of the pointer to a type; 0 where the program has none."""
        return self._pointers.get(row, 0)

    @cached_property
    def _by_rtype(self) -> dict[int, int]:
        rows = np.flatnonzero(self.types.rtype >= 0)
        return dict(zip(self.types.rtype[rows].tolist(), rows.tolist(), strict=True))

    def known_rtype(self, address: int) -> int:
        """The row of a runtime type; 0 for one that DWARF does not have."""
        return self._by_rtype.get(address - self.types_base, 0)

    def of_rtype(self, address: int) -> int:
        """The same; of one that DWARF does not have a new row, 0 where there is no runtime type."""
        return self.known_rtype(address) or self.made.row(address)

    def direct(self, row: int, rtype: int) -> bool:
        """Whether an interface holds a value of a type in its word, and not a pointer to it."""
        try:
            raw = self.memory.read(rtype, 24)
        except ReadError:
            return self._pointer_shaped(row, 0)
        return bool(raw[20 if self.minor >= _DIRECT_IN_TFLAG else 23] & _FLAG)

    def _pointer_shaped(self, row: int, depth: int) -> bool:
        """cmd/compile/internal/types IsDirectIface."""
        s = self.shape(row)
        if depth > 16:
            return False
        if s.kind == "struct" and len(s.fields) == 1:
            return self._pointer_shaped(s.fields[0].row, depth + 1)
        if s.kind == "array" and s.length == 1:
            return self._pointer_shaped(s.elem, depth + 1)
        return s.kind in _DIRECT

    @cached_property
    def functions(self) -> "Closures | None":
        """Functions by link-time pc, and what they capture; None where the snapshot does not have them."""
        return self._functions()

    def function_at(self, pc: int) -> int:
        """The row of the function that begins at a run-time pc; -1 for none."""
        f = self.functions
        if f is None or not self.bias <= pc < 1 << 64:
            return -1
        row = int(np.searchsorted(f.pc, np.uint64(pc - self.bias)))
        return row if row < len(f.pc) and int(f.pc[row]) == pc - self.bias else -1


def of_program(program: GoProgram, label: str) -> Subject:
    """A running program, or the program of a core."""
    dwarf = program.dwarf
    g = dwarf.globals
    return Subject(
        label=label,
        memory=Memory(program.space),
        types=dwarf.types,
        variables=Variables((g.addr + np.uint64(program.bias)).astype(np.uint64), g.type, g.name),
        minor=program.minor,
        types_base=program.modules[0].types,
        functions=lambda: dwarf.closures,
        bias=program.bias,
        program=program,
        slot_at=lambda address: slot_at(program, address),
    )
