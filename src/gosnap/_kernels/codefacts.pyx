# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What machine code says of the types of variables. codefacts.pyi is the documentation."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from gosnap._kernels.x86 cimport Instruction, decode

cdef enum:
    AX = 0
    CX = 1
    DX = 2
    BX = 3
    SP = 4
    SI = 6
    DI = 7
    RIP = 16
    REGISTERS = 16
    SLOTS = 40
    # what is known of a word
    UNKNOWN = 0
    ZERO = 1
    TYPE = 2          # the address of a type's descriptor
    POINTER = 3       # to a value of the type
    ARRAY = 4         # to the first of several
    MAP = 5           # a map of the type
    CHAN = 6
    GLOBAL = 7        # the address of a package variable
    LOADED = 8        # what a package variable holds
    CODE = 9          # the address of a function
    INSIDE = 10       # the address of something in an array of the type
    ADDRESS = 11      # any other
    # what a function does to its caller's registers
    OTHER = 0
    NEW = 1           # returns a pointer to the type in AX
    NEW_BX = 2        # the same of the type in BX
    MAKE_SLICE = 3
    GROW_SLICE = 4    # the type is in SI
    MAKE_MAP = 5
    MAP_USE = 6       # AX is a map's type, BX the map
    MAKE_CHAN = 7
    BARRIER = 8       # keeps all registers
    NEVER = 9         # does not return
    GENERIC = 10      # a method of a generic type: a pointer to it in AX, a dictionary in BX
    # facts
    FACT_HOLDS = 1
    FACT_IS = 2
    FACT_CLOSURE = 3
    FACT_RESULT = 4
    FACT_SLOT = 5
    FACT_GENERIC = 6
    MAX_PASSES = 24
    MAX_TARGETS = 1 << 14

cdef int64_t MAX_FUNCTION = <int64_t>1 << 22


cdef struct Word:
    int64_t value
    int32_t kind


cdef struct State:
    Word[16] regs
    Word[40] slots
    int64_t[40] place
    int32_t n
    int32_t live


cdef struct Fact:
    uint64_t where
    int64_t value
    int64_t offset
    uint8_t fact
    uint8_t kind
    uint8_t[6] pad


cdef inline void forget_slots(State *s) noexcept nogil:
    s.n = 0


cdef inline void forget(State *s, int reg) noexcept nogil:
    s.regs[reg & 15].kind = UNKNOWN
    s.regs[reg & 15].value = 0
    if reg == SP:
        s.n = 0


cdef inline void forget_registers(State *s) noexcept nogil:
    memset(&s.regs[0], 0, sizeof(s.regs))


cdef void clobber(State *s, int64_t at, int64_t size) noexcept nogil:
    """Something is written to the frame."""
    cdef int i = 0
    while i < s.n:
        if s.place[i] < at + size and at < s.place[i] + 8:
            s.n -= 1
            s.place[i] = s.place[s.n]
            s.slots[i] = s.slots[s.n]
        else:
            i += 1


cdef void put(State *s, int64_t at, Word word) noexcept nogil:
    clobber(s, at, 8)
    if word.kind != UNKNOWN and s.n < SLOTS:
        s.place[s.n] = at
        s.slots[s.n] = word
        s.n += 1


cdef Word slot(const State *s, int64_t at) noexcept nogil:
    cdef int i
    cdef Word none
    for i in range(s.n):
        if s.place[i] == at:
            return s.slots[i]
    none.kind = UNKNOWN
    none.value = 0
    return none


cdef inline bint is_pointer(const Word *w) noexcept nogil:
    return POINTER <= w.kind <= CHAN or w.kind == INSIDE


cdef inline bint within(const Word *w) noexcept nogil:
    return w.kind == ARRAY or w.kind == INSIDE


cdef void moved(State *s, int reg, const Word *a, const Word *b) noexcept nogil:
    """A register is the sum of two words."""
    cdef Word out
    out.kind = UNKNOWN
    out.value = 0
    if within(a):
        out = a[0]
        out.kind = INSIDE
    elif within(b):
        out = b[0]
        out.kind = INSIDE
    forget(s, reg)
    if reg != SP:
        s.regs[reg] = out


