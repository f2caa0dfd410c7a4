"""A snapshot of a running process: reserve and prefault, stop, copy, let go, and only then the rest."""

import errno
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gosnap._kernels import copy
from gosnap.binary import elfhead
from gosnap.binary.elf import ElfFile
from gosnap.binary.gofile import has_pclntab
from gosnap.errors import GosnapError
from gosnap.target import pages, procfs
from gosnap.target.image import PAGE_FILE, PAGE_PRESENT, PAGE_ZERO, Image, Mappings, Resident, Threads
from gosnap.target.mirror import Mirror, check_memory
from gosnap.target.reserve import Reserve
from gosnap.target.space import U64, AddressSpace
from gosnap.target.stop import moment_now, run_stopped

Progress = Callable[[str, int, int], None]
"""Called with (phase, done, all); bytes, or 0 of 0 where a phase has no measure."""


@dataclass
class Wanted:
    """The mappings that a snapshot holds, as rows of a Mappings table."""

    low: U64
    high: U64
    writable: npt.NDArray[np.bool_]
    """bool: private and writable; else read-only, of which only pages of the process's own are copied in the
    stop."""
    file: list[int]
    """Row of the mapping when a file lies under it, else -1."""
    regions: list[tuple[int, int]]
    """The same, with neighbours joined."""


@dataclass
class Plan:
    """What is copied: the runs there, their places here, and the regions that result."""

    source: U64
    target: U64
    length: U64
    parts: list[Reserve]
    wanted: Wanted
    mappings: Mappings
    resident: Resident


@dataclass
class Clock:
    """Time by phase, in µs."""

    us: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = copy.monotonic()
        try:
            yield
        finally:
            self.us[name] = self.us.get(name, 0) + round((copy.monotonic() - began) * 1e6)


def choose(mappings: Mappings, code_in_text: bool = False) -> Wanted:
    """Private writable mappings; private read-only ones that are anonymous or belong to a mapped ELF module.

    A module is a file that is also mapped executable: the program, plugins, shared libraries. Shared
    mappings, devices and the kernel's own pages are left out. Text is left out too, unless
    ``code_in_text``: some linkers put read-only
    data and text into one segment.
    """
    modules = {
        int(inode)
        for inode, perms in zip(mappings.inode, mappings.perms, strict=True)
        if inode and perms[2] == "x"
    }
    rows: list[tuple[int, int, bool, int]] = []
    regions: list[tuple[int, int]] = []
    for i, perms in enumerate(mappings.perms):
        path, inode = mappings.path[i], int(mappings.inode[i])
        if perms[0] != "r" or perms[3] != "p" or path in procfs.NOT_MEMORY or path == "[vdso]":
            continue
        if path.startswith("/dev/") and path != "/dev/zero":
            continue
        low, high = int(mappings.start[i]), int(mappings.end[i])
        if high > 1 << 56:
            continue
        if perms[1] != "w":
            if inode and inode not in modules:
                continue
            if perms[2] == "x" and not (inode and code_in_text):
                continue
        rows.append((low, high, perms[1] == "w", i if inode else -1))
        if regions and regions[-1][1] == low:
            regions[-1] = (regions[-1][0], high)
        else:
            regions.append((low, high))
    return Wanted(
        low=np.array([r[0] for r in rows], dtype=np.uint64),
        high=np.array([r[1] for r in rows], dtype=np.uint64),
        writable=np.array([r[2] for r in rows], dtype=bool),
        file=[r[3] for r in rows],
        regions=regions,
    )


def select(wanted: Wanted, resident: Resident) -> tuple[U64, U64]:
    """The runs to copy in the stop: what differs from zero and from the file below."""
    start, end, run, which = pages.clip(resident.start, resident.end, wanted.low, wanted.high)
    flags = resident.flags[run]
    keep = (flags & PAGE_ZERO) == 0
    # Unwritten pages of a read-only file mapping are the file's: read later, from the file.
    keep &= wanted.writable[which] | ((flags & PAGE_FILE) == 0)
    return _join_runs(start[keep], end[keep])


def _join_runs(start: U64, end: U64) -> tuple[U64, U64]:
    if not len(start):
        return start, end
    cut = np.flatnonzero(start[1:] != end[:-1])
    return start[np.concatenate(([0], cut + 1))], end[np.concatenate((cut, [len(end) - 1]))]


