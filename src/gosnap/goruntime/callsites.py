"""The stacks of a heap profile as runtime/pprof writes them: locations, functions, lines.

Facts from Go 1.21 to 1.27: runtime/pprof/protomem.go (which frames are left out), proto.go (which addresses
are one location), runtime/symtab.go and symtabinl.go (what an address is).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gosnap._kernels.symbols import Folder, Pclntab, distinct
from gosnap.errors import GosnapError
from gosnap.goruntime.program import GoProgram

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]

_MAX_TABLE = 1 << 31
_MAX_NAME = 4096
_MAX_TREES = 1 << 30
_FUNC_FIELDS = (
    *("entryOff", "nameOff", "pcfile", "pcln", "npcdata", "cuOffset", "startLine", "funcID", "nfuncdata"),
)
_PANICS = ("FuncID_gopanic", "FuncID_sigpanic", "FuncID_panicwrap")
_BY_SYMBOL = 22
"""From Go 1.22 on, pcDeck.tryAdd tells functions by their symbols, before that by what tracebacks print."""
_HIDES_INTERNAL = 24
"""From Go 1.24 on, leading frames of internal/runtime/ are left out like those of runtime."""


@dataclass
class CallSites:
    """Locations and functions of many stacks.

    Functions by row: ``name`` (as the linker has it), ``file`` and ``start_line`` where it was first met.
    Locations by row: ``address`` (a pc inside of the call), ``mapping`` (row of the executable mappings, -1
    for none), lines [line_start[i], line_start[i + 1]) innermost first: ``line_function``, ``line``.
    Stacks by row: locations ``stack[stack_start[i]:stack_start[i + 1]]``, innermost first. ``complete``: for
    each mapping, whether it has locations and all of them are known by function, file and line.
    """

    name: list[str]
    file: list[str]
    start_line: I64
    address: U64
    mapping: I32
    line_start: I64
    line_function: U32
    line: I32
    stack_start: I64
    stack: U32
    complete: list[bool]


class Symbols:
    """The function tables of all modules of a program."""

    def __init__(self, program: GoProgram) -> None:
        self.program = program
        self._modules = [_Module(program, m.address) for m in program.modules]

    def outward(self, pc: int) -> list[int] | None:
        """See ``_kernels.symbols.Pclntab.outward``."""
        for module in self._modules:
            found = module.table.outward(pc)
            if found is not None:
                return found
        return None

    def resolve(self, pcs: U64) -> "Resolved":
        """What each return address is."""
        n = len(pcs)
        names: dict[str, int] = {"": 0}
        files: dict[str, int] = {"": 0}
        out = Resolved(
            entry=np.zeros(n, np.uint64),
            call=pcs - np.uint64(1),
            name=np.zeros(n, np.uint32),
            bare=np.zeros(n, np.uint32),
            file=np.zeros(n, np.uint32),
            line=np.zeros(n, np.int32),
            start_line=np.zeros(n, np.int32),
            inlined=np.zeros(n, np.uint8),
            names=[],
            files=[],
        )
        name, bare, file = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n, np.int64)
        for module in self._modules:
            known = out.entry != 0
            columns = (out.entry, out.call, name, bare, file, out.line, out.start_line, out.inlined)
            if not module.table.resolve(pcs, *columns):
                continue
            mine = np.flatnonzero((out.entry != 0) & ~known)
            out.name[mine] = _intern(name[mine], names, module.name)
            out.bare[mine] = _intern(bare[mine], names, module.name)
            out.file[mine] = _intern(file[mine], files, module.file)
        out.names, out.files = list(names), list(files)
        return out


@dataclass
class Resolved:
    """Per return address; ``name``, ``bare`` and ``file`` are rows of ``names`` and ``files``, 0 (an empty
    text) for what is not Go's. See ``_kernels.symbols.Pclntab.resolve``."""

    entry: U64
    call: U64
    name: U32
    bare: U32
    file: U32
    line: I32
    start_line: I32
    inlined: npt.NDArray[np.uint8]
    names: list[str]
    files: list[str]


