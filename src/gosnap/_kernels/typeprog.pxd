# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The type table, and for each type a program: where a value of it holds pointers, and to what."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    # kinds of our own, beyond those of reflect
    KIND_VEC = 27            # a pointer to elem, and their number in the next word (sync.Pool)
    KIND_NODE = 28           # elem if the first byte is not 0, else part (a node of a hash trie)
    # pointer sources
    OP_PTR = 1
    OP_SLICE = 2
    OP_STRING = 3
    OP_EFACE = 4
    OP_IFACE = 5
    OP_MAP = 6
    OP_CHAN = 7
    OP_FUNC = 8
    OP_REPEAT = 9
    OP_VEC = 10
    # whether a type holds pointers
    NOT_ASKED = 0
    HAS_NONE = 1
    HAS_SOME = 2
    BEING_ASKED = 3


cdef struct Op:
    int64_t off
    int64_t count        # OP_REPEAT
    int64_t stride       # OP_REPEAT
    int32_t arg
    int32_t code


cdef class TypePrograms:
    cdef int32_t n
    cdef const uint8_t[::1] kind
    cdef const int64_t[::1] size
    cdef const int32_t[::1] elem
    cdef const int64_t[::1] length
    cdef const uint8_t[::1] iface
    cdef const int64_t[::1] field_start
    cdef const int64_t[::1] field_offset
    cdef const int32_t[::1] field_type
    cdef uint8_t *pointers             # NOT_ASKED .. BEING_ASKED
    cdef int64_t *start                # first of a type's ops; -1: not compiled yet
    cdef int32_t *count
    cdef Op *ops
    cdef int64_t ops_n
    cdef int64_t ops_cap
    cdef int64_t emits                 # steps left for the type that is being compiled

    cdef bint find_pointers(self, int32_t t, int depth) noexcept nogil
    cdef int append(self, int code, int64_t off, int32_t arg, int64_t count, int64_t stride) noexcept nogil
    cdef int emit(self, int32_t t, int64_t off, int depth, int64_t limit) noexcept nogil
    cdef int compile(self, int32_t t) noexcept nogil

    cdef inline bint has_pointers(self, int32_t t) noexcept nogil:
        """Whether a value of type t holds a pointer."""
        if self.pointers[t] == NOT_ASKED:
            return self.find_pointers(t, 0)
        return self.pointers[t] == HAS_SOME
