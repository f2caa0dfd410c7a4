# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Pointers between the objects of a Go heap. edges.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from gosnap._kernels.heap cimport (
    ARENA_SHIFT,
    FREE_MEMORY,
    FREE_SLOT,
    SPAN_HEADER,
    SPAN_INLINE_BITS,
    SPAN_NOSCAN,
    Heap,
    SpanRow,
)
from gosnap._kernels.memory cimport ctz, load64, word_at
from gosnap._kernels.rtypes cimport RuntimeTypes, TypeInfo

cdef enum:
    NAMED = 16      # dangling pointers that are told one by one
    FAR = 0xFFFF    # a step that does not fit


cdef struct EdgeBuf:
    uint32_t *dst
    uint16_t *step
    int64_t n
    int64_t cap
    uint64_t *far       # (edge, step) of steps that do not fit
    int64_t far_n
    int64_t far_cap
    uint64_t word       # of the object's last edge
    int64_t dangling
    int64_t bad_headers
    int64_t conservative
    int64_t unpublished
    uint64_t dang_from[NAMED]
    uint64_t dang_to[NAMED]


cdef class EdgeHandle:
    """Owns a column of scan_spans(); a buffer of u16, u32 or u64."""
    cdef void *dst
    cdef Py_ssize_t n
    cdef Py_ssize_t size
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]

    @staticmethod
    cdef EdgeHandle wrap(void *dst, int64_t n, Py_ssize_t size):
        cdef EdgeHandle h = EdgeHandle.__new__(EdgeHandle)
        h.dst = dst
        h.n = n
        h.size = size
        return h

    def __dealloc__(self):
        free(self.dst)

    def __len__(self):
        return self.n

    def __getbuffer__(self, Py_buffer *view, int flags):
        self.shape[0] = self.n
        self.strides[0] = self.size
        view.buf = self.dst
        view.format = "H" if self.size == 2 else "I" if self.size == 4 else "Q"
        view.internal = NULL
        view.itemsize = self.size
        view.len = self.n * self.size
        view.ndim = 1
        view.obj = self
        view.readonly = 1
        view.shape = self.shape
        view.strides = self.strides
        view.suboffsets = NULL

    def __releasebuffer__(self, Py_buffer *view):
        pass


cdef class HeapBits:
    """The bitmaps of Go <= 1.21, by the heap's chunks; 0 where there is none."""
    cdef Heap heap
    cdef uint64_t *bitmap
    cdef uint64_t *nomore

    def __cinit__(
        self,
        Heap heap not None,
        const uint64_t[::1] arena not None,
        const uint64_t[::1] bitmap not None,
        const uint64_t[::1] nomore not None,
    ):
        cdef Py_ssize_t i
        cdef uint64_t a
        if bitmap.shape[0] != arena.shape[0] or nomore.shape[0] != arena.shape[0]:
            raise ValueError("heap bits: columns differ in length")
        self.heap = heap
        self.bitmap = <uint64_t *>calloc(heap.chunks + 1, 8)
        self.nomore = <uint64_t *>calloc(heap.chunks + 1, 8)
        if self.bitmap == NULL or self.nomore == NULL:
            raise MemoryError
        for i in range(arena.shape[0]):
            if arena[i] < heap.lo:
                continue
            a = (arena[i] - heap.lo) >> ARENA_SHIFT
            if a < heap.l1n and heap.l1[a] >= 0:
                self.bitmap[heap.l1[a]] = bitmap[i]
                self.nomore[heap.l1[a]] = nomore[i]

    def __dealloc__(self):
        free(self.bitmap)
        free(self.nomore)


def scan_spans(
    Heap heap not None,
    RuntimeTypes types not None,
    Py_ssize_t span_lo,
    Py_ssize_t span_hi,
    uint32_t[::1] degree not None,
    HeapBits heap_bits=None,
):
    cdef EdgeBuf b
    cdef bint in_span_bits = heap_bits is None
    cdef Py_ssize_t si
    cdef uint32_t *degrees
    cdef int err = 0
    if span_lo < 0 or span_hi > heap.nspans or span_hi < span_lo or degree.shape[0] < heap.nobjects:
        raise ValueError("edges: range or output does not fit")
    if heap_bits is not None and heap_bits.heap is not heap:
        raise ValueError("edges: heap bits of another heap")
    if not types.prepared:
        raise ValueError("edges: RuntimeTypes.prepare() first")
    memset(&b, 0, sizeof(EdgeBuf))
    b.cap = 1 << 16
    b.dst = <uint32_t *>malloc(b.cap * 4)
    b.step = <uint16_t *>malloc(b.cap * 2)
    if b.dst == NULL or b.step == NULL:
        free(b.dst)
        free(b.step)
        raise MemoryError
    degrees = &degree[0] if heap.nobjects else NULL
    with nogil:
        for si in range(span_lo, span_hi):
            if scan_span(heap, types, heap_bits, in_span_bits, &b, si, degrees) < 0:
                err = 1
                break
    if err:
        free(b.dst)
        free(b.step)
        free(b.far)
        raise MemoryError
    return (EdgeHandle.wrap(b.dst, b.n, 4), EdgeHandle.wrap(b.step, b.n, 2),
            EdgeHandle.wrap(b.far, 2 * b.far_n, 8), b.dangling, b.bad_headers, b.conservative, b.unpublished,
            [(b.dang_from[k], b.dang_to[k]) for k in range(min(b.dangling, NAMED))])


