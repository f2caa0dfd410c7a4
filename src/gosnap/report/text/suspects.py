"""``gosnap suspects`` as text."""

from gosnap.heap.views import Row, View
from gosnap.report.text import stacks
from gosnap.report.text.shared import file_argument, heading, moment, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, plural, short_paths, size


def render(page: Page, view: View, path: str) -> None:
    """Each suspect: a title, its evidence, and the next command."""
    t, name = view.totals, file_argument(path)
    heading(page, view.snapshot)
    page.line(f"{plural(t['objects'], 'object')}, {size(t['bytes'])} live")
    since = view.extra["since"]
    if since:
        page.line(f"compared with the snapshot of {moment(clean(since['taken_at']))}")
    for note in view.extra["notes"]:
        page.paragraph("note: " + clean(note))
    if not view.rows:
        page.line()
        page.paragraph(
            f"Nothing stands out: no single place holds {size(view.extra['threshold_bytes'])} or more. "
            "Many places may hold a little each: see them by type, or by root."
        )
        warn_untrusted(page, view)
        page.next(f"gosnap dominators {name} --by type", f"gosnap dominators {name} --by root")
        return
    page.line()
    rows(page, view, name)
    left = view.left_out
    if left["rows"]:
        page.line()
        page.line(
            f"… and {plural(left['rows'], 'suspect')} more, {size(left['bytes'])} (-n 0 shows all)", "dim"
        )
    warn_untrusted(page, view)


def rows(page: Page, view: View, name: str) -> None:
    """The suspects, one below the other; ``name``: the file as it is typed."""
    for i, row in enumerate(view.rows, 1):
        if i > 1:
            page.line()
        # on a terminal, names without the directories of their import paths
        tidy = short_paths if page.width else str
        page.item(i, tidy(clean(row["title"])), "bold")
        for sentence in row["evidence"]:
            page.paragraph(tidy(clean(sentence)), "   ")
        if "alloc" in row:
            _stacks(page, row, stacks.Numbers(view.extra["sampling"]))
        page.line("   next: " + page.style(clean(_command(row["next"], name)), "cyan"))


def _stacks(page: Page, row: Row, numbers: stacks.Numbers) -> None:
    """Who allocated what a suspect holds, by those of its objects that are sampled."""
    alloc = row["alloc"]
    if not alloc["samples"]:
        page.line("   None of its objects was sampled, so nothing tells what allocated them.")
        return
    estimated = f" ({numbers.size(alloc['bytes'])})" if numbers.rate > 1 else ""
    page.paragraph(
        f"Allocated by, as {plural(alloc['samples'], 'sampled object')}{estimated} of its "
        f"{count(row['retained_objects'])} {'say' if alloc['samples'] > 1 else 'says'}:",
        "   ",
    )
    stacks.block(page, alloc, numbers, "     ")


def _command(text: str, name: str) -> str:
    """``paths 0xc000…`` as it must be typed for this file."""
    verb, _, rest = text.partition(" ")
    return f"gosnap {verb} {name}" + (f" {rest}" if rest else "")
