"""Profiles as other profiles: what `gosnap proto` and `gosnap topproto` write.

As google/pprof internal/report/report.go, printProto and printTopProto, as in Go 1.27.
"""

from __future__ import annotations

from gosnap.profile.columns import column, zeros
from gosnap.profile.model import NONE, Profile
from gosnap.profile.strings import Strings
from gosnap.profile.units import scale, truncate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.graph import Graph
    from gosnap.profile.pipeline import Report


def whole(report: Report) -> Profile:
    """The profile as its filters left it; values are divided if the report asks for it."""
    p = report.aggregated()
    ratio = report.ratio
    if ratio <= 0 or ratio == 1:
        return p
    from array import array

    from gosnap._kernels.profile_merge import scale as scaled

    return p.replace(values=scaled(p.values, array("d", [ratio]), True))


def top(report: Report, graph: Graph) -> Profile:
    """A sample for every node that is shown, of itself alone, with its cum and flat values in the output
    unit."""
    p, nodes = report.profile, graph.nodes
    strings = Strings.empty()
    intern, raw = strings.intern, p.strings.raw
    functions: dict[tuple[int, int, int], int] = {}
    values, of_node = [], []
    for node in graph.order:
        for value in (graph.cum_value(node), graph.flat_value(node)):
            values.append(truncate(scale(value, report.unit, report.output_unit)[0]))
        key = nodes.name[node], nodes.file[node], nodes.start_line[node]
        of_node.append(functions.setdefault(key, len(functions)))
    n = len(graph.order)
    names = column("I", [intern(raw(name)) for name, _, _ in functions])
    files = column("I", [intern(raw(file)) for _, file, _ in functions])
    each = range(n + 1)
    return Profile(
        strings,
        sample_types=(("cum", report.output_unit), ("flat", report.output_unit)),
        time_nanos=p.time_nanos,
        duration_nanos=p.duration_nanos,
        period_type=p.period_type,
        period=p.period,
        values=column("q", values),
        stack_start=column("q", each),
        stack=column("I", range(n)),
        label_start=zeros("q", n + 1),
        location_id=column("Q", range(1, n + 1)),
        location_address=column("Q", [nodes.address[node] for node in graph.order]),
        location_mapping=column("I", [NONE] * n),
        location_folded=zeros("B", n),
        line_start=column("q", each),
        line_function=column("I", of_node),
        line_line=column("q", [nodes.line[node] for node in graph.order]),
        line_column=column("q", [nodes.column[node] for node in graph.order]),
        function_id=column("Q", range(1, len(functions) + 1)),
        function_name=names,
        function_system_name=zeros("I", len(functions)),
        function_filename=files,
        function_start_line=column("q", [start for _, _, start in functions]),
    )
