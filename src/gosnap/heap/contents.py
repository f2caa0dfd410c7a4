"""The bytes of the target that a snapshot holds, by their address there."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.target.container import Reader


class Contents:
    """Reads only the chunks that it is asked for. ``present`` is False for a snapshot without contents."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.present = reader.has("contents.bytes")

    @cached_property
    def _ranges(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        start, end = (self._reader.array(f"contents.{name}") for name in ("start", "end"))
        good = start.dtype == end.dtype == np.dtype("<u8") and len(start) == len(end)
        if not good or bool((end < start).any()) or bool((start[1:] < end[:-1]).any()):
            raise GosnapError(
                f"{self._reader.path}: the ranges of its contents make no sense", "take the snapshot again"
            )
        return start, end, np.concatenate([[0], np.cumsum((end - start).astype(np.int64))])

    def read(self, address: int, size: int) -> bytes | None:
        """``size`` bytes; None where the snapshot does not have them all."""
        if not self.present or size < 0 or not 0 <= address < 1 << 63:
            return None
        start, end, at = self._ranges
        out = b""
        while len(out) < size:
            here = address + len(out)
            row = int(np.searchsorted(start, np.uint64(here), side="right")) - 1
            if row < 0 or here >= int(end[row]):
                return None
            n = min(size - len(out), int(end[row]) - here)
            offset = int(at[row]) + here - int(start[row])
            part = self._reader.part("contents.bytes", offset, offset + n)
            if len(part) != n:
                return None
            out += part
        return out

    def word(self, address: int) -> int | None:
        """A little-endian word."""
        raw = self.read(address, 8)
        return None if raw is None else int.from_bytes(raw, "little")
