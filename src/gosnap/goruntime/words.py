"""Package variables of a program without DWARF: the words of data and bss that may be pointers.

Each is named by its section and the offset in it ("bss+0x1a40"), or by the symbol table where there is one.
An interface tells the type of what it holds, and some variables of the runtime are known by the code that
uses them; of the others no type is known.
"""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from gosnap.binary.dwarf import Globals
from gosnap.binary.names import Names
from gosnap.binary.symtab import STT_OBJECT, symbols
from gosnap.goruntime.masks import pointer_words
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import kernel_space
from gosnap.goruntime.statictypes import EMPTY, METHODS

U64 = npt.NDArray[np.uint64]
KNOWN = {
    "runtime.allgs": "[]*runtime.g",
    "runtime.allp": "[]*runtime.p",
    "sync.allPools": "[]*sync.Pool",
    "sync.oldPools": "[]*sync.Pool",
}
"""Variables of the runtime that can be found, and their types."""


def variable_words(program: GoProgram) -> Globals:
    """One row per word that holds something, two words for an interface, sorted by link-time address."""
    types = program.types
    rows: dict[int, int] = {}
    empty, methods = (types.type_by_name(n) or 0 for n in (EMPTY, METHODS))
    for words, _ in pointer_words(program):
        before = words - np.uint64(8)
        first = _words_at(program, before)
        # the collector does not take an interface's first word for a pointer (cmd/compile/internal/types)
        kind = np.where(np.isin(before, words), 0, interface_kinds(program, first))
        at = np.where(kind > 0, before, words)
        rows.update(zip(at.tolist(), np.choose(kind, (0, empty, methods)).tolist(), strict=True))
    for address, row in program.static.variables.items():
        # an interface tells the type itself, and need not hold what it holds now for ever
        if not rows.get(address) and rows.get(address - 8) not in (empty, methods):
            rows[address] = row
    for symbol, name in KNOWN.items():
        found, known = program.address(symbol), types.type_by_name(name)
        if found is not None and known is not None:
            rows[found] = known
    order = _apart(sorted(rows), rows, types.size)
    name_of = _Namer(program)
    return Globals(
        np.array(order, np.uint64) - np.uint64(program.bias),
        np.array([rows[a] for a in order], np.int32),
        Names.of([name_of(a) for a in order]),
    )


def _apart(order: list[int], rows: dict[int, int], size: npt.NDArray[np.int64]) -> list[int]:
    """Those that do not lie in another before them."""
    out, end = [], 0
    for address in order:
        if address >= end:
            out.append(address)
            end = address + int(size[rows[address]])
    return out


def _words_at(program: GoProgram, addresses: U64) -> U64:
    """The word at each address; 0 where there is none."""
    out, ok = np.zeros(len(addresses), np.uint64), np.zeros(len(addresses), np.uint8)
    kernel_space(program.space).gather(np.ascontiguousarray(addresses), 8, out.view(np.uint8), ok)
    return out


def interface_kinds(program: GoProgram, words: U64) -> npt.NDArray[np.int64]:
    """What words can be the first of: 1 an interface without methods (a type's address), 2 one with methods
    (that of an itab: interface type, type, the type's hash; internal/abi/iface.go), 0 neither."""
    types, base = program.types, np.uint64(program.modules[0].types)
    known = np.sort(types.rtype[types.rtype >= 0]).astype(np.uint64) + base
    kind = np.isin(words, known).astype(np.int64)
    maybe = np.flatnonzero((kind == 0) & (words != 0) & (words & np.uint64(7) == 0))
    if not len(maybe):
        return kind
    space = kernel_space(program.space)
    itab, ok = np.zeros((len(maybe), 3), np.uint64), np.zeros(len(maybe), np.uint8)
    space.gather(np.ascontiguousarray(words[maybe]), 24, itab.view(np.uint8).reshape(-1), ok)
    good = (ok > 0) & np.isin(itab[:, 0], known) & np.isin(itab[:, 1], known)
    hashes, there = np.zeros(len(maybe), np.uint64), np.zeros(len(maybe), np.uint8)
    where = np.where(good, itab[:, 1] + np.uint64(16), 0).astype(np.uint64)
    space.gather(np.ascontiguousarray(where), 8, hashes.view(np.uint8), there)
    low = np.uint64(0xFFFFFFFF)
    good &= (there > 0) & ((hashes & low) == (itab[:, 2] & low))
    kind[maybe[good]] = 2
    return kind


class _Namer:
    def __init__(self, program: GoProgram) -> None:
        self._bias = program.bias
        self._modules = program.modules
        self._symbols = symbols(program.elf, STT_OBJECT) if program.has_symbols else []
        self._starts = [s[0] for s in self._symbols]

    def __call__(self, address: int) -> str:
        """The name of the word at an address."""
        i = bisect_right(self._starts, address - self._bias) - 1
        if i >= 0:
            start, size, name = self._symbols[i]
            inside = address - self._bias - start
            if inside < size:
                return f"{name}+{inside:#x}" if inside else name
        for m in self._modules:
            for low, high, section in ((m.data, m.edata, "data"), (m.bss, m.ebss, "bss")):
                if low <= address < high:
                    return f"{section}+{address - low:#x}"
        for low, high in self._modules[0].variables:
            if low <= address < high:
                return f"data+{address - self._modules[0].data:#x}"
        return f"{address:#x}"
