"""The upper part of the screen: sparklines of heap, collector, RSS, allocation and goroutines."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from gosnap.live.changes import BASIS, History
from gosnap.report.text.units import count, duration, size
from gosnap.tui import spark
from gosnap.tui.panes import share

_LABEL = 6
_STYLES = {"heap": "green", "gc": "yellow", "RSS": "cyan", "alloc": "magenta", "go": "blue"}
_TEXT, _NARROW_TEXT = 40, 31
"""Columns for the numbers beside a chart."""


@dataclass(frozen=True)
class Heights:
    """Lines of each chart; 0: left out."""

    heap: int
    rss: int
    alloc: int
    goroutines: int

    @property
    def total(self) -> int:
        """With the line of the collector's marks."""
        return self.heap + 1 + self.rss + self.alloc + self.goroutines


def heights(screen: int) -> Heights:
    """What suits a screen of so many lines."""
    if screen < 13:
        return Heights(1, 1, 0, 0)
    if screen < 20:
        return Heights(1, 1, 1, 0)
    if screen < 30:
        return Heights(2, 1, 1, 1)
    if screen < 40:
        return Heights(4, 2, 2, 1)
    return Heights(6, 3, 3, 2)


def board(history: History, width: int, tall: Heights) -> list[tuple[str, str, str]]:
    """Lines as (label, chart, text), together ``width`` columns."""
    tick = history.last
    if tick is None:
        return [("", "", "waiting for the first look")]
    text_room = _TEXT if width >= 2 * _TEXT else _NARROW_TEXT
    room = max(width - _LABEL - text_room - 1, 1)
    m = list(history.moments)[-room:]
    out: list[tuple[str, str, str]] = []
    v, p, step = tick.vitals, tick.process, history.change()

    live, goals = [x.live_bytes for x in m], [x.goal_bytes for x in m]
    top = max(*live, *goals, 1)
    chart = spark.with_goal(spark.bars(live, room, tall.heap, top), goals, top)
    goal = f", goal {size(v.goal_bytes)}" if v.goal_bytes else ", collector off"
    out += _lines("heap", chart, [f"{size(v.heap_live_bytes)} live{goal}", f"{count(v.objects)} objects"])

    out.append(("gc", spark.marks([x.cycles for x in m], room), _collector(history)))

    rss, limits = [x.rss_bytes for x in m], [x.limit_bytes for x in m]
    top = max(*rss, 1)
    if limits[-1] and top * 4 > limits[-1]:
        # a limit far away would press the chart flat
        top = max(top, limits[-1])
    limit = f", limit {size(p.limit_bytes)}" if p.limit_bytes else ", no cgroup limit"
    swap = f"{size(p.swap_bytes)} swapped out" if p.swap_bytes else ""
    chart = spark.with_goal(spark.bars(rss, room, tall.rss, top), limits, top)
    out += _lines("RSS", chart, [f"{size(p.rss_bytes)}{limit}", swap])

    rates = [x.alloc_rate for x in m]
    text = f"{size(step.alloc_rate)}/s, {short(step.alloc_object_rate)} objects/s" if step else ""
    out += _lines("alloc", spark.bars(rates, room, tall.alloc, max(*rates, 1)), [text])

    if tall.goroutines:
        counts = [x.goroutines for x in m]
        text = f"{count(counts[-1])} goroutines, {count(p.threads)} threads"
        cpu = f", {step.cpu_bp * 100 / BASIS:.0f}% CPU" if step else ""
        chart = spark.bars(counts, room, tall.goroutines, max(*counts, 1))
        out += _lines("go", chart, [text + cpu])
    return out


def _collector(history: History) -> str:
    tick = history.last
    assert tick is not None
    v = tick.vitals
    if not v.cycles:
        return "no collection yet"
    pause, _ = v.pause_of(v.cycles)
    known = next((c.cpu_bp for c in reversed(history.cycles) if c.cpu_bp >= 0), -1)
    cpu = f", {share(known)} CPU" if known >= 0 else ""
    now = "" if v.phase == "off" else ", marking"
    return f"#{count(v.cycles)}{cpu}, pause {duration(pause // 1000)}{now}"


def short(value: int) -> str:
    """12,345 as 12.3k, 1,065,471 as 1.07M."""
    for unit, scale in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= scale:
            return f"{value / scale:.3g}{unit}"
    return str(value)


def _lines(label: str, chart: Sequence[str], texts: list[str]) -> list[tuple[str, str, str]]:
    return [
        (label if i == 0 else "", line, texts[i] if i < len(texts) else "") for i, line in enumerate(chart)
    ]


def assembled(lines: list[tuple[str, str, str]], width: int) -> Text:
    """The board as text of at most ``width`` columns; the charts in colours."""
    out = Text(no_wrap=True, overflow="crop")
    style = ""
    for i, (label, chart, text) in enumerate(lines):
        style = _STYLES.get(label, style)
        out.append("\n" if i else "")
        out.append(f"{label:<{_LABEL}}", "bold")
        out.append(chart, style)
        out.append(" " + _cut(text, width - _LABEL - len(chart) - 1))
    return out


def _cut(text: str, room: int) -> str:
    """What of a list of facts fits, without half a fact where there is a whole one."""
    if len(text) <= room:
        return text
    whole = text.rfind(", ", 0, max(room, 0) + 1)
    return text[:whole] if whole > 0 else text[: max(room, 0)]
