"""Arithmetic on runs of pages, the mirror's plan, and the page table of this very process."""

import mmap
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap.errors import GosnapError
from gosnap.target import mirror, pages, procfs
from gosnap.target.image import PAGE_PRESENT, PAGE_ZERO
from gosnap.target.live import choose, count_rss, select

RUNS = st.lists(st.integers(0, 200), max_size=24, unique=True).map(
    lambda cuts: [(a, b) for a, b in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)]
)


def columns(runs: list[tuple[int, int]]) -> list[np.ndarray]:
    return [np.array([r[i] for r in runs], dtype=np.uint64) for i in (0, 1)]


def covered(runs: list[tuple[int, int]]) -> set[int]:
    return {a for s, e in runs for a in range(s, e)}


@given(RUNS, RUNS)
def test_clip_is_the_intersection(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    start, end, run, interval = pages.clip(*columns(a), *columns(b))
    got = list(zip(start.tolist(), end.tolist(), strict=True))
    assert covered(got) == covered(a) & covered(b)
    assert all(s < e for s, e in got) and got == sorted(got)
    for (s, e), i, j in zip(got, run.tolist(), interval.tolist(), strict=True):
        assert a[i][0] <= s and e <= a[i][1] and b[j][0] <= s and e <= b[j][1]


@given(RUNS, st.integers(0, 200), st.integers(0, 200))
def test_subtract_is_the_rest(runs: list[tuple[int, int]], low: int, high: int) -> None:
    assert covered(pages.subtract(low, high, *columns(runs))) == set(range(low, high)) - covered(runs)


def test_pieces_of_an_enormous_empty_region() -> None:
    start, end = columns([(1 << 40, (1 << 40) + 8192), ((1 << 40) + (1 << 30), (1 << 40) + (1 << 30) + 4096)])
    assert mirror.pieces(1 << 40, 1 << 43, start, end) == [
        (1 << 40, (1 << 40) + 8192),
        ((1 << 40) + (1 << 30), (1 << 40) + (1 << 30) + 4096),
    ]
    assert mirror.pieces(0, 1 << 43, *columns([])) == []
    assert mirror.pieces(1 << 40, (1 << 40) + (1 << 29), start, end) == [(1 << 40, (1 << 40) + (1 << 29))]


def test_mirror_covers_what_was_planned_and_what_was_not() -> None:
    m = mirror.Mirror()
    base = 0xC000000000
    start, end = columns([(base, base + 8192)])
    m.plan([(base, base + (4 << 20))], start, end)
    m.prefault(start, end)
    # It grew before the stop: still in one piece. A new mapping far away gets memory of its own.
    parts = m.cover(base, base + (64 << 20), start, end)
    assert [(p.start, p.end) for p in parts] == [(base, base + (64 << 20))]
    assert (parts[0].host - base) % (2 << 20) == 0
    far = 0x7F0000000000
    parts = m.cover(far, far + 4096, *columns([(far, far + 4096)]))
    assert [(p.start, p.end) for p in parts] == [(far, far + 4096)]


def test_a_copy_that_cannot_fit_is_refused() -> None:
    with pytest.raises(GosnapError, match="more than is free"):
        mirror.check_memory(1 << 60)


@pytest.mark.parametrize("ioctl", [True, False])
def test_scan_of_this_process(ioctl: bool) -> None:
    """Which pages were touched is known here; mincore and smaps know nothing finer."""
    scanner = pages.Scanner(os.getpid())
    if ioctl and not scanner.exact:
        pytest.skip("PAGEMAP_SCAN needs Linux 6.7")
    scanner.close()
    scanner = pages.Scanner(os.getpid(), ioctl=ioctl)
    area = mmap.mmap(-1, 4096 * 4000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        area.madvise(mmap.MADV_NOHUGEPAGE)
    base = int(np.frombuffer(area, dtype=np.uint8).ctypes.data)
    # More than 512 runs: there the kernel's own progress report goes back behind its last row.
    touched = list(range(0, 4000, 3))
    for page in touched:
        area[page * 4096] = 1
    _ = area[4096 * 1]  # read, never written: the zero page
    found = scanner.scan(procfs.read_maps(os.getpid()))
    scanner.close()
    assert (found.start[1:] >= found.end[:-1]).all()
    window = [np.array([v], dtype=np.uint64) for v in (base, base + 4096 * 4000)]
    start, end, run, _ = pages.clip(found.start, found.end, *window)
    flags = found.flags[run]
    assert ((flags & PAGE_PRESENT) != 0).all()
    if ioctl:
        start, end = start[(flags & PAGE_ZERO) == 0], end[(flags & PAGE_ZERO) == 0]
        assert [(int(s) - base) // 4096 for s in start] == touched
        assert pages.total(start, end) == len(touched) * 4096
    else:
        assert pages.total(start, end) == (len(touched) + 1) * 4096


MAPS = """\
00400000-004b1000 r-xp 00000000 fe:00 77                                 /srv/my server (deleted)
004b1000-0059e000 r--p 000b1000 fe:00 77                                 /srv/my server (deleted)
0059e000-005a9000 rw-p 0019e000 fe:00 77                                 /srv/my server (deleted)
005a9000-005f1000 rw-p 00000000 00:00 0
c000000000-c000400000 rw-p 00000000 00:00 0
c000400000-c004000000 ---p 00000000 00:00 0
7f0000000000-7f0000001000 rw-s 00000000 fe:00 78                         /tmp/shared
7f0000001000-7f0000002000 r--p 00000000 fe:00 79                         /usr/lib/locale/locale-archive
7f0000002000-7f0000003000 rw-p 00000000 00:05 80                         /dev/nvidia0
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
7ffd00022000-7ffd00026000 r--p 00000000 00:00 0                          [vvar]
7ffd00026000-7ffd00028000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""


def test_which_mappings_a_snapshot_holds() -> None:
    maps = procfs.parse_maps(MAPS)
    assert maps.path[0] == "/srv/my server (deleted)"
    assert maps.perms[5] == "---p" and int(maps.offset[2]) == 0x19E000 and int(maps.inode[7]) == 79
    wanted = choose(maps)
    assert wanted.regions == [
        (0x4B1000, 0x5F1000),
        (0xC000000000, 0xC000400000),
        (0x7FFD00000000, 0x7FFD00021000),
    ]
    assert wanted.writable.tolist() == [False, True, True, True, True]
    assert wanted.file == [1, 2, -1, -1, -1]
    assert choose(maps, code_in_text=True).regions[0] == (0x400000, 0x5F1000)


def test_which_pages_are_copied_and_counted() -> None:
    maps = procfs.parse_maps(MAPS)
    rows = [
        (0x4B1000, 0x4B2000, 4 | 8),  # the file's: read later
        (0x4B2000, 0x4B3000, 8),  # relocated: the process's own
        (0x59E000, 0x59F000, 4 | 8),  # data, read but not written
        (0xC000000000, 0xC000002000, 8),
        (0xC000002000, 0xC000003000, 8 | 32),  # the zero page
        (0xC000003000, 0xC000004000, 16),  # swapped out
        (0x7F0000000000, 0x7F0000001000, 4 | 8),
        (0x7FFD00022000, 0x7FFD00023000, 8),  # the kernel's own
    ]
    table = np.array(rows, dtype=np.uint64)
    from gosnap.target.image import Resident

    resident = Resident(*(np.ascontiguousarray(table[:, i]) for i in range(3)))
    start, end = select(choose(maps), resident)
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == [
        (0x4B2000, 0x4B3000),
        (0x59E000, 0x59F000),
        (0xC000000000, 0xC000002000),
        (0xC000003000, 0xC000004000),
    ]
    assert count_rss(maps, resident) == (6 * 4096, 4096)
