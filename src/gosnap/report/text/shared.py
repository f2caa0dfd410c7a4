"""Parts that several views have in common."""

import shlex

from rich.cells import cell_len

from gosnap.heap.views import Row, View
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, duration, plural, shorten, size

_CHECKS = (
    ("dangling_pointers", "dangling pointers"),
    ("bad_type_headers", "bad type headers"),
    ("span_count_mismatches", "span mismatches"),
)


def file_argument(path: str) -> str:
    """A path as it must be typed in a shell."""
    return shlex.quote(path)


def moment(iso: str) -> str:
    """2026-11-24T08:15:30.123Z as "2026-11-24 08:15:30Z"."""
    date, _, time = iso.partition("T")
    return f"{date} {time.partition('.')[0].rstrip('Z')}Z" if time else iso


def heading(page: Page, snapshot: Row) -> None:
    """Which program, when, how."""
    source = {"live": "live", "fork": "live, by a clone", "core": "from a core"}.get(
        snapshot["source"], clean(snapshot["source"])
    )
    pause = f", stopped for {duration(snapshot['pause_us'])}" if snapshot["source"] != "core" else ""
    program, when = clean(snapshot["program"]), moment(clean(snapshot["taken_at"]))
    rest = f" (pid {snapshot['pid']}, {clean(snapshot['go_version'])}), {source}{pause}"
    fits = not page.width or cell_len(program + rest) + len(when) + 2 <= page.width
    page.line(page.style(program, "bold") + rest + (f", {when}" if fits else ""))
    if not fits:
        page.line(f"  taken {when}", "dim")


def checks(page: Page, values: dict[str, int], *, always: bool = True) -> None:
    """The self-checks; a value that is not 0 is a loud warning."""
    wrong = [f"{count(values[key])} {name}" for key, name in _CHECKS if values[key]]
    if wrong:
        page.line()
        page.line("WARNING: the self-checks FAILED: " + ", ".join(wrong), "red")
        page.line(
            "This snapshot was not read correctly; do not trust it. Please report it, with the Go version."
        )
    elif always:
        passed = ", ".join(f"0 {name}" for _, name in _CHECKS)
        page.line(page.style("self-checks passed", "green") + f": {passed}")


def left_out(page: Page, left: dict[str, int], what: str) -> None:
    """What the row limit cut off; ``what`` is one row."""
    if left["rows"]:
        page.line(
            f"  … and {plural(left['rows'], what, what + ('es' if what.endswith('s') else 's'))} more: "
            f"{plural(left['objects'], 'object')}, {size(left['bytes'])}"
            " (-n 0 shows all)",
            "dim",
        )


def warn_untrusted(page: Page, view: View) -> None:
    """Checks that failed are said with every answer."""
    checks(page, view.checks, always=False)


def broken(parts: list[str], room: int, arrow: str) -> list[str]:
    """Parts with arrows between them, in lines of at most so many columns (0: one line)."""
    lines = [""]
    for i, part in enumerate(parts):
        piece = (arrow if i else "") + (shorten(part, room) if room else part)
        if room and lines[-1] and cell_len(lines[-1]) + cell_len(piece) > room:
            lines.append(" " + arrow + shorten(part, max(room - 1 - cell_len(arrow), 8)))
        else:
            lines[-1] += piece
    return lines
