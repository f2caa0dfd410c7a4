"""Goroutines of a snapshot: grouped by what they do, or one with all that its frames hold."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.goruntime.stacks import SlotKind
from gosnap.heap.columns import Columns
from gosnap.heap.gotable import GoTable
from gosnap.heap.groups import GroupKind
from gosnap.heap.slots import slot_name
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

_IDS = 10
_SLOTS = 200


def goroutines_view(
    snapshot: "Snapshot",
    *,
    leaked: bool = False,
    top: int | None = 20,
    frames: int | None = None,
    sort: str = "bytes",
) -> View:
    """Goroutines by stack and state; ``leaked``: only those that nothing can wake. ``sort``: "bytes", those
    with most in stacks and in what they retain first, or "count".

    Rows: state, wait_reason ("" for none), wait_seconds (of the one that waits longest, -1 where unknown),
    frames ({function, file, line}, innermost first; the runtime's own left out where there are others, as in
    a traceback), created_by, count, stack_bytes, retained_bytes and retained_objects (what all of them
    together keep alive), leaked (0 or 1), system (1: the runtime's own), ids (the first ten). ``frames``: at
    most so many per row. Totals: goroutines, leaked, stack_bytes, retained_bytes.
    """
    tree = Tree(Columns(snapshot.reader))
    table = tree.goroutines
    places = np.flatnonzero(tree.group_kind == GroupKind.PLACE)
    member = np.flatnonzero(tree.group_kind == GroupKind.GOROUTINE)
    rows: list[Row] = []
    of_place: dict[int, list[int]] = {}
    for group, ref in zip(member.tolist(), tree.group_ref[member].tolist(), strict=True):
        of_place.setdefault(int(tree.group_parent[group]), []).append(ref)
    size, number = tree.retained(places.astype(np.int64) + tree.objects)
    for i, place in enumerate(places.tolist()):
        members = np.array(of_place.get(place, []), np.int64)
        if not len(members) or int(members.max()) >= len(table):
            raise tree.columns.wrong("the groups do not fit the goroutines")
        rows.append(_row(table, members, int(size[i]), int(number[i])))
    if leaked:
        rows = [r for r in rows if r["leaked"]]
    if sort not in ("bytes", "count"):
        raise GosnapError(f"cannot sort by {sort!r}", "one of bytes, count")
    rows.sort(key=lambda r: (-r["retained_bytes"] - r["stack_bytes"], -r["count"], r["ids"]))
    if sort == "count":
        rows.sort(key=lambda r: -r["count"])
    cut = rows[top:] if top is not None else []
    rows = rows[:top] if top is not None else rows
    for row in rows:
        row["more_frames"] = max(len(row["frames"]) - frames, 0) if frames is not None else 0
        row["frames"] = row["frames"][:frames]
    everything = np.flatnonzero(tree.group_kind == GroupKind.GOROUTINES)
    totals = {
        "goroutines": len(table),
        "leaked": int(table.leaked.sum()),
        "stack_bytes": int(table.stack_bytes.sum()),
        "retained_bytes": int(tree.retained(everything + tree.objects)[0].sum()),
    }
    left = {
        "rows": len(cut),
        "objects": sum(r["retained_objects"] for r in cut),
        "bytes": sum(r["retained_bytes"] for r in cut),
    }
    return View("goroutines", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows, left)


def _row(table: GoTable, members: npt.NDArray[np.int64], size: int, number: int) -> Row:
    first = table[int(members[0])]
    return {
        "state": first.place.state,
        "wait_reason": first.place.wait_reason,
        "wait_seconds": int(table.wait_seconds[members].max()),
        "frames": table.shown(first.place.trace),
        "created_by": table.created(first.row) or {},
        "count": len(members),
        "stack_bytes": int(table.stack_bytes[members].sum()),
        "retained_bytes": size,
        "retained_objects": number,
        "leaked": int(first.leaked),
        "system": int(table.is_system(first.place.trace)),
        "ids": sorted(table.ids[members].tolist())[:_IDS],
    }


def goroutine_view(snapshot: "Snapshot", number: int) -> View:
    """One goroutine, by its number: its frames, and in ``slots`` what they hold.

    The row is that of ``goroutines_view``, for this one alone. slots: frame (its place in the trace), name
    (of the variable, or of the slot where DWARF names none), kind, object, type, shallow_bytes,
    retained_bytes; largest first, at most 200. GosnapError where there is no such goroutine.
    """
    tree = Tree(Columns(snapshot.reader))
    table = tree.goroutines
    known = 0 <= number < 1 << 64
    found = np.flatnonzero(table.ids == np.uint64(number)) if known else np.zeros(0, np.int64)
    if not len(found):
        raise GosnapError(
            f"{snapshot.path}: no goroutine {number}", "`gosnap goroutines FILE` lists those that there are"
        )
    row = int(found[0])
    group = np.flatnonzero((tree.group_kind == GroupKind.GOROUTINE) & (tree.group_ref == np.uint32(row)))
    size, count = tree.retained_of(int(group[0]) + tree.objects) if len(group) else (0, 0)
    answer = _row(table, np.array([row]), size, count)
    answer["frames"] = table.frames(table[row].place.trace)
    answer["more_frames"] = 0
    totals = {
        "goroutines": 1,
        "leaked": int(table.leaked[row]),
        "stack_bytes": int(table.stack_bytes[row]),
        "retained_bytes": size,
    }
    slots, more = _slots(tree, int(group[0])) if len(group) else ([], 0)
    view = View("goroutines", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, [answer])
    view.extra = {"slots": slots, "more_slots": more}
    return view


def _slots(tree: Tree, group: int) -> tuple[list[Row], int]:
    columns = tree.columns
    roots = np.flatnonzero(columns.root_column("group", "<u4") == np.uint32(group))
    objects = columns.root_column("object", "<i8").astype(np.int64)[roots]
    held = (objects >= 0) & (objects < columns.objects)
    roots, objects = roots[held], objects[held]
    size, _ = tree.retained(objects)
    order = np.lexsort((roots, -size))
    rows: list[Row] = []
    seen: set[tuple[int, str, int]] = set()
    for i in order.tolist():
        root, index = int(roots[i]), int(objects[i])
        slot = slot_name(columns, root)
        key = (slot.frame, slot.name, index)
        if key in seen or slot.kind == SlotKind.CONTEXT.name.lower():
            continue
        seen.add(key)
        rows.append(
            {
                "frame": slot.frame,
                "name": slot.name,
                "kind": slot.kind,
                "object": f"{columns.address(index):#x}",
                "type": columns.type_name(index),
                "shallow_bytes": columns.size(index),
                "retained_bytes": int(size[i]),
            }
        )
    return rows[:_SLOTS], max(len(rows) - _SLOTS, 0)
