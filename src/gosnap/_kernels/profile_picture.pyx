# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What pictures of a profile need: labels by node. profile_picture.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

from gosnap._kernels.profile_columns cimport HASH, room, view

cdef uint32_t NONE = 0xFFFFFFFF


cdef inline int64_t plus(int64_t a, int64_t b) noexcept nogil:
    return <int64_t> (<uint64_t> a + <uint64_t> b)


cdef int check_starts(str what, const int64_t[::1] starts, int64_t items) except -1:
    cdef int64_t i, n = starts.shape[0] - 1
    if n < 0 or starts[0] != 0 or starts[n] != items:
        raise ValueError(f"{what}: offsets do not fit")
    for i in range(n):
        if starts[i + 1] < starts[i]:
            raise ValueError(f"{what}: number {i:,} ends before it begins")
    return 0


cdef int check_below(str what, const uint32_t[::1] items, int64_t limit, bint none) except -1:
    cdef int64_t i
    for i in range(items.shape[0]):
        if items[i] >= limit and not (none and items[i] == NONE):
            raise ValueError(f"{what}: {items[i]:,} is beyond the {limit:,} that there are")
    return 0


# ---- labels ----


cdef inline bint same_labels(
    const uint32_t *which, const uint8_t *wanted, int64_t i, int64_t i_end, int64_t j, int64_t j_end
) noexcept nogil:
    while True:
        while i < i_end and not wanted[which[i]]:
            i += 1
        while j < j_end and not wanted[which[j]]:
            j += 1
        if i == i_end or j == j_end:
            return i == i_end and j == j_end
        if which[i] != which[j]:
            return False
        i += 1
        j += 1


def label_sets(
    const int64_t[::1] label_start not None,
    const uint32_t[::1] which not None,
    const uint8_t[::1] wanted not None,
):
    cdef int64_t samples = label_start.shape[0] - 1, s, i, n = 1
    cdef uint64_t h, slot, mask = 15
    cdef uint32_t *table
    cdef uint32_t found
    cdef bint any_
    check_starts("labels", label_start, which.shape[0])
    check_below("labels", which, wanted.shape[0], False)
    while mask < <uint64_t> samples * 2:
        mask = mask * 2 + 1
    cdef bytearray sets = room(samples, 4)
    cdef bytearray firsts = room(samples + 1, 4)
    cdef uint32_t *set_at = <uint32_t *> PyByteArray_AS_STRING(sets)
    cdef uint32_t *first = <uint32_t *> PyByteArray_AS_STRING(firsts)
    cdef const uint32_t *labels = &which[0] if which.shape[0] else NULL
    cdef const uint8_t *keep = &wanted[0] if wanted.shape[0] else NULL
    first[0] = NONE
    table = <uint32_t *> calloc(mask + 1, 4)
    if table == NULL:
        raise MemoryError
    with nogil:
        for s in range(samples):
            h = 0
            any_ = False
            for i in range(label_start[s], label_start[s + 1]):
                if keep[labels[i]]:
                    h = (h ^ labels[i]) * HASH
                    h ^= h >> 31
                    any_ = True
            set_at[s] = 0
            if not any_:
                if first[0] == NONE:
                    first[0] = <uint32_t> s
                continue
            slot = h & mask
            while table[slot]:
                found = first[table[slot]]
                if same_labels(
                    labels, keep,
                    label_start[found], label_start[found + 1], label_start[s], label_start[s + 1],
                ):
                    break
                slot = (slot + 1) & mask
            if table[slot] == 0:
                table[slot] = <uint32_t> n
                first[n] = <uint32_t> s
                n += 1
            set_at[s] = table[slot]
    free(table)
    return view(sets, "I"), view(firsts, "I")[:n]


cdef struct Tag:
    int64_t first
    int64_t flat
    int64_t cum
    int64_t flat_div
    int64_t cum_div
    uint32_t slot
    uint32_t labels
    uint32_t number         # 0: none, else the kind of number + 1


cdef struct Tags:
    Tag *at
    int64_t n
    int64_t room
    uint32_t *table
    uint64_t mask


cdef inline uint64_t tag_hash(uint32_t slot, uint32_t labels, uint32_t number) noexcept nogil:
    cdef uint64_t h = (<uint64_t> slot << 32 | labels) * HASH
    h = (h ^ (h >> 31) ^ number) * HASH
    return h ^ (h >> 29)


