# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What labels weigh, in a profile and in its nodes. profile_tags.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from gosnap._kernels.profile_columns cimport room, view


def sums(
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    const int64_t[::1] label_start not None,
    const uint32_t[::1] which not None,
    int64_t n,
):
    cdef int64_t samples = label_start.shape[0] - 1, s, i
    cdef bint ok = True
    if samples < 0 or types < 1 or not 0 <= index < types or values.shape[0] != samples * types:
        raise ValueError("sums: no such sample type")
    if label_start[0] != 0 or label_start[samples] != which.shape[0]:
        raise ValueError("sums: columns differ in length")
    for s in range(samples):
        if label_start[s + 1] < label_start[s]:
            raise ValueError("sums: labels of a sample end before they begin")
    cdef bytearray out = room(n, 8)
    cdef int64_t *at = <int64_t *> PyByteArray_AS_STRING(out)
    with nogil:
        memset(at, 0, n * 8)
        for s in range(samples):
            for i in range(label_start[s], label_start[s + 1]):
                if which[i] >= n:
                    ok = False
                    break
                at[which[i]] = <int64_t> (<uint64_t> at[which[i]] + <uint64_t> values[s * types + index])
            if not ok:
                break
    if not ok:
        raise ValueError("sums: a label that is not there")
    return view(out, "q")
