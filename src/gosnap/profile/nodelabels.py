"""Labels of a picture's nodes: strings of a sample joined, and its numbers called "bytes".

As google/pprof internal/report/report.go, newGraph, and internal/graph/graph.go, addSample, as in Go 1.27.
"""

from __future__ import annotations

from gosnap._kernels import profile_filter, profile_picture
from gosnap.profile.columns import column, zeros
from gosnap.profile.labels import Labels
from gosnap.profile.model import BASE_LABEL, NONE
from gosnap.profile.units import label, quotient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gosnap.profile.picture import Spot
    from gosnap.profile.pipeline import Report

NUMBERS = b"bytes"
"""The only key whose numbers are shown."""


class Tag:
    """Labels in a node: ``name`` as it is printed; of a number ``value`` in ``unit``, the first that is
    printed so."""

    __slots__ = ("cum", "cum_div", "flat", "flat_div", "name", "unit", "value")

    def __init__(self, name: bytes, sums: Sequence[int], value: int = 0, unit: str = "") -> None:
        self.name = name
        self.value = value
        self.unit = unit
        self.flat, self.flat_div, self.cum, self.cum_div = sums

    def flat_value(self) -> int:
        """What the node has itself; of means, the mean."""
        return quotient(self.flat, self.flat_div)

    def cum_value(self) -> int:
        """What the node and its callees have; of means, the mean."""
        return quotient(self.cum, self.cum_div)


class NodeLabels:
    """The labels of a report's samples, numbered: sets of strings, and numbers by how they are printed."""

    def __init__(self, report: Report) -> None:
        p = self.profile = report.profile
        labels = Labels(p)
        wanted = zeros("B", len(labels))
        number = column("I", [NONE] * len(labels))
        self.unit = report.number_units.get(NUMBERS, "")
        numbers: dict[bytes, int] = {}
        for i in range(len(labels)):
            if not labels.is_number(i):
                wanted[i] = labels.key(i) != BASE_LABEL[0]
            elif labels.key(i) == NUMBERS:
                # before a unit is chosen for all values
                shown = label(labels.number(i), self.unit, report.config.unit)
                text = shown.encode("utf-8", "surrogateescape")
                number[i] = numbers.setdefault(text, len(numbers))
        self.numbers = list(numbers)
        self.number_of = profile_filter.take(number, labels.which)
        self.set_of, first = profile_picture.label_sets(p.label_start, labels.which, wanted)
        # sets that are joined alike are one
        self.sets = [b""]
        joined: dict[bytes, int] = {b"": 0}
        same = zeros("I", len(first))
        for place in range(1, len(first)):
            sample = first[place]
            texts = sorted(
                labels.key(i) + b":" + labels.text(i)
                for i in labels.which[p.label_start[sample] : p.label_start[sample + 1]]
                if wanted[i]
            )
            text = rb"\n".join(map(escape, texts))
            same[place] = joined.setdefault(text, len(joined))
        self.sets = list(joined)
        if len(first) > 1:
            self.set_of = profile_filter.take(same, self.set_of)

    def slots(self, n: int, wanted: list[int]) -> memoryview:
        """u32[n]: the place of each that is wanted among these, else none."""
        slot = memoryview(bytearray(b"\xff" * (4 * n))).cast("I")
        for place, node in enumerate(wanted):
            slot[node] = place
        return slot

    def columns(self) -> tuple[memoryview, memoryview, memoryview, memoryview]:
        """What kernels take."""
        return self.set_of, self.profile.label_start, self.number_of, self.profile.label_num

    def give(self, found: dict[str, memoryview], spots: list[Spot]) -> None:
        """Put the labels that a kernel summed up into the nodes that they belong to."""
        for spot in spots:
            spot.tags, spot.numbers = {}, {}
        sums = found["sums"]
        for i, (slot, labels, number) in enumerate(
            zip(found["slot"], found["labels"], found["number"], strict=True)
        ):
            spot, name = spots[slot], self.sets[labels]
            first, *own = sums[5 * i : 5 * i + 5]
            if number == 0:
                spot.tags[name] = Tag(name, own)
            else:
                text = self.numbers[number - 1]
                spot.numbers.setdefault(name, {})[text] = Tag(text, own, first, self.unit)


def escape(text: bytes) -> bytes:
    """A label as it stands between quotes in DOT."""
    return text.replace(b"\\", rb"\\").replace(b'"', rb"\"").replace(b"\n", rb"\l")
