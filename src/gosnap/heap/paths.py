"""Why objects are alive: shortest paths from the roots, of one object, or merged of all objects of a type."""

import difflib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.heap.allocations import allocations
from gosnap.heap.columns import Columns
from gosnap.heap.groups import NONE
from gosnap.heap.holding import objects_below
from gosnap.heap.labels import Labels
from gosnap.heap.mergedpaths import Sums, merge_paths, merged_row
from gosnap.heap.pathsearch import Search
from gosnap.heap.steps import Steps
from gosnap.heap.tree import Tree
from gosnap.heap.typenames import without_directories
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
_ENDS = 40
"""Steps of a long path that are shown at each end."""
_RUN = 6
"""Steps through objects of one type from which on they become one."""


def paths_view(
    snapshot: "Snapshot",
    what: str,
    *,
    top: int | None = 5,
    excluded: tuple[str, ...] = (),
    redact: bool = False,
    stacks: int | None = 0,
) -> View:
    """Shortest paths from the roots to an object, given its address, or merged ones to all objects of a type.

    Of an object: one path for each object or root that refers to it, the shortest first. Rows: steps, and
    length, the number of references on the way. Steps: kind (root, field, element, key, value, item, capture,
    part, word; repeat and more stand for many), label, object (address of what the step is in) and type; the
    last is the object itself, kind target. Of a type: rows with objects and bytes, and steps that have both
    too: how many of the objects are held through it. Totals: objects, bytes: of what was asked for;
    retained_bytes of one object.

    ``excluded``: "TYPE.field" of references that are not to be followed. ``redact``: neither keys nor
    strings. The view's extra: target (name, object, type). ``stacks``: with so many of the stacks that
    allocated them (None: all; 0: without): extra has sampling and alloc (``Allocations``), of one object
    alloc_retained, of all that it keeps alive, and alloc_type, of all objects of its type; of a type each row
    has alloc, of what ends there, and steps have samples. GosnapError where there is no such object or type,
    or no way to it.
    """
    columns = Columns(snapshot.reader)
    tree = Tree(columns)
    labels = Labels(columns, redact=redact)
    address = _address(what)
    if address is None:
        chosen = _objects_of(snapshot, tree, what)
        search = Search(tree, excluded, labels, np.zeros(0, np.uint32))
        return _of_type(snapshot, search, what, chosen, top=top, stacks=stacks)
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
    search = Search(tree, excluded, labels, np.array([index], np.uint32))
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
    if stacks != 0:
        view.extra |= _alloc_of(tree, index, stacks)
    return view


def _alloc_of(tree: Tree, index: int, stacks: int | None) -> Row:
    """Who allocated an object, what it keeps alive, and the live objects of its type."""
    known, told = allocations(tree.columns)
    if known is None:
        return {"sampling": told}
    same = (tree.columns.types[known.objects] == tree.columns.types[index]) & tree.live[known.objects]
    return {
        "sampling": told,
        "alloc": known.of(known.objects == index, stacks),
        "alloc_retained": known.of(known.among(objects_below(tree, index)), stacks),
        "alloc_type": known.of(same, stacks),
    }


def _address(what: str) -> int | None:
    try:
        value = int(what, 0)
    except ValueError:
        return None
    return value if 0 <= value < 1 << 64 else None


def _row(search: Search, steps: Steps, index: int, holder: int, edge: int) -> Row:
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


def _along(search: Search, steps: Steps, objects: I64, edge: int, runs: I64) -> list[Row]:
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


def _of_type(
    snapshot: "Snapshot",
    search: Search,
    name: str,
    chosen: I64,
    *,
    top: int | None,
    stacks: int | None,
) -> View:
    tree, columns, labels = search.tree, search.tree.columns, search.labels
    chosen = chosen[search.parent[chosen] != np.uint32(NONE)]
    if not len(chosen):
        raise GosnapError(
            f"{snapshot.path}: no way to any {name} but by what --exclude leaves out",
            "leave an --exclude out",
        )
    merged = merge_paths(search, chosen)
    sizes = columns.elemsize[columns.span_of(merged.objects)].astype(np.int64)
    ends = {"objects": merged.ends(), "bytes": merged.ends(sizes)}
    known, told = (None, {}) if stacks == 0 else allocations(columns)
    place = np.zeros(0, np.int64)
    if known is not None:
        place = merged.places(known.objects)
        ends["samples"] = known.estimated(place, len(merged))[0]
    sums = Sums(merged, ends)
    steps = Steps(tree, labels)
    order = sums.most("bytes", "objects")
    limit = len(order) if top is None else min(top, len(order))
    rows = [merged_row(search, merged, steps, int(i), sums) for i in order[:limit].tolist()]
    totals = {"objects": len(chosen), "bytes": int(sizes.sum())}
    view = View("paths", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows)
    view.left_out = sums.left_out(order[limit:])
    view.extra = {
        "target": {"name": name, "object": "", "type": name},
        "contents": int(labels.contents.present),
    }
    if stacks != 0:
        view.extra["sampling"] = told
    if known is not None:
        view.extra["alloc"] = known.of(place >= 0, stacks)
        row_of = np.full(len(merged), -1, np.int64)
        row_of[order[:limit]] = np.arange(limit)
        group = np.where(place >= 0, row_of[place], -1)
        for row, alloc in zip(rows, known.stacks(group, limit, stacks), strict=True):
            row["alloc"] = alloc
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
            if t and without_directories(n) == name
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
