"""Roots in a goroutine: which frame each is in, and its name."""

from dataclasses import dataclass

from gosnap.goruntime.roots import RootKind
from gosnap.goruntime.stacks import SlotKind
from gosnap.heap.columns import Columns

_WORDS = {
    SlotKind.LOCAL: "a slot",
    SlotKind.ARGUMENT: "an argument",
    SlotKind.STACK_OBJECT: "a variable",
    SlotKind.CONSERVATIVE: "maybe a pointer",
    SlotKind.REGISTER: "a register",
    SlotKind.CONTEXT: "its closure",
    SlotKind.DEFER: "a deferred call",
}


@dataclass(frozen=True)
class Slot:
    """``frame``: the line of the trace that it belongs to, -1 for none. ``name``: the variable's where DWARF
    gives it, else what it is. ``kind``: of SlotKind, in lower case; "goroutine" for the g structure
    itself."""

    frame: int
    name: str
    kind: str
    named: bool


def slot_name(columns: Columns, root: int) -> Slot:
    """What a root of a goroutine is."""
    if int(columns.root_column("kind", "|u1")[root]) == RootKind.GOROUTINE:
        return Slot(-1, "its g structure", "goroutine", False)
    number = int(columns.root_column("slot", "|u1")[root])
    kind = SlotKind(number) if number < len(SlotKind) else SlotKind.CONSERVATIVE
    line = int(columns.root_column("line", "<i4")[root])
    name = columns.local_name(root)
    if kind in (SlotKind.REGISTER, SlotKind.CONTEXT, SlotKind.DEFER):
        line = -1
    return Slot(line, name or _WORDS[kind], kind.name.lower(), bool(name))
