# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""What machine code refers to. x86.pyi is the documentation."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

cdef enum:
    # what a row is; x86.pyi names them
    OP_LEA = 1
    OP_LOAD = 2
    OP_STORE = 3
    OP_OTHER = 4
    OP_CALL = 5
    OP_JUMP = 6
    # what follows an opcode
    MODRM = 1
    IMM8 = 2
    IMM16 = 4
    IMM_Z = 8        # 4 bytes, 2 with the prefix 66
    IMM_V = 16       # 8 bytes with REX.W, else as IMM_Z
    REL8 = 32
    REL32 = 64
    MOFFS = 128
    GROUP3 = 256     # F6, F7: an immediate only of TEST
    BAD = 512
    RIP = 16

cdef int[256] ONE
cdef int[256] TWO


cdef void fill_tables() noexcept:
    cdef int i
    for i in range(256):
        ONE[i] = 0
        TWO[i] = MODRM
    for i in range(0x40):
        if i & 7 < 4:
            ONE[i] = MODRM
        elif i & 7 == 4:
            ONE[i] = IMM8
        elif i & 7 == 5:
            ONE[i] = IMM_Z
        else:
            ONE[i] = BAD
    for i in (0x60, 0x61, 0x82, 0x9A, 0xD4, 0xD5, 0xD6, 0xEA, 0xCE):
        ONE[i] = BAD
    for i in (0x63, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F):
        ONE[i] = MODRM
    for i in range(0xD0, 0xD4):
        ONE[i] = MODRM
    for i in range(0xD8, 0xE0):
        ONE[i] = MODRM
    ONE[0xFE] = ONE[0xFF] = MODRM
    ONE[0x68] = ONE[0xA9] = IMM_Z
    ONE[0x69] = ONE[0x81] = ONE[0xC7] = MODRM | IMM_Z
    ONE[0x6B] = ONE[0x80] = ONE[0x83] = ONE[0xC0] = ONE[0xC1] = ONE[0xC6] = MODRM | IMM8
    ONE[0x6A] = ONE[0xA8] = ONE[0xCD] = IMM8
    for i in range(0xB0, 0xB8):
        ONE[i] = IMM8
    for i in range(0xB8, 0xC0):
        ONE[i] = IMM_V
    for i in range(0xE4, 0xE8):
        ONE[i] = IMM8
    for i in range(0x70, 0x80):
        ONE[i] = REL8
    for i in range(0xE0, 0xE4):
        ONE[i] = REL8
    ONE[0xEB] = REL8
    ONE[0xE8] = ONE[0xE9] = REL32
    for i in range(0xA0, 0xA4):
        ONE[i] = MOFFS
    ONE[0xC2] = ONE[0xCA] = IMM16
    ONE[0xC8] = IMM16 | IMM8
    ONE[0xF6] = MODRM | GROUP3 | IMM8
    ONE[0xF7] = MODRM | GROUP3 | IMM_Z
    for i in (0x05, 0x06, 0x07, 0x08, 0x09, 0x0B, 0x0E, 0x77, 0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA):
        TWO[i] = 0
    for i in range(0x30, 0x38):
        TWO[i] = 0
    for i in range(0x80, 0x90):
        TWO[i] = REL32
    for i in range(0xC8, 0xD0):
        TWO[i] = 0
    for i in (0x70, 0x71, 0x72, 0x73, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6):
        TWO[i] = MODRM | IMM8
    for i in (0x04, 0x0A, 0x0C, 0x24, 0x25, 0x26, 0x27, 0x36):
        TWO[i] = BAD


fill_tables()


cdef struct Row:
    uint64_t pc
    uint64_t target
    uint8_t op
    uint8_t reg
    uint8_t size     # of the operand in bytes, 0 where it is not 4 or 8
    uint8_t length
    uint32_t pad


