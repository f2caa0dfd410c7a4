# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Columns as a profile.proto. profile_encode.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    VARINT = 10             # bytes of the longest number
    TAGGED = 11             # with its field


cdef class Writer:
    """Bytes that grow; the fields of a profile."""
    cdef uint8_t *at
    cdef int64_t n
    cdef int64_t room
    # one message, before its length is known
    cdef uint8_t *body
    cdef int64_t body_room

    def __dealloc__(self):
        free(self.at)
        free(self.body)

    cdef bint need(self, int64_t n) noexcept nogil:
        """Room for n bytes more. False: no memory."""
        cdef int64_t want
        cdef uint8_t *at
        if self.room - self.n >= n:
            return True
        want = self.room + (self.room >> 1) + n + 4096
        at = <uint8_t *> realloc(self.at, want)
        if at == NULL:
            return False
        self.at = at
        self.room = want
        return True

    cdef uint8_t *message(self, int64_t n) noexcept nogil:
        """Where a message of at most n bytes is put together; NULL: no memory."""
        cdef uint8_t *at
        if n > self.body_room:
            at = <uint8_t *> realloc(self.body, n + 4096)
            if at == NULL:
                return NULL
            self.body = at
            self.body_room = n + 4096
        return self.body

    cdef bint finish(self, int field, const uint8_t *p, int64_t length) noexcept nogil:
        """A length-delimited field. False: no memory."""
        cdef uint8_t *to
        if not self.need(length + 2 * VARINT):
            return False
        to = self.at + self.n
        to = varint(to, <uint64_t> (field << 3 | 2))
        to = varint(to, <uint64_t> length)
        if length:
            memcpy(to, p, length)
        self.n = to + length - self.at
        return True

    def field(self, int number, value not None, bint always=False):
        """An int64 or uint64 field of the profile itself."""
        cdef uint8_t *to
        if value == 0 and not always:
            return
        if not self.need(2 * VARINT):
            raise MemoryError
        to = varint(self.at + self.n, <uint64_t> (number << 3))
        to = varint(to, <uint64_t> (value & 0xFFFFFFFFFFFFFFFF))
        self.n = to - self.at

    def value_type(self, int number, uint64_t type_, uint64_t unit):
        """A ValueType."""
        cdef uint8_t *start = self.message(2 * TAGGED)
        cdef uint8_t *p = start
        if p == NULL:
            raise MemoryError
        p = tagged(p, 1, type_)
        p = tagged(p, 2, unit)
        if not self.finish(number, start, p - start):
            raise MemoryError

    def comments(self, const uint32_t[::1] comments not None, const uint32_t[::1] strings not None):
        cdef int64_t i
        for i in range(comments.shape[0]):
            if comments[i] >= strings.shape[0]:
                raise ValueError("encode: a string that is not there")
        # packed above two, as pprof writes them
        cdef uint8_t *start = self.message(comments.shape[0] * TAGGED)
        cdef uint8_t *p = start
        if start == NULL:
            raise MemoryError
        for i in range(comments.shape[0]):
            if comments.shape[0] <= 2:
                p = varint(p, 13 << 3)
            p = varint(p, strings[comments[i]])
        if comments.shape[0] > 2:
            if not self.finish(13, start, p - start):
                raise MemoryError
        elif p > start:
            if not self.need(p - start):
                raise MemoryError
            memcpy(self.at + self.n, start, p - start)
            self.n += p - start

    def samples(
        self,
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
        const uint32_t[::1] strings not None,
    ):
        cdef int64_t samples = stack_start.shape[0] - 1, i, j, frames, labels, all_labels = label_key.shape[0]
        cdef uint8_t *start
        cdef uint8_t *p
        cdef uint8_t *inner
        cdef bint ok = True
        if (
            samples < 0 or values.shape[0] != samples * types or label_start.shape[0] != samples + 1
            or label_str.shape[0] != all_labels or label_num.shape[0] != all_labels
            or label_unit.shape[0] != all_labels
        ):
            raise ValueError("encode: columns differ in length")
        ascends(stack_start, stack.shape[0])
        ascends(label_start, all_labels)
        below(stack, location_id.shape[0])
        below(label_key, strings.shape[0])
        below(label_str, strings.shape[0])
        below(label_unit, strings.shape[0])
        with nogil:
            for i in range(samples):
                frames = stack_start[i + 1] - stack_start[i]
                labels = label_start[i + 1] - label_start[i]
                start = self.message((frames + types) * TAGGED + labels * 6 * TAGGED + 4 * TAGGED)
                if start == NULL:
                    ok = False
                    break
                p = start
                if frames > 2:
                    inner = p + 2 * VARINT
                    for j in range(stack_start[i], stack_start[i + 1]):
                        inner = varint(inner, location_id[stack[j]])
                    p = packed(p, 1, p + 2 * VARINT, inner)
                else:
                    for j in range(stack_start[i], stack_start[i + 1]):
                        p = varint(p, 1 << 3)
                        p = varint(p, location_id[stack[j]])
                if types > 2:
                    inner = p + 2 * VARINT
                    for j in range(i * types, (i + 1) * types):
                        inner = varint(inner, <uint64_t> values[j])
                    p = packed(p, 2, p + 2 * VARINT, inner)
                else:
                    for j in range(i * types, (i + 1) * types):
                        p = varint(p, 2 << 3)
                        p = varint(p, <uint64_t> values[j])
                for j in range(label_start[i], label_start[i + 1]):
                    # 0 of no unit cannot be told from nothing
                    if not label_str[j] and not label_num[j] and not strings[label_unit[j]]:
                        continue
                    inner = p + 2 * VARINT
                    inner = tagged(inner, 1, strings[label_key[j]])
                    if label_str[j]:
                        inner = tagged(inner, 2, strings[label_str[j]])
                    else:
                        inner = tagged(inner, 3, <uint64_t> label_num[j])
                        inner = tagged(inner, 4, strings[label_unit[j]])
                    p = packed(p, 3, p + 2 * VARINT, inner)
                if not self.finish(2, start, p - start):
                    ok = False
                    break
        if not ok:
            raise MemoryError

    def mappings(
        self,
        const uint64_t[::1] id not None,
        const uint64_t[::1] start not None,
        const uint64_t[::1] limit not None,
        const uint64_t[::1] offset not None,
        const uint32_t[::1] file not None,
        const uint32_t[::1] build_id not None,
        const uint8_t[::1] flags not None,
        const uint32_t[::1] strings not None,
    ):
        cdef int64_t n = id.shape[0], i
        cdef int bit
        cdef uint8_t *p
        if (
            start.shape[0] != n or limit.shape[0] != n or offset.shape[0] != n or file.shape[0] != n
            or build_id.shape[0] != n or flags.shape[0] != n
        ):
            raise ValueError("encode: columns differ in length")
        below(file, strings.shape[0])
        below(build_id, strings.shape[0])
        for i in range(n):
            p = self.message(12 * TAGGED)
            if p == NULL:
                raise MemoryError
            p = tagged(p, 1, id[i])
            p = tagged(p, 2, start[i])
            p = tagged(p, 3, limit[i])
            p = tagged(p, 4, offset[i])
            p = tagged(p, 5, strings[file[i]])
            p = tagged(p, 6, strings[build_id[i]])
            for bit in range(4):
                p = tagged(p, 7 + bit, flags[i] >> bit & 1)
            if not self.finish(3, self.body, p - self.body):
                raise MemoryError

    def locations(
        self,
        const uint64_t[::1] id not None,
        const uint64_t[::1] address not None,
        const uint32_t[::1] mapping not None,
        const uint8_t[::1] folded not None,
        const int64_t[::1] line_start not None,
        const uint32_t[::1] line_function not None,
        const int64_t[::1] line_line not None,
        const int64_t[::1] line_column not None,
        const uint64_t[::1] mapping_id not None,
        const uint64_t[::1] function_id not None,
    ):
        cdef int64_t n = id.shape[0], lines = line_function.shape[0], i, j
        cdef uint8_t *start
        cdef uint8_t *p
        cdef uint8_t *inner
        cdef bint ok = True
        if (
            address.shape[0] != n or mapping.shape[0] != n or folded.shape[0] != n
            or line_start.shape[0] != n + 1 or line_line.shape[0] != lines or line_column.shape[0] != lines
        ):
            raise ValueError("encode: columns differ in length")
        ascends(line_start, lines)
        below(line_function, function_id.shape[0])
        with nogil:
            for i in range(n):
                start = self.message(5 * TAGGED + (line_start[i + 1] - line_start[i]) * 6 * TAGGED)
                if start == NULL:
                    ok = False
                    break
                p = tagged(start, 1, id[i])
                if mapping[i] < mapping_id.shape[0]:
                    p = tagged(p, 2, mapping_id[mapping[i]])
                p = tagged(p, 3, address[i])
                for j in range(line_start[i], line_start[i + 1]):
                    inner = p + 2 * VARINT
                    inner = tagged(inner, 1, function_id[line_function[j]])
                    inner = tagged(inner, 2, <uint64_t> line_line[j])
                    inner = tagged(inner, 3, <uint64_t> line_column[j])
                    p = packed(p, 4, p + 2 * VARINT, inner)
                p = tagged(p, 5, folded[i])
                if not self.finish(4, start, p - start):
                    ok = False
                    break
        if not ok:
            raise MemoryError

    def functions(
        self,
        const uint64_t[::1] id not None,
        const uint32_t[::1] name not None,
        const uint32_t[::1] system_name not None,
        const uint32_t[::1] filename not None,
        const int64_t[::1] start_line not None,
        const uint32_t[::1] strings not None,
    ):
        cdef int64_t n = id.shape[0], i
        cdef uint8_t *p
        if (
            name.shape[0] != n or system_name.shape[0] != n or filename.shape[0] != n
            or start_line.shape[0] != n
        ):
            raise ValueError("encode: columns differ in length")
        below(name, strings.shape[0])
        below(system_name, strings.shape[0])
        below(filename, strings.shape[0])
        for i in range(n):
            p = self.message(6 * TAGGED)
            if p == NULL:
                raise MemoryError
            p = tagged(p, 1, id[i])
            p = tagged(p, 2, strings[name[i]])
            p = tagged(p, 3, strings[system_name[i]])
            p = tagged(p, 4, strings[filename[i]])
            p = tagged(p, 5, <uint64_t> start_line[i])
            if not self.finish(5, self.body, p - self.body):
                raise MemoryError

    def strings(
        self,
        const uint8_t[::1] data not None,
        const int64_t[::1] offset not None,
        const uint32_t[::1] strings not None,
    ):
        cdef int64_t n = offset.shape[0] - 1, i
        cdef uint32_t last = 0
        cdef const uint8_t *p = &data[0] if data.shape[0] else NULL
        ascends(offset, data.shape[0])
        if n < 1 or strings.shape[0] != n or offset[1] != 0:
            raise ValueError("encode: no empty string at the beginning of the string table")
        for i in range(n):
            # number 0 is always written; of others, those that have a number
            if i and not strings[i]:
                continue
            if i and strings[i] != last + 1:
                raise ValueError("encode: strings are not numbered in their order")
            last = strings[i]
            if not self.finish(6, p + offset[i], offset[i + 1] - offset[i]):
                raise MemoryError

    def result(self):
        return (<char *> self.at)[: self.n] if self.n else b""


