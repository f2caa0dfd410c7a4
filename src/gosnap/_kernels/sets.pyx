# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What sets of nodes retain, 63 sets at a time. sets.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from gosnap._kernels.graph cimport Graph
from gosnap._kernels.memory cimport ctz, huge, prefetch

cdef enum:
    SETS = 63
    AHEAD = 8       # references that are asked for in advance
    # a byte of Ways.about
    OF_NONE = 63    # below it the number of the node's set
    WAITS = 64      # on the stack
    INNER = 128     # refers to something

cdef uint64_t ALL = ~<uint64_t>0
cdef uint64_t REACHED = <uint64_t>1 << SETS


cdef class Ways:
    """Bit k of ways[v]: some way from the roots to v meets no member of set k, v itself included. Bit 63:
    some way leads to v at all."""
    cdef uint64_t *ways
    cdef uint8_t *about       # all that an arrival needs to know of a node, in one byte
    cdef uint32_t *stack      # each node at most once, so it never overflows
    cdef int64_t top

    def __cinit__(self, int64_t n):
        self.ways = <uint64_t *> huge((<size_t> n + 1) * 8)
        self.about = <uint8_t *> malloc(<size_t> n + 1)
        self.stack = <uint32_t *> malloc((<size_t> n + 1) * 4)
        if self.ways == NULL or self.about == NULL or self.stack == NULL:
            raise MemoryError
        memset(self.ways, 0, (<size_t> n + 1) * 8)

    def __dealloc__(self):
        free(self.ways)
        free(self.about)
        free(self.stack)

    cdef inline void arrive(self, uint32_t v, uint64_t bits, const int64_t *offset) noexcept nogil:
        cdef uint8_t about, own
        # most edges bring nothing new: of these nothing but the word is looked at
        if not bits & ~self.ways[v]:
            return
        about = self.about[v]
        own = about & OF_NONE
        if own < SETS:
            bits &= ~(<uint64_t>1 << own)
            if not bits & ~self.ways[v]:
                return
        self.ways[v] |= bits
        if about & (INNER | WAITS) == INNER:
            self.about[v] = about | WAITS
            prefetch(&offset[v])
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
        for i in range(n):
            w.about[i] = (member[i] if member[i] < SETS else OF_NONE) | (
                INNER if offset[i] != offset[i + 1] else 0)
        for i in range(roots.shape[0]):
            w.arrive(roots[i], ALL, offset)
        while w.top:
            w.top -= 1
            u = w.stack[w.top]
            w.about[u] &= ~WAITS & 0xFF
            have = w.ways[u]
            end = offset[u + 1]
            for e in range(offset[u], end):
                if e + AHEAD < end:
                    prefetch(&w.ways[target[e + AHEAD]])
                    prefetch(&w.about[target[e + AHEAD]])
                w.arrive(target[e], have, offset)
        for k in range(run.shape[0]):
            for _ in range(run[k]):
                lost = ~w.ways[v]
                if not lost & REACHED:
                    while lost:
                        out_size[ctz(lost)] += size[k]
                        out_count[ctz(lost)] += 1
                        lost &= lost - 1
                v += 1
