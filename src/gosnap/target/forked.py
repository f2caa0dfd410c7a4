"""A snapshot through a copy-on-write clone of the process: the stop lasts only as long as the clone takes.

The kernel makes the clone (a plain child process) when a thread of the target runs an injected ``clone``
call (see ``inject``). The child never runs: it is born stopped, dies with its tracer, and is collected by
an injected ``wait4``. Where any of this is not possible the copy is taken the plain way, and the image says
so.
"""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gosnap._kernels import copy
from gosnap.errors import GosnapError
from gosnap.target import inject, procfs
from gosnap.target.image import Image, Threads
from gosnap.target.live import (
    Plan,
    Session,
    capture_plain,
    copy_bound,
    copy_planned,
    finish,
    from_memory_file,
    from_process,
    plan,
    prepare,
    read_threads,
)
from gosnap.target.space import U64
from gosnap.target.stop import moment_now, run_stopped

_TRIES = 8
_LEAST_ROOM = 16 << 20
_NO_GUARD = "the process that would clean up after a crash of gosnap did not start"


class Guard:
    """A small process that collects the clone when this one dies before it could."""

    def __init__(self, pid: int) -> None:
        source = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(p for p in (source, os.environ.get("PYTHONPATH", "")) if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gosnap.target.guard", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": path},
        )

    def ready(self) -> bool:
        """Waits until the guard watches; False when it did not start."""
        assert self._process.stdout is not None
        return self._process.stdout.read(1) == b"R"

    def __enter__(self) -> "Guard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            if kind is None:
                self._process.stdin.write(b"D")
            self._process.stdin.close()
        except OSError:
            pass
        self._process.stdout.close()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class Taken:
    """What a stop yielded."""

    plan: Plan
    threads: Threads
    moment: tuple[str, int]
    pause_us: int
    copied: int
    unread: int
    child: int
    """The clone, dead and collected by us, not yet by the target; 0 for a plain copy."""


