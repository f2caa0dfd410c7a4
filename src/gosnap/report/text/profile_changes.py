"""What changed between two profiles: of each node, and for trees of each call, before, after and change."""

from __future__ import annotations

from gosnap.profile.changes import Change, Changes
from gosnap.profile.pipeline import Report
from gosnap.report.text.profile_labels import clean, filter_labels, limit_labels, profile_labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

RULE = "-" * 56 + "+" + "-" * 13


def table(report: Report, found: Changes) -> str:
    """The whole answer of `gosnap diff` and of `gosnap top --changes`, with a newline at the end."""
    first, other = ("cum", "flat") if report.config.sort == "cum" else ("flat", "cum")
    lines = _head(report, found)
    lines.append(
        f"{first + ' before':>11} {'after':>10} {'change':>11} {'change%':>8} {other + ' change':>11}"
    )
    for node in found.graph.order:
        flat, cum = found.flat(node), found.cum(node)
        shown, beside = (cum, flat) if first == "cum" else (flat, cum)
        mark = cum.state if cum.state in ("new", "gone") else share(shown)
        lines.append(
            f"{report.value(shown.before):>11} {report.value(shown.after):>10} {_signed(report, shown):>11}"
            f" {mark:>8} {_signed(report, beside):>11}  {clean(found.graph.name(node))}"
        )
    return "\n".join(lines) + "\n"


def tree(report: Report, found: Changes, nodes: Iterable[int]) -> str:
    """The same of `gosnap tree --changes` and `peek --changes`: nodes between their callers and callees."""
    lines = [*_head(report, found), RULE]
    lines.append(
        f"{'flat change':>11} {'cum before':>10} {'after':>10} {'change':>11} {'change%':>8}   context"
    )
    graph = found.graph
    for node in nodes:
        lines.append(RULE)
        lines += [_edge(report, found, edge, graph.edge_src[edge]) for edge in graph.edges_in(node)]
        cum = found.cum(node)
        lines.append(
            f"{_signed(report, found.flat(node)):>11} {_row(report, cum)} | {clean(graph.name(node))}"
        )
        lines += [_edge(report, found, edge, graph.edge_dst[edge]) for edge in graph.edges_out(node)]
    if graph.order:
        lines.append(RULE)
    return "\n".join(lines) + "\n"


def share(found: Change) -> str:
    """A change in percent of what was before: "+200%", "-3.5%"; "new" and "gone"; nothing for the same."""
    if found.state != "changed":
        return "" if found.state == "same" else found.state
    percent = 100 * found.change / abs(found.before)
    if abs(percent) >= 1e6:
        return f"{percent:+.0e}%"
    return f"{percent:+.0f}%" if abs(percent) >= 100 else f"{percent:+.2g}%"


def _head(report: Report, found: Changes) -> list[str]:
    lines = [] if report.config.compact_labels else profile_labels(report)
    total = found.total
    part = share(total)
    lines += filter_labels(report)
    lines.append(
        f"Before {report.value(total.before)}, after {report.value(total.after)}: "
        f"{_signed(report, total)}{f' ({part})' if part else ''}"
    )
    lines += limit_labels(report, found.graph)
    if found.unchanged:
        lines.append(
            f"{found.unchanged:,} node{'s' if found.unchanged > 1 else ''} with the same as before not shown"
        )
    return lines


def _edge(report: Report, found: Changes, edge: int, other: int) -> str:
    return f"{'':11} {_row(report, found.edge(edge))} |   {clean(found.graph.name(other))}"


def _row(report: Report, found: Change) -> str:
    return (
        f"{report.value(found.before):>10} {report.value(found.after):>10} "
        f"{_signed(report, found):>11} {share(found):>8}"
    )


def _signed(report: Report, found: Change) -> str:
    text = report.value(found.change)
    return f"+{text}" if found.change > 0 and text != "0" else text
