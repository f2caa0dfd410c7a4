"""Package variables, and the data that the linker lays out for their initial values.

``var metrics = &Registry{…}`` has a variable of 8 bytes, which DWARF names, and a Registry somewhere in the
data segment, which nothing names (cmd/compile/internal/staticinit: main..stmp_1). What a named variable
points at is named after it.
"""

from dataclasses import dataclass

import numpy as np

from gosnap.binary.dwarf import Globals
from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram

_ARRAY, _POINTER, _SLICE, _STRUCT = 17, 22, 23, 25
_MOST = 1 << 16
"""Pointers that are looked at in all."""
_MOST_IN_ONE = 4096
_DEEPEST = 16


def variables(program: GoProgram) -> Globals:
    """The variables that DWARF names, and behind pointers and slices of theirs the data without a name;
    sorted by link-time address."""
    named = program.dwarf.globals
    search = _Search(program, named)
    found = search.run()
    if not found:
        return named
    address = np.concatenate([named.addr, np.array([f.address for f in found], np.uint64)])
    types = np.concatenate([named.type, np.array([f.type for f in found], np.int32)])
    order = np.argsort(address, kind="stable")
    names = [*named.name, *(f.name for f in found)]
    return Globals(address[order], types[order], Names.of([names[i] for i in order.tolist()]))


@dataclass(frozen=True)
class _Data:
    address: int
    type: int
    name: str
    size: int


class _Search:
    def __init__(self, program: GoProgram, named: Globals) -> None:
        self.program = program
        self.types: TypeTable = program.dwarf.types
        self.named = named
        self._end = named.addr + self.types.size[named.type].astype(np.uint64)
        self._ranges = [r for m in program.modules for r in ((m.data, m.edata), (m.bss, m.ebss))]
        self._pointers: dict[int, list[tuple[int, int, str]]] = {}
        self._known: dict[int, _Data] = {}
        self._left = _MOST

    def run(self) -> list[_Data]:
        todo = []
        kinds = self.types.kind[self.named.type]
        for row in np.flatnonzero(np.isin(kinds, (_ARRAY, _POINTER, _SLICE, _STRUCT))).tolist():
            todo.append((int(self.named.addr[row]), int(self.named.type[row]), row))
        out: list[_Data] = []
        for address, row, variable in todo:
            out += self._behind(address, row, self.named.name[variable])
        done = 0
        while done < len(out) and self._left > 0:
            data = out[done]
            done += 1
            out += self._behind(data.address, data.type, data.name)
        return out

    def _behind(self, address: int, row: int, name: str) -> list[_Data]:
        """Data without a name that a variable points at."""
        out = []
        for offset, elem, text in self._of_type(row):
            self._left -= 1
            if self._left <= 0:
                break
            at = self._word(address + offset)
            if not at or not self._nameless(at) or at in self._known:
                continue
            size = int(self.types.size[elem])
            if text.endswith("[]"):
                size *= min(self._word(address + offset + 16), _MOST_IN_ONE)
            if size <= 0:
                continue
            self._known[at] = _Data(at - self.program.bias, elem, name + text.removesuffix("[]"), size)
            out.append(self._known[at])
        return out

    def _of_type(self, row: int) -> list[tuple[int, int, str]]:
        """(offset, type pointed at, ".field") of the pointers and slices in a type; a slice's text ends in
        []."""
        if row not in self._pointers:
            self._pointers[row] = []
            out: list[tuple[int, int, str]] = []
            self._collect(row, 0, "", out, 0)
            self._pointers[row] = out
        return self._pointers[row]

    def _collect(self, row: int, offset: int, text: str, out: list[tuple[int, int, str]], depth: int) -> None:
        t = self.types
        kind = int(t.kind[row])
        if depth > _DEEPEST or len(out) >= _MOST_IN_ONE:
            return
        if kind == _POINTER:
            out.append((offset, int(t.elem[row]), text))
        elif kind == _SLICE:
            out.append((offset, int(t.elem[row]), text + "[]"))
        elif kind == _STRUCT:
            for i in range(int(t.field_start[row]), int(t.field_start[row + 1])):
                inner = offset + int(t.field_offset[i])
                self._collect(int(t.field_type[i]), inner, f"{text}.{t.field_name[i]}", out, depth + 1)
        elif kind == _ARRAY:
            size = int(t.size[int(t.elem[row])])
            for i in range(min(int(t.length[row]), 64)):
                self._collect(int(t.elem[row]), offset + i * size, f"{text}[{i}]", out, depth + 1)

    def _word(self, address: int) -> int:
        """A word of the target at a link-time address."""
        try:
            return self.program.space.u64(address + self.program.bias)
        except ReadError:
            return 0

    def _nameless(self, address: int) -> bool:
        """Whether an address of the running program is data that no variable is named for."""
        if not any(low <= address < high for low, high in self._ranges):
            return False
        at = np.uint64(address - self.program.bias)
        row = int(np.searchsorted(self.named.addr, at, side="right")) - 1
        return row < 0 or bool(at >= self._end[row])
