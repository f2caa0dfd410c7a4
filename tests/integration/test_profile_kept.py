"""What is fetched over the network is kept where, as and as what `go tool pprof` keeps it."""

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pproforacle
import profilecases
import pytest

from gosnap.cli import main

pytestmark = pytest.mark.integration

NAMES = ("labels-1.25-heap", "generic-1.25-heap", "labels-1.25-goroutine")
FLAGS = ((), ("-focus=main",), ("-add_comment=hi",))


def _profile(name: str) -> Path:
    return next(p for p in profilecases.PROFILES if p.name == name).path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = _profile(self.path.rpartition("/")[2]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    profilecases.make_all()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/debug/pprof"
        httpd.shutdown()
        thread.join()


def _raw(path: Path) -> str:
    return _pprof(["-raw", "-symbolize=none", str(path)], path.parent).stdout


def _pprof(words: list[str], kept: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(pproforacle.binary()), *words],
        env=pproforacle.environment() | {"PPROF_TMPDIR": str(kept)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize("words", [(name, *flags) for name in NAMES for flags in FLAGS], ids=" ".join)
def test_kept_as_pprof_keeps_it(
    server: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    monkeypatch.setenv("PPROF_TMPDIR", str(ours))
    name, *flags = words
    # pprof asks the server for symbols where a mapping has none, and takes what it does not say for said
    flags.append("-symbolize=none")
    for _ in range(2):
        said = _pprof(["-top", *flags, f"{server}/{name}"], theirs).stderr
        assert main(["top", *flags, f"{server}/{name}"]) == 0
    last = sorted(theirs.iterdir())[-1]
    assert f"Saved profile in {last}\n" in said
    assert f"Saved profile in {ours / last.name}\n" in capsys.readouterr().err
    assert sorted(p.name for p in ours.iterdir()) == sorted(p.name for p in theirs.iterdir())
    for one in theirs.iterdir():
        assert _raw(one) == _raw(ours / one.name)


def test_kept_with_a_base_as_pprof_keeps_it(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    monkeypatch.setenv("PPROF_TMPDIR", str(ours))
    words = ["-symbolize=none", "-diff_base", f"{server}/{NAMES[0]}", str(_profile(NAMES[0]))]
    _pprof(["-top", *words], theirs)
    assert main(["top", *words]) == 0
    (one,), (other,) = theirs.iterdir(), ours.iterdir()
    assert one.name == other.name
    assert _raw(one) == _raw(other)
