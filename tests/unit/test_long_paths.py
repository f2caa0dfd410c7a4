"""Paths of millions of steps: only the ends of one are looked at, however its types change on the way."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gosnap.heap import paths


class _Steps:
    """Tells which reference each step is of, and counts how many were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def reference(self, _: int, edge: int) -> list[dict[str, Any]]:
        self.asked += 1
        return [{"kind": "field", "edge": edge}]

    @staticmethod
    def root(group: int, _: int) -> dict[str, Any]:
        return {"kind": "root", "group": group}

    @staticmethod
    def repeat(_: int, count: int) -> dict[str, Any]:
        return {"kind": "repeat", "count": count}

    @staticmethod
    def more(count: int) -> dict[str, Any]:
        return {"kind": "more", "count": count}

    @staticmethod
    def target(index: int) -> dict[str, Any]:
        return {"kind": "target", "object": index}


def told(types: list[int]) -> tuple[list[dict[str, Any]], int]:
    """(the steps of the path through objects of these types, how many references were looked at)."""
    n = len(types)
    search: Any = SimpleNamespace(
        tree=SimpleNamespace(objects=n, columns=SimpleNamespace(types=np.array(types, np.uint32))),
        # one group of roots is the node behind the objects, and the last object is the target
        way=lambda _: np.array([n, *range(n - 1)], np.uint32),
        via=lambda node: 10 * node,
    )
    steps: Any = _Steps()
    row = paths._row(search, steps, n - 1, n - 2, 7)
    assert row["length"] == n
    return row["steps"], steps.asked


@pytest.mark.parametrize("n", [2, 3, 40, 79, 80, 81, 100, 1000, 300_000])
def test_the_ends_of_a_path_of_two_types_in_turn(n: int) -> None:
    steps, asked = told([i % 2 for i in range(n)])
    whole = [{"kind": "root", "group": 0}]
    whole += [{"kind": "field", "edge": 7 if i == n - 1 else 10 * i} for i in range(1, n)]
    if n > 80:
        whole[40:-40] = [{"kind": "more", "count": n - 80}]
    assert steps == [*whole, {"kind": "target", "object": n - 1}]
    assert asked <= 80


@pytest.mark.parametrize("n", [6, 7, 100_000])
def test_many_of_one_type_are_one_step(n: int) -> None:
    steps, _ = told([1, *[2] * n, 3])
    if n <= 6:
        between = [{"kind": "field", "edge": 10 * i} for i in range(1, n + 1)]
    else:
        between = [
            *({"kind": "field", "edge": 10 * i} for i in range(1, 4)),
            {"kind": "repeat", "count": n - 2},
        ]
    assert steps == [
        {"kind": "root", "group": 0},
        *between,
        {"kind": "field", "edge": 7},
        {"kind": "target", "object": n + 1},
    ]
