"""Stopping the threads of another process, scanning its pages and copying them (linux/amd64)."""

from typing import Any

Words = Any
"""A C-contiguous buffer of unsigned 64-bit words (a numpy u64 array)."""

class Tracer:
    """The threads of one process, stopped by PTRACE_SEIZE and PTRACE_INTERRUPT.

    One OS thread must make every call. When that thread ends, the kernel lets go of whatever is still held;
    this is the way out when a thread does not answer.
    """

    pid: int
    count: int
    failed_tid: int
    """The thread that refused or did not answer, after an OSError."""
    first_stop: float
    """CLOCK_MONOTONIC seconds just before the first thread was seized; 0.0 before that."""

    def __init__(self, pid: int) -> None: ...
    def stop(self, timeout: float) -> None:
        """Stops every thread, until no new one appears.

        OSError: ESRCH the process is gone, EPERM not allowed or traced by another, ETIMEDOUT a thread did
        not stop within ``timeout`` seconds (``failed_tid``).
        """
    def stop_one(self, tid: int, timeout: float) -> None:
        """Stops one thread; errors as ``stop``."""
    def tids(self) -> list[int]:
        """The stopped threads."""
    def signals(self) -> dict[int, tuple[int, int]]:
        """Per stopped thread: the signal it was about to take (0: none), the group stop it was in (0:
        none)."""
    def registers(self, tid: int, out: Words) -> None:
        """The 27 words of struct user_regs_struct (<sys/user.h>) of one stopped thread. OSError."""
    def detach(self) -> int:
        """Lets go of every stopped thread and gives its signal back; the number that never stopped. Never
        raises."""
    def inject(self, tid: int, saved: Words, work: Words, timeout: float) -> tuple[int, int]:
        """Runs the system call that ``work`` sets up (27 words), then writes ``saved`` into the registers.

        Returns (result of the call, pid of a child that it made or 0). The child is held by this tracer and
        is killed with it. OSError EAGAIN: a signal came first, nothing was run; its attribute ``child`` is
        a child to kill.
        """

def reap(pid: int, timeout: float) -> bool:
    """Collects, as its tracer, a child that was killed. True when its end was seen."""

def page_scan(fd: int, start: int, end: int, any_of: int, returned: int, out: Words) -> tuple[int, int]:
    """One PAGEMAP_SCAN ioctl (Linux 6.7) on /proc/PID/pagemap.

    Rows (start, end, categories) go into ``out`` (n, 3): the pages of [start, end) in any category of
    ``any_of``. Returns (rows written, address reached); call again from there until it is ``end``. OSError
    ENOTTY: no such ioctl.
    """

def pagemap_runs(fd: int, start: int, end: int, out: Words) -> tuple[int, int]:
    """The same from the words of /proc/PID/pagemap (Linux 4.2): PRESENT 8, SWAPPED 16, FILE 4."""

def copy_ranges(
    pid: int, source: Words, target: Words, length: Words, first: int, last: int, deadline: float
) -> tuple[int, int]:
    """process_vm_readv of the ranges [first, last): addresses there, addresses in our own memory, bytes.

    ``target`` must be valid, writable memory. Returns (bytes copied, bytes that have no page behind them
    and were left as they were). OSError: ESRCH the process is gone, EPERM, ETIMEDOUT past ``deadline``
    (``monotonic`` seconds; 0: none).
    """

def copy_from_file(
    fd: int, source: Words, target: Words, length: Words, first: int, last: int, deadline: float
) -> tuple[int, int]:
    """As ``copy_ranges``, by pread on an open /proc/PID/mem.

    process_vm_readv pins the pages that it reads, and since Linux 5.19 a pin of a page that is shared
    copy-on-write
    copies it first (mm/gup.c, gup_must_unshare): to read a clone that way would copy all of it, at the
    target's
    expense.
    """

def populate(address: int, size: int) -> int:
    """Makes pages of our own memory present and writable; 0, or the errno (EINVAL before Linux 5.14)."""

def advise(address: int, size: int, huge: bool) -> None:
    """MADV_HUGEPAGE or MADV_NOHUGEPAGE for our own memory; what the kernel says is ignored."""

def read_file(fd: int, offset: int, address: int, size: int) -> int:
    """pread into our own memory; the number of bytes, short at the file's end. OSError."""

def monotonic() -> float:
    """CLOCK_MONOTONIC in seconds."""