def plan(mirror: Mirror, mappings: Mappings, resident: Resident, code_in_text: bool) -> Plan:
    """Places for everything that is to be copied, in what the mirror has reserved."""
    wanted = choose(mappings, code_in_text)
    start, end = select(wanted, resident)
    parts = [p for low, high in wanted.regions for p in mirror.cover(low, high, start, end)]
    low = np.array([p.start for p in parts], dtype=np.uint64)
    high = np.array([p.end for p in parts], dtype=np.uint64)
    shift = np.array([(p.host - p.start) % (1 << 64) for p in parts], dtype=np.uint64)
    s, e, _, which = pages.clip(start, end, low, high)
    return Plan(s, s + shift[which], e - s, parts, wanted, mappings, resident)


Copier = Callable[[Plan, int, int, float], tuple[int, int]]
"""Copies the ranges [first, last) of a plan before a deadline: (bytes copied, bytes that had no page)."""


def from_process(pid: int) -> Copier:
    """Reads a stopped process, the fast way."""
    return lambda p, first, last, deadline: copy.copy_ranges(
        pid, p.source, p.target, p.length, first, last, deadline
    )


def from_memory_file(fd: int) -> Copier:
    """Reads a clone through its open /proc/PID/mem, which leaves its pages shared with the target."""
    return lambda p, first, last, deadline: copy.copy_from_file(
        fd, p.source, p.target, p.length, first, last, deadline
    )


