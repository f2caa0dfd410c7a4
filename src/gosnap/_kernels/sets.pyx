# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What sets of nodes retain, 63 sets at a time. sets.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from gosnap._kernels.graph cimport Graph
from gosnap._kernels.memory cimport ctz, huge, prefetch

cdef enum:
    SETS = 63
    AHEAD = 8       # references that are asked for in advance

cdef uint64_t ALL = ~<uint64_t>0
cdef uint64_t REACHED = <uint64_t>1 << SETS


cdef class Ways:
    """Bit k of ways[v]: some way from the roots to v meets no member of set k, v itself included. Bit 63:
    some way leads to v at all."""
    cdef uint64_t *ways
    cdef uint8_t *waits       # on the stack
    cdef uint32_t *stack      # each node at most once, so it never overflows
    cdef int64_t top

    def __cinit__(self, int64_t n):
        self.ways = <uint64_t *> huge((<size_t> n + 1) * 8)
        self.waits = <uint8_t *> calloc(<size_t> n + 1, 1)
        self.stack = <uint32_t *> malloc((<size_t> n + 1) * 4)
        if self.ways == NULL or self.waits == NULL or self.stack == NULL:
            raise MemoryError
        memset(self.ways, 0, (<size_t> n + 1) * 8)

    def __dealloc__(self):
        free(self.ways)
        free(self.waits)
        free(self.stack)

    cdef inline void arrive(
        self, uint32_t v, uint64_t bits, const uint8_t *member, const int64_t *offset
    ) noexcept nogil:
        cdef uint8_t own
        # most edges bring nothing new: of these nothing but the word is looked at
        if not bits & ~self.ways[v]:
            return
        own = member[v]
        if own < SETS:
            bits &= ~(<uint64_t>1 << own)
            if not bits & ~self.ways[v]:
                return
        self.ways[v] |= bits
        if not self.waits[v] and offset[v] != offset[v + 1]:
            self.waits[v] = 1
            self.stack[self.top] = v
            self.top += 1


def retained_by_sets(
    Graph graph not None,
    const uint32_t[::1] roots not None,
    const uint8_t[::1] member not None,
    const uint64_t[::1] size not None,
    const uint32_t[::1] run not None,
    uint64_t[::1] out_size not None,
    uint64_t[::1] out_count not None,
):
    cdef int64_t n = graph.nodes
    cdef const int64_t *offset = graph.offset
    cdef const uint32_t *target = graph.target
    cdef Ways w
    cdef int64_t i, k, e, end, _
    cdef int64_t v = 0, sized = 0
    cdef uint64_t lost, have
    cdef uint32_t u
    for i in range(run.shape[0]):
        sized += run[i]
    if (member.shape[0] < n or size.shape[0] != run.shape[0] or sized > n
            or out_size.shape[0] < SETS or out_count.shape[0] < SETS):
        raise ValueError("sets: columns do not fit the nodes")
    for i in range(roots.shape[0]):
        if roots[i] >= <uint64_t> n:
            raise ValueError("sets: a root that is no node")
    w = Ways(n)
    with nogil:
        for i in range(roots.shape[0]):
            u = roots[i]
            w.arrive(u, ALL, &member[0], offset)
        while w.top:
            w.top -= 1
            u = w.stack[w.top]
            w.waits[u] = 0
            have = w.ways[u]
            end = offset[u + 1]
            for e in range(offset[u], end):
                if e + AHEAD < end:
                    prefetch(&w.ways[target[e + AHEAD]])
                w.arrive(target[e], have, &member[0], offset)
        for k in range(run.shape[0]):
            for _ in range(run[k]):
                lost = ~w.ways[v]
                if not lost & REACHED:
                    while lost:
                        out_size[ctz(lost)] += size[k]
                        out_count[ctz(lost)] += 1
                        lost &= lost - 1
                v += 1
