# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""A profile.proto as flat columns. profile_decode.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from gosnap._kernels.profile_columns cimport HASH, ctz, load64, room, view

cdef enum:
    MOST_TYPES = 4096       # sample types of one profile; real ones have two or four
    SHORT = 16              # labels of one sample that are sorted by insertion
    STRIDE = 8192           # samples from one mark to the next

cdef uint32_t NONE = 0xFFFFFFFF
cdef const char *MISSING = "a sample refers to location {id}, which is not there,"


cdef struct Cursor:
    const uint8_t *start    # of the whole input
    const uint8_t *at       # where reading failed; NULL where that is no one place
    const char *what        # what was wrong, with {id} for an id; NULL while nothing was
    uint64_t id


cdef struct Field:
    uint64_t number
    int wire                # 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes
    uint64_t value          # the number; of wire type 2, how many bytes
    const uint8_t *body


cdef struct Counts:
    int64_t sample_types
    int64_t samples
    int64_t mappings
    int64_t locations
    int64_t functions
    int64_t lines
    int64_t strings
    int64_t string_bytes
    int64_t frames          # entries of all stacks
    int64_t labels
    int64_t comments
    # values of one sample: the fewest and the most, and where
    int64_t fewest
    int64_t most
    const uint8_t *fewest_at
    const uint8_t *most_at


cdef struct Mark:
    # where samples can be read from
    const uint8_t *at
    int64_t sample
    int64_t frame
    int64_t label


cdef struct Marks:
    Mark *mark
    int64_t n
    int64_t room


cdef struct Header:
    uint64_t drop_frames
    uint64_t keep_frames
    int64_t time_nanos
    int64_t duration_nanos
    int64_t period
    uint64_t default_sample_type
    uint64_t doc_url
    uint64_t period_type
    uint64_t period_unit


cdef struct IdMap:
    # one of both: place + 1 by id, or open addressing
    uint32_t *dense
    uint64_t dense_n
    uint64_t *key
    uint32_t *place
    uint64_t mask
    bint identity           # the ids are 1, 2, 3, …
    uint64_t n


# ---- the wire ----


cdef const uint8_t *fail(Cursor *c, const uint8_t *at, const char *what) noexcept nogil:
    if c.what == NULL:
        c.at = at
        c.what = what
    return NULL


cdef void fail_id(Cursor *c, const uint8_t *at, const char *what, uint64_t id) noexcept nogil:
    if c.what == NULL:
        c.id = id
    fail(c, at, what)


cdef const uint8_t *long_varint(
    Cursor *c, const uint8_t *p, const uint8_t *end, uint64_t *out
) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(10):
        if p + i >= end:
            return fail(c, p, "a number that does not end")
        value |= <uint64_t> (p[i] & 0x7F) << (7 * i)
        if p[i] < 0x80:
            out[0] = value
            return p + i + 1
    return fail(c, p, "a number of more than 10 bytes")


cdef inline const uint8_t *varint(
    Cursor *c, const uint8_t *p, const uint8_t *end, uint64_t *out
) noexcept nogil:
    if p < end and p[0] < 0x80:
        out[0] = p[0]
        return p + 1
    return long_varint(c, p, end, out)


cdef inline const uint8_t *read_field(
    Cursor *c, const uint8_t *p, const uint8_t *end, Field *f
) noexcept nogil:
    """One field; the place behind it, or NULL."""
    cdef const uint8_t *start = p
    cdef uint64_t tag
    p = varint(c, p, end, &tag)
    if p == NULL:
        return NULL
    f.number = tag >> 3
    f.wire = tag & 7
    if f.number == 0 or f.number >= 1 << 29:
        return fail(c, start, "a field number that no message has")
    if f.wire == 0:
        return varint(c, p, end, &f.value)
    if f.wire == 2:
        p = varint(c, p, end, &f.value)
        if p == NULL:
            return NULL
        if f.value > <uint64_t> (end - p):
            return fail(c, start, "a field that is longer than what holds it")
        f.body = p
        return p + f.value
    if f.wire == 1 or f.wire == 5:
        f.value = 8 if f.wire == 1 else 4
        if f.value > <uint64_t> (end - p):
            return fail(c, start, "a field that is longer than what holds it")
        return p + f.value
    if f.wire == 3 or f.wire == 4:
        return fail(c, start, "a group, which profiles do not have")
    return fail(c, start, "an unknown wire type")


cdef inline bint scalar(Cursor *c, const uint8_t *at, Field *f) noexcept nogil:
    if f.wire != 0:
        fail(c, at, "a field of the wrong wire type")
        return False
    return True


cdef inline bint message(Cursor *c, const uint8_t *at, Field *f) noexcept nogil:
    if f.wire != 2:
        fail(c, at, "a field of the wrong wire type")
        return False
    return True


