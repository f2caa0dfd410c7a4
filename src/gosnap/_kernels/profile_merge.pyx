# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Profiles made one. profile_merge.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.math cimport round as c_round
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from gosnap._kernels.profile_columns cimport HASH, load64, room, view

cdef uint32_t NONE = 0xFFFFFFFF
cdef uint64_t PAGE = 0x1000


cdef inline int64_t plus(int64_t a, int64_t b) noexcept nogil:
    return <int64_t> (<uint64_t> a + <uint64_t> b)


cdef inline uint64_t mix(uint64_t h, uint64_t v) noexcept nogil:
    h = (h ^ v) * HASH
    return h ^ (h >> 29)


# ---- rows that grow, and where equal ones are found ----


cdef struct Rows:
    uint8_t *at
    int64_t n
    int64_t room
    int64_t size            # bytes of one


cdef bint more(Rows *r, int64_t n) noexcept nogil:
    """Room for n more rows. False: no memory."""
    cdef uint8_t *at
    cdef int64_t want
    if r.n + n <= r.room:
        return True
    want = r.n + n
    if want < r.room + (r.room >> 1):
        want = r.room + (r.room >> 1)
    want += 64
    at = <uint8_t *> realloc(r.at, want * r.size)
    if at == NULL:
        return False
    r.at = at
    r.room = want
    return True


cdef struct Index:
    # open addressing: hashes and places of rows
    uint64_t *hash
    uint32_t *place
    uint64_t size
    uint64_t n


cdef bint grow_index(Index *x) noexcept nogil:
    cdef uint64_t size = x.size * 4 if x.size else 1024
    cdef uint64_t *hash = <uint64_t *> malloc(size * 8)
    cdef uint32_t *place = <uint32_t *> malloc(size * 4)
    cdef uint64_t i, slot
    if hash == NULL or place == NULL:
        free(hash)
        free(place)
        return False
    memset(place, 0xFF, size * 4)
    for i in range(x.size):
        if x.place[i] != NONE:
            slot = x.hash[i] & (size - 1)
            while place[slot] != NONE:
                slot = (slot + 1) & (size - 1)
            hash[slot] = x.hash[i]
            place[slot] = x.place[i]
    free(x.hash)
    free(x.place)
    x.hash = hash
    x.place = place
    x.size = size
    return True


cdef inline bint put(Index *x, uint64_t hash, uint32_t place) noexcept nogil:
    """A new row. False: no memory."""
    cdef uint64_t slot
    if x.n * 2 >= x.size and not grow_index(x):
        return False
    slot = hash & (x.size - 1)
    while x.place[slot] != NONE:
        slot = (slot + 1) & (x.size - 1)
    x.hash[slot] = hash
    x.place[slot] = place
    x.n += 1
    return True


cdef inline uint32_t seek(const Index *x, uint64_t hash, uint64_t *slot) noexcept nogil:
    """The next row of this hash from ``slot`` on, which begins as the hash; NONE: there is no more."""
    cdef uint32_t place
    if x.size == 0:
        return NONE
    while True:
        slot[0] &= x.size - 1
        place = x.place[slot[0]]
        if place == NONE:
            return NONE
        if x.hash[slot[0]] == hash:
            slot[0] += 1
            return place
        slot[0] += 1


cdef void free_index(Index *x) noexcept nogil:
    free(x.hash)
    free(x.place)


cdef struct Mapping:
    uint64_t start
    uint64_t limit
    uint64_t offset
    uint64_t size           # in whole pages
    uint32_t file
    uint32_t build_id
    uint32_t named          # the build ID, else the file
    uint32_t flags


cdef struct Function:
    int64_t start_line
    uint32_t name
    uint32_t system_name
    uint32_t filename


cdef struct Location:
    uint64_t address
    uint64_t relative       # to its mapping
    int64_t first_line
    int64_t lines
    uint32_t mapping
    uint32_t folded


cdef struct Line:
    int64_t line
    int64_t column
    uint32_t function


cdef struct Label:
    int64_t num
    uint32_t key
    uint32_t str
    uint32_t unit
    uint32_t none


