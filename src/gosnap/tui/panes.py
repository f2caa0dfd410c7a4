"""What the lower part of the screen lists: allocation sites, goroutines, regions, size classes, collections.

A pane turns the last tick into rows of text with values to sort them by. Nothing here knows of a screen.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from rich.cells import cell_len, chop_cells

from gosnap.live.changes import History
from gosnap.live.record import Row as Record
from gosnap.live.record import size_classes
from gosnap.live.sites import Frame, Stack
from gosnap.live.watcher import Tick
from gosnap.live.watches import Watches
from gosnap.report.text.units import clean, count, duration, percent, short_paths, size
from gosnap.tui.columns import Column

MOST = 500
"""Rows of a pane."""
_STACKS = 10
_INDENT = 4
Value = int | float | str


@dataclass
class Row:
    """A line of a pane. ``key``: stays the same from tick to tick; ``values``: what columns sort by;
    ``detail``: what Enter shows of it."""

    key: str
    cells: list[str]
    values: list[Value]
    detail: Callable[[], "Detail"]


@dataclass
class Detail:
    """What Enter shows: a title and lines, then such of functions, which lose the directories of their import
    paths where they are too long."""

    title: str
    lines: list[str]
    functions: list[str] = field(default_factory=list)

    def fitted(self, width: int) -> list[str]:
        """The lines below the title, none longer than the width."""
        out = []
        for text in self.lines:
            out += folded(text, width)
        for text in self.functions:
            out += folded(text if cell_len(text) <= width else short_paths(text), width)
        return out


def folded(text: str, width: int) -> list[str]:
    """A line in pieces of at most ``width`` columns; those behind the first are indented."""
    first, *rest = chop_cells(text, width) or [""]
    if not rest or width <= 2 * _INDENT:
        return [first, *rest]
    return [first, *(" " * _INDENT + t for t in chop_cells("".join(rest), width - _INDENT))]


@dataclass
class Seen:
    """What panes show: the history, and what knows the stacks of a site."""

    history: History
    stacks: Callable[[Frame, int], list[Stack]]
    watches: Watches
    chosen: Callable[[str], bool] = field(default=lambda text: True)
    """Whether a row's name is let through by the filter."""

    @property
    def tick(self) -> Tick | None:
        return self.history.last


class Pane(ABC):
    """One list."""

    name: str
    columns: Sequence[Column]
    sort: int = 0
    """The column that it is sorted by at first."""
    part: str = ""
    """The part of a tick that it shows, for its age and for why there is none."""

    @abstractmethod
    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        """The rows in order, at most MOST."""

    def note(self, seen: Seen) -> str:
        """A line above the rows."""
        return ""

    def empty(self, seen: Seen) -> str:
        """Why there are no rows."""
        tick = seen.tick
        if tick is not None and self.part in tick.absent:
            return tick.absent[self.part]
        return "nothing to show yet"


def ordered(rows: list[Row], sort: int, reverse: bool) -> list[Row]:
    """Numbers: the largest first; names: as in a dictionary; the other way round with ``reverse``."""
    if not rows:
        return rows
    down = not isinstance(rows[0].values[sort], str)
    rows.sort(key=lambda r: r.key)
    rows.sort(key=lambda r: r.values[sort], reverse=down != reverse)
    return rows[:MOST]


def signed(value: int, text: Callable[[int], str] = count) -> str:
    """+1,234, -5, or nothing for 0."""
    return "" if not value else ("+" if value > 0 else "-") + text(abs(value))


def place(frame: Frame) -> str:
    """file.go:12."""
    return f"{PurePath(frame.file).name}:{frame.line}" if frame.file else ""


def properties(title: str, record: Record) -> Detail:
    """All values of a row, whole."""
    wide = max(map(len, record), default=0)
    lines = []
    for name, value in record.items():
        text = clean(str(value))
        if isinstance(value, int):
            text = f"{size(value)} ({value:,})" if "bytes" in name and value >= 1024 else f"{value:,}"
        lines.append(f"{name.replace('_', ' '):{wide}}  {text}")
    return Detail(title, lines)


