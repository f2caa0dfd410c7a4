"""``gosnap ps`` as text."""

from gosnap.heap.views import View
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, size


def render(page: Page, view: View, root: bool) -> None:
    """One line per process; ``root``: whether every process could be looked into."""
    if not view.rows:
        page.line("no Go process here" + ("" if root else " that this user can look into"))
        page.next(*([] if root else ["sudo gosnap ps"]), "gosnap demo")
        return
    head = ["pid", "rss", "threads", "Go", "DWARF", "pprof", "user", "program"]
    rows = [
        [
            str(r["pid"]),
            size(r["rss_bytes"]),
            count(r["threads"]),
            clean(r["go_version"]).removeprefix("go"),
            {1: "yes", 0: "stripped"}.get(r["dwarf"], "?"),
            clean(r["pprof"]) or "-",
            clean(r["user"]) + (" (no permission)" if not r["readable"] else ""),
            clean(r["program"]),
        ]
        for r in view.rows
    ]
    page.table(head, rows, left=(3, 4, 5, 6, 7), drop=(6, 2))
    first = next((r for r in view.rows if r["readable"] and r["dwarf"] == 1), None)
    if first is not None:
        page.next(f"gosnap capture {first['pid']}")
    elif not any(r["readable"] for r in view.rows):
        page.next(f"sudo gosnap capture {view.rows[0]['pid']}")