def used(column not None, uint8_t[::1] mark not None):
    """Mark strings that a column of indexes names. ValueError for one that is not there."""
    cdef const uint32_t[::1] at = column
    cdef int64_t i
    for i in range(at.shape[0]):
        if at[i] >= mark.shape[0]:
            raise ValueError("encode: a string that is not there")
        mark[at[i]] = 1


def number(const uint8_t[::1] mark not None, uint32_t[::1] out not None):
    """Numbers from 1 on for those that are marked, 0 for the first and for all others; how many there are."""
    cdef uint32_t n = 0
    cdef int64_t i
    if out.shape[0] != mark.shape[0]:
        raise ValueError("encode: columns differ in length")
    for i in range(mark.shape[0]):
        out[i] = 0
        if i and mark[i]:
            n += 1
            out[i] = n
    return n


cdef inline uint8_t *varint(uint8_t *p, uint64_t value) noexcept nogil:
    while value >= 0x80:
        p[0] = <uint8_t> (value | 0x80)
        value >>= 7
        p += 1
    p[0] = <uint8_t> value
    return p + 1


cdef inline uint8_t *tagged(uint8_t *p, int field, uint64_t value) noexcept nogil:
    """A scalar field, left out where it is 0."""
    if value == 0:
        return p
    p = varint(p, <uint64_t> (field << 3))
    return varint(p, value)


cdef inline uint8_t *packed(uint8_t *p, int field, const uint8_t *start, const uint8_t *end) noexcept nogil:
    """A length-delimited field from bytes that stand a little behind it."""
    p = varint(p, <uint64_t> (field << 3 | 2))
    p = varint(p, <uint64_t> (end - start))
    memmove(p, start, end - start)
    return p + (end - start)


cdef int ascends(const int64_t[::1] at, int64_t end) except -1:
    cdef int64_t i
    if at.shape[0] < 1 or at[0] != 0 or at[at.shape[0] - 1] != end:
        raise ValueError("encode: offsets that do not begin at 0 and end with what they are of")
    for i in range(at.shape[0] - 1):
        if at[i + 1] < at[i]:
            raise ValueError("encode: offsets that do not ascend")
    return 0


cdef int below(const uint32_t[::1] at, int64_t limit) except -1:
    cdef int64_t i
    for i in range(at.shape[0]):
        if at[i] >= limit:
            raise ValueError("encode: a reference to what is not there")
    return 0
