# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""A profile.proto as flat columns. profile_decode.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from gosnap._kernels.profile_columns cimport HASH, ctz, load64, room, view

cdef enum:
    MOST_TYPES = 4096       # sample types of one profile; real ones have two or four
    SHORT = 16              # labels of one sample that are sorted by insertion

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


cdef bint scan(
    Cursor *c, const uint8_t *p, const uint8_t *end, Counts *n, Header *h, uint64_t *types
) noexcept nogil:
    """Count what there is; read the header. ``types``: 2 * MOST_TYPES numbers."""
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
    return True


# ---- columns ----


cdef struct Strings:
    const uint8_t *data
    const int64_t *offset
    int64_t n
    uint32_t *same          # the first string with the same bytes


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
    table = <uint32_t *> calloc(size, 4)
    if table == NULL:
        return False
    for i in range(s.n):
        p = s.data + s.offset[i]
        length = s.offset[i + 1] - s.offset[i]
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
    Cursor *c, const uint8_t *p, const uint8_t *end, Counts *n, Samples *t, IdMap *locations, Strings *s
) noexcept nogil:
    """False: an error, or no memory (no error then)."""
    cdef const uint8_t *q
    cdef const uint8_t *at
    cdef Field f, g
    cdef int64_t i = 0, frame = 0, value = 0, label = 0, some
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
                    t.label_num[label] = 0
                    t.label_unit[label] = 0
                    label += t.label_str[label] != 0
                elif four[2] or four[3]:
                    if not string_at(c, at, s, four[3], &t.label_unit[label]):
                        return False
                    t.label_str[label] = 0
                    t.label_num[label] = <int64_t> four[2]
                    label += 1
        if label - t.label_start[i] > 1 and not sort_labels(t, s, t.label_start[i], label):
            return False
        i += 1
    t.stack_start[i] = frame
    t.label_start[i] = label
    return True


cdef int no_error(Cursor *c) except -1:
    """Raise what went wrong."""
    if c.what != NULL:
        what = (<bytes> c.what).decode().format(id=c.id)
        raise ValueError(what if c.at == NULL else f"{what} at byte {c.at - c.start:,}")
    raise MemoryError


