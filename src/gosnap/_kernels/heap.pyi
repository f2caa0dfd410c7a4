"""Objects, edges and types of a Go heap, over raw memory.

Everything here works on host addresses inside ranges that a ``Space`` was given; whatever the target's
memory says is
checked before it is followed. Loops run without the GIL. Columns are C-contiguous numpy arrays (or any
buffer).
"""

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]
_U16 = npt.NDArray[np.uint16]
_U8 = npt.NDArray[np.uint8]
_I64 = npt.NDArray[np.int64]
_I32 = npt.NDArray[np.int32]

class Space:
    """Address ranges of the target and where their bytes lie in our memory.

    ``start``, ``end``, ``host``: u64[n], sorted, disjoint, below 2**47 (ValueError otherwise). The caller
    keeps the
    memory behind ``host`` alive and readable.
    """

    def __init__(self, start: _U64, end: _U64, host: _U64) -> None: ...
    def gather(self, addrs: _U64, size: int, out: _U8, ok: _U8) -> int:
        """Copy ``size`` bytes from each address into out[i*size:]; ok[i] = 1 if they were there. Returns how
        many
        were not."""

    def locate(self, addrs: _U64, sizes: _U64, out: _U64) -> int:
        """Host address of sizes[i] contiguous bytes at addrs[i], 0 where there are none. Returns how many
        are 0."""

class Heap:
    """Spans, their allocated slots, and what they point at.

    Span columns, one row per in-use span, sorted by address: ``base`` and ``npages`` (8 KiB pages),
    ``elemsize`` and
    ``nelems``, ``divmul`` (mspan.divMul), ``spanclass`` (size class << 1 | noscan), ``host`` (address of the
    span's
    bytes here, all of them), ``large_type`` (mspan.largeType or 0), ``headers`` (1: slots start with a
    malloc header),
    ``hbits`` (offset of the in-span pointer bitmap, 0: none). ``manual_*``: spans of stacks. ValueError for
    spans that
    overlap or contradict themselves.

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

    def set_arena_bitmaps(self, arena: _U64, bitmap: _U64, nomore: _U64) -> None:
        """Go <= 1.21: host addresses of heapArena.bitmap (1 MiB) and .noMorePtrs (16 KiB) of each arena."""

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
        freeIndexForScan; slots above it that are not in the allocation bits count but are not scanned.
        Writes the
        number per span to ``counts`` and returns the total. OverflowError beyond 2**32 - 16 objects.
        """

    def words(self) -> int:
        """Length of the bitmap in u64 words."""

    def bitmap(self, out: _U64) -> int:
        """Copy the allocation bitmap: (nelems + 63) // 64 words per span, in the order of the spans."""

    def find(self, addr: int) -> tuple[int, int, int]:
        """(object, span row, slot) that holds an address. object -1: not the heap; -2: free memory; -3: a
        free slot;
        -4: a stack."""

    def addresses(self, out: _U64) -> int:
        """Slot address of every object, in order."""

    def set_runtime_types(
        self,
        types_lo: int,
        types_hi: int,
        rt_off: _I64,
        rt_id: _I32,
        direct_in_kind: bool,
        mask_on_demand: bool,
    ) -> None:
        """Runtime types: bounds of moduledata.types, sorted offsets from it and the type table's row of
        each."""

    def prepare_types(self) -> None:
        """Read the runtime type of every malloc header and large object; once, before ``edges``."""

    def edges(
        self, span_lo: int, span_hi: int, degree: _U32, precise_headers: bool
    ) -> tuple[Buffer, int, int, int, int, list[tuple[int, int]]]:
        """Pointers between objects, for the spans [span_lo, span_hi); several ranges may run in threads.

        Writes each object's out-degree to degree[object] (u32[nobjects]). Returns (targets as a u32 buffer
        in the
        order of the objects, dangling pointers, bad type headers, objects scanned without a mask, slots that
        were
        allocated but not yet published, up to 16 (object address, pointer) of the dangling ones).
        ``precise_headers``: Go >= 1.22; otherwise the arena bitmaps are used.
        """

    def set_types(
        self,
        kind: _U8,
        size: _I64,
        elem: _I32,
        length: _I64,
        impl: _I32,
        iface: _U8,
        field_start: _I64,
        field_offset: _I64,
        field_type: _I32,
        part: _I32,
        owner: _I32,
        owner_role: _U8,
        func_pc: _U64,
        capture_start: _I64,
        capture_offset: _I64,
        capture_type: _I32,
        class_size: _U16,
        offsets: dict[str, int],
    ) -> None:
        """The type table (gosnap.binary.types) and functions, sorted by run-time pc, with captured variables
        as CSR.

        ``part``: of a map type, its bucket or group type. ``owner``, ``owner_role``: the map or channel type
        that a
        runtime structure serves. ``class_size``: u16[4097], slot size for (size + 7) // 8. ``offsets``:
        swiss,
        map_ptr, map_len, map_old, map_extra, table_groups, chan_buf. ValueError where a row refers to
        nothing.
        """

    def propagate(self, root_addr: _U64, root_type: _I32, otype: _U32) -> None:
        """Give every object a type, starting at the roots and at what the runtime knows. otype[object]: see
        gosnap.heap.roles; 0 stays for objects that nothing typed reaches."""

    def aggregate(self, otype: _U32, spanclass: _U8) -> list[tuple[int, int, int, int]]:
        """(otype, span class, objects, bytes), sorted."""

    def resident(self, start: _U64, end: _U64, alloc: _U64, total: _U64) -> None:
        """Per span, of the resident ranges [start, end): bytes of allocated slots, and bytes in all."""
