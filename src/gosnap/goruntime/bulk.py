"""Many structures of one kind, read from a running process with as few copies as their places allow."""

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, ReadError
from gosnap.target.peek import RunningSpace

U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

_PAGE = np.uint64(4096)
_GAP = np.uint64(4096)
"""Structures less than this apart are copied as one range: the kernel's work is by the page."""
_MOST = 1 << 32


def read_structs(space: RunningSpace, addresses: U64, size: int) -> U8:
    """The bytes of the structure at each address, u8[n, size]; zeros for what is not there.

    Structures that lie close together are copied in one range, which may take in what is between them.
    GosnapError for more than a bound that no program needs.
    """
    n = len(addresses)
    _check(n, n * size)
    out = np.zeros((n, size), np.uint8)
    sane = (addresses > 0) & (addresses < np.uint64(1 << 47))
    if not sane.any():
        return out
    order = np.argsort(addresses, kind="stable")
    order = order[sane[order]]
    at = addresses[order]
    new = np.ones(len(at), bool)
    new[1:] = at[1:] - at[:-1] > np.uint64(size) + _GAP
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(at)) - 1
    start = at[first]
    length = at[last] + np.uint64(size) - start
    _check(n, int(length.sum()))
    begin = np.concatenate([[0], np.cumsum(length[:-1])]).astype(np.uint64)
    buffer = np.zeros(int(length.sum()), np.uint8)
    space.copy(start, begin + np.uint64(buffer.ctypes.data), length)
    run = np.cumsum(new) - 1
    offset = (begin[run] + at - start[run]).astype(np.int64)
    # rows of a sliding window are views; taking them is one pass of memcpy
    out[order] = np.lib.stride_tricks.sliding_window_view(buffer, size)[offset]
    return out


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


def column(table: U8, offset: int, size: int) -> U64:
    """An unsigned little-endian field of every structure, widened to u64."""
    wide = np.zeros((len(table), 8), np.uint8)
    wide[:, :size] = table[:, offset : offset + size]
    return wide.view("<u8").ravel()
