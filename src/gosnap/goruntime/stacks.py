"""Goroutine stacks: frames, and the words in them that are pointers.

What the collector's own stack scan does (runtime/mgcmark.go scanstack, runtime/stkframe.go getStackMap,
runtime/traceback.go unwinder), on a copy of the memory: precise by stack maps and reached stack objects;
conservative
for the frame that a running thread, or one that was preempted asynchronously, was stopped in.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from gosnap.errors import ReadError
from gosnap.goruntime.functions import (
    ARGS_UNKNOWN,
    FLAG_SP_WRITE,
    FLAG_TOP_FRAME,
    FUNCDATA_ARGS,
    FUNCDATA_LOCALS,
    FUNCDATA_OBJECTS,
    PCDATA_STACK_MAP,
    Function,
    Functions,
)
from gosnap.goruntime.goroutines import RUNNING, SYSCALL, Goroutines
from gosnap.goruntime.program import GoProgram
from gosnap.target.image import REGISTERS

_REFLECT_STUBS = {"reflect.makeFuncStub", "reflect.methodValueCall"}
_MAX_FRAMES = 1 << 20
_MAX_STACK = 1 << 30
_MAX_OBJECTS = 1 << 16
_MAX_DEFERS = 1 << 16


class SlotKind(IntEnum):
    """Where a root of a goroutine was found."""

    LOCAL = 0
    ARGUMENT = 1
    STACK_OBJECT = 2
    CONSERVATIVE = 3
    REGISTER = 4
    CONTEXT = 5
    DEFER = 6


@dataclass(frozen=True)
class Frame:
    """A frame: where its function was, the stack pointer in it, and its frame's upper end (the caller's
    sp)."""

    function: Function
    pc: int
    sp: int
    fp: int
    innermost: bool

    @property
    def call_pc(self) -> int:
        """A pc inside the instruction that was executed: of a caller, the call."""
        return self.pc if self.innermost or self.pc == self.function.entry else self.pc - 1

    @property
    def varp(self) -> int:
        """The upper end of the locals: below the return address and the saved frame pointer."""
        varp = self.fp - 8
        return varp - 8 if varp > self.sp else varp


@dataclass
class Stack:
    """A goroutine's frames, innermost first, and the pointers found: (slot address or 0, value, frame row,
    kind)."""

    frames: list[Frame] = field(default_factory=list)
    slots: list[tuple[int, int, int, SlotKind]] = field(default_factory=list)
    complete: bool = True
    """Whether the frames end in a function that begins a stack."""


@dataclass(frozen=True)
class _Map:
    """What a function's frames hold at one point: word offsets of pointers from varp, from argp."""

    locals: tuple[int, ...]
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class _Object:
    """A variable on the stack whose address is taken: offset from varp (below 0) or argp, bytes, pointer
    words."""

    offset: int
    size: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class _Plan:
    """What is the same in all frames that stand at a pc: offsets are from the frame's upper end. ``slots``:
    (offset, kind) of pointers by the stack map, None where the frame needs a closer look."""

    function: Function
    size: int
    slots: tuple[tuple[int, SlotKind], ...] | None
    objects: tuple[tuple[int, _Object], ...]
    asynchronous: bool


