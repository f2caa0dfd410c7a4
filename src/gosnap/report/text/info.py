"""``gosnap info`` as text."""

from typing import Any

from gosnap.heap.views import View
from gosnap.report.text.shared import checks, file_argument, heading
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, duration, percent, plural, size, typed_share

_BAR = 16


def render(page: Page, view: View, *, verbose: bool = False) -> None:
    """Target, collector, where the RSS went, the file."""
    heading(page, view.snapshot)
    for note in view.extra["notes"]:
        page.paragraph("note: " + clean(note))
    page.title("target")
    page.pairs(_target(view.extra["target"], verbose))
    page.title("garbage collector")
    page.pairs(_gc(view.extra["gc"]))
    rss_table(page, view)
    page.title("heap")
    t = view.totals
    page.pairs(
        [
            ("objects", f"{count(t['heap_objects'])}, {size(t['heap_bytes'])}"),
            ("references", count(t["edges"])),
            ("typed", typed_share(t["untyped_bytes"], t["heap_bytes"]) + " of the bytes"),
            (
                "without a pointer mask",
                plural(t["objects_without_mask"], "object") if t["objects_without_mask"] else "",
            ),
        ]
    )
    _file(page, view, verbose)
    page.line()
    checks(page, view.checks)
    for row in view.extra["dangling"]:
        page.line(f"  object {row['object']} holds {row['pointer']}")
    name = file_argument(view.extra["file"]["path"])
    page.next(f"gosnap types {name}", f"gosnap spans {name}")


def _target(t: dict[str, Any], verbose: bool) -> list[tuple[str, str]]:
    limit = ""
    if "cgroup_limit_bytes" in t:
        usage = f", {size(t['cgroup_usage_bytes'])} used" if "cgroup_usage_bytes" in t else ""
        limit = f"{size(t['cgroup_limit_bytes'])}{usage} ({clean(t['cgroup'])})"
    states = ", ".join(f"{count(n)} {clean(s)}" for s, n in t["goroutine_states"].items())
    rows = [
        ("program", clean(t["exe"])),
        ("arguments", clean(" ".join(t["cmdline"][1:]))),
        ("Go", clean(t["go_version"]) + (", PIE" if t["pie"] else "")),
        ("threads", count(t["threads"])),
        ("goroutines", f"{count(t['goroutines'])} ({states})" if states else ""),
        ("swapped out", size(t["swap_bytes"]) if t["swap_bytes"] else ""),
        ("memory limit", limit),
        ("host", clean(f"{t['hostname']}, Linux {t['kernel']}") if t["kernel"] else ""),
    ]
    if verbose:
        rows += [("Go build id", clean(t["build_id"])), ("GNU build id", clean(t["gnu_build_id"]))]
    return rows


def _gc(gc: dict[str, Any]) -> list[tuple[str, str]]:
    cycles = ""
    if "cycles" in gc:
        forced = f", {count(gc['forced_cycles'])} of them forced" if gc.get("forced_cycles") else ""
        cycles = count(gc["cycles"]) + forced
    gogc = gc.get("gogc")
    return [
        ("phase", clean(gc["phase"])),
        ("cycles", cycles),
        ("pauses in all", duration(gc["pause_total_ns"] // 1000) if "pause_total_ns" in gc else ""),
        ("marked at the last cycle", size(gc["heap_marked_bytes"]) if "heap_marked_bytes" in gc else ""),
        ("heap live", size(gc["heap_live_bytes"]) if "heap_live_bytes" in gc else ""),
        ("next cycle at", size(gc["goal_bytes"]) if "goal_bytes" in gc else ""),
        ("GOGC", "" if gogc is None else "off" if gogc < 0 else str(gogc)),
        ("GOMEMLIMIT", size(gc["memory_limit_bytes"]) if "memory_limit_bytes" in gc else ""),
    ]


def rss_table(page: Page, view: View) -> None:
    t = view.totals
    known = view.extra["target"]["rss_known"]
    page.title(
        f"where the RSS went ({size(t['rss_bytes'])})"
        if known
        else f"what the core holds ({size(t['rss_bytes'])})"
    )
    widest = max((r["bytes"] for r in view.rows), default=0) or 1
    rows = []
    for r in view.rows:
        filled = round(_BAR * max(r["bytes"], 0) / widest)
        bar = "█" * filled + ("▏" if not filled and r["bytes"] > 0 else "")
        share = percent(r["bytes"], t["rss_bytes"])
        mapped = size(r["virtual_bytes"]) if r["virtual_bytes"] else ""
        rows.append([size(r["bytes"]), share, bar, mapped, r["region"], r["note"]])
    page.table(["resident", "%", "", "mapped", "region", ""], rows, left=(2, 4, 5), drop=(5,))


def _file(page: Page, view: View, verbose: bool) -> None:
    f = view.extra["file"]
    page.title("snapshot")
    contents = (
        "objects, references, types and contents"
        if f["contents"]
        else "objects, references and types; no contents"
    )
    page.pairs(
        [
            ("file", f"{clean(f['path'])}, {size(f['bytes'])}"),
            ("holds", contents),
            ("written by", f"gosnap {clean(f['gosnap'])}"),
        ]
    )
    if not verbose:
        return
    page.line()
    rows = [[s["name"], size(s["stored_bytes"]), size(s["bytes"])] for s in f["sections"]]
    page.table(["section", "stored", "unpacked"], [[clean(r[0]), *r[1:]] for r in rows], left=(0,))
    page.title("time")
    page.pairs([(key.replace("_", " "), duration(us)) for key, us in view.extra["timings_us"].items()])
