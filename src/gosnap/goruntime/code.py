"""What machine code refers to: operands that are relative to the instruction pointer."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gosnap._kernels.x86 import references

LEA, LOAD, STORE, OTHER, CALL, JUMP = 1, 2, 3, 4, 5, 6
ROW = np.dtype(
    {
        "names": ["pc", "target", "op", "reg", "size", "length"],
        "formats": ["<u8", "<u8", "u1", "u1", "u1", "u1"],
        "offsets": [0, 8, 16, 17, 18, 19],
        "itemsize": 24,
    }
)


def operands(
    code: bytes | memoryview, base: int, ranges: Sequence[tuple[int, int]]
) -> npt.NDArray[np.uint64]:
    """What operands in memory of the code at an address refer to, if it lies in one of the ranges; in the
    code's order."""
    rows = np.frombuffer(references(code, base)[0], ROW)
    target: npt.NDArray[np.uint64] = rows["target"][rows["op"] <= OTHER]
    inside = np.zeros(len(target), bool)
    for low, high in ranges:
        inside |= (target >= np.uint64(low)) & (target < np.uint64(high))
    return target[inside]


def calls(
    code: bytes | memoryview, base: int, entry: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """(pc, target) of the calls in functions, whose first addresses are ``entry``, with the end behind
    them."""
    pc, target = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    bounds = (entry - np.uint64(base)).astype(np.int64)
    at = 0
    while at < len(bounds) - 1:
        raw, swept = references(code[int(bounds[at]) :], base + int(bounds[at]))
        rows = np.frombuffer(raw, ROW)
        found = rows[rows["op"] == CALL]
        pc.append(found["pc"])
        target.append(found["target"])
        # behind what is not understood it goes on with the next function
        at = int(np.searchsorted(bounds, bounds[at] + max(swept, 1)))
    return np.concatenate(pc), np.concatenate(target)
