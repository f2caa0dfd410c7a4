"""Functions of the running program by their program counters: names, lines, frame sizes, stack maps.

Read from the pclntab in the target's memory, so it needs neither DWARF nor a symbol table. Sources:
runtime/symtab.go,
internal/abi/symtab.go (Go 1.20 to 1.27: funcdata are offsets from moduledata.gofunc, entries from
moduledata.text).
"""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.program import GoProgram

PCDATA_STACK_MAP, PCDATA_INLINE = 1, 2
FUNCDATA_ARGS, FUNCDATA_LOCALS, FUNCDATA_OBJECTS, FUNCDATA_INLINE = 0, 1, 2, 3
FLAG_TOP_FRAME, FLAG_SP_WRITE = 1, 2
ARGS_UNKNOWN = -0x80000000
_NO_FUNCDATA = 0xFFFFFFFF
_MAX_TABLE = 1 << 31
_MAX_NAME = 4096
_MAX_STEPS = 1 << 20
_MAX_INLINED = 256


@dataclass(frozen=True)
class Line:
    """One line of a stack trace; inlined calls are lines of their own."""

    function: str
    file: str
    line: int
    wrapper: bool = False
    """Made by the compiler (abi.FuncIDWrapper); tracebacks leave it out."""


@dataclass
class Function:
    """One function (runtime._func)."""

    table: "FunctionTable"
    name: str
    entry: int
    args: int
    """Bytes of arguments on the stack, or ARGS_UNKNOWN."""
    deferreturn: int
    pcsp: int
    pcfile: int
    pcln: int
    cu_offset: int
    start_line: int
    flag: int
    wrapper: bool
    pcdata_offsets: tuple[int, ...]
    funcdata_offsets: tuple[int, ...]
    _steps: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict, repr=False)

    def value(self, offset: int, pc: int) -> int:
        """The value of a pc-value table (at ``offset`` in pctab) at a pc; -1 where it has none."""
        if offset == 0:
            return -1
        if offset not in self._steps:
            self._steps[offset] = self.table.steps(offset)
        ends, values = self._steps[offset]
        i = bisect_right(ends, pc - self.entry)
        return values[i] if i < len(values) else -1

    def frame_bytes(self, pc: int) -> int:
        """How far the stack pointer is below where it was at the function's entry."""
        return max(self.value(self.pcsp, pc), 0)

    def pcdata(self, number: int, pc: int) -> int:
        """A PCDATA value, -1 where there is none."""
        return self.value(self.pcdata_offsets[number], pc) if number < len(self.pcdata_offsets) else -1

    def funcdata(self, number: int) -> int:
        """The address of a FUNCDATA; 0 where there is none."""
        if number >= len(self.funcdata_offsets) or self.funcdata_offsets[number] == _NO_FUNCDATA:
            return 0
        return self.table.gofunc + self.funcdata_offsets[number]

    def lines(self, pc: int) -> list[Line]:
        """The lines of a stack trace at a pc inside an instruction (a return address less 1), innermost
        first."""
        out: list[Line] = []
        tree = self.funcdata(FUNCDATA_INLINE)
        for _ in range(_MAX_INLINED):
            where = self.table.file(self.cu_offset, self.value(self.pcfile, pc)), self.value(self.pcln, pc)
            index = self.pcdata(PCDATA_INLINE, pc) if tree else -1
            if index < 0:
                out.append(Line(self.name, *where, self.wrapper))
                break
            # runtime.inlinedCall: funcID u8, pad, nameOff i32, parentPc i32, startLine i32
            try:
                raw = self.table.program.space.read(tree + index * 16, 16)
            except ReadError:
                out.append(Line(self.name, *where))
                break
            name = self.table.name(int.from_bytes(raw[4:8], "little", signed=True))
            out.append(Line(name, *where, raw[0] == self.table.wrapper_id))
            pc = self.entry + int.from_bytes(raw[8:12], "little", signed=True)
        return out


