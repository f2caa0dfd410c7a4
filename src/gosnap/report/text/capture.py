"""``gosnap capture`` as text: the summary."""

from gosnap.heap.views import View
from gosnap.report.text.shared import checks, file_argument, heading, left_out
from gosnap.report.text.table import Page
from gosnap.report.text.types import shares, type_rows
from gosnap.report.text.units import clean, duration, plural, size

_PHASES = (
    ("prepare", "look at its pages, reserve memory (it runs on)"),
    ("stop", "stop its threads"),
    ("scan", "list its pages again"),
    ("clone", "clone it"),
    ("plan", "plan the copy"),
    ("copy", "copy"),
    ("files", "read file mappings"),
    ("objects", "find spans and objects"),
    ("edges", "find pointers"),
    ("types", "find types"),
    ("reach", "find what is live (beside the types)"),
    ("write", "write the file"),
    ("total", "in all"),
)


def render(page: Page, view: View, *, verbose: bool = False) -> None:
    """What was taken, where it is, and whether to trust it."""
    extra, totals = view.extra, view.totals
    name = file_argument(extra["file"])
    heading(page, view.snapshot)
    for note in extra["notes"]:
        page.paragraph("note: " + clean(note))
    rss = f" of {size(extra['rss_bytes'])} resident" if view.snapshot["source"] != "core" else ""
    page.paragraph(
        f"{size(extra['copied_bytes'])}{rss} copied, in {duration(extra['timings_us']['total'])}; "
        f"wrote {clean(extra['file'])}, {size(extra['file_bytes'])}"
    )
    page.line()
    page.paragraph(f"{plural(totals['objects'], 'object')}, {size(totals['bytes'])}{shares(totals)}")
    type_rows(page, view.rows, "type", totals["bytes"])
    left_out(page, view.left_out, "type")
    if verbose:
        page.title("where the time went")
        timings = extra["timings_us"]
        page.pairs([(what, duration(timings[key])) for key, what in _PHASES if key in timings])
    page.line()
    checks(page, view.checks)
    page.next(f"gosnap suspects {name}", f"gosnap types {name}", f"gosnap info {name}")
