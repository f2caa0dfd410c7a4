"""The graph that pictures show: nodes with their edges and labels, trimmed and sorted for the eye.

Rules are those of google/pprof internal/report/report.go, newTrimmedGraph, and internal/graph/graph.go, as in
Go 1.27. With call_tree there is a node for each path of calls. What is in here is as large as what is shown.
"""

from __future__ import annotations

import math
from collections import deque

from gosnap._kernels import profile_graph, profile_picture, profile_tree
from gosnap.profile.columns import column, zeros
from gosnap.profile.graph import INLINE, RESIDUAL, Graph, Nodes
from gosnap.profile.nodelabels import NodeLabels, Tag
from gosnap.profile.units import absolute, quotient, truncate, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gosnap.profile.pipeline import Report

MOST_TAGS = 4
"""Boxes for labels that a node has."""


class Link:
    """A call: from ``src`` to ``dst``. ``residual``: of calls through nodes that are left out."""

    __slots__ = ("div", "dst", "inlined", "residual", "src", "weight")

    def __init__(self, src: Spot, dst: Spot, sums: tuple[int, int], *, residual: bool, inlined: bool) -> None:
        self.src = src
        self.dst = dst
        self.weight, self.div = sums
        self.residual = residual
        self.inlined = inlined
        src.outs[dst] = self
        dst.ins[src] = self

    def value(self) -> int:
        """What it carries; of means, the mean."""
        return quotient(self.weight, self.div)

    def cut(self) -> None:
        """Take it out of the graph."""
        del self.src.outs[self.dst]
        del self.dst.ins[self.src]


class Spot:
    """A node of a picture: ``node`` of the profile's ``Nodes``, or a path that leads to one.

    ``place``: of the tree of calls, else the node; ``tags`` by labels, ``numbers`` by labels and number, all
    as they are printed.
    """

    __slots__ = (
        "cum",
        "cum_div",
        "flat",
        "flat_div",
        "ins",
        "name",
        "node",
        "numbers",
        "outs",
        "place",
        "tags",
    )

    def __init__(self, place: int, node: int, name: bytes, sums: tuple[int, int, int, int]) -> None:
        self.place = place
        self.node = node
        self.name = name
        self.flat, self.flat_div, self.cum, self.cum_div = sums
        self.ins: dict[Spot, Link] = {}
        self.outs: dict[Spot, Link] = {}
        self.tags: dict[bytes, Tag] = {}
        self.numbers: dict[bytes, dict[bytes, Tag]] = {}

    def flat_value(self) -> int:
        """What the node has itself; of means, the mean."""
        return quotient(self.flat, self.flat_div)

    def cum_value(self) -> int:
        """What the node and its callees have; of means, the mean."""
        return quotient(self.cum, self.cum_div)


class Picture:
    """What is shown: ``order``, the nodes. ``original``: how many there were before ``nodecount``;
    ``dropped_nodes``, ``dropped_edges``: cut off for their weight; ``redundant``: residual edges that another
    path stands for; ``is_tree``: a node is a path; ``hidden``: how many label boxes were cut off."""

    __slots__ = (
        "dropped_edges",
        "dropped_nodes",
        "hidden",
        "is_tree",
        "nodes",
        "order",
        "original",
        "redundant",
    )

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.order: list[Spot] = []
        self.is_tree = False
        self.original = self.dropped_nodes = self.dropped_edges = self.redundant = self.hidden = 0

    def shown_total(self) -> int:
        """The sum of the flat values of what is shown."""
        return wrap(sum(spot.flat_value() for spot in self.order))


def sorted_links(links: Iterable[Link]) -> list[Link]:
    """By weight, then by the caller's name, then by the callee's."""
    return sorted(links, key=lambda link: (-absolute(link.weight), link.src.name, link.dst.name))


def picture(report: Report, *, visual: bool) -> Picture:
    """The picture of a report; its output unit is chosen. ``visual``: sorted and trimmed for a drawing, with
    labels; else sorted as tables are, and without."""
    nodes = report.nodes()
    source = _Tree(report, nodes) if report.config.call_tree else _Plain(report, nodes)
    shown = Picture(nodes)
    shown.is_tree = report.config.call_tree
    flat_sum = source.flat_sum
    node_cutoff = absolute(truncate(float(flat_sum) * report.nodefraction))
    edge_cutoff = absolute(truncate(float(flat_sum) * report.edgefraction))
    shown.dropped_nodes = source.cut(node_cutoff)
    spots = source.spots()
    shown.original = len(spots)
    order = _by_entropy if visual else (_by_cum if report.config.sort == "cum" else _by_flat)
    spots = _sorted(spots, order, nodes)
    if report.nodecount > 0:
        if visual:
            # labels count as nodes, the light ones are gone by then
            source.label(spots[: report.nodecount])
            shown.hidden += _trim_tags(spots, node_cutoff)
        _trim_links(spots, edge_cutoff)
        kept = _top(spots, report.nodecount, visual)
        if len(kept) != len(spots):
            spots = _sorted(source.keep(spots, kept), order, nodes)
    if visual:
        source.label(spots)
        shown.hidden = _trim_tags(spots, node_cutoff)
    shown.dropped_edges = _trim_links(spots, edge_cutoff)
    if visual:
        shown.redundant = _remove_redundant(spots)
    shown.order = spots
    _choose_unit(report, spots)
    return shown


