"""The memory profile that the runtime keeps (runtime/mprof.go): one bucket per stack and size.

A bucket counts what was sampled of it: allocations and frees that are published (``active``), and those of
the three collection cycles that are not published yet (``future``), because frees are only known when the
cycle after is swept. mProfCycle holds the number of the cycle C, times two, and a bit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from gosnap._kernels import callsites as kernel
from gosnap._kernels.mprof import Chain, sampled, unsample
from gosnap.errors import GosnapError, ReadError
from gosnap.target.peek import Blocks, RunningSpace

TYPE_CHECKING = False  # a running process is read without numpy, whose import takes longer than that
if TYPE_CHECKING:
    from typing import Any, Literal

    import numpy as np
    import numpy.typing as npt

    from gosnap.goruntime.program import GoProgram
    from gosnap.goruntime.spans import Spans
    from gosnap.target.space import AddressSpace

    U64 = npt.NDArray[np.uint64]
    View = Literal["pprof", "now"]

VIEWS: tuple[View, ...] = ("pprof", "now")
FUTURES = 3
_MEM_PROFILE = 1
"""runtime.memProfile, the bucketType."""
_STACK_22, _STACK_23 = 32, 1024
"""The deepest stack: runtime.maxStack until Go 1.22, then maxProfStackDepth; bucket.stk throws beyond."""
_MAX_BYTES = 1 << 30
_MAX_SPECIALS = 1 << 27
_TRIES = 3
_PASSES = 16
"""How often a running process is read again until two readings agree."""
_PAUSE = 0.004
"""Seconds until a process is read again whose profile was locked: who holds a lock may have to wait for a
processor."""


@dataclass(frozen=True)
class State:
    """What the profiler's variables say."""

    head: int
    """The first bucket (runtime.mbuckets); 0 where nothing was ever sampled."""
    word: int
    """runtime.mProfCycle: the cycle times two, and whether its flush was asked for."""
    rate: int
    """runtime.MemProfileRate: bytes per sample on average; 0 where profiling is off."""
    disabled: bool
    """Whether the linker turned it off, as nothing in the program reads it
    (runtime.disableMemoryProfiling)."""
    held: int = 0
    """Which of the profile's locks are held: bit 0 that of active, 1 to 3 those of the future cycles."""

    @property
    def cycle(self) -> int:
        """C, the cycle that is published with this state."""
        return self.word >> 1


@dataclass
class Buckets:
    """All buckets, newest first, as columns. ``start`` (i64[n + 1]) into ``pcs``, return addresses innermost
    first; ``address``, ``size`` u64. ``allocs``, ``frees``: i64[n * 4]: of each bucket active, future[0],
    future[1], future[2]."""

    state: State
    address: memoryview
    size: memoryview
    start: memoryview
    pcs: memoryview
    allocs: memoryview
    frees: memoryview
    doubt: memoryview
    """u64: not 0 for those that contradict themselves (``mprof.Chain``)."""
    total_bytes: bool
    """Whether the runtime counts bytes, too (until Go 1.26): the average size is then their quotient."""
    damaged: int = 0
    """Self-check: buckets that freed more than they allocated, whose bytes are not count times size, or whose
    hash is not that of their stack and size."""
    moving: int = 0
    """Buckets that changed while a running process was read, and did not stop doing so."""
    held: int = 0
    """Locks as in ``State`` that were held while this was read, so that what they guard may be written half:
    of a process that stood still, or that never let go of them."""

    def __len__(self) -> int:
        return len(self.address)

    def counts(self, view: View) -> tuple[memoryview, memoryview]:
        """(allocations, frees) of samples per bucket; see ``published``."""
        return published(self.allocs, self.frees, self.state.cycle, view)


def published(allocs: Any, frees: Any, cycle: int, view: View) -> tuple[memoryview, memoryview]:
    """What a view counts of columns as ``Buckets`` has them, i64[n] each.

    "pprof": what runtime.MemProfile would say now: active, and the cycle that it flushes first; all of it
    where nothing is published yet, as no collection has ended (memProfileInternal). "now": all of it, which
    is the present moment.
    """
    return kernel.published(allocs, frees, -1 if view == "now" else 1 + cycle % FUTURES)


def estimates(count: Any, size: Any, rate: int, total_bytes: bool) -> tuple[memoryview, memoryview]:
    """(objects, bytes) that samples stand for, i64, as runtime/pprof's scaleHeapSample has them. ``count``
    i64, ``size`` u64."""
    n = len(memoryview(count))
    objects, space = (memoryview(bytearray(8 * n)).cast("q") for _ in range(2))
    unsample(count, size, rate, total_bytes, objects, space)
    return objects, space


