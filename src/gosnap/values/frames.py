"""Variables in the frames of a goroutine, as far as DWARF's location lists tell where they are.

An optimising compiler keeps most variables in registers, and gives them up at a call that they do not
outlive: then nobody knows where they are. The pointers that the collector's stack maps tell of in such a
frame are listed as slots without a name.
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gosnap.binary.locals import Local, Locals
from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.functions import Functions
from gosnap.goruntime.goroutines import RUNNING, Goroutines, read_goroutines
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.stacks import Frame as StackFrame
from gosnap.goruntime.stacks import SlotKind, Stack, Unwinder
from gosnap.values.evaluate import Local as Lookup
from gosnap.values.places import Place
from gosnap.values.subject import Subject

_TRIES = 5
_MOST_FRAMES = 1000
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Variable:
    """``place`` None: the compiler tells of no place for it here. ``why``: what a person should know of it.
    ``function``: that declares it, where that was inlined into the frame's."""

    name: str
    row: int
    parameter: bool
    function: str
    place: Place | None
    why: str = ""


@dataclass
class Frame:
    """``number``: 0 is the innermost. ``slots``: (address, word) of pointers without a name."""

    number: int
    function: str
    where: str
    inlined: list[str]
    variables: list[Variable] = field(default_factory=list)
    slots: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Goroutine:
    """``steady`` False: it ran on while it was read."""

    number: int
    state: str
    frames: list[Frame]
    steady: bool


def read(subject: Subject, number: int) -> Goroutine:
    """A goroutine by its number. GosnapError where there is none of that number, for one that runs on a
    processor right now, and for a snapshot."""
    program = subject.program
    if program is None:
        raise GosnapError(
            "variables of goroutines are read of a process or of a core",
            f"`gosnap goroutines FILE --id {number}` shows what the snapshot knows of its frames",
        )
    unwinder = Unwinder(program, Functions(program))
    for attempt in range(_TRIES):
        goroutines, row = _find(program, number)
        stack = unwinder.unwind(goroutines, row)
        state = goroutines.reason(row) or goroutines.state(row)
        if subject.memory.live and int(goroutines.status[row]) == RUNNING:
            if attempt + 1 < _TRIES:
                continue
            raise GosnapError(
                f"goroutine {number} is running: its stack cannot be read without stopping it",
                "`gosnap capture` stops the process for an instant; or try again",
            )
        frames = _frames(subject, program, stack)
        if not subject.memory.live or _same(program, number, goroutines, row):
            return Goroutine(number, state, frames, True)
    return Goroutine(number, state, frames, False)


def _find(program: GoProgram, number: int) -> tuple[Goroutines, int]:
    goroutines = read_goroutines(program)
    rows = [i for i, n in enumerate(goroutines["goid"].tolist()) if n == number]
    if not rows:
        some = ", ".join(str(n) for n in sorted(goroutines["goid"].tolist())[:12])
        raise GosnapError(f"no goroutine {number}", f"there are {len(goroutines):,}: {some}, ...")
    return goroutines, rows[0]


def _same(program: GoProgram, number: int, before: Goroutines, row: int) -> bool:
    """Whether a goroutine still stands where it stood."""
    address = int(before.address[row])
    for name in ("goid", "sched.pc", "sched.sp", "waitsince", "stack.lo"):
        now = program.field_or_none(address, "runtime.g", name)
        if now is None or now != int(before[name][row]):
            return False
    return True


def _frames(subject: Subject, program: GoProgram, stack: Stack) -> list[Frame]:
    local = Locals(program.dwarf)
    out = []
    for number, frame in enumerate(stack.frames[:_MOST_FRAMES]):
        lines = frame.function.lines(frame.call_pc)
        last = lines[-1] if lines else None
        where = f"{PurePosixPath(last.file).name}:{last.line}" if last else ""
        made = Frame(number, frame.function.name, where, [line.function for line in lines[:-1]])
        covered: set[int] = set()
        for v in local.at(frame.call_pc - program.bias):
            if v.name.startswith((".", "~")) and not v.pieces:
                continue
            made.variables.append(_variable(subject, frame, v))
            for start, size, _ in v.pieces:
                covered |= set(range((frame.fp + start) & ~7, frame.fp + start + min(size, _MOST_BYTES), 8))
        kinds = (SlotKind.LOCAL, SlotKind.ARGUMENT)
        made.slots = sorted(
            (address, value)
            for address, value, row, kind in stack.slots
            if row == number and kind in kinds and address and address not in covered
        )
        out.append(made)
    return out


def _variable(subject: Subject, frame: StackFrame, v: Local) -> Variable:
    name, row = v.name.removeprefix("&"), v.type
    function = "" if v.function == frame.function.name else v.function
    if v.escaped:
        if v.name.startswith("&"):
            row = subject.shape(row).elem
        place = None
        if v.pieces:
            try:
                place = Place(row, subject.memory.word(frame.fp + v.pieces[0][0]))
            except ReadError:
                return Variable(name, row, v.parameter, function, None, "not readable")
        return Variable(name, row, v.parameter, function, place, "" if place else "in a register")
    size = subject.shape(row).size
    if not v.pieces:
        return Variable(name, row, v.parameter, function, None, "in a register")
    if not row or size > _MOST_BYTES:
        return Variable(name, row, v.parameter, function, None, "of a type that DWARF does not tell")
    start = v.pieces[0][0] - v.pieces[0][2]
    covered = sum(n for _, n, _ in v.pieces) >= size
    if covered and all(at - within == start for at, _, within in v.pieces):
        return Variable(name, row, v.parameter, function, Place(row, frame.fp + start))
    if not covered and subject.shape(row).kind in ("slice", "string", "interface"):
        known = "its pointer" if any(within in (0, 8) for _, _, within in v.pieces) else "a part of it"
        return Variable(name, row, v.parameter, function, None, f"only {known} has a place here")
    raw = bytearray(size)
    try:
        for at, n, within in v.pieces:
            if within + n <= size:
                raw[within : within + n] = subject.memory.read(frame.fp + at, n)
    except ReadError:
        return Variable(name, row, v.parameter, function, None, "not readable")
    return Variable(name, row, v.parameter, function, Place(row, 0, bytes(raw), not covered))


def lookup(goroutine: Goroutine, frame: int | None) -> Lookup:
    """Finds variables of a frame, or of the innermost frame that has one of the name."""
    frames = [f for f in goroutine.frames if frame is None or f.number == frame]

    def find(name: str) -> Place | None:
        for f in frames:
            for v in reversed(f.variables):
                if v.name == name and v.place is not None:
                    return v.place
        for f in frames:
            for v in reversed(f.variables):
                if v.name == name:
                    raise GosnapError(
                        f"{name} in {f.function}: {v.why}, which is not known of a goroutine that waits",
                        f"`gosnap show TARGET --goroutine {goroutine.number}` lists what is known",
                    )
        return None

    return find