cdef int64_t numbers(Cursor *c, const uint8_t *at, Field *f) noexcept nogil:
    """How many numbers a repeated field holds here, packed or not; -1 where it cannot be."""
    cdef int64_t n = 0
    cdef uint64_t i
    if f.wire == 0:
        return 1
    if f.wire != 2:
        fail(c, at, "a field of the wrong wire type")
        return -1
    if f.value and f.body[f.value - 1] >= 0x80:
        fail(c, at, "a number that does not end")
        return -1
    for i in range(f.value):
        n += f.body[i] < 0x80
    return n


# ---- the first look: what there is, and whether it is well formed ----


cdef bint read_pair(
    Cursor *c, const uint8_t *p, const uint8_t *end, uint64_t *first, uint64_t *second
) noexcept nogil:
    """A ValueType: type and unit."""
    cdef Field f
    cdef const uint8_t *at
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number <= 2:
            if not scalar(c, at, &f):
                return False
            if f.number == 1:
                first[0] = f.value
            else:
                second[0] = f.value
    return True


cdef bint read_label(Cursor *c, const uint8_t *p, const uint8_t *end, uint64_t *four) noexcept nogil:
    """A Label: key, str, num, num_unit."""
    cdef Field f
    cdef const uint8_t *at
    four[0] = four[1] = four[2] = four[3] = 0
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number <= 4:
            if not scalar(c, at, &f):
                return False
            four[f.number - 1] = f.value
    return True


cdef bint scan_sample(Cursor *c, const uint8_t *p, const uint8_t *end, Counts *n) noexcept nogil:
    cdef const uint8_t *start = p
    cdef const uint8_t *at
    cdef Field f
    cdef int64_t values = 0, some
    cdef uint64_t[4] four
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number == 1 or f.number == 2:
            some = numbers(c, at, &f)
            if some < 0:
                return False
            if f.number == 1:
                n.frames += some
            else:
                values += some
        elif f.number == 3:
            if not message(c, at, &f) or not read_label(c, f.body, f.body + f.value, four):
                return False
            n.labels += four[1] != 0 or four[2] != 0 or four[3] != 0
    if n.samples == 0 or values < n.fewest:
        n.fewest = values
        n.fewest_at = start
    if n.samples == 0 or values > n.most:
        n.most = values
        n.most_at = start
    return True


cdef bint scan_lines(Cursor *c, const uint8_t *p, const uint8_t *end, Counts *n) noexcept nogil:
    cdef Field f
    cdef const uint8_t *at
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number == 4:
            if not message(c, at, &f):
                return False
            n.lines += 1
    return True


cdef bint set_mark(Marks *m, const uint8_t *at, const Counts *n) noexcept nogil:
    """False: no memory."""
    cdef Mark *more
    if m.n == m.room:
        more = <Mark *> realloc(m.mark, (m.room * 2 + 16) * sizeof(Mark))
        if more == NULL:
            return False
        m.mark = more
        m.room = m.room * 2 + 16
    m.mark[m.n] = Mark(at, n.samples, n.frames, n.labels)
    m.n += 1
    return True


cdef bint scan(
    Cursor *c, const uint8_t *p, const uint8_t *end, Counts *n, Header *h, uint64_t *types, Marks *m
) noexcept nogil:
    """Count what there is; read the header. ``types``: 2 * MOST_TYPES numbers. False: an error, or no memory
    (no error then)."""
    cdef const uint8_t *at
    cdef Field f
    cdef int64_t some
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number <= 6 or f.number == 11:
            if not message(c, at, &f):
                return False
            if f.number == 2:
                if n.samples % STRIDE == 0 and not set_mark(m, at, n):
                    return False
                if not scan_sample(c, f.body, p, n):
                    return False
                n.samples += 1
            elif f.number == 4:
                if not scan_lines(c, f.body, p, n):
                    return False
                n.locations += 1
            elif f.number == 6:
                if n.strings == 0 and f.value:
                    fail(c, at, "the first string is not empty")
                    return False
                n.strings += 1
                n.string_bytes += f.value
            elif f.number == 5:
                n.functions += 1
            elif f.number == 3:
                n.mappings += 1
            elif f.number == 11:
                h.period_type = h.period_unit = 0
                if not read_pair(c, f.body, p, &h.period_type, &h.period_unit):
                    return False
            else:
                if n.sample_types == MOST_TYPES:
                    fail(c, at, "more than 4096 sample types")
                    return False
                types[2 * n.sample_types] = types[2 * n.sample_types + 1] = 0
                if not read_pair(c, f.body, p, &types[2 * n.sample_types], &types[2 * n.sample_types + 1]):
                    return False
                n.sample_types += 1
        elif f.number == 13:
            some = numbers(c, at, &f)
            if some < 0:
                return False
            n.comments += some
        elif f.number <= 15:
            if not scalar(c, at, &f):
                return False
            if f.number == 7:
                h.drop_frames = f.value
            elif f.number == 8:
                h.keep_frames = f.value
            elif f.number == 9:
                if h.time_nanos:
                    fail(c, at, "a second profile begins: concatenated profiles")
                    return False
                h.time_nanos = <int64_t> f.value
            elif f.number == 10:
                h.duration_nanos = <int64_t> f.value
            elif f.number == 12:
                h.period = <int64_t> f.value
            elif f.number == 14:
                h.default_sample_type = f.value
            elif f.number == 15:
                h.doc_url = f.value
    return set_mark(m, end, n)


