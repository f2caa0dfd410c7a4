"""Names for what lies in a stack frame: local variables and parameters of Go functions, from DWARF.

A frame's variables are described by the children of its function's DW_TAG_subprogram (DWARF 5, 3.3 and 4.1),
in lexical blocks and inlined calls that have the pc, each by an expression or a list of expressions by pc
(2.6). Go describes places in the frame by their offset from the canonical frame address, the stack pointer
before the call (cmd/internal/dwarf/dwarf.go putvar, cmd/compile/internal/ssa/debug.go PutLocationList; Go
1.21 to 1.27).
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from gosnap._kernels.locals import LocalsReader
from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.errors import GosnapError

_SECTIONS = ("loc", "loclists", "ranges", "rnglists")
_KEPT = 4096


@dataclass(frozen=True)
class Local:
    """A variable or parameter at one pc."""

    name: str
    """As DWARF has it: "&x" for the pointer to an x that was moved to the heap, "~r0" for a result without a
    name."""
    function: str
    """The function that declares it, which may be inlined into the one that the pc is in."""
    type: int
    """Row of ``GoDwarf.types``; 0 where it is unknown."""
    pieces: tuple[tuple[int, int, int], ...]
    """Where it lies in the frame: (offset from the CFA, bytes, offset in the variable). Empty for a variable
    that is in registers only."""
    partial: bool
    """Whether parts of it, or all, are in registers."""
    escaped: bool
    """Whether it was moved to the heap, and what is in the frame is the pointer to it.

    That is a variable "&x" with the pointer's type; or, since Go 1.25, a parameter x itself and how the
    pointer in the frame leads to it (cmd/compile/internal/dwarfgen/dwarf.go createHeapDerefLocationList):
    then the name and ``type`` are those of x."""
    parameter: bool
    """Whether it is a parameter or result."""


class Locals:
    """The variables of a program by pc. Nothing is read before ``at`` or ``slot`` is called; then only the
    functions asked for are."""

    def __init__(self, source: GoDwarf | ElfFile) -> None:
        self._source = source
        self._at = lru_cache(maxsize=_KEPT)(self._read)

    @cached_property
    def dwarf(self) -> GoDwarf:
        """Whose ``types`` the rows are of."""
        return self._source if isinstance(self._source, GoDwarf) else GoDwarf(self._source)

    @cached_property
    def _reader(self) -> LocalsReader:
        elf = self.dwarf.elf
        return LocalsReader(self.dwarf.scan, *(elf.section(f".debug_{name}") for name in _SECTIONS))

    @cached_property
    def _functions(self) -> tuple[list[int], list[int], list[int]]:
        """First pc, end and entry of every function, by first pc."""
        columns = self.dwarf.scan.functions_columns()
        low, high, die = (np.frombuffer(columns[name], np.uint64) for name in ("low", "high", "die"))
        order = np.lexsort((high, low))
        return low[order].tolist(), high[order].tolist(), die[order].tolist()

    def at(self, pc: int) -> list[Local]:
        """What is in scope at a link-time pc and has a place there; inner scopes come behind outer ones.

        Of a caller's frame ask for the pc inside its call (``Frame.call_pc``, less the load bias). [] for a
        pc outside all functions that DWARF describes. GosnapError where the DWARF is damaged.
        """
        return list(self._at(pc))

    def slot(self, pc: int, offset: int) -> tuple[Local, int] | None:
        """(the variable, offset in it) that lies at an offset from the CFA (``address - Frame.fp``) at a pc;
        the innermost one where several do, None where none does."""
        for local in reversed(self._at(pc)):
            for start, size, within in local.pieces:
                if start <= offset < start + size:
                    return local, within + offset - start
        return None

    def _read(self, pc: int) -> tuple[Local, ...]:
        low, high, die = self._functions
        i = bisect_right(low, pc) - 1
        if i < 0 or pc >= high[i]:
            return ()
        try:
            rows = self._reader.at(die[i], pc)
        except ValueError as e:
            raise GosnapError(
                f"{self.dwarf.label}: damaged DWARF: {e}", "copy the executable again, or rebuild it"
            ) from None
        return tuple(
            Local(
                name=name,
                function=function,
                type=type_,
                pieces=pieces,
                partial=partial,
                escaped=indirect or name.startswith("&"),
                parameter=parameter,
            )
            for name, function, type_, parameter, partial, indirect, pieces in rows
        )
