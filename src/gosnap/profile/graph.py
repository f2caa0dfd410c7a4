"""The call graph of a profile: nodes, what they weigh, who calls whom, and what of it is shown.

Definitions are those of google/pprof internal/graph/graph.go and internal/report/report.go as in Go 1.27. Of
a sample, every node counts once to ``cum``, every pair of caller and callee once to an edge, and only the
leaf to ``flat``. Where a node is not kept, its caller and its callee are joined by a residual edge; where
that is the leaf, its flat value is nobody's.
"""

from __future__ import annotations

from gosnap._kernels import profile_graph as kernel
from gosnap.errors import GosnapError
from gosnap.profile import names
from gosnap.profile.columns import column, zeros
from gosnap.profile.model import Profile
from gosnap.profile.parallel import ranges, together
from gosnap.profile.units import absolute, quotient, truncate, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Samples = tuple[memoryview, int, int, int, memoryview, memoryview, memoryview, memoryview, int]
    """What the walks of the kernel begin with."""

RESIDUAL, INLINE = 1, 2
"""Bits of ``edge_flags``."""

GRANULARITIES = {
    # names, files, lines, columns, addresses
    "functions": (True, False, False, False, False),
    "filefunctions": (True, True, False, False, False),
    "files": (False, True, False, False, False),
    "lines": (True, True, True, False, False),
    "addresses": (True, True, True, True, True),
}


class Nodes:
    """What nodes a profile's frames are, at one granularity.

    Columns by node: ``name``, ``file``, ``objfile`` u32 (strings), ``address`` u64, ``start_line``, ``line``,
    ``column`` i64, ``inlined`` u8 (1: it was inlined somewhere). ``frame_start`` i64[locations + 1] and
    ``frame_node`` u32: the nodes of a location, innermost first.
    """

    __slots__ = (
        "address",
        "column",
        "file",
        "frame_node",
        "frame_start",
        "inlined",
        "line",
        "name",
        "objfile",
        "profile",
        "start_line",
    )

    profile: Profile
    frame_start: memoryview
    frame_node: memoryview
    name: memoryview
    file: memoryview
    objfile: memoryview
    address: memoryview
    start_line: memoryview
    line: memoryview
    column: memoryview
    inlined: memoryview

    def __init__(
        self,
        profile: Profile,
        granularity: str = "functions",
        *,
        inlines: bool = True,
        columns: bool = False,
        objfiles: bool = False,
        trim: bool = True,
        trim_path: str = "",
        source_path: str = "",
    ) -> None:
        """``inlines`` False: what was inlined belongs to the function that it was inlined into. ``columns``:
        lines have columns. ``objfiles``: functions of several executables are not one (callgrind, list).
        ``trim``: names of files lose what ``trim_path`` and ``source_path`` say, else they are only cleaned
        (traces)."""
        if granularity not in GRANULARITIES:
            raise GosnapError(f"no granularity {granularity!r}", f"choose one of {', '.join(GRANULARITIES)}")
        p = self.profile = profile
        functions, files, lines, _, addresses = GRANULARITIES[granularity]
        # with addresses and inlined frames pprof leaves the profile as it is
        columns = (columns and lines) or (addresses and inlines)
        found = kernel.frames(
            p.line_start,
            p.location_address,
            p.location_mapping,
            p.line_function,
            p.line_line,
            p.line_column,
            p.function_name if functions else zeros("I", p.functions),
            file_names(p, trim_path, source_path, trim) if files else zeros("I", p.functions),
            p.function_start_line,
            p.mapping_file,
            addresses,
            lines,
            columns,
            inlines,
            objfiles,
        )
        for name, value in found.items():
            setattr(self, name, value)

    def __len__(self) -> int:
        return len(self.name)

    def of(self, profile: Profile) -> Nodes:
        """The same nodes of a copy of the profile that has other values."""
        other = Nodes.__new__(Nodes)
        for name in Nodes.__slots__:
            setattr(other, name, getattr(self, name))
        other.profile = profile
        return other

    def printable(self, node: int) -> bytes:
        """How the node is called."""
        raw = self.profile.strings.raw
        name = self.name[node]
        if name and not (self.file[node] or self.address[node] or self.line[node]):
            return raw(name)
        return names.printable(
            raw(self.name[node]),
            raw(self.file[node]),
            raw(self.objfile[node]),
            address=self.address[node],
            line=self.line[node],
            column=self.column[node],
        )

    def info(self, node: int) -> bytes:
        """All that makes a node, as Go prints it: the last resort of every order."""
        raw = self.profile.strings.raw
        return b"{%b  %d %b %d %d %d %b}" % (
            raw(self.name[node]),
            self.address[node],
            raw(self.file[node]),
            self.start_line[node],
            self.line[node],
            self.column[node],
            raw(self.objfile[node]),
        )