def read_state(program: GoProgram) -> State:
    """The profiler's variables. GosnapError for a program whose symbols do not say where they are."""
    rate = program.read_uint(program.need_address("runtime.MemProfileRate"), 8)
    return State(
        head=program.space.u64(program.need_address("runtime.mbuckets")),
        word=program.space.u32(program.need_address("runtime.mProfCycle")),
        rate=rate - (1 << 64) if rate >> 63 else rate,
        disabled=bool(program.global_uint("runtime.disableMemoryProfiling", 1)),
        held=_held(program),
    )


def _held(program: GoProgram) -> int:
    """Which of the profile's locks are held; none where the symbols do not say where they are.

    A runtime.mutex is held while its key is 1, or 2 if others sleep until it is free (runtime/lock_futex.go
    until Go 1.23, lock_futex_tristate.go); from Go 1.24 on while bit 0 is set, beside which there are hints
    and a pointer (lock_spinbit.go). 2 alone, which there says that somebody sleeps, is taken for held as
    well.
    """
    key = program.layouts.offset("runtime.mutex", "key", 0)
    size = program.layouts.size("runtime.mutex") or 8
    found = bit = 0
    for symbol, count in (("runtime.profMemActiveLock", 1), ("runtime.profMemFutureLock", FUTURES)):
        at = program.address(symbol)
        for i in range(count):
            if at is not None:
                value = program.read_uint(at + i * size + key, 8)
                found |= (value & 1 or value == 2) << bit
            bit += 1
    return found


def read_buckets(program: GoProgram, blocks: Blocks | None = None) -> Buckets:
    """The memory profile of a program that stands still, or that runs.

    A running one is read until two readings, one behind the other, are equal: counters only grow, and move
    from future to active, so that the buckets were like that at the moment between the two. A writer who was
    interrupted half-way looks the same twice, but holds a lock: before, between and behind the two none may
    be held. If that does not come about, two will do that agree in all that is published, within one cycle,
    and whose locks were free: buckets that were sampled meanwhile are counted in ``moving``. If a lock was
    held all the time, two that are equal will do, and ``held`` says so. GosnapError for memory that holds no
    such thing, or that never rests. ``blocks``: of an earlier reading, which is then quicker.
    """
    blocks = blocks or Blocks(program.space, program.image.mappings)
    if not isinstance(program.space, RunningSpace):
        return _read(program, read_state(program), blocks)
    last = None
    settled: Buckets | None = None
    locked: Buckets | None = None
    for _ in range(_PASSES):
        state = read_state(program)
        blocks.refresh()
        try:
            now = _read(program, state, blocks)
        except GosnapError:
            if not _moved(program, state):
                raise
            continue
        behind = read_state(program)
        if behind.word != state.word:
            last = None
            continue
        now.held |= behind.held
        if last is not None and last.state.word == state.word:
            held = last.held | now.held
            same = _same(last, now)
            if same and not held:
                return now
            if same:
                locked = replace(now, held=held)
            if not held & (1 | 2 << state.cycle % FUTURES) and _same_published(last, now):
                moving = len(now) - len(last) + _differing(last, now)
                settled = replace(now, held=held, moving=moving, damaged=_lasting(last, now))
        if now.held:
            time.sleep(_PAUSE)
        last = now
    if settled is None:
        settled = locked
    if settled is None:
        raise GosnapError(
            f"process {program.image.pid}: its memory profile changed during each of {_PASSES} readings",
            "take a snapshot, which stops the process for a moment: `gosnap capture PID`",
        )
    return settled


def _moved(program: GoProgram, state: State) -> bool:
    return read_state(program) != state


def _same(a: Buckets, b: Buckets) -> bool:
    return a.address == b.address and a.allocs == b.allocs and a.frees == b.frees


def _same_published(before: Buckets, after: Buckets) -> bool:
    """Whether two readings of one cycle agree in what is published; new buckets, in front, have nothing."""
    if len(after) < len(before) or before.address != after.address[len(after) - len(before) :]:
        return False
    column = 1 + before.state.cycle % FUTURES
    return not _differing(before, after, bytes(i in (0, column) for i in range(1 + FUTURES)))


def _differing(before: Buckets, after: Buckets, columns: bytes = bytes([1] * (1 + FUTURES))) -> int:
    """How many buckets of a reading are counted otherwise in a later one, in some columns."""
    new = (1 + FUTURES) * (len(after) - len(before))
    return kernel.differing(before.allocs, after.allocs[new:], before.frees, after.frees[new:], columns)


