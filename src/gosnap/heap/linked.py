"""Lists that the dominator tree does not show: of a list that can be entered at both ends, or that closes in
a circle, no node is above the next."""

import numpy as np
import numpy.typing as npt

from gosnap.heap.columns import Columns

I64 = npt.NDArray[np.int64]
LIST = 64
"""Nodes from which on a chain of like objects is a list."""
_SAMPLE = 1 << 16
_NEARLY = 0.95


def in_a_row(columns: Columns, members: I64) -> bool:
    """Whether objects are the nodes of a list: each refers to one other of them, or to two, of which one is
    that which refers to it. Told by those of a sample; ``members``: sorted."""
    if len(members) < LIST:
        return False
    begin = (len(members) - min(len(members), _SAMPLE)) // 2
    source, target = _references(columns, members[begin : begin + _SAMPLE])
    good = _among(members, target) & (source != target)
    pairs = np.unique(source[good] << 32 | target[good])
    source, target = pairs >> 32, pairs & 0xFFFFFFFF
    nodes, neighbours = np.unique(source, return_counts=True)
    sampled = min(len(members), _SAMPLE)
    ends = int((neighbours == 1).sum())
    if len(nodes) < _NEARLY * sampled or int((neighbours <= 2).sum()) < _NEARLY * sampled:
        return False
    if ends >= _NEARLY * sampled:
        # one way only: in a row if no two refer to the same one, as the children of one parent do
        return len(np.unique(target)) >= _NEARLY * len(target)
    back_from, back_to = _references(columns, np.unique(target))
    back = np.unique(back_to << 32 | back_from)
    mutual = int(_among(back, pairs).sum())
    return mutual >= _NEARLY * len(pairs) and ends * LIST <= sampled


def _references(columns: Columns, objects: I64) -> tuple[I64, I64]:
    """(from, to) of all references of some objects."""
    start = columns.edge_start
    count = start[objects + 1] - start[objects]
    begin = np.cumsum(count) - count
    edge = np.repeat(start[objects] - begin, count) + np.arange(int(count.sum()))
    return np.repeat(objects, count), columns.references[1][edge].astype(np.int64)


def _among(known: I64, wanted: I64) -> npt.NDArray[np.bool_]:
    """Which are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(wanted), bool)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted
    return found
