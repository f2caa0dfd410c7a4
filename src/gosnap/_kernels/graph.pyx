# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Reachability, dominators and retained sizes of a reference graph. graph.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from gosnap._kernels.memory cimport huge, prefetch

cdef uint32_t NONE = 0xFFFFFFFF
cdef uint32_t LEAF = 0xFFFFFFFE
cdef int64_t MAX_NODES = 0xFFFFFFF0

cdef enum:
    # marks of Graph.reach
    UNSEEN = 0
    SEEN = 1
    SHUT = 2
    SHUT_SEEN = 3


def offsets(const uint32_t[::1] degree not None, int64_t[::1] out not None):
    cdef int64_t n = degree.shape[0], i
    cdef int64_t total = 0
    if out.shape[0] < n + 1:
        raise ValueError("graph: output too small")
    with nogil:
        for i in range(n):
            out[i] = total
            total += degree[i]
        out[n] = total
    return total


cdef class Graph:
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
                if seen[v] == UNSEEN:
                    seen[v] = SEEN
                    found += 1
                    queue[top] = v
                    top += 1
                elif seen[v] == SHUT:
                    seen[v] = SHUT_SEEN
                    found += 1
            while top:
                top -= 1
                v = queue[top]
                for e in range(self.offset[v], self.offset[v + 1]):
                    w = self.target[e]
                    if seen[w] == UNSEEN:
                        seen[w] = SEEN
                        found += 1
                        queue[top] = w
                        top += 1
                    elif seen[w] == SHUT:
                        seen[w] = SHUT_SEEN
                        found += 1
        free(queue)
        return found

    def weaken(self, uint32_t[::1] target not None, const uint8_t[::1] strong not None,
               const uint8_t[::1] weak not None):
        """Turns references that own nothing into references of an object to itself."""
        cdef int64_t v, e
        cdef int64_t changed = 0
        cdef uint32_t w
        if (target.shape[0] != self.edges or strong.shape[0] < self.nodes or weak.shape[0] < self.nodes
                or (self.edges and &target[0] != self.target)):
            raise ValueError("graph: not the columns of this graph")
        with nogil:
            for v in range(self.nodes):
                if strong[v] and not weak[v]:
                    continue
                for e in range(self.offset[v], self.offset[v + 1]):
                    w = target[e]
                    if w != <uint64_t> v and strong[w] and not (weak[v] and weak[w]):
                        target[e] = <uint32_t> v
                        changed += 1
        return changed

    def dominators(self, const uint32_t[::1] roots not None, const uint64_t[::1] size not None,
                   const uint32_t[::1] run not None, uint32_t[::1] idom not None, bint simple=False):
        """Immediate dominators of all that the roots lead to, and what each of them retains."""
        cdef Dominators d
        cdef int64_t n, i
        cdef int64_t sized = 0
        cdef bint leaves_apart = True
        for i in range(run.shape[0]):
            sized += run[i]
        if idom.shape[0] < self.nodes or size.shape[0] != run.shape[0] or sized > self.nodes:
            raise ValueError("graph: columns do not fit the nodes")
        self._check(roots)
        while True:
            d = Dominators.__new__(Dominators)
            d.prepare(self, roots, leaves_apart)
            with nogil:
                d.search(roots, idom)
                d.predecessors()
                if simple or not d.semi_nca():
                    d.lengauer_tarjan()
                d.intervals()
                n = d.attach_leaves(idom)
                if n >= 0:
                    d.retain(size, run, idom)
            if n >= 0:
                d.reached = n
                return d
            # leaves that hang so deep in so many places that each on its own is slow to place
            leaves_apart = False


