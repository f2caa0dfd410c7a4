"""The allocator's spans as columns, and which of their slots are allocated.

Sources: runtime/mheap.go (mspan, mheap), runtime/mgcsweep.go (sweepgen), runtime/mbitmap.go (bitmaps),
runtime/mgcmark_greenteagc.go (inline mark bits, Go >= 1.25 with Green Tea).
"""

import ctypes
import mmap
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space
from gosnap.errors import GosnapError
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE, MIN_SIZE_FOR_MALLOC_HEADER, PAGE_SIZE
from gosnap.target.space import MAP_NORESERVE, AddressSpace

U64 = npt.NDArray[np.uint64]
STATE_IN_USE = 1
STATE_MANUAL = 2
MAX_SPANS = 1 << 27
# How a span's allocated slots are found.
BY_ALLOC_BITS = 0
BY_MARK_BITS = 1


@dataclass
class Spans:
    """Every in-use span, one row each, sorted by address; ``manual_*``: spans of stacks and the runtime.

    ``sweep``: sweepgen of the span minus that of the heap: 0 swept; 3 swept and cached by an mcache; -2
    unswept; 1 cached and unswept; -1 being swept. ``damaged``: spans whose header contradicts itself, left
    out.
    """

    base: U64
    npages: U64
    elemsize: U64
    nelems: U64
    freeindex: U64
    scanindex: U64
    divmul: npt.NDArray[np.uint32]
    spanclass: npt.NDArray[np.uint8]
    sweep: npt.NDArray[np.int32]
    alloc_bits: U64
    mark_bits: U64
    alloc_count: npt.NDArray[np.uint32]
    large_type: U64
    specials: U64
    address: U64
    manual_base: U64
    manual_npages: U64
    dead: int
    damaged: int
    green_tea: bool
    in_span_bits: bool
    counts: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))

    def __len__(self) -> int:
        return len(self.base)

    @property
    def noscan(self) -> npt.NDArray[np.bool_]:
        """Spans whose objects hold no pointers."""
        return (self.spanclass & 1).astype(bool)

    @property
    def headers(self) -> npt.NDArray[np.uint8]:
        """1 for spans whose slots begin with a malloc header (runtime/mbitmap.go, Go >= 1.22)."""
        if not self.in_span_bits:
            return np.zeros(len(self), np.uint8)
        small = ~self.noscan & (self.size_class != 0)
        headers: npt.NDArray[np.uint8] = (small & (self.elemsize > MIN_SIZE_FOR_MALLOC_HEADER)).astype(
            np.uint8
        )
        return headers

    @property
    def size_class(self) -> npt.NDArray[np.uint8]:
        """Size class, 0 for large objects."""
        return self.spanclass >> np.uint8(1)


def kernel_space(space: AddressSpace) -> Space:
    """The address space as the kernel takes it: user addresses only, adjacent regions joined."""
    user = space.end <= np.uint64(1 << 47)
    start, end, host = space.start[user], space.end[user], space.host[user]
    if len(start):
        joined = (start[1:] == end[:-1]) & (host[1:] == host[:-1] + (end[:-1] - start[:-1]))
        first = np.flatnonzero(np.concatenate([[True], ~joined]))
        last = np.append(first[1:], len(start)) - 1
        start, end, host = start[first], end[last], host[first]
    return Space(np.ascontiguousarray(start), np.ascontiguousarray(end), np.ascontiguousarray(host))


def _column(raw: npt.NDArray[np.uint8], offset: int, size: int) -> U64:
    """Unsigned little-endian field of a matrix of structures, widened to u64."""
    out = np.zeros((len(raw), 8), np.uint8)
    out[:, :size] = raw[:, offset : offset + size]
    return out.view("<u8").ravel()


