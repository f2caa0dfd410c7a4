"""A written snapshot: opening it reads answers, it never repeats the analysis."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gosnap.errors import GosnapError
from gosnap.heap import schema
from gosnap.heap.views import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from gosnap.goruntime.heapprofile import HeapProfile
    from gosnap.heap.memprofile import AllocationSites
    from gosnap.target.container import Reader

FORMAT = 1
_BY = {"type": "name", "package": "package", "kind": "kind", "size-class": "spanclass"}
Row = dict[str, Any]


def open_snapshot(path: str | Path, *, alone: bool = False) -> "Snapshot":
    """Open a .gosnap file. GosnapError if it is not one, is damaged, or comes from a newer gosnap.

    ``alone``: this process does nothing else, so that memory that was freed may stay with it.
    """
    from gosnap._kernels.memory import keep_freed
    from gosnap.target.container import Reader

    if alone:
        keep_freed()
    reader = Reader.open(Path(path))
    meta = reader.json("meta")
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise GosnapError(
            f"{path}: a snapshot of another format ({meta.get('format') if isinstance(meta, dict) else '?'})",
            "take it again with this version of gosnap, or read it with the version that wrote it",
        )
    schema.check(meta, schema.META, f"{path}: meta")
    return Snapshot(Path(path), reader, meta)


class Snapshot:
    """A snapshot file and its answers."""

    def __init__(self, path: Path, reader: "Reader", meta: Row) -> None:
        self.path = path
        self.reader = reader
        self.meta = meta

    def types(
        self,
        by: str = "type",
        match: str | None = None,
        sort: str = "bytes",
        top: int | None = 20,
        only: str = "all",
        *,
        alloc: bool = False,
        stacks: int | None = 3,
    ) -> View:
        """Objects and bytes by type, package, kind or size class; ``top`` None for all rows; ``only``: all,
        live or garbage objects. ``alloc``: with the stacks that allocated the sampled ones of each row, at
        most so many ``stacks``."""
        table = self._answers("answers.types", schema.TYPES)
        view = types_view(self.meta, table, by=by, match=match, sort=sort, top=top, only=only)
        if alloc:
            from gosnap.heap.allocations import add_to_types
            from gosnap.heap.columns import Columns

            row_of = _rows_of(table, view.rows, by, match)
            view.extra["sampling"] = add_to_types(Columns(self.reader), view.rows, row_of, only, stacks)
        return view

    def _answers(self, name: str, shape: Any) -> Any:
        table = self.reader.json(name)
        schema.check(table, shape, f"{self.path}: {name}")
        return table

    def spans(self, top: int | None = None) -> View:
        """The allocator by size class; ``top`` limits the rows (largest span_bytes first) and the large
        objects."""
        table = self._answers("answers.spans", schema.SPANS)
        rows = table["rows"]
        left = {"rows": 0, "objects": 0, "bytes": 0}
        if top is not None and len(rows) > top:
            kept = sorted(rows, key=lambda r: (-r["span_bytes"], r["class"], r["scan"]))[:top]
            cut = [r for r in rows if r not in kept]
            left = {
                "rows": len(cut),
                "objects": sum(r["objects"] for r in cut),
                "bytes": sum(r["bytes"] for r in cut),
            }
            rows = [r for r in rows if r in kept]
        extra = {
            "mcache": table["mcache"],
            "mcentral": table["mcentral"],
            "states": table["states"],
            "page_heap": table["page_heap"],
            "large": table["large"][: top or 10],
        }
        return self._view("spans", table["totals"], rows, left, extra)

    def dominators(self, under: int | str | None = None, by: str = "object", top: int | None = 20) -> View:
        """What retains most: objects that only roots dominate, or that the object or variable at an address,
        or the variable of a name, does; or sets: ``by`` type, package, root, goroutine or global."""
        from gosnap.heap.dominators import dominators_view

        return dominators_view(self, under=under, by=by, top=top)

    def goroutines(
        self,
        leaked: bool = False,
        top: int | None = 20,
        frames: int | None = None,
        sort: str = "bytes",
    ) -> View:
        """Goroutines by stack and state; ``leaked``: only those that nothing can wake any more; ``sort``:
        bytes or count."""
        from gosnap.heap.goroutines import goroutines_view

        return goroutines_view(self, leaked=leaked, top=top, frames=frames, sort=sort)

    def goroutine(self, number: int) -> View:
        """One goroutine, by its number: frames, and what they hold."""
        from gosnap.heap.goroutines import goroutine_view

        return goroutine_view(self, number)

    def paths(
        self,
        what: str | int,
        top: int | None = 5,
        exclude: tuple[str, ...] = (),
        redact: bool = False,
        *,
        alloc: bool = False,
        stacks: int | None = 3,
    ) -> View:
        """Shortest paths from the roots to the object at an address, or merged ones to all objects of a type.
        ``alloc``: with the stacks that allocated them, at most so many ``stacks`` of each set."""
        from gosnap.heap.paths import paths_view

        name = f"{what:#x}" if isinstance(what, int) else what
        shown = stacks if alloc else 0
        return paths_view(self, name, top=top, excluded=exclude, redact=redact, stacks=shown)

    def suspects(self, since: "Snapshot | None" = None, top: int | None = 5, stacks: int | None = 3) -> View:
        """The few places that hold most, with the stacks that allocated what they hold; ``since``: an older
        snapshot, to say what grew."""
        from gosnap.heap.suspects import suspects_view

        return suspects_view(self, since=since, top=top, stacks=stacks)

    def holders(self, match: "Callable[[str], object]", top: int | None = 10, pattern: str = "") -> View:
        """Who holds what the functions allocated whose name, or file, matches: ``re.compile("Put$").search``,
        say. ``pattern``: how the answer calls these functions."""
        from gosnap.heap.holders import holders_view

        return holders_view(self, match, top=top, pattern=pattern)

    def heap_profile(self) -> "HeapProfile":
        """The runtime's memory profile at that moment; GosnapError where there is none."""
        from gosnap.heap.storedprofile import stored_profile

        return stored_profile(self.reader)

    def allocation_sites(self, profile: "HeapProfile") -> "AllocationSites":
        """Which object was allocated by which row of the profile, for those that it samples."""
        from gosnap.heap.columns import Columns
        from gosnap.heap.memprofile import allocation_sites

        return allocation_sites(Columns(self.reader), profile)

    def info(self) -> View:
        """Target, collector, file, and the rows of the RSS."""
        info = self.meta["info"]
        sections = [
            {"name": s.name, "bytes": s.raw_bytes, "stored_bytes": s.stored_bytes}
            for s in self.reader.sections
        ]
        extra = {
            "target": info["target"],
            "gc": info["gc"],
            "file": {
                "path": str(self.path),
                "bytes": self.path.stat().st_size,
                "gosnap": self.meta["gosnap"],
                "contents": self.meta["contents"],
                "sections": sections,
            },
            "notes": info["notes"],
            "timings_us": self.meta["timings_us"],
            "dangling": self.meta["dangling"],
        }
        return self._view("info", info["totals"], info["rows"], None, extra)

    def _view(
        self, kind: str, totals: dict[str, int], rows: list[Row], left: dict[str, int] | None, extra: Row
    ) -> View:
        view = View(kind, self.meta["snapshot"], self.meta["checks"], totals, rows, extra=extra)
        if left is not None:
            view.left_out = left
        return view