cdef struct Sample:
    int64_t first_frame
    int64_t frames
    int64_t first_label
    int64_t labels


cdef class Merger:
    cdef int64_t types
    cdef uint32_t blank     # a string of no bytes that is not number 0; NONE where there is none
    cdef Rows text
    cdef Rows text_end      # i64 by string
    cdef Rows mapping
    cdef Rows function
    cdef Rows location
    cdef Rows line
    cdef Rows sample
    cdef Rows value
    cdef Rows frame
    cdef Rows label
    cdef Index strings
    cdef Index mappings
    cdef Index functions
    cdef Index locations
    cdef Index samples

    def __cinit__(self, int64_t types):
        if types < 0 or types > 4096:
            raise ValueError("merge: more sample types than there can be")
        self.types = types
        self.blank = NONE
        self.text.size = 1
        self.text_end.size = 8
        self.mapping.size = sizeof(Mapping)
        self.function.size = sizeof(Function)
        self.location.size = sizeof(Location)
        self.line.size = sizeof(Line)
        self.sample.size = sizeof(Sample)
        self.value.size = 8
        self.frame.size = 4
        self.label.size = sizeof(Label)
        # string 0 is empty
        if self.intern(NULL, 0) != 0:
            raise MemoryError

    def __dealloc__(self):
        free(self.text.at)
        free(self.text_end.at)
        free(self.mapping.at)
        free(self.function.at)
        free(self.location.at)
        free(self.line.at)
        free(self.sample.at)
        free(self.value.at)
        free(self.frame.at)
        free(self.label.at)
        free_index(&self.strings)
        free_index(&self.mappings)
        free_index(&self.functions)
        free_index(&self.locations)
        free_index(&self.samples)

    cdef uint32_t intern(self, const uint8_t *p, int64_t length) noexcept nogil:
        """The index of a string; NONE: no memory."""
        cdef uint64_t hash = <uint64_t> length, slot
        cdef int64_t i = 0, start
        cdef int64_t *ends = <int64_t *> self.text_end.at
        cdef uint32_t place
        while i + 8 <= length:
            hash = mix(hash, load64(p + i))
            i += 8
        while i < length:
            hash = mix(hash, p[i])
            i += 1
        hash ^= hash >> 32
        slot = hash
        while True:
            place = seek(&self.strings, hash, &slot)
            if place == NONE:
                break
            start = ends[place - 1] if place else 0
            if ends[place] - start == length and memcmp(self.text.at + start, p, <size_t> length) == 0:
                return place
        if (
            self.text_end.n >= NONE - 1 or not more(&self.text, length) or not more(&self.text_end, 1)
            or not put(&self.strings, hash, <uint32_t> self.text_end.n)
        ):
            return NONE
        if length:
            memcpy(self.text.at + self.text.n, p, <size_t> length)
        self.text.n += length
        (<int64_t *> self.text_end.at)[self.text_end.n] = self.text.n
        self.text_end.n += 1
        return <uint32_t> (self.text_end.n - 1)

    def add(self, p not None):
        cdef Source s = Source(p, self.types)
        cdef bint ok
        with nogil:
            # room for all at once, which costs nothing while it is not used
            ok = (
                more(&self.frame, s.stack.shape[0]) and more(&self.value, s.values.shape[0])
                and more(&self.label, s.label_key.shape[0]) and more(&self.sample, s.samples)
                and self.take(s)
            )
        if not ok:
            if s.wrong:
                raise ValueError("merge: a reference to what is not there")
            raise MemoryError

    cdef uint32_t map_string(self, Source s, uint32_t index) noexcept nogil:
        """NONE: no memory, or no such string."""
        cdef uint32_t found
        if index >= s.strings:
            s.wrong = True
            return NONE
        found = s.string_map[index]
        if found == NONE:
            found = self.intern(
                s.string_at + s.string_offset[index], s.string_offset[index + 1] - s.string_offset[index]
            )
            s.string_map[index] = found
        return found

    cdef uint32_t map_label_value(self, Source s, uint32_t index) noexcept nogil:
        """As map_string, but an empty value stays apart from no value."""
        cdef uint32_t found = self.map_string(s, index)
        if found or not index:
            return found
        # a string of no bytes behind number 0, once
        if self.blank == NONE:
            if not more(&self.text_end, 1):
                return NONE
            (<int64_t *> self.text_end.at)[self.text_end.n] = self.text.n
            self.blank = <uint32_t> self.text_end.n
            self.text_end.n += 1
        return self.blank

    cdef uint32_t map_mapping(self, Source s, uint32_t index) noexcept nogil:
        """The place of a mapping; NONE: no memory, or a mistake."""
        cdef Mapping m
        cdef Mapping *old
        cdef uint64_t hash, slot
        cdef uint32_t place
        if s.mapping_map[index] != NONE:
            return s.mapping_map[index]
        m.start = s.mapping_start[index]
        m.limit = s.mapping_limit[index]
        m.offset = s.mapping_offset[index]
        m.size = m.limit - m.start + PAGE - 1
        m.size -= m.size % PAGE
        m.file = self.map_string(s, s.mapping_file[index])
        m.build_id = self.map_string(s, s.mapping_build_id[index])
        m.flags = s.mapping_flags[index]
        if m.file == NONE or m.build_id == NONE:
            return NONE
        m.named = m.build_id if m.build_id else m.file
        hash = mix(mix(mix(1, m.size), m.offset), m.named)
        slot = hash
        while True:
            place = seek(&self.mappings, hash, &slot)
            if place == NONE:
                break
            old = <Mapping *> self.mapping.at + place
            if old.size == m.size and old.offset == m.offset and old.named == m.named:
                s.mapping_map[index] = place
                return place
        place = <uint32_t> self.mapping.n
        if not more(&self.mapping, 1) or not put(&self.mappings, hash, place):
            return NONE
        (<Mapping *> self.mapping.at)[place] = m
        self.mapping.n += 1
        s.mapping_map[index] = place
        return place

    cdef uint32_t map_function(self, Source s, uint32_t index) noexcept nogil:
        cdef Function f
        cdef Function *old
        cdef uint64_t hash, slot
        cdef uint32_t place
        if index >= s.functions:
            s.wrong = True
            return NONE
        if s.function_map[index] != NONE:
            return s.function_map[index]
        f.start_line = s.function_start_line[index]
        f.name = self.map_string(s, s.function_name[index])
        f.system_name = self.map_string(s, s.function_system_name[index])
        f.filename = self.map_string(s, s.function_filename[index])
        if f.name == NONE or f.system_name == NONE or f.filename == NONE:
            return NONE
        hash = mix(mix(mix(mix(2, <uint64_t> f.start_line), f.name), f.system_name), f.filename)
        slot = hash
        while True:
            place = seek(&self.functions, hash, &slot)
            if place == NONE:
                break
            old = <Function *> self.function.at + place
            if (
                old.start_line == f.start_line and old.name == f.name
                and old.system_name == f.system_name and old.filename == f.filename
            ):
                s.function_map[index] = place
                return place
        place = <uint32_t> self.function.n
        if not more(&self.function, 1) or not put(&self.functions, hash, place):
            return NONE
        (<Function *> self.function.at)[place] = f
        self.function.n += 1
        s.function_map[index] = place
        return place

    cdef uint32_t map_location(self, Source s, uint32_t index) noexcept nogil:
        cdef Location l
        cdef Location *old
        cdef Line *line
        cdef Line *lines
        cdef uint64_t hash, slot
        cdef uint32_t place, function
        cdef int64_t i
        cdef bint same
        if index >= s.locations:
            s.wrong = True
            return NONE
        if s.location_map[index] != NONE:
            return s.location_map[index]
        l.address = s.location_address[index]
        l.relative = l.address
        l.mapping = NONE
        l.folded = s.location_folded[index]
        if s.location_mapping[index] < s.mappings:
            l.mapping = self.map_mapping(s, s.location_mapping[index])
            if l.mapping == NONE:
                return NONE
            # where the mapping lies may differ from process to process
            l.relative = l.address - s.mapping_start[s.location_mapping[index]]
            l.address = l.relative + (<Mapping *> self.mapping.at)[l.mapping].start
        l.lines = s.line_start[index + 1] - s.line_start[index]
        l.first_line = self.line.n
        hash = mix(mix(mix(3, l.relative), l.mapping), l.folded)
        if not more(&self.line, l.lines):
            return NONE
        # behind the last line, where they stay if the location is new
        lines = <Line *> self.line.at + self.line.n
        for i in range(l.lines):
            line = lines + i
            function = self.map_function(s, s.line_function[s.line_start[index] + i])
            if function == NONE:
                return NONE
            line.function = function
            line.line = s.line_line[s.line_start[index] + i]
            line.column = s.line_column[s.line_start[index] + i]
            hash = mix(mix(mix(hash, function), <uint64_t> line.line), <uint64_t> line.column)
        slot = hash
        while True:
            place = seek(&self.locations, hash, &slot)
            if place == NONE:
                break
            old = <Location *> self.location.at + place
            if (
                old.relative != l.relative or old.mapping != l.mapping or old.folded != l.folded
                or old.lines != l.lines
            ):
                continue
            same = True
            for i in range(l.lines):
                line = <Line *> self.line.at + old.first_line + i
                if (
                    line.function != lines[i].function or line.line != lines[i].line
                    or line.column != lines[i].column
                ):
                    same = False
                    break
            if same:
                s.location_map[index] = place
                return place
        place = <uint32_t> self.location.n
        if not more(&self.location, 1) or not put(&self.locations, hash, place):
            return NONE
        (<Location *> self.location.at)[place] = l
        self.location.n += 1
        self.line.n += l.lines
        s.location_map[index] = place
        return place

    cdef bint take(self, Source s) noexcept nogil:
        """False: no memory, or a mistake in the source."""
        cdef int64_t i, j, n, frames, labels
        cdef uint64_t hash, slot
        cdef uint32_t place, found
        cdef uint32_t *frame
        cdef Label *label
        cdef int64_t *value
        cdef Sample *old
        cdef bint zero
        # the first mapping stands for the main executable
        if self.mapping.n == 0 and s.mappings and self.map_mapping(s, 0) == NONE:
            return False
        for i in range(s.samples):
            zero = True
            for j in range(self.types):
                zero = zero and s.values[i * self.types + j] == 0
            if zero:
                continue
            frames = s.stack_start[i + 1] - s.stack_start[i]
            labels = s.label_start[i + 1] - s.label_start[i]
            if not more(&self.frame, frames) or not more(&self.label, labels):
                return False
            frame = <uint32_t *> self.frame.at + self.frame.n
            label = <Label *> self.label.at + self.label.n
            hash = mix(4, <uint64_t> frames)
            for j in range(frames):
                n = s.stack[s.stack_start[i] + j]
                found = s.location_map[n] if n < s.locations else NONE
                if found == NONE:
                    found = self.map_location(s, <uint32_t> n)
                    if found == NONE:
                        return False
                frame[j] = found
                hash = (hash ^ found) * HASH
                hash ^= hash >> 29
            for j in range(labels):
                n = s.label_start[i] + j
                label[j].key = self.map_string(s, s.label_key[n])
                label[j].str = self.map_label_value(s, s.label_str[n])
                label[j].unit = self.map_string(s, s.label_unit[n])
                label[j].num = s.label_num[n]
                label[j].none = 0
                if label[j].key == NONE or label[j].str == NONE or label[j].unit == NONE:
                    return False
                hash = mix(mix(mix(hash, label[j].key), label[j].str), <uint64_t> label[j].num)
            slot = hash
            while True:
                place = seek(&self.samples, hash, &slot)
                if place == NONE:
                    break
                old = <Sample *> self.sample.at + place
                if (
                    old.frames == frames and old.labels == labels
                    and memcmp(<uint32_t *> self.frame.at + old.first_frame, frame, frames * 4) == 0
                    and memcmp(<Label *> self.label.at + old.first_label, label, labels * sizeof(Label)) == 0
                ):
                    break
            if place == NONE:
                place = <uint32_t> self.sample.n
                if (
                    self.sample.n >= NONE - 1 or not more(&self.sample, 1)
                    or not more(&self.value, self.types) or not put(&self.samples, hash, place)
                ):
                    return False
                (<Sample *> self.sample.at)[place] = Sample(self.frame.n, frames, self.label.n, labels)
                memset(<int64_t *> self.value.at + self.value.n, 0, self.types * 8)
                self.sample.n += 1
                self.value.n += self.types
                self.frame.n += frames
                self.label.n += labels
            value = <int64_t *> self.value.at + place * self.types
            for j in range(self.types):
                value[j] = plus(value[j], s.values[i * self.types + j])
        return True

    @property
    def zeros(self):
        cdef int64_t i, j, count = 0
        cdef bint zero
        for i in range(self.sample.n):
            zero = True
            for j in range(self.types):
                zero = zero and (<int64_t *> self.value.at)[i * self.types + j] == 0
            count += zero
        return count

    def result(self):
        """Columns; the merger is empty then of what is large."""
        cdef int64_t i, n
        columns = {}
        n = self.text_end.n
        cdef bytearray offset = room(n + 1, 8)
        cdef bytearray data = room(self.text.n, 1)
        (<int64_t *> PyByteArray_AS_STRING(offset))[0] = 0
        memcpy(PyByteArray_AS_STRING(offset) + 8, self.text_end.at, n * 8)
        if self.text.n:
            memcpy(PyByteArray_AS_STRING(data), self.text.at, self.text.n)
        columns["string_data"] = view(data, "B")
        columns["string_offset"] = view(offset, "q")

        n = self.mapping.n
        cdef Mapping *m = <Mapping *> self.mapping.at
        cdef uint64_t *q1 = <uint64_t *> column(columns, "mapping_id", "Q", n)
        cdef uint64_t *q2 = <uint64_t *> column(columns, "mapping_start", "Q", n)
        cdef uint64_t *q3 = <uint64_t *> column(columns, "mapping_limit", "Q", n)
        cdef uint64_t *q4 = <uint64_t *> column(columns, "mapping_offset", "Q", n)
        cdef uint32_t *i1 = <uint32_t *> column(columns, "mapping_file", "I", n)
        cdef uint32_t *i2 = <uint32_t *> column(columns, "mapping_build_id", "I", n)
        cdef uint8_t *b1 = <uint8_t *> column(columns, "mapping_flags", "B", n)
        for i in range(n):
            q1[i] = <uint64_t> i + 1
            q2[i], q3[i], q4[i] = m[i].start, m[i].limit, m[i].offset
            i1[i], i2[i], b1[i] = m[i].file, m[i].build_id, <uint8_t> m[i].flags

        n = self.function.n
        cdef Function *f = <Function *> self.function.at
        q1 = <uint64_t *> column(columns, "function_id", "Q", n)
        cdef int64_t *s1 = <int64_t *> column(columns, "function_start_line", "q", n)
        i1 = <uint32_t *> column(columns, "function_name", "I", n)
        i2 = <uint32_t *> column(columns, "function_system_name", "I", n)
        cdef uint32_t *i3 = <uint32_t *> column(columns, "function_filename", "I", n)
        for i in range(n):
            q1[i], s1[i] = <uint64_t> i + 1, f[i].start_line
            i1[i], i2[i], i3[i] = f[i].name, f[i].system_name, f[i].filename

        n = self.location.n
        cdef Location *loc = <Location *> self.location.at
        q1 = <uint64_t *> column(columns, "location_id", "Q", n)
        q2 = <uint64_t *> column(columns, "location_address", "Q", n)
        i1 = <uint32_t *> column(columns, "location_mapping", "I", n)
        b1 = <uint8_t *> column(columns, "location_folded", "B", n)
        s1 = <int64_t *> column(columns, "line_start", "q", n + 1)
        for i in range(n):
            q1[i], q2[i] = <uint64_t> i + 1, loc[i].address
            i1[i], b1[i], s1[i] = loc[i].mapping, <uint8_t> loc[i].folded, loc[i].first_line
        s1[n] = self.line.n
        n = self.line.n
        cdef Line *k = <Line *> self.line.at
        i1 = <uint32_t *> column(columns, "line_function", "I", n)
        s1 = <int64_t *> column(columns, "line_line", "q", n)
        cdef int64_t *s2 = <int64_t *> column(columns, "line_column", "q", n)
        for i in range(n):
            i1[i], s1[i], s2[i] = k[i].function, k[i].line, k[i].column

        n = self.sample.n
        cdef Sample *s = <Sample *> self.sample.at
        s1 = <int64_t *> column(columns, "stack_start", "q", n + 1)
        s2 = <int64_t *> column(columns, "label_start", "q", n + 1)
        for i in range(n):
            s1[i], s2[i] = s[i].first_frame, s[i].first_label
        s1[n], s2[n] = self.frame.n, self.label.n
        columns["values"] = handed(&self.value)
        columns["stack"] = handed(&self.frame)
        n = self.label.n
        cdef Label *b = <Label *> self.label.at
        i1 = <uint32_t *> column(columns, "label_key", "I", n)
        i2 = <uint32_t *> column(columns, "label_str", "I", n)
        i3 = <uint32_t *> column(columns, "label_unit", "I", n)
        s1 = <int64_t *> column(columns, "label_num", "q", n)
        for i in range(n):
            i1[i], i2[i], i3[i], s1[i] = b[i].key, b[i].str, b[i].unit, b[i].num
        return columns


