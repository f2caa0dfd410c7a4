# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Columns of a heap profile that is rebuilt from memory. callsites.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    CYCLES = 4              # active and three future ones

cdef uint32_t NONE = 0xFFFFFFFF


cdef inline bytearray room(Py_ssize_t n, Py_ssize_t size):
    """Bytes for n items, not cleared."""
    return PyByteArray_FromStringAndSize(NULL, n * size)


cdef inline object view(bytearray data, str code):
    return memoryview(data).cast(code)


# ---- what is counted ----


def split(const int64_t[::1] counters not None):
    cdef Py_ssize_t n = counters.shape[0] // (2 * CYCLES), i, k
    if counters.shape[0] != n * 2 * CYCLES:
        raise ValueError("buckets: not eight counters each")
    allocs, frees = room(n * CYCLES, 8), room(n * CYCLES, 8)
    cdef int64_t *a = <int64_t *>PyByteArray_AS_STRING(allocs)
    cdef int64_t *f = <int64_t *>PyByteArray_AS_STRING(frees)
    for i in range(n):
        for k in range(CYCLES):
            a[i * CYCLES + k] = counters[2 * i * CYCLES + k]
            f[i * CYCLES + k] = counters[(2 * i + 1) * CYCLES + k]
    return view(allocs, "q"), view(frees, "q")


cdef inline int64_t plus(int64_t a, int64_t b) noexcept nogil:
    return <int64_t>(<uint64_t>a + <uint64_t>b)


def published(const int64_t[::1] allocs not None, const int64_t[::1] frees not None, int column):
    cdef Py_ssize_t n = allocs.shape[0] // CYCLES, i, k
    cdef bint any_ = False
    if allocs.shape[0] != n * CYCLES or frees.shape[0] != n * CYCLES or not -1 <= column < CYCLES:
        raise ValueError("buckets: not four counters each")
    made, gone = room(n, 8), room(n, 8)
    cdef int64_t *a = <int64_t *>PyByteArray_AS_STRING(made)
    cdef int64_t *f = <int64_t *>PyByteArray_AS_STRING(gone)
    if column >= 0:
        for i in range(n):
            a[i] = plus(allocs[i * CYCLES], allocs[i * CYCLES + column])
            f[i] = plus(frees[i * CYCLES], frees[i * CYCLES + column])
            any_ = any_ or a[i] != 0 or f[i] != 0
    if not any_:
        for i in range(n):
            a[i] = f[i] = 0
            for k in range(CYCLES):
                a[i] = plus(a[i], allocs[i * CYCLES + k])
                f[i] = plus(f[i], frees[i * CYCLES + k])
    return view(made, "q"), view(gone, "q")


def minus(const int64_t[::1] a not None, const int64_t[::1] b not None):
    cdef Py_ssize_t n = a.shape[0], i
    if b.shape[0] != n:
        raise ValueError("buckets: columns differ in length")
    out = room(n, 8)
    for i in range(n):
        (<int64_t *>PyByteArray_AS_STRING(out))[i] = <int64_t>(<uint64_t>a[i] - <uint64_t>b[i])
    return view(out, "q")


def labels(const uint64_t[::1] size not None, const int64_t[::1] allocs):
    cdef Py_ssize_t n = size.shape[0], i
    if allocs is not None and allocs.shape[0] != n:
        raise ValueError("buckets: columns differ in length")
    out = room(n, 8)
    for i in range(n):
        (<int64_t *>PyByteArray_AS_STRING(out))[i] = (
            <int64_t>size[i] if allocs is None or allocs[i] > 0 else 0
        )
    return view(out, "q")


def present(const int64_t[::1] column not None):
    cdef Py_ssize_t n = column.shape[0], i, m = 0
    start, some = room(n + 1, 8), room(n, 8)
    cdef int64_t *begin = <int64_t *>PyByteArray_AS_STRING(start)
    cdef int64_t *out = <int64_t *>PyByteArray_AS_STRING(some)
    for i in range(n):
        begin[i] = m
        if column[i]:
            out[m] = column[i]
            m += 1
    begin[n] = m
    return view(start, "q"), view(some, "q")[:m]


