"""Memory of a target, one value or many at a time.

Values are decoded by columns: the words of all pointers of a slice are read in one go, not one by one. What
is read of a process that runs on may be of two moments; ``steady`` reads until two reads agree.
"""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gosnap._kernels.memory import Space
from gosnap.errors import GosnapError, ReadError
from gosnap.target.peek import RunningSpace
from gosnap.target.space import AddressSpace

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")
MOST = 1 << 31
"""Bytes that one call reads at most."""
_WORTH_MERGING, _GAP = 256, 1024
_RENEW_SECONDS = 0.05
TRIES = 6
"""Reads of a value that keeps changing."""


class Memory:
    """Reads of one target. ``live``: whether it runs while it is read."""

    def __init__(self, space: AddressSpace) -> None:
        self.space = space
        self.live = isinstance(space, RunningSpace)
        self._kernel: Space | None = None
        self._renewed = 0.0

    def read(self, addr: int, size: int) -> bytes:
        """``size`` bytes. ReadError where they are not there, or are more than anybody needs."""
        if size > MOST:
            raise ReadError(f"{size:,} bytes at {addr:#x}")
        try:
            return self.space.read(addr, size)
        except ReadError:
            if not self._renew():
                raise
        return self.space.read(addr, size)

    def _renew(self) -> bool:
        """See what a running process has mapped since, now and then; False where that is not worth it."""
        now = monotonic()
        if not isinstance(self.space, RunningSpace) or now < self._renewed + _RENEW_SECONDS:
            return False
        self._renewed = now
        self.space.renew()
        return True

    def word(self, addr: int) -> int:
        """A little-endian word; ReadError."""
        return int.from_bytes(self.read(addr, 8), "little")

    def impossible(self, addrs: U64, sizes: U64) -> Bools:
        """Which pieces are too large to be: a length that is garbage. GosnapError for one that is there."""
        out = sizes > MOST
        for i in np.flatnonzero(out).tolist():
            if self.space.contains(int(addrs[i]), int(sizes[i])):
                _bound(int(sizes[i]))
        return out

    def gather(self, addrs: U64, size: int) -> tuple[U8, Bools]:
        """(n x size bytes, which of them were there). GosnapError for more than anybody needs."""
        n = len(addrs)
        _bound(n * size)
        out, ok = np.zeros((n, size), np.uint8), np.zeros(n, bool)
        if not n or not size:
            ok[:] = True
            return out, ok
        if n == 1:
            self._one(int(addrs[0]), out, ok)
            return out, ok
        sizes = np.full(n, size, np.uint64)
        if isinstance(self.space, RunningSpace):
            merged = self._merged(addrs, sizes)
            if merged is not None:
                data, start, ok = merged
                start[~ok] = 0
                if len(data) >= size:
                    out = np.lib.stride_tricks.sliding_window_view(data, size)[start]
            else:
                self._running(addrs, sizes, _hosts(out, np.arange(n, dtype=np.uint64) * np.uint64(size)), ok)
        elif (stored := getattr(self.space, "gather", None)) is not None:
            stored(addrs, size, out, ok)
        else:
            good = np.zeros(n, np.uint8)
            self._space().gather(np.ascontiguousarray(addrs), size, out.reshape(-1), good)
            ok[:] = good.astype(bool)
        for i in np.flatnonzero(~ok).tolist():
            self._one(int(addrs[i]), out[i : i + 1], ok[i : i + 1])
        return out, ok

    def _one(self, addr: int, out: U8, ok: Bools) -> None:
        try:
            out[0] = np.frombuffer(self.read(addr, out.shape[1]), np.uint8)
            ok[0] = True
        except ReadError:
            ok[0] = False

    def pieces(self, addrs: U64, sizes: U64, *, packed: bool = False) -> tuple[U8, I64, Bools]:
        """Pieces of different sizes: (bytes, where in them each begins, which were there). ``packed``: one
        right behind the other, in their order."""
        n = len(addrs)
        if n and int(sizes.max()) > MOST:
            raise GosnapError(f"a value of {int(sizes.max()):,} bytes", "ask for a part of it: NAME[:100]")
        start = np.zeros(n + 1, np.int64)
        np.cumsum(sizes.astype(np.int64), out=start[1:])
        _bound(int(start[-1]))
        ok = sizes == 0
        todo = np.flatnonzero(~ok)
        if not packed:
            merged = self._merged(addrs[todo], sizes[todo])
            if merged is not None and merged[2].all():
                start[:] = 0
                start[todo] = merged[1]
                return merged[0], start[:-1], np.ones(n, bool)
        out = np.zeros(int(start[-1]), np.uint8)
        if len(todo) > 1 and isinstance(self.space, RunningSpace):
            some = np.zeros(len(todo), bool)
            self._running(addrs[todo], sizes[todo], _hosts(out, start[:-1][todo].astype(np.uint64)), some)
            ok[todo] = some
            todo = todo[~some]
        for i in todo.tolist():
            try:
                raw = self.read(int(addrs[i]), int(sizes[i]))
            except ReadError:
                continue
            out[int(start[i]) : int(start[i + 1])] = np.frombuffer(raw, np.uint8)
            ok[i] = True
        return out, start[:-1], ok

    def _merged(self, addrs: U64, sizes: U64) -> tuple[U8, I64, Bools] | None:
        """The same of many small pieces, with what lies between neighbours: a slice's strings are often
        allocated side by side. None where that would be more than is worth it, or did not work."""
        if len(addrs) <= _WORTH_MERGING:
            return None
        order = np.argsort(addrs, kind="stable")
        low = addrs[order]
        if int(low[-1]) >= 1 << 47:
            return None
        high = np.maximum.accumulate(low + sizes[order])
        first = np.concatenate([[True], low[1:] > high[:-1] + np.uint64(_GAP)])
        rows = np.flatnonzero(first)
        begin, end = low[rows], high[np.append(rows[1:], len(low)) - 1]
        offset = np.zeros(len(rows) + 1, np.int64)
        np.cumsum((end - begin).astype(np.int64), out=offset[1:])
        if int(offset[-1]) > min(MOST, 8 * int(sizes.sum()) + (1 << 24)):
            return None
        data, there = np.zeros(int(offset[-1]), np.uint8), np.zeros(len(rows), bool)
        if isinstance(self.space, RunningSpace):
            self._running(begin, end - begin, _hosts(data, offset[:-1].astype(np.uint64)), there)
        else:
            self._one_by_one(begin, offset, data, there)
        run = np.cumsum(first) - 1
        start, ok = np.zeros(len(addrs), np.int64), np.zeros(len(addrs), bool)
        start[order] = offset[:-1][run] + (low - begin[run]).astype(np.int64)
        ok[order] = there[run]
        return data, start, ok

    def _one_by_one(self, addrs: U64, offset: I64, data: U8, ok: Bools) -> None:
        """Runs of what does not run: into ``data`` from ``offset[i]`` to ``offset[i + 1]``."""
        for i, (addr, low, high) in enumerate(
            zip(addrs.tolist(), offset[:-1].tolist(), offset[1:].tolist(), strict=True)
        ):
            try:
                data[low:high] = np.frombuffer(self.space.read(addr, high - low), np.uint8)
            except ReadError:
                return
            ok[i] = True

    def _space(self) -> Space:
        if self._kernel is None:
            from gosnap.goruntime.spans import kernel_space

            self._kernel = kernel_space(self.space)
        return self._kernel

    def _running(self, addrs: U64, sizes: U64, hosts: U64, ok: Bools) -> None:
        """Copy what lies in one readable mapping each; what does not is left to be read one by one."""
        assert isinstance(self.space, RunningSpace)
        for again in (True, False):
            maps = self.space.mappings
            readable = np.array([p[0] == "r" for p in maps.perms], bool)
            low, high = (np.asarray(column, np.uint64) for column in (maps.start, maps.end))
            row = np.searchsorted(high, addrs, side="right")
            inside = row < len(maps)
            row[~inside] = 0
            inside &= (low[row] <= addrs) & readable[row]
            inside &= high[row] - addrs >= sizes
            if inside.all() or not again or not self._renew():
                break
        which = np.flatnonzero(inside)
        columns = (np.ascontiguousarray(c[which]) for c in (addrs, hosts, sizes))
        if not len(which) or self.space.copy(*columns):
            # a mapping that went, or a page that cannot be had: which one, single reads tell
            return
        ok[which] = True

    def steady(self, read: Callable[[], T], same: Callable[[T, T], bool]) -> tuple[T, bool]:
        """What ``read`` returns twice in a row, and True; after TRIES reads that differ the last, and
        False."""
        found = read()
        if not self.live:
            return found, True
        for _ in range(TRIES):
            again = read()
            if same(found, again):
                return again, True
            found = again
        return found, False


def _bound(size: int) -> None:
    if size > MOST:
        raise GosnapError(
            f"a value of {size:,} bytes", "ask for a part of it: NAME[:100], or for fewer with --max-items"
        )


def _hosts(out: U8, offset: U64) -> U64:
    return np.uint64(out.ctypes.data) + offset
