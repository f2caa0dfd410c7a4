"""`gosnap callgrind`: the call graph for KCachegrind (internal/report/report.go, printCallgrind, as in Go
1.27)."""

from __future__ import annotations

from gosnap.profile.graph import Nodes
from gosnap.profile.names import escaped
from gosnap.profile.picture import Picture, Spot, sorted_links
from gosnap.profile.pipeline import Report
from gosnap.profile.units import scale, truncate
from gosnap.report.text.profile_labels import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def render(report: Report, picture: Picture) -> Iterator[str]:
    """Its lines."""
    nodes = picture.nodes
    raw = nodes.profile.strings.raw

    def cost(value: int) -> int:
        return truncate(scale(value, report.unit, report.output_unit)[0])

    yield "positions: instr line\n"
    yield f"events: {escaped(report.sample_type)}({escaped(report.output_unit)})\n"
    objfiles, files, names = _Names(), _Names(), _Names()
    called = distinct_names(picture)
    before: int | None = None
    for spot in picture.order:
        node = spot.node
        columns = (nodes.objfile, nodes.file, nodes.name)
        if before is None or any(column[node] != column[before] for column in columns):
            yield "\n"
            for what, known, column in zip(
                ("ob", "fl", "fn"), (objfiles, files, names), columns, strict=True
            ):
                yield f"{what}={known.short(raw(column[node]))}\n"
        yield f"{_address(nodes, before, node)} {nodes.line[node]} {cost(spot.flat_value())}\n"
        for link in sorted_links(spot.outs.values()):
            callee = link.dst.node
            yield f"cfl={files.short(raw(nodes.file[callee]))}\n"
            # what has no weight is no node of the graph, and has no name in it
            yield f"cfn={names.short(called.get(link.dst, b''))}\n"
            yield f"calls=0 {_address(nodes, before, callee)} {nodes.line[callee]}\n"
            yield f"* * {cost(link.weight)}\n"
        before = node


class _Names:
    """Names get a number where they are first met, and are called by it from then on."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}

    def short(self, name: bytes) -> str:
        if not name:
            return ""
        if name in self.known:
            return f"({self.known[name]})"
        self.known[name] = len(self.known) + 1
        return f"({len(self.known)}) {clean(name)}"


def _address(nodes: Nodes, before: int | None, node: int) -> str:
    """An address, or how far it is from the one before, if that is shorter."""
    here = nodes.address[node]
    whole = f"{here:#x}"
    if before is None:
        return whole
    apart = here - nodes.address[before]
    if not apart:
        return "*"
    apart = (apart + (1 << 63)) % (1 << 64) - (1 << 63)
    relative = f"{apart:+d}"
    return relative if len(relative) < len(whole) else whole


def distinct_names(picture: Picture) -> dict[Spot, bytes]:
    """Names of nodes; where functions of one name in one file are several, with " [1/3]" behind it."""
    nodes = picture.nodes
    raw = nodes.profile.strings.raw
    functions: dict[tuple[int, int], dict[tuple[object, ...], int]] = {}
    own = {}
    for spot in picture.order:
        node = spot.node
        above = next(iter(spot.ins), None) if picture.is_tree else None
        # a column tells functions apart only where neither line nor address is known
        column = 0 if nodes.address[node] or nodes.line[node] else nodes.column[node]
        own[spot] = above, nodes.start_line[node], nodes.objfile[node], column
        same = functions.setdefault((nodes.file[node], nodes.name[node]), {})
        same.setdefault(own[spot], len(same) + 1)
    found = {}
    for spot in picture.order:
        name = raw(nodes.name[spot.node])
        same = functions[nodes.file[spot.node], nodes.name[spot.node]]
        found[spot] = name + b" [%d/%d]" % (same[own[spot]], len(same)) if len(same) > 1 else name
    return found
