# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What filters take away from a profile. profile_filter.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from gosnap._kernels.profile_columns cimport room, view

cdef uint32_t NONE = 0xFFFFFFFF
cdef uint64_t HASH = <uint64_t> 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio

# what to keep of a location's lines
HIDE, SHOW, SHOW_FROM, PRUNE_FROM, PRUNE = range(5)
# bits of a location
FOCUSED, IGNORED, HIDDEN = 1, 2, 4
MATCHED, WHOLE = 1, 2
# what to keep of a sample's stack
SELECT, BELOW_MATCH, ABOVE_LEAF_MATCH, ABOVE_ROOT_MATCH = range(4)

cdef enum:
    _HIDE = 0
    _SHOW = 1
    _SHOW_FROM = 2
    _PRUNE_FROM = 3
    _PRUNE = 4
    _FOCUSED = 1
    _IGNORED = 2
    _HIDDEN = 4
    _MATCHED = 1
    _WHOLE = 2
    _SELECT = 0
    _BELOW_MATCH = 1
    _ABOVE_LEAF_MATCH = 2
    _ABOVE_ROOT_MATCH = 3


cdef bint runs_fit(const int64_t[::1] start, int64_t size) noexcept nogil:
    """Whether offsets begin at 0, end at size and never go back."""
    cdef int64_t i
    cdef int64_t n = start.shape[0] - 1
    if n < 0 or start[0] != 0 or start[n] != size:
        return False
    for i in range(n):
        if start[i] > start[i + 1]:
            return False
    return True


cdef bint below(const uint32_t[::1] items, int64_t limit, bint none) noexcept nogil:
    """Whether every item is less than limit, or, if that may be, NONE."""
    cdef int64_t i
    for i in range(items.shape[0]):
        if items[i] >= limit and not (none and items[i] == NONE):
            return False
    return True


def touched(
    const int64_t[::1] line_start not None,
    const uint32_t[::1] line_function not None,
    const uint32_t[::1] location_mapping not None,
    const uint8_t[::1] function_hit not None,
    const uint8_t[::1] mapping_hit not None,
    uint8_t bit,
    uint8_t[::1] flags not None,
    uint8_t unless=0,
):
    cdef int64_t n = line_start.shape[0] - 1, i, k
    cdef int64_t found = 0
    cdef bint hit
    if (not runs_fit(line_start, line_function.shape[0]) or location_mapping.shape[0] != n
            or flags.shape[0] < n or not below(line_function, function_hit.shape[0], False)
            or not below(location_mapping, mapping_hit.shape[0], True)):
        raise ValueError("filter: columns of locations do not fit")
    with nogil:
        for i in range(n):
            if flags[i] & unless:
                continue
            hit = location_mapping[i] != NONE and mapping_hit[location_mapping[i]]
            for k in range(line_start[i], line_start[i + 1]):
                if hit:
                    break
                hit = function_hit[line_function[k]]
            if hit:
                flags[i] |= bit
                found += 1
    return found


