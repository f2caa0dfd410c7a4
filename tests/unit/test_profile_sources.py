"""What the words of profile verbs stand for."""

from pathlib import Path

import pytest

from gosnap.cli import main
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.encode import to_gzip


def profile() -> bytes:
    builder = ProfileBuilder([("inuse_space", "bytes")], ("space", "bytes"), 1)
    function = builder.function("main.main", "main.go")
    builder.sample([builder.location(1, [(function, 3)])], [4096])
    return to_gzip(builder.build())


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_file_wins_over_what_else_a_word_may_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("4242", "host:6060", "gops:1", "server"):
        Path(name).write_bytes(profile())
        assert main(["top", name]) == 0
        assert "4kB" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("word", "want"),
    [
        ("nosuch.pb.gz", "no such file, and no Go process of that name"),
        ("dir/nosuch.pb.gz", "no such file"),
        (".", "is a directory"),
        ("localhost:1", "connection refused"),
        ("gops:999999999", "no agent of that process"),
    ],
)
def test_what_is_nothing_is_told(
    word: str, want: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOPS_CONFIG_DIR", str(tmp_path))
    assert main(["top", word]) == 1
    assert want in said(capsys)


def test_exe_goes_with_a_core(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.gosnap").write_bytes(b"GOSNAP\r\n")
    assert main(["top", str(tmp_path / "a.gosnap"), "--exe=x"]) == 1
    assert "--exe goes with a core" in said(capsys)
