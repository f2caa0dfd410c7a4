"""Weights, edges and trimming: against the definitions in plain Python on profiles at random, and small cases
whose numbers follow from google/pprof's rules by hand."""

import random
from collections.abc import Sequence

import pytest

from gosnap._kernels import profile_graph as kernel
from gosnap.profile import parallel
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.columns import column, zeros
from gosnap.profile.graph import INLINE, RESIDUAL, Graph, Nodes, trimmed
from gosnap.profile.model import Profile

Stack = Sequence[str]
"""Locations, leaf first; "a<b": a was inlined into b."""


def profile(samples: Sequence[tuple[Stack, Sequence[int]]], types: int = 1) -> Profile:
    """Samples with these stacks; a function is as its name, and its file "NAME.go"."""
    names = [("count", "count"), ("space", "bytes")][-types:]
    b = ProfileBuilder(names)
    for stack, values in samples:
        locations = []
        for place in stack:
            lines = [(b.function(name, f"{name}.go"), 10 + i) for i, name in enumerate(place.split("<"))]
            locations.append(b.location(len(place), lines))
        b.sample(locations, values)
    return b.build()


class Model:
    """The definitions, one sample after the other."""

    def __init__(self, samples: Sequence[tuple[Stack, Sequence[int]]], keep: set[str] | None) -> None:
        self.flat: dict[str, int] = {}
        self.cum: dict[str, int] = {}
        self.edges: dict[tuple[str, str], tuple[int, bool, bool]] = {}
        for stack, values in samples:
            w = values[-1]
            if w:
                self._sample(stack, w, keep)

    def _sample(self, stack: Stack, w: int, keep: set[str] | None) -> None:
        # from the root on: (name, whether it was inlined into the one before)
        walk = [
            (name, i > 0) for place in reversed(stack) for i, name in enumerate(reversed(place.split("<")))
        ]
        seen: set[str] = set()
        pairs: set[tuple[str, str]] = set()
        parent, residual = None, False
        for name, inlined in walk:
            if keep is not None and name not in keep:
                residual = True
                continue
            if name not in seen:
                seen.add(name)
                self.cum[name] = self.cum.get(name, 0) + w
            if parent is not None and parent != name and (parent, name) not in pairs:
                pairs.add((parent, name))
                weight, was_residual, was_inline = self.edges.get((parent, name), (0, False, True))
                self.edges[parent, name] = (weight + w, was_residual or residual, was_inline and inlined)
            parent, residual = name, False
        if parent is not None and not residual:
            self.flat[parent] = self.flat.get(parent, 0) + w


def at_random(dice: random.Random) -> list[tuple[Stack, Sequence[int]]]:
    names = [f"f{i}" for i in range(dice.randrange(1, 9))]
    places = ["<".join(dice.choice(names) for _ in range(dice.choice((1, 1, 1, 2, 3)))) for _ in range(12)]
    return [
        ([dice.choice(places) for _ in range(dice.randrange(0, 9))], [dice.randrange(-20, 60)])
        for _ in range(dice.randrange(0, 20))
    ]


def named(graph: Graph, values: memoryview) -> dict[str, int]:
    return {graph.name(n).decode(): v for n, v in enumerate(values) if v}


def edges(graph: Graph) -> dict[tuple[str, str], tuple[int, bool, bool]]:
    return {
        (graph.name(graph.edge_src[e]).decode(), graph.name(graph.edge_dst[e]).decode()): (
            graph.edge_weight[e],
            bool(graph.edge_flags[e] & RESIDUAL),
            bool(graph.edge_flags[e] & INLINE),
        )
        for e in range(len(graph.edge_src))
    }


@pytest.mark.parametrize("seed", range(300))
def test_weights_and_edges_are_as_defined(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    samples = at_random(dice)
    if seed % 2:
        # in parts, each on a thread of its own
        monkeypatch.setattr(parallel, "LARGE", 0)
        monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _: {0, 1, 2})
    nodes = Nodes(profile(samples))
    graph, model = Graph(nodes, 0), Model(samples, None)
    assert named(graph, graph.flat) == {k: v for k, v in model.flat.items() if v}
    assert named(graph, graph.cum) == {k: v for k, v in model.cum.items() if v}
    graph.add_edges(0)
    assert edges(graph) == model.edges
    # only some nodes are kept
    names = [nodes.printable(n).decode() for n in range(len(nodes))]
    keep = {name for name in names if dice.random() < 0.6}
    graph.add_edges(0, -1, column("B", [name in keep for name in names]))
    model = Model(samples, keep)
    assert edges(graph) == model.edges
    # and only edges into some
    into = {name for name in names if dice.random() < 0.5}
    graph.add_edges(
        0, -1, column("B", [name in keep for name in names]), column("B", [name in into for name in names])
    )
    assert edges(graph) == {pair: e for pair, e in model.edges.items() if pair[1] in into}


