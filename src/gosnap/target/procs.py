"""Which Go processes run here, and which of them serve pprof."""

import os
import pwd
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from gosnap.binary import elfhead
from gosnap.errors import GosnapError
from gosnap.target import procfs

_ANSWER_SECONDS = 0.25
_MAX_ANSWER = 4096


@dataclass(frozen=True)
class ProcInfo:
    """One Go process."""

    pid: int
    program: str
    go_version: str
    rss_bytes: int
    threads: int
    dwarf: bool | None
    """None when the executable cannot be read."""
    pie: bool | None
    user: str
    pprof: str | None
    """host:port that answers /debug/pprof/."""
    state: str
    """"readable", or "no permission": it cannot be captured by this user."""


def list_go_processes(*, probe: bool = True) -> list[ProcInfo]:
    """The Go processes of this PID namespace, by PID; processes that cannot be looked into are left out.

    ``probe`` asks listening sockets of these processes for /debug/pprof/, with a short time limit.
    """
    seen: dict[tuple[int, int, int], elfhead.GoFacts | None] = {}
    found = [p for pid in _pids() if (p := _look(pid, seen)) is not None]
    if not probe or not found:
        return found
    listening = _listening()
    answers: dict[int, str] = {}

    def ask(pid: int) -> None:
        for address in _sockets(pid, listening):
            if serves_pprof(address):
                answers[pid] = (
                    f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
                )
                return

    threads = [threading.Thread(target=ask, args=(p.pid,), daemon=True) for p in found]
    for at in range(0, len(threads), 32):
        for t in threads[at : at + 32]:
            t.start()
        for t in threads[at : at + 32]:
            t.join(timeout=4 * _ANSWER_SECONDS)
    return [
        ProcInfo(
            p.pid,
            p.program,
            p.go_version,
            p.rss_bytes,
            p.threads,
            p.dwarf,
            p.pie,
            p.user,
            answers.get(p.pid),
            p.state,
        )
        for p in found
    ]


def _pids() -> list[int]:
    return sorted(
        int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and int(p.name) != os.getpid()
    )


def _look(pid: int, seen: dict[tuple[int, int, int], elfhead.GoFacts | None]) -> ProcInfo | None:
    exe = f"/proc/{pid}/exe"
    facts: elfhead.GoFacts | None
    try:
        label = str(Path(exe).readlink())
        st = Path(exe).stat()
        key = (st.st_dev, st.st_ino, st.st_mtime_ns)
        if key not in seen:
            seen[key] = elfhead.go_facts(exe, label)
        facts = seen[key]
        state = "readable" if os.access(f"/proc/{pid}/mem", os.R_OK) else "no permission"
    except PermissionError:
        return _guess(pid)
    except OSError:
        return None
    if facts is None:
        return None
    status = procfs.status(pid)
    if not status or "VmRSS" not in status:
        return None
    program = Path(label.removesuffix(" (deleted)")).name
    return _info(pid, program, facts, status, state)


def _guess(pid: int) -> ProcInfo | None:
    """Another user's process: its first argument may still be a file that can be read."""
    arguments = procfs.cmdline(pid)
    status = procfs.status(pid)
    if not arguments or not arguments[0].startswith("/") or "VmRSS" not in status:
        return None
    try:
        facts = elfhead.go_facts(arguments[0])
    except OSError:
        return None
    return _info(pid, Path(arguments[0]).name, facts, status, "no permission") if facts else None


def _info(pid: int, program: str, facts: elfhead.GoFacts, status: dict[str, str], state: str) -> ProcInfo:
    uid = int(status.get("Uid", "0").split()[0])
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return ProcInfo(
        pid=pid,
        program=program,
        go_version=facts.go_version,
        rss_bytes=int(status["VmRSS"].split()[0]) * 1024,
        threads=int(status.get("Threads", "0")),
        dwarf=facts.dwarf,
        pie=facts.pie,
        user=user,
        pprof=None,
        state=state,
    )


