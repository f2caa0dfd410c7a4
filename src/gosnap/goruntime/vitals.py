"""What the runtime counts of itself, read from a running process at one go: allocator, pacer, collector.

Sources, Go 1.21 to 1.27: runtime/mstats.go (mstats, heapStatsDelta, cpuStats), runtime/mgcpacer.go
(gcControllerState), runtime/mgc.go (work, gcphase).
"""

import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.gcstate import NO_LIMIT, PHASES
from gosnap.goruntime.layout import Field
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE
from gosnap.target.peek import RunningSpace

I64 = npt.NDArray[np.int64]

CLASSES = len(CLASS_TO_SIZE)
RING = 256
"""Entries of mstats.pause_ns and pause_end."""

_DELTA = "runtime.heapStatsDelta"
_SIGNED = ("committed", "released", "inHeap", "inStacks", "inWorkBufs", "inPtrScalarBits")
_COUNTED = ("tinyAllocCount", "largeAlloc", "largeAllocCount", "largeFree", "largeFreeCount")
_MEMSTATS = (
    *("heapStats.stats", "buckhash_sys", "mspan_sys", "mcache_sys", "gcMiscSys", "other_sys", "stacks_sys"),
    *("last_gc_unix", "pause_total_ns", "pause_ns", "pause_end", "numgc", "numforcedgc"),
)
_PACER = (
    *("heapMarked", "heapLive", "gcPercentHeapGoal", "gcPercent", "memoryLimit", "sweepDistMinTrigger"),
    *("triggered", "heapFree", "totalAlloc", "totalFree", "mappedReady"),
)
_CPU = {
    "assist": "gcAssistTime",
    "dedicated": "gcDedicatedTime",
    "idle_marking": "gcIdleTime",
    "pause": "gcPauseTime",
    "collector": "gcTotalTime",
    "scavenger": "scavengeTotalTime",
    "all": "totalTime",
}
_MIN_RUNWAY = 64 << 10
_HEADROOM_PERCENT, _MIN_HEADROOM = 3, 1 << 20
"""memoryLimitHeapGoalHeadroomPercent and memoryLimitMinHeapGoalHeadroom (mgcpacer.go)."""
_NO_GOAL = 1 << 60
"""More than any heap: GOGC=off and no GOMEMLIMIT, which is 2**63 - 1 then."""


@dataclass(frozen=True)
class Vitals:
    """The counters at one moment; all bytes, nanoseconds and counts are since the program's start or now.

    The runtime counts an allocation of a small object when its P takes a new span for the size class, so
    counts of objects lag by what the Ps' current spans hold (at most a span per class and P).
    """

    phase: str
    """ "off", "mark" or "mark termination"."""
    cycles: int
    forced_cycles: int
    pause_total_ns: int
    last_gc_unix_ns: int
    pause_ns: I64
    """i64[256]: of cycle n (counted from 1) at (n - 1) % 256."""
    pause_end_ns: I64
    """When each pause ended, since 1970."""
    heap_live_bytes: int
    """What the pacer compares with the goal: bytes that are not known to be garbage."""
    heap_marked_bytes: int
    goal_bytes: int | None
    """Where the next collection is to end (MemStats.NextGC); None where the collector is off."""
    gogc: int
    """-1: off."""
    memory_limit_bytes: int | None
    alloc_count: I64
    """i64[68] per size class; class 0 is large objects."""
    free_count: I64
    alloc_class_bytes: I64
    free_class_bytes: I64
    tiny_allocs: int
    """Objects that share a slot of 16 bytes with others; they are counted as mallocs and as frees."""
    committed_bytes: int
    released_bytes: int
    in_spans_bytes: int
    stack_bytes: int
    work_buffer_bytes: int
    system_bytes: dict[str, int]
    """Of the runtime's own structures, by name of the field in mstats."""
    cpu_ns: dict[str, int]
    """CPU time as of the end of the last cycle: assist, dedicated, idle_marking, pause, collector (the sum of
    these), scavenger, all (GOMAXPROCS times the time that went by)."""

    @property
    def alloc_bytes(self) -> int:
        """Bytes of objects allocated since the start (MemStats.TotalAlloc)."""
        return int(self.alloc_class_bytes.sum())

    @property
    def free_bytes(self) -> int:
        """Bytes of objects freed since the start."""
        return int(self.free_class_bytes.sum())

    @property
    def object_bytes(self) -> int:
        """Bytes of objects that are live or not swept yet (MemStats.HeapAlloc)."""
        return max(self.alloc_bytes - self.free_bytes, 0)

    @property
    def mallocs(self) -> int:
        """MemStats.Mallocs."""
        return int(self.alloc_count.sum()) + self.tiny_allocs

    @property
    def frees(self) -> int:
        """MemStats.Frees."""
        return int(self.free_count.sum()) + self.tiny_allocs

    @property
    def objects(self) -> int:
        """MemStats.HeapObjects."""
        return max(int((self.alloc_count - self.free_count).sum()), 0)

    def pause_of(self, cycle: int) -> tuple[int, int]:
        """(nanoseconds, end since 1970) of one of the last 256 cycles, counted from 1."""
        at = (cycle - 1) % RING
        return int(self.pause_ns[at]), int(self.pause_end_ns[at])


