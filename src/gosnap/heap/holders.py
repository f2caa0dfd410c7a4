"""Who holds what a function allocated: paths from the roots to its sampled objects, merged."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gosnap.errors import GosnapError
from gosnap.heap.allocations import Allocations
from gosnap.heap.columns import Columns
from gosnap.heap.groups import NONE
from gosnap.heap.labels import Labels
from gosnap.heap.mergedpaths import Sums, merge_paths, merged_row
from gosnap.heap.pathsearch import Search
from gosnap.heap.steps import Steps
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

_FUNCTIONS = 10
"""So many of the functions that match are told by name."""


def holders_view(
    snapshot: "Snapshot", match: Callable[[str], object], *, top: int | None = 10, pattern: str = ""
) -> View:
    """The live sampled objects that were allocated by a stack with a function whose name or file matches, by
    the merged paths to them.

    Rows: samples, objects, bytes (both estimated, as ``Allocations`` has them), steps (as ``paths`` of a type
    has them, with samples, objects, bytes), the most bytes first. Totals: the same of all these objects;
    live_samples, live_bytes of all that is live and sampled, estimated; garbage_samples, garbage_bytes of
    what these functions allocated and nothing holds. Extra: pattern, functions (names of those that match,
    ten at most), more_functions, sampling. left_out has samples, too.

    NoProfileError where the snapshot holds no memory profile; GosnapError where nothing matches.
    """
    columns = Columns(snapshot.reader)
    known = Allocations(columns)
    tree = Tree(columns)
    hit, names = known.through(match)
    functions = list(dict.fromkeys(names))
    if not functions:
        raise no_function(str(snapshot.path), pattern)
    live = tree.live[known.objects]
    told = _Numbers(known, hit, live)
    if not told.mine["samples"]:
        dead = told.garbage["garbage_samples"]
        only = f"; {dead:,} that {'are' if dead > 1 else 'is'} garbage" if dead else ""
        raise GosnapError(
            f"{snapshot.path}: no sampled object that is alive comes from a function that matches"
            f"{_quoted(pattern)}{only}",
            f"one object is sampled per {known.rate:,} bytes allocated; `gosnap top {snapshot.path}` shows "
            "what each function holds",
        )
    labels = Labels(columns)
    search = Search(tree, (), labels, np.zeros(0, np.uint32))
    chosen = np.unique(known.objects[hit & live])
    chosen = chosen[search.parent[chosen] != np.uint32(NONE)]
    if not len(chosen):
        raise columns.wrong("live objects that no root leads to")
    merged = merge_paths(search, chosen)
    place = np.where(hit, merged.places(known.objects), -1)
    ends = dict(zip(("samples", "objects", "bytes"), known.estimated(place, len(merged)), strict=True))
    sums = Sums(merged, ends)
    order = sums.most("bytes", "samples")
    limit = len(order) if top is None else min(top, len(order))
    steps = Steps(tree, labels)
    rows = [merged_row(search, merged, steps, int(i), sums) for i in order[:limit].tolist()]
    totals = {**told.mine, **told.live, **told.garbage}
    view = View("holders", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows)
    view.left_out = sums.left_out(order[limit:])
    view.extra = {
        "pattern": pattern,
        "functions": functions[:_FUNCTIONS],
        "more_functions": max(len(functions) - _FUNCTIONS, 0),
        "sampling": known.told(),
    }
    return view


def no_function(target: str, pattern: str) -> GosnapError:
    """The error where no function matches."""
    return GosnapError(
        f"{target}: no function in its memory profile matches{_quoted(pattern)}",
        f"`gosnap top {target}` lists the functions that allocate",
    )


def _quoted(pattern: str) -> str:
    return f" {pattern!r}" if pattern else ""


class _Numbers:
    """Estimates of what functions allocated and is alive, of all that is, and of what of theirs is not."""

    def __init__(self, known: Allocations, hit: np.ndarray, live: np.ndarray) -> None:
        group = np.where(live, np.where(hit, 0, 1), np.where(hit, 2, -1)).astype(np.int64)
        samples, objects, size = (column.tolist() for column in known.estimated(group, 3))
        self.mine: Row = {"samples": samples[0], "objects": objects[0], "bytes": size[0]}
        self.live: Row = {"live_samples": samples[0] + samples[1], "live_bytes": size[0] + size[1]}
        self.garbage: Row = {"garbage_samples": samples[2], "garbage_bytes": size[2]}
