# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Stacks as one tree of calls. profile_tree.pyi is the documentation.

Stacks are sorted, callers first: those that begin alike are then side by side, and the tree follows from how
much of each is that of the one before it. Only where paths part or end something is stored, a chain: a path
of places below each other that have the same weight. There are fewer than two for each sample, however deep
stacks are.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy, memset

from gosnap._kernels.profile_columns cimport room, view
from gosnap._kernels.profile_stacks cimport Item, Stacks, begin_of, called, count_of, sort, step
from gosnap._kernels.profile_text cimport Out

cdef extern from *:
    """
    #define GS_LOG2(x) (63 - __builtin_clzll((unsigned long long)(x)))
    """
    int log2_of "GS_LOG2"(uint64_t x) nogil

cdef uint32_t NONE = 0xFFFFFFFF

cdef enum:
    FINE = 1024             # parts of each power of two that weights are sorted into
    DROPPED = 0             # what becomes of a place: too light,
    KEPT = 1                # shown,
    WEIGHTLESS = 2          # no node, yet no path is drawn through it
    ROW_KEPT = 1
    ROW_LINKED = 2
    ROW_DIRECT = 4
    ROW_INLINED = 8
    ROW_LEAF = 16           # the last place of its chain

SHOWN, LINKED, DIRECT, INLINED = ROW_KEPT, ROW_LINKED, ROW_DIRECT, ROW_INLINED


cdef inline int64_t plus(int64_t a, int64_t b) noexcept nogil:
    # sums wrap around as Go's do
    return <int64_t> (<uint64_t> a + <uint64_t> b)


cdef inline int64_t minus(int64_t a, int64_t b) noexcept nogil:
    return <int64_t> (<uint64_t> a - <uint64_t> b)


# ---- the tree ----


cdef struct Chain:
    uint32_t parent         # another chain, NONE at the root
    uint32_t sample         # one that goes through it
    uint32_t low            # the first one of all that do
    uint32_t top            # the depth of its first place, and behind its last
    uint32_t bottom
    uint32_t node           # of its first place
    uint32_t number         # of its first place, among all places


cdef struct Child:
    int64_t weight
    uint32_t name           # what nodes are called, in the order of names: ties are the same in every run
    uint32_t chain


cdef int by_weight(const void *a, const void *b) noexcept nogil:
    cdef const Child *x = <const Child *> a
    cdef const Child *y = <const Child *> b
    if x.weight != y.weight:
        return -1 if x.weight > y.weight else 1
    if x.name != y.name:
        return -1 if x.name < y.name else 1
    return 0


cdef struct Row:
    uint32_t low
    uint32_t depth
    uint32_t chain
    uint32_t up
    uint32_t flags
    uint32_t was


cdef int by_meeting(const void *a, const void *b) noexcept nogil:
    cdef const Row *x = <const Row *> a
    cdef const Row *y = <const Row *> b
    if x.low != y.low:
        return -1 if x.low < y.low else 1
    if x.depth != y.depth:
        return -1 if x.depth < y.depth else 1
    return 0


cdef inline int64_t abs_(int64_t value) noexcept nogil:
    cdef int64_t most = 0x3FFFFFFFFFFFFFFF
    # two of them are added: what does not fit is as large as can be
    if value < 0:
        value = -value if value > -most else most
    return value if value < most else most


cdef inline int64_t bucket(int64_t weight) noexcept nogil:
    """A number that grows with a weight, below 64 * FINE."""
    cdef int64_t bits = log2_of(<uint64_t> weight) if weight else 0
    cdef uint64_t rest = <uint64_t> weight - (<uint64_t> 1 << bits if weight else 0)
    return bits * FINE + <int64_t> (rest << (10 - bits) if bits <= 10 else rest >> (bits - 10))


cdef inline bint counts(
    const int64_t[::1] values, int64_t first, const uint32_t[::1] wanted
) noexcept nogil:
    """Whether one of the values is not 0."""
    cdef int64_t i
    for i in range(wanted.shape[0]):
        if values[first + wanted[i]]:
            return True
    return False


