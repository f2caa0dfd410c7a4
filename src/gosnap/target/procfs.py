"""What /proc and the cgroup files say about a process. Formats: man 5 proc, man 7 cgroups."""

from __future__ import annotations

import contextlib
import errno
import os
from array import array

from gosnap.errors import GosnapError
from gosnap.target.image import Limits, Mappings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

NOT_MEMORY = ("[vvar]", "[vvar_vclock]", "[vsyscall]")
"""Mappings whose pages are the kernel's: never part of the RSS."""


_FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO (<linux/proc_ns.h>): the namespace that is no container's."""
_SHARED = ("/dev/shm/", "/dev/zero", "/memfd:", "/SYSV")


def _text(path: str, errors: str = "strict") -> str:
    # a profile of a process is there before pathlib is imported
    with open(path, encoding="utf-8", errors=errors) as f:
        return f.read()


def is_memory(path: str) -> bool:
    """Whether a mapping's pages count towards the RSS: not those of devices and of the kernel."""
    if path in NOT_MEMORY or path.startswith("anon_inode:"):
        return False
    return not path.startswith("/dev/") or is_shared_memory(path)


def is_shared_memory(path: str) -> bool:
    """Whether a mapping with a path is memory all the same: POSIX, System V and anonymous shared memory."""
    return path.startswith(_SHARED)


def parse_maps(text: str) -> Mappings:
    """The lines of /proc/PID/maps."""
    import numpy as np

    m = plain_maps(text)
    for name in ("start", "end", "offset", "inode"):
        setattr(m, name, np.array(getattr(m, name), np.uint64))
    return m


def plain_maps(text: str) -> Mappings:
    """The same without numpy: columns are arrays of u64 of Python's own."""
    columns: list[Any] = [array("Q") for _ in range(4)]
    perms: list[str] = []
    paths: list[str] = []
    for line in text.splitlines():
        # The path comes last and may hold blanks: five fields are split off, the rest is the path.
        fields = line.split(maxsplit=5)
        if len(fields) < 5:
            continue
        start, _, end = fields[0].partition("-")
        row = int(start, 16), int(end, 16), int(fields[2], 16), int(fields[4])
        for column, value in zip(columns, row, strict=True):
            column.append(value)
        perms.append(fields[1])
        paths.append(fields[5] if len(fields) == 6 else "")
    low, high, offset, inode = columns
    return Mappings(start=low, end=high, perms=perms, offset=offset, inode=inode, path=paths)


def read_maps(pid: int, *, plain: bool = False) -> Mappings:
    """The mappings of a process now. ``plain``: without numpy. GosnapError when it is gone or not ours to
    read."""
    parse = plain_maps if plain else parse_maps
    try:
        return parse(_text(f"/proc/{pid}/maps", errors="surrogateescape"))
    except PermissionError:
        raise permission_error(pid) from None
    except OSError as e:
        raise lost(pid, e) from None


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status; empty when there is no such process."""
    try:
        text = _text(f"/proc/{pid}/status", errors="replace")
    except OSError as e:
        if e.errno in {errno.EMFILE, errno.ENFILE}:
            raise  # it says nothing about the process
        return {}
    fields = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in fields}


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (field 3 is item 0); empty when it is gone."""
    try:
        text = _text(f"/proc/{pid}/stat", errors="replace")
    except OSError:
        return []
    return text[text.rfind(")") + 2 :].split()


