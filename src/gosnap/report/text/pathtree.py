"""Merged paths as a tree, with what is held through each place."""

from dataclasses import dataclass, field

from gosnap.heap.views import Row
from gosnap.report.text import stacks
from gosnap.report.text.shared import broken
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent

ARROW = " → "


def show(
    page: Page,
    rows: list[Row],
    share: tuple[str, int],
    *,
    numbers: stacks.Numbers | None = None,
    samples: stacks.Numbers | None = None,
) -> None:
    """A table of objects, share, bytes, samples where they are known, and path.

    ``share``: what percentages are of: objects or bytes, and how many in all. ``numbers``: how the objects
    and bytes of the rows are written, by default as they are. ``samples``: where rows have samples, and
    perhaps the stacks of these, which come below the end of each path.
    """
    tree = _Node("", {})
    for row in rows:
        tree.add(row)
    exact = numbers or stacks.Numbers({"rate": 1})

    def cells(of: Row, by: stacks.Numbers, part: str) -> list[str]:
        known = [count(of["samples"])] if samples is not None else []
        return [by.count(of["objects"]), part, by.size(of["bytes"]), *known]

    head = ["objects", "%", "bytes", *(["samples"] if samples is not None else [])]
    lines: list[_Line] = []
    for depth, label, first, last in tree.lines(share[0]):
        of = first.numbers
        lines.append(_Line(depth, cells(of, exact, percent(of[share[0]], share[1])), label))
        alloc = last.row.get("alloc") if samples is not None and last.row is not None else None
        if alloc is None or samples is None:
            continue
        lines += [_Line(depth + 2, cells(s, samples, ""), s["frames"]) for s in alloc["stacks"]]
        left = alloc["left_out"]
        if left["stacks"]:
            lines.append(_Line(depth + 2, cells(left, samples, ""), stacks.more_stacks(left)))
    room = page.room(head, [line.cells for line in lines])
    table: list[list[str]] = []
    for line in lines:
        width = max(room - 2 * line.depth, 20) if page.width else 0
        if isinstance(line.text, str):
            texts = broken(line.text.split(ARROW), width, ARROW)
        else:
            texts = stacks.short(line.text, width)
        for i, text in enumerate(texts):
            table.append([*(line.cells if not i else [""] * len(head)), "  " * line.depth + text])
    drop = 0 if share[0] == "bytes" else 2
    page.table([*head, "path"], table, left=(len(head),), drop=(drop,))


@dataclass(frozen=True)
class _Line:
    """What is in a line before it is broken to fit: a path, or the frames of a stack."""

    depth: int
    cells: list[str]
    text: str | list[Row]


@dataclass
class _Node:
    """A place in the tree of merged paths; ``numbers``: what is held through it; ``row``: the path that ends
    here."""

    label: str
    numbers: Row
    below: dict[str, "_Node"] = field(default_factory=dict)
    row: Row | None = None

    def add(self, row: Row) -> None:
        """One path."""
        node = self
        for step in row["steps"]:
            # a target is not the same place as a step of that name, nor are two places that look alike
            key = f"{step['place']} {step['kind']} {step['label']}"
            if key not in node.below:
                node.below[key] = _Node(step["label"], step)
            node = node.below[key]
        node.row = row

    def lines(self, by: str) -> list[tuple[int, str, "_Node", "_Node"]]:
        """(depth, what to print, the first place of the line, the last one), those first that have more of
        what ``by`` names; places that branch nowhere share a line."""
        out: list[tuple[int, str, _Node, _Node]] = []
        todo = [(0, n) for n in self._sorted(by)]
        while todo:
            depth, node = todo.pop()
            label, first = ("→ " if depth else "") + clean(node.label), node
            while len(node.below) == 1:
                (inner,) = node.below.values()
                if inner.numbers["objects"] != node.numbers["objects"]:
                    break
                label += ARROW + clean(inner.label)
                node = inner
            out.append((depth, label, first, node))
            todo += [(depth + 1, n) for n in node._sorted(by)]
        return out

    def _sorted(self, by: str) -> list["_Node"]:
        """The largest last."""
        return sorted(self.below.values(), key=lambda n: (n.numbers[by], n.numbers["bytes"], n.label))
