"""The target's memory as it lies in ours.

Whatever the target's memory says is checked before it is followed. Loops run without the GIL. Columns are
C-contiguous numpy arrays (or any buffer).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_U64 = npt.NDArray[np.uint64]
_U8 = npt.NDArray[np.uint8]

def keep_freed() -> None:
    """Ask malloc to keep what is freed for the next who asks, for the rest of this process.

    Columns of a hundred megabytes otherwise go back to the kernel, and each next one costs first faults
    again, half the time of a verb where the machine is slow to give pages. Does nothing where malloc is not
    glibc's.
    """

class Space:
    """Address ranges of the target and where their bytes lie in our memory.

    ``start``, ``end``, ``host``: u64[n], sorted, disjoint, below 2**47 (ValueError otherwise). The caller
    keeps the memory behind ``host`` alive and readable.
    """

    def __init__(self, start: Any, end: Any, host: Any) -> None: ...
    def gather(self, addrs: _U64, size: int, out: _U8, ok: _U8) -> int:
        """Copy ``size`` bytes from each address into out[i*size:]; ok[i] = 1 if they were there.

        Returns how many were not. ValueError where ``out`` or ``ok`` is too small.
        """

    def locate(self, addrs: _U64, sizes: _U64, out: _U64) -> int:
        """Host address of sizes[i] contiguous bytes at addrs[i], 0 where there are none.

        Returns how many are 0. ValueError where ``out`` is too small.
        """