cdef void *column(dict columns, str name, str code, int64_t n) except NULL:
    cdef bytearray data = room(n, 1 if code == "B" else 4 if code == "I" else 8)
    columns[name] = view(data, code)
    return <void *> PyByteArray_AS_STRING(data)


cdef class Owned:
    """Memory of rows that are handed over as they are: a column of u32 or i64."""
    cdef void *at
    cdef Py_ssize_t size
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]

    def __dealloc__(self):
        free(self.at)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        buffer.buf = self.at
        buffer.format = "I" if self.size == 4 else "q"
        buffer.internal = NULL
        buffer.itemsize = self.size
        buffer.len = self.shape[0] * self.size
        buffer.ndim = 1
        buffer.obj = self
        buffer.readonly = 0
        buffer.shape = self.shape
        buffer.strides = self.strides
        buffer.suboffsets = NULL


cdef object handed(Rows *rows):
    """A column of what the rows hold, which they lose."""
    cdef Owned owned = Owned.__new__(Owned)
    cdef void *at = realloc(rows.at, rows.n * rows.size + 8)
    owned.at = at if at != NULL else rows.at
    owned.size = rows.size
    owned.shape[0] = rows.n
    owned.strides[0] = rows.size
    rows.at = NULL
    rows.n = rows.room = 0
    if owned.at == NULL:
        raise MemoryError
    return memoryview(owned)


