"""Suspects, on programs with one seeded leak each, and on healthy ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from suspectcases import Case, cases

from gosnap.heap.snapshot import open_snapshot
from gosnap.heap.take import take
from gosnap.heap.views import Row

pytestmark = pytest.mark.integration

# The header of a map that does not escape is on the stack, and DWARF does not say of what the goroutine's
# frame is made there: the holder is found, and what it holds, but not the variable's name; and before Go
# 1.22, which keeps no types with objects, not that it is a map.
HEADER_ON_STACK = {"stack-map-inline"}
# Before Go 1.24 DWARF does not describe the two words of an interface in different slots as one variable.
INTERFACE_ON_STACK = {"context-on-stack"}


def wrong(case: Case, rows: list[Row], minor: int) -> str:
    """What is not as it should be; "" for nothing."""
    if not case.leaks:
        return f"stands out: {[r['container'] for r in rows]}" if rows else ""
    if not rows:
        return "nothing stands out"
    first = rows[0]
    said = first["root"], first["container"], first["pattern"]
    if first["root"] not in case.roots:
        return f"root of {said}"
    if case.name in HEADER_ON_STACK and minor >= 22 and first["pattern"] not in case.patterns:
        return f"pattern of {said}"
    if case.name in HEADER_ON_STACK or (case.name in INTERFACE_ON_STACK and minor < 24):
        return "" if first["container"].startswith(("main.deduplicate", "main.consumeTopic")) else str(said)
    if first["container"] not in case.containers:
        return f"container of {said}"
    return "" if first["pattern"] in case.patterns else f"pattern of {said}"


def test_the_right_holder_comes_first(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    binary = gobuild("suspects", go_version)
    known = cases(binary)
    assert sum(c.leaks for c in known) >= 30 and sum(not c.leaks for c in known) >= 10
    failed = {}
    for case in known:
        target = running(binary, case.name)
        file = tmp_path / "a.gosnap"
        take(str(target.pid), out=file, force=True)
        view = open_snapshot(file).suspects(top=None)
        target.stop()
        assert not any(view.checks.values()), case.name
        problem = wrong(case, view.rows, int(go_version.split(".")[1]))
        if problem:
            failed[case.name] = problem
    assert not failed


def test_growth_is_told(gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path) -> None:
    """A map and a channel that grow by half, by the program's own count."""
    binary = gobuild("suspects", "1.26.6")
    for name in ("map-in-struct", "chan-hub", "slice-structs"):
        target = running(binary, name)
        take(str(target.pid), out=tmp_path / "a.gosnap", force=True)
        before = target.json["items"]
        after = target.ask("grow")["items"]
        take(str(target.pid), out=tmp_path / "b.gosnap", force=True)
        old, new = open_snapshot(tmp_path / "a.gosnap"), open_snapshot(tmp_path / "b.gosnap")
        [first, *_] = new.suspects(since=old).rows
        assert first["items"] == after, name
        assert first["growth_items"] == after - before, name
        assert first["growth_bytes"] == first["retained_bytes"] - old.suspects().rows[0]["retained_bytes"]
        assert "grew" in first["evidence"][0]
        target.stop()


def test_a_backlog_says_what_waits(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """As many calls as the program queued, but for those that are being run; and the objects' type."""
    minor = int(go_version.split(".")[1])
    binary = gobuild("suspects", go_version)
    wanted = [
        ("finalizers-blocked", "finalizer", "main.handle"),
        ("finalizers-lock", "finalizer", "main.texture"),
    ]
    wanted += [("cleanups-blocked", "cleanup", "")] if minor >= 24 else []
    for name, what, type_name in wanted:
        target = running(binary, name)
        take(str(target.pid), out=tmp_path / "a.gosnap", force=True)
        queued = target.json["items"]
        target.stop()
        row = open_snapshot(tmp_path / "a.gosnap").suspects().rows[0]
        said = " ".join(row["evidence"])
        # cleanups are run by as many goroutines as there are processors
        assert queued - 64 <= row["items"] <= queued, (name, queued, row["items"])
        assert f"{row['items']:,} {what}s wait." in said
        assert row["title"].startswith(f"the queue of {what}s keeps")
        assert not type_name or f" {type_name}, " in said or f" {type_name} (" in said


def test_what_a_goroutine_wants_to_send_has_a_type(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """Arrays that only senders hold, one each, in a slice whose last use is the send."""
    target = running(gobuild("suspects", go_version), "goroutines-senders")
    take(str(target.pid), out=tmp_path / "a.gosnap", force=True)
    sent = target.json["items"]
    target.stop()
    rows = open_snapshot(tmp_path / "a.gosnap").types(top=None).rows
    assert {r["type"]: r["objects"] for r in rows}["[]main.resultRow"] == sent


def test_every_suspect_says_what_to_run_next(
    gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """The command is one that works."""
    import shlex
    import subprocess
    import sys

    binary = gobuild("suspects", "1.26.6")
    for name in (
        "map-sessions",
        "goroutines-readers",
        "list-linked",
        "timers-captured",
        "finalizers-blocked",
    ):
        target = running(binary, name)
        file = tmp_path / f"{name}.gosnap"
        take(str(target.pid), out=file)
        target.stop()
        [row, *_] = open_snapshot(file).suspects().rows
        verb, *rest = shlex.split(row["next"])
        command = [sys.executable, "-m", "gosnap", verb, str(file), *rest]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, row["next"], done.stderr)
        assert row["title"] and row["evidence"]