def read_spans(program: GoProgram, kernel_space: Space) -> Spans:
    """Decode mheap_.allspans. Spans that contradict themselves are counted in ``damaged``."""
    lay = program.layouts
    mheap = program.need_address("runtime.mheap_")
    at = mheap + lay.need("runtime.mheap", "allspans").offset
    ptr, count = program.space.u64(at), program.space.u64(at + 8)
    if count > MAX_SPANS:
        raise GosnapError(
            f"mheap_.allspans at {at:#x} claims {count:,} spans",
            "the memory does not fit the executable; is it the one that was running?",
        )
    sweepgen = program.field(mheap, "runtime.mheap", "sweepgen")
    pointers = np.frombuffer(program.space.read(ptr, count * 8), "<u8")
    size = lay.size("runtime.mspan")
    raw = np.zeros((len(pointers), size), np.uint8)
    ok = np.zeros(len(pointers), np.uint8)
    unreadable = kernel_space.gather(pointers, size, raw.reshape(-1), ok)
    good = ok.astype(bool)
    raw, pointers = raw[good], pointers[good]

    def col(name: str) -> U64:
        f = lay.need("runtime.mspan", name)
        return _column(raw, f.offset, f.size)

    state = col("state")
    base, npages, elemsize, nelems = col("startAddr"), col("npages"), col("elemsize"), col("nelems")
    spanclass = col("spanclass")
    in_use = state == STATE_IN_USE
    manual = state == STATE_MANUAL
    aligned = (base % PAGE_SIZE == 0) & (base > 0) & (npages > 0) & (npages < 1 << 34) & (base < 1 << 47)
    room = np.where(npages < 1 << 34, npages, 0) * np.uint64(PAGE_SIZE)
    cls = spanclass >> np.uint64(1)
    class_size = np.asarray(CLASS_TO_SIZE, np.uint64)[np.minimum(cls, len(CLASS_TO_SIZE) - 1)]
    sane = aligned & (cls < len(CLASS_TO_SIZE)) & (elemsize >= 8) & (elemsize <= room) & (nelems > 0)
    sane &= nelems <= room // np.maximum(elemsize, 1)
    sane &= np.where(cls == 0, nelems == 1, elemsize == class_size)
    sane &= ~in_use | _mapped(program.space, kernel_space, base, np.where(sane, room, 0))
    keep = np.flatnonzero(in_use & sane)
    keep = keep[np.argsort(base[keep], kind="stable")]
    keep_manual = np.flatnonzero(manual & aligned)
    keep_manual = keep_manual[np.argsort(base[keep_manual], kind="stable")]

    in_span_bits = lay.find("runtime.mspan", "largeType") is not None
    scan_field = lay.find("runtime.mspan", "freeIndexForScan")
    scanindex = _column(raw, scan_field.offset, scan_field.size) if scan_field else col("freeindex")
    largetype = col("largeType") if in_span_bits else np.zeros(len(raw), np.uint64)
    div = lay.find("runtime.mspan", "divMul")
    # divMul follows sweepgen (runtime/mheap.go, mspan)
    div_at = div.offset if div else lay.need("runtime.mspan", "sweepgen").offset + 4
    sweep = (col("sweepgen").astype(np.int64) - sweepgen).astype(np.int64)
    return Spans(
        base=base[keep].copy(),
        npages=npages[keep].copy(),
        elemsize=elemsize[keep].copy(),
        nelems=nelems[keep].copy(),
        freeindex=col("freeindex")[keep].copy(),
        scanindex=scanindex[keep].copy(),
        divmul=_column(raw, div_at, 4)[keep].astype(np.uint32),
        spanclass=spanclass[keep].astype(np.uint8),
        sweep=sweep[keep].astype(np.int32),
        alloc_bits=col("allocBits")[keep].copy(),
        mark_bits=col("gcmarkBits")[keep].copy(),
        alloc_count=col("allocCount")[keep].astype(np.uint32),
        # only a large span sets it: one cut into small slots keeps what it was before (mheap.initSpan)
        large_type=np.where(spanclass[keep] != 0, 0, largetype[keep]).astype(np.uint64),
        specials=col("specials")[keep].copy(),
        address=pointers[keep].copy(),
        manual_base=base[keep_manual].copy(),
        manual_npages=npages[keep_manual].copy(),
        dead=int((~in_use & ~manual).sum()),
        damaged=int((in_use & ~sane).sum() + (manual & ~aligned).sum()) + int(unreadable),
        green_tea=lay.find("runtime.spanInlineMarkBits", "marks") is not None,
        in_span_bits=in_span_bits,
    )


def _mapped(space: AddressSpace, kernel_space: Space, base: U64, room: U64) -> npt.NDArray[np.bool_]:
    """Which spans lie wholly in memory that the target had; what others claim is not set aside here."""
    host = np.zeros(len(base), np.uint64)
    kernel_space.locate(np.ascontiguousarray(base), np.ascontiguousarray(room), host)
    there: npt.NDArray[np.bool_] = host != 0
    for i in np.flatnonzero(~there & (room > 0)).tolist():
        there[i] = space.contains(int(base[i]), int(room[i]))
    return there


