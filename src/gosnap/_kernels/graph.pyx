# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Reachability, dominators and retained sizes of a reference graph. graph.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cdef uint32_t NONE = 0xFFFFFFFF
cdef int64_t MAX_NODES = 0xFFFFFFF0


cdef class Graph:
    cdef const int64_t[::1] _offset
    cdef const uint32_t[::1] _target
    cdef const int64_t *offset
    cdef const uint32_t *target
    cdef readonly int64_t nodes
    cdef readonly int64_t edges

    def __init__(self, const int64_t[::1] offset not None, const uint32_t[::1] target not None):
        cdef int64_t i
        cdef int64_t n = offset.shape[0] - 1
        cdef int64_t m = target.shape[0]
        cdef bint good = True
        if n < 0 or n > MAX_NODES or offset[0] != 0 or offset[n] != m:
            raise ValueError("graph: the offsets do not cover the targets")
        with nogil:
            for i in range(n):
                if offset[i] > offset[i + 1]:
                    good = False
                    break
            if good:
                for i in range(m):
                    if target[i] >= <uint64_t> n:
                        good = False
                        break
        if not good:
            raise ValueError("graph: an edge leads nowhere, or offsets are out of order")
        self._offset = offset
        self._target = target
        self.nodes = n
        self.edges = m
        self.offset = &offset[0]
        self.target = &target[0] if m else NULL

    def _check(self, const uint32_t[::1] roots):
        cdef Py_ssize_t i
        for i in range(roots.shape[0]):
            if roots[i] >= <uint64_t> self.nodes:
                raise ValueError("graph: a root that is no node")

    def reach(self, const uint32_t[::1] roots not None, uint8_t[::1] seen not None):
        """Marks what the roots lead to."""
        cdef uint32_t *queue
        cdef int64_t top = 0
        cdef int64_t found = 0
        cdef int64_t e
        cdef uint32_t v, w
        cdef Py_ssize_t i
        if seen.shape[0] < self.nodes:
            raise ValueError("graph: output too small")
        self._check(roots)
        queue = <uint32_t *> malloc((self.nodes + 1) * 4)
        if queue == NULL:
            raise MemoryError
        with nogil:
            for i in range(roots.shape[0]):
                v = roots[i]
                if not seen[v]:
                    seen[v] = 1
                    found += 1
                    queue[top] = v
                    top += 1
            while top:
                top -= 1
                v = queue[top]
                for e in range(self.offset[v], self.offset[v + 1]):
                    w = self.target[e]
                    if not seen[w]:
                        seen[w] = 1
                        found += 1
                        queue[top] = w
                        top += 1
        free(queue)
        return found

    def dominators(self, const uint32_t[::1] roots not None, uint32_t[::1] idom not None,
                   uint32_t[::1] order not None, bint simple=False):
        """Immediate dominators of all that the roots lead to, and these nodes in preorder."""
        cdef Dominators d
        cdef int64_t n
        if idom.shape[0] < self.nodes or order.shape[0] < self.nodes:
            raise ValueError("graph: output too small")
        self._check(roots)
        d = Dominators(self)
        with nogil:
            n = d.search(roots)
            d.predecessors()
            if simple or not d.semi_nca():
                d.lengauer_tarjan()
            d.write(idom, order)
        return n - 1

    def retained(self, const uint32_t[::1] idom not None, const uint32_t[::1] order not None, int64_t count,
                 const uint64_t[::1] size not None, uint64_t[::1] retained_size not None,
                 uint32_t[::1] retained_count not None):
        """Sums of the sizes, and the number, of all that each node dominates."""
        cdef int64_t i
        cdef uint32_t v, d
        cdef int64_t n = self.nodes
        if (idom.shape[0] < n or size.shape[0] < n
                or retained_size.shape[0] < n or retained_count.shape[0] < n
                or not 0 <= count <= order.shape[0]):
            raise ValueError("graph: columns differ in length")
        for i in range(count):
            if order[i] >= <uint64_t> n or (idom[order[i]] > <uint64_t> n):
                raise ValueError("graph: an order that is none")
        with nogil:
            for i in range(count):
                v = order[i]
                retained_size[v] = size[v]
                retained_count[v] = 1
            for i in range(count - 1, -1, -1):
                v = order[i]
                d = idom[v]
                if d < <uint64_t> n:
                    retained_size[d] += retained_size[v]
                    retained_count[d] += retained_count[v]


