"""Who holds the memory: the dominator tree of the live objects, by retained size."""

from typing import TYPE_CHECKING

import numpy as np

from gosnap._kernels.graph import Graph
from gosnap.errors import GosnapError
from gosnap.heap.columns import Columns
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

_ROOTS_SHOWN = 2


def dominators_view(snapshot: "Snapshot", *, under: int | None = None, top: int | None = 20) -> View:
    """Objects that nothing but roots dominates, or that the object at the address ``under`` does, with what
    goes with
    each of them: the largest first.

    Rows: object (address), type, name (the roots that hold it), shallow_bytes, retained_bytes,
    retained_objects, and
    below, how many objects it dominates immediately. Totals: objects, bytes: of all live objects, or of
    those that
    ``under`` retains. GosnapError if there is no live object at ``under``.
    """
    columns = Columns(snapshot.reader)
    n = columns.objects
    try:
        graph = Graph(*columns.graph)
        idom, order = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
        count = graph.dominators(columns.held, idom, order)
        size, number = np.zeros(n, np.uint64), np.zeros(n, np.uint32)
        graph.retained(idom, order, count, columns.sizes, size, number)
    except ValueError as e:
        raise GosnapError(f"{snapshot.path}: its sections contradict each other ({e})") from None
    parent = n
    totals = {"objects": count, "bytes": int(columns.sizes[idom != np.uint32(0xFFFFFFFF)].sum())}
    if under is not None:
        parent = columns.at(under)
        if parent < 0 or not number[parent]:
            what = "no object" if parent < 0 else "garbage"
            raise GosnapError(
                f"{snapshot.path}: {what} at {under:#x}",
                "`gosnap dominators FILE` lists addresses to begin with",
            )
        totals = {"objects": int(number[parent]), "bytes": int(size[parent])}
    children = np.flatnonzero(idom == np.uint32(parent))
    limit = len(children) if top is None else min(top, len(children))
    # the largest first, and of equal ones the first in memory
    chosen = children[np.lexsort((children, -size[children].astype(np.int64)))][:limit]
    below = np.bincount(idom[idom < n], minlength=1) if n else np.zeros(1, np.int64)
    rows: list[Row] = []
    for index in chosen.tolist():
        rows.append(
            {
                "object": f"{columns.address(index):#x}",
                "type": columns.type_name(index),
                "name": _held_by(columns, index),
                "shallow_bytes": int(columns.sizes[index]),
                "retained_bytes": int(size[index]),
                "retained_objects": int(number[index]),
                "below": int(below[index]) if index < len(below) else 0,
            }
        )
    left = {
        "rows": len(children) - limit,
        "objects": int(number[children].sum()) - sum(r["retained_objects"] for r in rows),
        "bytes": int(size[children].sum()) - sum(r["retained_bytes"] for r in rows),
    }
    meta = snapshot.meta
    return View("dominators", meta["snapshot"], meta["checks"], totals, rows, left)


def _held_by(columns: Columns, index: int) -> str:
    names = list(dict.fromkeys(columns.roots_of(index)))
    more = len(names) - _ROOTS_SHOWN
    return ", ".join(names[:_ROOTS_SHOWN]) + (f" and {more} more" if more > 0 else "")
