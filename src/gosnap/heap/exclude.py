"""References that a person does not want to be followed: --exclude TYPE.field."""

import difflib

import numpy as np
import numpy.typing as npt

from gosnap.binary.types import KIND_ARRAY, KIND_STRUCT
from gosnap.errors import GosnapError
from gosnap.goruntime.maptypes import field_index
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.labels import Labels, words_of_edges
from gosnap.heap.tree import Tree
from gosnap.heap.typenames import without_directories

I64 = npt.NDArray[np.int64]
_FORM = "write it as TYPE.field, 'main.Node.prev' say"
_DEEPEST = 32
_MOST_PLACES = 4096
"""Places of a field in one type that are looked for: in arrays of structures there could be any number."""


def exclude(
    tree: Tree, labels: Labels, columns: tuple[I64, npt.NDArray[np.uint32]], excluded: tuple[str, ...]
) -> int:
    """Turn these references into references of a node to itself, in place; how many there were. ``columns``:
    offset and target of the graph with groups.

    "main.Node.prev" is the field prev wherever a main.Node is: on its own, in arrays, in maps, in other
    structures, in package variables. GosnapError where there is no such type or field.
    """
    return sum(_exclude(tree, labels, columns, name) for name in excluded)


def _exclude(tree: Tree, labels: Labels, columns: tuple[I64, npt.NDArray[np.uint32]], name: str) -> int:
    types = labels.types
    type_name, _, field_name = name.rpartition(".")
    row = _type(labels, name, type_name)
    field = field_index(types, row, field_name)
    if field < 0:
        fields = [
            types.field_name[i] for i in range(int(types.field_start[row]), int(types.field_start[row + 1]))
        ]
        raise GosnapError(
            f"--exclude {name}: no field {field_name!r} in {types.name[row]}",
            _meant(difflib.get_close_matches(field_name, fields, 3, 0.5)) or _FORM,
        )
    places = _Places(labels, row, field)
    return _in_objects(tree, places, columns[1]) + _in_variables(tree, places, columns)


def _type(labels: Labels, asked: str, name: str) -> int:
    """The row of a type, whose import path's directories may be left out; GosnapError where there is none, or
    more than one."""
    types = labels.types
    row = types.type_by_name(name) if name else None
    if row is not None:
        return row
    names = [n for n in types.name if n] if name else []
    short = sorted({n for n in names if without_directories(n) == name})
    if len(short) == 1:
        return types.type_by_name(short[0]) or 0
    found = short[:3] or difflib.get_close_matches(name, [without_directories(n) for n in names], 3, 0.7)
    raise GosnapError(
        f"--exclude {asked}: {'more than one' if short else 'no'} type {name!r}", _meant(found) or _FORM
    )


def _meant(found: list[str]) -> str:
    return "did you mean " + " or ".join(repr(n) for n in found) + "?" if found else ""


class _Places:
    """Where in values of each type the field lies: [begin, end) of each."""

    def __init__(self, labels: Labels, row: int, field: int) -> None:
        self.labels = labels
        self._types = labels.types
        self._row = row
        begin = int(self._types.field_offset[field])
        size = max(int(self._types.size[int(self._types.field_type[field])]), 1)
        self._known: dict[int, list[tuple[int, int]]] = {row: [(begin, begin + size)]}

    def of(self, row: int, depth: int = 0) -> list[tuple[int, int]]:
        """The places in a value of a type."""
        if row in self._known or depth > _DEEPEST:
            return self._known.get(row, [])
        self._known[row] = out = []
        t = self._types
        kind = int(t.kind[row])
        if kind == KIND_STRUCT:
            for i in range(int(t.field_start[row]), int(t.field_start[row + 1])):
                at = int(t.field_offset[i])
                out += [(at + b, at + e) for b, e in self.of(int(t.field_type[i]), depth + 1)]
        elif kind == KIND_ARRAY:
            inner, size = self.of(int(t.elem[row]), depth + 1), int(t.size[int(t.elem[row])])
            for i in range(min(int(t.length[row]), _MOST_PLACES)) if inner else ():
                out += [(i * size + b, i * size + e) for b, e in inner]
        del out[_MOST_PLACES:]
        return out


def _in_objects(tree: Tree, places: _Places, target: npt.NDArray[np.uint32]) -> int:
    """References of objects."""
    columns = tree.columns
    gone = 0
    for key in columns.type_table["key"]:
        base, period = places.labels.base(key), places.labels.period(key)
        found = places.of(base) if base else []
        if not found:
            continue
        holders = np.flatnonzero(columns.types == np.uint32(key))
        holders = holders[tree.live[holders]]
        offset = columns.edge_start
        count = offset[holders + 1] - offset[holders]
        before = np.concatenate([[0], np.cumsum(count)[:-1]]) if len(count) else count
        edges = np.repeat(offset[holders] - before, count) + np.arange(int(count.sum()))
        source = np.repeat(holders, count)
        inside = words_of_edges(columns, edges, source) * 8 - columns.headers_of(source) * 8
        if period > 0:
            inside %= period
        chosen = np.zeros(len(inside), bool)
        for begin, end in found:
            chosen |= (inside >= begin) & (inside < end)
        target[edges[chosen]] = source[chosen].astype(np.uint32)
        gone += int(chosen.sum())
    return gone


def _in_variables(tree: Tree, places: _Places, columns: tuple[I64, npt.NDArray[np.uint32]]) -> int:
    """References of package variables: a group loses an object that no other field of it holds."""
    offset, target = columns
    group = tree.columns.root_column("group", "<u4").astype(np.int64)
    objects = tree.columns.root_column("object", "<i8").astype(np.int64)
    address = tree.columns.root_column("address", "<u8")
    types = tree.columns.column("globals.type", "<i4")
    out: set[tuple[int, int]] = set()
    kept: set[tuple[int, int]] = set()
    held = (objects >= 0) & (group < len(tree.group_kind))
    held[held] = tree.group_kind[group[held]] == GroupKind.GLOBAL
    for root in np.flatnonzero(held).tolist():
        ref = int(tree.group_ref[group[root]])
        pair = int(group[root]), int(objects[root])
        row = int(types[ref]) if ref != NONE and ref < len(types) else 0
        at = int(address[root]) - tree.global_address(ref)
        inside = any(b <= at < e for b, e in places.of(row)) if 0 < row < len(places.labels.types) else False
        (out if inside else kept).add(pair)
    gone = 0
    for g, index in out - kept:
        node = tree.objects + g
        low, high = int(offset[node]), int(offset[node + 1])
        for e in np.flatnonzero(target[low:high] == np.uint32(index)).tolist():
            target[low + e] = node
            gone += 1
    return gone