cdef Word common(const Word *a, const Word *b) noexcept nogil:
    """What holds of a word that is either."""
    cdef Word none
    if a.kind == b.kind and a.value == b.value:
        return a[0]
    if within(a) and within(b) and a.value == b.value:
        return a[0] if a.kind == INSIDE else b[0]
    if a.kind == ZERO and is_pointer(b):
        return b[0]
    if b.kind == ZERO and is_pointer(a):
        return a[0]
    none.kind = UNKNOWN
    none.value = 0
    return none


cdef bint merge(State *into, const State *other) noexcept nogil:
    """Keep in ``into`` what holds in both; whether that changed it."""
    cdef int i
    cdef bint changed = False
    cdef Word a, b
    if not into.live:
        into[0] = other[0]
        return True
    for i in range(REGISTERS):
        a = common(&into.regs[i], &other.regs[i])
        if a.kind != into.regs[i].kind or a.value != into.regs[i].value:
            into.regs[i] = a
            changed = True
    i = 0
    while i < into.n:
        b = slot(other, into.place[i])
        a = common(&into.slots[i], &b)
        if a.kind == UNKNOWN:
            into.n -= 1
            into.place[i] = into.place[into.n]
            into.slots[i] = into.slots[into.n]
            changed = True
            continue
        if a.kind != into.slots[i].kind or a.value != into.slots[i].value:
            into.slots[i] = a
            changed = True
        i += 1
    return changed


