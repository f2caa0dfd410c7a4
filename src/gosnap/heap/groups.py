"""Roots by what they belong to: each package variable and each goroutine is a node above the objects that it
holds.

With these nodes in the reference graph, what a set of roots retains is what its node dominates: one variable,
all variables of a package, one goroutine, all that stand in the same place, all that are leaked.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import RootKind, Roots
from gosnap.heap.typenames import package_of

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

NONE = 0xFFFFFFFF
"""No group above, or no row."""


class GroupKind(IntEnum):
    """What a group is, and what its ``ref`` counts."""

    PACKAGE = 0
    """All variables of a package; a row of Groups.packages."""
    GLOBAL = 1
    """A variable; its row among the globals, or NONE for data that no variable is known for."""
    GOROUTINES = 2
    LEAKED = 3
    """Goroutines that nothing can wake any more."""
    PLACE = 4
    """Goroutines that wait for the same in the same place; a row of Groups.places."""
    GOROUTINE = 5
    """A row of the goroutines."""
    FINALIZERS = 6
    CLEANUPS = 7
    QUEUE = 8
    WEAK_HANDLES = 9


WEAK = frozenset({GroupKind.FINALIZERS, GroupKind.CLEANUPS, GroupKind.QUEUE, GroupKind.WEAK_HANDLES})
"""Kinds that own an object only if nothing else does."""
_SINGLE = {
    RootKind.FINALIZER: GroupKind.FINALIZERS,
    RootKind.CLEANUP: GroupKind.CLEANUPS,
    RootKind.QUEUE: GroupKind.QUEUE,
    RootKind.WEAK_HANDLE: GroupKind.WEAK_HANDLES,
}


@dataclass
class Groups:
    """One row per group: ``kind``, ``ref`` (see GroupKind), ``parent`` (a row, or NONE). ``of_root``: the
    group of each root; ``packages``: import paths; ``places``: (trace, status, wait reason) that goroutines
    share, ``place_of`` each goroutine's. ``edges``: (group, object) of every root that holds an object, each
    once, sorted."""

    kind: npt.NDArray[np.uint8]
    ref: U32
    parent: U32
    packages: list[str]
    places: list[tuple[int, int, int]]
    place_of: U32
    of_root: U32
    edges: I64

    def __len__(self) -> int:
        return len(self.kind)


class _Rows:
    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int]] = []
        self._known: dict[tuple[int, int, int], int] = {}

    def add(self, kind: GroupKind, ref: int = NONE, parent: int = NONE) -> int:
        """The row of a group, which is made when it is first asked for."""
        key = (int(kind), ref, parent)
        if key not in self._known:
            self._known[key] = len(self.rows)
            self.rows.append(key)
        return self._known[key]


def group_roots(
    program: GoProgram, roots: Roots, objects: I64, leaked: npt.NDArray[np.bool_], finalized: I64
) -> Groups:
    """Sort the roots into groups. ``objects``: the object of each root, or below 0; ``leaked``: per
    goroutine; ``finalized``: what objects with finalizers refer to."""
    rows = _Rows()
    of_root = np.full(len(roots), NONE, np.uint32)
    packages: dict[str, int] = {}
    held = objects >= 0
    where = np.flatnonzero((roots.kind == RootKind.GLOBAL) & held)
    of_root[where] = _group_globals(program, roots.address[where], rows, packages)
    places, place_of = _places(roots)
    by_goroutine = _group_goroutines(place_of, rows, leaked)
    on_stack = np.isin(roots.kind, (RootKind.STACK, RootKind.CONSERVATIVE, RootKind.GOROUTINE))
    of_root[on_stack] = by_goroutine[roots.owner[on_stack]]
    for root_kind, kind in _SINGLE.items():
        chosen = roots.kind == root_kind
        if chosen.any():
            of_root[chosen] = rows.add(kind)
    pairs = np.stack([of_root[held].astype(np.int64), objects[held]], axis=1)
    if len(finalized):
        group = rows.add(GroupKind.FINALIZERS)
        extra = np.stack([np.full(len(finalized), group, np.int64), finalized], axis=1)
        pairs = np.concatenate([pairs, extra])
    table = np.array(rows.rows, np.uint64).reshape(-1, 3)
    return Groups(
        kind=table[:, 0].astype(np.uint8),
        ref=table[:, 1].astype(np.uint32),
        parent=table[:, 2].astype(np.uint32),
        packages=list(packages),
        places=places,
        place_of=place_of,
        of_root=of_root,
        edges=np.unique(pairs, axis=0),
    )


def _group_globals(
    program: GoProgram, where: npt.NDArray[np.uint64], rows: _Rows, packages: dict[str, int]
) -> U32:
    """The group of the variable at each address."""
    g, types = program.variables, program.types
    address = where - np.uint64(program.bias)
    row = np.searchsorted(g.addr, address, side="right").astype(np.int64) - 1
    inside = row >= 0
    if len(g.addr):
        size = types.size[g.type[row]].astype(np.uint64)
        inside &= address - g.addr[row] < np.maximum(size, 1)
    row[~inside] = -1
    known: dict[int, int] = {}
    for variable in np.unique(row).tolist():
        name = package_of(g.name[variable]) if variable >= 0 else ""
        package = rows.add(GroupKind.PACKAGE, packages.setdefault(name, len(packages)))
        known[variable] = rows.add(GroupKind.GLOBAL, variable if variable >= 0 else NONE, package)
    unique, inverse = np.unique(row, return_inverse=True)
    return np.array([known[v] for v in unique.tolist()], np.uint32)[inverse]


def _places(roots: Roots) -> tuple[list[tuple[int, int, int]], U32]:
    """(trace, status, wait reason) that goroutines share, and the row of each goroutine."""
    g = roots.goroutines
    known: dict[tuple[int, int, int], int] = {}
    keys = zip(roots.traces.of.tolist(), g.status.tolist(), g["waitreason"].tolist(), strict=True)
    of = [known.setdefault(key, len(known)) for key in keys]
    return list(known), np.array(of, np.uint32)


def _group_goroutines(place_of: U32, rows: _Rows, leaked: npt.NDArray[np.bool_]) -> U32:
    """The group of each goroutine."""
    out = np.zeros(len(place_of), np.uint32)
    if not len(out):
        return out
    everything = rows.add(GroupKind.GOROUTINES)
    lost = rows.add(GroupKind.LEAKED, NONE, everything) if leaked.any() else NONE
    for i, place in enumerate(place_of.tolist()):
        above = rows.add(GroupKind.PLACE, place, lost if leaked[i] else everything)
        out[i] = rows.add(GroupKind.GOROUTINE, i, above)
    return out
