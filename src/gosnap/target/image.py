"""What a capture yields: the bytes, the threads, and the facts about the process at that instant."""

from __future__ import annotations

from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from gosnap.target.space import U64, AddressSpace

REGISTERS = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
    *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
)
"""Columns of Threads.registers: struct user_regs_struct of x86-64 (<sys/user.h>)."""

PAGE_FILE, PAGE_PRESENT, PAGE_SWAPPED, PAGE_ZERO, PAGE_HUGE = 4, 8, 16, 32, 64
"""Flags of a resident page: the categories of PAGEMAP_SCAN (<linux/fs.h>, Linux 6.7)."""


@dataclass
class Mappings:
    """/proc/PID/maps, as columns; for a core what its headers and NT_FILE say. Of a process that is read as
    it runs, columns are arrays of Python's own."""

    start: U64
    end: U64
    perms: list[str]
    """As in /proc/PID/maps: "rw-p"."""
    offset: U64
    inode: U64
    path: list[str]

    def __len__(self) -> int:
        return len(self.perms)


@dataclass
class Threads:
    """The threads at the stop."""

    tid: npt.NDArray[np.int64]
    registers: U64
    """(n, 27), columns REGISTERS."""

    def __len__(self) -> int:
        return len(self.tid)

    def register(self, name: str) -> U64:
        """One register of every thread."""
        column: U64 = self.registers[:, REGISTERS.index(name)]
        return column


@dataclass
class Limits:
    """The memory limit that the process lives under; None where there is none or it cannot be read."""

    cgroup: str = ""
    limit_bytes: int | None = None
    usage_bytes: int | None = None
    cache_bytes: int = 0
    """The part of the usage that is file cache, which the kernel takes back when it needs to."""
    version: int = 0


@dataclass
class Resident:
    """Runs of pages that had memory (or swap) behind them at the stop, over all mappings."""

    start: U64
    end: U64
    flags: U64
    """PAGE_FILE | PAGE_PRESENT | PAGE_SWAPPED | PAGE_ZERO | PAGE_HUGE."""


@dataclass
class Image:
    """A target at one instant. Whatever a source cannot know is None (a core has no page table)."""

    space: AddressSpace
    source: str
    """"live", "fork" or "core"."""
    pid: int
    program: str
    exe_path: str
    """Opens the executable now: /proc/PID/exe while the process lives."""
    exe_label: str
    """What to print: the path as the process knew it."""
    cmdline: list[str]
    mappings: Mappings
    threads: Threads
    taken_at: str
    """UTC, ISO 8601."""
    monotonic_ns: int = 0
    """The same moment by CLOCK_MONOTONIC (runtime.nanotime); 0 for a core, which has no clock."""
    resident: Resident | None = None
    """For a core: what it holds but pages of zeros."""
    rss_bytes: int | None = None
    swap_bytes: int | None = None
    pause_us: int = 0
    timings_us: dict[str, int] = field(default_factory=dict)
    copied_bytes: int = 0
    unread_bytes: int = 0
    """Bytes inside copied mappings that had no page behind them; they read as zero."""
    mirror_bytes: int = 0
    """Memory of ours that holds the copy."""
    limits: Limits = field(default_factory=Limits)
    kernel: str = ""
    hostname: str = ""
    notes: list[str] = field(default_factory=list)
    """What a person should know about how this was taken (a fallback, say)."""
