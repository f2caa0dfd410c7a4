"""The heartbeat target as the safety tests see it: its shared words, and what the kernel says about it."""

import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path

BEATS, WRONG, ROUNDS, USR1, CHLD, GAP, RESET = range(7)


class Heartbeat:
    """A running tests/targets/heartbeat."""

    def __init__(self, pid: int, file: Path) -> None:
        self.pid = pid
        with open(file, "rb") as f:
            self._map = mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ)

    def word(self, index: int) -> int:
        return int(struct.unpack_from("<Q", self._map, index * 8)[0])

    def at_least(self, index: int, value: int) -> bool:
        return self.word(index) >= value

    def next_beat(self, limit: float) -> float:
        """Seconds until it beats again; raises when it does not."""
        began, last = time.monotonic(), self.word(BEATS)
        while self.word(BEATS) == last:
            if time.monotonic() - began > limit:
                raise AssertionError(f"no heartbeat for {limit} s; threads: {self.states()}")
            time.sleep(0.0005)
        return time.monotonic() - began

    def states(self) -> dict[int, str]:
        """State letter and tracer of every thread."""
        out: dict[int, str] = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            text = (task / "status").read_text()
            fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            out[int(task.name)] = fields["State"][0] + ("" if fields["TracerPid"] == "0" else " traced")
        return out

    def stopped(self) -> bool:
        return any(s[0] in "tT" or "traced" in s for s in self.states().values())

    def traced(self) -> bool:
        return "TracerPid:\t0\n" not in Path(f"/proc/{self.pid}/status").read_text()

    def children(self) -> list[int]:
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
        return found


def until(what: Callable[[], bool], limit: float, message: str) -> None:
    """Polls for something that must come true."""
    deadline = time.monotonic() + limit
    while not what():
        assert time.monotonic() < deadline, message
        time.sleep(0.001)