# ---- columns ----


cdef struct Strings:
    const uint8_t *data
    const int64_t *offset
    int64_t n
    uint32_t *same          # the first string with the same bytes
    uint64_t blank          # the first empty string behind number 0; 0 where there is none


cdef struct Tables:
    # raw columns of mappings, locations, lines and functions; strings are indexes of the file
    uint64_t *mapping_id
    uint64_t *mapping_start
    uint64_t *mapping_limit
    uint64_t *mapping_offset
    uint32_t *mapping_file
    uint32_t *mapping_build_id
    uint8_t *mapping_flags
    uint64_t *location_id
    uint64_t *location_address
    uint32_t *location_mapping
    uint8_t *location_folded
    int64_t *line_start
    uint32_t *line_function
    int64_t *line_line
    int64_t *line_column
    uint64_t *function_id
    uint32_t *function_name
    uint32_t *function_system_name
    uint32_t *function_filename
    int64_t *function_start_line
    # ids that await their maps
    uint64_t *want_mapping
    uint64_t *want_function


cdef inline bint string_at(
    Cursor *c, const uint8_t *at, Strings *s, uint64_t index, uint32_t *out
) noexcept nogil:
    """Resolve an index of the file to the one that stands for all equal strings."""
    if index >= <uint64_t> s.n:
        fail(c, at, "a string that is not in the string table")
        return False
    out[0] = s.same[index]
    return True


cdef bint fold_strings(Strings *s) noexcept nogil:
    """same[i]: the first string that equals string i. False: no memory."""
    cdef uint64_t size = 16, mask, slot, hash
    cdef uint32_t *table
    cdef int64_t i, length, j
    cdef const uint8_t *p
    while size < <uint64_t> s.n * 2:
        size *= 2
    mask = size - 1
    s.blank = 0
    table = <uint32_t *> calloc(size, 4)
    if table == NULL:
        return False
    for i in range(s.n):
        p = s.data + s.offset[i]
        length = s.offset[i + 1] - s.offset[i]
        if i and length == 0 and s.blank == 0:
            s.blank = <uint64_t> i
        hash = <uint64_t> length
        j = 0
        while j + 8 <= length:
            hash = (hash ^ load64(p + j)) * HASH
            hash ^= hash >> 29
            j += 8
        while j < length:
            hash = (hash ^ p[j]) * HASH
            j += 1
        hash ^= hash >> 32
        slot = hash & mask
        while table[slot]:
            j = table[slot] - 1
            if (s.offset[j + 1] - s.offset[j] == length
                    and memcmp(s.data + s.offset[j], p, <size_t> length) == 0):
                break
            slot = (slot + 1) & mask
        if table[slot]:
            s.same[i] = table[slot] - 1
        else:
            table[slot] = <uint32_t> i + 1
            s.same[i] = <uint32_t> i
    free(table)
    return True


cdef bint map_ids(
    Cursor *c, const uint64_t *ids, int64_t n, IdMap *m, const char *zero, const char *twice
) noexcept nogil:
    """From ids to places; ids are unique and not 0. False: they are not, or no memory (no error then)."""
    cdef uint64_t top = 0, size = 16, slot, id
    cdef int64_t i
    m.n = <uint64_t> n
    m.identity = True
    for i in range(n):
        if ids[i] == 0:
            fail(c, NULL, zero)
            return False
        if ids[i] > top:
            top = ids[i]
        if ids[i] != <uint64_t> i + 1:
            m.identity = False
    if m.identity:
        return True
    if top < <uint64_t> n * 4 + 1024:
        m.dense_n = top + 1
        m.dense = <uint32_t *> calloc(m.dense_n, 4)
        if m.dense == NULL:
            return False
        for i in range(n):
            if m.dense[ids[i]]:
                fail_id(c, NULL, twice, ids[i])
                return False
            m.dense[ids[i]] = <uint32_t> i + 1
        return True
    while size < <uint64_t> n * 2:
        size *= 2
    m.mask = size - 1
    m.key = <uint64_t *> calloc(size, 8)
    m.place = <uint32_t *> malloc(size * 4)
    if m.key == NULL or m.place == NULL:
        return False
    for i in range(n):
        id = ids[i]
        slot = (id * HASH) >> 20 & m.mask
        while m.key[slot]:
            if m.key[slot] == id:
                fail_id(c, NULL, twice, ids[i])
                return False
            slot = (slot + 1) & m.mask
        m.key[slot] = id
        m.place[slot] = <uint32_t> i
    return True


