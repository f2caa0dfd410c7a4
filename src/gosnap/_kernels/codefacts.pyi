"""What machine code of x86-64, as Go's compiler makes it, says of the types of variables.

An abstract interpretation: a function is gone through, and of each register and word of its frame is known at
each instruction whether it holds a type's address, a pointer that an allocation returned, and so on. Where
ways meet, what holds on both is kept; loops are gone through until nothing changes. Registers of arguments
and results are those of Go's internal ABI (cmd/compile/abi-internal.md). A function with a computed jump, or
with an instruction that is not understood, tells nothing.
"""

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

_U64 = npt.NDArray[np.uint64]
_U8 = npt.NDArray[np.uint8]
_I64 = npt.NDArray[np.int64]

class CodeFacts:
    """The code at address ``base``, and what there is to know of the program around it.

    ``entry``: u64[n + 1], first addresses of its functions, sorted, and behind them the end. ``role``: u8[n],
    what a function is to its callers: 0 nothing special; 1 returns a new value of the type in the first
    argument, 2 in the second; 3 returns an array of such, 4 of the type in the fifth; 5 a map of the type, 6
    uses a map (type, map, …), 7 a channel; 8 changes no register; 9 does not return; 10 a method of a generic
    type (receiver, dictionary, …). ``types``: addresses of all types, sorted. ``ranges``: bounds of package
    variables. ValueError where columns differ in length or functions lie outside.
    """

    def __init__(
        self, code: Buffer, base: int, entry: _U64, role: _U8, types: _U64, ranges: _U64
    ) -> None: ...
    def receivers(self, type_of: _I64) -> None:
        """Of each function the type that its first argument points at, 0 for none."""

    def results(self, kind: _U8, type_of: _I64) -> None:
        """What is known of the first result of each function: see ``run``; 0 for nothing."""

    def run(self, functions: _I64, watched: _U64) -> bytearray:
        """Go through functions (rows of ``entry``); rows of 32 bytes, one per fact.

        where u64, value i64 (a type's address), offset i64, fact u8, kind u8 (3 a pointer to the type, 4 to
        several, 5 a map, 6 a channel of the type, 10 into an array of such; 0 unknown, 1 zero, others for
        results only), padding.

        ``fact``: 1 the variable at ``where`` holds such; 2 the variable is of the type; 3 a closure of the
        function at ``where`` is of the type; 4 function ``where`` (a row) returns such; 5 at the pc
        ``where``, one of ``watched`` (sorted), the frame's word at stack pointer plus ``offset`` holds such;
        6 the variable is, or with kind 3 points at, the receiver of the generic method in row ``value``, and
        ``offset`` is the address of its dictionary. ValueError for a row that is not there. MemoryError.
        """