cdef bint widen_tags(Tags *t) noexcept nogil:
    cdef int64_t more = t.room * 2 if t.room else 256, i
    cdef uint64_t mask = <uint64_t> more * 2 - 1, slot
    cdef Tag *at
    cdef uint32_t *table
    if more >= NONE:
        return False
    at = <Tag *> realloc(t.at, more * sizeof(Tag))
    if at == NULL:
        return False
    t.at = at
    table = <uint32_t *> calloc(more * 2, 4)
    if table == NULL:
        return False
    for i in range(t.n):
        slot = tag_hash(at[i].slot, at[i].labels, at[i].number) & mask
        while table[slot]:
            slot = (slot + 1) & mask
        table[slot] = <uint32_t> i + 1
    free(t.table)
    t.table = table
    t.mask = mask
    t.room = more
    return True


cdef bint weigh(
    Tags *t, uint32_t slot, uint32_t labels, uint32_t number, int64_t value, int64_t w, int64_t d, bint flat
) noexcept nogil:
    cdef uint64_t place
    cdef Tag *tag = NULL
    if t.n == t.room and not widen_tags(t):
        return False
    place = tag_hash(slot, labels, number) & t.mask
    while t.table[place]:
        tag = &t.at[t.table[place] - 1]
        if tag.slot == slot and tag.labels == labels and tag.number == number:
            break
        place = (place + 1) & t.mask
    if t.table[place] == 0:
        tag = &t.at[t.n]
        tag[0] = Tag(value, 0, 0, 0, 0, slot, labels, number)
        t.n += 1
        t.table[place] = <uint32_t> t.n
    if flat:
        tag.flat = plus(tag.flat, w)
        tag.flat_div = plus(tag.flat_div, d)
    else:
        tag.cum = plus(tag.cum, w)
        tag.cum_div = plus(tag.cum_div, d)
    return True


cdef struct Labels:
    const uint32_t *set_of
    const int64_t *start
    const uint32_t *number
    const int64_t *value


cdef bint weigh_all(
    Tags *t, const Labels *labels, int64_t s, uint32_t slot, int64_t w, int64_t d, bint flat
) noexcept nogil:
    """All labels of a sample, for one node."""
    cdef int64_t i
    if labels.set_of[s] and not weigh(t, slot, labels.set_of[s], 0, 0, w, d, flat):
        return False
    for i in range(labels.start[s], labels.start[s + 1]):
        if labels.number[i] != NONE:
            if not weigh(t, slot, labels.set_of[s], labels.number[i] + 1, labels.value[i], w, d, flat):
                return False
    return True


cdef dict tag_columns(Tags *t):
    cdef bytearray slot = room(t.n, 4)
    cdef bytearray labels = room(t.n, 4)
    cdef bytearray number = room(t.n, 4)
    cdef bytearray sums = room(t.n * 5, 8)
    cdef int64_t *at = <int64_t *> PyByteArray_AS_STRING(sums)
    cdef int64_t i
    for i in range(t.n):
        (<uint32_t *> PyByteArray_AS_STRING(slot))[i] = t.at[i].slot
        (<uint32_t *> PyByteArray_AS_STRING(labels))[i] = t.at[i].labels
        (<uint32_t *> PyByteArray_AS_STRING(number))[i] = t.at[i].number
        at[i * 5] = t.at[i].first
        at[i * 5 + 1] = t.at[i].flat
        at[i * 5 + 2] = t.at[i].flat_div
        at[i * 5 + 3] = t.at[i].cum
        at[i * 5 + 4] = t.at[i].cum_div
    return {
        "slot": view(slot, "I"),
        "labels": view(labels, "I"),
        "number": view(number, "I"),
        "sums": view(sums, "q"),
    }


cdef Labels labels_of(
    int64_t samples,
    const uint32_t[::1] set_of,
    const int64_t[::1] label_start,
    const uint32_t[::1] label_number,
    const int64_t[::1] label_num,
) except *:
    cdef Labels labels
    if set_of.shape[0] != samples or label_start.shape[0] != samples + 1:
        raise ValueError("tags: columns differ in length")
    if label_num.shape[0] != label_number.shape[0]:
        raise ValueError("tags: columns differ in length")
    check_starts("labels", label_start, label_number.shape[0])
    labels.set_of = &set_of[0] if samples else NULL
    labels.start = &label_start[0]
    labels.number = &label_number[0] if label_number.shape[0] else NULL
    labels.value = &label_num[0] if label_number.shape[0] else NULL
    return labels


