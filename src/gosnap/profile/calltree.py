"""All stacks of a profile as one tree of calls: what flame graphs, folded stacks and speedscope show."""

from __future__ import annotations

from gosnap._kernels import profile_tree
from gosnap.profile.columns import zeros
from gosnap.profile.graph import Nodes
from gosnap.profile.labels import mark_base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gosnap.profile.pipeline import Report

TOP = 0xFFFFFFFF
"""The parent of places at the root."""


class CallTree:
    """One place for each path of calls, in the order of a walk: each behind the one above it.

    ``parent`` u32 (``TOP`` at the root), ``node`` u32 (of ``nodes``), ``inlined`` u8: all its calls were;
    ``compared``: there is a base.
    """

    __slots__ = ("_own", "_whole", "compared", "index", "inlined", "node", "nodes", "parent", "types")

    def __init__(self, report: Report) -> None:
        p = report.profile
        self.nodes: Nodes = report.nodes()
        self.index = report.index
        self.types = len(p.sample_types)
        sides = zeros("B", p.samples)
        self.compared = mark_base(report.profile, sides)
        found = profile_tree.grow(
            p.values,
            self.types,
            p.stack_start,
            p.stack,
            self.nodes.frame_start,
            self.nodes.frame_node,
            _ranks(self.nodes),
            sides,
            report.index,
        )
        self.parent, self.node, self.inlined = found["parent"], found["node"], found["inlined"]
        self._own, self._whole = found["self"], found["total"]

    def __len__(self) -> int:
        return len(self.node)

    def own(self, place: int, sample_type: int) -> int:
        """What the last call of a path has itself; of a comparison, now."""
        return int(self._own[2 * (place * self.types + sample_type)])

    def whole(self, place: int, sample_type: int) -> int:
        """What it and all that it calls have; of a comparison, now."""
        return int(self._whole[2 * (place * self.types + sample_type)])

    def own_before(self, place: int, sample_type: int) -> int:
        """The same as ``own`` of the base."""
        return -int(self._own[2 * (place * self.types + sample_type) + 1])

    def whole_before(self, place: int, sample_type: int) -> int:
        """The same as ``whole`` of the base."""
        return -int(self._whole[2 * (place * self.types + sample_type) + 1])

    def heaviest(self, limit: int, *, only: int = -1) -> tuple[memoryview, memoryview]:
        """(places, their depths) of at most so many, the heaviest of each sample type, or of one ``only``."""
        return profile_tree.heaviest(self.parent, self._whole, self.types, limit, only)

    def names(self) -> list[bytes]:
        """How nodes are called, by node."""
        return [self.nodes.printable(i) for i in range(len(self.nodes))]

    def paths(self) -> Iterator[tuple[int, list[int]]]:
        """(place, nodes from the root to it) for every place. The list is the same one each time."""
        path: list[int] = []
        depth = zeros("I", len(self))
        for place, (parent, node) in enumerate(zip(self.parent, self.node, strict=True)):
            at = 0 if parent == TOP else depth[parent] + 1
            depth[place] = at
            del path[at:]
            path.append(node)
            yield place, path


def _ranks(nodes: Nodes) -> memoryview:
    """The place of each node among all, by name."""
    names = [nodes.printable(i) for i in range(len(nodes))]
    ranks = zeros("I", len(nodes))
    for rank, node in enumerate(sorted(range(len(nodes)), key=names.__getitem__)):
        ranks[node] = rank
    return ranks
