# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""How .debug_info is read: cursors, abbreviations, values, and what Scan keeps. dwarf.pyi documents Scan."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

cdef enum:
    # attributes that are kept, by slot; 0 is "read past it"
    A_NAME = 1
    A_TYPE = 2
    A_SIZE = 3
    A_MEMBER = 4
    A_BITS = 5
    A_LOCATION = 6
    A_LOW = 7
    A_HIGH = 8
    A_CONST = 9
    A_COUNT = 10
    A_UPPER = 11
    A_ORIGIN = 12
    A_ADDR_BASE = 13
    A_STR_BASE = 14
    A_KIND = 15
    A_KEY = 16
    A_ELEM = 17
    A_EMBEDDED = 18
    A_RTYPE = 19
    A_CLOSURE = 20
    A_RANGES = 21
    A_FRAME_BASE = 22
    A_LOC_BASE = 23
    A_RNG_BASE = 24
    A_ALIGN = 25
    A_BIT_SIZE = 26
    A_BIT_OFFSET = 27
    A_DECLARATION = 28
    A_COUNT_OF = 29
    # classes of values
    C_OTHER = 0
    C_CONST = 1
    C_ADDRESS = 2
    C_REF = 3
    C_STRING = 4
    C_BLOCK = 5
    C_INDEX = 6
    C_LIST = 7
    # what a DIE is to us
    D_SKIP = 0
    D_TYPE = 1
    D_MEMBER = 2
    D_RANGE = 3
    D_VARIABLE = 4
    D_CONSTANT = 5
    D_FUNCTION = 6
    D_UNIT = 7
    D_INLINED = 8
    # sections that a name can lie in
    S_INFO = 1
    S_STR = 2
    S_LINE_STR = 3
    # errors
    E_TRUNCATED = 1
    E_FORM = 2
    E_CODE = 3
    E_DEPTH = 4
    E_MEMORY = 5
    E_DENSE = 6
    # flags of a raw type
    T_KIND = 1
    T_RTYPE = 2
    T_SIZE = 4
    T_LENGTH = 8
    T_ALIAS = 16
    # flags of a field
    F_EMBEDDED = 1
    F_BASE = 2
    MAX_DEPTH = 4096
    MAX_CHAIN = 64
    SHORT_NAME = 1024

cdef struct Cursor:
    const uint8_t *p
    const uint8_t *end
    int bad


cdef struct Attr:
    uint8_t slot
    uint16_t form
    int64_t implicit


cdef struct Decl:
    uint64_t code
    uint32_t first
    uint32_t count
    int32_t fixed
    uint16_t tag
    uint8_t children
    uint8_t role


cdef struct Value:
    uint64_t v
    uint64_t n
    const uint8_t *p
    int cls


cdef struct Unit:
    uint64_t start
    uint64_t addr_base
    uint64_t str_base
    int version
    int offset_size


cdef struct RawUnit:
    uint64_t start
    uint64_t first
    uint64_t end
    const Decl *decls
    const Attr *attrs
    size_t n_decls
    int dense
    int version
    int offset_size


cdef struct RawType:
    uint64_t off
    uint64_t name
    uint64_t type
    uint64_t key
    uint64_t elem
    int64_t size
    int64_t length
    int64_t rtype
    uint32_t align
    uint16_t tag
    uint8_t kind
    uint8_t flags


cdef struct RawField:
    uint64_t name
    uint64_t type
    int64_t offset
    uint32_t parent
    uint8_t flags
    uint8_t bit
    uint8_t bits
    uint8_t align


cdef struct RawVar:
    uint64_t name
    uint64_t type
    uint64_t value


cdef struct RawFunc:
    uint64_t off
    uint64_t name
    uint64_t low
    uint64_t high
    uint64_t origin
    uint8_t has_pc


cdef struct RawCapture:
    uint64_t name
    uint64_t type
    int64_t offset
    uint32_t func


cdef struct Grow:
    void *data
    size_t n
    size_t room


cdef inline void *grow(Grow *g, size_t item) noexcept nogil:
    """Room for one more item; NULL without memory."""
    cdef size_t room
    cdef void *data
    if g.n == g.room:
        room = g.room * 2 if g.room else 256
        data = realloc(g.data, room * item)
        if data == NULL:
            return NULL
        g.data = data
        g.room = room
    g.n += 1
    return <uint8_t *>g.data + (g.n - 1) * item


