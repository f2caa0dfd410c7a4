"""The stacks of a heap profile as runtime/pprof writes them: locations, functions, lines.

Facts from Go 1.21 to 1.27: runtime/pprof/protomem.go (which frames are left out), proto.go (which addresses
are one location), runtime/symtab.go and symtabinl.go (what an address is).
"""

from __future__ import annotations

from array import array

from gosnap._kernels import callsites as kernel
from gosnap._kernels.profile_filter import take
from gosnap._kernels.symbols import Folder, Pclntab, distinct
from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from typing_extensions import Buffer

    from gosnap.goruntime.program import GoProgram

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


class CallSites:
    """Locations and functions of many stacks. Columns are buffers: memoryviews, or arrays of numpy.

    Functions by row: ``name`` (as the linker has it), ``file`` and ``start_line`` where it was first met.
    Locations by row: ``address`` u64 (a pc inside of the call), ``mapping`` i32 (row of the executable
    mappings, -1 for none), lines [line_start[i], line_start[i + 1]) innermost first: ``line_function`` u32,
    ``line`` i32. Stacks by row: locations ``stack[stack_start[i]:stack_start[i + 1]]``, innermost first.
    Starts are i64, as is ``start_line``. ``complete``: for each mapping, whether it has locations and all of
    them are known by function, file and line.
    """

    __slots__ = (
        *("name", "file", "start_line", "address", "mapping", "line_start", "line_function", "line"),
        *("stack_start", "stack", "complete"),
    )

    def __init__(
        self,
        *,
        name: list[str],
        file: list[str],
        start_line: Any,
        address: Any,
        mapping: Any,
        line_start: Any,
        line_function: Any,
        line: Any,
        stack_start: Any,
        stack: Any,
        complete: list[bool],
    ) -> None:
        self.name = name
        self.file = file
        self.start_line = start_line
        self.address = address
        self.mapping = mapping
        self.line_start = line_start
        self.line_function = line_function
        self.line = line
        self.stack_start = stack_start
        self.stack = stack
        self.complete = complete


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

    def resolve(self, pcs: memoryview) -> Resolved:
        """What each return address (u64) is."""
        return Resolved(self._modules, pcs)


class Resolved:
    """Per return address; ``name``, ``bare`` and ``file`` u32 are rows of ``names`` and ``files``, 0 (an
    empty text) for what is not Go's. See ``_kernels.symbols.Pclntab.resolve``."""

    __slots__ = ("bare", "call", "entry", "file", "files", "inlined", "line", "name", "names", "start_line")

    def __init__(self, modules: list[_Module], pcs: memoryview) -> None:
        n = len(pcs)
        # of what no module knows the address in front of it is shown
        self.entry, self.call = _zeros("Q", n), kernel.inside(pcs)
        self.line, self.start_line, self.inlined = _zeros("i", n), _zeros("i", n), _zeros("B", n)
        name, bare, file = _zeros("i", n), _zeros("i", n), _zeros("q", n)
        owner = _zeros("I", n)
        for number, module in enumerate(modules, 1):
            columns = (self.entry, self.call, name, bare, file, self.line, self.start_line, self.inlined)
            if module.table.resolve(pcs, *columns):
                kernel.owned(self.entry, owner, number)
        names: dict[str, int] = {"": 0}
        files: dict[str, int] = {"": 0}
        texts = [module.name for module in modules]
        self.name = _intern(kernel.keys(kernel.wider(name), owner), names, texts)
        self.bare = _intern(kernel.keys(kernel.wider(bare), owner), names, texts)
        self.file = _intern(kernel.keys(file, owner), files, [module.file for module in modules])
        self.names, self.files = list(names), list(files)


def _zeros(code: str, n: int) -> memoryview:
    """n items of a type of the array module that are 0."""
    return memoryview(array(code, bytes(n * array(code).itemsize)))


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
                memoryview(self._slice(module, "ftab", 8)).cast("B").cast("I"),
                memoryview(self._slice(module, "cutab", 4)).cast("B").cast("I"),
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


