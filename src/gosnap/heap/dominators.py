"""Who holds the memory: the dominator tree of the live objects, by retained size."""

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap._kernels.sets import retained_by_sets
from gosnap._kernels.tree import translate
from gosnap.errors import GosnapError
from gosnap.heap.columns import Columns
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

I64 = npt.NDArray[np.int64]
_HOLDERS_SHOWN = 2
_SETS = 63
"""What the kernel measures at once."""
BY = ("object", "type", "package", "root", "goroutine", "global")


def dominators_view(
    snapshot: "Snapshot", *, under: int | str | None = None, by: str = "object", top: int | None = 20
) -> View:
    """What retains most, the largest first; ``by``: one of BY.

    By object: objects that nothing but roots dominates, or that ``under`` does: the object or the package
    variable at an address, or the variable of a name. By type or package: all live objects of a type, or of
    the types of a package, as a set. By root: all variables of a package, all goroutines, finalizers, and so
    on; by global and goroutine: each variable and each goroutine. A set retains what could not be reached
    without all of it.

    Rows: object (address; of a variable for a global; "" for other sets), type, name (what holds it, or what
    it is), shallow_bytes (an object's slot, a variable, a stack; the objects of a type), retained_bytes,
    retained_objects, and below, how many nodes it dominates immediately (0 for types and packages). Totals:
    objects, bytes: of all live objects, or of those that ``under`` retains. GosnapError if there is no live
    object and no variable at ``under``.
    """
    if by not in BY:
        raise GosnapError(f"cannot group by {by!r}", f"one of {', '.join(BY)}")
    if under is not None and by != "object":
        raise GosnapError("--under goes with single objects, not with --by", "leave one of the two out")
    columns = Columns(snapshot.reader)
    tree = Tree(columns)
    known = snapshot.meta["totals"]
    totals = {"objects": known.get("reachable_objects", 0), "bytes": known.get("reachable_bytes", 0)}
    if by == "object":
        rows, left = _objects(snapshot, tree, under, totals, top)
    elif by in ("type", "package"):
        rows, left = _sets(snapshot, tree, by, top)
    else:
        rows, left = _groups(tree, by, top)
    return View("dominators", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows, left)


def _chosen(nodes: I64, size: I64, top: int | None) -> I64:
    """Places of the largest, in order; of equal ones the first in memory comes first."""
    limit = len(nodes) if top is None else min(top, len(nodes))
    return np.lexsort((nodes, -size))[:limit]


def _objects(
    snapshot: "Snapshot", tree: Tree, under: int | str | None, totals: dict[str, int], top: int | None
) -> tuple[list[Row], dict[str, int]]:
    columns = tree.columns
    if under is None:
        idom = tree.idom[: tree.objects]
        nodes = np.flatnonzero((idom >= tree.objects) & (idom != np.uint32(NONE)))
    else:
        parent = _node(snapshot, tree, under)
        totals["bytes"], totals["objects"] = tree.retained_of(parent)
        nodes = tree.children(parent)
    size, number = tree.retained(nodes)
    rows: list[Row] = []
    for place in _chosen(nodes, size, top).tolist():
        index = int(nodes[place])
        rows.append(
            {
                "object": f"{columns.address(index):#x}",
                "type": columns.type_name(index),
                "name": _held_by(tree, index),
                "shallow_bytes": columns.size(index),
                "retained_bytes": int(size[place]),
                "retained_objects": int(number[place]),
                "below": int(tree.below[index]),
            }
        )
    return rows, _left(rows, len(nodes), int(size.sum()), int(number.sum()))


def _node(snapshot: "Snapshot", tree: Tree, under: int | str) -> int:
    """The object or the variable that is asked for."""
    if isinstance(under, int):
        index = tree.columns.at(under)
        if index >= 0 and tree.live[index]:
            return index
        what, hint = f"{'no object' if index < 0 else 'garbage'} at {under:#x}", ""
    else:
        what, hint = f"no variable {under!r} that holds anything", " --by global"
    for group in np.flatnonzero(tree.group_kind == GroupKind.GLOBAL).tolist():
        ref = int(tree.group_ref[group])
        if ref == NONE:
            continue
        if isinstance(under, str):
            found = tree.global_name(ref) == under.removeprefix("global ")
        else:
            begin = tree.global_address(ref)
            found = begin <= under < begin + max(tree.columns.global_type(ref)[1], 1)
        if found:
            return group + tree.objects
    raise GosnapError(
        f"{snapshot.path}: {what}",
        f"`gosnap dominators FILE{hint}` lists {'variables' if hint else 'addresses'}",
    )


def _left(rows: list[Row], count: int, size: int, number: int) -> dict[str, int]:
    return {
        "rows": count - len(rows),
        "objects": number - sum(r["retained_objects"] for r in rows),
        "bytes": size - sum(r["retained_bytes"] for r in rows),
    }


def _held_by(tree: Tree, index: int) -> str:
    names = list(dict.fromkeys(tree.holders(index)))
    goroutines = [n for n in names if n.startswith("goroutine ")]
    if len(goroutines) > _HOLDERS_SHOWN:
        names = [n for n in names if not n.startswith("goroutine ")] + [f"{len(goroutines):,} goroutines"]
    more = len(names) - _HOLDERS_SHOWN
    return ", ".join(names[:_HOLDERS_SHOWN]) + (f" and {more} more" if more > 0 else "")


# ---------------------------------------------------------------------- groups of roots

_WANTED = {"global": (GroupKind.GLOBAL,), "goroutine": (GroupKind.GOROUTINE,)}