class Sites(Pane):
    """Calls that allocate, from the memory profile."""

    name = "sites"
    part = "sites"
    columns = (
        Column("in use"),
        Column("%", drop=2),
        Column("pprof", drop=4),
        Column("grown", drop=5),
        Column("allocated", drop=3),
        Column("per s"),
        Column("objects", drop=1),
        Column("function", left=True, flexible=True),
        Column("line", left=True, drop=6),
    )
    _by = (
        *("inuse_now_bytes", "inuse_now_bytes", "inuse_bytes", "grown_bytes", "alloc_bytes"),
        *("alloc_bytes_per_s", "inuse_now_objects"),
    )

    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        table = seen.tick.sites if seen.tick is not None else None
        if table is None:
            return []
        whole = table.total("inuse_now_bytes")
        by = self._by[sort] if sort < len(self._by) else self._by[0]
        chosen = table.top(by, MOST, lambda f: seen.chosen(f"{f.function} {place(f)}"))
        out = []
        for i in chosen:
            frame, v = table.frames[i], table.row(i)
            function = clean(frame.function)
            out.append(
                Row(
                    f"{frame.function} {frame.file}:{frame.line}",
                    [
                        size(v["inuse_now_bytes"]),
                        percent(v["inuse_now_bytes"], whole),
                        size(v["inuse_bytes"]),
                        signed(v["grown_bytes"], size),
                        size(v["alloc_bytes"]) if v["alloc_bytes"] else "",
                        size(v["alloc_bytes_per_s"]) if v["alloc_bytes_per_s"] else "",
                        count(v["inuse_now_objects"]),
                        function,
                        clean(place(frame)),
                    ],
                    [*(v[name] for name in self._by), function, place(frame)],
                    lambda f=frame, v=v: self._detail(seen, f, v),  # type: ignore[misc]
                )
            )
        return ordered(out, sort, reverse)

    @staticmethod
    def _detail(seen: Seen, frame: Frame, values: Record) -> Detail:
        out = properties(clean(frame.function), {"line": f"{frame.file}:{frame.line}", **values})
        for stack in seen.stacks(frame, _STACKS):
            out.functions += [
                "",
                f"{size(stack.inuse_now_bytes)} in use, {size(stack.alloc_bytes)} allocated since by",
                *(f"  {clean(f.function)}  {clean(place(f))}" for f in stack.frames),
            ]
        return out

    def note(self, seen: Seen) -> str:
        table = seen.tick.sites if seen.tick is not None else None
        if table is None:
            return ""
        if table.doubts:
            return table.doubts[0]
        total, shown = table.total("inuse_now_bytes"), table.total("inuse_bytes")
        return f"estimated from samples: {size(total)} in use, {size(shown)} as pprof would show it now"


class Goroutines(Pane):
    """Goroutines by state and by what they wait for."""

    name = "goroutines"
    part = "goroutines"
    columns = (
        Column("count"),
        Column("change"),
        Column("since", drop=1),
        Column("state", left=True),
        Column("waits for", left=True, flexible=True),
    )

    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        census = seen.tick.census if seen.tick is not None else None
        if census is None:
            return []
        step, since = seen.history.change(), seen.history.since()
        states = census.by_state()
        moved = step.states if step else {}
        long = since.states if since else {}
        out = []
        for key in {**states, **{k: 0 for k in moved if k not in states}}:
            state, reason = (clean(t) for t in key)
            if not seen.chosen(f"{state} {reason}"):
                continue
            n, now, then = states.get(key, 0), moved.get(key, 0), long.get(key, 0)
            out.append(
                Row(
                    f"{state} {reason}".strip(),
                    [count(n), signed(now), signed(then), state, reason],
                    [n, now, then, state, reason],
                    lambda k=key: self._detail(seen, k),  # type: ignore[misc]
                )
            )
        return ordered(out, sort, reverse)

    @staticmethod
    def _detail(seen: Seen, key: tuple[str, str]) -> Detail:
        census = seen.tick.census if seen.tick is not None else None
        title = " ".join(filter(None, key))
        lines = []
        for g in census.groups if census is not None else []:
            if (g.state, g.reason) != key or g.system:
                continue
            lines.append(f"{g.count:>9,}  {clean(g.function)}")
            if g.created_by:
                lines.append(f"{'':9}    created by {clean(g.created_by)}")
        return Detail(clean(title), [] if lines else ["none any more"], lines)

    def note(self, seen: Seen) -> str:
        census = seen.tick.census if seen.tick is not None else None
        if census is None:
            return ""
        return f"{count(census.user)} goroutines, and {census.system} of the runtime's own"


