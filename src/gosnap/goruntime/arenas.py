"""Address ranges that belong to Go: heap arenas and the runtime's own metadata.

Sources: runtime/mheap.go (arenas, heapArena, allspans), runtime/mpagealloc.go (summary, chunks),
runtime/malloc.go (persistentChunks), runtime/mgc.go (work.wbufSpans).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import Spans

ARENA_BYTES = 64 << 20
# arenaBaseOffset on amd64 (runtime/malloc.go): arena 0 begins at the lowest canonical address
_BASE_OFFSET = {"x86_64": 0xFFFF800000000000, "aarch64": 0}
_PERSISTENT_CHUNK = 256 << 10
_MAX_CHUNKS = 1 << 20


@dataclass
class ArenaBitmaps:
    """Where Go <= 1.21 keeps pointer bits: per arena the addresses of heapArena.bitmap and .noMorePtrs."""

    arena: list[int]
    bitmap: list[int]
    nomore: list[int]
    bitmap_bytes: int
    nomore_bytes: int


def arena_starts(program: GoProgram) -> list[int]:
    """First address of every heap arena, sorted; [] where the runtime's list cannot be read."""
    mheap = program.address("runtime.mheap_")
    lay = program.layouts
    starts: set[int] = set()
    if mheap is None:
        return []
    for field in ("allArenas", "heapArenas", "userArenaArenas"):
        f = lay.find("runtime.mheap", field)
        if f is None:
            continue
        try:
            ptr, n = program.space.u64(mheap + f.offset), program.space.u64(mheap + f.offset + 8)
            raw = program.space.read(ptr, min(n, 1 << 22) * 8)
        except ReadError:
            continue
        for index in np.frombuffer(raw, "<u8").tolist():
            starts.add((index * ARENA_BYTES + _BASE_OFFSET["x86_64"]) % (1 << 64))
    return sorted(a for a in starts if a < 1 << 47)


def arena_structs(program: GoProgram, starts: list[int]) -> dict[int, int]:
    """Address of the heapArena structure of each arena."""
    mheap = program.address("runtime.mheap_")
    f = program.layouts.find("runtime.mheap", "arenas")
    out: dict[int, int] = {}
    if mheap is None or f is None:
        return out
    try:
        l2 = program.space.u64(mheap + f.offset)
        for start in starts:
            index = (start - _BASE_OFFSET["x86_64"]) % (1 << 64) // ARENA_BYTES
            out[start] = program.space.u64(l2 + index * 8)
    except ReadError:
        return out
    return out


def arena_bitmaps(program: GoProgram, starts: list[int]) -> ArenaBitmaps | None:
    """Pointer bitmaps of Go <= 1.21; None for later versions, which keep them in the spans."""
    lay = program.layouts
    bitmap, nomore = lay.find("runtime.heapArena", "bitmap"), lay.find("runtime.heapArena", "noMorePtrs")
    if bitmap is None or nomore is None:
        return None
    structs = arena_structs(program, starts)
    return ArenaBitmaps(
        arena=list(structs),
        bitmap=[a + bitmap.offset for a in structs.values()],
        nomore=[a + nomore.offset for a in structs.values()],
        bitmap_bytes=bitmap.size,
        nomore_bytes=nomore.size,
    )


def metadata_addresses(program: GoProgram, spans: Spans, starts: list[int]) -> npt.NDArray[np.uint64]:
    """Addresses that lie in memory of the runtime's own: a mapping that holds one of them is metadata."""
    known: set[int] = set()
    for column in (spans.address, spans.alloc_bits, spans.mark_bits):
        known.update(np.unique(column & np.uint64(0xFFFFFFFFFFFFF000)).tolist())
    mheap = program.address("runtime.mheap_")
    lay = program.layouts
    if mheap is not None:
        for name in ("allspans", "allArenas", "heapArenas"):
            f = lay.find("runtime.mheap", name)
            if f is not None:
                known.add(_pointer(program, mheap + f.offset))
        arenas = lay.find("runtime.mheap", "arenas")
        if arenas is not None:
            known.add(_pointer(program, mheap + arenas.offset))
        chunks = lay.find("runtime.mheap", "pages.chunks")
        if chunks is not None:
            known.update(_pointers(program, mheap + chunks.offset, min(chunks.size // 8, 1 << 16)))
    known.update(arena_structs(program, starts).values())
    head = program.address("runtime.persistentChunks")
    chunk = _pointer(program, head) if head is not None else 0
    for _ in range(_MAX_CHUNKS):
        if not chunk:
            break
        known.add(chunk)
        chunk = _pointer(program, chunk)
    for symbol in (
        "runtime.allp",
        "runtime.allm",
        "runtime.mbuckets",
        "runtime.bbuckets",
        "runtime.xbuckets",
    ):
        at = program.address(symbol)
        if at is not None:
            known.add(_pointer(program, at))
    known.discard(0)
    return np.asarray(sorted(known), np.uint64)


def metadata_ranges(program: GoProgram) -> list[tuple[int, int]]:
    """Reserved ranges of the page allocator: its summaries and the scavenger's index, of which parts are in
    use."""
    mheap = program.address("runtime.mheap_")
    lay = program.layouts
    out: list[tuple[int, int]] = []
    if mheap is None:
        return out
    summary = lay.find("runtime.mheap", "pages.summary")
    slices = [(summary.offset + i * 24, 8) for i in range(summary.size // 24)] if summary else []
    index = lay.find("runtime.mheap", "pages.scav.index.chunks")
    if index is not None:
        slices.append((index.offset, 16))
    for offset, element in slices:
        try:
            ptr, cap = program.space.u64(mheap + offset), program.space.u64(mheap + offset + 16)
        except ReadError:
            continue
        if ptr and cap < 1 << 44:
            out.append((ptr, ptr + cap * element))
    return sorted(out)


def work_buffer_spans(program: GoProgram) -> set[int]:
    """First addresses of the spans that hold the collector's work buffers (runtime.work.wbufSpans)."""
    work = program.address("runtime.work")
    lay = program.layouts
    out: set[int] = set()
    nxt, base = lay.find("runtime.mspan", "next"), lay.find("runtime.mspan", "startAddr")
    if work is None or nxt is None or base is None:
        return out
    for name in ("wbufSpans.free.first", "wbufSpans.busy.first"):
        f = lay.find("runtime.workType", name)
        if f is None:
            continue
        span = _pointer(program, work + f.offset)
        for _ in range(_MAX_CHUNKS):
            if not span:
                break
            out.add(_pointer(program, span + base.offset))
            span = _pointer(program, span + nxt.offset)
    return out


def _pointer(program: GoProgram, address: int) -> int:
    try:
        return program.space.u64(address)
    except ReadError:
        return 0


def _pointers(program: GoProgram, address: int, count: int) -> list[int]:
    try:
        raw = program.space.read(address, count * 8)
    except ReadError:
        return []
    words = np.frombuffer(raw, "<u8")
    return [int(w) for w in words[words != 0]]
