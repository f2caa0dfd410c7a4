# cython: language_level=3
"""What kernels of profiles share: columns (memory of a bytearray, seen through a memoryview), and a hash.

Only inlined: a kernel that profiles need must not load one that heaps need, which takes a millisecond.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define GS_CTZ64(x) ((int)__builtin_ctzll((unsigned long long)(x)))
    #define GS_HASH64 0x9E3779B97F4A7C15ULL
    #include <sys/mman.h>
    /* in huge pages, first faults of large columns take a fifth of the time */
    static void gs_huge_pages(char *at, size_t size) {
        size_t page = (size_t)1 << 21, start = ((size_t)at + page - 1) & ~(page - 1);
        size_t end = ((size_t)at + size) & ~(page - 1);
        if (start < end) madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
    """
    int ctz "GS_CTZ64"(uint64_t x) nogil
    # the factor of multiplicative hashing: 2**64 divided by the golden ratio
    const uint64_t HASH "GS_HASH64"
    void huge_pages "gs_huge_pages"(char *at, size_t size) nogil


cdef inline uint64_t load64(const uint8_t *p) noexcept nogil:
    cdef uint64_t v
    memcpy(&v, p, 8)
    return v


cdef inline bytearray room(int64_t n, int64_t size):
    """Bytes for n items, not cleared."""
    if n < 0 or n > (<int64_t> 1 << 32):
        raise ValueError("more than 4,294,967,296 entries of one kind")
    cdef bytearray data = PyByteArray_FromStringAndSize(NULL, n * size)
    if n * size >= 8 << 20:
        huge_pages(PyByteArray_AS_STRING(data), n * size)
    return data


cdef inline object view(bytearray data, str code):
    """The bytes as a column of native items: B, I, q or Q."""
    return memoryview(data).cast(code)
