"""The bytes of a target that a snapshot holds, by their address there."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, ReadError
from gosnap.target.container import CHUNK, Reader
from gosnap.target.space import AddressSpace

_U8 = npt.NDArray[np.uint8]
_BYTES = "contents.bytes"


class StoredSpace(AddressSpace):
    """Reads only the chunks of the file that it is asked for. ``mapped``: ranges that read as zero where the
    snapshot holds nothing of them: memory that the target never touched.

    GosnapError where the snapshot's ranges make no sense, or where it has no contents.
    """

    def __init__(self, reader: Reader, mapped: Iterable[tuple[int, int]] = ()) -> None:
        super().__init__(mapped)
        self._reader = reader
        if not reader.has(_BYTES):
            raise GosnapError(
                f"{reader.path}: holds no contents (it was taken with --no-contents)",
                "take it again without --no-contents",
            )
        start, end = reader.array("contents.start"), reader.array("contents.end")
        good = start.dtype == end.dtype == np.dtype("<u8") and len(start) == len(end)
        if not good or bool((end < start).any()) or bool((start[1:] < end[:-1]).any()):
            raise GosnapError(
                f"{reader.path}: the ranges of its contents make no sense", "take the snapshot again"
            )
        # ranges that touch are one: what crosses from one to the next lies in one piece in the file too
        first = np.concatenate([[True], start[1:] != end[:-1]]) if len(start) else np.zeros(0, bool)
        at = np.concatenate([[0], np.cumsum((end - start).astype(np.int64))])
        self._start = start[first]
        self._end = end[np.append(np.flatnonzero(first)[1:], len(start)) - 1] if len(start) else end
        self._at = at[:-1][first]

    def _row(self, addr: int) -> int:
        """The range that holds an address; -1 for none."""
        if not 0 <= addr < 1 << 64:
            return -1
        row = int(np.searchsorted(self._start, np.uint64(addr), side="right")) - 1
        return row if row >= 0 and addr < int(self._end[row]) else -1

    def _until(self, addr: int) -> tuple[int, int]:
        """(row of the range, or -1 for zeros; the end of what reads alike), end 0 where nothing does."""
        row = self._row(addr)
        if row >= 0:
            return row, int(self._end[row])
        end = self._zero_until(addr)
        if end:
            behind = int(np.searchsorted(self._start, np.uint64(addr), side="right"))
            if behind < len(self._start):
                end = min(end, int(self._start[behind]))
        return -1, end

    def _check(self, addr: int, size: int) -> None:
        at = addr
        while at < addr + size:
            _, end = self._until(at)
            if not end:
                raise ReadError(f"{at:#x} is not in the snapshot (reading {size} bytes at {addr:#x})")
            at = end

    def read(self, addr: int, size: int) -> bytes:
        """``size`` bytes at an address. ReadError names the first byte that is not there."""
        if size < 0:
            raise ReadError(f"a read of {size} bytes at {addr:#x}")
        self._check(addr, size)
        out: list[bytes] = []
        at, left = addr, size
        while left:
            row, end = self._until(at)
            n = min(left, end - at)
            if row < 0:
                out.append(bytes(n))
            else:
                offset = int(self._at[row]) + at - int(self._start[row])
                out.append(self._reader.part(_BYTES, offset, offset + n))
                if len(out[-1]) != n:
                    raise ReadError(f"{at:#x} is not in the snapshot, though it says so")
            at, left = at + n, left - n
        return b"".join(out)

    def region_end(self, addr: int) -> int:
        """The end of the range that holds an address; 0 for none."""
        row = self._row(addr)
        return int(self._end[row]) if row >= 0 else 0

    def gather(self, addrs: npt.NDArray[np.uint64], size: int, out: _U8, ok: npt.NDArray[np.bool_]) -> None:
        """``size`` bytes from each address into the rows of ``out``; ``ok`` tells which were there in one
        piece. Every chunk of the file is unpacked once."""
        ok[:] = False
        if not len(self._start):
            return
        row = np.searchsorted(self._start, addrs, side="right").astype(np.int64) - 1
        inside = row >= 0
        row[~inside] = 0
        inside &= (addrs < self._end[row]) & (self._end[row] - addrs >= np.uint64(size))
        which = np.flatnonzero(inside)
        offset = self._at[row[which]] + (addrs[which] - self._start[row[which]]).astype(np.int64)
        order = np.argsort(offset, kind="stable")
        which, offset = which[order], offset[order]
        edges = np.flatnonzero(np.concatenate([[True], offset[1:] // CHUNK != offset[:-1] // CHUNK]))
        span = np.arange(size)
        for low, high in zip(edges.tolist(), [*edges.tolist()[1:], len(offset)], strict=True):
            if low == high:
                continue
            base = int(offset[low]) // CHUNK * CHUNK
            chunk = np.frombuffer(self._reader.part(_BYTES, base, int(offset[high - 1]) + size), np.uint8)
            local = offset[low:high] - base
            whole = local + size <= len(chunk)
            local, rows = local[whole], which[low:high][whole]
            out[rows] = chunk[local[:, None] + span]
            ok[rows] = True
