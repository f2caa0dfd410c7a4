"""From files to what a report shows, in pprof's order (internal/driver/fetch.go and driver.go, as in Go
1.27).

Once per run, ``load``: 1. read, 2. merge the sources, 3. subtract the base, 4. drop_frames and comments.
Per report, ``prepare``: 5. units of numeric labels, 6. tagroot and tagleaf, 7. with relative_percentages the
filters, 8. the total, 9. else the filters now. Then ``Report.nodes`` 10. makes nodes of a granularity, and
``Report.graph`` 11. sums them up; 12., to print, is the business of ``gosnap.report``.
"""

from __future__ import annotations

import os

from gosnap.errors import GosnapError
from gosnap.profile import demangle, read
from gosnap.profile.columns import column, zeros
from gosnap.profile.graph import Graph, Nodes, trimmed
from gosnap.profile.model import BASE_LABEL, HAS_INLINE_FRAMES, Profile
from gosnap.profile.names import escaped
from gosnap.profile.options import Config
from gosnap.profile.parallel import ranges, together
from gosnap.profile.units import absolute, labeller, quotient, scale, truncate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILTERS = ("focus", "ignore", "hide", "show", "show_from", "tagfocus", "tagignore", "tagshow", "taghide")
"""Filters that a report's heading names, in that order; prune_from is one too, but goes unnamed."""
EXPANDED = 4
"""How much larger than its file a profile is, roughly."""
LABELLED = ("traces", "tags", "dot", "svg")
"""Verbs that show numbers of labels in their unit."""
Notes = list[str]
"""What a person should know, one sentence each; they go to stderr."""


# ---- 1 to 4: sources ----


def load(
    sources: Sequence[str],
    config: Config,
    notes: Notes,
    *,
    executable: str = "",
    open_source: Callable[[str], Profile] | None = None,
) -> Profile:
    """The profile that these sources make together, with the base subtracted.

    ``executable``: the program they are of, where the command line names it. ``open_source``: how one is
    read; without it all are files.
    """
    if config.base and config.diff_base:
        raise GosnapError(
            "--base and --diff_base cannot both be given", "--diff_base compares, --base subtracts"
        )
    bases = config.base or config.diff_base
    if config.normalize and not bases:
        raise GosnapError("--normalize needs a base", "give one with --base or --diff_base")
    read_in = _read([*sources, *bases], config, executable, open_source)
    profile = _merged(_usable(read_in[: len(sources)], sources, "profiles", notes))
    if bases:
        from gosnap.profile import combine

        pair = [profile, _merged(_usable(read_in[len(sources) :], bases, "bases", notes))]
        del profile, read_in
        profile = combine.subtract(pair, diff=bool(config.diff_base), normalize=config.normalize)
    if demangle.wanted(config.symbolize):
        profile = demangle.simplify(profile, config.symbolize)
    if profile.drop_frames and not config.all_frames:
        from gosnap.profile import prune

        profile = prune.remove_uninteresting(profile, notes)
    if config.add_comment:
        index = profile.strings.intern(config.add_comment.encode("utf-8", "surrogateescape"))
        comments = zeros("I", len(profile.comments) + 1)
        comments[:-1] = profile.comments
        comments[-1] = index
        profile = profile.replace(comments=comments)
    return profile


def _read(
    paths: Sequence[str], config: Config, executable: str, open_source: Callable[[str], Profile] | None
) -> list[Profile | GosnapError | OSError]:
    """Every file, or why it cannot be read."""
    symbols = demangle.wanted(config.symbolize)

    def some(first: int, last: int) -> list[Profile | GosnapError | OSError]:
        found: list[Profile | GosnapError | OSError] = []
        for path in paths[first:last]:
            try:
                if open_source is not None:
                    profile = open_source(path)
                else:
                    profile = read.read_file(path, config.max_size, symbols=symbols)
                found.append(_located(profile, executable, config.buildid))
            except (GosnapError, OSError) as e:
                found.append(e)
        return found

    work = 0
    if len(paths) > 1:
        # what is not there is told when it is read
        work = EXPANDED * sum(os.path.getsize(path) for path in paths if os.path.exists(path))  # noqa: PTH110, PTH202
    return [one for part in together(some, ranges(len(paths), work)) for one in part]


def _usable(
    read_in: list[Profile | GosnapError | OSError], paths: Sequence[str], what: str, notes: Notes
) -> list[Profile]:
    """What could be read; what could not is a note, or an error if it is all."""
    usable = [p for p in read_in if isinstance(p, Profile)]
    failed = [p for p in read_in if not isinstance(p, Profile)]
    if not usable:
        raise failed[0]
    for e in failed:
        notes.append(e.message if isinstance(e, GosnapError) else f"{e.filename}: {e.strerror}")
    if failed:
        notes.append(f"{len(usable)} of {len(paths)} {what} could be read; the answer is of these alone")
    return usable


