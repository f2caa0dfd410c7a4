"""Leaked goroutines, by programs whose number of them is known, and by Go 1.27's own profile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leakcases import Case, cases

from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.take import take

pytestmark = pytest.mark.integration

# Where a snapshot finds fewer than there are, as Go 1.27's profile does: an object is alive as a whole.
WHOLE_OBJECTS = {
    "popped": "the array of a slice still holds what was cut off its end",
    "tiny-neighbour": "a value of less than 16 bytes without pointers shares its slot with others",
    "field-neighbour": "a mutex is in a structure of which something else is used",
}
# The closure of a finalizer or cleanup could be called as soon as its object is free; that only a leaked
# goroutine holds that object is not taken into account.
SPECIALS = {"finalizer-own", "cleanup-own"}
# A goroutine in state "coroutine" is taken as one that can go on: only who has its iter.Seq could tell.
COROUTINES = {"iter-pull-blocked": 1, "iter-pull-dropped": 0}
# sync.OnceValue of Go 1.21 and 1.22 keeps its Once, of 12 bytes, in such a slot.
TINY_ONCE = {"once-value"}


def leaked_ids(snapshot: Snapshot) -> set[int]:
    rows = snapshot.goroutines(leaked=True, top=None).rows
    assert all(r["count"] == len(r["ids"]) or r["count"] > 10 for r in rows)
    return {i for r in rows for i in r["ids"]}


def expected(case: Case, go_version: str) -> set[int]:
    """What a snapshot may find."""
    if case.name in WHOLE_OBJECTS or case.name in SPECIALS:
        return {0}
    if case.name in COROUTINES:
        return {COROUTINES[case.name]}
    if case.name in TINY_ONCE and go_version < "1.23":
        return {0, case.leaked}
    return {case.leaked}


def test_leaked_goroutines_are_found_and_no_others(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    binary = gobuild("leaks", go_version)
    known = cases(binary)
    assert sum(c.kind == "leak" for c in known) >= 40 and sum(c.kind == "healthy" for c in known) >= 20
    wrong = []
    for case in known:
        target = running(binary, case.name)
        file = tmp_path / "a.gosnap"
        take(str(target.pid), out=file, force=True)
        snapshot = open_snapshot(file)
        assert not any(snapshot.meta["checks"].values()), case.name
        found = snapshot.goroutines(top=None).totals["leaked"]
        if found not in expected(case, go_version):
            wrong.append((case.name, case.leaked, found))
        profile = target.ask("profile")
        if profile["supported"] and case.runtime_leaked == found <= 10:
            assert set(profile["ids"]) == leaked_ids(snapshot), case.name
        if profile["supported"] and profile["total"] != found:
            # every difference has its reason: `leaks -list` says why the runtime's number is not the true one
            assert case.runtime_leaked != case.leaked and case.why, (case.name, profile["total"], found)
        target.stop()
    assert not wrong


def test_a_leaked_goroutine_is_shown_with_what_it_holds(
    gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    binary = gobuild("leaks", "1.26.6")
    target = running(binary, "many")
    take(str(target.pid), out=tmp_path / "a.gosnap")
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    view = snapshot.goroutines(leaked=True)
    assert view.totals["leaked"] == 1000
    [row] = view.rows
    assert (row["count"], row["leaked"], row["state"]) == (1000, 1, "waiting")
    said = {g["id"]: g for g in target.ask("stacks")["goroutines"]}
    some = said[row["ids"][0]]
    assert row["wait_reason"] == some["state"]
    assert [f["function"] for f in row["frames"]] == [f["function"] for f in some["frames"]]
    assert [int(f["line"]) for f in row["frames"]] == [int(f["line"]) for f in some["frames"]]
    one = snapshot.goroutine(row["ids"][0])
    assert one.totals["leaked"] == 1 and one.rows[0]["ids"] == [row["ids"][0]]
    assert one.extra["slots"]
