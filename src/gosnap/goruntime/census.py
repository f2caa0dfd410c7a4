"""Goroutines of a running program, counted: by state, by what they wait for, by the function they began with.

runtime.allgs only grows, and a g stays one for good (runtime/proc.go, allgadd and gfput), so that a copy of
all of them while the program runs holds each as it was within the copy's few milliseconds.
"""

from array import array
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.bulk import Structs, read_pointers
from gosnap.goruntime.callsites import Symbols
from gosnap.goruntime.goroutines import (
    DEAD,
    DEAD_EXTRA,
    IDLE,
    LEAKED,
    SCAN_BIT,
    STATES,
    WAITING,
    read_reasons,
)
from gosnap.goruntime.program import GoProgram
from gosnap.target.peek import RunningSpace

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

_MAX = 1 << 26
_KINDS = 64
_FIELDS = ("atomicstatus", "waitreason", "startpc", "gopc")
_OURS = ("runtime.main", "runtime.corostart", "runtime.handleAsyncEvent")
"""Functions of the runtime's that begin goroutines of the program (runtime.isSystemGoroutine)."""


@dataclass(frozen=True)
class Group:
    """Goroutines that are alike."""

    state: str
    reason: str
    """What they wait for, in the runtime's words; "" for those that do not wait."""
    function: str
    """That they began with."""
    created_by: str
    """The function with the go statement; "" for the first goroutine."""
    system: bool
    """The runtime's own."""
    count: int


@dataclass
class Census:
    """All goroutines that are not dead. ``groups``: most first."""

    groups: list[Group]
    user: int
    """runtime.NumGoroutine."""
    system: int
    structures: int
    """How many g structures there are, with those of dead goroutines, which the runtime uses again."""

    def by_state(self) -> dict[tuple[str, str], int]:
        """(state, reason) -> how many, the runtime's own left out; most first."""
        out: dict[tuple[str, str], int] = {}
        for g in self.groups:
            if not g.system:
                out[g.state, g.reason] = out.get((g.state, g.reason), 0) + g.count
        return dict(sorted(out.items(), key=lambda item: (-item[1], item[0])))


@dataclass
class CensusTaker:
    """Finds out once where goroutines and names are; ``take`` copies all g structures."""

    program: GoProgram
    symbols: Symbols
    _names: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lay = self.program.layouts
        self._allgs = self.program.need_address("runtime.allgs")
        self._fields = {n: lay.need("runtime.g", n) for n in _FIELDS}
        self._size = max(f.offset + f.size for f in self._fields.values())
        self._structs = Structs(np.zeros(0, np.uint64), self._size)
        self._reasons = read_reasons(self.program)

    def take(self) -> Census:
        """Count them. GosnapError when the process is gone, or for a list that makes no sense."""
        space = self.program.space
        if not isinstance(space, RunningSpace):
            raise TypeError("a census is of running programs")
        pointers = read_pointers(space, self._allgs, _MAX, "runtime.allgs")
        if not np.array_equal(pointers, self._structs.addresses):
            self._structs = Structs(pointers, self._size)
        self._structs.read(space)
        columns = {n: self._structs.column(f) for n, f in self._fields.items()}
        status = columns["atomicstatus"] & np.uint64(~SCAN_BIT & 0xFFFFFFFF)
        waits = (status == WAITING) | (status == LEAKED)
        kind = status << np.uint64(16) | np.where(waits, columns["waitreason"], np.uint64(0))
        live = (status != IDLE) & (status != DEAD) & (status != DEAD_EXTRA)
        alike = tally([c[live] for c in (kind, columns["startpc"], columns["gopc"])])
        groups: dict[tuple[str, str, str, str, bool], int] = {}
        for (word, start, made), n in alike.items():
            state, reason = self._words(word)
            # a name is looked up by a return address: a function's entry is not one, the end of a go
            # statement is
            name = self._name(start + 1 if start else 0)
            system = name.startswith("runtime.") and name not in _OURS
            creator = "" if name == "runtime.main" else self._name(made)
            # two go statements of one function are one group
            group = (state, reason, name, creator, system)
            groups[group] = groups.get(group, 0) + n
        ordered = sorted(groups.items(), key=lambda item: (-item[1], item[0]))
        own = sum(n for g, n in ordered if g[4])
        user = int(live.sum()) - own
        return Census([Group(*g, n) for g, n in ordered], user, own, len(pointers))

    def _words(self, kind: int) -> tuple[str, str]:
        status, number = kind >> 16, kind & 0xFFFF
        state = STATES.get(status, "unknown")
        if status not in (WAITING, LEAKED):
            return state, ""
        known = number < len(self._reasons)
        return state, self._reasons[number] if known else f"reason {number}"

    def _name(self, pc: int) -> str:
        if pc not in self._names:
            r = self.symbols.resolve(memoryview(array("Q", [pc])))
            name = r.names[int(r.name[0])]
            if not name and pc:
                name = f"{pc:#x}"
            self._names[pc] = name
        return self._names[pc]


def tally(columns: list[U64]) -> dict[tuple[int, ...], int]:
    """How often each row comes. Rows are mostly alike: one kind after the other is counted and put aside,
    which a sort is only needed for where there are very many kinds."""
    out: dict[tuple[int, ...], int] = {}
    for _ in range(_KINDS):
        if not len(columns[0]):
            return out
        row = tuple(int(c[0]) for c in columns)
        other = columns[0] != columns[0][0]
        for c in columns[1:]:
            other |= c != c[0]
        out[row] = len(other) - int(np.count_nonzero(other))
        columns = [c[other] for c in columns]
    several, counts = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    out.update(zip(map(tuple, several.tolist()), counts.tolist(), strict=True))
    return out
