"""What a profile verb answers to programs: plain data in the envelope of all verbs."""

from __future__ import annotations

from gosnap.profile.graph import INLINE, RESIDUAL, Graph
from gosnap.profile.model import Profile
from gosnap.profile.pipeline import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gosnap.profile.changes import Change, Changes
    from gosnap.profile.estimates import Estimates, GraphEstimates, Interval
    from gosnap.profile.listing import Routine
    from gosnap.profile.sources import Sources
    from gosnap.profile.tags import Tag

Row = dict[str, "Any"]


class ProfileView:
    """The answer of one verb; the attributes that ``gosnap.report.canonical`` writes.

    ``snapshot`` says which profile it is of; ``checks`` is empty, there are none; ``left_out``: nodes that
    the limits cut off.
    """

    __slots__ = ("checks", "extra", "kind", "left_out", "rows", "snapshot", "totals")

    def __init__(
        self,
        kind: str,
        *,
        snapshot: Row,
        totals: dict[str, int],
        rows: list[Row],
        left_out: dict[str, int],
        extra: Row,
    ) -> None:
        self.kind = kind
        self.snapshot = snapshot
        self.checks: dict[str, int] = {}
        self.totals = totals
        self.rows = rows
        self.left_out = left_out
        self.extra = extra


def text(raw: bytes) -> str:
    """A string of a profile; bytes that are no UTF-8 are replaced."""
    return raw.decode("utf-8", "replace")


def about(profile: Profile) -> Row:
    """Which profile it is."""
    p = profile
    raw = p.strings.raw
    return {
        "source": "profile",
        "file": text(raw(p.mapping_file[0])) if p.mappings else "",
        "build_id": text(raw(p.mapping_build_id[0])) if p.mappings else "",
        "time_nanos": p.time_nanos,
        "duration_nanos": p.duration_nanos,
        "period": p.period,
        "period_type": {"type": p.period_type[0], "unit": p.period_type[1]},
        "sample_types": [{"type": t, "unit": u} for t, u in p.sample_types],
        "samples": p.samples,
    }


def shown(report: Report) -> Row:
    """Which values they are, and what was left out on purpose: for ``extra``."""
    return {
        "sample_type": {"type": report.sample_type, "unit": report.unit},
        "granularity": report.granularity,
        "filters": report.filters,
    }


def node_row(report: Report, graph: Graph, node: int) -> Row:
    """A node by name, with its values as they are in the profile: neither scaled nor divided."""
    nodes = graph.nodes
    raw = nodes.profile.strings.raw
    row: Row = {"name": text(graph.name(node))}
    if nodes.name[node]:
        row["function"] = text(raw(nodes.name[node]))
    if nodes.file[node]:
        row["file"] = text(raw(nodes.file[node]))
    if nodes.line[node]:
        row["line"] = nodes.line[node]
    if nodes.address[node]:
        row["address"] = f"{nodes.address[node]:#x}"
    row["flat"], row["cum"] = graph.flat_value(node), graph.cum_value(node)
    return row


ERRORS = ["flat_samples", "flat_low", "flat_high", "cum_samples", "cum_low", "cum_high"]
"""What rows have besides with --errors."""


def add_errors(row: Row, flat: Interval, cum: Interval) -> None:
    """How many samples a row's values rest on, and their intervals."""
    for name, found in (("flat", flat), ("cum", cum)):
        row[f"{name}_samples"] = found.samples
        row[f"{name}_low"], row[f"{name}_high"] = found.low, found.high


def errors(estimates: Estimates | None) -> Row:
    """What the intervals are of, for ``extra``."""
    if estimates is None:
        return {}
    if estimates.why:
        return {"errors": {"none": estimates.why}}
    from gosnap.profile.estimates import LEVEL

    total = estimates.total
    return {
        "errors": {
            "confidence_percent": LEVEL,
            "period": estimates.period,
            "samples": total.samples,
            "low": total.low,
            "high": total.high,
        }
    }


def _found(estimates: Estimates | None, graph: Graph, *, edges: bool = False) -> GraphEstimates | None:
    if estimates is None or estimates.why:
        return None
    from gosnap.profile.estimates import GraphEstimates

    return GraphEstimates(estimates, graph, edges=edges)


def top(report: Report, graph: Graph, estimates: Estimates | None = None) -> ProfileView:
    """What `gosnap top` shows, one row a node."""
    inlining = graph.inlining()
    found = _found(estimates, graph)
    rows = []
    for node in graph.order:
        row = node_row(report, graph, node)
        row["inlined"] = ("no", "yes", "no", "partly")[inlining[node]]
        if found is not None:
            add_errors(row, found.flat(node), found.cum(node))
        rows.append(row)
    return ProfileView(
        "top",
        snapshot=about(report.profile),
        totals={"total": report.total, "shown": graph.shown_total()},
        rows=rows,
        left_out={"rows": graph.original - len(graph.order) + graph.dropped_nodes},
        extra=shown(report) | errors(estimates),
    )