cdef inline uint32_t place_of(const IdMap *m, uint64_t id) noexcept nogil:
    """NONE where no such id is."""
    cdef uint64_t slot
    if m.identity:
        return <uint32_t> (id - 1) if id - 1 < m.n else NONE
    if m.dense != NULL:
        return m.dense[id] - 1 if id < m.dense_n else NONE
    if m.key == NULL or id == 0:
        return NONE
    slot = (id * HASH) >> 20 & m.mask
    while m.key[slot]:
        if m.key[slot] == id:
            return m.place[slot]
        slot = (slot + 1) & m.mask
    return NONE


cdef void free_map(IdMap *m) noexcept nogil:
    free(m.dense)
    free(m.key)
    free(m.place)


# ---- the second look: mappings, locations, functions, strings ----


cdef bint read_mapping(
    Cursor *c, const uint8_t *p, const uint8_t *end, Tables *t, int64_t i, Strings *s
) noexcept nogil:
    cdef const uint8_t *start = p
    cdef const uint8_t *at
    cdef Field f
    cdef uint64_t file = 0, build_id = 0
    cdef uint8_t bit
    t.mapping_id[i] = t.mapping_start[i] = t.mapping_limit[i] = t.mapping_offset[i] = 0
    t.mapping_flags[i] = 0
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number > 10:
            continue
        if not scalar(c, at, &f):
            return False
        if f.number == 1:
            t.mapping_id[i] = f.value
        elif f.number == 2:
            t.mapping_start[i] = f.value
        elif f.number == 3:
            t.mapping_limit[i] = f.value
        elif f.number == 4:
            t.mapping_offset[i] = f.value
        elif f.number == 5:
            file = f.value
        elif f.number == 6:
            build_id = f.value
        else:
            bit = <uint8_t> (1 << (f.number - 7))
            t.mapping_flags[i] = (t.mapping_flags[i] & ~bit) | (bit if f.value else 0)
    return string_at(c, start, s, file, &t.mapping_file[i]) and string_at(
        c, start, s, build_id, &t.mapping_build_id[i]
    )


cdef bint read_function(
    Cursor *c, const uint8_t *p, const uint8_t *end, Tables *t, int64_t i, Strings *s
) noexcept nogil:
    cdef const uint8_t *start = p
    cdef const uint8_t *at
    cdef Field f
    cdef uint64_t name = 0, system_name = 0, filename = 0
    t.function_id[i] = 0
    t.function_start_line[i] = 0
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number > 5:
            continue
        if not scalar(c, at, &f):
            return False
        if f.number == 1:
            t.function_id[i] = f.value
        elif f.number == 2:
            name = f.value
        elif f.number == 3:
            system_name = f.value
        elif f.number == 4:
            filename = f.value
        else:
            t.function_start_line[i] = <int64_t> f.value
    return (
        string_at(c, start, s, name, &t.function_name[i])
        and string_at(c, start, s, system_name, &t.function_system_name[i])
        and string_at(c, start, s, filename, &t.function_filename[i])
    )


cdef bint read_line(Cursor *c, const uint8_t *p, const uint8_t *end, Tables *t, int64_t i) noexcept nogil:
    cdef const uint8_t *at
    cdef Field f
    t.want_function[i] = 0
    t.line_line[i] = t.line_column[i] = 0
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number > 3:
            continue
        if not scalar(c, at, &f):
            return False
        if f.number == 1:
            t.want_function[i] = f.value
        elif f.number == 2:
            t.line_line[i] = <int64_t> f.value
        else:
            t.line_column[i] = <int64_t> f.value
    return True


cdef bint read_location(
    Cursor *c, const uint8_t *p, const uint8_t *end, Tables *t, int64_t i, int64_t *lines
) noexcept nogil:
    cdef const uint8_t *at
    cdef Field f
    t.location_id[i] = t.location_address[i] = t.want_mapping[i] = 0
    t.location_folded[i] = 0
    t.line_start[i] = lines[0]
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number == 4:
            if not message(c, at, &f) or not read_line(c, f.body, p, t, lines[0]):
                return False
            lines[0] += 1
        elif f.number <= 5:
            if not scalar(c, at, &f):
                return False
            if f.number == 1:
                t.location_id[i] = f.value
            elif f.number == 2:
                t.want_mapping[i] = f.value
            elif f.number == 3:
                t.location_address[i] = f.value
            else:
                t.location_folded[i] = f.value != 0
    return True


