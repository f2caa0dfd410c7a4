"""Names and types of what lies in goroutines' frames, where DWARF's location lists tell them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.binary.locals import Local, Locals
from gosnap.binary.types import KIND_STRUCT, TypeTable
from gosnap.errors import GosnapError
from gosnap.goruntime.functions import Function
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import Roots
from gosnap.goruntime.stacks import Frame, SlotKind

U32 = npt.NDArray[np.uint32]
_ARRAY, _POINTER, _SLICE, _STRING = 17, 22, 23, 24
_MOST_PCS = 2048
_MOST_BYTES = 4096
_NAMED = (SlotKind.LOCAL, SlotKind.ARGUMENT, SlotKind.STACK_OBJECT, SlotKind.CONSERVATIVE)


@dataclass
class SlotNames:
    """``of_root``: u32 per root: 0, or which of ``names`` + 1 it is. ``depth``: u32 per root: how many lines
    above its frame's own line of the trace the variable is declared: in a call that was inlined. ``address``,
    ``type``: places of the running program's stacks that hold a whole variable, or a pointer, of a type."""

    names: list[str]
    of_root: U32
    depth: U32
    address: npt.NDArray[np.uint64]
    type: npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Named:
    """What is known of an offset in a frame at a pc: number of the name (+ 1), lines to go up, and what to
    type: (offset from the frame's end, type row)."""

    name: int
    depth: int
    typed: tuple[int, int] | None


_NOTHING = _Named(0, 0, None)


class _Namer:
    """Names slots; frames that stand at the same pc are alike."""

    def __init__(self, program: GoProgram) -> None:
        self.types: TypeTable = program.dwarf.types
        self.bias = program.bias
        self.locals = Locals(program.dwarf)
        self.names: dict[str, int] = {}
        self._known: dict[tuple[int, int], _Named] = {}
        self._pointers: dict[int, int] | None = None
        self._functions: dict[int, dict[int, tuple[Local, int]]] = {}
        self._broken = False

    def slot(self, frame: Frame, address: int) -> _Named:
        """What lies at an address in a frame."""
        key = (frame.call_pc, address - frame.fp)
        if key not in self._known:
            self._known[key] = self._find(frame, address - frame.fp)
        return self._known[key]

    def _find(self, frame: Frame, offset: int) -> _Named:
        if self._broken:
            return _NOTHING
        try:
            found = self.locals.slot(frame.call_pc - self.bias, offset)
            if found is None:
                found = self._elsewhere(frame.function).get(offset)
        except GosnapError:
            # types and variables are sound, or there would be no capture; names are a comfort
            self._broken = True
            return _NOTHING
        if found is None:
            return _NOTHING
        local, within = found
        name = local.name.removeprefix("&")
        if not local.escaped and self.types.kind[local.type] in (KIND_STRUCT, _ARRAY):
            name += self.types.descend(local.type, within)[0]
        lines = [line.function for line in frame.function.lines(frame.call_pc)]
        depth = len(lines) - 1 - lines.index(local.function) if local.function in lines else 0
        # the compiler's own variables have no name that a person knows
        number = 0 if name.startswith((".", "~")) else self.names.setdefault(name, len(self.names)) + 1
        return _Named(number, depth, self._typed(local, offset, within))

    def _elsewhere(self, function: Function) -> dict[int, tuple[Local, int]]:
        """Slots of a frame that hold one variable and no other wherever in the function they hold any.

        At a call the location lists often give a variable up that the collector's stack map keeps: its last
        use as a value is behind. Its slot is no other's, for only values of one type share slots
        (cmd/compile/internal/ssa/stackalloc.go), and here all that have a name are the same variable.
        """
        if function.entry not in self._functions:
            slots: dict[int, dict[str, tuple[Local, int]]] = {}
            ends, _ = function.table.steps(function.pcln)
            for pc in [0, *ends[:_MOST_PCS]]:
                for local in self.locals.at(function.entry - self.bias + pc):
                    for start, size, within in local.pieces:
                        for at in range(start, start + min(size, _MOST_BYTES), 8):
                            named = slots.setdefault(at, {})
                            named.setdefault(f"{local.name} {local.type}", (local, within + at - start))
            self._functions[function.entry] = {
                at: next(iter(named.values())) for at, named in slots.items() if len(named) == 1
            }
        return self._functions[function.entry]

    def _typed(self, local: Local, offset: int, within: int) -> tuple[int, int] | None:
        row = local.type
        if not row:
            return None
        kind = int(self.types.kind[row])
        if local.escaped and not local.name.startswith("&"):
            pointer = self._pointer_to(row)
            return (offset, pointer) if pointer else None
        start = offset - within
        covered = sorted((w, o) for o, _, w in local.pieces)
        whole = sum(size for _, size, _ in local.pieces) >= int(self.types.size[row]) and all(
            o - w == start for w, o in covered
        )
        if whole:
            return start, row
        if within == 0 and kind in (_SLICE, _STRING):
            # the pointer alone is here, length and capacity are in registers or nowhere
            pointer = self._pointer_to(int(self.types.elem[row])) if kind == _SLICE else 0
            return (offset, pointer) if pointer else None
        return None

    def _pointer_to(self, row: int) -> int:
        """The row of the pointer to a type; 0 where the program has none."""
        if self._pointers is None:
            rows = np.flatnonzero(self.types.kind == _POINTER)
            self._pointers = dict(zip(self.types.elem[rows].tolist(), rows.tolist(), strict=True))
        return self._pointers.get(row, 0)


