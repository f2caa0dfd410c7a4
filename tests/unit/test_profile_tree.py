"""The tree of calls: against a model in plain Python, and with columns that do not fit."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels.profile_tree import grow, heaviest
from gosnap.profile.columns import column, offsets

TOP = 0xFFFFFFFF


class Model:
    """Samples at random, and what their tree is."""

    def __init__(self, dice: random.Random) -> None:
        self.types = dice.randrange(1, 3)
        nodes, samples = dice.randrange(1, 8), dice.randrange(12)
        self.frames = [
            [dice.randrange(nodes) for _ in range(dice.randrange(3))] for _ in range(dice.randrange(1, 8))
        ]
        self.stacks = [
            [dice.randrange(len(self.frames)) for _ in range(dice.randrange(6))] for _ in range(samples)
        ]
        self.values = [dice.randrange(-50, 100) for _ in range(samples * self.types)]
        self.sides = [dice.randrange(2) for _ in range(samples)]
        self.rank = dice.sample(range(nodes), nodes)
        self.order_by = dice.randrange(self.types)
        self.own: dict[tuple[int, ...], list[int]] = {}
        self.whole: dict[tuple[int, ...], list[int]] = {}
        self.called: set[tuple[int, ...]] = set()
        for i, stack in enumerate(self.stacks):
            path = [
                (node, k == len(self.frames[place]) - 1)
                for place in reversed(stack)
                for k, node in reversed(list(enumerate(self.frames[place])))
            ]
            for depth in range(1, len(path) + 1):
                key = tuple(node for node, _ in path[:depth])
                if path[depth - 1][1]:
                    self.called.add(key)
                own = self.own.setdefault(key, [0] * 2 * self.types)
                whole = self.whole.setdefault(key, [0] * 2 * self.types)
                for t in range(self.types):
                    value = self.values[i * self.types + t]
                    whole[2 * t + self.sides[i]] += value
                    own[2 * t + self.sides[i]] += value if depth == len(path) else 0

    def weight(self, key: tuple[int, ...]) -> int:
        whole = self.whole[key]
        return abs(whole[2 * self.order_by]) + abs(whole[2 * self.order_by + 1])

    def walk(self, above: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
        below = [k for k in self.whole if k[:-1] == above]
        below.sort(key=lambda k: (-self.weight(k), self.rank[k[-1]]))
        return [k for child in below for k in (child, *self.walk(child))]

    def grown(self) -> dict[str, memoryview]:
        return grow(
            column("q", self.values),
            self.types,
            offsets(map(len, self.stacks)),
            column("I", [place for stack in self.stacks for place in stack]),
            offsets(map(len, self.frames)),
            column("I", [node for frame in self.frames for node in frame]),
            column("I", self.rank),
            column("B", self.sides),
            self.order_by,
        )


def paths(found: dict[str, memoryview]) -> list[tuple[int, ...]]:
    out: list[tuple[int, ...]] = []
    for parent, node in zip(found["parent"], found["node"], strict=True):
        out.append((*(out[parent] if parent != TOP else ()), node))
    return out


def test_the_tree_is_the_models() -> None:
    dice = random.Random(4)
    for _ in range(500):
        model = Model(dice)
        found = model.grown()
        want = model.walk()
        assert paths(found) == want
        width = 2 * model.types
        for name, values in (("self", model.own), ("total", model.whole)):
            assert found[name].tolist() == [v for key in want for v in values[key]]
        assert found["inlined"].tolist() == [key not in model.called for key in want]
        assert len(found["total"]) == width * len(want)


def test_the_heaviest_are_closed_upwards_and_no_more_than_asked_for() -> None:
    dice = random.Random(5)
    for _ in range(500):
        model = Model(dice)
        found = model.grown()
        every = paths(found)
        limit = dice.randrange(1, 20)
        places, depths = heaviest(found["parent"], found["total"], model.types, limit, model.order_by)
        kept = [every[i] for i in places]
        assert list(places) == sorted(set(places))
        assert list(depths) == [len(key) - 1 for key in kept]
        assert all(key[:-1] in kept for key in kept if len(key) > 1)
        assert len(kept) == len(every) if len(every) <= limit else len(kept) <= limit


def test_of_many_weights_the_largest_stay() -> None:
    # all at the root, so that only weights count; a power of two is a class of its own
    n = 3000
    weights = [1 << (i % 40) for i in range(n)]
    total = column("q", [v for w in weights for v in (w, 0)])
    places, _ = heaviest(column("I", [TOP] * n), total, 1, 1000)
    assert 900 < len(places) <= 1000
    assert (
        min(weights[i] for i in places) > max(w for i, w in enumerate(weights) if i not in set(places)) // 2
    )


_PLACES = st.lists(st.integers(0, 7), max_size=6)
_WIDE = st.lists(st.integers(-2, 7), max_size=6)


@settings(max_examples=500, deadline=None)
@given(st.lists(_WIDE, min_size=3, max_size=3), st.lists(_PLACES, min_size=4, max_size=4), st.integers(-1, 3))
def test_hostile_columns(wide: list[list[int]], places: list[list[int]], types: int) -> None:
    values, stack_start, frame_start = (column("q", w) for w in wide)
    stack, frame_node, rank = (column("I", p) for p in places[:3])
    sides = memoryview(bytearray(places[3]))
    calls: list[Any] = [
        lambda: grow(values, types, stack_start, stack, frame_start, frame_node, rank, sides, 0),
        lambda: heaviest(stack, values, types, types + 1, types),
    ]
    for call in calls:
        try:
            call()
        except ValueError as e:
            assert str(e).startswith("tree: ")
