"""Memory of a process that runs on while it is read, and blocks of a target's memory laid out for kernels."""

from __future__ import annotations

import errno
from array import array
from bisect import bisect_right

from gosnap._kernels import copy
from gosnap._kernels.callsites import address_of
from gosnap._kernels.memory import Space
from gosnap.errors import GosnapError, ReadError
from gosnap.target import procfs
from gosnap.target.reserve import Reserve, reserve
from gosnap.target.space import AddressSpace, host_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gosnap.target.image import Mappings

_BLOCK = 1 << 16
_PAGE = 4096
_WINDOW = 1 << 36
_MOST = 1 << 30
_USER_END = 1 << 47


class RunningSpace(AddressSpace):
    """The memory of a process, read by process_vm_readv when it is asked for; nothing is stopped.

    Regions that are added (what a file below cannot change) are read from there. ReadError for what is not
    mapped, GosnapError for a process that is gone or not ours to read.
    """

    def __init__(self, pid: int, mappings: Mappings) -> None:
        super().__init__()
        self.pid = pid
        self.mappings = mappings

    def read(self, addr: int, size: int) -> bytes:
        """``size`` bytes at an address, as they are now."""
        if super().contains(addr, size):
            return super().read(addr, size)
        if not self.contains(addr, size):
            raise ReadError(f"{addr:#x} is not mapped (reading {size} bytes)")
        out = bytearray(size)
        if size and self.copy(array("Q", [addr]), array("Q", [address_of(out)]), array("Q", [size])):
            raise ReadError(f"{addr:#x} cannot be read ({size} bytes)")
        return bytes(out)

    def contains(self, addr: int, size: int = 1) -> bool:
        """Whether the mappings, as they were when last looked at, cover a range readably."""
        at = addr
        while at < addr + size:
            end = readable_until(self.mappings, at)
            if not end:
                return super().contains(addr, size)
            at = end
        return True

    def renew(self) -> None:
        """See what has been mapped since."""
        self.mappings = procfs.read_maps(self.pid, plain=True)

    def region_end(self, addr: int) -> int:
        """The end of the region or mapping that holds an address; 0 for none."""
        return super().region_end(addr) or readable_until(self.mappings, addr)

    def copy(self, source: Any, target: Any, length: Any) -> int:
        """Copy ranges into memory of ours (u64 each); how many bytes were not there (and are left as they
        were)."""
        try:
            return copy.copy_ranges(self.pid, source, target, length, 0, len(length), 0.0)[1]
        except OSError as e:
            if e.errno in {errno.EPERM, errno.EACCES}:
                raise procfs.permission_error(self.pid) from None
            if e.errno == errno.ESRCH:
                raise GosnapError(
                    f"process {self.pid} has exited", "`gosnap ps` lists the Go processes here"
                ) from None
            raise


def readable_until(mappings: Mappings, addr: int) -> int:
    """The end of the readable mapping that holds an address; 0 for none."""
    i = bisect_right(mappings.end, addr) if 0 <= addr < 1 << 64 else -1
    if not 0 <= i < len(mappings) or int(mappings.start[i]) > addr or mappings.perms[i][0] != "r":
        return 0
    return int(mappings.end[i])


class Blocks:
    """Parts of a target's memory, at one distance from their addresses, so that what crosses a block's end
    lies in one piece. ``refresh`` reads all of them again."""

    def __init__(self, space: AddressSpace, mappings: Mappings) -> None:
        self._space = space
        self._mappings = mappings
        self._mirrors: list[Reserve] = []
        self._loaded: dict[int, tuple[int, int, int]] = {}
        self.bytes = 0

    def load(self, addr: int, size: int) -> bool:
        """Blocks around [addr, addr + size), as far as that is mapped; False if there is nothing new.
        GosnapError beyond a bound that no program's needs."""
        if self._load(addr, size):
            return True
        if not isinstance(self._space, RunningSpace):
            return False
        # mapped meanwhile, perhaps as one with what was there: distances may be others
        self._space.renew()
        self._mappings = self._space.mappings
        self._loaded.clear()
        self._mirrors.clear()
        return self._load(addr, size) and self._has(addr)

    def _has(self, addr: int) -> bool:
        return any(start <= addr < end for start, end, _ in self._loaded.values())

    def _load(self, addr: int, size: int) -> bool:
        added = False
        at, end = addr, min(addr + size, _USER_END)
        while at < end:
            low, high = self._extent(at)
            if low >= high:
                break
            start, stop = max(at & -_BLOCK, low), min((at & -_BLOCK) + _BLOCK, high)
            if start not in self._loaded:
                self.bytes += stop - start
                if self.bytes > _MOST:
                    raise GosnapError(f"more than {_MOST >> 20:,} MiB to read at {at:#x}: no Go has that")
                self._loaded[start] = (start, stop, self._host(low, high, start, stop))
                self._fill([self._loaded[start]])
                added = True
            at = stop
        return added

    def _extent(self, addr: int) -> tuple[int, int]:
        """What is mapped readably around an address, in one piece, whatever the kernel keeps apart."""
        m = self._mappings
        if not readable_until(m, addr):
            return 0, 0
        first = last = bisect_right(m.end, addr)
        while first and int(m.end[first - 1]) == int(m.start[first]) and m.perms[first - 1][0] == "r":
            first -= 1
        while (
            last + 1 < len(m) and int(m.start[last + 1]) == int(m.end[last]) and m.perms[last + 1][0] == "r"
        ):
            last += 1
        return int(m.start[first]), int(m.end[last])

    def _host(self, low: int, high: int, start: int, end: int) -> int:
        for m in self._mirrors:
            if m.start <= start and end <= m.end:
                return m.host + start - m.start
        if high - low > _WINDOW:
            low = max(low, start - _WINDOW // 2)
            high = min(high, low + _WINDOW)
        mirror = reserve(low, high)
        self._mirrors.append(mirror)
        return mirror.host + start - mirror.start

    def refresh(self) -> None:
        """Read all blocks again, in one go."""
        self._fill(list(self._loaded.values()))

    def _fill(self, blocks: list[tuple[int, int, int]]) -> None:
        if isinstance(self._space, RunningSpace):
            self._space.copy(
                array("Q", [low for low, _, _ in blocks]),
                array("Q", [place for _, _, place in blocks]),
                array("Q", [high - low for low, high, _ in blocks]),
            )
            return
        for low, high, place in blocks:
            view = host_bytes(place, high - low)
            for at in range(low, high, _PAGE):
                n = min(_PAGE, high - at)
                if self._space.contains(at, n):
                    view[at - low : at - low + n] = self._space.read(at, n)

    def kernel_space(self) -> Space:
        """The blocks as kernels take them."""
        joined: list[tuple[int, int, int]] = []
        for start, end, host in sorted(self._loaded.values()):
            if joined and joined[-1][1] == start and joined[-1][2] + start - joined[-1][0] == host:
                joined[-1] = (joined[-1][0], end, joined[-1][2])
            else:
                joined.append((start, end, host))
        return Space(*(array("Q", [row[k] for row in joined]) for k in range(3)))