cdef class Source:
    """The columns of one profile, and where its rows went."""
    cdef object keep
    cdef bint wrong
    cdef const int64_t[::1] values
    cdef const int64_t[::1] stack_start
    cdef const uint32_t[::1] stack
    cdef const int64_t[::1] label_start
    cdef const uint32_t[::1] label_key
    cdef const uint32_t[::1] label_str
    cdef const int64_t[::1] label_num
    cdef const uint32_t[::1] label_unit
    cdef const uint64_t[::1] mapping_start
    cdef const uint64_t[::1] mapping_limit
    cdef const uint64_t[::1] mapping_offset
    cdef const uint32_t[::1] mapping_file
    cdef const uint32_t[::1] mapping_build_id
    cdef const uint8_t[::1] mapping_flags
    cdef const uint64_t[::1] location_address
    cdef const uint32_t[::1] location_mapping
    cdef const uint8_t[::1] location_folded
    cdef const int64_t[::1] line_start
    cdef const uint32_t[::1] line_function
    cdef const int64_t[::1] line_line
    cdef const int64_t[::1] line_column
    cdef const uint32_t[::1] function_name
    cdef const uint32_t[::1] function_system_name
    cdef const uint32_t[::1] function_filename
    cdef const int64_t[::1] function_start_line
    cdef const int64_t[::1] string_offset
    cdef const uint8_t[::1] string_data
    cdef const uint8_t *string_at
    cdef int64_t samples
    cdef int64_t mappings
    cdef int64_t locations
    cdef int64_t functions
    cdef int64_t strings
    cdef uint32_t *string_map
    cdef uint32_t *mapping_map
    cdef uint32_t *function_map
    cdef uint32_t *location_map

    def __cinit__(self, p, int64_t types):
        cdef int64_t n
        self.keep = p
        self.values, self.stack_start, self.stack = p.values, p.stack_start, p.stack
        self.label_start, self.label_key, self.label_str = p.label_start, p.label_key, p.label_str
        self.label_num, self.label_unit = p.label_num, p.label_unit
        self.mapping_start, self.mapping_limit = p.mapping_start, p.mapping_limit
        self.mapping_offset, self.mapping_file = p.mapping_offset, p.mapping_file
        self.mapping_build_id, self.mapping_flags = p.mapping_build_id, p.mapping_flags
        self.location_address, self.location_mapping = p.location_address, p.location_mapping
        self.location_folded, self.line_start = p.location_folded, p.line_start
        self.line_function, self.line_line, self.line_column = p.line_function, p.line_line, p.line_column
        self.function_name, self.function_system_name = p.function_name, p.function_system_name
        self.function_filename, self.function_start_line = p.function_filename, p.function_start_line
        self.string_data, self.string_offset = p.strings.columns()
        self.samples = self.stack_start.shape[0] - 1
        self.mappings = self.mapping_start.shape[0]
        self.locations = self.location_address.shape[0]
        self.functions = self.function_name.shape[0]
        self.strings = self.string_offset.shape[0] - 1
        self.string_at = &self.string_data[0] if self.string_data.shape[0] else NULL
        n = self.label_key.shape[0]
        if (
            self.samples < 0 or self.strings < 1 or self.values.shape[0] != self.samples * types
            or self.label_start.shape[0] != self.samples + 1 or self.label_str.shape[0] != n
            or self.label_num.shape[0] != n or self.label_unit.shape[0] != n
        ):
            raise ValueError("merge: columns differ in length")
        n = self.mappings
        if (
            self.mapping_limit.shape[0] != n or self.mapping_offset.shape[0] != n
            or self.mapping_file.shape[0] != n or self.mapping_build_id.shape[0] != n
            or self.mapping_flags.shape[0] != n
        ):
            raise ValueError("merge: columns differ in length")
        n = self.functions
        if (
            self.function_system_name.shape[0] != n or self.function_filename.shape[0] != n
            or self.function_start_line.shape[0] != n
        ):
            raise ValueError("merge: columns differ in length")
        n = self.line_function.shape[0]
        if (
            self.location_mapping.shape[0] != self.locations
            or self.location_folded.shape[0] != self.locations
            or self.line_start.shape[0] != self.locations + 1
            or self.line_line.shape[0] != n or self.line_column.shape[0] != n
        ):
            raise ValueError("merge: columns differ in length")
        ascends(self.stack_start, self.stack.shape[0])
        ascends(self.label_start, self.label_key.shape[0])
        ascends(self.line_start, n)
        ascends(self.string_offset, self.string_data.shape[0])
        self.string_map = nothing(self.strings)
        self.mapping_map = nothing(self.mappings)
        self.function_map = nothing(self.functions)
        self.location_map = nothing(self.locations)

    def __dealloc__(self):
        free(self.string_map)
        free(self.mapping_map)
        free(self.function_map)
        free(self.location_map)


