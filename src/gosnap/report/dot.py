"""`gosnap dot`: the call graph in Graphviz's language, as pprof draws it (internal/graph/dotgraph.go, as in
Go 1.27): the size of a node's text is what it has itself, colours are what it has with its callees."""

from __future__ import annotations

import math

from gosnap.profile.names import base_name, escaped, short_name
from gosnap.profile.nodelabels import Tag
from gosnap.profile.picture import MOST_TAGS, Link, Picture, Spot, sorted_links
from gosnap.profile.pipeline import Report
from gosnap.profile.units import absolute, label, percentage, quotient, scale, truncate, wrap
from gosnap.report.text.profile_labels import clean, report_labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

HELP = "\nSee https://git.io/JfYMW for how to read the graph"
SMALLEST_FONT, FONT_GROWTH = 8, 16.0


def render(report: Report, picture: Picture) -> str:
    """The whole graph."""
    return "".join(f"{line}\n" for line in Drawing(report, picture).lines())


class Drawing:
    """The parts of a picture, as texts and colours."""

    def __init__(self, report: Report, picture: Picture) -> None:
        self.report = report
        self.picture = picture
        p = report.profile
        file = p.strings.text(p.mapping_file[0]) if p.mappings else ""
        self.title = escaped(base_name(file)).replace('"', "'") if file else ""
        self.number = {spot: place for place, spot in enumerate(picture.order, 1)}

    def value(self, value: int) -> str:
        """A value as it stands between quotes."""
        return escape(self.report.value(value))

    def lines(self) -> list[str]:
        lines = [f'digraph "{self.title or "unnamed"}" {{', 'node [style=filled fillcolor="#f8f8f8"]']
        labels = [*report_labels(self.report, self.picture, full=True), HELP]
        tooltip = f' tooltip="{self.title}"' if self.title else ""
        text = r"\l".join(map(escape, labels))
        head = escape(labels[0])
        lines.append(f'subgraph cluster_L {{ "{head}" [shape=box fontsize=16 label="{text}\\l"{tooltip}] }}')
        spots = self.picture.order
        most = largest(self.picture)
        boxed = set()
        for spot in spots:
            lines.append(self.node(spot, most))
            boxes = self.boxes(spot)
            if boxes:
                boxed.add(spot)
                lines += boxes
        links = sorted_links(link for spot in spots for link in spot.outs.values())
        lines += [self.edge(link, link.src in boxed) for link in links]
        lines.append("}")
        return lines

    def node(self, spot: Spot, most: float) -> str:
        here = self.number[spot]
        share = self.share(spot.cum_value())
        return (
            f'N{here} [label="{self.label(spot)}" id="node{here}" fontsize={font_size(spot, most)} shape=box '
            f'tooltip="{self.tip(spot)}" color="{colour(share, False)}" fillcolor="{colour(share, True)}"]'
        )

    def label(self, spot: Spot) -> str:
        """What stands in a node: its name, what it has itself, and with its callees."""
        total = self.report.total
        flat, cum = spot.flat_value(), spot.cum_value()
        text = self.several_lines(spot)
        text += f"{self.value(flat)} ({percentage(flat, total).strip()})" if flat else "0"
        if cum != flat:
            text += (r"\n" if flat else " ") + f"of {self.value(cum)} ({percentage(cum, total).strip()})"
        return text

    def tip(self, spot: Spot) -> str:
        """What is shown of a node under the pointer."""
        return f"{escape(clean(spot.name))} ({self.value(spot.cum_value())})"

    def share(self, value: int) -> float:
        """A value's share of the total, for ``colour``."""
        total = absolute(self.report.total)
        if total:
            return float(value) / float(total)
        return math.copysign(math.inf, value) if value else math.nan

    def several_lines(self, spot: Spot) -> str:
        """A node's name, a line for each of its parts."""
        nodes = self.picture.nodes
        raw = nodes.profile.strings.raw
        name, file = clean(raw(nodes.name[spot.node])), clean(raw(nodes.file[spot.node]))
        name = escape(short_name(name)).replace("::", r"\n").replace("[...]", "[…]").replace(".", r"\n")
        parts = [f"{nodes.address[spot.node]:016x}"] if nodes.address[spot.node] else []
        if name:
            parts.append(name)
        file = escape(base_name(file)) if file else ""
        line, column = nodes.line[spot.node], nodes.column[spot.node]
        if line:
            parts.append(f"{file}:{line}:{column}" if column else f"{file}:{line}")
        elif file:
            parts.append(file)
        elif not name:
            objfile = clean(raw(nodes.objfile[spot.node]))
            parts.append(f"[{escape(base_name(objfile))}]" if objfile else "<unknown>")
        return r"\n".join(parts) + r"\n"

    def boxes(self, spot: Spot) -> list[str]:
        """Boxes for the labels of a node. Of a leaf, with what callees had that are left out."""
        lines: list[str] = []
        flat = bool(spot.outs)
        here = f"N{self.number[spot]}"
        for i, tag in enumerate(sorted_tags(spot.tags.values(), flat)[:MOST_TAGS]):
            weight = tag.flat_value() if flat else tag.cum_value()
            if not weight:
                continue
            text = self.value(weight)
            lines += _box(here, f"{here}_{i}", clean(tag.name), text)
            lines += self.numbers(spot, tag.name, flat, f"{here}_{i}")
        return lines + self.numbers(spot, b"", flat, here)

    def numbers(self, spot: Spot, labels: bytes, flat: bool, source: str) -> list[str]:
        lines: list[str] = []
        for i, tag in enumerate(collapsed(spot.numbers.get(labels, {}).values(), flat)):
            weight, attribute = tag.cum_value(), ' style="dotted"'
            if flat or tag.flat_value() == tag.cum_value():
                weight, attribute = tag.flat_value(), ""
            if weight:
                # the N before what begins with one already is pprof's
                text = self.value(weight)
                name = escape(clean(tag.name))
                lines += _box(source, f"N{source}_{i}", name, text, attribute)
        return lines

    def edge(self, link: Link, boxed: bool) -> str:
        total, weight = self.report.total, link.value()
        text = self.value(weight)
        inlined = r"\n (inline)" if link.inlined else ""
        parts = [f'label=" {text}{inlined}"']
        if total:
            heavy = 1 + min(absolute(quotient(wrap(weight * 100), total)), 100)
            wide = self.width(link)
            if heavy > 1:
                parts.append(f"weight={heavy}")
            if wide > 1:
                parts.append(f"penwidth={wide}")
            parts.append(f'color="{colour(self.share(weight), False)}"')
        tip = f'"{self.link_tip(link)}"'
        parts.append(f"tooltip={tip} labeltooltip={tip}")
        if link.residual:
            parts.append('style="dotted"')
        if boxed:
            parts.append("minlen=2")
        # what is no node of the graph has the number 0
        src, dst = self.number.get(link.src, 0), self.number.get(link.dst, 0)
        return f"N{src} -> N{dst} [{' '.join(parts)}]"

    def link_tip(self, link: Link) -> str:
        """What is shown of an edge under the pointer."""
        arrow = "..." if link.residual else "->"
        src, dst = escape(clean(link.src.name)), escape(clean(link.dst.name))
        return f"{src} {arrow} {dst} ({self.value(link.value())})"

    def width(self, link: Link) -> int:
        """How wide an edge is drawn, 1 to 6."""
        total = self.report.total
        return 1 + min(absolute(quotient(wrap(link.value() * 5), total)), 5) if total else 1


