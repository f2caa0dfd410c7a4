"""What an object holds, seen through the insides of maps, channels and slices."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from gosnap._kernels.tree import mark_below
from gosnap.heap.numbering import numbered
from gosnap.heap.roles import ROLE_SHIFT, Role
from gosnap.heap.syncmaps import sync_maps
from gosnap.heap.tree import Tree

I64 = npt.NDArray[np.int64]
INSIDES = (
    *(Role.MAP_DIR, Role.MAP_TABLE, Role.MAP_BUCKETS, Role.MAP_OVERFLOW, Role.MAP_OVERFLOW_ARRAY),
    Role.CHAN_BUF,
)
_LEVELS = 12
"""A sync.Map's trie alone may have 8 below a variable with fields."""


@dataclass(frozen=True)
class Items:
    """Objects of one type that a container holds one by one, with all that hangs on them alone."""

    type: str
    count: int
    size: int
    retained: int


@dataclass(frozen=True)
class Mix:
    """Objects of one type among all that a node retains."""

    type: str
    count: int
    size: int


def held_by(tree: Tree, node: int) -> I64:
    """A node's children in the dominator tree; insides of a map or channel are gone through, and an array of
    references is one with what it holds."""
    columns = tree.columns
    found: list[I64] = []
    frontier = np.array([node], np.int64)
    nodes = sync_maps(columns).all
    for level in range(_LEVELS):
        mark = np.zeros(tree.nodes + 1, bool)
        mark[frontier] = True
        below = np.flatnonzero(mark[np.minimum(tree.idom, tree.nodes)])
        if not len(below):
            break
        roles = np.where(
            below < tree.objects, columns.types[np.minimum(below, tree.objects - 1)] >> ROLE_SHIFT, 0
        )
        through = np.isin(roles, INSIDES) | (below >= tree.objects)
        if nodes:
            through |= np.isin(columns.types[np.minimum(below, tree.objects - 1)], nodes)
        if not level and not found:
            # the array that a slice variable holds, if that is all
            through |= (roles == Role.ARRAY) & (len(below) == 1)
        found.append(below[~through])
        frontier = below[through]
        if not len(frontier):
            break
    every = np.concatenate(found) if found else np.zeros(0, np.int64)
    return every[every < tree.objects]


def items_of(tree: Tree, node: int) -> list[Items]:
    """What a node holds (``held_by``) by type, the most bytes first."""
    columns, every = tree.columns, held_by(tree, node)
    retained, _ = tree.retained(every)
    sizes = columns.elemsize[columns.span_of(every)].astype(np.int64)
    return [
        Items(name, int(n), int(size), int(kept))
        for name, n, size, kept in _by_type(tree, every, sizes, retained)
    ]


def _by_type(tree: Tree, objects: I64, sizes: I64, retained: I64) -> list[tuple[str, int, int, int]]:
    names: dict[str, list[int]] = {}
    keys, which = numbered(tree.columns.types[objects].astype(np.uint64))
    for weights, place in ((np.ones(len(objects)), 0), (sizes, 1), (retained, 2)):
        sums = np.bincount(which, weights=weights, minlength=len(keys))
        for key, total in zip(keys.tolist(), sums.tolist(), strict=True):
            names.setdefault(tree.columns.key_name(key), [0, 0, 0])[place] += int(total)
    out = [(name, n, size, kept) for name, (n, size, kept) in names.items()]
    return sorted(out, key=lambda row: (-row[3], row[0]))


def mix_of(tree: Tree, node: int, others: I64 | None = None) -> list[Mix]:
    """All that a node, and further ones, retain, by type, the most bytes first."""
    if others is None or not len(others):
        objects = objects_below(tree, node)
    else:
        mark = np.zeros(tree.nodes, np.uint8)
        mark_below(tree.idom, np.append(others, node).astype(np.uint32), mark)
        objects = np.flatnonzero(mark[: tree.objects])
    sizes = tree.columns.elemsize[tree.columns.span_of(objects)].astype(np.int64)
    rows = _by_type(tree, objects, sizes, sizes)
    return [Mix(name, n, size) for name, n, size, _ in rows]


def objects_below(tree: Tree, node: int) -> I64:
    """All objects that a node retains; the last answer is kept, for it is asked for again."""
    known = _LAST.get(tree)
    if known is None or known[0] != node:
        mark = np.zeros(tree.nodes, np.uint8)
        mark_below(tree.idom, np.array([node], np.uint32), mark)
        known = _LAST[tree] = node, np.flatnonzero(mark[: tree.objects])
    return known[1]


_LAST: "WeakKeyDictionary[Tree, tuple[int, I64]]" = WeakKeyDictionary()
