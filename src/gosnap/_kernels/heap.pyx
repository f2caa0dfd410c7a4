# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Objects, edges and types of a Go heap, over raw memory. heap.pyi is the documentation."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #define GS_POPCOUNT(x) ((int)__builtin_popcountll((unsigned long long)(x)))
    #define GS_CTZ(x) ((int)__builtin_ctzll((unsigned long long)(x)))
    #define GS_PREFETCH(p) __builtin_prefetch((const void *)(p))
    """
    int popcount "GS_POPCOUNT"(uint64_t x) nogil
    int ctz "GS_CTZ"(uint64_t x) nogil
    void prefetch "GS_PREFETCH"(const void *p) nogil


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
    # object roles; gosnap.heap.roles gives them names
    ROLE_VALUE = 0
    ROLE_ARRAY = 1
    ROLE_STRING = 2
    ROLE_MAP = 3
    ROLE_MAP_BUCKETS = 4
    ROLE_MAP_DIR = 5
    ROLE_MAP_TABLE = 6
    ROLE_CHAN = 7
    ROLE_CHAN_BUF = 8
    ROLE_CLOSURE = 9
    ROLE_TINY = 10
    ROLE_INSIDE = 11
    ROLE_RTYPE = 12
    ROLE_RTYPE_ARRAY = 13
    ROLE_MAP_OVERFLOW = 14
    ROLE_MAP_OVERFLOW_ARRAY = 15
    ROLE_SHIFT = 28
    # pointer sources (a type's program)
    OP_PTR = 1
    OP_SLICE = 2
    OP_STRING = 3
    OP_EFACE = 4
    OP_IFACE = 5
    OP_MAP = 6
    OP_CHAN = 7
    OP_FUNC = 8
    OP_UNSAFE = 9
    OP_REPEAT = 10
    OP_VEC = 11
    # reflect kinds used here (internal/abi/type.go)
    KIND_ARRAY = 17
    KIND_CHAN = 18
    KIND_FUNC = 19
    KIND_INTERFACE = 20
    KIND_MAP = 21
    KIND_POINTER = 22
    KIND_SLICE = 23
    KIND_STRING = 24
    KIND_STRUCT = 25
    KIND_UNSAFE = 26
    KIND_NODE = 28           # ours: elem if the first byte is not 0, else part (a node of a hash trie)
    KIND_VEC = 27            # ours: a pointer to elem, and their number in the next word (sync.Pool)

cdef uint64_t MAX_ADDR = <uint64_t>1 << 47
cdef uint32_t TYPE_MASK = (<uint32_t>1 << ROLE_SHIFT) - 1
cdef int64_t MAX_OBJECTS = <int64_t>0xfffffff0
cdef uint64_t INNER_LIMIT = <uint64_t>1 << 26
# What hostile types may cost: pointer sources in one type and in all, steps to find them, nested arrays.
cdef int64_t MAX_OPS = 65536
cdef int64_t MAX_OPS_IN_ALL = <int64_t>1 << 24
cdef int64_t MAX_EMITS = <int64_t>1 << 18
cdef int MAX_NESTED = 64


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


cdef struct TypeInfo:
    uint64_t addr        # 0: free slot of the table
    uint64_t size
    uint64_t ptrbytes
    const uint8_t *mask  # NULL: none could be had, treat every word as a possible pointer
    int32_t type_id      # row of the type table, 0 unknown
    uint8_t kind
    uint8_t direct
    uint8_t ok


cdef struct Op:
    int64_t off
    int64_t count        # OP_REPEAT
    int64_t stride       # OP_REPEAT
    int32_t arg
    int32_t code


cdef struct Work:
    uint32_t obj
    uint32_t span
    uint32_t slot


cdef struct Inner:
    uint64_t addr
    int32_t type_id


cdef class Space:
    """Sorted, disjoint address ranges of the target and where their bytes lie here."""
    cdef const uint64_t[::1] _start
    cdef const uint64_t[::1] _end
    cdef const uint64_t[::1] _host
    cdef Py_ssize_t n
    cdef const uint64_t *start
    cdef const uint64_t *end
    cdef const uint64_t *host

    def __init__(self, const uint64_t[::1] start, const uint64_t[::1] end, const uint64_t[::1] host):
        cdef Py_ssize_t i
        self.n = start.shape[0]
        if end.shape[0] != self.n or host.shape[0] != self.n:
            raise ValueError("space: columns differ in length")
        for i in range(self.n):
            if end[i] <= start[i] or end[i] > MAX_ADDR or (i and start[i] < end[i - 1]):
                raise ValueError("space: ranges must be sorted, disjoint and below 2**47")
        self._start = start
        self._end = end
        self._host = host
        self.start = &start[0] if self.n else NULL
        self.end = &end[0] if self.n else NULL
        self.host = &host[0] if self.n else NULL

    cdef inline const uint8_t *at(self, uint64_t addr, uint64_t need) noexcept nogil:
        """The host address of `need` contiguous bytes, or NULL."""
        cdef Py_ssize_t lo = 0, hi = self.n, mid
        if addr >= MAX_ADDR or need > MAX_ADDR:
            return NULL
        while lo < hi:
            mid = (lo + hi) >> 1
            if self.end[mid] <= addr:
                lo = mid + 1
            else:
                hi = mid
        if lo == self.n or addr < self.start[lo] or self.end[lo] - addr < need:
            return NULL
        return <const uint8_t *><size_t>(self.host[lo] + (addr - self.start[lo]))

    def gather(self, const uint64_t[::1] addrs, Py_ssize_t size, uint8_t[::1] out, uint8_t[::1] ok):
        cdef Py_ssize_t i, n = addrs.shape[0], bad = 0
        cdef const uint8_t *p
        if size <= 0 or out.shape[0] // size < n or ok.shape[0] < n:
            raise ValueError("gather: output too small")
        with nogil:
            for i in range(n):
                p = self.at(addrs[i], <uint64_t>size)
                if p == NULL:
                    ok[i] = 0
                    bad += 1
                else:
                    ok[i] = 1
                    memcpy(&out[i * size], p, size)
        return bad

    def locate(self, const uint64_t[::1] addrs, const uint64_t[::1] sizes, uint64_t[::1] out):
        cdef Py_ssize_t i, n = addrs.shape[0], bad = 0
        if sizes.shape[0] < n or out.shape[0] < n:
            raise ValueError("locate: output too small")
        with nogil:
            for i in range(n):
                out[i] = <uint64_t><size_t>self.at(addrs[i], sizes[i])
                if out[i] == 0:
                    bad += 1
        return bad


cdef inline uint64_t load64(const uint8_t *p) noexcept nogil:
    cdef uint64_t v
    memcpy(&v, p, 8)
    return v


cdef struct EdgeBuf:
    uint32_t *dst
    int64_t n
    int64_t cap
    int64_t dangling
    int64_t bad_headers
    int64_t conservative
    int64_t unpublished
    int64_t dang_cap
    uint64_t dang_from[16]
    uint64_t dang_to[16]


cdef class EdgeHandle:
    """Owns the targets of edges(); a buffer of u32."""
    cdef uint32_t *dst
    cdef Py_ssize_t n
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]

    @staticmethod
    cdef EdgeHandle wrap(uint32_t *dst, int64_t n):
        cdef EdgeHandle h = EdgeHandle.__new__(EdgeHandle)
        h.dst = dst
        h.n = n
        return h

    def __dealloc__(self):
        free(self.dst)

    def __len__(self):
        return self.n

    def __getbuffer__(self, Py_buffer *view, int flags):
        self.shape[0] = self.n
        self.strides[0] = 4
        view.buf = self.dst
        view.format = "I"
        view.internal = NULL
        view.itemsize = 4
        view.len = self.n * 4
        view.ndim = 1
        view.obj = self
        view.readonly = 1
        view.shape = self.shape
        view.strides = self.strides
        view.suboffsets = NULL

    def __releasebuffer__(self, Py_buffer *view):
        pass


cdef class Heap:
    cdef Space space
    cdef Py_ssize_t nspans
    cdef SpanRow *spans
    cdef int32_t *l1
    cdef int32_t *l2
    cdef uint64_t lo
    cdef uint64_t l1n
    cdef Py_ssize_t chunks
    cdef uint64_t *bits
    cdef uint32_t *rank
    cdef int64_t nwords
    cdef readonly int64_t nobjects
    cdef int64_t *obj0           # nspans + 1: first object of each span
    cdef const uint64_t[::1] _alloc_host
    # runtime types met so far
    cdef TypeInfo *infos
    cdef uint64_t infos_cap
    cdef uint64_t infos_n
    cdef uint64_t types_lo
    cdef uint64_t types_hi
    cdef const int64_t[::1] rt_off
    cdef const int32_t[::1] rt_id
    cdef int direct_in_kind
    cdef int has_mask_on_demand
    # Go <= 1.21: heapArena bitmaps, by chunk
    cdef uint64_t *arena_bitmap
    cdef uint64_t *arena_nomore
    # types as columns (gosnap.binary.types.TypeTable) and their programs
    cdef const uint8_t[::1] t_kind
    cdef const int64_t[::1] t_size
    cdef const int32_t[::1] t_elem
    cdef const int64_t[::1] t_len
    cdef const int32_t[::1] t_impl
    cdef const uint8_t[::1] t_iface
    cdef const int64_t[::1] f_start
    cdef const int64_t[::1] f_off
    cdef const int32_t[::1] f_type
    cdef const int32_t[::1] t_part     # map: bucket or group type
    cdef const int32_t[::1] t_owner    # bucket, group, table, header: the map type it serves
    cdef const uint8_t[::1] t_owner_role
    cdef int32_t ntypes
    cdef uint8_t *has_ptr              # 0 unknown, 1 no, 2 yes, 3 being found out
    cdef int64_t *prog_start           # -1: not compiled yet
    cdef int32_t *prog_len
    cdef Op *ops
    cdef int64_t ops_n
    cdef int64_t ops_cap
    cdef int64_t emits                 # steps left for the type that is being compiled
    # functions, for closures
    cdef const uint64_t[::1] c_pc
    cdef const int64_t[::1] c_start
    cdef const int64_t[::1] c_off
    cdef const int32_t[::1] c_type
    # runtime structures of maps and channels
    cdef int swiss
    cdef int64_t map_ptr
    cdef int64_t map_len
    cdef int64_t map_old
    cdef int64_t map_extra
    cdef int64_t table_groups
    cdef int64_t chan_buf
    # propagation state
    cdef uint32_t *otype
    cdef uint8_t *orank
    cdef Work *stack
    cdef int64_t stack_n
    cdef int64_t stack_cap
    cdef uint64_t *seen                # keys of (address, type) walked inside objects
    cdef uint64_t seen_cap
    cdef uint64_t seen_n
    cdef Inner *inner
    cdef int64_t inner_n
    cdef int64_t inner_cap
    cdef int64_t fuel                  # pointer sources that may still be looked at
    cdef int nested                    # OP_REPEAT inside OP_REPEAT
    cdef uint16_t class_size[4097]     # (size + 7) / 8 -> slot size, for sizes to 32 KiB
    cdef int nomem

    def __cinit__(self):
        self.spans = NULL
        self.l1 = NULL
        self.l2 = NULL
        self.bits = NULL
        self.rank = NULL
        self.obj0 = NULL
        self.infos = NULL
        self.arena_bitmap = NULL
        self.arena_nomore = NULL
        self.prog_start = NULL
        self.prog_len = NULL
        self.ops = NULL
        self.otype = NULL
        self.orank = NULL
        self.stack = NULL
        self.seen = NULL
        self.inner = NULL
        self.has_ptr = NULL

    def __dealloc__(self):
        free(self.spans)
        free(self.l1)
        free(self.l2)
        free(self.bits)
        free(self.rank)
        free(self.obj0)
        free(self.infos)
        free(self.arena_bitmap)
        free(self.arena_nomore)
        free(self.prog_start)
        free(self.prog_len)
        free(self.ops)
        free(self.otype)
        free(self.orank)
        free(self.stack)
        free(self.seen)
        free(self.inner)
        free(self.has_ptr)

    def __init__(
        self,
        Space space,
        const uint64_t[::1] base,
        const uint64_t[::1] npages,
        const uint64_t[::1] elemsize,
        const uint64_t[::1] nelems,
        const uint32_t[::1] divmul,
        const uint8_t[::1] spanclass,
        const uint64_t[::1] host,
        const uint64_t[::1] large_type,
        const uint8_t[::1] headers,
        const uint64_t[::1] hbits,
        const uint64_t[::1] manual_base,
        const uint64_t[::1] manual_npages,
    ):
        cdef Py_ssize_t i, n = base.shape[0]
        cdef uint64_t hi = 0, lo = MAX_ADDR, end, a
        cdef uint64_t p, c
        cdef uint64_t backed = 4096, pages = 0
        cdef int64_t words = 0
        cdef SpanRow *s
        if not (npages.shape[0] == elemsize.shape[0] == nelems.shape[0] == divmul.shape[0] == n
                and spanclass.shape[0] == host.shape[0] == large_type.shape[0] == n
                and headers.shape[0] == hbits.shape[0] == n
                and manual_base.shape[0] == manual_npages.shape[0]):
            raise ValueError("heap: span columns differ in length")
        self.space = space
        self.nspans = n
        self.spans = <SpanRow *>calloc(n + 1, sizeof(SpanRow))
        self.obj0 = <int64_t *>calloc(n + 1, sizeof(int64_t))
        if self.spans == NULL or self.obj0 == NULL:
            raise MemoryError
        for i in range(n):
            if (base[i] & (PAGE_SIZE - 1) or base[i] == 0 or base[i] >= MAX_ADDR
                    or npages[i] == 0 or npages[i] > (<uint64_t>1 << 34)):
                raise ValueError("heap: span is not page aligned or empty")
            end = base[i] + (npages[i] << PAGE_SHIFT)
            if end > MAX_ADDR or elemsize[i] < 8 or elemsize[i] > (npages[i] << PAGE_SHIFT) or nelems[i] == 0:
                raise ValueError("heap: span with impossible element size")
            if nelems[i] > (npages[i] << PAGE_SHIFT) // elemsize[i] or nelems[i] > 0x7fffffff:
                raise ValueError("heap: span with more elements than room")
            if host[i] == 0:
                raise ValueError("heap: span without bytes")
            s = &self.spans[i]
            s.base = base[i]
            s.host = host[i]
            s.elemsize = elemsize[i]
            s.npages = <uint32_t>npages[i] if npages[i] < 0xffffffff else 0xffffffff
            s.nelems = <uint32_t>nelems[i]
            s.divmul = divmul[i]
            s.sizeclass = spanclass[i] >> 1
            s.flags = 0
            if spanclass[i] & 1:
                s.flags |= SPAN_NOSCAN
            if s.sizeclass == 0:
                s.flags |= SPAN_LARGE
                if nelems[i] != 1:
                    raise ValueError("heap: large span with more than one object")
            if headers[i]:
                s.flags |= SPAN_HEADER
                if elemsize[i] < 16:
                    raise ValueError("heap: span too small for malloc headers")
            if hbits[i]:
                if (hbits[i] >= (npages[i] << PAGE_SHIFT) or elemsize[i] > 512
                        or (nelems[i] * elemsize[i] // 8 + 63) // 64 * 8 > (npages[i] << PAGE_SHIFT) - hbits[i]):
                    raise ValueError("heap: inline bitmap beyond its span")
                s.flags |= SPAN_INLINE_BITS
            s.hbits = hbits[i]
            # a span that once held a large object keeps its type when it is cut into small slots
            s.large_type = large_type[i] if s.flags & SPAN_LARGE else 0
            s.bit0 = words
            words += (<int64_t>nelems[i] + 63) >> 6
            lo = min(lo, base[i])
            hi = max(hi, end)
        for i in range(manual_base.shape[0]):
            if manual_base[i] & (PAGE_SIZE - 1) or manual_npages[i] > (<uint64_t>1 << 34):
                raise ValueError("heap: manual span is not page aligned")
            if manual_base[i] >= MAX_ADDR or manual_base[i] + (manual_npages[i] << PAGE_SHIFT) > MAX_ADDR:
                raise ValueError("heap: manual span outside the address space")
            lo = min(lo, manual_base[i])
            hi = max(hi, manual_base[i] + (manual_npages[i] << PAGE_SHIFT))
        if hi < lo:
            lo = hi = 0
        self.nwords = words
        self.bits = <uint64_t *>calloc(words + 1, 8)
        self.rank = <uint32_t *>calloc(words + 1, 4)
        if self.bits == NULL or self.rank == NULL:
            raise MemoryError
        # Page table in two levels, as the runtime's own (arenas of 64 MiB; runtime/mheap.go): addresses are
        # random from Go 1.26 on and may lie far apart.
        self.lo = lo & ~((<uint64_t>1 << ARENA_SHIFT) - 1)
        self.l1n = (hi - self.lo + (<uint64_t>1 << ARENA_SHIFT) - 1) >> ARENA_SHIFT
        self.l1 = <int32_t *>malloc((self.l1n + 1) * sizeof(int32_t))
        if self.l1 == NULL:
            raise MemoryError
        for p in range(self.l1n):
            self.l1[p] = -1
        self.chunks = 0
        for i in range(n):
            self._claim(base[i], npages[i])
        # Nobody has looked whether stacks are there: what they claim must not cost more than what is.
        backed += self.chunks
        for i in range(space.n):
            backed += (space.end[i] - space.start[i]) >> ARENA_SHIFT
        for i in range(manual_base.shape[0]):
            self._claim(manual_base[i], manual_npages[i])
            pages += manual_npages[i]
            if <uint64_t>self.chunks > backed or pages > backed * ARENA_PAGES:
                raise ValueError("heap: manual spans of more memory than there is")
        self.l2 = <int32_t *>malloc((<size_t>self.chunks * ARENA_PAGES + 1) * sizeof(int32_t))
        self.arena_bitmap = <uint64_t *>calloc(self.chunks + 1, 8)
        self.arena_nomore = <uint64_t *>calloc(self.chunks + 1, 8)
        if self.l2 == NULL or self.arena_bitmap == NULL or self.arena_nomore == NULL:
            raise MemoryError
        for i in range(self.chunks * ARENA_PAGES):
            self.l2[i] = PAGE_FREE
        for i in range(manual_base.shape[0]):
            for p in range(manual_npages[i]):
                a = ((manual_base[i] - self.lo) >> PAGE_SHIFT) + p
                self.l2[<size_t>self.l1[a >> 13] * ARENA_PAGES + (a & (ARENA_PAGES - 1))] = PAGE_MANUAL
        for i in range(n):
            for p in range(npages[i]):
                a = ((base[i] - self.lo) >> PAGE_SHIFT) + p
                c = <size_t>self.l1[a >> 13] * ARENA_PAGES + (a & (ARENA_PAGES - 1))
                if self.l2[c] >= 0:
                    raise ValueError("heap: spans overlap")
                self.l2[c] = <int32_t>i
        self.infos_cap = 0
        self.types_lo = 0
        self.types_hi = 0
        self.ntypes = 0

    cdef int _claim(self, uint64_t base, uint64_t npages) except -1:
        cdef uint64_t a
        cdef uint64_t first = (base - self.lo) >> ARENA_SHIFT
        cdef uint64_t last = (base - self.lo + ((npages << PAGE_SHIFT) - 1 if npages else 0)) >> ARENA_SHIFT
        for a in range(first, last + 1):
            if self.l1[a] < 0:
                self.l1[a] = <int32_t>self.chunks
                self.chunks += 1
        return 0

    def arena_chunks(self):
        cdef uint64_t a
        return [self.lo + (a << ARENA_SHIFT) for a in range(self.l1n) if self.l1[a] >= 0]

    def set_arena_bitmaps(self, const uint64_t[::1] arena, const uint64_t[::1] bitmap, const uint64_t[::1] nomore):
        cdef Py_ssize_t i
        cdef uint64_t a
        if bitmap.shape[0] != arena.shape[0] or nomore.shape[0] != arena.shape[0]:
            raise ValueError("arena bitmaps: columns differ in length")
        for i in range(arena.shape[0]):
            if arena[i] < self.lo:
                continue
            a = (arena[i] - self.lo) >> ARENA_SHIFT
            if a < self.l1n and self.l1[a] >= 0:
                self.arena_bitmap[self.l1[a]] = bitmap[i]
                self.arena_nomore[self.l1[a]] = nomore[i]

    # ------------------------------------------------------------------ objects

    def enumerate(
        self,
        const uint64_t[::1] freeindex,
        const uint64_t[::1] scanindex,
        const uint64_t[::1] alloc_host,
        const uint64_t[::1] mark_host,
        const uint8_t[::1] mode,
        const uint8_t[::1] inline_marks,
        const uint32_t[::1] alloc_count,
        uint32_t[::1] counts,
    ):
        cdef Py_ssize_t i, n = self.nspans
        cdef uint64_t w, word, nb, nw, fi, mask, inl
        cdef const uint8_t *bits
        cdef const uint8_t *abits
        cdef const uint8_t *marks
        cdef SpanRow *s
        cdef int64_t total = 0
        cdef uint64_t nbytes
        cdef uint64_t pop
        cdef uint8_t tmp[8]
        if not (freeindex.shape[0] == scanindex.shape[0] == alloc_host.shape[0] == mark_host.shape[0] == n
                and mode.shape[0] == inline_marks.shape[0] == alloc_count.shape[0] == n
                and counts.shape[0] == n):
            raise ValueError("enumerate: columns differ in length")
        with nogil:
            for i in range(n):
                s = &self.spans[i]
                self.obj0[i] = total
                nb = s.nelems
                nw = (nb + 63) >> 6
                nbytes = (nb + 7) >> 3
                fi = freeindex[i] if freeindex[i] < nb else nb
                abits = <const uint8_t *><size_t>alloc_host[i]
                marks = <const uint8_t *><size_t>mark_host[i]
                s.scan_limit = <uint32_t>(scanindex[i] if scanindex[i] < nb else nb)
                pop = 0
                for w in range(nw):
                    word = 0
                    mask = ~<uint64_t>0
                    if w == nw - 1 and nb & 63:
                        mask = (<uint64_t>1 << (nb & 63)) - 1
                    if mode[i] != 1:
                        bits = abits
                    else:
                        bits = marks
                    if bits != NULL:
                        word = self._bits_word(bits, w, nbytes)
                    if mode[i] == 1 and inline_marks[i] and w < 8:
                        # spanInlineMarkBits ends the first page: 63 bytes of marks, then the class byte
                        inl = load64(<const uint8_t *><size_t>(s.host + PAGE_SIZE - 64 + w * 8))
                        if w == 7:
                            inl &= (<uint64_t>1 << 56) - 1
                        word |= inl
                    if mode[i] == 0:
                        # everything below freeindex is allocated (runtime/mheap.go, mspan.isFree)
                        if fi >= (w + 1) * 64:
                            word = ~<uint64_t>0
                        elif fi > w * 64:
                            word |= (<uint64_t>1 << (fi - w * 64)) - 1
                    word &= mask
                    self.bits[s.bit0 + w] = word
                    self.rank[s.bit0 + w] = <uint32_t>(total + pop)
                    pop += popcount(word)
                if mode[i] == 1:
                    s.scan_limit = s.nelems
                counts[i] = <uint32_t>pop
                total += pop
                if total > MAX_OBJECTS:
                    break
            self.obj0[n] = total
        if total > MAX_OBJECTS:
            raise OverflowError("more than 2**32 objects")
        self.nobjects = total
        # Slots allocated since the last sweep and not yet published (index >= freeIndexForScan and not in the
        # allocation bits) may hold junk; they count as allocated but are not scanned.
        with nogil:
            for i in range(n):
                if mode[i] == 1:
                    continue
                s = &self.spans[i]
                if s.scan_limit < s.nelems and freeindex[i] <= s.scan_limit:
                    s.scan_limit = s.nelems
        self._alloc_host = alloc_host
        return total

    cdef inline uint64_t _bits_word(self, const uint8_t *bits, uint64_t w, uint64_t nbytes) noexcept nogil:
        cdef uint64_t v = 0
        if nbytes - w * 8 >= 8:
            return load64(bits + w * 8)
        memcpy(&v, bits + w * 8, nbytes - w * 8)
        return v

    cdef inline bint _scannable(self, Py_ssize_t si, uint32_t idx) noexcept nogil:
        cdef SpanRow *s = &self.spans[si]
        cdef const uint8_t *p
        if idx < s.scan_limit:
            return True
        p = <const uint8_t *><size_t>self._alloc_host[si]
        return p != NULL and (p[idx >> 3] >> (idx & 7)) & 1

    def bitmap(self, uint64_t[::1] out):
        if out.shape[0] < self.nwords:
            raise ValueError("bitmap: output too small")
        if self.nwords:
            memcpy(&out[0], self.bits, self.nwords * 8)
        return self.nwords

    def words(self):
        return self.nwords

    cdef inline int64_t _find(self, uint64_t p, Py_ssize_t *span, uint32_t *slot) noexcept nogil:
        """The object that holds address p; -1 outside the heap, -2 free memory, -3 a free slot, -4 a stack."""
        cdef uint64_t d = p - self.lo
        cdef uint64_t a = d >> ARENA_SHIFT
        cdef int32_t c
        cdef SpanRow *s
        cdef uint64_t off, word, idx
        if a >= self.l1n:
            return -1
        c = self.l1[a]
        if c < 0:
            return -1
        c = self.l2[<size_t>c * ARENA_PAGES + ((d >> PAGE_SHIFT) & (ARENA_PAGES - 1))]
        if c < 0:
            return -2 if c == PAGE_FREE else -4
        s = &self.spans[c]
        off = p - s.base
        idx = 0
        if s.flags & SPAN_LARGE:
            if off >= s.elemsize:
                return -3
        else:
            idx = (off * s.divmul) >> 32
            if idx >= s.nelems:
                return -3
            # divMul is exact for Go's size classes; a hostile one must not take us out of the slot
            if off - idx * s.elemsize >= s.elemsize:
                return -3
        span[0] = c
        slot[0] = <uint32_t>idx
        word = self.bits[s.bit0 + <int64_t>(idx >> 6)]
        if not (word >> (idx & 63)) & 1:
            return -3
        return <int64_t>self.rank[s.bit0 + <int64_t>(idx >> 6)] + popcount(
            word & ((<uint64_t>1 << (idx & 63)) - 1))

    def find(self, uint64_t addr):
        cdef Py_ssize_t span = -1
        cdef uint32_t slot = 0
        cdef int64_t obj = self._find(addr, &span, &slot)
        return obj, span, slot

    def addresses(self, uint64_t[::1] out):
        """Address of every object, in order."""
        cdef Py_ssize_t i
        cdef uint64_t w, word
        cdef int64_t k = 0
        cdef SpanRow *s
        if out.shape[0] < self.nobjects:
            raise ValueError("addresses: output too small")
        with nogil:
            for i in range(self.nspans):
                s = &self.spans[i]
                for w in range((<uint64_t>s.nelems + 63) >> 6):
                    word = self.bits[s.bit0 + <int64_t>w]
                    while word:
                        out[k] = s.base + (w * 64 + ctz(word)) * s.elemsize
                        word &= word - 1
                        k += 1
        return k

    # ------------------------------------------------------------------ runtime types

    def set_runtime_types(self, uint64_t types_lo, uint64_t types_hi, const int64_t[::1] rt_off,
                          const int32_t[::1] rt_id, bint direct_in_kind, bint mask_on_demand):
        if rt_off.shape[0] != rt_id.shape[0]:
            raise ValueError("runtime types: columns differ in length")
        free(self.infos)      # what was read before has rows of the table before
        self.infos = NULL
        self.infos_cap = self.infos_n = 0
        self.types_lo = types_lo
        self.types_hi = types_hi
        self.rt_off = rt_off
        self.rt_id = rt_id
        self.direct_in_kind = direct_in_kind
        self.has_mask_on_demand = mask_on_demand

    cdef TypeInfo *_info(self, uint64_t addr) noexcept nogil:
        """The runtime type at addr, read once. NULL when memory ran out."""
        cdef uint64_t h, i
        cdef TypeInfo *t
        cdef TypeInfo *old
        cdef uint64_t oldcap
        cdef const uint8_t *p
        cdef uint64_t gcdata, need
        cdef uint8_t kind, tflag
        cdef Py_ssize_t lo, hi, mid
        cdef int64_t off
        if self.infos_n * 2 >= self.infos_cap:
            old = self.infos
            oldcap = self.infos_cap
            if oldcap >= (<uint64_t>1 << 24):
                return NULL          # more types than any binary has: a hostile heap
            t = <TypeInfo *>calloc(oldcap * 2 if oldcap else 4096, sizeof(TypeInfo))
            if t == NULL:
                return NULL
            self.infos = t
            self.infos_cap = oldcap * 2 if oldcap else 4096
            for i in range(oldcap):
                if old[i].addr:
                    h = (old[i].addr >> 3) * <uint64_t>0x9E3779B97F4A7C15 & (self.infos_cap - 1)
                    while self.infos[h].addr:
                        h = (h + 1) & (self.infos_cap - 1)
                    self.infos[h] = old[i]
            free(old)
        h = (addr >> 3) * <uint64_t>0x9E3779B97F4A7C15 & (self.infos_cap - 1)
        while self.infos[h].addr:
            if self.infos[h].addr == addr:
                return &self.infos[h]
            h = (h + 1) & (self.infos_cap - 1)
        t = &self.infos[h]
        memset(t, 0, sizeof(TypeInfo))
        t.addr = addr
        self.infos_n += 1
        if addr & 7:
            return t
        p = self.space.at(addr, 48)
        if p == NULL:
            return t
        # internal/abi/type.go, identical in 1.21..1.27: Size_ 0, PtrBytes 8, TFlag 20, Kind_ 23, GCData 32
        t.size = load64(p)
        t.ptrbytes = load64(p + 8)
        tflag = p[20]
        kind = p[23]
        t.kind = kind & 31
        t.direct = (kind >> 5) & 1 if self.direct_in_kind else (tflag >> 5) & 1
        gcdata = load64(p + 32)
        if t.size > MAX_ADDR or t.ptrbytes > t.size or t.kind > KIND_UNSAFE or t.ptrbytes & 7:
            return t
        if t.kind == 0 and (load64(p + 16) & ~(<uint64_t>0x10 << 32) or gcdata != addr + 48):
            # heapSetType of 1.22 and 1.23 (runtime/mbitmap.go) makes a type of its own for an object with a GC
            # program: nothing but size, pointer bytes, TFlagUnrolledBitmap and a mask, which lies right behind it
            return t
        t.ok = 1
        if t.ptrbytes:
            need = (t.ptrbytes // 8 + 7) // 8
            if self.has_mask_on_demand and (tflag >> 4) & 1:
                # GCData is the address of a slot; the runtime builds the mask on first use
                p = self.space.at(gcdata, 8)
                gcdata = load64(p) if p != NULL else 0
                t.mask = self.space.at(gcdata, need) if gcdata else NULL
                if gcdata and t.mask == NULL:
                    t.mask = NULL    # &inProgress: no mask yet
            elif not self.has_mask_on_demand and (kind >> 6) & 1:
                t.mask = NULL        # a GC program (<= 1.23): no plain mask
            else:
                t.mask = self.space.at(gcdata, need)
        if self.types_lo <= addr < self.types_hi:
            off = <int64_t>(addr - self.types_lo)
            lo = 0
            hi = self.rt_off.shape[0]
            while lo < hi:
                mid = (lo + hi) >> 1
                if self.rt_off[mid] < off:
                    lo = mid + 1
                else:
                    hi = mid
            if lo < self.rt_off.shape[0] and self.rt_off[lo] == off:
                t.type_id = self.rt_id[lo]
        return t

    # ------------------------------------------------------------------ edges

    def edges(self, Py_ssize_t span_lo, Py_ssize_t span_hi, uint32_t[::1] degree, bint precise_headers):
        """(address, count) of a malloc'd u32 buffer of targets; degree[] gets the out-degree per object."""
        cdef EdgeBuf b
        cdef Py_ssize_t si
        cdef int64_t obj, before
        cdef uint64_t w, word, addr, size, host, off, q, bitoff
        cdef uint64_t m
        cdef uint32_t idx
        cdef SpanRow *s
        cdef TypeInfo *t
        cdef int err = 0
        cdef TypeInfo local
        if span_lo < 0 or span_hi > self.nspans or span_hi < span_lo or degree.shape[0] < self.nobjects:
            raise ValueError("edges: range or output does not fit")
        memset(&b, 0, sizeof(EdgeBuf))
        b.dang_cap = 64
        b.cap = 1 << 16
        b.dst = <uint32_t *>malloc(b.cap * 4)
        if b.dst == NULL:
            raise MemoryError
        with nogil:
            for si in range(span_lo, span_hi):
                s = &self.spans[si]
                obj = self.obj0[si] - 1
                if s.flags & SPAN_NOSCAN:
                    for obj in range(self.obj0[si], self.obj0[si + 1]):
                        degree[obj] = 0
                    continue
                for w in range((<uint64_t>s.nelems + 63) >> 6):
                    word = self.bits[s.bit0 + <int64_t>w]
                    while word:
                        idx = <uint32_t>(w * 64 + ctz(word))
                        word &= word - 1
                        obj += 1
                        before = b.n
                        if not self._scannable(si, idx):
                            degree[obj] = 0
                            b.unpublished += 1
                            continue
                        off = <uint64_t>idx * s.elemsize
                        if s.flags & SPAN_INLINE_BITS:
                            # mspan.heapBitsSmallForAddr (runtime/mbitmap.go, >= 1.22)
                            bitoff = off >> 3
                            size = s.elemsize >> 3
                            host = s.host + s.hbits
                            m = load64(<const uint8_t *><size_t>(host + (bitoff >> 6) * 8)) >> (bitoff & 63)
                            if (bitoff & 63) + size > 64:
                                m |= load64(<const uint8_t *><size_t>(host + (bitoff >> 6) * 8 + 8)) << (
                                    64 - (bitoff & 63))
                            if size < 64:
                                m &= (<uint64_t>1 << size) - 1
                            host = s.host + off
                            while m:
                                q = load64(<const uint8_t *><size_t>(host + <uint64_t>ctz(m) * 8))
                                m &= m - 1
                                if q and self._edge(&b, q, s.base + off) < 0:
                                    err = 1
                                    break
                        elif s.flags & SPAN_HEADER or s.large_type:
                            if s.flags & SPAN_HEADER:
                                addr = load64(<const uint8_t *><size_t>(s.host + off))
                                host = s.host + off + 8
                                size = s.elemsize - 8
                                if addr == 0:
                                    # allocated without pointers yet, header not written: mallocgc zeroes first
                                    b.bad_headers += 1
                                    degree[obj] = 0
                                    continue
                            else:
                                addr = s.large_type
                                host = s.host + off
                                size = s.elemsize
                            t = self._info_shared(addr, &local)
                            if t == NULL:
                                err = 1
                                break
                            if not t.ok or t.size == 0 or t.ptrbytes == 0:
                                b.bad_headers += 1
                                degree[obj] = 0
                                continue
                            if self._masked(&b, t, host, size, s.base + off) < 0:
                                err = 1
                                break
                        elif s.sizeclass == 1 and precise_headers:
                            q = load64(<const uint8_t *><size_t>(s.host + off))
                            if q and self._edge(&b, q, s.base + off) < 0:
                                err = 1
                        elif not precise_headers:
                            if self._arena_bits(&b, s, off) < 0:
                                err = 1
                        if err:
                            break
                        degree[obj] = <uint32_t>(b.n - before)
                    if err:
                        break
                if err:
                    break
        if err:
            free(b.dst)
            raise MemoryError
        return (EdgeHandle.wrap(b.dst, b.n), b.dangling, b.bad_headers, b.conservative, b.unpublished,
                [(b.dang_from[k], b.dang_to[k]) for k in range(min(b.dangling, 16))])

    cdef TypeInfo *_info_shared(self, uint64_t addr, TypeInfo *local) noexcept nogil:
        # Two threads scan at once; the table is only written under this flag-free rule: prepare_types() has
        # read every header before the scan, so here a look-up never inserts, unless a header was missed.
        cdef uint64_t h
        if self.infos_cap == 0:
            return NULL
        h = (addr >> 3) * <uint64_t>0x9E3779B97F4A7C15 & (self.infos_cap - 1)
        while self.infos[h].addr:
            if self.infos[h].addr == addr:
                return &self.infos[h]
            h = (h + 1) & (self.infos_cap - 1)
        memset(local, 0, sizeof(TypeInfo))
        return local

    def prepare_types(self):
        """Read the runtime type of every malloc header and large object; call once before edges()."""
        cdef Py_ssize_t si
        cdef uint64_t w, word, addr
        cdef SpanRow *s
        cdef uint64_t last = 0
        cdef int err = 0
        with nogil:
            if self._info(8) == NULL:      # allocates the table
                err = 1
            for si in range(self.nspans):
                if err:
                    break
                s = &self.spans[si]
                if s.flags & SPAN_NOSCAN:
                    continue
                if s.flags & SPAN_HEADER:
                    for w in range((<uint64_t>s.nelems + 63) >> 6):
                        word = self.bits[s.bit0 + <int64_t>w]
                        while word:
                            addr = load64(<const uint8_t *><size_t>(
                                s.host + (w * 64 + <uint64_t>ctz(word)) * s.elemsize))
                            word &= word - 1
                            if addr and addr != last:
                                last = addr
                                if self._info(addr) == NULL:
                                    err = 1
                                    break
                        if err:
                            break
                elif s.large_type:
                    if self._info(s.large_type) == NULL:
                        err = 1
        if err:
            raise MemoryError("too many runtime types")

    cdef inline int _edge(self, EdgeBuf *b, uint64_t q, uint64_t src) noexcept nogil:
        cdef Py_ssize_t span
        cdef uint32_t slot
        cdef int64_t o
        cdef uint32_t *grown
        if q - self.lo >= self.l1n << ARENA_SHIFT:
            return 0
        o = self._find(q, &span, &slot)
        if o >= 0:
            if b.n == b.cap:
                grown = <uint32_t *>realloc(b.dst, <size_t>b.cap * 2 * 4)
                if grown == NULL:
                    return -1
                b.dst = grown
                b.cap *= 2
            b.dst[b.n] = <uint32_t>o
            b.n += 1
        elif o == -2 or o == -3:
            if b.dangling < 16:
                b.dang_from[b.dangling] = src
                b.dang_to[b.dangling] = q
            b.dangling += 1
        return 0

    cdef int _masked(self, EdgeBuf *b, TypeInfo *t, uint64_t host, uint64_t size, uint64_t src) noexcept nogil:
        """Tile the type's pointer mask over the slot (typePointers.next, runtime/mbitmap.go)."""
        cdef uint64_t e = 0, i, words, m, q, k
        cdef int64_t dangling
        if t.mask == NULL:
            # no mask: every word may be a pointer; what does not hit an object is no evidence of a bad read
            b.conservative += 1
            dangling = b.dangling
            for i in range(size >> 3):
                q = load64(<const uint8_t *><size_t>(host + i * 8))
                if q and self._edge(b, q, src) < 0:
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
                    q = load64(<const uint8_t *><size_t>(host + k))
                    if q and self._edge(b, q, src) < 0:
                        return -1
                i += 64
            if t.size < 8:
                return 0
            e += t.size
        return 0

    cdef int _arena_bits(self, EdgeBuf *b, SpanRow *s, uint64_t off) noexcept nogil:
        """Go <= 1.21: heapBitsForAddr and heapBits.next (runtime/mbitmap.go, 1.21)."""
        cdef uint64_t addr = s.base + off
        cdef uint64_t left = s.elemsize
        cdef uint64_t word, idx, o, m, valid, nptr, c, q
        cdef const uint8_t *bm
        cdef const uint8_t *nm
        while left:
            c = <uint64_t>self.l1[(addr - self.lo) >> ARENA_SHIFT]
            bm = <const uint8_t *><size_t>self.arena_bitmap[c]
            nm = <const uint8_t *><size_t>self.arena_nomore[c]
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
                q = load64(<const uint8_t *><size_t>(s.host + (addr - s.base) + <uint64_t>ctz(m) * 8))
                m &= m - 1
                if q and self._edge(b, q, s.base + off) < 0:
                    return -1
            if valid == 0:
                return 0
            addr += valid * 8
            left -= valid * 8
        return 0

    # ------------------------------------------------------------------ types

    def set_types(
        self,
        const uint8_t[::1] kind,
        const int64_t[::1] size,
        const int32_t[::1] elem,
        const int64_t[::1] length,
        const int32_t[::1] impl,
        const uint8_t[::1] iface,
        const int64_t[::1] field_start,
        const int64_t[::1] field_offset,
        const int32_t[::1] field_type,
        const int32_t[::1] part,
        const int32_t[::1] owner,
        const uint8_t[::1] owner_role,
        const uint64_t[::1] func_pc,
        const int64_t[::1] capture_start,
        const int64_t[::1] capture_offset,
        const int32_t[::1] capture_type,
        const uint16_t[::1] class_size,
        dict offsets,
    ):
        cdef Py_ssize_t n = kind.shape[0], i, m = field_type.shape[0]
        if n >= (1 << 27) or not (
            size.shape[0] == elem.shape[0] == length.shape[0] == impl.shape[0] == iface.shape[0] == n
            and part.shape[0] == owner.shape[0] == owner_role.shape[0] == n
            and field_start.shape[0] == n + 1 and field_offset.shape[0] == m
            and capture_start.shape[0] == func_pc.shape[0] + 1
            and capture_offset.shape[0] == capture_type.shape[0]
            and class_size.shape[0] == 4097
        ):
            raise ValueError("types: columns differ in length")
        for i in range(n):
            if not (0 <= elem[i] < n and 0 <= impl[i] < n and 0 <= part[i] < n and 0 <= owner[i] < n):
                raise ValueError("types: a row refers to a type that is not there")
            if field_start[i] > field_start[i + 1] or size[i] < 0:
                raise ValueError("types: fields or size out of order")
            if owner_role[i] == ROLE_CLOSURE or owner_role[i] > 15:
                raise ValueError("types: an owner in a role that no owner has")
        if field_start[0] != 0 or field_start[n] != m:
            raise ValueError("types: field index does not cover the fields")
        for i in range(m):
            if not 0 <= field_type[i] < n or field_offset[i] < 0:
                raise ValueError("types: a field refers to a type that is not there")
        for i in range(func_pc.shape[0]):
            if capture_start[i] > capture_start[i + 1]:
                raise ValueError("types: captures out of order")
        if capture_start[0] != 0 or capture_start[func_pc.shape[0]] != capture_type.shape[0]:
            raise ValueError("types: capture index does not cover the captures")
        for i in range(capture_type.shape[0]):
            if not 0 <= capture_type[i] < n or capture_offset[i] < 0:
                raise ValueError("types: a capture refers to a type that is not there")
        for name in ("map_ptr", "map_len", "map_old", "map_extra", "table_groups", "chan_buf"):
            if not 0 <= offsets[name] < PAGE_SIZE:
                raise ValueError(f"types: {name} at an impossible offset")
        self.t_kind = kind
        self.t_size = size
        self.t_elem = elem
        self.t_len = length
        self.t_impl = impl
        self.t_iface = iface
        self.f_start = field_start
        self.f_off = field_offset
        self.f_type = field_type
        self.t_part = part
        self.t_owner = owner
        self.t_owner_role = owner_role
        self.c_pc = func_pc
        self.c_start = capture_start
        self.c_off = capture_offset
        self.c_type = capture_type
        self.ntypes = <int32_t>n
        for i in range(4097):
            self.class_size[i] = class_size[i]
        self.swiss = offsets["swiss"]
        self.map_ptr = offsets["map_ptr"]
        self.map_len = offsets["map_len"]
        self.map_old = offsets["map_old"]
        self.map_extra = offsets["map_extra"]
        self.table_groups = offsets["table_groups"]
        self.chan_buf = offsets["chan_buf"]
        free(self.has_ptr)
        free(self.prog_start)
        free(self.prog_len)
        self.has_ptr = <uint8_t *>calloc(n + 1, 1)
        self.prog_start = <int64_t *>malloc((n + 1) * 8)
        self.prog_len = <int32_t *>calloc(n + 1, 4)
        if self.has_ptr == NULL or self.prog_start == NULL or self.prog_len == NULL:
            raise MemoryError
        for i in range(n):
            self.prog_start[i] = -1
        self.ops_n = 0

    cdef bint _has_ptr(self, int32_t t, int depth) noexcept nogil:
        cdef int64_t i
        cdef uint8_t k
        cdef bint r = False
        if self.has_ptr[t] == 1:
            return False
        if self.has_ptr[t] == 2:
            return True
        if self.has_ptr[t] == 3 or depth > 200:
            return False       # a type inside itself: no such Go type
        self.has_ptr[t] = 3
        k = self.t_kind[t]
        if k >= KIND_CHAN and k <= KIND_VEC and k != KIND_STRUCT:
            r = True
        elif k == KIND_ARRAY:
            r = self.t_len[t] > 0 and self._has_ptr(self.t_elem[t], depth + 1)
        else:
            for i in range(self.f_start[t], self.f_start[t + 1]):
                if self._has_ptr(self.f_type[i], depth + 1):
                    r = True
                    break
        self.has_ptr[t] = 2 if r else 1
        return r

    cdef int _op(self, int code, int64_t off, int32_t arg, int64_t count, int64_t stride) noexcept nogil:
        cdef Op *grown
        if self.ops_n == self.ops_cap:
            grown = <Op *>realloc(self.ops, <size_t>(self.ops_cap * 2 + 4096) * sizeof(Op))
            if grown == NULL:
                return -1
            self.ops = grown
            self.ops_cap = self.ops_cap * 2 + 4096
        self.ops[self.ops_n].code = code
        self.ops[self.ops_n].off = off
        self.ops[self.ops_n].arg = arg
        self.ops[self.ops_n].count = count
        self.ops[self.ops_n].stride = stride
        self.ops_n += 1
        return 0

    cdef int _emit(self, int32_t t, int64_t off, int depth, int64_t limit) noexcept nogil:
        """Append the pointer sources of type t at offset off."""
        cdef uint8_t k = self.t_kind[t]
        cdef int64_t i, n, stride
        if depth > 100 or self.ops_n > limit or off > <int64_t>MAX_ADDR or not self._has_ptr(t, 0):
            return 0
        self.emits -= 1
        if self.emits < 0:
            return 0
        if k == KIND_POINTER:
            return self._op(OP_PTR, off, self.t_elem[t], 0, 0)
        if k == KIND_STRING:
            return self._op(OP_STRING, off, 0, 0, 0)
        if k == KIND_SLICE:
            return self._op(OP_SLICE, off, self.t_elem[t], 0, 0)
        if k == KIND_INTERFACE:
            return self._op(OP_EFACE if self.t_iface[t] == 1 else OP_IFACE, off, 0, 0, 0)
        if k == KIND_MAP:
            return self._op(OP_MAP, off, t, 0, 0)
        if k == KIND_CHAN:
            return self._op(OP_CHAN, off, t, 0, 0)
        if k == KIND_FUNC:
            return self._op(OP_FUNC, off, 0, 0, 0)
        if k == KIND_UNSAFE:
            return 0
        if k == KIND_VEC:
            return self._op(OP_VEC, off, self.t_elem[t], 0, 0)
        if k == KIND_ARRAY:
            n = self.t_len[t]
            stride = min(self.t_size[self.t_elem[t]], <int64_t>MAX_ADDR)
            if n <= 4:
                for i in range(n):
                    if self._emit(self.t_elem[t], off + i * stride, depth + 1, limit) < 0:
                        return -1
                return 0
            return self._op(OP_REPEAT, off, self.t_elem[t], n, stride)
        for i in range(self.f_start[t], self.f_start[t + 1]):
            if self._emit(self.f_type[i], off + min(self.f_off[i], <int64_t>MAX_ADDR), depth + 1, limit) < 0:
                return -1
        return 0

    cdef int _compile(self, int32_t t) noexcept nogil:
        cdef int64_t at = self.ops_n
        self.emits = MAX_EMITS
        if self._emit(t, 0, 0, min(at + MAX_OPS, MAX_OPS_IN_ALL)) < 0:
            self.nomem = 1
            return -1
        self.prog_start[t] = at
        self.prog_len[t] = <int32_t>(self.ops_n - at)
        return 0

    cdef inline bint _fits(self, SpanRow *s, uint64_t size) noexcept nogil:
        """Whether an allocation of `size` bytes would get a slot of this span's size."""
        if s.flags & SPAN_HEADER:
            size += 8
        if s.flags & SPAN_LARGE:
            return ((size + PAGE_SIZE - 1) & ~<uint64_t>(PAGE_SIZE - 1)) == s.elemsize
        if size == 0 or size > 32768:
            return False
        return self.class_size[(size + 7) >> 3] == s.elemsize

    cdef void _push_inner(self, uint64_t addr, int32_t t) noexcept nogil:
        """Queue a walk of a value of type t that lies inside an object of another or unknown type, once."""
        cdef uint64_t key, h, i, oldcap
        cdef uint64_t *old
        cdef Inner *grown
        if t == 0 or not self._has_ptr(t, 0) or self.seen_n > INNER_LIMIT:
            return
        if self.seen_n * 2 >= self.seen_cap:
            old = self.seen
            oldcap = self.seen_cap
            self.seen_cap = oldcap * 2 if oldcap else 65536
            self.seen = <uint64_t *>calloc(self.seen_cap, 8)
            if self.seen == NULL:
                self.seen = old
                self.seen_cap = oldcap
                self.nomem = 1
                return
            for i in range(oldcap):
                if old[i]:
                    h = (old[i] * <uint64_t>0x9E3779B97F4A7C15 >> 20) & (self.seen_cap - 1)
                    while self.seen[h]:
                        h = (h + 1) & (self.seen_cap - 1)
                    self.seen[h] = old[i]
            free(old)
        # 47 address bits and the type mixed into one word; a collision only loses a walk
        key = addr ^ (<uint64_t>t * <uint64_t>0xD6E8FEB86659FD93)
        if key == 0:
            key = 1
        h = (key * <uint64_t>0x9E3779B97F4A7C15 >> 20) & (self.seen_cap - 1)
        while self.seen[h]:
            if self.seen[h] == key:
                return
            h = (h + 1) & (self.seen_cap - 1)
        self.seen[h] = key
        self.seen_n += 1
        if self.inner_n == self.inner_cap:
            grown = <Inner *>realloc(self.inner, <size_t>(self.inner_cap * 2 + 1024) * sizeof(Inner))
            if grown == NULL:
                self.nomem = 1
                return
            self.inner = grown
            self.inner_cap = self.inner_cap * 2 + 1024
        self.inner[self.inner_n].addr = addr
        self.inner[self.inner_n].type_id = t
        self.inner_n += 1

    cdef void _set(self, int64_t o, Py_ssize_t si, uint32_t slot, uint32_t role, uint32_t tid, int rank) noexcept nogil:
        cdef Work *grown
        self.otype[o] = (role << ROLE_SHIFT) | (tid & TYPE_MASK)
        if self.spans[si].flags & SPAN_NOSCAN or self.orank[o] & 128:
            self.orank[o] = <uint8_t>(rank | (self.orank[o] & 128))
            return
        if self.stack_n == self.stack_cap:
            grown = <Work *>realloc(self.stack, <size_t>(self.stack_cap * 2 + 65536) * sizeof(Work))
            if grown == NULL:
                self.nomem = 1
                return
            self.stack = grown
            self.stack_cap = self.stack_cap * 2 + 65536
        self.orank[o] = <uint8_t>(rank | 128)     # 128: waits on the stack
        self.stack[self.stack_n].obj = <uint32_t>o
        self.stack[self.stack_n].span = <uint32_t>si
        self.stack[self.stack_n].slot = slot
        self.stack_n += 1

    cdef void _assign(self, uint64_t q, int role, int32_t t, uint64_t count, bint dynamic) noexcept nogil:
        """A pointer q says: here lies a `role` of type t (count of them for arrays, bytes for strings).

        Ranks: 7 part of a map, channel or closure, which knows more than a header on its part does; 6 the runtime
        itself says so (a malloc header, an interface word); 5 the static type fits the slot's size class; 4 string or tiny
        block of the right size; 3 fits but is smaller than the slot; 2 a slice into the middle; 1 a pointer
        into the middle. A higher rank replaces a lower one.
        """
        cdef Py_ssize_t si
        cdef uint32_t slot
        cdef int64_t o
        cdef SpanRow *s
        cdef uint64_t base, room, off, size, bytes
        cdef int rank = 0, have
        cdef bint scan
        cdef uint32_t cur
        if q - self.lo >= self.l1n << ARENA_SHIFT:
            return
        o = self._find(q, &si, &slot)
        if o < 0:
            return
        have = self.orank[o] & 127
        if have == 7 or (have == 6 and (role == ROLE_VALUE or role == ROLE_ARRAY or role == ROLE_STRING)):
            return
        s = &self.spans[si]
        base = s.base + <uint64_t>slot * s.elemsize
        room = s.elemsize
        if s.flags & SPAN_HEADER:
            base += 8
            room -= 8
            if q < base:
                return
        off = q - base
        scan = not s.flags & SPAN_NOSCAN
        if role == ROLE_VALUE or role == ROLE_ARRAY:
            if t == 0:
                return
            if self.t_kind[t] == KIND_NODE and role == ROLE_VALUE:
                t = self.t_elem[t] if (<const uint8_t *><size_t>(s.host + (q - s.base)))[0] else self.t_part[t]
                if t == 0:
                    return
            if self.t_owner[t] and off == 0 and self.t_owner_role[t]:
                role = self.t_owner_role[t]
                self._set(o, si, slot, role, self.t_owner[t], 7)
                return
            size = <uint64_t>self.t_size[t]
            if size == 0:
                return
            if not scan and s.sizeclass == 2 and size < 16 and (role == ROLE_VALUE or count < 16):
                if (size if role == ROLE_VALUE else size * count) < 16:
                    if have < 4:
                        self._set(o, si, slot, ROLE_TINY, 0, 4)
                    return
            if role == ROLE_VALUE:
                bytes = size
            elif count > room // size:
                # a slice that claims more than its slot: unsafe.Slice or a lie
                bytes = room // size * size if off == 0 else 0
            else:
                bytes = size * count
            if size > room - off or bytes > room - off:
                if role == ROLE_VALUE or off == 0:
                    return
                bytes = room - off
            if off == 0:
                if dynamic:
                    rank = 6
                elif self._has_ptr(t, 0) == scan and self._fits(s, bytes):
                    rank = 5
                else:
                    rank = 3
            elif role == ROLE_ARRAY and off % size == 0 and self._has_ptr(t, 0) == scan:
                rank = 2
            else:
                rank = 1
                role = ROLE_INSIDE
            if rank == 3 and have == 3:
                # two readings that both fall short of the slot: the larger one contains the other
                cur = self.otype[o]
                if (cur >> ROLE_SHIFT) == ROLE_VALUE and role == ROLE_VALUE and (
                        <uint64_t>self.t_size[cur & TYPE_MASK] < size):
                    have = 2
            if rank > have:
                self._set(o, si, slot, role, t, rank)
                if rank == 1:
                    self._push_inner(q, t)
            elif have < 5 and scan and (self.otype[o] & TYPE_MASK) != <uint32_t>t:
                self._push_inner(q, t)
            return
        if role == ROLE_STRING:
            if scan or count > room - off:
                return
            if s.sizeclass == 2 and count < 16:
                if have < 4:
                    self._set(o, si, slot, ROLE_TINY, 0, 4)
                return
            rank = 2 if off else (4 if self._fits(s, count) else 3)
            if rank > have:
                self._set(o, si, slot, ROLE_STRING, 0, rank)
            return
        # maps, channels, closures: the runtime's own structures, always at the start of their slot
        if off == 0:
            self._set(o, si, slot, role, t, 7)

    cdef void _dynamic(self, uint64_t rtype, const uint8_t *p) noexcept nogil:
        """The data word at p (an interface's second word) holds a value of the runtime type."""
        cdef TypeInfo *info
        if rtype == 0:
            return
        info = self._info(rtype)
        if info == NULL:
            self.nomem = 1
            return
        if not info.ok:
            return
        if info.direct:
            if info.type_id:
                self._walk(info.type_id, p, 8)
            return
        if info.type_id:
            self._assign(load64(p), ROLE_VALUE, info.type_id, 1, True)
        else:
            self._assign_rtype(load64(p), rtype, info.size)

    cdef void _assign_rtype(self, uint64_t q, uint64_t rtype, uint64_t size) noexcept nogil:
        """An object whose runtime type has no row in the type table."""
        cdef Py_ssize_t si
        cdef uint32_t slot
        cdef int64_t o
        cdef uint64_t tid = TYPE_MASK
        if q - self.lo >= self.l1n << ARENA_SHIFT:
            return
        o = self._find(q, &si, &slot)
        if o < 0 or (self.orank[o] & 127) >= 6:
            return
        if self.types_lo <= rtype < self.types_hi and (rtype - self.types_lo) >> 3 < TYPE_MASK:
            tid = (rtype - self.types_lo) >> 3
        self._set(o, si, slot, ROLE_RTYPE, <uint32_t>tid, 6)

    cdef inline uint64_t _itab_type(self, uint64_t itab) noexcept nogil:
        """The dynamic type of an itab (internal/abi/iface.go: ITab.Type at +8)."""
        cdef const uint8_t *p
        if itab == 0 or itab & 7:
            return 0
        p = self.space.at(itab, 16)
        return load64(p + 8) if p != NULL else 0

    cdef void _walk(self, int32_t t, const uint8_t *p, uint64_t limit) noexcept nogil:
        """Follow every pointer source of a value of type t whose bytes lie at p; never past limit bytes."""
        cdef int64_t i, k
        cdef int32_t n
        cdef Op op
        cdef uint64_t q, off
        if self.prog_start[t] < 0 and self._compile(t) < 0:
            return
        n = self.prog_len[t]
        self.fuel -= n + 1
        if self.fuel < 0:
            return
        for i in range(n):
            op = self.ops[self.prog_start[t] + i]
            off = <uint64_t>op.off
            if op.code == OP_REPEAT:
                # no element with a pointer is smaller than one; types that hold themselves have no bottom
                if op.stride < 8 or self.nested >= MAX_NESTED:
                    continue
                self.nested += 1
                for k in range(op.count):
                    if off >= limit or self.fuel < 0:
                        break
                    self._walk(op.arg, p + off, min(limit - off, <uint64_t>op.stride))
                    off += <uint64_t>op.stride
                self.nested -= 1
                continue
            if off + 8 > limit:
                continue
            q = load64(p + off)
            if q == 0:
                continue
            if op.code == OP_PTR:
                self._assign(q, ROLE_VALUE, op.arg, 1, False)
            elif op.code == OP_STRING:
                if off + 16 <= limit:
                    self._assign(q, ROLE_STRING, 0, load64(p + off + 8), False)
            elif op.code == OP_SLICE:
                if off + 24 <= limit and load64(p + off + 16):
                    self._assign(q, ROLE_ARRAY, op.arg, load64(p + off + 16), False)
            elif op.code == OP_VEC:
                if off + 16 <= limit and load64(p + off + 8):
                    self._assign(q, ROLE_ARRAY, op.arg, load64(p + off + 8), False)
            elif op.code == OP_EFACE:
                if off + 16 <= limit:
                    self._dynamic(q, p + off + 8)
            elif op.code == OP_IFACE:
                if off + 16 <= limit:
                    self._dynamic(self._itab_type(q), p + off + 8)
            elif op.code == OP_MAP:
                self._assign(q, ROLE_MAP, op.arg, 1, True)
            elif op.code == OP_CHAN:
                self._assign(q, ROLE_CHAN, op.arg, 1, True)
            elif op.code == OP_FUNC:
                self._closure(q)

    cdef void _closure(self, uint64_t q) noexcept nogil:
        """A func value points at {pc, captured variables...}; the pc names the function."""
        cdef Py_ssize_t si, lo, hi, mid
        cdef uint32_t slot
        cdef int64_t o
        cdef SpanRow *s
        cdef uint64_t pc
        if q - self.lo >= self.l1n << ARENA_SHIFT:
            return
        o = self._find(q, &si, &slot)
        if o < 0 or (self.orank[o] & 127) == 7:
            return
        s = &self.spans[si]
        if s.flags & SPAN_HEADER or q != s.base + <uint64_t>slot * s.elemsize:
            return
        pc = load64(<const uint8_t *><size_t>(s.host + <uint64_t>slot * s.elemsize))
        lo = 0
        hi = self.c_pc.shape[0]
        while lo < hi:
            mid = (lo + hi) >> 1
            if self.c_pc[mid] < pc:
                lo = mid + 1
            else:
                hi = mid
        if lo < self.c_pc.shape[0] and self.c_pc[lo] == pc:
            self._set(o, si, slot, ROLE_CLOSURE, <uint32_t>lo, 7)

    cdef void _walk_object(self, uint32_t o, Py_ssize_t si, uint32_t slot) noexcept nogil:
        cdef SpanRow *s = &self.spans[si]
        cdef uint32_t role = self.otype[o] >> ROLE_SHIFT
        cdef uint32_t tid = self.otype[o] & TYPE_MASK
        cdef const uint8_t *p = <const uint8_t *><size_t>(s.host + <uint64_t>slot * s.elemsize)
        cdef uint64_t room = s.elemsize, off, stride, q, base = s.base + <uint64_t>slot * s.elemsize
        cdef int64_t i
        cdef int32_t t
        if not self._scannable(si, slot):
            return
        if s.flags & SPAN_HEADER:
            p += 8
            room -= 8
            base += 8
        if role == ROLE_VALUE:
            self._walk(<int32_t>tid, p, room)
        elif role == ROLE_ARRAY or role == ROLE_MAP_BUCKETS or role == ROLE_CHAN_BUF:
            t = <int32_t>tid
            if role == ROLE_MAP_BUCKETS:
                t = self.t_part[tid]
            elif role == ROLE_CHAN_BUF:
                t = self.t_elem[tid]
            stride = <uint64_t>self.t_size[t]
            if stride == 0 or t == 0 or not self._has_ptr(t, 0):
                return
            off = 0
            while off + 8 <= room:
                self._walk(t, p + off, min(room - off, stride))
                off += stride
        elif role == ROLE_MAP:
            if self.swiss:
                if room < <uint64_t>max(self.map_len, self.map_ptr) + 8:
                    return
                q = load64(p + self.map_ptr)
                if load64(p + self.map_len) == 0:
                    self._assign(q, ROLE_MAP_BUCKETS, <int32_t>tid, 1, True)
                else:
                    self._assign(q, ROLE_MAP_DIR, <int32_t>tid, 1, True)
            else:
                if room < <uint64_t>max(self.map_ptr, self.map_old, self.map_extra) + 8:
                    return
                self._assign(load64(p + self.map_ptr), ROLE_MAP_BUCKETS, <int32_t>tid, 1, True)
                self._assign(load64(p + self.map_old), ROLE_MAP_BUCKETS, <int32_t>tid, 1, True)
                self._assign(load64(p + self.map_extra), ROLE_MAP_TABLE, <int32_t>tid, 1, True)
        elif role == ROLE_MAP_DIR:
            off = 0
            while off + 8 <= room:
                self._assign(load64(p + off), ROLE_MAP_TABLE, <int32_t>tid, 1, True)
                off += 8
        elif role == ROLE_MAP_TABLE:
            if self.swiss:
                if room >= <uint64_t>self.table_groups + 8:
                    self._assign(load64(p + self.table_groups), ROLE_MAP_BUCKETS, <int32_t>tid, 1, True)
            elif room >= 16:
                # runtime.mapextra (runtime/map.go, <= 1.23): overflow and oldoverflow *[]*bmap
                self._assign(load64(p), ROLE_MAP_OVERFLOW, <int32_t>tid, 1, True)
                self._assign(load64(p + 8), ROLE_MAP_OVERFLOW, <int32_t>tid, 1, True)
        elif role == ROLE_MAP_OVERFLOW:
            self._assign(load64(p), ROLE_MAP_OVERFLOW_ARRAY, <int32_t>tid, 1, True)
        elif role == ROLE_MAP_OVERFLOW_ARRAY:
            off = 0
            while off + 8 <= room:
                self._assign(load64(p + off), ROLE_MAP_BUCKETS, <int32_t>tid, 1, True)
                off += 8
        elif role == ROLE_CHAN:
            if room >= <uint64_t>self.chan_buf + 8:
                q = load64(p + self.chan_buf)
                if q - base >= room:
                    self._assign(q, ROLE_CHAN_BUF, <int32_t>tid, 1, True)
                if self.t_impl[tid]:
                    self._walk(self.t_impl[tid], p, room)
        elif role == ROLE_CLOSURE:
            for i in range(self.c_start[tid], self.c_start[tid + 1]):
                if <uint64_t>self.c_off[i] + 8 <= room:
                    self._walk(self.c_type[i], p + self.c_off[i], room - <uint64_t>self.c_off[i])

    def propagate(self, const uint64_t[::1] root_addr, const int32_t[::1] root_type, uint32_t[::1] otype):
        """Give every object a type, from roots and runtime types; see heap.pyi."""
        cdef Py_ssize_t i, si, n = root_addr.shape[0]
        cdef uint64_t w, word, addr, size, room
        cdef uint32_t slot
        cdef int64_t o
        cdef SpanRow *s
        cdef TypeInfo *info
        cdef const uint8_t *p
        cdef Work work
        cdef Inner inner
        if root_type.shape[0] != n or otype.shape[0] < self.nobjects:
            raise ValueError("propagate: columns differ in length")
        if self.ntypes == 0 or self.has_ptr == NULL:
            raise ValueError("propagate: set_types() first")
        for i in range(n):
            if not 0 <= root_type[i] < self.ntypes:
                raise ValueError("propagate: a root of a type that is not there")
        for i in range(self.rt_id.shape[0]):
            if not 0 <= self.rt_id[i] < self.ntypes:
                raise ValueError("propagate: a runtime type with a row that is not there")
        if self.nobjects == 0:
            return
        free(self.orank)
        self.orank = <uint8_t *>calloc(self.nobjects + 1, 1)
        if self.orank == NULL:
            raise MemoryError
        self.otype = &otype[0]
        memset(self.otype, 0, <size_t>self.nobjects * 4)
        self.stack_n = self.inner_n = 0
        self.nomem = self.nested = 0
        # Sound types take a few steps per word of memory; types that lie, and overlap, could take any number.
        self.fuel = 1 << 24
        for i in range(self.space.n):
            self.fuel += <int64_t>(self.space.end[i] - self.space.start[i]) >> 1
        for si in range(self.nspans):
            self.fuel += (self.obj0[si + 1] - self.obj0[si]) * <int64_t>self.spans[si].elemsize * 4
        with nogil:
            # what the runtime itself says: malloc headers and large objects' types (>= 1.22)
            for si in range(self.nspans):
                s = &self.spans[si]
                if s.flags & SPAN_NOSCAN or not (s.flags & SPAN_HEADER or s.large_type):
                    continue
                o = self.obj0[si] - 1
                room = s.elemsize - (8 if s.flags & SPAN_HEADER else 0)
                for w in range((<uint64_t>s.nelems + 63) >> 6):
                    word = self.bits[s.bit0 + <int64_t>w]
                    while word:
                        slot = <uint32_t>(w * 64 + <uint64_t>ctz(word))
                        word &= word - 1
                        o += 1
                        if not self._scannable(si, slot):
                            continue
                        addr = s.large_type
                        if s.flags & SPAN_HEADER:
                            addr = load64(<const uint8_t *><size_t>(s.host + <uint64_t>slot * s.elemsize))
                        info = self._info(addr) if addr else NULL
                        if info == NULL or not info.ok or info.size == 0 or info.kind == 0:
                            continue
                        if info.type_id and self.t_owner[info.type_id]:
                            self._set(o, si, slot, self.t_owner_role[info.type_id], self.t_owner[info.type_id], 7)
                        elif info.type_id:
                            self._set(o, si, slot, ROLE_ARRAY if room >= info.size * 2 else ROLE_VALUE,
                                      <uint32_t>info.type_id, 6)
                        elif self.types_lo <= addr < self.types_hi:
                            self._set(o, si, slot, ROLE_RTYPE_ARRAY if room >= info.size * 2 else ROLE_RTYPE,
                                      <uint32_t>((addr - self.types_lo) >> 3), 6)
                        else:
                            self._set(o, si, slot, ROLE_RTYPE, TYPE_MASK, 6)
            i = 0
            while not self.nomem:
                if self.stack_n:
                    self.stack_n -= 1
                    work = self.stack[self.stack_n]
                    if self.stack_n >= 4:
                        prefetch(<const void *><size_t>(
                            self.spans[self.stack[self.stack_n - 4].span].host
                            + self.stack[self.stack_n - 4].slot * self.spans[self.stack[self.stack_n - 4].span].elemsize))
                    self.orank[work.obj] &= 127
                    self._walk_object(work.obj, work.span, work.slot)
                elif self.inner_n:
                    self.inner_n -= 1
                    inner = self.inner[self.inner_n]
                    o = self._find(inner.addr, &si, &slot)
                    if o >= 0:
                        s = &self.spans[si]
                        addr = inner.addr - s.base
                        room = (<uint64_t>slot + 1) * s.elemsize - addr
                        self._walk(inner.type_id, <const uint8_t *><size_t>(s.host + addr), room)
                elif i < n:
                    size = <uint64_t>self.t_size[root_type[i]]
                    p = self.space.at(root_addr[i], size) if size else NULL
                    if p != NULL:
                        self._walk(root_type[i], p, size)
                    i += 1
                else:
                    break
        self.otype = NULL
        free(self.orank)
        free(self.stack)
        free(self.seen)
        free(self.inner)
        self.orank = NULL
        self.stack = NULL
        self.seen = NULL
        self.inner = NULL
        self.stack_cap = self.inner_cap = 0
        self.seen_cap = self.seen_n = 0
        if self.nomem:
            raise MemoryError("type propagation")

    def aggregate(self, const uint32_t[::1] otype, const uint8_t[::1] spanclass):
        """Objects and bytes by (otype, span class), sorted; see heap.pyi."""
        cdef uint64_t cap = 1 << 14, h, n = 0, key, i, oldcap
        cdef uint64_t *keys
        cdef uint64_t *cnt
        cdef uint64_t *nkeys
        cdef uint64_t *ncnt
        cdef uint64_t lastkey = ~<uint64_t>0, lasth = 0
        cdef Py_ssize_t si
        cdef int64_t o
        cdef int err = 0
        if otype.shape[0] < self.nobjects or spanclass.shape[0] != self.nspans:
            raise ValueError("aggregate: columns differ in length")
        keys = <uint64_t *>calloc(cap, 8)
        cnt = <uint64_t *>calloc(cap, 16)
        if keys == NULL or cnt == NULL:
            free(keys)
            free(cnt)
            raise MemoryError
        with nogil:
            for si in range(self.nspans):
                for o in range(self.obj0[si], self.obj0[si + 1]):
                    key = ((<uint64_t>otype[o] << 8) | spanclass[si]) + 1
                    if key != lastkey:
                        h = (key * <uint64_t>0x9E3779B97F4A7C15 >> 24) & (cap - 1)
                        while keys[h] and keys[h] != key:
                            h = (h + 1) & (cap - 1)
                        if not keys[h]:
                            if n * 2 >= cap:
                                oldcap = cap
                                cap *= 2
                                nkeys = <uint64_t *>calloc(cap, 8)
                                ncnt = <uint64_t *>calloc(cap, 16)
                                if nkeys == NULL or ncnt == NULL:
                                    free(nkeys)
                                    free(ncnt)
                                    err = 1
                                    break
                                for i in range(oldcap):
                                    if keys[i]:
                                        h = (keys[i] * <uint64_t>0x9E3779B97F4A7C15 >> 24) & (cap - 1)
                                        while nkeys[h]:
                                            h = (h + 1) & (cap - 1)
                                        nkeys[h] = keys[i]
                                        ncnt[h * 2] = cnt[i * 2]
                                        ncnt[h * 2 + 1] = cnt[i * 2 + 1]
                                free(keys)
                                free(cnt)
                                keys = nkeys
                                cnt = ncnt
                                h = (key * <uint64_t>0x9E3779B97F4A7C15 >> 24) & (cap - 1)
                                while keys[h]:
                                    h = (h + 1) & (cap - 1)
                            keys[h] = key
                            n += 1
                        lastkey = key
                        lasth = h
                    cnt[lasth * 2] += 1
                    cnt[lasth * 2 + 1] += self.spans[si].elemsize
                if err:
                    break
        rows = []
        if not err:
            for i in range(cap):
                if keys[i]:
                    rows.append(((keys[i] - 1) >> 8, (keys[i] - 1) & 255, cnt[i * 2], cnt[i * 2 + 1]))
        free(keys)
        free(cnt)
        if err:
            raise MemoryError
        rows.sort()
        return rows

    def resident(self, const uint64_t[::1] start, const uint64_t[::1] end, uint64_t[::1] alloc, uint64_t[::1] total):
        """Per span: resident bytes of allocated slots, and resident bytes in all; see heap.pyi."""
        cdef Py_ssize_t si, j, m = start.shape[0], lo, hi, mid
        cdef SpanRow *s
        cdef uint64_t a, b, first, last, idx, x, y, got, size
        cdef uint64_t full
        if end.shape[0] != m or alloc.shape[0] < self.nspans or total.shape[0] < self.nspans:
            raise ValueError("resident: columns differ in length")
        with nogil:
            for si in range(self.nspans):
                s = &self.spans[si]
                size = <uint64_t>s.npages << PAGE_SHIFT
                lo = 0
                hi = m
                while lo < hi:
                    mid = (lo + hi) >> 1
                    if end[mid] <= s.base:
                        lo = mid + 1
                    else:
                        hi = mid
                alloc[si] = 0
                total[si] = 0
                full = 0
                for j in range(lo, m):
                    if start[j] >= s.base + size:
                        break
                    a = max(start[j], s.base) - s.base
                    b = min(end[j], s.base + size) - s.base
                    if b <= a:
                        continue
                    total[si] += b - a
                    if a == 0 and b == size:
                        full = 1
                        break
                    first = a // s.elemsize
                    last = (b - 1) // s.elemsize
                    for idx in range(first, last + 1):
                        if idx >= s.nelems:
                            break
                        if (self.bits[s.bit0 + <int64_t>(idx >> 6)] >> (idx & 63)) & 1:
                            x = max(a, idx * s.elemsize)
                            y = min(b, (idx + 1) * s.elemsize)
                            alloc[si] += y - x
                if full:
                    got = 0
                    for idx in range((<uint64_t>s.nelems + 63) >> 6):
                        got += popcount(self.bits[s.bit0 + <int64_t>idx])
                    alloc[si] = got * s.elemsize
