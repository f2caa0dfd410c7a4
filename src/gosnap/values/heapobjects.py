"""Which object of the heap an address is in, as the allocator says: of a program, not of a snapshot.

Sources: runtime/mheap.go (arenas, heapArena.spans, mspan), Go 1.21 to 1.27.
"""

from gosnap.errors import ReadError
from gosnap.goruntime.arenas import ARENA_BYTES, arena_structs
from gosnap.goruntime.program import GoProgram

_PAGE = 8192
_MOST = 1 << 40


def slot_at(program: GoProgram, address: int) -> tuple[int, int] | None:
    """(address, bytes) of the slot that holds an address, allocated or not; None for what is not in the
    heap."""
    lay = program.layouts
    start = address // ARENA_BYTES * ARENA_BYTES
    spans = lay.find("runtime.heapArena", "spans")
    base_field, size_field = lay.find("runtime.mspan", "startAddr"), lay.find("runtime.mspan", "elemsize")
    count_field = lay.find("runtime.mspan", "nelems")
    if spans is None or base_field is None or size_field is None or count_field is None:
        return None
    arena = arena_structs(program, [start]).get(start, 0)
    if not arena or not 0 < address < 1 << 47:
        return None
    try:
        span = program.space.u64(arena + spans.offset + (address - start) // _PAGE * 8)
        if not span:
            return None
        base = program.space.u64(span + base_field.offset)
        size = program.space.u64(span + size_field.offset)
        count = program.read_uint(span + count_field.offset, count_field.size)
    except ReadError:
        return None
    if not 0 < size < _MOST or not base <= address < base + size * count:
        return None
    return base + (address - base) // size * size, size