def decode(const uint8_t[::1] data not None):
    cdef const uint8_t *p = &data[0] if data.shape[0] else NULL
    cdef const uint8_t *end = p + data.shape[0]
    cdef Cursor c
    cdef Counts n
    cdef Header h
    cdef Strings s
    cdef Tables t
    cdef Samples m
    cdef IdMap mappings, locations, functions
    cdef uint64_t[2 * MOST_TYPES] types
    cdef bint ok
    cdef int64_t i
    cdef uint32_t index
    n = Counts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL)
    h = Header(0, 0, 0, 0, 0, 0, 0, 0, 0)
    mappings = IdMap(NULL, 0, NULL, NULL, 0, False, 0)
    locations = IdMap(NULL, 0, NULL, NULL, 0, False, 0)
    functions = IdMap(NULL, 0, NULL, NULL, 0, False, 0)
    c.start = p
    c.at = p
    c.what = NULL
    c.id = 0
    if data.shape[0] == 0:
        raise ValueError("no bytes")
    with nogil:
        ok = scan(&c, p, end, &n, &h, types)
    if not ok:
        no_error(&c)
    if n.samples and n.sample_types == 0:
        raise ValueError(f"{n.samples:,} samples, but no sample type")
    if n.samples and (n.fewest != n.sample_types or n.most != n.sample_types):
        at, count = n.fewest_at - p, n.fewest
        if count == n.sample_types:
            at, count = n.most_at - p, n.most
        raise ValueError(
            f"a sample with {count:,} values at byte {at:,}, but the profile has "
            f"{n.sample_types:,} sample types"
        )
    if n.strings == 0:
        raise ValueError("no string table")

    cdef bytearray string_data = room(n.string_bytes, 1)
    cdef bytearray string_offset = room(n.strings + 1, 8)
    cdef bytearray same = room(n.strings, 4)
    s.data = <uint8_t *> PyByteArray_AS_STRING(string_data)
    s.offset = <int64_t *> PyByteArray_AS_STRING(string_offset)
    s.n = n.strings
    s.same = <uint32_t *> PyByteArray_AS_STRING(same)
    cdef bytearray comments = room(n.comments, 4)
    cdef uint32_t *comment = <uint32_t *> PyByteArray_AS_STRING(comments)
    cdef bytearray mapping_id = room(n.mappings, 8)
    cdef bytearray mapping_start = room(n.mappings, 8)
    cdef bytearray mapping_limit = room(n.mappings, 8)
    cdef bytearray mapping_offset = room(n.mappings, 8)
    cdef bytearray mapping_file = room(n.mappings, 4)
    cdef bytearray mapping_build_id = room(n.mappings, 4)
    cdef bytearray mapping_flags = room(n.mappings, 1)
    cdef bytearray location_id = room(n.locations, 8)
    cdef bytearray location_address = room(n.locations, 8)
    cdef bytearray location_mapping = room(n.locations, 4)
    cdef bytearray location_folded = room(n.locations, 1)
    cdef bytearray line_start = room(n.locations + 1, 8)
    cdef bytearray line_function = room(n.lines, 4)
    cdef bytearray line_line = room(n.lines, 8)
    cdef bytearray line_column = room(n.lines, 8)
    cdef bytearray function_id = room(n.functions, 8)
    cdef bytearray function_name = room(n.functions, 4)
    cdef bytearray function_system_name = room(n.functions, 4)
    cdef bytearray function_filename = room(n.functions, 4)
    cdef bytearray function_start_line = room(n.functions, 8)
    cdef bytearray want_mapping = room(n.locations, 8)
    cdef bytearray want_function = room(n.lines, 8)
    t.mapping_id = <uint64_t *> PyByteArray_AS_STRING(mapping_id)
    t.mapping_start = <uint64_t *> PyByteArray_AS_STRING(mapping_start)
    t.mapping_limit = <uint64_t *> PyByteArray_AS_STRING(mapping_limit)
    t.mapping_offset = <uint64_t *> PyByteArray_AS_STRING(mapping_offset)
    t.mapping_file = <uint32_t *> PyByteArray_AS_STRING(mapping_file)
    t.mapping_build_id = <uint32_t *> PyByteArray_AS_STRING(mapping_build_id)
    t.mapping_flags = <uint8_t *> PyByteArray_AS_STRING(mapping_flags)
    t.location_id = <uint64_t *> PyByteArray_AS_STRING(location_id)
    t.location_address = <uint64_t *> PyByteArray_AS_STRING(location_address)
    t.location_mapping = <uint32_t *> PyByteArray_AS_STRING(location_mapping)
    t.location_folded = <uint8_t *> PyByteArray_AS_STRING(location_folded)
    t.line_start = <int64_t *> PyByteArray_AS_STRING(line_start)
    t.line_function = <uint32_t *> PyByteArray_AS_STRING(line_function)
    t.line_line = <int64_t *> PyByteArray_AS_STRING(line_line)
    t.line_column = <int64_t *> PyByteArray_AS_STRING(line_column)
    t.function_id = <uint64_t *> PyByteArray_AS_STRING(function_id)
    t.function_name = <uint32_t *> PyByteArray_AS_STRING(function_name)
    t.function_system_name = <uint32_t *> PyByteArray_AS_STRING(function_system_name)
    t.function_filename = <uint32_t *> PyByteArray_AS_STRING(function_filename)
    t.function_start_line = <int64_t *> PyByteArray_AS_STRING(function_start_line)
    t.want_mapping = <uint64_t *> PyByteArray_AS_STRING(want_mapping)
    t.want_function = <uint64_t *> PyByteArray_AS_STRING(want_function)
    cdef bytearray values = room(n.samples * n.sample_types, 8)
    cdef bytearray stack_start = room(n.samples + 1, 8)
    cdef bytearray stack = room(n.frames, 4)
    cdef bytearray label_start = room(n.samples + 1, 8)
    # a label without a value is written before it is known to be dropped
    cdef bytearray label_key = room(n.labels + 1, 4)
    cdef bytearray label_str = room(n.labels + 1, 4)
    cdef bytearray label_num = room(n.labels + 1, 8)
    cdef bytearray label_unit = room(n.labels + 1, 4)
    m.values = <int64_t *> PyByteArray_AS_STRING(values)
    m.stack_start = <int64_t *> PyByteArray_AS_STRING(stack_start)
    m.stack = <uint32_t *> PyByteArray_AS_STRING(stack)
    m.label_start = <int64_t *> PyByteArray_AS_STRING(label_start)
    m.label_key = <uint32_t *> PyByteArray_AS_STRING(label_key)
    m.label_str = <uint32_t *> PyByteArray_AS_STRING(label_str)
    m.label_num = <int64_t *> PyByteArray_AS_STRING(label_num)
    m.label_unit = <uint32_t *> PyByteArray_AS_STRING(label_unit)
    try:
        with nogil:
            read_strings(&c, p, end, <uint8_t *> s.data, <int64_t *> s.offset)
            ok = (
                fold_strings(&s)
                and read_tables(&c, p, end, &t, &s)
                and read_comments(&c, p, end, &s, comment)
                and map_ids(
                    &c, t.mapping_id, n.mappings, &mappings,
                    "a mapping has the id 0", "two mappings have the id {id}",
                )
                and map_ids(
                    &c, t.location_id, n.locations, &locations,
                    "a location has the id 0", "two locations have the id {id}",
                )
                and map_ids(
                    &c, t.function_id, n.functions, &functions,
                    "a function has the id 0", "two functions have the id {id}",
                )
            )
            if ok:
                for i in range(n.locations):
                    t.location_mapping[i] = place_of(&mappings, t.want_mapping[i])
                for i in range(n.lines):
                    t.line_function[i] = place_of(&functions, t.want_function[i])
                    if t.line_function[i] == NONE:
                        fail_id(
                            &c, NULL, "a line refers to function {id}, which is not there", t.want_function[i]
                        )
                        ok = False
                        break
            ok = ok and read_samples(&c, p, end, &n, &m, &locations, &s)
        if not ok:
            no_error(&c)
    finally:
        free_map(&mappings)
        free_map(&locations)
        free_map(&functions)

    header = {}
    for name, value in (
        ("default_sample_type", h.default_sample_type),
        ("doc_url", h.doc_url),
        ("drop_frames", h.drop_frames),
        ("keep_frames", h.keep_frames),
        ("period_type", h.period_type),
        ("period_unit", h.period_unit),
    ):
        if not string_at(&c, c.start, &s, value, &index):
            raise ValueError(f"{name}: a string that is not in the string table")
        header[name] = index
    sample_types = []
    for i in range(2 * n.sample_types):
        if not string_at(&c, c.start, &s, types[i], &index):
            raise ValueError("the name of a sample type is not in the string table")
        sample_types.append(index)
    header["sample_types"] = sample_types
    header["time_nanos"] = h.time_nanos
    header["duration_nanos"] = h.duration_nanos
    header["period"] = h.period
    labels = (<int64_t *> PyByteArray_AS_STRING(label_start))[n.samples]
    return {
        "header": header,
        "comments": view(comments, "I"),
        "string_data": view(string_data, "B"),
        "string_offset": view(string_offset, "q"),
        "values": view(values, "q"),
        "stack_start": view(stack_start, "q"),
        "stack": view(stack, "I"),
        "label_start": view(label_start, "q"),
        "label_key": view(label_key, "I")[:labels],
        "label_str": view(label_str, "I")[:labels],
        "label_num": view(label_num, "q")[:labels],
        "label_unit": view(label_unit, "I")[:labels],
        "mapping_id": view(mapping_id, "Q"),
        "mapping_start": view(mapping_start, "Q"),
        "mapping_limit": view(mapping_limit, "Q"),
        "mapping_offset": view(mapping_offset, "Q"),
        "mapping_file": view(mapping_file, "I"),
        "mapping_build_id": view(mapping_build_id, "I"),
        "mapping_flags": view(mapping_flags, "B"),
        "location_id": view(location_id, "Q"),
        "location_address": view(location_address, "Q"),
        "location_mapping": view(location_mapping, "I"),
        "location_folded": view(location_folded, "B"),
        "line_start": view(line_start, "q"),
        "line_function": view(line_function, "I"),
        "line_line": view(line_line, "q"),
        "line_column": view(line_column, "q"),
        "function_id": view(function_id, "Q"),
        "function_name": view(function_name, "I"),
        "function_system_name": view(function_system_name, "I"),
        "function_filename": view(function_filename, "I"),
        "function_start_line": view(function_start_line, "q"),
    }
