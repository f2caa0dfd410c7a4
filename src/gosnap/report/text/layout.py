"""``gosnap layout`` as text."""

from dataclasses import dataclass
from itertools import groupby

from gosnap.heap.views import Row, View
from gosnap.report.text.shared import file_argument
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, plural, size

_SHARED_SLOT = 16
"""Objects without pointers that are smaller share slots of this size."""


_PLAIN_MASK = 40


@dataclass(frozen=True)
class Asked:
    """What was asked for: the program, a snapshot beside it, whether all structures, and only those with
    padding."""

    path: str
    snapshot: str | None = None
    whole: bool = False
    padding: bool = False


def render(page: Page, view: View, asked: Asked) -> None:
    """The whole answer."""
    if asked.whole:
        _all(page, view, asked)
    else:
        _one(page, view, asked)


# ---------------------------------------------------------------------- one structure


def _one(page: Page, view: View, asked: Asked) -> None:
    s = view.extra["struct"]
    language = "C" if s["language"] == "C" else "Go"
    page.line(page.style(clean(s["name"]), "bold") + f"  {language} {s['kind']} in {_program(view)}")
    page.line(f"{s['size']} bytes, aligned to {s['align']}" + _slot(s))
    page.line()
    _fields(page, view.rows, go=language == "Go")
    page.line()
    if s["padding_bytes"]:
        page.line(f"{plural(s['padding_bytes'], 'byte')} of padding in {plural(s['holes'], 'place')}")
    else:
        page.line("no padding")
    if language == "Go":
        _pointers(page, s)
    _better(page, view, s)
    if view.extra["others"]:
        sizes = ", ".join(f"{o['size']} bytes ({o['language']})" for o in view.extra["others"])
        page.line()
        page.paragraph(
            f"{plural(len(view.extra['others']), 'other structure')} of this name, not shown: {sizes}. "
            "`struct NAME` asks for C's."
        )
    name = file_argument(asked.path)
    wide = f"gosnap layout {name} --all --padding"
    beside = asked.snapshot and f" --snapshot {file_argument(asked.snapshot)}"
    if not beside and language == "Go" and not view.extra["counted"]:
        beside = " --snapshot FILE.gosnap"
    page.next(wide + (beside or ""))


def _program(view: View) -> str:
    facts = view.snapshot
    version = f" ({clean(facts['go_version'])})" if facts["go_version"] else ""
    return f"{clean(facts['program'])}{version}"


def _slot(s: Row) -> str:
    if s["language"] == "C":
        return ""
    if s["size"] < _SHARED_SLOT and not s["pointer_bytes"]:
        return ", in the heap in a slot shared with other small objects"
    wasted = f", {count(s['wasted_bytes'])} of them unused" if s["wasted_bytes"] else ""
    return f", in the heap a slot of {count(s['slot_bytes'])}{wasted}"


