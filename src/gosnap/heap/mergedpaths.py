"""Paths from the roots to many objects, with those that look alike as one: a tree of places."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap._kernels.paths import fields, labelled, merge, on_paths, thread
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.numbering import numbered
from gosnap.heap.pathsearch import Search
from gosnap.heap.roles import Role
from gosnap.heap.steps import Steps
from gosnap.heap.views import Row

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
_PLACES = 1 << 16
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


@dataclass
class Merged:
    """Places of the merged tree: the one above each (NONE for none; it comes before), one of its nodes,
    whether its nodes hold each other and if so by which fields. ``objects``: those that were to be reached,
    in the order in which they were; ``at``: the place of each."""

    up: U32
    example: I64
    again: npt.NDArray[np.uint8]
    turns: dict[int, str]
    objects: I64
    at: I64

    def __len__(self) -> int:
        return len(self.up)

    def ends(self, weight: I64 | None = None) -> I64:
        """Of each place, how many of the objects are there; with ``weight``, of each object, the sum."""
        if weight is None:
            return np.bincount(self.at, minlength=len(self))
        return np.bincount(self.at, weights=weight.astype(np.float64), minlength=len(self)).astype(np.int64)

    def places(self, objects: I64) -> I64:
        """Where each of some objects is, -1 for those that are none of these."""
        order = np.argsort(self.objects)
        known = self.objects[order]
        found = np.minimum(np.searchsorted(known, objects), len(known) - 1)
        return np.where(known[found] == objects, self.at[order[found]], -1)

    def held(self, ends: I64) -> I64:
        """Of each place, the sum over it and all places below."""
        out = ends.copy()
        for i in range(len(self) - 1, -1, -1):
            if self.up[i] != np.uint32(NONE):
                out[self.up[i]] += out[i]
        return out


def merge_paths(search: Search, chosen: I64) -> Merged:
    """Paths to all of these objects, each of which the roots lead to, with those that look alike as one."""
    tree = search.tree
    mark = np.zeros(tree.nodes, np.uint8)
    marked = on_paths(search.parent, chosen.astype(np.uint32), mark)
    members, above, via = (
        np.empty(marked, np.int64),
        np.empty(marked, np.int64),
        np.empty(marked, np.uint32),
    )
    thread(search.graph, search.order[: search.reached], mark, search.parent, members, above, via)
    label, inside, turns = _labels(search, members, above, via)
    place, up = np.zeros(len(members), np.uint32), np.zeros(_PLACES, np.uint32)
    example, again = np.zeros(_PLACES, np.uint32), np.zeros(_PLACES, np.uint8)
    count = merge(above, label, inside, place, up, example, again)
    mark[chosen] = 2
    own = mark[members] == 2
    return Merged(
        up[:count],
        members[example[:count]],
        again[:count],
        _turns(turns, place),
        members[own],
        place[own].astype(np.int64),
    )


class Sums:
    """Numbers by name: of what is in each place (``ends``), and of what is held through it (``held``)."""

    def __init__(self, merged: Merged, ends: dict[str, I64]) -> None:
        self.ends = ends
        self.held = {name: merged.held(column) for name, column in ends.items()}

    def most(self, by: str, also: str) -> I64:
        """The places that have any, those with the most first."""
        filled = np.flatnonzero(self.ends[also])
        return filled[np.lexsort((filled, -self.ends[also][filled], -self.ends[by][filled]))]

    def at(self, place: int) -> Row:
        """What is in a place."""
        return {name: int(column[place]) for name, column in self.ends.items()}

    def through(self, place: int) -> Row:
        """What is held through a place."""
        return {name: int(column[place]) for name, column in self.held.items()}

    def left_out(self, places: I64) -> Row:
        """What is in places that are not shown."""
        return {"rows": len(places), **{name: int(c[places].sum()) for name, c in self.ends.items()}}


def merged_row(search: Search, merged: Merged, steps: Steps, end: int, sums: Sums) -> Row:
    """The path to a place: what is there, and steps with what is held through each of them. ``place`` of a
    step is the same number in all paths that share it."""
    places = [end]
    while merged.up[places[-1]] != np.uint32(NONE):
        places.append(int(merged.up[places[-1]]))
    places.reverse()
    out: list[Row] = []
    n = search.tree.objects
    for i in places:
        node = int(merged.example[i])
        above = int(search.parent[node])
        if node >= n:
            found = steps.group(node - n)
        elif above >= n:
            found = steps.held(above - n, node)
        else:
            found = steps.reference(above, search.via(node), exact=False, turns=merged.turns.get(i, ""))
        if merged.again[i]:
            found = [{**step, "label": step["label"] + " (and so on)"} for step in found]
        out += [{**step, "place": i, **sums.through(i)} for step in found]
    there = sums.at(end)
    out.append({**steps.target(int(merged.example[end])), "object": "", "place": end, **there})
    return {**there, "steps": out}


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
    for pair in sorted(numbered(pairs)[0].tolist()):
        found.setdefault(pair >> 32, []).append(turns.names[pair & 0xFFFFFFFF])
    return {
        i: "|".join([names[0], *(n.removeprefix(".") for n in names[1:])])
        for i, names in found.items()
        if 1 < len(names) <= _TURNS
    }


def _labels(search: Search, members: I64, above: I64, via: U32) -> tuple[U32, npt.NDArray[np.uint8], _Turns]:
    """A number per node, the same for nodes that one would call the same: by type, and by the field in the
    node above; of a goroutine by the place where it stands. And which are insides of maps and channels.

    Below a node of its own type, as in lists and trees, only the type counts.
    """
    tree, labels = search.tree, search.labels
    n, types = tree.objects, tree.columns.types
    found, which = numbered(_fields(search, members, above, via))
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
    return numbered(key)[1], inside, turns


def _fields(search: Search, members: I64, above: I64, via: U32) -> npt.NDArray[np.uint64]:
    """Type and offset of the reference by which each of these objects is reached from another."""
    columns, labels = search.tree.columns, search.labels
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
