"""The bytes of a target by their address there, wherever they lie in our memory."""

from __future__ import annotations

import ctypes
import struct

from gosnap._kernels.callsites import address_of
from gosnap.errors import ReadError

TYPE_CHECKING = False  # a running process is read without numpy, whose import takes longer than that
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    U64 = npt.NDArray[np.uint64]
else:
    U64 = object

MAP_NORESERVE = 0x4000
"""A flag of mmap(2) that Python has no name for (<asm-generic/mman.h>)."""


def host_bytes(host: int, size: int) -> memoryview:
    """Memory of ours at an address, without a copy; it must stay mapped while the view is used."""
    return memoryview((ctypes.c_ubyte * size).from_address(host)).cast("B")


class AddressSpace:
    """Regions of a target's memory, sorted by address, none overlapping another.

    ``start``, ``end`` and ``host`` are u64 columns: the bytes of [start[i], end[i]) lie at host[i] in our
    own memory. The object keeps that memory alive. ``mapped`` holds ranges (start, end) that the target had
    mapped as writable anonymous memory: bytes of them that are in no region were never touched and read as
    zero.
    """

    def __init__(self, mapped: Iterable[tuple[int, int]] = ()) -> None:
        self._rows: list[tuple[int, int, int]] = []
        self._owners: list[Any] = []
        self._mapped = _merge(mapped)
        self._mapped_starts = [s for s, _ in self._mapped]
        self._columns: tuple[U64, U64, U64] | None = None

    @property
    def mapped(self) -> list[tuple[int, int]]:
        """Ranges that read as zero where no region covers them; merged and sorted."""
        return self._mapped

    def add_region(self, start: int, buffer: Any) -> None:
        """Puts a bytes-like object at an address. It must stay unchanged in size while this object lives."""
        view = memoryview(buffer).cast("B")
        if len(view):
            self.add_host(start, len(view), address_of(view), view)

    def add_host(self, start: int, size: int, host: int, owner: Any) -> None:
        """Puts ``size`` readable bytes at ``host`` in our memory at an address; ``owner`` keeps them
        alive."""
        end = start + size
        if size <= 0 or start < 0 or end >= 1 << 64:
            raise ReadError(f"a region of {size} bytes at {start:#x} does not fit an address space")
        at = self._find(start)
        neighbours = self._rows[max(at, 0) : at + 2]
        if any(start < e and s < end for s, e, _ in neighbours):
            raise ReadError(f"two regions overlap at {start:#x}-{end:#x}")
        self._rows.insert(at + 1, (start, end, host))
        self._owners.append(owner)
        self._columns = None

    def _arrays(self) -> tuple[U64, U64, U64]:
        if self._columns is None:
            import numpy as np

            table = np.array(self._rows, dtype=np.uint64).reshape(-1, 3)
            columns = tuple(np.ascontiguousarray(table[:, i]) for i in range(3))
            for column in columns:
                column.flags.writeable = False
            self._columns = (columns[0], columns[1], columns[2])
        return self._columns

    @property
    def start(self) -> U64:
        """First address of each region."""
        return self._arrays()[0]

    @property
    def end(self) -> U64:
        """First address behind each region."""
        return self._arrays()[1]

    @property
    def host(self) -> U64:
        """Where each region's bytes lie in our own memory."""
        return self._arrays()[2]

    def _find(self, addr: int) -> int:
        """The last region that starts at or below an address; -1 for none."""
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle][0] <= addr:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _zero_until(self, addr: int) -> int:
        """The end of the zero range that holds an address, or 0."""
        low, high = 0, len(self._mapped)
        while low < high:
            middle = (low + high) // 2
            if self._mapped_starts[middle] <= addr:
                low = middle + 1
            else:
                high = middle
        if low and addr < self._mapped[low - 1][1]:
            return self._mapped[low - 1][1]
        return 0

    def read(self, addr: int, size: int) -> bytes:
        """``size`` bytes at an address. ReadError names the first byte that is not there."""
        if size < 0:
            raise ReadError(f"a read of {size} bytes at {addr:#x}")
        at = self._find(addr)
        if at >= 0:
            start, end, host = self._rows[at]
            if addr + size <= end:
                return ctypes.string_at(host + addr - start, size)
        pieces: list[bytes] = []
        where, left = addr, size
        self._check(addr, size)
        while left:
            at = self._find(where)
            if at >= 0 and where < self._rows[at][1]:
                start, end, host = self._rows[at]
                n = min(left, end - where)
                pieces.append(ctypes.string_at(host + where - start, n))
            else:
                n = min(left, self._gap_end(at, where) - where)
                pieces.append(bytes(n))
            where += n
            left -= n
        return b"".join(pieces)

    def view(self, addr: int, size: int) -> bytes | memoryview:
        """Like ``read``, without a copy where the bytes lie in one region: valid while this object lives."""
        at = self._find(addr)
        if at >= 0 and size > 0 and addr + size <= self._rows[at][1]:
            return host_bytes(self._rows[at][2] + addr - self._rows[at][0], size)
        return self.read(addr, size)

    def region_end(self, addr: int) -> int:
        """The end of the region that holds an address; 0 for none."""
        at = self._find(addr)
        return self._rows[at][1] if at >= 0 and addr < self._rows[at][1] else 0

    def _gap_end(self, at: int, where: int) -> int:
        end = self._zero_until(where)
        if end and at + 1 < len(self._rows):
            end = min(end, self._rows[at + 1][0])
        return end

    def _check(self, addr: int, size: int) -> None:
        """Nothing is allocated for a read that cannot succeed: a lying length is an error, not a gigabyte."""
        where = addr
        while where < addr + size:
            at = self._find(where)
            if at >= 0 and where < self._rows[at][1]:
                where = self._rows[at][1]
                continue
            end = self._gap_end(at, where)
            if not end:
                raise ReadError(f"{where:#x} is not mapped (reading {size} bytes at {addr:#x})")
            where = end

    def contains(self, addr: int, size: int = 1) -> bool:
        """Whether a read would succeed."""
        try:
            self._check(addr, size)
        except ReadError:
            return False
        return True

    def u64(self, addr: int) -> int:
        """One little-endian word."""
        return int(struct.unpack("<Q", self.read(addr, 8))[0])

    def u32(self, addr: int) -> int:
        """One little-endian half word."""
        return int(struct.unpack("<I", self.read(addr, 4))[0])

    def cstr(self, addr: int, limit: int = 4096) -> bytes:
        """The bytes up to the first NUL, at most ``limit``; shorter where the mapping ends."""
        out = b""
        while len(out) < limit:
            at = addr + len(out)
            size = min(256, limit - len(out))
            while size and not self.contains(at, size):
                size //= 2
            if not size:
                if out:
                    break
                self._check(at, 1)
            piece = self.read(at, size)
            nul = piece.find(b"\0")
            if nul >= 0:
                return out + piece[:nul]
            out += piece
        return out


def _merge(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted((int(s), int(e)) for s, e in ranges if s < e):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
