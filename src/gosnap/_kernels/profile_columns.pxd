# cython: language_level=3
"""What kernels of profiles share: columns (memory of a bytearray, seen through a memoryview), and a hash.

Only inlined: a kernel that profiles need must not load one that heaps need, which takes a millisecond.
"""

from cpython.bytearray cimport PyByteArray_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define GS_CTZ64(x) ((int)__builtin_ctzll((unsigned long long)(x)))
    #define GS_HASH64 0x9E3779B97F4A7C15ULL
    """
    int ctz "GS_CTZ64"(uint64_t x) nogil
    # the factor of multiplicative hashing: 2**64 divided by the golden ratio
    const uint64_t HASH "GS_HASH64"


cdef inline uint64_t load64(const uint8_t *p) noexcept nogil:
    cdef uint64_t v
    memcpy(&v, p, 8)
    return v


cdef inline bytearray room(int64_t n, int64_t size):
    """Bytes for n items, not cleared."""
    if n < 0 or n > (<int64_t> 1 << 32):
        raise ValueError("more than 4,294,967,296 entries of one kind")
    return PyByteArray_FromStringAndSize(NULL, n * size)


cdef inline object view(bytearray data, str code):
    """The bytes as a column of native items: B, I, q or Q."""
    return memoryview(data).cast(code)
