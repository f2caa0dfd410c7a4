# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""One pass over .debug_info into flat columns. dwarf.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from *:
    """
    #define GS_POPCOUNT(x) ((int)__builtin_popcountll((unsigned long long)(x)))
    """
    int popcount "GS_POPCOUNT"(uint64_t x) nogil


cdef uint64_t REF_MASK = (<uint64_t>1 << 60) - 1
cdef int64_t HUGE = <int64_t>1 << 62

_MESSAGES = {
    E_TRUNCATED: "a value runs past the end of its unit",
    E_FORM: "unknown attribute form",
    E_CODE: "an abbreviation code that its table does not have",
    E_DEPTH: "entries nested deeper than 4096",
    E_DENSE: "more types, fields and functions than the section's size can hold",
}


cdef int slot_of(uint64_t attribute) noexcept nogil:
    if attribute == 0x03:
        return A_NAME
    if attribute == 0x49:
        return A_TYPE
    if attribute == 0x0B:
        return A_SIZE
    if attribute == 0x38:
        return A_MEMBER
    if attribute == 0x6B:
        return A_BITS
    if attribute == 0x02:
        return A_LOCATION
    if attribute == 0x11:
        return A_LOW
    if attribute == 0x12:
        return A_HIGH
    if attribute == 0x1C:
        return A_CONST
    if attribute == 0x37:
        return A_COUNT
    if attribute == 0x2F:
        return A_UPPER
    if attribute == 0x31 or attribute == 0x47:
        return A_ORIGIN
    if attribute == 0x73:
        return A_ADDR_BASE
    if attribute == 0x72:
        return A_STR_BASE
    if attribute == 0x2900:
        return A_KIND
    if attribute == 0x2901:
        return A_KEY
    if attribute == 0x2902:
        return A_ELEM
    if attribute == 0x2903:
        return A_EMBEDDED
    if attribute == 0x2904:
        return A_RTYPE
    if attribute == 0x2907:
        return A_CLOSURE
    if attribute == 0x55:
        return A_RANGES
    if attribute == 0x40:
        return A_FRAME_BASE
    if attribute == 0x8C:
        return A_LOC_BASE
    if attribute == 0x74:
        return A_RNG_BASE
    if attribute == 0x88:
        return A_ALIGN
    if attribute == 0x0D:
        return A_BIT_SIZE
    if attribute == 0x0C:
        return A_BIT_OFFSET
    if attribute == 0x3C:
        return A_DECLARATION
    return 0


cdef int role_of(uint64_t tag) noexcept nogil:
    if tag in (
        0x01, 0x02, 0x04, 0x0F, 0x10, 0x13, 0x15, 0x16, 0x17, 0x1F, 0x24, 0x26, 0x35, 0x37, 0x3B, 0x42, 0x47
    ):
        return D_TYPE
    if tag == 0x0D or tag == 0x1C:
        return D_MEMBER
    if tag == 0x21:
        return D_RANGE
    if tag == 0x34:
        return D_VARIABLE
    if tag == 0x27:
        return D_CONSTANT
    if tag == 0x2E:
        return D_FUNCTION
    if tag in (0x11, 0x3C, 0x41, 0x4A):
        return D_UNIT
    if tag == 0x1D:
        return D_INLINED
    return D_SKIP


cdef int form_size(int form) noexcept nogil:
    """Bytes of a form in 32-bit DWARF 3 and later; -1 where they vary."""
    if form in (0x0B, 0x0C, 0x11, 0x25, 0x29):
        return 1
    if form in (0x05, 0x12, 0x26, 0x2A):
        return 2
    if form in (0x27, 0x2B):
        return 3
    if form in (0x06, 0x0E, 0x10, 0x13, 0x17, 0x1C, 0x1D, 0x1F, 0x28, 0x2C, 0x1F20, 0x1F21):
        return 4
    if form in (0x01, 0x07, 0x14, 0x20, 0x24):
        return 8
    if form == 0x1E:
        return 16
    if form in (0x19, 0x21):
        return 0
    return -1


cdef int by_code(const void *a, const void *b) noexcept nogil:
    cdef uint64_t x = (<const Decl *>a).code
    cdef uint64_t y = (<const Decl *>b).code
    return (x > y) - (x < y)


cdef class Abbrevs:
    """One abbreviation table."""

    def __cinit__(self):
        memset(&self.decls, 0, sizeof(Grow))
        memset(&self.attrs, 0, sizeof(Grow))

    def __dealloc__(self):
        free(self.decls.data)
        free(self.attrs.data)

    cdef int parse(self, const uint8_t *data, uint64_t n, uint64_t at) noexcept nogil:
        cdef Cursor c
        cdef Decl *d
        cdef Attr *a
        cdef uint64_t code, attribute, form, tag
        cdef int64_t implicit
        cdef int size
        cdef bint located
        c.p = data + at
        c.end = data + n
        c.bad = 0
        self.dense = True
        while c.p < c.end:
            code = uleb(&c)
            if code == 0 or c.bad:
                break
            tag = uleb(&c)
            d = <Decl *>grow(&self.decls, sizeof(Decl))
            if d == NULL:
                return E_MEMORY
            d.code = code
            d.tag = <uint16_t>tag if tag < 0x10000 else 0
            d.children = <uint8_t>(fixed_uint(&c, 1) != 0)
            d.first = <uint32_t>self.attrs.n
            d.role = <uint8_t>role_of(d.tag)
            d.fixed = 0
            located = False
            while c.p < c.end:
                attribute = uleb(&c)
                form = uleb(&c)
                implicit = sleb(&c) if form == 0x21 else 0
                if (attribute == 0 and form == 0) or c.bad:
                    break
                a = <Attr *>grow(&self.attrs, sizeof(Attr))
                if a == NULL or self.attrs.n > 0x7FFFFFFF:
                    return E_MEMORY
                a.slot = <uint8_t>slot_of(attribute)
                a.form = <uint16_t>form if form < 0x10000 else 0
                a.implicit = implicit
                if a.slot == A_CLOSURE or (
                    a.slot == A_LOCATION and a.form in (0x03, 0x04, 0x09, 0x0A, 0x16, 0x18)
                ):
                    located = True
                size = form_size(a.form)
                d.fixed = d.fixed + size if size >= 0 and 0 <= d.fixed < 1 << 24 else -1
            d.count = <uint32_t>(self.attrs.n - d.first)
            if d.role == D_VARIABLE and not located:
                d.role = D_SKIP
            if code != self.decls.n:
                self.dense = False
        self.used = c.p - (data + at)
        if c.bad:
            return c.bad
        if not self.dense:
            qsort(self.decls.data, self.decls.n, sizeof(Decl), by_code)
        return 0


