"""The entries of Go's maps: where each key and value lies, and their bytes.

Sources: runtime/map.go of Go 1.21 to 1.23 (hmap, bmap, evacuated) and internal/runtime/maps/map.go, table.go
and group.go of Go 1.24 to 1.27 (Map, table, groupReference, ctrl). No hash is computed: an entry is found by
looking at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.maptypes import MapParts, map_parts
from gosnap.values.memory import Memory
from gosnap.values.subject import Subject

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
SLOTS = 8
_MIN_TOP_HASH = 5
_EVACUATED = (2, 4)
"""tophash[0] of a bucket that has moved: evacuatedX to evacuatedEmpty; 5, minTopHash, and more are
entries."""
_SAME_SIZE_GROW = 8
_MOST_B = 40
_MOST_BUCKETS = 1 << 26
_MOST_TABLES = 1 << 24
_BLOCK = 1 << 12
"""Buckets, or tables, that are read at once where only the first entries are wanted."""
_LONGEST_CHAIN = 1 << 14
_SHOWN_TABLES, _SHOWN_GROUPS = 4, 4


@dataclass(frozen=True)
class Cell:
    """Where keys, or values, lie in a group or bucket: the first one's offset, the distance to the next, the
    type that is stored (a pointer to the real one where that is larger than 128 bytes) and the real one."""

    offset: int
    stride: int
    stored: int
    real: int

    @property
    def indirect(self) -> bool:
        """Whether a pointer is stored."""
        return self.stored != self.real


@dataclass(frozen=True)
class MapLayout:
    """How the maps of a type are made. ``at``: offsets by name of field of the header, and of a table's with
    "table." before them."""

    swiss: bool
    header: int
    table: int
    group: int
    at: dict[str, int]
    size: int
    """Of a group or bucket."""
    group_size: int
    table_size: int
    key: Cell
    elem: Cell


@dataclass
class Cells:
    """Entries of one map: addresses and bytes of keys and values, (n x size). ``complete``: no more were
    asked for than are here. ``broken``: parts of the map could not be read."""

    key_at: U64
    elem_at: U64
    key: U8
    elem: U8
    broken: bool = False


def same(a: Cells, b: Cells) -> bool:
    """Whether two reads agree."""
    return (
        np.array_equal(a.key_at, b.key_at)
        and np.array_equal(a.elem_at, b.elem_at)
        and np.array_equal(a.key, b.key)
        and np.array_equal(a.elem, b.elem)
    )


def layout(subject: Subject, row: int) -> MapLayout | None:
    """The layout of a map type; None where the executable's types do not tell."""
    parts = _parts(subject, row)
    if not parts.header or not parts.buckets:
        return None
    header, group = subject.shape(parts.header), subject.shape(parts.buckets)
    at = {m.name: m.offset for m in header.fields}
    at |= {m.name: m.offset for m in group.fields if m.name in ("ctrl", "tophash", "overflow")}
    real_key, real_elem = subject.shape(row).key, subject.shape(row).elem
    slots = subject.member(parts.buckets, "slots")
    if slots is not None:
        slot = subject.shape(slots.row).elem
        key, elem = subject.member(slot, "key"), subject.member(slot, "elem")
        if key is None or elem is None:
            return None
        base, stride = slots.offset, subject.shape(slot).size
        keys = _cell(subject, base + key.offset, stride, key.row, real_key)
        elems = _cell(subject, base + elem.offset, stride, elem.row, real_elem)
    else:
        names = {m.name: m for m in group.fields}
        first, second = names.get("keys"), names.get("values") or names.get("elems")
        if first is None or second is None:
            return None
        stored = subject.shape(first.row).elem
        keys = _cell(subject, first.offset, subject.shape(stored).size, stored, real_key)
        stored = subject.shape(second.row).elem
        elems = _cell(subject, second.offset, subject.shape(stored).size, stored, real_elem)
    swiss = "dirPtr" in at
    needed = {"used", "dirPtr", "dirLen"} if swiss else {"count", "B", "buckets", "oldbuckets", "flags"}
    if not needed <= set(at) or group.size <= 0:
        return None
    table_size = 0
    if swiss:
        table = subject.shape(parts.table)
        groups = subject.member(parts.table, "groups")
        if groups is None:
            return None
        table_size = table.size
        at |= {f"table.{m.name}": groups.offset + m.offset for m in subject.shape(groups.row).fields}
        if not {"table.data", "table.lengthMask"} <= set(at):
            return None
    return MapLayout(
        swiss, parts.header, parts.table, parts.buckets, at, header.size, group.size, table_size, keys, elems
    )


