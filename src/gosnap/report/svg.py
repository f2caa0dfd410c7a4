"""`gosnap svg` without Graphviz: the picture of `gosnap dot` in layers, callers above callees.

A plain layout: a node stands below all its callers but for those that it takes part in a recursion with, and
near the middle of them. Colours, sizes and texts are those of `gosnap dot`, without the boxes for labels. No
script, nothing to load.
"""

from __future__ import annotations

from gosnap.profile.picture import Link, Picture, Spot, sorted_links
from gosnap.profile.pipeline import Report
from gosnap.report.dot import HELP, Drawing, colour, font_size, largest, unescaped
from gosnap.report.text.profile_labels import report_labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

GLYPH = 0.62
"""The width of a letter of a monospaced font, in its height; a little more than it is."""
LINE = 1.25
PADDING, GAP, LAYER = 6, 24, 56
"""Around text, between nodes of a layer, between layers."""
SWEEPS = 8


class Box:
    """Where a node is drawn; x and y are those of its middle and its upper edge."""

    __slots__ = ("height", "layer", "lines", "size", "width", "x", "y")

    def __init__(self, lines: list[str], size: int) -> None:
        self.lines = lines
        self.size = size
        self.width = max(len(line) for line in lines) * GLYPH * size + 2 * PADDING
        self.height = len(lines) * LINE * size + 2 * PADDING
        self.layer = 0
        self.x = self.y = 0.0


