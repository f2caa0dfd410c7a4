"""The steps of a path, as code would say them."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap.heap.columns import Columns
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.labels import INTERFACE, SLICE, STRING, Labels, Place, words_of
from gosnap.heap.slots import slot_name
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row

_DESCRIBED = (SLICE, STRING, INTERFACE)
"""Variables whose type the next step does not tell."""
_HIDDEN = {GroupKind.PACKAGE, GroupKind.GOROUTINES, GroupKind.GOROUTINE}


class Steps:
    """Makes steps: {kind, label, object, type}."""

    def __init__(self, tree: Tree, labels: Labels) -> None:
        self._tree = tree
        self._labels = labels
        self._traces: dict[int, tuple[list[str], str]] = {}

    @property
    def _columns(self) -> Columns:
        return self._tree.columns

    def root(self, group: int, index: int) -> Row:
        """The root of a group that holds an object."""
        kind, ref = GroupKind(int(self._tree.group_kind[group])), int(self._tree.group_ref[group])
        label, type_name = self._tree.group_name(group), ""
        roots = self._roots(group, index)
        if kind is GroupKind.GLOBAL and ref != NONE and roots:
            inside = int(self._columns.root_column("address", "<u8")[int(roots[0])])
            text, type_name = self._in_variable(ref, inside)
            label += text
        elif kind is GroupKind.GOROUTINE and roots:
            label += self._in_goroutine(ref, roots)
        return {"kind": "root", "label": label, "object": "", "type": type_name}

    @cached_property
    def _roots_by_object(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Roots that hold objects, sorted by object."""
        objects = self._columns.root_column("object", "<i8").astype(np.int64)
        order = np.argsort(objects, kind="stable")
        return objects[order], order

    def _roots(self, group: int, index: int) -> list[int]:
        """The roots of a group that hold an object."""
        objects, order = self._roots_by_object
        low, high = np.searchsorted(objects, [index, index + 1])
        of = self._columns.root_column("group", "<u4")
        return [int(r) for r in order[low:high] if int(of[r]) == group]

    def root_field(self, group: int, index: int) -> str:
        """The field of a variable, ".cache", that holds an object, as for any index; "" for a plain variable
        and for other roots. Of a goroutine the function that holds it, with the variable's name, where that
        is not the one that the goroutine is said to be in."""
        ref = int(self._tree.group_ref[group])
        if int(self._tree.group_kind[group]) == GroupKind.GOROUTINE:
            return self._elsewhere(ref, self._roots(group, index))
        if int(self._tree.group_kind[group]) != GroupKind.GLOBAL or ref == NONE:
            return ""
        types = self._columns.column("globals.type", "<i4")
        roots = self._roots(group, index)
        if not roots or not 0 <= ref < len(types) or not 0 < int(types[ref]) < len(self._labels.types):
            return ""
        offset = int(self._columns.root_column("address", "<u8")[roots[0]]) - self._tree.global_address(ref)
        return self._labels.descend(int(types[ref]), offset, indices=False)[0]

    def _elsewhere(self, ref: int, roots: list[int]) -> str:
        goroutines = self._tree.goroutines
        if ref >= len(goroutines) or not roots:
            return ""
        trace = goroutines.place(int(goroutines.place_of[ref])).trace
        if trace not in self._traces:
            self._traces[trace] = [f["function"] for f in goroutines.frames(trace)], goroutines.where(trace)
        functions, where = self._traces[trace]
        slots = [s for s in (slot_name(self._columns, r) for r in roots) if 0 <= s.frame < len(functions)]
        if not slots:
            return ""
        slot = next((s for s in slots if s.named), None) or max(slots, key=lambda s: s.frame)
        function = functions[slot.frame]
        return "" if function == where else f"{function} {slot.name}".removesuffix(" a slot")

    def held(self, group: int, index: int) -> list[Row]:
        """The step from a group to an object in merged paths: the field of the variable, if it is one."""
        text = self.root_field(group, index)
        if not text:
            return []
        return [{"kind": "field", "label": text, "object": "", "type": self._columns.type_name(index)}]

    def _in_variable(self, row: int, address: int) -> tuple[str, str]:
        """(".cache (map[string]*main.Entry)", the type) of the word of a package variable."""
        types = self._columns.column("globals.type", "<i4")
        if not 0 <= row < len(types) or not 0 < int(types[row]) < len(self._labels.types):
            return "", ""
        offset = address - self._tree.global_address(row)
        text, inner, at = self._labels.descend(int(types[row]), offset)
        name = self._labels.variable(inner, self._tree.global_address(row) + at)
        described = f" ({name})" if int(self._labels.types.kind[inner]) in _DESCRIBED else ""
        return text + described, self._labels.types.name[inner]

    def _in_goroutine(self, ref: int, roots: list[int]) -> str:
        """ " main.(*Worker).loop worker.go:88 buf": the frame and the slot, a named one if there is one."""
        goroutines = self._tree.goroutines
        if ref >= len(goroutines):
            return ""
        slots = [slot_name(self._columns, r) for r in roots]
        slot = next((s for s in slots if s.named), None) or max(slots, key=lambda s: s.frame)
        frames = goroutines.frames(goroutines[ref].place.trace)
        if not 0 <= slot.frame < len(frames):
            return f" {slot.name}"
        frame = frames[slot.frame]
        return f" {frame['function']} {frame['file'].rpartition('/')[2]}:{frame['line']} {slot.name}"

    def group(self, group: int) -> list[Row]:
        """The step of a group in merged paths."""
        kind = GroupKind(int(self._tree.group_kind[group]))
        if kind in _HIDDEN:
            return []
        ref = int(self._tree.group_ref[group])
        type_name = self._columns.global_type(ref)[0] if kind is GroupKind.GLOBAL and ref != NONE else ""
        label = self._tree.group_name(group)
        return [{"kind": "root", "label": label, "object": "", "type": type_name}]

    def reference(self, index: int, edge: int, exact: bool = True, turns: str = "") -> list[Row]:
        """The step from an object along one of its references; none for what is inside of a map or channel.
        ``exact``: with its index or key, else as for any object of its type; ``turns``: the fields by which
        others of its place go on."""
        start, _ = self._columns.edges_of(index)
        words = words_of(self._columns, index)
        if not 0 <= edge - start < len(words):
            raise self._columns.wrong("a reference of another object")
        place = self._labels.place(index, int(words[edge - start]))
        if place.kind == "part":
            return []
        if not exact:
            key, skipped = int(self._columns.types[index]), 8 if self._columns.has_header(index) else 0
            place_text = self._labels.within(key, int(words[edge - start]) * 8 - skipped).text
            place = Place(place.kind, turns or place_text, place.row, place.at)
        name = self._columns.type_name(index)
        label = _written(place, name)
        if place.row and int(self._labels.types.kind[place.row]) in _DESCRIBED:
            described = self._labels.describe(index, place) if exact else self._labels.type_text(place.row)
            label += f" ({described})"
        return [
            {
                "kind": place.kind,
                "label": label,
                "object": f"{self._columns.address(index):#x}" if exact else "",
                "type": name,
            }
        ]

    def repeat(self, index: int, count: int) -> Row:
        """Many objects of one type that follow each other."""
        name = self._columns.type_name(index)
        return {"kind": "repeat", "label": f"… {count:,} more {name}", "object": "", "type": name}

    def more(self, count: int) -> Row:
        """Steps that are not shown."""
        return {"kind": "more", "label": f"… {count:,} more steps", "object": "", "type": ""}

    def target(self, index: int) -> Row:
        """What the path leads to."""
        name = self._columns.type_name(index)
        return {
            "kind": "target",
            "label": name,
            "object": f"{self._columns.address(index):#x}",
            "type": name,
        }


def _written(place: Place, holder: str) -> str:
    if place.kind in ("value", "key"):
        return "map" + place.text
    if place.kind == "item":
        return f"{holder.removesuffix(' (buffer)')}{place.text}"
    if place.kind == "capture":
        return f"{holder} captures {place.text}" if place.text else holder
    if place.kind == "element":
        return place.text
    if place.kind == "word":
        return f"{holder}{place.text}"
    return f"*{holder}{place.text}"