def tree(
    kind: str, report: Report, graph: Graph, nodes: list[int], estimates: Estimates | None = None
) -> ProfileView:
    """What `gosnap tree` and `gosnap peek` show, one row a node, with the calls into it and out of it."""
    found = _found(estimates, graph, edges=True)
    rows = []
    for node in nodes:
        row = node_row(report, graph, node)
        row["callers"] = [_call(graph, edge, graph.edge_src[edge], found) for edge in graph.edges_in(node)]
        row["callees"] = [_call(graph, edge, graph.edge_dst[edge], found) for edge in graph.edges_out(node)]
        if found is not None:
            add_errors(row, found.flat(node), found.cum(node))
        rows.append(row)
    return ProfileView(
        kind,
        snapshot=about(report.profile),
        totals={"total": report.total, "shown": graph.shown_total()},
        rows=rows,
        left_out={
            "rows": graph.original - len(graph.order) + graph.dropped_nodes,
            "calls": graph.dropped_edges,
        },
        extra=shown(report) | errors(estimates),
    )


def _call(graph: Graph, edge: int, other: int, found: GraphEstimates | None = None) -> Row:
    flags = graph.edge_flags[edge]
    call: Row = {
        "name": text(graph.name(other)),
        "weight": graph.edge_weight[edge],
        "inlined": "yes" if flags & INLINE else "no",
        "direct": "no" if flags & RESIDUAL else "yes",
    }
    if found is not None:
        of = found.edge(edge)
        call |= {"samples": of.samples, "low": of.low, "high": of.high}
    return call


def changes(verb: str, report: Report, found: Changes, nodes: list[int]) -> ProfileView:
    """What `gosnap diff`, and with --changes `top`, `tree` and `peek` show, one row a node."""
    graph, rows = found.graph, []
    for node in nodes:
        row = node_row(report, graph, node)
        del row["flat"], row["cum"]
        flat, cum = found.flat(node), found.cum(node)
        row |= _sides("flat_", flat) | _sides("cum_", cum)
        row["state"] = cum.state if cum.state in ("new", "gone") else "changed"
        if verb != "top":
            row["callers"] = [_changed(found, edge, graph.edge_src[edge]) for edge in graph.edges_in(node)]
            row["callees"] = [_changed(found, edge, graph.edge_dst[edge]) for edge in graph.edges_out(node)]
        rows.append(row)
    left = {"rows": graph.original - len(graph.order) + graph.dropped_nodes, "unchanged": found.unchanged}
    if verb != "top":
        left["calls"] = graph.dropped_edges
    return ProfileView(
        "diff" if verb == "top" else f"diff-{verb}",
        snapshot=about(report.profile),
        totals=_sides("", found.total),
        rows=rows,
        left_out=left,
        extra=shown(report),
    )


def _sides(prefix: str, found: Change) -> dict[str, int]:
    values = {"before": found.before, "after": found.after, "change": found.change}
    return {f"{prefix}{name}": value for name, value in values.items()}


def _changed(found: Changes, edge: int, other: int) -> Row:
    call = _call(found.graph, edge, other)
    del call["weight"]
    change = found.edge(edge)
    return call | _sides("", change) | {"state": change.state}


def listing(
    report: Report, routines: list[Routine], sources: Sources, estimates: Estimates | None = None
) -> ProfileView:
    """What `gosnap list` shows, one row a function and file, with all the lines that are shown."""
    rows: list[Row] = []
    for routine in routines:
        row: Row = {"function": text(routine.name), "flat": routine.flat, "cum": routine.cum}
        rows.append(row)
        if 0 in routine.errors:
            add_errors(row, *routine.errors[0])
        if not routine.file:
            continue
        row["file"] = text(routine.file)
        source = sources.find(routine.file)
        if source is not None:
            row["source"] = text(source.path.encode("utf-8", "surrogateescape"))
            shown_lines = range(max(routine.first, 1), min(routine.last, len(source.lines)) + 1)
        row["lines"] = lines = []
        for number in sorted(routine.values) if source is None else shown_lines:
            flat, cum = routine.values.get(number, (0, 0))
            line: Row = {"line": number, "flat": flat, "cum": cum}
            if source is not None:
                line["text"] = text(source.line(number) or b"")
            if number in routine.errors:
                add_errors(line, *routine.errors[number])
            lines.append(line)
    return ProfileView(
        "list",
        snapshot=about(report.profile),
        totals={"total": report.total},
        rows=rows,
        left_out={"rows": 0},
        extra=shown(report) | errors(estimates),
    )


def listed_lines(view: ProfileView) -> list[Row]:
    """Of `gosnap list`, one row a line, for tables; of a function without lines one without a number."""
    return [
        {"function": row["function"], "file": row.get("file", ""), **line}
        for row in view.rows
        for line in row.get("lines") or [{k: v for k, v in row.items() if k not in ("file", "lines")}]
    ]


def tag_values(view: ProfileView) -> list[Row]:
    """Of `gosnap tags`, one row a value, for tables."""
    return [{"key": row["key"], **value} for row in view.rows for value in row["values"]]


def tags(report: Report, found: list[Tag]) -> ProfileView:
    """What `gosnap tags` shows, one row a key."""
    rows: list[Row] = [
        {
            "key": text(tag.key),
            "total": tag.total,
            "values": [{"value": text(value), "weight": weight} for value, weight in tag.values],
        }
        for tag in found
    ]
    return ProfileView(
        "tags",
        snapshot=about(report.profile),
        totals={"total": report.total},
        rows=rows,
        left_out={"rows": 0},
        extra=shown(report),
    )