def _lasting(before: Buckets, after: Buckets) -> int:
    """How many buckets are damaged, and not just written while they were read; new ones are that."""
    new = len(after) - len(before)
    counters = (1 + FUTURES) * new
    return kernel.lasting(
        *(before.doubt, after.doubt[new:]),
        *(before.allocs, after.allocs[counters:], before.frees, after.frees[counters:]),
    )


def _layout(program: GoProgram) -> tuple[int, ...]:
    lay = program.layouts
    bucket = [lay.need("runtime.bucket", name).offset for name in ("allnext", "typ", "size", "nstk")]
    record = [lay.need("runtime.memRecord", name).offset for name in ("active", "future")]
    counters = [lay.need("runtime.memRecordCycle", name).offset for name in ("allocs", "frees")]
    sizes = [lay.offset("runtime.memRecordCycle", name) for name in ("alloc_bytes", "free_bytes")]
    hash_at = lay.offset("runtime.bucket", "hash")
    return (
        *(*bucket, lay.size("runtime.bucket")),
        *(lay.size("runtime.memRecord"), *record),
        *(lay.size("runtime.memRecordCycle"), *counters, *sizes, hash_at),
    )


def _read(program: GoProgram, state: State, blocks: Blocks) -> Buckets:
    """One reading; blocks that are missing are loaded on the way."""
    layout = _layout(program)
    deepest = _STACK_22 if 0 < program.minor <= 22 else _STACK_23
    most = layout[4] + 8 * deepest + layout[5]
    label = program.image.exe_label
    kind = program.constant("runtime.memProfile")
    try:
        chain = Chain(state.head, layout, _MEM_PROFILE if kind is None else kind, deepest, _MAX_BYTES)
        at, tries = 0, 0
        while not chain.walk(blocks.kernel_space()):
            # once for its beginning, once more for its end, once for what was mapped since
            at, tries = chain.next, (tries + 1 if chain.next == at else 1)
            if tries > _TRIES or not blocks.load(at, most):
                raise ReadError(f"{label}: the memory profile's bucket at {chain.next:#x} is not there")
    except ValueError as e:
        raise GosnapError(
            f"{label}: {e}", "is this the executable that was running? If so, please report it"
        ) from None
    raw = chain.columns()
    allocs, frees = kernel.split(memoryview(raw["counters"]).cast("q"))
    return Buckets(
        state=state,
        address=memoryview(raw["address"]).cast("Q"),
        size=memoryview(raw["size"]).cast("Q"),
        start=memoryview(raw["start"]).cast("q"),
        pcs=memoryview(raw["pcs"]).cast("Q"),
        allocs=allocs,
        frees=frees,
        doubt=memoryview(raw["doubt"]).cast("Q"),
        total_bytes=layout[-3] >= 0,
        damaged=chain.damaged,
        held=state.held,
    )


@dataclass
class Sampled:
    """Objects that the profile samples: the address of each one's slot, and its row in the buckets.

    ``broken``: lists of specials that could not be read to their end; ``strangers``: specials of buckets
    that are in no list.
    """

    object: U64
    bucket: npt.NDArray[np.uint32]
    broken: int
    strangers: int


def read_sampled(program: GoProgram, spans: Spans, buckets: Buckets, space: AddressSpace) -> Sampled:
    """The sampled objects of all spans in use, by their specials of kind _KindSpecialProfile."""
    import numpy as np

    from gosnap.goruntime.spans import kernel_space

    lay = program.layouts
    kind = program.constant("runtime._KindSpecialProfile")
    empty = Sampled(np.zeros(0, np.uint64), np.zeros(0, np.uint32), 0, 0)
    if kind is None or not len(buckets):
        return empty
    offset = lay.need("runtime.special", "offset")
    layout = (
        lay.size("runtime.special"),
        offset.offset,
        offset.size,
        lay.need("runtime.special", "kind").offset,
        lay.need("runtime.specialprofile", "b").offset,
    )
    rows = np.flatnonzero(spans.specials)
    base, elemsize, first = (
        np.ascontiguousarray(c[rows]) for c in (spans.base, spans.elemsize, spans.specials)
    )
    objects, addresses, broken = sampled(
        kernel_space(space), base, elemsize, first, layout, kind, _MAX_SPECIALS
    )
    address = np.asarray(buckets.address)
    order = np.argsort(address, kind="stable")
    wanted = np.frombuffer(addresses, "<u8")
    at = np.minimum(np.searchsorted(address[order], wanted), len(order) - 1)
    row = order[at]
    known = address[row] == wanted
    return Sampled(
        object=np.frombuffer(objects, "<u8")[known],
        bucket=row[known].astype(np.uint32),
        broken=broken,
        strangers=int((~known).sum()),
    )
