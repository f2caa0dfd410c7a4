"""How far off the numbers of a table may be: lines that stand above it and below its rows."""

from __future__ import annotations

import math

from gosnap.profile.estimates import LEVEL, Estimates, GraphEstimates, Interval
from gosnap.profile.graph import Graph
from gosnap.profile.pipeline import Report
from gosnap.profile.units import label, scale

DIGITS = 3
"""Of both ends of an interval, which are rounded outwards."""
_COUNTS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))
"""From where on counts are printed in which thousands."""


def heading(report: Report, found: Estimates) -> list[str]:
    """What the numbers are: exact, estimates, or nothing that can be told."""
    if found.why:
        return [f"No sample counts and intervals: {found.why}"]
    total = found.total
    if found.exact:
        return [f"Exact: every allocation was recorded ({total.samples:,} in all), nothing is estimated"]
    return [
        f"Estimated from {count(total.samples)}, one per {label(found.period, 'bytes')} allocated on average",
        f"{LEVEL}% interval of the total: {span(report, total)}",
        f"Below each row: n samples behind it, and its {LEVEL}% interval",
    ]


def of_graph(estimates: Estimates, graph: Graph, *, edges: bool = False) -> GraphEstimates | None:
    """What stands below rows; None where nothing does."""
    return None if estimates.why or estimates.exact else GraphEstimates(estimates, graph, edges=edges)


def below(report: Report, found: GraphEstimates, node: int) -> str:
    """The line below a node's: samples under its values, intervals behind them."""
    flat, cum = found.flat(node), found.cum(node)
    left = f"{behind(flat):>10} {span(report, flat):<13}"
    return f"{left} {behind(cum):>10} {span(report, cum)}".rstrip()


def below_call(report: Report, found: GraphEstimates, edge: int) -> str:
    """The line below a call's."""
    of = found.edge(edge)
    return f"{behind(of):>50}        |   {span(report, of)}"


def count(samples: int) -> str:
    """ "1 sample", "24 samples"."""
    return f"{samples:,} sample{'s' if samples != 1 else ''}"


def behind(found: Interval) -> str:
    """ "n=21", or nothing where there are no samples."""
    return f"n={found.samples}" if found.samples else ""


def span(report: Report, found: Interval) -> str:
    """ "6.84-16.9MB", "512kB-1.23MB", "744-3.41k", "exact"; nothing where there are no samples."""
    if not found.samples:
        return ""
    if found.low == found.high:
        return "exact"
    low, high = (abs(value * report.ratio) for value in (found.low, found.high))
    if report.unit == "count" or not scale(1, report.unit, "auto")[1]:
        return f"{_count(low, up=False)}-{_count(high, up=True)}"
    to = "auto" if report.config.unit in ("minimum", "auto") else report.config.unit
    low_text, low_unit = _scaled(low, report.unit, to, up=False)
    high_text, high_unit = _scaled(high, report.unit, to, up=True)
    same = low_unit == high_unit or low_text == "0"
    return f"{low_text}{'' if same else low_unit}-{high_text}{high_unit}"


def _scaled(value: float, unit: str, to: str, *, up: bool) -> tuple[str, str]:
    whole = math.ceil(value) if up else math.floor(value)
    scaled, name = scale(whole, unit, to)
    return _outwards(scaled, up=up), name


def _count(value: float, *, up: bool) -> str:
    for factor, suffix in _COUNTS:
        if value >= factor:
            return _outwards(value / factor, up=up) + suffix
    return str(math.ceil(value) if up else math.floor(value))


def _outwards(value: float, *, up: bool) -> str:
    """Three digits, or all before the point; up or down, not to the nearest."""
    decimals = max(DIGITS - 1 - int(math.log10(value)), 0) if value >= 1 else DIGITS - 1
    factor = 10**decimals
    # what is a number of so many digits but for its last bit is that number
    near = round(value * factor)
    units = near if abs(value * factor - near) < 1e-9 * max(near, 1) else value * factor
    text = f"{(math.ceil(units) if up else math.floor(units)) / factor:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
