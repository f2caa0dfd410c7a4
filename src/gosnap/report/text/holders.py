"""``gosnap top --holders`` as text."""

import shlex

from gosnap.heap.views import View
from gosnap.report.text import pathtree, stacks
from gosnap.report.text.shared import file_argument, heading, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, short_paths


def render(page: Page, view: View, path: str, capture: list[str]) -> None:
    """Who holds what the functions that match allocated; ``path``: of the snapshot, which is there, or is
    made with ``capture``, a command's words."""
    heading(page, view.snapshot)
    t, numbers = view.totals, stacks.Numbers(view.extra["sampling"])
    tidy = short_paths if page.width else str
    names = ", ".join(tidy(clean(name)) for name in view.extra["functions"][:3])
    more = len(view.extra["functions"]) - 3 + view.extra["more_functions"]
    page.paragraph(
        f"what {names}{f' and {count(more)} more functions' if more > 0 else ''} allocated and is alive: "
        f"{numbers.size(t['bytes'])} in {numbers.count(t['objects'])} objects, by "
        f"{plural(t['samples'], 'sample')}; {percent(t['bytes'], t['live_bytes'])} of all that is alive"
    )
    if t["garbage_samples"]:
        page.paragraph(
            f"garbage, not counted: {numbers.size(t['garbage_bytes'])}, "
            f"{plural(t['garbage_samples'], 'sample')}"
        )
    page.paragraph(numbers.sampled)
    page.line()
    pathtree.show(page, view.rows, ("bytes", t["bytes"]), numbers=numbers, samples=numbers)
    left = view.left_out
    if left["rows"]:
        page.line(
            f"  … and {plural(left['rows'], 'path')} more: {numbers.size(left['bytes'])}, "
            f"{plural(left['samples'], 'sample')} (-n 0 shows all)",
            "dim",
        )
    warn_untrusted(page, view)
    what, name = view.rows[0]["steps"][-1]["type"], file_argument(path)
    before = [shlex.join(["gosnap", "capture", *capture])] if capture else []
    page.next(*before, f"gosnap paths {name} {file_argument(what)} --alloc", f"gosnap suspects {name}")
