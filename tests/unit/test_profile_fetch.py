"""Profiles over HTTP and from gops agents, from servers of the tests' own on loopback."""

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gosnap.cli import main
from gosnap.commands import profile_save
from gosnap.errors import GosnapError
from gosnap.profile import fetch, read
from gosnap.profile.builder import ProfileBuilder

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


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where profiles that were fetched are kept; it is not there yet."""
    folder = tmp_path / "kept" / "pprof"
    monkeypatch.setenv("PPROF_TMPDIR", str(folder))
    return folder


def test_what_is_fetched_is_kept(server: str, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", server]) == 0
    captured = capsys.readouterr()
    # pprof.[program.]types.number.pb.gz: this profile names no program
    first = kept / "pprof.space.001.pb.gz"
    assert captured.err == f"gosnap: Saved profile in {first}\n" and "Saved" not in captured.out
    assert first.stat().st_mode & 0o777 == 0o600 and kept.stat().st_mode & 0o777 == 0o700
    assert read.read_file(str(first)).sample_types == (("space", "bytes"),)
    before = first.read_bytes()
    assert main(["tree", f"http://{server}/debug/pprof/heap", "-q"]) == 0
    assert capsys.readouterr().err == ""
    # nothing is overwritten; and what was kept is a file, of which no other copy is made
    assert main(["top", str(first)]) == 0
    assert sorted(p.name for p in kept.iterdir()) == ["pprof.space.001.pb.gz", "pprof.space.002.pb.gz"]
    assert first.read_bytes() == before


def test_a_base_is_kept_as_part_of_the_whole(
    server: str, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pb.gz"
    path.write_bytes(PROFILE)
    assert main(["top", str(path), "--base", server]) == 0
    assert [p.name for p in kept.iterdir()] == ["pprof.space.001.pb.gz"]
    assert main(["top", str(path)]) == 0
    assert len(list(kept.iterdir())) == 1, "what was not fetched is not kept"
    capsys.readouterr()


def test_where_it_is_kept(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$PPROF_TMPDIR, else ~/pprof, else the directory for temporary files; the next where one cannot be."""
    for name in ("given", "home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.delenv("PPROF_TMPDIR", raising=False)
    assert main(["top", server]) == 0
    assert (tmp_path / "home/pprof/pprof.space.001.pb.gz").exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("PPROF_TMPDIR", str(tmp_path / "file/x"))
    assert main(["top", server]) == 0
    assert (tmp_path / "home/pprof/pprof.space.002.pb.gz").exists()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert main(["top", server]) == 0
    assert (tmp_path / "tmp/pprof.space.001.pb.gz").exists()


def test_what_cannot_be_kept_is_answered_all_the_same(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for name in ("PPROF_TMPDIR", "HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert main(["top", server]) == 0
    captured = capsys.readouterr()
    assert "Could not save profile: " in captured.err and "Showing nodes" in captured.out


def test_names_of_what_is_kept() -> None:
    def name(file: str, *types: str) -> str:
        b = ProfileBuilder([(t, "bytes") for t in types], ("space", "bytes"), 1)
        b.mapping(0, 1, 0, file)
        return profile_save.name(b.build())

    assert name("/srv/bin/shop", "inuse_objects", "inuse_space") == "pprof.shop.inuse_objects.inuse_space."
    assert name("", "space") == "pprof.space."
    # whatever a server says, it is one name, that a file can have
    for file, kind in (("..", "space"), ("/x/\n\x1b[2J", "a/../b"), ("/" + "é" * 300, "z" * 300)):
        said = name(file, kind)
        assert said.startswith("pprof.") and "/" not in said and said.isprintable()
        assert len(said.encode()) + len("001.pb.gz") <= 255
