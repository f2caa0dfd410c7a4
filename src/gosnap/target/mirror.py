"""Memory of ours that takes a target's pages at the same distances from each other as they have there."""

import errno
import threading

import numpy as np

from gosnap._kernels import copy
from gosnap.errors import GosnapError
from gosnap.target import pages, procfs
from gosnap.target.reserve import HUGE, Reserve, reserve
from gosnap.target.space import U64

_SLACK = 1 << 30
"""Address space kept behind a region, so that a heap that grows before the stop stays in one piece."""
_GROWING = 1 << 20
_SPARSE = 16
_SPLIT = 16 << 20
_LARGE = 1 << 30


class Mirror:
    """The copy's memory: reserves, prefaulted where the target has pages."""

    def __init__(self) -> None:
        self.reserves: list[Reserve] = []

    def plan(self, regions: list[tuple[int, int]], start: U64, end: U64) -> None:
        """Reserves address space for regions, of which the runs (start, end) will be filled."""
        for i, (low, high) in enumerate(regions):
            following = regions[i + 1][0] if i + 1 < len(regions) else 1 << 47
            for s, e in pieces(low, high, start, end):
                room = e
                if e == high:
                    room = min(high + (_SLACK if high - low >= _GROWING else 0), following)
                self.reserves.append(reserve(s, max(room, e)))

    def cover(self, low: int, high: int, start: U64, end: U64) -> list[Reserve]:
        """The reserves for [low, high), cut to it; new ones where pages lie that nothing was planned for."""
        parts: list[Reserve] = []
        at = low
        found = [r for r in self.reserves if r.start < high and low < r.end]
        for r in [*found, None]:
            stop = high if r is None else max(r.start, at)
            if at < stop:
                for s, e in pieces(at, stop, start, end):
                    new = reserve(s, e)
                    self.reserves.append(new)
                    parts.append(new)
            if r is not None:
                s, e = max(r.start, low), min(r.end, high)
                parts.append(Reserve(s, e, r.host + s - r.start, r.owner))
                at = e
        self.reserves.sort(key=lambda r: r.start)
        return parts

    def prefault(self, start: U64, end: U64) -> None:
        """Makes the pages for the runs present, as huge pages where the target's are dense."""
        low = np.array([r.start for r in self.reserves], dtype=np.uint64)
        high = np.array([r.end for r in self.reserves], dtype=np.uint64)
        shift = np.array([(r.host - r.start) % (1 << 64) for r in self.reserves], dtype=np.uint64)
        s, e, _, which = pages.clip(start, end, low, high)
        jobs = _jobs(s, e, low[which], high[which], shift[which])
        _run(jobs)


def pieces(low: int, high: int, start: U64, end: U64) -> list[tuple[int, int]]:
    """A region as it is, or, where it is enormous and mostly empty, only its inhabited parts.

    A race-enabled program maps terabytes of shadow memory; a mirror of that in one piece would not fit
    anywhere.
    """
    s, e, _, _ = pages.clip(start, end, np.array([low], np.uint64), np.array([high], np.uint64))
    if high - low <= _LARGE or pages.total(s, e) * _SPARSE >= high - low:
        return [(low, high)]
    if not len(s):
        return []
    cut = np.flatnonzero(s[1:] - e[:-1] >= _SPLIT)
    firsts = np.concatenate(([0], cut + 1))
    lasts = np.concatenate((cut, [len(s) - 1]))
    return [(int(s[a]), int(e[b])) for a, b in zip(firsts, lasts, strict=True)]


def _jobs(s: U64, e: U64, low: U64, high: U64, shift: U64) -> list[tuple[int, int, bool]]:
    """(our address, bytes, huge): chunks of 2 MiB that are three quarters full whole, the rest by runs."""
    if not len(s):
        return []
    first = s // HUGE
    count = ((e - 1) // HUGE - first + 1).astype(np.int64)
    run = np.repeat(np.arange(len(s)), count)
    within = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    chunk = first[run] + within.astype(np.uint64)
    cs = np.maximum(s[run], chunk * np.uint64(HUGE))
    ce = np.minimum(e[run], (chunk + np.uint64(1)) * np.uint64(HUGE))
    _, where = np.unique(chunk, return_inverse=True)
    filled = np.bincount(where, weights=(ce - cs).astype(np.float64))
    dense = filled[where] >= HUGE * 0.75
    # A chunk that sticks out of its reserve stays in small pages: huge ones would reach into foreign memory.
    dense &= (chunk * np.uint64(HUGE) >= low[run]) & ((chunk + np.uint64(1)) * np.uint64(HUGE) <= high[run])
    jobs: list[tuple[int, int, bool]] = []
    _, keep = np.unique(chunk[dense], return_index=True)
    big = (chunk[dense][keep] * np.uint64(HUGE) + shift[run][dense][keep]).tolist()
    for at in big:
        if jobs and jobs[-1][0] + jobs[-1][1] == at and jobs[-1][1] < 64 << 20:
            jobs[-1] = (jobs[-1][0], jobs[-1][1] + HUGE, True)
        else:
            jobs.append((at, HUGE, True))
    small = np.flatnonzero(~dense)
    for at, size in zip(
        (cs[small] + shift[run][small]).tolist(), (ce[small] - cs[small]).tolist(), strict=True
    ):
        jobs.append((at, size, False))
    return jobs


def _run(jobs: list[tuple[int, int, bool]]) -> None:
    failed: list[int] = []

    def work(mine: list[tuple[int, int, bool]]) -> None:
        for at, size, huge in mine:
            if failed:
                return
            if huge:
                copy.advise(at, size, True)
            err = copy.populate(at, size)
            if err == errno.EINVAL:
                return  # before Linux 5.14 the pages are made present by the copy itself
            if err and err != errno.EAGAIN:
                failed.append(err)

    other = threading.Thread(target=work, args=(jobs[1::2],), daemon=True)
    other.start()
    work(jobs[0::2])
    other.join()
    if failed:
        raise not_enough(sum(size for _, size, _ in jobs))


def not_enough(needed: int) -> GosnapError:
    """The error for a copy that does not fit into memory."""
    return GosnapError(
        f"the copy needs {needed / 1e6:,.0f} MB of memory, more than is free here",
        "free memory, or write a core (gcore) and run `gosnap capture CORE --exe FILE` on another machine",
    )


def check_memory(needed: int) -> None:
    """Raises before the target is touched when the copy would not fit: an OOM kill could hit the target."""
    if needed > procfs.memory_available():
        raise not_enough(needed)
    own = procfs.limits("self")
    if own.limit_bytes is None or own.usage_bytes is None:
        return
    free = own.limit_bytes - own.usage_bytes + own.cache_bytes
    if needed > free:
        raise GosnapError(
            f"the copy needs {needed / 1e6:,.0f} MB; gosnap's own memory limit (cgroup {own.cgroup}) leaves "
            f"{free / 1e6:,.0f} MB of {own.limit_bytes / 1e6:,.0f} MB",
            "run gosnap outside of that container or service, or raise its limit",
        )
