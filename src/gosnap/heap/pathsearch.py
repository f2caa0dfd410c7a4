"""The shortest ways from the roots to everything, as a breadth-first tree of the references."""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.paths import chain, shortest
from gosnap.heap.exclude import exclude
from gosnap.heap.groups import NONE
from gosnap.heap.labels import Labels
from gosnap.heap.tree import Tree

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


class Search:
    """A breadth-first tree of the references. ``parent``, ``order``, ``reached``: as
    ``_kernels.paths.shortest`` leaves them.

    ``excluded``: "TYPE.field" of references that are not followed; ``shut``: objects that are not left again.
    """

    def __init__(self, tree: Tree, excluded: tuple[str, ...], labels: Labels, shut: U32) -> None:
        self.tree = tree
        self.labels = labels
        self.graph, self.offset, self.target = tree.graph
        exclude(tree, labels, (self.offset, self.target), excluded)
        n = self.graph.nodes
        closed = np.zeros(n, np.uint8)
        closed[shut] = 1
        self.parent, self.order = np.empty(n, np.uint32), np.empty(n, np.uint32)
        self.reached = shortest(self.graph, tree.tops, closed, self.parent, self.order)

    def via(self, node: int) -> int:
        """The reference by which a node was reached from the one before; only of nodes that are no roots."""
        above = int(self.parent[node])
        start, stop = int(self.offset[above]), int(self.offset[above + 1])
        return start + int(np.argmax(self.target[start:stop] == np.uint32(node)))

    def _edges_to(self, index: int) -> tuple[I64, I64]:
        """(edge, where it comes from) of all references to an object; of several from one the first."""
        edge = np.flatnonzero(self.target == np.uint32(index))
        source = np.searchsorted(self.offset, edge, side="right").astype(np.int64) - 1
        keep = (source != index) & (self.parent[source] != np.uint32(NONE))
        source, first = np.unique(source[keep], return_index=True)
        return edge[keep][first], source

    def holder_count(self, index: int) -> int:
        """How many objects and roots refer to an object."""
        return len(self._edges_to(index)[0])

    def holders(self, index: int, top: int | None) -> list[tuple[int, int]]:
        """(node, reference) of what refers to an object, the nearest to the roots first."""
        edge, source = self._edges_to(index)
        by = dict(zip(source.tolist(), edge.tolist(), strict=True))
        marked = np.zeros(len(self.parent), bool)
        marked[source] = True
        order = self.order[: self.reached]
        nearest = order[marked[order]][:top]
        return [(int(v), by[int(v)]) for v in nearest]

    def way(self, node: int) -> U32:
        """The nodes from a root to this one."""
        length = chain(self.parent, node, np.zeros(0, np.uint32))
        nodes = np.empty(length, np.uint32)
        chain(self.parent, node, nodes)
        return nodes[::-1].copy()