def _parts(subject: Subject, row: int) -> MapParts:
    """What a map type is made of; of one that DWARF does not have, what every map is made of and its own
    group."""
    if row < len(subject.types):
        return map_parts(subject.types, row)
    group = subject.made.groups.get(row, 0)
    return MapParts(subject.shape(row).impl, group, subject.type_row("internal/runtime/maps.table"))


def _cell(subject: Subject, offset: int, stride: int, stored: int, real: int) -> Cell:
    """A pointer is stored for the real type only if it points to just that (MapMaxKeyBytes, 128)."""
    s = subject.shape(stored)
    if stored != real and s.kind == "ptr" and s.elem == real and subject.shape(real).size > 128:
        return Cell(offset, stride, stored, real)
    return Cell(offset, stride, real, real)


def length(lay: MapLayout, header: bytes) -> int:
    """len() of a map, from the bytes of its header."""
    at = lay.at["used" if lay.swiss else "count"]
    return int.from_bytes(header[at : at + 8], "little")


def read_cells(subject: Subject, lay: MapLayout, pointer: int, most: int | None) -> Cells:
    """The entries of the map whose header is at an address, the first ``most`` of them. ReadError where even
    the header cannot be read."""
    header = subject.memory.read(pointer, lay.size)
    reader = _Swiss(subject, lay) if lay.swiss else _Buckets(subject, lay)
    parts: list[Cells] = []
    found = 0
    for part in reader.parts(header, None if most is None else most):
        parts.append(part)
        found += len(part.key_at)
        if most is not None and found >= most:
            break
    key_size, elem_size = subject.shape(lay.key.real).size, subject.shape(lay.elem.real).size
    if not parts:
        empty = np.zeros(0, np.uint64)
        return Cells(
            empty, empty, np.zeros((0, key_size), np.uint8), np.zeros((0, elem_size), np.uint8), reader.broken
        )
    cells = Cells(
        np.concatenate([p.key_at for p in parts])[:most],
        np.concatenate([p.elem_at for p in parts])[:most],
        np.concatenate([p.key for p in parts])[:most],
        np.concatenate([p.elem for p in parts])[:most],
        reader.broken,
    )
    if lay.key.indirect:
        cells.key_at, cells.key, lost = _follow(subject.memory, cells.key, key_size)
        cells.broken |= lost
    if lay.elem.indirect:
        cells.elem_at, cells.elem, lost = _follow(subject.memory, cells.elem, elem_size)
        cells.broken |= lost
    return cells


