"""The process list's parsers, the pprof probe, and the refusals that need no Go program."""

import http.server
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gosnap.errors import GosnapError
from gosnap.target import pages, procfs
from gosnap.target.live import Session, capture
from gosnap.target.procs import list_go_processes, parse_tcp, resolve, serves_pprof

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:17AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0
   2: 0100007F:17AC 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0 20 4
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:17AC 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4714 1
   1: 0000000000000000FFFF00000100007F:17AD 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4715 1
   2: 00000000000000000000000000000000:17AE 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4716 1
"""


def test_listening_sockets() -> None:
    assert parse_tcp(TCP) == {4711: ("127.0.0.1", 6060), 4712: ("127.0.0.1", 8080)}
    assert parse_tcp(TCP6) == {4714: ("::1", 6060), 4715: ("127.0.0.1", 6061), 4716: ("::1", 6062)}


def test_listening_socket_of_this_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:
        inode = os.fstat(s.fileno()).st_ino
        with open("/proc/net/tcp") as f:
            assert parse_tcp(f.read())[inode] == s.getsockname()


@contextmanager
def server(status: int, body: bytes) -> Iterator[tuple[str, int]]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if self.path == "/debug/pprof/" else b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as s:
        thread = threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield "127.0.0.1", s.server_address[1]
        finally:
            s.shutdown()
            thread.join()


def test_who_serves_pprof() -> None:
    index = b"<title>/debug/pprof/</title> Types of profiles available: <a href=...>profile</a>"
    with server(200, index) as address:
        assert serves_pprof(address, 5.0)
    with server(404, index) as address:
        assert not serves_pprof(address, 5.0)
    with server(200, b"hello") as address:
        assert not serves_pprof(address, 5.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not serves_pprof(silent.getsockname(), 0.05)


def test_the_list_holds_no_other_programs() -> None:
    pids = {p.pid for p in list_go_processes(probe=False)}
    assert os.getpid() not in pids and 1 not in pids - {1}


def test_resolve() -> None:
    assert resolve(4242) == 4242 and resolve("17") == 17
    with pytest.raises(GosnapError, match="no Go process named 'no such program'"):
        resolve("no such program")


def test_several_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    from gosnap.target import procs

    def info(pid: int, program: str) -> procs.ProcInfo:
        return procs.ProcInfo(pid, program, "go1.26.6", 1, 1, True, False, "u", None, "readable")

    found = [info(10, "server"), info(11, "server"), info(12, "server-admin"), info(13, "tool")]
    monkeypatch.setattr(procs, "list_go_processes", lambda probe=True: found)
    with pytest.raises(
        GosnapError, match=r"2 Go processes match 'server': 10 \(server\), 11 \(server\)"
    ) as e:
        resolve("server")
    assert e.value.hint == "give the PID"
    assert resolve("tool") == 13
    # a part of a name is no name: the wrong process would be stopped
    with pytest.raises(GosnapError, match="no Go process named 'server-'") as e:
        resolve("server-")
    assert "did you mean server-admin?" in e.value.hint


def free_pid() -> int:
    with subprocess.Popen(["true"]) as p:
        p.wait()
        return p.pid


def test_what_cannot_be_captured() -> None:
    with pytest.raises(GosnapError, match="no process"):
        capture(free_pid())
    with pytest.raises(GosnapError, match="not a process id"):
        capture(0)
    with pytest.raises(GosnapError, match="itself"):
        capture(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as p:
        with pytest.raises(GosnapError, match="not a Go program"):
            capture(p.pid)
        p.kill()
    with subprocess.Popen(["true"]) as p:
        os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(GosnapError, match="has exited"):
            capture(p.pid)


def test_a_thread_is_not_a_process() -> None:
    code = "import threading as t; t.Thread(target=t.Event().wait, daemon=True).start(); print(1); input(1)"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as p:
        assert p.stdout is not None
        p.stdout.readline()
        tid = max(int(t.name) for t in Path(f"/proc/{p.pid}/task").iterdir())
        with pytest.raises(GosnapError, match=f"a thread of process {p.pid}"):
            capture(tid)
        p.kill()


def test_kernel_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        procfs, "status", lambda pid: {"Name": "kthreadd", "Tgid": "2", "State": "S", "Kthread": "1"}
    )
    with pytest.raises(GosnapError, match=r"kthreadd\) is a kernel thread"):
        procfs.check(2)


@pytest.mark.parametrize(
    ("facts", "said", "hint"),
    [
        ({"Uid": "0 0 0 0", "TracerPid": "1"}, "already traced", "detach"),
        ({"Uid": "12345 1 1 1", "TracerPid": "0"}, "belongs to uid 12345", "CAP_SYS_PTRACE"),
    ],
)
def test_permission(monkeypatch: pytest.MonkeyPatch, facts: dict[str, str], said: str, hint: str) -> None:
    monkeypatch.setattr(procfs, "status", lambda pid: facts | {"Name": "gdb"})
    e = procfs.permission_error(99)
    assert said in e.message and "99" in e.message and hint in e.hint


def test_too_few_open_files_is_not_an_exit() -> None:
    """A live process whose files we cannot open for want of descriptors has not gone away."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, old[1]))
        for read in (procfs.read_maps, procfs.status, procfs.check):
            with pytest.raises(OSError, match="Too many open files"):
                read(child.pid)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
        child.communicate(b"\n", timeout=30)
    with pytest.raises(GosnapError, match="exited"):
        procfs.read_maps(child.pid)


def test_a_dead_process_that_nobody_reaped_has_exited() -> None:
    """Its /proc/PID/maps can be read, and is empty."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    session: Any = SimpleNamespace(pid=child.pid, scanner=pages.Scanner(child.pid))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        with pytest.raises(GosnapError, match="exited"):
            Session.look(session)
    finally:
        session.scanner.close()
        child.communicate(timeout=30)