def types_view(
    meta: Row, table: Row, *, by: str, match: str | None, sort: str, top: int | None, only: str = "all"
) -> View:
    """Group the stored type table. ``match`` is a regular expression on the type's name; ``only``: all, live
    or
    garbage objects."""
    if by not in _BY:
        raise GosnapError(f"cannot group by {by!r}", f"one of {', '.join(_BY)}")
    known = "reachable_objects" in meta["totals"]
    if only != "all" and not known:
        raise GosnapError(
            "this snapshot does not tell live objects from garbage", "its notes say why: `gosnap info FILE`"
        )
    pattern = _compile(match)
    groups: dict[Any, _Sum] = {}
    keys, names = table[_BY[by]], table["name"]
    for i, key in enumerate(keys):
        if pattern is None or pattern.search(names[i]):
            groups.setdefault(key, _Sum()).add(table, i, only)
    column = by.replace("-", "_")
    rows = []
    for key, total in groups.items():
        if not total.objects and only != "all":
            continue
        row: Row = {column: key, "objects": total.objects, "bytes": total.bytes}
        if by == "size-class":
            row = {column: key >> 1, **_size_of(key), "objects": total.objects, "bytes": total.bytes}
        rows.append(row)
    orders: dict[str, Any] = {
        "bytes": lambda r: (-r["bytes"], -r["objects"], str(r[column]), r.get("scan", 0)),
        "objects": lambda r: (-r["objects"], -r["bytes"], str(r[column]), r.get("scan", 0)),
        "name": lambda r: (r[column], r.get("scan", 0)),
    }
    if sort not in orders:
        raise GosnapError(f"cannot sort by {sort!r}", f"one of {', '.join(orders)}")
    rows.sort(key=orders[sort])
    cut = rows[top:] if top is not None else []
    rows = rows[:top] if top is not None else rows
    totals = dict(meta["totals"])
    if pattern is not None or only != "all":
        totals = {
            "objects": sum(g.objects for g in groups.values()),
            "bytes": sum(g.bytes for g in groups.values()),
            "untyped_bytes": sum(g.untyped_bytes for g in groups.values()),
        }
        if known:
            totals["reachable_objects"] = sum(g.live_objects for g in groups.values())
            totals["reachable_bytes"] = sum(g.live_bytes for g in groups.values())
    left = {
        "rows": len(cut),
        "objects": sum(r["objects"] for r in cut),
        "bytes": sum(r["bytes"] for r in cut),
    }
    return View("types", meta["snapshot"], meta["checks"], totals, rows, left)


