"""Labels and what the samples that have them weigh: what `gosnap tags` shows.

As google/pprof internal/report/report.go, printTags, as in Go 1.27.
"""

from __future__ import annotations

from gosnap._kernels import profile_tags as kernel
from gosnap.profile.labels import Labels
from gosnap.profile.units import absolute, label, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.pipeline import Report


class Tag:
    """A key, with its values as they are printed, the heaviest first: (value, weight)."""

    __slots__ = ("key", "total", "values")

    def __init__(self, key: bytes, values: dict[bytes, int]) -> None:
        self.key = key
        self.total = wrap(sum(values.values()))
        self.values = sorted(values.items(), key=lambda item: (-absolute(item[1]), item[0]))


def tags(report: Report) -> list[Tag]:
    """All labels of a report, by key. Numbers that are printed alike are one value."""
    p = report.profile
    labels = Labels(p)
    sums = kernel.sums(p.values, len(p.sample_types), report.index, p.label_start, labels.which, len(labels))
    found: dict[bytes, dict[bytes, int]] = {}
    for i, weight in enumerate(sums):
        key = labels.key(i)
        values = found.setdefault(key, {})
        if labels.is_number(i):
            text = label(labels.number(i), report.number_units[key], report.output_unit)
            value = text.encode("utf-8", "surrogateescape")
        else:
            value = labels.text(i)
        values[value] = wrap(values.get(value, 0) + weight)
    return [Tag(key, found[key]) for key in sorted(found)]
