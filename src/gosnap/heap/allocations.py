"""Which stacks allocated which objects: the memory profile joined with the objects of a snapshot.

The runtime samples one object per MemProfileRate bytes, on average, and remembers the stack that allocated
each as long as the object lives. What is said of all objects is estimated from these samples, as
runtime/pprof does (``mprof.estimates``); at a rate of 1 every object is a sample, and nothing is estimated.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gosnap.errors import NoProfileError
from gosnap.goruntime.callsites import CallSites
from gosnap.goruntime.heapprofile import HeapProfile
from gosnap.goruntime.mprof import estimates
from gosnap.heap.columns import Columns
from gosnap.heap.memprofile import allocation_sites
from gosnap.heap.numbering import numbered, sequences
from gosnap.heap.storedprofile import stored_profile
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

STACKS = 3
"""How many stacks are told of a set of objects where it is not said."""
_DEEPEST = 1 << 14
"""Go's stacks have 1024 return addresses at most (runtime.maxProfStackDepth), and some inlined calls at
each."""


_OF_SITES = (
    *("start_line", "address", "mapping", "line_start", "line_function", "line"),
    *("stack_start", "stack"),
)


class Allocations:
    """The sampled objects of a snapshot, and the stacks that allocated them.

    ``objects``: i64[n], their numbers, sorted. NoProfileError where the snapshot holds no memory profile;
    GosnapError where sections contradict each other.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._profile = _in_numpy(stored_profile(columns.reader))
        sites = allocation_sites(columns, self._profile)
        self.objects: I64 = sites.object.astype(np.int64)
        self._bucket: I64 = sites.bucket.astype(np.int64)
        lines, depth = np.diff(self._profile.sites.line_start), np.diff(self._profile.sites.stack_start)
        for longest in (lines, depth):
            if len(longest) and int(longest.max()) > _DEEPEST:
                raise columns.wrong("a stack that is deeper than any of Go's")

    @property
    def rate(self) -> int:
        """Bytes that are allocated per sample, on average; 1 (or less): every object is one."""
        return self._profile.state.rate

    def told(self) -> Row:
        """How objects were sampled: rate, samples (of all objects), note and hint ("")."""
        return {"rate": self.rate, "samples": len(self.objects), "note": "", "hint": ""}

    def estimated(self, group: I64, groups: int) -> tuple[I64, I64, I64]:
        """(samples, objects, bytes) of each of so many groups: how many samples are in it, and how many
        objects they stand for, of how many bytes. ``group``: of each sampled object, -1 for none."""
        kept = np.flatnonzero(group >= 0)
        pairs, count = np.unique(group[kept] << 32 | self._bucket[kept], return_counts=True)
        objects, space = self._estimates(pairs & 0xFFFFFFFF, count)
        return _sums(pairs >> 32, groups, count, objects, space)

    def _estimates(self, bucket: I64, count: I64) -> tuple[I64, I64]:
        p = self._profile
        objects, space = estimates(count.astype(np.int64), p.size[bucket], p.state.rate, p.total_bytes)
        return np.asarray(objects), np.asarray(space)

    def stacks(self, group: I64, groups: int, most: int | None = STACKS) -> list[Row]:
        """What allocated the objects of each of so many groups: samples, objects, bytes (as ``estimated``),
        stacks and left_out.

        ``stacks``: at most ``most`` (None: all), those with the most bytes first, each with samples, objects,
        bytes and frames (innermost first: function, file, line; without the runtime's own at the inner end,
        as runtime/pprof has them). ``left_out``: stacks, samples, objects, bytes of the others.
        """
        kept = np.flatnonzero(group >= 0)
        pairs, count = np.unique(group[kept] << 32 | self._bucket[kept], return_counts=True)
        bucket, of = pairs & 0xFFFFFFFF, pairs >> 32
        objects, space = self._estimates(bucket, count)
        # buckets differ in size, too, and in frames that nobody sees: many are one stack
        key = (of.astype(np.uint64) << np.uint64(32)) | self._stack_of(bucket)
        distinct, which = numbered(key)
        samples, objects, space = _sums(which, len(distinct), count, objects, space)
        example = np.zeros(len(distinct), np.int64)
        example[which[::-1]] = bucket[::-1]
        of = (distinct >> np.uint64(32)).astype(np.int64)
        order = np.lexsort((example, -samples, -space, of))
        start = np.searchsorted(of[order], np.arange(groups + 1))
        rows = []
        for low, high in zip(start[:-1].tolist(), start[1:].tolist(), strict=True):
            end = high if most is None else min(high, low + most)
            mine, others = order[low:high], order[end:high]
            rows.append(
                {
                    **_counts(samples[mine], objects[mine], space[mine]),
                    "stacks": [
                        {
                            **_counts(samples[i : i + 1], objects[i : i + 1], space[i : i + 1]),
                            "frames": self._frames(int(example[i])),
                        }
                        for i in order[low:end].tolist()
                    ],
                    "left_out": {
                        "stacks": len(others),
                        **_counts(samples[others], objects[others], space[others]),
                    },
                }
            )
        return rows

    def of(self, chosen: Bools, most: int | None = STACKS) -> Row:
        """The same of one set; ``chosen``: which of the sampled objects are in it."""
        return self.stacks(np.where(chosen, 0, -1).astype(np.int64), 1, most)[0]

    def among(self, objects: I64) -> Bools:
        """Which of the sampled objects are among these objects."""
        return np.isin(self.objects, objects)

    def through(self, match: Callable[[str], object]) -> tuple[Bools, list[str]]:
        """(which of the sampled objects were allocated by a stack that has a function whose name or file
        matches, the names of these functions)."""
        sites = self._profile.sites
        hit = matching(sites, match)
        locations = _any(hit[sites.line_function], sites.line_start)
        buckets = _any(locations[sites.stack], sites.stack_start)
        return buckets[self._bucket], [n for n, yes in zip(sites.name, hit.tolist(), strict=True) if yes]

    # ------------------------------------------------------------------ stacks

    @cached_property
    def _locations(self) -> U32:
        """A number for each location, the same for those that are the same calls in the same lines."""
        s = self._profile.sites
        line = s.line.astype(np.int64).astype(np.uint64) & np.uint64(0xFFFFFFFF)
        items = numbered(s.line_function.astype(np.uint64) << np.uint64(32) | line)[1]
        return sequences(s.line_start, items, np.arange(len(s.line_start) - 1))

    def _stack_of(self, bucket: I64) -> U32:
        """A number for the stack of each of these buckets."""
        s = self._profile.sites
        rows, which = np.unique(bucket, return_inverse=True)
        return sequences(s.stack_start, self._locations[s.stack], rows)[which]

    def _frames(self, bucket: int) -> list[Row]:
        s = self._profile.sites
        out: list[Row] = []
        for place in s.stack[s.stack_start[bucket] : s.stack_start[bucket + 1]].tolist():
            for k in range(int(s.line_start[place]), int(s.line_start[place + 1])):
                function = int(s.line_function[k])
                out.append({"function": s.name[function], "file": s.file[function], "line": int(s.line[k])})
            if len(out) > _DEEPEST:
                raise self._columns.wrong("a stack that is deeper than any of Go's")
        return out


