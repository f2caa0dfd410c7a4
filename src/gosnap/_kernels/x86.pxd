from libc.stdint cimport int64_t, uint8_t


cdef struct Instruction:
    int length              # 0: not understood
    int op                  # what it refers to, see x86.pyi; 0: nothing
    int size                # of such an operand, where it is known
    int64_t displacement    # of a relative operand, from the instruction's end
    int table               # 0 one-byte opcodes, 2 those behind 0F, 38 and 3A behind 0F 38 and 0F 3A, 1 VEX
    int opcode
    int prefixed            # has 66, F2 or F3
    int wide                # REX.W
    int relative            # 1 a jump or call by 8 or 32 bits
    int has_modrm
    int mod
    int reg                 # with REX.R
    int group               # the same without
    int rm                  # with REX.B
    int base                # register of an operand in memory, 16 rip, -1 none
    int index               # whether it has one
    int64_t offset          # its displacement


cdef Instruction decode(const uint8_t *p, int64_t n) noexcept nogil
