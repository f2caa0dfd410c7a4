"""What machine code of x86-64 refers to.

The instruction set is that of the Intel SDM, volume 2, appendix A; only lengths and operands that are
relative to the instruction pointer are understood, which is all that Go's compiler and linker make for
addresses of data and functions.
"""

from typing_extensions import Buffer

def references(code: Buffer, base: int) -> tuple[bytearray, int]:
    """(rows of 24 bytes for the instructions of ``code``, at address ``base``, with a relative operand; how
    many bytes were gone through).

    pc u64, target u64, op u8, reg u8, size u8, length u8, padding to 24. ``op``: 1 lea, 2 a load (mov r, m),
    3 a store (mov m, r), 4 another operand in memory, 5 a call, 6 a jump. ``reg``: the number of the register
    that lea and mov have; ``size``: of the operand, 4 or 8, 0 for another or unknown; ``length``: bytes of
    the instruction. The sweep ends with the code, or before an instruction that is not understood.
    MemoryError.
    """

def lengths(code: Buffer) -> list[int]:
    """How long each instruction is; a last 0 where one was not understood."""
