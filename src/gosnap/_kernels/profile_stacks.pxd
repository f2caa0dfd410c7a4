# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Stacks of a profile as they are called, the outermost frame first, and their order: what a tree of calls is
grown from (profile_tree)."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

cdef enum:
    FEW = 8     # stacks that are sorted by comparing each with each


cdef struct Item:
    uint32_t key            # the node that is looked at + 1; 0 behind the last
    uint32_t sample
    uint32_t left           # locations that come after the one that it is of
    uint32_t frames         # frames of that one that come after it


cdef struct Stacks:
    const int64_t *start
    const uint32_t *stack
    const int64_t *frame_start
    const uint32_t *node


cdef inline Item begin_of(const Stacks *s, uint32_t sample) noexcept nogil:
    """Before the first frame."""
    return Item(0, sample, <uint32_t> (s.start[sample + 1] - s.start[sample]), 0)


cdef inline uint32_t location(const Stacks *s, const Item *it) noexcept nogil:
    """The one that a frame is of."""
    return s.stack[s.start[it.sample] + it.left]


cdef inline uint32_t count_of(const Stacks *s, uint32_t place) noexcept nogil:
    return <uint32_t> (s.frame_start[place + 1] - s.frame_start[place])


cdef inline void step(const Stacks *s, Item *it) noexcept nogil:
    """To the next frame."""
    while it.frames == 0:
        if it.left == 0:
            it.key = 0
            return
        it.left -= 1
        it.frames = count_of(s, location(s, it))
    it.frames -= 1
    it.key = s.node[s.frame_start[location(s, it)] + it.frames] + 1


cdef inline bint called(const Stacks *s, const Item *it) noexcept nogil:
    """Whether a frame is the function that was called: others of its location are inlined in it."""
    return it.frames + 1 == count_of(s, location(s, it))


cdef inline bint before(const Stacks *s, Item a, Item b) noexcept nogil:
    cdef const uint32_t *x = s.stack + s.start[a.sample]
    cdef const uint32_t *y = s.stack + s.start[b.sample]
    while a.key == b.key and a.key:
        if a.frames == 0 and b.frames == 0:
            while a.left and b.left and x[a.left - 1] == y[b.left - 1]:
                a.left -= 1
                b.left -= 1
        step(s, &a)
        step(s, &b)
    return a.key < b.key


cdef struct Range:
    uint32_t first
    uint32_t last


cdef inline bint sort(const Stacks *s, Item *items, int64_t n) noexcept nogil:
    """By three-way radix quicksort: frames that many stacks have in common are looked at once for each.
    False where there is no memory."""
    cdef Range *todo = <Range *> malloc((n // 2 + 2) * sizeof(Range))
    cdef int64_t pending = 0, low, high, i, less, more
    cdef uint64_t dice = 0x9E3779B97F4A7C15U
    cdef uint32_t pivot, place, frames
    cdef Item item
    cdef bint same
    if todo == NULL:
        return False
    if n > 1:
        todo[0] = Range(0, <uint32_t> n)
        pending = 1
    while pending:
        pending -= 1
        low, high = todo[pending].first, todo[pending].last
        if high - low <= FEW:
            for less in range(low + 1, high):
                item = items[less]
                i = less
                while i > low and before(s, item, items[i - 1]):
                    items[i] = items[i - 1]
                    i -= 1
                items[i] = item
            continue
        # at random, so that no order of stacks makes it slow
        dice = dice * 6364136223846793005U + 1442695040888963407U
        pivot = items[low + <int64_t> ((dice >> 33) % <uint64_t> (high - low))].key
        less, i, more = low, low, high
        while i < more:
            item = items[i]
            if item.key < pivot:
                items[i] = items[less]
                items[less] = item
                less += 1
                i += 1
            elif item.key > pivot:
                more -= 1
                items[i] = items[more]
                items[more] = item
            else:
                i += 1
        if less - low > 1:
            todo[pending] = Range(<uint32_t> low, <uint32_t> less)
            pending += 1
        if high - more > 1:
            todo[pending] = Range(<uint32_t> more, <uint32_t> high)
            pending += 1
        if more - less > 1 and pivot:
            place, frames = location(s, &items[less]), items[less].frames
            same = frames > 0
            i = less + 1
            while same and i < more:
                same = items[i].frames == frames and location(s, &items[i]) == place
                i += 1
            for i in range(less, more):
                if same:
                    # all are in the same location: so are the frames that are left of it
                    items[i].frames = 0
                step(s, &items[i])
            todo[pending] = Range(<uint32_t> less, <uint32_t> more)
            pending += 1
    free(todo)
    return True