def node_tags(
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const int64_t[::1] frame_start not None,
    const uint32_t[::1] frame_node not None,
    const uint32_t[::1] slot not None,
    const uint32_t[::1] set_of not None,
    const int64_t[::1] label_start not None,
    const uint32_t[::1] label_number not None,
    const int64_t[::1] label_num not None,
):
    cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1, n = slot.shape[0]
    cdef int64_t s, i, j, w, d = 0
    cdef uint32_t node, leaf
    cdef uint32_t *seen
    cdef bint ok = True
    cdef Tags t
    cdef Labels labels
    if samples < 0 or types < 1 or not 0 <= index < types or not -1 <= divisor < types:
        raise ValueError("node_tags: no such sample type")
    if values.shape[0] != samples * types or samples >= NONE:
        raise ValueError("node_tags: columns differ in length")
    check_starts("stacks", stack_start, stack.shape[0])
    check_starts("frames", frame_start, frame_node.shape[0])
    check_below("stacks", stack, locations, False)
    check_below("frames", frame_node, n, False)
    labels = labels_of(samples, set_of, label_start, label_number, label_num)
    t = Tags(NULL, 0, 0, NULL, 0)
    seen = <uint32_t *> calloc(n + 1, 4)
    if seen == NULL:
        raise MemoryError
    try:
        with nogil:
            for s in range(samples):
                w = values[s * types + index]
                if divisor >= 0:
                    d = values[s * types + divisor]
                if (w == 0 and d == 0) or (labels.set_of[s] == 0 and labels.start[s] == labels.start[s + 1]):
                    continue
                leaf = NONE
                i = stack_start[s + 1]
                while i > stack_start[s] and ok:
                    i -= 1
                    j = frame_start[stack[i] + 1]
                    while j > frame_start[stack[i]]:
                        j -= 1
                        node = frame_node[j]
                        leaf = node
                        if slot[node] != NONE and seen[node] != <uint32_t> s + 1:
                            seen[node] = <uint32_t> s + 1
                            if not weigh_all(&t, &labels, s, slot[node], w, d, False):
                                ok = False
                                break
                if ok and leaf != NONE and slot[leaf] != NONE:
                    ok = weigh_all(&t, &labels, s, slot[leaf], w, d, True)
                if not ok:
                    break
        if not ok:
            raise MemoryError
        return tag_columns(&t)
    finally:
        free(seen)
        free(t.at)
        free(t.table)


def place_tags(
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const uint32_t[::1] leaf not None,
    const uint8_t[::1] ends not None,
    const uint32_t[::1] parent not None,
    const uint32_t[::1] slot not None,
    const uint32_t[::1] set_of not None,
    const int64_t[::1] label_start not None,
    const uint32_t[::1] label_number not None,
    const int64_t[::1] label_num not None,
):
    cdef int64_t samples = leaf.shape[0], n = parent.shape[0], s, i, w, d = 0
    cdef uint32_t at
    cdef bint ok = True
    cdef Tags t
    cdef Labels labels
    if types < 1 or not 0 <= index < types or not -1 <= divisor < types:
        raise ValueError("place_tags: no such sample type")
    if values.shape[0] != samples * types or slot.shape[0] != n or ends.shape[0] != samples:
        raise ValueError("place_tags: columns differ in length")
    check_below("leaves", leaf, n, True)
    for i in range(n):
        if parent[i] != NONE and parent[i] >= i:
            raise ValueError("place_tags: a place before the one above it")
    labels = labels_of(samples, set_of, label_start, label_number, label_num)
    t = Tags(NULL, 0, 0, NULL, 0)
    try:
        with nogil:
            for s in range(samples):
                at = leaf[s]
                if at == NONE or (labels.set_of[s] == 0 and labels.start[s] == labels.start[s + 1]):
                    continue
                w = values[s * types + index]
                if divisor >= 0:
                    d = values[s * types + divisor]
                if ends[s] and slot[at] != NONE:
                    ok = weigh_all(&t, &labels, s, slot[at], w, d, True)
                while at != NONE and ok:
                    if slot[at] != NONE:
                        ok = weigh_all(&t, &labels, s, slot[at], w, d, False)
                    at = parent[at]
                if not ok:
                    break
        if not ok:
            raise MemoryError
        return tag_columns(&t)
    finally:
        free(t.at)
        free(t.table)