cdef uint32_t *nothing(int64_t n) except NULL:
    cdef uint32_t *at = <uint32_t *> malloc((n + 1) * 4)
    if at == NULL:
        raise MemoryError
    memset(at, 0xFF, (n + 1) * 4)
    return at


cdef int ascends(const int64_t[::1] at, int64_t end) except -1:
    cdef int64_t i
    if at.shape[0] < 1 or at[0] != 0 or at[at.shape[0] - 1] != end:
        raise ValueError("merge: offsets that do not begin at 0 and end with what they are of")
    for i in range(at.shape[0] - 1):
        if at[i + 1] < at[i]:
            raise ValueError("merge: offsets that do not ascend")
    return 0


# ---- values ----


def sums(const int64_t[::1] values not None, int64_t types):
    cdef int64_t i, n
    if types < 1 or values.shape[0] % types:
        raise ValueError("sums: columns differ in length")
    cdef bytearray out = room(types, 8)
    cdef int64_t *at = <int64_t *> PyByteArray_AS_STRING(out)
    memset(at, 0, types * 8)
    n = values.shape[0]
    with nogil:
        for i in range(n):
            at[i % types] = plus(at[i % types], values[i])
    return list(view(out, "q"))


def scale(const int64_t[::1] values not None, const double[::1] ratios not None, bint cut=False):
    cdef int64_t types = ratios.shape[0], n = values.shape[0], i
    cdef double scaled
    if types < 1 or n % types:
        raise ValueError("scale: columns differ in length")
    cdef bytearray out = room(n, 8)
    cdef int64_t *at = <int64_t *> PyByteArray_AS_STRING(out)
    with nogil:
        for i in range(n):
            if ratios[i % types] == 1:
                at[i] = values[i]
                continue
            scaled = <double> values[i] * ratios[i % types]
            if not cut:
                scaled = c_round(scaled)
            # as Go on amd64: what does not fit is the least
            if -9223372036854775808.0 <= scaled < 9223372036854775808.0:
                at[i] = <int64_t> scaled
            else:
                at[i] = <int64_t> (<uint64_t> 1 << 63)
    return view(out, "q")


