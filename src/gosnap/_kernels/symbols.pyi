"""Program counters to functions, files and lines by Go's tables, and stacks to a profile's locations.

Sources: runtime/symtab.go, runtime/symtabinl.go, runtime/pprof/proto.go (Go 1.21 to 1.27). Nothing in the
tables is trusted: an offset that leads out of them means "not known". Loops run without the GIL.
"""

from collections.abc import Container

from typing_extensions import Buffer

_Bytes = bytes | memoryview
_U64 = Buffer
_I64 = Buffer
_U32 = Buffer
_I32 = Buffer
_U8 = Buffer

class Pclntab:
    """The tables of one module (runtime.moduledata): ``pctab``, ``pcln`` (pclntable), ``ftab`` (u32 pairs),
    ``cutab``; ``tree``: memory from gofunc on, where the inline trees are.

    ``layout``: of runtime._func the size and the offsets of entryOff, nameOff, pcfile, pcln, npcdata,
    cuOffset, startLine, funcID, nfuncdata. ``wrapper``: abi.FuncIDWrapper; ``panics``: the ids of functions
    whose wrappers tracebacks show all the same (runtime.elideWrapperCalling). ValueError for a layout that
    contradicts itself.
    """

    def __init__(
        self,
        pctab: _Bytes,
        pcln: _Bytes,
        ftab: _U32,
        cutab: _U32,
        tree: _Bytes,
        text: int,
        min_pc: int,
        max_pc: int,
        layout: tuple[int, ...],
        wrapper: int,
        panics: Container[int],
    ) -> None: ...
    def resolve(
        self,
        pcs: _U64,
        entry: _U64,
        call: _U64,
        name: _I32,
        bare: _I32,
        file: _I64,
        line: _I32,
        start_line: _I32,
        inlined: _U8,
    ) -> int:
        """What runtime.CallersFrames says of each return address, for the innermost call there.

        Per pc: ``entry`` of the function with code, ``call`` (a pc inside of the call), ``name`` (an offset
        in funcnametab), ``file`` (an offset in filetab, -1 where unknown, then ``line`` may be 0),
        ``start_line``, ``inlined`` (1 for a call that has no code of its own). ``bare``: the name that
        runtime.FuncForPC gives for the address itself. Rows of pcs outside of the module are left as they
        are. Returns how many are inside.
        """

    def outward(self, pc: int) -> list[int] | None:
        """The return addresses that stand for one whose call was inlined: itself and those of the calls
        around it, without wrappers (runtime/pprof's runtime_expandFinalInlineFrame). None where it was not
        inlined, or is not in this module."""

def distinct(values: _U64, found: _U64, row: _U32) -> int:
    """The different ones of ``values`` (u64[n]) into ``found``, in the order in which they come first;
    ``row``: where each value is in it. Returns how many there are. ValueError where the output is smaller
    than the input.
    """

class Folder:
    """Joins pcs to locations as runtime/pprof's profileBuilder does: a call with all that was inlined into it
    is one location, which later stacks that come to the same pc use again.

    ``entry``, ``inlined`` as ``Pclntab.resolve`` gives them for each distinct pc (entry 0: not Go's);
    ``key``: the same number for the same function name.
    """

    def __init__(self, entry: _U64, key: _U32, inlined: _U8) -> None: ...
    def fold(self, start: _I64, pcs: _U32, last: _U8) -> tuple[bytes, bytes, bytes, bytes]:
        """``start`` (i64[n+1]) into ``pcs``: stacks of rows of distinct pcs, innermost first; ``last``: 1 for
        rows that are no location (runtime.goexit).

        Returns u32 columns: start of each location in the next (and the end), rows of pcs innermost first;
        start of each stack in the next (and the end), locations. ValueError where columns do not fit.
        """
