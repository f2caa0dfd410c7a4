"""A heap profile rebuilt from the runtime's memory: what runtime/pprof would write, as columns."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from gosnap._kernels.callsites import labels, minus
from gosnap.binary.elf import ElfFile
from gosnap.errors import GosnapError, NoProfileError
from gosnap.goruntime.callsites import CallSites, call_sites, executable_rows
from gosnap.goruntime.mprof import Buckets, State, estimates, published, read_buckets
from gosnap.target.peek import RunningSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gosnap.goruntime.mprof import View
    from gosnap.goruntime.program import GoProgram

_DELETED = " (deleted)"


@dataclass(frozen=True)
class Mapping:
    """An executable mapping, as /proc/PID/maps had it."""

    start: int
    limit: int
    offset: int
    file: str
    build_id: str
    """The GNU build id of its file, hexadecimal; "" where it has none."""


@dataclass
class HeapProfile:
    """Samples by row, newest bucket first, as the runtime lists them: stack ``sites.stack[i]``, size, counts.

    ``size``: bytes of each object, u64. ``allocs``, ``frees``: i64[n * 4], see ``mprof.Buckets``. Rows that
    count nothing are there, too: runtime/pprof writes them. Columns are buffers: memoryviews, or arrays of
    numpy.
    """

    state: State
    size: Any
    allocs: Any
    frees: Any
    sites: CallSites
    mappings: list[Mapping]
    total_bytes: bool
    """See ``mprof.Buckets``."""
    time_nanos: int
    """When it was read, UTC, since 1970."""
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.size)

    def values(self, view: View) -> tuple[memoryview, memoryview, memoryview, memoryview]:
        """alloc_objects, alloc_space, inuse_objects, inuse_space: estimates as runtime/pprof makes them,
        i64."""
        allocs, frees = published(self.allocs, self.frees, self.state.cycle, view)
        rate = self.state.rate
        return (
            *estimates(allocs, self.size, rate, self.total_bytes),
            *estimates(minus(allocs, frees), self.size, rate, self.total_bytes),
        )

    def labels(self, view: View) -> memoryview:
        """The label "bytes" of each sample, 0 for none, i64: Go <= 1.26 has none where nothing was
        allocated."""
        if not self.total_bytes:
            return labels(self.size, None)
        return labels(self.size, published(self.allocs, self.frees, self.state.cycle, view)[0])


def read_heap_profile(program: GoProgram, buckets: Buckets | None = None) -> HeapProfile:
    """The heap profile of a program, from its memory; ``buckets`` if they have been read before.

    GosnapError where the program keeps none, with what to do about it.
    """
    if buckets is None:
        buckets = read_buckets(program)
    check_profiled(program.image.exe_label, buckets.state)
    notes = []
    if buckets.moving:
        notes.append(
            f"{buckets.moving:,} of {len(buckets):,} stacks were sampled while they were read; their newest "
            "counts are of moments within some milliseconds"
        )
    notes += doubts(program, buckets)
    return HeapProfile(
        state=buckets.state,
        size=buckets.size,
        allocs=buckets.allocs,
        frees=buckets.frees,
        sites=call_sites(program, buckets.start, buckets.pcs),
        mappings=_mappings(program),
        total_bytes=buckets.total_bytes,
        time_nanos=time.time_ns(),
        notes=notes,
    )


def doubts(program: GoProgram, buckets: Buckets) -> list[str]:
    """Why a reading may not be what the program means; none in a correct one."""
    out = [_being_written(program, buckets)] if buckets.held else []
    if buckets.damaged:
        out.append(f"{buckets.damaged:,} of {len(buckets):,} buckets contradict themselves")
    return out


def _being_written(program: GoProgram, buckets: Buckets) -> str:
    """What it means that locks of the profile were held."""
    what = "what is published" if buckets.held & 1 else "what is not published yet"
    if isinstance(program.space, RunningSpace):
        return (
            f"the memory profile was being written during each reading ({what}; is the process stopped?): "
            "one stack may be counted half"
        )
    return (
        f"the process was stopped as it wrote into its memory profile ({what}): one stack may be counted half"
    )


def check_profiled(label: str, state: State) -> None:
    """NoProfileError for a program that keeps no memory profile."""
    if state.disabled or (state.rate == 0 and not state.head):
        why = (
            "nothing in it reads one, so the linker turned it off (runtime.disableMemoryProfiling)"
            if state.disabled
            else "runtime.MemProfileRate is 0"
        )
        raise NoProfileError(
            f"{label}: keeps no memory profile: {why}",
            'import _ "net/http/pprof" (or "runtime/pprof") in it and leave runtime.MemProfileRate alone; '
            "without a profile, `gosnap capture` and `gosnap types FILE.gosnap` show what is in memory, and "
            "`gosnap paths` who holds it",
        )
    if not state.head:
        raise NoProfileError(
            f"{label}: its memory profile is empty: nothing was sampled yet "
            f"(one sample per {state.rate:,} bytes allocated)",
            "wait until it has allocated more; `gosnap capture`, then `gosnap types FILE` show all objects",
        )


def _mappings(program: GoProgram) -> list[Mapping]:
    m = program.image.mappings
    known: dict[str, str] = {}
    out = []
    for i in executable_rows(program):
        path = m.path[i].removesuffix(_DELETED)
        if path not in known:
            same = m.path[i].removesuffix(_DELETED) == program.image.exe_label.removesuffix(_DELETED)
            known[path] = program.elf.gnu_build_id or "" if same else _build_id(path)
        out.append(Mapping(int(m.start[i]), int(m.end[i]), int(m.offset[i]), path, known[path]))
    return out


def _build_id(path: str) -> str:
    """The GNU build id of a mapped file, "" where there is none to be had."""
    if not path.startswith("/"):
        return ""
    try:
        return ElfFile.open(path).gnu_build_id or ""
    except GosnapError:
        return ""