cdef class Dominators:
    """The work of one computation, and its result. Nodes have their preorder numbers from 1 on; 0 is a root
    above all roots.

    A node without references dominates nothing but itself: such leaves are left out, and put below the
    nearest common dominator of all that refer to them afterwards. In Go's heaps they are more than half.
    """
    cdef Graph graph
    cdef void *memory
    cdef uint32_t *number     # node -> preorder number, NONE if not reached, LEAF
    cdef uint32_t *vertex     # preorder number -> node
    cdef uint32_t *parent     # in the depth-first tree, all below by number
    cdef uint32_t *semi
    cdef uint32_t *label
    cdef uint32_t *ancestor
    cdef uint32_t *idom
    cdef uint32_t *stack
    cdef int64_t *wide        # where the search stands; then where predecessors begin; then bytes
    cdef uint32_t *pred
    cdef uint32_t *tail       # edges that were noted: where they begin
    cdef uint32_t *head       # and end: a number, or a leaf's node
    cdef uint8_t *is_root
    cdef int64_t n            # numbers in use
    cdef int64_t noted
    cdef int64_t leaf_edges   # where those to leaves begin
    cdef int64_t leaves       # that were reached
    cdef readonly int64_t reached

    cdef int prepare(self, Graph graph, const uint32_t[::1] roots, bint leaves_apart) except -1:
        cdef int64_t i
        cdef size_t room = 2
        cdef size_t edges = <size_t> graph.edges + 1
        cdef size_t bytes_
        cdef size_t nodes = <size_t> graph.nodes + 2
        cdef const int64_t *offset = graph.offset
        cdef char *at
        self.graph = graph
        self.is_root = <uint8_t *> calloc(nodes, 1)
        if self.is_root == NULL:
            raise MemoryError
        for i in range(roots.shape[0]):
            self.is_root[roots[i]] = 1
        with nogil:
            # upper bounds: what is not reached counts too
            for i in range(graph.nodes):
                if not leaves_apart or offset[i] != offset[i + 1] or self.is_root[i]:
                    room += 1
        room += 2
        bytes_ = nodes * 4 + room * (7 * 4 + 8) + edges * 12
        self.memory = huge(bytes_)
        if self.memory == NULL:
            raise MemoryError
        at = <char *> self.memory
        self.wide = <int64_t *> at
        at += room * 8
        self.number = <uint32_t *> at
        at += nodes * 4
        self.vertex = <uint32_t *> at
        at += room * 4
        self.parent = <uint32_t *> at
        at += room * 4
        self.semi = <uint32_t *> at
        at += room * 4
        self.label = <uint32_t *> at
        at += room * 4
        self.ancestor = <uint32_t *> at
        at += room * 4
        self.idom = <uint32_t *> at
        at += room * 4
        self.stack = <uint32_t *> at
        at += room * 4
        self.pred = <uint32_t *> at
        at += edges * 4
        self.tail = <uint32_t *> at
        at += edges * 4
        self.head = <uint32_t *> at
        with nogil:
            for i in range(graph.nodes):
                if leaves_apart and offset[i] == offset[i + 1] and not self.is_root[i]:
                    self.number[i] = LEAF
                else:
                    self.number[i] = NONE
        return 0

    def __dealloc__(self):
        free(self.memory)
        free(self.is_root)

    def heads(self, int64_t first, uint32_t[::1] node not None, uint64_t[::1] size not None,
              uint32_t[::1] count not None):
        """The nodes that dominate others, and all from ``first`` on; how many there are."""
        cdef int64_t i
        cdef int64_t found = 0
        cdef int64_t room = min(node.shape[0], size.shape[0], count.shape[0])
        cdef uint32_t number
        with nogil:
            for i in range(self.graph.nodes):
                number = self.number[i]
                if number == NONE or (i < first and (number == LEAF or self.stack[number] < 2)):
                    continue
                if found < room:
                    node[found] = <uint32_t> i
                    # a leaf from first on: a group of no size
                    size[found] = <uint64_t> self.wide[number] if number != LEAF else 0
                    count[found] = self.stack[number] if number != LEAF else 0
                found += 1
        return found

    cdef void search(self, const uint32_t[::1] roots, uint32_t[::1] idom) noexcept nogil:
        """Depth first, with a stack of our own: a list of ten million nodes is as deep as it is long.

        What tree edges say is said by ``parent``, and the first reference to a leaf by ``idom`` (the number
        of the node that it is in); the other edges are noted: between nodes that refer to others from the
        front of ``tail`` and ``head``, to leaves from their ends.
        """
        cdef const int64_t *offset = self.graph.offset
        cdef const uint32_t *target = self.graph.target
        cdef int64_t *cursor = self.wide
        cdef int64_t top, e, end
        cdef uint32_t v, w, number, found
        cdef Py_ssize_t i
        for i in range(self.graph.nodes):
            idom[i] = NONE
        self.n = 1
        self.noted = 0
        self.leaves = 0
        self.leaf_edges = self.graph.edges
        self.parent[0] = 0
        self.vertex[0] = NONE
        for i in range(roots.shape[0]):
            v = roots[i]
            if self.number[v] != NONE:
                continue
            self.number[v] = number = <uint32_t> self.n
            self.vertex[self.n] = v
            self.parent[self.n] = 0
            self.n += 1
            self.stack[0] = number
            cursor[0] = offset[v]
            top = 1
            while top:
                number = self.stack[top - 1]
                v = self.vertex[number]
                e = cursor[top - 1]
                end = offset[v + 1]
                while e < end:
                    w = target[e]
                    e += 1
                    found = self.number[w]
                    if found == NONE:
                        break
                    if found == LEAF:
                        if idom[w] == NONE:
                            idom[w] = number
                            self.leaves += 1
                        elif idom[w] != number:
                            self.leaf_edges -= 1
                            self.tail[self.leaf_edges] = number
                            self.head[self.leaf_edges] = w
                    elif found != number:
                        self.tail[self.noted] = number
                        self.head[self.noted] = found
                        self.noted += 1
                else:
                    top -= 1
                    continue
                cursor[top - 1] = e
                self.number[w] = <uint32_t> self.n
                self.vertex[self.n] = w
                self.parent[self.n] = number
                self.stack[top] = <uint32_t> self.n
                cursor[top] = offset[w]
                prefetch(&target[offset[w]])
                self.n += 1
                top += 1

    cdef void predecessors(self) noexcept nogil:
        """Where the noted edges come from, by preorder number."""
        cdef int64_t *start = self.wide
        cdef int64_t i, at, next_
        memset(start, 0, <size_t> (self.n + 2) * 8)
        for i in range(self.noted):
            start[self.head[i] + 1] += 1
        at = 0
        for i in range(self.n + 1):
            next_ = at + start[i]
            start[i] = next_
            at = next_
        # start[k] is now where those of k begin; filling moves it to where they end, which is k + 1's begin
        for i in range(self.noted):
            at = self.head[i]
            self.pred[start[at]] = self.tail[i]
            start[at] += 1
        for i in range(self.n, 0, -1):
            start[i] = start[i - 1]
        start[0] = 0

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
                for k in range(self.wide[w], self.wide[w + 1]):
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

    cdef int lengauer_tarjan(self) except -1 nogil:
        """Lengauer, Tarjan (1979), the simple version: O(m log n) whatever the graph looks like."""
        cdef int64_t w, k
        cdef uint32_t v, u, p, s, best
        cdef uint32_t *bucket = <uint32_t *> malloc((2 * <size_t> self.n + 2) * 4)
        cdef uint32_t *next_ = bucket + self.n + 1
        if bucket == NULL:
            with gil:
                raise MemoryError
        self.start()
        for w in range(self.n):
            bucket[w] = NONE
        for w in range(self.n - 1, 0, -1):
            best = self.parent[w]
            if self.is_root[self.vertex[w]]:
                best = 0
            else:
                for k in range(self.wide[w], self.wide[w + 1]):
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
        free(bucket)
        return 0

    cdef void intervals(self) noexcept nogil:
        """Where the subtree of each number begins in a preorder of the dominator tree, and its size: from
        here on in ``semi`` and ``label``, which have served."""
        cdef int64_t i
        cdef uint32_t *begin = self.semi
        cdef uint32_t *size = self.label
        cdef uint32_t *next_ = self.ancestor
        for i in range(self.n):
            size[i] = 1
        for i in range(self.n - 1, 0, -1):
            size[self.idom[i]] += size[i]
        begin[0] = 0
        next_[0] = 1
        for i in range(1, self.n):
            begin[i] = next_[self.idom[i]]
            next_[self.idom[i]] += size[i]
            next_[i] = begin[i] + 1

    cdef int64_t attach_leaves(self, uint32_t[::1] idom) noexcept nogil:
        """The number of each leaf's dominator, in ``idom``; how many nodes there are, -1 where it takes too
        long."""
        cdef const uint32_t *begin = self.semi
        cdef const uint32_t *size = self.label
        cdef int64_t e
        cdef int64_t steps = 0
        cdef int64_t limit = 32 * self.graph.nodes + (1 << 20)
        cdef uint32_t v, w, d
        for e in range(self.graph.edges - 1, self.leaf_edges - 1, -1):
            v = self.tail[e]
            w = self.head[e]
            d = idom[w]
            while begin[v] - begin[d] >= size[d]:     # as unsigned: v is not below d
                d = self.idom[d]
                steps += 1
            idom[w] = d
            if steps > limit:
                return -1
        return self.n - 1 + self.leaves

    cdef void retain(self, const uint64_t[::1] size, const uint32_t[::1] run,
                     uint32_t[::1] idom) noexcept nogil:
        """Sums of the sizes, and the number, of all that each node dominates: from here on in ``wide`` and
        ``stack``; ``idom`` by nodes."""
        cdef uint64_t *bytes_ = <uint64_t *> self.wide
        cdef uint32_t *count = self.stack
        cdef uint32_t none = <uint32_t> self.graph.nodes
        cdef int64_t i, k, _
        cdef int64_t node = 0
        cdef uint32_t number, d
        memset(bytes_, 0, <size_t> self.n * 8)
        memset(count, 0, <size_t> self.n * 4)
        for k in range(run.shape[0]):
            for _ in range(run[k]):
                number = self.number[node]
                if number == LEAF:
                    number = idom[node]
                if number != NONE:
                    bytes_[number] += size[k]
                    count[number] += size[k] != 0
                node += 1
        for i in range(self.n - 1, 0, -1):
            d = self.idom[i]
            bytes_[d] += bytes_[i]
            count[d] += count[i]
        for node in range(self.graph.nodes):
            number = self.number[node]
            d = idom[node] if number == LEAF else number
            if d == NONE:
                continue
            if number != LEAF:
                d = self.idom[number]
            idom[node] = self.vertex[d] if d else none
