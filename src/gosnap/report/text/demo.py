"""What ``gosnap demo`` tells."""

from collections.abc import Callable

from gosnap.heap.views import View
from gosnap.report.text import capture, info, suspects
from gosnap.report.text.shared import file_argument
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, size


def introduce(page: Page, version: str) -> None:
    """Before the build."""
    page.line("A shop that leaks", "bold")
    page.paragraph(
        f"leaky is a small Go program (built here with {clean(version)}) that keeps a session "
        "for each visitor and ends none. It has no endpoint and knows nothing of gosnap.",
        "  ",
    )


def first(page: Page, view: View, pid: int) -> None:
    """After the first capture."""
    page.line()
    page.line(page.style(f"$ gosnap capture {pid}", "cyan"))
    view.extra["file"] = "a temporary file"
    capture.render(page, view)
    page.lines[-3:] = []  # the next step comes at the end of the demo


def explain(page: Page, view: View) -> None:
    """After the second one: what grew."""
    page.line()
    page.line("Two seconds later, a second snapshot: what grew", "bold")
    rows = [
        [
            _signed(r["bytes"] - r["bytes_before"], size),
            _signed(r["objects"] - r["objects_before"], count),
            f"{count(r['objects_before'])} → {count(r['objects'])}",
            clean(r["type"]),
        ]
        for r in view.rows
    ]
    page.table(["bytes", "objects", "before → now", "type"], rows, left=(3,), drop=(2,))
    sessions = next((r for r in view.rows if r["type"] == "main.Session"), None)
    if sessions is not None:
        page.line()
        page.paragraph(
            f"{count(sessions['objects'] - sessions['objects_before'])} more main.Session, "
            "and with each what hangs on it: items, photos ([]uint8), strings. "
            "The map that holds them, map[string]*main.Session, grows too; nothing is ever deleted from it.",
            "  ",
        )


def holders(page: Page, view: View, path: str) -> None:
    """Who holds it."""
    name = file_argument(path)
    page.line()
    page.line("Who holds it: gosnap suspects, compared with the first snapshot", "bold")
    page.line()
    suspects.rows(page, view, name)


def finish(page: Page, facts: View, path: str) -> None:
    """Where the RSS is, and what to do next."""
    page.line()
    page.line(page.style(f"$ gosnap info {file_argument(path)}", "cyan"))
    info.rss_table(page, facts)
    objects = sum(r["bytes"] for r in facts.rows if r["region"].startswith("allocated objects"))
    page.line()
    page.paragraph(
        f"{percent(objects, facts.totals['rss_bytes'])} of the RSS is allocated objects; "
        "the rest is what Go and the system need around them.",
        "  ",
    )
    page.line()
    page.line(f"leaky has been ended. The second snapshot stays: {clean(path)}")
    name = file_argument(path)
    page.next(f"gosnap paths {name} main.Session", f"gosnap types {name}", f"gosnap spans {name}")


def _signed(value: int, show: Callable[[int], str]) -> str:
    text = show(abs(value))
    return ("+" if value >= 0 else "-") + text