def copy_planned(pid: int, p: Plan, deadline: float, copier: Copier) -> tuple[int, int]:
    """Copies with two threads; (bytes copied, bytes that had no page)."""
    filled = np.cumsum(p.length)
    whole = int(filled[-1]) if len(filled) else 0
    half = int(np.searchsorted(filled, whole // 2))
    results: list[tuple[int, int]] = []
    errors: list[OSError] = []

    def part(first: int, last: int) -> None:
        try:
            results.append(copier(p, first, last, deadline))
        except OSError as e:
            errors.append(e)

    if whole < 8 << 20:
        part(0, len(p.length))
    else:
        other = threading.Thread(target=part, args=(half, len(p.length)), daemon=True)
        other.start()
        part(0, half)
        other.join()
    if errors:
        if errors[0].errno == errno.ETIMEDOUT:
            raise GosnapError(
                f"process {pid}: the copy took longer than its bound; the process runs on",
                "the machine is too busy or swaps; try again later, or with --fork",
            )
        raise errors[0]
    return sum(r[0] for r in results), sum(r[1] for r in results)


def read_threads(tracer: copy.Tracer) -> Threads:
    """Registers of every stopped thread."""
    tids = tracer.tids()
    registers = np.zeros((len(tids), 27), dtype=np.uint64)
    kept: list[int] = []
    for tid in tids:
        try:
            tracer.registers(tid, registers[len(kept)])
        except OSError:
            continue  # killed since
        kept.append(tid)
    return Threads(np.array(kept, dtype=np.int64), registers[: len(kept)])


@dataclass
class Session:
    """One capture on its way."""

    pid: int
    progress: Progress
    clock: Clock
    mirror: Mirror
    scanner: pages.Scanner
    program: str
    exe_path: str
    exe_label: str
    code_in_text: bool
    begun: int
    notes: list[str] = field(default_factory=list)
    rss: int | None = None
    needed: int = 0
    """Bytes that the first scan found to copy."""

    def look(self) -> tuple[Mappings, Resident]:
        """Maps and page table as they are now."""
        mappings = procfs.read_maps(self.pid)
        if not mappings.path:
            # killed, and not yet reaped: its files are there, its memory is not
            raise procfs.exited(self.pid)
        try:
            return mappings, self.scanner.scan(mappings)
        except OSError as e:
            if e.errno in {errno.ESRCH, errno.EIO, errno.ENOENT}:
                raise procfs.exited(self.pid) from None
            raise

    def same(self) -> None:
        """Raises when another program was started in this process, or another process got its number."""
        if procfs.start_time(self.pid) != self.begun:
            raise procfs.exited(self.pid)
        try:
            label = str(Path(f"/proc/{self.pid}/exe").readlink())
        except OSError as e:
            raise procfs.lost(self.pid, e) from None
        if label != self.exe_label:
            raise GosnapError(
                f"process {self.pid} became another program during the capture ({self.exe_label} -> {label})",
                "take it again",
            )


def open_session(pid: int, progress: Progress | None) -> Session:
    """Everything that can be refused is refused here, before the target is touched."""
    procfs.check(pid)
    begun = procfs.start_time(pid)
    exe = f"/proc/{pid}/exe"
    try:
        label = str(Path(exe).readlink())
        head = go_head(exe, label)
    except PermissionError:
        raise procfs.permission_error(pid) from None
    except OSError as e:
        raise procfs.lost(pid, e) from None
    if head is None:
        raise GosnapError(
            f"process {pid} ({label}) is not a Go program: its executable has neither Go build information "
            "nor a table of functions",
            "`gosnap ps` lists the Go processes here",
        )
    loads = [s for s in head.segments if s.type == elfhead.PT_LOAD]
    readonly = [s for s in loads if s.flags == elfhead.PF_R and s.filesz > 1 << 16]
    try:
        scanner = pages.Scanner(pid)
    except PermissionError:
        raise procfs.permission_error(pid) from None
    except OSError as e:
        raise procfs.lost(pid, e) from None
    return Session(
        pid=pid,
        progress=progress or (lambda _phase, _done, _all: None),
        clock=Clock(),
        mirror=Mirror(),
        scanner=scanner,
        program=Path(label.removesuffix(" (deleted)")).name,
        exe_path=exe,
        exe_label=label,
        code_in_text=not readonly,
        begun=begun,
    )


def go_head(exe: str, label: str) -> elfhead.ElfHead | None:
    """The headers of an executable that Go's linker made; None for others. OSError where there is none."""
    with open(exe, "rb") as f:
        if elfhead.go_facts(exe, label) is not None:
            return elfhead.read_head(f, label)
    try:
        elf = ElfFile.open(exe, label)
    except GosnapError:
        return None
    return elf.head if has_pclntab(elf) else None


def prepare(s: Session) -> None:
    """Reserves and prefaults memory for what the process has now."""
    s.progress("prepare", 0, 0)
    with s.clock.phase("scan_before"):
        mappings, resident = s.look()
    # a fallback prepares again, for what the process has by then
    s.mirror = Mirror()
    wanted = choose(mappings, s.code_in_text)
    start, end = select(wanted, resident)
    needed = s.needed = pages.total(start, end)
    check_memory(needed)
    with s.clock.phase("prefault"):
        s.mirror.plan(wanted.regions, start, end)
        s.mirror.prefault(start, end)
    s.progress("prepare", needed, needed)


def fill_from_files(s: Session, p: Plan) -> int:
    """Puts file contents where the process never wrote: into read-only data and untouched pages of data
    segments.

    These bytes cannot have changed: a mapped executable cannot be written to (ETXTBSY), and a written page
    is the process's own, copied in the stop.
    """
    filled = 0
    files: dict[int, int | None] = {}
    copied_end = p.source + p.length
    try:
        for low, high, row in zip(p.wanted.low.tolist(), p.wanted.high.tolist(), p.wanted.file, strict=True):
            if row < 0:
                continue
            inode = int(p.mappings.inode[row])
            if inode not in files:
                files[inode] = _open_mapped(s, p.mappings, row)
            fd = files[inode]
            for part in p.parts:
                if part.start >= high or part.end <= low:
                    continue
                for a, b in pages.subtract(max(low, part.start), min(high, part.end), p.source, copied_end):
                    host = part.host + a - part.start
                    if fd is not None:
                        filled += copy.read_file(fd, int(p.mappings.offset[row]) + a - low, host, b - a)
                    else:
                        filled += _from_process(s, a, b, host)
    finally:
        for fd in files.values():
            if fd is not None:
                os.close(fd)
    return filled


def _from_process(s: Session, low: int, high: int, host: int) -> int:
    one = [np.array([v], dtype=np.uint64) for v in (low, host, high - low)]
    try:
        return copy.copy_ranges(s.pid, one[0], one[1], one[2], 0, 1, 0.0)[0]
    except OSError:
        s.notes.append(
            f"{high - low:,} bytes of a file mapping at {low:#x} could not be read; they read as zero"
        )
        return 0


def _open_mapped(s: Session, mappings: Mappings, row: int) -> int | None:
    """Opens the very file that is mapped, even when its name is gone or names another file by now."""
    name = f"{int(mappings.start[row]):x}-{int(mappings.end[row]):x}"
    path = mappings.path[row]
    for candidate in (
        f"/proc/{s.pid}/map_files/{name}",
        s.exe_path if path == s.exe_label else "",
        f"/proc/{s.pid}/root{path}",
    ):
        if not candidate:
            continue
        try:
            fd = os.open(candidate, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            continue
        if os.fstat(fd).st_ino == int(mappings.inode[row]):
            return fd
        os.close(fd)
    return None


def count_rss(mappings: Mappings, resident: Resident) -> tuple[int, int]:
    """(resident bytes, swapped bytes) from the page runs; the kernel's own mappings and devices do not
    count."""
    counted = np.array([procfs.is_memory(path) for path in mappings.path], dtype=bool)
    start, end, run, _ = pages.clip(
        resident.start, resident.end, mappings.start[counted], mappings.end[counted]
    )
    flags = resident.flags[run]
    present = ((flags & PAGE_PRESENT) != 0) & ((flags & PAGE_ZERO) == 0)
    swapped = (flags & PAGE_PRESENT) == 0
    return pages.total(start[present], end[present]), pages.total(start[swapped], end[swapped])


def finish(
    s: Session,
    p: Plan,
    threads: Threads,
    *,
    source: str,
    moment: tuple[str, int],
    pause_us: int,
    copied: int,
    unread: int,
) -> Image:
    """The image, once the process runs again."""
    s.progress("files", 0, 0)
    with s.clock.phase("files"):
        fill_from_files(s, p)
    space = AddressSpace(
        (low, high)
        for low, high, w, f in zip(
            p.wanted.low.tolist(),
            p.wanted.high.tolist(),
            p.wanted.writable.tolist(),
            p.wanted.file,
            strict=True,
        )
        if w and f < 0
    )
    for part in p.parts:
        space.add_host(part.start, part.end - part.start, part.host, part.owner)
    rss, swap = count_rss(p.mappings, p.resident)
    s.scanner.close()
    return Image(
        space=space,
        source=source,
        pid=s.pid,
        program=s.program,
        exe_path=s.exe_path,
        exe_label=s.exe_label,
        cmdline=procfs.cmdline(s.pid),
        mappings=p.mappings,
        threads=threads,
        taken_at=moment[0],
        monotonic_ns=moment[1],
        resident=p.resident,
        rss_bytes=rss if s.rss is None else s.rss,
        swap_bytes=swap,
        pause_us=pause_us,
        timings_us=s.clock.us,
        copied_bytes=copied,
        unread_bytes=unread,
        mirror_bytes=copied,
        limits=procfs.limits(s.pid),
        kernel=platform.release(),
        hostname=platform.node(),
        notes=s.notes,
    )


def copy_bound(s: Session) -> float:
    """Seconds that a copy may take before the target is let go: far below any copy that works (3 GB/s)."""
    return 5.0 + s.needed / 100e6


def capture_plain(s: Session) -> Image:
    """Stop, copy, let go."""
    with s.clock.phase("prepare"):
        prepare(s)
    taken: list[tuple[str, int]] = []

    def stopped(tracer: copy.Tracer) -> tuple[Plan, Threads, int, int]:
        taken.append(moment_now())
        s.clock.us["stop"] = round((copy.monotonic() - tracer.first_stop) * 1e6)
        s.same()
        with s.clock.phase("scan"):
            mappings, resident = s.look()
            if not s.scanner.exact:
                s.rss = procfs.rollup_bytes(s.pid, "Rss")
        with s.clock.phase("plan"):
            p = plan(s.mirror, mappings, resident, s.code_in_text)
            threads = read_threads(tracer)
        with s.clock.phase("copy"):
            deadline = copy.monotonic() + copy_bound(s)
            copied, unread = copy_planned(s.pid, p, deadline, from_process(s.pid))
        return p, threads, copied, unread

    s.progress("copy", 0, 0)
    (p, threads, copied, unread), tracer, ended = run_stopped(s.pid, stopped, watchdog=copy_bound(s) + 10.0)
    pause = round((ended - tracer.first_stop) * 1e6)
    return finish(s, p, threads, source="live", moment=taken[0], pause_us=pause, copied=copied, unread=unread)


def capture(pid: int, *, fork: bool = False, progress: Progress | None = None) -> Image:
    """A snapshot of a running Go process; GosnapError where that is not possible.

    The process is stopped while its memory is copied (about 0.3 s per GB), or with ``fork`` only while the
    kernel makes a copy-on-write clone of it, from which the bytes are then read.
    """
    s = open_session(pid, progress)
    try:
        if fork:
            from gosnap.target.forked import capture_forked

            return capture_forked(s)
        return capture_plain(s)
    except OSError as e:
        if e.errno == errno.ESRCH or not procfs.status(pid):
            raise procfs.exited(pid) from None
        if e.errno in {errno.EPERM, errno.EACCES}:
            raise procfs.permission_error(pid) from None
        raise GosnapError(f"process {pid}: {e.strerror or e}") from None
    finally:
        s.scanner.close()