def _intern(keys: memoryview, known: dict[str, int], texts: Sequence[Callable[[int], str]]) -> memoryview:
    """Rows in ``known`` for offsets in tables of texts, u32."""
    several, which = _several(keys)
    rows = array("I")
    for key in several:
        offset = key & 0x1FFFFFFFF
        text = texts[(key >> 33) - 1](offset - (1 << 33) if offset >> 32 else offset) if key else ""
        rows.append(known.setdefault(text, len(known)))
    return take(memoryview(rows), which)


def _several(values: Buffer) -> tuple[memoryview, memoryview]:
    """(the different ones u64, which of them each is u32)."""
    n = len(memoryview(values))
    found, which = _zeros("Q", n), _zeros("I", n)
    return found[: distinct(values, found, which)], which


def printed(name: str) -> str:
    """A function's name as tracebacks of Go 1.21 show it (runtime.funcNameForPrint): type arguments as
    "..."."""
    first, last = name.find("["), name.rfind("]")
    return name if first < 0 or last <= first else f"{name[:first]}[...]{name[last + 1 :]}"


def call_sites(
    program: GoProgram, start: memoryview, pcs: memoryview, symbols: Symbols | None = None
) -> CallSites:
    """The locations of stacks of return addresses: stack i is pcs[start[i]:start[i + 1]] (i64, u64),
    innermost first. ``symbols``: the program's, where they have been made before."""
    symbols = symbols or Symbols(program)
    # a stack that was cut at its last frame may lack the calls around an inlined one
    ends, tail = _several(kernel.ends(start, pcs))
    tails = [symbols.outward(pc) for pc in ends]
    tail_start, tail_pcs = array("q", [0]), array("Q")
    for found in tails:
        tail_pcs.extend(found or ())
        tail_start.append(len(tail_pcs))
    cut = bytes(found is not None for found in tails)
    known, rows = _several(memoryview(b"".join((pcs, tail_pcs))).cast("Q"))
    r = symbols.resolve(known)
    minor = program.minor or 1 << 16
    prefixes = ("runtime.", "internal/runtime/") if minor >= _HIDES_INTERNAL else ("runtime.",)
    hidden = kernel.flagged(r.bare, bytes(n.startswith(prefixes) for n in r.names))
    stack_start, stack = kernel.join(start, rows, hidden, tail, tail_start, cut, len(pcs))
    key = r.name
    if minor < _BY_SYMBOL:
        shown: dict[str, int] = {}
        same = array("I", [shown.setdefault(printed(n), len(shown)) for n in r.names])
        key = take(memoryview(same), r.name)
    goexit = kernel.flagged(r.name, bytes(n == "runtime.goexit" for n in r.names))
    folded = Folder(r.entry, key, r.inlined).fold(stack_start, stack, goexit)
    line_start, frames, of_stack, locations = (memoryview(c).cast("I") for c in folded)
    m = program.image.mappings
    executable = executable_rows(program)
    sites = kernel.sites(
        line_start,
        frames,
        known,
        r.call,
        r.name,
        r.file,
        r.line,
        r.start_line,
        len(r.names),
        array("Q", [int(m.start[i]) for i in executable]),
        array("Q", [int(m.end[i]) for i in executable]),
    )
    sites["name"] = [r.names[i] for i in sites["name"]]
    sites["file"] = [r.files[i] for i in sites["file"]]
    return CallSites(**sites, stack_start=memoryview(array("q", of_stack)), stack=locations)


def executable_rows(program: GoProgram) -> list[int]:
    """The mappings that a profile lists (parseProcSelfMaps): executable, and of a file or with a name."""
    m = program.image.mappings
    return [i for i in range(len(m)) if m.perms[i][2:3] == "x" and (m.path[i] or int(m.inode[i]))]