def start_time(pid: int) -> int:
    """Clock ticks since boot at which the process began: with the PID it names one process."""
    fields = stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def cmdline(pid: int) -> list[str]:
    """The arguments; empty for a kernel thread and for a process that is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            raw = f.read()
    except OSError:
        return []
    return [a.decode(errors="replace") for a in raw.rstrip(b"\0").split(b"\0")] if raw else []


def rollup_bytes(pid: int, field: str) -> int | None:
    """One line of /proc/PID/smaps_rollup (Linux 4.14), in bytes."""
    try:
        text = _text(f"/proc/{pid}/smaps_rollup")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def _cgroup_places(pid: int | str) -> Iterator[tuple[int, str]]:
    """(version, path below the hierarchy's mount) of the memory controller."""
    try:
        text = _text(f"/proc/{pid}/cgroup")
    except OSError:
        return
    for line in text.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if "memory" in controllers.split(","):
            yield 1, path
        elif number == "0" and not controllers:
            yield 2, path


def _cgroup_value(folder: Path, name: str) -> int | None:
    try:
        text = (folder / name).read_text().strip()
        value = int(text)
    except (OSError, ValueError):
        return None
    return value if value < 1 << 60 else None  # v1 writes "no limit" as a huge number


def _cgroup_cache(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    values = dict(line.split(maxsplit=1) for line in lines if " " in line)
    # v1 counts children only in the total_ fields.
    prefix = "total_" if "total_inactive_file" in values else ""
    return sum(int(values.get(prefix + name, "0")) for name in ("inactive_file", "active_file"))


def limits(pid: int | str) -> Limits:
    """The tightest memory limit on the way from the process's cgroup to the root, and the usage it is set
    against."""
    from pathlib import Path

    found = Limits()
    for version, path in _cgroup_places(pid):
        mounts = ("/sys/fs/cgroup/memory",) if version == 1 else ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
        limit_name = "memory.limit_in_bytes" if version == 1 else "memory.max"
        usage_name = "memory.usage_in_bytes" if version == 1 else "memory.current"
        for mount in mounts:
            folder = Path(mount + path)
            # Inside a container the path is often the host's; the own cgroup is then the mount itself.
            if not folder.is_dir():
                folder = Path(mount)
            while folder.is_relative_to(mount):
                limit = _cgroup_value(folder, limit_name)
                if limit is not None and (found.limit_bytes is None or limit < found.limit_bytes):
                    usage = _cgroup_value(folder, usage_name)
                    found = Limits(path, limit, usage, _cgroup_cache(folder), version)
                folder = folder.parent
    return found


def memory_available() -> int:
    """MemAvailable of this machine in bytes; a very large number when it cannot be read."""
    try:
        for line in _text("/proc/meminfo").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 1 << 62


def lost(pid: int, error: OSError) -> Exception:
    """What to raise when a file of a process is unreadable: it went away, unless we lack something."""
    ours = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
    return error if error.errno in ours else exited(pid)


def exited(pid: int) -> GosnapError:
    """The error for a process that went away."""
    return GosnapError(
        f"process {pid} exited during the capture",
        "take it again while it runs; `gosnap ps` lists Go processes",
    )


def no_such_process(pid: int) -> GosnapError:
    """The error for a PID that /proc does not have; it says so when the number belongs elsewhere."""
    try:
        own = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
        nested = own != _FIRST_PID_NAMESPACE
    except OSError:
        own, nested = "", False
    hint = "`gosnap ps` lists the Go processes here"
    if nested:
        hint += (
            f"; gosnap itself runs in a container (PID namespace {own}): a PID of the host or of another "
            "container is not visible here. "
            "Run gosnap on the host, or inside that container with the PID it has there"
        )
    return GosnapError(f"no process {pid} here", hint)


def permission_error(pid: int) -> GosnapError:
    """The error for a process that we may not trace: says which of the usual reasons it is."""
    facts = status(pid)
    tracer = facts.get("TracerPid", "0")
    if tracer not in {"", "0"}:
        who = status(int(tracer))
        name, tracer = who.get("Name", "?"), who.get("Tgid", tracer)  # the field names a thread
        return GosnapError(
            f"process {pid} is already traced by {name} (pid {tracer}); the kernel allows only one tracer",
            f"detach or end {name} (a debugger or strace) first",
        )
    owner = facts.get("Uid", "?").split()[0] if facts else "?"
    scope = ""
    with contextlib.suppress(OSError):
        scope = _text("/proc/sys/kernel/yama/ptrace_scope").strip()
    me = os.geteuid()
    why = f"no permission to trace process {pid}"
    if owner not in {"?", str(me)}:
        why += f": it belongs to uid {owner}, gosnap runs as uid {me}"
        hint = "run gosnap with sudo, as that user, or with the capability CAP_SYS_PTRACE"
    elif scope in {"1", "2", "3"}:
        why += f": kernel.yama.ptrace_scope is {scope}"
        hint = (
            "run gosnap with sudo, or `sysctl kernel.yama.ptrace_scope=0`"
            if scope != "3"
            else "ptrace_scope 3 forbids tracing until the next boot; use a core (gosnap capture CORE)"
        )
    else:
        hint = "run gosnap with sudo or with the capability CAP_SYS_PTRACE"
    hint += (
        "; in a container add `--cap-add=SYS_PTRACE` (docker) "
        "or securityContext.capabilities SYS_PTRACE (Kubernetes)"
    )
    return GosnapError(why, hint)


def check(pid: int) -> None:
    """Raises for anything that is not a running user process that we may trace."""
    if pid <= 0:
        raise GosnapError(f"{pid} is not a process id", "`gosnap ps` lists the Go processes here")
    if pid == os.getpid():
        raise GosnapError(f"process {pid} is gosnap itself", "`gosnap ps` lists the Go processes here")
    facts = status(pid)
    if not facts:
        raise no_such_process(pid)
    tgid = int(facts.get("Tgid", str(pid)))
    if tgid != pid:
        raise GosnapError(f"{pid} is a thread of process {tgid}", f"use the process: {tgid}")
    state = facts.get("State", "?")[:1]
    if state in {"Z", "X"}:
        raise GosnapError(f"process {pid} has exited (state {state}); its memory is gone")
    if facts.get("Kthread") == "1" or ("VmSize" not in facts and not cmdline(pid)):
        raise GosnapError(f"process {pid} ({facts.get('Name', '?')}) is a kernel thread, not a Go program")
    if facts.get("TracerPid", "0") != "0":
        raise permission_error(pid)
    try:
        os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
        with open(f"/proc/{pid}/maps", "rb") as maps:
            maps.read(1)
    except PermissionError:
        raise permission_error(pid) from None
    except OSError as e:
        raise lost(pid, e) from None
