# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Program counters to functions and lines, and stacks to locations. symbols.pyi is the documentation."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from gosnap._kernels.memory cimport HASH

cdef enum:
    PCDATA_INLINE = 2
    FUNCDATA_INLINE = 3
    INLINED = 16  # sizeof(runtime.inlinedCall)
    MAX_DEPTH = 256
    NO_FUNCDATA = 0xFFFFFFFF


cdef inline uint32_t load32(const uint8_t *p) noexcept nogil:
    cdef uint32_t v
    memcpy(&v, p, 4)
    return v


cdef struct Func:
    uint64_t entry
    const uint8_t *raw
    const uint8_t *tail  # PCDATA and FUNCDATA offsets
    uint32_t npcdata
    uint32_t nfuncdata


cdef struct Frame:
    int64_t pc  # inside of the call; -1 behind the last
    int64_t index  # row in the inline tree; -1 the function itself


cdef class Pclntab:
    """The function tables of one module."""

    cdef const uint8_t[::1] pctab, pcln, tree
    cdef const uint32_t[::1] ftab, cutab
    cdef uint64_t text, min_pc, max_pc
    cdef Py_ssize_t nfunc, func_size
    cdef Py_ssize_t entry_off, name_off, pcfile, pcln_off, npcdata, cu_offset, start_line, func_id, nfuncdata
    cdef uint8_t[256] wrapper, panics

    def __cinit__(
        self,
        const uint8_t[::1] pctab not None,
        const uint8_t[::1] pcln not None,
        const uint32_t[::1] ftab not None,
        const uint32_t[::1] cutab not None,
        const uint8_t[::1] tree not None,
        uint64_t text,
        uint64_t min_pc,
        uint64_t max_pc,
        layout,
        wrapper,
        panics,
    ):
        self.pctab, self.pcln, self.ftab, self.cutab, self.tree = pctab, pcln, ftab, cutab, tree
        self.text, self.min_pc, self.max_pc = text, min_pc, max_pc
        # the last row is only the end of the last function
        self.nfunc = ftab.shape[0] // 2 - 1
        (self.func_size, self.entry_off, self.name_off, self.pcfile, self.pcln_off, self.npcdata,
         self.cu_offset, self.start_line, self.func_id, self.nfuncdata) = layout
        for at in (self.entry_off, self.name_off, self.pcfile, self.pcln_off, self.npcdata, self.cu_offset,
                   self.start_line):
            if not 0 <= at <= self.func_size - 4:
                raise ValueError("pclntab: a field outside of the function")
        if not (0 <= self.func_id < self.func_size and 0 <= self.nfuncdata < self.func_size <= 4096):
            raise ValueError("pclntab: a field outside of the function")
        for i in range(256):
            self.wrapper[i] = i == wrapper
            self.panics[i] = i in panics

    cdef bint find(self, uint64_t pc, Func *f) noexcept nogil:
        """runtime.findfunc: the last function that begins at or below the pc."""
        cdef Py_ssize_t lo = 0, hi = self.nfunc, mid
        cdef uint64_t off, at
        if pc < self.min_pc or pc >= self.max_pc or pc < self.text or self.nfunc <= 0:
            return False
        off = pc - self.text
        while lo < hi:
            mid = (lo + hi) >> 1
            if self.ftab[2 * mid] <= off:
                lo = mid + 1
            else:
                hi = mid
        if lo == 0:
            return False
        at = self.ftab[2 * (lo - 1) + 1]
        if at + self.func_size > <uint64_t>self.pcln.shape[0]:
            return False
        f.raw = &self.pcln[at]
        f.npcdata = load32(f.raw + self.npcdata)
        f.nfuncdata = f.raw[self.nfuncdata]
        if f.npcdata > 64 or at + self.func_size + 4 * (f.npcdata + f.nfuncdata) > \
                <uint64_t>self.pcln.shape[0]:
            return False
        f.tail = f.raw + self.func_size
        f.entry = self.text + load32(f.raw + self.entry_off)
        return f.entry <= pc

    cdef bint varint(self, uint64_t *at, uint32_t *value) noexcept nogil:
        cdef int shift = 0
        cdef uint8_t b
        value[0] = 0
        while at[0] < <uint64_t>self.pctab.shape[0] and shift < 35:
            b = self.pctab[at[0]]
            at[0] += 1
            value[0] |= <uint32_t>(b & 0x7F) << shift
            if b < 0x80:
                return True
            shift += 7
        return False

    cdef int32_t value(self, uint64_t offset, uint64_t entry, uint64_t pc) noexcept nogil:
        """runtime.pcvalue: what a table says of a pc, -1 for nothing."""
        cdef uint64_t at = offset, end = entry
        cdef int32_t value = -1
        cdef uint32_t delta, step
        cdef bint first = True
        if offset == 0:
            return -1
        while True:
            if not self.varint(&at, &delta) or (delta == 0 and not first):
                return -1
            value += <int32_t>(~(delta >> 1) if delta & 1 else delta >> 1)
            if not self.varint(&at, &step):
                return -1
            end += step
            if pc < end:
                return value
            first = False

    cdef int64_t tree_of(self, Func *f) noexcept nogil:
        """Where a function's inline tree lies in ``tree``; -1 for none."""
        cdef uint32_t off
        if f.nfuncdata <= FUNCDATA_INLINE or f.npcdata <= PCDATA_INLINE:
            return -1
        off = load32(f.tail + 4 * (f.npcdata + FUNCDATA_INLINE))
        return -1 if off == NO_FUNCDATA else <int64_t>off

    cdef Frame at_pc(self, Func *f, int64_t tree, uint64_t pc) noexcept nogil:
        cdef Frame frame
        frame.pc = <int64_t>pc
        frame.index = -1
        if tree >= 0:
            frame.index = self.value(load32(f.tail + 4 * PCDATA_INLINE), f.entry, pc)
            if frame.index >= 0 and tree + (frame.index + 1) * INLINED > self.tree.shape[0]:
                frame.index = -1
        return frame

    cdef Frame outer(self, Func *f, int64_t tree, Frame frame) noexcept nogil:
        """The frame that a call was inlined into."""
        if frame.index < 0:
            frame.pc = -1
            return frame
        return self.at_pc(f, tree, f.entry + <int32_t>load32(&self.tree[tree + frame.index * INLINED + 8]))

    cdef uint8_t id_of(self, Func *f, int64_t tree, Frame frame) noexcept nogil:
        return self.tree[tree + frame.index * INLINED] if frame.index >= 0 else f.raw[self.func_id]

    cdef int32_t name_of(self, Func *f, int64_t tree, Frame frame) noexcept nogil:
        if frame.index >= 0:
            return <int32_t>load32(&self.tree[tree + frame.index * INLINED + 4])
        return <int32_t>load32(f.raw + self.name_off)

    def resolve(
        self,
        const uint64_t[::1] pcs not None,
        uint64_t[::1] entry not None,
        uint64_t[::1] call not None,
        int32_t[::1] name not None,
        int32_t[::1] bare not None,
        int64_t[::1] file not None,
        int32_t[::1] line not None,
        int32_t[::1] start_line not None,
        uint8_t[::1] inlined not None,
    ):
        cdef Py_ssize_t i, n = pcs.shape[0], done = 0
        cdef Func f
        cdef Frame frame
        cdef int64_t tree, cu
        cdef int32_t fileno
        if (entry.shape[0] < n or call.shape[0] < n or name.shape[0] < n or bare.shape[0] < n
                or file.shape[0] < n or line.shape[0] < n or start_line.shape[0] < n or inlined.shape[0] < n):
            raise ValueError("resolve: output too small")
        with nogil:
            for i in range(n):
                if not self.find(pcs[i], &f):
                    continue
                done += 1
                tree = self.tree_of(&f)
                bare[i] = self.name_of(&f, tree, self.at_pc(&f, tree, pcs[i]))
                # a return address: the call is before it
                frame = self.at_pc(&f, tree, pcs[i] - 1 if pcs[i] > f.entry else pcs[i])
                entry[i] = f.entry
                call[i] = <uint64_t>frame.pc
                name[i] = self.name_of(&f, tree, frame)
                inlined[i] = frame.index >= 0
                if frame.index >= 0:
                    start_line[i] = <int32_t>load32(&self.tree[tree + frame.index * INLINED + 12])
                else:
                    start_line[i] = <int32_t>load32(f.raw + self.start_line)
                fileno = self.value(load32(f.raw + self.pcfile), f.entry, <uint64_t>frame.pc)
                line[i] = self.value(load32(f.raw + self.pcln_off), f.entry, <uint64_t>frame.pc)
                file[i] = -1
                if fileno == -1 or line[i] == -1:
                    line[i] = 0
                    continue
                cu = <int64_t>load32(f.raw + self.cu_offset) + fileno
                if 0 <= cu < self.cutab.shape[0] and self.cutab[cu] != NO_FUNCDATA:
                    file[i] = self.cutab[cu]
        return done

    def outward(self, uint64_t pc):
        cdef Func f
        cdef Frame frame
        cdef int64_t tree
        cdef uint8_t last = 0, this
        cdef bint normal = True
        cdef int depth = 0
        out = []
        if pc == 0 or not self.find(pc - 1, &f):
            return None
        tree = self.tree_of(&f)
        frame = self.at_pc(&f, tree, pc - 1)
        if frame.index < 0:
            return None
        while frame.pc != -1 and depth < MAX_DEPTH:
            this = self.id_of(&f, tree, frame)
            # elideWrapperCalling: what calls a panic's functions is shown all the same
            if not (self.wrapper[this] and (normal or not self.panics[last])):
                out.append(<uint64_t>frame.pc + 1)
            last, normal = this, False
            frame = self.outer(&f, tree, frame)
            depth += 1
        return out


