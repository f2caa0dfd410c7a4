# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Stacks as one tree of calls. profile_tree.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memset

from gosnap._kernels.profile_columns cimport HASH, room, view

cdef uint32_t NONE = 0xFFFFFFFF


cdef struct Child:
    int64_t weight
    uint32_t name       # what nodes are called, in the order of names: ties are the same in every run
    uint32_t place


cdef int by_weight(const void *a, const void *b) noexcept nogil:
    cdef const Child *x = <const Child *> a
    cdef const Child *y = <const Child *> b
    if x.weight != y.weight:
        return -1 if x.weight > y.weight else 1
    if x.name != y.name:
        return -1 if x.name < y.name else 1
    return 0


cdef class Grown:
    """The tree as it grows: places in the order in which they were first met, behind the one above them."""
    cdef uint32_t *parent
    cdef uint32_t *node
    cdef uint8_t *called      # 1: by a call that was not inlined
    cdef uint32_t *table
    cdef uint64_t cap
    cdef int64_t count
    cdef int64_t have

    def __cinit__(self):
        self.have = 1 << 12
        self.cap = 1 << 13
        self.parent = <uint32_t *> malloc(self.have * 4)
        self.node = <uint32_t *> malloc(self.have * 4)
        self.called = <uint8_t *> malloc(self.have)
        self.table = <uint32_t *> malloc(self.cap * 4)
        if self.parent == NULL or self.node == NULL or self.called == NULL or self.table == NULL:
            raise MemoryError
        memset(self.table, 0xFF, self.cap * 4)

    def __dealloc__(self):
        free(self.parent)
        free(self.node)
        free(self.called)
        free(self.table)

    cdef inline uint64_t slot(self, uint32_t parent, uint32_t node) noexcept nogil:
        cdef uint64_t h = (<uint64_t> parent << 32 | node) * HASH
        return (h ^ h >> 29) & (self.cap - 1)

    cdef bint widen(self) noexcept nogil:
        """Twice the room; False where there is no memory."""
        cdef uint32_t *more
        cdef uint8_t *flags
        cdef uint64_t h
        cdef int64_t i
        more = <uint32_t *> realloc(self.parent, self.have * 8)
        if more == NULL:
            return False
        self.parent = more
        more = <uint32_t *> realloc(self.node, self.have * 8)
        if more == NULL:
            return False
        self.node = more
        flags = <uint8_t *> realloc(self.called, self.have * 2)
        if flags == NULL:
            return False
        self.called = flags
        more = <uint32_t *> malloc(self.cap * 8)
        if more == NULL:
            return False
        free(self.table)
        self.table = more
        self.have *= 2
        self.cap *= 2
        memset(self.table, 0xFF, self.cap * 4)
        for i in range(self.count):
            h = self.slot(self.parent[i], self.node[i])
            while self.table[h] != NONE:
                h = (h + 1) & (self.cap - 1)
            self.table[h] = <uint32_t> i
        return True

    cdef inline uint32_t child(self, uint32_t parent, uint32_t node) noexcept nogil:
        """The place of a node below another, made if need be; NONE where there is no memory."""
        cdef uint64_t h = self.slot(parent, node)
        cdef uint32_t at
        while True:
            at = self.table[h]
            if at == NONE:
                break
            if self.parent[at] == parent and self.node[at] == node:
                return at
            h = (h + 1) & (self.cap - 1)
        if self.count == self.have:
            if self.count >= NONE // 2 or not self.widen():
                return NONE
            return self.child(parent, node)
        at = <uint32_t> self.count
        self.table[h] = at
        self.parent[at] = parent
        self.node[at] = node
        self.called[at] = 0
        self.count += 1
        return at


