"""``gosnap dominators`` as text."""

from dataclasses import dataclass

from gosnap.heap.views import View
from gosnap.report.text.shared import file_argument, heading, left_out, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, size


@dataclass(frozen=True)
class Asked:
    """What the command was."""

    path: str
    under: int | str | None = None
    by: str = "object"


_WHAT = {"root": "held by", "goroutine": "goroutine", "global": "variable"}


def render(page: Page, view: View, asked: Asked) -> None:
    """What holds most, and where to look next."""
    t = view.totals
    heading(page, view.snapshot)
    under = f"{asked.under:#x}" if isinstance(asked.under, int) else clean(asked.under or "")
    what = f"retained by {under}" if under else "live"
    page.line(f"{plural(t['objects'], 'object')}, {size(t['bytes'])} {what}")
    page.line()
    if not view.rows:
        nothing = "it dominates nothing: what it refers to is held by others too"
        page.line(nothing if asked.under is not None else "nothing is held")
    elif asked.by in ("type", "package"):
        sets_table(page, view, asked.by)
        _rest(page, view, asked.by)
    elif asked.by == "object":
        rows_table(page, view, asked.under)
        left_out(page, view.left_out, "object")
    else:
        groups_table(page, view, asked.by)
        left_out(page, view.left_out, {"global": "variable"}.get(asked.by, asked.by))
        _others(page, view)
    warn_untrusted(page, view)
    page.next(*_next(view, asked))


def _next(view: View, asked: Asked) -> list[str]:
    name = file_argument(asked.path)
    first = view.rows[0] if view.rows else None
    commands = []
    if asked.by == "object":
        deeper = [r["object"] for r in view.rows if r["below"]]
        if deeper:
            commands.append(f"gosnap dominators {name} --under {deeper[0]}")
        if first is not None:
            commands.append(f"gosnap paths {name} {first['object']}")
    elif asked.by == "type" and first is not None:
        commands.append(f"gosnap paths {name} {file_argument(first['type'])}")
    elif asked.by == "global":
        named = [r["name"].removeprefix("global ") for r in view.rows if r["below"] and r["object"]]
        commands += [f"gosnap dominators {name} --under {file_argument(n)}" for n in named[:1]]
    elif asked.by == "goroutine":
        commands.append(f"gosnap goroutines {name}")
    if len(commands) < 2:
        commands.append(f"gosnap suspects {name}")
    return commands


def rows_table(page: Page, view: View, under: int | str | None) -> None:
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
    if len(head) > 6:
        page.table(head, rows, left=(4, 5, 6), drop=(3, 2), flexible=(5, 6))
    else:
        page.table(head, rows, left=(4, 5), drop=(3, 2))


def sets_table(page: Page, view: View, by: str) -> None:
    """The table of types, or of packages."""
    head = ["retained", "%", "objects", "themselves", "number", by]
    rows = [
        [
            size(r["retained_bytes"]),
            percent(r["retained_bytes"], view.totals["bytes"]),
            count(r["retained_objects"]),
            size(r["shallow_bytes"]),
            count(r["objects"]),
            clean(r["type"]),
        ]
        for r in view.rows
    ]
    page.table(head, rows, left=(5,), drop=(2, 1))


def _rest(page: Page, view: View, by: str) -> None:
    if view.left_out["rows"]:
        page.line(f"  … and {plural(view.left_out['rows'], by)} more (-n 0 shows all)", "dim")
    page.paragraph("what one retains may be in what another does: the rows do not add up", "  ")


def groups_table(page: Page, view: View, by: str) -> None:
    """The table of roots, goroutines or variables."""
    own = {"goroutine": "stack", "global": "itself"}.get(by)
    head = ["retained", "%", "objects", *([own] if own else []), _WHAT[by]]
    rows = []
    for r in view.rows:
        name = clean(r["name"])
        if by == "global":
            name = f"{name.removeprefix('global ')} {clean(r['type'])}"
        rows.append(
            [
                size(r["retained_bytes"]),
                percent(r["retained_bytes"], view.totals["bytes"]),
                count(r["retained_objects"]),
                *([size(r["shallow_bytes"])] if own else []),
                name,
            ]
        )
    page.table(head, rows, left=(len(head) - 1,), drop=(3,) if own else ())


def _others(page: Page, view: View) -> None:
    rest = view.totals["bytes"] - sum(r["retained_bytes"] for r in view.rows) - view.left_out["bytes"]
    if rest > 0:
        page.line(f"  {size(rest)} is held by other roots, or by several together", "dim")