def distinct(const uint64_t[::1] values not None, uint64_t[::1] found not None, uint32_t[::1] row not None):
    cdef Py_ssize_t i, n = values.shape[0], cap = 1024
    cdef uint64_t slot
    cdef uint32_t count = 0, *table
    if found.shape[0] < n or row.shape[0] < n or n >= 0x7FFFFFFF:
        raise ValueError("distinct: output too small")
    while cap < 2 * n:
        cap *= 2
    # holds 1 + a row of `found`; never more than half full
    table = <uint32_t *>calloc(cap, 4)
    if table == NULL:
        raise MemoryError
    with nogil:
        for i in range(n):
            slot = ((values[i] * HASH) >> 20) & <uint64_t>(cap - 1)
            while table[slot] and found[table[slot] - 1] != values[i]:
                slot = (slot + 1) & <uint64_t>(cap - 1)
            if not table[slot]:
                found[count] = values[i]
                count += 1
                table[slot] = count
            row[i] = table[slot] - 1
    free(table)
    return count


cdef struct Rows:
    uint32_t *data
    Py_ssize_t n
    Py_ssize_t cap


cdef bint add(Rows *r, uint32_t value) noexcept nogil:
    cdef Py_ssize_t cap
    cdef uint32_t *grown
    if r.n == r.cap:
        cap = 2 * r.cap + 256
        grown = <uint32_t *>realloc(r.data, cap * 4)
        if grown == NULL:
            return False
        r.data, r.cap = grown, cap
    r.data[r.n] = value
    r.n += 1
    return True