def parse_tcp(text: str) -> dict[int, tuple[str, int]]:
    """socket inode -> (address to connect to, port) of the listening lines of /proc/net/tcp or tcp6
    (proc(5))."""
    out: dict[int, tuple[str, int]] = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != "0A":
            continue
        host, _, port = fields[1].partition(":")
        # The address is printed as host-order 32-bit words.
        raw = b"".join(int(host[i : i + 8], 16).to_bytes(4, "little") for i in range(0, len(host), 8))
        family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
        address = socket.inet_ntop(family, raw)
        if not any(raw):
            address = "127.0.0.1" if len(raw) == 4 else "::1"
        elif address.startswith("::ffff:"):
            address = address.removeprefix("::ffff:")
        out[int(fields[9])] = (address, int(port, 16))
    return out


def _listening() -> dict[int, tuple[str, int]]:
    """Of our own network namespace: sockets elsewhere cannot be reached by their address."""
    out: dict[int, tuple[str, int]] = {}
    for name in ("tcp", "tcp6"):
        try:
            out.update(parse_tcp(Path(f"/proc/net/{name}").read_text()))
        except OSError:
            continue
    return out


def _sockets(pid: int, listening: dict[int, tuple[str, int]]) -> list[tuple[str, int]]:
    out: list[tuple[str, int]] = []
    try:
        descriptors = [p.name for p in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []
    for fd in descriptors:
        try:
            link = str(Path(f"/proc/{pid}/fd/{fd}").readlink())
        except OSError:
            continue
        if link.startswith("socket:["):
            address = listening.get(int(link[8:-1]))
            if address is not None and address not in out:
                out.append(address)
    return out[:8]


def serves_pprof(address: tuple[str, int], seconds: float = _ANSWER_SECONDS) -> bool:
    """Whether GET /debug/pprof/ at a listening address of this machine answers as net/http/pprof's index
    does."""
    try:
        with socket.create_connection(address, timeout=seconds) as s:
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            s.sendall(f"GET /debug/pprof/ HTTP/1.0\r\nHost: {host}:{address[1]}\r\n\r\n".encode())
            got = b""
            while len(got) < _MAX_ANSWER:
                piece = s.recv(_MAX_ANSWER)
                if not piece:
                    break
                got += piece
                if b"profile" in got:
                    break
    except OSError:
        return False
    return got.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")) and b"/debug/pprof/" in got


def resolve(target: str | int) -> int:
    """The PID for a PID, the name of a program, or the path of its executable. GosnapError when none or
    several
    match."""
    text = str(target)
    if text.isascii() and text.isdigit():
        return int(text)
    running = list_go_processes(probe=False)
    found = [p for p in running if (_runs(p.pid, text) if "/" in text else p.program == text)]
    if len(found) == 1:
        return found[0].pid
    if not found:
        hint = "`gosnap ps` lists the Go processes here"
        close = sorted({p.program for p in running if text and p.program.startswith(text)})
        if close:
            hint = f"did you mean {', '.join(close[:5])}? " + hint
        what = "runs" if "/" in text else "named"
        raise GosnapError(f"no Go process {what} {text!r} here", hint)
    pids = ", ".join(f"{p.pid} ({p.program})" for p in found[:10])
    if len(found) > 10:
        pids += f" and {len(found) - 10} more"
    raise GosnapError(f"{len(found)} Go processes match {text!r}: {pids}", "give the PID")


def exe_of(pid: int) -> str:
    """The name of a process's executable. GosnapError where there is no such process, or it may not be
    looked at."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    except FileNotFoundError:
        raise GosnapError(f"no process {pid}", "`gosnap ps` lists the Go processes here") from None
    except OSError as e:
        raise GosnapError(f"process {pid}: {e.strerror}", "run as its user, or as root") from None


def _runs(pid: int, path: str) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").samefile(path)
    except OSError:
        return False