class Regions(Pane):
    """Where the RSS is, as ``gosnap info`` has it."""

    name = "memory"
    part = "memory"
    columns = (
        Column("resident"),
        Column("%", drop=2),
        Column("since"),
        Column("mapped", drop=1),
        Column("region", left=True, flexible=True),
    )

    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        memory = seen.tick.memory if seen.tick is not None else None
        if memory is None:
            return []
        first = seen.history.first.memory if seen.history.first is not None else None
        then = {r["region"]: r["bytes"] for r in first.rows} if first is not None else {}
        out = []
        for r in memory.rows:
            name, resident, mapped = r["region"], r["bytes"], r["virtual_bytes"]
            if not seen.chosen(name):
                continue
            grown = resident - then.get(name, resident)
            out.append(
                Row(
                    name,
                    [
                        size(resident),
                        percent(resident, memory.rss_bytes),
                        signed(grown, size),
                        size(mapped) if mapped else "",
                        name,
                    ],
                    [resident, resident, grown, mapped, name],
                    lambda r=r, grown=grown: properties(r["region"], {**r, "grown_bytes": grown}),  # type: ignore[misc]
                )
            )
        return ordered(out, sort, reverse)

    def note(self, seen: Seen) -> str:
        memory = seen.tick.memory if seen.tick is not None else None
        return f"where the RSS of {size(memory.rss_bytes)} is" if memory is not None else ""


class Classes(Pane):
    """The allocator's size classes."""

    name = "classes"
    columns = (
        Column("size", left=True),
        Column("objects"),
        Column("bytes"),
        Column("per s"),
        Column("allocs", drop=3),
        Column("frees", drop=2),
        Column("spans", drop=4),
        Column("in spans", drop=5),
        Column("free slots", drop=1),
    )
    sort = 2

    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        if seen.tick is None:
            return []
        out = []
        for r in size_classes(seen.tick, seen.history.before):
            name = f"{r['size']:,}" if r["class"] else "large"
            if not seen.chosen(name):
                continue
            columns = [r[k] for k in ("objects", "bytes", "alloc_bytes_per_s", "allocs", "frees")]
            columns += [r[k] for k in ("spans", "span_bytes", "free_slots")]
            out.append(
                Row(
                    name,
                    [
                        name,
                        count(r["objects"]),
                        size(r["bytes"]),
                        size(r["alloc_bytes_per_s"]) if r["alloc_bytes_per_s"] else "",
                        count(r["allocs"]),
                        count(r["frees"]),
                        count(r["spans"]),
                        size(r["span_bytes"]),
                        count(r["free_slots"]),
                    ],
                    [r["size"] or 1 << 62, *columns],
                    lambda name=name, r=r: properties(f"size class {name}", r),  # type: ignore[misc]
                )
            )
        return ordered(out, sort, reverse)

    def note(self, seen: Seen) -> str:
        tick = seen.tick
        if tick is None:
            return ""
        v = tick.vitals
        out = f"{count(v.objects)} objects of {size(v.object_bytes)}, live or not swept yet"
        if tick.memory is None:
            return out
        return f"{out}, in {count(tick.memory.spans)} spans of {size(v.in_spans_bytes)}"


