"""The table of `gosnap top`: flat, flat%, sum%, cum, cum% and the name, laid out as pprof's."""

from __future__ import annotations

from gosnap.profile.graph import Graph
from gosnap.profile.pipeline import Report
from gosnap.profile.units import percentage, wrap
from gosnap.report.text.profile_labels import clean, report_labels


def render(report: Report, graph: Graph) -> str:
    """The whole answer, with a newline at the end."""
    lines = report_labels(report, graph)
    lines.append(f"{'flat':>10} {'flat':>5}% {'sum':>5}% {'cum':>10} {'cum':>5}%")
    inlining = graph.inlining()
    total, value = report.total, report.value
    sum_ = 0
    for node in graph.order:
        flat, cum = graph.flat_value(node), graph.cum_value(node)
        sum_ = wrap(sum_ + flat)
        inlined = graph.inline_label(inlining[node])
        lines.append(
            f"{value(flat):>10} {percentage(flat, total)} {percentage(sum_, total)} "
            f"{value(cum):>10} {percentage(cum, total)}  {clean(graph.name(node))}{inlined and ' ' + inlined}"
        )
    return "\n".join(lines) + "\n"
