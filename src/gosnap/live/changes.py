"""What changed between two ticks, and what has happened since the first one."""

from collections import deque
from dataclasses import dataclass, field

from gosnap.goruntime.vitals import RING, Vitals
from gosnap.live.watcher import Tick

KEPT = 3600
"""How many moments and cycles a view remembers."""
BASIS = 10_000
"""Shares are integers, in ten thousandths."""


@dataclass(frozen=True)
class Cycle:
    """One collection. ``cpu_bp``: the part of all CPU time that collecting took between the ends of the
    cycles seen before and this one (idle marking, which takes nothing from anyone, left out), over
    ``together`` cycles that ended between two ticks; -1 where it is not known."""

    number: int
    end_unix_ns: int
    pause_ns: int
    cpu_bp: int = -1
    together: int = 1
    marked_bytes: int = -1
    """Found live by it; -1 where a later cycle had ended before anyone looked."""
    forced: bool = False


@dataclass(frozen=True)
class Change:
    """From one tick to a later one. Rates are per second."""

    seconds: float
    alloc_bytes: int
    alloc_objects: int
    free_bytes: int
    alloc_rate: int
    alloc_object_rate: int
    live_bytes: int
    rss_bytes: int
    cpu_bp: int
    """CPU time of the process by the time that went by; 10,000 is one CPU."""
    cycles: int
    pause_ns: int
    gc_cpu_bp: int
    """The collector's part of the CPU time of the cycles that ended in between; -1 where none did."""
    goroutines: int
    states: dict[tuple[str, str], int]
    """(state, reason) -> how many more or less."""


def change(before: Tick, after: Tick) -> Change:
    """What happened between two ticks."""
    a, b = before.vitals, after.vitals
    ns = max(after.monotonic_ns - before.monotonic_ns, 1)
    allocated, objects = b.alloc_bytes - a.alloc_bytes, b.mallocs - a.mallocs
    states = {}
    if before.census is not None and after.census is not None:
        then, now = before.census.by_state(), after.census.by_state()
        states = {k: d for k in then | now if (d := now.get(k, 0) - then.get(k, 0))}
    return Change(
        seconds=ns / 1e9,
        alloc_bytes=allocated,
        alloc_objects=objects,
        free_bytes=b.free_bytes - a.free_bytes,
        alloc_rate=max(allocated, 0) * 10**9 // ns,
        alloc_object_rate=max(objects, 0) * 10**9 // ns,
        live_bytes=b.heap_live_bytes - a.heap_live_bytes,
        rss_bytes=after.process.rss_bytes - before.process.rss_bytes,
        cpu_bp=max(after.process.cpu_ns - before.process.cpu_ns, 0) * BASIS // ns,
        cycles=b.cycles - a.cycles,
        pause_ns=b.pause_total_ns - a.pause_total_ns,
        gc_cpu_bp=collector_share(a, b),
        goroutines=_count(after) - _count(before),
        states=states,
    )


def _count(tick: Tick) -> int:
    return tick.census.user if tick.census is not None else 0


def collector_share(a: Vitals, b: Vitals) -> int:
    """The collector's part of all CPU time between the ends of the last cycles that two readings know of, in
    ten thousandths, as mstats.gc_cpu_fraction has it (runtime/mgc.go, gcMarkTermination); -1 for none."""
    everything = b.cpu_ns["all"] - a.cpu_ns["all"]
    if everything <= 0:
        return -1
    busy = (b.cpu_ns["collector"] - b.cpu_ns["idle_marking"]) - (
        a.cpu_ns["collector"] - a.cpu_ns["idle_marking"]
    )
    return min(max(busy, 0) * BASIS // everything, BASIS)


def ended(before: Vitals | None, after: Vitals) -> list[Cycle]:
    """The cycles that ended between two readings, oldest first; without a first one, those that the runtime
    remembers. Of more than 256 the last 256."""
    first = before.cycles + 1 if before is not None else 1
    numbers = range(max(first, after.cycles - RING + 1), after.cycles + 1)
    share = collector_share(before, after) if before is not None else -1
    forced = before is not None and after.forced_cycles - before.forced_cycles >= len(numbers)
    out = []
    for number in numbers:
        pause, end = after.pause_of(number)
        last = number == after.cycles
        out.append(
            Cycle(
                number,
                end,
                pause,
                cpu_bp=share,
                together=len(numbers) if before is not None else 1,
                marked_bytes=after.heap_marked_bytes if last and after.phase == "off" else -1,
                forced=forced,
            )
        )
    return out


@dataclass(frozen=True)
class Moment:
    """What a sparkline shows of one tick."""

    unix_ns: int
    live_bytes: int
    goal_bytes: int
    """0: the collector is off."""
    rss_bytes: int
    limit_bytes: int
    """0: no limit."""
    alloc_rate: int
    goroutines: int
    cycles: int
    """Collections that ended since the moment before."""
    cpu_bp: int


@dataclass
class History:
    """The ticks of one view, boiled down: the last, the first, and what is remembered in between."""

    first: Tick | None = None
    last: Tick | None = None
    before: Tick | None = None
    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=KEPT))
    cycles: deque[Cycle] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, tick: Tick) -> list[Cycle]:
        """Take in one more tick; the collections that ended since the last."""
        new = ended(self.last.vitals if self.last is not None else None, tick.vitals)
        self.cycles.extend(new)
        self.before, self.last = self.last, tick
        self.first = self.first or tick
        step = self.change()
        v = tick.vitals
        self.moments.append(
            Moment(
                unix_ns=tick.unix_ns,
                live_bytes=v.heap_live_bytes,
                goal_bytes=v.goal_bytes or 0,
                rss_bytes=tick.process.rss_bytes,
                limit_bytes=tick.process.limit_bytes or 0,
                alloc_rate=step.alloc_rate if step else 0,
                goroutines=_count(tick),
                cycles=step.cycles if step else 0,
                cpu_bp=step.cpu_bp if step else 0,
            )
        )
        return new

    def restart(self) -> None:
        """What counts as "since" begins now."""
        self.first = self.last

    def change(self) -> Change | None:
        """From the tick before to the last."""
        return change(self.before, self.last) if self.before is not None and self.last is not None else None

    def since(self) -> Change | None:
        """From the first tick to the last."""
        if self.first is None or self.last is None or self.first is self.last:
            return None
        return change(self.first, self.last)