def file_names(profile: Profile, trim: str, search: str, trimmed: bool = True) -> memoryview:
    """Names of source files by function, trimmed and cleaned."""
    strings = profile.strings
    found = profile.function_filename
    changed: dict[int, int] = {}
    for index in set(found):
        raw = strings.raw(index)
        new = names.trim_path(raw, trim, search) if trimmed else raw
        new = new if names.is_clean(new) else names.clean_path(new)
        if new != raw:
            changed[index] = strings.intern(new)
    return column("I", [changed.get(i, i) for i in found]) if changed else found


class Graph:
    """Weights of nodes, and edges between them.

    By node: ``flat``, ``cum`` i64 and, for means, ``flat_div``, ``cum_div``; ``chosen`` u8: it is part of the
    graph. By edge: ``edge_src`` (the caller), ``edge_dst`` u32, ``edge_weight``, ``edge_div`` i64,
    ``edge_flags`` u8, ``edge_alive`` u8: it is shown. Edges may come from or lead to nodes that are no part
    of the graph: what sums up to 0 is none, yet it calls.

    ``order``: the chosen nodes as they are shown; ``original``: how many there were before ``nodecount``;
    ``dropped_nodes``, ``dropped_edges``: how many were cut off for their weight.
    """

    __slots__ = (
        "_in",
        "_names",
        "_out",
        "chosen",
        "cum",
        "cum_div",
        "dropped_edges",
        "dropped_nodes",
        "edge_alive",
        "edge_div",
        "edge_dst",
        "edge_flags",
        "edge_src",
        "edge_weight",
        "flat",
        "flat_div",
        "nodes",
        "order",
        "original",
    )

    flat: memoryview
    cum: memoryview
    flat_div: memoryview | None
    cum_div: memoryview | None
    chosen: memoryview
    edge_src: memoryview
    edge_dst: memoryview
    edge_weight: memoryview
    edge_div: memoryview
    edge_flags: memoryview
    edge_alive: memoryview

    def __init__(self, nodes: Nodes, index: int, divisor: int = -1) -> None:
        """``index``: the sample type; ``divisor``: the one to divide by, -1 for none."""
        self.nodes = nodes
        self.flat_div = self.cum_div = None
        samples = self._samples(index, divisor)

        def weigh(begin: int, end: int) -> dict[str, memoryview]:
            return kernel.weights(*samples, begin, end)

        first, *more = together(weigh, self._parts())
        for name, value in first.items():
            for part in more:
                kernel.add(value, part[name])
            setattr(self, name, value)
        self.edge_src, self.edge_dst = zeros("I", 0), zeros("I", 0)
        self.edge_weight, self.edge_div = zeros("q", 0), zeros("q", 0)
        self.edge_flags, self.edge_alive = zeros("B", 0), zeros("B", 0)
        self.chosen = zeros("B", len(nodes))
        self.order: list[int] = []
        self.original = self.dropped_nodes = self.dropped_edges = 0
        self._names: dict[int, bytes] = {}
        self._in: dict[int, list[int]] | None = None
        self._out: dict[int, list[int]] | None = None

    def _samples(self, index: int, divisor: int) -> Samples:
        nodes, p = self.nodes, self.nodes.profile
        return (
            p.values,
            len(p.sample_types),
            index,
            divisor,
            p.stack_start,
            p.stack,
            nodes.frame_start,
            nodes.frame_node,
            len(nodes),
        )

    def _parts(self) -> list[tuple[int, int]]:
        return ranges(self.nodes.profile.samples, len(self.nodes.profile.stack))

    def add_edges(
        self, index: int, divisor: int = -1, keep: memoryview | None = None, into: memoryview | None = None
    ) -> None:
        """Find the edges. ``keep`` u8[nodes]: what may be in the graph (all); weights of what is stay what
        they were. ``into`` u8[nodes]: which nodes' callers are wanted (all)."""
        samples = self._samples(index, divisor)

        def find(begin: int, end: int) -> dict[str, memoryview]:
            return kernel.edges(*samples, keep, into, begin, end)

        parts = together(find, self._parts())
        for name, value in (parts[0] if len(parts) == 1 else kernel.join_edges(parts)).items():
            setattr(self, name, value)
        self.edge_alive = memoryview(bytearray(b"\1" * len(self.edge_src)))
        self._in = self._out = None

    def name(self, node: int) -> bytes:
        """How a node is called."""
        name = self._names.get(node)
        if name is None:
            name = self._names[node] = self.nodes.printable(node)
        return name

    def flat_value(self, node: int) -> int:
        """What the node has itself; of means, the mean."""
        return quotient(self.flat[node], self.flat_div[node]) if self.flat_div else self.flat[node]

    def cum_value(self, node: int) -> int:
        """What the node and its callees have; of means, the mean."""
        return quotient(self.cum[node], self.cum_div[node]) if self.cum_div else self.cum[node]

    def shown_total(self) -> int:
        """The sum of the flat values of what is shown."""
        return wrap(sum(map(self.flat_value, self.order)))

    def edges_in(self, node: int) -> list[int]:
        """Edges into a node, the heaviest first."""
        if self._in is None:
            self._in = self._by(self.edge_dst)
        return self.sorted_edges(self._in.get(node, ()))

    def edges_out(self, node: int) -> list[int]:
        """Edges out of a node, the heaviest first."""
        if self._out is None:
            self._out = self._by(self.edge_src)
        return self.sorted_edges(self._out.get(node, ()))

    def _by(self, ends: memoryview) -> dict[int, list[int]]:
        # only of nodes that are shown: these are few, edges may be many
        wanted = set(self.order)
        found: dict[int, list[int]] = {}
        for edge, node in enumerate(ends):
            if node in wanted and self.edge_alive[edge]:
                found.setdefault(node, []).append(edge)
        return found

    def partial(self) -> bool:
        """Whether there are nodes that are not shown: edges then lead past them."""
        return self.dropped_nodes > 0 or len(self.order) != self.original

    def sorted_edges(self, edges: Iterable[int]) -> list[int]:
        """By weight, then by the caller's name, then by the callee's."""
        return sorted(
            edges,
            key=lambda e: (
                -absolute(self.edge_weight[e]),
                self.name(self.edge_src[e]),
                self.name(self.edge_dst[e]),
            ),
        )

    def inline_label(self, flags: int) -> str:
        """What is printed behind a name for the bits of ``inlining``."""
        return ("", "(inline)", "", "(partial-inline)")[flags]

    def inlining(self) -> memoryview:
        """By node, of the edges into it that are shown: 1 there are inlined calls, 2 there are others."""
        out = zeros("B", len(self.nodes))
        kernel.inlining(self.edge_dst, self.edge_flags, self.edge_alive, out)
        return out

    def sort(self, cum: bool, top: int = 0) -> list[int]:
        """The chosen nodes by weight, then by name; at most ``top`` of them, 0 for all.

        Only among equal weights are names looked at, and only as far as is shown.
        """
        first, second = (self.cum, self.flat) if cum else (self.flat, self.cum)
        weights = {node: -absolute(first[node]) for node, chosen in enumerate(self.chosen) if chosen}
        order = sorted(weights, key=weights.__getitem__)
        top = top or len(order)
        at = 0
        while at < min(top, len(order)):
            weight = weights[order[at]]
            end = at + 1
            while end < len(order) and weights[order[end]] == weight:
                end += 1
            if end - at > 1:
                order[at:end] = self._by_name(order[at:end], second)
            at = end
        return order[:top]

    def _by_name(self, nodes: list[int], second: memoryview) -> list[int]:
        """By name, among equal names by the other weight, and then by all that makes a node."""
        # a name begins with the address, in as many digits for all: it sorts as the number does
        keys = {node: (self.name(node), -absolute(second[node])) for node in nodes}
        if len(set(keys.values())) == len(keys):
            return sorted(nodes, key=keys.__getitem__)
        return sorted(nodes, key=lambda node: (*keys[node], self.nodes.info(node)))


