"""Numbers for what is the same, in the order in which it is first met."""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.paths import number

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


def numbered(key: U64) -> tuple[U64, U32]:
    """(different keys, the number of each key)."""
    out, first = np.empty(len(key), np.uint32), np.empty(len(key), np.uint32)
    count = number(key, out, first)
    return key[first[:count]], out


def sequences(start: I64, items: U32, rows: I64) -> U32:
    """A number for each of these rows, the same for those that hold the same items in the same order: row i
    is items[start[i]:start[i + 1]]. Takes a step per item of the longest row."""
    low = start[rows]
    length = start[rows + 1] - low
    known = np.zeros(len(rows), np.uint32)
    open_rows = np.flatnonzero(length > 0)
    depth = 0
    while len(open_rows):
        item = items[low[open_rows] + depth]
        # rows that were the same so far, and go on with the same
        known[open_rows] = numbered(known[open_rows].astype(np.uint64) << np.uint64(32) | item)[1]
        depth += 1
        open_rows = open_rows[length[open_rows] > depth]
    # of those that end earlier the number means something else
    return numbered(known.astype(np.uint64) << np.uint64(32) | length.astype(np.uint64))[1]