def grow(
    const int64_t[::1] values not None,
    int64_t types,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const int64_t[::1] frame_start not None,
    const uint32_t[::1] frame_node not None,
    const uint32_t[::1] rank not None,
    const uint8_t[::1] sides not None,
    int64_t order_by,
):
    cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1
    cdef int64_t nodes = rank.shape[0], i, j, k, t, n, first, children
    cdef int64_t width = types * 2
    cdef uint32_t at, place
    cdef bint good = True
    cdef Grown g
    cdef Child *sorted_ = NULL
    cdef int64_t *begin = NULL
    cdef uint32_t *todo = NULL
    cdef uint32_t *new_of = NULL
    cdef int64_t *own = NULL
    cdef int64_t *whole = NULL
    if (samples < 0 or locations < 0 or types < 1 or types > 4096 or values.shape[0] != samples * types
            or not 0 <= order_by < types or sides.shape[0] != samples):
        raise ValueError("tree: columns of samples do not fit")
    with nogil:
        good = stack_start[0] == 0 and stack_start[samples] == stack.shape[0]
        good = good and frame_start[0] == 0 and frame_start[locations] == frame_node.shape[0]
        for i in range(samples):
            good = good and stack_start[i] <= stack_start[i + 1]
        for i in range(locations):
            good = good and frame_start[i] <= frame_start[i + 1]
        for i in range(stack.shape[0]):
            good = good and stack[i] < locations
        for i in range(frame_node.shape[0]):
            good = good and frame_node[i] < nodes
        for i in range(samples):
            good = good and sides[i] < 2
    if not good:
        raise ValueError("tree: stacks do not fit the locations")
    g = Grown()
    leaf_data = room(samples, 4)
    cdef uint32_t[::1] leaf = view(leaf_data, "I")
    with nogil:
        for i in range(samples):
            at = NONE
            for j in range(stack_start[i + 1] - 1, stack_start[i] - 1, -1):
                for k in range(frame_start[stack[j] + 1] - 1, frame_start[stack[j]] - 1, -1):
                    place = g.child(at, frame_node[k])
                    if place == NONE:
                        good = False
                        break
                    at = place
                    # the last line of a location is the function that was called, others are inlined in it
                    if k == frame_start[stack[j] + 1] - 1:
                        g.called[at] = 1
                if not good:
                    break
            if not good:
                break
            leaf[i] = at
    if not good:
        raise MemoryError
    n = g.count
    parent_data, node_data = room(n, 4), room(n, 4)
    self_data, total_data, inlined_data = room(n * width, 8), room(n * width, 8), room(n, 1)
    cdef uint32_t[::1] parent = view(parent_data, "I")
    cdef uint32_t[::1] node = view(node_data, "I")
    cdef int64_t[::1] self_ = view(self_data, "q")
    cdef int64_t[::1] total = view(total_data, "q")
    cdef uint8_t[::1] inlined = view(inlined_data, "B")
    own = <int64_t *> malloc(n * width * 8 + 8)
    whole = <int64_t *> malloc(n * width * 8 + 8)
    sorted_ = <Child *> malloc((n + 1) * sizeof(Child))
    begin = <int64_t *> malloc((n + 2) * 8)
    todo = <uint32_t *> malloc((n + 1) * 4)
    new_of = <uint32_t *> malloc((n + 1) * 4)
    try:
        if own == NULL or whole == NULL or sorted_ == NULL or begin == NULL or todo == NULL or new_of == NULL:
            raise MemoryError
        with nogil:
            memset(own, 0, n * width * 8)
            for i in range(samples):
                if leaf[i] == NONE:
                    continue
                for t in range(types):
                    # sums wrap around as Go's do
                    k = leaf[i] * width + t * 2 + sides[i]
                    own[k] = <int64_t> (<uint64_t> own[k] + <uint64_t> values[i * types + t])
            for i in range(n * width):
                whole[i] = own[i]
            for i in range(n - 1, -1, -1):
                if g.parent[i] != NONE:
                    for t in range(width):
                        k = g.parent[i] * width + t
                        whole[k] = <int64_t> (<uint64_t> whole[k] + <uint64_t> whole[i * width + t])
            # children of each place side by side, those of none first, the heaviest first
            memset(begin, 0, (n + 2) * 8)
            for i in range(n):
                begin[(g.parent[i] + 1 if g.parent[i] != NONE else 0) + 1] += 1
            for i in range(n + 1):
                begin[i + 1] += begin[i]
            for i in range(n - 1, -1, -1):
                j = g.parent[i] + 1 if g.parent[i] != NONE else 0
                begin[j + 1] -= 1
                k = begin[j + 1]
                sorted_[k].place = <uint32_t> i
                sorted_[k].name = rank[g.node[i]]
                t = i * width + order_by * 2
                sorted_[k].weight = abs_(whole[t]) + abs_(whole[t + 1])
            # begin[j + 1] is now where the children of j begin
            for j in range(n + 1):
                first = begin[j + 1]
                children = (begin[j + 2] if j < n else n) - first
                if children > 1:
                    qsort(&sorted_[first], children, sizeof(Child), by_weight)
            # places anew in the order of a walk: each above its children, these by weight
            k = 0
            j = 0
            for i in range((begin[2] if n else 0) - 1, -1, -1):
                todo[k] = sorted_[i].place
                k += 1
            while k:
                k -= 1
                place = todo[k]
                new_of[place] = <uint32_t> j
                node[j] = g.node[place]
                inlined[j] = not g.called[place]
                parent[j] = new_of[g.parent[place]] if g.parent[place] != NONE else NONE
                for t in range(width):
                    self_[j * width + t] = own[place * width + t]
                    total[j * width + t] = whole[place * width + t]
                j += 1
                for i in range((begin[place + 3] if place + 1 < n else n) - 1, begin[place + 2] - 1, -1):
                    todo[k] = sorted_[i].place
                    k += 1
    finally:
        free(own)
        free(whole)
        free(sorted_)
        free(begin)
        free(todo)
        free(new_of)
    return {
        "parent": view(parent_data, "I"),
        "node": view(node_data, "I"),
        "inlined": view(inlined_data, "B"),
        "self": view(self_data, "q"),
        "total": view(total_data, "q"),
    }