cdef class Tree:
    cdef readonly int64_t places
    cdef int64_t width          # sums of each chain
    cdef int64_t sides
    cdef int64_t n
    cdef int64_t samples
    cdef int64_t nodes
    cdef const int64_t[::1] stack_start
    cdef const uint32_t[::1] stack
    cdef const int64_t[::1] frame_start
    cdef const uint32_t[::1] frame_node
    cdef Stacks s
    cdef Chain *at
    cdef int64_t *whole         # i64[n * width]
    cdef int64_t *all           # the same of all chains at the root
    cdef uint32_t *leaf         # by sample: the chain that it ends with, NONE for none
    cdef uint32_t *walk         # chains, each behind the one above it
    cdef uint8_t *called        # bits by number of a place: a call that was not inlined

    def __cinit__(self):
        self.at = NULL
        self.whole = NULL
        self.all = NULL
        self.leaf = NULL
        self.walk = NULL
        self.called = NULL

    def __dealloc__(self):
        free(self.at)
        free(self.whole)
        free(self.all)
        free(self.leaf)
        free(self.walk)
        free(self.called)

    def __init__(
        self,
        const int64_t[::1] values not None,
        int64_t types,
        const uint32_t[::1] wanted not None,
        const int64_t[::1] stack_start not None,
        const uint32_t[::1] stack not None,
        const int64_t[::1] frame_start not None,
        const uint32_t[::1] frame_node not None,
        int64_t nodes,
        *,
        const uint8_t[::1] sides=None,
        const uint32_t[::1] rank=None,
        int64_t order_by=-1,
        bint zeros=True,
    ):
        cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1
        cdef int64_t i, j
        cdef bint good = True
        if self.at != NULL:
            raise ValueError("tree: made twice")
        if samples < 0 or locations < 0 or not 1 <= types <= 4096 or samples >= NONE // 2:
            raise ValueError("tree: columns of samples do not fit")
        if values.shape[0] != samples * types or not 1 <= wanted.shape[0] <= 4096 or not 0 <= nodes < NONE:
            raise ValueError("tree: columns of samples do not fit")
        if sides is not None and sides.shape[0] != samples:
            raise ValueError("tree: columns of samples do not fit")
        if order_by >= wanted.shape[0] or (order_by >= 0 and (rank is None or rank.shape[0] != nodes)):
            raise ValueError("tree: nothing to sort by")
        with nogil:
            good = stack_start[0] == 0 and stack_start[samples] == stack.shape[0]
            good = good and frame_start[0] == 0 and frame_start[locations] == frame_node.shape[0]
            for i in range(samples):
                good = good and 0 <= stack_start[i + 1] - stack_start[i] < NONE
            for i in range(locations):
                good = good and 0 <= frame_start[i + 1] - frame_start[i] < NONE
            for i in range(stack.shape[0]):
                good = good and stack[i] < locations
            for i in range(frame_node.shape[0]):
                good = good and frame_node[i] < nodes
            for i in range(wanted.shape[0]):
                good = good and wanted[i] < types
            if sides is not None:
                for i in range(samples):
                    good = good and sides[i] < 2
        if not good:
            raise ValueError("tree: stacks do not fit the locations")
        self.samples = samples
        self.nodes = nodes
        self.stack_start, self.stack = stack_start, stack
        self.frame_start, self.frame_node = frame_start, frame_node
        self.s.start = &stack_start[0]
        self.s.stack = &stack[0] if stack.shape[0] else NULL
        self.s.frame_start = &frame_start[0]
        self.s.node = &frame_node[0] if frame_node.shape[0] else NULL
        self.sides = 1 if sides is None else 2
        self.width = wanted.shape[0] * self.sides
        cdef Item *items = <Item *> malloc((samples + 1) * sizeof(Item))
        cdef uint32_t *order = NULL
        try:
            self.leaf = <uint32_t *> malloc((samples + 1) * 4)
            self.all = <int64_t *> calloc(self.width, 8)
            if items == NULL or self.leaf == NULL or self.all == NULL:
                raise MemoryError
            with nogil:
                j = 0
                for i in range(samples):
                    self.leaf[i] = NONE
                    if not zeros and not counts(values, i * types, wanted):
                        continue
                    items[j] = begin_of(&self.s, <uint32_t> i)
                    step(&self.s, &items[j])
                    # what has no frame is nowhere in the tree
                    j += items[j].key != 0
                good = sort(&self.s, items, j)
                if good:
                    order = <uint32_t *> malloc((j + 1) * 4)
                    good = order != NULL
                if good:
                    for i in range(j):
                        order[i] = items[i].sample
            free(items)
            items = NULL
            if not good or not self.build(order, j, values, types, wanted, sides):
                raise MemoryError
            if not self.walk_through(rank, order_by):
                raise MemoryError
        finally:
            free(items)
            free(order)

    cdef bint build(
        self, const uint32_t *order, int64_t m, const int64_t[::1] values, int64_t types,
        const uint32_t[::1] wanted, const uint8_t[::1] sides,
    ):
        """Chains of sorted stacks. False where there is no memory."""
        cdef const Stacks *s = &self.s
        cdef int64_t width = self.width, n = 0, i, k, depth, length, places = 0, bits = 0, deep = 0
        cdef int64_t most = 2 * m + 1, opened = 0
        cdef uint32_t *open_ = <uint32_t *> malloc(most * 4)
        cdef uint32_t *number = NULL        # of the places of the path that is open, by depth
        cdef uint32_t *longer
        cdef uint8_t *flags
        cdef uint32_t v, u, sample
        cdef int64_t *sums
        cdef bint good
        cdef Item a, b
        self.at = <Chain *> malloc(most * sizeof(Chain))
        self.whole = <int64_t *> malloc(most * width * 8)
        good = open_ != NULL and self.at != NULL and self.whole != NULL
        with nogil:
            for i in range(m if good else 0):
                sample = order[i]
                b = begin_of(s, sample)
                depth = 0
                if i:
                    a = begin_of(s, order[i - 1])
                    while True:
                        if a.frames == 0 and b.frames == 0:
                            while a.left and b.left:
                                v = s.stack[s.start[a.sample] + a.left - 1]
                                if v != s.stack[s.start[b.sample] + b.left - 1]:
                                    break
                                a.left -= 1
                                b.left -= 1
                                depth += count_of(s, v)
                        step(s, &a)
                        step(s, &b)
                        if a.key != b.key or a.key == 0:
                            break
                        if called(s, &b):
                            self.called[number[depth] >> 3] |= <uint8_t> (1 << (number[depth] & 7))
                        depth += 1
                else:
                    a.key = 0
                    step(s, &b)
                # what is not part of this path has ended
                while opened and self.at[open_[opened - 1]].top >= depth:
                    opened -= 1
                    self.close(open_[opened], open_[opened - 1] if opened else NONE)
                if opened and self.at[open_[opened - 1]].bottom > depth:
                    # it goes another way in the middle of a chain
                    v, u = open_[opened - 1], <uint32_t> n
                    n += 1
                    self.at[u] = self.at[v]
                    self.at[u].bottom = <uint32_t> depth
                    memcpy(self.whole + u * width, self.whole + v * width, width * 8)
                    self.at[v].parent = u
                    self.at[v].top = <uint32_t> depth
                    self.at[v].node = a.key - 1
                    self.at[v].number += <uint32_t> depth - self.at[u].top
                    open_[opened - 1] = u
                if b.key:
                    length = depth + 1 + b.frames
                    for k in range(b.left):
                        length += count_of(s, s.stack[s.start[sample] + k])
                        if length >= NONE:
                            break
                    if places + length - depth >= NONE:
                        good = False
                        break
                    if length > deep:
                        deep = length * 2
                        longer = <uint32_t *> realloc(number, deep * 4)
                        if longer == NULL:
                            good = False
                            break
                        number = longer
                    if (places + length - depth) // 8 >= bits:
                        k = bits
                        bits = ((places + length - depth) // 8 + 1) * 2
                        flags = <uint8_t *> realloc(self.called, bits)
                        if flags == NULL:
                            good = False
                            break
                        self.called = flags
                        memset(self.called + k, 0, bits - k)
                    v = <uint32_t> n
                    n += 1
                    self.at[v] = Chain(
                        NONE, sample, sample, <uint32_t> depth, <uint32_t> length, b.key - 1,
                        <uint32_t> places,
                    )
                    memset(self.whole + v * width, 0, width * 8)
                    open_[opened] = v
                    opened += 1
                    while b.key:
                        if called(s, &b):
                            self.called[places >> 3] |= <uint8_t> (1 << (places & 7))
                        number[depth] = <uint32_t> places
                        places += 1
                        depth += 1
                        step(s, &b)
                v = open_[opened - 1]
                self.leaf[sample] = v
                if sample < self.at[v].low:
                    self.at[v].low = sample
                sums = self.whole + v * width
                for k in range(wanted.shape[0]):
                    u = <uint32_t> (k * self.sides)
                    if sides is not None:
                        u += sides[sample]
                    sums[u] = plus(sums[u], values[sample * types + wanted[k]])
            while opened:
                opened -= 1
                self.close(open_[opened], open_[opened - 1] if opened else NONE)
        free(open_)
        free(number)
        self.n = n
        self.places = places
        return good

    cdef void close(self, uint32_t chain, uint32_t parent) noexcept nogil:
        """Nothing more goes through a chain: what it has, the one above it has too."""
        cdef int64_t *into = self.all if parent == NONE else self.whole + parent * self.width
        cdef int64_t j
        self.at[chain].parent = parent
        for j in range(self.width):
            into[j] = plus(into[j], self.whole[chain * self.width + j])
        if parent != NONE and self.at[chain].low < self.at[parent].low:
            self.at[parent].low = self.at[chain].low

    cdef inline int64_t weight(self, uint32_t chain, int64_t column) noexcept nogil:
        """The absolute values of both sides."""
        cdef const int64_t *sums = self.whole + chain * self.width + column * self.sides
        return abs_(sums[0]) + (abs_(sums[1]) if self.sides == 2 else 0)

    cdef bint walk_through(self, const uint32_t[::1] rank, int64_t order_by) noexcept:
        """The order of a walk: each chain above its children, these by weight. False: no memory."""
        cdef int64_t n = self.n, i, j, k, first, last
        cdef Child *sorted_ = <Child *> malloc((n + 1) * sizeof(Child))
        cdef uint32_t *begin = <uint32_t *> calloc(n + 3, 4)
        cdef uint32_t *todo = <uint32_t *> malloc((n + 1) * 4)
        cdef uint32_t chain
        cdef bint good
        self.walk = <uint32_t *> malloc((n + 1) * 4)
        good = sorted_ != NULL and begin != NULL and todo != NULL and self.walk != NULL
        if good:
            with nogil:
                # children of each chain side by side, those of none first
                for i in range(n):
                    begin[(self.at[i].parent + 1 if self.at[i].parent != NONE else 0) + 2] += 1
                for i in range(n + 2):
                    begin[i + 1] += begin[i]
                # of chain j they begin at begin[j + 1] until they are put in, then end there
                for i in range(n):
                    j = self.at[i].parent + 1 if self.at[i].parent != NONE else 0
                    k = begin[j + 1]
                    begin[j + 1] += 1
                    sorted_[k].chain = <uint32_t> i
                    sorted_[k].name = rank[self.at[i].node] if order_by >= 0 else 0
                    sorted_[k].weight = self.weight(<uint32_t> i, order_by) if order_by >= 0 else 0
                if order_by >= 0:
                    for j in range(n + 1):
                        first, last = begin[j], begin[j + 1]
                        if last - first > 1:
                            qsort(&sorted_[first], last - first, sizeof(Child), by_weight)
                k = 0
                for i in range(<int64_t> begin[1] - 1, -1, -1):
                    todo[k] = sorted_[i].chain
                    k += 1
                j = 0
                while k:
                    k -= 1
                    chain = todo[k]
                    self.walk[j] = chain
                    j += 1
                    for i in range(<int64_t> begin[chain + 2] - 1, <int64_t> begin[chain + 1] - 1, -1):
                        todo[k] = sorted_[i].chain
                        k += 1
        free(sorted_)
        free(begin)
        free(todo)
        return good

    cdef void own(self, int64_t column, int64_t *into) noexcept nogil:
        """What the last place of each chain has itself, of one column of sums."""
        cdef int64_t i, width = self.width
        for i in range(self.n):
            into[i] = self.whole[i * width + column]
        for i in range(self.n):
            if self.at[i].parent != NONE:
                into[self.at[i].parent] = minus(into[self.at[i].parent], self.whole[i * width + column])

    cdef inline bint is_inlined(self, uint32_t number) noexcept nogil:
        return not self.called[number >> 3] >> (number & 7) & 1

    cdef Item *find(self, uint32_t chain, Item *it) noexcept nogil:
        """Go to the first place of a chain."""
        cdef uint32_t depth = self.at[chain].top, count
        it[0] = begin_of(&self.s, self.at[chain].sample)
        while it.left:
            count = count_of(&self.s, self.s.stack[self.s.start[it.sample] + it.left - 1])
            if count > depth:
                break
            it.left -= 1
            depth -= count
        step(&self.s, it)
        while depth:
            step(&self.s, it)
            depth -= 1
        return it

    # ---- what is drawn of it ----

    def heaviest(self, int64_t limit, int64_t only=-1, bint root=False):
        cdef int64_t n = self.n, i, j, t, b, left, kept = 0, row = 1 if root else 0
        cdef int64_t types = self.width // self.sides
        cdef int64_t low = 0 if only < 0 else only, high = types if only < 0 else only + 1
        cdef int64_t *count = NULL
        cdef int64_t *least = NULL
        cdef uint8_t *keep = NULL
        cdef uint32_t chain
        cdef bint good
        if limit < 1 or only >= types:
            raise ValueError("tree: no such number of places, or no such sample type")
        try:
            count = <int64_t *> malloc(64 * FINE * 8)
            least = <int64_t *> malloc(types * 8)
            keep = <uint8_t *> calloc(n + 1, 1)
            if count == NULL or least == NULL or keep == NULL:
                raise MemoryError
            with nogil:
                for t in range(low, high):
                    least[t] = 0
                    if self.places <= limit:
                        continue
                    memset(count, 0, 64 * FINE * 8)
                    for i in range(n):
                        b = bucket(self.weight(<uint32_t> i, t))
                        count[b] += self.at[i].bottom - self.at[i].top
                    left = limit // (high - low) if limit >= high - low else 1
                    b = 64 * FINE
                    while b > 0 and left >= count[b - 1]:
                        b -= 1
                        left -= count[b]
                    least[t] = b
                for j in range(n):
                    chain = self.walk[j]
                    if self.at[chain].parent != NONE and not keep[self.at[chain].parent]:
                        continue
                    good = self.places <= limit
                    for t in range(low, high):
                        good = good or bucket(self.weight(chain, t)) >= least[t]
                    if good:
                        keep[chain] = 1
                        kept += self.at[chain].bottom - self.at[chain].top
            chains, depths = room(kept + row, 4), room(kept + row, 4)
            found, flags = room(kept + row, 4), room(kept + row, 1)
            self.fill(
                <uint32_t *> PyByteArray_AS_STRING(chains), <uint32_t *> PyByteArray_AS_STRING(depths),
                <uint32_t *> PyByteArray_AS_STRING(found), <uint8_t *> PyByteArray_AS_STRING(flags),
                keep, row,
            )
        finally:
            free(count)
            free(least)
            free(keep)
        return {
            "chain": view(chains, "I"),
            "depth": view(depths, "I"),
            "node": view(found, "I"),
            "inlined": view(flags, "B"),
        }

    cdef void fill(
        self, uint32_t *chains, uint32_t *depths, uint32_t *found, uint8_t *flags, const uint8_t *keep,
        int64_t row,
    ) noexcept:
        """A row for each place of the chains that are kept; ``row``: those before them."""
        cdef int64_t j, i
        cdef uint32_t chain, more = <uint32_t> row
        cdef Item it
        with nogil:
            if row:
                chains[0] = NONE
                depths[0] = found[0] = 0
                flags[0] = 0
            for j in range(self.n):
                chain = self.walk[j]
                if not keep[chain]:
                    continue
                self.find(chain, &it)
                for i in range(self.at[chain].bottom - self.at[chain].top):
                    chains[row] = chain
                    depths[row] = self.at[chain].top + <uint32_t> i + more
                    found[row] = it.key - 1
                    flags[row] = self.is_inlined(self.at[chain].number + <uint32_t> i)
                    row += 1
                    step(&self.s, &it)

    def total(self, const uint32_t[::1] chain not None, int64_t type_, int64_t side=0):
        cdef int64_t n = chain.shape[0], i, column = self.column(type_, side)
        sums = room(n, 8)
        cdef int64_t *into = <int64_t *> PyByteArray_AS_STRING(sums)
        for i in range(n):
            if chain[i] != NONE and chain[i] >= self.n:
                raise ValueError("tree: no such place")
            into[i] = self.all[column] if chain[i] == NONE else self.whole[chain[i] * self.width + column]
        return view(sums, "q")

    def self_(
        self, const uint32_t[::1] chain not None, const uint32_t[::1] depth not None, int64_t type_,
        int64_t side=0,
    ):
        cdef int64_t n = chain.shape[0], i, column = self.column(type_, side)
        cdef int64_t *own
        if depth.shape[0] != n:
            raise ValueError("tree: columns of places do not fit")
        sums = room(n, 8)
        cdef int64_t *into = <int64_t *> PyByteArray_AS_STRING(sums)
        own = <int64_t *> malloc(self.n * 8 + 8)
        if own == NULL:
            raise MemoryError
        try:
            self.own(column, own)
            for i in range(n):
                if chain[i] >= self.n:
                    raise ValueError("tree: no such place")
                into[i] = own[chain[i]] if depth[i] + 1 == self.at[chain[i]].bottom else 0
        finally:
            free(own)
        return view(sums, "q")

    cdef int64_t column(self, int64_t type_, int64_t side) except -1:
        if not 0 <= type_ < self.width // self.sides or not 0 <= side < self.sides:
            raise ValueError("tree: no such sample type, or no such side")
        return type_ * self.sides + side

    # ---- as text ----

    def folded(
        self, Out out not None, int64_t type_, const uint8_t[::1] names not None,
        const int64_t[::1] offset not None,
    ):
        cdef int64_t i, j, column = self.column(type_, 0)
        cdef int64_t *own = NULL
        cdef int64_t *base = NULL
        cdef const char *text = <const char *> &names[0] if names.shape[0] else NULL
        cdef uint32_t chain, node
        cdef Item it
        if offset.shape[0] != self.nodes + 1 or offset[0] != 0 or offset[self.nodes] != names.shape[0]:
            raise ValueError("tree: not a name for each node")
        for j in range(self.nodes):
            if offset[j + 1] < offset[j]:
                raise ValueError("tree: not a name for each node")
        try:
            own = <int64_t *> malloc(self.n * 8 + 8)
            base = <int64_t *> malloc(self.n * 8 + 8)
            if own == NULL or base == NULL:
                raise MemoryError
            with nogil:
                self.own(column, own)
                if self.sides == 2:
                    # values of the base are there with their signs turned
                    self.own(column + 1, base)
                    for j in range(self.n):
                        own[j] = plus(own[j], base[j])
                for j in range(self.n):
                    chain = self.walk[j]
                    if own[chain] == 0:
                        continue
                    it = begin_of(&self.s, self.at[chain].sample)
                    for i in range(self.at[chain].bottom):
                        if i:
                            out.char(59)
                        step(&self.s, &it)
                        node = it.key - 1
                        out.text(text + offset[node], offset[node + 1] - offset[node])
                    out.char(32)
                    out.signed(own[chain], 0)
                    out.char(10)
        finally:
            free(own)
            free(base)

    def paths(self, Out out not None):
        cdef int64_t i, j
        cdef bint more = False
        cdef uint32_t chain
        cdef uint8_t *ends = self.ends()
        cdef Item it
        try:
            with nogil:
                for j in range(self.n):
                    chain = self.walk[j]
                    if not ends[chain]:
                        continue
                    if more:
                        out.char(44)
                    more = True
                    it = begin_of(&self.s, self.at[chain].sample)
                    for i in range(self.at[chain].bottom):
                        out.char(44 if i else 91)
                        step(&self.s, &it)
                        out.unsigned(it.key - 1, 0)
                    out.char(93)
        finally:
            free(ends)

    def weights(self, Out out not None, int64_t type_):
        cdef int64_t j, column = self.column(type_, 0)
        cdef bint more = False
        cdef uint32_t chain
        cdef int64_t *own = NULL
        cdef uint8_t *ends = self.ends()
        try:
            own = <int64_t *> malloc(self.n * 8 + 8)
            if own == NULL:
                raise MemoryError
            with nogil:
                self.own(column, own)
                for j in range(self.n):
                    chain = self.walk[j]
                    if ends[chain]:
                        if more:
                            out.char(44)
                        more = True
                        out.signed(own[chain] if own[chain] > 0 else 0, 0)
        finally:
            free(ends)
            free(own)

    def positive(self, int64_t type_):
        cdef int64_t j, column = self.column(type_, 0)
        cdef uint64_t sum_ = 0
        cdef int64_t *own = <int64_t *> malloc(self.n * 8 + 8)
        if own == NULL:
            raise MemoryError
        self.own(column, own)
        for j in range(self.n):
            if own[j] > 0:
                sum_ += <uint64_t> own[j]
        free(own)
        return sum_

    cdef uint8_t *ends(self) except NULL:
        """1 for chains whose last place has something itself, of any type and the first side."""
        cdef int64_t i, t
        cdef int64_t *own = <int64_t *> malloc(self.n * 8 + 8)
        cdef uint8_t *found = <uint8_t *> calloc(self.n + 1, 1)
        if own == NULL or found == NULL:
            free(own)
            free(found)
            raise MemoryError
        with nogil:
            for t in range(self.width // self.sides):
                self.own(t * self.sides, own)
                for i in range(self.n):
                    if own[i]:
                        found[i] = 1
        free(own)
        return found

    # ---- as a picture ----

    def choose(self, bint drop_negative):
        cdef int64_t i, count = 0, sum_ = 0
        cdef int64_t *own = <int64_t *> malloc(self.n * 8 + 8)
        if own == NULL:
            raise MemoryError
        with nogil:
            self.own(0, own)
            for i in range(self.n):
                if status(0, self.whole[i * self.width], drop_negative, 0) == KEPT:
                    count += self.at[i].bottom - self.at[i].top - 1
                if status(own[i], self.whole[i * self.width], drop_negative, 0) == KEPT:
                    count += 1
                    sum_ = plus(sum_, own[i])
        free(own)
        return count, sum_

    def shown(self, bint drop_negative, int64_t cutoff):
        cdef int64_t n = self.n, width = self.width, j, i, rows = 0, have = 0, uppers, depth
        cdef uint32_t chain, parent, up
        cdef int64_t *own = NULL
        cdef uint8_t *below = NULL      # 1: of what is shown below a chain's end, one that is next is kept
        cdef uint8_t *above = NULL      # of the last place in a chain or above that is not dropped: its
        cdef uint8_t *here = NULL       # status, and whether it has a row
        cdef uint32_t *near = NULL      # the last row in a chain or above
        cdef Row *row = NULL
        cdef Row *longer
        cdef int upper, lower, state, past
        cdef bint good = True, follows, linked
        try:
            own = <int64_t *> malloc(n * 8 + 8)
            below = <uint8_t *> calloc(n + 1, 1)
            above = <uint8_t *> malloc(n + 1)
            here = <uint8_t *> malloc(n + 1)
            near = <uint32_t *> malloc((n + 1) * 4)
            if own == NULL or below == NULL or above == NULL or here == NULL or near == NULL:
                raise MemoryError
            with nogil:
                self.own(0, own)
                # from the leaves up: whether what has no weight leads to something
                for j in range(n - 1, -1, -1):
                    chain = self.walk[j]
                    parent = self.at[chain].parent
                    upper = status(0, self.whole[chain * width], drop_negative, cutoff)
                    lower = status(own[chain], self.whole[chain * width], drop_negative, cutoff)
                    follows = below[chain] if lower == DROPPED else lower == KEPT
                    if self.at[chain].bottom - self.at[chain].top > 1 and upper != DROPPED:
                        follows = upper == KEPT
                    if follows and parent != NONE:
                        below[parent] = 1
                # from the root down: rows
                for j in range(n):
                    chain = self.walk[j]
                    parent = self.at[chain].parent
                    past, up, linked = DROPPED, NONE, False
                    if parent != NONE:
                        past, up, linked = above[parent], near[parent], here[parent]
                    upper = status(0, self.whole[chain * width], drop_negative, cutoff)
                    lower = status(own[chain], self.whole[chain * width], drop_negative, cutoff)
                    uppers = self.at[chain].bottom - self.at[chain].top - 1
                    for i in range(uppers if upper == DROPPED else 0, uppers + 1):
                        state = lower if i == uppers else upper
                        if state == DROPPED:
                            continue
                        follows = False
                        if i == uppers:
                            follows = below[chain]
                        elif i == uppers - 1:
                            follows = below[chain] if lower == DROPPED else lower == KEPT
                        if state == WEIGHTLESS and past != KEPT and not follows:
                            past, linked = WEIGHTLESS, False
                            continue
                        if rows == have:
                            have = have * 2 if have else 256
                            longer = <Row *> realloc(row, have * sizeof(Row))
                            if longer == NULL or have >= NONE:
                                row = longer if longer != NULL else row
                                good = False
                                break
                            row = longer
                        depth = self.at[chain].top + i
                        row[rows] = Row(
                            self.at[chain].low, <uint32_t> depth, chain, up, 0, <uint32_t> rows
                        )
                        if state == KEPT:
                            row[rows].flags |= ROW_KEPT
                        if i == uppers:
                            row[rows].flags |= ROW_LEAF
                        if linked:
                            row[rows].flags |= ROW_LINKED
                            if row[up].depth + 1 == depth:
                                row[rows].flags |= ROW_DIRECT
                        if self.are_inlined(chain, depth, row[up].depth + 1 if linked else depth):
                            row[rows].flags |= ROW_INLINED
                        past, linked, up = state, True, <uint32_t> rows
                        rows += 1
                    if not good:
                        break
                    above[chain], near[chain], here[chain] = <uint8_t> past, up, linked
            if not good:
                raise MemoryError
            return self.row_columns(row, rows, near, own)
        finally:
            free(own)
            free(below)
            free(above)
            free(here)
            free(near)
            free(row)

    cdef bint are_inlined(self, uint32_t chain, int64_t depth, int64_t last) noexcept nogil:
        """Whether all calls to a place were inlined, and those to the ones above it up to depth ``last``."""
        while True:
            if not self.is_inlined(self.at[chain].number + <uint32_t> (depth - self.at[chain].top)):
                return False
            if depth <= last:
                return True
            depth -= 1
            if depth < self.at[chain].top:
                chain = self.at[chain].parent

    cdef dict row_columns(self, Row *row, int64_t rows, const uint32_t *near, int64_t *own):
        """Rows in the order in which samples come to them."""
        cdef int64_t i, j, _below, width = self.width
        cdef uint32_t chain
        cdef Item it
        cdef uint32_t *new_of = <uint32_t *> malloc((rows + 1) * 4)
        if new_of == NULL:
            raise MemoryError
        try:
            node_data, up_data, flag_data = room(rows, 4), room(rows, 4), room(rows, 1)
            flat_data, cum_data = room(rows, 8), room(rows, 8)
            leaf_data, ends_data = room(self.samples, 4), room(self.samples, 1)
            means = rows if width > 1 else 0
            flat_div_data, cum_div_data = room(means, 8), room(means, 8)
            node = <uint32_t *> PyByteArray_AS_STRING(node_data)
            up = <uint32_t *> PyByteArray_AS_STRING(up_data)
            flags = <uint8_t *> PyByteArray_AS_STRING(flag_data)
            flat = <int64_t *> PyByteArray_AS_STRING(flat_data)
            cum = <int64_t *> PyByteArray_AS_STRING(cum_data)
            flat_div = <int64_t *> PyByteArray_AS_STRING(flat_div_data)
            cum_div = <int64_t *> PyByteArray_AS_STRING(cum_div_data)
            leaf = <uint32_t *> PyByteArray_AS_STRING(leaf_data)
            ends = <uint8_t *> PyByteArray_AS_STRING(ends_data)
            with nogil:
                if rows:
                    qsort(row, rows, sizeof(Row), by_meeting)
                for i in range(rows):
                    new_of[row[i].was] = <uint32_t> i
                for i in range(rows):
                    chain = row[i].chain
                    self.find(chain, &it)
                    for _below in range(row[i].depth - self.at[chain].top):
                        step(&self.s, &it)
                    node[i] = it.key - 1
                    up[i] = new_of[row[i].up] if row[i].up != NONE else NONE
                    flags[i] = <uint8_t> row[i].flags
                    flat[i] = own[chain] if row[i].flags & ROW_LEAF else 0
                    cum[i] = self.whole[chain * width]
                for j in range(self.samples):
                    leaf[j], ends[j] = NONE, 0
                    chain = self.leaf[j]
                    if chain != NONE and near[chain] != NONE:
                        leaf[j] = new_of[near[chain]]
                        i = leaf[j]
                        ends[j] = row[i].chain == chain and row[i].flags & ROW_LEAF != 0
                if width > 1:
                    self.own(1, own)
                    for i in range(rows):
                        chain = row[i].chain
                        flat_div[i] = own[chain] if row[i].flags & ROW_LEAF else 0
                        cum_div[i] = self.whole[chain * width + 1]
        finally:
            free(new_of)
        return {
            "node": view(node_data, "I"),
            "up": view(up_data, "I"),
            "flags": view(flag_data, "B"),
            "flat": view(flat_data, "q"),
            "cum": view(cum_data, "q"),
            "flat_div": view(flat_div_data, "q") if width > 1 else None,
            "cum_div": view(cum_div_data, "q") if width > 1 else None,
            "leaf": view(leaf_data, "I"),
            "ends": view(ends_data, "B"),
        }


def negated(const int64_t[::1] column not None):
    cdef int64_t n = column.shape[0], i
    turned = room(n, 8)
    cdef int64_t *into = <int64_t *> PyByteArray_AS_STRING(turned)
    for i in range(n):
        into[i] = minus(0, column[i])
    return view(turned, "q")


cdef inline int status(int64_t flat, int64_t cum, bint drop_negative, int64_t cutoff) noexcept nogil:
    """What becomes of a place. What has no weight is no node, as is what is negative where that is dropped;
    what is below ``cutoff`` is left out."""
    if flat == 0 and cum == 0:
        return WEIGHTLESS
    if drop_negative and (flat < 0 or (flat == 0 and cum < 0)):
        return WEIGHTLESS
    if cum < 0:
        cum = minus(0, cum)
    return DROPPED if cutoff > 0 and cum < cutoff else KEPT