@dataclass
class _Part:
    """One structure of the runtime's, and where its wanted fields lie."""

    address: int
    fields: dict[str, Field]
    low: int = 0
    high: int = 0
    raw: bytes = b""

    def __post_init__(self) -> None:
        self.low = min((f.offset for f in self.fields.values()), default=0)
        self.high = max((f.offset + f.size for f in self.fields.values()), default=0)

    def get(self, name: str, default: int = 0) -> int:
        f = self.fields.get(name)
        if f is None:
            return default
        at = f.offset - self.low
        return int.from_bytes(self.raw[at : at + min(f.size, 8)], "little")

    def piece(self, name: str) -> bytes:
        f = self.fields[name]
        return self.raw[f.offset - self.low : f.offset - self.low + f.size]


@dataclass
class VitalsReader:
    """Finds the counters once; ``read`` takes one copy of a few pages."""

    program: GoProgram
    _parts: dict[str, _Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lay = self.program.layouts
        self._delta = lay.size(_DELTA)
        if not self._delta:
            raise GosnapError(
                f"{self.program.image.exe_label}: gosnap does not know this Go's runtime.heapStatsDelta",
                "this Go version may be newer than gosnap knows; please report it, with `go version EXE`",
            )
        self._fields = {
            n: lay.need(_DELTA, n)
            for n in (*_SIGNED, *_COUNTED, "smallAllocCount", "smallFreeCount")
            if n != "inPtrScalarBits" or lay.find(_DELTA, n) is not None
        }
        self._add("memstats", "runtime.memstats", {n: ("runtime.mstats", n) for n in _MEMSTATS})
        self._add("pacer", "runtime.gcController", {n: ("runtime.gcControllerState", n) for n in _PACER})
        cpu = {}
        for key, name in _CPU.items():
            # Go 1.23 made them begin with a capital: gcTotalTime, GCTotalTime
            upper = name.replace("gc", "GC", 1) if name.startswith("gc") else name[0].upper() + name[1:]
            found = next((n for n in (name, upper) if lay.find("runtime.cpuStats", n)), name)
            cpu[key] = ("runtime.cpuStats", found)
        base = lay.need("runtime.workType", "cpuStats").offset
        self._add("cpu", "runtime.work", cpu, base)
        self._parts["phase"] = _Part(self.program.need_address("runtime.gcphase"), {"": Field(0, 4)})
        self._host = {name: bytearray(p.high - p.low) for name, p in self._parts.items()}
        self._buffers = [np.frombuffer(b, np.uint8) for b in self._host.values()]
        self._source = np.array([p.address + p.low for p in self._parts.values()], np.uint64)
        self._target = np.array([b.ctypes.data for b in self._buffers], np.uint64)
        self._length = np.array([len(b) for b in self._buffers], np.uint64)

    def _add(self, part: str, symbol: str, fields: dict[str, tuple[str, str]], base: int = 0) -> None:
        address = self.program.need_address(symbol)
        found = {key: self.program.layouts.need(*where) for key, where in fields.items()}
        self._parts[part] = _Part(address + base, found)

    def read(self) -> Vitals:
        """All counters as they are now. GosnapError when the process is gone."""
        space = self.program.space
        if not isinstance(space, RunningSpace):
            raise TypeError("vitals are of running programs")
        if space.copy(self._source, self._target, self._length):
            raise ReadError(f"process {space.pid}: the runtime's counters cannot be read")
        for name, part in self._parts.items():
            part.raw = bytes(self._host[name])
        return self._decode()

    def _decode(self) -> Vitals:
        memstats, pacer, cpu = (self._parts[n] for n in ("memstats", "pacer", "cpu"))
        # three deltas whose sum is what counts: a reader in the runtime folds one into another
        # (consistentHeapStats)
        deltas = np.frombuffer(memstats.piece("heapStats.stats"), np.uint8).reshape(3, self._delta)

        def total(name: str, at: int = 0) -> int:
            return int(self._words(deltas, name)[:, at].sum())

        def per_class(name: str) -> I64:
            out: I64 = self._words(deltas, name).sum(axis=0)
            return out

        sizes = np.array(CLASS_TO_SIZE, np.int64)
        allocs, frees = per_class("smallAllocCount"), per_class("smallFreeCount")
        alloc_bytes, free_bytes = allocs * sizes, frees * sizes
        allocs[0], frees[0] = total("largeAllocCount"), total("largeFreeCount")
        alloc_bytes[0], free_bytes[0] = total("largeAlloc"), total("largeFree")
        limit = pacer.get("memoryLimit")
        gogc = pacer.get("gcPercent")
        return Vitals(
            phase=PHASES.get(self._parts["phase"].get(""), "unknown"),
            cycles=memstats.get("numgc"),
            forced_cycles=memstats.get("numforcedgc"),
            pause_total_ns=memstats.get("pause_total_ns"),
            last_gc_unix_ns=memstats.get("last_gc_unix"),
            pause_ns=np.frombuffer(memstats.piece("pause_ns"), np.int64),
            pause_end_ns=np.frombuffer(memstats.piece("pause_end"), np.int64),
            heap_live_bytes=pacer.get("heapLive"),
            heap_marked_bytes=pacer.get("heapMarked"),
            goal_bytes=goal(pacer.get),
            gogc=gogc - (1 << 32) if gogc >> 31 else gogc,
            memory_limit_bytes=limit if limit < NO_LIMIT else None,
            alloc_count=allocs,
            free_count=frees,
            alloc_class_bytes=alloc_bytes,
            free_class_bytes=free_bytes,
            tiny_allocs=total("tinyAllocCount"),
            committed_bytes=total("committed"),
            released_bytes=total("released"),
            in_spans_bytes=total("inHeap"),
            stack_bytes=total("inStacks"),
            work_buffer_bytes=total("inWorkBufs"),
            system_bytes={n: memstats.get(n) for n in _MEMSTATS if n.lower().endswith("sys")},
            cpu_ns={n: struct.unpack("<q", cpu.piece(n))[0] for n in _CPU},
        )

    def _words(self, deltas: npt.NDArray[np.uint8], name: str) -> I64:
        f = self._fields[name]
        part = np.ascontiguousarray(deltas[:, f.offset : f.offset + f.size])
        return part.view("<i8").astype(np.int64)


def goal(get: "Getter") -> int | None:
    """The heap goal by the pacer's variables: gcControllerState.heapGoalInternal (runtime/mgcpacer.go, the
    same in Go 1.21 to 1.27). ``get``: the value of a field of gcControllerState. None: there is none."""
    percent_goal, limit_goal = get("gcPercentHeapGoal"), _limit_goal(get)
    if min(percent_goal, limit_goal) >= _NO_GOAL:
        return None
    if limit_goal < percent_goal:
        return limit_goal
    out = max(percent_goal, get("sweepDistMinTrigger"))
    triggered = get("triggered")
    if triggered != (1 << 64) - 1:
        out = max(out, triggered + _MIN_RUNWAY)
    return out


def _limit_goal(get: "Getter") -> int:
    """memoryLimitHeapGoal: what GOMEMLIMIT leaves to the heap."""
    limit, marked, ready = get("memoryLimit"), get("heapMarked"), get("mappedReady")
    heap = get("heapFree") + get("totalAlloc") - get("totalFree")
    other = max(ready - heap, 0)
    overage = max(ready - limit, 0)
    if other + overage >= limit:
        return marked
    out = limit - (other + overage)
    headroom = max(out // 100 * _HEADROOM_PERCENT, _MIN_HEADROOM)
    out = headroom if out < 2 * headroom else out - headroom
    return max(out, marked)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Getter = Callable[[str], int]