cdef class Dominators:
    """The work of one computation. Nodes have their preorder numbers from 1 on; 0 is a root above all
    roots."""
    cdef Graph graph
    cdef uint32_t *number     # node -> preorder number, NONE if not reached
    cdef uint32_t *vertex     # preorder number -> node
    cdef uint32_t *parent     # in the depth-first tree, all below by number
    cdef uint32_t *semi
    cdef uint32_t *label
    cdef uint32_t *ancestor
    cdef uint32_t *idom
    cdef uint32_t *stack
    cdef int64_t *cursor
    cdef int64_t *pred_start
    cdef uint32_t *pred
    cdef uint8_t *is_root
    cdef int64_t n            # numbers in use

    def __cinit__(self, Graph graph):
        cdef size_t room = <size_t> graph.nodes + 2
        self.graph = graph
        self.number = <uint32_t *> malloc(room * 4)
        self.vertex = <uint32_t *> malloc(room * 4)
        self.parent = <uint32_t *> malloc(room * 4)
        self.semi = <uint32_t *> malloc(room * 4)
        self.label = <uint32_t *> malloc(room * 4)
        self.ancestor = <uint32_t *> malloc(room * 4)
        self.idom = <uint32_t *> malloc(room * 4)
        self.stack = <uint32_t *> malloc(room * 4)
        self.cursor = <int64_t *> malloc(room * 8)
        self.pred_start = <int64_t *> malloc((room + 1) * 8)
        self.pred = <uint32_t *> malloc((<size_t> graph.edges + 1) * 4)
        self.is_root = <uint8_t *> malloc(room)
        if (self.number == NULL or self.vertex == NULL or self.parent == NULL or self.semi == NULL
                or self.label == NULL or self.ancestor == NULL or self.idom == NULL or self.stack == NULL
                or self.cursor == NULL or self.pred_start == NULL or self.pred == NULL
                or self.is_root == NULL):
            raise MemoryError

    def __dealloc__(self):
        free(self.number)
        free(self.vertex)
        free(self.parent)
        free(self.semi)
        free(self.label)
        free(self.ancestor)
        free(self.idom)
        free(self.stack)
        free(self.cursor)
        free(self.pred_start)
        free(self.pred)
        free(self.is_root)

    cdef int64_t search(self, const uint32_t[::1] roots) noexcept nogil:
        """Depth first, with a stack of our own: a list of ten million nodes is as deep as it is long."""
        cdef const int64_t *offset = self.graph.offset
        cdef const uint32_t *target = self.graph.target
        cdef int64_t top, e
        cdef uint32_t v, w
        cdef Py_ssize_t i
        memset(self.number, 0xFF, <size_t> self.graph.nodes * 4)
        memset(self.is_root, 0, <size_t> self.graph.nodes)
        self.n = 1
        self.parent[0] = 0
        self.vertex[0] = NONE
        for i in range(roots.shape[0]):
            self.is_root[roots[i]] = 1
        for i in range(roots.shape[0]):
            v = roots[i]
            if self.number[v] != NONE:
                continue
            self.number[v] = <uint32_t> self.n
            self.vertex[self.n] = v
            self.parent[self.n] = 0
            self.n += 1
            self.stack[0] = v
            self.cursor[0] = offset[v]
            top = 1
            while top:
                v = self.stack[top - 1]
                e = self.cursor[top - 1]
                while e < offset[v + 1] and self.number[target[e]] != NONE:
                    e += 1
                if e == offset[v + 1]:
                    top -= 1
                    continue
                self.cursor[top - 1] = e + 1
                w = target[e]
                self.number[w] = <uint32_t> self.n
                self.vertex[self.n] = w
                self.parent[self.n] = self.number[v]
                self.n += 1
                self.stack[top] = w
                self.cursor[top] = offset[w]
                top += 1
        return self.n

    cdef void predecessors(self) noexcept nogil:
        """Where edges come from, by preorder number."""
        cdef const int64_t *offset = self.graph.offset
        cdef const uint32_t *target = self.graph.target
        cdef int64_t i, e, at, next_
        cdef uint32_t v
        memset(self.pred_start, 0, <size_t> (self.n + 2) * 8)
        for i in range(1, self.n):
            v = self.vertex[i]
            for e in range(offset[v], offset[v + 1]):
                self.pred_start[self.number[target[e]] + 1] += 1
        at = 0
        for i in range(self.n + 1):
            next_ = at + self.pred_start[i]
            self.pred_start[i] = next_
            at = next_
        # pred_start[k] is now where those of k begin; filling moves it to where they end, which is k + 1's
        # begin
        for i in range(1, self.n):
            v = self.vertex[i]
            for e in range(offset[v], offset[v + 1]):
                at = self.number[target[e]]
                self.pred[self.pred_start[at]] = <uint32_t> i
                self.pred_start[at] += 1
        for i in range(self.n, 0, -1):
            self.pred_start[i] = self.pred_start[i - 1]
        self.pred_start[0] = 0

    cdef inline uint32_t compress(self, uint32_t v, uint32_t limit) noexcept nogil:
        """The smallest semidominator on the way from v up to the linked forest's root; shortens that way.

        Only nodes above ``limit`` are linked: they are handled from the last number down.
        """
        cdef int64_t top = 0
        cdef uint32_t u = v
        cdef uint32_t a
        while self.ancestor[u] > limit:
            self.stack[top] = u
            top += 1
            u = self.ancestor[u]
        while top:
            top -= 1
            u = self.stack[top]
            a = self.ancestor[u]
            if self.label[a] < self.label[u]:
                self.label[u] = self.label[a]
            self.ancestor[u] = self.ancestor[a]
        return self.label[v]

    cdef void start(self) noexcept nogil:
        cdef int64_t i
        for i in range(self.n):
            self.semi[i] = <uint32_t> i
            self.label[i] = <uint32_t> i
            self.ancestor[i] = self.parent[i]
            self.idom[i] = self.parent[i]

    cdef bint semi_nca(self) noexcept nogil:
        """Georgiadis, Tarjan, Werneck: Finding Dominators in Practice (2006). False: it takes too long
        here."""
        cdef int64_t w, k
        cdef uint32_t v, best, s, d
        cdef int64_t steps = 0
        cdef int64_t limit = 32 * self.n + (1 << 20)
        self.start()
        for w in range(self.n - 1, 0, -1):
            best = self.parent[w]
            if self.is_root[self.vertex[w]]:
                best = 0
            else:
                for k in range(self.pred_start[w], self.pred_start[w + 1]):
                    v = self.pred[k]
                    # a node below w in number is its own label; one above has been linked
                    s = v if v <= w else self.compress(v, <uint32_t> w)
                    if s < best:
                        best = s
            self.semi[w] = best
            self.label[w] = best
        for w in range(1, self.n):
            d = self.idom[w]
            while d > self.semi[w]:
                d = self.idom[d]
                steps += 1
            self.idom[w] = d
            if steps > limit:
                return False
        return True

    cdef inline uint32_t evaluate(self, uint32_t v, uint32_t limit) noexcept nogil:
        """As ``compress``, but the node with the smallest semidominator."""
        cdef int64_t top = 0
        cdef uint32_t u = v
        cdef uint32_t a
        while self.ancestor[u] > limit:
            self.stack[top] = u
            top += 1
            u = self.ancestor[u]
        while top:
            top -= 1
            u = self.stack[top]
            a = self.ancestor[u]
            if self.semi[self.label[a]] < self.semi[self.label[u]]:
                self.label[u] = self.label[a]
            self.ancestor[u] = self.ancestor[a]
        return self.label[v]

    cdef void lengauer_tarjan(self) noexcept nogil:
        """Lengauer, Tarjan (1979), the simple version: O(m log n) whatever the graph looks like."""
        cdef int64_t w, k
        cdef uint32_t v, u, p, s, best
        cdef uint32_t *bucket = <uint32_t *> self.cursor
        cdef uint32_t *next_ = bucket + self.graph.nodes + 2
        self.start()
        for w in range(self.n):
            bucket[w] = NONE
        for w in range(self.n - 1, 0, -1):
            best = self.parent[w]
            if self.is_root[self.vertex[w]]:
                best = 0
            else:
                for k in range(self.pred_start[w], self.pred_start[w + 1]):
                    v = self.pred[k]
                    s = v if v <= w else self.semi[self.evaluate(v, <uint32_t> w)]
                    if s < best:
                        best = s
            self.semi[w] = best
            next_[w] = bucket[best]
            bucket[best] = <uint32_t> w
            # w is linked from here on; its parent's bucket can be emptied
            p = self.parent[w]
            v = bucket[p]
            bucket[p] = NONE
            while v != NONE:
                u = self.evaluate(v, <uint32_t> (w - 1)) if v > w - 1 else v
                self.idom[v] = u if self.semi[u] < self.semi[v] else p
                v = next_[v]
        for w in range(1, self.n):
            if self.idom[w] != self.semi[w]:
                self.idom[w] = self.idom[self.idom[w]]

    cdef void write(self, uint32_t[::1] idom, uint32_t[::1] order) noexcept nogil:
        cdef int64_t i
        cdef uint32_t none = <uint32_t> self.graph.nodes
        for i in range(self.graph.nodes):
            idom[i] = NONE
        for i in range(1, self.n):
            order[i - 1] = self.vertex[i]
            idom[self.vertex[i]] = self.vertex[self.idom[i]] if self.idom[i] else none
