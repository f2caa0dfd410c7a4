"""``gosnap spans`` as text."""

from gosnap.heap.views import View
from gosnap.report.text.shared import file_argument, heading, left_out, warn_untrusted
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, percent, plural, size


def render(page: Page, view: View, path: str) -> None:
    """Size classes, the page heap, large objects."""
    t, states, heap = view.totals, view.extra["states"], view.extra["page_heap"]
    heading(page, view.snapshot)
    page.paragraph(
        f"{count(t['spans'])} spans of {size(t['span_bytes'])}: {count(t['objects'])} objects "
        f"{size(t['bytes'])}, {count(t['free_slots'])} free slots {size(t['free_slot_bytes'])} "
        f"({percent(t['free_slot_bytes'], t['span_bytes'])}), tails {size(t['tail_waste_bytes'])}"
    )
    page.title("size classes")
    head = [
        "class",
        "size",
        "",
        "spans",
        "in spans",
        "objects",
        "bytes",
        "free slots",
        "free",
        "tails",
        "mcache",
        "full",
        "partial",
        "empty",
        "unswept",
    ]
    rows = [
        [
            str(r["class"]) if r["class"] else "large",
            str(r["size"]) if r["size"] else "",
            "pointers" if r["scan"] else "noscan",
            count(r["spans"]),
            size(r["span_bytes"]),
            count(r["objects"]),
            size(r["bytes"]),
            count(r["free_slots"]),
            size(r["free_bytes"]),
            size(r["tail_waste_bytes"]),
            *(
                count(r[k]) if r[k] else "-"
                for k in ("mcache_spans", "full_spans", "partial_spans", "empty_spans", "unswept_spans")
            ),
        ]
        for r in view.rows
    ]
    page.table(head, rows, left=(2,), drop=(14, 13, 9, 11, 12, 10, 6))
    left_out(page, view.left_out, "size class")
    mcache, mcentral = view.extra["mcache"], view.extra["mcentral"]
    page.title("mcache and mcentral")
    page.pairs(
        [
            (
                "mcache",
                f"{plural(mcache['ps'], 'P')} hold {plural(mcache['spans'], 'span')} "
                f"with {size(mcache['free_bytes'])} of free slots, each for itself",
            ),
            (
                "mcentral",
                f"{count(mcentral['full_spans'])} full, {count(mcentral['partial_spans'])} partial, "
                f"{count(mcentral['empty_spans'])} empty spans "
                f"with {size(mcentral['free_bytes'])} of free slots",
            ),
        ]
    )
    page.title("mheap")
    page.pairs(
        [
            ("spans in use", f"{count(states['in_use'])}, {size(heap['in_use_bytes'])}"),
            (
                "spans of stacks and the runtime",
                f"{count(states['manual'])}, {size(heap['stack_bytes'] + heap['work_buffer_bytes'])}",
            ),
            ("free mspan structures", count(states["dead"])),
            ("arenas", f"{size(heap['arena_bytes'])} mapped"),
            (
                "idle pages",
                f"{size(heap['idle_bytes'])} resident, {size(heap['released_bytes'])} given back",
            ),
        ]
    )
    large = view.extra["large"]
    if large:
        page.title(f"large objects ({count(t['large_objects'])}, {size(t['large_bytes'])})")
        page.table(
            ["address", "bytes", "type"],
            [[r["address"], size(r["bytes"]), clean(r["type"])] for r in large],
            left=(2,),
        )
        rest = t["large_objects"] - len(large)
        if rest > 0:
            page.line(
                f"  … and {count(rest)} more, {size(t['large_bytes'] - sum(r['bytes'] for r in large))}",
                "dim",
            )
    warn_untrusted(page, view)
    name = file_argument(path)
    page.next(f"gosnap types {name} --by size-class", f"gosnap info {name}")
