# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""The two sides of a comparison. profile_compare.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint64_t

from gosnap._kernels.profile_columns cimport room, view


def base_values(
    const int64_t[::1] values not None, int64_t types, int64_t index, const uint8_t[::1] sides not None
):
    cdef int64_t samples = sides.shape[0], i
    cdef uint64_t before = 0, after = 0, value
    if types < 1 or not 0 <= index < types or values.shape[0] != samples * types:
        raise ValueError("compare: columns differ in length")
    cdef bytearray data = room(samples, 8)
    cdef uint64_t *out = <uint64_t *> PyByteArray_AS_STRING(data)
    with nogil:
        for i in range(samples):
            value = <uint64_t> values[i * types + index]
            if sides[i]:
                out[i] = 0 - value
                before -= value
            else:
                out[i] = 0
                after += value
    return view(data, "q"), <int64_t> before, <int64_t> after
