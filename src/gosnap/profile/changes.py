"""What changed between two profiles: of every node and call what it was before, and what it is after.

The comparison is pprof's of --diff_base: samples of the base are in the profile, negative and with a label,
so that the sums of nodes are the changes. Added up alone, they are what was before.
"""

from __future__ import annotations

from gosnap._kernels.profile_compare import base_values
from gosnap.profile.columns import zeros
from gosnap.profile.graph import Graph
from gosnap.profile.labels import mark_base
from gosnap.profile.units import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.pipeline import Report


class Change:
    """A value ``before`` and ``after``."""

    __slots__ = ("after", "before")

    def __init__(self, before: int, change: int) -> None:
        self.before = before
        self.after = wrap(before + change)

    @property
    def change(self) -> int:
        """After without before."""
        return wrap(self.after - self.before)

    @property
    def state(self) -> str:
        """ "new" where nothing was before, "gone" where nothing is left, "changed", or "same"."""
        if self.before == self.after:
            return "same"
        return "changed" if self.before and self.after else "gone" if self.before else "new"


class Changes:
    """A comparison as one report shows it.

    ``graph``: of the changes, with what is shown and in which order; ``total``: all before and after;
    ``unchanged``: nodes that have the same as before, which are not shown.
    """

    __slots__ = ("_before", "_edges", "graph", "total", "unchanged")

    def __init__(self, report: Report, *, edges: bool = False) -> None:
        """Limits of the report are shares of what is larger, before or after, and so is its total from here
        on. ``edges``: whether calls are wanted."""
        p = report.profile
        sides = zeros("B", p.samples)
        mark_base(p, sides)
        values, before, after = base_values(p.values, len(p.sample_types), report.index, sides)
        self.total = Change(before, wrap(after - before))
        report.total = max(abs(before), abs(after))
        graph = self.graph = report.graph(edges=edges, whole=report.total)
        base = p.replace(values=values, sample_types=(p.sample_types[report.index],))
        self._before = Graph(graph.nodes.of(base), 0)
        self._edges: dict[tuple[int, int], int] = {}
        if edges:
            self._before.add_edges(0, -1, graph.chosen if graph.partial() else None)
            b = self._before
            shown = set(graph.order)
            self._edges = {
                (src, dst): weight
                for src, dst, weight in zip(b.edge_src, b.edge_dst, b.edge_weight, strict=True)
                if src in shown or dst in shown
            }
        self.unchanged = sum(
            1
            for flat, cum, was in zip(graph.flat, graph.cum, self._before.cum, strict=True)
            if was and not flat and not cum
        )

    def flat(self, node: int) -> Change:
        """What a node has itself."""
        return Change(self._before.flat[node], self.graph.flat[node])

    def cum(self, node: int) -> Change:
        """What a node and its callees have; its state is the node's."""
        return Change(self._before.cum[node], self.graph.cum[node])

    def edge(self, edge: int) -> Change:
        """What a call carries."""
        g = self.graph
        was = self._edges.get((g.edge_src[edge], g.edge_dst[edge]), 0)
        return Change(was, g.edge_weight[edge])
