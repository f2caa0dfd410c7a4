# cython: language_level=3
"""Columns that kernels of profiles make: memory of a bytearray, seen through a memoryview."""

from cpython.bytearray cimport PyByteArray_FromStringAndSize
from libc.stdint cimport int64_t


cdef inline bytearray room(int64_t n, int64_t size):
    """Bytes for n items, not cleared."""
    if n < 0 or n > (<int64_t> 1 << 32):
        raise ValueError("more than 4,294,967,296 entries of one kind")
    return PyByteArray_FromStringAndSize(NULL, n * size)


cdef inline object view(bytearray data, str code):
    """The bytes as a column of native items: B, I, q or Q."""
    return memoryview(data).cast(code)
