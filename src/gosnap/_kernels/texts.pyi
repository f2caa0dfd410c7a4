"""Many strings out of one run of bytes."""

import numpy as np
import numpy.typing as npt

def split(data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64]) -> list[str | bytes]:
    """Text i is data[start[i] : start[i + 1]]: a str, or the bytes where they are no UTF-8.

    ValueError where ``start`` is empty, not in order, or leads outside of the bytes.
    """
