"""Many structures of one kind, read from a running process with as few copies as their places allow."""

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.layout import Field
from gosnap.target.peek import RunningSpace

U64 = npt.NDArray[np.uint64]

_GAP = np.uint64(4096)
"""Structures less than this apart are copied as one range: the kernel's work is by the page."""
_MOST = 1 << 32
_WORD = 8
_SIZES = (1, 2, 4, 8)


class Structs:
    """Structures of ``size`` bytes at the same addresses in reading after reading.

    Those that lie close together are copied in one range, which may take in what is between them.
    GosnapError for more than a bound that no program needs.
    """

    def __init__(self, addresses: U64, size: int) -> None:
        self.addresses = addresses
        size = -(-size // _WORD) * _WORD
        _check(len(addresses), len(addresses) * size)
        sane = np.flatnonzero((addresses > 0) & (addresses < np.uint64(1 << 47)))
        order = sane[np.argsort(addresses[sane], kind="stable")]
        at = addresses[order]
        new = np.ones(len(at), bool)
        new[1:] = at[1:] - at[:-1] > np.uint64(size) + _GAP
        first = np.flatnonzero(new)
        last = np.append(first[1:], len(at))[: len(first)] - 1
        self._start = at[first]
        self._length = at[last] + np.uint64(size) - self._start
        # ranges begin in our memory as far into a word as they do there
        lead = self._start % np.uint64(_WORD)
        room = (self._length + lead + np.uint64(_WORD - 1)) // np.uint64(_WORD) * np.uint64(_WORD)
        _check(len(addresses), int(room.sum()))
        begin = np.concatenate([[0], np.cumsum(room)]).astype(np.uint64)
        self._buffer = np.zeros(int(begin[-1]) + size, np.uint8)
        self._begin = begin[:-1] + lead
        run = np.cumsum(new) - 1
        # what has no place in a program is read as the zeros at the end
        self._offset = np.full(len(addresses), int(begin[-1]), np.int64)
        self._offset[order] = (self._begin[run] + at - self._start[run]).astype(np.int64)
        self._aligned = not bool((self._offset % _WORD).any())

    def read(self, space: RunningSpace) -> None:
        """Copy all of them; zeros for what is not there."""
        if not len(self._start):
            return
        target = self._begin + np.uint64(self._buffer.ctypes.data)
        if space.copy(self._start, target, self._length):
            # what is missing now may have been there before
            self._buffer[:] = 0
            space.copy(self._start, target, self._length)

    def column(self, field: Field) -> U64:
        """An unsigned little-endian field of every structure, widened to u64."""
        offset, size = field.offset, field.size
        if self._aligned and size in _SIZES and not offset % size:
            part = self._buffer[: len(self._buffer) // size * size].view(f"<u{size}")
            out: U64 = part[(self._offset + offset) // size].astype(np.uint64)
            return out
        wide = np.zeros((len(self._offset), _WORD), np.uint8)
        for i in range(min(size, _WORD)):
            wide[:, i] = self._buffer[self._offset + offset + i]
        return wide.view("<u8").ravel()


def _check(count: int, size: int) -> None:
    if size > _MOST:
        raise GosnapError(
            f"{count:,} structures of the runtime in {size:,} bytes: no Go program has that",
            "is this the executable that was running? If so, please report it with the Go version",
        )


def read_pointers(space: RunningSpace, at: int, most: int, name: str) -> U64:
    """The elements of a slice of pointers of the runtime's that only grows; ``at``: of its header.

    GosnapError where there are more than ``most``, or none, or they are not there.
    """
    for _ in range(3):
        where, count = (int(w) for w in np.frombuffer(space.read(at, 16), "<u8"))
        if not 0 < count <= most:
            break
        if not space.contains(where, count * 8):
            space.renew()
        try:
            raw = space.read(where, count * 8)
        except ReadError:
            continue
        # a slice that was full has moved; what is at its old place now may be anything
        if space.u64(at) == where:
            return np.frombuffer(raw, "<u8")
    raise GosnapError(
        f"process {space.pid}: {name} at {at:#x} makes no sense",
        "is this the executable that was running? If so, please report it with the Go version",
    )