cdef class Scan:
    def __cinit__(self):
        memset(&self.types, 0, sizeof(Grow))
        memset(&self.fields, 0, sizeof(Grow))
        memset(&self.vars, 0, sizeof(Grow))
        memset(&self.constants, 0, sizeof(Grow))
        memset(&self.funcs, 0, sizeof(Grow))
        memset(&self.captures, 0, sizeof(Grow))
        memset(&self.unit_rows, 0, sizeof(Grow))
        self.tables = {}

    def __init__(
        self,
        const unsigned char[::1] info not None,
        const unsigned char[::1] abbrev not None,
        const unsigned char[::1] str_ not None,
        const unsigned char[::1] line_str not None,
        const unsigned char[::1] str_offsets not None,
        const unsigned char[::1] addr not None,
    ):
        if self.stack != NULL:
            raise RuntimeError("already scanned")
        self.k_info, self.k_abbrev, self.k_str = info, abbrev, str_
        self.k_line_str, self.k_str_offsets, self.k_addr = line_str, str_offsets, addr
        self.n_info, self.n_abbrev, self.n_str = info.shape[0], abbrev.shape[0], str_.shape[0]
        self.n_line_str, self.n_str_offsets = line_str.shape[0], str_offsets.shape[0]
        self.n_addr = addr.shape[0]
        self.info = &info[0] if self.n_info else NULL
        self.abbrev = &abbrev[0] if self.n_abbrev else NULL
        self.str_ = &str_[0] if self.n_str else NULL
        self.line_str = &line_str[0] if self.n_line_str else NULL
        self.str_offsets = &str_offsets[0] if self.n_str_offsets else NULL
        self.addr = &addr[0] if self.n_addr else NULL
        self.stack = <int64_t *>malloc(MAX_DEPTH * sizeof(int64_t))
        if self.stack == NULL:
            raise MemoryError
        self._scan()
        self._resolve()

    def __dealloc__(self):
        free(self.types.data)
        free(self.fields.data)
        free(self.vars.data)
        free(self.constants.data)
        free(self.funcs.data)
        free(self.captures.data)
        free(self.unit_rows.data)
        free(self.stack)
        free(self.bits)
        free(self.rank)
        free(self.row)

    def _scan(self):
        cdef Cursor c
        cdef Unit u
        cdef RawUnit *kept
        cdef Abbrevs table
        cdef uint64_t length, abbrev_at, spent = 0
        cdef uint64_t budget = 4 * self.n_abbrev + (1 << 20)
        cdef const uint8_t *unit_end
        cdef int kind, address_size, bad
        c.p = self.info
        c.end = self.info + self.n_info
        c.bad = 0
        while c.end - c.p >= 4:
            u.start = c.p - self.info
            length = fixed_uint(&c, 4)
            if length == 0:  # padding between sections that a linker joined
                continue
            u.offset_size = 4
            if length == 0xFFFFFFFF:
                u.offset_size = 8
                length = fixed_uint(&c, 8)
            if c.bad or <uint64_t>(c.end - c.p) < length:
                raise ValueError(
                    f".debug_info offset {u.start:#x}: a unit of {length} bytes runs past the section's end"
                )
            unit_end = c.p + length
            c.end = unit_end
            u.version = <int>fixed_uint(&c, 2)
            kind = 1
            if u.version >= 5:
                kind = <int>fixed_uint(&c, 1)
                address_size = <int>fixed_uint(&c, 1)
                abbrev_at = fixed_uint(&c, u.offset_size)
                if kind in (2, 6):  # type units: signature and type offset
                    skip(&c, 8 + u.offset_size)
                elif kind in (4, 5):  # skeleton and split units: dwo_id
                    skip(&c, 8)
            else:
                abbrev_at = fixed_uint(&c, u.offset_size)
                address_size = <int>fixed_uint(&c, 1)
            if c.bad:
                raise ValueError(f".debug_info offset {u.start:#x}: a unit too short for its header")
            self.units += 1
            if not 2 <= u.version <= 5 or address_size != 8 or not 1 <= kind <= 6:
                self.skipped_units += 1
            else:
                if abbrev_at >= self.n_abbrev:
                    raise ValueError(
                        f".debug_info offset {u.start:#x}: its abbreviations at {abbrev_at:#x} lie outside "
                        f".debug_abbrev of {self.n_abbrev} bytes"
                    )
                table = <Abbrevs>self.tables.get(abbrev_at)
                if table is None:
                    table = Abbrevs()
                    bad = table.parse(self.abbrev, self.n_abbrev, abbrev_at)
                    spent += table.used
                    if bad == E_MEMORY:
                        raise MemoryError
                    if bad or spent > budget:
                        raise ValueError(
                            f".debug_abbrev offset {abbrev_at:#x}: "
                            + ("the table has no end" if bad else "tables overlap")
                        )
                    self.tables[abbrev_at] = table
                # where the index tables begin when the unit does not say: after the header
                # (DWARF 5, 7.26 and 7.27)
                u.addr_base = u.str_base = 8 if u.offset_size == 4 else 16
                kept = <RawUnit *>grow(&self.unit_rows, sizeof(RawUnit))
                if kept == NULL:
                    raise MemoryError
                kept.start, kept.first, kept.end = u.start, c.p - self.info, unit_end - self.info
                kept.decls, kept.attrs = <Decl *>table.decls.data, <Attr *>table.attrs.data
                kept.n_decls, kept.dense = table.decls.n, table.dense
                kept.version, kept.offset_size = u.version, u.offset_size
                with nogil:
                    bad = self.unit(&c, &u, table)
                if bad == E_MEMORY:
                    raise MemoryError
                if bad:
                    raise ValueError(f".debug_info offset {self.error_at:#x}: {_MESSAGES[bad]}")
            c.p = unit_end
            c.end = self.info + self.n_info
            c.bad = 0

    cdef int value(self, Cursor *c, Unit *u, int form, int64_t implicit, Value *out) noexcept nogil:
        """Read one attribute value. Returns an error code or 0."""
        cdef uint64_t n, base, index
        cdef const uint8_t *z
        cdef int size
        while form == 0x16:
            n = uleb(c)
            if c.bad:
                return c.bad
            # an implicit constant has its value in the abbreviation, so it cannot be chosen here
            form = <int>n if n < 0x10000 and n != 0x21 else 0
        out.cls = C_OTHER
        out.v = 0
        if form == 0x08:
            z = <const uint8_t *>memchr(c.p, 0, c.end - c.p) if c.p < c.end else NULL
            if z == NULL:
                return E_TRUNCATED
            out.cls = C_STRING
            if z != c.p:
                out.v = (<uint64_t>S_INFO << 60) | <uint64_t>(c.p - self.info)
            c.p = z + 1
        elif form == 0x0F:
            out.v = uleb(c)
            out.cls = C_CONST
        elif form == 0x0D:
            out.v = <uint64_t>sleb(c)
            out.cls = C_CONST
        elif form == 0x0B or form == 0x05 or form == 0x06 or form == 0x07:
            size = 1 if form == 0x0B else 2 if form == 0x05 else 4 if form == 0x06 else 8
            out.v = fixed_uint(c, size)
            out.cls = C_CONST
        elif form == 0x21:
            out.v = <uint64_t>implicit
            out.cls = C_CONST
        elif form == 0x0C:
            out.v = fixed_uint(c, 1)
            out.cls = C_CONST
        elif form == 0x19:
            out.v = 1
            out.cls = C_CONST
        elif form == 0x01:
            out.v = fixed_uint(c, 8)
            out.cls = C_ADDRESS
        elif form == 0x10:
            out.v = fixed_uint(c, 8 if u.version == 2 else u.offset_size)
            out.cls = C_REF
        elif form == 0x11 or form == 0x12 or form == 0x13 or form == 0x14:
            out.v = u.start + fixed_uint(c, 1 << (form - 0x11))
            out.cls = C_REF
        elif form == 0x15:
            out.v = u.start + uleb(c)
            out.cls = C_REF
        elif form == 0x17:
            out.v = fixed_uint(c, u.offset_size)
            out.cls = C_CONST
        elif form == 0x0E or form == 0x1F:
            out.v = fixed_uint(c, u.offset_size)
            out.cls = C_STRING
            out.v = (<uint64_t>(S_STR if form == 0x0E else S_LINE_STR) << 60) | (out.v & REF_MASK)
        elif form == 0x18 or form == 0x09 or form == 0x0A or form == 0x03 or form == 0x04:
            if form == 0x0A:
                n = fixed_uint(c, 1)
            elif form == 0x03:
                n = fixed_uint(c, 2)
            elif form == 0x04:
                n = fixed_uint(c, 4)
            else:
                n = uleb(c)
            out.p = c.p
            out.n = n
            out.cls = C_BLOCK
            skip(c, n)
        elif form == 0x1B or 0x29 <= form <= 0x2C:
            index = uleb(c) if form == 0x1B else fixed_uint(c, form - 0x28)
            out.v = index
            out.cls = C_INDEX
        elif form == 0x1A or 0x25 <= form <= 0x28:
            index = uleb(c) if form == 0x1A else fixed_uint(c, form - 0x24)
            out.cls = C_STRING
            base = u.str_base
            size = u.offset_size
            if index < self.n_str_offsets and base < self.n_str_offsets:
                base += index * <uint64_t>size
                if base + size <= self.n_str_offsets:
                    memcpy(&out.v, self.str_offsets + base, size)
                    out.v = (<uint64_t>S_STR << 60) | (out.v & REF_MASK)
        elif form == 0x22 or form == 0x23:
            out.v = uleb(c)
            out.cls = C_LIST
        elif form == 0x1F01 or form == 0x1F02:
            uleb(c)
        elif form == 0x1E:
            skip(c, 16)
        elif form == 0x20 or form == 0x24:
            skip(c, 8)
        elif form == 0x1C:
            skip(c, 4)
        elif form == 0x1D or form == 0x1F20 or form == 0x1F21:
            skip(c, u.offset_size)
        else:
            return E_FORM
        return c.bad

    cdef inline bint address(self, Unit *u, Value *v, uint64_t *out) noexcept nogil:
        """The address that a value is or, in .debug_addr, points at."""
        cdef uint64_t at
        if v.cls == C_ADDRESS:
            out[0] = v.v
            return True
        if v.cls == C_INDEX and v.v < self.n_addr and u.addr_base < self.n_addr:
            at = u.addr_base + v.v * 8
            if at + 8 <= self.n_addr:
                memcpy(out, self.addr + at, 8)
                return True
        return False

    cdef inline bint static_address(self, Unit *u, Value *v, uint64_t *out) noexcept nogil:
        """The address if a location is DW_OP_addr or DW_OP_addrx and nothing more."""
        cdef Cursor c
        cdef Value index
        if v.cls != C_BLOCK or v.n < 2:
            return False
        c.p = v.p + 1
        c.end = v.p + v.n
        c.bad = 0
        if v.p[0] == 0x03:
            out[0] = fixed_uint(&c, 8)
            return not c.bad and c.p == c.end
        if v.p[0] == 0xA1:
            index.cls = C_INDEX
            index.v = uleb(&c)
            return not c.bad and c.p == c.end and self.address(u, &index, out)
        return False

    cdef int unit(self, Cursor *c, Unit *u, Abbrevs table) noexcept nogil:
        cdef Value v[A_COUNT_OF]
        cdef Value junk
        cdef Decl *d
        cdef Attr *a
        cdef Decl *decls = <Decl *>table.decls.data
        cdef uint32_t have, i
        cdef uint64_t code
        cdef const uint8_t *at
        cdef const uint8_t *z
        cdef int depth = 0
        cdef int bad = 0
        # what the enclosing entry is: -1 nothing, row << 1 a type, row << 1 | 1 a function
        cdef int64_t inside = -1
        cdef int64_t mine
        cdef size_t limit = (self.n_info >> 2) + 4096
        while c.p < c.end:
            at = c.p
            self.error_at = at - self.info
            code = uleb(c)
            if code == 0:
                if c.bad:
                    return c.bad
                if depth > 0:
                    depth -= 1
                    inside = self.stack[depth]
                continue
            d = <Decl *>find_decl(decls, table.decls.n, table.dense, code)
            if d == NULL:
                return E_CODE
            self.dies += 1
            a = <Attr *>table.attrs.data + d.first
            mine = inside if inside & 1 else -1
            if d.role == D_SKIP or d.role == D_INLINED:
                if d.fixed >= 0 and u.offset_size == 4 and u.version > 2:
                    skip(c, d.fixed)
                else:
                    for i in range(d.count):
                        if a[i].form == 0x08:
                            z = <const uint8_t *>memchr(c.p, 0, c.end - c.p) if c.p < c.end else NULL
                            if z == NULL:
                                return E_TRUNCATED
                            c.p = z + 1
                            continue
                        bad = self.value(c, u, a[i].form, a[i].implicit, &junk)
                        if bad:
                            return bad
                if c.bad:
                    return c.bad
                if d.role == D_INLINED:
                    mine = -1
            else:
                have = 0
                for i in range(d.count):
                    if a[i].slot:
                        bad = self.value(c, u, a[i].form, a[i].implicit, &v[a[i].slot])
                        have |= <uint32_t>1 << a[i].slot
                        # a unit's other values may need its bases, which its first entry gives
                        if a[i].slot == A_ADDR_BASE and d.role == D_UNIT:
                            u.addr_base = v[A_ADDR_BASE].v
                        elif a[i].slot == A_STR_BASE and d.role == D_UNIT:
                            u.str_base = v[A_STR_BASE].v
                    else:
                        bad = self.value(c, u, a[i].form, a[i].implicit, &junk)
                    if bad:
                        return bad
                bad = self.entry(u, d, at - self.info, have, v, inside, &mine)
                if bad:
                    return bad
                if self.entries() > limit:
                    return E_DENSE
            if d.children:
                if depth >= MAX_DEPTH:
                    return E_DEPTH
                self.stack[depth] = inside
                depth += 1
                inside = mine
        return 0

    cdef inline size_t entries(self) noexcept nogil:
        return (self.types.n + self.fields.n + self.vars.n + self.funcs.n + self.constants.n
                + self.captures.n)

    cdef int entry(
        self, Unit *u, Decl *d, uint64_t off, uint32_t have, Value *v, int64_t inside, int64_t *mine
    ) noexcept nogil:
        """Keep one entry. ``mine`` becomes what its children are inside of."""
        cdef RawType *t
        cdef RawField *f
        cdef RawVar *g
        cdef RawFunc *s
        cdef RawCapture *k
        cdef uint64_t name = 0
        cdef uint64_t type_ = <uint64_t>-1
        cdef uint64_t where = 0
        cdef int64_t n
        if have >> A_NAME & 1 and v[A_NAME].cls == C_STRING:
            name = v[A_NAME].v
        if have >> A_TYPE & 1 and v[A_TYPE].cls == C_REF:
            type_ = v[A_TYPE].v
        if d.role == D_TYPE:
            mine[0] = <int64_t>self.types.n << 1
            t = <RawType *>grow(&self.types, sizeof(RawType))
            if t == NULL or self.types.n > 0x7FFFFFF0:
                return E_MEMORY
            memset(t, 0, sizeof(RawType))
            t.off = off
            t.name = name
            t.type = type_
            t.key = v[A_KEY].v if have >> A_KEY & 1 and v[A_KEY].cls == C_REF else <uint64_t>-1
            t.elem = v[A_ELEM].v if have >> A_ELEM & 1 and v[A_ELEM].cls == C_REF else <uint64_t>-1
            t.tag = d.tag
            t.rtype = -1
            if have >> A_SIZE & 1 and v[A_SIZE].cls == C_CONST and v[A_SIZE].v < <uint64_t>HUGE:
                t.size = <int64_t>v[A_SIZE].v
                t.flags |= T_SIZE
            if have >> A_ALIGN & 1 and v[A_ALIGN].cls == C_CONST and v[A_ALIGN].v <= 1 << 28:
                t.align = <uint32_t>v[A_ALIGN].v
            if have >> A_KIND & 1:
                t.kind = <uint8_t>(v[A_KIND].v & 31)
                t.flags |= T_KIND
                if t.kind > 26:
                    t.kind = 0
            if have >> A_RTYPE & 1:
                t.flags |= T_RTYPE
                # an offset in spite of its form; 0 where the linker dropped the runtime type
                # (cmd/link/internal/ld/dwarf.go)
                if 0 < v[A_RTYPE].v < <uint64_t>HUGE:
                    t.rtype = <int64_t>v[A_RTYPE].v
            if d.tag in (0x26, 0x35, 0x37, 0x47) or (d.tag == 0x16 and not t.flags & T_KIND):
                t.flags |= T_ALIAS
        elif d.role == D_MEMBER:
            if inside < 0 or inside & 1:
                return 0
            if have >> A_DECLARATION & 1 and not have >> A_MEMBER & 1:
                return 0  # a static member of C++ is no part of the structure
            f = <RawField *>grow(&self.fields, sizeof(RawField))
            if f == NULL:
                return E_MEMORY
            f.name = name
            f.type = type_
            f.parent = <uint32_t>(inside >> 1)
            f.flags = F_EMBEDDED if have >> A_EMBEDDED & 1 and v[A_EMBEDDED].v != 0 else 0
            if d.tag == 0x1C:
                f.flags |= F_BASE
            f.offset = 0
            f.bit = f.bits = f.align = 0
            if have >> A_ALIGN & 1 and v[A_ALIGN].cls == C_CONST and v[A_ALIGN].v <= 1 << 28:
                while f.align < 29 and <uint64_t>1 << f.align <= v[A_ALIGN].v:
                    f.align += 1
            if have >> A_MEMBER & 1:
                if v[A_MEMBER].cls == C_CONST:
                    f.offset = <int64_t>v[A_MEMBER].v
                elif v[A_MEMBER].cls == C_BLOCK:
                    f.offset = plus_uconst(v[A_MEMBER].p, v[A_MEMBER].n)
            elif have >> A_BITS & 1 and v[A_BITS].cls == C_CONST:
                f.offset = <int64_t>(v[A_BITS].v >> 3)
                f.bit = v[A_BITS].v & 7
            if not 0 <= f.offset < HUGE:
                f.offset = 0
            if have >> A_BIT_SIZE & 1 and v[A_BIT_SIZE].cls == C_CONST and v[A_BIT_SIZE].v <= 128:
                f.bits = <uint8_t>v[A_BIT_SIZE].v
                # until DWARF 3 counted from the highest bit of a unit of so many bytes
                if have >> A_BIT_OFFSET & 1 and have >> A_SIZE & 1 and v[A_SIZE].v <= 16:
                    n = <int64_t>(8 * v[A_SIZE].v) - <int64_t>(v[A_BIT_OFFSET].v & 255) - f.bits
                    if n >= 0:
                        f.offset += n >> 3
                        f.bit = n & 7
        elif d.role == D_RANGE:
            if inside < 0 or inside & 1:
                return 0
            t = <RawType *>self.types.data + (inside >> 1)
            n = 0
            if have >> A_COUNT & 1 and v[A_COUNT].cls == C_CONST:
                n = <int64_t>v[A_COUNT].v
            elif have >> A_UPPER & 1 and v[A_UPPER].cls == C_CONST and v[A_UPPER].v < <uint64_t>HUGE:
                n = <int64_t>v[A_UPPER].v + 1
            if not 0 <= n < HUGE:
                n = 0
            t.length = multiply(t.length, n) if t.flags & T_LENGTH else n
            t.flags |= T_LENGTH
        elif d.role == D_VARIABLE:
            if have >> A_CLOSURE & 1 and inside >= 0 and inside & 1 and v[A_CLOSURE].v < <uint64_t>HUGE:
                k = <RawCapture *>grow(&self.captures, sizeof(RawCapture))
                if k == NULL:
                    return E_MEMORY
                k.name = name
                k.type = type_
                k.offset = <int64_t>v[A_CLOSURE].v
                k.func = <uint32_t>(inside >> 1)
            if have >> A_LOCATION & 1 and name and self.static_address(u, &v[A_LOCATION], &where):
                g = <RawVar *>grow(&self.vars, sizeof(RawVar))
                if g == NULL:
                    return E_MEMORY
                g.name = name
                g.type = type_
                g.value = where
        elif d.role == D_CONSTANT:
            if name and have >> A_CONST & 1 and v[A_CONST].cls == C_CONST:
                g = <RawVar *>grow(&self.constants, sizeof(RawVar))
                if g == NULL:
                    return E_MEMORY
                g.name = name
                g.type = type_
                g.value = v[A_CONST].v
        elif d.role == D_FUNCTION:
            mine[0] = <int64_t>self.funcs.n << 1 | 1
            s = <RawFunc *>grow(&self.funcs, sizeof(RawFunc))
            if s == NULL or self.funcs.n > 0x7FFFFFF0:
                return E_MEMORY
            memset(s, 0, sizeof(RawFunc))
            s.off = off
            s.name = name
            s.origin = v[A_ORIGIN].v if have >> A_ORIGIN & 1 and v[A_ORIGIN].cls == C_REF else <uint64_t>-1
            if have >> A_LOW & 1 and have >> A_HIGH & 1 and self.address(u, &v[A_LOW], &s.low):
                s.has_pc = 1
                if v[A_HIGH].cls == C_CONST:
                    s.high = s.low + v[A_HIGH].v
                elif not self.address(u, &v[A_HIGH], &s.high):
                    s.has_pc = 0
        return 0

    # ---- from offsets to rows ----

    cdef inline int64_t raw_row(self, uint64_t off) noexcept nogil:
        """The raw type at an offset of .debug_info; -1 if there is none."""
        cdef uint64_t word
        if off >= self.n_info:
            return -1
        word = self.bits[off >> 6]
        if not word >> (off & 63) & 1:
            return -1
        return <int64_t>self.rank[off >> 6] + popcount(word & ((<uint64_t>1 << (off & 63)) - 1))

    cdef inline int64_t root(self, uint64_t off) noexcept nogil:
        """The raw type at an offset, behind typedefs and qualifiers; -1 if it is void or unknown."""
        cdef RawType *t = <RawType *>self.types.data
        cdef int64_t i = self.raw_row(off)
        cdef int steps = 0
        while i >= 0 and t[i].flags & T_ALIAS:
            steps += 1
            i = self.raw_row(t[i].type) if steps < MAX_CHAIN else -1
        return i

    cdef inline int32_t final(self, uint64_t off) noexcept nogil:
        cdef int64_t i = self.raw_row(off)
        return self.row[i] if i >= 0 else 0

    cdef int32_t type_row(self, uint64_t off, int64_t *size) noexcept nogil:
        """The row of types_columns for the type at an offset, and its size; 0 where there is none."""
        cdef int64_t i = self.root(off)
        size[0] = self.size_of(<RawType *>self.types.data + i, 0) if i >= 0 else 0
        return self.row[i] if i >= 0 else 0

    cdef bint name_is(self, uint64_t ref, const char *text, size_t n) noexcept nogil:
        cdef uint64_t length = 0
        cdef const uint8_t *p = self.text(ref, &length)
        return length == n and memcmp(p, text, n) == 0

    cdef const uint8_t *text(self, uint64_t ref, uint64_t *length) noexcept nogil:
        """The bytes of a name; length 0 where there is none."""
        cdef const uint8_t *base
        cdef const uint8_t *z
        cdef uint64_t n, limit
        cdef uint64_t at = ref & REF_MASK
        cdef int section = <int>(ref >> 60)
        length[0] = 0
        if section == S_INFO:
            base, n = self.info, self.n_info
        elif section == S_STR:
            base, n = self.str_, self.n_str
        elif section == S_LINE_STR:
            base, n = self.line_str, self.n_line_str
        else:
            return NULL
        if at >= n:
            return NULL
        limit = n - at
        # names in .debug_str can be shared, so a long one could be made to cost its length many times over
        if section != S_INFO and limit > SHORT_NAME:
            limit = SHORT_NAME
        z = <const uint8_t *>memchr(base + at, 0, limit)
        length[0] = z - (base + at) if z != NULL else limit
        return base + at

    def _resolve(self):
        cdef RawType *t = <RawType *>self.types.data
        cdef size_t n = self.types.n
        cdef size_t words = (self.n_info >> 6) + 1
        cdef size_t i
        cdef int64_t r
        cdef uint32_t total = 0
        cdef int32_t next_row = 1
        self.bits = <uint64_t *>calloc(words, 8)
        self.rank = <uint32_t *>calloc(words, 4)
        self.row = <int32_t *>calloc(n + 1, 4)
        if self.bits == NULL or self.rank == NULL or self.row == NULL:
            raise MemoryError
        with nogil:
            for i in range(n):
                self.bits[t[i].off >> 6] |= <uint64_t>1 << (t[i].off & 63)
            for i in range(words):
                self.rank[i] = total
                total += popcount(self.bits[i])
            for i in range(n):
                if not t[i].flags & T_ALIAS:
                    self.row[i] = next_row
                    next_row += 1
            for i in range(n):
                if t[i].flags & T_ALIAS:
                    r = self.root(t[i].off)
                    if r >= 0:
                        self.row[i] = self.row[r]
                        # C's "typedef struct {...} name" is the only name that such a struct has
                        if not t[r].name and t[i].tag == 0x16:
                            t[r].name = t[i].name

    cdef int64_t size_of(self, RawType *t, int depth) noexcept nogil:
        cdef int64_t r
        if t.flags & T_SIZE:
            return t.size
        if t.kind == 20:
            return 16
        if t.tag in (0x0F, 0x10, 0x42) or t.kind == 18 or t.kind == 21 or t.kind == 19:
            return 8
        if t.tag == 0x01 and depth < MAX_CHAIN:
            r = self.root(t.type)
            if r >= 0:
                return multiply(t.length, self.size_of(<RawType *>self.types.data + r, depth + 1))
        return 0

    def types_columns(self):
        cdef RawType *raw = <RawType *>self.types.data
        cdef RawType *t
        cdef RawField *f = <RawField *>self.fields.data
        cdef size_t n = 1
        cdef size_t m = self.fields.n
        cdef size_t i, k
        cdef int64_t r, p, at
        cdef int32_t row
        for i in range(self.types.n):
            n += not raw[i].flags & T_ALIAS
        out = {
            "kind": zeros(n, 1), "size": zeros(n, 8), "elem": zeros(n, 4), "key": zeros(n, 4),
            "length": zeros(n, 8), "impl": zeros(n, 4), "iface": zeros(n, 1), "rtype": zeros(n, 8),
            "name": zeros(n, 8), "field_start": zeros(n + 1, 8), "field_offset": zeros(m, 8),
            "field_type": zeros(m, 4), "field_flags": zeros(m, 1), "field_name": zeros(m, 8),
            "tag": zeros(n, 2), "align": zeros(n, 4), "field_bit": zeros(m, 1), "field_bits": zeros(m, 1),
            "field_align": zeros(m, 1),
        }
        cdef uint16_t *tag = <uint16_t *>PyByteArray_AS_STRING(out["tag"])
        cdef uint32_t *align = <uint32_t *>PyByteArray_AS_STRING(out["align"])
        cdef uint8_t *f_bit = <uint8_t *>PyByteArray_AS_STRING(out["field_bit"])
        cdef uint8_t *f_bits = <uint8_t *>PyByteArray_AS_STRING(out["field_bits"])
        cdef uint8_t *f_align = <uint8_t *>PyByteArray_AS_STRING(out["field_align"])
        cdef uint8_t *kind = <uint8_t *>PyByteArray_AS_STRING(out["kind"])
        cdef int64_t *size = <int64_t *>PyByteArray_AS_STRING(out["size"])
        cdef int32_t *elem = <int32_t *>PyByteArray_AS_STRING(out["elem"])
        cdef int32_t *key = <int32_t *>PyByteArray_AS_STRING(out["key"])
        cdef int64_t *length = <int64_t *>PyByteArray_AS_STRING(out["length"])
        cdef int32_t *impl = <int32_t *>PyByteArray_AS_STRING(out["impl"])
        cdef uint8_t *iface = <uint8_t *>PyByteArray_AS_STRING(out["iface"])
        cdef int64_t *rtype = <int64_t *>PyByteArray_AS_STRING(out["rtype"])
        cdef uint64_t *name = <uint64_t *>PyByteArray_AS_STRING(out["name"])
        cdef int64_t *start = <int64_t *>PyByteArray_AS_STRING(out["field_start"])
        cdef int64_t *f_offset = <int64_t *>PyByteArray_AS_STRING(out["field_offset"])
        cdef int32_t *f_type = <int32_t *>PyByteArray_AS_STRING(out["field_type"])
        cdef uint8_t *f_flags = <uint8_t *>PyByteArray_AS_STRING(out["field_flags"])
        cdef uint64_t *f_name = <uint64_t *>PyByteArray_AS_STRING(out["field_name"])
        rtype[0] = -1
        cdef int64_t *place = <int64_t *>calloc(n + 1, 8)
        if place == NULL:
            raise MemoryError
        with nogil:
            for i in range(self.types.n):
                t = &raw[i]
                if t.flags & T_ALIAS:
                    continue
                row = self.row[i]
                name[row] = t.name
                rtype[row] = t.rtype
                tag[row] = t.tag
                align[row] = t.align
                if t.flags & T_KIND and t.kind == 0:
                    # the linker's own pointers, map, table and channel structures carry no kind
                    if t.tag == 0x0F:
                        t.kind = 22
                    elif t.tag == 0x13:
                        t.kind = 25
                    elif t.tag == 0x01:
                        t.kind = 17
                elif not t.flags & T_KIND and t.tag == 0x0F and (
                    # unsafe.Pointer has a runtime type where the program needs it
                    t.flags & T_RTYPE or self.name_is(t.name, "unsafe.Pointer", 14)
                ):
                    t.kind = 26
                kind[row] = t.kind
                size[row] = self.size_of(t, 0)
                if t.tag == 0x01:
                    length[row] = t.length
                if t.tag in (0x01, 0x0F, 0x10, 0x42):
                    elem[row] = self.final(t.type)
                elif t.kind == 23 or t.kind == 18 or t.kind == 21:
                    elem[row] = self.final(t.elem)
                if t.kind == 22 and self.name_is(t.name, "go.shape.*uint8", 15):
                    # all pointers share this shape, whatever they point at
                    # (cmd/compile/internal/noder/reader.go, shapify)
                    elem[row] = 0
                if t.kind == 21:
                    key[row] = self.final(t.key)
                if t.kind == 21 or t.kind == 18:
                    r = self.root(t.type)
                    if r >= 0 and raw[r].tag == 0x0F:
                        impl[row] = self.final(raw[r].type)
                elif t.kind == 20:
                    r = self.root(t.type)
                    iface[row] = 1 if r >= 0 and self.name_is(raw[r].name, "runtime.eface", 13) else 2
            for k in range(m):
                place[self.row[f[k].parent] + 1] += 1
            for i in range(n):
                place[i + 1] += place[i]
            memcpy(start, place, (n + 1) * 8)
            for k in range(m):
                p = self.row[f[k].parent]
                at = place[p]
                place[p] += 1
                f_offset[at] = f[k].offset
                f_type[at] = self.final(f[k].type)
                f_flags[at] = f[k].flags
                f_name[at] = f[k].name
                f_bit[at] = f[k].bit
                f_bits[at] = f[k].bits
                f_align[at] = f[k].align
        free(place)
        return out

    def aliases_columns(self):
        cdef RawType *t = <RawType *>self.types.data
        cdef size_t n = 0
        cdef size_t i
        for i in range(self.types.n):
            n += t[i].tag == 0x16 and t[i].flags & T_ALIAS and t[i].name != 0 and self.row[i] != 0
        out = {"type": zeros(n, 4), "name": zeros(n, 8)}
        cdef int32_t *type_ = <int32_t *>PyByteArray_AS_STRING(out["type"])
        cdef uint64_t *name = <uint64_t *>PyByteArray_AS_STRING(out["name"])
        n = 0
        for i in range(self.types.n):
            if t[i].tag == 0x16 and t[i].flags & T_ALIAS and t[i].name != 0 and self.row[i] != 0:
                type_[n] = self.row[i]
                name[n] = t[i].name
                n += 1
        return out

    def globals_columns(self):
        return self._variables(&self.vars)

    def constants_columns(self):
        return self._variables(&self.constants)

    cdef dict _variables(self, Grow *g):
        cdef RawVar *v = <RawVar *>g.data
        cdef size_t i
        out = {"value": zeros(g.n, 8), "type": zeros(g.n, 4), "name": zeros(g.n, 8)}
        cdef uint64_t *value = <uint64_t *>PyByteArray_AS_STRING(out["value"])
        cdef int32_t *type_ = <int32_t *>PyByteArray_AS_STRING(out["type"])
        cdef uint64_t *name = <uint64_t *>PyByteArray_AS_STRING(out["name"])
        for i in range(g.n):
            value[i] = v[i].value
            type_[i] = self.final(v[i].type)
            name[i] = v[i].name
        return out

    cdef uint64_t func_name(self, RawFunc *s) noexcept nogil:
        """The function's name, or that of the abstract function that it is an instance of."""
        cdef RawFunc *all_ = <RawFunc *>self.funcs.data
        cdef size_t lo, hi, mid
        cdef int steps = 0
        while not s.name and steps < 4:
            steps += 1
            lo, hi = 0, self.funcs.n
            while lo < hi:
                mid = (lo + hi) >> 1
                if all_[mid].off < s.origin:
                    lo = mid + 1
                else:
                    hi = mid
            if lo == self.funcs.n or all_[lo].off != s.origin:
                break
            s = &all_[lo]
        return s.name

    def functions_columns(self):
        cdef RawFunc *s = <RawFunc *>self.funcs.data
        cdef RawCapture *c = <RawCapture *>self.captures.data
        cdef size_t n = 0
        cdef size_t i
        cdef size_t k = 0
        for i in range(self.funcs.n):
            n += s[i].has_pc
        out = {
            "low": zeros(n, 8), "high": zeros(n, 8), "die": zeros(n, 8), "name": zeros(n, 8),
            "capture_start": zeros(n + 1, 8),
            "capture_offset": zeros(self.captures.n, 8), "capture_type": zeros(self.captures.n, 4),
            "capture_name": zeros(self.captures.n, 8),
        }
        cdef uint64_t *low = <uint64_t *>PyByteArray_AS_STRING(out["low"])
        cdef uint64_t *high = <uint64_t *>PyByteArray_AS_STRING(out["high"])
        cdef uint64_t *die = <uint64_t *>PyByteArray_AS_STRING(out["die"])
        cdef uint64_t *name = <uint64_t *>PyByteArray_AS_STRING(out["name"])
        cdef int64_t *start = <int64_t *>PyByteArray_AS_STRING(out["capture_start"])
        cdef int64_t *c_offset = <int64_t *>PyByteArray_AS_STRING(out["capture_offset"])
        cdef int32_t *c_type = <int32_t *>PyByteArray_AS_STRING(out["capture_type"])
        cdef uint64_t *c_name = <uint64_t *>PyByteArray_AS_STRING(out["capture_name"])
        cdef size_t row = 0
        cdef size_t kept = 0
        with nogil:
            # captures of a function without code are left out; nested functions (C) may be out of order, and
            # Go has none
            for i in range(self.funcs.n):
                while k < self.captures.n and c[k].func < i:
                    k += 1
                if not s[i].has_pc:
                    continue
                low[row] = s[i].low
                high[row] = s[i].high
                die[row] = s[i].off
                name[row] = self.func_name(&s[i])
                start[row] = kept
                while k < self.captures.n and c[k].func == i:
                    c_offset[kept] = c[k].offset
                    c_type[kept] = self.final(c[k].type)
                    c_name[kept] = c[k].name
                    kept += 1
                    k += 1
                row += 1
        start[row] = kept
        return out

    def names(self, const uint64_t[::1] refs not None):
        cdef Py_ssize_t n = refs.shape[0]
        cdef Py_ssize_t i
        cdef uint64_t length
        cdef uint64_t total = 0
        cdef uint64_t budget = 16 * (self.n_info + self.n_str + self.n_line_str) + (1 << 20)
        cdef const uint8_t *p
        cdef uint8_t *to
        cdef bint over = False
        offsets = zeros(n + 1, 8)
        cdef int64_t *at = <int64_t *>PyByteArray_AS_STRING(offsets)
        with nogil:
            for i in range(n):
                at[i] = total
                self.text(refs[i], &length)
                total += length + 1
                if total > budget:
                    over = True
                    break
        if over:
            raise ValueError(f".debug_str: names of more than {budget} bytes in all")
        at[n] = total
        data = zeros(total, 1)
        to = <uint8_t *>PyByteArray_AS_STRING(data)
        with nogil:
            for i in range(n):
                p = self.text(refs[i], &length)
                if length:
                    memcpy(to + at[i], p, length)
        return data, offsets


cdef inline int64_t multiply(int64_t a, int64_t b) noexcept nogil:
    """a * b for values of 0 or more; 0 where that has no sense as a size."""
    if a <= 0 or b <= 0 or a > HUGE // b:
        return 0
    return a * b


cdef inline int64_t plus_uconst(const uint8_t *p, uint64_t n) noexcept nogil:
    """The offset that DW_OP_plus_uconst (or DW_OP_constu before it) gives; 0 for any other expression."""
    cdef Cursor c
    if n < 2 or p[0] not in (0x23, 0x10):
        return 0
    c.p = p + 1
    c.end = p + n
    c.bad = 0
    return <int64_t>uleb(&c)


cdef bytearray zeros(size_t n, size_t item):
    out = PyByteArray_FromStringAndSize(NULL, n * item)
    if n:
        memset(PyByteArray_AS_STRING(out), 0, n * item)
    return out
