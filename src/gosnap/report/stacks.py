"""A tree of calls for other tools: folded stacks (flamegraph.pl and its kin), speedscope, and a flame graph's
tree."""

from __future__ import annotations

import json

from gosnap.profile.calltree import TOP, CallTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gosnap.profile.answers import Row
    from gosnap.profile.pipeline import Report
    from gosnap.report.html.flame import Flame

MOST_PLACES = 200_000
"""A page holds so many places of a tree; what is lighter is left out, and the page says so."""
_SPEEDSCOPE = "https://www.speedscope.app/file-format-schema.json"
_SPEEDSCOPE_UNITS = ("bytes", "nanoseconds", "microseconds", "milliseconds", "seconds")


def folded(tree: CallTree) -> Iterator[str]:
    """ "main.main;main.f 4096" for each path that has something itself, of a comparison the change; a line
    each.

    Semicolons and line breaks in names, which mean something here, become colons and spaces.
    """
    names = [_plain(name) for name in tree.names()]
    for place, path in tree.paths():
        value = tree.own(place, tree.index) - tree.own_before(place, tree.index)
        if value:
            yield ";".join(names[node] for node in path) + f" {value}\n"


def _plain(name: bytes) -> str:
    text = name.decode("utf-8", "replace").replace(";", ":")
    return "".join(c if c.isprintable() else " " for c in text)


def speedscope(report: Report, tree: CallTree, title: str) -> str:
    """A document of speedscope's format, with one profile per sample type. Negative weights, which it does
    not know, become 0."""
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
    samples: list[list[int]] = []
    places: list[int] = []
    for place, path in tree.paths():
        if any(tree.own(place, t) for t in range(tree.types)):
            samples.append(list(path))
            places.append(place)
    profiles = []
    for t, (type_name, unit) in enumerate(report.profile.sample_types):
        weights = [max(tree.own(place, t), 0) for place in places]
        profiles.append(
            {
                "type": "sampled",
                "name": type_name,
                "unit": unit if unit in _SPEEDSCOPE_UNITS else "none",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        )
    document = {
        "$schema": _SPEEDSCOPE,
        "exporter": "gosnap",
        "name": title,
        "activeProfileIndex": tree.index,
        "shared": {"frames": frames},
        "profiles": profiles,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def rows(tree: CallTree, limit: int) -> list[Row]:
    """The heaviest places, in the order of a walk: name, depth, flat, cum; of a comparison what they were
    too."""
    names = [name.decode("utf-8", "replace") for name in tree.names()]
    out: list[Row] = []
    for place, depth in zip(*tree.heaviest(limit, only=tree.index), strict=True):
        row: Row = {
            "name": names[tree.node[place]],
            "depth": depth,
            "flat": tree.own(place, tree.index),
            "cum": tree.whole(place, tree.index),
        }
        if tree.compared:
            row["flat_before"] = tree.own_before(place, tree.index)
            row["cum_before"] = tree.whole_before(place, tree.index)
        out.append(row)
    return out


def flame(report: Report, tree: CallTree, title: str, notes: list[str]) -> Flame:
    """What the page draws: the heaviest places under one root that stands for all."""
    from gosnap.profile.columns import zeros
    from gosnap.report.html.flame import Flame, Values

    places, depths = tree.heaviest(MOST_PLACES)
    n = len(places) + 1
    depth, name, inlined = zeros("I", n), zeros("I", n), zeros("B", n)
    names = [*tree.names(), b"all"]
    name[0] = len(names) - 1
    for i, (place, level) in enumerate(zip(places, depths, strict=True), 1):
        depth[i], name[i], inlined[i] = level + 1, tree.node[place], tree.inlined[place]
    roots = [place for place, parent in enumerate(tree.parent) if parent == TOP]
    values = []
    for t, (type_name, unit) in enumerate(report.profile.sample_types):
        total, base = zeros("q", n), zeros("q", n)
        total[0], base[0] = sum(tree.whole(r, t) for r in roots), sum(tree.whole_before(r, t) for r in roots)
        for i, place in enumerate(places, 1):
            total[i] = tree.whole(place, t)
            if tree.compared:
                base[i] = tree.whole_before(place, t)
        values.append(Values(type_name, unit, total, base if tree.compared else None))
    return Flame(
        title=title,
        names=[raw.decode("utf-8", "replace") for raw in names],
        depth=depth,
        name=name,
        values=values,
        places=[*_sources(tree), ""],
        inlined=inlined,
        chosen=tree.index,
        notes=notes,
        left_out=len(tree) - len(places),
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