def pick(const int64_t[::1] values not None, int64_t types, list places not None):
    cdef int64_t n, i, j, k = len(places)
    cdef uint32_t[4096] at
    if types < 1 or values.shape[0] % types or k > 4096:
        raise ValueError("pick: columns differ in length")
    for i in range(k):
        if not 0 <= places[i] < types:
            raise ValueError("pick: no such sample type")
        at[i] = places[i]
    n = values.shape[0] // types
    cdef bytearray out = room(n * k, 8)
    cdef int64_t *to = <int64_t *> PyByteArray_AS_STRING(out)
    with nogil:
        for i in range(n):
            for j in range(k):
                to[i * k + j] = values[i * types + at[j]]
    return view(out, "q")


# ---- a label for all samples ----


def set_label(
    const int64_t[::1] label_start not None,
    const uint32_t[::1] label_key not None,
    const uint32_t[::1] label_str not None,
    const int64_t[::1] label_num not None,
    const uint32_t[::1] label_unit not None,
    const uint8_t[::1] before not None,
    uint32_t key,
    uint32_t value,
):
    cdef int64_t samples = label_start.shape[0] - 1, labels = label_key.shape[0], i, j, n = 0
    cdef bint done
    if label_str.shape[0] != labels or label_num.shape[0] != labels or label_unit.shape[0] != labels:
        raise ValueError("set_label: columns differ in length")
    ascends(label_start, labels)
    for i in range(labels):
        if label_key[i] >= before.shape[0]:
            raise ValueError("set_label: a string that is not there")
    columns = {}
    cdef int64_t *start = <int64_t *> column(columns, "label_start", "q", samples + 1)
    cdef uint32_t *keys = <uint32_t *> column(columns, "label_key", "I", labels + samples)
    cdef uint32_t *strs = <uint32_t *> column(columns, "label_str", "I", labels + samples)
    cdef int64_t *nums = <int64_t *> column(columns, "label_num", "q", labels + samples)
    cdef uint32_t *units = <uint32_t *> column(columns, "label_unit", "I", labels + samples)
    with nogil:
        for i in range(samples):
            start[i] = n
            done = False
            for j in range(label_start[i], label_start[i + 1] + 1):
                # behind strings of keys that sort before it; an old value goes
                if not done and (
                    j == label_start[i + 1] or label_str[j] == 0 or not before[label_key[j]]
                ):
                    keys[n], strs[n], nums[n], units[n] = key, value, 0, 0
                    n += 1
                    done = True
                if j == label_start[i + 1] or (label_str[j] and label_key[j] == key):
                    continue
                keys[n], strs[n], nums[n], units[n] = label_key[j], label_str[j], label_num[j], label_unit[j]
                n += 1
        start[samples] = n
    for name in ("label_key", "label_str", "label_num", "label_unit"):
        columns[name] = columns[name][:n]
    return columns
