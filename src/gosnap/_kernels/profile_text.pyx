# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Long text from the columns of a profile, in pieces. profile_text.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport frexp
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcpy, memset

cdef enum:
    PIECE = 1 << 18         # bytes that are written at once
    INDENT = 13             # of a frame, behind the column of values
    MOST_LINES = 8 << 20    # bytes of frames that are kept ready to be written
    NUMBER = 352            # the longest number: that of the largest double, its sign, two decimals


# ---- numbers ----


cdef inline int put_unsigned(char *at, uint64_t v) noexcept nogil:
    """Its digits; how many."""
    cdef char digits[20]
    cdef int n = 0, i
    while True:
        digits[n] = <char> (48 + v % 10)
        n += 1
        v //= 10
        if v == 0:
            break
    for i in range(n):
        at[i] = digits[n - 1 - i]
    return n


cdef inline int put_signed(char *at, int64_t v) noexcept nogil:
    if v < 0:
        at[0] = 45
        return 1 + put_unsigned(at + 1, 0 - <uint64_t> v)
    return put_unsigned(at, <uint64_t> v)


cdef inline int put_hex(char *at, uint64_t v, int width) noexcept nogil:
    """Hexadecimal digits, at least ``width``."""
    cdef int n = 1, i
    cdef uint64_t left = v >> 4
    while left:
        n += 1
        left >>= 4
    if n < width:
        n = width
    for i in range(n):
        at[n - 1 - i] = "0123456789abcdef"[v & 15]
        v >>= 4
    return n


