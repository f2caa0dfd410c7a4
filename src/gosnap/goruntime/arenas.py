"""Heap arenas: where they lie, and the structure of each (runtime/mheap.go: arenas, heapArena)."""

from dataclasses import dataclass

import numpy as np

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram

ARENA_BYTES = 64 << 20
# arenaBaseOffset on amd64 (runtime/malloc.go): arena 0 begins at the lowest canonical address
_BASE_OFFSET = {"x86_64": 0xFFFF800000000000, "aarch64": 0}


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