def _merged(profiles: list[Profile]) -> Profile:
    if len(profiles) == 1:
        return profiles[0]
    from gosnap.profile import combine

    return combine.combine(profiles)


def _located(profile: Profile, executable: str, build_id: str) -> Profile:
    """A profile without mappings gets one that all its locations are in; the first is the executable."""
    if not profile.mappings:
        one = zeros("Q", 1)
        one[0] = 1
        profile = profile.replace(
            mapping_id=one,
            mapping_start=zeros("Q", 1),
            mapping_limit=zeros("Q", 1),
            mapping_offset=zeros("Q", 1),
            mapping_file=zeros("I", 1),
            mapping_build_id=zeros("I", 1),
            mapping_flags=zeros("B", 1),
            location_mapping=zeros("I", profile.locations),
        )
    for name, text, always in (("mapping_file", executable, True), ("mapping_build_id", build_id, False)):
        old = getattr(profile, name)
        if text and (always or not old[0]):
            new = zeros("I", len(old))
            new[:] = old
            new[0] = profile.strings.intern(text.encode("utf-8", "surrogateescape"))
            profile = profile.replace(**{name: new})
    return profile


# ---- 5 to 9: what is looked at ----


class Report:
    """A profile as one report sees it: filtered, with a sample type, a total and limits.

    ``total``: the sum of the absolute values (of the base's samples, in a comparison), for means the mean;
    ``unit``: of the values in the profile; ``output_unit``: what is printed, chosen by ``choose_unit``;
    ``number_units``: what numbers of labels are counted in, by key, for verbs that show them;
    ``filters``: those in force, as "focus=foo"; ``index``, ``divisor``: sample types, the latter -1 where no
    mean is asked for.
    """

    __slots__ = (
        "_labels",
        "config",
        "divisor",
        "edgefraction",
        "filters",
        "granularity",
        "index",
        "inlines",
        "nodecount",
        "nodefraction",
        "number_units",
        "output_unit",
        "profile",
        "ratio",
        "sample_type",
        "total",
        "unit",
        "verb",
    )

    def __init__(self, profile: Profile, config: Config, verb: str) -> None:
        """Steps 5 to 8 without filters; ``prepare`` does all."""
        self.profile = profile
        self.config = config
        self.verb = verb
        self._labels: tuple[str, Callable[[int], str]] | None = None
        self.index = profile.sample_index(config.sample_index)
        self.divisor = 0 if config.mean else -1
        self.sample_type, self.unit = profile.sample_types[self.index]
        if config.mean:
            self.sample_type = f"mean_{self.sample_type}"
        if config.divide_by == 0:
            raise GosnapError("--divide_by: 0 divides nothing", "give another number")
        self.ratio = 1 / config.divide_by
        self.output_unit = config.unit
        self.number_units: dict[bytes, str] = {}
        self.filters = [f"{name}={getattr(config, name)}" for name in FILTERS if getattr(config, name)]
        self.total = _total(self)
        self.granularity = config.granularity or "functions"
        self.inlines = not config.noinlines
        trim = config.trim
        if verb in ("disasm", "weblist"):
            trim, self.granularity = False, "addresses"
            self.inlines = verb == "weblist"
        elif verb == "list":
            trim, self.granularity = False, "lines"
        elif verb == "peek":
            trim = False
        elif verb in ("proto", "raw", "callgrind"):
            trim, self.granularity = False, "addresses"
        self.nodecount = config.nodecount
        if self.nodecount == -1:
            self.nodecount = 0 if verb in ("top", "topproto") else 80
        self.nodefraction, self.edgefraction = config.nodefraction, config.edgefraction
        if not trim:
            self.nodecount, self.nodefraction, self.edgefraction = 0, 0.0, 0.0

    def nodes(self, *, trim: bool = True) -> Nodes:
        """Step 10: what the nodes are. ``trim``: whether trim_path is honoured."""
        c = self.config
        return Nodes(
            self.profile,
            self.granularity,
            inlines=self.inlines,
            columns=c.showcolumns,
            objfiles=self.verb in ("raw", "list", "weblist", "disasm", "callgrind"),
            trim=trim,
            trim_path=c.trim_path,
            source_path=c.source_path,
        )

    def aggregated(self) -> Profile:
        """The profile as reports of all of it show it: without what was inlined, if that is not wanted."""
        p = self.profile
        if self.inlines:
            return p
        # pprof aggregates only then, and drops columns as it does so
        from gosnap._kernels.profile_filter import outermost
        from gosnap.profile.filters import with_lines

        p = with_lines(p, *outermost(p.line_start))
        flags = column("B", [bits & ~HAS_INLINE_FRAMES for bits in p.mapping_flags])
        columns = p.line_column if self.config.showcolumns else zeros("q", len(p.line_column))
        return p.replace(mapping_flags=flags, line_column=columns)

    def graph(
        self, edges: bool | Callable[[Nodes], memoryview] = False, *, whole: int | None = None
    ) -> Graph:
        """Step 11: the graph, trimmed and sorted; the output unit is chosen.

        ``edges``: whether they are wanted, or what gives u8[nodes] of the nodes whose callers are. ``whole``:
        what limits are shares of, if not of what the graph holds.
        """
        nodes = self.nodes()
        graph = trimmed(
            nodes,
            self.index,
            self.divisor,
            cum=self.config.sort == "cum",
            nodecount=self.nodecount,
            nodefraction=self.nodefraction,
            edgefraction=self.edgefraction,
            drop_negative=self.config.drop_negative,
            edges=edges if isinstance(edges, bool) else edges(nodes),
            whole=whole,
        )
        self.choose_unit(graph)
        return graph

    def choose_unit(self, graph: Graph) -> None:
        """The unit of all values, for the nodes that a graph shows."""
        if self.output_unit == "minimum":
            values = ((graph.flat_value(node), graph.cum_value(node)) for node in graph.order)
            self.choose_unit_of([absolute(flat) or absolute(cum) for flat, cum in values])

    def choose_unit_of(self, values: list[int]) -> None:
        """For "minimum": one unit for all values, in which the smallest can be read beside the largest."""
        if self.output_unit != "minimum" or not values:
            return
        least = min((value for value in values if value > 0), default=0)
        most = self.total
        least = least or most
        if self.ratio > 0 and self.ratio != 1:
            least, most = truncate(least * self.ratio), truncate(most * self.ratio)
        chosen = scale(least, self.unit, "minimum")[1]
        if chosen != scale(most, self.unit, "minimum")[1] and least * 100 < most and self.verb != "callgrind":
            chosen = scale(100 * least, self.unit, "minimum")[1]
        self.output_unit = chosen or self.unit

    def value(self, value: int) -> str:
        """A value as the report prints it: divided, in the output unit."""
        if self.ratio > 0 and self.ratio != 1:
            value = truncate(value * self.ratio)
        if self._labels is None or self._labels[0] != self.output_unit:
            self._labels = (self.output_unit, labeller(self.unit, self.output_unit))
        return escaped(self._labels[1](value))

    def cutoff(self, fraction: float) -> str:
        """The limit that a share of the total is, as it is printed."""
        return self.value(absolute(truncate(float(self.total) * fraction)))


