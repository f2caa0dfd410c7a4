"""A tree of calls for other tools: folded stacks (flamegraph.pl and its kin), speedscope, and a flame graph's
tree."""

from __future__ import annotations

import json

from gosnap._kernels.profile_text import Out
from gosnap.profile.calltree import CallTree
from gosnap.profile.columns import offsets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gosnap.profile.answers import Row
    from gosnap.profile.pipeline import Report
    from gosnap.report.html.flame import Flame

    Put = Callable[[bytes | memoryview], object]

MOST_PLACES = 200_000
"""A page holds so many places of a tree; what is lighter is left out, and the page says so."""
_SPEEDSCOPE = "https://www.speedscope.app/file-format-schema.json"
_SPEEDSCOPE_UNITS = ("bytes", "nanoseconds", "microseconds", "milliseconds", "seconds")


def folded(tree: CallTree, put: Put) -> None:
    """ "main.main;main.f 4096" for each path that has something itself, of a comparison the change; a line
    each, in pieces.

    Semicolons and line breaks in names, which mean something here, become colons and spaces.
    """
    names = [_plain(name).encode("utf-8") for name in tree.names()]
    out = Out(put)
    tree.tree.folded(out, tree.index, memoryview(b"".join(names)), offsets(map(len, names)))
    out.flush()


def _plain(name: bytes) -> str:
    text = name.decode("utf-8", "replace").replace(";", ":")
    return "".join(c if c.isprintable() else " " for c in text)


def speedscope(report: Report, tree: CallTree, title: str, put: Put) -> None:
    """A document of speedscope's format, with one profile per sample type, in pieces. Negative weights, which
    it does not know, become 0."""
    nodes = tree.nodes
    raw = nodes.profile.strings.raw
    frames = []
    for node, name in enumerate(tree.names()):
        frame: dict[str, str | int] = {"name": name.decode("utf-8", "replace")}
        if nodes.file[node]:
            frame["file"] = raw(nodes.file[node]).decode("utf-8", "replace")
        if nodes.line[node]:
            frame["line"] = nodes.line[node]
        frames.append(frame)
    document = {
        "$schema": _SPEEDSCOPE,
        "exporter": "gosnap",
        "name": title,
        "activeProfileIndex": tree.index,
        "shared": {"frames": frames},
    }
    out = Out(put)
    out.put(_open(document) + b',"profiles":[')
    for t, (type_name, unit) in enumerate(report.profile.sample_types):
        profile = {
            "type": "sampled",
            "name": type_name,
            "unit": unit if unit in _SPEEDSCOPE_UNITS else "none",
            "startValue": 0,
            "endValue": tree.tree.positive(t),
        }
        out.put((b"," if t else b"") + _open(profile) + b',"samples":[')
        tree.tree.paths(out)
        out.put(b'],"weights":[')
        tree.tree.weights(out, t)
        out.put(b"]}")
    out.put(b"]}\n")
    out.flush()


def _open(document: dict[str, Any]) -> bytes:
    """JSON without the brace that ends it."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text[:-1].encode("utf-8", "surrogateescape")


def rows(tree: CallTree, limit: int) -> list[Row]:
    """The heaviest places, in the order of a walk: name, depth, flat, cum; of a comparison what they were
    too."""
    raw = tree.nodes.printable
    t, places = tree.index, tree.heaviest(limit, only=tree.index)
    columns: dict[str, Iterable[Any]] = {
        "name": (raw(node).decode("utf-8", "replace") for node in places.node),
        "depth": places.depth,
        "flat": places.own(t),
        "cum": places.whole(t),
    }
    if tree.compared:
        columns |= {"flat_before": places.own_before(t), "cum_before": places.whole_before(t)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def flame(report: Report, tree: CallTree, title: str, notes: list[str]) -> Flame:
    """What the page draws: the heaviest places under one root that stands for all."""
    from gosnap.report.html.flame import Flame, Values

    places = tree.heaviest(MOST_PLACES, root=True)
    names = [*tree.names(), b"all"]
    places.node[0] = len(names) - 1
    values = [
        Values(type_name, unit, places.whole(t), places.whole_before(t) if tree.compared else None)
        for t, (type_name, unit) in enumerate(report.profile.sample_types)
    ]
    return Flame(
        title=title,
        names=[raw.decode("utf-8", "replace") for raw in names],
        depth=places.depth,
        name=places.node,
        values=values,
        places=[*_sources(tree), ""],
        inlined=places.inlined,
        chosen=tree.index,
        notes=notes,
        left_out=len(tree) - (len(places) - 1),
    )


def _sources(tree: CallTree) -> list[str]:
    """Where each node is: its own line, else where its function begins."""
    nodes = tree.nodes
    p, raw = nodes.profile, nodes.profile.strings.raw
    begins: dict[int, tuple[int, int]] = {}
    for name, file, line in zip(p.function_name, p.function_filename, p.function_start_line, strict=True):
        begins.setdefault(name, (file, line))
    out = []
    for node in range(len(nodes)):
        file, line = nodes.file[node], nodes.line[node]
        if not file:
            file, line = begins.get(nodes.name[node], (0, 0))
        text = raw(file).decode("utf-8", "replace") if file else ""
        out.append(f"{text}:{line}" if text and line else text)
    return out