def structures(subject: Subject, lay: MapLayout, pointer: int) -> list[tuple[str, int, int]]:
    """(name, row of its type, address) of the tables of a map, and of the first groups or buckets of each:
    some of them. ReadError where the header cannot be read."""
    header = subject.memory.read(pointer, lay.size)
    words = {
        n: int.from_bytes(header[at : at + 8], "little") for n, at in lay.at.items() if at + 8 <= lay.size
    }
    out: list[tuple[str, int, int]] = []
    if not lay.swiss:
        for name in ("oldbuckets", "buckets"):
            if words[name]:
                out += [
                    (f"{name}[{i}]", lay.group, words[name] + i * lay.group_size)
                    for i in range(min(1 << min(header[lay.at["B"]], 16), _SHOWN_GROUPS))
                ]
        return out
    if not words["dirLen"]:
        return [("group", lay.group, words["dirPtr"])] if words["dirPtr"] else []
    tables: list[int] = []
    for i in range(min(words["dirLen"], _SHOWN_TABLES * 4)):
        table = subject.memory.word(words["dirPtr"] + i * 8)
        if table not in tables:
            tables.append(table)
    for i, table in enumerate(tables[:_SHOWN_TABLES]):
        out.append((f"table {i}", lay.table, table))
        groups = subject.memory.word(table + lay.at["table.data"])
        mask = subject.memory.word(table + lay.at["table.lengthMask"])
        out += [
            (f"table {i} group {k}", lay.group, groups + k * lay.group_size)
            for k in range(min(mask + 1, _SHOWN_GROUPS))
        ]
    return out


def _follow(memory: Memory, words: U8, size: int) -> tuple[U64, U8, bool]:
    addrs = np.ascontiguousarray(words).view("<u8").ravel().astype(np.uint64)
    raw, ok = memory.gather(addrs, size)
    return addrs, raw, not bool(ok.all())


class _Parts:
    """What both kinds of maps have in common."""

    def __init__(self, subject: Subject, lay: MapLayout) -> None:
        self.subject = subject
        self.memory = subject.memory
        self.lay = lay
        self.broken = False

    def parts(self, header: bytes, most: int | None) -> Iterator[Cells]:
        raise NotImplementedError

    def word(self, raw: bytes, name: str) -> int:
        at = self.lay.at[name]
        return int.from_bytes(raw[at : at + 8], "little")

    def cut(self, raw: U8, addrs: U64, used: npt.NDArray[np.bool_]) -> Cells:
        """The entries of groups or buckets: (n x size bytes), their addresses, (n x 8) which slots are
        used."""
        group, slot = np.nonzero(used)
        places, parts = [], []
        for cell in (self.lay.key, self.lay.elem):
            size = self.subject.shape(cell.stored).size
            at = cell.offset + slot * cell.stride
            places.append(addrs[group] + at.astype(np.uint64))
            parts.append(_rows(raw, cell, size)[group, slot])
        return Cells(places[0], places[1], parts[0], parts[1])


