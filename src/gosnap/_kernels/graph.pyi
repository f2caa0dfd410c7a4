"""Reachability, dominators and retained sizes of a reference graph.

Everything is iterative and works on flat arrays: a list of ten million nodes is as deep as it is long. Loops
run without the GIL.
"""

import numpy as np
import numpy.typing as npt

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]
_I64 = npt.NDArray[np.int64]
_U8 = npt.NDArray[np.uint8]

def offsets(degree: _U32, out: _I64) -> int:
    """Write where the edges of each node begin, and their number, into ``out`` (i64[n + 1]); ``degree``:
    u32[n]. Returns the number of edges."""

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
        """Mark in ``seen`` (u8[n]) all that the roots (u32) lead to, themselves included. Returns how many
        were marked.

        0 becomes 1. What is 1 already is not entered, so that one call can go on where others ended; what is
        2 becomes 3 and is not entered either.
        """

    def weaken(self, target: _U32, strong: _U8, weak: _U8) -> int:
        """Turn references that own nothing into references of an object to itself, in place.

        ``target``: the graph's own column. ``strong`` (u8[n]): what owners lead to; ``weak`` (u8[n]):
        containers that own only what nothing else does (sync.Pool's, timers', …). Of a container, references
        to what is strong and no container go; of what is not strong, references to all that is. Returns how
        many went.
        """

    def dominators(self, roots: _U32, size: _U64, run: _U32, idom: _U32, simple: bool = False) -> Dominators:
        """Immediate dominators, seen from one node above all roots, and retained sizes.

        ``size``, ``run``: run[k] nodes of size[k] each, in the order of the nodes; the rest has no size.
        idom[v] (u32[n]): the node that every way to v passes last; n where that is the node above the roots;
        0xFFFFFFFF where v cannot be reached.

        Semi-NCA (Georgiadis, Tarjan, Werneck: Finding Dominators in Practice, 2006), and where that would
        take long on a graph made for it, or with ``simple``, Lengauer and Tarjan's simple algorithm (1979),
        O(m log n). Takes 5 bytes per node, 36 per node that refers to others, and 4 per reference between
        such. ValueError where columns do not fit. MemoryError.
        """

class Dominators:
    """What ``Graph.dominators`` found."""

    reached: int
    """Nodes that the roots lead to."""

    def heads(self, first: int, node: _U32, size: _U64, count: _U32) -> int:
        """The reached nodes that dominate others that have a size, and all reached ones from ``first`` on, in
        order: writes each with the sum of sizes over all that it dominates, itself included, and the number
        of those that have a size, as far as there is room. Returns how many there are; every other node
        retains itself."""
