"""Address space of ours that stands for a range of the target's."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field

from gosnap._kernels.callsites import address_of
from gosnap.errors import GosnapError
from gosnap.target.space import MAP_NORESERVE

HUGE = 2 << 20
"""Bytes of a huge page."""


@dataclass
class Reserve:
    """Address space in our process that stands for [start, end) of the target."""

    start: int
    end: int
    host: int
    owner: object = field(repr=False)


def reserve(start: int, end: int) -> Reserve:
    """Takes zero-filled address space for [start, end), not memory.

    Host and target address agree modulo 2 MiB, so that huge pages there can be huge pages here.
    """
    size = end - start
    try:
        area = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE, prot=3)
    except (OSError, ValueError, OverflowError):
        raise GosnapError(
            f"no address space for a copy of {size:,} bytes at {start:#x}",
            "raise `ulimit -v`, or set vm.overcommit_memory to 0 or 1",
        ) from None
    base = address_of(area)
    return Reserve(start, end, base + (start - base) % HUGE, area)