class Unwinder:
    """Unwinds stacks; keeps what it has learnt of each function and pc."""

    def __init__(self, program: GoProgram, functions: Functions) -> None:
        self.program = program
        self.functions = functions
        self._maps: dict[tuple[int, int], _Map | None] = {}
        self._objects: dict[int, tuple[_Object, ...]] = {}
        self._plans: dict[tuple[int, bool], _Plan | None] = {}
        self._rodata = {m.address: m.rodata for m in program.modules}
        self._registers = self._by_thread()

    def _by_thread(self) -> dict[int, dict[str, int]]:
        threads = self.program.image.threads
        return {
            int(tid): dict(zip(REGISTERS, row.tolist(), strict=True))
            for tid, row in zip(threads.tid, threads.registers, strict=True)
        }

    def unwind(self, goroutines: Goroutines, row: int) -> Stack:
        """Frames and pointers of one goroutine."""
        low, high = int(goroutines["stack.lo"][row]), int(goroutines["stack.hi"][row])
        stack = Stack()
        if not 0 < high - low <= _MAX_STACK:
            stack.complete = False
            return stack
        pc, sp = int(goroutines["sched.pc"][row]), int(goroutines["sched.sp"][row])
        registers: dict[str, int] | None = None
        status = int(goroutines.status[row])
        if int(goroutines["syscallsp"][row]) and status == SYSCALL:
            pc, sp = int(goroutines["syscallpc"][row]), int(goroutines["syscallsp"][row])
        elif status == RUNNING:
            found = self._thread_of(int(goroutines["m"][row]))
            if found is not None and low <= found["rsp"] < high:
                registers, pc, sp = found, found["rip"], found["rsp"]
        if not low <= sp < high:
            stack.complete = False
            sp = low
        try:
            words = np.frombuffer(self.program.space.read(sp & ~7, high - (sp & ~7)), "<u8").tolist()
        except ReadError:
            stack.complete = False
            return stack
        view = _View(sp & ~7, high, words)
        scan = _Scan(stack, view)
        self._frames(scan, pc, sp, registers)
        context = int(goroutines["sched.ctxt"][row])
        if context:
            stack.slots.append((0, context, 0, SlotKind.CONTEXT))
        self._defers(stack, int(goroutines["_defer"][row]))
        scan.reach_objects()
        return stack

    def _thread_of(self, m: int) -> dict[str, int] | None:
        procid = self.program.field_or_none(m or None, "runtime.m", "procid")
        return self._registers.get(procid) if procid else None

    def _frames(self, scan: "_Scan", pc: int, sp: int, registers: dict[str, int] | None) -> None:
        stack, view = scan.stack, scan.view
        conservative = registers is not None
        if registers is not None:
            for name in REGISTERS[:15]:
                stack.slots.append((0, registers[name], 0, SlotKind.REGISTER))
        innermost, callee = True, ""
        while len(stack.frames) < _MAX_FRAMES:
            key = (pc, innermost)
            plan = self._plans[key] if key in self._plans else self._make_plan(pc, innermost)
            if plan is None or not view.low <= sp < view.high:
                # C code, or a pc that is none: everything above may hold pointers
                scan.conservative(sp, view.high)
                stack.complete = False
                return
            function = plan.function
            if function.pcsp == 0:
                return
            fp = sp + plan.size
            frame = Frame(function, pc, sp, fp, innermost)
            stack.frames.append(frame)
            row = len(stack.frames) - 1
            asynchronous = plan.asynchronous
            if not (conservative or asynchronous or plan.slots is None or callee == "runtime.sigpanic"):
                scan.planned(plan, fp, sp, row)
            elif conservative or asynchronous:
                scan.conservative(sp, min(max(frame.varp, sp), view.high))
                if function.args not in {0, ARGS_UNKNOWN}:
                    scan.conservative(fp, min(fp + function.args, view.high))
                # the frame below asyncPreempt was stopped at any instruction
                conservative = asynchronous
            else:
                self._precise(scan, frame, row, callee)
            if function.flag & FLAG_TOP_FRAME:
                return
            if function.flag & FLAG_SP_WRITE and not innermost and function.name != "runtime.cgocallback":
                scan.conservative(fp, view.high)
                stack.complete = False
                return
            caller = view.at(fp - 8)
            if not caller or (caller == pc and fp == sp):
                stack.complete = False
                return
            callee, pc, sp, innermost = function.name, caller, fp, False

    def _make_plan(self, pc: int, innermost: bool) -> _Plan | None:
        """Look a pc up once; None for one that is in no function."""
        function = self.functions.find(pc)
        plan = None
        if function is not None:
            size = function.frame_bytes(pc if innermost else pc - 1) + 8
            below = Frame(function, pc, 0, size, innermost).varp - size
            found = self._map(function, pc, size + below > 0) if function.pcsp else None
            slots: tuple[tuple[int, SlotKind], ...] | None = None
            if found is not None and function.args != ARGS_UNKNOWN:
                slots = tuple((below + o, SlotKind.LOCAL) for o in found.locals)
                slots += tuple((o, SlotKind.ARGUMENT) for o in found.arguments)
            objects = tuple(
                ((below if o.offset < 0 else 0) + o.offset, o)
                for o in (self._stack_objects(function) if slots is not None else ())
            )
            asynchronous = function.name in {"runtime.asyncPreempt", "runtime.debugCallV2"}
            plan = _Plan(function, size, slots, objects, asynchronous)
        self._plans[pc, innermost] = plan
        return plan

    def _precise(self, scan: "_Scan", frame: Frame, row: int, callee: str) -> None:
        stack, view = scan.stack, scan.view
        function, pc = frame.function, frame.pc
        if callee == "runtime.sigpanic":
            # it stopped at a trap: it can only go on at the call of deferreturn, if there is one
            if not function.deferreturn:
                return
            pc = function.entry + function.deferreturn + 1
        found = self._map(function, pc, frame.varp > frame.sp)
        if found is None:
            scan.conservative(frame.sp, frame.fp)
            return
        for offset in found.locals:
            address = frame.varp + offset
            value = view.at(address)
            if value:
                stack.slots.append((address, value, row, SlotKind.LOCAL))
        for offset in found.arguments:
            address = frame.fp + offset
            value = view.at(address)
            if value:
                stack.slots.append((address, value, row, SlotKind.ARGUMENT))
        if function.args == ARGS_UNKNOWN and function.name in {
            "reflect.makeFuncStub",
            "reflect.methodValueCall",
        }:
            # their arguments are laid out as a value that they hold says: all that may be one is taken for
            # one
            end = stack.frames[row - 1].fp if row else frame.fp
            scan.conservative(frame.sp, max(frame.fp + 512, end))
        for o in self._stack_objects(function):
            address = (frame.varp if o.offset < 0 else frame.fp) + o.offset
            if address >= frame.sp:
                scan.objects.append((address, o, row))

    def _map(self, function: Function, pc: int, has_locals: bool) -> _Map | None:
        """The stack map at a pc; None where there is none though there should be."""
        index = -1
        if pc != function.entry:
            index = function.pcdata(PCDATA_STACK_MAP, pc - 1)
        key = (function.entry, max(index, 0) << 1 | has_locals)
        if key not in self._maps:
            self._maps[key] = self._read_map(function, max(index, 0), has_locals)
        return self._maps[key]

    def _read_map(self, function: Function, index: int, has_locals: bool) -> _Map | None:
        local: tuple[int, ...] = ()
        arguments: tuple[int, ...] = ()
        if has_locals:
            got = self._bits(function.funcdata(FUNCDATA_LOCALS), index)
            if got is None:
                return None
            words, count = got
            local = tuple((w - count) * 8 for w in words)
        if function.args > 0:
            got = self._bits(function.funcdata(FUNCDATA_ARGS), index)
            if got is None:
                return None
            arguments = tuple(w * 8 for w in got[0])
        return _Map(local, arguments)

    def _bits(self, address: int, index: int) -> tuple[list[int], int] | None:
        """runtime.stackmap: n i32, nbit i32, then n bitmaps of nbit bits: (words that are pointers, nbit)."""
        if not address:
            return None
        try:
            raw = self.program.space.read(address, 8)
            n, bits = (
                int.from_bytes(raw[:4], "little", signed=True),
                int.from_bytes(raw[4:], "little", signed=True),
            )
            if n <= 0 or not 0 <= bits < 1 << 24:
                return None
            if not bits:
                return [], 0
            if index >= n:
                return None
            size = (bits + 7) // 8
            return _set_bits(self.program.space.read(address + 8 + index * size, size), bits), bits
        except ReadError:
            return None

    def _stack_objects(self, function: Function) -> tuple[_Object, ...]:
        """FUNCDATA_StackObjects: count, then {off i32, size i32, ptrBytes i32, gcdataoff u32}
        (runtime/stack.go)."""
        if function.entry in self._objects:
            return self._objects[function.entry]
        address = function.funcdata(FUNCDATA_OBJECTS)
        out: list[_Object] = []
        if address:
            try:
                count = min(self.program.space.u64(address), _MAX_OBJECTS)
                raw = np.frombuffer(self.program.space.read(address + 8, count * 16), "<i4").reshape(-1, 4)
                rodata = self._rodata_of(function)
                for offset, size, pointer_bytes, mask in raw.tolist():
                    if pointer_bytes < 0:
                        # a GC program (before Go 1.24): every word may be a pointer
                        out.append(_Object(offset, size, tuple(range(-pointer_bytes // 8))))
                        continue
                    words = pointer_bytes // 8
                    data = self.program.space.read(rodata + (mask & 0xFFFFFFFF), (words + 7) // 8)
                    out.append(_Object(offset, size, tuple(_set_bits(data, words))))
            except ReadError:
                out = []
        self._objects[function.entry] = tuple(out)
        return self._objects[function.entry]

    def _rodata_of(self, function: Function) -> int:
        for m in self.program.modules:
            if m.text <= function.entry < m.etext:
                return m.rodata
        return self.program.modules[0].rodata

    def _defers(self, stack: Stack, record: int) -> None:
        """The functions of deferred calls, and the records that lie on the heap."""
        lay = self.program.layouts
        fn, link = lay.find("runtime._defer", "fn"), lay.find("runtime._defer", "link")
        if fn is None or link is None:
            return
        for _ in range(_MAX_DEFERS):
            if not record:
                return
            try:
                closure = self.program.space.u64(record + fn.offset)
                following = self.program.space.u64(record + link.offset)
            except ReadError:
                return
            for value in (record, closure):
                if value:
                    stack.slots.append((0, value, 0, SlotKind.DEFER))
            record = following


@dataclass
class _View:
    """The used part of a stack, as words."""

    low: int
    high: int
    words: list[int]

    def at(self, address: int) -> int:
        """The word at an address; 0 outside."""
        i = (address - self.low) >> 3
        return self.words[i] if 0 <= i < len(self.words) and not address & 7 else 0


def _set_bits(data: bytes, bits: int) -> list[int]:
    return [i for i in range(bits) if data[i >> 3] >> (i & 7) & 1]


@dataclass
class _Scan:
    """One stack on its way: what was found, its words, and the stack objects of its frames."""

    stack: Stack
    view: _View
    objects: list[tuple[int, _Object, int]] = field(default_factory=list)

    def planned(self, plan: _Plan, fp: int, sp: int, row: int) -> None:
        """What a plan says of a frame: its pointers, and its stack objects to be looked at when they are
        reached."""
        view, slots = self.view, self.stack.slots
        words, low, count = view.words, view.low, len(view.words)
        for offset, kind in plan.slots or ():
            i = (fp + offset - low) >> 3
            if 0 <= i < count and words[i]:
                slots.append((fp + offset, words[i], row, kind))
        for offset, o in plan.objects:
            if fp + offset >= sp:
                self.objects.append((fp + offset, o, row))

    def conservative(self, low: int, high: int) -> None:
        """Every word in [low, high) may be a pointer."""
        view, row = self.view, max(len(self.stack.frames) - 1, 0)
        for address in range(max(low & ~7, view.low), min(high, view.high), 8):
            value = view.at(address)
            if value:
                self.stack.slots.append((address, value, row, SlotKind.CONSERVATIVE))

    def reach_objects(self) -> None:
        """Scan the stack objects that pointers found so far lead to, and those that these lead to."""
        view, slots = self.view, self.stack.slots
        objects = sorted(self.objects, key=lambda o: o[0])
        starts = [o[0] for o in objects]
        scanned = [False] * len(objects)
        todo = [value for _, value, _, _ in slots if view.low <= value < view.high] if objects else []
        while todo:
            value = todo.pop()
            i = bisect_right(starts, value) - 1
            if i < 0 or scanned[i] or value >= starts[i] + max(objects[i][1].size, 1):
                continue
            scanned[i] = True
            address, found, row = objects[i]
            for word in found.words:
                inner = view.at(address + word * 8)
                if inner:
                    slots.append((address + word * 8, inner, row, SlotKind.STACK_OBJECT))
                    if view.low <= inner < view.high:
                        todo.append(inner)