def obstacle(s: Session) -> str:
    """Why the target must not be cloned; empty when nothing speaks against it."""
    if procfs.status(s.pid).get("Seccomp", "0") != "0":
        return "it runs under a seccomp filter, which may end it for a system call that it does not expect"
    found = procfs.limits(s.pid)
    if found.limit_bytes is not None and found.usage_bytes is not None:
        free = found.limit_bytes - found.usage_bytes + found.cache_bytes
        # at the worst the target writes every page while the clone lives, and each is then copied first
        if free < max(s.needed // 2, _LEAST_ROOM):
            return (
                f"its memory limit (cgroup {found.cgroup}) leaves {free / 1e6:,.0f} MB, "
                "too little for pages that it writes meanwhile"
            )
    return ""


def capture_forked(s: Session) -> Image:
    """The image, by a clone where possible."""
    site = inject.find_clone(s.pid, s.exe_path, s.exe_label)
    why = obstacle(s) if site else "runtime.clone of this Go version is not known to gosnap"
    if why or site is None:
        return _plainly(s, why)
    try:
        guard_process = Guard(s.pid)
    except OSError as e:
        return _plainly(s, f"{_NO_GUARD} ({e.strerror})")
    with guard_process as guard:
        with s.clock.phase("prepare"):
            prepare(s)
        why = obstacle(s)
        if not why and not guard.ready():
            why = _NO_GUARD
        if why:
            return _plainly(s, why)
        taken = None
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            taken, _, _ = run_stopped(
                s.pid,
                lambda tracer, last=last: _stopped(s, tracer, site, last),  # type: ignore[misc]
                watchdog=copy_bound(s) + 10.0,
            )
            if taken is not None:
                break
            time.sleep(0.003)
        assert taken is not None
        if taken.child and not _collect(s, taken.child):
            s.notes.append(f"process {taken.child}, the dead clone, stays listed as a zombie of {s.pid}")
        return finish(
            s,
            taken.plan,
            taken.threads,
            source="fork" if taken.child else "live",
            moment=taken.moment,
            pause_us=taken.pause_us,
            copied=taken.copied,
            unread=taken.unread,
        )


def _plainly(s: Session, why: str) -> Image:
    s.notes.append(f"not cloned, copied while stopped: {why}")
    return capture_plain(s)


def _collect(s: Session, child: int) -> bool:
    with s.clock.phase("collect"):
        return inject.collect(s.pid, child, 2.0)


def _stopped(s: Session, tracer: copy.Tracer, site: inject.CloneSite, last: bool) -> Taken | None:
    """Runs on the tracing thread; None: no thread was in the right place, try again."""
    moment = moment_now()
    s.clock.us["stop"] = round((copy.monotonic() - tracer.first_stop) * 1e6)
    s.same()
    threads = read_threads(tracer)
    candidates = inject.parked(s.pid, tracer, threads.registers, threads.tid.tolist())
    if not candidates and not last:
        return None
    with s.clock.phase("scan"):
        mappings, resident = s.look()
        if not s.scanner.exact:
            s.rss = procfs.rollup_bytes(s.pid, "Rss")
    child, why = 0, "no thread waits in runtime.futex"
    with s.clock.phase("clone"):
        for i in candidates[:3]:
            child, why = _clone(tracer, int(threads.tid[i]), threads.registers[i], site)
            if child or why != "a signal came":
                break
    if child:
        tracer.detach()
        pause_us = round((copy.monotonic() - tracer.first_stop) * 1e6)
        memory = -1
        try:
            _prefer_for_oom(child)
            memory = os.open(f"/proc/{child}/mem", os.O_RDONLY | os.O_CLOEXEC)
            with s.clock.phase("plan"):
                p = plan(s.mirror, mappings, resident, s.code_in_text)
            with s.clock.phase("copy"):
                deadline = copy.monotonic() + copy_bound(s)
                copied, unread = copy_planned(child, p, deadline, from_memory_file(memory))
            # the memory of a process that was killed reads as nothing, without an error
            if procfs.stat_fields(child)[:1] not in (["t"], ["T"]):
                raise _killed(s)
        except OSError as e:
            if e.errno == errno.ESRCH:
                raise _killed(s) from None
            raise
        finally:
            if memory >= 0:
                os.close(memory)
            _end(child)
        return Taken(p, threads, moment, pause_us, copied, unread, child)
    s.notes.append(f"not cloned, copied while stopped: {why}")
    with s.clock.phase("plan"):
        p = plan(s.mirror, mappings, resident, s.code_in_text)
    with s.clock.phase("copy"):
        deadline = copy.monotonic() + copy_bound(s)
        copied, unread = copy_planned(s.pid, p, deadline, from_process(s.pid))
    tracer.detach()
    pause_us = round((copy.monotonic() - tracer.first_stop) * 1e6)
    return Taken(p, threads, moment, pause_us, copied, unread, 0)


def _killed(s: Session) -> GosnapError:
    return GosnapError(
        f"the clone of process {s.pid} was killed while it was read (out of memory?)",
        "take it again without --fork",
    )


def _clone(
    tracer: copy.Tracer,
    tid: int,
    row: U64,
    site: inject.CloneSite,
) -> tuple[int, str]:
    """(child, "") or (0, why not)."""
    try:
        result, child = tracer.inject(tid, inject.restarted(row), inject.clone_registers(row, site), 5.0)
    except OSError as e:
        born = int(getattr(e, "child", 0))
        if born:
            _end(born)
        if e.errno == errno.EAGAIN:
            return 0, "a signal came"
        if e.errno == errno.ESRCH:
            raise
        return 0, f"the injected clone failed ({e.strerror})"
    if child:
        return child, ""
    reason = {
        errno.EAGAIN: "a limit on processes (pids cgroup, RLIMIT_NPROC)",
        errno.ENOMEM: "not enough memory",
    }
    number = -result if -4096 < result < 0 else 0
    return 0, f"clone was refused: {reason.get(number, os.strerror(number))}"


def _prefer_for_oom(child: int) -> None:
    """When memory runs out the clone must go, not the target."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{child}/oom_score_adj").write_text("1000")


def _end(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        return
    copy.reap(child, 2.0)