cdef bint read_tables(Cursor *c, const uint8_t *p, const uint8_t *end, Tables *t, Strings *s) noexcept nogil:
    cdef Field f
    cdef int64_t mappings = 0, locations = 0, functions = 0, lines = 0
    while p < end:
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number == 3:
            if not read_mapping(c, f.body, p, t, mappings, s):
                return False
            mappings += 1
        elif f.number == 4:
            if not read_location(c, f.body, p, t, locations, &lines):
                return False
            locations += 1
        elif f.number == 5:
            if not read_function(c, f.body, p, t, functions, s):
                return False
            functions += 1
    t.line_start[locations] = lines
    return True


cdef void read_strings(
    Cursor *c, const uint8_t *p, const uint8_t *end, uint8_t *data, int64_t *offset
) noexcept nogil:
    cdef Field f
    cdef int64_t i = 0, n = 0
    while p < end:
        p = read_field(c, p, end, &f)
        if p == NULL:
            return
        if f.number == 6:
            offset[i] = n
            memcpy(data + n, f.body, f.value)
            n += <int64_t> f.value
            i += 1
    offset[i] = n


cdef bint read_comments(
    Cursor *c, const uint8_t *p, const uint8_t *end, Strings *s, uint32_t *out
) noexcept nogil:
    cdef Field f
    cdef const uint8_t *q
    cdef const uint8_t *at
    cdef uint64_t value
    cdef int64_t i = 0
    while p < end:
        at = p
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number != 13:
            continue
        if f.wire == 0:
            if not string_at(c, at, s, f.value, &out[i]):
                return False
            i += 1
            continue
        q = f.body
        while q < p:
            q = varint(c, q, p, &value)
            if q == NULL or not string_at(c, at, s, value, &out[i]):
                return False
            i += 1
    return True


# ---- samples ----


cdef struct Samples:
    int64_t *values
    int64_t *stack_start
    uint32_t *stack
    int64_t *label_start
    uint32_t *label_key
    uint32_t *label_str
    int64_t *label_num
    uint32_t *label_unit


cdef inline uint64_t lengths_up_to_8(uint64_t word, const uint8_t **p) noexcept nogil:
    """The varint at the start of 8 readable bytes, if it has 8 bytes or less; without a branch on its
    length. Moves ``p``."""
    cdef uint64_t stops = ~word & <uint64_t> 0x8080808080808080ULL
    p[0] += (ctz(stops) >> 3) + 1
    word &= stops ^ (stops - 1)
    word = (word & 0x007F007F007F007FULL) | ((word & 0x7F007F007F007F00ULL) >> 1)
    word = (word & 0x00003FFF00003FFFULL) | ((word & 0x3FFF00003FFF0000ULL) >> 2)
    return (word & 0x0FFFFFFFULL) | ((word & 0x0FFFFFFF00000000ULL) >> 4)


cdef int64_t read_stack(
    Cursor *c, const uint8_t *at, Field *f, const IdMap *locations, uint32_t *out
) noexcept nogil:
    """Resolve location ids; how many there were, -1 where one cannot be."""
    cdef const uint8_t *p = f.body
    cdef const uint8_t *end
    cdef uint64_t id, word, n = locations.n
    cdef int64_t i = 0
    if f.wire == 0:
        out[0] = place_of(locations, f.value)
        if out[0] == NONE:
            fail_id(c, at, MISSING, f.value)
            return -1
        return 1
    end = f.body + f.value
    if locations.identity:
        while p < end:
            if end - p >= 8:
                word = load64(p)
                if (~word & <uint64_t> 0x8080808080808080ULL) != 0:
                    id = lengths_up_to_8(word, &p)
                else:
                    p = long_varint(c, p, end, &id)
            else:
                p = varint(c, p, end, &id)
            if p == NULL:
                return -1
            if id - 1 >= n:
                fail_id(c, at, MISSING, id)
                return -1
            out[i] = <uint32_t> (id - 1)
            i += 1
        return i
    while p < end:
        p = varint(c, p, end, &id)
        if p == NULL:
            return -1
        out[i] = place_of(locations, id)
        if out[i] == NONE:
            fail_id(c, at, MISSING, id)
            return -1
        i += 1
    return i


cdef int64_t read_values(Cursor *c, Field *f, int64_t *out) noexcept nogil:
    cdef const uint8_t *p = f.body
    cdef const uint8_t *end
    cdef uint64_t value
    cdef int64_t i = 0
    if f.wire == 0:
        out[0] = <int64_t> f.value
        return 1
    end = f.body + f.value
    while p < end:
        p = varint(c, p, end, &value)
        if p == NULL:
            return -1
        out[i] = <int64_t> value
        i += 1
    return i