def _assemble(space: AddressSpace, base: int, size: int) -> tuple[object, int]:
    """A span in several regions, or partly in none, put together; pages that nobody has read as zero."""
    buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    first = int(np.searchsorted(space.end, base, side="right"))
    for i in range(first, len(space.start)):
        start, end = max(int(space.start[i]), base), min(int(space.end[i]), base + size)
        if start >= end:
            break
        ctypes.memmove(address + start - base, int(space.host[i]) + start - int(space.start[i]), end - start)
    return buffer, address


def inline_marked(spans: Spans) -> npt.NDArray[np.bool_]:
    """Spans whose mark bits lie in them: gcUsesSpanInlineMarkBits (runtime/mgcmark_greenteagc.go)."""
    if not spans.green_tea:
        return np.zeros(len(spans), bool)
    size = spans.elemsize
    inline: npt.NDArray[np.bool_] = (
        (size >= 16) & (size <= MIN_SIZE_FOR_MALLOC_HEADER) & (spans.size_class != 0)
    )
    return inline


def build_heap(spans: Spans, space: AddressSpace, kernel_space: Space) -> tuple[Heap, list[object]]:
    """The kernel's heap over these spans, and the buffers that must outlive it."""
    n = len(spans)
    keep: list[object] = []
    host = np.zeros(n, np.uint64)
    room = spans.npages * np.uint64(PAGE_SIZE)
    if kernel_space.locate(spans.base, room, host):
        for i in np.flatnonzero(host == 0):
            buffer, address = _assemble(space, int(spans.base[i]), int(room[i]))
            keep.append(buffer)
            host[i] = address
    noscan = spans.noscan
    small = spans.size_class != 0
    headers = spans.headers
    hbits = np.zeros(n, np.uint64)
    if spans.in_span_bits:
        inspan = ~noscan & small & (spans.elemsize <= MIN_SIZE_FOR_MALLOC_HEADER)
        # spanHeapBitsRange (runtime/mbitmap.go): the last 1/64 of the span, below the inline mark bits if any
        at = room - room // np.uint64(64) - np.where(inline_marked(spans), 128, 0).astype(np.uint64)
        hbits = np.where(inspan, at, 0).astype(np.uint64)
    try:
        heap = Heap(
            kernel_space,
            spans.base,
            spans.npages,
            spans.elemsize,
            spans.nelems,
            spans.divmul,
            spans.spanclass,
            host,
            spans.large_type,
            headers,
            hbits,
            spans.manual_base,
            spans.manual_npages,
        )
    except ValueError as e:
        raise GosnapError(
            f"the target's spans contradict each other ({e})",
            "is this the executable that was running? If so, please report it with the Go version",
        ) from None
    return heap, keep


def enumerate_objects(heap: Heap, spans: Spans, kernel_space: Space) -> int:
    """Find the allocated slots of every span.

    Returns the number of spans whose count disagrees with the runtime's.
    """
    n = len(spans)
    nbytes = (spans.nelems + np.uint64(7)) // np.uint64(8)
    alloc = np.zeros(n, np.uint64)
    mark = np.zeros(n, np.uint64)
    kernel_space.locate(spans.alloc_bits, nbytes, alloc)
    kernel_space.locate(spans.mark_bits, nbytes, mark)
    mode = np.where(np.isin(spans.sweep, (-2, 1, -1)), BY_MARK_BITS, BY_ALLOC_BITS).astype(np.uint8)
    inline = inline_marked(spans).astype(np.uint8)
    spans.counts = np.zeros(n, np.uint32)
    args = (spans.freeindex, spans.scanindex, alloc, mark)
    heap.enumerate(*args, mode, inline, spans.alloc_count, spans.counts)
    # A thread sweeps the span right now. Once sweep() has swapped the bitmaps (mgcsweep.go), the marks are in
    # allocBits and gcmarkBits is new and empty; allocCount was set just before.
    swapped = (spans.sweep == -1) & (spans.counts == 0) & (spans.freeindex == 0) & (spans.alloc_count > 0)
    if swapped.any():
        mode[swapped] = BY_ALLOC_BITS
        heap.enumerate(*args, mode, inline, spans.alloc_count, spans.counts)
    settled = spans.sweep == 0
    wrong = settled & (spans.counts != spans.alloc_count)
    strange = ~np.isin(spans.sweep, (-2, -1, 0, 1, 3))
    missing = ((mode == BY_MARK_BITS) & (mark == 0)) | ((mode == BY_ALLOC_BITS) & (alloc == 0))
    return int((wrong | strange | missing).sum()) + spans.damaged
