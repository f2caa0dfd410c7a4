"""Allocation sites of a running program: the memory profile by the call that allocates, now and since then.

Buckets of the profile are never freed and new ones come in front of the list (runtime/mprof.go, newBucket),
so that a row from the list's end is the same bucket in every reading. Stacks are named once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.goruntime.callsites import CallSites, Symbols, call_sites
from gosnap.goruntime.heapprofile import check_profiled, doubts
from gosnap.goruntime.mprof import Buckets, estimates, read_buckets
from gosnap.goruntime.program import GoProgram
from gosnap.target.peek import Blocks

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_DEEPEST = 64


@dataclass(frozen=True)
class Frame:
    """One call of a stack."""

    function: str
    file: str
    line: int


COLUMNS = (
    *("inuse_bytes", "inuse_objects", "inuse_now_bytes", "inuse_now_objects", "grown_bytes"),
    *("alloc_bytes", "alloc_objects", "alloc_bytes_per_s"),
)


@dataclass
class SiteTable:
    """One row per allocating call; i64 columns by the names in ``COLUMNS``.

    Estimates from samples, as pprof makes them. ``inuse_*``: as the heap endpoint would show it at this
    moment, which lags up to two collections; ``inuse_now_*``: with what is not published yet; ``grown``: of
    that, since the view was opened; ``alloc_*``: allocated since it was opened, ``alloc_bytes_per_s`` since
    the reading before.
    """

    frames: list[Frame]
    columns: dict[str, I64]
    doubts: list[str] = field(default_factory=list)
    """Why it may not be true: ``goruntime.heapprofile.doubts``."""

    def top(self, by: str, most: int, chosen: Callable[[Frame], bool] | None = None) -> list[int]:
        """The rows with most of a column, of those that hold or allocated anything."""
        c = self.columns
        weight = c[by]
        rows = np.flatnonzero((c["inuse_bytes"] | c["inuse_now_bytes"] | c["alloc_bytes"]) != 0)
        rows = rows[np.argsort(-weight[rows], kind="stable")]
        if chosen is None:
            return [int(r) for r in rows[:most]]
        out: list[int] = []
        for row in rows.tolist():
            if len(out) == most:
                break
            if chosen(self.frames[row]):
                out.append(row)
        return out

    def total(self, name: str) -> int:
        """Over all rows."""
        return int(self.columns[name].sum())

    def row(self, row: int) -> dict[str, int]:
        """The columns of one row."""
        return {name: int(self.columns[name][row]) for name in COLUMNS}


@dataclass(frozen=True)
class Stack:
    """A way to a site, innermost call first."""

    frames: list[Frame]
    inuse_now_bytes: int
    alloc_bytes: int


@dataclass
class Readings:
    """Estimates per bucket (oldest first), of one reading."""

    inuse: tuple[I64, I64]
    """(objects, bytes), as published."""
    now: tuple[I64, I64]
    alloc: tuple[I64, I64]
    monotonic_ns: int


class SiteTracker:
    """The memory profile, read again and again. The first ``read`` is what later ones are compared with."""

    def __init__(self, program: GoProgram, symbols: Symbols) -> None:
        self._program = program
        self._symbols = symbols
        self._blocks = Blocks(program.space, program.image.mappings)
        self._address = np.zeros(0, np.uint64)
        self._site = np.zeros(0, np.uint32)
        self._frames: list[Frame] = []
        self._rows: dict[Frame, int] = {}
        self._chunks: list[tuple[int, CallSites]] = []
        self._first: Readings | None = None
        self._before: Readings | None = None
        self._last: Readings | None = None
        self._doubts: list[str] = []
        self.rate = 0
        """runtime.MemProfileRate: bytes per sample."""

    def read(self) -> None:
        """Read it once more. GosnapError where the program keeps none, or where it does not rest."""
        buckets = read_buckets(self._program, self._blocks)
        check_profiled(self._program.image.exe_label, buckets.state)
        self._learn(buckets)
        self.rate = buckets.state.rate
        self._doubts = doubts(self._program, buckets)

        def estimate(count: I64) -> tuple[I64, I64]:
            found = estimates(count, buckets.size, self.rate, buckets.total_bytes)
            objects, space = (np.asarray(c)[::-1] for c in found)
            return objects, space

        def counts(view: Literal["pprof", "now"]) -> tuple[I64, I64]:
            allocs, frees = (np.asarray(c) for c in buckets.counts(view))
            return allocs, frees

        (then_allocs, then_frees), (now_allocs, now_frees) = counts("pprof"), counts("now")
        self._before = self._last
        self._last = Readings(
            inuse=estimate(then_allocs - then_frees),
            now=estimate(now_allocs - now_frees),
            alloc=estimate(now_allocs),
            monotonic_ns=time.monotonic_ns(),
        )
        self._first = self._first or self._last

    def since_now(self) -> None:
        """What counts as "since" begins with the last reading."""
        self._first = self._last

    def _learn(self, buckets: Buckets) -> None:
        known = len(self._address)
        new = len(buckets) - known
        address = np.asarray(buckets.address)[::-1]
        if new < 0 or not np.array_equal(address[:known], self._address):
            raise GosnapError(
                f"{self._program.image.exe_label}: its memory profile is not the list that it was",
                "leave and start again; if it happens once more, please report it",
            )
        if not new:
            return
        start = buckets.start[: new + 1]
        sites = call_sites(self._program, start, buckets.pcs[: int(start[-1])], self._symbols)
        self._chunks.append((known, sites))
        self._site = np.concatenate([self._site, self._innermost(sites)[::-1]])
        self._address = address.copy()

    def _innermost(self, sites: CallSites) -> U32:
        """The site of each stack: rows of ``_frames``."""
        starts = np.asarray(sites.stack_start)
        stack = np.append(np.asarray(sites.stack).astype(np.int64), -1)
        locations = np.where(starts[1:] <= starts[:-1], -1, stack[starts[:-1]])
        several, inverse = np.unique(locations, return_inverse=True)
        rows = []
        for location in several.tolist():
            frame = Frame("?", "", 0)
            if location >= 0:
                frame = _frame(sites, int(sites.line_start[location]))
            if frame not in self._rows:
                self._rows[frame] = len(self._frames)
                self._frames.append(frame)
            rows.append(self._rows[frame])
        out: U32 = np.array(rows, np.uint32)[inverse]
        return out

    def table(self) -> SiteTable:
        """The last reading by site."""
        last, first, before = self._last, self._first, self._before or self._last
        n = len(self._frames)
        if last is None or first is None or before is None:
            return SiteTable([], {name: np.zeros(0, np.int64) for name in COLUMNS})

        def total(values: I64) -> I64:
            out = np.zeros(n, np.int64)
            np.add.at(out, self._site[: len(values)], values)
            return out

        step_ms = (last.monotonic_ns - before.monotonic_ns) // 10**6
        columns = (
            total(last.inuse[1]),
            total(last.inuse[0]),
            total(last.now[1]),
            total(last.now[0]),
            total(_less(last.now[1], first.now[1])),
            total(_less(last.alloc[1], first.alloc[1])),
            total(_less(last.alloc[0], first.alloc[0])),
            total(_less(last.alloc[1], before.alloc[1])) * 10**3 // max(step_ms, 1),
        )
        return SiteTable(self._frames[:n], dict(zip(COLUMNS, columns, strict=True)), self._doubts)

    def stacks(self, frame: Frame, most: int) -> list[Stack]:
        """The ``most`` stacks of a site that hold most, then those that allocated most."""
        row = self._rows.get(frame)
        if row is None or self._last is None or self._first is None:
            return []
        mine = np.flatnonzero(self._site == row)
        held = self._last.now[1][mine]
        alloc = _less(self._last.alloc[1], self._first.alloc[1])[mine]
        merged: dict[tuple[Frame, ...], list[int]] = {}
        # buckets of one stack differ in the size of the object
        for i in np.lexsort((-alloc, -held))[: most * 8].tolist():
            total = merged.setdefault(tuple(self._stack(int(mine[i]))), [0, 0])
            total[0] += int(held[i])
            total[1] += int(alloc[i])
        ordered = sorted(merged.items(), key=lambda item: (-item[1][0], -item[1][1]))[:most]
        return [Stack(list(frames), *totals) for frames, totals in ordered]

    def _stack(self, bucket: int) -> list[Frame]:
        at = max(i for i, (first, _) in enumerate(self._chunks) if first <= bucket)
        first, sites = self._chunks[at]
        row = len(sites.stack_start) - 2 - (bucket - first)
        out: list[Frame] = []
        for location in sites.stack[int(sites.stack_start[row]) : int(sites.stack_start[row + 1])].tolist():
            begin, end = int(sites.line_start[location]), int(sites.line_start[location + 1])
            out += [_frame(sites, i) for i in range(begin, end)]
            if len(out) >= _DEEPEST:
                break
        return out[:_DEEPEST]


def _frame(sites: CallSites, line: int) -> Frame:
    function = int(sites.line_function[line])
    return Frame(sites.name[function], sites.file[function], int(sites.line[line]))


def _less(after: I64, before: I64) -> I64:
    """After minus before; rows that were not there before count whole."""
    out = after.copy()
    out[: len(before)] -= before
    return out