cdef inline int text_order(Strings *s, uint32_t a, uint32_t b) noexcept nogil:
    cdef int64_t m = s.offset[a + 1] - s.offset[a], n = s.offset[b + 1] - s.offset[b]
    cdef int order
    if a == b:
        return 0
    order = memcmp(s.data + s.offset[a], s.data + s.offset[b], <size_t> (m if m < n else n))
    return order if order else -1 if m < n else 1 if m > n else 0


cdef inline bint label_before(Samples *t, Strings *s, int64_t a, int64_t b) noexcept nogil:
    """Strings before numbers, then by key."""
    cdef bint number_a = t.label_str[a] == 0, number_b = t.label_str[b] == 0
    if number_a != number_b:
        return number_b
    return text_order(s, t.label_key[a], t.label_key[b]) < 0


cdef inline void swap_labels(Samples *t, int64_t a, int64_t b) noexcept nogil:
    t.label_key[a], t.label_key[b] = t.label_key[b], t.label_key[a]
    t.label_str[a], t.label_str[b] = t.label_str[b], t.label_str[a]
    t.label_num[a], t.label_num[b] = t.label_num[b], t.label_num[a]
    t.label_unit[a], t.label_unit[b] = t.label_unit[b], t.label_unit[a]


cdef bint merge_sort(Samples *t, Strings *s, int64_t from_, int64_t n) noexcept nogil:
    """Labels of a sample with many; stable. False: no memory."""
    cdef int64_t *order = <int64_t *> malloc(<size_t> n * 8)
    cdef int64_t *other = <int64_t *> malloc(<size_t> n * 8)
    cdef uint32_t *column
    cdef int64_t *long_column
    cdef int64_t width = 1, lo, mid, hi, i, j, k
    if order == NULL or other == NULL:
        free(order)
        free(other)
        return False
    for i in range(n):
        order[i] = from_ + i
    while width < n:
        lo = 0
        while lo < n:
            mid = min(lo + width, n)
            hi = min(lo + 2 * width, n)
            i = lo
            j = mid
            for k in range(lo, hi):
                if i < mid and (j >= hi or not label_before(t, s, order[j], order[i])):
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
            lo = hi
        order, other = other, order
        width *= 2
    # each column through what the order no longer needs
    long_column = other
    column = <uint32_t *> other
    for i in range(n):
        column[i] = t.label_key[order[i]]
    memcpy(&t.label_key[from_], column, <size_t> n * 4)
    for i in range(n):
        column[i] = t.label_str[order[i]]
    memcpy(&t.label_str[from_], column, <size_t> n * 4)
    for i in range(n):
        column[i] = t.label_unit[order[i]]
    memcpy(&t.label_unit[from_], column, <size_t> n * 4)
    for i in range(n):
        long_column[i] = t.label_num[order[i]]
    memcpy(&t.label_num[from_], long_column, <size_t> n * 8)
    free(order)
    free(other)
    return True


cdef bint sort_labels(Samples *t, Strings *s, int64_t from_, int64_t to) noexcept nogil:
    cdef int64_t i, j
    if to - from_ > SHORT:
        return merge_sort(t, s, from_, to - from_)
    for i in range(from_ + 1, to):
        j = i
        while j > from_ and label_before(t, s, j, j - 1):
            swap_labels(t, j, j - 1)
            j -= 1
    return True


cdef bint read_samples(
    Cursor *c, const Mark *from_, const Mark *to, int64_t types, Samples *t, IdMap *locations, Strings *s
) noexcept nogil:
    """Samples between two marks. False: an error, or no memory (no error then)."""
    cdef const uint8_t *p = from_.at
    cdef const uint8_t *end = to.at
    cdef const uint8_t *q
    cdef const uint8_t *at
    cdef Field f, g
    cdef int64_t i = from_.sample, frame = from_.frame, value = from_.sample * types, label = from_.label
    cdef int64_t some
    cdef uint64_t[4] four
    while p < end:
        p = read_field(c, p, end, &f)
        if p == NULL:
            return False
        if f.number != 2:
            continue
        t.stack_start[i] = frame
        t.label_start[i] = label
        q = f.body
        while q < p:
            at = q
            q = read_field(c, q, p, &g)
            if q == NULL:
                return False
            if g.number == 1:
                some = read_stack(c, at, &g, locations, &t.stack[frame])
                if some < 0:
                    return False
                frame += some
            elif g.number == 2:
                some = read_values(c, &g, &t.values[value])
                if some < 0:
                    return False
                value += some
            elif g.number == 3:
                read_label(c, g.body, q, four)
                if not string_at(c, at, s, four[0], &t.label_key[label]):
                    return False
                if four[1]:
                    if not string_at(c, at, s, four[1], &t.label_str[label]):
                        return False
                    if t.label_str[label] == 0:
                        # a value that is empty, but not missing
                        t.label_str[label] = <uint32_t> s.blank
                    t.label_num[label] = 0
                    t.label_unit[label] = 0
                    label += 1
                elif four[2] or four[3]:
                    if not string_at(c, at, s, four[3], &t.label_unit[label]):
                        return False
                    t.label_str[label] = 0
                    t.label_num[label] = <int64_t> four[2]
                    label += 1
        if label - t.label_start[i] > 1 and not sort_labels(t, s, t.label_start[i], label):
            return False
        i += 1
    return True


