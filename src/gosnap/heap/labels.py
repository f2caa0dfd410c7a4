"""What a reference is called: the field, the element, the key through which one object refers to another."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap._kernels.paths import words
from gosnap.binary.types import KIND_NAMES, TypeTable
from gosnap.goruntime.maptypes import field_index, map_parts
from gosnap.heap.brief import Brief
from gosnap.heap.columns import Columns
from gosnap.heap.contents import Contents
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.syncmaps import MAP_TYPE, SyncMaps, sync_maps

ARRAY, CHAN, INTERFACE, MAP, POINTER, SLICE, STRING, STRUCT = (
    KIND_NAMES.index(n) for n in ("array", "chan", "interface", "map", "ptr", "slice", "string", "struct")
)
_IN_SYNC_MAP = (".root.v", ".dirty", ".read.v")
"""How the words of a sync.Map end that lead to its nodes."""
_INTERNAL = {Role.MAP, Role.MAP_DIR, Role.MAP_TABLE, Role.MAP_OVERFLOW_ARRAY, Role.CHAN}


@dataclass(frozen=True)
class Place:
    """Where in an object a word is. ``kind``: "field", "element", "key", "value", "item", "capture", "part"
    (of a map's or channel's own structure) or "word". ``text``: ".Cart", "[3].Photo", '["u42"].Cart'.
    ``row``: the static type of the variable that the word is in, 0 where unknown; ``at``: where that begins
    in the slot."""

    kind: str
    text: str
    row: int = 0
    at: int = 0


class Labels:
    """Names the words of objects. ``redact``: no keys of maps, no strings."""

    def __init__(self, columns: Columns, *, redact: bool = False) -> None:
        self._columns = columns
        self.contents = Contents(columns.reader)
        self._redact = redact

    @cached_property
    def types(self) -> TypeTable:
        """Go's static types."""
        return self._columns.static_types

    @cached_property
    def sync_maps(self) -> SyncMaps:
        """The inner types of sync.Maps."""
        return sync_maps(self._columns)

    @cached_property
    def brief(self) -> Brief:
        """Shows values."""
        return Brief(self.types, self.contents, self._redact, self._columns.types_base)

    def place(self, index: int, word: int) -> Place:
        """What the word of an object is."""
        address = self._columns.address(index)
        skipped = 8 if self._columns.has_header(index) else 0
        return self.within(int(self._columns.types[index]), word * 8 - skipped, address + skipped, skipped)

    def period(self, key: int) -> int:
        """After how many bytes what an object of a type holds begins again: an element, a group; 0 for
        never."""
        role, row = Role(key >> ROLE_SHIFT), key & ROW_MASK
        if role is Role.MAP_DIR:
            return 8  # pointers to tables, one like the other
        if row >= len(self.types) or role not in (Role.ARRAY, Role.CHAN_BUF, Role.MAP_BUCKETS):
            return 0
        if role is Role.MAP_BUCKETS:
            row = map_parts(self.types, row).buckets
        elif role is Role.CHAN_BUF:
            row = int(self.types.elem[row])
        return int(self.types.size[row])

    def base(self, key: int) -> int:
        """The type that what an object of a type holds is made of: itself, an array's element, a map's group
        or bucket; 0 for none."""
        role, row = Role(key >> ROLE_SHIFT), key & ROW_MASK
        if not key or row >= len(self.types):
            return 0
        if role is Role.MAP_BUCKETS:
            return map_parts(self.types, row).buckets
        if role is Role.CHAN_BUF:
            return int(self.types.elem[row])
        return row if role in (Role.VALUE, Role.ARRAY) else 0

    def within(self, key: int, offset: int, address: int = 0, skipped: int = 0) -> Place:
        """What is at an offset behind the malloc header of an object of a type (``roles``); ``address``:
        where that object's data is, 0 for any such object: indices and keys are then "[…]"."""
        role, row = Role(key >> ROLE_SHIFT), key & ROW_MASK
        known = row < len(self.types) and key != 0
        if key in self.sync_maps.nodes or key in self.sync_maps.boxes:
            return Place("part", self.descend(row, offset)[0] if known else "")
        if known and key in self.sync_maps.entries:
            return self._sync_entry(row, offset, address, skipped)
        if role in _INTERNAL:
            return Place("part", self._part(role, row, offset) if known else "")
        if role is Role.CLOSURE:
            return self._capture(row, offset, skipped)
        if not known or role in (Role.RTYPE, Role.RTYPE_ARRAY, Role.STRING, Role.TINY, Role.INSIDE):
            return Place("word", f"+{offset:#x}" if offset else "")
        if role is Role.VALUE:
            text, inner, at = self.descend(row, offset, bool(address))
            return Place("field", text, inner, skipped + at)
        if role is Role.ARRAY:
            return self._element(row, offset, "element", bool(address), skipped)
        if role is Role.CHAN_BUF:
            return self._element(int(self.types.elem[row]), offset, "item", bool(address), skipped)
        return self._entry(row, offset, address, skipped)

    def descend(self, row: int, offset: int, indices: bool = True) -> tuple[str, int, int]:
        """(".Cart[3].Photo", type of the innermost variable, its offset) at an offset in a value of a type;
        a sync.Map is not gone into."""
        found = self.types.descend(row, offset, indices)
        if not found[0].endswith(_IN_SYNC_MAP):
            return found
        text, at, begin = "", row, offset
        while self.types.name[at] != MAP_TYPE:
            below = self.step(at, begin)
            if below is None:
                return found
            text, at, begin = text + below[0], below[1], below[2]
        # as the whole says it, which has the indices
        return found[0][: len(found[0]) - len(self._inside(at, begin))], 0, offset - begin

    def _inside(self, row: int, offset: int) -> str:
        return self.types.descend(row, offset)[0]

    def step(self, row: int, offset: int) -> tuple[str, int, int] | None:
        """One level of ``descend``: (".Cart", its type, the offset in it); None where there is no level
        more."""
        t = self.types
        if int(t.kind[row]) == STRUCT:
            found = t.field_at(row, offset)
            if found < 0:
                return None
            inner = int(t.field_type[found])
            return "." + t.field_name[found], inner, offset - int(t.field_offset[found])
        size = int(t.size[int(t.elem[row])])
        if int(t.kind[row]) == ARRAY and size > 0:
            return "[...]", int(t.elem[row]), offset % size
        return None

    def _element(self, row: int, offset: int, kind: str, indices: bool, skipped: int) -> Place:
        size = int(self.types.size[row])
        if size <= 0:
            return Place(kind, "")
        i, inside = divmod(offset, size)
        text, inner, at = self.descend(row, inside, indices)
        return Place(kind, (f"[{i}]" if indices else "[…]") + text, inner, skipped + i * size + at)

    def _capture(self, row: int, offset: int, skipped: int) -> Place:
        """A variable that a closure captured: by value, or, where it may change, by reference."""
        start, offsets, rows, names = self._columns.captures
        if not 0 <= row < len(start) - 1:
            return Place("capture", "")
        for i in range(int(start[row]), int(start[row + 1])):
            begin, inner = int(offsets[i]), int(rows[i])
            size = int(self.types.size[inner]) if inner < len(self.types) else 8
            if begin <= offset < begin + max(size, 8):
                text, found, at = (
                    self.descend(inner, offset - begin) if inner < len(self.types) else ("", 0, 0)
                )
                return Place("capture", names[i].removeprefix("&") + text, found, skipped + begin + at)
        return Place("capture", "")

    def _part(self, role: Role, row: int, offset: int) -> str:
        """A field of a map's or channel's own structure."""
        parts = map_parts(self.types, row)
        structure = {
            Role.MAP: parts.header,
            Role.MAP_TABLE: parts.table,
            Role.CHAN: int(self.types.impl[row]),
        }
        inner = structure.get(role, 0)
        return self.descend(inner, offset)[0] if inner else ""

    def _entry(self, row: int, offset: int, address: int, skipped: int) -> Place:
        """An entry of a map: a group has ctrl and slots of {key, elem} (Go >= 1.24), a bucket tophash, keys
        and elems."""
        t = self.types
        part = map_parts(t, row).buckets
        size = int(t.size[part])
        if not part or size <= 0:
            return Place("part", "")
        base = offset // size * size
        inside = offset - base
        field = t.field_at(part, inside)
        name = t.field_name[field] if field >= 0 else ""
        if name not in ("slots", "keys", "values", "elems"):
            return Place("part", "." + name)
        array, begin = int(t.field_type[field]), int(t.field_offset[field])
        slot = int(t.elem[array])
        width = max(int(t.size[slot]), 1)
        i = (inside - begin) // width
        key_at, key_row = self._key(part, i)
        is_key = name == "keys" or (name == "slots" and inside - begin - i * width < self._elem_offset(slot))
        shown = self._shown_key(row, key_row, address + base + key_at) if address and key_row else "…"
        if is_key:
            return Place("key", f"[{shown}] (the key)", key_row, skipped + base + key_at)
        value_at = begin + i * width + (self._elem_offset(slot) if name == "slots" else 0)
        value_row = self._slot_field(slot, "elem") if name == "slots" else slot
        text, inner, at = self.descend(value_row, inside - value_at, bool(address))
        return Place("value", f"[{shown}]{text}", inner, skipped + base + value_at + at)

    def _sync_entry(self, row: int, offset: int, address: int, skipped: int) -> Place:
        """An entry of a sync.Map, which is an object of its own."""
        t = self.types
        field = t.field_at(row, offset)
        name = t.field_name[field] if field >= 0 else ""
        key = field_index(t, row, "key")
        if name not in ("key", "value") or key < 0:
            return Place("part", "." + name)
        key_row, at = int(t.field_type[key]), int(t.field_offset[field])
        shown = self.brief.show(key_row, address + int(t.field_offset[key])) if address else "…"
        if name == "key":
            return Place("key", f"[{shown}] (the key)", key_row, skipped + at)
        text, inner, begin = self.descend(int(t.field_type[field]), offset - at, bool(address))
        return Place("value", f"[{shown}]{text}", inner, skipped + at + begin)

    def _shown_key(self, row: int, key_row: int, address: int) -> str:
        """A key; one of more than 128 bytes is behind a pointer (internal/abi/map.go, MapMaxKeyBytes)."""
        real = int(self.types.key[row])
        if real and key_row != real and int(self.types.kind[key_row]) == POINTER:
            target = self.contents.word(address)
            return "…" if target is None else self.brief.show(real, target)
        return self.brief.show(key_row, address)

    def _elem_offset(self, slot: int) -> int:
        i = field_index(self.types, slot, "elem")
        return int(self.types.field_offset[i]) if i >= 0 else 0

    def _slot_field(self, slot: int, name: str) -> int:
        i = field_index(self.types, slot, name)
        return int(self.types.field_type[i]) if i >= 0 else 0

    def _key(self, part: int, i: int) -> tuple[int, int]:
        """(offset, type) of the key of slot i of a group or bucket; large keys are pointers to them."""
        t = self.types
        slots = field_index(t, part, "slots")
        if slots >= 0:
            slot = int(t.elem[int(t.field_type[slots])])
            return int(t.field_offset[slots]) + i * int(t.size[slot]), self._slot_field(slot, "key")
        keys = field_index(t, part, "keys")
        if keys < 0:
            return 0, 0
        key = int(t.elem[int(t.field_type[keys])])
        return int(t.field_offset[keys]) + i * int(t.size[key]), key

    def describe(self, index: int, place: Place) -> str:
        """The type of the variable that refers, and of a slice or string its length: "[]main.Item, len 3, cap
        1024"."""
        if not place.row:
            return ""
        return self.variable(place.row, self._columns.address(index) + place.at)

    def type_text(self, row: int) -> str:
        """The name of a static type; what generic code is compiled for is told by what stands for it."""
        return self.types.name[row].replace("go.shape.", "")

    def variable(self, row: int, address: int) -> str:
        """The same of a variable of a type at an address."""
        name, kind = self.type_text(row), int(self.types.kind[row])
        if kind == SLICE:
            length, cap = self.contents.word(address + 8), self.contents.word(address + 16)
            if length is not None and cap is not None:
                return f"{name}, len {length:,}, cap {cap:,}"
        if kind == STRING:
            length = self.contents.word(address + 8)
            if length is not None:
                shown = self.brief.show(row, address)
                return f"{name}, len {length:,}" if shown == "…" else f"{name} {shown}, len {length:,}"
        return name


def words_of(columns: Columns, index: int) -> npt.NDArray[np.int64]:
    """The word of each of an object's references, in their order."""
    start, count = columns.edges_of(index)
    raw = columns.reader.part("edges.step", start * 2, (start + count) * 2)
    if len(raw) != count * 2:
        raise columns.wrong("edges.step does not fit the references")
    out = np.frombuffer(raw, "<u2").astype(np.int64)
    far_edge, far_step = columns.far_steps
    low, high = np.searchsorted(far_edge, [start, start + count])
    out[far_edge[low:high].astype(np.int64) - start] = far_step[low:high].astype(np.int64)
    return np.cumsum(out)


def words_of_edges(
    columns: Columns, edge: npt.NDArray[np.int64], holder: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The word of each of these references, each of the object ``holder``."""
    out = np.zeros(len(edge), np.int64)
    try:
        words(
            columns.column("edges.step", "<u2").astype(np.uint16, copy=False),
            *columns.far_steps,
            columns.edge_start,
            np.ascontiguousarray(edge),
            np.ascontiguousarray(holder),
            out,
        )
    except ValueError as e:
        raise columns.wrong(f"edges.step does not fit the references ({e})") from None
    return out
