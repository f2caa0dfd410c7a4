"""Which pages of a process have memory behind them, and arithmetic on such runs of pages."""

import errno
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gosnap._kernels import copy
from gosnap.target.image import (
    PAGE_FILE,
    PAGE_HUGE,
    PAGE_PRESENT,
    PAGE_SWAPPED,
    PAGE_ZERO,
    Mappings,
    Resident,
)
from gosnap.target.space import U64, host_bytes

TOP = 0x7FFFFFFFF000
"""The end of user addresses with four page-table levels; mappings above are asked for one by one."""

I64 = npt.NDArray[np.int64]

_ROWS = 1 << 16
_PAGE = 4096
_BLOCK = 4 << 20


class Scanner:
    """Reads the page table of one process; keeps /proc/PID/pagemap open so that the second scan is quick."""

    def __init__(self, pid: int, *, ioctl: bool | None = None) -> None:
        self._file = open(  # noqa: SIM115 - kept open, see close
            f"/proc/{pid}/pagemap", "rb", buffering=0
        )
        self._rows = np.empty((_ROWS, 3), dtype=np.uint64)
        self.exact = self._has_ioctl() if ioctl is None else ioctl
        """Whether the kernel tells zero pages apart (PAGEMAP_SCAN, Linux 6.7)."""

    def _has_ioctl(self) -> bool:
        try:
            copy.page_scan(self._file.fileno(), 0, 4096, PAGE_PRESENT, PAGE_PRESENT, self._rows)
        except OSError as e:
            if e.errno in {errno.ENOTTY, errno.EINVAL, errno.ENOSYS}:
                return False
            raise
        return True

    def close(self) -> None:
        self._file.close()

    def scan(self, mappings: Mappings) -> Resident:
        """The runs of present or swapped pages in all mappings, sorted by address."""
        pieces: list[U64] = []
        for start, end in self._ranges(mappings):
            at = start
            while at < end:
                if self.exact:
                    rows, reached = copy.page_scan(
                        self._file.fileno(),
                        at,
                        end,
                        PAGE_PRESENT | PAGE_SWAPPED,
                        PAGE_PRESENT | PAGE_SWAPPED | PAGE_FILE | PAGE_ZERO | PAGE_HUGE,
                        self._rows,
                    )
                else:
                    rows, reached = copy.pagemap_runs(self._file.fileno(), at, end, self._rows)
                pieces.append(self._rows[:rows].copy())
                if rows:
                    # Past 512 rows the kernel (seen on 6.18) reports an address before the last row that it
                    # wrote.
                    reached = max(reached, int(self._rows[rows - 1, 1]))
                if reached <= at:
                    break
                at = reached
        table = np.concatenate(pieces) if pieces else np.empty((0, 3), dtype=np.uint64)
        return Resident(*(np.ascontiguousarray(table[:, i]) for i in range(3)))

    def _ranges(self, mappings: Mappings) -> Sequence[tuple[int, int]]:
        if self.exact:
            # One call walks the whole page table; holes cost nothing.
            top = [(int(s), int(e)) for s, e in zip(mappings.start, mappings.end, strict=True)]
            if not top:
                return []
            low = [e for _, e in top if e <= TOP]
            return ([(top[0][0], max(low))] if low else []) + [
                r for r in top if r[1] > TOP and r[0] < 1 << 56
            ]
        return [
            (int(s), int(e))
            for s, e, p in zip(mappings.start, mappings.end, mappings.perms, strict=True)
            # Without the ioctl every page costs a word: reserved address space (PROT_NONE) is left out.
            if e < 1 << 56 and p[:3] != "---"
        ]


def touched(parts: Sequence[tuple[int, int, int, int]], fd: int) -> Resident:
    """The pages of a core that hold anything but zeros, as runs.

    ``parts``: (address, bytes, address in our memory, offset in the file), sorted by address; ``fd``: the
    core, whose holes are not looked at. A writer of cores may dump address space that never had memory
    behind it (gdb does).
    """
    found: list[U64] = []
    for address, size, host, offset in parts:
        at = 0
        while at < size:
            low, high = _extent(fd, offset + at, offset + size)
            if low >= high:
                break
            first, last = (low - offset) & ~(_PAGE - 1), min(high - offset, size)
            for block in range(first, last, _BLOCK):
                n = min(_BLOCK, last - block) & ~(_PAGE - 1)
                if not n:
                    break
                words = np.frombuffer(host_bytes(host + block, n), np.uint64).reshape(-1, _PAGE // 8)
                pages = np.flatnonzero(np.bitwise_or.reduce(words, axis=1))
                found.append(pages.astype(np.uint64) * np.uint64(_PAGE) + np.uint64(address + block))
            at = high - offset
    starts = np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)
    cut = np.flatnonzero(np.diff(starts) != _PAGE)
    first_of = starts[np.concatenate(([0], cut + 1))] if len(starts) else starts
    last_of = starts[np.concatenate((cut, [len(starts) - 1]))] if len(starts) else starts
    end = last_of + np.uint64(_PAGE)
    return Resident(first_of, end, np.full(len(first_of), PAGE_PRESENT, np.uint64))


def _extent(fd: int, low: int, high: int) -> tuple[int, int]:
    """The first stretch of [low, high) of a file that is no hole."""
    try:
        start = os.lseek(fd, low, os.SEEK_DATA)
        return min(start, high), min(os.lseek(fd, start, os.SEEK_HOLE), high)
    except OSError as e:
        # ENXIO: nothing but a hole; anything else: a file system that does not tell
        return (high, high) if e.errno == errno.ENXIO else (low, high)


def clip(start: U64, end: U64, low: U64, high: U64) -> tuple[U64, U64, I64, I64]:
    """Cuts runs at intervals; both sorted and free of overlaps.

    Returns (start, end, index of the run, index of the interval) of every non-empty intersection, by address.
    """
    first = np.searchsorted(high, start, side="right")
    last = np.searchsorted(low, end, side="left")
    count = np.maximum(last - first, 0)
    run = np.repeat(np.arange(len(start)), count)
    begin = np.cumsum(count) - count
    interval = np.arange(len(run)) - np.repeat(begin, count) + np.repeat(first, count)
    return np.maximum(start[run], low[interval]), np.minimum(end[run], high[interval]), run, interval


def total(start: U64, end: U64) -> int:
    """The bytes in runs."""
    return int((end - start).sum())


def subtract(low: int, high: int, start: U64, end: U64) -> list[tuple[int, int]]:
    """What is left of [low, high) without the sorted runs."""
    left: list[tuple[int, int]] = []
    at = low
    first = int(np.searchsorted(end, low, side="right"))
    for s, e in zip(start[first:].tolist(), end[first:].tolist(), strict=True):
        if s >= high:
            break
        if s > at:
            left.append((at, s))
        at = max(at, e)
    if at < high:
        left.append((at, high))
    return left
