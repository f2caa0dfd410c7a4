"""Memory of the runtime's own, outside of the arenas: the exact ranges that it took from the system.

The kernel joins neighbouring anonymous mappings, so that one may hold Go's tables, C's malloc and the
program's own mmap. What is Go's is therefore found by Go's own pointers. Sources (Go 1.21 to 1.27): the
callers of sysAlloc, sysReserve and persistentalloc in runtime/malloc.go (persistentChunks), mheap.go
(allspans, arenas, gcBitsArenas), mpagealloc.go and mpagealloc_64bit.go (chunks, summary, scav.index),
mprof.go (buckhash), mgcmark_greenteagc.go (rings of the span queues), mgc.go (work.wbufSpans).
"""

from collections.abc import Iterator

import numpy as np

from gosnap.errors import ReadError
from gosnap.goruntime.arenas import arena_structs
from gosnap.goruntime.program import GoProgram

_PERSISTENT_CHUNK = 256 << 10
_GC_BITS_CHUNK = 64 << 10
_PAGE = 4096
_MAX_LIST = 1 << 20
_MAX_BYTES = 1 << 44
# 1 << pallocChunksL2Bits chunks of sizeof(pallocData) each (mpagealloc_64bit.go): 8192 x 128 bytes
_CHUNKS_L2 = 1 << 20
_ARENAS_L2 = 8 << 22


def metadata_ranges(program: GoProgram, starts: list[int]) -> list[tuple[int, int]]:
    """(start, end) of the runtime's tables, by pages; sorted, neighbours may overlap. ``starts``: of all
    arenas."""
    out = [
        *_persistent(program),
        *_heap_tables(program, starts),
        *_page_allocator(program),
        *_gc_bits(program),
        *_span_queues(program),
        *_profile_hash(program),
    ]
    # sysAlloc rounds up to the page (mem.go)
    return sorted((a & -_PAGE, (a + n + _PAGE - 1) & -_PAGE) for a, n in out if a and 0 < n < _MAX_BYTES)


Range = tuple[int, int]


def _persistent(program: GoProgram) -> Iterator[Range]:
    """Chunks of persistentalloc: each begins with the address of the one before."""
    head = program.address("runtime.persistentChunks")
    chunk = _pointer(program, head)
    for _ in range(_MAX_LIST):
        if not chunk:
            return
        yield chunk, _PERSISTENT_CHUNK
        chunk = _pointer(program, chunk)


def _heap_tables(program: GoProgram, starts: list[int]) -> Iterator[Range]:
    mheap = program.address("runtime.mheap_")
    lay = program.layouts
    if mheap is None:
        return
    for name in ("allspans", "allArenas", "heapArenas", "userArenaArenas"):
        f = lay.find("runtime.mheap", name)
        if f is not None:
            yield _pointer(program, mheap + f.offset), _pointer(program, mheap + f.offset + 16) * 8
    arenas = lay.find("runtime.mheap", "arenas")
    if arenas is not None:
        yield _pointer(program, mheap + arenas.offset), _ARENAS_L2
    size = lay.size("runtime.heapArena")
    for address in arena_structs(program, starts).values():
        yield address, size


def _page_allocator(program: GoProgram) -> Iterator[Range]:
    """Summaries and the scavenger's index are reserved whole and used in part; chunks come by the
    mebibyte."""
    mheap = program.address("runtime.mheap_")
    lay = program.layouts
    if mheap is None:
        return
    chunks = lay.find("runtime.mheap", "pages.chunks")
    if chunks is not None:
        try:
            raw = program.space.read(mheap + chunks.offset, min(chunks.size, 1 << 19))
        except ReadError:
            raw = b""
        words = np.frombuffer(raw, "<u8")
        for word in words[words != 0].tolist():
            yield word, _CHUNKS_L2
    summary = lay.find("runtime.mheap", "pages.summary")
    if summary is not None:
        for level in range(summary.size // 24):
            at = mheap + summary.offset + level * 24
            yield _pointer(program, at), _pointer(program, at + 16) * 8
    index = lay.find("runtime.mheap", "pages.scav.index.chunks")
    if index is not None:
        at = mheap + index.offset
        element = lay.size("runtime.atomicScavChunkData") or 8
        yield _pointer(program, at), _pointer(program, at + 16) * element


def _gc_bits(program: GoProgram) -> Iterator[Range]:
    """Mark and allocation bits: four lists of chunks, linked by their second word."""
    lists = program.address("runtime.gcBitsArenas")
    if lists is None:
        return
    for i in range(1, 5):
        chunk = _pointer(program, lists + i * 8)
        for _ in range(_MAX_LIST):
            if not chunk:
                break
            yield chunk, _GC_BITS_CHUNK
            chunk = _pointer(program, chunk + 8)


def _span_queues(program: GoProgram) -> Iterator[Range]:
    """Green Tea's rings (Go >= 1.26): spanSPMC structures, linked by their first word."""
    work = program.address("runtime.work")
    head = program.layouts.find("runtime.workType", "spanSPMCs.list")
    ring = program.layouts.find("runtime.spanSPMC", "ring")
    cap = program.layouts.find("runtime.spanSPMC", "cap")
    if work is None or head is None or ring is None or cap is None:
        return
    queue = _pointer(program, work + head.offset)
    for _ in range(_MAX_LIST):
        if not queue:
            return
        try:
            yield _pointer(program, queue + ring.offset), program.read_uint(queue + cap.offset, cap.size) * 8
        except ReadError:
            return
        queue = _pointer(program, queue)


def _profile_hash(program: GoProgram) -> Iterator[Range]:
    size = program.layouts.size("runtime.buckhashArray")
    if size:
        yield _pointer(program, program.address("runtime.buckhash")), size


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
        for _ in range(_MAX_LIST):
            if not span:
                break
            out.add(_pointer(program, span + base.offset))
            span = _pointer(program, span + nxt.offset)
    return out


def _pointer(program: GoProgram, address: int | None) -> int:
    """A word of the target; 0 where there is none."""
    if address is None:
        return 0
    try:
        return program.space.u64(address)
    except ReadError:
        return 0
