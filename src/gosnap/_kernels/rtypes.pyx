# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Go's runtime types, each read once. rtypes.pyi is the documentation."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from gosnap._kernels.heap cimport SPAN_HEADER, SPAN_NOSCAN, Heap, SpanRow
from gosnap._kernels.memory cimport MAX_ADDR, Space, ctz, load64, word_at

cdef enum:
    # internal/abi/type.go, identical in 1.21..1.27
    TYPE_SIZE = 0
    TYPE_PTRBYTES = 8
    TYPE_HASH = 16
    TYPE_TFLAG = 20
    TYPE_KIND = 23
    TYPE_GCDATA = 32
    TYPE_BYTES = 48

# more types than any binary has: a hostile heap
cdef uint64_t MAX_ROOM = <uint64_t>1 << 24


cdef class RuntimeTypes:
    """The runtime types that malloc headers, large objects and interface words name."""

    def __cinit__(
        self,
        Space space not None,
        uint64_t types_lo,
        uint64_t types_hi,
        const int64_t[::1] row_offset not None,
        const int32_t[::1] row_id not None,
        bint direct_in_kind,
        bint mask_on_demand,
    ):
        if row_offset.shape[0] != row_id.shape[0]:
            raise ValueError("runtime types: columns differ in length")
        self.space = space
        self.lo = types_lo
        self.hi = types_hi
        self.row_offset = row_offset
        self.row_id = row_id
        self.direct_in_kind = direct_in_kind
        self.mask_on_demand = mask_on_demand
        self.cap = 4096
        self.table = <TypeInfo *>calloc(self.cap, sizeof(TypeInfo))
        if self.table == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.table)

    cdef int double_room(self) noexcept nogil:
        """Twice the room, every type in its new place; -1 where there is none."""
        cdef uint64_t i, cap = self.cap * 2
        cdef TypeInfo *table
        if cap > MAX_ROOM:
            return -1
        table = <TypeInfo *>calloc(cap, sizeof(TypeInfo))
        if table == NULL:
            return -1
        for i in range(self.cap):
            if self.table[i].addr:
                table[place_of(table, cap, self.table[i].addr)] = self.table[i]
        free(self.table)
        self.table = table
        self.cap = cap
        return 0

    cdef TypeInfo *read(self, uint64_t addr) noexcept nogil:
        """The runtime type at addr, read once. NULL when memory ran out."""
        cdef TypeInfo *t
        if self.n * 2 >= self.cap and self.double_room() < 0:
            return NULL
        t = &self.table[place_of(self.table, self.cap, addr)]
        if t.addr == 0:
            t.addr = addr
            self.n += 1
            self.decode(t)
        return t

    cdef void decode(self, TypeInfo *t) noexcept nogil:
        """Read the abi.Type at t.addr; t.ok stays 0 where there is none."""
        cdef const uint8_t *p
        cdef uint64_t gcdata, need
        cdef uint8_t kind, tflag
        if t.addr & 7:
            return
        p = self.space.at(t.addr, TYPE_BYTES)
        if p == NULL:
            return
        t.size = load64(p + TYPE_SIZE)
        t.ptrbytes = load64(p + TYPE_PTRBYTES)
        tflag = p[TYPE_TFLAG]
        kind = p[TYPE_KIND]
        t.kind = kind & 31
        t.direct = (kind >> 5) & 1 if self.direct_in_kind else (tflag >> 5) & 1
        gcdata = load64(p + TYPE_GCDATA)
        if t.size > MAX_ADDR or t.ptrbytes > t.size or t.kind > KIND_UNSAFE or t.ptrbytes & 7:
            return
        if t.kind == 0 and (
            load64(p + TYPE_HASH) & ~(<uint64_t>0x10 << 32) or gcdata != t.addr + TYPE_BYTES
        ):
            # heapSetType of 1.22 and 1.23 (runtime/mbitmap.go) makes a type of its own for an object with a
            # GC program: nothing but size, pointer bytes, TFlagUnrolledBitmap and a mask, which lies right
            # behind it
            return
        t.ok = 1
        if t.ptrbytes:
            need = (t.ptrbytes // 8 + 7) // 8
            if self.mask_on_demand and (tflag >> 4) & 1:
                # GCData is the address of a slot; the runtime builds the mask on first use
                p = self.space.at(gcdata, 8)
                gcdata = load64(p) if p != NULL else 0
                # NULL too for &inProgress: no mask yet
                t.mask = self.space.at(gcdata, need) if gcdata else NULL
            elif not self.mask_on_demand and (kind >> 6) & 1:
                t.mask = NULL        # a GC program (<= 1.23): no plain mask
            else:
                t.mask = self.space.at(gcdata, need)
        t.type_id = self.row_of(t.addr)

    cdef int32_t row_of(self, uint64_t addr) noexcept nogil:
        """The type table's row of a runtime type, 0 without one."""
        cdef Py_ssize_t lo = 0, hi = self.row_offset.shape[0], mid
        cdef int64_t off = <int64_t>(addr - self.lo)
        if not self.lo <= addr < self.hi:
            return 0
        while lo < hi:
            mid = (lo + hi) >> 1
            if self.row_offset[mid] < off:
                lo = mid + 1
            else:
                hi = mid
        if lo < self.row_offset.shape[0] and self.row_offset[lo] == off:
            return self.row_id[lo]
        return 0

    cdef int read_headers(self, Heap heap) noexcept nogil:
        """Read what malloc headers and large spans name; -1 when memory ran out."""
        cdef Py_ssize_t si
        cdef uint64_t w, word, addr, last = 0
        cdef SpanRow *s
        for si in range(heap.nspans):
            s = &heap.spans[si]
            if s.flags & SPAN_NOSCAN:
                continue
            if s.flags & SPAN_HEADER:
                for w in range((<uint64_t>s.nelems + 63) >> 6):
                    word = heap.bits[s.bit0 + <int64_t>w]
                    while word:
                        addr = word_at(s.host + (w * 64 + <uint64_t>ctz(word)) * s.elemsize)
                        word &= word - 1
                        if addr and addr != last:
                            last = addr
                            if self.read(addr) == NULL:
                                return -1
            elif s.large_type and self.read(s.large_type) == NULL:
                return -1
        return 0

    def prepare(self, Heap heap not None):
        """Read every type that the scan will need, so that scanning threads change nothing."""
        cdef int err
        with nogil:
            err = self.read_headers(heap)
        if err:
            raise MemoryError("too many runtime types")
        self.prepared = True
