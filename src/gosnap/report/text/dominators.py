"""``gosnap dominators`` as text."""

from gosnap.heap.views import View
from gosnap.report.text.shared import file_argument, heading, left_out, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, size


def render(page: Page, view: View, path: str, under: int | None) -> None:
    """What holds most, and where to look next."""
    t = view.totals
    heading(page, view.snapshot)
    what = "live" if under is None else f"retained by {under:#x}"
    page.line(f"{plural(t['objects'], 'object')}, {size(t['bytes'])} {what}")
    page.line()
    if not view.rows:
        page.line("it dominates nothing: what it refers to is held by others too")
    else:
        rows_table(page, view, under)
        left_out(page, view.left_out, "object")
    warn_untrusted(page, view)
    name = file_argument(path)
    deeper = [r["object"] for r in view.rows if r["below"]]
    commands = [f"gosnap dominators {name} --under {deeper[0]}"] if deeper else []
    page.next(*commands, f"gosnap types {name} --live")


def rows_table(page: Page, view: View, under: int | None) -> None:
    """The table of objects."""
    # what only roots dominate, and no root holds directly, can be reached in several ways
    shared = "several" if under is None else "-"
    head = ["retained", "%", "objects", "itself", "object", "held by", "type"]
    rows = [
        [
            size(r["retained_bytes"]),
            percent(r["retained_bytes"], view.totals["bytes"]),
            count(r["retained_objects"]),
            size(r["shallow_bytes"]),
            r["object"],
            clean(r["name"]) or shared,
            clean(r["type"]),
        ]
        for r in view.rows
    ]
    if under is not None and not any(r["name"] for r in view.rows):
        del head[5]
        rows = [[*r[:5], r[6]] for r in rows]
    page.table(head, rows, left=(4, 5, 6) if len(head) > 6 else (4, 5), drop=(3, 2))
