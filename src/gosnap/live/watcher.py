"""A program under observation: everything that is read of it, each part as often as it is cheap enough.

The target is never stopped. Its counters are read with every tick; what grows with the heap (spans, the page
table), with goroutines or with the memory profile is read less often the longer it takes, so that it never
takes more than a fixed share of one CPU.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gosnap.errors import GosnapError
from gosnap.goruntime.callsites import Symbols
from gosnap.goruntime.census import Census, CensusTaker
from gosnap.goruntime.running import open_running
from gosnap.goruntime.vitals import Vitals, VitalsReader
from gosnap.live.memory import MemoryMap, MemoryMapper
from gosnap.live.process import Process, ProcessFacts, TargetGone
from gosnap.live.sites import SiteTable, SiteTracker

SHARES = {"goroutines": 0.003, "sites": 0.002, "memory": 0.002}
"""The part of all CPUs that the target may run on that reading each costly part may take: together with the
counters less than a hundredth."""
PARTS = tuple(SHARES)
_MOST_CPUS = 8


@dataclass
class Tick:
    """What is known at one moment. Parts that were not read anew are those of an earlier tick; ``age_ns``
    says how old each is. ``absent``: part -> why there is none."""

    number: int
    unix_ns: int
    monotonic_ns: int
    vitals: Vitals
    process: ProcessFacts
    census: Census | None = None
    sites: SiteTable | None = None
    memory: MemoryMap | None = None
    age_ns: dict[str, int] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    cost_us: dict[str, int] = field(default_factory=dict)
    """What each part took when it was read last, of our CPU time; "tick": all of this one."""


@dataclass
class _Part:
    """One of the costly parts."""

    read: Callable[[], object]
    share: float
    """Of one CPU."""
    at: int | None = None
    cost_ns: int = 0
    value: object = None
    why: str = ""
    tries: int = 0

    def due(self, now: int) -> bool:
        # a part that failed is tried again, but not with every tick
        wait = self.cost_ns / self.share
        if self.why:
            wait = max(wait, min(2**self.tries, 60) * 10**9)
        return self.at is None or now - self.at >= wait


class Watcher:
    """One running program. GosnapError from the start where it is none, or not ours to read."""

    def __init__(self, pid: int) -> None:
        self.program = open_running(pid)
        self.process = Process(pid)
        self.pid = pid
        symbols = Symbols(self.program)
        self._vitals = VitalsReader(self.program)
        self.tracker = SiteTracker(self.program, symbols)
        self._mapper = MemoryMapper(self.program)
        readers = (CensusTaker(self.program, symbols).take, self._read_sites, self._mapper.look)
        cpus = _cpus(pid)
        self._parts = {
            name: _Part(read, SHARES[name] * cpus) for name, read in zip(PARTS, readers, strict=True)
        }
        self._number = 0

    def _read_sites(self) -> SiteTable:
        self.tracker.read()
        return self.tracker.table()

    def close(self) -> None:
        """Let go of the target's files."""
        self._mapper.close()

    def tick(self, *, everything: bool = False) -> Tick:
        """Read what is due, or ``everything``. TargetGone when the process is gone."""
        began = time.thread_time_ns()
        facts = self.process.facts()
        with self._watched():
            vitals = self._vitals.read()
        now = time.monotonic_ns()
        tick = Tick(self._number, time.time_ns(), now, vitals, facts)
        for name, part in self._parts.items():
            if everything or part.due(now):
                self._read(part, now)
            if part.at is not None and part.value is not None:
                tick.age_ns[name] = now - part.at
            if part.why:
                tick.absent[name] = part.why
            tick.cost_us[name] = part.cost_ns // 1000
        census, sites, memory = (self._parts[n].value for n in PARTS)
        tick.census = census if isinstance(census, Census) else None
        tick.sites = sites if isinstance(sites, SiteTable) else None
        tick.memory = memory if isinstance(memory, MemoryMap) else None
        self._number += 1
        tick.cost_us["tick"] = (time.thread_time_ns() - began) // 1000
        return tick

    def _read(self, part: _Part, now: int) -> None:
        began, first = time.thread_time_ns(), part.at is None
        part.at = now
        try:
            with self._watched():
                part.value = part.read()
            part.why, part.tries = "", 0
        except TargetGone:
            raise
        except GosnapError as e:
            part.why = f"{e.message}; {e.hint}" if e.hint else e.message
            part.tries += 1
        # the first time finds things out that are known from then on
        part.cost_ns = 0 if first else time.thread_time_ns() - began

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except GosnapError:
            # whatever could not be read: a process that has ended has no memory
            if self.process.gone():
                raise TargetGone(self.pid) from None
            raise


def _cpus(pid: int) -> int:
    """How many CPUs a process may run on, as far as it matters here."""
    try:
        return min(len(os.sched_getaffinity(pid)), _MOST_CPUS)
    except OSError:
        return 1
