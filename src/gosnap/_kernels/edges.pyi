"""Pointers between the objects of a Go heap.

Source: runtime/mbitmap.go of Go 1.21 and 1.22 to 1.27.
"""

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

from gosnap._kernels.heap import Heap
from gosnap._kernels.rtypes import RuntimeTypes

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]

class HeapBits:
    """Go <= 1.21: where the pointer bits of each arena lie.

    ``arena``: u64[n], first address; ``bitmap``, ``nomore``: host addresses of its heapArena.bitmap (1 MiB)
    and .noMorePtrs (16 KiB), whole, which the caller keeps alive. Arenas without a span are left out.
    ValueError where the columns differ in length.
    """

    def __init__(self, heap: Heap, arena: _U64, bitmap: _U64, nomore: _U64) -> None: ...

class EdgeHandle(Buffer):
    """A column as a read-only buffer of u16, u32 or u64."""

    def __len__(self) -> int: ...

def scan_spans(
    heap: Heap,
    types: RuntimeTypes,
    span_lo: int,
    span_hi: int,
    degree: _U32,
    heap_bits: HeapBits | None = None,
) -> tuple[EdgeHandle, EdgeHandle, EdgeHandle, int, int, int, int, list[tuple[int, int]]]:
    """Pointers between objects, for the spans [span_lo, span_hi); several ranges may run in threads.

    Writes each object's out-degree to degree[object] (u32[nobjects]). Returns (targets as a u32 buffer in the
    order of the objects, steps as a u16 buffer, far steps as a u64 buffer, dangling pointers, bad type
    headers, objects scanned without a mask, slots that were allocated but not yet published, up to 16 (object
    address, pointer) of the dangling ones). A step is how many words an edge is behind the object's edge
    before it, or behind the slot's begin; 0xFFFF stands for one that does not fit, of which the edge's number
    and the step follow each other in the far steps. ``heap_bits``: Go <= 1.21; without them, pointer bits are
    in the spans, malloc headers and types of Go >= 1.22.

    ValueError where the range or ``degree`` does not fit, ``types`` is not prepared, or ``heap_bits`` are
    of another heap. MemoryError.
    """
