"""Where the RSS of a running program is, by the rows of ``gosnap info``, and its size classes."""

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.sizeclasses import PAGE_SIZE
from gosnap.goruntime.survey import I64, Survey, Surveyor
from gosnap.heap.regions import OBJECTS, InSpans, Pages, account, resident_pages
from gosnap.live.process import TargetGone
from gosnap.target import procfs
from gosnap.target.pages import Scanner
from gosnap.target.peek import RunningSpace


@dataclass
class MemoryMap:
    """One look at all spans and at the page table, some milliseconds apart.

    ``rows``: region, bytes (resident), virtual_bytes, note, as ``heap.regions`` has them.
    """

    rows: list[dict[str, Any]]
    rss_bytes: int
    classes: dict[str, I64]
    """See ``Survey.per_class``."""
    spans: int
    left_out: int


class MemoryMapper:
    """Looks at the memory of one process again and again; ``close`` lets go of its page table."""

    def __init__(self, program: GoProgram) -> None:
        self._program = program
        self._surveyor = Surveyor(program)
        pid = program.image.pid
        try:
            self._scanner = Scanner(pid)
        except PermissionError:
            raise procfs.permission_error(pid) from None
        except OSError:
            raise TargetGone(pid) from None

    def close(self) -> None:
        """The page table's file."""
        with contextlib.suppress(OSError):
            self._scanner.close()

    def look(self) -> MemoryMap:
        """GosnapError where the runtime's table of spans makes no sense, TargetGone when the process is."""
        image, space = self._program.image, self._program.space
        if not isinstance(space, RunningSpace):
            raise TypeError("the memory of running programs")
        space.renew()
        image.mappings = space.mappings
        table = self._surveyor.look()
        try:
            image.resident = self._scanner.scan(image.mappings)
        except OSError:
            raise TargetGone(image.pid) from None
        image.rss_bytes = procfs.rollup_bytes(image.pid, "Rss")
        pages = resident_pages(image)
        regions = account(self._program, pages, table, inside(table, pages))
        return MemoryMap(regions.rows, regions.rss_bytes, table.per_class(), len(table), table.left_out)


def inside(table: Survey, pages: Pages) -> InSpans:
    """What is resident of objects, by the count of each span: a span that is not wholly resident has not been
    used to its end, so what is there is objects first."""
    room = table.npages * np.uint64(PAGE_SIZE)
    resident = (pages.below(table.base + room) - pages.below(table.base)).astype(np.uint64)
    taken = np.minimum(table.objects * table.slot_bytes, room)
    held = np.minimum(taken, resident)
    objects = int(table.objects.sum())
    row = (OBJECTS, int(held.sum()), int(taken.sum()), f"{objects:,} objects, live or not yet collected")
    return InSpans([row], int(held.sum()), int(resident.sum()), int(taken.sum()))
