"""What DWARF says of a Go program: types, package variables, constants, and what closures capture."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap._kernels.dwarf import Scan
from gosnap.binary.elf import ElfFile
from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.errors import GosnapError

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]

_SECTIONS = ("info", "abbrev", "str", "line_str", "str_offsets", "addr")


@dataclass
class Globals:
    """Variables with a fixed address: link-time ``addr``, row of the type table, name. Sorted by address."""

    addr: U64
    type: I32
    name: Names


@dataclass
class Constants:
    """Named constants (DW_TAG_constant) with their values as 64-bit words."""

    value: U64
    type: I32
    name: Names

    def get(self, name: str) -> int | None:
        """The value of a constant, "runtime._KindSpecialProfile" say; None if the binary does not have it."""
        for row in self.name.find(name):
            return int(self.value[row])
        return None


@dataclass
class CDetails:
    """What only structures of C and C++ need, beside the type table.

    Per row of it ``tag`` (DW_TAG_*) and ``align`` (of alignas, else 0); per field ``bit`` and ``bits`` (a
    bit-field's first bit behind its offset, and how many; 0 for other fields) and ``field_align`` (of
    alignas, else 0). ``alias_name`` and ``alias_type``: typedefs, and the row behind each.
    """

    tag: npt.NDArray[np.uint16]
    align: U32
    bit: U8
    bits: U8
    field_align: I64
    alias_name: Names
    alias_type: I32


@dataclass
class Closures:
    """Functions with code, sorted by link-time ``pc``, and the variables that each captures as CSR.

    Captures of function i are [start[i], start[i + 1]): ``offset`` in the closure object, row of the
    ``type``, ``capture_name``. From DW_AT_go_closure_offset, which Go writes since 1.23
    (cmd/compile/internal/dwarfgen).
    """

    pc: U64
    end: U64
    name: Names
    start: I64
    offset: I64
    type: I32
    capture_name: Names


@dataclass
class Index:
    """What was read of an executable before (gosnap.binary.dwarfindex)."""

    types: TypeTable
    globals: Globals
    constants: Constants
    closures: Closures


class GoDwarf:
    """Reads an executable's DWARF once; its parts are made when they are first asked for.

    ``index``: what is known of it already; it is then scanned only for what that does not have. GosnapError
    for sections that are damaged or that are no DWARF 2 to 5.
    """

    def __init__(self, elf: ElfFile, index: Index | None = None) -> None:
        self.elf = elf
        self.label = elf.label
        self._index = index
        if index is None:
            # what is damaged is an error now, not when it is first needed
            _ = self.scan

    @cached_property
    def scan(self) -> Scan:
        """The entries of .debug_info."""
        elf = self.elf
        parts = [memoryview(elf.section(f".debug_{name}")) for name in _SECTIONS]
        if not len(parts[0]):
            raise GosnapError(
                f"{elf.label}: no DWARF in it (no section .debug_info)",
                "build it without -ldflags=-s or -w",
            )
        try:
            return Scan(*parts)
        except ValueError as e:
            raise GosnapError(
                f"{elf.label}: damaged DWARF: {e}", "copy the executable again, or rebuild it"
            ) from None

    @property
    def dies(self) -> int:
        """How many entries there are."""
        return self.scan.dies

    def _names(self, refs: bytearray) -> Names:
        try:
            data, offset = self.scan.names(memoryview(refs).cast("Q"))
        except ValueError as e:
            raise GosnapError(f"{self.label}: damaged DWARF: {e}") from None
        return Names(bytes(data), np.frombuffer(offset, np.int64))

    @cached_property
    def _types(self) -> dict[str, bytearray]:
        return self.scan.types_columns()

    @cached_property
    def c_details(self) -> CDetails:
        """What ``types`` leaves out of the structures of C."""
        c, a = self._types, self.scan.aliases_columns()
        power = np.frombuffer(c["field_align"], np.uint8).astype(np.int64)
        return CDetails(
            tag=np.frombuffer(c["tag"], np.uint16),
            align=np.frombuffer(c["align"], np.uint32),
            bit=np.frombuffer(c["field_bit"], np.uint8),
            bits=np.frombuffer(c["field_bits"], np.uint8),
            field_align=np.where(power > 0, 1 << np.maximum(power - 1, 0), 0),
            alias_name=self._names(a["name"]),
            alias_type=np.frombuffer(a["type"], np.int32),
        )

    @cached_property
    def types(self) -> TypeTable:
        """The types."""
        if self._index is not None:
            return self._index.types
        c = self._types
        return TypeTable(
            kind=np.frombuffer(c["kind"], np.uint8),
            size=np.frombuffer(c["size"], np.int64),
            elem=np.frombuffer(c["elem"], np.int32),
            key=np.frombuffer(c["key"], np.int32),
            length=np.frombuffer(c["length"], np.int64),
            impl=np.frombuffer(c["impl"], np.int32),
            iface=np.frombuffer(c["iface"], np.uint8),
            rtype=np.frombuffer(c["rtype"], np.int64),
            field_start=np.frombuffer(c["field_start"], np.int64),
            field_offset=np.frombuffer(c["field_offset"], np.int64),
            field_type=np.frombuffer(c["field_type"], np.int32),
            field_flags=np.frombuffer(c["field_flags"], np.uint8),
            name=self._names(c["name"]),
            field_name=self._names(c["field_name"]),
        )

    @cached_property
    def globals(self) -> Globals:
        """Package variables, and the static variables of C."""
        if self._index is not None:
            return self._index.globals
        c = self.scan.globals_columns()
        addr, type_ = np.frombuffer(c["value"], np.uint64), np.frombuffer(c["type"], np.int32)
        order = np.argsort(addr, kind="stable")
        return Globals(addr[order], type_[order], self._names(c["name"]).take(order))

    @cached_property
    def constants(self) -> Constants:
        """Constants of the program and of the runtime."""
        if self._index is not None:
            return self._index.constants
        c = self.scan.constants_columns()
        return Constants(
            np.frombuffer(c["value"], np.uint64),
            np.frombuffer(c["type"], np.int32),
            self._names(c["name"]),
        )

    @cached_property
    def closures(self) -> Closures:
        """Functions and what they capture."""
        if self._index is not None:
            return self._index.closures
        c = self.scan.functions_columns()
        pc = np.frombuffer(c["low"], np.uint64)
        order = np.argsort(pc, kind="stable")
        start = np.frombuffer(c["capture_start"], np.int64)
        count = (start[1:] - start[:-1])[order]
        sorted_start = np.zeros(len(order) + 1, np.int64)
        np.cumsum(count, out=sorted_start[1:])
        rows = np.repeat(start[:-1][order] - sorted_start[:-1], count) + np.arange(int(sorted_start[-1]))
        return Closures(
            pc=pc[order],
            end=np.frombuffer(c["high"], np.uint64)[order],
            name=self._names(c["name"]).take(order),
            start=sorted_start,
            offset=np.frombuffer(c["capture_offset"], np.int64)[rows],
            type=np.frombuffer(c["capture_type"], np.int32)[rows],
            capture_name=self._names(c["capture_name"]).take(rows),
        )