def name_slots(program: GoProgram, roots: Roots) -> SlotNames:
    """What DWARF says of the roots on stacks."""
    namer = _Namer(program)
    of_root, depth = np.zeros(len(roots), np.uint32), np.zeros(len(roots), np.uint32)
    typed: dict[int, int] = {}
    chosen = np.flatnonzero(np.isin(roots.slot, _NAMED) & (roots.address != 0) & roots.on_stack)
    owners, frames = roots.owner[chosen].tolist(), roots.frame[chosen].tolist()
    for root, owner, row, address in zip(
        chosen.tolist(), owners, frames, roots.address[chosen].tolist(), strict=True
    ):
        stack = roots.stacks[owner]
        if row >= len(stack.frames):
            continue
        frame = stack.frames[row]
        found = namer.slot(frame, address)
        of_root[root], depth[root] = found.name, found.depth
        if found.typed is not None:
            typed.setdefault(frame.fp + found.typed[0], found.typed[1])
    _name_pointees(roots, of_root, depth)
    return SlotNames(
        list(namer.names),
        of_root,
        depth,
        np.array(list(typed), np.uint64),
        np.array(list(typed.values()), np.int32),
    )


def _name_pointees(roots: Roots, of_root: U32, depth: U32) -> None:
    """Give a variable on a stack that has no name that of the pointer to it: the header of a map that does
    not escape, say."""
    inner = np.flatnonzero((roots.slot == SlotKind.STACK_OBJECT) & (of_root == 0) & roots.on_stack)
    if not len(inner):
        return
    named = np.flatnonzero((of_root != 0) & roots.on_stack)
    g = roots.goroutines
    low, high = g["stack.lo"][roots.owner[named]], g["stack.hi"][roots.owner[named]]
    named = named[(roots.value[named] >= low) & (roots.value[named] < high)]
    if not len(named):
        return
    order = named[np.argsort(roots.value[named], kind="stable")]
    place = np.searchsorted(roots.value[order], roots.address[inner], side="right").astype(np.int64) - 1
    for root, at in zip(inner.tolist(), place.tolist(), strict=True):
        pointer = int(order[at]) if at >= 0 else -1
        # pointed at from its own frame, not far above where the pointer leads
        if pointer < 0 or int(roots.address[root]) - int(roots.value[pointer]) >= _MOST_BYTES:
            continue
        if roots.owner[pointer] == roots.owner[root] and roots.frame[pointer] == roots.frame[root]:
            of_root[root], depth[root] = of_root[pointer], depth[pointer]