cdef int put_decimal(char *at, double v) noexcept nogil:
    """As "%.2f" prints it, without ".00"; exact: half a cent goes to the even one. What is 0 is "0"."""
    cdef double x = -v if v < 0 else v
    cdef int exponent, n = 0
    cdef uint64_t mantissa, whole, rest, half, cents
    if x >= 4503599627370496.0:
        # no fraction; the point of a locale does not occur
        return snprintf(at, NUMBER, "%.0f", v)
    mantissa = <uint64_t> (frexp(x, &exponent) * 9007199254740992.0)
    exponent -= 53
    if exponent <= -64:
        return put_unsigned(at, 0)
    # x is mantissa / 2**-exponent, with 1 <= -exponent <= 63
    mantissa *= 100
    whole = mantissa >> -exponent
    rest = mantissa & ((<uint64_t> 1 << -exponent) - 1)
    half = <uint64_t> 1 << (-exponent - 1)
    if rest > half or (rest == half and whole & 1):
        whole += 1
    if whole == 0:
        return put_unsigned(at, 0)
    if v < 0:
        at[0] = 45
        n = 1
    cents = whole % 100
    n += put_unsigned(at + n, whole // 100)
    if cents:
        at[n] = 46
        at[n + 1] = <char> (48 + cents // 10)
        at[n + 2] = <char> (48 + cents % 10)
        n += 3
    return n


cdef class Values:
    def __init__(self, double base, list factors, list names, int chosen, int smallest, double ratio=0.0):
        cdef int i
        self.n = <int> len(factors)
        if not 0 < self.n <= MOST_UNITS or len(names) != self.n or not -1 <= chosen < self.n:
            raise ValueError("Values: no such unit")
        if not 0 <= smallest < self.n:
            raise ValueError("Values: no such unit")
        self.base = base
        self.ratio = ratio
        self.chosen = chosen
        self.smallest = smallest
        self.names = [bytes(name) for name in names]
        for i in range(self.n):
            self.factor[i] = factors[i]
            self.name[i] = PyBytes_AS_STRING(self.names[i])
            self.size[i] = len(self.names[i])
            self.width[i] = runes(self.name[i], self.size[i])

    cdef int put(self, int64_t v, char *at, int *unit) noexcept nogil:
        """The number, at most NUMBER bytes, and which unit follows it, -1 for none."""
        cdef double x
        cdef int i, best = self.chosen
        cdef int n
        cdef bint negative = INT64_MIN < v < 0
        if self.ratio > 0 and self.ratio != 1:
            x = <double> v * self.ratio
            v = <int64_t> x if -9223372036854775808.0 <= x < 9223372036854775808.0 else INT64_MIN
            negative = INT64_MIN < v < 0
        if negative:
            v = -v
        x = <double> v * self.base
        if best < 0:
            best = self.smallest
            for i in range(self.n):
                if x / self.factor[i] >= 1.0 and self.factor[i] >= (self.factor[best] if i > 0 else 0):
                    best = i
        x = x / self.factor[best]
        n = put_decimal(at, -x if negative else x)
        unit[0] = -1 if n == 1 and at[0] == 48 else best
        return n

    def text(self, int64_t value):
        cdef char number[NUMBER]
        cdef int unit
        cdef int n = self.put(value, number, &unit)
        return number[:n] + (self.names[unit] if unit >= 0 else b"")


# ---- where text goes ----


cdef class Out:

    def __init__(self, write):
        self.write = write
        self.room = bytearray(PIECE)
        self.at = PyByteArray_AS_STRING(self.room)
        self.used = 0
        self.written = 0

    cpdef int flush(self) except -1:
        if self.used:
            n, self.used = self.used, 0
            self.written += n
            with memoryview(self.room) as whole, whole[:n] as part:
                self.write(part)
        return 0

    def put(self, bytes data):
        self.text(PyBytes_AS_STRING(data), len(data))

    cdef int text(self, const char *data, int64_t n) except -1 nogil:
        cdef int64_t part
        if n <= PIECE - self.used:
            memcpy(self.at + self.used, data, n)
            self.used += n
            return 0
        while n:
            if self.used == PIECE:
                with gil:
                    self.flush()
            part = PIECE - self.used if n > PIECE - self.used else n
            memcpy(self.at + self.used, data, part)
            self.used += part
            data += part
            n -= part
        return 0

    cdef int need(self, int64_t n) except -1 nogil:
        """Room for n bytes, n no more than PIECE, at ``at + used``."""
        if PIECE - self.used < n:
            with gil:
                self.flush()
        return 0

    cdef int spaces(self, int64_t n) except -1 nogil:
        if n > 0:
            self.need(n)
            memset(self.at + self.used, 32, n)
            self.used += n
        return 0

    cdef int char(self, char c) except -1 nogil:
        self.need(1)
        self.at[self.used] = c
        self.used += 1
        return 0

    cdef int signed(self, int64_t v, int width) except -1 nogil:
        """The number, at the right of ``width`` columns."""
        cdef char number[24]
        cdef int n = put_signed(number, v)
        self.spaces(width - n)
        return self.text(number, n)

    cdef int unsigned(self, uint64_t v, int width) except -1 nogil:
        cdef char number[24]
        cdef int n = put_unsigned(number, v)
        self.spaces(width - n)
        return self.text(number, n)

    cdef int hex(self, uint64_t v, int width) except -1 nogil:
        cdef char number[24]
        return self.text(number, put_hex(number, v, width))

    cdef int value(self, Values values, int64_t v, int width) except -1 nogil:
        cdef char number[NUMBER]
        cdef int unit
        cdef int n = values.put(v, number, &unit)
        cdef int64_t columns = n + (values.width[unit] if unit >= 0 else 0)
        self.spaces(width - columns)
        self.text(number, n)
        if unit >= 0:
            self.text(values.name[unit], values.size[unit])
        return 0


cdef int64_t runes(const char *text, int64_t n) noexcept nogil:
    """Columns of UTF-8, as Go's fmt pads it."""
    cdef int64_t i, count = 0
    for i in range(n):
        count += (<uint8_t> text[i] & 0xC0) != 0x80
    return count


cdef struct Strings:
    const char *data
    const int64_t *offset
    int64_t n


cdef Strings strings_of(const uint8_t[::1] data, const int64_t[::1] offset) except *:
    cdef Strings s
    cdef int64_t i
    s.n = offset.shape[0] - 1
    if s.n < 1 or offset[0] != 0 or offset[s.n] != data.shape[0]:
        raise ValueError("strings: offsets do not fit")
    for i in range(s.n):
        if offset[i + 1] < offset[i]:
            raise ValueError("strings: one ends before it begins")
    s.data = <const char *> &data[0] if data.shape[0] else NULL
    s.offset = &offset[0]
    return s


cdef inline int put_string(Out out, const Strings *s, uint32_t i) except -1 nogil:
    return out.text(s.data + s.offset[i], s.offset[i + 1] - s.offset[i])


cdef inline bint is_empty(const Strings *s, uint32_t i) noexcept nogil:
    return s.offset[i + 1] == s.offset[i]


cdef int check_references(str what, const uint32_t[::1] items, int64_t limit) except -1:
    cdef int64_t i
    cdef uint32_t most = 0
    for i in range(items.shape[0]):
        if items[i] > most:
            most = items[i]
    if items.shape[0] and most >= limit:
        raise ValueError(f"{what}: {most:,} is beyond the {limit:,} that there are")
    return 0


cdef int check_starts(str what, const int64_t[::1] starts, int64_t n, int64_t items) except -1:
    cdef int64_t i
    if starts.shape[0] != n + 1 or starts[0] != 0 or starts[n] != items:
        raise ValueError(f"{what}: offsets do not fit")
    for i in range(n):
        if starts[i + 1] < starts[i]:
            raise ValueError(f"{what}: number {i:,} ends before it begins")
    return 0


# ---- labels of a sample ----


cdef struct Group:
    # labels of one key, as they stand in the columns
    const char *key
    int64_t size
    int64_t pad             # spaces that are printed before the key, and are sorted by
    const char *end         # what is printed behind it
    int64_t first
    int64_t last


cdef struct Groups:
    Group *at
    int64_t n
    int64_t room


cdef inline int key_char(const Group *g, int64_t i) noexcept nogil:
    """Of the key as it is printed, with what follows."""
    if i < g.pad:
        return 32
    i -= g.pad
    if i < g.size:
        return <uint8_t> g.key[i]
    i -= g.size
    return <uint8_t> g.end[i] if i < 3 else -1


cdef int compare_groups(const void *a, const void *b) noexcept nogil:
    cdef const Group *x = <const Group *> a
    cdef const Group *y = <const Group *> b
    cdef int64_t i = 0
    cdef int c, d
    while True:
        c = key_char(x, i)
        d = key_char(y, i)
        if c != d:
            return -1 if c < d else 1
        if c < 0:
            return -1 if x.first < y.first else 1
        i += 1


cdef int group_labels(
    Groups *groups, const Strings *s, const uint32_t *key, int64_t first, int64_t last, bint padded
) except -1 nogil:
    """The labels from first to last, those of a key together, in the order in which they are printed."""
    cdef int64_t i = first, room
    cdef Group *more
    cdef Group *g
    groups.n = 0
    while i < last:
        if groups.n == groups.room:
            room = groups.room * 2 + 8
            more = <Group *> realloc(groups.at, room * sizeof(Group))
            if more == NULL:
                with gil:
                    raise MemoryError
            groups.at = more
            groups.room = room
        g = &groups.at[groups.n]
        groups.n += 1
        g.key = s.data + s.offset[key[i]]
        g.size = s.offset[key[i] + 1] - s.offset[key[i]]
        g.pad = 10 - runes(g.key, g.size) if padded else 0
        if g.pad < 0:
            g.pad = 0
        g.end = ":  " if padded else ":[ "
        g.first = i
        while i < last and key[i] == key[g.first]:
            i += 1
        g.last = i
    if groups.n > 1:
        qsort(groups.at, groups.n, sizeof(Group), compare_groups)
    return 0


cdef inline int64_t numbers_from(const uint32_t *text, int64_t first, int64_t last) noexcept nogil:
    """Where the strings end and the numbers begin."""
    while first < last and text[first]:
        first += 1
    return first


# ---- traces ----


cdef const char *RULE = b"-----------+-------------------------------------------------------\n"


cdef struct Nodes:
    const uint32_t *name
    const uint32_t *file
    const uint32_t *objfile
    const uint64_t *address
    const int64_t *line
    const int64_t *column


cdef int put_node(Out out, const Nodes *nodes, const Strings *s, uint32_t node) except -1 nogil:
    """How a node is called: gosnap.profile.names.printable."""
    cdef bint begun = False
    cdef const char *base
    cdef int64_t begin, end
    if nodes.address[node]:
        out.hex(nodes.address[node], 16)
        begun = True
    if not is_empty(s, nodes.name[node]):
        if begun:
            out.char(32)
        put_string(out, s, nodes.name[node])
        begun = True
    if nodes.line[node]:
        if begun:
            out.char(32)
        put_string(out, s, nodes.file[node])
        out.char(58)
        out.signed(nodes.line[node], 0)
        if nodes.column[node]:
            out.char(58)
            out.signed(nodes.column[node], 0)
    elif not is_empty(s, nodes.file[node]):
        if begun:
            out.char(32)
        put_string(out, s, nodes.file[node])
    elif is_empty(s, nodes.name[node]):
        if begun:
            out.char(32)
        base = s.data + s.offset[nodes.objfile[node]]
        end = s.offset[nodes.objfile[node] + 1] - s.offset[nodes.objfile[node]]
        if end == 0:
            return out.text("<unknown>", 9)
        # the last element, as Go's path/filepath.Base
        while end > 1 and base[end - 1] == 47:
            end -= 1
        begin = end - 1
        while begin > 0 and base[begin - 1] != 47:
            begin -= 1
        out.char(91)
        out.text(base + begin, end - begin)
        out.char(93)
    return 0


cdef tuple lines_of(const Nodes *nodes, const Strings *s, int64_t n):
    """(text, where in it each node's line begins): indented, with its end; None where that were too much."""
    cdef int64_t i, most = 0
    for i in range(n):
        most += 128
        for place in (nodes.name[i], nodes.file[i], nodes.objfile[i]):
            most += s.offset[<int64_t> place + 1] - s.offset[<int64_t> place]
        if most > MOST_LINES:
            return None
    parts = []
    out = Out(lambda piece: parts.append(bytes(piece)))
    starts = bytearray((n + 1) * 8)
    cdef int64_t *start = <int64_t *> PyByteArray_AS_STRING(starts)
    for i in range(n):
        start[i] = out.written + out.used
        out.spaces(INDENT)
        put_node(out, nodes, s, <uint32_t> i)
        out.char(10)
    start[n] = out.written + out.used
    out.flush()
    return b"".join(parts), starts


def traces(
    Out out not None,
    Values shown not None,
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const int64_t[::1] frame_start not None,
    const uint32_t[::1] frame_node not None,
    node_columns not None,
    const int64_t[::1] label_start not None,
    const uint32_t[::1] label_key not None,
    const uint32_t[::1] label_str not None,
    const int64_t[::1] label_num not None,
    const uint32_t[::1] key_unit not None,
    list units not None,
    const uint8_t[::1] string_data not None,
    const int64_t[::1] string_offset not None,
):
    cdef const uint32_t[::1] name, file, objfile
    cdef const uint64_t[::1] address
    cdef const int64_t[::1] line, column
    cdef Nodes nodes
    cdef Strings s = strings_of(string_data, string_offset)
    cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1
    cdef int64_t i, j, k, n, g, middle, v, d
    cdef bint top
    cdef Values unit
    cdef Groups groups
    cdef const uint32_t *keys
    cdef const uint32_t *texts
    cdef const char *ready = NULL
    cdef const int64_t *begins = NULL
    cdef int64_t at, node
    cdef bint last
    name, file, objfile, address, line, column = node_columns
    n = name.shape[0]
    if samples < 0 or locations < 0 or types < 1 or not 0 <= index < types or not -1 <= divisor < types:
        raise ValueError("traces: no such sample type")
    if (
        values.shape[0] != samples * types or file.shape[0] != n or objfile.shape[0] != n
        or address.shape[0] != n or line.shape[0] != n or column.shape[0] != n
        or label_str.shape[0] != label_key.shape[0] or label_num.shape[0] != label_key.shape[0]
        or key_unit.shape[0] != s.n
    ):
        raise ValueError("traces: columns differ in length")
    check_starts("stacks", stack_start, samples, stack.shape[0])
    check_starts("labels", label_start, samples, label_key.shape[0])
    check_starts("frames", frame_start, locations, frame_node.shape[0])
    check_references("stacks", stack, locations)
    check_references("frames", frame_node, n)
    check_references("labels", label_key, s.n)
    check_references("labels", label_str, s.n)
    check_references("units", key_unit, len(units))
    check_references("names", name, s.n)
    check_references("names", file, s.n)
    check_references("names", objfile, s.n)
    for unit in units:
        if unit is None:
            raise ValueError("traces: no unit")
    nodes.name = &name[0] if n else NULL
    nodes.file = &file[0] if n else NULL
    nodes.objfile = &objfile[0] if n else NULL
    nodes.address = &address[0] if n else NULL
    nodes.line = &line[0] if n else NULL
    nodes.column = &column[0] if n else NULL
    keys = &label_key[0] if label_key.shape[0] else NULL
    texts = &label_str[0] if label_key.shape[0] else NULL
    groups = Groups(NULL, 0, 0)
    # the same few frames are written time and again
    lines = lines_of(&nodes, &s, n) if stack.shape[0] > 4 * n else None
    if lines is not None:
        ready = PyBytes_AS_STRING(lines[0])
        begins = <const int64_t *> PyByteArray_AS_STRING(lines[1])
    try:
        with nogil:
            for i in range(samples):
                if stack_start[i] == stack_start[i + 1]:
                    continue
                out.text(RULE, 68)
                if label_start[i] != label_start[i + 1]:
                    middle = numbers_from(texts, label_start[i], label_start[i + 1])
                    group_labels(&groups, &s, keys, label_start[i], middle, True)
                    for g in range(groups.n):
                        out.spaces(groups.at[g].pad)
                        out.text(groups.at[g].key, groups.at[g].size)
                        out.text(":  ", 3)
                        for k in range(groups.at[g].first, groups.at[g].last):
                            if k > groups.at[g].first:
                                out.char(32)
                            put_string(out, &s, texts[k])
                        out.char(10)
                    group_labels(&groups, &s, keys, middle, label_start[i + 1], True)
                    for g in range(groups.n):
                        out.spaces(groups.at[g].pad)
                        out.text(groups.at[g].key, groups.at[g].size)
                        out.text(":  ", 3)
                        with gil:
                            unit = <Values> units[key_unit[keys[groups.at[g].first]]]
                        for k in range(groups.at[g].first, groups.at[g].last):
                            if k > groups.at[g].first:
                                out.char(32)
                            out.value(unit, label_num[k], 0)
                        out.char(10)
                v = values[i * types + index]
                if divisor >= 0:
                    d = values[i * types + divisor]
                    if d == -1:
                        v = <int64_t> (0 - <uint64_t> v)
                    elif d:
                        v = v // d
                top = True
                for j in range(stack_start[i], stack_start[i + 1]):
                    for k in range(frame_start[stack[j]], frame_start[stack[j] + 1]):
                        node = frame_node[k]
                        last = k == frame_start[stack[j] + 1] - 1
                        if ready != NULL and last and not top:
                            out.text(ready + begins[node], begins[node + 1] - begins[node])
                            continue
                        if top:
                            out.value(shown, v, 10)
                            out.spaces(3)
                            top = False
                        else:
                            out.spaces(INDENT)
                        if ready != NULL:
                            at = begins[node] + INDENT
                            out.text(ready + at, begins[node + 1] - at - 1)
                        else:
                            put_node(out, &nodes, &s, node)
                        if last:
                            out.char(10)
                        else:
                            out.text(" (inline)\n", 10)
            out.text(RULE, 68)
    finally:
        free(groups.at)
    out.flush()


# ---- raw ----


def raw_samples(
    Out out not None,
    const int64_t[::1] values not None,
    int64_t types,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const uint64_t[::1] location_id not None,
    const int64_t[::1] label_start not None,
    const uint32_t[::1] label_key not None,
    const uint32_t[::1] label_str not None,
    const int64_t[::1] label_num not None,
    const uint32_t[::1] label_unit not None,
    const uint8_t[::1] string_data not None,
    const int64_t[::1] string_offset not None,
):
    cdef Strings s = strings_of(string_data, string_offset)
    cdef int64_t samples = stack_start.shape[0] - 1, i, j, k, g, middle, labels = label_key.shape[0]
    cdef bint with_units
    cdef Groups groups
    cdef const uint32_t *keys
    cdef const uint32_t *texts
    if samples < 0 or types < 0 or values.shape[0] != samples * types:
        raise ValueError("raw_samples: no such sample types")
    if label_str.shape[0] != labels or label_num.shape[0] != labels or label_unit.shape[0] != labels:
        raise ValueError("raw_samples: columns differ in length")
    check_starts("stacks", stack_start, samples, stack.shape[0])
    check_starts("labels", label_start, samples, labels)
    check_references("stacks", stack, location_id.shape[0])
    check_references("labels", label_key, s.n)
    check_references("labels", label_str, s.n)
    check_references("labels", label_unit, s.n)
    keys = &label_key[0] if labels else NULL
    texts = &label_str[0] if labels else NULL
    groups = Groups(NULL, 0, 0)
    try:
        with nogil:
            for i in range(samples):
                for j in range(types):
                    out.char(32)
                    out.signed(values[i * types + j], 10)
                out.text(": ", 2)
                for j in range(stack_start[i], stack_start[i + 1]):
                    out.need(24)
                    out.used += put_unsigned(out.at + out.used, location_id[stack[j]])
                    out.at[out.used] = 32
                    out.used += 1
                out.char(10)
                if label_start[i] == label_start[i + 1]:
                    continue
                middle = numbers_from(texts, label_start[i], label_start[i + 1])
                group_labels(&groups, &s, keys, label_start[i], middle, False)
                for g in range(groups.n):
                    out.spaces(1 if g else 16)
                    out.text(groups.at[g].key, groups.at[g].size)
                    out.text(":[", 2)
                    for k in range(groups.at[g].first, groups.at[g].last):
                        if k > groups.at[g].first:
                            out.char(32)
                        put_string(out, &s, texts[k])
                    out.char(93)
                if groups.n:
                    out.char(10)
                group_labels(&groups, &s, keys, middle, label_start[i + 1], False)
                for g in range(groups.n):
                    out.spaces(1 if g else 16)
                    out.text(groups.at[g].key, groups.at[g].size)
                    out.text(":[", 2)
                    with_units = False
                    for k in range(groups.at[g].first, groups.at[g].last):
                        with_units = with_units or label_unit[k] != 0
                    for k in range(groups.at[g].first, groups.at[g].last):
                        if k > groups.at[g].first:
                            out.char(32)
                        out.signed(label_num[k], 0)
                        if with_units:
                            out.char(32)
                            put_string(out, &s, label_unit[k])
                    out.char(93)
                if groups.n:
                    out.char(10)
    finally:
        free(groups.at)
    out.flush()


def raw_locations(
    Out out not None,
    const uint64_t[::1] location_id not None,
    const uint64_t[::1] location_address not None,
    const uint32_t[::1] location_mapping not None,
    const uint8_t[::1] location_folded not None,
    const uint64_t[::1] mapping_id not None,
    const int64_t[::1] line_start not None,
    const uint32_t[::1] line_function not None,
    const int64_t[::1] line_line not None,
    const int64_t[::1] line_column not None,
    const uint32_t[::1] function_name not None,
    const uint32_t[::1] function_system_name not None,
    const uint32_t[::1] function_filename not None,
    const int64_t[::1] function_start_line not None,
    const uint8_t[::1] string_data not None,
    const int64_t[::1] string_offset not None,
):
    cdef Strings s = strings_of(string_data, string_offset)
    cdef int64_t locations = location_id.shape[0], lines = line_function.shape[0], i, j
    cdef int64_t functions = function_name.shape[0]
    cdef uint32_t f
    if (
        location_address.shape[0] != locations or location_mapping.shape[0] != locations
        or location_folded.shape[0] != locations
        or line_line.shape[0] != lines or line_column.shape[0] != lines
        or function_system_name.shape[0] != functions or function_filename.shape[0] != functions
        or function_start_line.shape[0] != functions
    ):
        raise ValueError("raw_locations: columns differ in length")
    check_starts("lines", line_start, locations, lines)
    check_references("lines", line_function, functions)
    check_references("names", function_name, s.n)
    check_references("names", function_system_name, s.n)
    check_references("names", function_filename, s.n)
    with nogil:
        for i in range(locations):
            out.unsigned(location_id[i], 6)
            out.text(": 0x", 4)
            out.hex(location_address[i], 1)
            out.char(32)
            if location_mapping[i] < mapping_id.shape[0]:
                out.text("M=", 2)
                out.unsigned(mapping_id[location_mapping[i]], 0)
                out.char(32)
            if location_folded[i]:
                out.text("[F] ", 4)
            if line_start[i] == line_start[i + 1]:
                out.char(10)
            for j in range(line_start[i], line_start[i + 1]):
                if j > line_start[i]:
                    out.spaces(13)
                f = line_function[j]
                put_string(out, &s, function_name[f])
                out.char(32)
                put_string(out, &s, function_filename[f])
                out.char(58)
                out.signed(line_line[j], 0)
                out.char(58)
                out.signed(line_column[j], 0)
                out.text(" s=", 3)
                out.signed(function_start_line[f], 0)
                if function_name[f] != function_system_name[f]:
                    out.char(40)
                    put_string(out, &s, function_system_name[f])
                    out.char(41)
                out.char(10)
    out.flush()
