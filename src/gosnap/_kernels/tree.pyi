"""Walks over a dominator tree, which may be as deep as it has nodes. Loops run without the GIL."""

import numpy as np
import numpy.typing as npt

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]
_U8 = npt.NDArray[np.uint8]

def heaviest(idom: _U32, node: _U32, size: _U64, best: _U32) -> None:
    """best[v] (u32[n]): which of the nodes (a place in ``node``) of those that v dominates immediately has
    the largest ``size``, the first of equal ones; 0xFFFFFFFF for none. ``idom``: u32[n]. ValueError where
    columns do not fit.
    """

def run(best: _U32, node: _U32, kind: _U32, start: int, period: int) -> tuple[int, int]:
    """Follow ``heaviest`` children from ``start`` on while their kinds repeat with this period (1 to 8): how
    many nodes there are, the first included, and the last node that was looked at. Nodes without a kind end
    it.
    """

def mark_below(idom: _U32, top: _U32, mark: _U8) -> None:
    """Set mark[v] (u8[n]) to 1 for all nodes that one of ``top`` (u32) dominates, these included, to 0 for
    all others.

    Takes time in proportion to the nodes, however deep they are. ValueError where columns do not
    fit, or for a top that is no node.
    """

def translate(key: _U32, known: _U32, value: _U32, out: _U32) -> None:
    """Write for each key (u32[n]) the value beside it: ``known`` (u32[m], sorted) and ``value`` (u32[m]).

    ValueError where a key is not known, or where columns do not fit.
    """