def lines(
    int mode,
    const int64_t[::1] line_start not None,
    const uint32_t[::1] line_function not None,
    const uint32_t[::1] location_mapping not None,
    const uint8_t[::1] function_hit not None,
    const uint8_t[::1] mapping_hit not None,
    uint8_t[::1] flags not None,
):
    cdef int64_t n = line_start.shape[0] - 1, i, k, low, high, first, last
    cdef int64_t m = line_function.shape[0]
    cdef int64_t count = 0, found = 0
    cdef bint whole, hit
    if (not runs_fit(line_start, m) or location_mapping.shape[0] != n or flags.shape[0] < n
            or not below(line_function, function_hit.shape[0], False)
            or not below(location_mapping, mapping_hit.shape[0], True)):
        raise ValueError("filter: columns of locations do not fit")
    start_data, picked_data = room(n + 1, 8), room(m, 4)
    cdef int64_t[::1] start = view(start_data, "q")
    cdef uint32_t[::1] picked = view(picked_data, "I")
    with nogil:
        for i in range(n):
            start[i] = count
            low = line_start[i]
            high = line_start[i + 1]
            whole = location_mapping[i] != NONE and mapping_hit[location_mapping[i]]
            if mode == _HIDE or mode == _SHOW:
                hit = whole
                for k in range(low, high):
                    if function_hit[line_function[k]]:
                        hit = True
                for k in range(low, high):
                    if whole:
                        if mode == _HIDE:
                            continue
                    elif function_hit[line_function[k]] == (mode == _HIDE):
                        continue
                    picked[count] = <uint32_t> k
                    count += 1
                # a location that never had a line is hidden only where it matches, or where it is to be shown
                if count == start[i] and (mode == _SHOW or hit):
                    flags[i] |= _HIDDEN
                if mode == _HIDE and hit or mode == _SHOW and count > start[i]:
                    found += 1
                continue
            first = low
            last = high
            if mode == _SHOW_FROM:
                if whole:
                    flags[i] |= _MATCHED
                    found += 1
                else:
                    for k in range(high - 1, low - 1, -1):
                        if function_hit[line_function[k]]:
                            flags[i] |= _MATCHED
                            found += 1
                            last = k + 1
                            break
            elif mode == _PRUNE_FROM:
                for k in range(low, high):
                    if function_hit[line_function[k]]:
                        flags[i] |= _MATCHED
                        found += 1
                        first = k
                        break
            else:
                for k in range(high - 1, low - 1, -1):
                    if function_hit[line_function[k]]:
                        flags[i] |= _MATCHED
                        found += 1
                        if k == high - 1:
                            flags[i] |= _WHOLE
                        else:
                            first = k + 1
                        break
            for k in range(first, last):
                picked[count] = <uint32_t> k
                count += 1
        start[n] = count
    # slices would keep the memory of all
    return view(start_data, "q"), view(picked_data, "I")[:count], found


def stacks(
    int mode,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const uint8_t[::1] flags not None,
):
    cdef int64_t n = stack_start.shape[0] - 1, i, k, low, high
    cdef int64_t size = 0, kept_count = 0
    cdef uint8_t about, seen
    cdef bint user, keep
    if not runs_fit(stack_start, stack.shape[0]) or not below(stack, flags.shape[0], False):
        raise ValueError("filter: stacks do not fit the locations")
    start_data, out_data, kept_data = room(n + 1, 8), room(stack.shape[0], 4), room(n, 8)
    cdef int64_t[::1] start = view(start_data, "q")
    cdef uint32_t[::1] out = view(out_data, "I")
    cdef int64_t[::1] kept = view(kept_data, "q")
    with nogil:
        start[0] = 0
        for i in range(n):
            low = stack_start[i]
            high = stack_start[i + 1]
            keep = True
            if mode == _SELECT:
                about = 0
                for k in range(low, high):
                    about |= flags[stack[k]]
                keep = about & _FOCUSED and not about & _IGNORED
                if keep:
                    for k in range(low, high):
                        if not flags[stack[k]] & _HIDDEN:
                            out[size] = stack[k]
                            size += 1
                    keep = size > start[kept_count]
                if keep:
                    kept[kept_count] = i
                    kept_count += 1
                    start[kept_count] = size
                continue
            if mode == _BELOW_MATCH:
                keep = False
                for k in range(high - 1, low - 1, -1):
                    if flags[stack[k]] & _MATCHED:
                        high = k + 1
                        keep = True
                        break
            elif mode == _ABOVE_LEAF_MATCH:
                for k in range(low, high):
                    if flags[stack[k]] & _MATCHED:
                        low = k
                        break
            else:
                # frames before the first that stays, seen from the root, are not cut: they are all there is
                user = False
                for k in range(high - 1, low - 1, -1):
                    seen = flags[stack[k]]
                    if not seen & (_MATCHED | _WHOLE):
                        user = True
                    elif user:
                        low = k + 1 if seen & _WHOLE else k
                        break
            if keep:
                for k in range(low, high):
                    out[size] = stack[k]
                    size += 1
                kept[kept_count] = i
                kept_count += 1
                start[kept_count] = size
    return (
        view(start_data, "q")[:kept_count + 1],
        view(out_data, "I")[:size],
        view(kept_data, "q")[:kept_count],
    )