def rows(graph: Graph) -> list[tuple[str, int, int]]:
    return [(graph.name(n).decode(), graph.flat_value(n), graph.cum_value(n)) for n in graph.order]


def test_recursion_counts_once() -> None:
    graph = trimmed(Nodes(profile([(["f", "g", "f", "g", "main"], [5])])), 0, edges=True)
    assert rows(graph) == [("f", 5, 5), ("g", 0, 5), ("main", 0, 5)]
    assert edges(graph) == {
        ("main", "g"): (5, False, False),
        ("g", "f"): (5, False, False),
        ("f", "g"): (5, False, False),
    }


def test_light_nodes_go_and_leave_residual_edges() -> None:
    samples: list[tuple[Stack, Sequence[int]]] = [(["a", "mid", "main"], [6]), (["b", "main"], [94])]
    graph = trimmed(Nodes(profile(samples)), 0, nodefraction=0.07, edges=True)
    # cum of a and mid, 6, is below 7; a's flat is nobody's then
    assert rows(graph) == [("b", 94, 94), ("main", 0, 100)]
    assert (graph.dropped_nodes, graph.original) == (2, 2)
    graph = trimmed(Nodes(profile(samples)), 0, nodefraction=0.06, edges=True)
    assert graph.dropped_nodes == 0, "what is as heavy as the limit stays"
    graph = trimmed(Nodes(profile([*samples, (["a", "main"], [5])])), 0, nodefraction=0.07, edges=True)
    assert edges(graph)["main", "a"] == (11, True, False)


def test_sorting_and_counting() -> None:
    samples: list[tuple[Stack, Sequence[int]]] = [
        (["b", "main"], [3]),
        (["a", "main"], [3]),
        (["c", "main"], [9]),
        (["d", "e", "main"], [-9]),
        (["main"], [1]),
    ]
    nodes = Nodes(profile(samples))
    # by the absolute value, then by name
    assert [r[0] for r in rows(trimmed(nodes, 0))] == ["c", "d", "a", "b", "main", "e"]
    assert [r[0] for r in rows(trimmed(nodes, 0, cum=True))] == ["c", "d", "e", "main", "a", "b"]
    graph = trimmed(nodes, 0, nodecount=2)
    assert [r[0] for r in rows(graph)] == ["c", "d"] and graph.original == 6
    # a top that ends among equals takes the first by name
    assert [r[0] for r in rows(trimmed(nodes, 0, nodecount=3))] == ["c", "d", "a"]
    graph = trimmed(nodes, 0, drop_negative=True)
    assert [r[0] for r in rows(graph)] == ["c", "a", "b", "main"]


def test_what_sums_up_to_nothing_is_not_there() -> None:
    graph = trimmed(Nodes(profile([(["a", "m"], [4]), (["a", "m"], [-4]), (["b"], [1])])), 0, edges=True)
    assert rows(graph) == [("b", 1, 1)]


def test_inlining() -> None:
    samples: list[tuple[Stack, Sequence[int]]] = [
        (["i<main"], [10]),
        (["p<main"], [10]),
        (["p", "n", "main"], [10]),
        (["both<main"], [10]),
        (["both", "main"], [10]),
    ]
    nodes = Nodes(profile(samples))
    graph = trimmed(nodes, 0, edges=nodes.inlined)
    flags = graph.inlining()
    labels = {graph.name(n).decode(): graph.inline_label(flags[n]) for n in graph.order}
    # an edge is inline if all of it is; a node partly, if edges into it differ
    assert labels == {"i": "(inline)", "p": "(partial-inline)", "both": "", "n": "", "main": ""}
    # an edge that is cut tells nothing any more
    graph = trimmed(Nodes(profile([*samples, (["p", "n", "main"], [-9])])), 0, edgefraction=0.1, edges=True)
    flags = graph.inlining()
    assert {graph.name(n): flags[n] for n in graph.order}[b"p"] == 1
    # what was inlined can be given to its caller
    assert rows(trimmed(Nodes(profile(samples), inlines=False), 0)) == [
        ("main", 30, 50),
        ("both", 10, 10),
        ("p", 10, 10),
        ("n", 0, 10),
    ]


