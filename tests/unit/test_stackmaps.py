"""Maps whose header is on a stack: what malloc headers and references say of their parts."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import smallheap
from smallheap import MAP_ROW

from gosnap.binary.types import TypeTable
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import Spans
from gosnap.heap.objtypes import kernel_types
from gosnap.heap.roles import Role
from gosnap.heap.stackmaps import type_parts


def table(monkeypatch: pytest.MonkeyPatch, *more: tuple[str, int, int]) -> TypeTable:
    """The types of the small heap, and further ones: (name, kind, size)."""
    rows = [*smallheap._TYPES, *((name, kind, size, 0, 0, 0, 0, []) for name, kind, size in more)]
    monkeypatch.setattr(smallheap, "_TYPES", rows)
    return TypeTable.from_columns({n.removeprefix("types."): c for n, c in smallheap._types().items()})


@pytest.mark.parametrize("name", ["map.bucket", "noalg.map.bucket", "map.group", "noalg.map.group"])
def test_a_bucket_by_its_name_is_of_its_map(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    first = len(smallheap._TYPES)
    types = table(
        monkeypatch,
        (f"{name}[string]*main.Item/x", 25, 64),
        (f"{name}[string]*main.Other", 25, 64),
        ("map[string]*main.Item/x", 21, 8),
        # the name of a map, but none
        ("map[string]*main.Other", 25, 8),
    )
    kt = kernel_types(types)
    assert (kt.owner[first], kt.owner_role[first]) == (first + 2, Role.MAP_BUCKETS)
    assert (kt.owner[first + 1], kt.owner_role[first + 1]) == (0, 0)


GROUP = smallheap.key(Role.MAP_BUCKETS, MAP_ROW)
TABLE = smallheap.key(Role.MAP_TABLE, MAP_ROW)
DIRECTORY = smallheap.key(Role.MAP_DIR, MAP_ROW)


class Graph:
    """Objects with their type, slot size and (word, target) of references, in the order of their numbers."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, list[tuple[int, int]]]] = []

    def new(self, key: int, size: int, *edges: tuple[int, int], header: int = 0) -> int:
        self.rows.append((key, size, header, list(edges)))
        return len(self.rows) - 1

    def typed(self, types: TypeTable, cut: int) -> list[int]:
        """What they are after ``type_parts``; the references are in two parts, cut at an edge."""
        layouts = SimpleNamespace(offset=lambda *_: 16, size=lambda _: 32)
        program = SimpleNamespace(layouts=layouts, types=types)
        spans = SimpleNamespace(
            counts=np.ones(len(self.rows), np.uint32),
            elemsize=np.array([r[1] for r in self.rows], np.uint64),
            headers=np.array([r[2] for r in self.rows], np.uint8),
        )
        edges = [sorted(r[3]) for r in self.rows]
        targets = np.array([e[1] for row in edges for e in row], np.uint32)
        words = [np.diff([0, *(e[0] for e in row)]) for row in edges]
        steps = np.concatenate(words).astype(np.uint16)
        otype = np.array([r[0] for r in self.rows], np.uint32)
        degree = np.array([len(row) for row in edges], np.uint32)
        columns: Any = ([targets[:cut], targets[cut:]], [steps[:cut], steps[cut:]])
        type_parts(cast(GoProgram, program), cast(Spans, spans), otype, degree, columns)
        return cast(list[int], otype.tolist())


@pytest.mark.parametrize("cut", [0, 1, 3, 9])
def test_tables_and_directories_are_told_by_what_they_refer_to(
    monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    types = table(
        monkeypatch, ("internal/runtime/maps.table", 25, 32), ("*internal/runtime/maps.table", 22, 8)
    )
    plain, pointer = len(types) - 2, len(types) - 1
    heap = Graph()
    group = heap.new(GROUP, 1024)
    first = heap.new(0, 32, (2, group))
    # a directory of so many that it has a malloc header says itself what its tables are
    second = heap.new(smallheap.key(Role.VALUE, plain), 32, (2, group))
    small = heap.new(0, 16, (0, first), (1, second))
    large = heap.new(
        smallheap.key(Role.ARRAY, pointer),
        1024,
        *((1 + i, (first, second)[i % 2]) for i in range(127)),
        header=1,
    )
    others = [
        heap.new(0, 48, (2, group)),  # a map's header
        heap.new(0, 32, (1, group)),
        heap.new(0, 32, (1, group), (2, group)),
        heap.new(0, 16, (0, first), (1, group)),
        heap.new(0, 24, (0, first), (2, second)),
        heap.new(0, 8, (0, group)),
        heap.new(0, 32, (2, large)),
    ]
    typed = heap.typed(types, cut)
    assert typed[first] == typed[second] == TABLE
    assert typed[small] == typed[large] == DIRECTORY
    assert typed[group] == GROUP
    assert [typed[o] for o in others] == [0] * len(others)
