"""From an image of a process to its heap as columns, with the checks that prove the read."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from gosnap._kernels.edges import EdgeHandle, HeapBits, scan_spans
from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space
from gosnap._kernels.rtypes import RuntimeTypes
from gosnap.errors import GosnapError
from gosnap.goruntime.arenas import arena_bitmaps
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import Roots, read_roots
from gosnap.goruntime.slotnames import SlotNames, name_slots
from gosnap.goruntime.slottypes import type_slots
from gosnap.goruntime.spans import Spans, build_heap, enumerate_objects, kernel_space, read_spans
from gosnap.heap.objtypes import TypeRow, name_rows, runtime_types, type_objects
from gosnap.heap.ownership import Ownership, find_ownership
from gosnap.heap.roles import GARBAGE, ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.stackmaps import type_parts
from gosnap.target.space import AddressSpace

if TYPE_CHECKING:
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.target.image import Image

Progress = Callable[[str, int, int], None]
"""Called with (phase, done, all): bytes, or 0 of 0 where a phase has no measure."""
SCAN_THREADS = 2
_LAST_NUMBER = 16
"""reflect.Complex128, the last of the kinds bool, int, … (reflect/type.go)."""
_LARGEST_NUMBER = 16
_SMALL_CLASSES = (1, 2)
"""Size classes of 8 and 16 bytes."""


@dataclass
class Analysis:
    """A heap, decoded. ``degree``, ``targets``: the reference graph as CSR; ``steps``, ``far``: where
    in its object each reference is (``edges.scan_spans``; (n, 2): edge and step). ``otype``: a type per
    object."""

    program: GoProgram
    heap: Heap
    spans: Spans
    space: Space
    checks: dict[str, int]
    degree: npt.NDArray[np.uint32]
    targets: list[npt.NDArray[np.uint32]]
    steps: list[npt.NDArray[np.uint16]]
    far: npt.NDArray[np.uint64]
    otype: npt.NDArray[np.uint32]
    rows: list[TypeRow]
    owners: Ownership | None
    """None where the roots could not be read: the image then says why in its notes."""
    slots: SlotNames | None
    conservative: int
    unpublished: int
    dangling: list[tuple[int, int]]
    timings_us: dict[str, int] = field(default_factory=dict)
    keep: list[object] = field(default_factory=list)

    @property
    def objects(self) -> int:
        """Allocated objects."""
        return int(self.heap.nobjects)

    @property
    def bytes(self) -> int:
        """Bytes of their slots."""
        return int((self.spans.counts.astype(np.uint64) * self.spans.elemsize).sum())

    @property
    def live_bytes(self) -> int:
        """Bytes of slots of live objects; 0 where the roots could not be read."""
        return sum(r.live_bytes for r in self.rows)

    @property
    def untyped_bytes(self) -> int:
        """Bytes of objects without a type."""
        return sum(r.bytes for r in self.rows if r.key == 0)


SpansFound = Callable[[GoProgram, Heap, Spans], None]


def analyse(
    image: "Image",
    elf: "ElfFile",
    dwarf: "GoDwarf | None",
    progress: Progress | None = None,
    spans_found: SpansFound | None = None,
) -> Analysis:
    """Decode spans, objects, edges and types. ``spans_found`` is called as soon as the spans are known."""
    clock = _Clock(progress)
    program = GoProgram(image, elf, dwarf)
    space = kernel_space(image.space)
    spans = read_spans(program, space)
    heap, keep = build_heap(spans, image.space, space)
    mismatches = enumerate_objects(heap, spans, space)
    clock.done("objects")
    if spans_found is not None:
        spans_found(program, heap, spans)
    rtypes = runtime_types(program, space)
    rtypes.prepare(heap)
    heap_bits = None
    if not spans.in_span_bits:
        heap_bits, bytes_ = _load_heap_bits(program, image.space, heap)
        keep += bytes_
    degree = np.zeros(heap.nobjects, np.uint32)
    parts = _scan(heap, rtypes, spans, degree, heap_bits)
    clock.done("edges")
    targets = [np.frombuffer(memoryview(p.targets), np.uint32) for p in parts]
    roots, names = _roots(program, spans)
    clock.done("roots")
    # two walks over the same graph, which need nothing of each other
    with ThreadPoolExecutor(1, thread_name_prefix="gosnap-owners") as pool:
        owning = pool.submit(_owners, program, heap, roots, spans, (degree, targets))
        otype = type_objects(program, heap, rtypes, names, None if roots is None else roots.typed)
        _name_arrays(program, heap, spans, otype)
        steps = [np.frombuffer(memoryview(p.steps), np.uint16) for p in parts]
        type_parts(program, spans, otype, degree, (targets, steps))
        clock.done("types")
        owners, owners_us = owning.result()
    clock.timings["reach"] = owners_us
    live = None if owners is None else owners.live
    rows = name_rows(program, heap.aggregate(otype, spans.spanclass), _live(heap, otype, spans, live))
    checks = {
        "dangling_pointers": sum(p.dangling for p in parts),
        "bad_type_headers": sum(p.bad_headers for p in parts),
        "span_count_mismatches": mismatches,
    }
    return Analysis(
        program=program,
        heap=heap,
        spans=spans,
        space=space,
        checks=checks,
        degree=degree,
        targets=targets,
        otype=otype,
        rows=rows,
        owners=owners,
        slots=names,
        steps=steps,
        far=_far(parts),
        conservative=sum(p.conservative for p in parts),
        unpublished=sum(p.unpublished for p in parts),
        dangling=[d for p in parts for d in p.named][:16],
        timings_us=clock.timings,
        keep=keep,
    )


def _roots(program: GoProgram, spans: Spans) -> tuple[Roots | None, SlotNames | None]:
    """The roots, and what DWARF or the code says of those on stacks; None where they cannot be read."""
    try:
        roots = read_roots(program, spans)
    except GosnapError as e:
        program.image.notes.append(f"live objects are not told from garbage: {e.message}")
        return None, None
    return roots, name_slots(program, roots) if program.has_dwarf else type_slots(program, roots)


def _owners(
    program: GoProgram,
    heap: Heap,
    roots: Roots | None,
    spans: Spans,
    graph_columns: tuple[npt.NDArray[np.uint32], list[npt.NDArray[np.uint32]]],
) -> tuple[Ownership | None, int]:
    """(who owns what, microseconds)."""
    began = time.monotonic_ns()
    if roots is None:
        return None, 0
    try:
        found = find_ownership(program, heap, roots, spans, graph_columns)
    except GosnapError as e:
        program.image.notes.append(f"live objects are not told from garbage: {e.message}")
        return None, 0
    return found, (time.monotonic_ns() - began) // 1000


def _name_arrays(program: GoProgram, heap: Heap, spans: Spans, otype: npt.NDArray[np.uint32]) -> None:
    """An object that a pointer calls a number, but that is larger than any number, is an array of them."""
    kinds = program.types.kind
    found = set()
    for key, spanclass, _, _ in heap.aggregate(otype, spans.spanclass):
        row = key & ROW_MASK
        scalar = (
            key and key >> ROLE_SHIFT == Role.VALUE and row < len(kinds) and 0 < kinds[row] <= _LAST_NUMBER
        )
        if scalar and spanclass >> 1 not in _SMALL_CLASSES:
            found.add(key)
    for key in found:
        objects = np.flatnonzero(otype == np.uint32(key))
        sizes = spans.elemsize[np.searchsorted(np.cumsum(spans.counts), objects, side="right")]
        otype[objects[sizes > _LARGEST_NUMBER]] = np.uint32(Role.ARRAY << ROLE_SHIFT | (key & ROW_MASK))


def _live(
    heap: Heap, otype: npt.NDArray[np.uint32], spans: Spans, live: npt.NDArray[np.uint8] | None
) -> list[tuple[int, int, int, int]]:
    """As ``Heap.aggregate``, of live objects only."""
    if live is None:
        return []
    masked = np.where(live, otype, np.uint32(GARBAGE)).astype(np.uint32)
    return [row for row in heap.aggregate(masked, spans.spanclass) if row[0] != GARBAGE]


def _scan(
    heap: Heap,
    rtypes: RuntimeTypes,
    spans: Spans,
    degree: npt.NDArray[np.uint32],
    heap_bits: HeapBits | None,
) -> list["_Part"]:
    """Scan for pointers in threads, each over spans of about the same scannable bytes."""
    weight = np.where(spans.noscan, 0, spans.npages).astype(np.int64).cumsum()
    total = int(weight[-1]) if len(weight) else 0
    cuts = [int(np.searchsorted(weight, total * i // SCAN_THREADS)) for i in range(1, SCAN_THREADS)]
    bounds = [0, *cuts, len(spans)]
    with ThreadPoolExecutor(SCAN_THREADS) as pool:
        jobs = [
            pool.submit(scan_spans, heap, rtypes, lo, hi, degree, heap_bits)
            for lo, hi in itertools.pairwise(bounds)
        ]
        return [_Part(*j.result()) for j in jobs]


class _Part(NamedTuple):
    """What ``scan_spans`` returns."""

    targets: EdgeHandle
    steps: EdgeHandle
    far: EdgeHandle
    dangling: int
    bad_headers: int
    conservative: int
    unpublished: int
    named: list[tuple[int, int]]


def _far(parts: list[_Part]) -> npt.NDArray[np.uint64]:
    """(edge, step) of far steps over all parts."""
    out = [np.zeros((0, 2), np.uint64)]
    before = 0
    for p in parts:
        pairs = np.frombuffer(memoryview(p.far), np.uint64).reshape(-1, 2).copy()
        pairs[:, 0] += np.uint64(before)
        out.append(pairs)
        before += len(p.targets)
    return np.concatenate(out)


def _load_heap_bits(program: GoProgram, space: AddressSpace, heap: Heap) -> tuple[HeapBits, list[object]]:
    """Go <= 1.21: heapArena.bitmap of every arena in memory of ours, whole and zero where never touched.

    Returns that memory too, which must outlive the bits.
    """
    found = arena_bitmaps(program, heap.arena_chunks())
    keep: list[object] = []
    arena, bitmap, nomore = [], [], []
    if found is not None:
        for start, b, m in zip(found.arena, found.bitmap, found.nomore, strict=True):
            bits = np.frombuffer(space.read(b, found.bitmap_bytes), np.uint8)
            more = np.frombuffer(space.read(m, found.nomore_bytes), np.uint8)
            keep += [bits, more]
            arena.append(start)
            bitmap.append(bits.ctypes.data)
            nomore.append(more.ctypes.data)
    columns = (np.asarray(c, np.uint64) for c in (arena, bitmap, nomore))
    return HeapBits(heap, *columns), keep


class _Clock:
    """Microseconds of each phase."""

    def __init__(self, progress: Progress | None) -> None:
        self.timings: dict[str, int] = {}
        self._progress = progress
        self._last = time.monotonic_ns()

    def done(self, phase: str) -> None:
        now = time.monotonic_ns()
        self.timings[phase] = (now - self._last) // 1000
        self._last = now
        if self._progress is not None:
            self._progress(phase, 0, 0)
