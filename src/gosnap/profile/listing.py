"""Source lines of functions with what they weigh: what `gosnap list` shows.

Which lines are shown, and their order, are pprof's (google/pprof internal/report/source.go, printSource, as
in Go 1.27). A function's ``cum`` is not: there it is the sum over its lines, which counts a sample once for
every line of a recursion; here a sample counts once.
"""

from __future__ import annotations

from gosnap._kernels import profile_filter, profile_graph
from gosnap.profile.columns import zeros
from gosnap.profile.graph import Graph

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.estimates import Estimates, Interval
    from gosnap.profile.graph import Nodes
    from gosnap.profile.pipeline import Report
    from gosnap.profile.regex import Match

MARGIN = 5
"""Lines that are shown before the first and behind the last that has a value."""


class Routine:
    """A function in one file.

    ``values``: line -> [flat, cum]; ``first``, ``last``: the lines to show. ``file`` b"" where the profile
    names none. ``errors``: line -> the same as intervals, under 0 those of the function, where they are
    known.
    """

    __slots__ = ("cum", "errors", "file", "first", "flat", "last", "name", "values")

    def __init__(self, name: bytes, file: bytes) -> None:
        self.name = name
        self.file = file
        self.flat = self.cum = 0
        self.values: dict[int, list[int]] = {}
        self.errors: dict[int, tuple[Interval, Interval]] = {}
        self.first = self.last = 0

    def covers(self, line: int, start: int) -> None:
        """A line of the function has a value; ``start``: the function's first line, 0 where it is not
        known."""
        first, last = start or line - MARGIN, line + MARGIN
        if not self.values:
            self.first, self.last = first, last
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.values.setdefault(line, [0, 0])


def routines(report: Report, match: Match, estimates: Estimates | None = None) -> list[Routine]:
    """The functions whose names match, by name and file; of a function without files, one without lines.

    ``estimates``: where how far off they may be is wanted too.
    """
    nodes = report.nodes()
    graph = Graph(nodes, report.index, report.divisor)
    profile_graph.choose(graph.flat, graph.cum, report.config.drop_negative, graph.chosen)
    raw = nodes.profile.strings.raw
    hits: dict[int, bool] = {}
    found: dict[tuple[int, int], tuple[Routine, list[int]]] = {}
    for node, chosen in enumerate(graph.chosen):
        if not chosen:
            continue
        name = nodes.name[node]
        hit = hits.get(name)
        if hit is None:
            hit = hits[name] = match(raw(name))
        if hit:
            key = name, nodes.file[node]
            if key not in found:
                found[key] = Routine(raw(name), raw(key[1])), []
            found[key][1].append(node)
            found[key][0].covers(nodes.line[node], nodes.start_line[node])
    # lines of a function without a file are shown where it has others with one; else it is named alone
    with_file = {name for name, file in found if file}
    kept = [both for (name, file), both in found.items() if file or name not in with_file]
    kept.sort(key=lambda both: (both[0].name, both[0].file))
    _weigh(report, nodes, kept, estimates)
    return [routine for routine, _ in kept]


def _weigh(
    report: Report, nodes: Nodes, found: list[tuple[Routine, list[int]]], estimates: Estimates | None
) -> None:
    """Sum up the values of routines and of their lines: of a sample, each once."""
    lines: dict[tuple[int, int], int] = {}
    of_routine, of_line = zeros("I", len(nodes)), zeros("I", len(nodes))
    # place 0 is all that nobody asked for
    for place, (_, members) in enumerate(found, 1):
        for node in members:
            of_routine[node] = place
            of_line[node] = lines.setdefault((place, nodes.line[node]), len(lines) + 1)
    flat, cum = _sums(report, nodes, of_routine, len(found) + 1)
    for place, (routine, _) in enumerate(found, 1):
        routine.flat, routine.cum = flat[place], cum[place]
    flat, cum = _sums(report, nodes, of_line, len(lines) + 1)
    for (place, line), group in lines.items():
        found[place - 1][0].values[line] = [flat[group], cum[group]]
    if estimates is None or estimates.why:
        return
    start, take = nodes.frame_start, profile_filter.take
    own, whole = estimates.of(start, take(of_routine, nodes.frame_node), len(found) + 1)
    for place, (routine, _) in enumerate(found, 1):
        routine.errors[0] = own(place, routine.flat), whole(place, routine.cum)
    own, whole = estimates.of(start, take(of_line, nodes.frame_node), len(lines) + 1)
    for (place, line), group in lines.items():
        routine = found[place - 1][0]
        if line > 0:
            values = routine.values[line]
            routine.errors[line] = own(group, values[0]), whole(group, values[1])


def _sums(report: Report, nodes: Nodes, group: memoryview, n: int) -> tuple[memoryview, memoryview]:
    p = report.profile
    # means are no business of a listing: pprof shows sums beside a total that is a mean
    sums = profile_graph.weights(
        p.values,
        len(p.sample_types),
        report.index,
        -1,
        p.stack_start,
        p.stack,
        nodes.frame_start,
        profile_filter.take(group, nodes.frame_node),
        n,
    )
    return sums["flat"], sums["cum"]
