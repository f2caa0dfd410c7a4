"""Why objects are alive: shortest paths from the roots, of one object, or merged of all objects of a type."""

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap._kernels.paths import chain, fields, labelled, merge, number, on_paths, shortest, thread
from gosnap.errors import GosnapError
from gosnap.heap.columns import Columns
from gosnap.heap.exclude import exclude
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.labels import Labels
from gosnap.heap.roles import Role
from gosnap.heap.steps import Steps
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
_ENDS = 40
"""Steps of a long path that are shown at each end."""
_RUN = 6
"""Steps through objects of one type from which on they become one."""
_PLACES = 1 << 16
_DIRECTORIES = re.compile(r"[\w.~-]+(?:/[\w.~-]+)*/")
_NO_FIELD = (1 << 64) - 1
_ROOT_FIELDS = 1 << 29
"""Where numbers of fields of variables begin among the labels, beyond those of fields of objects."""
_OWN = np.uint64(64)
"""The label of what is held by one of its own type (paths.labelled)."""
_TURNS = 4
"""Of so many fields a tree's names are shown."""
_INSIDES = (
    *(Role.MAP_DIR, Role.MAP_TABLE, Role.MAP_BUCKETS, Role.MAP_OVERFLOW, Role.MAP_OVERFLOW_ARRAY),
    Role.CHAN_BUF,
)
"""Parts of a map or channel: no steps of their own."""


def paths_view(
    snapshot: "Snapshot",
    what: str,
    *,
    top: int | None = 5,
    excluded: tuple[str, ...] = (),
    redact: bool = False,
) -> View:
    """Shortest paths from the roots to an object, given its address, or merged ones to all objects of a type.

    Of an object: one path for each object or root that refers to it, the shortest first. Rows: steps, and
    length, the number of references on the way. Steps: kind (root, field, element, key, value, item, capture,
    part, word; repeat and more stand for many), label, object (address of what the step is in) and type; the
    last is the object itself, kind target. Of a type: rows with objects and bytes, and steps that have both
    too: how many of the objects are held through it. Totals: objects, bytes: of what was asked for;
    retained_bytes of one object.

    ``excluded``: "TYPE.field" of references that are not to be followed. ``redact``: neither keys nor
    strings. The view's extra: target (name, object, type). GosnapError where there is no such object or type,
    or no way to it.
    """
    columns = Columns(snapshot.reader)
    tree = Tree(columns)
    labels = Labels(columns, redact=redact)
    address = _address(what)
    if address is None:
        chosen = _objects_of(snapshot, tree, what)
        search = _Search(tree, excluded, labels, np.zeros(0, np.uint32))
        return _of_type(snapshot, search, what, chosen, top)
    index = columns.at(address)
    if index < 0:
        raise GosnapError(
            f"{snapshot.path}: no object at {what}",
            "`gosnap dominators FILE` lists addresses; a type is given by its name: 'main.Session'",
        )
    if not tree.live[index]:
        raise GosnapError(
            f"{snapshot.path}: {what} ({columns.type_name(index)}) is garbage: nothing holds it",
            "the next collection frees it",
        )
    search = _Search(tree, excluded, labels, np.array([index], np.uint32))
    steps = Steps(tree, labels)
    rows = [_row(search, steps, index, holder, edge) for holder, edge in search.holders(index, top)]
    if not rows:
        raise GosnapError(
            f"{snapshot.path}: no way to {what} but by what --exclude leaves out", "leave an --exclude out"
        )
    more = search.holder_count(index) - len(rows)
    retained, count = tree.retained_of(index)
    totals = {
        "objects": 1,
        "bytes": columns.size(index),
        "retained_bytes": retained,
        "retained_objects": count,
    }
    view = View("paths", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows)
    view.left_out = {"rows": max(more, 0), "objects": 0, "bytes": 0}
    view.extra = {
        "target": {
            "name": "",
            "object": f"{columns.address(index):#x}",
            "type": columns.type_name(index),
        },
        "contents": int(labels.contents.present),
    }
    return view


def _address(what: str) -> int | None:
    try:
        value = int(what, 0)
    except ValueError:
        return None
    return value if 0 <= value < 1 << 64 else None


