"""`gosnap tags`: labels with what the samples that have them weigh, laid out as pprof's."""

from __future__ import annotations

from gosnap.profile.pipeline import Report
from gosnap.profile.tags import Tag
from gosnap.profile.units import percentage
from gosnap.report.text.profile_labels import clean


def render(report: Report, tags: list[Tag]) -> str:
    """The whole answer; nothing where there are no labels.

    Columns are as wide as what one key needs, and stand at their right (Go's text/tabwriter).
    """
    total, value = report.total, report.value
    lines = []
    for tag in tags:
        key = f"{clean(tag.key)}:"
        share = f" ({percentage(tag.total, total)})" if total > 0 else ""
        cells = []
        for _, weight in tag.values:
            part = f" ({percentage(weight, total)})" if total > 0 else ""
            cells.append(f"{value(weight)}{part}:")
        first, second = len(key) + 1, max(map(len, cells)) + 1
        lines.append(f"{key:>{first}} Total {value(tag.total)} of {value(total)}{share}")
        lines += [
            f"{'':{first}}{cell:>{second}} {clean(text)}"
            for cell, (text, _) in zip(cells, tag.values, strict=True)
        ]
        lines.append("")
    return "".join(f"{line}\n" for line in lines)
