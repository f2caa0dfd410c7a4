"""Where the RSS of the process went: every resident page gets exactly one row."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gosnap._kernels.heap import Heap
from gosnap.goruntime.arenas import ARENA_BYTES, arena_starts
from gosnap.goruntime.metadata import metadata_ranges, work_buffer_spans
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.sizeclasses import PAGE_SIZE
from gosnap.goruntime.spans import Spans
from gosnap.heap.intervals import Intervals, intersect, length, merge, subtract
from gosnap.target.image import PAGE_PRESENT, PAGE_ZERO, Image
from gosnap.target.procfs import is_shared_memory

U64 = npt.NDArray[np.uint64]

OBJECTS = "allocated objects"
LIVE = "allocated objects, live"
GARBAGE = "allocated objects, garbage"
FREE_SLOTS = "free slots in spans"
IDLE = "idle and released heap pages"
STACKS = "goroutine stacks"
METADATA = "runtime metadata"
GLOBALS = "globals (data, bss)"
FILES = "binary and file mappings"
OUTSIDE = "outside Go (cgo, mmap, threads)"
UNEXPLAINED = "not explained"


@dataclass
class Pages:
    """Resident memory as sorted runs, with the bytes below any address in O(log n)."""

    start: U64
    end: U64

    def __post_init__(self) -> None:
        self._below = np.concatenate([[0], np.cumsum(self.end - self.start)]).astype(np.int64)

    def below(self, address: U64) -> npt.NDArray[np.int64]:
        """Resident bytes below each address."""
        i = np.searchsorted(self.start, address, side="right")
        before = self._below[np.maximum(i - 1, 0)]
        last = np.maximum(i - 1, 0)
        inside = np.minimum(address, self.end[last]) - np.minimum(self.start[last], address)
        return np.where(i > 0, before + inside.astype(np.int64), 0)

    def within(self, intervals: Intervals) -> int:
        """Resident bytes inside disjoint intervals."""
        if not intervals or not len(self.start):
            return 0
        table = np.asarray(intervals, np.uint64).reshape(-1, 2)
        return int((self.below(table[:, 1].copy()) - self.below(table[:, 0].copy())).sum())


def resident_pages(image: Image) -> Pages:
    """The pages that count towards RSS; for a core, the bytes that it holds."""
    if image.resident is None:
        start, end = image.space.start, image.space.end
    else:
        r = image.resident
        keep = ((r.flags & np.uint64(PAGE_PRESENT)) != 0) & ((r.flags & np.uint64(PAGE_ZERO)) == 0)
        start, end = r.start[keep], r.end[keep]
    order = np.argsort(start, kind="stable")
    return Pages(start[order].astype(np.uint64), end[order].astype(np.uint64))


@dataclass
class Regions:
    """The rows of the reconciliation and what ``spans`` says of the page heap."""

    rows: list[dict[str, Any]]
    page_heap: dict[str, int]
    rss_bytes: int
    accounted_bytes: int


def _bytes_of(spans: Spans, chosen: npt.NDArray[np.uint8]) -> int:
    """Bytes of the slots of the chosen objects."""
    before = np.concatenate([[0], np.cumsum(chosen, dtype=np.int64)])
    end = np.cumsum(spans.counts, dtype=np.int64)
    count = before[end] - before[end - spans.counts]
    return int((count.astype(np.uint64) * spans.elemsize).sum())


def _joined(base: U64, npages: U64) -> Intervals:
    """Spans, sorted by address, as intervals; neighbours as one."""
    if not len(base):
        return []
    end = base + npages * np.uint64(PAGE_SIZE)
    first = np.flatnonzero(np.concatenate([[True], base[1:] > end[:-1]]))
    last = np.append(first[1:], len(base)) - 1
    return list(zip(base[first].tolist(), end[last].tolist(), strict=True))


@dataclass
class InSpans:
    """What is in the spans in use: rows of the objects (region, resident bytes, bytes, note), and bytes."""

    rows: list[tuple[str, int, int, str]]
    objects_resident: int
    """Resident bytes of all rows."""
    resident: int
    """Resident bytes of the spans."""
    object_bytes: int


class Places(Protocol):
    """Where spans are: in use, and of stacks and the runtime (``goruntime.spans.Spans``)."""

    base: U64
    npages: U64
    manual_base: U64
    manual_npages: U64


def reconcile(
    program: GoProgram, heap: Heap, spans: Spans, live: npt.NDArray[np.uint8] | None = None
) -> Regions:
    """Give every resident page of the target one row. Rows: region, bytes (resident), virtual_bytes, note.

    ``live``: u8 per object, by which allocated objects are split into live ones and garbage.
    """
    pages = resident_pages(program.image)
    n = len(spans)
    alloc, total = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    heap.resident(pages.start, pages.end, alloc, total)
    objects = int(alloc.sum())
    object_bytes = int((spans.counts.astype(np.uint64) * spans.elemsize).sum())
    if live is None:
        rows = [(OBJECTS, objects, object_bytes, f"{heap.nobjects:,} objects, live or not yet collected")]
    else:
        alive = np.zeros(n, np.uint64)
        heap.resident(pages.start, pages.end, alive, total, live)
        reached, resident = int(np.count_nonzero(live)), int(alive.sum())
        reached_bytes = _bytes_of(spans, live)
        rows = [
            (LIVE, resident, reached_bytes, f"{reached:,} objects that the program can reach"),
            (
                GARBAGE,
                objects - resident,
                object_bytes - reached_bytes,
                f"{heap.nobjects - reached:,} objects, not yet collected",
            ),
        ]
    return account(program, pages, spans, InSpans(rows, objects, int(total.sum()), object_bytes))


def account(program: GoProgram, pages: Pages, spans: Places, inside: InSpans) -> Regions:
    """The rows of ``reconcile`` around those of the objects, which are the caller's."""
    image = program.image
    arena_list = arena_starts(program)
    maps = image.mappings
    mapped: Intervals = []
    files: Intervals = []
    kernel: Intervals = []
    named_go: Intervals = []
    reserved: Intervals = []
    shared: Intervals = []
    for i in range(len(maps)):
        interval = (int(maps.start[i]), int(maps.end[i]))
        path = maps.path[i]
        if path in ("[vdso]", "[vvar]", "[vsyscall]", "[vvar_vclock]"):
            kernel.append(interval)
        elif is_shared_memory(path):
            shared.append(interval)
        elif path.startswith("/") or (maps.inode[i] and not path.startswith("[")):
            files.append(interval)
        elif path.startswith("[anon: Go: "):
            named_go.append(interval)
        elif maps.perms[i].startswith("---"):
            reserved.append(interval)
        else:
            mapped.append(interval)
    arenas = merge([(a, a + ARENA_BYTES) for a in arena_list])
    readable = merge(mapped + named_go)
    arena_mapped = intersect(readable, arenas)
    span_rows = _joined(spans.base, spans.npages)
    work_buffers = np.isin(spans.manual_base, np.array(sorted(work_buffer_spans(program)), np.uint64))
    work_spans, stack_spans = (
        _joined(spans.manual_base[which], spans.manual_npages[which])
        for which in (work_buffers, ~work_buffers)
    )
    in_spans = inside.resident
    stacks, work = pages.within(stack_spans), pages.within(work_spans)
    in_arenas = pages.within(arenas)
    idle = in_arenas - in_spans - stacks - work
    span_bytes = length(span_rows)
    used = merge(span_rows + stack_spans + work_spans)
    idle_virtual = length(subtract(arena_mapped, used))

    outside_arenas = subtract(readable, arenas)
    globals_ = merge(
        [
            (getattr(m, lo), getattr(m, hi))
            for m in program.modules
            for lo, hi in (("noptrdata", "enoptrbss"), ("data", "edata"), ("bss", "ebss"))
        ]
    )
    anonymous = subtract(outside_arenas, globals_)
    file_only = subtract(merge(files), globals_)
    ours = merge([*metadata_ranges(program, arena_list), *named_go])
    meta, other = intersect(anonymous, ours), merge([*subtract(anonymous, ours), *shared])
    # what was written and then made inaccessible is memory still; as address space it is only reserved
    hidden = subtract(subtract(merge(reserved), arenas), globals_)
    hidden_meta, hidden_other = pages.within(intersect(hidden, ours)), pages.within(subtract(hidden, ours))
    rows: list[dict[str, Any]] = []

    def row(region: str, resident: int, virtual: int, note: str) -> None:
        rows.append({"region": region, "bytes": resident, "virtual_bytes": virtual, "note": note})

    for r in inside.rows:
        row(*r)
    row(
        FREE_SLOTS,
        in_spans - inside.objects_resident,
        span_bytes - inside.object_bytes,
        "in spans that are in use, and tails of spans",
    )
    row(IDLE, idle, idle_virtual, "kept for reuse, or given back to the system already")
    row(STACKS, stacks, length(stack_spans), "in use and cached")
    row(
        METADATA,
        pages.within(meta) + work + hidden_meta,
        length(meta) + length(work_spans),
        "spans, bitmaps, page tables, work buffers",
    )
    row(GLOBALS, pages.within(globals_), length(globals_), "package variables")
    row(FILES, pages.within(file_only), length(file_only), "code, read-only data, libraries, mapped files")
    row(
        OUTSIDE,
        pages.within(other) + pages.within(kernel) + hidden_other,
        length(other) + length(kernel),
        "not Go's own memory",
    )
    accounted = sum(r["bytes"] for r in rows)
    rss = image.rss_bytes if image.rss_bytes is not None else int((pages.end - pages.start).sum())
    row(UNEXPLAINED, rss - accounted, 0, "resident, but in none of the rows above")
    page_heap = {
        "arena_bytes": length(arena_mapped),
        "in_use_bytes": span_bytes,
        "stack_bytes": length(stack_spans),
        "work_buffer_bytes": length(work_spans),
        "idle_bytes": idle,
        "released_bytes": max(idle_virtual - idle, 0),
    }
    return Regions(rows, page_heap, rss, accounted)
