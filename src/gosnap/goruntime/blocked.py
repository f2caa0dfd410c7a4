"""What blocked goroutines wait on: the channels, mutexes, WaitGroups and Conds that could wake each.

A sudog ties a waiting goroutine to what it waits on. Those of channel operations hang on g.waiting
(runtime/chan.go, runtime/select.go); those of semaphores, and from Go 1.26 on of Conds, do too; before, a
semaphore's is found through runtime.semtable (runtime/sema.go), and a Cond by the frame of sync.(*Cond).Wait,
which keeps it for when it returns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gosnap.errors import ReadError
from gosnap.goruntime.goroutines import LEAKED, WAITING, Goroutines
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.stacks import Stack

FOREVER = {"chan receive (nil chan)", "chan send (nil chan)", "select (no cases)"}
"""Nothing can end these waits."""
CHANNEL = {"chan receive", "chan send", "select"}
SYNC = {
    *("sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock"),
    "sync.WaitGroup.Wait",
}
SEMAPHORE = "semacquire"
"""Before Go 1.25 a WaitGroup's wait has no reason of its own; the runtime itself waits on semaphores too."""
_SEMAPHORES = 251
"""semTabSize (runtime/sema.go)."""
_MAX_LIST = 1 << 22


@dataclass
class Waits:
    """``on``: by row of the goroutines, the addresses of what could wake it: () nothing; only goroutines that
    could be leaked have an entry. ``sudogs``: addresses of all sudogs that were met."""

    on: dict[int, tuple[int, ...]] = field(default_factory=dict)
    sudogs: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Sudog:
    """Offsets in runtime.sudog."""

    g: int
    elem: int
    c: int
    next: int
    prev: int
    waitlink: int
    size: int


def read_waits(program: GoProgram, goroutines: Goroutines, stacks: list[Stack]) -> Waits:
    """What every waiting goroutine waits on. One of which that cannot be found out has no entry: it is not
    known to be leaked."""
    lay = program.layouts
    at = {n: lay.need("runtime.sudog", n).offset for n in ("g", "elem", "c", "next", "prev", "waitlink")}
    sudog = _Sudog(**at, size=lay.size("runtime.sudog"))
    out = Waits()
    semaphores: dict[int, list[int]] = {}
    for g, elem in _semaphores(program, sudog, out.sudogs):
        semaphores.setdefault(g, []).append(elem)
    waiting = np.flatnonzero(np.isin(goroutines.status, (WAITING, LEAKED)))
    for row in waiting.tolist():
        reason = goroutines.reason(row)
        first = int(goroutines["waiting"][row])
        if reason in FOREVER or (reason == "select" and not first):
            # a select of nil channels alone puts nothing on the list
            out.on[row] = ()
            continue
        in_sync = reason in SYNC or (reason == SEMAPHORE and _in_sync(stacks[row]))
        if reason not in CHANNEL and not in_sync:
            continue
        found = [
            raw[sudog.c if reason in CHANNEL else sudog.elem]
            for raw in _chain(program, sudog, first, sudog.waitlink, out.sudogs)
        ]
        if in_sync and not any(found):
            found = semaphores.get(int(goroutines.address[row]), [])
        if reason == "sync.Cond.Wait" and not any(found):
            found = _held_in(stacks[row], "sync.(*Cond).Wait")
        found = [address for address in found if address]
        if found:
            out.on[row] = tuple(dict.fromkeys(found))
    return out


def values_to_send(program: GoProgram, goroutines: Goroutines) -> list[tuple[int, int]]:
    """(address, runtime type) of what goroutines that block in a send want to send: sudog.elem, of the type
    hchan.elemtype (runtime/chan.go). In a select what sends is not told from what receives."""
    lay = program.layouts
    elem, channel = lay.need("runtime.sudog", "elem").offset, lay.need("runtime.sudog", "c").offset
    of = lay.find("runtime.hchan", "elemtype")
    out: list[tuple[int, int]] = []
    if of is None:
        return out
    for row in np.flatnonzero(np.isin(goroutines.status, (WAITING, LEAKED))).tolist():
        first = int(goroutines["waiting"][row])
        if not first or goroutines.reason(row) != "chan send":
            continue
        try:
            value, c = program.space.u64(first + elem), program.space.u64(first + channel)
            type_ = program.space.u64(c + of.offset) if c else 0
        except ReadError:
            continue
        if value and type_:
            out.append((value, type_))
    return out


def _in_sync(stack: Stack) -> bool:
    return any(f.function.name.startswith("sync.(*") for f in stack.frames[:8])


def _held_in(stack: Stack, function: str) -> list[int]:
    """What a function's frame points at."""
    rows = {i for i, f in enumerate(stack.frames) if f.function.name == function}
    return [value for address, value, row, _ in stack.slots if row in rows and address]


class _Words(dict[int, int]):
    """A structure's words by their offset."""


def _read(program: GoProgram, address: int, size: int) -> _Words | None:
    try:
        raw = np.frombuffer(program.space.read(address, size), "<u8")
    except ReadError:
        return None
    return _Words({i * 8: w for i, w in enumerate(raw.tolist())})


def _chain(program: GoProgram, sudog: _Sudog, first: int, link: int, met: set[int]) -> Iterator[_Words]:
    """Sudogs along a link."""
    at = first
    seen: set[int] = set()
    while at and at not in seen and len(seen) < _MAX_LIST:
        seen.add(at)
        words = _read(program, at, sudog.size & ~7)
        if words is None:
            return
        met.add(at)
        yield words
        at = words[link]


def _semaphores(program: GoProgram, sudog: _Sudog, met: set[int]) -> Iterator[tuple[int, int]]:
    """(goroutine, semaphore) of all that wait in runtime.semtable: in each root a tree by address, and in
    each node of it a list of those that wait on the same."""
    table = program.address("runtime.semtable")
    size = program.variable_size("runtime.semtable")
    treap = program.layouts.find("runtime.semaRoot", "treap")
    if table is None or size is None or treap is None:
        return
    stride = size // _SEMAPHORES
    todo: list[int] = []
    for i in range(_SEMAPHORES):
        try:
            todo.append(program.space.u64(table + i * stride + treap.offset))
        except ReadError:
            return
    seen: set[int] = set()
    while todo and len(seen) < _MAX_LIST:
        at = todo.pop()
        if not at or at in seen:
            continue
        seen.add(at)
        words = _read(program, at, sudog.size & ~7)
        if words is None:
            continue
        met.add(at)
        yield words[sudog.g], words[sudog.elem]
        todo += [words[sudog.prev], words[sudog.next]]
        for other in _chain(program, sudog, words[sudog.waitlink], sudog.waitlink, met):
            yield other[sudog.g], other[sudog.elem]
