"""What sets of objects and of roots retain, by marking again without them; and who is no owner."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gosnap.heap.columns import Columns
from gosnap.heap.groups import GroupKind
from gosnap.heap.holding import objects_below
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.take import take
from gosnap.heap.tree import Tree

pytestmark = pytest.mark.integration


def lost_without(tree: Tree, nodes: np.ndarray) -> np.ndarray:
    """Objects that are reached, but only through these nodes; they themselves among them."""
    graph, _, _ = tree.graph
    every, seen = np.zeros(tree.nodes, np.uint8), np.zeros(tree.nodes, np.uint8)
    graph.reach(tree.tops, every)
    seen[nodes] = 1
    graph.reach(tree.tops, seen)
    lost = (every != 0) & (seen == 0)
    lost[nodes] = every[nodes] != 0
    return np.flatnonzero(lost[: tree.objects])


def test_what_sets_retain(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("types", go_version))
    take(str(target.pid), out=tmp_path / "a.gosnap")
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    columns = Columns(snapshot.reader)
    tree = Tree(columns)
    checked = 0
    for by in ("type", "package"):
        view = snapshot.dominators(by=by, top=None)
        names = np.array(columns.type_table["name" if by == "type" else "package"])
        if by == "type":
            # a map is one with the parts that it is made of
            names = np.array(
                [re.sub(r" \((groups|buckets|table|directory|overflow|buffer)\)$", "", n) for n in names]
            )
        keys = np.array(columns.type_table["key"], np.uint32)
        for row in view.rows[:8] + view.rows[20:80:12]:
            if row["type"] in ("untyped", "(untyped)"):
                wanted = np.zeros(1, np.uint32)
            else:
                wanted = np.unique(keys[names == row["type"]])
            members = np.flatnonzero(np.isin(columns.types, wanted) & tree.live)
            lost = lost_without(tree, members)
            assert row["retained_objects"] == len(lost), row
            assert row["retained_bytes"] == int(columns.sizes[lost].sum()), row
            assert row["objects"] == len(members), row
            checked += 1
    assert checked >= 15
    kinds = {"root": None, "global": GroupKind.GLOBAL, "goroutine": GroupKind.GOROUTINE}
    for by, kind in kinds.items():
        view = snapshot.dominators(by=by, top=None)
        groups = tree.tops if kind is None else np.flatnonzero(tree.group_kind == kind) + tree.objects
        sums = {}
        for group in groups.tolist()[:40]:
            lost = lost_without(tree, np.array([group]))
            sums[group] = (int(columns.sizes[lost].sum()), len(lost))
            assert tree.retained_of(group) == sums[group]
        said = sorted((r["retained_bytes"], r["retained_objects"]) for r in view.rows)
        assert len(said) == len(groups)
        if len(groups) <= 40:
            assert said == sorted(sums.values())


BLOB = 3072
"""The size class of main.Blob; before Go 1.23 what closures capture has no type."""


def blobs(snapshot: Snapshot, group: str) -> int:
    """main.Blob objects that a group of roots retains."""
    tree = Tree(Columns(snapshot.reader))
    for i in range(len(tree.group_kind)):
        if tree.group_name(i) == group:
            return int((tree.columns.sizes[objects_below(tree, i + tree.objects)] == BLOB).sum())
    return 0


def test_weak_owners_are_not_owners(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("owners", go_version))
    take(str(target.pid), out=tmp_path / "a.gosnap")
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    said = target.json
    columns = Columns(snapshot.reader)
    live = int((columns.sizes[Tree(columns).live] == BLOB).sum())
    expected = said["owned"] + said["pool_alone"] + said["timed_alone"] + said["handled"]
    assert live == expected
    # the map owns all that is in it, whoever else refers to it
    assert blobs(snapshot, "global main.owned") == said["owned"]
    assert blobs(snapshot, "global main.handles") == said["handled"]
    # what only a pool or timers lead to is theirs; several variables of the runtime lead to its timers
    assert blobs(snapshot, "global main.pool") == said["pool_alone"]
    tree = Tree(columns)
    below = {int(v) for w in tree.weak if tree.live[w] for v in objects_below(tree, int(w))}
    weakly = sum(int(columns.sizes[v]) == BLOB for v in below)
    assert weakly == said["pool_alone"] + said["timed_alone"]
    [path] = [r for r in snapshot.paths("main.Blob", top=None).rows if "main.owned" in r["steps"][0]["label"]]
    assert path["objects"] == said["owned"]
