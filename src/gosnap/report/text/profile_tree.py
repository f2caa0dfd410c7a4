"""`gosnap tree` and `gosnap peek`: every node between its callers and its callees, laid out as pprof's."""

from __future__ import annotations

from gosnap.profile.graph import INLINE, Graph
from gosnap.profile.pipeline import Report
from gosnap.profile.units import percentage, wrap
from gosnap.report.text.profile_labels import clean, report_labels

RULE = "----------------------------------------------------------+-------------"
HEADING = "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t "


def render(report: Report, graph: Graph, nodes: list[int]) -> str:
    """The whole answer, with a newline at the end. ``nodes``: those of the graph that are shown, in order."""
    lines = [*report_labels(report, graph), RULE, HEADING]
    total, value = report.total, report.value
    sum_ = 0
    for node in nodes:
        flat, cum = graph.flat_value(node), graph.cum_value(node)
        sum_ = wrap(sum_ + flat)
        lines.append(RULE)
        lines += [_edge(report, graph, edge, graph.edge_src[edge], cum) for edge in graph.edges_in(node)]
        lines.append(
            f"{value(flat):>10} {percentage(flat, total)} {percentage(sum_, total)} "
            f"{value(cum):>10} {percentage(cum, total)}                | {clean(graph.name(node))}"
        )
        lines += [_edge(report, graph, edge, graph.edge_dst[edge], cum) for edge in graph.edges_out(node)]
    if graph.order:
        lines.append(RULE)
    return "\n".join(lines) + "\n"


def _edge(report: Report, graph: Graph, edge: int, other: int, cum: int) -> str:
    # weights of means are sums here, as in pprof
    weight = graph.edge_weight[edge]
    inlined = " (inline)" if graph.edge_flags[edge] & INLINE else ""
    name = clean(graph.name(other))
    return f"{report.value(weight):>50} {percentage(weight, cum)} |   {name}{inlined}"
