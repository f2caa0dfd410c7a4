"""``gosnap types`` as text."""

import shlex
from dataclasses import dataclass

from gosnap.heap.views import Row, View
from gosnap.report.text import stacks
from gosnap.report.text.shared import file_argument, heading, left_out, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, size, typed_share

_NAMES = {"type": "type", "package": "package", "kind": "kind", "size_class": "size class"}


@dataclass(frozen=True)
class Asked:
    """What was asked for: the file, grouped by what, of which names, and of which objects (all, live,
    garbage); ``capture``: what a person captures first, where there is no file."""

    path: str
    by: str = "type"
    match: str | None = None
    only: str = "all"
    capture: tuple[str, ...] = ()


def render(page: Page, view: View, asked: Asked) -> None:
    """The whole answer."""
    totals = view.totals
    heading(page, view.snapshot)
    which = f" of types that match '{clean(asked.match)}'" if asked.match is not None else ""
    kind = {"all": "object", "live": "live object", "garbage": "garbage object"}[asked.only]
    page.line(
        f"{plural(totals['objects'], kind)}{which}, {size(totals['bytes'])}{shares(totals, asked.only)}"
    )
    sampling = view.extra.get("sampling")
    numbers = stacks.Numbers(sampling) if sampling is not None and not sampling["note"] else None
    if numbers is not None:
        page.paragraph(numbers.sampled)
    page.line()
    if not view.rows:
        page.line("no object matches" if asked.match is not None else "no object")
    else:
        column = asked.by.replace("-", "_")
        if numbers is not None:
            stack_rows(page, view.rows, column, totals["bytes"], numbers)
        else:
            type_rows(page, view.rows, column, totals["bytes"])
        left_out(page, view.left_out, _NAMES[column])
    if sampling is not None and numbers is None:
        stacks.missing(page, sampling)
    warn_untrusted(page, view)
    name = file_argument(asked.path)
    before = [shlex.join(["gosnap", "capture", *asked.capture])] if asked.capture else []
    if asked.by == "type":
        page.next(*before, f"gosnap types {name} --by package", f"gosnap info {name}")
    else:
        page.next(f"gosnap types {name}")


def shares(totals: dict[str, int], only: str = "all") -> str:
    """How much of the bytes is typed, and how much is live."""
    if not totals["bytes"]:
        return ""
    text = f", {typed_share(totals['untyped_bytes'], totals['bytes'])} of it typed"
    if only == "all" and "reachable_bytes" in totals:
        text += f", {percent(totals['reachable_bytes'], totals['bytes'])} live"
    return text


def type_rows(page: Page, rows: list[Row], column: str, whole: int) -> None:
    """The table of objects and bytes."""
    head = ["bytes", "%", "objects", "bytes each", _NAMES[column]]
    table = [
        [
            size(r["bytes"]),
            percent(r["bytes"], whole),
            count(r["objects"]),
            size(round(r["bytes"] / r["objects"])) if r["objects"] else "",
            label(r, column),
        ]
        for r in rows
    ]
    page.table(head, table, left=(4,), drop=(3, 1))


def stack_rows(page: Page, rows: list[Row], column: str, whole: int, numbers: stacks.Numbers) -> None:
    """The same table with the samples of each row, and below each row the stacks that allocated them."""
    cells: list[list[str]] = []
    texts: list[list[Row] | str] = []
    for r in rows:
        alloc, left = r["alloc"], r["alloc"]["left_out"]
        of = [size(r["bytes"]), percent(r["bytes"], whole), count(r["objects"])]
        cells.append([*of, count(alloc["samples"])])
        texts.append(label(r, column))
        below = [(s, s["frames"]) for s in alloc["stacks"]]
        if left["stacks"]:
            below.append((left, "  " + stacks.more_stacks(left)))
        for s, text in below:
            of = [numbers.size(s["bytes"]), "", numbers.count(s["objects"])]
            cells.append([*of, count(s["samples"])])
            texts.append(text)
    head = ["bytes", "%", "objects", "samples"]
    room = page.room(head, cells) - 2
    table: list[list[str]] = []
    strong: list[int] = []
    for numbered, what in zip(cells, texts, strict=True):
        if isinstance(what, str):
            if not what.startswith(" "):
                strong.append(len(table))
            table.append([*numbered, what])
            continue
        for i, line in enumerate(stacks.short(what, max(room, 0))):
            table.append([*(numbered if not i else [""] * 4), "  " + line])
    page.table([*head, _NAMES[column]], table, left=(4,), drop=(1, 2), strong=strong)


def label(row: Row, column: str) -> str:
    """What the row is about."""
    if column != "size_class":
        return clean(str(row[column]))
    pointers = "with pointers" if row["scan"] else "no pointers"
    return f"large, {pointers}" if not row["size"] else f"{row['size']} B, {pointers}"
