"""A Go heap made by hand in our own memory: spans, slots, bitmaps, runtime types.

The model that tests check against is kept beside the bytes: what is allocated and which words are pointers is
decided here, not read back.
"""

from dataclasses import dataclass, field

import numpy as np

from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space
from gosnap._kernels.rtypes import RuntimeTypes

PAGE = 8192
TYPES_AT = 0x500000
META_AT = 0x700000


@dataclass
class FakeSpan:
    base: int
    npages: int
    elemsize: int
    sizeclass: int
    noscan: bool
    nelems: int
    headers: bool
    allocated: set[int] = field(default_factory=set)
    large_type: int = 0

    @property
    def spanclass(self) -> int:
        return self.sizeclass << 1 | int(self.noscan)


class FakeHeap:
    """Memory as Go >= 1.22 lays it out: in-span pointer bits to 512 B, malloc headers above, large types."""

    def __init__(self, base: int = 0xC000000000, pages: int = 512) -> None:
        self.base = base
        self.arena = np.zeros(pages * PAGE, np.uint8)
        self.types = np.zeros(1 << 16, np.uint8)
        self.meta = np.zeros(1 << 18, np.uint8)
        self.next_page = 0
        self.next_type = 8
        self.next_meta = 0
        self.spans: list[FakeSpan] = []
        self.pointer_words: dict[int, int] = {}

    def span(self, npages: int, elemsize: int, sizeclass: int, noscan: bool = False) -> FakeSpan:
        size = npages * PAGE
        room = size if noscan or elemsize > 512 or sizeclass == 0 else size - size // 64
        nelems = 1 if sizeclass == 0 else room // elemsize
        headers = not noscan and sizeclass != 0 and elemsize > 512
        s = FakeSpan(self.base + self.next_page * PAGE, npages, elemsize, sizeclass, noscan, nelems, headers)
        self.next_page += npages
        assert self.next_page * PAGE <= len(self.arena)
        self.spans.append(s)
        return s

    def rtype(self, size: int, pointer_words: list[int], kind: int = 25, direct: bool = False) -> int:
        """A runtime type (internal/abi/type.go) with a plain mask; returns its address."""
        at = self.next_type
        self.next_type += 48
        mask_at = self.next_type
        ptrbytes = (max(pointer_words) + 1) * 8 if pointer_words else 0
        mask = bytearray(((ptrbytes // 8) + 63) // 64 * 8)
        for w in pointer_words:
            mask[w >> 3] |= 1 << (w & 7)
        self.next_type = (mask_at + len(mask) + 7) & ~7
        raw = self.types[at : at + 48]
        raw[0:8] = np.frombuffer(size.to_bytes(8, "little"), np.uint8)
        raw[8:16] = np.frombuffer(ptrbytes.to_bytes(8, "little"), np.uint8)
        raw[20] = 32 if direct else 0
        raw[23] = kind
        raw[32:40] = np.frombuffer((TYPES_AT + mask_at).to_bytes(8, "little"), np.uint8)
        self.types[mask_at : mask_at + len(mask)] = np.frombuffer(bytes(mask), np.uint8)
        return TYPES_AT + at

    def put(self, address: int, value: int) -> None:
        at = address - self.base
        self.arena[at : at + 8] = np.frombuffer(value.to_bytes(8, "little"), np.uint8)

    def new(self, span: FakeSpan, slot: int, header: int = 0) -> int:
        """Allocate a slot; the address of its data."""
        assert slot < span.nelems
        span.allocated.add(slot)
        at = span.base + slot * span.elemsize
        if span.headers:
            self.put(at, header)
            return at + 8
        if span.sizeclass == 0:
            span.large_type = header
        return at

    def pointer(self, span: FakeSpan, address: int, value: int) -> None:
        """Store a pointer and, in spans with in-span bits, mark its word."""
        self.put(address, value)
        self.pointer_words[address] = value
        if not span.noscan and not span.headers and span.sizeclass != 0:
            size = span.npages * PAGE
            bit = (address - span.base) // 8
            at = span.base - self.base + size - size // 64 + bit // 8
            self.arena[at] |= 1 << (bit & 7)

    def _meta(self, raw: bytes) -> int:
        at = self.next_meta
        self.meta[at : at + len(raw)] = np.frombuffer(raw, np.uint8)
        self.next_meta = (at + len(raw) + 15) & ~7
        return int(self.meta.ctypes.data) + at

    def build(self) -> Heap:
        """The kernel's heap; ``rtypes`` are its runtime types, which the type table does not know."""
        blocks = [(TYPES_AT, self.types), (META_AT, self.meta), (self.base, self.arena)]
        start = np.array([a for a, _ in blocks], np.uint64)
        end = np.array([a + len(b) for a, b in blocks], np.uint64)
        host = np.array([b.ctypes.data for _, b in blocks], np.uint64)
        self.space = Space(start, end, host)

        def u64(values: list[int]) -> "np.ndarray":
            return np.array(values, np.uint64)

        divs = [((1 << 32) - 1) // s.elemsize + 1 if s.sizeclass else 0 for s in self.spans]
        heap = Heap(
            self.space,
            u64([s.base for s in self.spans]),
            u64([s.npages for s in self.spans]),
            u64([s.elemsize for s in self.spans]),
            u64([s.nelems for s in self.spans]),
            np.array(divs, np.uint32),
            np.array([s.spanclass for s in self.spans], np.uint8),
            u64([int(self.arena.ctypes.data) + s.base - self.base for s in self.spans]),
            u64([s.large_type for s in self.spans]),
            np.array([int(s.headers) for s in self.spans], np.uint8),
            u64(
                [
                    0 if s.noscan or s.headers or s.sizeclass == 0 else s.npages * PAGE * 63 // 64
                    for s in self.spans
                ]
            ),
            u64([]),
            u64([]),
        )
        bits = []
        for s in self.spans:
            raw = bytearray((s.nelems + 7) // 8)
            for slot in s.allocated:
                raw[slot >> 3] |= 1 << (slot & 7)
            bits.append(self._meta(bytes(raw)))
        n = len(self.spans)
        self.counts = np.zeros(n, np.uint32)
        self.args = {
            "freeindex": u64([0] * n),
            "scanindex": u64([0] * n),
            "alloc_host": u64(bits),
            "mark_host": u64([0] * n),
            "mode": np.zeros(n, np.uint8),
            "inline_marks": np.zeros(n, np.uint8),
            "alloc_count": np.array([len(s.allocated) for s in self.spans], np.uint32),
        }
        heap.enumerate(*self.args.values(), self.counts)
        self.rtypes = self.runtime_types(np.zeros(0, np.int64), np.zeros(0, np.int32))
        self.rtypes.prepare(heap)
        return heap

    def runtime_types(
        self,
        row_offset: "np.ndarray",
        row_id: "np.ndarray",
        direct_in_kind: bool = False,
        mask_on_demand: bool = False,
    ) -> RuntimeTypes:
        """Runtime types of which the type table knows some: offsets from TYPES_AT, and rows."""
        bounds = (TYPES_AT, TYPES_AT + len(self.types))
        return RuntimeTypes(self.space, *bounds, row_offset, row_id, direct_in_kind, mask_on_demand)

    def slots(self) -> list[int]:
        """Slot addresses of all allocated objects, in order."""
        return [s.base + i * s.elemsize for s in self.spans for i in sorted(s.allocated)]