def render(report: Report, picture: Picture) -> str:
    """The whole file."""
    drawing = Drawing(report, picture)
    most = largest(picture)
    boxes = {spot: Box(unescaped(drawing.label(spot)), font_size(spot, most)) for spot in picture.order}
    links = [link for spot in picture.order for link in spot.outs.values() if link.dst in boxes]
    labels = [*report_labels(report, picture, full=True), HELP]
    legend = Box([line for label in labels for line in label.split("\n")], 14)
    width, height = arrange(boxes, links, legend)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'{head} width="{width:.0f}" height="{height:.0f}" font-family="monospace">',
        f"<title>{xml(drawing.title or 'unnamed')}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        "".join(_text(legend, left=True)),
    ]
    # edges first: boxes lie on them
    for link in reversed(sorted_links(links)):
        parts += _edge(drawing, link, boxes[link.src], boxes[link.dst])
    for spot, box in boxes.items():
        share = drawing.share(spot.cum_value())
        left = box.x - box.width / 2
        place = f'x="{left:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        parts.append(
            f"<g><title>{_tip(drawing.tip(spot))}</title>"
            f'<rect {place} fill="{colour(share, True)}" stroke="{colour(share, False)}"/>'
            f"{''.join(_text(box))}</g>"
        )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def xml(text: str) -> str:
    """A text as it stands in XML, which has no other characters than these."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text


def _tip(text: str) -> str:
    return xml(" ".join(unescaped(text)))


def _text(box: Box, *, left: bool = False) -> Iterator[str]:
    """Its lines, in the middle or at the left."""
    x, anchor = (box.x - box.width / 2, "start") if left else (box.x, "middle")
    for i, line in enumerate(box.lines):
        y = box.y + PADDING + (i * LINE + 1) * box.size
        place = f'x="{x:.1f}" y="{y:.1f}" font-size="{box.size}" text-anchor="{anchor}"'
        yield f"<text {place}>{xml(line)}</text>"


def _edge(drawing: Drawing, link: Link, src: Box, dst: Box) -> Iterator[str]:
    """A curve, its arrow head and its weight, one group."""
    wide, stroke = drawing.width(link), colour(drawing.share(link.value()), False)
    dashes = ' stroke-dasharray="4 3"' if link.residual else ""
    x1, y1, x2, y2 = src.x, src.y + src.height, dst.x, dst.y
    if dst.layer > src.layer:
        bend = (y2 - y1) / 2
        path = f"M{x1:.1f},{y1:.1f} C{x1:.1f},{y1 + bend:.1f} {x2:.1f},{y2 - bend:.1f}"
        path += f" {x2:.1f},{y2 - 6:.1f}"
        middle = (x1 + x2) / 2, (y1 + y2) / 2
        tip = f"{x2 - 4:.1f},{y2 - 8:.1f} {x2 + 4:.1f},{y2 - 8:.1f} {x2:.1f},{y2:.1f}"
    else:
        # back to a caller: around the right side of both
        x1, y1 = src.x + src.width / 2, src.y + src.height / 2
        x2, y2 = dst.x + dst.width / 2, dst.y + dst.height / 2
        out = max(x1, x2) + GAP
        path = f"M{x1:.1f},{y1:.1f} C{out:.1f},{y1:.1f} {out:.1f},{y2:.1f} {x2 + 6:.1f},{y2:.1f}"
        middle = out, (y1 + y2) / 2
        tip = f"{x2 + 8:.1f},{y2 - 4:.1f} {x2 + 8:.1f},{y2 + 4:.1f} {x2:.1f},{y2:.1f}"
    text = drawing.report.value(link.value()) + (" (inline)" if link.inlined else "")
    yield f"<g><title>{_tip(drawing.link_tip(link))}</title>"
    yield f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="{wide}"{dashes}/>'
    yield f'<polygon points="{tip}" fill="{stroke}"/>'
    # white around it: it stands on the curve
    halo = 'paint-order="stroke" stroke="#ffffff" stroke-width="3"'
    yield f'<text x="{middle[0]:.1f}" y="{middle[1]:.1f}" font-size="10" {halo}>{xml(text)}</text></g>'


def arrange(boxes: dict[Spot, Box], links: list[Link], legend: Box) -> tuple[float, float]:
    """Give all boxes their places; width and height of it all."""
    forward = _without_cycles(boxes, links)
    _into_layers(boxes, forward)
    layers: list[list[Spot]] = [[] for _ in range(max((b.layer for b in boxes.values()), default=-1) + 1)]
    for spot, box in boxes.items():
        layers[box.layer].append(spot)
    near: dict[Spot, tuple[list[Spot], list[Spot]]] = {spot: ([], []) for spot in boxes}
    for src, dst in forward:
        near[src][1].append(dst)
        near[dst][0].append(src)
    for spots in layers:
        _side_by_side(spots, boxes)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for spots in layers if down else reversed(layers):
            wish = {}
            for spot in spots:
                others = near[spot][0 if down else 1]
                wish[spot] = sum(boxes[o].x for o in others) / len(others) if others else boxes[spot].x
            spots.sort(key=wish.__getitem__)
            _side_by_side(spots, boxes, wish)
    left = min((b.x - b.width / 2 for b in boxes.values()), default=0.0)
    for box in boxes.values():
        box.x += GAP - left
    legend.x, legend.y = GAP + legend.width / 2, float(GAP)
    y = legend.y + legend.height + LAYER
    for spots in layers:
        for spot in spots:
            boxes[spot].y = y
        y += max(boxes[spot].height for spot in spots) + LAYER
    right = max((b.x + b.width / 2 for b in (*boxes.values(), legend)), default=0.0)
    # room for what goes around, and its weights
    return right + 6 * GAP, y


def _side_by_side(spots: list[Spot], boxes: dict[Spot, Box], wish: dict[Spot, float] | None = None) -> None:
    """In this order, none on another, and as near to where they wish to be as that allows."""
    wanted = [wish[spot] if wish else 0.0 for spot in spots]
    at: list[float] = []
    for i, spot in enumerate(spots):
        half = boxes[spot].width / 2
        least = at[-1] + boxes[spots[i - 1]].width / 2 + GAP + half if at else -float("inf")
        at.append(max(wanted[i], least))
    # what was pushed to the right of its wish moves all of them back by the mean
    shift = sum(a - w for a, w in zip(at, wanted, strict=True)) / len(at) if at else 0.0
    for spot, x in zip(spots, at, strict=True):
        boxes[spot].x = x - shift


def _without_cycles(boxes: dict[Spot, Box], links: list[Link]) -> list[tuple[Spot, Spot]]:
    """The edges, without those that lead back to where a walk came from."""
    outs: dict[Spot, list[Spot]] = {spot: [] for spot in boxes}
    called = set()
    for link in sorted_links(links):
        outs[link.src].append(link.dst)
        called.add(link.dst)
    # a walk begins where nobody calls; what is left then is in a cycle
    order = sorted(boxes, key=lambda spot: spot in called)
    state: dict[Spot, int] = {}
    forward = []
    for root in order:
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(outs[root]))]
        while stack:
            spot, rest = stack[-1]
            for other in rest:
                if state.get(other) == 1:
                    continue
                forward.append((spot, other))
                if other not in state:
                    state[other] = 1
                    stack.append((other, iter(outs[other])))
                    break
            else:
                state[spot] = 2
                stack.pop()
    return forward


def _into_layers(boxes: dict[Spot, Box], forward: list[tuple[Spot, Spot]]) -> None:
    """Each below all that call it."""
    outs: dict[Spot, list[Spot]] = {spot: [] for spot in boxes}
    waiting = dict.fromkeys(boxes, 0)
    for src, dst in forward:
        outs[src].append(dst)
        waiting[dst] += 1
    ready = [spot for spot, count in waiting.items() if not count]
    while ready:
        spot = ready.pop()
        for other in outs[spot]:
            boxes[other].layer = max(boxes[other].layer, boxes[spot].layer + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
