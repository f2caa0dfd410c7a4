# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Walks over a dominator tree. tree.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef uint32_t NONE = 0xFFFFFFFF


def heaviest(
    const uint32_t[::1] idom not None,
    const uint32_t[::1] node not None,
    const uint64_t[::1] size not None,
    uint32_t[::1] best not None,
):
    cdef int64_t nodes = idom.shape[0], i
    cdef uint32_t above
    if node.shape[0] != size.shape[0] or best.shape[0] < nodes:
        raise ValueError("tree: columns differ in length")
    for i in range(node.shape[0]):
        if node[i] >= nodes:
            raise ValueError("tree: a node that is not there")
    with nogil:
        for i in range(nodes):
            best[i] = NONE
        for i in range(node.shape[0]):
            above = idom[node[i]]
            if above < nodes and (best[above] == NONE or size[best[above]] < size[i]):
                best[above] = <uint32_t> i


def run(
    const uint32_t[::1] best not None,
    const uint32_t[::1] node not None,
    const uint32_t[::1] kind not None,
    uint32_t start,
    int64_t period,
):
    cdef int64_t length = 0
    cdef uint32_t v = start
    cdef uint32_t[8] seen
    if best.shape[0] <= start or not 0 < period <= 8:
        raise ValueError("tree: a node that is not there")
    with nogil:
        while v < kind.shape[0] and length <= kind.shape[0]:
            if length < period:
                seen[length] = kind[v]
            elif seen[length % period] != kind[v]:
                break
            length += 1
            if best[v] == NONE or best[v] >= node.shape[0] or node[best[v]] >= best.shape[0]:
                break
            v = node[best[v]]
    return length, v


def mark_below(
    const uint32_t[::1] idom not None, const uint32_t[::1] top not None, uint8_t[::1] mark not None
):
    cdef int64_t nodes = idom.shape[0], tops = top.shape[0], i
    cdef uint32_t v
    cdef uint8_t found
    if mark.shape[0] < nodes:
        raise ValueError("tree: columns differ in length")
    for i in range(tops):
        if top[i] >= nodes:
            raise ValueError("tree: a node that is not there")
    with nogil:
        # 0 not looked at, 1 below, 2 not below, 3 on the way up now; each way up ends at what is known, or in
        # a circle, and is then known itself
        for i in range(nodes):
            mark[i] = 0
        for i in range(tops):
            mark[top[i]] = 1
        for i in range(nodes):
            v = <uint32_t> i
            while v < nodes and not mark[v]:
                mark[v] = 3
                v = idom[v]
            found = 1 if v < nodes and mark[v] == 1 else 2
            v = <uint32_t> i
            while v < nodes and mark[v] == 3:
                mark[v] = found
                v = idom[v]
        for i in range(nodes):
            mark[i] = mark[i] == 1


def translate(
    const uint32_t[::1] key not None,
    const uint32_t[::1] known not None,
    const uint32_t[::1] value not None,
    uint32_t[::1] out not None,
):
    cdef int64_t n = key.shape[0], m = known.shape[0], i, lo, hi, mid
    cdef int64_t at = 0
    if value.shape[0] != m or out.shape[0] < n or (n and not m):
        raise ValueError("tree: columns do not fit the keys")
    with nogil:
        for i in range(n):
            # neighbours mostly have one key
            if known[at] != key[i]:
                lo = 0
                hi = m
                while lo < hi:
                    mid = (lo + hi) >> 1
                    if known[mid] < key[i]:
                        lo = mid + 1
                    else:
                        hi = mid
                if lo == m or known[lo] != key[i]:
                    break
                at = lo
            out[i] = value[at]
        else:
            i = n
    if i < n:
        raise ValueError("tree: a key that is not known")
