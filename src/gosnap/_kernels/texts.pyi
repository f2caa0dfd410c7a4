"""Many strings out of one run of bytes."""

import numpy as np
import numpy.typing as npt

_I64 = npt.NDArray[np.int64]

def split(data: npt.NDArray[np.uint8], start: _I64, length: _I64) -> list[str | bytes]:
    """Text i is the ``length[i]`` bytes at ``start[i]``: a str, or the bytes where they are no UTF-8.

    ValueError where the columns differ in length, or a text lies outside of the bytes.
    """
