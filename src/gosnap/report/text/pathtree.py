"""Merged paths as a tree, with what is held through each place."""

from dataclasses import dataclass, field

from gosnap.heap.views import Row
from gosnap.report.text import stacks
from gosnap.report.text.shared import broken
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent

ARROW = " → "
_NUMBERS = 36
"""Columns that the numbers beside a path take; one more takes the samples."""
_SAMPLES = 10


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
    room = page.width - _NUMBERS - (_SAMPLES if samples is not None else 0) if page.width else 0
    exact = numbers or stacks.Numbers({"rate": 1})
    table: list[list[str]] = []

    def put(lines: list[str], depth: int, of: Row, by: stacks.Numbers, part: str) -> None:
        cells = [by.count(of["objects"]), part, by.size(of["bytes"])]
        if samples is not None:
            cells.append(count(of["samples"]))
        for i, line in enumerate(lines):
            table.append([*(cells if not i else [""] * len(cells)), "  " * depth + line])

    for depth, label, first, last in tree.lines():
        width = max(room - 2 * depth, 20) if page.width else 0
        of = first.numbers
        put(broken(label.split(ARROW), width, ARROW), depth, of, exact, percent(of[share[0]], share[1]))
        if samples is None or last.row is None or "alloc" not in last.row:
            continue
        alloc, width = last.row["alloc"], max(room - 2 * depth - 4, 20) if page.width else 0
        for stack in alloc["stacks"]:
            put(stacks.short(stack["frames"], width), depth + 2, stack, samples, "")
        if alloc["left_out"]["stacks"]:
            put([stacks.more_stacks(alloc["left_out"])], depth + 2, alloc["left_out"], samples, "")
    head = ["objects", "%", "bytes", *(["samples"] if samples is not None else []), "path"]
    page.table(head, table, left=(len(head) - 1,), drop=(2,))


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

    def lines(self) -> list[tuple[int, str, "_Node", "_Node"]]:
        """(depth, what to print, the first place of the line, the last one); places that branch nowhere share
        a line."""
        out: list[tuple[int, str, _Node, _Node]] = []
        todo = [(0, n) for n in self._sorted()]
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
            todo += [(depth + 1, n) for n in node._sorted()]
        return out

    def _sorted(self) -> list["_Node"]:
        """The largest last."""
        return sorted(self.below.values(), key=lambda n: (n.numbers["objects"], n.numbers["bytes"], n.label))