class _Module:
    """One module's tables."""

    def __init__(self, program: GoProgram, module: int) -> None:
        self._program = program
        lay = program.layouts
        self._names = self._slice(module, "funcnametab")
        self._files = self._slice(module, "filetab")
        layout = (lay.size("runtime._func"), *(lay.need("runtime._func", f).offset for f in _FUNC_FIELDS))
        wrapper = program.constant("internal/abi.FuncIDWrapper")
        panics = [p for n in _PANICS if (p := program.constant(f"internal/abi.{n}")) is not None]
        try:
            self.table = Pclntab(
                self._slice(module, "pctab"),
                self._slice(module, "pclntable"),
                np.frombuffer(self._slice(module, "ftab", 8), "<u4"),
                np.frombuffer(self._slice(module, "cutab", 4), "<u4"),
                self._trees(program.field(module, "runtime.moduledata", "gofunc")),
                program.field(module, "runtime.moduledata", "text"),
                program.field(module, "runtime.moduledata", "minpc"),
                program.field(module, "runtime.moduledata", "maxpc"),
                layout,
                -1 if wrapper is None else wrapper,
                panics,
            )
        except ValueError as e:
            raise GosnapError(f"{program.image.exe_label}: {e}") from None

    def _slice(self, module: int, name: str, size: int = 1) -> bytes | memoryview:
        at = module + self._program.layouts.need("runtime.moduledata", name).offset
        address, count = self._program.space.u64(at), self._program.space.u64(at + 8)
        if count * size > _MAX_TABLE:
            raise GosnapError(f"the program's {name} at {address:#x} claims {count * size:,} bytes")
        return self._program.space.view(address, count * size)

    def _trees(self, gofunc: int) -> bytes | memoryview:
        """Memory from gofunc on: inline trees have no table that says where they end."""
        end = self._program.space.region_end(gofunc)
        return self._program.space.view(gofunc, min(end - gofunc, _MAX_TREES)) if end else b""

    def name(self, offset: int) -> str:
        """A name in funcnametab."""
        return _text(self._names, offset)

    def file(self, offset: int) -> str:
        """A file in filetab; "?" where the tables do not say, as runtime.funcfile has it."""
        return _text(self._files, offset) if offset >= 0 else "?"


def _text(table: bytes | memoryview, offset: int) -> str:
    if offset < 0:
        return ""
    return bytes(table[offset : offset + _MAX_NAME]).partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _intern(offsets: npt.NDArray[np.integer], known: dict[str, int], text: Callable[[int], str]) -> U32:
    """Rows in ``known`` for offsets in a table of texts."""
    several, inverse = np.unique(offsets, return_inverse=True)
    rows = [known.setdefault(text(o), len(known)) for o in several.tolist()]
    return np.array(rows, np.uint32)[inverse]


def printed(name: str) -> str:
    """A function's name as tracebacks of Go 1.21 show it (runtime.funcNameForPrint): type arguments as
    "..."."""
    first, last = name.find("["), name.rfind("]")
    return name if first < 0 or last <= first else f"{name[:first]}[...]{name[last + 1 :]}"


def call_sites(program: GoProgram, start: I64, pcs: U64) -> CallSites:
    """The locations of stacks of return addresses: stack i is pcs[start[i]:start[i + 1]], innermost first."""
    symbols = Symbols(program)
    tails = _Tails(symbols, start, pcs)
    every = np.concatenate([pcs, tails.pcs])
    rows = np.zeros(len(every), np.uint32)
    found = np.zeros(len(every), np.uint64)
    pcs_known = found[: distinct(every, found, rows)]
    r = symbols.resolve(pcs_known)
    minor = program.minor or 1 << 16
    prefixes = ("runtime.", "internal/runtime/") if minor >= _HIDES_INTERNAL else ("runtime.",)
    hidden = np.array([n.startswith(prefixes) for n in r.names], bool)[r.bare]
    begin = _strip(start, hidden[rows[: len(pcs)]])
    stack_start, stack = tails.join(begin, start, rows[: len(pcs)], rows[len(pcs) :])
    if minor >= _BY_SYMBOL:
        key = r.name
    else:
        shown: dict[str, int] = {}
        key = np.array([shown.setdefault(printed(n), len(shown)) for n in r.names], np.uint32)[r.name]
    goexit = np.array([n == "runtime.goexit" for n in r.names], np.uint8)[r.name]
    folded = Folder(r.entry, key, r.inlined).fold(stack_start, stack, goexit)
    line_start, frames, of_stack, locations = (np.frombuffer(c, "<u4") for c in folded)
    return _sites(program, r, pcs_known, _Folded(line_start, frames, of_stack, locations))


def _strip(start: I64, hidden: npt.NDArray[np.bool_]) -> I64:
    """Where each stack begins that is left without its leading hidden frames; whole if all are hidden."""
    shown = np.append(np.flatnonzero(~hidden), len(hidden))
    first = shown[np.searchsorted(shown, start[:-1])]
    begin: I64 = np.where(first < start[1:], first, start[:-1])
    return begin


