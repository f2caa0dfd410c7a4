"""How many samples a number of a heap profile rests on, and in which interval the truth is.

The formulas are those of ``gosnap._kernels.profile_estimate``. They hold for profiles whose allocations were
sampled at a known rate, which Go's heap and allocs profiles are: their period is runtime.MemProfileRate.
"""

from __future__ import annotations

from gosnap.profile.columns import zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gosnap._kernels.profile_estimate import Sums
    from gosnap.profile.graph import Graph
    from gosnap.profile.pipeline import Report

LEVEL = 95
"""Percent of intervals that hold the truth, or more."""
_SIZE_LABEL = b"bytes"


class Interval:
    """``samples``: on how many a number rests; ``low``, ``high``: where the truth is, in the units of the
    profile's values. Without samples all are 0: nothing is said of what was never seen."""

    __slots__ = ("high", "low", "samples")

    def __init__(self, samples: int, low: int, high: int) -> None:
        self.samples = samples
        self.low = low
        self.high = high


class Estimates:
    """What can be said about the numbers of a report.

    ``why``: why nothing can, "" where it can; ``period``: one sample per so many bytes, on average;
    ``exact``: everything was sampled.
    """

    __slots__ = ("_objects", "_report", "_space", "exact", "period", "total", "why")

    def __init__(self, report: Report) -> None:
        self._report = report
        self.period = report.profile.period
        self.exact = self.period == 1
        self.total = Interval(0, 0, 0)
        self._objects, self._space = _pair(report)
        self.why = self._unfit()
        if not self.why:
            start = zeros("q", 1)
            # without nodes there is no walk; stacks have to fit together all the same
            sums = self.sums(None, start, 0)
            if sums.negative:
                self.why = (
                    f"{sums.negative:,} of its values are negative: these are differences, not estimates"
                )
            elif sums.sizeless:
                self.why = f"{sums.sizeless:,} samples do not say of what size their objects are"
            else:
                self.total = _interval(sums.all(LEVEL / 100), report.total)

    def _unfit(self) -> str:
        report, p = self._report, self._report.profile
        kind, unit = p.period_type
        if report.config.base or report.config.diff_base:
            return "these are differences between two profiles; ask of each alone"
        if report.config.mean:
            return "these are means"
        if (kind, unit) != ("space", "bytes") or p.period < 1:
            said = f"{p.period} {kind}/{unit}" if kind or unit else "none"
            return f"no heap profile with a sampling rate (its period: {said})"
        if self._objects < 0 and self._space < 0:
            return f"{report.sample_type!r} counts neither objects nor their bytes"
        return ""

    def sums(self, frame_node: memoryview | None, frame_start: memoryview, n: int) -> Sums:
        """Sums by node; ``frame_node`` None: of all samples alone."""
        from gosnap._kernels.profile_estimate import Sums

        report, p = self._report, self._report.profile
        alone = frame_node is None
        return Sums(
            p.values,
            len(p.sample_types),
            report.index,
            self._objects,
            self._space,
            p.period,
            p.label_start,
            p.label_key,
            p.label_str,
            p.label_num,
            p.strings.find(_SIZE_LABEL) or 0,
            zeros("q", p.samples + 1) if alone else p.stack_start,
            zeros("I", 0) if alone else p.stack,
            frame_start,
            zeros("I", 0) if frame_node is None else frame_node,
            n,
        )

    def of(
        self, frame_start: memoryview, frame_node: memoryview, n: int
    ) -> tuple[Callable[[int, int], Interval], Callable[[int, int], Interval]]:
        """(what gives the interval of a node's flat, the same of its cum): given the node and the value."""
        sums = self.sums(frame_node, frame_start, n)
        level = LEVEL / 100
        return (
            lambda node, value: _interval(sums.own(node, level), value),
            lambda node, value: _interval(sums.whole(node, level), value),
        )


class GraphEstimates:
    """The intervals of a graph's nodes and, with ``edges``, of its calls."""

    __slots__ = ("_graph", "_sums")

    def __init__(self, estimates: Estimates, graph: Graph, *, edges: bool = False) -> None:
        nodes = graph.nodes
        self._graph = graph
        self._sums = estimates.sums(nodes.frame_node, nodes.frame_start, len(nodes))
        if edges:
            kept = graph.chosen if graph.partial() else None
            self._sums.add_edges(graph.edge_src, graph.edge_dst, kept)

    def flat(self, node: int) -> Interval:
        """Of what a node has itself."""
        return _interval(self._sums.own(node, LEVEL / 100), self._graph.flat_value(node))

    def cum(self, node: int) -> Interval:
        """Of what a node and its callees have."""
        return _interval(self._sums.whole(node, LEVEL / 100), self._graph.cum_value(node))

    def edge(self, edge: int) -> Interval:
        """Of what a call carries."""
        return _interval(self._sums.call(edge, LEVEL / 100), self._graph.edge_weight[edge])


def _interval(found: tuple[float, float, float], value: int) -> Interval:
    """As integers, outwards, and around the estimate."""
    from math import ceil, floor

    samples, low, high = found
    if not samples:
        return Interval(0, 0, 0)
    return Interval(round(samples), min(floor(low), value), max(ceil(high), value))


def _pair(report: Report) -> tuple[int, int]:
    """The sample types that count what the report counts: as objects, and as bytes; -1 for none."""
    names = [name for name, _ in report.profile.sample_types]
    name, unit = report.profile.sample_types[report.index]
    for ending, other, wanted in (("objects", "space", "count"), ("space", "objects", "bytes")):
        if name in (f"alloc_{ending}", f"inuse_{ending}", ending) and unit == wanted:
            partner = name.removesuffix(ending) + other
            at = names.index(partner) if partner in names else -1
            units = {"space": "bytes", "objects": "count"}
            if at >= 0 and report.profile.sample_types[at][1] != units[other]:
                at = -1
            return (report.index, at) if ending == "objects" else (at, report.index)
    return -1, -1