def rows(
    const int64_t[::1] a not None,
    const int64_t[::1] b not None,
    const int64_t[::1] c not None,
    const int64_t[::1] d not None,
):
    cdef Py_ssize_t n = a.shape[0], i
    if b.shape[0] != n or c.shape[0] != n or d.shape[0] != n:
        raise ValueError("buckets: columns differ in length")
    table = room(4 * n, 8)
    cdef int64_t *out = <int64_t *>PyByteArray_AS_STRING(table)
    for i in range(n):
        out[4 * i] = a[i]
        out[4 * i + 1] = b[i]
        out[4 * i + 2] = c[i]
        out[4 * i + 3] = d[i]
    return view(table, "q")


def differing(
    const int64_t[::1] a not None,
    const int64_t[::1] b not None,
    const int64_t[::1] c not None,
    const int64_t[::1] d not None,
    const uint8_t[::1] only not None,
):
    cdef Py_ssize_t n = a.shape[0] // CYCLES, i, k
    cdef Py_ssize_t found = 0
    cdef bint same
    if a.shape[0] != n * CYCLES or b.shape[0] != n * CYCLES or c.shape[0] != n * CYCLES:
        raise ValueError("buckets: columns differ in length")
    if d.shape[0] != n * CYCLES or only.shape[0] != CYCLES:
        raise ValueError("buckets: columns differ in length")
    for i in range(n):
        same = True
        for k in range(CYCLES):
            if only[k] and (a[i * CYCLES + k] != b[i * CYCLES + k] or c[i * CYCLES + k] != d[i * CYCLES + k]):
                same = False
        found += not same
    return found


def lasting(
    const uint64_t[::1] before not None,
    const uint64_t[::1] after not None,
    const int64_t[::1] a not None,
    const int64_t[::1] b not None,
    const int64_t[::1] c not None,
    const int64_t[::1] d not None,
):
    cdef Py_ssize_t n = before.shape[0], i, k
    cdef Py_ssize_t found = 0
    cdef bint same
    if after.shape[0] != n or a.shape[0] != n * CYCLES or b.shape[0] != n * CYCLES:
        raise ValueError("buckets: columns differ in length")
    if c.shape[0] != n * CYCLES or d.shape[0] != n * CYCLES:
        raise ValueError("buckets: columns differ in length")
    for i in range(n):
        same = before[i] == after[i] and after[i] != 0
        for k in range(i * CYCLES, (i + 1) * CYCLES if same else 0):
            same = same and a[k] == b[k] and c[k] == d[k]
        found += same or (before[i] & after[i] & 1) != 0
    return found


# ---- stacks ----


cdef int check_starts(const int64_t[::1] start, Py_ssize_t items) except -1:
    cdef Py_ssize_t i, n = start.shape[0] - 1
    if n < 0:
        raise ValueError("stacks: no offsets")
    for i in range(n):
        if not 0 <= start[i] <= start[i + 1] <= items:
            raise ValueError("stacks: out of order")
    return 0


def ends(const int64_t[::1] start not None, const uint64_t[::1] pcs not None):
    cdef Py_ssize_t n = start.shape[0] - 1, i
    check_starts(start, pcs.shape[0])
    out = room(n, 8)
    for i in range(n):
        (<uint64_t *>PyByteArray_AS_STRING(out))[i] = pcs[start[i + 1] - 1] if start[i + 1] > start[i] else 0
    return view(out, "Q")


