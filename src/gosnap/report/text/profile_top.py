"""The table of `gosnap top`: flat, flat%, sum%, cum, cum% and the name, laid out as pprof's."""

from __future__ import annotations

from gosnap.profile.graph import Graph
from gosnap.profile.pipeline import Report
from gosnap.profile.units import percentage, wrap
from gosnap.report.text.profile_labels import clean, report_labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.estimates import Estimates, GraphEstimates


def render(report: Report, graph: Graph, estimates: Estimates | None = None) -> str:
    """The whole answer, with a newline at the end. ``estimates``: how far off they may be stands below the
    rows."""
    lines = report_labels(report, graph)
    found: GraphEstimates | None = None
    if estimates is not None:
        from gosnap.report.text import profile_errors

        lines += profile_errors.heading(report, estimates)
        found = profile_errors.of_graph(estimates, graph)
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
        if found is not None:
            lines.append(profile_errors.below(report, found, node))
    return "\n".join(lines) + "\n"