cdef int scan_span(
    Heap heap,
    RuntimeTypes types,
    HeapBits heap_bits,
    bint in_span_bits,
    EdgeBuf *b,
    Py_ssize_t si,
    uint32_t *degree,
) noexcept nogil:
    """Append the targets of every object of one span; -1 without memory."""
    cdef SpanRow *s = &heap.spans[si]
    cdef int64_t before, obj = heap.obj0[si] - 1
    cdef uint64_t w, word, off, q
    cdef uint32_t slot
    cdef int err
    if s.flags & SPAN_NOSCAN:
        for obj in range(heap.obj0[si], heap.obj0[si + 1]):
            degree[obj] = 0
        return 0
    for w in range((<uint64_t>s.nelems + 63) >> 6):
        word = heap.bits[s.bit0 + <int64_t>w]
        while word:
            slot = <uint32_t>(w * 64 + <uint64_t>ctz(word))
            word &= word - 1
            obj += 1
            before = b.n
            b.word = 0
            err = 0
            if not heap.scannable(si, slot):
                b.unpublished += 1
            else:
                off = <uint64_t>slot * s.elemsize
                if s.flags & SPAN_INLINE_BITS:
                    err = scan_inline(heap, b, s, off)
                elif s.flags & SPAN_HEADER or s.large_type:
                    err = scan_typed(heap, types, b, s, off)
                elif not in_span_bits:
                    err = scan_arena_bits(heap, heap_bits, b, s, off)
                elif s.sizeclass == 1:
                    q = word_at(s.host + off)
                    if q:
                        err = add_edge(heap, b, q, s.base + off, 0)
            if err < 0:
                return -1
            degree[obj] = <uint32_t>(b.n - before)
    return 0


cdef int grow(EdgeBuf *b) noexcept nogil:
    cdef uint16_t *steps
    cdef uint32_t *grown = <uint32_t *>realloc(b.dst, <size_t>b.cap * 2 * 4)
    if grown == NULL:
        return -1
    b.dst = grown
    steps = <uint16_t *>realloc(b.step, <size_t>b.cap * 2 * 2)
    if steps == NULL:
        return -1
    b.step = steps
    b.cap *= 2
    return 0


cdef int add_far(EdgeBuf *b, uint64_t step) noexcept nogil:
    """Take note of a step that 16 bits do not hold."""
    cdef uint64_t *grown
    if b.far_n == b.far_cap:
        grown = <uint64_t *>realloc(b.far, <size_t>(b.far_cap * 2 + 64) * 16)
        if grown == NULL:
            return -1
        b.far = grown
        b.far_cap = b.far_cap * 2 + 64
    b.far[2 * b.far_n] = <uint64_t>b.n
    b.far[2 * b.far_n + 1] = step
    b.far_n += 1
    return 0


cdef inline int add_edge(Heap heap, EdgeBuf *b, uint64_t q, uint64_t src, uint64_t word) noexcept nogil:
    """Take note of what the pointer q, a word of the object at src, points at."""
    cdef Py_ssize_t span
    cdef uint32_t slot
    cdef int64_t o = heap.object_at(q, &span, &slot)
    cdef uint64_t step
    if o >= 0:
        if b.n == b.cap and grow(b) < 0:
            return -1
        step = word - b.word
        b.word = word
        if step >= FAR:
            if add_far(b, step) < 0:
                return -1
            step = FAR
        b.dst[b.n] = <uint32_t>o
        b.step[b.n] = <uint16_t>step
        b.n += 1
    elif o == FREE_MEMORY or o == FREE_SLOT:
        if b.dangling < NAMED:
            b.dang_from[b.dangling] = src
            b.dang_to[b.dangling] = q
        b.dangling += 1
    return 0