def prepare(profile: Profile, config: Config, verb: str, notes: Notes) -> Report:
    """Steps 5 to 9 for one report of ``verb`` ("top", "tree", …)."""
    number_units: dict[bytes, str] = {}
    if verb in LABELLED:
        from gosnap.profile import labels

        number_units, others = labels.number_units(profile)
        for key, units in others.items():
            name = key.decode("utf-8", "replace")
            notes.append(
                f"For tag {name} used unit {number_units[key]}, also encountered unit(s) {', '.join(units)}"
            )
    if config.tagroot or config.tagleaf:
        from gosnap.profile import tagframes

        profile = tagframes.add(profile, config, notes)
    filtered = any(getattr(config, name) for name in (*FILTERS, "prune_from"))
    if filtered and config.relative_percentages:
        profile = _filter(profile, config, notes)
    report = Report(profile, config, verb)
    report.number_units = number_units
    if filtered and not config.relative_percentages:
        report.profile = _filter(profile, config, notes)
    return report


def _filter(profile: Profile, config: Config, notes: Notes) -> Profile:
    from gosnap.profile import filters

    if config.changes and (config.tagshow or config.taghide):
        # they would take away what tells both sides apart, and no table of changes shows labels
        config = config.copy()
        config.set(tagshow="", taghide="")
    return filters.apply(profile, config, notes)


def _total(report: Report) -> int:
    """The sum of absolute values; of the samples of a diff base alone where they are marked."""
    from gosnap._kernels.profile_graph import total

    p = report.profile
    key = p.strings.find(BASE_LABEL[0]) or 0
    value = (p.strings.find(BASE_LABEL[1]) or 0) if key else 0
    sum_, divisor = total(
        p.values,
        len(p.sample_types),
        report.index,
        report.divisor,
        p.label_start,
        p.label_key,
        p.label_str,
        key if value else 0,
        value,
    )
    return quotient(sum_, divisor)