def trimmed(
    nodes: Nodes,
    index: int,
    divisor: int = -1,
    *,
    cum: bool = False,
    nodecount: int = 0,
    nodefraction: float = 0.0,
    edgefraction: float = 0.0,
    drop_negative: bool = False,
    edges: bool | memoryview = False,
    whole: int | None = None,
) -> Graph:
    """The graph that a report shows: light nodes dropped, at most ``nodecount``, sorted, light edges cut.

    ``edges``: whether they are wanted, or u8[nodes]: into which nodes. ``whole``: what cutoffs are shares of;
    by default the sum of flat values in the graph, not the profile's total.
    """
    graph = Graph(nodes, index, divisor)
    count, flat_sum = kernel.choose(graph.flat, graph.cum, drop_negative, graph.chosen)
    if whole is not None:
        flat_sum = whole
    node_cutoff = absolute(truncate(float(flat_sum) * nodefraction))
    edge_cutoff = absolute(truncate(float(flat_sum) * edgefraction))
    rebuild = False
    kept = count
    if node_cutoff > 0:
        kept = kernel.cut(graph.cum, node_cutoff, graph.chosen)
        rebuild = kept != count
    order = graph.sort(cum, nodecount)
    chosen = graph.chosen
    if len(order) != kept:
        rebuild = True
        chosen = zeros("B", len(nodes))
        for node in order:
            chosen[node] = 1
    if edges is not False:
        graph.add_edges(index, divisor, chosen if rebuild else None, None if edges is True else edges)
    graph.chosen = chosen
    graph.order = order
    graph.original = kept
    graph.dropped_nodes = count - kept
    graph.dropped_edges = kernel.cut_edges(
        graph.edge_dst, graph.edge_weight, graph.chosen, edge_cutoff, graph.edge_alive
    )
    return graph
