# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Spans and their allocated slots. The look-ups that other kernels do per pointer are inlined into them."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from gosnap._kernels.memory cimport Space, popcount

cdef enum:
    PAGE_SHIFT = 13
    PAGE_SIZE = 8192
    ARENA_SHIFT = 26
    ARENA_PAGES = 8192
    # page table codes below zero
    PAGE_FREE = -1
    PAGE_MANUAL = -2
    # span flags
    SPAN_NOSCAN = 1
    SPAN_LARGE = 2
    SPAN_HEADER = 4
    SPAN_INLINE_BITS = 8
    # what an address holds that holds no object
    NOT_HEAP = -1
    FREE_MEMORY = -2
    FREE_SLOT = -3
    STACK = -4


cdef struct SpanRow:
    uint64_t base
    uint64_t host        # where the span's first byte lies in our memory; the whole span is there
    uint64_t elemsize
    int64_t bit0         # index of the span's first word in the bitmap
    uint64_t hbits       # offset of the inline heap bitmap from base
    uint64_t large_type
    uint32_t divmul
    uint32_t nelems
    uint32_t scan_limit  # slots at or beyond it that are not in the allocation bits may be uninitialised
    uint32_t npages
    uint8_t flags
    uint8_t sizeclass


cdef class Heap:
    cdef Space space
    cdef Py_ssize_t nspans
    cdef SpanRow *spans
    # page table in two levels: arena -> chunk of l2 or -1, page -> row of spans or PAGE_*
    cdef int32_t *l1
    cdef int32_t *l2
    cdef uint64_t lo             # address of the first arena
    cdef uint64_t l1n
    cdef Py_ssize_t chunks
    cdef uint64_t *bits          # allocated slots; each span begins a word
    cdef uint32_t *rank          # objects before each word of bits
    cdef int64_t nwords
    cdef readonly int64_t nobjects
    cdef int64_t *obj0           # nspans + 1: first object of each span
    cdef const uint64_t[::1] alloc_column
    cdef const uint64_t *alloc_host

    cdef int build_page_table(
        self,
        uint64_t lo,
        uint64_t hi,
        const uint64_t[::1] base,
        const uint64_t[::1] npages,
        const uint64_t[::1] manual_base,
        const uint64_t[::1] manual_npages,
    ) except -1
    cdef int claim(self, uint64_t base, uint64_t npages) except -1

    cdef inline bint scannable(self, Py_ssize_t si, uint32_t slot) noexcept nogil:
        """Whether an allocated slot is published, so that it holds no junk."""
        cdef const uint8_t *p
        if slot < self.spans[si].scan_limit:
            return True
        p = <const uint8_t *><size_t>self.alloc_host[si]
        return p != NULL and (p[slot >> 3] >> (slot & 7)) & 1

    cdef inline int64_t object_at(self, uint64_t p, Py_ssize_t *span, uint32_t *slot) noexcept nogil:
        """The object that holds address p, or NOT_HEAP, FREE_MEMORY, FREE_SLOT, STACK."""
        cdef uint64_t d = p - self.lo
        cdef uint64_t a = d >> ARENA_SHIFT
        cdef int32_t c
        cdef SpanRow *s
        cdef uint64_t off, word, index
        if a >= self.l1n:
            return NOT_HEAP
        c = self.l1[a]
        if c < 0:
            return NOT_HEAP
        c = self.l2[<size_t>c * ARENA_PAGES + ((d >> PAGE_SHIFT) & (ARENA_PAGES - 1))]
        if c < 0:
            return FREE_MEMORY if c == PAGE_FREE else STACK
        s = &self.spans[c]
        off = p - s.base
        index = 0
        if s.flags & SPAN_LARGE:
            if off >= s.elemsize:
                return FREE_SLOT
        else:
            index = (off * s.divmul) >> 32
            if index >= s.nelems:
                return FREE_SLOT
            # divMul is exact for Go's size classes; a hostile one must not take us out of the slot
            if off - index * s.elemsize >= s.elemsize:
                return FREE_SLOT
        span[0] = c
        slot[0] = <uint32_t>index
        word = self.bits[s.bit0 + <int64_t>(index >> 6)]
        if not (word >> (index & 63)) & 1:
            return FREE_SLOT
        return <int64_t>self.rank[s.bit0 + <int64_t>(index >> 6)] + popcount(
            word & ((<uint64_t>1 << (index & 63)) - 1)
        )
