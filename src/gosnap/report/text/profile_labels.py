"""The lines above a profile's report, as pprof writes them (internal/report/report.go, as in Go 1.27)."""

from __future__ import annotations

import time

from gosnap.profile.graph import Graph
from gosnap.profile.model import Profile
from gosnap.profile.names import base_name, escaped
from gosnap.profile.pipeline import Report
from gosnap.profile.units import label, percentage, scale, truncate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.picture import Picture

MOST_OF_A_FILTER = 80
"""Bytes of a filter that a heading shows."""


def clean(name: bytes) -> str:
    """A name as it is printed: ``escaped``."""
    return escaped(name.decode("utf-8", "replace"))


def comments(profile: Profile, *, hidden: bool = True) -> list[str]:
    """A profile's comments, which may have lines; ``hidden``: also those that begin with "#"."""
    texts = map(profile.strings.raw, profile.comments)
    shown = (text for text in texts if hidden or text[:1] != b"#")
    return ["\n".join(map(clean, text.split(b"\n"))) for text in shown]


def profile_labels(report: Report) -> list[str]:
    """What the profile is: file, build ID, comments, type, time and duration, as far as it says."""
    p = report.profile
    lines = []
    if p.mappings:
        file = p.strings.text(p.mapping_file[0])
        if file:
            lines.append(f"File: {escaped(base_name(file))}")
        build_id = p.strings.raw(p.mapping_build_id[0])
        if build_id:
            lines.append(f"Build ID: {clean(build_id)}")
    lines += comments(p, hidden=False)
    if report.sample_type:
        lines.append(f"Type: {escaped(report.sample_type)}")
    if p.doc_url:
        lines.append(f"Doc: {escaped(p.doc_url)}")
    if p.time_nanos:
        lines.append(f"Time: {time.strftime('%Y-%m-%d %H:%M:%S %Z', time.localtime(p.time_nanos // 10**9))}")
    if p.duration_nanos:
        duration = label(p.duration_nanos, "nanoseconds")
        nanos, unit = scale(report.total, report.unit, "nanoseconds")
        ratio = ""
        if unit == "ns" and nanos:
            ratio = f"({percentage(truncate(nanos), p.duration_nanos)})"
        lines.append(f"Duration: {duration}, Total samples = {report.value(report.total)} {ratio}")
    return lines


def report_labels(report: Report, graph: Graph | Picture, *, full: bool = False) -> list[str]:
    """What the profile is, which filters are in force, and how much of it is shown.

    ``full``: for pictures, with edges that were dropped, and always with what the profile is.
    """
    lines = profile_labels(report) if full or not report.config.compact_labels else []
    lines += filter_labels(report)
    total, shown = report.total, graph.shown_total()
    lines.append(
        f"Showing nodes accounting for {report.value(shown)}, {percentage(shown, total).strip()}"
        f" of {report.value(total)} total"
    )
    return lines + limit_labels(report, graph, full=full)


def filter_labels(report: Report) -> list[str]:
    """Which filters are in force."""
    lines = ["Active filters:"] if report.filters else []
    for text in report.filters:
        raw = text.encode("utf-8", "surrogateescape")
        cut = clean(raw[:MOST_OF_A_FILTER]) + "…" if len(raw) > MOST_OF_A_FILTER else clean(raw)
        lines.append(f"   {cut}")
    return lines


def limit_labels(report: Report, graph: Graph | Picture, *, full: bool = False) -> list[str]:
    """What the limits cut off; ``full``: of edges, too."""
    lines = []
    if report.total:
        if graph.dropped_nodes:
            lines.append(_dropped(report, graph.dropped_nodes, "node", "cum", report.nodefraction))
        if full and graph.dropped_edges:
            lines.append(_dropped(report, graph.dropped_edges, "edge", "freq", report.edgefraction))
        count = len(graph.order)
        if 0 < count < graph.original:
            lines.append(f"Showing top {count} nodes out of {graph.original}")
    return lines


def _dropped(report: Report, count: int, what: str, weight: str, fraction: float) -> str:
    return f"Dropped {count} {what}{'s' if count > 1 else ''} ({weight} <= {report.cutoff(fraction)})"