def join(
    const int64_t[::1] start not None,
    const uint32_t[::1] row not None,
    const uint8_t[::1] hidden not None,
    const uint32_t[::1] tail not None,
    const int64_t[::1] tail_start not None,
    const uint8_t[::1] cut not None,
    int64_t pcs,
):
    cdef Py_ssize_t n = start.shape[0] - 1, i, k, begin, end
    cdef Py_ssize_t most = 0, m = 0, tails = tail_start.shape[0] - 1
    if not 0 <= pcs <= row.shape[0] or tail.shape[0] != n or cut.shape[0] != tails:
        raise ValueError("stacks: columns differ in length")
    check_starts(start, pcs)
    check_starts(tail_start, row.shape[0] - pcs)
    for i in range(row.shape[0]):
        if row[i] >= hidden.shape[0]:
            raise ValueError("stacks: a pc that is not there")
    for i in range(n):
        if tail[i] >= tails:
            raise ValueError("stacks: an end that is not there")
        most += start[i + 1] - start[i] + tail_start[tail[i] + 1] - tail_start[tail[i]]
    starts, stacks = room(n + 1, 8), room(most, 4)
    cdef int64_t *out_start = <int64_t *>PyByteArray_AS_STRING(starts)
    cdef uint32_t *out = <uint32_t *>PyByteArray_AS_STRING(stacks)
    with nogil:
        for i in range(n):
            out_start[i] = m
            begin, end = start[i], start[i + 1]
            while begin < end and hidden[row[begin]]:
                begin += 1
            if begin == end:
                # all are hidden: then none is
                begin = start[i]
            if end > begin and cut[tail[i]]:
                end -= 1
            for k in range(begin, end):
                out[m] = row[k]
                m += 1
            if start[i + 1] > start[i]:
                for k in range(tail_start[tail[i]], tail_start[tail[i] + 1]):
                    out[m] = row[pcs + k]
                    m += 1
        out_start[n] = m
    return view(starts, "q"), view(stacks, "I")[:m]


def flagged(const uint32_t[::1] which not None, const uint8_t[::1] flags not None):
    cdef Py_ssize_t n = which.shape[0], i
    out = room(n, 1)
    for i in range(n):
        if which[i] >= flags.shape[0]:
            raise ValueError("stacks: a name that is not there")
        (<uint8_t *>PyByteArray_AS_STRING(out))[i] = flags[which[i]]
    return view(out, "B")


def inside(const uint64_t[::1] pcs not None):
    cdef Py_ssize_t n = pcs.shape[0], i
    out = room(n, 8)
    for i in range(n):
        (<uint64_t *>PyByteArray_AS_STRING(out))[i] = pcs[i] - 1
    return view(out, "Q")


def owned(const uint64_t[::1] entry not None, uint32_t[::1] owner not None, uint32_t module):
    cdef Py_ssize_t n = entry.shape[0], i
    if owner.shape[0] != n:
        raise ValueError("stacks: columns differ in length")
    for i in range(n):
        if entry[i] and not owner[i]:
            owner[i] = module


def keys(const int64_t[::1] offset not None, const uint32_t[::1] owner not None):
    cdef Py_ssize_t n = offset.shape[0], i
    if owner.shape[0] != n:
        raise ValueError("stacks: columns differ in length")
    out = room(n, 8)
    for i in range(n):
        (<uint64_t *>PyByteArray_AS_STRING(out))[i] = (
            (<uint64_t>owner[i] << 33 | <uint64_t>offset[i] & 0x1FFFFFFFF) if owner[i] else 0
        )
    return view(out, "Q")


def wider(const int32_t[::1] column not None):
    cdef Py_ssize_t n = column.shape[0], i
    out = room(n, 8)
    for i in range(n):
        (<int64_t *>PyByteArray_AS_STRING(out))[i] = column[i]
    return view(out, "q")


