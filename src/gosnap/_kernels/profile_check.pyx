# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Whether columns of a profile fit together. profile_check.pyi is the documentation."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from gosnap._kernels.profile_columns cimport HASH


def check(str what, column not None, uint64_t limit, start=None, none=None):
    cdef const uint32_t[::1] items
    cdef const uint64_t[::1] ids
    cdef const int64_t[::1] at
    cdef int64_t i, n
    cdef uint64_t other = limit if none is None else none
    if memoryview(column).format == "Q":
        ids = column
        unique(what, ids)
        return
    items = column
    n = items.shape[0]
    for i in range(n):
        if items[i] >= limit and (none is None or items[i] != other):
            raise ValueError(f"{what}: {items[i]:,} at {i:,} is beyond the {limit:,} that there are")
    if start is not None:
        at = start
        if at.shape[0] < 1 or at[0] != 0 or at[at.shape[0] - 1] != n:
            raise ValueError(f"{what}: offsets that do not begin at 0 and end at {n:,}")
        for i in range(at.shape[0] - 1):
            if at[i + 1] < at[i]:
                raise ValueError(f"{what}: number {i:,} ends before it begins")


cdef int unique(str what, const uint64_t[::1] ids) except -1:
    cdef int64_t n = ids.shape[0], i
    cdef uint64_t size = 16, slot
    cdef uint64_t *table
    while size < <uint64_t> n * 2:
        size *= 2
    table = <uint64_t *> calloc(size, 8)
    if table == NULL:
        raise MemoryError
    try:
        for i in range(n):
            if ids[i] == 0:
                raise ValueError(f"{what}: 0")
            slot = (ids[i] * HASH) >> 20 & (size - 1)
            while table[slot]:
                if table[slot] == ids[i]:
                    raise ValueError(f"{what}: {ids[i]} twice")
                slot = (slot + 1) & (size - 1)
            table[slot] = ids[i]
    finally:
        free(table)
    return 0
