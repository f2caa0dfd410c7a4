"""``gosnap types`` as text."""

from gosnap.heap.views import Row, View
from gosnap.report.text.shared import file_argument, heading, left_out, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, size, typed_share

_NAMES = {"type": "type", "package": "package", "kind": "kind", "size_class": "size class"}


def render(page: Page, view: View, path: str, by: str, match: str | None) -> None:
    """The whole answer."""
    totals = view.totals
    heading(page, view.snapshot)
    which = f" of types that match {match!r}" if match is not None else ""
    page.line(
        f"{plural(totals['objects'], 'object')}{which}, {size(totals['bytes'])}"
        + (
            f", {typed_share(totals['untyped_bytes'], totals['bytes'])} of it typed"
            if totals["bytes"]
            else ""
        )
    )
    page.line()
    if not view.rows:
        page.line("no object matches" if match is not None else "no object")
    else:
        type_rows(page, view.rows, by.replace("-", "_"), totals["bytes"])
        left_out(page, view.left_out, _NAMES[by.replace("-", "_")])
    warn_untrusted(page, view)
    name = file_argument(path)
    if by == "type":
        page.next(f"gosnap types {name} --by package", f"gosnap info {name}")
    else:
        page.next(f"gosnap types {name}")


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


def label(row: Row, column: str) -> str:
    """What the row is about."""
    if column != "size_class":
        return clean(str(row[column]))
    pointers = "with pointers" if row["scan"] else "no pointers"
    return f"large, {pointers}" if not row["size"] else f"{row['size']} B, {pointers}"