class FunctionTable:
    """The functions of one module."""

    def __init__(self, program: GoProgram, module: int) -> None:
        self.program = program
        self.wrapper_id = program.constant("internal/abi.FuncIDWrapper")
        self.text = program.field(module, "runtime.moduledata", "text")
        self.gofunc = program.field(module, "runtime.moduledata", "gofunc")
        self.min_pc = program.field(module, "runtime.moduledata", "minpc")
        self.max_pc = program.field(module, "runtime.moduledata", "maxpc")
        self._names = self._slice(module, "funcnametab")
        self._cutab = np.frombuffer(self._slice(module, "cutab"), "<u4")
        self._files = self._slice(module, "filetab")
        self._pctab = self._slice(module, "pctab")
        self._pcln = self._slice(module, "pclntable")
        at, count = self._header(module, "ftab")
        table = np.frombuffer(program.space.read(at, min(count * 8, _MAX_TABLE)), "<u4").reshape(-1, 2)
        # the last row is only the end of the last function
        self._entries = table[:, 0].tolist()
        self._offsets = table[:, 1].tolist()
        self._cache: dict[int, Function | None] = {}

    def _header(self, module: int, name: str) -> tuple[int, int]:
        at = module + self.program.layouts.need("runtime.moduledata", name).offset
        return self.program.space.u64(at), self.program.space.u64(at + 8)

    def _slice(self, module: int, name: str) -> bytes:
        at, size = self._header(module, name)
        if name == "cutab":
            size *= 4
        if size > _MAX_TABLE:
            raise GosnapError(f"the program's {name} at {at:#x} claims {size:,} bytes")
        return self.program.space.read(at, size)

    def name(self, offset: int) -> str:
        """A name in funcnametab."""
        end = self._names.find(b"\0", offset, offset + _MAX_NAME)
        return self._names[offset : max(end, offset)].decode("utf-8", "replace") if offset >= 0 else ""

    def file(self, cu_offset: int, number: int) -> str:
        """A file of a compilation unit; "?" where the tables do not say."""
        at = cu_offset + number
        if number < 0 or not 0 <= at < len(self._cutab) or self._cutab[at] == 0xFFFFFFFF:
            return "?"
        start = int(self._cutab[at])
        end = self._files.find(b"\0", start, start + _MAX_NAME)
        return self._files[start : max(end, start)].decode("utf-8", "replace") or "?"

    def steps(self, offset: int) -> tuple[list[int], list[int]]:
        """(ends, values): the value holds for pcs below its end, counted from the function's entry.

        runtime.step (runtime/symtab.go): pairs of varints, a zigzag difference of the value and one of the
        pc.
        """
        ends: list[int] = []
        values: list[int] = []
        data, at, pc, value = self._pctab, offset, 0, -1
        for _ in range(_MAX_STEPS):
            delta, at = _varint(data, at)
            if delta == 0 and ends:
                break
            value += ~(delta >> 1) if delta & 1 else delta >> 1
            step, at = _varint(data, at)
            if not step:
                break
            pc += step
            ends.append(pc)
            values.append(value)
        return ends, values

    def find(self, pc: int) -> Function | None:
        """The function that a pc lies in."""
        if not self.min_pc <= pc < self.max_pc:
            return None
        i = bisect_right(self._entries, pc - self.text) - 1
        if not 0 <= i < len(self._entries) - 1:
            return None
        if i not in self._cache:
            self._cache[i] = self._read(self._offsets[i])
        return self._cache[i]

    def _read(self, offset: int) -> Function | None:
        lay = self.program.layouts
        size = lay.size("runtime._func") or 44
        raw = self._pcln[offset : offset + size]
        if len(raw) < size:
            return None

        def u(name: str, signed: bool = False) -> int:
            f = lay.need("runtime._func", name)
            return int.from_bytes(raw[f.offset : f.offset + f.size], "little", signed=signed)

        npcdata, nfuncdata = u("npcdata"), u("nfuncdata")
        tail = self._pcln[offset + size : offset + size + 4 * (npcdata + nfuncdata)]
        if npcdata > 64 or len(tail) < 4 * (npcdata + nfuncdata):
            return None
        words = np.frombuffer(tail, "<u4").tolist()
        start_line = lay.find("runtime._func", "startLine")
        return Function(
            table=self,
            name=self.name(u("nameOff", signed=True)),
            entry=self.text + u("entryOff"),
            args=u("args", signed=True),
            deferreturn=u("deferreturn"),
            pcsp=u("pcsp"),
            pcfile=u("pcfile"),
            pcln=u("pcln"),
            cu_offset=u("cuOffset"),
            start_line=u("startLine", signed=True) if start_line else 0,
            flag=u("flag"),
            wrapper=u("funcID") == self.wrapper_id,
            pcdata_offsets=tuple(words[:npcdata]),
            funcdata_offsets=tuple(words[npcdata:]),
        )


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        b = data[at]
        at += 1
        value |= (b & 0x7F) << shift
        if b < 0x80:
            return value & 0xFFFFFFFF, at
        shift += 7
        if shift > 35:
            break
    return 0, len(data)


class Functions:
    """The functions of all modules."""

    def __init__(self, program: GoProgram) -> None:
        self._tables = [FunctionTable(program, m.address) for m in program.modules]

    def find(self, pc: int) -> Function | None:
        """The function that a pc lies in; None for C code and for anything else that Go does not know."""
        for table in self._tables:
            found = table.find(pc)
            if found is not None:
                return found
        return None
