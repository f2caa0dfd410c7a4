from libc.stdint cimport int64_t, uint32_t


cdef class Graph:
    cdef const int64_t[::1] _offset
    cdef const uint32_t[::1] _target
    cdef const int64_t *offset
    cdef const uint32_t *target
    cdef readonly int64_t nodes
    cdef readonly int64_t edges
