"""All stacks of a profile as one tree of calls: what flame graphs, folded stacks and speedscope show."""

from __future__ import annotations

from gosnap._kernels import profile_tree
from gosnap.profile.columns import column, zeros
from gosnap.profile.graph import Nodes
from gosnap.profile.labels import mark_base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.pipeline import Report


class CallTree:
    """One place for each path of calls, in the order of a walk: each behind the one above it.

    ``tree``: the paths, with a sum for every sample type; ``nodes``: what they are made of; ``compared``:
    there is a base, whose values are on the second side, with their signs turned.
    """

    __slots__ = ("compared", "index", "nodes", "tree", "types")

    def __init__(self, report: Report) -> None:
        p = report.profile
        self.nodes: Nodes = report.nodes()
        self.index = report.index
        self.types = len(p.sample_types)
        sides = zeros("B", p.samples)
        self.compared = mark_base(report.profile, sides)
        self.tree = profile_tree.Tree(
            p.values,
            self.types,
            column("I", range(self.types)),
            p.stack_start,
            p.stack,
            self.nodes.frame_start,
            self.nodes.frame_node,
            len(self.nodes),
            sides=sides if self.compared else None,
            rank=_ranks(self.nodes),
            order_by=report.index,
        )

    def __len__(self) -> int:
        return self.tree.places

    def heaviest(self, limit: int, *, only: int = -1, root: bool = False) -> Places:
        """At most so many places, the heaviest of each sample type, or of one ``only``; with ``root`` one
        that stands for all comes first."""
        return Places(self.tree, self.tree.heaviest(limit, only, root))

    def names(self) -> list[bytes]:
        """How nodes are called, by node."""
        return [self.nodes.printable(i) for i in range(len(self.nodes))]


class Places:
    """Places of a tree as columns: ``depth``, ``node`` u32, ``inlined`` u8 (1: all its calls were)."""

    __slots__ = ("_chain", "_tree", "depth", "inlined", "node")

    def __init__(self, tree: profile_tree.Tree, found: dict[str, memoryview]) -> None:
        self._tree = tree
        self._chain = found["chain"]
        self.depth, self.node, self.inlined = found["depth"], found["node"], found["inlined"]

    def __len__(self) -> int:
        return len(self.node)

    def own(self, sample_type: int) -> memoryview:
        """What the last call of each path has itself, i64; of a comparison, now. Not of a root."""
        return self._tree.self_(self._chain, self.depth, sample_type)

    def whole(self, sample_type: int) -> memoryview:
        """What it and all that it calls have, i64; of a comparison, now."""
        return self._tree.total(self._chain, sample_type)

    def own_before(self, sample_type: int) -> memoryview:
        """The same as ``own`` of the base."""
        return profile_tree.negated(self._tree.self_(self._chain, self.depth, sample_type, 1))

    def whole_before(self, sample_type: int) -> memoryview:
        """The same as ``whole`` of the base."""
        return profile_tree.negated(self._tree.total(self._chain, sample_type, 1))


def _ranks(nodes: Nodes) -> memoryview:
    """The place of each node among all, by name."""
    names = [nodes.printable(i) for i in range(len(nodes))]
    ranks = zeros("I", len(nodes))
    for rank, node in enumerate(sorted(range(len(nodes)), key=names.__getitem__)):
        ranks[node] = rank
    return ranks
