"""`gosnap tree` and `gosnap peek`: every node between its callers and its callees, laid out as pprof's."""

from __future__ import annotations

from gosnap.profile.graph import INLINE, Graph
from gosnap.profile.pipeline import Report
from gosnap.profile.units import percentage, wrap
from gosnap.report.text.profile_labels import clean, report_labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.estimates import Estimates, GraphEstimates

RULE = "----------------------------------------------------------+-------------"
HEADING = "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t "


def render(report: Report, graph: Graph, nodes: list[int], estimates: Estimates | None = None) -> str:
    """The whole answer, with a newline at the end. ``nodes``: those of the graph that are shown, in order;
    ``estimates``: how far off they may be stands below the rows."""
    lines = report_labels(report, graph)
    found: GraphEstimates | None = None
    if estimates is not None:
        from gosnap.report.text import profile_errors

        lines += profile_errors.heading(report, estimates)
        found = profile_errors.of_graph(estimates, graph, edges=True)
    lines += [RULE, HEADING]
    total, value = report.total, report.value
    sum_ = 0
    for node in nodes:
        flat, cum = graph.flat_value(node), graph.cum_value(node)
        sum_ = wrap(sum_ + flat)
        lines.append(RULE)
        for edge in graph.edges_in(node):
            lines.append(_edge(report, graph, edge, graph.edge_src[edge], cum))
            if found is not None:
                lines.append(profile_errors.below_call(report, found, edge))
        lines.append(
            f"{value(flat):>10} {percentage(flat, total)} {percentage(sum_, total)} "
            f"{value(cum):>10} {percentage(cum, total)}                | {clean(graph.name(node))}"
        )
        if found is not None:
            lines.append(f"{profile_errors.below(report, found, node):58}|")
        for edge in graph.edges_out(node):
            lines.append(_edge(report, graph, edge, graph.edge_dst[edge], cum))
            if found is not None:
                lines.append(profile_errors.below_call(report, found, edge))
    if graph.order:
        lines.append(RULE)
    return "\n".join(lines) + "\n"


def _edge(report: Report, graph: Graph, edge: int, other: int, cum: int) -> str:
    # weights of means are sums here, as in pprof
    weight = graph.edge_weight[edge]
    inlined = " (inline)" if graph.edge_flags[edge] & INLINE else ""
    name = clean(graph.name(other))
    return f"{report.value(weight):>50} {percentage(weight, cum)} |   {name}{inlined}"
