"""Ticks of a program that does not exist: whatever a test says that it counts."""

from dataclasses import replace

import numpy as np

from gosnap.goruntime.census import Census, Group
from gosnap.goruntime.vitals import CLASSES, RING, Vitals
from gosnap.live.memory import MemoryMap
from gosnap.live.process import ProcessFacts
from gosnap.live.sites import COLUMNS, Frame, SiteTable
from gosnap.live.watcher import Tick

SECOND = 10**9


def vitals(**given: object) -> Vitals:
    """Zeros, and what is given."""

    def zeros() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.zeros(CLASSES, np.int64)

    plain = Vitals(
        phase="off",
        cycles=0,
        forced_cycles=0,
        pause_total_ns=0,
        last_gc_unix_ns=0,
        pause_ns=np.zeros(RING, np.int64),
        pause_end_ns=np.zeros(RING, np.int64),
        heap_live_bytes=0,
        heap_marked_bytes=0,
        goal_bytes=None,
        gogc=100,
        memory_limit_bytes=None,
        alloc_count=zeros(),
        free_count=zeros(),
        alloc_class_bytes=zeros(),
        free_class_bytes=zeros(),
        tiny_allocs=0,
        committed_bytes=0,
        released_bytes=0,
        in_spans_bytes=0,
        stack_bytes=0,
        work_buffer_bytes=0,
        system_bytes={},
        cpu_ns=dict.fromkeys(
            ("assist", "dedicated", "idle_marking", "pause", "collector", "scavenger", "all"), 0
        ),
    )
    return replace(plain, **given)  # type: ignore[arg-type]


def counts(**per_class: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """i64 per size class: ``counts(c5=10)``."""
    out = np.zeros(CLASSES, np.int64)
    for name, n in per_class.items():
        out[int(name[1:])] = n
    return out


def facts(**given: int) -> ProcessFacts:
    """A process with nothing."""
    plain = ProcessFacts(0, 0, 1, 0, None, None)
    return replace(plain, **given)


def census(states: dict[tuple[str, str], int], function: str = "main.work") -> Census:
    """Goroutines of the program in these states."""
    groups = [Group(s, r, function, "main.main", False, n) for (s, r), n in states.items()]
    return Census(groups, sum(states.values()), 4, sum(states.values()) + 4)


def sites(rows: dict[str, dict[str, int]]) -> SiteTable:
    """Function -> columns."""
    frames = [Frame(name, "/src/main.go", i + 1) for i, name in enumerate(rows)]
    columns = {c: np.array([r.get(c, 0) for r in rows.values()], np.int64) for c in COLUMNS}
    return SiteTable(frames, columns)


def memory(regions: dict[str, int]) -> MemoryMap:
    """Regions with their resident bytes."""
    rows = [{"region": n, "bytes": b, "virtual_bytes": 2 * b, "note": ""} for n, b in regions.items()]
    zeros = np.zeros(CLASSES, np.int64)
    classes = dict.fromkeys(("spans", "span_bytes", "objects", "free_slots"), zeros)
    return MemoryMap(rows, sum(regions.values()), classes, 0, 0)


def tick(number: int, v: Vitals | None = None, p: ProcessFacts | None = None, **given: object) -> Tick:
    """The tick ``number`` seconds after the first one."""
    return Tick(
        number,
        1_700_000_000 * SECOND + number * SECOND,
        5 * SECOND + number * SECOND,
        v or vitals(),
        p or facts(),
        **given,  # type: ignore[arg-type]
    )
