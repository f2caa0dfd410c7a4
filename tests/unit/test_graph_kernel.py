"""Reachability, dominators and retained sizes against networkx and against the definition."""

import random
from dataclasses import dataclass

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


@dataclass
class Tree:
    """What the kernel says of a graph: per node its dominator, and the bytes and nodes that it retains."""

    idom: np.ndarray
    size: np.ndarray
    number: np.ndarray
    count: int

    @property
    def reached(self) -> list[int]:
        return np.flatnonzero(self.idom != NONE).tolist()


def dominators(graph: Graph, roots: list[int], simple: bool = False, size: np.ndarray | None = None) -> Tree:
    n = graph.nodes
    sizes = np.ones(n, np.uint64) if size is None else size
    idom = np.zeros(n, np.uint32)
    found = graph.dominators(np.array(roots, np.uint32), sizes, np.ones(n, np.uint32), idom, simple)
    # all that are reached retain themselves, but for the heads
    tree = Tree(idom, np.where(idom != NONE, sizes, 0), (idom != NONE).astype(np.uint32), found.reached)
    nothing = np.zeros(0, np.uint32)
    count = found.heads(n, nothing, np.zeros(0, np.uint64), nothing)
    heads, head_size = np.zeros(count, np.uint32), np.zeros(count, np.uint64)
    head_count = np.zeros(count, np.uint32)
    assert found.heads(n, heads, head_size, head_count) == count
    tree.size[heads], tree.number[heads] = head_size, head_count
    return tree


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
        tree = dominators(csr(adjacency), roots, simple)
        want = nx.immediate_dominators(with_root(adjacency, roots), len(adjacency))
        want.pop(len(adjacency), None)
        assert {v: int(d) for v, d in enumerate(tree.idom) if d != NONE} == want
        assert tree.count == len(want)


@pytest.mark.parametrize("simple", [False, True])
def test_retained_is_what_goes_with_a_node(simple: bool) -> None:
    """By the definition: block the node, mark again, and see what is no longer reached."""
    dice = random.Random(12)
    for _ in range(300):
        adjacency, roots = random_graph(dice, 30)
        n = len(adjacency)
        size = np.array([dice.randrange(1, 1000) for _ in range(n)], np.uint64)
        tree = dominators(csr(adjacency), roots, simple, size)
        for v in tree.reached:
            blocked = [[] if i == v else [t for t in a if t != v] for i, a in enumerate(adjacency)]
            seen = np.zeros(n, np.uint8)
            csr(blocked).reach(np.array([r for r in roots if r != v], np.uint32), seen)
            lost = [u for u in tree.reached if not seen[u]]
            assert int(tree.size[v]) == int(size[lost].sum()) and int(tree.number[v]) == len(lost)
        assert not tree.size[tree.idom == NONE].any()


def test_shared_leaves_of_a_deep_list_take_no_longer() -> None:
    """Each node of a list refers to one shared leaf and to a leaf that the node at the other end shares."""
    n = 200_000
    target = np.empty((n, 3), np.uint32)
    target[:, 0] = np.minimum(np.arange(n) + 1, n - 1)
    target[:, 1] = n
    target[:, 2] = n + 1 + np.minimum(np.arange(n), n - 1 - np.arange(n))
    nodes = n + 1 + n // 2
    offset = np.minimum(np.arange(nodes + 1, dtype=np.int64), n) * 3
    graph = Graph(offset, target.ravel())
    tree = dominators(graph, [0])
    assert tree.count == nodes
    assert tree.idom[n] == 0
    # a leaf of the nodes i and n - 1 - i hangs below the first of them
    assert np.array_equal(tree.idom[n + 1 :], np.arange(n // 2))
    assert np.array_equal(tree.idom[1:n], np.arange(n - 1))


def test_what_owns_only_weakly_owns_nothing_that_is_owned() -> None:
    """A container of weak references keeps what nothing else reaches, and with it only what it alone leads
    to."""
    # 0 owner -> 1 -> 2; 3 weak container -> 1, 4, its part 5; 4 -> 2, 6; 5 -> 1
    adjacency = [[1], [2], [], [1, 4, 5], [2, 6], [1], []]
    offset = np.zeros(8, np.int64)
    np.cumsum([len(a) for a in adjacency], out=offset[1:])
    target = np.array([t for a in adjacency for t in a], np.uint32)
    graph = Graph(offset, target)
    weak = np.zeros(7, np.uint8)
    weak[[3, 5]] = 1
    strong = np.zeros(7, np.uint8)
    strong[[0, 1, 2, 3, 5]] = 1
    assert graph.weaken(target, strong, weak) == 3
    tree = dominators(graph, [0, 3])
    assert tree.idom.tolist() == [7, 0, 1, 7, 3, 3, 4]
    with pytest.raises(ValueError, match="columns"):
        graph.weaken(target.copy(), strong, weak)


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
            tree = dominators(Graph(offset, rest), [0], simple)
            assert tree.count == n
            assert tree.size.tolist() == list(retained) and tree.number.tolist() == list(retained)


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
        dominators(graph, roots)
    except ValueError:
        assert any(r >= n for r in roots)
