"""``gosnap paths`` as text."""

from gosnap.heap.views import Row, View
from gosnap.report.text import pathtree, stacks
from gosnap.report.text.shared import broken, file_argument, heading, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, plural, size


def render(page: Page, view: View, path: str) -> None:
    """Paths, one below the other, or merged as a tree."""
    heading(page, view.snapshot)
    target, name = view.extra["target"], file_argument(path)
    if target["object"]:
        _one(page, view, name)
    else:
        _many(page, view, name)


def _one(page: Page, view: View, name: str) -> None:
    t, target = view.totals, view.extra["target"]
    page.paragraph(
        f"{target['object']} {clean(target['type'])}, {size(t['bytes'])}, keeps "
        f"{size(t['retained_bytes'])} in {plural(t['retained_objects'], 'object')} alive"
    )
    if not view.extra["contents"]:
        page.line("the snapshot was taken with --no-contents: keys and lengths are not known", "dim")
    for row in view.rows:
        page.line()
        path_lines(page, row["steps"])
    left = view.left_out["rows"]
    if left:
        page.line()
        page.line(f"… and {plural(left, 'reference')} more to it (-n 0 shows all)", "dim")
    if "sampling" in view.extra:
        _allocated(page, view)
    warn_untrusted(page, view)
    holders = [s["object"] for s in view.rows[0]["steps"] if s["object"] and s["kind"] != "target"]
    commands = [f"gosnap dominators {name} --under {target['object']}"] if t["retained_objects"] > 1 else []
    if holders:
        commands.append(f"gosnap paths {name} {holders[-1]}")
    page.next(*commands or [f"gosnap dominators {name}"])


def path_lines(page: Page, steps: list[Row], indent: str = "") -> None:
    """One path as code would say it, broken between steps."""
    parts = [clean(s["label"]) for s in steps[:-1]]
    last = steps[-1]
    # the type of a slice or string says what it leads to, that of an interface does not
    if len(steps) < 3 or clean(last["type"]) not in parts[-1] or not parts[-1].endswith(")"):
        parts.append(clean(last["label"]))
    for line in broken(parts, page.width - len(indent) - 2 if page.width else 0, pathtree.ARROW):
        page.line(indent + line)


def _many(page: Page, view: View, name: str) -> None:
    t = view.totals
    what = clean(view.extra["target"]["type"])
    page.paragraph(f"{plural(t['objects'], 'object')} of {what}, {size(t['bytes'])}, held by")
    sampling = view.extra.get("sampling")
    samples = stacks.Numbers(sampling) if sampling is not None and not sampling["note"] else None
    if samples is not None:
        page.paragraph(f"{count(view.extra['alloc']['samples'])} of them are samples; {samples.sampled}")
    page.line()
    pathtree.show(page, view.rows, ("objects", t["objects"]), samples=samples)
    left = view.left_out
    if left["rows"]:
        page.line(
            f"  … and {plural(left['rows'], 'path')} more: {plural(left['objects'], 'object')}, "
            f"{size(left['bytes'])} (-n 0 shows all)",
            "dim",
        )
    if sampling is not None and samples is None:
        stacks.missing(page, sampling)
    warn_untrusted(page, view)
    page.next(f"gosnap dominators {name} --by type", f"gosnap suspects {name}")


def _allocated(page: Page, view: View) -> None:
    """Who allocated one object, and what it keeps alive."""
    extra, t = view.extra, view.totals
    if extra["sampling"]["note"]:
        stacks.missing(page, extra["sampling"])
        return
    numbers = stacks.Numbers(extra["sampling"])
    page.line()
    page.paragraph(numbers.sampled)
    (stack, *_) = extra["alloc"]["stacks"] or [None]
    if stack is not None:
        page.line("it was allocated by")
        for line in stacks.short(stack["frames"], page.width - 2 if page.width else 0):
            page.line("  " + line)
    else:
        alike, what = extra["alloc_type"], clean(extra["target"]["type"])
        others = f"; of the other {what} {plural(alike['samples'], 'object')} were, allocated by"
        page.paragraph("it was not sampled" + (others if alike["samples"] else ""))
        stacks.block(page, alike, numbers, "  ")
    kept = extra["alloc_retained"]
    if kept["samples"] > extra["alloc"]["samples"]:
        page.paragraph(
            f"of the {plural(t['retained_objects'], 'object')} that it keeps alive, itself included, "
            f"{count(kept['samples'])} {'were' if kept['samples'] > 1 else 'was'} sampled, allocated by"
        )
        stacks.block(page, kept, numbers, "  ")