def _rows_of(table: Row, rows: list[Row], by: str, match: str | None) -> list[int]:
    """For each row of the stored table the row of the view that it is in, -1 for none."""
    pattern, column = _compile(match), by.replace("-", "_")
    place = {
        (r[column] << 1 | 1 - r["scan"] if by == "size-class" else r[column]): i for i, r in enumerate(rows)
    }
    return [
        place.get(key, -1) if pattern is None or pattern.search(name) else -1
        for key, name in zip(table[_BY[by]], table["name"], strict=True)
    ]


@dataclass
class _Sum:
    """Rows of the type table that fall together."""

    objects: int = 0
    bytes: int = 0
    untyped_bytes: int = 0
    live_objects: int = 0
    live_bytes: int = 0

    def add(self, table: Row, row: int, only: str) -> None:
        live, live_bytes = table["live_objects"][row], table["live_bytes"][row]
        objects, size = table["objects"][row], table["bytes"][row]
        if only == "live":
            objects, size = live, live_bytes
        elif only == "garbage":
            objects, size = objects - live, size - live_bytes
            live, live_bytes = 0, 0
        self.objects += objects
        self.bytes += size
        self.live_objects += live
        self.live_bytes += live_bytes
        if not table["typed"][row]:
            self.untyped_bytes += size


def _size_of(spanclass: int) -> Row:
    from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE

    if not 0 <= spanclass >> 1 < len(CLASS_TO_SIZE):
        raise GosnapError(f"span class {spanclass} is none of Go's")
    return {"size": CLASS_TO_SIZE[spanclass >> 1], "scan": 1 - (spanclass & 1)}


def _compile(match: str | None) -> "re.Pattern[str] | None":
    if match is None:
        return None
    try:
        return re.compile(match)
    except re.error as e:
        raise GosnapError(
            f"--match '{match}': {e}", "give a regular expression, such as '^main\\.'"
        ) from None