cdef Instruction decode(const uint8_t *p, int64_t n) noexcept nogil:
    """One instruction of 64-bit code; length 0 where it is not understood or not whole."""
    cdef Instruction out
    cdef int64_t i = 0
    cdef int rex = 0, narrow = 0, flags = 0, opcode, modrm = 0, sib = 0, imm = 0
    cdef int32_t d32 = 0
    memset(&out, 0, sizeof(out))
    out.base = -1
    n = min(n, 15)
    while i < n and (
        p[i] == 0x66 or p[i] == 0x67 or p[i] == 0xF2 or p[i] == 0xF3 or p[i] == 0xF0
        or p[i] == 0x2E or p[i] == 0x36 or p[i] == 0x3E or p[i] == 0x26 or p[i] == 0x64 or p[i] == 0x65
    ):
        if p[i] == 0x66:
            narrow = 1
        if p[i] == 0x66 or p[i] == 0xF2 or p[i] == 0xF3 or p[i] == 0x64 or p[i] == 0x65:
            out.prefixed = 1
        i += 1
    if i < n and p[i] & 0xF0 == 0x40:
        rex = p[i]
        i += 1
    if i >= n:
        return out
    out.wide = rex >> 3 & 1
    opcode = p[i]
    i += 1
    if opcode == 0xC5 or opcode == 0xC4 or opcode == 0x62:
        # bytes of VEX and EVEX before the opcode; the map is told by the second (C5 has but one map)
        if i + (1 if opcode == 0xC5 else (2 if opcode == 0xC4 else 3)) >= n:
            return out
        out.table = 1
        flags = 1 if opcode == 0xC5 else (p[i] & 31 if opcode == 0xC4 else p[i] & 7)
        i += 1 if opcode == 0xC5 else (2 if opcode == 0xC4 else 3)
        sib = opcode
        opcode = p[i]
        i += 1
        if flags == 1 and opcode == 0x77 and sib != 0x62:
            flags = 0
        elif flags == 3 or (flags == 1 and (
            0x70 <= opcode <= 0x73 or opcode == 0xC2 or 0xC4 <= opcode <= 0xC6
        )):
            flags = MODRM | IMM8
        else:
            flags = MODRM
    elif opcode == 0x0F:
        if i + 1 >= n and (i >= n or p[i] == 0x38 or p[i] == 0x3A):
            return out
        opcode = p[i]
        i += 1
        out.table = 2
        if opcode == 0x38 or opcode == 0x3A:
            flags = MODRM | (IMM8 if opcode == 0x3A else 0)
            out.table = opcode
            opcode = p[i]
            i += 1
        else:
            flags = TWO[opcode]
    else:
        flags = ONE[opcode]
    out.opcode = opcode
    if flags & BAD:
        return out
    if flags & MODRM:
        if i >= n:
            return out
        modrm = p[i]
        i += 1
        out.has_modrm = 1
        out.mod = modrm >> 6
        out.group = modrm >> 3 & 7
        out.reg = out.group | (rex << 1 & 8)
        out.rm = modrm & 7 | (rex << 3 & 8)
        if out.mod != 3:
            out.base = out.rm
            if modrm & 7 == 4:
                if i >= n:
                    return out
                sib = p[i]
                i += 1
                out.index = (sib >> 3 & 7) != 4 or rex & 2 != 0
                out.base = sib & 7 | (rex << 3 & 8)
                if out.mod == 0 and sib & 7 == 5:
                    out.base = -1
                    i += 4
            elif out.mod == 0 and modrm & 7 == 5:
                if i + 4 > n:
                    return out
                out.base = RIP
                memcpy(&d32, p + i, 4)
                i += 4
            if out.mod == 1:
                if i >= n:
                    return out
                out.offset = <int8_t>p[i]
                i += 1
            elif out.mod == 2:
                if i + 4 > n:
                    return out
                memcpy(&d32, p + i, 4)
                out.offset = d32
                i += 4
        if flags & GROUP3 and out.group > 1:
            flags &= ~(IMM8 | IMM_Z)
    if flags & (IMM8 | REL8):
        imm += 1
    if flags & IMM16:
        imm += 2
    if flags & IMM_Z:
        imm += 2 if narrow and not out.wide else 4
    if flags & IMM_V:
        imm += 8 if out.wide else (2 if narrow else 4)
    if flags & MOFFS:
        imm += 8
    if flags & REL32:
        imm += 4
    if i + imm > n:
        return out
    if flags & REL32:
        memcpy(&d32, p + i, 4)
        out.displacement = d32
        out.relative = 1
    elif flags & REL8:
        out.displacement = <int8_t>p[i]
        out.relative = 1
    if not flags & MODRM:
        out.rm = opcode & 7 | (rex << 3 & 8)
    i += imm
    out.length = <int>i
    if flags & REL32 and out.table == 0:
        out.op = OP_CALL if opcode == 0xE8 else OP_JUMP
    elif out.base == RIP:
        out.displacement = d32
        out.op = OP_OTHER
        if out.table == 0 and not narrow:
            out.size = 8 if out.wide else 4
            if opcode == 0x8D:
                out.op = OP_LEA
            elif opcode == 0x8B:
                out.op = OP_LOAD
            elif opcode == 0x89:
                out.op = OP_STORE
            elif not (opcode == 0x39 or opcode == 0x3B or opcode == 0x81 or opcode == 0x83
                      or opcode == 0xC7 or opcode == 0x87 or opcode == 0xF7 or opcode == 0xFF):
                out.size = 0
    return out


cdef class _Rows:
    cdef Row *rows
    cdef int64_t n
    cdef int64_t room

    def __dealloc__(self):
        free(self.rows)

    cdef int add(self, const Row *row) noexcept nogil:
        cdef Row *grown
        if self.n == self.room:
            grown = <Row *>realloc(self.rows, <size_t>(self.room * 2 + 256) * sizeof(Row))
            if grown == NULL:
                return -1
            self.rows = grown
            self.room = self.room * 2 + 256
        self.rows[self.n] = row[0]
        self.n += 1
        return 0


cdef int64_t sweep(const uint8_t *p, int64_t n, uint64_t base, _Rows out) noexcept nogil:
    """How many bytes were understood; -1 without memory."""
    cdef int64_t at = 0
    cdef Instruction found
    cdef Row row
    memset(&row, 0, sizeof(row))
    while at < n:
        found = decode(p + at, n - at)
        if found.length == 0:
            break
        if found.op:
            row.pc = base + <uint64_t>at
            row.target = row.pc + <uint64_t>found.length + <uint64_t>found.displacement
            row.op = <uint8_t>found.op
            row.reg = <uint8_t>found.reg
            row.size = <uint8_t>found.size
            row.length = <uint8_t>found.length
            if out.add(&row) < 0:
                return -1
        at += found.length
    return at


def references(const uint8_t[::1] code not None, uint64_t base):
    cdef _Rows out = _Rows()
    cdef int64_t swept = 0
    cdef bytearray raw
    cdef unsigned char[::1] view
    if code.shape[0]:
        with nogil:
            swept = sweep(&code[0], code.shape[0], base, out)
    if swept < 0:
        raise MemoryError("references of machine code")
    raw = bytearray(out.n * <int64_t>sizeof(Row))
    if out.n:
        view = raw
        memcpy(&view[0], out.rows, <size_t>out.n * sizeof(Row))
    return raw, swept


def lengths(const uint8_t[::1] code not None):
    cdef int64_t at = 0, n = code.shape[0]
    cdef Instruction found
    out = []
    while at < n:
        found = decode(&code[at], n - at)
        out.append(found.length)
        if found.length == 0:
            break
        at += found.length
    return out
