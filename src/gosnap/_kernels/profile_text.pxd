# cython: language_level=3
"""Where kernels write long text. profile_text.pyi is the documentation."""

from libc.stdint cimport int64_t, uint64_t


cdef enum:
    MOST_UNITS = 16


cdef class Values:
    cdef double base
    cdef double ratio
    cdef double factor[MOST_UNITS]
    cdef const char *name[MOST_UNITS]
    cdef int64_t size[MOST_UNITS]
    cdef int64_t width[MOST_UNITS]
    cdef int n
    cdef int chosen
    cdef int smallest
    cdef list names

    cdef int put(self, int64_t v, char *at, int *unit) noexcept nogil


cdef class Out:
    cdef object write
    cdef bytearray room
    cdef char *at
    cdef int64_t used
    cdef int64_t written        # bytes before those

    cpdef int flush(self) except -1
    cdef int text(self, const char *data, int64_t n) except -1 nogil
    cdef int need(self, int64_t n) except -1 nogil
    cdef int spaces(self, int64_t n) except -1 nogil
    cdef int char(self, char c) except -1 nogil
    cdef int signed(self, int64_t v, int width) except -1 nogil
    cdef int unsigned(self, uint64_t v, int width) except -1 nogil
    cdef int hex(self, uint64_t v, int width) except -1 nogil
    cdef int value(self, Values values, int64_t v, int width) except -1 nogil