class _Search:
    """A breadth-first tree of the references, in which the targets are not left again."""

    def __init__(self, tree: Tree, excluded: tuple[str, ...], labels: Labels, shut: U32) -> None:
        self.tree = tree
        self.labels = labels
        self.graph, self.offset, self.target = tree.graph
        exclude(tree, labels, (self.offset, self.target), excluded)
        n = self.graph.nodes
        closed = np.zeros(n, np.uint8)
        closed[shut] = 1
        self.parent, self.order = np.empty(n, np.uint32), np.empty(n, np.uint32)
        self.reached = shortest(self.graph, tree.tops, closed, self.parent, self.order)

    def via(self, node: int) -> int:
        """The reference by which a node was reached from the one before; only of nodes that are no roots."""
        above = int(self.parent[node])
        start, stop = int(self.offset[above]), int(self.offset[above + 1])
        return start + int(np.argmax(self.target[start:stop] == np.uint32(node)))

    def _edges_to(self, index: int) -> tuple[I64, I64]:
        """(edge, where it comes from) of all references to an object; of several from one the first."""
        edge = np.flatnonzero(self.target == np.uint32(index))
        source = np.searchsorted(self.offset, edge, side="right").astype(np.int64) - 1
        keep = (source != index) & (self.parent[source] != np.uint32(NONE))
        source, first = np.unique(source[keep], return_index=True)
        return edge[keep][first], source

    def holder_count(self, index: int) -> int:
        """How many objects and roots refer to an object."""
        return len(self._edges_to(index)[0])

    def holders(self, index: int, top: int | None) -> list[tuple[int, int]]:
        """(node, reference) of what refers to an object, the nearest to the roots first."""
        edge, source = self._edges_to(index)
        by = dict(zip(source.tolist(), edge.tolist(), strict=True))
        marked = np.zeros(len(self.parent), bool)
        marked[source] = True
        order = self.order[: self.reached]
        nearest = order[marked[order]][:top]
        return [(int(v), by[int(v)]) for v in nearest]

    def way(self, node: int) -> U32:
        """The nodes from a root to this one."""
        length = chain(self.parent, node, np.zeros(0, np.uint32))
        nodes = np.empty(length, np.uint32)
        chain(self.parent, node, nodes)
        return nodes[::-1].copy()


def _row(search: _Search, steps: Steps, index: int, holder: int, edge: int) -> Row:
    """A path, each step of it; long ones without what is alike, or in the middle."""
    way = np.append(search.way(holder), np.uint32(index))
    n = search.tree.objects
    groups = int((way >= n).sum())
    objects = way[groups:].astype(np.int64)
    runs = _runs(search.tree.columns.types[objects])
    # of a very long way only what will be shown is looked at
    first, rest = runs[:_ENDS], runs[max(len(runs) - _ENDS - 1, _ENDS) :]
    head = [
        steps.root(int(way[groups - 1]) - n, int(objects[0])),
        *_along(search, steps, objects, edge, first),
    ]
    tail = _along(search, steps, objects, edge, rest)
    hidden = int(rest[0, 0] - first[-1, 1]) if len(rest) else 0
    if not hidden and len(head) + len(tail) <= 2 * _ENDS:
        out = head + tail
    else:
        all_of_it = len(head) + len(tail) + hidden
        if not hidden:
            head, tail = (head + tail)[:_ENDS], (head + tail)[-_ENDS:]
        head, tail = head[:_ENDS], tail[-_ENDS:]
        out = [*head, steps.more(all_of_it - len(head) - len(tail)), *tail]
    out.append(steps.target(index))
    return {"length": len(objects), "steps": out}


def _along(search: _Search, steps: Steps, objects: I64, edge: int, runs: I64) -> list[Row]:
    """The steps through these runs of objects; by ``edge`` the last object of all is reached."""
    last = len(objects) - 1

    def reference(into: int) -> list[Row]:
        return steps.reference(
            int(objects[into - 1]), edge if into == last else search.via(int(objects[into]))
        )

    out: list[Row] = []
    for low, high in runs.tolist():
        # the step into an object lies in the one before it
        shown = range(low, high)
        if high - low > _RUN:
            shown = range(low, low + 2)
        for i in shown:
            if i < last:
                out += reference(i + 1)
        if high - low > _RUN:
            out.append(steps.repeat(int(objects[low]), high - low - 2))
            if high <= last:
                out += reference(high)
    return out


def _runs(types: U32) -> I64:
    """[low, high) of neighbours of one type."""
    cuts = np.concatenate([[0], np.flatnonzero(types[1:] != types[:-1]) + 1, [len(types)]])
    return np.stack([cuts[:-1], cuts[1:]], axis=1)


# ---------------------------------------------------------------------- all objects of a type


@dataclass
class _Merged:
    """Places of the merged tree: the one above each, one of its nodes, whether its nodes hold each other,
    what is held through it, and what of that it is itself; where they hold each other, by which fields."""

    up: U32
    example: I64
    again: npt.NDArray[np.uint8]
    turns: dict[int, str]
    objects: I64
    size: I64
    ends: I64
    end_size: I64


