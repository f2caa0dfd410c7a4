# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Memory of the target as it lies in ours, and small things that every kernel needs."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define GS_POPCOUNT(x) ((int)__builtin_popcountll((unsigned long long)(x)))
    #define GS_CTZ(x) ((int)__builtin_ctzll((unsigned long long)(x)))
    #define GS_PREFETCH(p) __builtin_prefetch((const void *)(p))
    #define GS_MAX_ADDR ((uint64_t)1 << 47)
    #define GS_HASH 0x9E3779B97F4A7C15ULL
    """
    int popcount "GS_POPCOUNT"(uint64_t x) nogil
    int ctz "GS_CTZ"(uint64_t x) nogil
    void prefetch "GS_PREFETCH"(const void *p) nogil
    # the end of what a process can map on linux/amd64
    const uint64_t MAX_ADDR "GS_MAX_ADDR"
    # the factor of multiplicative hashing: 2**64 divided by the golden ratio
    const uint64_t HASH "GS_HASH"


cdef extern from *:
    """
    #include <stdlib.h>
    #include <sys/mman.h>
    static void *gs_huge(size_t size) {
        void *at;
        if (posix_memalign(&at, (size_t)1 << 21, size ? size : 1)) return 0;
        madvise(at, size, MADV_HUGEPAGE);
        return at;
    }
    """
    # memory in huge pages, for free(): of small ones, first faults would take most of the time; what is never
    # touched costs nothing
    void *huge "gs_huge"(size_t size) nogil


cdef class Space:
    cdef const uint64_t[::1] start_column
    cdef const uint64_t[::1] end_column
    cdef const uint64_t[::1] host_column
    cdef Py_ssize_t n
    cdef const uint64_t *start
    cdef const uint64_t *end
    cdef const uint64_t *host

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


cdef inline uint64_t load64(const uint8_t *p) noexcept nogil:
    cdef uint64_t v
    memcpy(&v, p, 8)
    return v


cdef inline uint64_t word_at(uint64_t host) noexcept nogil:
    """The word at an address of our own memory."""
    return load64(<const uint8_t *><size_t>host)
