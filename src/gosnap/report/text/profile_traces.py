"""`gosnap traces`: every sample with its labels and its stack, laid out as pprof's."""

from __future__ import annotations

from gosnap._kernels import profile_text as kernel
from gosnap.profile.columns import zeros
from gosnap.profile.pipeline import Report
from gosnap.profile.units import plan
from gosnap.report.text.profile_labels import profile_labels
from gosnap.report.text.profile_strings import printable, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def write(report: Report, put: Callable[[bytes | memoryview], object]) -> None:
    """The whole answer, in pieces."""
    p, nodes = report.profile, report.nodes(trim=False)
    out = kernel.Out(put)
    out.put(("\n".join(profile_labels(report)) + "\n").encode("utf-8", "replace"))
    key_unit = zeros("I", len(p.strings))
    units: dict[str, int] = {"": 0}
    for key, unit in report.number_units.items():
        key_unit[p.strings.intern(key)] = units.setdefault(unit, len(units))
    kernel.traces(
        out,
        values(report),
        p.values,
        len(p.sample_types),
        report.index,
        report.divisor,
        p.stack_start,
        p.stack,
        nodes.frame_start,
        nodes.frame_node,
        (nodes.name, nodes.file, nodes.objfile, nodes.address, nodes.line, nodes.column),
        p.label_start,
        p.label_key,
        p.label_str,
        p.label_num,
        key_unit,
        [kernel.Values(*plan(unit)) for unit in units],
        *printable(p.strings),
    )
