"""Reachability, dominators and retained sizes of a reference graph.

Everything is iterative and works on flat arrays: a list of ten million nodes is as deep as it is long. Loops
run
without the GIL.
"""

import numpy as np
import numpy.typing as npt

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]
_I64 = npt.NDArray[np.int64]
_U8 = npt.NDArray[np.uint8]

class Graph:
    """A directed graph as CSR: edges of node v are target[offset[v] : offset[v + 1]].

    ``offset``: i64[n + 1], ``target``: u32[m]; both must stay unchanged while the object lives. ValueError
    where they
    contradict each other; at most 2**32 - 16 nodes.
    """

    nodes: int
    edges: int
    def __init__(self, offset: _I64, target: _U32) -> None: ...
    def reach(self, roots: _U32, seen: _U8) -> int:
        """Set seen[v] (u8[n]) to 1 for all that the roots (u32) lead to, themselves included; what is 1
        already is not
        entered. Returns how many were set."""

    def dominators(self, roots: _U32, idom: _U32, order: _U32, simple: bool = False) -> int:
        """Immediate dominators, seen from one node above all roots.

        idom[v] (u32[n]): the node that every way to v passes last; n where that is the node above the roots;
        0xFFFFFFFF where v cannot be reached. order (u32[n]) gets the reached nodes in preorder: a dominator
        comes
        before what it dominates. Returns how many there are.

        Semi-NCA (Georgiadis, Tarjan, Werneck: Finding Dominators in Practice, 2006), and where that would
        take long on
        a graph made for it, or with ``simple``, Lengauer and Tarjan's simple algorithm (1979), O(m log n).
        Takes about
        50 bytes per node and 4 per edge. MemoryError.
        """

    def retained(
        self,
        idom: _U32,
        order: _U32,
        count: int,
        size: _U64,
        retained_size: _U64,
        retained_count: _U32,
    ) -> None:
        """Per reached node, the sum of ``size`` (u64[n]) over all that it dominates, itself included, and
        their number.

        ``idom``, ``order``, ``count`` as ``dominators`` gave them. Writes u64[n] and u32[n]; other nodes are
        left.
        """
