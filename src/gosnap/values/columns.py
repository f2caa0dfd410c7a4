"""Many values of one type, as bytes that are yet to be decoded."""

from dataclasses import dataclass

import numpy as np

from gosnap.values.memory import U8, U64
from gosnap.values.subject import Shape

Chain = tuple[int, int, object] | None
"""(row, address, the one before): the pointers that led to a value."""


@dataclass
class Column:
    """``raw``: (n x size) bytes. ``addrs``: where each lies, 0 where nowhere. ``chains``: what led to each.
    ``bound``: they belong to others (the keys of a map to its values), so that a changed one cannot be read
    again alone."""

    shape: Shape
    raw: U8
    addrs: U64
    chains: list[Chain]
    bound: bool = False

    def __len__(self) -> int:
        return len(self.addrs)

    def words(self, offset: int = 0) -> U64:
        """The word at an offset of each."""
        return np.ascontiguousarray(self.raw[:, offset : offset + 8]).view("<u8").ravel().astype(np.uint64)