class _Tails:
    """The last frames of stacks: a stack that was cut there may lack the calls around an inlined one."""

    def __init__(self, symbols: Symbols, start: I64, pcs: U64) -> None:
        some = np.flatnonzero(start[1:] > start[:-1])
        last = pcs[start[1:][some] - 1] if len(some) else np.zeros(0, np.uint64)
        ends, inverse = np.unique(last, return_inverse=True)
        pieces = [symbols.outward(pc) for pc in ends.tolist()]
        lengths = np.array([-1 if p is None else len(p) for p in pieces], np.int64)
        begins = np.concatenate([[0], np.cumsum(np.maximum(lengths, 0))]).astype(np.int64)
        self.pcs = np.array([pc for p in pieces if p is not None for pc in p], np.uint64)
        n = len(start) - 1
        self._cut = np.zeros(n, np.int64)
        self._length = np.zeros(n, np.int64)
        self._begin = np.zeros(n, np.int64)
        self._cut[some] = lengths[inverse] >= 0
        self._length[some] = np.maximum(lengths[inverse], 0)
        self._begin[some] = begins[inverse]

    def join(self, begin: I64, start: I64, rows: U32, tails: U32) -> tuple[I64, U32]:
        """(start, rows) of the stacks from ``begin`` on, with their last frames completed."""
        body = start[1:] - begin - self._cut
        total = body + self._length
        out_start = np.concatenate([[0], np.cumsum(total)]).astype(np.int64)
        out = np.zeros(int(out_start[-1]), np.uint32)
        out[_ranges(out_start[:-1], body)] = rows[_ranges(begin, body)]
        out[_ranges(out_start[:-1] + body, self._length)] = tails[_ranges(self._begin, self._length)]
        return out_start, out


def _ranges(first: I64, count: I64) -> I64:
    """first[0], first[0] + 1, … (count[0] of them), first[1], …"""
    ends = np.cumsum(count)
    out: I64 = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(first - (ends - count), count)
    return out


class _Folded(NamedTuple):
    """What ``Folder.fold`` returns."""

    line_start: U32
    frames: U32
    stack_start: U32
    stack: U32


def _sites(
    program: GoProgram,
    r: Resolved,
    pcs: U64,
    folded: _Folded,
) -> CallSites:
    begins, frames = folded.line_start.astype(np.int64), folded.frames
    inner = frames[begins[:-1]]
    function = r.name[frames]
    # functions in the order in which they are met; the first line of each says where it is
    met = np.zeros(len(function), np.uint64)
    rank = np.zeros(len(function), np.uint32)
    met = met[: distinct(function.astype(np.uint64), met, rank)]
    first = np.full(len(met), len(rank), np.int64)
    np.minimum.at(first, rank, np.arange(len(rank)))
    where = frames[first]
    mapping, executable = _mapping_of(program, pcs[inner])
    named = np.array([bool(n) for n in r.names], bool)
    filed = np.array([bool(f) for f in r.files], bool)
    known = named[r.name] & filed[r.file] & (r.line != 0)
    incomplete = np.logical_or.reduceat(~known[frames], begins[:-1]) if len(inner) else np.zeros(0, bool)
    return CallSites(
        name=[r.names[i] for i in met.tolist()],
        file=[r.files[i] for i in r.file[where].tolist()],
        start_line=r.start_line[where].astype(np.int64),
        address=r.call[inner],
        mapping=mapping,
        line_start=begins,
        line_function=rank,
        line=r.line[frames],
        stack_start=folded.stack_start.astype(np.int64),
        stack=folded.stack,
        complete=[
            bool((mapping == i).any()) and not bool(incomplete[mapping == i].any()) for i in range(executable)
        ],
    )


def executable_rows(program: GoProgram) -> list[int]:
    """The mappings that a profile lists (parseProcSelfMaps): executable, and of a file or with a name."""
    m = program.image.mappings
    return [i for i in range(len(m)) if m.perms[i][2:3] == "x" and (m.path[i] or int(m.inode[i]))]


def _mapping_of(program: GoProgram, addresses: U64) -> tuple[I32, int]:
    """(row of the executable mappings that holds each return address or -1, how many there are)."""
    m = program.image.mappings
    rows = executable_rows(program)
    out = np.full(len(addresses), -1, np.int32)
    for k, i in enumerate(rows):
        out[(addresses >= m.start[i]) & (addresses < m.end[i])] = k
    return out, len(rows)
