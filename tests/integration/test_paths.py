"""Paths to objects of which the target itself says how they are held."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gosnap.heap.columns import Columns
from gosnap.heap.contents import Contents
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.take import take

pytestmark = pytest.mark.integration

CONTAINERS = 6
EACH = 300
TREE = 63


def sessions(snapshot: Snapshot) -> Iterator[tuple[int, str]]:
    """(address, what it says) of each main.Session: a string is a pointer and a length."""
    columns = Columns(snapshot.reader)
    contents = Contents(columns.reader)
    table = columns.type_table
    keys = [k for k, n in zip(table["key"], table["name"], strict=True) if n == "main.Session"]
    for index in np.flatnonzero(np.isin(columns.types, keys)).tolist():
        address = columns.address(index)
        text, length = contents.word(address), contents.word(address + 8)
        assert text is not None and length is not None
        raw = contents.read(text, length)
        assert raw is not None
        yield address, raw.decode()


def written(steps: list[dict[str, Any]]) -> str:
    """A path in short: what says that a value is an interface, or the box of one, is left out."""
    labels = [re.sub(r" \(interface \{\}\)$", "", step["label"]) for step in steps[:-1]]
    return " → ".join(text for text in labels if text != "*interface {}")


def test_paths_are_those_that_the_target_made(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("shapes", go_version))
    take(str(target.pid), out=tmp_path / "a.gosnap")
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    known = dict(sessions(snapshot))
    assert len(known) == CONTAINERS * EACH + TREE
    by_container: dict[str, list[int]] = {}
    for address, text in known.items():
        by_container.setdefault(re.split(r" →|\[", text)[0], []).append(address)
    assert len(by_container) == CONTAINERS + 1
    for addresses in by_container.values():
        for address in addresses[:: len(addresses) // 4]:
            (row,) = snapshot.paths(hex(address)).rows
            assert written(row["steps"]) == known[address]


def test_merged_paths_count_what_the_target_made(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("shapes", go_version))
    take(str(target.pid), out=tmp_path / "a.gosnap")
    rows = open_snapshot(tmp_path / "a.gosnap").paths("main.Session", top=None).rows
    found = {written(row["steps"]): row["objects"] for row in rows}
    assert found == {
        "global main.sessions → map[…]": EACH,
        "global main.numbered → map[…]": EACH,
        "global main.cache → .entries → map[…]": EACH,
        "global main.shards → […].m → map[…]": EACH,
        "global main.byID → map[…]": EACH,
        "global main.nested → map[…] → map[…]": EACH,
        "global main.tree → *main.Tree.Left|Right (and so on) → *main.Tree.Val": TREE - 1,
        "global main.tree → *main.Tree.Val": 1,
    }
