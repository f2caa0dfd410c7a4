"""Where the variables of a function lie at a program counter.

Entries of .debug_info as ``gosnap._kernels.dwarf.Scan`` keeps them; location lists in .debug_loc (DWARF 4,
2.6.2) and .debug_loclists (DWARF 5, 7.7.3), ranges in .debug_ranges (DWARF 4, 2.17.3) and .debug_rnglists
(DWARF 5, 7.25), expressions of DWARF 5, 2.5 and 2.6. What a Go compiler writes of this is in
cmd/internal/dwarf/dwarf.go (putvar, putscope, PutInlinedFunc) and cmd/compile/internal/ssa/debug.go.

Every offset, length and reference is checked. The work of one call is bounded, whatever the sections say.
"""

from typing_extensions import Buffer

from gosnap._kernels.dwarf import Scan

class LocalsReader:
    """Reads a function when it is asked for.

    ``scan``: of .debug_info. The others are the bytes of the sections of that name, empty where there is
    none; they must stay unchanged while the object lives.
    """

    def __init__(
        self, scan: Scan, loc: Buffer, loclists: Buffer, ranges: Buffer, rnglists: Buffer
    ) -> None: ...
    def at(
        self, die: int, pc: int
    ) -> list[tuple[str, str, int, bool, bool, bool, tuple[tuple[int, int, int], ...]]]:
        """The variables in scope at a link-time pc of the function whose entry is at offset ``die``.

        (name, function that declares it, row of ``Scan.types_columns``, is a parameter, has parts in
        registers, is a pointer to the variable, pieces) in the section's order, so that inner scopes come
        behind outer ones. A piece is (offset from the frame's CFA, bytes, offset in the variable). Variables
        that are nowhere at this pc, and those with a fixed address, are left out. [] where the function does
        not have the pc.

        ValueError: damaged DWARF; the message names the section and the offset. OverflowError: a negative
        number.
        """
