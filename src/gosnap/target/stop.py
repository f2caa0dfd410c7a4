"""Stopping a process for as long as a function runs, and letting it go whatever happens.

The kernel detaches every traced thread when the *thread* that traces it ends, however it ends. So each stop
has an OS thread of its own: killed, crashed, or given up on, it leaves the target running (ptrace(2);
exit_ptrace in the kernel).
"""

import contextlib
import errno
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gosnap._kernels import copy
from gosnap.errors import GosnapError
from gosnap.target import procfs

T = TypeVar("T")

STOP_SECONDS = 2.0
"""How long a thread may take to answer. A stopped thread waits for the slowest one."""


def run_stopped(
    pid: int, work: Callable[[copy.Tracer], T], *, only: int = 0, watchdog: float = 30.0
) -> tuple[T, copy.Tracer, float]:
    """Stops a process (or its one thread ``only``), calls ``work``, lets it go: (result, tracer,
    CLOCK_MONOTONIC after).

    ``watchdog`` seconds later SIGALRM ends this process if it still holds the target: a hung gosnap must
    not hang a service. Programs that handle SIGALRM themselves keep their handler.
    """
    tracer = copy.Tracer(pid)
    result: list[T] = []
    error: list[BaseException] = []
    ended = [0.0]

    def body() -> None:
        try:
            if only:
                tracer.stop_one(only, STOP_SECONDS)
            else:
                tracer.stop(STOP_SECONDS)
            result.append(work(tracer))
        except OSError as e:
            error.append(_explain(pid, tracer, e))
        except BaseException as e:
            error.append(e)
        finally:
            tracer.detach()
            ended[0] = copy.monotonic()

    armed = signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    if armed:
        signal.setitimer(signal.ITIMER_REAL, watchdog)
    thread = threading.Thread(target=body, name="gosnap-stop", daemon=True)
    try:
        thread.start()
        _join(thread)
    finally:
        if armed:
            signal.setitimer(signal.ITIMER_REAL, 0)
    if error:
        raise error[0]
    return result[0], tracer, ended[0]


def _join(thread: threading.Thread) -> None:
    """An interrupt from the keyboard waits for the end of the stop, which is near, and then counts."""
    interrupted: KeyboardInterrupt | None = None
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt as e:
            interrupted = e
    if interrupted is not None:
        raise interrupted


def _explain(pid: int, tracer: copy.Tracer, e: OSError) -> GosnapError:
    if e.errno == errno.ESRCH or not procfs.status(pid):
        return procfs.exited(pid)
    if procfs.status(pid).get("State", "")[:1] in {"Z", "X"}:
        return procfs.exited(pid)
    if e.errno in {errno.EPERM, errno.EACCES}:
        return procfs.permission_error(pid)
    if e.errno == errno.ETIMEDOUT and tracer.failed_tid:
        tid = tracer.failed_tid
        where = ""
        with contextlib.suppress(OSError):
            where = Path(f"/proc/{pid}/task/{tid}/wchan").read_text().strip("\0\n 0")
        return GosnapError(
            f"thread {tid} of process {pid} did not stop within {STOP_SECONDS:g} s"
            + (f" (it waits in the kernel, {where})" if where else ""),
            "it waits uninterruptibly (a disk or network file system, say) or gets no CPU; try again later",
        )
    return GosnapError(f"process {pid}: {e.strerror or e} ({errno.errorcode.get(e.errno or 0, '?')})")


def utc_now() -> str:
    """ISO 8601 with milliseconds."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


def moment_now() -> tuple[str, int]:
    """``utc_now`` and the same moment by CLOCK_MONOTONIC, in nanoseconds."""
    return utc_now(), time.monotonic_ns()