def _box(source: str, name: str, text: str, weight: str, attribute: str = "") -> list[str]:
    tips = f'tooltip="{weight}" labeltooltip="{weight}"'
    return [
        f'{name} [label = "{text}" id="{name}" fontsize=8 shape=box3d tooltip="{weight}"]',
        f'{source} -> {name} [label=" {weight}" weight=100 {tips}{attribute}]',
    ]


def font_size(spot: Spot, most: float) -> int:
    """8 to 24, by what a node has itself; ``most``: what the one has that has most."""
    flat = spot.flat_value()
    if not most or not flat or float(absolute(flat)) > most:
        return SMALLEST_FONT
    return SMALLEST_FONT + math.ceil(FONT_GROWTH * math.sqrt(float(absolute(flat)) / most))


def largest(picture: Picture) -> float:
    """The most that a node has itself."""
    return float(max((absolute(spot.flat_value()) for spot in picture.order), default=0))


def escape(text: str) -> str:
    """A text as it stands between quotes in DOT; lines begin at the left."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", r"\l")


def colour(score: float, background: bool) -> str:
    """-1 is green, 0 grey, 1 red; pale for a background. Small scores are moved away from grey, so that they
    can be told apart."""
    shift = 0.7
    saturation, value = (0.1, 0.93) if background else (1.0, 0.7)
    if not math.isnan(score):
        score = max(-1.0, min(1.0, score))
    if abs(score) < 0.2:
        saturation *= abs(score) / 0.2
    if score > 0.0:
        score = math.pow(score, 1.0 - shift)
    if score < 0.0:
        score = -math.pow(-score, 1.0 - shift)
    if score < 0.0:
        red, green = value * (1 + saturation * score), value
    else:
        red, green = value, value * (1 - saturation * score)
    blue = value * (1 - saturation)
    return "#" + "".join(f"{truncate(part * 255.0) & 255:02x}" for part in (red, green, blue))


def sorted_tags(tags: Iterable[Tag], flat: bool) -> list[Tag]:
    """The heaviest first."""
    return sorted(tags, key=lambda t: (0 if flat else -absolute(t.cum), -absolute(t.flat), t.name))


def unescaped(text: str) -> list[str]:
    """The lines of a text that stands between quotes in DOT."""
    lines, at = [""], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            if text[at] in "nl":
                lines.append("")
            else:
                lines[-1] += text[at]
        else:
            lines[-1] += text[at]
        at += 1
    return lines


def collapsed(tags: Iterable[Tag], flat: bool) -> list[Tag]:
    """At most four: the heaviest, each with those that are near it, as a range."""
    ordered = sorted_tags(tags, flat)
    if len(ordered) <= MOST_TAGS:
        return ordered
    groups = [[tag] for tag in ordered[:MOST_TAGS]]
    for tag in ordered[MOST_TAGS:]:
        min(groups, key=lambda group: _distance(tag, group[0])).append(tag)
    return sorted_tags([_group(group) for group in groups], flat)


def _distance(a: Tag, b: Tag) -> float:
    return abs(scale(a.value, a.unit, b.unit)[0] - float(b.value))


def _group(group: list[Tag]) -> Tag:
    least = most = group[0]
    if len(group) == 1:
        name = label(least.value, least.unit)
        return Tag(name.encode("utf-8", "surrogateescape"), (least.flat_value(), 0, least.cum_value(), 0))
    for tag in group[1:]:
        if truncate(scale(tag.value, tag.unit, least.unit)[0]) < least.value:
            least = tag
        if truncate(scale(tag.value, tag.unit, most.unit)[0]) > most.value:
            most = tag
    flat, flat_div, cum, cum_div = (
        wrap(sum(getattr(tag, name) for tag in group)) for name in ("flat", "flat_div", "cum", "cum_div")
    )
    name = f"{label(least.value, least.unit)}..{label(most.value, most.unit)}"
    return Tag(
        name.encode("utf-8", "surrogateescape"), (quotient(flat, flat_div), 0, quotient(cum, cum_div), 0)
    )
