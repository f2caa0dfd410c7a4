"""Reachability, dominators and retained sizes against networkx and against the definition."""

import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels.graph import Graph

NONE = 0xFFFFFFFF
Adjacency = list[list[int]]


def csr(adjacency: Adjacency) -> Graph:
    offset = np.zeros(len(adjacency) + 1, np.int64)
    np.cumsum([len(a) for a in adjacency], out=offset[1:])
    return Graph(offset, np.array([t for a in adjacency for t in a], np.uint32))


def dominators(adjacency: Adjacency, roots: list[int], simple: bool) -> tuple[np.ndarray, list[int]]:
    n = len(adjacency)
    idom, order = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    count = csr(adjacency).dominators(np.array(roots, np.uint32), idom, order, simple)
    return idom, order[:count].tolist()


def with_root(adjacency: Adjacency, roots: list[int]) -> "nx.DiGraph[int]":
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(adjacency) + 1))
    graph.add_edges_from((v, t) for v, out in enumerate(adjacency) for t in out)
    graph.add_edges_from((len(adjacency), r) for r in roots)
    return graph


def random_graph(dice: random.Random, most: int) -> tuple[Adjacency, list[int]]:
    n = dice.randrange(1, most)
    adjacency: Adjacency = [[] for _ in range(n)]
    for _ in range(dice.randrange(3 * n)):
        adjacency[dice.randrange(n)].append(dice.randrange(n))
    return adjacency, [dice.randrange(n) for _ in range(dice.randrange(4))]


@pytest.mark.parametrize("simple", [False, True])
def test_dominators_are_those_of_networkx(simple: bool) -> None:
    dice = random.Random(11)
    for i in range(2500):
        adjacency, roots = random_graph(dice, 40 if i % 50 else 400)
        idom, order = dominators(adjacency, roots, simple)
        want = nx.immediate_dominators(with_root(adjacency, roots), len(adjacency))
        want.pop(len(adjacency), None)
        assert {v: int(d) for v, d in enumerate(idom) if d != NONE} == want
        assert sorted(order) == sorted(want)
        place = {v: k for k, v in enumerate(order)}
        assert all(want[v] == len(adjacency) or place[want[v]] < place[v] for v in order)


def test_retained_is_what_goes_with_a_node() -> None:
    """By the definition: block the node, mark again, and see what is no longer reached."""
    dice = random.Random(12)
    for _ in range(300):
        adjacency, roots = random_graph(dice, 30)
        n = len(adjacency)
        size = np.array([dice.randrange(1, 1000) for _ in range(n)], np.uint64)
        idom, order = dominators(adjacency, roots, False)
        graph = csr(adjacency)
        total, count = np.zeros(n, np.uint64), np.zeros(n, np.uint32)
        graph.retained(idom, np.array(order, np.uint32), len(order), size, total, count)
        reached = set(order)
        for v in order:
            blocked = [[] if i == v else [t for t in a if t != v] for i, a in enumerate(adjacency)]
            seen = np.zeros(n, np.uint8)
            csr(blocked).reach(np.array([r for r in roots if r != v], np.uint32), seen)
            lost = [u for u in reached if not seen[u]]
            assert int(total[v]) == int(size[lost].sum()) and int(count[v]) == len(lost)


def test_reach() -> None:
    dice = random.Random(13)
    for _ in range(500):
        adjacency, roots = random_graph(dice, 60)
        seen = np.zeros(len(adjacency), np.uint8)
        found = csr(adjacency).reach(np.array(roots, np.uint32), seen)
        graph = with_root(adjacency, roots)
        assert set(np.flatnonzero(seen).tolist()) == nx.descendants(graph, len(adjacency))
        assert found == int(seen.sum())


def test_a_long_list_and_a_wide_star() -> None:
    n = 300_000
    chain = np.arange(n + 1, dtype=np.int64)
    chain[-1] = n - 1
    star = np.full(n + 1, n - 1, np.int64)
    star[0] = 0
    rest = np.arange(1, n, dtype=np.uint32)
    for offset, retained in ((chain, range(n, 0, -1)), (star, [n] + [1] * (n - 1))):
        for simple in (False, True):
            graph = Graph(offset, rest)
            idom, order = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
            assert graph.dominators(np.zeros(1, np.uint32), idom, order, simple) == n
            total, count = np.zeros(n, np.uint64), np.zeros(n, np.uint32)
            graph.retained(idom, order, n, np.ones(n, np.uint64), total, count)
            assert total.tolist() == list(retained) and count.tolist() == list(retained)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-3, 12), max_size=8),
    st.lists(st.integers(0, 9), max_size=12),
    st.lists(st.integers(0, 9), max_size=3),
)
def test_hostile_graphs_are_refused(offset: list[int], target: list[int], roots: list[int]) -> None:
    try:
        graph = Graph(np.array(offset, np.int64), np.array(target, np.uint32))
    except ValueError:
        return
    n = graph.nodes
    try:
        graph.dominators(np.array(roots, np.uint32), np.zeros(n, np.uint32), np.zeros(n, np.uint32))
    except ValueError:
        assert any(r >= n for r in roots)