cdef int no_error(Cursor *c) except -1:
    """Raise what went wrong."""
    if c.what != NULL:
        what = (<bytes> c.what).decode().format(id=c.id)
        raise ValueError(what if c.at == NULL else f"{what} at byte {c.at - c.start:,}")
    raise MemoryError


cdef class Decoder:
    cdef const uint8_t[::1] data
    cdef Counts n
    cdef Header h
    cdef Strings s
    cdef Tables t
    cdef Samples m
    cdef Marks marks
    cdef IdMap mappings
    cdef IdMap locations
    cdef IdMap functions
    cdef uint64_t *types
    cdef dict columns
    cdef dict header

    def __cinit__(self, const uint8_t[::1] data not None):
        cdef Cursor c
        cdef const uint8_t *p = &data[0] if data.shape[0] else NULL
        cdef bint ok
        self.data = data
        self.columns = {}
        self.types = <uint64_t *> malloc(2 * MOST_TYPES * 8)
        if self.types == NULL:
            raise MemoryError
        if data.shape[0] == 0:
            raise ValueError("no bytes")
        c = Cursor(p, p, NULL, 0)
        with nogil:
            ok = scan(&c, p, p + data.shape[0], &self.n, &self.h, self.types, &self.marks)
        if not ok:
            no_error(&c)
        self.check_counts(p)
        self.read(&c)
        self.read_header(&c)

    def __dealloc__(self):
        free(self.types)
        free(self.marks.mark)
        free(self.s.same)
        free(self.t.want_mapping)
        free(self.t.want_function)
        free_map(&self.mappings)
        free_map(&self.locations)
        free_map(&self.functions)

    cdef int check_counts(self, const uint8_t *start) except -1:
        cdef Counts *n = &self.n
        if n.samples and n.sample_types == 0:
            raise ValueError(f"{n.samples:,} samples, but no sample type")
        if n.samples and (n.fewest != n.sample_types or n.most != n.sample_types):
            at, count = n.fewest_at - start, n.fewest
            if count == n.sample_types:
                at, count = n.most_at - start, n.most
            raise ValueError(
                f"a sample with {count:,} values at byte {at:,}, but the profile has "
                f"{n.sample_types:,} sample types"
            )
        if n.strings == 0:
            raise ValueError("no string table")
        return 0

    cdef void *column(self, str name, str code, int64_t n) except NULL:
        """Room for a column of the answer."""
        cdef bytearray data = room(n, 1 if code == "B" else 4 if code == "I" else 8)
        self.columns[name] = view(data, code)
        return <void *> PyByteArray_AS_STRING(data)

    cdef int read(self, Cursor *c) except -1:
        """All but the samples."""
        cdef const uint8_t *p = c.start
        cdef const uint8_t *end = p + self.data.shape[0]
        cdef bint ok
        cdef int64_t i
        self.s.data = <const uint8_t *> self.column("string_data", "B", self.n.string_bytes)
        self.s.offset = <const int64_t *> self.column("string_offset", "q", self.n.strings + 1)
        cdef uint32_t *comments = <uint32_t *> self.column("comments", "I", self.n.comments)
        self.t.mapping_id = <uint64_t *> self.column("mapping_id", "Q", self.n.mappings)
        self.t.mapping_start = <uint64_t *> self.column("mapping_start", "Q", self.n.mappings)
        self.t.mapping_limit = <uint64_t *> self.column("mapping_limit", "Q", self.n.mappings)
        self.t.mapping_offset = <uint64_t *> self.column("mapping_offset", "Q", self.n.mappings)
        self.t.mapping_file = <uint32_t *> self.column("mapping_file", "I", self.n.mappings)
        self.t.mapping_build_id = <uint32_t *> self.column("mapping_build_id", "I", self.n.mappings)
        self.t.mapping_flags = <uint8_t *> self.column("mapping_flags", "B", self.n.mappings)
        self.t.location_id = <uint64_t *> self.column("location_id", "Q", self.n.locations)
        self.t.location_address = <uint64_t *> self.column("location_address", "Q", self.n.locations)
        self.t.location_mapping = <uint32_t *> self.column("location_mapping", "I", self.n.locations)
        self.t.location_folded = <uint8_t *> self.column("location_folded", "B", self.n.locations)
        self.t.line_start = <int64_t *> self.column("line_start", "q", self.n.locations + 1)
        self.t.line_function = <uint32_t *> self.column("line_function", "I", self.n.lines)
        self.t.line_line = <int64_t *> self.column("line_line", "q", self.n.lines)
        self.t.line_column = <int64_t *> self.column("line_column", "q", self.n.lines)
        self.t.function_id = <uint64_t *> self.column("function_id", "Q", self.n.functions)
        self.t.function_name = <uint32_t *> self.column("function_name", "I", self.n.functions)
        self.t.function_system_name = <uint32_t *> self.column("function_system_name", "I", self.n.functions)
        self.t.function_filename = <uint32_t *> self.column("function_filename", "I", self.n.functions)
        self.t.function_start_line = <int64_t *> self.column("function_start_line", "q", self.n.functions)
        self.m.values = <int64_t *> self.column("values", "q", self.n.samples * self.n.sample_types)
        self.m.stack_start = <int64_t *> self.column("stack_start", "q", self.n.samples + 1)
        self.m.stack = <uint32_t *> self.column("stack", "I", self.n.frames)
        self.m.label_start = <int64_t *> self.column("label_start", "q", self.n.samples + 1)
        self.m.label_key = <uint32_t *> self.column("label_key", "I", self.n.labels)
        self.m.label_str = <uint32_t *> self.column("label_str", "I", self.n.labels)
        self.m.label_num = <int64_t *> self.column("label_num", "q", self.n.labels)
        self.m.label_unit = <uint32_t *> self.column("label_unit", "I", self.n.labels)
        self.s.n = self.n.strings
        self.s.same = <uint32_t *> malloc(self.n.strings * 4)
        self.t.want_mapping = <uint64_t *> malloc(self.n.locations * 8 + 8)
        self.t.want_function = <uint64_t *> malloc(self.n.lines * 8 + 8)
        if self.s.same == NULL or self.t.want_mapping == NULL or self.t.want_function == NULL:
            raise MemoryError
        with nogil:
            read_strings(c, p, end, <uint8_t *> self.s.data, <int64_t *> self.s.offset)
            ok = (
                fold_strings(&self.s)
                and read_tables(c, p, end, &self.t, &self.s)
                and read_comments(c, p, end, &self.s, comments)
                and map_ids(
                    c, self.t.mapping_id, self.n.mappings, &self.mappings,
                    "a mapping has the id 0", "two mappings have the id {id}",
                )
                and map_ids(
                    c, self.t.location_id, self.n.locations, &self.locations,
                    "a location has the id 0", "two locations have the id {id}",
                )
                and map_ids(
                    c, self.t.function_id, self.n.functions, &self.functions,
                    "a function has the id 0", "two functions have the id {id}",
                )
            )
            if ok:
                for i in range(self.n.locations):
                    self.t.location_mapping[i] = place_of(&self.mappings, self.t.want_mapping[i])
                for i in range(self.n.lines):
                    self.t.line_function[i] = place_of(&self.functions, self.t.want_function[i])
                    if self.t.line_function[i] == NONE:
                        fail_id(
                            c, NULL, "a line refers to function {id}, which is not there",
                            self.t.want_function[i],
                        )
                        ok = False
                        break
        if not ok:
            no_error(c)
        self.m.stack_start[self.n.samples] = self.n.frames
        self.m.label_start[self.n.samples] = self.n.labels
        return 0

    cdef int read_header(self, Cursor *c) except -1:
        cdef uint32_t index
        cdef int64_t i
        self.header = {
            "time_nanos": self.h.time_nanos,
            "duration_nanos": self.h.duration_nanos,
            "period": self.h.period,
        }
        for name, value in (
            ("default_sample_type", self.h.default_sample_type),
            ("doc_url", self.h.doc_url),
            ("drop_frames", self.h.drop_frames),
            ("keep_frames", self.h.keep_frames),
            ("period_type", self.h.period_type),
            ("period_unit", self.h.period_unit),
        ):
            if not string_at(c, NULL, &self.s, value, &index):
                raise ValueError(f"{name}: a string that is not in the string table")
            self.header[name] = index
        sample_types = []
        for i in range(2 * self.n.sample_types):
            if not string_at(c, NULL, &self.s, self.types[i], &index):
                raise ValueError("the name of a sample type is not in the string table")
            sample_types.append(index)
        self.header["sample_types"] = sample_types
        return 0

    @property
    def parts(self):
        return self.marks.n - 1

    def read_samples(self, int64_t first, int64_t last):
        cdef Cursor c
        cdef bint ok
        cdef const uint8_t *p = &self.data[0]
        if not 0 <= first <= last < self.marks.n:
            raise ValueError("decode: parts that are not there")
        c = Cursor(p, p, NULL, 0)
        with nogil:
            ok = read_samples(
                &c, &self.marks.mark[first], &self.marks.mark[last], self.n.sample_types, &self.m,
                &self.locations, &self.s,
            )
        if not ok:
            no_error(&c)

    def result(self):
        return {"header": dict(self.header), **self.columns}
