"""The tree of calls: against a model in plain Python, and with columns that do not fit."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels.profile_text import Out
from gosnap._kernels.profile_tree import DIRECT, INLINED, LINKED, SHOWN, Tree
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

    def tree(self) -> Tree:
        return Tree(
            column("q", self.values),
            self.types,
            column("I", range(self.types)),
            offsets(map(len, self.stacks)),
            column("I", [place for stack in self.stacks for place in stack]),
            offsets(map(len, self.frames)),
            column("I", [node for frame in self.frames for node in frame]),
            len(self.rank),
            sides=column("B", self.sides),
            rank=column("I", self.rank),
            order_by=self.order_by,
        )


def paths(found: dict[str, memoryview]) -> list[tuple[int, ...]]:
    out: list[tuple[int, ...]] = []
    path: list[int] = []
    for depth, node in zip(found["depth"], found["node"], strict=True):
        path[depth:] = [node]
        out.append(tuple(path))
    return out


def text(write: Any, *arguments: Any) -> bytes:
    parts: list[bytes] = []
    out = Out(lambda piece: parts.append(bytes(piece)))
    write(out, *arguments)
    out.flush()
    return b"".join(parts)


def test_the_tree_is_the_models() -> None:
    dice = random.Random(4)
    for _ in range(500):
        model = Model(dice)
        tree = model.tree()
        want = model.walk()
        assert tree.places == len(want)
        found = tree.heaviest(1000)
        assert paths(found) == want
        assert found["inlined"].tolist() == [key not in model.called for key in want]
        chain, depth = found["chain"], found["depth"]
        for t in range(model.types):
            for side in (0, 1):
                column_ = 2 * t + side
                assert tree.self_(chain, depth, t, side).tolist() == [model.own[key][column_] for key in want]
                assert tree.total(chain, t, side).tolist() == [model.whole[key][column_] for key in want]
                rooted = tree.heaviest(1000, root=True)
                assert paths(rooted)[1:] == [(0, *key) for key in want]
                top = tree.total(rooted["chain"], t, side)[0]
                assert top == sum(v[column_] for key, v in model.whole.items() if len(key) == 1)


def test_texts_are_of_the_models_paths() -> None:
    dice = random.Random(6)
    names = [b"a", b"bb", b"", b"dd", b"e", b"ffff", b"g", b"h"]
    for _ in range(300):
        model = Model(dice)
        tree = model.tree()
        n, t = len(model.rank), model.order_by
        data, offset = memoryview(b"".join(names[:n])), offsets(map(len, names[:n]))
        change = {key: sum(model.own[key][2 * t : 2 * t + 2]) for key in model.walk()}
        lines = [b";".join(names[i] for i in key) + b" %d\n" % v for key, v in change.items() if v]
        assert text(tree.folded, t, data, offset) == b"".join(lines)
        ends = [key for key in model.walk() if any(model.own[key][::2])]
        assert json.loads(b"[" + text(tree.paths) + b"]") == [list(key) for key in ends]
        weights = [max(model.own[key][2 * t], 0) for key in ends]
        assert json.loads(b"[" + text(tree.weights, t) + b"]") == weights
        assert tree.positive(t) == sum(weights)


def test_the_heaviest_are_closed_upwards_and_no_more_than_asked_for() -> None:
    dice = random.Random(5)
    for _ in range(500):
        model = Model(dice)
        tree = model.tree()
        every = paths(tree.heaviest(1000))
        limit = dice.randrange(1, 20)
        kept = paths(tree.heaviest(limit, model.order_by))
        assert kept == [key for key in every if key in kept]
        assert all(key[:-1] in kept for key in kept if len(key) > 1)
        assert len(kept) == len(every) if len(every) <= limit else len(kept) <= limit


def test_of_many_weights_the_largest_stay() -> None:
    # all at the root, so that only weights count; a power of two is a class of its own
    n = 3000
    weights = [1 << (i % 40) for i in range(n)]
    ones, every = offsets([1] * n), column("I", range(n))
    tree = Tree(column("q", weights), 1, column("I", [0]), ones, every, ones, every, n)
    kept = set(tree.heaviest(1000)["node"])
    assert 900 < len(kept) <= 1000
    assert min(weights[i] for i in kept) > max(w for i, w in enumerate(weights) if i not in kept) // 2


def test_a_picture_has_what_is_heavy_and_what_has_no_weight_beside_it() -> None:
    dice = random.Random(7)
    weightless = residual = 0
    for _ in range(2000):
        model = Model(dice)
        # small numbers, so that many sums are 0
        model.values = [dice.randrange(-2, 3) for _ in model.values]
        flat: dict[tuple[int, ...], int] = {}
        cum: dict[tuple[int, ...], int] = {}
        called: set[tuple[int, ...]] = set()
        ends: list[tuple[int, ...]] = []
        for i, stack in enumerate(model.stacks):
            path = [
                (node, k == len(model.frames[place]) - 1)
                for place in reversed(stack)
                for k, node in reversed(list(enumerate(model.frames[place])))
            ]
            value = model.values[i * model.types]
            ends.append(tuple(node for node, _ in path) if value else ())
            for depth in range(1, len(path) + 1 if value else 0):
                key = tuple(node for node, _ in path[:depth])
                cum[key] = cum.get(key, 0) + value
                flat[key] = flat.get(key, 0) + (value if depth == len(path) else 0)
                if path[depth - 1][1]:
                    called.add(key)
        drop, cutoff = dice.random() < 0.3, dice.randrange(4)
        there = {k for k in cum if (flat[k] or cum[k]) and not (drop and (flat[k] or cum[k]) < 0)}
        kept = {k for k in there if abs(cum[k]) >= cutoff}
        stays = kept | (cum.keys() - there)

        def next_above(key: tuple[int, ...], among: set[tuple[int, ...]] = stays) -> tuple[int, ...]:
            key = key[:-1]
            while key and key not in among:
                key = key[:-1]
            return key

        above = {key: next_above(key) for key in stays}
        rows = kept | {key for key in stays if above[key] in kept}
        rows |= {above[key] for key in kept} - {()}

        tree = Tree(
            column("q", model.values),
            model.types,
            column("I", [0]),
            offsets(map(len, model.stacks)),
            column("I", [place for stack in model.stacks for place in stack]),
            offsets(map(len, model.frames)),
            column("I", [node for frame in model.frames for node in frame]),
            len(model.rank),
            zeros=False,
        )
        assert tree.choose(drop) == (len(there), sum(flat[key] for key in there))
        found: Any = tree.shown(drop, cutoff)
        order = [key for key in cum if key in rows]
        assert found["node"].tolist() == [key[-1] for key in order]
        assert found["flat"].tolist() == [flat[key] for key in order]
        assert found["cum"].tolist() == [cum[key] for key in order]
        number = {key: row for row, key in enumerate(order)} | {(): TOP}
        assert found["up"].tolist() == [number[next_above(key, rows)] for key in order]
        for key, flags in zip(order, found["flags"], strict=True):
            assert bool(flags & SHOWN) == (key in kept)
            linked = above[key] in rows
            assert bool(flags & LINKED) == linked
            if linked:
                between = [key[:n] for n in range(len(above[key]) + 1, len(key) + 1)]
                assert bool(flags & DIRECT) == (len(between) == 1)
                assert bool(flags & INLINED) == called.isdisjoint(between)
                residual += len(between) > 1
            weightless += key not in kept
        leaves = [key if key in rows else next_above(key, rows) for key in ends]
        assert found["leaf"].tolist() == [number[key] for key in leaves]
        assert found["ends"].tolist() == [key != () and key in rows for key in ends]
    assert weightless > 100
    assert residual > 50


def test_deep_stacks_of_many_samples() -> None:
    """As many places as do not fit a piece of text, paths that part at every depth, in any order."""
    dice = random.Random(8)
    stacks = [[dice.randrange(2) for _ in range(dice.randrange(1, 200))] for _ in range(2000)]
    stacks += [dice.choice(stacks)[dice.randrange(50) :] for _ in range(2000)]
    stacks = [stack for stack in stacks if stack]
    tree = Tree(
        column("q", [1] * len(stacks)),
        1,
        column("I", [0]),
        offsets(map(len, stacks)),
        column("I", [node for stack in stacks for node in stack]),
        offsets([1, 1]),
        column("I", [0, 1]),
        2,
    )
    assert tree.places == len({tuple(s[::-1][:n]) for s in stacks for n in range(1, len(s) + 1)})
    want: dict[bytes, int] = {}
    for stack in stacks:
        key = b";".join(b"xy"[i : i + 1] for i in reversed(stack))
        want[key] = want.get(key, 0) + 1
    lines = text(tree.folded, 0, memoryview(b"xy"), offsets([1, 1])).splitlines()
    assert {line.split()[0]: int(line.split()[1]) for line in lines} == want
    assert len(lines) == len(want)


_PLACES = st.lists(st.integers(0, 7), max_size=6)
_WIDE = st.lists(st.integers(-2, 7), max_size=6)


@settings(max_examples=500, deadline=None)
@given(st.lists(_WIDE, min_size=3, max_size=3), st.lists(_PLACES, min_size=5, max_size=5), st.integers(-1, 3))
def test_hostile_columns(wide: list[list[int]], places: list[list[int]], types: int) -> None:
    values, stack_start, frame_start = (column("q", w) for w in wide)
    stack, frame_node, rank, wanted = (column("I", p) for p in places[:4])
    sides = memoryview(bytearray(places[4]))
    try:
        tree = Tree(
            values,
            types,
            wanted,
            stack_start,
            stack,
            frame_start,
            frame_node,
            8,
            sides=sides,
            rank=rank,
            order_by=types - 1,
        )
    except ValueError as e:
        assert str(e).startswith("tree: ")
        return
    _every(tree, places, wide)


def _every(tree: Tree, places: list[list[int]], wide: list[list[int]]) -> None:
    """All that a tree answers: or a ValueError."""
    one, other = column("I", places[0]), column("I", places[1])
    out = Out(lambda _piece: None)
    calls: list[Any] = [
        lambda: tree.heaviest(len(places[0]), len(places[1]) - 1),
        lambda: tree.total(one, len(places[2]), len(places[3])),
        lambda: tree.self_(one, other, len(places[2]), len(places[3])),
        lambda: tree.folded(out, len(places[2]), memoryview(bytes(places[0])), column("q", wide[0])),
        lambda: tree.weights(out, len(places[2])),
        lambda: tree.positive(len(places[2])),
        lambda: tree.shown(True, len(places[0])),
    ]
    for call in calls:
        try:
            call()
        except ValueError as e:
            assert str(e).startswith("tree: ")


def test_answers_of_a_tree_to_what_does_not_fit() -> None:
    dice = random.Random(9)
    for _ in range(500):
        tree = Model(dice).tree()
        places = [[dice.randrange(8) for _ in range(dice.randrange(6))] for _ in range(4)]
        _every(tree, places, [[dice.randrange(-2, 8) for _ in range(9)]])
