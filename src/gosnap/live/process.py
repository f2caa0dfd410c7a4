"""What the kernel says of the target at one moment: memory, limit, CPU time; whether it is still there."""

import os
from dataclasses import dataclass

from gosnap.errors import GosnapError
from gosnap.target import procfs

_TICKS = os.sysconf("SC_CLK_TCK")


class TargetGone(GosnapError):
    """The process has ended, or become another one: not a failure of a view, which keeps what it saw."""

    def __init__(self, pid: int, why: str = "has exited") -> None:
        super().__init__(f"process {pid} {why}", "`gosnap ps` lists the Go processes here")


@dataclass(frozen=True)
class ProcessFacts:
    """Bytes and counts, as /proc/PID/status, /proc/PID/stat and the cgroup's files have them."""

    rss_bytes: int
    """VmRSS; the kernel sums it up from counters per CPU, so it may lag by some pages."""
    swap_bytes: int
    threads: int
    cpu_ns: int
    """User and system time of all threads."""
    limit_bytes: int | None
    usage_bytes: int | None
    """Of the cgroup, without file cache that it can give back."""


class Process:
    """One process, told from a later one of the same number by when it began and by its executable."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._began = procfs.start_time(pid)
        self._exe = self._executable()

    def _executable(self) -> tuple[int, int]:
        try:
            st = os.stat(f"/proc/{self.pid}/exe")  # noqa: PTH116 (once a tick)
        except OSError:
            raise TargetGone(self.pid) from None
        return st.st_dev, st.st_ino

    def facts(self) -> ProcessFacts:
        """As of now. TargetGone when the process is."""
        stat = procfs.stat_fields(self.pid)
        if len(stat) < 20 or stat[0] in "ZX" or int(stat[19]) != self._began:
            raise TargetGone(self.pid)
        if self._executable() != self._exe:
            raise TargetGone(self.pid, "runs another program now (it called exec)")
        status = procfs.status(self.pid)
        if "VmRSS" not in status:
            raise TargetGone(self.pid)
        limits = procfs.limits(self.pid)
        usage = limits.usage_bytes
        return ProcessFacts(
            rss_bytes=_kib(status, "VmRSS"),
            swap_bytes=_kib(status, "VmSwap"),
            threads=int(status.get("Threads", "0")),
            cpu_ns=(int(stat[11]) + int(stat[12])) * 10**9 // _TICKS,
            limit_bytes=limits.limit_bytes,
            usage_bytes=None if usage is None else max(usage - limits.cache_bytes, 0),
        )

    def gone(self) -> bool:
        """Whether it is no more the process that it was."""
        try:
            self.facts()
        except TargetGone:
            return True
        return False


def _kib(status: dict[str, str], name: str) -> int:
    return int(status.get(name, "0").split()[0]) * 1024
