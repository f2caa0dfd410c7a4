# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Many strings out of one run of bytes. texts.pyi is the documentation."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t


def split(const uint8_t[::1] data not None, const int64_t[::1] start not None):
    cdef Py_ssize_t i, n = start.shape[0] - 1
    cdef int64_t low, high, size = data.shape[0]
    cdef const char *p
    cdef list out
    if n < 0:
        raise ValueError("texts: no end of the last")
    for i in range(n):
        if not 0 <= start[i] <= start[i + 1] <= size:
            raise ValueError("texts: out of order, or outside of the bytes")
    out = [None] * n
    for i in range(n):
        low, high = start[i], start[i + 1]
        if low == high:
            out[i] = ""
            continue
        p = <const char *>&data[low]
        try:
            out[i] = PyUnicode_DecodeUTF8(p, high - low, NULL)
        except UnicodeDecodeError:
            out[i] = PyBytes_FromStringAndSize(p, high - low)
    return out
