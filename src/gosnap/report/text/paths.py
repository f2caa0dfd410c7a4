"""``gosnap paths`` as text."""

from dataclasses import dataclass, field

from rich.cells import cell_len

from gosnap.heap.views import Row, View
from gosnap.report.text.shared import file_argument, heading, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, shorten, size

_ARROW = " → "
_NUMBERS = 36
"""Columns that the numbers beside a path take."""


def render(page: Page, view: View, path: str) -> None:
    """Paths, one below the other, or merged as a tree."""
    heading(page, view.snapshot)
    target, name = view.extra["target"], file_argument(path)
    if target["object"]:
        _one(page, view, name)
    else:
        _many(page, view, name)


def _one(page: Page, view: View, name: str) -> None:
    t, target = view.totals, view.extra["target"]
    page.paragraph(
        f"{target['object']} {clean(target['type'])}, {size(t['bytes'])}, keeps "
        f"{size(t['retained_bytes'])} in {plural(t['retained_objects'], 'object')} alive"
    )
    if not view.extra["contents"]:
        page.line("the snapshot was taken with --no-contents: keys and lengths are not known", "dim")
    for row in view.rows:
        page.line()
        path_lines(page, row["steps"])
    left = view.left_out["rows"]
    if left:
        page.line()
        page.line(f"… and {plural(left, 'reference')} more to it (-n 0 shows all)", "dim")
    warn_untrusted(page, view)
    holders = [s["object"] for s in view.rows[0]["steps"] if s["object"] and s["kind"] != "target"]
    commands = [f"gosnap dominators {name} --under {target['object']}"] if t["retained_objects"] > 1 else []
    if holders:
        commands.append(f"gosnap paths {name} {holders[-1]}")
    page.next(*commands or [f"gosnap dominators {name}"])


def path_lines(page: Page, steps: list[Row], indent: str = "") -> None:
    """One path as code would say it, broken between steps."""
    parts = [clean(s["label"]) for s in steps[:-1]]
    last = steps[-1]
    # the type of a slice or string says what it leads to, that of an interface does not
    if len(steps) < 3 or clean(last["type"]) not in parts[-1] or not parts[-1].endswith(")"):
        parts.append(clean(last["label"]))
    for line in broken(parts, page.width - len(indent) - 2 if page.width else 0):
        page.line(indent + line)


def broken(parts: list[str], room: int) -> list[str]:
    """Steps with arrows between them, in lines of at most so many columns (0: one line)."""
    lines = [""]
    for i, part in enumerate(parts):
        piece = (_ARROW if i else "") + (shorten(part, room) if room else part)
        if room and lines[-1] and cell_len(lines[-1]) + cell_len(piece) > room:
            lines.append("  → " + shorten(part, max(room - 4, 8)))
        else:
            lines[-1] += piece
    return lines


def _many(page: Page, view: View, name: str) -> None:
    t = view.totals
    what = clean(view.extra["target"]["type"])
    page.paragraph(f"{plural(t['objects'], 'object')} of {what}, {size(t['bytes'])}, held by")
    page.line()
    tree = _Node("", 0, 0)
    for row in view.rows:
        tree.add(row["steps"])
    rows: list[list[str]] = []
    for depth, label, n in tree.lines():
        numbers = [count(n.objects), percent(n.objects, t["objects"]), size(n.size)]
        room = max(page.width - _NUMBERS - 2 * depth, 20) if page.width else 0
        for i, line in enumerate(broken(label.split(_ARROW), room)):
            rows.append([*(numbers if not i else ["", "", ""]), "  " * depth + line])
    page.table(["objects", "%", "bytes", "path"], rows, left=(3,), drop=(2,))
    left = view.left_out
    if left["rows"]:
        page.line(
            f"  … and {plural(left['rows'], 'path')} more: {plural(left['objects'], 'object')}, "
            f"{size(left['bytes'])} (-n 0 shows all)",
            "dim",
        )
    warn_untrusted(page, view)
    page.next(f"gosnap dominators {name} --by type", f"gosnap suspects {name}")


@dataclass
class _Node:
    """A place in the tree of merged paths."""

    label: str
    objects: int
    size: int
    below: dict[str, "_Node"] = field(default_factory=dict)

    def add(self, steps: list[Row]) -> None:
        """One path."""
        node = self
        for step in steps:
            # a target is not the same place as a step of that name, nor are two places that look alike
            key = f"{step['place']} {step['kind']} {step['label']}"
            if key not in node.below:
                node.below[key] = _Node(step["label"], step["objects"], step["bytes"])
            node = node.below[key]

    def lines(self) -> list[tuple[int, str, "_Node"]]:
        """(depth, what to print, the place); places that branch nowhere share a line."""
        out: list[tuple[int, str, _Node]] = []
        todo = [(0, n) for n in self._sorted()]
        while todo:
            depth, node = todo.pop()
            label, first = ("→ " if depth else "") + clean(node.label), node
            while len(node.below) == 1:
                (inner,) = node.below.values()
                if inner.objects != node.objects:
                    break
                label += _ARROW + clean(inner.label)
                node = inner
            out.append((depth, label, first))
            todo += [(depth + 1, n) for n in node._sorted()]
        return out

    def _sorted(self) -> list["_Node"]:
        """The largest last."""
        return sorted(self.below.values(), key=lambda n: (n.objects, n.size, n.label))
