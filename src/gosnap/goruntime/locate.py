"""Where the runtime's own variables are, in a program without symbols.

Two kinds of evidence. Code: the runtime's functions have names in the pclntab, and the shipped table says
which of their operands is which variable. Structure: what mheap_, allgs, allp and mbuckets point at has a
shape that nothing else has. Where both are to be had they must agree; a variable that neither tells without
doubt is not found.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.code import operands
from gosnap.goruntime.funcnames import FunctionNames
from gosnap.goruntime.layout import Variable, known_versions, shipped
from gosnap.goruntime.sizeclasses import PAGE_SIZE

if TYPE_CHECKING:
    from gosnap.goruntime.program import GoProgram

U64 = npt.NDArray[np.uint64]
_LOOKED_AT = 64
"""How many of a slice's pointers must be what they should be."""
_MAX_ITEMS = 1 << 27
_USER_END = 1 << 47
_MAX_STACK_DEPTH = 1025
"""Frames of a bucket's stack: maxProfStackDepth (runtime/mprof.go), and one."""


class Locator:
    """Finds variables of one program; each is looked for once."""

    def __init__(self, program: "GoProgram") -> None:
        self.program = program
        self._variables = shipped(program.minor).variables
        self._known: dict[str, int | None] = {}
        self._fits = False
        self._names: FunctionNames | None = None
        self._operands: dict[str, U64] = {}
        self._words: list[tuple[int, U64]] | None = None
        self._shapes: dict[str, Callable[[], Iterator[int]]] = {
            "runtime.mheap_": self._heaps,
            "runtime.allgs": self._goroutines,
            "runtime.mbuckets": self._buckets,
        }

    def size(self, symbol: str) -> int | None:
        """How many bytes a variable has; None for one that the table does not know."""
        found = self._variables.get(symbol)
        return None if found is None else found.size

    def address(self, symbol: str) -> int | None:
        """The address of a variable in the running program; None where it is not known."""
        if not self._fits:
            self._check_version()
        if symbol not in self._known:
            variable = self._variables.get(symbol)
            self._known[symbol] = None if variable is None else self._find(symbol, variable)
        return self._known[symbol]

    def _check_version(self) -> None:
        """GosnapError where the code is rather that of another Go version than the program says.

        With the right table all places agree (but for changes between patch releases); with that of a
        neighbour one in thirty does not.
        """
        mine = self._agreement(self.program.minor)
        others = [] if mine == 1.0 else [(self._agreement(minor), minor) for minor in known_versions()]
        best, minor = max(others, default=(mine, self.program.minor))
        if best > mine:
            raise GosnapError(
                f"{self.program.image.exe_label}: says that it is of {self.program.version or 'no version'}, "
                f"but its code is rather that of go1.{minor} ({best:.0%} against {mine:.0%} of what was "
                "compared)",
                "this build of Go is not known to gosnap; please report it with the Go version",
            )
        self._fits = True

    def _agreement(self, minor: int) -> float:
        """The share of the places in a version's table that name the same variable as most others."""
        agreed = asked = 0
        for variable in shipped(minor).variables.values():
            asked += len(variable.places)
            agreed += max(self._votes(variable).values(), default=0)
        return agreed / asked if asked else 0.0

    def _find(self, symbol: str, variable: Variable) -> int | None:
        votes = self._votes(variable)
        shape = self._shapes.get(symbol)
        if shape is not None:
            return self._agreed(symbol, set(shape()), votes)
        if symbol == "runtime.allp" and votes:
            votes = Counter({at: n for at, n in votes.items() if self._is_allp(at)})
        if not votes:
            return None
        (first, most), *others = votes.most_common(2)
        return first if not others or others[0][1] < most else None

    def _agreed(self, symbol: str, shaped: set[int], votes: Counter[int]) -> int | None:
        """What has the shape and is named by the code; either alone will do where the other has nothing to
        say."""
        both = sorted(shaped & set(votes), key=lambda at: -votes[at])
        if both and (len(both) == 1 or votes[both[0]] > votes[both[1]]):
            return both[0]
        if shaped and votes:
            raise GosnapError(
                f"{self.program.image.exe_label}: {symbol} is not where the code says that it is "
                f"({_list(votes)}; by its shape {_list(shaped)})",
                "this build of Go is not known to gosnap; please report it with the Go version",
            )
        if len(shaped) == 1:
            return next(iter(shaped))
        if not shaped and len(votes) == 1 and symbol == "runtime.mbuckets":
            # nothing was sampled yet, so that there is nothing to recognise
            at = next(iter(votes))
            return at if self._word(at) == 0 else None
        return None

    # ------------------------------------------------------------------ what the code says

    def _votes(self, variable: Variable) -> Counter[int]:
        """The addresses that functions name for a variable, and how many each."""
        out: Counter[int] = Counter()
        for function, number, offset in variable.places:
            named = self._named_by(function)
            if number < len(named):
                out[int(named[number]) - offset] += 1
        return out

    def _named_by(self, function: str) -> U64:
        """The variables that a function's operands name, in its order."""
        if function not in self._operands:
            program = self.program
            if self._names is None:
                self._names = FunctionNames(program)
            start, end = self._names.find(function) or (0, 0)
            code = program.code(start, end) if end else b""
            self._operands[function] = operands(code, start, program.modules[0].variables)
        return self._operands[function]

    # ------------------------------------------------------------------ what the data look like

    def _data(self) -> list[tuple[int, U64]]:
        """The module's variables as words, each part with its address."""
        if self._words is None:
            self._words = []
            for low, high in self.program.modules[0].variables:
                start, end = (low + 7) & -8, high & -8
                if start >= end:
                    continue
                try:
                    raw = self.program.space.view(start, end - start)
                except ReadError:
                    continue
                self._words.append((start, np.frombuffer(raw, "<u8")))
        return self._words

    def _slices(self) -> Iterator[tuple[int, int, int]]:
        """(address, pointer, length) of what may be a slice of pointers that holds something."""
        for start, words in self._data():
            if len(words) < 3:
                continue
            pointer, length, room = words[:-2], words[1:-1], words[2:]
            ok = (length > 0) & (length <= room) & (room < _MAX_ITEMS)
            ok &= (pointer & np.uint64(7) == 0) & (pointer >= 4096) & (pointer < _USER_END)
            for i in np.flatnonzero(ok).tolist():
                yield start + i * 8, int(pointer[i]), int(length[i])

    def _pointers(self, array: int, length: int) -> list[int] | None:
        """The first pointers of a slice; None where one is none."""
        space = self.program.space
        try:
            if not space.contains(array, length * 8):
                return None
            raw = np.frombuffer(space.read(array, min(length, _LOOKED_AT) * 8), "<u8")
        except ReadError:
            return None
        if bool(((raw & np.uint64(7)) != 0).any() | (raw < 4096).any() | (raw >= _USER_END).any()):
            return None
        pointers: list[int] = raw.tolist()
        return pointers

    def _heaps(self) -> Iterator[int]:
        offset = self.program.layouts.need("runtime.mheap", "allspans").offset
        for at, array, length in self._slices():
            pointers = self._pointers(array, length)
            if pointers and all(self._is_span(p) for p in pointers):
                yield at - offset

    def _is_span(self, address: int) -> bool:
        """Whether an mspan may be at an address: page-aligned, of a state that there is, and not fuller than
        its pages."""
        field = self.program.field
        try:
            state = field(address, "runtime.mspan", "state")
            start = field(address, "runtime.mspan", "startAddr")
            if state > 2 or start % PAGE_SIZE or start >= _USER_END:
                return False
            if state != 1:
                return True
            room = field(address, "runtime.mspan", "npages") * PAGE_SIZE
            size = field(address, "runtime.mspan", "elemsize")
            return size > 0 and 0 < field(address, "runtime.mspan", "nelems") * size <= room
        except ReadError:
            return False

    def _goroutines(self) -> Iterator[int]:
        for at, array, length in self._slices():
            pointers = self._pointers(array, length)
            if pointers and self._goroutine(pointers[0]) == 1:
                numbers = [self._goroutine(p) for p in pointers]
                if None not in numbers:
                    yield at

    def _goroutine(self, address: int) -> int | None:
        """The number of the goroutine at an address; None where there can be none."""
        field = self.program.field
        try:
            low, high = (field(address, "runtime.g", n) for n in ("stack.lo", "stack.hi"))
            status = field(address, "runtime.g", "atomicstatus") & 0xFFFFFFFF
            number = field(address, "runtime.g", "goid")
        except ReadError:
            return None
        # a dead one may have given its stack back
        stack = low < high < _USER_END if status & 0xFFF not in (6, 11) else low <= high < _USER_END
        return number if stack and status & ~0x1000 <= 16 and number < 1 << 40 else None

    def _is_allp(self, address: int) -> bool:
        """Whether a slice is of Ps, each with its own number."""
        array, length = self._word(address), self._word(address + 8)
        if not array or not 0 < length <= 1 << 16:
            return False
        pointers = self._pointers(array, length)
        try:
            return pointers is not None and all(
                self.program.field(p, "runtime.p", "id") == i for i, p in enumerate(pointers)
            )
        except ReadError:
            return False

    def _buckets(self) -> Iterator[int]:
        kind = self.program.constant("runtime.memProfile")
        module = self.program.modules[0]
        low, high = self.program.extent
        size = self.program.layouts.size("runtime.bucket")
        for start, words in self._data():
            likely = (words >= 4096) & (words < _USER_END) & (words & np.uint64(7) == 0)
            likely &= (words < np.uint64(low)) | (words >= np.uint64(high))
            for i in np.flatnonzero(likely).tolist():
                bucket = int(words[i])
                try:
                    typ = self.program.field(bucket, "runtime.bucket", "typ")
                    if typ != kind:
                        continue
                    depth = self.program.field(bucket, "runtime.bucket", "nstk")
                    pc = self.program.space.u64(bucket + size)
                except ReadError:
                    continue
                if 0 < depth <= _MAX_STACK_DEPTH and module.text <= pc < module.etext:
                    yield start + i * 8

    def _word(self, address: int) -> int:
        try:
            return self.program.space.u64(address)
        except ReadError:
            return 0


def _list(addresses: "set[int] | Counter[int]") -> str:
    return ", ".join(f"{a:#x}" for a in sorted(addresses)[:4]) or "nowhere"