def chosen(const uint8_t[::1] keep not None):
    cdef int64_t n = keep.shape[0], i
    cdef int64_t count = 0
    data = room(n, 8)
    cdef int64_t[::1] out = view(data, "q")
    with nogil:
        for i in range(n):
            if keep[i]:
                out[count] = i
                count += 1
    return view(data, "q")[:count]


def rows(column not None, int64_t width, const int64_t[::1] which not None):
    cdef const int64_t[::1] items = column
    cdef int64_t n = which.shape[0], i, k
    cdef int64_t total
    if width < 0 or (width and items.shape[0] % width):
        raise ValueError("filter: rows that are not whole")
    total = items.shape[0] // width if width else 0
    data = room(n * width, 8)
    cdef int64_t[::1] out = view(data, "q")
    cdef bint good = True
    with nogil:
        for i in range(n if width else 0):
            if not 0 <= which[i] < total:
                good = False
                break
            for k in range(width):
                out[i * width + k] = items[which[i] * width + k]
    if not good:
        raise ValueError("filter: a row that is not there")
    return view(data, "q")


def runs(const int64_t[::1] start not None, const int64_t[::1] which not None):
    cdef int64_t n = which.shape[0], total = start.shape[0] - 1, i, k
    cdef int64_t size = 0
    cdef bint good = total >= 0 and runs_fit(start, start[total] if total >= 0 else 0)
    for i in range(n if good else 0):
        if not 0 <= which[i] < total:
            good = False
            break
        size += start[which[i] + 1] - start[which[i]]
    if not good:
        raise ValueError("filter: a run that is not there")
    start_data, out_data = room(n + 1, 8), room(size, 4)
    cdef int64_t[::1] new = view(start_data, "q")
    cdef uint32_t[::1] out = view(out_data, "I")
    size = 0
    with nogil:
        for i in range(n):
            new[i] = size
            for k in range(start[which[i]], start[which[i] + 1]):
                out[size] = <uint32_t> k
                size += 1
        new[n] = size
    return view(start_data, "q"), view(out_data, "I")


def take(column not None, const uint32_t[::1] which not None):
    cdef int64_t n = which.shape[0], i
    cdef bint good = True
    cdef const uint32_t[::1] small
    cdef const int64_t[::1] large
    cdef uint32_t[::1] small_out
    cdef int64_t[::1] large_out
    if memoryview(column).format == "I":
        small = column
        data = room(n, 4)
        small_out = view(data, "I")
        with nogil:
            for i in range(n):
                if which[i] >= small.shape[0]:
                    good = False
                    break
                small_out[i] = small[which[i]]
    else:
        large = column
        data = room(n, 8)
        large_out = view(data, "q")
        with nogil:
            for i in range(n):
                if which[i] >= large.shape[0]:
                    good = False
                    break
                large_out[i] = large[which[i]]
    if not good:
        raise ValueError("filter: an item that is not there")
    return view(data, memoryview(column).format)


def distinct(
    const uint32_t[::1] key not None,
    const uint32_t[::1] text not None,
    const int64_t[::1] number not None,
    const uint32_t[::1] unit not None,
):
    cdef int64_t n = key.shape[0], i
    cdef int64_t count = 0
    cdef uint64_t cap = 64, h
    cdef uint32_t *table
    cdef uint32_t at
    if text.shape[0] != n or number.shape[0] != n or unit.shape[0] != n or n >= NONE:
        raise ValueError("filter: columns of labels differ in length")
    while cap < 2 * <uint64_t> n:
        cap *= 2
    which_data, first_data = room(n, 4), room(n, 4)
    cdef uint32_t[::1] which = view(which_data, "I")
    cdef uint32_t[::1] first = view(first_data, "I")
    table = <uint32_t *> calloc(cap, 4)
    if table == NULL:
        raise MemoryError
    with nogil:
        memset(table, 0xFF, cap * 4)
        for i in range(n):
            h = (<uint64_t> key[i] << 32 | text[i]) * HASH
            h = ((h ^ h >> 31) + <uint64_t> number[i]) * HASH
            h = ((h ^ h >> 29) + unit[i]) * HASH
            h = (h ^ h >> 32) & (cap - 1)
            while True:
                at = table[h]
                if at == NONE:
                    table[h] = <uint32_t> count
                    first[count] = <uint32_t> i
                    which[i] = <uint32_t> count
                    count += 1
                    break
                at = first[at]
                if (key[at] == key[i] and text[at] == text[i] and number[at] == number[i]
                        and unit[at] == unit[i]):
                    which[i] = table[h]
                    break
                h = (h + 1) & (cap - 1)
    free(table)
    return view(which_data, "I"), view(first_data, "I")[:count]