def sites(
    const uint32_t[::1] line_start not None,
    const uint32_t[::1] frame not None,
    const uint64_t[::1] pc not None,
    const uint64_t[::1] call not None,
    const uint32_t[::1] name not None,
    const uint32_t[::1] file not None,
    const int32_t[::1] line not None,
    const int32_t[::1] start_line not None,
    Py_ssize_t names,
    const uint64_t[::1] map_start not None,
    const uint64_t[::1] map_end not None,
):
    cdef Py_ssize_t n = line_start.shape[0] - 1, m = frame.shape[0], p = pc.shape[0], i, k, functions = 0
    cdef Py_ssize_t maps = map_start.shape[0]
    cdef uint32_t *rank = NULL
    cdef bint known
    if n < 0 or call.shape[0] != p or name.shape[0] != p or file.shape[0] != p or line.shape[0] != p:
        raise ValueError("sites: columns differ in length")
    if start_line.shape[0] != p or map_end.shape[0] != maps or names < 0:
        raise ValueError("sites: columns differ in length")
    for i in range(n):
        # a location has a line, at the least its own
        if not line_start[i] < line_start[i + 1] <= <size_t>m:
            raise ValueError("sites: locations out of order")
    if line_start[n] != m or (m and line_start[0]):
        raise ValueError("sites: locations out of order")
    for i in range(m):
        if frame[i] >= p or name[frame[i]] >= names:
            raise ValueError("sites: a pc or a name that is not there")
    addresses, mappings, begins = room(n, 8), room(n, 4), room(n + 1, 8)
    functions_of, lines = room(m, 4), room(m, 4)
    met, where, starts = room(names, 4), room(names, 4), room(names, 8)
    complete = bytearray(2 * maps)
    cdef uint64_t *address = <uint64_t *>PyByteArray_AS_STRING(addresses)
    cdef int32_t *mapping = <int32_t *>PyByteArray_AS_STRING(mappings)
    cdef int64_t *begin = <int64_t *>PyByteArray_AS_STRING(begins)
    cdef uint32_t *function = <uint32_t *>PyByteArray_AS_STRING(functions_of)
    cdef int32_t *out_line = <int32_t *>PyByteArray_AS_STRING(lines)
    cdef uint32_t *met_name = <uint32_t *>PyByteArray_AS_STRING(met)
    cdef uint32_t *met_file = <uint32_t *>PyByteArray_AS_STRING(where)
    cdef int64_t *met_line = <int64_t *>PyByteArray_AS_STRING(starts)
    # has locations, has one that is not known
    cdef uint8_t *has = <uint8_t *>PyByteArray_AS_STRING(complete)
    rank = <uint32_t *>malloc((names + 1) * 4)
    if rank == NULL:
        raise MemoryError
    with nogil:
        for i in range(names):
            rank[i] = NONE
        for i in range(m):
            k = frame[i]
            if rank[name[k]] == NONE:
                rank[name[k]] = <uint32_t>functions
                met_name[functions] = name[k]
                met_file[functions] = file[k]
                met_line[functions] = start_line[k]
                functions += 1
            function[i] = rank[name[k]]
            out_line[i] = line[k]
        for i in range(n):
            begin[i] = line_start[i]
            address[i] = call[frame[line_start[i]]]
            mapping[i] = -1
            for k in range(maps):
                if map_start[k] <= pc[frame[line_start[i]]] < map_end[k]:
                    mapping[i] = <int32_t>k
            if mapping[i] < 0:
                continue
            has[2 * mapping[i]] = 1
            for k in range(line_start[i], line_start[i + 1]):
                known = name[frame[k]] != 0 and file[frame[k]] != 0 and line[frame[k]] != 0
                if not known:
                    has[2 * mapping[i] + 1] = 1
        begin[n] = m
    free(rank)
    return {
        "name": view(met, "I")[:functions],
        "file": view(where, "I")[:functions],
        "start_line": view(starts, "q")[:functions],
        "address": view(addresses, "Q"),
        "mapping": view(mappings, "i"),
        "line_start": view(begins, "q"),
        "line_function": view(functions_of, "I"),
        "line": view(lines, "i"),
        "complete": [bool(complete[2 * i]) and not complete[2 * i + 1] for i in range(maps)],
    }


# ---- memory and symbols ----


def address_of(const uint8_t[::1] data not None):
    return <uint64_t><size_t>&data[0] if data.shape[0] else 0


def symbol(const uint8_t[::1] table not None, const uint64_t[::1] places not None):
    cdef Py_ssize_t i, k, n = table.shape[0] // 24
    cdef const uint8_t *p
    cdef uint32_t name
    cdef uint64_t value, size
    for i in range(n):
        p = &table[i * 24]
        memcpy(&name, p, 4)
        for k in range(places.shape[0]):
            if name == places[k] and (p[6] or p[7]):
                memcpy(&value, p + 8, 8)
                memcpy(&size, p + 16, 8)
                return value, size
    return None