cdef inline int64_t abs_(int64_t value) noexcept nogil:
    cdef int64_t most = 0x3FFFFFFFFFFFFFFF
    # two of them are added: what does not fit is as large as can be
    if value < 0:
        value = -value if value > -most else most
    return value if value < most else most


cdef enum:
    FINE = 1024     # parts of each power of two that weights are sorted into


cdef inline int64_t bucket(int64_t weight) noexcept nogil:
    """A number that grows with a weight, below 64 * FINE."""
    cdef int64_t bits = 0
    cdef uint64_t rest = <uint64_t> weight
    while rest > 1:
        rest >>= 1
        bits += 1
    rest = <uint64_t> weight - (<uint64_t> 1 << bits if weight else 0)
    return bits * FINE + <int64_t> (rest << (10 - bits) if bits <= 10 else rest >> (bits - 10))


def heaviest(
    const uint32_t[::1] parent not None,
    const int64_t[::1] total not None,
    int64_t types,
    int64_t limit,
    int64_t only=-1,
):
    cdef int64_t n = parent.shape[0], width = types * 2, i, t, b, left
    cdef int64_t low = 0 if only < 0 else only, high = types if only < 0 else only + 1
    cdef int64_t kept = 0
    cdef int64_t *count = NULL
    cdef int64_t *least = NULL
    cdef bint good = True
    if types < 1 or types > 4096 or total.shape[0] != n * width or limit < 1 or only >= types:
        raise ValueError("tree: columns do not fit")
    for i in range(n):
        if parent[i] != NONE and parent[i] >= i:
            raise ValueError("tree: a place before the one above it")
    keep_data, depth_data = room(n, 4), room(n, 4)
    cdef uint32_t[::1] keep = view(keep_data, "I")
    cdef uint32_t[::1] depth = view(depth_data, "I")
    count = <int64_t *> malloc(64 * FINE * 8)
    least = <int64_t *> malloc(types * 8)
    level_data = room(n, 4)
    cdef uint32_t[::1] level = view(level_data, "I")
    try:
        if count == NULL or least == NULL:
            raise MemoryError
        with nogil:
            for t in range(low, high):
                least[t] = 0
                if n <= limit:
                    continue
                memset(count, 0, 64 * FINE * 8)
                for i in range(n):
                    b = i * width + t * 2
                    count[bucket(abs_(total[b]) + abs_(total[b + 1]))] += 1
                left = limit // (high - low) if limit >= high - low else 1
                b = 64 * FINE
                while b > 0 and left >= count[b - 1]:
                    b -= 1
                    left -= count[b]
                least[t] = b
            for i in range(n):
                level[i] = NONE
                if parent[i] != NONE and level[parent[i]] == NONE:
                    continue
                good = n <= limit
                for t in range(low, high):
                    b = i * width + t * 2
                    good = good or bucket(abs_(total[b]) + abs_(total[b + 1])) >= least[t]
                if good:
                    level[i] = level[parent[i]] + 1 if parent[i] != NONE else 0
                    keep[kept] = <uint32_t> i
                    depth[kept] = level[i]
                    kept += 1
    finally:
        free(count)
        free(least)
    return view(keep_data, "I")[:kept], view(depth_data, "I")[:kept]
