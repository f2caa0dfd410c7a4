"""``gosnap show`` as a person runs it: of processes, snapshots and cores, of goroutines, and watching."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_commands import VERSION, fails, gosnap
from test_cores import gcore
from test_values import ALL, ours, plain, text

from gosnap import show
from gosnap.heap.snapshot import open_snapshot
from gosnap.heap.take import take
from gosnap.values import frames, sources
from gosnap.values.evaluate import Evaluator
from gosnap.values.expression import parse

pytestmark = pytest.mark.integration

SOME = (
    *(
        "VString",
        "VBadUTF8",
        "VAdmin",
        "VAnys",
        "VCycle",
        "VPadded",
        "MStrings",
        "MHoles",
        "MGrowing",
        "MKeys",
    ),
    *(
        "MBigBoth",
        "MAny",
        "MNested",
        "CRing",
        "CStructs",
        "VShapePtr",
        "VError",
        "VNilSlice",
        "VNone",
        "MNil",
    ),
)
WATCH_SECONDS = 60


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def target(gobuild: Callable[..., Path], running: Callable[..., Any]) -> Any:
    return running(gobuild("values", VERSION))


def test_a_snapshot_shows_what_the_process_does(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("values", go_version))
    live = sources.of_process(target.pid)
    path = tmp_path / "s.gosnap"
    take(str(target.pid), out=path)
    stored = sources.of_snapshot(open_snapshot(path))
    for name in SOME:
        assert ours(plain(stored, f"main.{name}")) == ours(plain(live, f"main.{name}")), name
    for name in ("FAdder", "FMethod", "TZurich", "NAddrZone", "BInt", "SMutex", "SMap", "APointer"):
        assert text(stored, f"main.{name}") == text(live, f"main.{name}"), name
    user = Evaluator(stored, ALL, "").value(parse('main.MKeys[{"host1", 1}]'))
    at = user.word  # type: ignore[union-attr]
    assert text(stored, f"{at:#x}.Name") == '"user 1"'
    assert text(stored, f"*{at:#x}").startswith("main.User{Base: main.Base{ID: 1}")
    assert text(stored, f"{at + 8:#x}") == '"user 1"'


def test_who_shares_an_array(target: Any, tmp_path: Path) -> None:
    shown = gosnap("show", target.pid, "main.VSub", "--internals", cwd=tmp_path).stdout
    assert "array shared with main.VSlice (len 5, cap 5)" in shown
    assert "  cap: 4" in shown


def test_a_core_shows_what_the_process_does(target: Any, tmp_path: Path) -> None:
    live = sources.of_process(target.pid)
    core = sources.of_core(gcore(target.pid, tmp_path))
    for name in SOME:
        assert ours(plain(core, f"main.{name}")) == ours(plain(live, f"main.{name}")), name
    number = target.json["goroutine"]
    assert frames.lookup(frames.read(core, number), None)("n") is not None


def test_what_has_no_contents_says_so(target: Any, tmp_path: Path) -> None:
    take(str(target.pid), out=tmp_path / "s.gosnap", contents=False)
    said = fails("show", "s.gosnap", "main.VInt", cwd=tmp_path)
    assert "--no-contents" in said
    assert "take it again" in said


@pytest.mark.parametrize("flags", [(), ("-gcflags=all=-N -l",)], ids=["optimized", "debug"])
def test_variables_of_a_goroutine(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], flags: tuple[str, ...]
) -> None:
    target = running(gobuild("values", go_version, flags=flags))
    subject = sources.of_process(target.pid)
    goroutine = frames.read(subject, target.json["goroutine"])
    assert goroutine.steady
    assert goroutine.state == "chan receive"
    (frame,) = [f for f in goroutine.frames if f.function == "main.holder"]
    known = {}
    for v in frame.variables:
        if v.place is not None:
            value = Evaluator(subject, ALL, v.name).decode(v.place)
            known[v.name] = value
    said = {name: text_of(subject, value) for name, value in known.items()}
    expected = {
        "n": "41",
        "text": '"forty-one"',
        "local": "main.Point{X: 41, Y: -41}",
        "words": '[]string{"forty-one", "two"}',
    }
    for name, value in said.items():
        if name in expected and not known[name].marks:  # type: ignore[union-attr]
            assert value == expected[name], name
        if name == "u":
            assert value.startswith('&main.User{Base: main.Base{ID: 7}, Name: "Ada"')
    nowhere = [v.name for v in frame.variables if v.place is None]
    print(f"{go_version} {flags}: {sorted(said)}; without a place: {nowhere}")
    if flags:
        assert set(expected) | {"u", "done"} <= set(said)
        local = frames.lookup(goroutine, frame.number)
        assert (
            text_of(subject, Evaluator(subject, ALL, "u.Friend.Name", local).value(parse("u.Friend.Name")))
            == '"Grace"'
        )
    assert "n" in said


def text_of(subject: Any, value: Any) -> str:
    from gosnap.commands.show_answers import type_names
    from gosnap.report.text.values import GoText

    return GoText(type_names(subject)).one_line(value)


def test_the_command_line(target: Any, tmp_path: Path) -> None:
    done = gosnap("show", target.pid, "main.VPoint", "len(main.MLarge)", cwd=tmp_path)
    assert done.returncode == 0
    assert "main.Point{X: 3, Y: -4}" in done.stdout
    assert "\n100000\n" in done.stdout
    document = json.loads(gosnap("show", target.pid, "main.MOne", "--format", "json", cwd=tmp_path).stdout)
    assert document["values"][0]["value"]["entries"] == [["one", 1]]
    listed = json.loads(
        gosnap("show", target.pid, "--globals", "^main[.]V", "--format", "json", cwd=tmp_path).stdout
    )
    rows = {r["name"]: r for r in listed["globals"]}
    assert rows["main.VInt"]["section"] == "noptrdata"
    assert rows["main.VUser"]["section"] == "data"
    assert rows["main.VNilUser"]["section"] == "bss"
    assert rows["main.VUintptr"]["section"] == "noptrbss"
    assert rows["main.VHash"]["value"]["hex"] == "0102feff"
    redacted = gosnap("show", target.pid, "main.VUser", "main.VBytes", "--redact", cwd=tmp_path).stdout
    assert "Ada" not in redacted
    assert "Name: …(len 3)" in redacted
    out = gosnap("show", target.pid, "main.VInt", "-o", "v.txt", cwd=tmp_path)
    assert out.returncode == 0
    assert (tmp_path / "v.txt").stat().st_mode & 0o777 == 0o600
    one = show(target.pid, "main.MOne", raw=True)
    assert (one["kind"], one["entries"]) == ("map", [["one", 1]])
    cut = gosnap("show", target.pid, "main.MStrings", "--max-items", "2", cwd=tmp_path).stdout
    assert "… 498 more" in cut
    assert cut.splitlines()[-1] == f"next: gosnap show {target.pid} main.MStrings --max-items 0"


def test_failures_have_one_clear_message(target: Any, tmp_path: Path) -> None:
    pid = target.pid
    for code, words, *arguments in (
        (2, "what to show", pid),
        (2, "--globals '['", pid, "--globals", "["),
        (2, "is no duration", pid, "main.VInt", "--watch", "soon"),
        (2, "--frame goes with", pid, "main.VInt", "--frame", "1"),
        (1, "not in this binary", pid, "main.VNothing"),
        (1, "no package variable matches", pid, "--globals", "^nothing$"),
        (1, "no goroutine 99999", pid, "--goroutine", "99999"),
        (1, "--exe goes with a core", pid, "main.VInt", "--exe", "x"),
        (1, "no process, snapshot or core", "/nothing/here", "main.VInt"),
    ):
        done = gosnap("show", *arguments, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


class Watching:
    """A ``gosnap show --watch`` that runs."""

    def __init__(self, pid: int, *arguments: str) -> None:
        command = [sys.executable, "-m", "gosnap", "show", str(pid), *arguments, "--watch", "50ms"]
        self.proc = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )

    def lines_until(self, words: str) -> list[str]:
        assert self.proc.stdout is not None
        out: list[str] = []
        for line in self.proc.stdout:
            out.append(line.rstrip("\n"))
            if words in line:
                return out
        raise AssertionError(f"ended without {words!r}: {out} {self.proc.stderr and self.proc.stderr.read()}")


@pytest.fixture
def watching() -> Iterator[Callable[..., Watching]]:
    started: list[Watching] = []

    def start(pid: int, *arguments: str) -> Watching:
        started.append(Watching(pid, *arguments))
        return started[-1]

    yield start
    for w in started:
        w.proc.kill()
        w.proc.communicate()


def test_watching_says_what_changes(target: Any, watching: Callable[..., Watching]) -> None:
    w = watching(target.pid, "main.Watched", "main.WatchedNumber")
    assert "41" in w.lines_until("41")[-1]
    target.ask("grow")
    said = [line[14:] for line in w.lines_until("main.WatchedNumber: 41 -> 42")]
    assert 'main.Watched["new"]: + 7' in said
    target.ask("shrink")
    assert w.lines_until('"old"')[-1][14:] == 'main.Watched["old"]: - 1'
    w.proc.send_signal(signal.SIGINT)
    assert w.proc.wait(WATCH_SECONDS) == 0


def test_watching_ends_with_the_target(target: Any, watching: Callable[..., Watching]) -> None:
    w = watching(target.pid, "main.WatchedNumber", "--format", "json")
    first = json.loads(w.lines_until("value")[-1])
    assert first["value"]["value"] == 41
    target.ask("grow")
    change = json.loads(w.lines_until("after")[-1])
    assert (change["expression"], change["before"]["value"], change["after"]["value"]) == (
        "main.WatchedNumber",
        41,
        42,
    )
    target.stop()
    out, err = w.proc.communicate(timeout=WATCH_SECONDS)
    assert w.proc.returncode == 0
    assert "has exited" in err
    assert "Traceback" not in err
    assert out == ""