def test_means() -> None:
    samples: list[tuple[Stack, Sequence[int]]] = [
        (["a", "main"], [2, 7]),
        (["a", "main"], [1, 4]),
        (["b", "main"], [0, 0]),
    ]
    nodes = Nodes(profile(samples, types=2))
    # 11 bytes of 3 objects, towards zero
    assert rows(trimmed(nodes, 1, 0)) == [("a", 3, 3), ("main", 0, 3)]
    samples = [(["a"], [2, -7])]
    assert rows(trimmed(Nodes(profile(samples, types=2)), 1, 0)) == [("a", -3, -3)]


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        ("functions", ["f", "main"]),
        ("filefunctions", ["f f.go", "main main.go"]),
        ("files", ["f.go", "main.go"]),
        ("lines", ["f f.go:10", "main main.go:10"]),
        ("addresses", ["0000000000000001 f f.go:10", "0000000000000004 main main.go:10"]),
    ],
)
def test_granularities(granularity: str, expected: list[str]) -> None:
    nodes = Nodes(profile([(["f", "main"], [1])]), granularity)
    assert [nodes.printable(n).decode() for n in range(len(nodes))] == expected


def test_locations_without_functions() -> None:
    b = ProfileBuilder([("space", "bytes")])
    mapping = b.mapping(file="/usr/bin/server")
    b.sample([b.location(16, (), mapping), b.location(32, ())], [1])
    p = b.build()
    assert [Nodes(p).printable(n) for n in range(2)] == [b"[server]", b"<unknown>"]
    assert Nodes(p, "addresses").printable(0) == b"0000000000000010 [server]"


def test_same_names_in_two_files_are_one_function() -> None:
    b = ProfileBuilder([("space", "bytes")])
    one, two = b.function("init", "a.go"), b.function("init", "b.go")
    b.sample([b.location(1, [(one, 1)]), b.location(2, [(two, 1)])], [3])
    assert len(Nodes(b.build())) == 1 and len(Nodes(b.build(), "filefunctions")) == 2


def test_paths_are_cleaned_and_trimmed() -> None:
    b = ProfileBuilder([("space", "bytes")])
    b.sample([b.location(1, [(b.function("f", "/build/x/./main.go"), 1)])], [3])
    p = b.build()
    assert Nodes(p, "files").printable(0) == b"/build/x/main.go"
    assert Nodes(p, "files", trim_path="/build:/other").printable(0) == b"x/main.go"
    assert Nodes(p, "files", source_path="/home/me/x").printable(0) == b"main.go"


def test_sums_wrap_around() -> None:
    least = -(1 << 63)
    graph = Graph(Nodes(profile([(["a"], [least]), (["a"], [-1])])), 0)
    assert graph.flat[0] == (1 << 63) - 1


def test_columns_that_do_not_fit() -> None:
    p = profile([(["a", "b"], [1])])
    nodes = Nodes(p)
    good = (p.values, 1, 0, -1, p.stack_start, p.stack, nodes.frame_start, nodes.frame_node, len(nodes))
    kernel.weights(*good)
    for place, bad in (
        (0, zeros("q", 3)),
        (1, 0),
        (2, 1),
        (3, 1),
        (4, column("q", [0, 3])),
        (4, column("q", [0, 2, 1])),
        (4, zeros("q", 0)),
        (5, column("I", [0, 9])),
        (6, column("q", [0, 2, 2])),
        (7, column("I", [0, 7])),
        (8, 1),
    ):
        changed = (*good[:place], bad, *good[place + 1 :])
        with pytest.raises(ValueError, match="graph"):
            kernel.weights(*changed)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="graph"):
            kernel.edges(*changed, None, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="graph"):
        kernel.edges(*good, zeros("B", 1), None)
    with pytest.raises(ValueError, match="graph"):
        kernel.weights(*good, 1, 0)
