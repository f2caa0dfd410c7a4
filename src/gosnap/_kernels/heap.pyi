"""The spans of a Go heap and the objects in them.

Everything here works on host addresses inside ranges that a ``memory.Space`` was given; whatever the target's
memory says is checked before it is followed. Loops run without the GIL. Columns are C-contiguous numpy arrays
(or any buffer).
"""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.memory import Space

_U64 = npt.NDArray[np.uint64]
_I64 = npt.NDArray[np.int64]
_U32 = npt.NDArray[np.uint32]
_U8 = npt.NDArray[np.uint8]

class Heap:
    """Spans and their allocated slots: the objects, numbered in the order of their addresses.

    Span columns, one row per in-use span, sorted by address: ``base`` and ``npages`` (8 KiB pages),
    ``elemsize`` and ``nelems``, ``divmul`` (mspan.divMul), ``spanclass`` (size class << 1 | noscan), ``host``
    (address of the span's bytes here, all of them), ``large_type`` (mspan.largeType or 0), ``headers`` (1:
    slots start with a malloc header), ``hbits`` (offset of the in-span pointer bitmap, 0: none).
    ``manual_*``: spans of stacks. ValueError for spans that overlap or contradict themselves.

    Sources: runtime/mheap.go, runtime/mbitmap.go of Go 1.21 and 1.22 to 1.27.
    """

    nobjects: int
    def __init__(
        self,
        space: Space,
        base: _U64,
        npages: _U64,
        elemsize: _U64,
        nelems: _U64,
        divmul: _U32,
        spanclass: _U8,
        host: _U64,
        large_type: _U64,
        headers: _U8,
        hbits: _U64,
        manual_base: _U64,
        manual_npages: _U64,
    ) -> None: ...
    def arena_chunks(self) -> list[int]:
        """First address of every 64 MiB arena that holds a span."""

    def enumerate(
        self,
        freeindex: _U64,
        scanindex: _U64,
        alloc_host: _U64,
        mark_host: _U64,
        mode: _U8,
        inline_marks: _U8,
        alloc_count: _U32,
        counts: _U32,
    ) -> int:
        """Find the allocated slots. ``mode``: 0 allocation bits and freeindex, 1 mark bits (unswept span).

        ``inline_marks``: 1 where mark bits also lie in the span's first page (Green Tea). ``scanindex``:
        freeIndexForScan; slots above it that are not in the allocation bits count but are not scanned. Writes
        the number per span to ``counts`` and returns the total. OverflowError beyond 2**32 - 16 objects.
        """

    def words(self) -> int:
        """Length of the bitmap in u64 words."""

    def bitmap(self, out: _U64) -> int:
        """Copy the allocation bitmap: (nelems + 63) // 64 words per span, in the order of the spans."""

    def find(self, addr: int) -> tuple[int, int, int]:
        """(object, span row, slot) that holds an address.

        object -1: not the heap; -2: free memory; -3: a free slot; -4: a stack.
        """

    def find_all(self, addrs: _U64, out: _I64) -> None:
        """The object that holds each address (i64), or a number below 0 as in ``find``."""

    def addresses(self, out: _U64) -> int:
        """Slot address of every object, in order."""

    def aggregate(self, otype: _U32, spanclass: _U8) -> list[tuple[int, int, int, int]]:
        """(otype, span class, objects, bytes), sorted."""

    def resident(self, start: _U64, end: _U64, alloc: _U64, total: _U64, chosen: _U8 | None = None) -> None:
        """Per span, of the resident ranges [start, end): bytes of allocated slots, and bytes in all.

        ``chosen``: u8 per object; only slots of objects where it is not 0 count as allocated.
        """