class Collections(Pane):
    """Cycles of the collector."""

    name = "gc"
    columns = (
        Column("cycle"),
        Column("ended"),
        Column("pause"),
        Column("CPU"),
        Column("live after", drop=1),
        Column("", left=True, flexible=True),
    )

    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        now = seen.tick.unix_ns if seen.tick is not None else 0
        out = []
        for c in list(seen.history.cycles)[-MOST:]:
            what = "forced" if c.forced else ""
            if c.together > 1:
                what = f"{what} share over {c.together} cycles".strip()
            ago = max(now - c.end_unix_ns, 0) / 1e9
            record = {
                "cycle": c.number,
                "ended": time.strftime("%H:%M:%S", time.localtime(c.end_unix_ns / 1e9)),
                "pause_ns": c.pause_ns,
                "cpu_share": share(c.cpu_bp),
                "cycles_of_the_share": c.together,
                "live_after_bytes": c.marked_bytes if c.marked_bytes >= 0 else "not known",
            }
            if not seen.chosen(f"{c.number} {what}"):
                continue
            out.append(
                Row(
                    str(c.number),
                    [
                        count(c.number),
                        f"{age(ago)} ago",
                        duration(c.pause_ns // 1000),
                        share(c.cpu_bp),
                        size(c.marked_bytes) if c.marked_bytes >= 0 else "",
                        what,
                    ],
                    [c.number, -ago, c.pause_ns, c.cpu_bp, c.marked_bytes, what],
                    lambda n=c.number, r=record: properties(f"collection {n:,}", r),  # type: ignore[misc]
                )
            )
        return ordered(out, sort, reverse)

    def empty(self, seen: Seen) -> str:
        return "no collection has ended yet"

    def note(self, seen: Seen) -> str:
        tick = seen.tick
        if tick is None:
            return ""
        v = tick.vitals
        gogc = "off" if v.gogc < 0 else str(v.gogc)
        limit = f", GOMEMLIMIT {size(v.memory_limit_bytes)}" if v.memory_limit_bytes else ""
        forced = f", {count(v.forced_cycles)} forced" if v.forced_cycles else ""
        return (
            f"{count(v.cycles)} cycles{forced}, pauses {duration(v.pause_total_ns // 1000)} in all, "
            f"GOGC {gogc}{limit}"
        )


class Watched(Pane):
    """Expressions, with their values."""

    name = "watch"
    columns = (
        Column("expression", left=True),
        Column("changes", drop=1),
        Column("last", drop=2),
        Column("value", left=True, flexible=True, head=True),
    )

    def rows(self, seen: Seen, sort: int, reverse: bool) -> list[Row]:
        now = seen.tick.unix_ns if seen.tick is not None else 0
        out = []
        for w in seen.watches:
            expression = clean(w.expression)
            if not seen.chosen(expression):
                continue
            ago = max(now - w.changed_unix_ns, 0) / 1e9
            value = clean(w.line) if not w.error else f"not there: {clean(w.error)}"
            out.append(
                Row(
                    w.expression,
                    [
                        expression,
                        count(w.changes) if w.changes else "",
                        f"{age(ago)} ago" if w.changed_unix_ns else "",
                        value,
                    ],
                    [expression, w.changes, w.changed_unix_ns, value],
                    lambda w=w: Detail(clean(w.expression), [clean(t) for t in w.lines[1:] or [w.error]]),  # type: ignore[misc]
                )
            )
        return ordered(out, sort, reverse)

    def empty(self, seen: Seen) -> str:
        return "w adds an expression: a package variable (main.queue), its fields, elements, len(...)"

    def note(self, seen: Seen) -> str:
        return "x takes the one below the cursor away" if len(seen.watches) else ""


def share(basis_points: int) -> str:
    """12.3%; nothing for what is not known."""
    return f"{basis_points / 100:.1f}%" if basis_points >= 0 else ""


def age(seconds: float) -> str:
    """ "3.2 s", "4 min", "2 h"."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def panes() -> list[Pane]:
    """All of them, in their order on the screen."""
    return [Sites(), Goroutines(), Regions(), Classes(), Collections(), Watched()]
