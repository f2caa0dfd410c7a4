"""Sets, shortest paths and walks over dominator trees: against networkx, against the definition, and with
arguments that lie."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_graph_kernel import NONE, Adjacency, csr, dominators, with_root

from gosnap._kernels.graph import Graph, offsets
from gosnap._kernels.paths import chain, fields, labelled, merge, number, on_paths, shortest, thread, words
from gosnap._kernels.sets import retained_by_sets
from gosnap._kernels.tree import heaviest, mark_below, run, translate

SETS = 63
FAR = 0xFFFF
LONG = 1_000_000


def u32(values: Any) -> np.ndarray:
    return np.array(values, np.uint32)


def random_graph(dice: random.Random, most: int) -> tuple[Adjacency, list[int]]:
    """With circles, references of a node to itself, and several from one node to another."""
    n = dice.randrange(1, most)
    adjacency: Adjacency = [[] for _ in range(n)]
    for _ in range(dice.randrange(3 * n)):
        v, w = dice.randrange(n), dice.randrange(n)
        adjacency[v] += [w] * dice.choice((1, 1, 1, 2))
    return adjacency, [dice.randrange(n) for _ in range(dice.randrange(1, 5))]


def marked(adjacency: Adjacency, roots: list[int], blocked: set[int]) -> set[int]:
    """All that is reached from the roots without a blocked node."""
    todo = [r for r in roots if r not in blocked]
    seen = set(todo)
    while todo:
        for w in adjacency[todo.pop()]:
            if w not in seen and w not in blocked:
                seen.add(w)
                todo.append(w)
    return seen


# ---------------------------------------------------------------------- sets


def retained(
    adjacency: Adjacency, roots: list[int], member: list[int], size: list[int], runs: list[int]
) -> tuple[list[int], list[int]]:
    out, count = np.zeros(SETS, np.uint64), np.zeros(SETS, np.uint64)
    sizes = np.array(size, np.uint64)
    retained_by_sets(csr(adjacency), u32(roots), np.array(member, np.uint8), sizes, u32(runs), out, count)
    return out.tolist(), count.tolist()


@pytest.mark.parametrize("most", [12, 40, 120])
def test_what_sets_retain_is_what_goes_with_all_of_them(most: int) -> None:
    """By the definition: block all members, mark again, and see what is no longer reached."""
    dice = random.Random(most)
    for i in range(400 if most < 100 else 60):
        adjacency, roots = random_graph(dice, most)
        n = len(adjacency)
        sets = [*range(SETS), 63, 64, 200, 255] if i % 3 == 0 else [0, 1, 2, 62, 255]
        member = [dice.choice(sets) for _ in range(n)]
        if i % 5 == 0:
            member[roots[0]] = 0  # a root that is a member
        # runs of equal sizes; nodes behind the last run have none, and do not count
        runs = [1 + dice.randrange(3) for _ in range(n) if dice.random() < 0.5]
        while sum(runs) > n:
            runs.pop()
        size = [dice.choice((1, 8, 48, 1 << 40)) for _ in runs]
        each = [s for s, k in zip(size, runs, strict=True) for _ in range(k)]
        got = retained(adjacency, roots, member, size, runs)
        everything = marked(adjacency, roots, set())
        for k in range(SETS):
            blocked = {v for v in range(n) if member[v] == k}
            lost = [v for v in everything - marked(adjacency, roots, blocked) if v < len(each)]
            assert (got[0][k], got[1][k]) == (sum(each[v] for v in lost), len(lost))


def test_a_set_of_one_retains_what_its_dominator_does() -> None:
    dice = random.Random(5)
    for _ in range(200):
        adjacency, roots = random_graph(dice, 60)
        n = len(adjacency)
        tree = dominators(csr(adjacency), roots)
        size, count = retained(adjacency, roots, [*range(n)], [1], [n])
        assert size == count == [*tree.size.tolist(), *[0] * (SETS - n)]


def test_sets_are_added_to_what_is_there_already() -> None:
    out, count = np.full(SETS, 7, np.uint64), np.full(SETS, 9, np.uint64)
    member = np.array([0, 1], np.uint8)
    retained_by_sets(csr([[1], []]), u32([0]), member, np.array([5], np.uint64), u32([2]), out, count)
    assert out.tolist()[:3] == [17, 12, 7] and count.tolist()[:3] == [11, 10, 9]


# ---------------------------------------------------------------------- marks and weak references


def test_what_is_shut_is_reached_but_not_entered() -> None:
    """Marks that are there already: 1 was entered, 2 is not to be, 3 was reached without."""
    dice = random.Random(31)
    for _ in range(500):
        adjacency, roots = random_graph(dice, 40)
        marks = [dice.choice((0, 0, 0, 1, 2, 3)) for _ in adjacency]
        want, todo, found = marks[:], list(roots), 0
        while todo:
            v = todo.pop()
            if want[v] in (0, 2):
                found += 1
                todo += adjacency[v] if want[v] == 0 else []
                want[v] += 1
        seen = np.array(marks, np.uint8)
        assert csr(adjacency).reach(u32(roots), seen) == found
        assert seen.tolist() == want


def test_references_that_own_nothing_lead_back() -> None:
    dice = random.Random(32)
    for _ in range(500):
        adjacency, _ = random_graph(dice, 30)
        n = len(adjacency)
        strong, weak = ([int(dice.random() < p) for _ in range(n)] for p in (0.7, 0.3))
        want = [
            v if strong[w] and ((weak[v] and not weak[w]) or (not weak[v] and not strong[v])) else w
            for v, out in enumerate(adjacency)
            for w in out
        ]
        offset = np.cumsum([0, *map(len, adjacency)]).astype(np.int64)
        target = u32([w for out in adjacency for w in out])
        before = target.tolist()
        changed = Graph(offset, target).weaken(target, np.array(strong, np.uint8), np.array(weak, np.uint8))
        assert target.tolist() == want
        assert changed == sum(a != b for a, b in zip(before, want, strict=True))


# ---------------------------------------------------------------------- shortest paths


def search(graph: Graph, roots: list[int], shut: list[int]) -> tuple[np.ndarray, np.ndarray]:
    n = graph.nodes
    closed = np.zeros(n, np.uint8)
    closed[shut] = 1
    # what was there before must not matter
    parent, order = (np.full(n, 0x55555555, np.uint32) for _ in range(2))
    reached = shortest(graph, u32(roots), closed, parent, order)
    return parent, order[:reached]


def test_shortest_paths_are_those_of_networkx() -> None:
    dice = random.Random(21)
    for i in range(800):
        adjacency, roots = random_graph(dice, 40 if i % 20 else 300)
        n = len(adjacency)
        shut = [dice.randrange(n) for _ in range(dice.choice((0, 0, 1, n // 4)))]
        open_ = [[] if v in set(shut) else out for v, out in enumerate(adjacency)]
        length = dict(nx.single_source_shortest_path_length(with_root(open_, roots), n))
        del length[n]
        graph = csr(adjacency)
        parent, order = search(graph, roots, shut)
        assert sorted(order.tolist()) == sorted(length)
        far = [length[v] for v in order.tolist()]
        assert far == sorted(far)
        for v in range(n):
            above = int(parent[v])
            if v not in length:
                assert above == NONE
            elif v in roots:
                assert above == n and length[v] == 1
            else:
                assert above not in shut and length[v] == length[above] + 1
                assert v in adjacency[above]
            way = np.full(n + 1, NONE, np.uint32)
            if v in length:
                assert chain(parent, v, way) == length[v]
                nodes = way[: length[v]].tolist()
                assert nodes[0] == v and nodes[-1] in roots
                assert all(int(parent[a]) == b for a, b in itertools.pairwise(nodes))
                cut = np.full(2, NONE, np.uint32)
                assert chain(parent, v, cut) == length[v]
                assert [c for c in cut.tolist() if c != NONE] == nodes[:2]


def test_what_is_on_paths_is_on_the_chain_of_one() -> None:
    dice = random.Random(22)
    for _ in range(300):
        adjacency, roots = random_graph(dice, 60)
        n = len(adjacency)
        parent, order = search(csr(adjacency), roots, [])
        chosen = [v for v in order.tolist() if dice.random() < 0.2]
        want: set[int] = set()
        for start in chosen:
            v = start
            while v < n:
                want.add(v)
                v = int(parent[v])
        mark = np.zeros(n, np.uint8)
        assert on_paths(parent, u32(chosen), mark) == len(want)
        assert set(np.flatnonzero(mark).tolist()) == want


def test_parents_in_a_circle_are_refused_and_do_not_hang() -> None:
    parent = u32([1, 2, 0, 3, 0])
    for v in range(5):
        with pytest.raises(ValueError, match="circle"):
            chain(parent, v, np.zeros(9, np.uint32))
    mark = np.zeros(5, np.uint8)
    assert on_paths(parent, u32([4]), mark) == 4
    assert mark.tolist() == [1, 1, 1, 0, 1]


# ---------------------------------------------------------------------- words, numbers, merging


def test_words_are_the_sums_of_steps() -> None:
    dice = random.Random(23)
    for _ in range(300):
        degree = [dice.choice((0, 1, 3, 20)) for _ in range(dice.randrange(1, 12))]
        offset = np.cumsum([0, *degree]).astype(np.int64)
        steps = [dice.choice((0, 1, 7, 300, 0xFFFE, FAR, 70_000, 1 << 40)) for _ in range(sum(degree))]
        far = [e for e, s in enumerate(steps) if s >= FAR]
        want = {
            e: sum(steps[offset[v] : e + 1])
            for v, d in enumerate(degree)
            for e in range(offset[v], offset[v] + d)
        }
        holder = {e: v for v, d in enumerate(degree) for e in range(offset[v], offset[v] + d)}
        every = list(want)
        some = [dice.choice(every) for _ in range(30)] if every else []
        for asked in (every, every[::-1], sorted(some), some):
            out = np.full(len(asked), -1, np.int64)
            words(
                np.array([min(s, FAR) for s in steps], np.uint16),
                np.array(far, np.uint64),
                np.array([steps[e] for e in far], np.uint64),
                offset,
                np.array(asked, np.int64),
                np.array([holder[e] for e in asked], np.int64),
                out,
            )
            assert out.tolist() == [want[e] for e in asked]


def test_a_far_step_that_is_missing_is_said() -> None:
    one = np.array([0], np.int64)
    step, none = np.array([FAR], np.uint16), np.zeros(0, np.uint64)
    with pytest.raises(ValueError, match="missing"):
        words(step, none, none, np.array([0, 1], np.int64), one, one, np.zeros(1, np.int64))


def test_fields_are_types_and_offsets() -> None:
    dice = random.Random(33)
    for _ in range(300):
        counts = [dice.choice((0, 1, 3, 9)) for _ in range(dice.randrange(1, 8))]
        first = np.cumsum([0, *counts]).astype(np.int64)
        header = [dice.randrange(2) for _ in counts]
        objects = sum(counts)
        groups = dice.randrange(1, 5)
        nodes = objects + groups
        known = sorted(dice.sample(range(1 << 32), 5))
        period = [dice.choice((0, 8, 24, 40)) for _ in known]
        kind = [dice.choice(known) for _ in range(objects)]
        # each below one that was reached before, or below nothing
        order = [*range(objects, nodes), *dice.sample(range(objects), objects)]
        parent = [NONE] * nodes
        for i, v in enumerate(order):
            parent[v] = dice.choice([nodes, *order[:i]])
        # references in the order of objects: (holder, what is held, how far behind the one before)
        edges: list[tuple[int, int, int]] = []
        for v in order:
            if v < objects and parent[v] < objects:
                edges.append((parent[v], v, dice.choice((0, 1, 5, 100, FAR - 1, FAR, 1 << 20))))
            elif v < objects:
                edges.append((dice.randrange(objects), NONE, dice.choice((0, 3, FAR + 5))))
        edges.sort(key=lambda e: e[0])
        offset = np.searchsorted([e[0] for e in edges], np.arange(objects + 1)).astype(np.int64)
        via, want_at = [NONE] * nodes, dict[int, int]()
        total = 0
        for i, (holder, held, by) in enumerate(edges):
            total = by if not i or edges[i - 1][0] != holder else total + by
            if held != NONE:
                via[held], want_at[held] = i, total
        span_of = [s for s, k in enumerate(counts) for _ in range(k)]
        want = []
        for v in order:
            above, row = parent[v], 0
            if v >= objects or above >= objects:
                want.append((1 << 64) - 1)
                continue
            row = known.index(kind[above])
            inside = max(8 * want_at[v] - 8 * header[span_of[above]], 0)
            want.append(kind[above] << 32 | (inside % period[row] if period[row] else inside))
        out = np.full(nodes, 5, np.uint64)
        far = [(i, e[2]) for i, e in enumerate(edges) if e[2] >= FAR]
        columns = u32(kind), first, np.array(header, np.uint8), u32(known), np.array(period, np.int64)
        fields(
            np.array(order, np.int64),
            np.array([order.index(parent[v]) if parent[v] < nodes else -1 for v in order], np.int64),
            u32([via[v] for v in order]),
            np.array([min(e[2], FAR) for e in edges], np.uint16),
            np.array([i for i, _ in far], np.uint64),
            np.array([s for _, s in far], np.uint64),
            offset,
            *columns,
            out,
        )
        assert out.tolist() == want


def test_nodes_come_in_the_order_in_which_they_were_reached() -> None:
    dice = random.Random(5)
    for _ in range(300):
        adjacency, roots = random_graph(dice, 40)
        n = len(adjacency)
        graph = csr(adjacency)
        offset = np.cumsum([0, *map(len, adjacency)])
        parent, order = search(graph, roots, [])
        mark = np.zeros(n, np.uint8)
        wanted = dice.sample(order.tolist(), dice.randrange(len(order) + 1))
        count = on_paths(parent, u32(wanted), mark)
        member, above, via = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.uint32)
        assert thread(graph, order, mark, parent, member, above, via) == count
        want = [v for v in order.tolist() if mark[v]]
        assert member.tolist() == want
        assert above.tolist() == [want.index(parent[v]) if parent[v] < n else -1 for v in want]
        # the first reference of several
        assert via.tolist() == [
            offset[parent[v]] + adjacency[parent[v]].index(v) if parent[v] < n else NONE for v in want
        ]
        if count:
            with pytest.raises(ValueError, match="room"):
                thread(graph, order, mark, parent, member[1:], above, via)
        if any(parent[v] < n for v in want):
            with pytest.raises(ValueError, match="order"):
                thread(graph, order[::-1].copy(), mark, parent, member, above, via)


def test_labels_are_fields_and_types() -> None:
    dice = random.Random(6)
    kind = [dice.getrandbits(32) for _ in range(50)]
    field = [dice.getrandbits(31) for _ in range(9)]
    hides = [dice.randrange(2) for _ in range(16)]
    member = [dice.randrange(60) for _ in range(300)]
    which = [dice.randrange(9) for _ in member]
    key, inside = np.zeros(300, np.uint64), np.full(300, 7, np.uint8)
    # some are below one of their own type: a tree goes on, unless that is an array or the like
    kind[:12] = [k >> 4 for k in kind[:12]]
    holder = [*dice.sample(kind[:12], 5), *dice.sample(kind[12:], 4)]
    columns = np.array(member, np.int64), u32(kind), u32(which), np.array(field, np.int64), u32(holder)
    labelled(*columns, np.array(hides, np.uint8), key, inside)
    own = [kind[v] if v < 50 else 0 for v in member]
    want = [
        (64 if 0 < k == holder[w] and k < 1 << 28 else field[w]) << 32 | k
        for w, k in zip(which, own, strict=True)
    ]
    assert key.tolist() == want
    assert any(k >> 32 == 64 for k in want)
    assert inside.tolist() == [hides[kind[v] >> 28] if v < 50 else 0 for v in member]


def test_a_table_is_looked_up_for_every_key() -> None:
    dice = random.Random(7)
    for _ in range(200):
        known = sorted(dice.sample(range(1 << 32), dice.randrange(1, 9)))
        value = [dice.getrandbits(32) for _ in known]
        keys = [dice.choice(known) for _ in range(dice.randrange(40))]
        out = np.zeros(len(keys), np.uint32)
        translate(u32(keys), u32(known), u32(value), out)
        assert out.tolist() == [value[known.index(k)] for k in keys]
        with pytest.raises(ValueError, match="not known"):
            translate(u32([(known[-1] + 1) % (1 << 32)]), u32(known), u32(value), np.zeros(1, np.uint32))


def test_numbers_are_those_of_a_dict() -> None:
    dice = random.Random(24)
    for different in (1, 3, 1000, 40_000, 200_000):
        pool = [dice.getrandbits(64) for _ in range(different)]
        keys = [
            k for k in dice.choices(pool, k=dice.randrange(1, 250_000)) for _ in range(dice.choice((1, 1, 2)))
        ]
        known: dict[int, int] = {}
        want = [known.setdefault(k, len(known)) for k in keys]
        out, first = np.full(len(keys), NONE, np.uint32), np.full(len(keys), NONE, np.uint32)
        count = number(np.array(keys, np.uint64), out, first)
        assert count == len(known) and out.tolist() == want
        assert [keys[i] for i in first[:count].tolist()] == list(known)
        assert first[:count].tolist() == sorted(first[:count].tolist())
    # keys that differ in their high or low bits only
    for shift in (0, 32, 46):
        keys_ = np.arange(1 << 17, dtype=np.uint64) << np.uint64(shift)
        out, first = np.zeros(len(keys_), np.uint32), np.zeros(len(keys_), np.uint32)
        assert number(keys_, out, first) == len(keys_)
        assert np.array_equal(out, np.arange(len(keys_)))


def merged_by_hand(
    above: list[int], label: list[int], inside: list[int], room: int
) -> tuple[list[int], list[int], list[int], list[int]]:
    """The places, by the text of the labels on the way to each."""
    places: dict[str, int] = {}
    texts: list[str] = []
    example: list[int] = []
    again: list[int] = []
    for i, a in enumerate(above):
        before = texts[a] if a >= 0 else ""
        text = f"{before}/{label[i]}"
        if a >= 0 and inside[i]:
            text = before
        elif (found := f"{before}/".rfind(f"/{label[i]}/")) >= 0:
            # the last place above it that is called so
            text = before[: found + len(f"/{label[i]}")]
            again[places[text]] = 1
        elif text not in places:
            if len(places) == room:
                text = before or next(iter(places))
            else:
                places[text] = len(places)
                example.append(i)
                again.append(0)
        texts.append(text)
    up = [places.get(t.rpartition("/")[0], NONE) for t in places]
    return [places[t] for t in texts], up, example, again


def test_merging_is_by_labels() -> None:
    dice = random.Random(25)
    for i in range(1500):
        n = dice.randrange(1, 80)
        above = [dice.randrange(-1, v) if dice.random() < 0.95 else -1 for v in range(n)]
        label = [dice.randrange(dice.choice((2, 5))) for _ in range(n)]
        inside = [int(dice.random() < 0.2) for _ in range(n)]
        room = n if i % 3 else dice.randrange(1, n + 1)
        place = np.full(n, NONE, np.uint32)
        up, example = np.full(room, 5, np.uint32), np.full(room, 5, np.uint32)
        again = np.full(room, 5, np.uint8)
        table = np.array(above, np.int64), u32(label), np.array(inside, np.uint8)
        count = merge(*table, place, up, example, again)
        want = merged_by_hand(above, label, inside, room)
        assert count == len(want[1])
        found = (place, up[:count], example[:count], again[:count])
        assert tuple(column.tolist() for column in found) == want


# ---------------------------------------------------------------------- walks over the dominator tree


def random_tree(dice: random.Random, most: int) -> tuple[np.ndarray, "nx.DiGraph[int]"]:
    """A dominator tree that networkx found, as a column, and as its graph with n on top."""
    adjacency, roots = random_graph(dice, most)
    n = len(adjacency)
    found = nx.immediate_dominators(with_root(adjacency, roots), n)
    idom = np.full(n, NONE, np.uint32)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(n + 1))
    for v, d in found.items():
        if v != n:
            idom[v] = d
            graph.add_edge(d, v)
    return idom, graph


def test_what_is_below_is_what_descends() -> None:
    dice = random.Random(26)
    for i in range(500):
        idom, graph = random_tree(dice, 30 if i % 20 else 300)
        for count in (0, 1, 1, 2, 5):
            tops = [dice.randrange(len(idom)) for _ in range(count)]
            mark = np.full(len(idom), 9, np.uint8)
            mark_below(idom, u32(tops), mark)
            below = set(tops).union(*(nx.descendants(graph, top) for top in tops))
            assert set(np.flatnonzero(mark).tolist()) == below
            assert set(mark.tolist()) <= {0, 1}


def test_the_heaviest_child_is_the_largest_and_first() -> None:
    dice = random.Random(27)
    for _ in range(500):
        idom, graph = random_tree(dice, 40)
        n = len(idom)
        node = sorted(dice.sample(range(n), dice.randrange(n + 1)))
        size = [dice.randrange(1, 5) for _ in node]
        best = np.full(n, 7, np.uint32)
        heaviest(idom, u32(node), np.array(size, np.uint64), best)
        for v in range(n):
            children = [i for i, child in enumerate(node) if graph.has_edge(v, child)]
            want = max(children, key=lambda i: (size[i], -i), default=NONE)
            assert int(best[v]) == want


def test_a_run_goes_on_while_kinds_repeat() -> None:
    dice = random.Random(28)
    for _ in range(1000):
        n = dice.randrange(1, 60)
        kinds = [dice.choice((1, 2)) for _ in range(dice.choice((n, n, n // 2)))]
        period = dice.randrange(1, 9)
        if dice.random() < 0.7 and len(kinds) > period:
            for i in range(period, dice.randrange(period, len(kinds))):
                kinds[i] = kinds[i - period]
        # a list 0 -> 1 -> …: the child of v is v + 1
        node = u32(range(1, n))
        best = u32([*range(n - 1), NONE])
        start = dice.randrange(n)
        length, v = 0, start
        while v < len(kinds):
            if length >= period and kinds[v] != kinds[v - period]:
                break
            length += 1
            if v == n - 1:
                break
            v += 1
        assert run(best, node, u32(kinds), start, period) == (length, v)


# ---------------------------------------------------------------------- long lists


def test_nothing_is_recursive_or_takes_its_square() -> None:
    """A list of a million nodes: what each call answers is its length."""
    n = LONG
    offset = np.minimum(np.arange(n + 1, dtype=np.int64), n - 1)
    graph = Graph(offset, np.arange(1, n, dtype=np.uint32))
    parent, order = search(graph, [0], [])
    assert np.array_equal(order, np.arange(n))
    way = np.empty(n, np.uint32)
    assert chain(parent, n - 1, way) == n and np.array_equal(way[::-1], order)
    assert on_paths(parent, order, np.zeros(n, np.uint8)) == n
    mark = np.zeros(n, np.uint8)
    assert on_paths(parent, order[::-1].copy(), mark) == n
    member, above, via = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint32)
    assert thread(graph, order, mark, parent, member, above, via) == n
    assert np.array_equal(above, np.arange(-1, n - 1)) and np.array_equal(via[1:], np.arange(n - 1))

    sets = np.full(n, 255, np.uint8)
    sets[:SETS] = np.arange(SETS)[::-1]
    out, count = np.zeros(SETS, np.uint64), np.zeros(SETS, np.uint64)
    retained_by_sets(graph, u32([0]), sets, np.array([3], np.uint64), u32([n]), out, count)
    assert count.tolist() == [n - SETS + 1 + k for k in range(SETS)] and (out == 3 * count).all()

    idom = np.arange(-1, n - 1, dtype=np.int64).astype(np.uint32)
    idom[0] = n
    mark = np.zeros(n, np.uint8)
    for top in (0, n // 2, n - 1):
        mark_below(idom, u32([top]), mark)
        assert int(mark.sum()) == n - top and mark[top:].all()
    best = np.empty(n, np.uint32)
    size = np.arange(n, 0, -1).astype(np.uint64)
    heaviest(idom, order, size, best)
    assert np.array_equal(best[:-1], np.arange(1, n)) and best[-1] == NONE
    kinds = (np.arange(n) % 3).astype(np.uint32)
    assert run(best, order, kinds, 0, 3) == (n, n - 1)
    assert run(best, order, kinds, 0, 2)[0] == 2

    above = np.arange(-1, n - 1, dtype=np.int64)
    place, up = np.empty(n, np.uint32), np.empty(n, np.uint32)
    example, again = np.empty(n, np.uint32), np.empty(n, np.uint8)
    none = np.zeros(n, np.uint8)
    assert merge(above, np.zeros(n, np.uint32), none, place, up, example, again) == 1
    # three types in turn
    assert merge(above, kinds, none, place, up, example, again) == 3
    assert np.array_equal(place, kinds) and up[:3].tolist() == [NONE, 0, 1]
    assert again[:3].tolist() == [1, 0, 0]
    few = 1 << 16
    labels = np.arange(n, dtype=np.uint32)
    assert merge(above, labels, none, place, up[:few], example, again) == few
    assert np.array_equal(up[1:few], np.arange(few - 1)) and not again[:few].any()
    assert np.array_equal(place, np.minimum(labels, few - 1))
    # one object with all the references
    word = np.empty(n, np.int64)
    zero, wide = np.zeros(n, np.int64), np.array([0, n], np.int64)
    far = np.zeros(0, np.uint64)
    words(np.ones(n, np.uint16), far, far, wide, np.arange(n, dtype=np.int64), zero, word)
    assert np.array_equal(word, np.arange(1, n + 1))


@pytest.mark.parametrize("circle", [1, 2, 1000, LONG])
def test_dominators_in_circles_are_below_nothing(circle: int) -> None:
    """No dominator tree has them, a damaged file may: many small ones, or one of all nodes."""
    at = np.arange(LONG)
    idom = (at // circle * circle + (at + 1) % circle).astype(np.uint32)
    mark = np.zeros(LONG, np.uint8)
    mark_below(idom, u32([0]), mark)
    assert np.array_equal(np.flatnonzero(mark), np.arange(circle))
    best = np.empty(LONG, np.uint32)
    heaviest(idom, at.astype(np.uint32), np.ones(LONG, np.uint64), best)
    assert run(best, at.astype(np.uint32), np.zeros(LONG, np.uint32), 0, 1)[0] >= LONG


def test_a_set_that_is_reached_again_and_again() -> None:
    """A ladder whose sides are of different sets: every rung brings news of all that is below."""
    n = 20_000
    adjacency: Adjacency = [[] for _ in range(2 * n)]
    for i in range(n - 1):
        for side in (0, 1):
            adjacency[2 * i + side] = [2 * i + 2, 2 * i + 3]
    member = [v % SETS for v in range(2 * n)]
    _, count = retained(adjacency, [0, 1], member, [1], [2 * n])
    # the two of a rung are never of one set: nothing but the members themselves is lost
    assert count == [len(range(k, 2 * n, SETS)) for k in range(SETS)]


# ---------------------------------------------------------------------- hostile arguments

_SMALL = st.lists(st.one_of(st.integers(0, 9), st.sampled_from([NONE, NONE - 1, FAR, 255])), max_size=9)
_WIDE = st.lists(st.one_of(st.integers(-3, 12), st.sampled_from([-(1 << 63), (1 << 63) - 1])), max_size=9)
_GRAPH = st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=8, max_size=8)


def column(values: list[int], dtype: type[np.generic]) -> np.ndarray:
    bits = 8 * np.dtype(dtype).itemsize
    if np.dtype(dtype).kind == "u":
        values = [v & ((1 << bits) - 1) for v in values]
    return np.array(values, dtype)


def ask(call: Callable[[], object]) -> bool:
    """Whether it answered; ValueError is the only other end."""
    try:
        call()
    except ValueError:
        return False
    return True


def many(values: "st.SearchStrategy[list[int]]", k: int) -> "st.SearchStrategy[list[list[int]]]":
    return st.lists(values, min_size=k, max_size=k)


def room(k: int, most: int = 9) -> "st.SearchStrategy[list[int]]":
    """Lengths of the columns that are written to."""
    return st.lists(st.integers(0, most), min_size=k, max_size=k)


@settings(max_examples=400, deadline=None)
@given(_GRAPH, many(_SMALL, 4), room(2, 70))
def test_hostile_sets(adjacency: Adjacency, columns: list[list[int]], rooms: list[int]) -> None:
    roots, member, size, runs = columns
    out, count = (np.zeros(r, np.uint64) for r in rooms)
    table = column(member, np.uint8), column(size, np.uint64), u32(runs)
    answered = ask(lambda: retained_by_sets(csr(adjacency), u32(roots), *table, out, count))
    fits = all(r < 8 for r in roots) and len(member) >= 8 and min(rooms) >= SETS
    assert answered == (fits and len(size) == len(runs) and sum(runs) <= 8)


@settings(max_examples=400, deadline=None)
@given(_GRAPH, many(_SMALL, 3), room(2), st.integers(0, NONE))
def test_hostile_paths(adjacency: Adjacency, columns: list[list[int]], rooms: list[int], node: int) -> None:
    roots, shut, parent = columns
    outs = [np.zeros(r, np.uint32) for r in rooms]
    answered = ask(lambda: shortest(csr(adjacency), u32(roots), column(shut, np.uint8), *outs))
    assert answered == (all(r < 8 for r in roots) and len(shut) >= 8 and min(rooms) >= 8)
    for v in (node, *range(len(parent))):
        ask(lambda v=v: chain(u32(parent), v, outs[0]))  # type: ignore[misc]
    mark = np.zeros(rooms[0], np.uint8)
    assert ask(lambda: on_paths(u32(parent), u32(roots), mark)) == (len(mark) >= len(parent))


@settings(max_examples=400, deadline=None)
@given(many(_SMALL, 3), many(_WIDE, 3), room(2))
def test_hostile_words_and_numbers(columns: list[list[int]], wide: list[list[int]], rooms: list[int]) -> None:
    step, far_edge, far_step = columns
    out = np.zeros(rooms[0], np.int64)
    far = column(far_edge, np.uint64), column(far_step, np.uint64)
    ask(lambda: words(column(step, np.uint16), *far, *(column(c, np.int64) for c in wide), out))
    outs = [np.zeros(r, np.uint32) for r in rooms]
    keys = column(wide[0], np.uint64)
    assert ask(lambda: number(keys, *outs)) == (min(rooms) >= len(keys))


@settings(max_examples=400, deadline=None)
@given(many(_SMALL, 8), many(_WIDE, 4), room(1))
def test_hostile_fields(columns: list[list[int]], wide: list[list[int]], rooms: list[int]) -> None:
    member, offset, first, period = (column(c, np.int64) for c in wide)
    via, kind, known = (u32(c) for c in columns[1:4])
    above = column(columns[0], np.int64) - 1
    header, step = column(columns[4], np.uint8), column(columns[5], np.uint16)
    far = column(columns[6], np.uint64), column(columns[7], np.uint64)
    for n in (len(kind), min(len(kind), max(len(offset) - 1, 0))):
        out = np.zeros(rooms[0], np.uint64)
        table = kind[:n], first, header[: max(len(first) - 1, 0)], known, period[: len(known)]
        edges = step, *far, offset[: n + 1]
        ask(lambda: fields(member[:n], above[:n], via[:n], *edges, *table, out))  # noqa: B023


@settings(max_examples=400, deadline=None)
@given(_WIDE, many(_SMALL, 2), room(3))
def test_hostile_merging(above: list[int], columns: list[list[int]], rooms: list[int]) -> None:
    label, inside = columns
    for n in (len(above), min(len(above), len(label), len(inside))):
        outs = [np.zeros(r, dtype) for r, dtype in zip(rooms, ("u4", "u4", "u1"), strict=True)]
        table = column(above[:n], np.int64), u32(label[:n]), column(inside[:n], np.uint8)
        answered = ask(lambda: merge(*table, np.zeros(n, np.uint32), *outs))  # noqa: B023
        same = n == len(label[:n]) == len(inside[:n])
        assert answered == (same and min(rooms) >= 1 and all(a < i for i, a in enumerate(above[:n])))


@settings(max_examples=400, deadline=None)
@given(many(_SMALL, 4), room(1), st.integers(0, NONE), st.integers(-2, 12))
def test_hostile_trees(columns: list[list[int]], rooms: list[int], start: int, period: int) -> None:
    idom, node, kind, best = columns
    size, out = column(kind, np.uint64), np.zeros(rooms[0], np.uint32)
    answered = ask(lambda: heaviest(u32(idom), u32(node), size, out))
    fits = len(node) == len(size) and len(out) >= len(idom) and all(v < len(idom) for v in node)
    assert answered == fits
    for v in (start, start % 10):
        answered = ask(lambda: run(u32(best), u32(node), u32(kind), v, period))  # noqa: B023
        assert answered == (v < len(best) and 0 < period <= 8)
        mark = np.zeros(rooms[0], np.uint8)
        answered = ask(lambda: mark_below(u32(idom), u32([v, start % 10]), mark))  # noqa: B023
        assert answered == (max(v, start % 10) < len(idom) and len(mark) >= len(idom))
        if answered:
            assert mark[v] == 1 and set(mark[: len(idom)].tolist()) <= {0, 1}


@settings(max_examples=300, deadline=None)
@given(many(_SMALL, 4), room(3), _WIDE)
def test_hostile_lookups(columns: list[list[int]], rooms: list[int], wide: list[int]) -> None:
    a, b, c, d = columns
    out = np.zeros(rooms[0], np.uint32)
    answered = ask(lambda: translate(u32(a), u32(sorted(b)), u32(c), out))
    assert answered == (len(b) == len(c) and len(out) >= len(a) and all(k in b for k in a))
    member, above = np.zeros(rooms[1], np.int64), np.zeros(rooms[2], np.int64)
    ask(
        lambda: thread(csr([[1, 2], [2, 0], [1]]), u32(a), column(b, np.uint8), u32(c), member, above, u32(d))
    )
    keys = np.zeros(rooms[1], np.uint64), np.zeros(rooms[2], np.uint8)
    numbers = column(wide, np.int64)
    table = numbers, u32(a), u32(b), numbers, u32([*a, *b, *c][: len(wide)]), column(c, np.uint8)
    ask(lambda: labelled(*table, *keys))
    ends = np.zeros(rooms[0], np.int64)
    assert ask(lambda: offsets(u32(a), ends)) == (len(ends) > len(a))