def _of_type(snapshot: "Snapshot", search: "_Search", name: str, chosen: I64, top: int | None) -> View:
    tree, columns, labels = search.tree, search.tree.columns, search.labels
    chosen = chosen[search.parent[chosen] != np.uint32(NONE)]
    if not len(chosen):
        raise GosnapError(
            f"{snapshot.path}: no way to any {name} but by what --exclude leaves out",
            "leave an --exclude out",
        )
    merged = _merge(search, labels, chosen)
    steps = Steps(tree, labels)
    ends = np.flatnonzero(merged.ends)
    order = ends[np.lexsort((ends, -merged.ends[ends], -merged.end_size[ends]))]
    limit = len(order) if top is None else min(top, len(order))
    rows = [_merged_row(search, merged, steps, int(i)) for i in order[:limit].tolist()]
    sizes = columns.elemsize[columns.span_of(chosen)]
    totals = {"objects": len(chosen), "bytes": int(sizes.sum())}
    view = View("paths", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows)
    view.left_out = {
        "rows": len(order) - limit,
        "objects": int(merged.ends[order[limit:]].sum()),
        "bytes": int(merged.end_size[order[limit:]].sum()),
    }
    view.extra = {
        "target": {"name": name, "object": "", "type": name},
        "contents": int(labels.contents.present),
    }
    return view


def _objects_of(snapshot: "Snapshot", tree: Tree, name: str) -> I64:
    table = tree.columns.type_table
    keys = {
        k
        for k, n, typed in zip(table["key"], table["name"], table["typed"], strict=True)
        if (n == name and typed) or (name == "untyped" and not typed)
    }
    if not keys:
        # as it reads elsewhere, without the directories of its import path
        short = {
            n
            for n, t in zip(table["name"], table["typed"], strict=True)
            if t and _DIRECTORIES.sub("", n) == name
        }
        if len(short) == 1:
            return _objects_of(snapshot, tree, short.pop())
        names = sorted({n for n, live in zip(table["name"], table["live_objects"], strict=True) if live})
        close = difflib.get_close_matches(name, names, 3, 0.5)
        ends = [n for n in names if n.endswith(("." + name, "/" + name))]
        found = ends[:3] or close
        raise GosnapError(
            f"{snapshot.path}: no objects of a type {name!r}",
            "did you mean " + " or ".join(repr(n) for n in found) + "?"
            if found
            else "`gosnap types FILE` lists the types",
        )
    chosen = np.flatnonzero(np.isin(tree.columns.types, np.array(sorted(keys), np.uint32)) & tree.live)
    if not len(chosen):
        raise GosnapError(
            f"{snapshot.path}: all objects of {name} are garbage: nothing holds them",
            "`gosnap types FILE --garbage` lists what the next collection frees",
        )
    return chosen


def _merge(search: _Search, labels: Labels, chosen: I64) -> _Merged:
    """Paths to all of these objects, with those that look alike as one."""
    tree = search.tree
    mark = np.zeros(tree.nodes, np.uint8)
    marked = on_paths(search.parent, chosen.astype(np.uint32), mark)
    members, above, via = (
        np.empty(marked, np.int64),
        np.empty(marked, np.int64),
        np.empty(marked, np.uint32),
    )
    thread(search.graph, search.order[: search.reached], mark, search.parent, members, above, via)
    label, inside, turns = _labels(search, labels, members, above, via)
    place, up = np.zeros(len(members), np.uint32), np.zeros(_PLACES, np.uint32)
    example, again = np.zeros(_PLACES, np.uint32), np.zeros(_PLACES, np.uint8)
    count = merge(above, label, inside, place, up, example, again)
    mark[chosen] = 2
    own = mark[members] == 2
    at = place[own].astype(np.int64)
    size = tree.columns.elemsize[tree.columns.span_of(members[own])].astype(np.int64)
    ends = np.bincount(at, minlength=count)
    end_size = np.bincount(at, weights=size.astype(np.float64), minlength=count).astype(np.int64)
    objects, total = ends.copy(), end_size.copy()
    for i in range(count - 1, -1, -1):
        if up[i] != np.uint32(NONE):
            objects[up[i]] += objects[i]
            total[up[i]] += total[i]
    return _Merged(
        up[:count],
        members[example[:count]],
        again[:count],
        _turns(turns, place),
        objects,
        total,
        ends,
        end_size,
    )


@dataclass
class _Turns:
    """``own``: which nodes are held by one of their own type; by which field each node is held: a number
    (``which``) of ``names``."""

    own: I64
    which: U32
    names: list[str]


def _turns(turns: _Turns, place: U32) -> dict[int, str]:
    """ ".Left|Right" for places of trees."""
    if not len(turns.own):
        return {}
    pairs = place[turns.own].astype(np.uint64) << np.uint64(32) | turns.which[turns.own]
    found: dict[int, list[str]] = {}
    for pair in sorted(_numbered(pairs)[0].tolist()):
        found.setdefault(pair >> 32, []).append(turns.names[pair & 0xFFFFFFFF])
    return {
        i: "|".join([names[0], *(n.removeprefix(".") for n in names[1:])])
        for i, names in found.items()
        if 1 < len(names) <= _TURNS
    }


