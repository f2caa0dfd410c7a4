"""``gosnap goroutines`` as text."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gosnap.heap.views import Row, View
from gosnap.report.text.shared import file_argument, heading, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, plural, shorten, size


@dataclass(frozen=True)
class Asked:
    """What the command was."""

    path: str
    leaked: bool


def render(page: Page, view: View, asked: Asked) -> None:
    """Groups of goroutines, and where to look next."""
    t = view.totals
    heading(page, view.snapshot)
    lost = f", {count(t['leaked'])} of them leaked" if t["leaked"] else ", none of them leaked"
    page.paragraph(
        f"{plural(t['goroutines'], 'goroutine')}{lost}; stacks of {size(t['stack_bytes'])}, "
        f"{size(t['retained_bytes'])} of the heap is held by goroutines alone"
    )
    if asked.leaked and not view.rows:
        page.line()
        page.line("every goroutine that waits can still be woken by something that is alive")
    for row in view.rows:
        page.line()
        _group(page, row)
    left = view.left_out
    if left["rows"]:
        page.line()
        page.line(f"… and {plural(left['rows'], 'stack')} more (-n 0 shows all)", "dim")
    warn_untrusted(page, view)
    name = file_argument(asked.path)
    commands = []
    if t["leaked"] and not asked.leaked:
        commands.append(f"gosnap goroutines {name} --leaked")
    user = next((r for r in view.rows if not r["system"]), None)
    if user is not None:
        commands.append(f"gosnap goroutines {name} --id {user['ids'][0]}")
    page.next(*commands, f"gosnap dominators {name} --by goroutine")


def _group(page: Page, row: Row) -> None:
    what = clean(row["wait_reason"] or row["state"])
    waited = duration(row["wait_seconds"])
    longest = "up to " if row["count"] > 1 else ""
    parts = [
        f"{count(row['count'])} × {what}" + (f", {longest}{waited}" if waited else ""),
        f"stack {size(row['stack_bytes'])}",
    ]
    if row["retained_bytes"]:
        parts.append(f"retains {size(row['retained_bytes'])}")
    head = page.style(parts[0], "bold") + "; " + ", ".join(parts[1:])
    if row["leaked"]:
        head += "; " + page.style("LEAKED: nothing can wake " + ("them" if row["count"] > 1 else "it"), "red")
    elif row["system"]:
        head += page.style("; the runtime's own", "dim")
    page.line(head)
    _frames(page, row)
    ids = ", ".join(str(i) for i in row["ids"])
    more = row["count"] - len(row["ids"])
    number = "goroutine " if row["count"] == 1 else "goroutines "
    page.paragraph(number + ids + (f" and {count(more)} more" if more else ""), "    ")


def _frames(page: Page, row: Row) -> None:
    lines = [(clean(f["function"]), place(f)) for f in row["frames"]]
    if row["more_frames"]:
        lines.append((f"… {plural(row['more_frames'], 'frame')} more (-v shows all)", ""))
    if row["created_by"]:
        lines.append(("created by " + clean(row["created_by"]["function"]), place(row["created_by"])))
    widest = max((len(where) for _, where in lines), default=0)
    longest = max((len(function) for function, _ in lines), default=0)
    room = min(longest, page.width - 6 - widest) if page.width else longest
    for function, where in lines:
        page.line(f"    {shorten(function, max(room, 20)):{max(room, 20)}}  {where}".rstrip())


def place(frame: dict[str, Any]) -> str:
    """``worker.go:88``."""
    return f"{clean(PurePosixPath(frame['file']).name)}:{frame['line']}"


def duration(seconds: int) -> str:
    """ "12 minutes", "3 h 5 min"; "" for no time to speak of, or where unknown."""
    if seconds < 1:
        return ""
    if seconds < 60:
        return plural(seconds, "second")
    if seconds < 3600:
        return plural(seconds // 60, "minute")
    if seconds < 172_800:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return plural(seconds // 86_400, "day")


def render_one(page: Page, view: View, path: str) -> None:
    """One goroutine: frame by frame with what each holds."""
    heading(page, view.snapshot)
    row = view.rows[0]
    page.line()
    what = clean(row["wait_reason"] or row["state"])
    waited = duration(row["wait_seconds"])
    page.line(f"goroutine {row['ids'][0]} [{what}{', ' + waited if waited else ''}]", "bold")
    said = f"stack {size(row['stack_bytes'])}, retains {size(row['retained_bytes'])} of the heap"
    page.line(f"  {said}" + ("; LEAKED: nothing can wake it" if row["leaked"] else ""))
    by_frame: dict[int, list[Row]] = {}
    for slot in view.extra["slots"]:
        by_frame.setdefault(slot["frame"], []).append(slot)
    for i, frame in [(-1, None), *enumerate(row["frames"])]:
        slots = by_frame.get(i, [])
        if frame is not None:
            page.line()
            page.line(f"  {clean(frame['function'])}  {page.style(place(frame), 'dim')}")
        elif slots:
            page.line()
            page.line("  (in no frame)")
        if slots:
            page.table(
                ["", "retained", "itself", "object", "name", "type"],
                [
                    [
                        "  ",
                        size(s["retained_bytes"]),
                        size(s["shallow_bytes"]),
                        s["object"],
                        clean(s["name"]),
                        clean(s["type"]),
                    ]
                    for s in slots
                ],
                left=(3, 4, 5),
                drop=(2,),
            )
    if row["created_by"]:
        page.line()
        page.line(f"  created by {clean(row['created_by']['function'])}  {place(row['created_by'])}")
    if view.extra["more_slots"]:
        page.line(f"  … and {plural(view.extra['more_slots'], 'slot')} more", "dim")
    warn_untrusted(page, view)
    name = file_argument(path)
    first = view.extra["slots"][0]["object"] if view.extra["slots"] else ""
    page.next(*([f"gosnap dominators {name} --under {first}"] if first else []), f"gosnap goroutines {name}")
