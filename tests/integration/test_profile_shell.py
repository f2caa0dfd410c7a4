"""The interactive shell: the same lines as in `go tool pprof`'s, with the same answers."""

import io
import subprocess
import sys
from pathlib import Path

import pproforacle
import profilecases
import pytest

from gosnap.cli import main

pytestmark = pytest.mark.integration

SCRIPTS = (
    ("top3", "top 2 -cum", "top5 main -runtime", "top2"),
    ("alloc_space", "top2 flate", "inuse_objects", "top3", "mean_alloc_space", "top1"),
    ("total_alloc_space", "top1", "sample_index=0", "top1", "sample_index=nosuch", "top1"),
    ("nodecount=4", "top", "nodecount=-1 //: back", "top 2", "unit=kb", "top 1", "sort=cum", "top 2"),
    ("focus=runtime", "top2", ":", "top2", "hide=main", "top3", "noinlines", "top4", "noinlines=f", "top4"),
    ("peek main\\.", "tree main", "sample_index=0", "tags", "sample_index=alloc_space", "tags", "comments"),
    ("granularity=lines", "top3", "granularity=files", "top1", "nosuch", "top1"),
    ("traces main", "list main\\.row"),
)
"""`cum` or `files` by itself is an error in pprof's shell; in ours it is what it says."""


def theirs(lines: tuple[str, ...], profile: Path) -> str:
    done = subprocess.run(
        [str(pproforacle.binary()), str(profile)],
        input="\n".join((*lines, "quit", "")),
        env=pproforacle.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # the prompt is not awaited
    return done.stdout.replace("(pprof) ", "")


@pytest.mark.parametrize("lines", SCRIPTS, ids=lambda lines: lines[0])
@pytest.mark.parametrize("name", ["deep-1.21-heap", "standard-1.27-heap"])
def test_lines_say_what_pprofs_say(
    name: str,
    lines: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    profile = next(p for p in profilecases.PROFILES if p.name == name)
    monkeypatch.setenv("TZ", pproforacle.environment().get("TZ", "UTC"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join((*lines, "quit", ""))))
    assert main(["profile", str(profile.path)]) == 0
    ours = capfd.readouterr().out
    assert pproforacle.normalise(ours, "top") == pproforacle.normalise(theirs(lines, profile.path), "top")


def test_answers_go_to_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = next(p for p in profilecases.PROFILES if p.name == "deep-1.21-heap")
    monkeypatch.chdir(tmp_path)
    lines = ("top3 >top.txt", "top3 > other.txt", "svg", "proto", "proto", "quit")
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    assert main(["profile", str(profile.path)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("other.txt", "profile001.pb.gz", "profile001.svg", "profile002.pb.gz", "top.txt"),
    ]
    assert (tmp_path / "top.txt").read_text() == (tmp_path / "other.txt").read_text() != ""
