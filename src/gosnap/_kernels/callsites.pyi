"""A heap profile that is rebuilt from a program's memory, as columns: counters, stacks, locations.

Columns are buffers of native items (memoryviews, or arrays of numpy); what is returned are memoryviews over
memory of their own. ValueError where columns do not fit together. Nothing here needs numpy.
"""

from typing import Any

from typing_extensions import Buffer

Column = memoryview

def split(counters: Buffer) -> tuple[Column, Column]:
    """(allocs, frees), i64[n * 4] each, of i64[n * 8] counters as gosnap._kernels.mprof.Chain has them."""

def published(allocs: Buffer, frees: Buffer, column: int) -> tuple[Column, Column]:
    """i64[n]: of each four counters the first and ``column``; the sum of all where ``column`` is -1, or where
    nothing at all would be counted."""

def minus(a: Buffer, b: Buffer) -> Column:
    """i64 columns, one less the other."""

def labels(size: Buffer, allocs: Buffer | None) -> Column:
    """``size`` u64 as i64; with ``allocs`` (i64) 0 where that is not more than 0."""

def present(column: Buffer) -> tuple[Column, Column]:
    """(start i64[n + 1], items i64) of what is not 0: row i has it at start[i], if start[i + 1] is more."""

def rows(a: Buffer, b: Buffer, c: Buffer, d: Buffer) -> Column:
    """Four i64 columns as rows of four, i64[n * 4]."""

def differing(a: Buffer, b: Buffer, c: Buffer, d: Buffer, only: Buffer) -> int:
    """How many rows of i64[n * 4] differ between ``a`` and ``b``, or between ``c`` and ``d``, in the columns
    that ``only`` (u8[4]) names."""

def lasting(before: Buffer, after: Buffer, a: Buffer, b: Buffer, c: Buffer, d: Buffer) -> int:
    """How many rows are in doubt (u64[n], as mprof.Chain has it) in two readings of which ``a``, ``c`` and
    ``b``, ``d`` (i64[n * 4]) are the counters: in both for a wrong hash, which is written once; for the same
    reason and with the same counters otherwise, since what is written meanwhile may be seen half-way."""

def ends(start: Buffer, pcs: Buffer) -> Column:
    """The last of each stack's pcs, u64[n]; 0 for an empty one. Stack i is pcs[start[i]:start[i + 1]]."""

def join(
    start: Buffer, row: Buffer, hidden: Buffer, tail: Buffer, tail_start: Buffer, cut: Buffer, pcs: int
) -> tuple[Column, Column]:
    """(start i64[n + 1], rows of pcs u32) of stacks as profiles have them: without the leading frames that
    are ``hidden`` (u8 by row; if all are, none is), the last one completed.

    ``row`` u32: of the ``pcs`` that ``start`` is about, then those of tails; ``tail`` u32[n]: which tail a
    stack has; ``tail_start`` i64, ``cut`` u8 by tail: it stands for the stack's last frame.
    """

def flagged(which: Buffer, flags: Buffer) -> Column:
    """flags[which[i]], u8."""

def inside(pcs: Buffer) -> Column:
    """u64: the addresses in front of these, which are inside of the calls that return there."""

def owned(entry: Buffer, owner: Buffer, module: int) -> None:
    """Set owner[i] (u32) to ``module`` where there is an entry (u64), and no owner yet."""

def keys(offset: Buffer, owner: Buffer) -> Column:
    """One u64 for an owner (u32) and an offset (i64, from -1, below 2**32) of its: owner << 33 | the lower 33
    bits of the offset; 0 for what has no owner."""

def wider(column: Buffer) -> Column:
    """i32 as i64."""

def sites(
    line_start: Buffer,
    frame: Buffer,
    pc: Buffer,
    call: Buffer,
    name: Buffer,
    file: Buffer,
    line: Buffer,
    start_line: Buffer,
    names: int,
    map_start: Buffer,
    map_end: Buffer,
) -> dict[str, Any]:
    """Locations and functions of folded stacks, as gosnap.goruntime.callsites.CallSites has them.

    ``line_start`` u32, ``frame`` u32: rows of pcs of each location (gosnap._kernels.symbols.Folder). By row:
    ``pc``, ``call`` u64, ``name``, ``file`` u32 (0: not known), ``line``, ``start_line`` i32; ``names``: how
    many there are. ``map_start``, ``map_end`` u64: executable mappings. Functions, here by ``name`` and
    ``file`` u32, are in the order in which they are met.
    """

def address_of(data: Buffer) -> int:
    """Where a buffer lies in our memory; 0 for an empty one. It must outlive the use of that."""

def symbol(table: Buffer, places: Buffer) -> tuple[int, int] | None:
    """(value, size) of the first defined symbol in a .symtab (Elf64_Sym) whose name is at one of these
    ``places`` (u64) in the string table."""
