"""Stopping and copying a process whose memory is known: a Python child, no Go needed."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gosnap._kernels import copy
from gosnap.errors import GosnapError
from gosnap.target.stop import run_stopped

CHILD = """
import ctypes, mmap, sys, threading
m = mmap.mmap(-1, 64 * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, 64, 2):
    m[page * 4096 : (page + 1) * 4096] = bytes([page + 1]) * 4096
wait = threading.Event()
for _ in range(3):
    threading.Thread(target=wait.wait, daemon=True).start()
print(ctypes.addressof(ctypes.c_char.from_buffer(m)), flush=True)
for line in sys.stdin:
    print("here", flush=True)
"""


class Child:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.pid = process.pid
        assert process.stdout is not None
        self.address = int(process.stdout.readline())

    def answers(self) -> bool:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "here\n"


@pytest.fixture
def child() -> Iterator[Child]:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Child(process)
        process.kill()


def column(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def read(pid: int, ranges: list[tuple[int, int]]) -> tuple[bytes, int, int]:
    out = np.zeros(sum(n for _, n in ranges), dtype=np.uint8)
    places = np.cumsum([0, *(n for _, n in ranges)])[:-1] + out.ctypes.data
    got = copy.copy_ranges(
        pid,
        column(*(a for a, _ in ranges)),
        column(*places.tolist()),
        column(*(n for _, n in ranges)),
        0,
        len(ranges),
        0.0,
    )
    return out.tobytes(), *got


def test_known_bytes(child: Child) -> None:
    ranges = [(child.address + p * 4096, 4096) for p in range(0, 64, 2)] + [(child.address + 4090, 12)]
    raw, copied, skipped = read(child.pid, ranges)
    assert raw == b"".join(bytes([p + 1]) * 4096 for p in range(0, 64, 2)) + b"\1" * 6 + bytes(6)
    assert (copied, skipped) == (32 * 4096 + 12, 0)


def test_more_ranges_than_one_call_takes(child: Child) -> None:
    raw, copied, _ = read(child.pid, [(child.address + i % 4096, 3) for i in range(2000)])
    assert raw == b"\1" * 6000 or copied == 6000
    assert copied == 6000


def test_unmapped_pages_stay_zero(child: Child) -> None:
    raw, copied, skipped = read(
        child.pid, [(child.address, 16), (4096, 5000), (child.address, 16), (4096, 0)]
    )
    assert raw == b"\1" * 16 + bytes(5000) + b"\1" * 16
    assert (copied, skipped) == (32, 5000)


def test_bad_calls(child: Child) -> None:
    with pytest.raises(ValueError, match="bounds"):
        copy.copy_ranges(child.pid, column(1), column(1), column(1), 0, 2, 0.0)
    with pytest.raises(OSError) as e:
        copy.copy_ranges(2**22 - 1, column(4096), column(4096), column(8), 0, 1, 0.0)
    assert e.value.errno == errno.ESRCH
    with pytest.raises(ValueError, match="three words"):
        copy.page_scan(0, 0, 4096, 8, 8, np.zeros((4, 2), dtype=np.uint64))
    with pytest.raises(ValueError, match="27 words"):
        copy.Tracer(child.pid).registers(child.pid, np.zeros(3, dtype=np.uint64))


def test_deadline(child: Child) -> None:
    with pytest.raises(OSError) as e:
        # A moment long past: the first batch is still copied.
        ranges = [(child.address, 8)] * 5
        out = np.zeros(8, dtype=np.uint8)
        copy.copy_ranges(
            child.pid,
            column(*(a for a, _ in ranges)),
            column(*[out.ctypes.data] * 5),
            column(*[8] * 5),
            0,
            5,
            1e-9,
        )
    assert e.value.errno == errno.ETIMEDOUT


def tids(pid: int) -> list[int]:
    return sorted(int(p.name) for p in Path(f"/proc/{pid}/task").iterdir())


def states(pid: int) -> set[str]:
    out: set[str] = set()
    for tid in tids(pid):
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            out.add(f.read().rsplit(")", 1)[1].split()[0])
    return out


def test_stops_all_threads_and_lets_them_go(child: Child) -> None:
    def work(tracer: copy.Tracer) -> tuple[list[int], np.ndarray]:
        assert states(child.pid) == {"t"}
        rows = np.zeros((len(tracer.tids()), 27), dtype=np.uint64)
        for row, tid in zip(rows, tracer.tids(), strict=True):
            tracer.registers(tid, row)
        return tracer.tids(), rows

    (found, rows), tracer, ended = run_stopped(child.pid, work)
    assert sorted(found) == tids(child.pid) and len(found) == 4
    assert (rows[:, 16] != 0).all() and (rows[:, 19] != 0).all()  # rip, rsp
    assert tracer.first_stop <= ended
    assert "t" not in states(child.pid) and child.answers()


def test_an_error_in_the_stop_lets_it_go(child: Child) -> None:
    def work(tracer: copy.Tracer) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_stopped(child.pid, work)
    assert "t" not in states(child.pid) and child.answers()


def test_a_forgotten_tracer_lets_it_go(child: Child) -> None:
    """What the kernel does when the tracing thread ends, in whatever way."""
    kept: list[copy.Tracer] = []

    def forget() -> None:
        tracer = copy.Tracer(child.pid)
        tracer.stop(2.0)
        kept.append(tracer)

    thread = threading.Thread(target=forget)
    thread.start()
    thread.join()
    assert child.answers()
    assert "t" not in states(child.pid)


def test_a_tracer_that_is_there_already(child: Child) -> None:
    hold, held = threading.Event(), threading.Event()

    def other() -> None:
        tracer = copy.Tracer(child.pid)
        tracer.stop_one(child.pid, 2.0)
        held.set()
        hold.wait(10)
        tracer.detach()

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(10)
    try:
        with pytest.raises(GosnapError, match=rf"already traced by .* \(pid {os.getpid()}\)"):
            run_stopped(child.pid, lambda tracer: None)
    finally:
        hold.set()
        thread.join()
    assert child.answers()


def test_a_process_that_is_gone(child: Child) -> None:
    child.process.send_signal(signal.SIGKILL)
    child.process.wait()
    with pytest.raises(GosnapError, match="exited during the capture"):
        run_stopped(child.pid, lambda tracer: None)


def test_killed_while_it_is_stopped(child: Child) -> None:
    def work(tracer: copy.Tracer) -> None:
        child.process.send_signal(signal.SIGKILL)
        while True:  # until its memory is gone, which an OSError says
            read(child.pid, [(child.address, 8)])

    with pytest.raises(GosnapError, match="exited during the capture"):
        run_stopped(child.pid, work)