cdef class CodeFacts:
    """The program's code, and what its functions are to types."""
    cdef const uint8_t[::1] code
    cdef uint64_t base
    cdef const uint64_t[::1] entry
    cdef const uint8_t[::1] role
    cdef const uint64_t[::1] types
    cdef const uint64_t[::1] ranges
    cdef Word *result
    cdef Word *first          # AX at the entry
    cdef Fact *facts
    cdef int64_t n_facts
    cdef int64_t room
    cdef int nomem

    def __cinit__(
        self,
        const uint8_t[::1] code not None,
        uint64_t base,
        const uint64_t[::1] entry not None,
        const uint8_t[::1] role not None,
        const uint64_t[::1] types not None,
        const uint64_t[::1] ranges not None,
    ):
        cdef Py_ssize_t i, n = role.shape[0]
        if entry.shape[0] != n + 1 or ranges.shape[0] & 1:
            raise ValueError("code: columns differ in length")
        for i in range(n):
            if entry[i] > entry[i + 1]:
                raise ValueError("code: functions out of order")
        if n and (entry[0] < base or entry[n] - base > <uint64_t>code.shape[0]):
            raise ValueError("code: functions outside of the code")
        self.code = code
        self.base = base
        self.entry = entry
        self.role = role
        self.types = types
        self.ranges = ranges
        self.result = <Word *>calloc(n + 1, sizeof(Word))
        self.first = <Word *>calloc(n + 1, sizeof(Word))
        if self.result == NULL or self.first == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.result)
        free(self.first)
        free(self.facts)

    def receivers(self, const int64_t[::1] type_of not None):
        cdef Py_ssize_t i
        if type_of.shape[0] != self.role.shape[0]:
            raise ValueError("code: columns differ in length")
        for i in range(type_of.shape[0]):
            self.first[i].kind = POINTER if type_of[i] else UNKNOWN
            self.first[i].value = type_of[i]

    def results(self, const uint8_t[::1] kind not None, const int64_t[::1] type_of not None):
        cdef Py_ssize_t i
        if type_of.shape[0] != self.role.shape[0] or kind.shape[0] != self.role.shape[0]:
            raise ValueError("code: columns differ in length")
        for i in range(type_of.shape[0]):
            self.result[i].kind = kind[i] if POINTER <= kind[i] <= CHAN else UNKNOWN
            self.result[i].value = type_of[i] if self.result[i].kind else 0

    cdef int add(self, int fact, int kind, uint64_t where, int64_t value, int64_t offset) noexcept nogil:
        cdef Fact *grown
        cdef Fact *f
        if self.n_facts == self.room:
            grown = <Fact *>realloc(self.facts, <size_t>(self.room * 2 + 1024) * sizeof(Fact))
            if grown == NULL:
                self.nomem = 1
                return -1
            self.facts = grown
            self.room = self.room * 2 + 1024
        f = &self.facts[self.n_facts]
        memset(f, 0, sizeof(Fact))
        f.fact = <uint8_t>fact
        f.kind = <uint8_t>kind
        f.where = where
        f.value = value
        f.offset = offset
        self.n_facts += 1
        return 0

    cdef int64_t function_at(self, uint64_t pc) noexcept nogil:
        """The function that begins at an address; -1 for none."""
        cdef int64_t low = 0, high = self.role.shape[0], mid
        while low < high:
            mid = (low + high) >> 1
            if self.entry[mid] < pc:
                low = mid + 1
            else:
                high = mid
        return low if low < self.role.shape[0] and self.entry[low] == pc else -1

    cdef Word address(self, uint64_t target) noexcept nogil:
        """What an address is the address of."""
        cdef int64_t low = 0, high = self.types.shape[0], mid
        cdef Word out
        out.value = <int64_t>target
        out.kind = UNKNOWN
        while low < high:
            mid = (low + high) >> 1
            if self.types[mid] < target:
                low = mid + 1
            else:
                high = mid
        if low < self.types.shape[0] and self.types[low] == target:
            out.kind = TYPE
        elif self.is_variable(target):
            out.kind = GLOBAL
        elif self.function_at(target) >= 0:
            out.kind = CODE
        else:
            out.kind = ADDRESS
        return out

    cdef bint is_variable(self, uint64_t target) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(0, self.ranges.shape[0], 2):
            if self.ranges[i] <= target < self.ranges[i + 1]:
                return True
        return False

    # ------------------------------------------------------------------ one instruction

    cdef void called(self, State *s, uint64_t target, bint final) noexcept nogil:
        cdef int64_t f = self.function_at(target)
        cdef int role = self.role[f] if f >= 0 else OTHER
        cdef Word ax = s.regs[AX], bx = s.regs[BX], si = s.regs[SI], made, out
        if role == BARRIER:
            forget(s, 11)
            return
        if final and f >= 0:
            if role == MAP_USE and ax.kind == TYPE and bx.kind == LOADED:
                self.add(FACT_HOLDS, MAP, <uint64_t>bx.value, ax.value, 0)
            elif role == GENERIC and bx.kind == ADDRESS and (ax.kind == LOADED or ax.kind == GLOBAL):
                self.add(FACT_GENERIC, POINTER if ax.kind == LOADED else 0, <uint64_t>ax.value, f, bx.value)
            elif self.first[f].kind == POINTER and ax.kind == LOADED:
                self.add(FACT_HOLDS, POINTER, <uint64_t>ax.value, self.first[f].value, 0)
            elif self.first[f].kind == POINTER and ax.kind == GLOBAL:
                self.add(FACT_IS, POINTER, <uint64_t>ax.value, self.first[f].value, 0)
        forget_registers(s)
        if role == NEVER:
            s.live = 0
            return
        out.kind = UNKNOWN
        out.value = 0
        # what makes a value is told its type in one of three registers
        made = bx if role == NEW_BX else si if role == GROW_SLICE else ax
        if role == OTHER:
            if f >= 0:
                out = self.result[f]
        elif made.kind == TYPE:
            if role == NEW or role == NEW_BX:
                out.kind = POINTER
            elif role == MAKE_SLICE or role == GROW_SLICE:
                out.kind = ARRAY
            elif role == MAKE_MAP:
                out.kind = MAP
            elif role == MAKE_CHAN:
                out.kind = CHAN
            out.value = made.value if out.kind else 0
        s.regs[AX] = out

    cdef void stored(self, State *s, const Instruction *c, uint64_t next, bint final) noexcept nogil:
        """mov [m], r or xchg [m], r with 64 bits."""
        cdef Word word = s.regs[c.reg]
        cdef uint64_t target = 0
        if c.base == SP and not c.index:
            put(s, c.offset, word)
            return
        if c.base == SP:
            forget_slots(s)
        if not final:
            return
        if c.base == RIP:
            target = next + <uint64_t>c.displacement
        elif c.base >= 0 and not c.index and s.regs[c.base].kind == GLOBAL:
            target = <uint64_t>(s.regs[c.base].value + c.offset)
        if target:
            if is_pointer(&word) and self.is_variable(target):
                self.add(FACT_HOLDS, word.kind, target, word.value, 0)
        elif c.base >= 0 and not c.index and c.offset == 0 and word.kind == CODE:
            if s.regs[c.base].kind == POINTER:
                self.add(FACT_CLOSURE, POINTER, <uint64_t>word.value, s.regs[c.base].value, 0)

    cdef void step(self, State *s, const Instruction *c, uint64_t next, bint final) noexcept nogil:
        """What an instruction that is no jump does to what is known."""
        cdef int op = c.opcode, low
        cdef bint writes = False       # to the operand that mod and rm tell
        cdef int64_t size = 8
        cdef Word word
        if c.table == 0:
            low = op & 7
            if op < 0x40:
                if low >= 4:
                    if op >> 3 != 7:
                        forget(s, AX)
                    return
                if op >> 3 == 7:
                    return
                if c.mod == 3 and c.rm == c.reg and (op == 0x31 or op == 0x33):
                    s.regs[c.rm].kind = ZERO
                    s.regs[c.rm].value = 0
                    return
                if op == 0x01 and c.wide and c.mod == 3:
                    moved(s, c.rm, &s.regs[c.rm], &s.regs[c.reg])
                elif op == 0x03 and c.wide and c.mod == 3:
                    moved(s, c.reg, &s.regs[c.reg], &s.regs[c.rm])
                elif low < 2:
                    writes = True
                else:
                    forget(s, c.reg)
            elif 0x50 <= op < 0x58:
                forget_slots(s)
            elif 0x58 <= op < 0x60:
                forget(s, c.rm)
                forget_slots(s)
            elif op == 0x63 or op == 0x69 or op == 0x6B or op == 0x8A:
                forget(s, c.reg)
            elif op == 0x68 or op == 0x6A or op == 0x9C or op == 0x9D:
                forget_slots(s)
            elif 0x80 <= op <= 0x83:
                if c.wide and c.mod == 3 and c.group == 0 and c.rm != SP:
                    moved(s, c.rm, &s.regs[c.rm], &s.regs[c.rm])
                    return
                writes = c.group != 7
            elif op == 0x84 or op == 0x85 or op == 0xA8 or op == 0xA9 or op == 0x90 and c.rm == 0:
                return
            elif op == 0x86 or op == 0x87:
                if op == 0x87 and c.wide and c.mod != 3:
                    self.stored(s, c, next, final)
                forget(s, c.reg)
                writes = True
            elif op == 0x89:
                if c.mod == 3:
                    word = s.regs[c.reg]
                    forget(s, c.rm)
                    if c.wide and c.rm != SP:
                        s.regs[c.rm] = word
                    return
                if c.wide and not c.prefixed:
                    self.stored(s, c, next, final)
                    return
                writes = True
            elif op == 0x88 or op == 0x8C or op == 0xC6 or op == 0xC7:
                writes = True
            elif op == 0x8B:
                word.kind = UNKNOWN
                word.value = 0
                if c.wide and not c.prefixed:
                    if c.mod == 3:
                        word = s.regs[c.rm]
                    elif c.base == RIP:
                        if self.is_variable(next + <uint64_t>c.displacement):
                            word.kind = LOADED
                            word.value = <int64_t>(next + <uint64_t>c.displacement)
                    elif c.base == SP and not c.index:
                        word = slot(s, c.offset)
                forget(s, c.reg)
                if c.reg != SP:
                    s.regs[c.reg] = word
            elif op == 0x8D:
                word.kind = UNKNOWN
                word.value = 0
                if c.wide and c.base == RIP:
                    word = self.address(next + <uint64_t>c.displacement)
                elif c.wide and 0 <= c.base < REGISTERS and within(&s.regs[c.base]):
                    word = s.regs[c.base]
                    word.kind = INSIDE
                forget(s, c.reg)
                if c.reg != SP:
                    s.regs[c.reg] = word
            elif 0x90 <= op < 0x98:
                forget(s, AX)
                forget(s, c.rm)
            elif op == 0x98:
                forget(s, AX)
            elif op == 0x99:
                forget(s, DX)
            elif 0xB0 <= op < 0xB8:
                forget(s, c.rm)
                forget(s, c.rm & 3)
            elif 0xB8 <= op < 0xC0:
                forget(s, c.rm)
            elif op == 0xC0 or op == 0xC1 or 0xD0 <= op < 0xD4:
                writes = True
            elif op == 0xF6 or op == 0xF7:
                if c.group >= 4:
                    forget(s, AX)
                    forget(s, DX)
                writes = 2 <= c.group < 4
            elif op == 0xFE or op == 0xFF:
                if op == 0xFF and c.group == 2:
                    forget_registers(s)
                    return
                if op == 0xFF and c.group == 6:
                    forget_slots(s)
                    return
                writes = c.group < 2
            elif 0xD8 <= op < 0xE0:
                forget(s, AX)
                writes = True
                size = 16
            elif op == 0xCC or op == 0xF4:
                s.live = 0
                return
            else:
                # string instructions and what Go does not make
                forget_registers(s)
                forget_slots(s)
                return
        elif c.table == 2:
            if op == 0x0B:
                s.live = 0
                return
            if 0x18 <= op <= 0x1F or op == 0xA3 or op == 0x77 or op == 0xAE:
                return
            if 0x40 <= op < 0x50 or op == 0xAF or op == 0xB6 or op == 0xB7 or 0xB8 <= op <= 0xBF and (
                op != 0xBA and op != 0xBB
            ) or op == 0x2C or op == 0x2D or op == 0x50 or op == 0xD7 or op == 0xC5:
                forget(s, c.reg)
                return
            if 0xC8 <= op < 0xD0:
                forget(s, c.rm)
                return
            if 0x90 <= op < 0xA0 or op == 0xA4 or op == 0xA5 or op == 0xAB or op == 0xAC or op == 0xAD \
                    or op == 0xB3 or op == 0xBB or op == 0xBA:
                writes = True
            elif op == 0xB0 or op == 0xB1 or op == 0xC0 or op == 0xC1 or op == 0xC7:
                forget(s, AX)
                forget(s, DX)
                forget(s, c.reg)
                writes = True
                size = 16
            elif 0x10 <= op < 0x18 or 0x28 <= op < 0x30 or 0x51 <= op < 0x80 or 0xD0 <= op < 0xFF \
                    or op == 0xC2 or op == 0xC3 or op == 0xC4 or op == 0xC6:
                # vector registers; of these 7E alone writes to one of the others
                if c.mod == 3 and op != 0x7E:
                    return
                writes = True
                size = 16
            else:
                forget_registers(s)
                writes = True
                size = 16
        else:
            forget_registers(s)
            writes = True
            size = 64
        if writes and c.has_modrm:
            if c.mod == 3:
                forget(s, c.rm)
            elif c.base == SP:
                if c.index:
                    forget_slots(s)
                else:
                    clobber(s, c.offset, size)

    # ------------------------------------------------------------------ one function

    cdef int64_t find_targets(
        self, const uint8_t *p, int64_t n, int32_t *mark
    ) noexcept nogil:
        """Number the places in a function that jumps lead to; -1 where not all can be known."""
        cdef int64_t at = 0, to, found = 0
        cdef Instruction c
        while at < n:
            c = decode(p + at, n - at)
            if c.length == 0:
                return -1
            at += c.length
            if c.table == 0 and c.opcode == 0xFF and c.has_modrm and c.group == 4:
                return -1
            if c.relative and not (c.table == 0 and c.opcode == 0xE8):
                to = at + c.displacement
                if 0 <= to < n and mark[to] < 0:
                    if found == MAX_TARGETS:
                        return -1
                    mark[to] = <int32_t>found
                    found += 1
        return found

    cdef bint sweep(
        self,
        int64_t f,
        const uint8_t *p,
        int64_t n,
        const int32_t *mark,
        State *states,
        const uint64_t[::1] watched,
        bint final,
    ) noexcept nogil:
        """Once through a function; whether something was learnt that a place further up depends on."""
        cdef State s
        cdef Instruction c
        cdef int64_t at = 0, to, w = 0
        cdef uint64_t start = self.entry[f], next
        cdef bint again = False, jump
        cdef int i
        memset(&s, 0, sizeof(s))
        s.live = 1
        s.regs[AX] = self.first[f]
        if final:
            w = self.watched_from(watched, start)
        while at < n:
            if mark[at] >= 0:
                if s.live:
                    merge(&states[mark[at]], &s)
                s = states[mark[at]]
            c = decode(p + at, n - at)
            next = start + <uint64_t>(at + c.length)
            if not s.live:
                at += c.length
                continue
            if final:
                while w < watched.shape[0] and watched[w] < next:
                    if watched[w] >= start + <uint64_t>at:
                        for i in range(s.n):
                            if is_pointer(&s.slots[i]):
                                self.add(FACT_SLOT, s.slots[i].kind, watched[w], s.slots[i].value, s.place[i])
                    w += 1
            at += c.length
            if c.relative and c.table == 0 and c.opcode == 0xE8:
                self.called(&s, next + <uint64_t>c.displacement, final)
            elif c.relative:
                jump = c.table == 0 and (c.opcode == 0xE9 or c.opcode == 0xEB)
                to = at + c.displacement
                if 0 <= to < n and merge(&states[mark[to]], &s) and to < at:
                    again = True
                if jump:
                    s.live = 0
            elif c.table == 0 and (c.opcode == 0xC3 or c.opcode == 0xC2):
                if final:
                    self.add(FACT_RESULT, s.regs[AX].kind, <uint64_t>f, s.regs[AX].value, 0)
                s.live = 0
            else:
                self.step(&s, &c, next, final)
        return again

    cdef int64_t watched_from(self, const uint64_t[::1] watched, uint64_t pc) noexcept nogil:
        cdef int64_t low = 0, high = watched.shape[0], mid
        while low < high:
            mid = (low + high) >> 1
            if watched[mid] < pc:
                low = mid + 1
            else:
                high = mid
        return low

    cdef void function(self, int64_t f, const uint64_t[::1] watched) noexcept nogil:
        cdef int64_t n = <int64_t>(self.entry[f + 1] - self.entry[f]), found
        cdef const uint8_t *p = &self.code[<Py_ssize_t>(self.entry[f] - self.base)] if n else NULL
        cdef int32_t *mark
        cdef State *states
        cdef int _
        if n <= 0 or n > MAX_FUNCTION:
            return
        mark = <int32_t *>malloc(<size_t>n * 4)
        if mark == NULL:
            self.nomem = 1
            return
        memset(mark, 0xFF, <size_t>n * 4)
        found = self.find_targets(p, n, mark)
        if found < 0:
            free(mark)
            return
        states = <State *>calloc(<size_t>found + 1, sizeof(State))
        if states == NULL:
            free(mark)
            self.nomem = 1
            return
        for _ in range(MAX_PASSES):
            if not self.sweep(f, p, n, mark, states, watched, False):
                self.sweep(f, p, n, mark, states, watched, True)
                break
        free(states)
        free(mark)

    def run(self, const int64_t[::1] functions not None, const uint64_t[::1] watched not None):
        cdef Py_ssize_t i
        cdef bytearray raw
        cdef unsigned char[::1] view
        for i in range(functions.shape[0]):
            if not 0 <= functions[i] < self.role.shape[0]:
                raise ValueError("code: a function that is not there")
        self.n_facts = 0
        with nogil:
            for i in range(functions.shape[0]):
                if self.nomem:
                    break
                self.function(functions[i], watched)
        if self.nomem:
            raise MemoryError("facts of machine code")
        raw = bytearray(self.n_facts * <int64_t>sizeof(Fact))
        if self.n_facts:
            view = raw
            memcpy(&view[0], self.facts, <size_t>self.n_facts * sizeof(Fact))
        return raw
