# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Where the target's memory lies in ours. memory.pyi is the documentation."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <malloc.h>
    static void gs_keep_freed(void) {
    #ifdef M_MMAP_MAX
        mallopt(M_MMAP_MAX, 0);
        mallopt(M_TRIM_THRESHOLD, 0x7fffffff);
    #endif
    }
    """
    void gs_keep_freed()


def keep_freed():
    gs_keep_freed()


cdef class Space:
    """Sorted, disjoint address ranges of the target and where their bytes lie here."""

    def __cinit__(
        self,
        const uint64_t[::1] start not None,
        const uint64_t[::1] end not None,
        const uint64_t[::1] host not None,
    ):
        cdef Py_ssize_t i, n = start.shape[0]
        if end.shape[0] != n or host.shape[0] != n:
            raise ValueError("space: columns differ in length")
        for i in range(n):
            if end[i] <= start[i] or end[i] > MAX_ADDR or (i and start[i] < end[i - 1]):
                raise ValueError("space: ranges must be sorted, disjoint and below 2**47")
        self.start_column = start
        self.end_column = end
        self.host_column = host
        self.n = n
        self.start = &start[0] if n else NULL
        self.end = &end[0] if n else NULL
        self.host = &host[0] if n else NULL

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
