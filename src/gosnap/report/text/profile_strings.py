"""Strings of a profile as they are printed, for kernels that write them."""

from __future__ import annotations

from gosnap.profile.columns import offsets
from gosnap.profile.strings import Strings
from gosnap.profile.units import plan
from gosnap.report.text.profile_labels import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap._kernels.profile_text import Values
    from gosnap.profile.pipeline import Report

_PRINTABLE = bytes(range(32, 127))


def printable(strings: Strings) -> tuple[memoryview, memoryview]:
    """(data, offset) of all strings, each as ``clean`` has it; most tables are so already."""
    data, offset = strings.columns()
    if not bytes(data).translate(None, _PRINTABLE):
        return data, offset
    cleaned = []
    for index in range(len(strings)):
        raw = strings.raw(index)
        cleaned.append(clean(raw).encode("utf-8", "replace") if raw.translate(None, _PRINTABLE) else raw)
    return memoryview(bytearray().join(cleaned)), offsets(map(len, cleaned))


def values(report: Report) -> Values:
    """How values of a report are printed."""
    from gosnap._kernels.profile_text import Values

    base, factors, names, chosen, smallest = plan(report.unit, report.output_unit)
    names = [clean(name).encode() for name in names]
    return Values(base, factors, names, chosen, smallest, report.ratio)
