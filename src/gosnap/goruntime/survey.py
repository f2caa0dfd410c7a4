"""The spans of a running program: where they are and how full.

A thread may cut or free a span while the table is copied: each row is of some moment within the copy's few
milliseconds, and what contradicts itself is left out. Sources: runtime/mheap.go (mspan, mheap).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.bulk import Structs, read_pointers
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE, PAGE_SIZE
from gosnap.goruntime.spans import MAX_SPANS, STATE_IN_USE, STATE_MANUAL
from gosnap.target.peek import RunningSpace

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

_FIELDS = ("startAddr", "npages", "nelems", "elemsize", "allocCount", "spanclass", "state")


@dataclass
class Survey:
    """Spans in use by address, one row each; ``manual_*``: of stacks and the runtime.

    ``objects``: allocated slots by the runtime's own count, which of a span that is not swept yet still has
    the garbage.
    """

    base: U64
    npages: U64
    size_class: npt.NDArray[np.int64]
    """0: one large object."""
    slots: U64
    slot_bytes: U64
    objects: U64
    manual_base: U64
    manual_npages: U64
    left_out: int

    def __len__(self) -> int:
        return len(self.base)

    def per_class(self) -> dict[str, I64]:
        """Columns by size class: spans, span_bytes, objects, free_slots."""
        n = len(CLASS_TO_SIZE)

        def total(what: U64) -> I64:
            out = np.zeros(n, np.uint64)
            np.add.at(out, self.size_class, what)
            return out.astype(np.int64)

        return {
            "spans": total(np.ones(len(self), np.uint64)),
            "span_bytes": total(self.npages * np.uint64(PAGE_SIZE)),
            "objects": total(self.objects),
            "free_slots": total(self.slots - self.objects),
        }


class Surveyor:
    """Looks at the spans of one program again and again."""

    def __init__(self, program: GoProgram) -> None:
        space, lay = program.space, program.layouts
        if not isinstance(space, RunningSpace):
            raise TypeError("a survey is of running programs")
        self._space = space
        allspans = lay.need("runtime.mheap", "allspans").offset
        self._allspans = program.need_address("runtime.mheap_") + allspans
        self._fields = {n: lay.need("runtime.mspan", n) for n in _FIELDS}
        self._size = max(f.offset + f.size for f in self._fields.values())
        self._structs = Structs(np.zeros(0, np.uint64), self._size)

    def look(self) -> Survey:
        """Copy mheap_.allspans and its structures."""
        pointers = read_pointers(self._space, self._allspans, MAX_SPANS, "mheap_.allspans")
        if not np.array_equal(pointers, self._structs.addresses):
            self._structs = Structs(pointers, self._size)
        self._structs.read(self._space)
        return _decode({n: self._structs.column(f) for n, f in self._fields.items()})


def _decode(col: dict[str, U64]) -> Survey:
    state, base, npages = col["state"], col["startAddr"], col["npages"]
    slots, slot_bytes, objects = col["nelems"], col["elemsize"], col["allocCount"]
    size_class = (col["spanclass"] >> np.uint64(1)).astype(np.int64)
    placed = (base % PAGE_SIZE == 0) & (base > 0) & (base < 1 << 47) & (npages > 0) & (npages < 1 << 34)
    sane = placed & (size_class < len(CLASS_TO_SIZE)) & (slots > 0) & (slots < 1 << 17) & (objects <= slots)
    sane &= slot_bytes <= npages * np.uint64(PAGE_SIZE)
    use, manual = _apart(base, npages, (state == STATE_IN_USE) & sane, (state == STATE_MANUAL) & placed)
    return Survey(
        base=base[use],
        npages=npages[use],
        size_class=size_class[use],
        slots=slots[use],
        slot_bytes=slot_bytes[use],
        objects=objects[use],
        manual_base=base[manual],
        manual_npages=npages[manual],
        left_out=int(np.isin(state, (STATE_IN_USE, STATE_MANUAL)).sum()) - len(use) - len(manual),
    )


def _apart(
    base: U64, npages: U64, in_use: npt.NDArray[np.bool_], manual: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of both kinds by address, without those that overlap the one before: freed and cut anew
    meanwhile."""
    rows = np.flatnonzero(in_use | manual)
    rows = rows[np.argsort(base[rows], kind="stable")]
    end = base[rows] + npages[rows] * np.uint64(PAGE_SIZE)
    reach = np.maximum.accumulate(end) if len(end) else end
    fits = np.concatenate([[True], base[rows][1:] >= reach[:-1]]) if len(rows) else np.zeros(0, bool)
    rows = rows[fits]
    return rows[in_use[rows]], rows[manual[rows]]