def having(
    const int64_t[::1] label_start not None,
    const uint32_t[::1] which not None,
    const uint8_t[::1] hit not None,
    uint8_t[::1] out not None,
):
    cdef int64_t n = label_start.shape[0] - 1, i, k
    cdef int64_t found = 0
    if (not runs_fit(label_start, which.shape[0]) or not below(which, hit.shape[0], False)
            or out.shape[0] < n):
        raise ValueError("filter: columns of labels do not fit")
    with nogil:
        for i in range(n):
            out[i] = 0
            for k in range(label_start[i], label_start[i + 1]):
                if hit[which[k]]:
                    out[i] = 1
                    found += 1
                    break
    return found


def narrow(uint8_t[::1] keep not None, const uint8_t[::1] having not None, bint wanted):
    cdef int64_t n = keep.shape[0], i, found = 0
    if having.shape[0] != n:
        raise ValueError("filter: columns of samples do not fit")
    with nogil:
        for i in range(n):
            if having[i]:
                found += 1
            if (having[i] != 0) != wanted:
                keep[i] = 0
    return found


def outermost(const int64_t[::1] line_start not None):
    cdef int64_t n = line_start.shape[0] - 1, i, size = 0
    if n < 0 or line_start[0] != 0 or not runs_fit(line_start, line_start[n]):
        raise ValueError("filter: columns of locations do not fit")
    start_data, out_data = room(n + 1, 8), room(n, 4)
    cdef int64_t[::1] start = view(start_data, "q")
    cdef uint32_t[::1] out = view(out_data, "I")
    with nogil:
        for i in range(n):
            start[i] = size
            if line_start[i + 1] > line_start[i]:
                out[size] = <uint32_t> (line_start[i + 1] - 1)
                size += 1
        start[n] = size
    return view(start_data, "q"), view(out_data, "I")[:size]


def without(
    const int64_t[::1] label_start not None,
    const uint32_t[::1] which not None,
    const uint8_t[::1] drop not None,
):
    cdef int64_t n = label_start.shape[0] - 1, i, k
    cdef int64_t size = 0
    if not runs_fit(label_start, which.shape[0]) or not below(which, drop.shape[0], False):
        raise ValueError("filter: columns of labels do not fit")
    start_data, out_data = room(n + 1, 8), room(which.shape[0], 4)
    cdef int64_t[::1] new = view(start_data, "q")
    cdef uint32_t[::1] out = view(out_data, "I")
    with nogil:
        for i in range(n):
            new[i] = size
            for k in range(label_start[i], label_start[i + 1]):
                if not drop[which[k]]:
                    out[size] = <uint32_t> k
                    size += 1
        new[n] = size
    return view(start_data, "q"), view(out_data, "I")[:size]


def extended(
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const uint32_t[::1] leaf not None,
    int64_t leaves,
    const uint32_t[::1] root not None,
    int64_t roots,
):
    cdef int64_t n = stack_start.shape[0] - 1, i, k
    cdef int64_t size = 0
    if (not runs_fit(stack_start, stack.shape[0]) or leaves < 0 or roots < 0
            or leaf.shape[0] != n * leaves or root.shape[0] != n * roots):
        raise ValueError("filter: columns of stacks do not fit")
    start_data, out_data = room(n + 1, 8), room(stack.shape[0] + n * (leaves + roots), 4)
    cdef int64_t[::1] start = view(start_data, "q")
    cdef uint32_t[::1] out = view(out_data, "I")
    with nogil:
        for i in range(n):
            start[i] = size
            for k in range(leaves):
                out[size] = leaf[i * leaves + k]
                size += 1
            for k in range(stack_start[i], stack_start[i + 1]):
                out[size] = stack[k]
                size += 1
            for k in range(roots):
                out[size] = root[i * roots + k]
                size += 1
        start[n] = size
    return view(start_data, "q"), view(out_data, "I")