cdef inline uint64_t fixed_uint(Cursor *c, int size) noexcept nogil:
    cdef uint64_t v = 0
    if c.end - c.p < size:
        c.bad = E_TRUNCATED
        c.p = c.end
        return 0
    memcpy(&v, c.p, size)
    c.p += size
    return v


cdef inline uint64_t uleb(Cursor *c) noexcept nogil:
    cdef uint64_t v = 0
    cdef int shift = 0
    cdef uint8_t b
    while c.p < c.end:
        b = c.p[0]
        c.p += 1
        if shift < 64:
            v |= <uint64_t>(b & 0x7F) << shift
        shift += 7
        if b < 0x80:
            return v
    c.bad = E_TRUNCATED
    return 0


cdef inline int64_t sleb(Cursor *c) noexcept nogil:
    cdef uint64_t v = 0
    cdef int shift = 0
    cdef uint8_t b
    while c.p < c.end:
        b = c.p[0]
        c.p += 1
        if shift < 64:
            v |= <uint64_t>(b & 0x7F) << shift
        shift += 7
        if b < 0x80:
            if shift < 64 and b & 0x40:
                v |= (~<uint64_t>0) << shift
            return <int64_t>v
    c.bad = E_TRUNCATED
    return 0


cdef inline void skip(Cursor *c, uint64_t n) noexcept nogil:
    if <uint64_t>(c.end - c.p) < n:
        c.bad = E_TRUNCATED
        c.p = c.end
    else:
        c.p += n


cdef inline const Decl *find_decl(const Decl *d, size_t n, bint dense, uint64_t code) noexcept nogil:
    """The declaration with a code in a sorted table; NULL if there is none. Dense: code i is in row i - 1."""
    cdef size_t lo = 0
    cdef size_t hi = n
    cdef size_t mid
    if dense:
        return &d[code - 1] if code - 1 < n else NULL
    while lo < hi:
        mid = (lo + hi) >> 1
        if d[mid].code < code:
            lo = mid + 1
        else:
            hi = mid
    return &d[lo] if lo < n and d[lo].code == code else NULL


cdef class Abbrevs:
    cdef Grow decls
    cdef Grow attrs
    cdef bint dense
    cdef uint64_t used

    cdef int parse(self, const uint8_t *data, uint64_t n, uint64_t at) noexcept nogil


cdef class Scan:
    cdef const unsigned char[::1] k_info, k_abbrev, k_str, k_line_str, k_str_offsets, k_addr
    cdef const uint8_t *info
    cdef const uint8_t *abbrev
    cdef const uint8_t *str_
    cdef const uint8_t *line_str
    cdef const uint8_t *str_offsets
    cdef const uint8_t *addr
    cdef uint64_t n_info, n_abbrev, n_str, n_line_str, n_str_offsets, n_addr
    cdef Grow types, fields, vars, constants, funcs, captures, unit_rows
    cdef dict tables
    cdef int64_t *stack
    cdef uint64_t error_at
    cdef uint64_t *bits
    cdef uint32_t *rank
    cdef int32_t *row
    cdef readonly Py_ssize_t units
    cdef readonly Py_ssize_t skipped_units
    cdef readonly Py_ssize_t dies

    cdef int value(self, Cursor *c, Unit *u, int form, int64_t implicit, Value *out) noexcept nogil
    cdef bint address(self, Unit *u, Value *v, uint64_t *out) noexcept nogil
    cdef bint static_address(self, Unit *u, Value *v, uint64_t *out) noexcept nogil
    cdef int unit(self, Cursor *c, Unit *u, Abbrevs table) noexcept nogil
    cdef size_t entries(self) noexcept nogil
    cdef int entry(
        self, Unit *u, Decl *d, uint64_t off, uint32_t have, Value *v, int64_t inside, int64_t *mine
    ) noexcept nogil
    cdef int64_t raw_row(self, uint64_t off) noexcept nogil
    cdef int64_t root(self, uint64_t off) noexcept nogil
    cdef int32_t final(self, uint64_t off) noexcept nogil
    cdef int32_t type_row(self, uint64_t off, int64_t *size) noexcept nogil
    cdef bint name_is(self, uint64_t ref, const char *text, size_t n) noexcept nogil
    cdef const uint8_t *text(self, uint64_t ref, uint64_t *length) noexcept nogil
    cdef int64_t size_of(self, RawType *t, int depth) noexcept nogil
    cdef dict _variables(self, Grow *g)
    cdef uint64_t func_name(self, RawFunc *s) noexcept nogil