class _Swiss(_Parts):
    """Go >= 1.24: one group, or a directory of tables of groups. A table that grows is replaced as a
    whole."""

    def parts(self, header: bytes, most: int | None) -> Iterator[Cells]:
        directory, size = self.word(header, "dirPtr"), self.word(header, "dirLen")
        if not directory:
            return
        if not size:
            yield from self.groups(np.array([directory], np.uint64), np.array([1], np.uint64))
            return
        if size > _MOST_TABLES:
            self.broken = True
            return
        words, _, ok = self.memory.pieces(np.array([directory], np.uint64), np.array([size * 8], np.uint64))
        if not ok.all():
            self.broken = True
            return
        tables = words.view("<u8").astype(np.uint64)
        # a table that is not as deep as the directory is in it several times, side by side
        tables = tables[np.concatenate([[True], tables[1:] != tables[:-1]])]
        at = 0
        step = max(1, (most or 0) // 256) if most is not None else len(tables)
        while at < len(tables):
            yield from self.tables(tables[at : at + step])
            at += step
            step = min(step * 2, _BLOCK)

    def tables(self, addrs: U64) -> Iterator[Cells]:
        raw, ok = self.memory.gather(addrs, self.lay.table_size)
        self.broken |= not bool(ok.all())
        at = self.lay.at
        data = _word_column(raw[ok], at["table.data"])
        count = _word_column(raw[ok], at["table.lengthMask"]) + np.uint64(1)
        yield from self.groups(data, count)

    def groups(self, addrs: U64, counts: U64) -> Iterator[Cells]:
        good = (counts > 0) & (counts <= 1 << 20)
        self.broken |= not bool(good.all())
        addrs, counts = addrs[good], counts[good]
        size = self.lay.group_size
        blob, start, ok = self.memory.pieces(addrs, counts * np.uint64(size), packed=True)
        self.broken |= not bool(ok.all())
        raw = blob.reshape(-1, size)
        n = counts.astype(np.int64)
        first = start // size
        within = np.arange(len(raw)) - np.repeat(first, n)
        where = np.repeat(addrs, n) + (within * size).astype(np.uint64)
        ctrl = raw[:, self.lay.at["ctrl"] : self.lay.at["ctrl"] + SLOTS]
        used = (ctrl < 0x80) & np.repeat(ok, n)[:, None]
        yield self.cut(raw, where, used)


class _Buckets(_Parts):
    """Go <= 1.23: an array of buckets, each with a chain of further ones; while it grows the old array has
    what has not moved yet."""

    def parts(self, header: bytes, most: int | None) -> Iterator[Cells]:
        b = header[self.lay.at["B"]]
        flags = header[self.lay.at["flags"]]
        buckets, old = self.word(header, "buckets"), self.word(header, "oldbuckets")
        if b > _MOST_B:
            self.broken = True
            return
        self.seen = 0
        if old:
            yield from self.array(old, 1 << (b if flags & _SAME_SIZE_GROW else max(b - 1, 0)), most, old=True)
        if buckets:
            yield from self.array(buckets, 1 << b, most, old=False)

    def array(self, address: int, count: int, most: int | None, *, old: bool) -> Iterator[Cells]:
        size = self.lay.group_size
        if count * size > 1 << 40:
            self.broken = True
            return
        at = 0
        step = _BLOCK if most is not None else max((1 << 26) // size, 1)
        if most is not None and most <= 1024:
            step = 256
        while at < count:
            n = min(step, count - at)
            first = np.array([address + at * size], np.uint64)
            blob, _, ok = self.memory.pieces(first, np.array([n * size], np.uint64))
            if not ok.all():
                self.broken = True
                return
            where = first[0] + (np.arange(n) * size).astype(np.uint64)
            raw = blob.reshape(-1, size)
            if old:
                top = raw[:, self.lay.at["tophash"]]
                stays = (top < _EVACUATED[0]) | (top > _EVACUATED[1])
                raw, where = raw[stays], where[stays]
            yield from self.chains(raw, where)
            at += n

    def chains(self, raw: U8, where: U64) -> Iterator[Cells]:
        """Entries of buckets and of those that hang on them."""
        top = self.lay.at["tophash"]
        for _ in range(_LONGEST_CHAIN):
            self.seen += len(raw)
            if not len(raw) or self.seen > _MOST_BUCKETS:
                self.broken |= self.seen > _MOST_BUCKETS
                return
            yield self.cut(raw, where, raw[:, top : top + SLOTS] >= _MIN_TOP_HASH)
            if "overflow" not in self.lay.at:
                return
            following = _word_column(raw, self.lay.at["overflow"])
            where = following[following != 0]
            raw, ok = self.memory.gather(where, self.lay.group_size)
            self.broken |= not bool(ok.all())
            raw, where = raw[ok], where[ok]
        self.broken = True


def _rows(raw: U8, cell: Cell, size: int) -> U8:
    """(n x 8 x size) view of the cells of n groups or buckets; none where they do not lie in them."""
    n, width = raw.shape
    if not n or cell.offset < 0 or cell.stride < 0 or cell.offset + 7 * cell.stride + size > width:
        return np.zeros((n, SLOTS, size), np.uint8)
    return np.lib.stride_tricks.as_strided(
        raw[:, cell.offset :], (n, SLOTS, size), (raw.strides[0], cell.stride, 1), writeable=False
    )


def _word_column(raw: U8, offset: int) -> U64:
    return np.ascontiguousarray(raw[:, offset : offset + 8]).view("<u8").ravel().astype(np.uint64)
