"""What sets of nodes retain: all that could not be reached without them."""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.graph import Graph

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]
_U8 = npt.NDArray[np.uint8]

def retained_by_sets(
    graph: Graph, roots: _U32, member: _U8, size: _U64, run: _U32, out_size: _U64, out_count: _U64
) -> None:
    """Add up, for up to 63 sets at once, the sizes (out_size, u64[63]) and numbers (out_count, u64[63]) of
    all that the roots lead to, but only through members of the set; members included.

    ``member`` (u8[n]): the set of each node, 63 or more for none. ``size``, ``run``: as ``Graph.dominators``.

    From the roots down it keeps a word per node: which sets some way avoids. A word only gains bits, so the
    work is at most 64 times that of one marking; on heaps it is two or three. Takes 13 bytes per node.
    ValueError where columns do not fit. MemoryError.
    """