def _choose_unit(report: Report, spots: list[Spot]) -> None:
    report.choose_unit_of([absolute(s.flat_value()) or absolute(s.cum_value()) for s in spots])


# ---- order ----


def _sorted(spots: list[Spot], weight: Callable[[Spot], tuple[int, int]], nodes: Nodes) -> list[Spot]:
    """By weight, then by name, then by another weight."""
    keys = {}
    for spot in spots:
        first, second = weight(spot)
        keys[spot] = (-absolute(first), spot.name, -absolute(second), nodes.info(spot.node))
    return sorted(spots, key=keys.__getitem__)


def _by_flat(spot: Spot) -> tuple[int, int]:
    return spot.flat, spot.cum


def _by_cum(spot: Spot) -> tuple[int, int]:
    return spot.cum, spot.flat


def _by_entropy(spot: Spot) -> tuple[int, int]:
    """What a node is worth in a drawing: less where one edge goes in and one out."""
    score = _edge_entropy(spot.ins, 0) if spot.ins else 1.0
    score += _edge_entropy(spot.outs, spot.flat) if spot.outs else 1.0
    return wrap(truncate(score * float(spot.cum)) + spot.flat), spot.flat


def _edge_entropy(links: dict[Spot, Link], own: int) -> float:
    total = wrap(own + sum(absolute(link.weight) for link in links.values() if link.weight > 0))
    if total == 0:
        return 0.0
    score = 0.0
    for link in links.values():
        share = float(absolute(link.weight)) / float(total)
        score += -share * _log2(share)
    if own > 0:
        share = float(absolute(own)) / float(total)
        score += -share * _log2(share)
    return score


def _log2(x: float) -> float:
    # as Go's math.Log2
    if x == 0:
        return -math.inf
    if x < 0:
        return math.nan
    fraction, exponent = math.frexp(x)
    if fraction == 0.5:
        return float(exponent - 1)
    return math.log(fraction) * (1 / math.log(2)) + float(exponent)


def _top(spots: list[Spot], most: int, visual: bool) -> list[Spot]:
    if visual:
        count = 0
        for i, spot in enumerate(spots):
            numbers = [tag for tags in spot.numbers.values() for tag in tags.values()]
            tags = sum(1 for tag in (*spot.tags.values(), *numbers) if tag.flat)
            count += min(tags, MOST_TAGS) + 1
            if count >= most:
                return spots[: i + 1]
    return spots[:most]


# ---- trimming ----


def _trim_tags(spots: list[Spot], cutoff: int) -> int:
    """Drop light labels; how many."""
    dropped = 0
    for spot in spots:
        for tags in (spot.tags, *spot.numbers.values()):
            light = [n for n, t in tags.items() if max(absolute(t.flat), absolute(t.cum)) < cutoff]
            dropped += len(light)
            for name in light:
                del tags[name]
    return dropped


def _trim_links(spots: list[Spot], cutoff: int) -> int:
    """Drop light edges; how many."""
    light = [link for spot in spots for link in spot.ins.values() if absolute(link.weight) < cutoff]
    for link in light:
        link.cut()
    return len(light)


def _remove_redundant(spots: list[Spot]) -> int:
    """Drop residual edges where another path leads from their caller to their callee; how many."""
    dropped = 0
    for spot in reversed(spots):
        for link in reversed(sorted_links(spot.ins.values())):
            if not link.residual:
                break
            if _is_redundant(link):
                link.cut()
                dropped += 1
    return dropped


def _is_redundant(link: Link) -> bool:
    seen = {link.dst}
    ask = deque(seen)
    while ask:
        for src, other in ask.popleft().ins.items():
            if other is link or src in seen:
                continue
            if src is link.src:
                return True
            seen.add(src)
            ask.append(src)
    return False


# ---- where nodes come from ----


