# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Where variables of a function lie at a pc. locals.pyi is the documentation."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memset

from gosnap._kernels.dwarf cimport (
    A_ADDR_BASE,
    A_COUNT_OF,
    A_FRAME_BASE,
    A_HIGH,
    A_LOC_BASE,
    A_LOCATION,
    A_LOW,
    A_NAME,
    A_ORIGIN,
    A_RANGES,
    A_RNG_BASE,
    A_STR_BASE,
    A_TYPE,
    C_BLOCK,
    C_CONST,
    C_INDEX,
    C_LIST,
    C_REF,
    C_STRING,
    E_CODE,
    E_DEPTH,
    E_FORM,
    E_MEMORY,
    E_TRUNCATED,
    MAX_DEPTH,
    Attr,
    Cursor,
    Decl,
    Grow,
    RawUnit,
    Scan,
    Unit,
    Value,
    find_decl,
    fixed_uint,
    grow,
    skip,
    sleb,
    uleb,
)

cdef enum:
    # errors that only this kernel has
    E_BUDGET = 32
    E_LIST = 33
    E_UNIT = 34
    E_TAG = 35
    E_NAMES = 36
    # sections, for messages
    S_INFO = 0
    S_LOC = 1
    S_LOCLISTS = 2
    S_RANGES = 3
    S_RNGLISTS = 4
    # flags of a variable
    F_PARAMETER = 1
    F_REGISTER = 2
    F_HEAP = 4
    # what a word on the stack of an expression is
    K_OTHER = 0
    K_CONST = 1
    K_CFA = 2
    K_HEAP = 3
    # what an expression has said so far of the piece that it is at
    W_MEMORY = 0
    W_REGISTER = 1
    W_VALUE = 2
    MAX_STACK = 16
    MAX_ORIGINS = 4
    MAX_NAME = 4096

# No function of the Go distribution needs a tenth of these; lists and names that are shared could multiply.
cdef uint64_t BUDGET = <uint64_t>1 << 22
cdef uint64_t NAMES = <uint64_t>1 << 24
cdef int64_t HUGE = <int64_t>1 << 60
cdef uint64_t TOP = ~<uint64_t>0

_SECTIONS = ["info", "loc", "loclists", "ranges", "rnglists"]
_MESSAGES = {
    E_TRUNCATED: "a value runs past the end",
    E_FORM: "unknown attribute form",
    E_CODE: "an abbreviation code that its table does not have",
    E_DEPTH: "entries nested deeper than 4096",
    E_BUDGET: "a function with more entries and lists than any has",
    E_LIST: "unknown kind of list entry",
    E_UNIT: "no unit that is read has an entry here",
    E_TAG: "this entry is no function",
    E_NAMES: "a function with longer names than any has",
}


cdef struct Bytes:
    const uint8_t *p
    uint64_t n


cdef struct Whole:
    # a unit with all its bases
    const RawUnit *raw
    Unit u
    uint64_t low
    uint64_t loc_base
    uint64_t rng_base


cdef struct Entry:
    const Decl *d
    uint32_t have
    Value v[A_COUNT_OF]


cdef struct Local:
    uint64_t name
    uint64_t function
    int32_t row
    int32_t flags
    size_t first
    size_t count


cdef struct Piece:
    int64_t offset
    int64_t size
    int64_t within


cdef struct Walk:
    # one call's state
    uint64_t pc
    uint64_t budget
    uint64_t error_at
    int error_in
    bint cfa
    Grow locals
    Grow pieces
    Whole here
    Whole other
    uint64_t *functions


cdef inline bint has(const Entry *e, int slot, int cls) noexcept nogil:
    return e.have >> slot & 1 and e.v[slot].cls == cls


cdef inline int spend(Walk *k, uint64_t n) noexcept nogil:
    """Count work, so that what is shared cannot multiply it."""
    if k.budget < n:
        return E_BUDGET
    k.budget -= n
    return 0


