"""Objects joined with the stacks that allocated them, in programs that count for themselves which function
made how many of what, and who holds them (tests/targets/allocs)."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import profileproto
from gosnap.cli import main
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.take import take

pytestmark = pytest.mark.integration

Build = Callable[..., Path]
Start = Callable[..., Any]
SOURCE = Path(__file__).resolve().parents[1] / "targets" / "allocs" / "main.go"
EVERYTHING = {"GODEBUG": "memprofilerate=1"}
HOLDERS = {
    "sessions": "global main.sessions",
    "cache": "global main.cache",
    "boxes": "global main.boxes",
    "blobs": "global main.blobs",
    "worker": "goroutines in main.(*worker).run",
}
ROOTS = {name: holder for holder, name in HOLDERS.items()}


@pytest.fixture
def target(go_version: str, gobuild: Build, running: Start) -> Any:
    return running(gobuild("allocs", go_version), env=EVERYTHING)


def captured(target: Any, path: Path) -> Snapshot:
    take(str(target.pid), out=path / "a.gosnap", contents=False)
    return open_snapshot(path / "a.gosnap")


def made(target: Any) -> Counter[tuple[str, str, str]]:
    """(function, type, holder) -> how many objects, as the program counted them."""
    return Counter({(m["function"], m["type"], m["holder"]): m["count"] for m in target.json["made"]})


def functions(stack: dict[str, Any]) -> list[str]:
    return [re.sub(r"\[.*\]", "[...]", f["function"]) for f in stack["frames"]]


def maker(stack: dict[str, Any]) -> str:
    """The function that allocated; what was inlined into it belongs to it."""
    (first, *rest) = functions(stack)
    return rest[0] if first == "main.push[...]" else first


def root(row: dict[str, Any]) -> str:
    return next(s["label"] for s in row["steps"] if s["kind"] == "root")


def test_types_are_of_the_functions_that_made_them(target: Any, tmp_path: Path) -> None:
    wanted: Counter[tuple[str, str]] = Counter()
    for (function, kind, holder), count in made(target).items():
        if kind and holder:
            wanted[function, kind] += count
    view = captured(target, tmp_path).types(
        top=None, only="live", alloc=True, stacks=None, match=r"^main\.|^\[\]uint8$"
    )
    found: Counter[tuple[str, str]] = Counter()
    places: set[tuple[str, int]] = set()
    for row in view.rows:
        assert row["alloc"]["samples"] <= row["objects"]
        if row["type"].startswith("main."):
            assert row["alloc"]["samples"] == row["objects"]  # each is a sample
        for stack in row["alloc"]["stacks"]:
            if (key := (maker(stack), row["type"])) in wanted:
                found[key] += stack["samples"]
                assert stack["objects"] == stack["samples"]
                own = stack["frames"][functions(stack).index(key[0])]
                places.add((f"// makes {row['type']}", own["line"]))
    assert found == wanted
    lines = SOURCE.read_text().splitlines()
    comments = {
        (line[line.index("// makes ") :], i) for i, line in enumerate(lines, 1) if " // makes " in line
    }
    assert places == comments and len(places) == 8


def test_garbage_has_its_own_stacks(target: Any, tmp_path: Path) -> None:
    """What nothing refers to has no type, but it has its stack."""
    snapshot = captured(target, tmp_path)
    for only, count in (("garbage", 3 * made(target)["main.forget", "", ""]), ("live", 0)):
        stacks = [
            stack
            for row in snapshot.types(top=None, only=only, alloc=True, stacks=None).rows
            for stack in row["alloc"]["stacks"]
        ]
        assert sum(s["samples"] for s in stacks if "main.forget" in functions(s)) == count
        assert sum(s["samples"] for s in stacks if "main.login" in functions(s)) > 0 or only == "garbage"


def test_paths_say_who_holds_and_who_made_it(target: Any, tmp_path: Path) -> None:
    snapshot, counted = captured(target, tmp_path), made(target)
    for kind in ("main.Session", "main.Account", "main.Entry", "main.Job", "main.Box[int]", "[]uint8"):
        wanted = {(f, HOLDERS[h]): n for (f, k, h), n in counted.items() if k == kind and h}
        view = snapshot.paths(kind, None, alloc=True, stacks=None)
        found: Counter[tuple[str, str]] = Counter()
        for row in view.rows:
            assert (
                row["samples"] == row["alloc"]["samples"] == sum(s["samples"] for s in row["alloc"]["stacks"])
            )
            assert kind == "[]uint8" or row["samples"] == row["objects"]
            for stack in row["alloc"]["stacks"]:
                found[maker(stack), root(row)] += stack["samples"]
        assert {key: n for key, n in found.items() if key[1] in ROOTS and key in wanted} == wanted
        if kind != "[]uint8":
            assert found == wanted
    # which caller made what this holder holds
    callers: dict[str, Counter[str]] = {}
    for row in snapshot.paths("main.Session", None, alloc=True, stacks=None).rows:
        for stack in row["alloc"]["stacks"]:
            callers.setdefault(ROOTS[root(row)], Counter())[functions(stack)[1]] += stack["samples"]
    assert callers == {
        "sessions": {
            "main.login": counted["main.login", "", "sessions"],
            "main.restore": counted["main.restore", "", "sessions"],
        },
        "cache": {"main.(*Cache).adopt": counted["main.(*Cache).adopt", "", "cache"]},
    }


def test_an_object_and_what_it_keeps_alive(target: Any, tmp_path: Path) -> None:
    snapshot, counted = captured(target, tmp_path), made(target)
    rows = snapshot.dominators(by="object", top=None).rows
    (array,) = (r for r in rows if r["name"] == "global main.blobs")
    extra = snapshot.paths(array["object"], alloc=True, stacks=None).extra
    assert extra["alloc"]["samples"] == 1
    by_maker: Counter[str] = Counter()
    for stack in extra["alloc_retained"]["stacks"]:
        by_maker[maker(stack)] += stack["samples"]
    blobs = {f: n for (f, _, h), n in counted.items() if h == "blobs"}
    # the array of them itself was allocated by the last append
    assert by_maker - Counter(blobs) in ({f: 1} for f in blobs)
    assert extra["alloc_retained"]["samples"] == array["retained_objects"] == sum(blobs.values()) + 1


def test_suspects_say_who_made_what_they_hold(target: Any, tmp_path: Path) -> None:
    view = captured(target, tmp_path).suspects(stacks=None)
    suspect = next(r for r in view.rows if r["container"] == "main.blobs.items")
    by_maker: Counter[str] = Counter()
    for stack in suspect["alloc"]["stacks"]:
        by_maker[maker(stack)] += stack["samples"]
    blobs = {f: n for (f, _, h), n in made(target).items() if h == "blobs"}
    assert sum(by_maker.values()) == suspect["retained_objects"] == sum(blobs.values()) + 1
    assert all(by_maker[f] - n in (0, 1) for f, n in blobs.items()) and set(by_maker) == set(blobs)
    assert suspect["alloc"]["bytes"] == suspect["retained_bytes"]
    assert view.extra["sampling"]["rate"] == 1


def test_holders_of_what_functions_made(
    target: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a process, and of a snapshot: of a process it takes one, which does not stay."""
    captured(target, tmp_path)
    counted = made(target)
    capsys.readouterr()

    def asked(source: str, pattern: str) -> dict[str, Any]:
        assert main(["top", source, "--holders", pattern, "-n", "0", "--format", "json"]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert document["checks"] == {
            "dangling_pointers": 0,
            "bad_type_headers": 0,
            "span_count_mismatches": 0,
        }
        return document

    def held(document: dict[str, Any], *kinds: str) -> dict[tuple[str, str], int]:
        out: Counter[tuple[str, str]] = Counter()
        for row in document["rows"]:
            if (kind := row["steps"][-1]["type"]) in kinds:
                out[kind, ROOTS[root(row)]] += row["samples"]
        return dict(out)

    parts = ("main.Session", "main.Account", "[]uint8")
    for source in (str(target.pid), str(tmp_path / "a.gosnap")):
        sessions = counted["main.newSession", "main.Session", "sessions"]
        spare = counted["main.newSession", "main.Session", "cache"]
        found = asked(source, r"^main\.newSession$")
        assert held(found, *parts) == {
            (kind, holder): n for kind in parts for holder, n in (("sessions", sessions), ("cache", spare))
        }
        assert found["functions"] == ["main.newSession"]
        assert (
            found["totals"]["samples"] == sum(r["samples"] for r in found["rows"]) == 3 * (sessions + spare)
        )
        assert found["totals"]["garbage_samples"] == 3 * counted["main.newSession", "main.Session", ""]
        # slots of a Session, an Account and a thousand bytes (runtime/sizeclasses.go)
        assert found["totals"]["bytes"] == (sessions + spare) * (48 + 32 + 1024)
        # a caller, an inlined generic function, what a goroutine has on its stack alone
        found = asked(source, r"main\.restore")
        restored = counted["main.restore", "", "sessions"]
        assert held(found, *parts) == {(kind, "sessions"): restored for kind in parts}
        assert held(asked(source, "main.push"), "main.Box[int]") == {
            ("main.Box[int]", "boxes"): counted["main.fillBoxes", "main.Box[int]", "boxes"]
        }
        assert held(asked(source, "newJob"), "main.Job") == {
            ("main.Job", "worker"): counted["main.newJob", "main.Job", "worker"]
        }
    assert target.alive() and {p.name for p in tmp_path.iterdir()} == {"a.gosnap"}


@pytest.mark.parametrize("rate", [4096, 65536])
def test_estimates_are_those_of_the_profile(
    go_version: str, rate: int, gobuild: Build, running: Start, tmp_path: Path
) -> None:
    """What the samples stand for, by function, is what the program's own profile says is in use:
    runtime/pprof makes the same estimates from counts, without looking at an object."""
    env = {"GODEBUG": f"memprofilerate={rate}"}
    target = running(gobuild("allocs", go_version), "-scale", "5", "-garbage", "0", env=env)
    target.ask(f"profile {tmp_path / 'heap'}")
    snapshot = captured(target, tmp_path)
    profile = profileproto.parse((tmp_path / "heap").read_bytes())
    names = {f.id: profileproto.text(profile, f.name) for f in profile.function}
    lines = {x.id: {names[line.function_id] for line in x.line} for x in profile.location}
    for function in ("main.newSession", "main.restore", "main.(*blobStore).load", "main.(*blobStore).reload"):
        rows = [s for s in profile.sample if any(function in lines[i] for i in s.location_id)]
        objects, space = (sum(s.value[i] for s in rows) for i in (2, 3))
        view = snapshot.holders(function.__eq__, None)
        assert space > 0 and view.totals["garbage_samples"] == 0
        assert (view.totals["objects"], view.totals["bytes"]) == (objects, space)
        assert view.extra["sampling"]["rate"] == rate
        # by holder each is cut to whole objects for itself, as by stack
        total = np.array([[r["objects"], r["bytes"]] for r in view.rows]).sum(axis=0)
        assert (abs(total - (objects, space)) <= len(rows) * len(view.rows)).all()


def test_a_program_that_keeps_no_profile(
    gobuild: Build, running: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = running(gobuild("quiet", "1.26.6"))
    captured(target, tmp_path)
    file = str(tmp_path / "a.gosnap")
    capsys.readouterr()
    for words in (["types", file, "--alloc"], ["paths", file, "main.note", "--alloc"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert "no allocation stacks: it keeps no memory profile" in out and "net/http/pprof" in out
    assert main(["suspects", file]) == 0
    assert "sampled" not in capsys.readouterr().out
    for source in (str(target.pid), file):
        assert main(["top", source, "--holders", "main"]) == 1
        said = capsys.readouterr().err
        assert "keeps no memory profile" in said and "gosnap-holders" not in said


def test_a_question_that_has_no_answer_does_not_stop_the_process(
    gobuild: Build, running: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gosnap._kernels import copy

    def refuse(*_: object) -> None:
        raise AssertionError("the target was to be stopped")

    monkeypatch.setattr(copy, "Tracer", refuse)
    target = running(gobuild("allocs", "1.26.6"), env=EVERYTHING)
    assert main(["top", str(target.pid), "--holders", "no_such_function"]) == 1
    assert f"{target.pid}: no function in its memory profile matches" in capsys.readouterr().err


def test_holders_in_a_core(
    gobuild: Build, running: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    if shutil.which("gcore") is None:
        pytest.skip("gcore is not here (Debian package gdb)")
    target = running(gobuild("allocs", "1.26.6"), env=EVERYTHING)
    subprocess.run(
        ["gcore", "-o", str(tmp_path / "core"), str(target.pid)], check=True, capture_output=True, timeout=120
    )
    core = tmp_path / f"core.{target.pid}"
    try:
        assert main(["top", str(core), "--holders", "newJob", "--format", "json"]) == 0
    finally:
        core.unlink()
    document = json.loads(capsys.readouterr().out)
    jobs = made(target)["main.newJob", "main.Job", "worker"]
    assert document["totals"]["samples"] == document["totals"]["objects"] == jobs
    assert document["snapshot"]["source"] == "core"