cdef inline int scan_inline(Heap heap, EdgeBuf *b, SpanRow *s, uint64_t off) noexcept nogil:
    """Bits at the end of the span: mspan.heapBitsSmallForAddr (runtime/mbitmap.go, >= 1.22)."""
    cdef uint64_t bit = off >> 3
    cdef uint64_t words = s.elemsize >> 3
    cdef uint64_t bits = s.host + s.hbits + (bit >> 6) * 8
    cdef uint64_t host = s.host + off
    cdef uint64_t m = word_at(bits) >> (bit & 63)
    cdef uint64_t q, word
    if (bit & 63) + words > 64:
        m |= word_at(bits + 8) << (64 - (bit & 63))
    if words < 64:
        m &= (<uint64_t>1 << words) - 1
    while m:
        word = <uint64_t>ctz(m)
        q = word_at(host + word * 8)
        m &= m - 1
        if q and add_edge(heap, b, q, s.base + off, word) < 0:
            return -1
    return 0


cdef inline int scan_typed(
    Heap heap, RuntimeTypes types, EdgeBuf *b, SpanRow *s, uint64_t off
) noexcept nogil:
    """An object whose runtime type is in its malloc header or, of a large one, in its span (>= 1.22)."""
    cdef uint64_t addr = s.large_type
    cdef uint64_t host = s.host + off
    cdef uint64_t size = s.elemsize
    cdef TypeInfo *t
    if s.flags & SPAN_HEADER:
        addr = word_at(host)
        host += 8
        size -= 8
    # 0: allocated without pointers yet, header not written: mallocgc zeroes first
    t = types.known(addr) if addr else NULL
    if t == NULL or not t.ok or t.size == 0 or t.ptrbytes == 0:
        b.bad_headers += 1
        return 0
    return scan_masked(heap, b, t, host, size, s.base + off, 1 if s.flags & SPAN_HEADER else 0)


cdef int scan_masked(
    Heap heap, EdgeBuf *b, TypeInfo *t, uint64_t host, uint64_t size, uint64_t src, uint64_t skipped
) noexcept nogil:
    """Tile the type's pointer mask over the slot (typePointers.next, runtime/mbitmap.go), whose first words
    may have been skipped."""
    cdef uint64_t e = 0, i, words, m, q, k
    cdef int64_t dangling
    if t.mask == NULL:
        # no mask: every word may be a pointer; what does not hit an object is no evidence of a bad read
        b.conservative += 1
        dangling = b.dangling
        for i in range(size >> 3):
            q = word_at(host + i * 8)
            if q and add_edge(heap, b, q, src, skipped + i) < 0:
                return -1
        b.dangling = dangling
        return 0
    words = t.ptrbytes >> 3
    while e + 8 <= size:
        i = 0
        while i < words and e + i * 8 < size:
            m = 0
            if words - i >= 64:
                m = load64(t.mask + (i >> 3))
            else:
                memcpy(&m, t.mask + (i >> 3), (words - i + 7) >> 3)
                m &= (<uint64_t>1 << (words - i)) - 1
            while m:
                k = e + (i + <uint64_t>ctz(m)) * 8
                m &= m - 1
                if k + 8 > size:
                    return 0
                q = word_at(host + k)
                if q and add_edge(heap, b, q, src, skipped + (k >> 3)) < 0:
                    return -1
            i += 64
        if t.size < 8:
            return 0
        e += t.size
    return 0


cdef int scan_arena_bits(
    Heap heap, HeapBits heap_bits, EdgeBuf *b, SpanRow *s, uint64_t off
) noexcept nogil:
    """Go <= 1.21: heapBitsForAddr and heapBits.next (runtime/mbitmap.go, 1.21)."""
    cdef uint64_t addr = s.base + off
    cdef uint64_t left = s.elemsize
    cdef uint64_t word, idx, o, m, valid, nptr, c, q, w
    cdef const uint8_t *bm
    cdef const uint8_t *nm
    while left:
        c = <uint64_t>heap.l1[(addr - heap.lo) >> ARENA_SHIFT]
        bm = <const uint8_t *><size_t>heap_bits.bitmap[c]
        nm = <const uint8_t *><size_t>heap_bits.nomore[c]
        if bm == NULL or nm == NULL:
            return 0
        word = (addr >> 3) & ((1 << 23) - 1)
        idx = word >> 6
        o = word & 63
        m = load64(bm + idx * 8) >> o
        valid = 64 - o
        nptr = left >> 3
        if nptr < valid:
            m &= (<uint64_t>1 << nptr) - 1
            valid = nptr
            left = nptr * 8
        elif nptr > valid and (nm[idx >> 3] >> (idx & 7)) & 1:
            left = valid * 8
        while m:
            w = ((addr - s.base - off) >> 3) + <uint64_t>ctz(m)
            q = word_at(s.host + off + w * 8)
            m &= m - 1
            if q and add_edge(heap, b, q, s.base + off, w) < 0:
                return -1
        if valid == 0:
            return 0
        addr += valid * 8
        left -= valid * 8
    return 0