cdef class LocalsReader:
    cdef Scan scan
    cdef const unsigned char[::1] k_loc, k_loclists, k_ranges, k_rnglists
    cdef Bytes section[5]

    def __init__(
        self,
        Scan scan not None,
        const unsigned char[::1] loc not None,
        const unsigned char[::1] loclists not None,
        const unsigned char[::1] ranges not None,
        const unsigned char[::1] rnglists not None,
    ):
        if self.scan is not None:
            raise RuntimeError("already made")
        if scan.row == NULL:
            raise ValueError("the scan was not made")
        self.k_loc, self.k_loclists, self.k_ranges, self.k_rnglists = loc, loclists, ranges, rnglists
        self.section[S_INFO].p, self.section[S_INFO].n = scan.info, scan.n_info
        self.section[S_LOC].n, self.section[S_LOCLISTS].n = loc.shape[0], loclists.shape[0]
        self.section[S_RANGES].n, self.section[S_RNGLISTS].n = ranges.shape[0], rnglists.shape[0]
        self.section[S_LOC].p = &loc[0] if loc.shape[0] else NULL
        self.section[S_LOCLISTS].p = &loclists[0] if loclists.shape[0] else NULL
        self.section[S_RANGES].p = &ranges[0] if ranges.shape[0] else NULL
        self.section[S_RNGLISTS].p = &rnglists[0] if rnglists.shape[0] else NULL
        self.scan = scan

    # ---- entries ----

    cdef const RawUnit *unit_of(self, uint64_t at) noexcept nogil:
        """The unit whose entries an offset lies among; NULL if there is none."""
        cdef const RawUnit *r = <const RawUnit *>self.scan.unit_rows.data
        cdef size_t lo = 0
        cdef size_t hi = self.scan.unit_rows.n
        cdef size_t mid
        while lo < hi:
            mid = (lo + hi) >> 1
            if r[mid].first <= at:
                lo = mid + 1
            else:
                hi = mid
        return &r[lo - 1] if lo and at < r[lo - 1].end else NULL

    cdef int attributes(self, Walk *k, Cursor *c, Whole *w, const Decl *d, Entry *e) noexcept nogil:
        """Read an entry's values; where ``e`` is NULL, past them."""
        cdef const uint8_t *before = c.p
        cdef const Attr *a = w.raw.attrs + d.first
        cdef uint32_t i
        cdef int bad
        cdef const uint8_t *z
        cdef Value junk
        if e == NULL and d.fixed >= 0 and w.u.offset_size == 4 and w.u.version > 2:
            skip(c, d.fixed)
            return c.bad
        if e != NULL:
            e.d = d
            e.have = 0
        for i in range(d.count):
            if e != NULL and a[i].slot:
                bad = self.scan.value(c, &w.u, a[i].form, a[i].implicit, &e.v[a[i].slot])
                e.have |= <uint32_t>1 << a[i].slot
            elif a[i].form == 0x08:
                z = <const uint8_t *>memchr(c.p, 0, c.end - c.p) if c.p < c.end else NULL
                if z == NULL:
                    return E_TRUNCATED
                c.p = z + 1
                continue
            else:
                bad = self.scan.value(c, &w.u, a[i].form, a[i].implicit, &junk)
            if bad:
                return bad
        # many entries may share an origin, and many an abbreviation whose values take no bytes
        return spend(k, d.count + (<uint64_t>(c.p - before) >> 6))

    cdef int entry_at(self, Walk *k, uint64_t at, Whole *w, Entry *e, Cursor *c) noexcept nogil:
        """The entry at an offset of .debug_info in the unit that is loaded; the cursor is behind it."""
        cdef const Decl *d
        c.p = self.scan.info + at
        c.end = self.scan.info + w.raw.end
        c.bad = 0
        d = find_decl(w.raw.decls, w.raw.n_decls, w.raw.dense, uleb(c))
        if c.bad:
            return c.bad
        if d == NULL:
            return E_CODE
        return self.attributes(k, c, w, d, e)

    cdef int load(self, Walk *k, uint64_t at, Whole *w) noexcept nogil:
        """Load the unit that an offset lies in, with the bases that its first entry gives."""
        cdef const RawUnit *r = self.unit_of(at)
        cdef Entry e
        cdef Cursor c
        cdef int bad
        if r == NULL:
            return E_UNIT
        if w.raw == r:
            return 0
        w.raw = r
        w.u.start, w.u.version, w.u.offset_size = r.start, r.version, r.offset_size
        # where the tables begin when the unit does not say: after the header (DWARF 5, 7.26 to 7.29)
        w.u.addr_base = w.u.str_base = 8 if r.offset_size == 4 else 16
        w.loc_base = w.rng_base = 12 if r.offset_size == 4 else 20
        w.low = 0
        bad = self.entry_at(k, r.first, w, &e, &c)
        if bad:
            w.raw = NULL
            return bad
        if has(&e, A_ADDR_BASE, C_CONST):
            w.u.addr_base = e.v[A_ADDR_BASE].v
        if has(&e, A_STR_BASE, C_CONST):
            w.u.str_base = e.v[A_STR_BASE].v
        if has(&e, A_LOC_BASE, C_CONST):
            w.loc_base = e.v[A_LOC_BASE].v
        if has(&e, A_RNG_BASE, C_CONST):
            w.rng_base = e.v[A_RNG_BASE].v
        if not (e.have >> A_LOW & 1 and self.scan.address(&w.u, &e.v[A_LOW], &w.low)):
            w.low = 0
        return 0

    cdef int described(self, Walk *k, const Entry *e, uint64_t *name, uint64_t *type_) noexcept nogil:
        """Name and type of an entry, or of what it is an instance of (DW_AT_abstract_origin, 2.15, 3.3.8)."""
        cdef Entry origin
        cdef Cursor c
        cdef int bad
        cdef int steps = 0
        cdef uint64_t at
        name[0] = 0
        type_[0] = TOP
        while True:
            if not name[0] and has(e, A_NAME, C_STRING):
                name[0] = e.v[A_NAME].v
            if type_[0] == TOP and has(e, A_TYPE, C_REF):
                type_[0] = e.v[A_TYPE].v
            if name[0] and type_[0] != TOP or not has(e, A_ORIGIN, C_REF) or steps == MAX_ORIGINS:
                return 0
            steps += 1
            at = e.v[A_ORIGIN].v
            k.error_at, k.error_in = at, S_INFO
            bad = self.load(k, at, &k.other)
            if not bad:
                bad = self.entry_at(k, at, &k.other, &origin, &c)
            if bad:
                return bad
            e = &origin

    # ---- lists ----

    cdef bint indexed(self, Unit *u, uint64_t index, uint64_t *out) noexcept nogil:
        cdef Value v
        v.cls = C_INDEX
        v.v = index
        return self.scan.address(u, &v, out)

    cdef int lookup(self, Walk *k, int section, uint64_t at, Bytes *out) noexcept nogil:
        """Whether a list has the walk's pc, and the expression that it has there: 1 or 0, < 0 an error.

        Sections .debug_loc and .debug_ranges (DWARF 4, 2.6.2 and 2.17.3), .debug_loclists and .debug_rnglists
        (DWARF 5, 7.7.3 and 7.25).
        """
        cdef Cursor c
        cdef bint locations = section == S_LOC or section == S_LOCLISTS
        cdef bint based = True
        cdef bint known, found
        cdef bint fallback = False
        cdef uint64_t base = k.here.low
        cdef uint64_t low = 0
        cdef uint64_t high = 0
        cdef uint64_t n
        cdef uint64_t pc = k.pc
        cdef int kind
        k.error_at, k.error_in = at, section
        if at >= self.section[section].n:
            return -E_TRUNCATED
        c.p = self.section[section].p + at
        c.end = self.section[section].p + self.section[section].n
        c.bad = 0
        out.n = 0
        while True:
            if spend(k, 1):
                return -E_BUDGET
            known = True
            if section == S_LOC or section == S_RANGES:
                kind = 4
                low = fixed_uint(&c, 8)
                high = fixed_uint(&c, 8)
                if c.bad:
                    return -c.bad
                if low == 0 and high == 0:
                    return 0
                if low == TOP:
                    base = high
                    continue
            else:
                kind = <int>fixed_uint(&c, 1)
                if c.bad:
                    return -c.bad
                # the two sections number their kinds alike, but for the default location
                if not locations and kind > 4:
                    kind += 1
                if kind == 0:
                    return fallback
                if kind == 1:
                    based = self.indexed(&k.here.u, uleb(&c), &base)
                    if c.bad:
                        return -c.bad
                    continue
                if kind == 6:
                    base = fixed_uint(&c, 8)
                    based = True
                    if c.bad:
                        return -c.bad
                    continue
                if kind == 2 or kind == 3:
                    known = self.indexed(&k.here.u, uleb(&c), &low)
                    n = uleb(&c)
                    if kind == 3:
                        high = low + n
                    else:
                        known = self.indexed(&k.here.u, n, &high) and known
                elif kind == 4:
                    low = uleb(&c)
                    high = uleb(&c)
                elif kind == 7 or kind == 8:
                    low = fixed_uint(&c, 8)
                    high = fixed_uint(&c, 8) if kind == 7 else low + uleb(&c)
                elif kind != 5:
                    return -E_LIST
            if kind == 4:
                low += base
                high += base
                known = based
            found = kind != 5 and known and low <= pc < high
            if locations:
                n = fixed_uint(&c, 2) if section == S_LOC else uleb(&c)
                if found or kind == 5:
                    out.p, out.n = c.p, n
                skip(&c, n)
            if c.bad:
                return -c.bad
            if found:
                return 1
            # it holds where nothing else does
            fallback = fallback or kind == 5

    cdef int list_of(self, Walk *k, Value *v, bint locations, Bytes *out) noexcept nogil:
        """``lookup`` for the value of an attribute."""
        cdef uint64_t at = v.v
        cdef uint64_t base
        cdef int section
        cdef Cursor c
        if k.here.u.version < 5:
            if v.cls != C_CONST:
                return 0
            return self.lookup(k, S_LOC if locations else S_RANGES, at, out)
        section = S_LOCLISTS if locations else S_RNGLISTS
        if v.cls == C_LIST:
            # an index into the offsets behind the table's header, which count from there (7.28, 7.29)
            base = k.here.loc_base if locations else k.here.rng_base
            k.error_at, k.error_in = base, section
            if base >= self.section[section].n or at >= self.section[section].n:
                return -E_TRUNCATED
            c.p = self.section[section].p + base
            c.end = self.section[section].p + self.section[section].n
            c.bad = 0
            skip(&c, at * <uint64_t>k.here.u.offset_size)
            at = fixed_uint(&c, k.here.u.offset_size)
            if c.bad or at >= self.section[section].n:
                return -E_TRUNCATED
            at += base
        elif v.cls != C_CONST:
            return 0
        return self.lookup(k, section, at, out)

    cdef int covers(self, Walk *k, Entry *e) noexcept nogil:
        """Whether an entry's code has the walk's pc: 1 or 0, 2 where it does not say, < 0 an error."""
        cdef uint64_t low = 0
        cdef uint64_t high = 0
        cdef Bytes none
        if e.have >> A_LOW & 1 and e.have >> A_HIGH & 1:
            if not self.scan.address(&k.here.u, &e.v[A_LOW], &low):
                return 0
            if e.v[A_HIGH].cls == C_CONST:
                high = low + e.v[A_HIGH].v
            elif not self.scan.address(&k.here.u, &e.v[A_HIGH], &high):
                return 0
            return low <= k.pc < high
        if e.have >> A_RANGES & 1:
            return self.list_of(k, &e.v[A_RANGES], False, &none)
        return 2

    # ---- expressions ----

    cdef int evaluate(
        self, Walk *k, const uint8_t *p, uint64_t n, int64_t size, int32_t *flags
    ) noexcept nogil:
        """Add the pieces that an expression (2.5, 2.6.1) puts into the frame. Returns an error code or 0."""
        cdef Cursor c
        cdef int what[MAX_STACK]
        cdef int64_t word[MAX_STACK]
        cdef int top = 0
        cdef int where = W_MEMORY
        cdef int kind, op, a, b
        cdef bint pieces = False
        cdef int64_t x, length
        cdef int64_t within = 0
        cdef uint64_t u
        c.p = p
        c.end = p + n
        c.bad = 0
        while c.p < c.end:
            if spend(k, 1):
                return E_BUDGET
            op = c.p[0]
            c.p += 1
            kind = -1
            x = 0
            if op == 0x91:  # fbreg
                kind = K_CFA if k.cfa else K_OTHER
                x = sleb(&c)
            elif op == 0x9C:  # call_frame_cfa
                kind = K_CFA
            elif 0x50 <= op <= 0x6F:  # reg0 to reg31
                where = W_REGISTER
            elif op == 0x90:  # regx
                uleb(&c)
                where = W_REGISTER
            elif op == 0x93 or op == 0x9D:  # piece, bit_piece
                u = uleb(&c)
                if op == 0x9D:
                    u >>= 3
                    if uleb(&c):
                        where = W_VALUE
                if c.bad or u > <uint64_t>HUGE:
                    return 0
                length = <int64_t>u
                a = self.piece(k, what, word, top, where, length, within, flags)
                if a:
                    return a
                within += length
                if within > HUGE:
                    return 0
                pieces = True
                top = 0
                where = W_MEMORY
            elif 0x08 <= op <= 0x0F:  # const1u to const8s, the signed ones odd
                kind = K_CONST
                a = 1 << ((op - 0x08) >> 1)
                u = fixed_uint(&c, a)
                x = <int64_t>u
                if op & 1 and a < 8 and u >> (8 * a - 1) & 1:
                    x = <int64_t>(u | TOP << (8 * a))
            elif op == 0x10:  # constu
                kind = K_CONST
                x = <int64_t>uleb(&c)
            elif op == 0x11:  # consts
                kind = K_CONST
                x = sleb(&c)
            elif 0x30 <= op <= 0x4F:  # lit0 to lit31
                kind = K_CONST
                x = op - 0x30
            elif op == 0x22 or op == 0x1C:  # plus, minus
                if top < 2:
                    return 0
                top -= 2
                a, b = what[top], what[top + 1]
                if op == 0x22:
                    x = <int64_t>(<uint64_t>word[top] + <uint64_t>word[top + 1])
                    kind = K_CFA if a + b == K_CFA + K_CONST and a != K_OTHER and b != K_OTHER else K_OTHER
                else:
                    x = <int64_t>(<uint64_t>word[top] - <uint64_t>word[top + 1])
                    kind = K_CFA if a == K_CFA and b == K_CONST else K_OTHER
                if a == K_CONST and b == K_CONST:
                    kind = K_CONST
            elif op == 0x23:  # plus_uconst
                u = uleb(&c)
                if not top:
                    return 0
                top -= 1
                kind = what[top] if what[top] != K_HEAP else K_OTHER
                x = <int64_t>(<uint64_t>word[top] + u)
            elif op == 0x06:  # deref
                if not top:
                    return 0
                top -= 1
                kind = K_HEAP if what[top] == K_CFA else K_OTHER
                x = word[top]
            elif op == 0x03:  # addr
                skip(&c, 8)
                kind = K_OTHER
            elif 0x70 <= op <= 0x8F:  # breg0 to breg31
                sleb(&c)
                kind = K_OTHER
            elif op == 0x92:  # bregx
                uleb(&c)
                sleb(&c)
                kind = K_OTHER
            elif op == 0xA1 or op == 0xA2:  # addrx, constx
                uleb(&c)
                kind = K_OTHER
            elif op == 0xA3:  # entry_value
                skip(&c, uleb(&c))
                kind = K_OTHER
            elif op == 0x9E:  # implicit_value
                skip(&c, uleb(&c))
                where = W_VALUE
            elif op == 0x9F:  # stack_value
                where = W_VALUE
            elif op != 0x96:  # nop
                # what this does not know says nothing of the frame, here and behind it
                return 0
            if c.bad:
                return 0
            if kind >= 0:
                if top == MAX_STACK:
                    return 0
                what[top] = kind
                word[top] = x
                top += 1
        if pieces:
            return 0
        if top and what[top - 1] == K_HEAP and where == W_MEMORY:
            # the frame holds a pointer to the variable
            flags[0] |= F_HEAP
            what[top - 1] = K_CFA
            size = 8
        return self.piece(k, what, word, top, where, size, 0, flags)

    cdef int piece(
        self, Walk *k, const int *what, const int64_t *word, int top, int where, int64_t size, int64_t within,
        int32_t *flags
    ) noexcept nogil:
        cdef Piece *p
        if where == W_REGISTER:
            flags[0] |= F_REGISTER
        elif where == W_MEMORY and top and what[top - 1] == K_CFA and size > 0:
            if not -HUGE < word[top - 1] < HUGE:
                return 0
            p = <Piece *>grow(&k.pieces, sizeof(Piece))
            if p == NULL:
                return E_MEMORY
            p.offset, p.size, p.within = word[top - 1], size, within
        return 0

    # ---- the walk ----

    cdef int variable(self, Walk *k, Entry *e, uint64_t function) noexcept nogil:
        cdef Bytes where
        cdef Local *out
        cdef size_t first = k.pieces.n
        cdef int32_t flags = F_PARAMETER if e.d.tag == 0x05 else 0
        cdef int32_t row
        cdef int64_t size = 0
        cdef uint64_t name, type_
        cdef int bad
        cdef Value *v = &e.v[A_LOCATION]
        if not e.have >> A_LOCATION & 1:
            return 0
        if v.cls == C_BLOCK:
            where.p, where.n = v.p, v.n
        else:
            bad = self.list_of(k, v, True, &where)
            if bad <= 0:
                return -bad
        if not where.n:
            return 0
        bad = self.described(k, e, &name, &type_)
        if bad:
            return bad
        row = self.scan.type_row(type_, &size)
        bad = self.evaluate(k, where.p, where.n, size, &flags)
        if bad or (k.pieces.n == first and not flags & F_REGISTER):
            return bad
        out = <Local *>grow(&k.locals, sizeof(Local))
        if out == NULL:
            return E_MEMORY
        out.name, out.function, out.row, out.flags = name, function, row, flags
        out.first, out.count = first, k.pieces.n - first
        return 0

    cdef int walk(self, Walk *k, uint64_t die) noexcept nogil:
        """All variables in scope of the function that the entry at ``die`` is. An error code or 0."""
        cdef Cursor c
        cdef Entry e
        cdef const Decl *d
        cdef uint64_t code, type_
        cdef uint64_t function = 0
        cdef uint64_t inner
        cdef const uint8_t *at
        cdef int depth = 0
        # entries at this depth and deeper are out of scope; 0: none are
        cdef int hidden = 0
        cdef int bad, covered
        k.error_at, k.error_in = die, S_INFO
        bad = self.load(k, die, &k.here)
        if not bad:
            bad = self.entry_at(k, die, &k.here, &e, &c)
        if bad:
            return bad
        if e.d.tag != 0x2E:
            return E_TAG
        k.cfa = has(&e, A_FRAME_BASE, C_BLOCK) and e.v[A_FRAME_BASE].n == 1 and e.v[A_FRAME_BASE].p[0] == 0x9C
        covered = self.covers(k, &e)
        if covered <= 0:
            return -covered
        bad = self.described(k, &e, &function, &type_)
        if bad or not e.d.children:
            return bad
        k.functions[0] = function
        depth = 1
        while depth:
            at = c.p
            k.error_at, k.error_in = at - self.scan.info, S_INFO
            if c.p >= c.end:
                # some producers leave the last terminators out
                return 0
            code = uleb(&c)
            if c.bad:
                return c.bad
            if code == 0:
                depth -= 1
                if depth < hidden:
                    hidden = 0
                continue
            d = find_decl(k.here.raw.decls, k.here.raw.n_decls, k.here.raw.dense, code)
            if d == NULL:
                return E_CODE
            inner = k.functions[depth - 1]
            if hidden or d.tag not in (0x05, 0x34, 0x0B, 0x1D):
                bad = self.attributes(k, &c, &k.here, d, NULL)
                if bad:
                    return bad
                if d.children and not hidden:
                    hidden = depth + 1
            else:
                bad = self.attributes(k, &c, &k.here, d, &e)
                if bad:
                    return bad
                if d.tag == 0x05 or d.tag == 0x34:
                    bad = self.variable(k, &e, inner)
                    if bad:
                        return bad
                    if d.children:
                        hidden = depth + 1
                elif d.children:
                    covered = self.covers(k, &e)
                    if covered < 0:
                        return -covered
                    # a block that does not say lies wherever its parent does, an inlined call nowhere
                    if covered == 0 or (covered == 2 and d.tag == 0x1D):
                        hidden = depth + 1
                    elif d.tag == 0x1D:
                        bad = self.described(k, &e, &inner, &type_)
                        if bad:
                            return bad
            if d.children:
                if depth >= MAX_DEPTH:
                    return E_DEPTH
                k.functions[depth] = inner
                depth += 1
        return 0

    def at(self, uint64_t die, uint64_t pc):
        cdef Walk k
        cdef int bad
        cdef size_t i, j
        cdef Local *v
        cdef Piece *p
        cdef uint64_t left = NAMES
        if self.scan is None:
            raise ValueError("the reader was not made")
        memset(&k, 0, sizeof(Walk))
        k.pc = pc
        k.budget = BUDGET
        k.functions = <uint64_t *>malloc(MAX_DEPTH * sizeof(uint64_t))
        if k.functions == NULL:
            raise MemoryError
        try:
            with nogil:
                bad = self.walk(&k, die)
            if bad == E_MEMORY:
                raise MemoryError
            if bad:
                raise ValueError(f".debug_{_SECTIONS[k.error_in]} offset {k.error_at:#x}: {_MESSAGES[bad]}")
            v = <Local *>k.locals.data
            p = <Piece *>k.pieces.data
            out = []
            for i in range(k.locals.n):
                name = self.name(v[i].name, &left)
                function = self.name(v[i].function, &left)
                if name is None or function is None:
                    raise ValueError(f".debug_info offset {die:#x}: {_MESSAGES[E_NAMES]}")
                pieces = []
                for j in range(v[i].first, v[i].first + v[i].count):
                    pieces.append((p[j].offset, p[j].size, p[j].within))
                out.append((
                    name, function, v[i].row, v[i].flags & F_PARAMETER != 0, v[i].flags & F_REGISTER != 0,
                    v[i].flags & F_HEAP != 0, tuple(pieces)
                ))
            return out
        finally:
            free(k.locals.data)
            free(k.pieces.data)
            free(k.functions)

    cdef object name(self, uint64_t ref, uint64_t *left):
        """A name; None where the call has no room left for it."""
        cdef uint64_t n = 0
        cdef const uint8_t *p = self.scan.text(ref, &n)
        if not n:
            return ""
        # the whole length, which was searched for its end
        if left[0] < n:
            return None
        left[0] -= n
        if n > MAX_NAME:
            n = MAX_NAME
        return (<const char *>p)[:n].decode("utf-8", "replace")