def _groups(tree: Tree, by: str, top: int | None) -> tuple[list[Row], dict[str, int]]:
    if by == "root":
        groups = tree.tops.astype(np.int64) - tree.objects
    else:
        groups = np.flatnonzero(np.isin(tree.group_kind, _WANTED[by]))
    size, number = tree.retained(groups + tree.objects)
    rows = []
    for place in _chosen(groups, size, top).tolist():
        group = int(groups[place])
        rows.append(
            {
                **_group(tree, group),
                "retained_bytes": int(size[place]),
                "retained_objects": int(number[place]),
                "below": int(tree.below[tree.objects + group]),
            }
        )
    return rows, _left(rows, len(groups), int(size.sum()), int(number.sum()))


def _group(tree: Tree, group: int) -> Row:
    kind, ref = GroupKind(int(tree.group_kind[group])), int(tree.group_ref[group])
    address, type_name, shallow = 0, "", 0
    name = tree.group_name(group)
    if kind is GroupKind.GLOBAL and ref != NONE:
        address = tree.global_address(ref)
        type_name, shallow = tree.columns.global_type(ref)
    elif kind is GroupKind.GOROUTINE and ref < len(tree.goroutines):
        g = tree.goroutines[ref]
        shallow = g.stack_bytes
        name += f" {tree.goroutines.where(g.place.trace)}"
    return {
        "object": f"{address:#x}" if address else "",
        "type": type_name,
        "name": name,
        "shallow_bytes": shallow,
    }


# ---------------------------------------------------------------------- sets of objects


def _sets(snapshot: "Snapshot", tree: Tree, by: str, top: int | None) -> tuple[list[Row], dict[str, int]]:
    """All live objects of a type, or of a package's types, as a set each.

    Without a limit all sets are measured; with one, those whose objects dominate most taken one by one, which
    are three times as many as are asked for and 63 at least.
    """
    columns = tree.columns
    table = columns.type_table
    names = [n if t else "untyped" for n, t in zip(table[_NAME[by]], table["typed"], strict=True)]
    if by == "type":
        names = [_PART.sub("", n) for n in names]
    else:
        names = ["(untyped)" if n == "untyped" else n for n in names]
    distinct = sorted(set(names))
    number_of = {name: i for i, name in enumerate(distinct)}
    of_key: dict[int, int] = {}
    shallow = np.zeros((len(distinct), 2), np.int64)
    for key, name, size, count in zip(
        table["key"], names, table["live_bytes"], table["live_objects"], strict=True
    ):
        of_key[key] = number_of[name]
        shallow[number_of[name]] += (size, count)
    keys = np.array(sorted(of_key), np.uint32)
    sets = np.array([of_key[int(k)] for k in keys], np.uint32)
    member = np.empty(columns.objects, np.uint32)
    try:
        translate(columns.types, keys, sets, member)
    except ValueError:
        raise columns.wrong("objects of a type that is not in the table") from None
    order = np.arange(len(distinct))
    limit = len(order) if top is None else max(_SETS, 3 * top)
    if limit < len(order):
        guess = shallow[:, 0] + _kept_by_large(tree, member, len(distinct))
        order = np.argsort(-guess, kind="stable")[:limit]
    size_of, count_of = _measure(tree, member, len(distinct), order)
    order = np.array(sorted(order.tolist(), key=lambda i: (-int(size_of[i]), distinct[i])), np.int64)
    order = order[(size_of[order] > 0)]
    rows = [
        {
            "object": "",
            "type": distinct[i],
            "name": "",
            "shallow_bytes": int(shallow[i, 0]),
            "objects": int(shallow[i, 1]),
            "retained_bytes": int(size_of[i]),
            "retained_objects": int(count_of[i]),
            "below": 0,
        }
        for i in order[: len(order) if top is None else top].tolist()
    ]
    present = int((shallow[:, 1] > 0).sum())
    return rows, {"rows": max(present - len(rows), 0), "objects": 0, "bytes": 0}


_PART = re.compile(r" \((?:groups|buckets|table|directory|overflow|buffer)\)$")
"""What ``types`` adds to the name of a map or channel for its parts: here they are of the whole."""
_NAME = {"type": "name", "package": "package"}


def _kept_by_large(tree: Tree, member: npt.NDArray[np.uint32], sets: int) -> I64:
    """What the large ones of the objects of each set retain, without those right below another of the same
    set."""
    heads, size = tree.heads
    large = (heads < tree.objects) & (size >= np.uint64(1 << 16))
    heads, size = heads[large], size[large]
    above = tree.idom[heads]
    below = np.zeros(len(heads), bool)
    inside = above < tree.objects
    below[inside] = member[above[inside]] == member[heads[inside]]
    kept = size[~below].astype(np.float64)
    return np.bincount(member[heads[~below]], weights=kept, minlength=sets).astype(np.int64)


def _measure(
    tree: Tree, member: npt.NDArray[np.uint32], sets: int, wanted: I64
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """(bytes, objects) that each of the wanted sets retains; by set."""
    graph, _, _ = tree.graph
    size, count = np.zeros(sets, np.uint64), np.zeros(sets, np.uint64)
    for start in range(0, len(wanted), _SETS):
        batch = wanted[start : start + _SETS]
        number = np.full(sets, 255, np.uint8)
        number[batch] = np.arange(len(batch))
        of_node = np.full(tree.nodes, 255, np.uint8)
        of_node[: tree.objects] = number[member]
        out_size, out_count = np.zeros(_SETS, np.uint64), np.zeros(_SETS, np.uint64)
        retained_by_sets(
            graph, tree.tops, of_node, tree.columns.elemsize, tree.columns.counts, out_size, out_count
        )
        size[batch], count[batch] = out_size[: len(batch)], out_count[: len(batch)]
    return size, count
