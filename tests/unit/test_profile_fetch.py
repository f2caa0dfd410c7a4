"""Profiles over HTTP and from gops agents, from servers of the tests' own on loopback."""

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gosnap.cli import main
from gosnap.errors import GosnapError
from gosnap.profile import fetch

# a profile with one sample type, "space" in "bytes", and nothing else
PROFILE = gzip.compress(b"\x0a\x04\x08\x01\x10\x02\x32\x00\x32\x05space\x32\x05bytes", mtime=0)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        asked.append((path, query, self.headers.get("Authorization") or ""))
        name = path.rpartition("/")[2]
        if path.startswith("/login/"):
            self.answer(200, b"<!doctype html><title>log in</title>")
        elif name in ("heap", "allocs", "goroutine"):
            self.answer(200, PROFILE)
        elif name == "told":
            self.answer(
                500, b"could not do it", {"X-Go-Pprof": "1", "Content-Type": "text/plain; charset=utf-8"}
            )
        elif name == "empty":
            self.answer(200, b"")
        elif name == "moved":
            self.answer(302, b"", {"Location": "/debug/pprof/heap"})
        else:
            self.answer(404, b"secret words of another server")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


asked: list[tuple[str, str, str]] = []


@pytest.fixture
def server() -> Iterator[str]:
    asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        ("http://host/x", True),
        ("https+insecure://host", True),
        ("host:6060", True),
        ("host:6060/debug/pprof/heap", True),
        ("[::1]:6060", True),
        (":6060", True),
        ("gops:4242", True),
        ("heap.pb.gz", False),
        ("dir/heap:1.pb.gz", False),
        ("4242", False),
        ("mem_2023-11-02_03:55:24", False),
        ("C:\\heap", False),
    ],
)
def test_what_an_address_is(word: str, is_one: bool) -> None:
    assert fetch.is_address(word) is is_one


def test_a_file_wins_over_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("host:6060").write_bytes(PROFILE)
    assert not fetch.is_address("host:6060")


@pytest.mark.parametrize(
    ("source", "seconds", "timeout", "want"),
    [
        ("host:1", -1, -1, ("http://host:1/debug/pprof/heap", 60)),
        ("http://host/", -1, -1, ("http://host/debug/pprof/heap", 60)),
        ("http://host/x?a=1", 10, -1, ("http://host/x?a=1&seconds=10", 15)),
        ("http://host/x?seconds=20", -1, -1, ("http://host/x?seconds=20", 30)),
        ("http://host/x", -1, 7, ("http://host/x", 7)),
        (":6060/allocs", -1, -1, ("http://localhost:6060/allocs", 60)),
    ],
)
def test_addresses_in_full(source: str, seconds: int, timeout: int, want: tuple[str, int]) -> None:
    assert fetch.adjusted(source, seconds, timeout) == want


def test_what_is_fetched(server: str) -> None:
    assert fetch.fetch(server) == PROFILE
    assert fetch.fetch(f"http://{server}/debug/pprof/moved") == PROFILE
    assert fetch.fetch(f"http://us%65r:p%3Aw@{server}/allocs", seconds=2) == PROFILE
    # base64 of "user:p:w"
    assert asked[-1] == ("/allocs", "seconds=2", "Basic dXNlcjpwOnc=")


@pytest.mark.parametrize(
    ("name", "said"),
    [("told", "500.*could not do it"), ("nosuch", "404 Not Found$"), ("empty", "the answer is empty")],
)
def test_what_is_not(server: str, name: str, said: str) -> None:
    with pytest.raises(GosnapError, match=said) as e:
        fetch.fetch(f"http://{server}/{name}")
    assert "secret" not in str(e.value)


def test_nobody_there() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with pytest.raises(GosnapError, match="connection refused"):
        fetch.fetch(f"127.0.0.1:{port}")


def test_what_is_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:

        def talk() -> None:
            with s.accept()[0] as c:
                c.recv(1000)
                c.sendall(b"SSH-2.0-x\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(GosnapError):
            fetch.fetch(f"127.0.0.1:{s.getsockname()[1]}")
        thread.join()


def test_a_gops_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]

        def talk() -> None:
            for _ in range(2):
                with s.accept()[0] as c:
                    said.append(c.recv(1))
                    c.sendall(PROFILE)

        thread = threading.Thread(target=talk)
        thread.start()
        monkeypatch.setenv("GOPS_CONFIG_DIR", str(tmp_path))
        (tmp_path / "4242").write_text(str(port))
        assert fetch.fetch("gops:4242") == PROFILE
        assert fetch.fetch(f"gops://127.0.0.1:{port}") == PROFILE
        thread.join()
    # gops/signal: HeapProfile is 5
    assert said == [b"\x05", b"\x05"]
    with pytest.raises(GosnapError, match="no agent of that process"):
        fetch.fetch("gops:1")


def test_capture_saves_what_is_served(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all"
    assert main(["capture", server, "-o", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["allocs.pb.gz", "goroutine.pb.gz", "heap.pb.gz"]
    assert (out / "heap.pb.gz").read_bytes() == PROFILE
    assert (out / "heap.pb.gz").stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr().out
    assert "not served: goroutineleak" in said and f"next: gosnap top {out / 'heap.pb.gz'}" in said
    assert main(["capture", server, "-o", str(out)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["capture", f"http://{server}/debug/pprof/heap", "-q", "-o", str(out), "--force"]) == 0


def test_what_is_no_profile_is_not_saved(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", f"http://{server}/login/heap", "-o", str(tmp_path / "x")]) == 1
    assert "HTML" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