def _in_numpy(p: HeapProfile) -> HeapProfile:
    """The same with columns that can be asked for many rows at once."""
    s = p.sites
    columns = {name: np.asarray(getattr(s, name)) for name in _OF_SITES}
    sites = CallSites(name=s.name, file=s.file, complete=s.complete, **columns)
    return replace(
        p, size=np.asarray(p.size), allocs=np.asarray(p.allocs), frees=np.asarray(p.frees), sites=sites
    )


def matching(sites: CallSites, match: Callable[[str], object]) -> Bools:
    """Which functions' names or files match, as pprof's filters look at both."""
    pairs = zip(sites.name, sites.file, strict=True)
    return np.array([bool(match(name)) or bool(match(file)) for name, file in pairs], bool)


def allocations(columns: Columns) -> tuple[Allocations | None, Row]:
    """(the join, how objects were sampled); None where the target keeps no memory profile, of which ``note``
    and ``hint`` then tell."""
    try:
        known = Allocations(columns)
    except NoProfileError as e:
        path = f"{columns.reader.path}: "
        return None, {"rate": 0, "samples": 0, "note": e.message.removeprefix(path), "hint": e.hint}
    return known, known.told()


def add_to_types(
    columns: Columns, rows: list[Row], row_of: list[int], only: str, most: int | None
) -> dict[str, Any]:
    """Give each row of ``types`` its ``alloc`` (``Allocations.stacks``); how objects were sampled.

    ``row_of``: for each row of the type table the row it is shown in, -1 for none; ``only``: all, live or
    garbage objects.
    """
    known, told = allocations(columns)
    if known is None:
        return told
    table = columns.type_table
    objects = known.objects
    # of what has no type the span class is the rest of its name
    keys = np.array(table["key"], np.uint64) << np.uint64(8) | np.array(table["spanclass"], np.uint64)
    order = np.argsort(keys, kind="stable")
    wanted = columns.types[objects].astype(np.uint64) << np.uint64(8) | columns.spanclass[
        columns.span_of(objects)
    ].astype(np.uint64)
    group = np.full(len(objects), -1, np.int64)
    if len(order):
        at = order[np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)]
        group = np.where(keys[at] == wanted, np.array(row_of, np.int64)[at], -1)
    if only != "all":
        live = Tree(columns).live[objects]
        group[live != (only == "live")] = -1
    for row, alloc in zip(rows, known.stacks(group, len(rows), most), strict=True):
        row["alloc"] = alloc
    return told


def _counts(samples: I64, objects: I64, space: I64) -> dict[str, int]:
    return {"samples": int(samples.sum()), "objects": int(objects.sum()), "bytes": int(space.sum())}


def _sums(group: npt.NDArray[Any], groups: int, *values: I64) -> tuple[I64, I64, I64]:
    """Sums by group; exact, where floats would not be."""
    out = [np.zeros(groups, np.int64) for _ in values]
    for column, value in zip(out, values, strict=True):
        np.add.at(column, group, value)
    first, second, third = out
    return first, second, third


def _any(hit: Bools, start: I64) -> Bools:
    """Whether any of hit[start[i]:start[i + 1]] is."""
    total = np.concatenate([[0], np.cumsum(hit)])
    return np.asarray(total[start[1:]] > total[start[:-1]])