cdef class Folder:
    """Stacks to locations, in the order of the stacks."""

    cdef const uint64_t[::1] entry
    cdef const uint32_t[::1] key
    cdef const uint8_t[::1] inlined
    cdef uint32_t *known  # by pc: 1 + its location
    cdef Rows starts, frames, stacks, stack_starts, deck
    cdef uint32_t locations

    def __cinit__(
        self,
        const uint64_t[::1] entry not None,
        const uint32_t[::1] key not None,
        const uint8_t[::1] inlined not None,
    ):
        cdef Py_ssize_t n = entry.shape[0]
        if key.shape[0] != n or inlined.shape[0] != n or n >= 0xFFFFFFFE:
            raise ValueError("fold: columns differ in length")
        self.entry, self.key, self.inlined = entry, key, inlined
        self.known = <uint32_t *>calloc(n + 1, 4)
        if self.known == NULL or not add(&self.starts, 0) or not add(&self.stack_starts, 0):
            raise MemoryError

    def __dealloc__(self):
        free(self.known)
        free(self.starts.data)
        free(self.frames.data)
        free(self.stacks.data)
        free(self.stack_starts.data)
        free(self.deck.data)

    cdef bint fits(self, uint32_t pc) noexcept nogil:
        """pcDeck.tryAdd: whether a pc belongs to the call that the deck holds the inner part of."""
        cdef uint32_t last
        if self.deck.n == 0:
            return True
        last = self.deck.data[self.deck.n - 1]
        if self.entry[last] and not self.inlined[last]:
            return False
        if self.entry[last] == 0 or self.entry[last] != self.entry[pc]:
            return False
        return self.key[last] != self.key[pc]

    cdef bint emit(self) noexcept nogil:
        """The deck becomes a location of its own."""
        cdef Py_ssize_t i
        if self.deck.n == 0:
            return True
        for i in range(self.deck.n):
            if not add(&self.frames, self.deck.data[i]):
                return False
        self.known[self.deck.data[0]] = self.locations + 1
        if not add(&self.stacks, self.locations) or not add(&self.starts, <uint32_t>self.frames.n):
            return False
        self.locations += 1
        self.deck.n = 0
        return True

    cdef bint one(self, const uint32_t *pcs, Py_ssize_t n, const uint8_t *last) noexcept nogil:
        cdef Py_ssize_t i = 0
        cdef uint32_t pc, location
        self.deck.n = 0
        while i < n:
            pc = pcs[i]
            location = self.known[pc]
            if not location and last[pc]:
                if not self.emit():
                    return False
                i += 1
                continue
            if self.fits(pc) and not (location and self.deck.n == 0):
                if not add(&self.deck, pc):
                    return False
                i += 1
                continue
            if not self.emit():
                return False
            location = self.known[pc]
            if location:
                if not add(&self.stacks, location - 1):
                    return False
                i += self.starts.data[location] - self.starts.data[location - 1]
            else:
                if not add(&self.deck, pc):
                    return False
                i += 1
        return self.emit()

    def fold(
        self,
        const int64_t[::1] start not None,
        const uint32_t[::1] pcs not None,
        const uint8_t[::1] last not None,
    ):
        cdef Py_ssize_t i, n = start.shape[0] - 1
        cdef bint ok = True
        if n < 0 or last.shape[0] < self.entry.shape[0]:
            raise ValueError("fold: columns differ in length")
        for i in range(n):
            if not 0 <= start[i] <= start[i + 1] <= pcs.shape[0]:
                raise ValueError("fold: stacks out of order")
        for i in range(pcs.shape[0]):
            if pcs[i] >= self.entry.shape[0]:
                raise ValueError("fold: a pc that is not there")
        with nogil:
            for i in range(n):
                if start[i + 1] > start[i]:
                    ok = self.one(&pcs[start[i]], start[i + 1] - start[i], &last[0])
                if not ok or not add(&self.stack_starts, <uint32_t>self.stacks.n):
                    ok = False
                    break
        if not ok:
            raise MemoryError
        return (
            (<char *>self.starts.data)[:self.starts.n * 4],
            (<char *>self.frames.data)[:self.frames.n * 4] if self.frames.n else b"",
            (<char *>self.stack_starts.data)[:self.stack_starts.n * 4],
            (<char *>self.stacks.data)[:self.stacks.n * 4] if self.stacks.n else b"",
        )