def _labels(
    search: _Search, labels: Labels, members: I64, above: I64, via: U32
) -> tuple[U32, npt.NDArray[np.uint8], _Turns]:
    """A number per node, the same for nodes that one would call the same: by type, and by the field in the
    node above; of a goroutine by the place where it stands. And which are insides of maps and channels.

    Below a node of its own type, as in lists and trees, only the type counts.
    """
    tree = search.tree
    n, types = tree.objects, tree.columns.types
    found, which = _numbered(_fields(search, labels, members, above, via))
    names: dict[str, int] = {}
    field = np.zeros(len(found), np.int64)
    holder = np.zeros(len(found), np.uint32)
    texts = [""] * len(found)
    for i, pair in enumerate(found.tolist()):
        if pair != _NO_FIELD:
            place = labels.within(pair >> 32, pair & 0xFFFFFFFF)
            field[i] = 128 + names.setdefault(f"{place.kind} {place.text}", len(names))
            holder[i], texts[i] = pair >> 32, place.text
    key, inside = np.empty(len(members), np.uint64), np.empty(len(members), np.uint8)
    hides = np.zeros(16, np.uint8)
    hides[list(_INSIDES)] = 1
    labelled(members, types, which, field, holder, hides, key, inside)
    inner = labels.sync_maps.insides
    if inner:
        objects = np.flatnonzero(members < n)
        inside[objects] |= np.isin(types[members[objects]], inner)
    turns = _Turns(np.flatnonzero(key >> np.uint64(32) == _OWN), which, texts)
    outer = np.flatnonzero(field[which] == 0)
    of = members[outer]
    groups = of >= n
    kind, ref = tree.group_kind[of[groups] - n], tree.group_ref[of[groups] - n].astype(np.int64)
    # goroutines in one place are one
    ref[kind == GroupKind.GOROUTINE] = 0
    key[outer[groups]] = (kind.astype(np.int64) << 32) | ref
    first = of[~groups]
    # what a root holds is a step in any case: the field of the variable
    inside[outer[~groups]] = 0
    held: dict[str, int] = {}
    steps = Steps(tree, labels)
    roots = [
        held.setdefault(steps.root_field(int(above) - n, int(node)), len(held))
        for above, node in zip(search.parent[first].tolist(), first.tolist(), strict=True)
    ]
    key[outer[~groups]] = (np.array(roots, np.int64) + _ROOT_FIELDS << 32) | types[first].astype(np.int64)
    return _numbered(key)[1], inside, turns


def _numbered(key: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], U32]:
    """(different keys, the number of each key)."""
    out, first = np.empty(len(key), np.uint32), np.empty(len(key), np.uint32)
    count = number(key, out, first)
    return key[first[:count]], out


def _fields(search: _Search, labels: Labels, members: I64, above: I64, via: U32) -> npt.NDArray[np.uint64]:
    """Type and offset of the reference by which each of these objects is reached from another."""
    columns = search.tree.columns
    known = np.unique(np.array([0, *columns.type_table["key"]], np.uint32))
    period = np.array([labels.period(int(k)) for k in known.tolist()], np.int64)
    out = np.empty(len(members), np.uint64)
    try:
        fields(
            members,
            above,
            via,
            columns.column("edges.step", "<u2").astype(np.uint16, copy=False),
            *columns.far_steps,
            columns.edge_start,
            columns.types,
            columns.first,
            columns.headers,
            known,
            period,
            out,
        )
    except ValueError as e:
        raise columns.wrong(f"its objects do not fit its types or references ({e})") from None
    return out


def _merged_row(search: _Search, merged: _Merged, steps: Steps, end: int) -> Row:
    places = [end]
    while merged.up[places[-1]] != np.uint32(NONE):
        places.append(int(merged.up[places[-1]]))
    places.reverse()
    out: list[Row] = []
    n = search.tree.objects
    for i in places:
        node = int(merged.example[i])
        above = int(search.parent[node])
        counts = {"objects": int(merged.objects[i]), "bytes": int(merged.size[i])}
        if node >= n:
            found = steps.group(node - n)
        elif above >= n:
            found = steps.held(above - n, node)
        else:
            found = steps.reference(above, search.via(node), exact=False, turns=merged.turns.get(i, ""))
        if merged.again[i]:
            found = [{**step, "label": step["label"] + " (and so on)"} for step in found]
        out += [{**step, "place": i, **counts} for step in found]
    counts = {"objects": int(merged.ends[end]), "bytes": int(merged.end_size[end])}
    last = {**steps.target(int(merged.example[end])), "object": "", "place": end, **counts}
    out.append(last)
    return {"objects": counts["objects"], "bytes": counts["bytes"], "steps": out}
