"""What is live, by the collector's own measure, and goroutine stacks, by the runtime's own traceback."""

import random
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.goruntime.functions import Functions
from gosnap.goruntime.goroutines import read_goroutines
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.stacks import Unwinder
from gosnap.heap.columns import Columns
from gosnap.heap.snapshot import open_snapshot
from gosnap.heap.take import take
from gosnap.heap.tree import Tree
from gosnap.target.live import capture

pytestmark = pytest.mark.integration


def test_after_a_collection_all_is_live(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """The target has just collected and allocates no more: what the roots reach is what is allocated."""
    target = running(gobuild("types", go_version))
    take(str(target.pid), out=tmp_path / "a.gosnap")
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    totals = snapshot.types().totals
    garbage = snapshot.types(only="garbage", top=None)
    print(garbage.rows)
    # closures of the runtime that were made while the last collection marked (Go 1.24: unique's cleanups)
    assert totals["objects"] - totals["reachable_objects"] <= 16
    assert garbage.totals["objects"] == totals["objects"] - totals["reachable_objects"]
    assert not [r for r in garbage.rows if "main." in r["type"]]
    # what only stacks and closures hold is found too, by the target's own count
    live = {r["type"]: r["objects"] for r in snapshot.types(only="live", top=None).rows}
    assert {name: live.get(name, 0) for name in target.json["counts"]} == target.json["counts"]
    rows = {r["region"]: r for r in snapshot.info().rows}
    assert rows["allocated objects, live"]["virtual_bytes"] == totals["reachable_bytes"]


def test_retained_is_what_goes_with_an_object(
    gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """On a real heap: block the object, mark again, and see what is no longer reached."""
    target = running(gobuild("types", "1.26.6"))
    take(str(target.pid), out=tmp_path / "a.gosnap")
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    columns = Columns(snapshot.reader)
    tree = Tree(columns)
    graph, _, _ = tree.graph
    everything = np.zeros(tree.nodes, np.uint8)
    graph.reach(tree.tops, everything)
    everything = everything[: columns.objects]
    reached = int(everything.sum())
    view = snapshot.dominators(top=None)
    assert view.totals["objects"] == reached
    assert sum(r["retained_objects"] for r in view.rows) == reached
    assert sum(r["retained_bytes"] for r in view.rows) == view.totals["bytes"]
    dice = random.Random(3)
    sample = view.rows[:12] + dice.sample(view.rows, 12)
    sample += snapshot.dominators(under=int(view.rows[3]["object"], 16), top=4).rows
    for row in sample:
        index = columns.at(int(row["object"], 16))
        assert columns.address(index) == int(row["object"], 16)
        # without the way into it
        seen = np.zeros(tree.nodes, np.uint8)
        seen[index] = 1
        graph.reach(tree.tops, seen)
        lost = (everything != 0) & (seen[: columns.objects] == 0)
        lost[index] = True
        assert int(lost.sum()) == row["retained_objects"], row
        assert int(columns.sizes[lost].sum()) == row["retained_bytes"], row


def test_garbage_is_told_from_live(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("storm", go_version), "-mb", "12")
    for _ in range(5):
        take(str(target.pid), out=tmp_path / "a.gosnap", force=True, contents=False)
        snapshot = open_snapshot(tmp_path / "a.gosnap")
        live, garbage = snapshot.types(only="live", top=None), snapshot.types(only="garbage", top=None)
        assert live.totals["objects"] + garbage.totals["objects"] == snapshot.types().totals["objects"]
        assert live.totals["bytes"] > 1 << 20 and garbage.totals["objects"] > 0
        # nearly all that is live is typed; what is not hangs on goroutines that run
        assert live.totals["untyped_bytes"] * 20 <= live.totals["bytes"], live.totals


def said_by_the_runtime(text: str) -> dict[int, list[str]]:
    """goroutine id -> functions, innermost first, of a traceback (runtime/traceback.go)."""
    out: dict[int, list[str]] = {}
    for block in re.split(r"\n\n+", text):
        head = re.match(r"goroutine (\d+)[^\n]*\[", block)
        if head is None:
            continue
        functions = []
        for line in block.splitlines()[1:]:
            if line.startswith("created by"):
                break
            if not line.startswith("\t") and (call := re.match(r"(.+)\([^()]*\)$", line)):
                functions.append(call[1])
        out[int(head[1])] = functions
    return out


def test_frames_are_those_of_the_runtime(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any]
) -> None:
    exe = gobuild("types", go_version)
    target = running(exe, env={"GOTRACEBACK": "system"})
    elf = ElfFile.open(str(exe))
    program = GoProgram(capture(target.pid), elf, GoDwarf(elf))
    goroutines = read_goroutines(program)
    unwinder = Unwinder(program, Functions(program))
    mine: dict[int, list[str]] = {}
    for row in range(len(goroutines)):
        stack = unwinder.unwind(goroutines, row)
        assert stack.complete
        lines = [line for f in stack.frames for line in f.function.lines(f.call_pc)]
        mine[int(goroutines["goid"][row])] = [line.function for line in lines]
    target.proc.send_signal(signal.SIGQUIT)
    target.proc.wait(timeout=30)
    theirs = said_by_the_runtime(target.stderr.read_text())
    compared = 0
    for goid, functions in theirs.items():
        # the goroutine that took the signal has moved on; the others are where they were
        if goid in mine and functions and "main." in " ".join(functions) and len(functions) < 100:
            # generics are printed with [...] for their arguments
            ours = [re.sub(r"\[.*\]", "[...]", f) for f in mine[goid]]
            compared += ours == functions
    assert compared >= 100
