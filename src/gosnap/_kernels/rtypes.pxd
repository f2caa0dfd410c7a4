# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Go's runtime types (abi.Type), each read once."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from gosnap._kernels.heap cimport Heap
from gosnap._kernels.memory cimport HASH, Space

cdef enum:
    # reflect kinds (internal/abi/type.go), those that hold pointers
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


cdef struct TypeInfo:
    uint64_t addr        # 0: free slot of the table
    uint64_t size
    uint64_t ptrbytes
    const uint8_t *mask  # NULL: none could be had, treat every word as a possible pointer
    int32_t type_id      # row of the type table, 0 unknown
    uint8_t kind
    uint8_t direct
    uint8_t ok


cdef inline uint64_t place_of(const TypeInfo *table, uint64_t cap, uint64_t addr) noexcept nogil:
    """Where the table has the type at addr, or would have it."""
    cdef uint64_t h = (addr >> 3) * HASH & (cap - 1)
    while table[h].addr and table[h].addr != addr:
        h = (h + 1) & (cap - 1)
    return h


cdef class RuntimeTypes:
    cdef Space space
    cdef TypeInfo *table
    cdef uint64_t cap
    cdef uint64_t n
    cdef uint64_t lo     # moduledata.types and .etypes
    cdef uint64_t hi
    cdef const int64_t[::1] row_offset
    cdef const int32_t[::1] row_id
    cdef bint direct_in_kind
    cdef bint mask_on_demand
    cdef bint prepared

    cdef int double_room(self) noexcept nogil
    cdef void decode(self, TypeInfo *t) noexcept nogil
    cdef int32_t row_of(self, uint64_t addr) noexcept nogil
    cdef TypeInfo *read(self, uint64_t addr) noexcept nogil
    cdef int read_headers(self, Heap heap) noexcept nogil

    cdef inline TypeInfo *known(self, uint64_t addr) noexcept nogil:
        """The runtime type at addr if it was read before, else NULL; never changes the table."""
        cdef TypeInfo *t = &self.table[place_of(self.table, self.cap, addr)]
        return t if t.addr else NULL