def _fields(page: Page, rows: list[Row], *, go: bool) -> None:
    head = ["offset", "size", "align", "field", "type", "pointers"]
    table: list[list[str]] = []
    for r in rows:
        at = f"{r['offset']}:{r['bit']}" if r["bits"] else str(r["offset"])
        width = f"{r['bits']} bits" if r["bits"] else str(r["size"])
        name = r["name"] or "(no name)"
        more = "…" if r["pointer_bytes"] // 8 > len(r["gc_mask"]) else ""
        pointers = _mask(r["gc_mask"].ljust(min(r["size"] // 8, 4), "0")) + more if r["pointer_bytes"] else ""
        table.append([at, width, str(r["align"]), name, r["type"], pointers])
        if r["padding_bytes"]:
            end = r["offset"] + r["size"]
            table.append([str(end), str(r["padding_bytes"]), "", "(padding)", "", ""])
    page.table(head if go else head[:5], [r if go else r[:5] for r in table], left=(3, 4, 5), flexible=(3, 4))


def _pointers(page: Page, s: Row) -> None:
    if not s["pointer_bytes"]:
        page.line("no pointers: the collector does not look into it")
        return
    more = " …" if s["pointer_bytes"] // 8 > len(s["gc_mask"]) else ""
    page.paragraph(
        f"the collector looks at the first {plural(s['pointer_bytes'], 'byte')}; pointers (p) word by word: "
        f"{_mask(s['gc_mask'])}{more}"
    )


def _mask(bits: str) -> str:
    """ "p--p", or with runs of many: "p -x12 p"."""
    text = bits.replace("1", "p").replace("0", "-")
    if len(text) <= _PLAIN_MASK:
        return text
    runs = [(bit, len(list(same))) for bit, same in groupby(text)]
    return " ".join(bit if n == 1 else f"{bit}x{n}" for bit, n in runs)


def _better(page: Page, view: View, s: Row) -> None:
    rows = view.extra["better"]
    page.line()
    if not rows:
        page.line("no order of its fields takes less" if s["kind"] != "union" else "a union has no order")
        return
    smaller, scanned = s["size"] - s["better_size"], s["pointer_bytes"] - s["better_pointer_bytes"]
    if smaller:
        text = f"in this order it takes {s['better_size']} bytes, {smaller} less"
        if s["language"] == "Go":
            text += (
                f", and a slot of {count(s['better_slot_bytes'])} instead of {count(s['slot_bytes'])}"
                if s["saves_each_bytes"]
                else f", but a slot of {count(s['slot_bytes'])} as before"
            )
    else:
        text = (
            f"in this order it takes as much, but the collector looks at {plural(scanned, 'byte')} less "
            f"({s['better_pointer_bytes']} instead of {s['pointer_bytes']})"
        )
    page.paragraph(text + ":")
    page.line()
    _fields(page, rows, go=s["language"] == "Go")
    if view.extra["counted"] and s["language"] == "Go":
        page.line()
        page.paragraph(_saved(s))


def _saved(s: Row) -> str:
    if not s["live_objects"] and not s["live_arrays"]:
        return "The snapshot has no live object of it: nothing to save in the heap."
    held = []
    if s["live_objects"]:
        held.append(plural(s["live_objects"], "live object"))
    if s["live_arrays"]:
        held.append(f"{plural(s['live_arrays'], 'array')} of it with {size(s['live_array_bytes'])}")
    saved = f"would save about {size(s['saves_bytes'])}" if s["saves_bytes"] else "would save nothing"
    return f"{' and '.join(held)} in the snapshot: this order {saved}."


# ---------------------------------------------------------------------- all of them


def _all(page: Page, view: View, asked: Asked) -> None:
    t = view.totals
    page.line(page.style(_program(view), "bold"))
    page.line(
        f"{plural(t['structures'], 'structure')}, {count(t['with_padding'])} with padding, "
        f"{count(t['improvable'])} smaller in another order"
    )
    counted = bool(view.extra["counted"])
    if counted:
        saved = f"about {size(t['saves_bytes'])}" if t["saves_bytes"] else "nothing"
        page.line(f"of the snapshot's live objects better orders would save {saved} in all")
    page.line()
    if not view.rows:
        page.line("no structure has padding" if asked.padding else "no structure matches")
    else:
        _rows(page, view, counted=counted)
    name = file_argument(asked.path)
    first = view.rows[0]["name"] if view.rows else "main.User"
    beside = f" --snapshot {file_argument(asked.snapshot)}" if asked.snapshot else ""
    page.next(f"gosnap layout {name} {file_argument(first)}{beside}")


def _rows(page: Page, view: View, *, counted: bool) -> None:
    head = ["saves", "live", "each", "size", "best", "slot", "padding", "structure"]
    table = []
    for r in view.rows:
        live = r["live_objects"]
        heap = r["language"] == "Go"
        slots = str(r["slot_bytes"]) if heap else ""
        if r["saves_each_bytes"] and heap:
            slots = f"{r['slot_bytes']} → {r['better_slot_bytes']}"
        table.append(
            [
                size(r["saves_bytes"]) if r["saves_bytes"] else "",
                count(live) if live else "",
                str(r["saves_each_bytes"] or "") if heap else "",
                str(r["size"]),
                str(r["better_size"]) if r["better_size"] < r["size"] else "",
                slots,
                str(r["padding_bytes"] or ""),
                r["name"] if heap else f"{r['name']} (C)",
            ]
        )
    keep = range(8) if counted else range(2, 8)
    page.table(
        [head[i] for i in keep],
        [[r[i] for i in keep] for r in table],
        left=(len(keep) - 1,),
        drop=(len(keep) - 3,),
    )
    if view.left_out["rows"]:
        page.line(f"  … and {plural(view.left_out['rows'], 'structure')} more (-n 0 shows all)", "dim")