class _Plain:
    """A node for each function, or whatever the granularity makes one."""

    def __init__(self, report: Report, nodes: Nodes) -> None:
        self.report = report
        self.nodes = nodes
        self.graph = Graph(nodes, report.index, report.divisor)
        g = self.graph
        self.count, self.flat_sum = profile_graph.choose(g.flat, g.cum, report.config.drop_negative, g.chosen)
        self.rebuilt = False
        self.labels: NodeLabels | None = None

    def cut(self, cutoff: int) -> int:
        if cutoff <= 0:
            return 0
        kept: int = profile_graph.cut(self.graph.cum, cutoff, self.graph.chosen)
        self.rebuilt = kept != self.count
        return self.count - kept

    def spots(self) -> list[Spot]:
        g, report = self.graph, self.report
        g.add_edges(report.index, report.divisor, g.chosen if self.rebuilt else None)
        made: dict[int, Spot] = {node: self._spot(node) for node, chosen in enumerate(g.chosen) if chosen}
        spots = list(made.values())
        for edge, (src, dst) in enumerate(zip(g.edge_src, g.edge_dst, strict=True)):
            for node in (src, dst):
                # of nodes without a weight there may be edges, though they are not shown
                if node not in made:
                    made[node] = self._spot(node)
            flags = g.edge_flags[edge]
            Link(
                made[src],
                made[dst],
                (g.edge_weight[edge], g.edge_div[edge]),
                residual=bool(flags & RESIDUAL),
                inlined=bool(flags & INLINE),
            )
        return spots

    def _spot(self, node: int) -> Spot:
        g = self.graph
        flat_div = g.flat_div[node] if g.flat_div else 0
        cum_div = g.cum_div[node] if g.cum_div else 0
        return Spot(node, node, g.name(node), (g.flat[node], flat_div, g.cum[node], cum_div))

    def keep(self, spots: list[Spot], kept: list[Spot]) -> list[Spot]:
        self.graph.chosen = zeros("B", len(self.nodes))
        for spot in kept:
            self.graph.chosen[spot.node] = 1
        self.rebuilt = True
        return self.spots()

    def label(self, spots: list[Spot]) -> None:
        self.labels = self.labels or NodeLabels(self.report)
        p, labels = self.report.profile, self.labels
        slot = labels.slots(len(self.nodes), [spot.node for spot in spots])
        found = profile_picture.node_tags(
            p.values,
            len(p.sample_types),
            self.report.index,
            self.report.divisor,
            p.stack_start,
            p.stack,
            self.nodes.frame_start,
            self.nodes.frame_node,
            slot,
            *labels.columns(),
        )
        labels.give(found, spots)


class _Tree:
    """A node for each path of calls."""

    def __init__(self, report: Report, nodes: Nodes) -> None:
        self.report = report
        self.nodes = nodes
        p = report.profile
        wanted = [report.index] if report.divisor < 0 else [report.index, report.divisor]
        self.tree = profile_tree.Tree(
            p.values,
            len(p.sample_types),
            column("I", wanted),
            p.stack_start,
            p.stack,
            nodes.frame_start,
            nodes.frame_node,
            len(nodes),
            zeros=False,
        )
        self.count, self.flat_sum = self.tree.choose(report.config.drop_negative)
        self.found: dict[str, Any] = {}
        self.labels: NodeLabels | None = None

    def cut(self, cutoff: int) -> int:
        self.found = self.tree.shown(self.report.config.drop_negative, cutoff)
        kept = sum(1 for flags in self.found["flags"] if flags & profile_tree.SHOWN)
        return self.count - kept

    def spots(self) -> list[Spot]:
        """Nodes that are kept, joined where nodes between them are not."""
        f = self.found
        names = {node: self.nodes.printable(node) for node in set(f["node"])}
        none = [0] * len(f["node"])
        sums = zip(f["flat"], f["flat_div"] or none, f["cum"], f["cum_div"] or none, strict=True)
        made = [
            Spot(place, node, names[node], own)
            for place, (node, own) in enumerate(zip(f["node"], sums, strict=True))
        ]
        # what has no weight is no node, yet it is not taken out of the paths that it is in
        for spot, up, flags in zip(made, f["up"], f["flags"], strict=True):
            if flags & profile_tree.LINKED:
                residual, inlined = not flags & profile_tree.DIRECT, bool(flags & profile_tree.INLINED)
                Link(made[up], spot, (spot.cum, spot.cum_div), residual=residual, inlined=inlined)
        return [spot for spot in made if f["flags"][spot.place] & profile_tree.SHOWN]

    def keep(self, spots: list[Spot], kept: list[Spot]) -> list[Spot]:
        """Take out the others; their callees are their caller's now."""
        stay = set(kept)
        for spot in spots:
            if spot in stay:
                continue
            into = next(iter(spot.ins.values()), None)
            if into is not None:
                into.cut()
            for link in list(spot.outs.values()):
                link.cut()
                if into is not None:
                    inlined = into.inlined and link.inlined
                    sums = link.weight, link.div
                    Link(into.src, link.dst, sums, residual=True, inlined=inlined)
        return kept

    def label(self, spots: list[Spot]) -> None:
        self.labels = self.labels or NodeLabels(self.report)
        p, labels, f = self.report.profile, self.labels, self.found
        found = profile_picture.place_tags(
            p.values,
            len(p.sample_types),
            self.report.index,
            self.report.divisor,
            f["leaf"],
            f["ends"],
            f["up"],
            labels.slots(len(f["up"]), [spot.place for spot in spots]),
            *labels.columns(),
        )
        labels.give(found, spots)
