# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Many strings out of one run of bytes. texts.pyi is the documentation."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t


def split(
    const uint8_t[::1] data not None, const int64_t[::1] start not None, const int64_t[::1] length not None
):
    cdef Py_ssize_t i, n = start.shape[0]
    cdef int64_t size = data.shape[0]
    cdef const char *p
    cdef list out
    if length.shape[0] != n:
        raise ValueError("texts: columns differ in length")
    for i in range(n):
        if start[i] < 0 or length[i] < 0 or start[i] > size or length[i] > size - start[i]:
            raise ValueError("texts: outside of the bytes")
    out = [None] * n
    for i in range(n):
        if length[i] == 0:
            out[i] = ""
            continue
        p = <const char *>&data[start[i]]
        try:
            out[i] = PyUnicode_DecodeUTF8(p, length[i], NULL)
        except UnicodeDecodeError:
            out[i] = PyBytes_FromStringAndSize(p, length[i])
    return out
