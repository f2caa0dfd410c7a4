"""Types of what lies in goroutines' frames, from the code that put it there; for programs without DWARF."""

import numpy as np

from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import Roots
from gosnap.goruntime.slotnames import SlotNames
from gosnap.goruntime.stacks import SlotKind

_PRECISE = (SlotKind.LOCAL, SlotKind.ARGUMENT)


def type_slots(program: GoProgram, roots: Roots) -> SlotNames:
    """Types of words of stacks that the collector takes for pointers by its stack maps. Variables' names are
    in DWARF only, so there are none."""
    none = np.zeros(len(roots), np.uint32)
    pcs = sorted({f.call_pc for stack in roots.stacks for f in stack.frames})
    static = program.static
    known = static.code.slots(np.array(pcs, np.uint64)) if pcs else {}
    precise = set(roots.address[np.isin(roots.slot, _PRECISE) & roots.on_stack].tolist())
    typed: dict[int, int] = {}
    for stack in roots.stacks:
        for frame in stack.frames:
            for offset, kind, of in known.get(frame.call_pc, ()):
                at = frame.sp + offset
                row = static.row(kind, of)
                if row and at in precise:
                    typed.setdefault(at, row)
    address = np.array(list(typed), np.uint64)
    return SlotNames([], none, none, address, np.array(list(typed.values()), np.int32))
