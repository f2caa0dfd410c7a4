"""`gosnap raw`: all that is in a profile, laid out as pprof's (profile/profile.go, String, as in Go 1.27)."""

from __future__ import annotations

import time

from gosnap._kernels import profile_text as kernel
from gosnap.profile.model import HAS_FILENAMES, HAS_FUNCTIONS, HAS_INLINE_FRAMES, HAS_LINE_NUMBERS, Profile
from gosnap.profile.names import escaped
from gosnap.profile.pipeline import Report
from gosnap.report.text.profile_labels import clean
from gosnap.report.text.profile_strings import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FLAGS = (
    (HAS_FUNCTIONS, "[FN]"),
    (HAS_FILENAMES, "[FL]"),
    (HAS_LINE_NUMBERS, "[LN]"),
    (HAS_INLINE_FRAMES, "[IN]"),
)


def write(report: Report, put: Callable[[bytes | memoryview], object]) -> None:
    """The whole answer, in pieces."""
    p = report.aggregated()
    out = kernel.Out(put)
    strings = printable(p.strings)
    out.put(("\n".join(_head(p)) + "\n").encode("utf-8", "replace"))
    kernel.raw_samples(
        out,
        p.values,
        len(p.sample_types),
        p.stack_start,
        p.stack,
        p.location_id,
        p.label_start,
        p.label_key,
        p.label_str,
        p.label_num,
        p.label_unit,
        *strings,
    )
    out.put(b"Locations\n")
    kernel.raw_locations(
        out,
        p.location_id,
        p.location_address,
        p.location_mapping,
        p.location_folded,
        p.mapping_id,
        p.line_start,
        p.line_function,
        p.line_line,
        p.line_column,
        p.function_name,
        p.function_system_name,
        p.function_filename,
        p.function_start_line,
        *strings,
    )
    out.put(b"Mappings\n")
    for i in range(p.mappings):
        bits = "".join(text for bit, text in FLAGS if p.mapping_flags[i] & bit)
        file, build_id = clean(p.strings.raw(p.mapping_file[i])), clean(p.strings.raw(p.mapping_build_id[i]))
        place = f"{p.mapping_start[i]:#x}/{p.mapping_limit[i]:#x}/{p.mapping_offset[i]:#x}"
        line = f"{p.mapping_id[i]}: {place} {file} {build_id} {bits}\n"
        out.put(line.encode("utf-8", "replace"))
    out.flush()


def _head(p: Profile) -> list[str]:
    lines = []
    for index in p.comments:
        first, *more = p.strings.raw(index).split(b"\n")
        lines += [f"Comment: {clean(first)}", *map(clean, more)]
    if p.doc_url:
        lines.append(f"Doc: {escaped(p.doc_url)}")
    lines.append(f"PeriodType: {escaped(p.period_type[0])} {escaped(p.period_type[1])}")
    lines.append(f"Period: {p.period}")
    if p.time_nanos:
        lines.append(f"Time: {moment(p.time_nanos)}")
    if p.duration_nanos:
        # pprof cuts it after four characters
        lines.append(f"Duration: {duration(p.duration_nanos)[:4]}")
    types = []
    for kind, unit in p.sample_types:
        default = "[dflt]" if kind == p.default_sample_type else ""
        types.append(f"{escaped(kind)}/{escaped(unit)}{default}")
    return [*lines, "Samples:", " ".join(types).strip()]


def moment(nanos: int) -> str:
    """A time as Go prints one: without zeros at the end of the fraction, with offset and name of the zone."""
    local = time.localtime(nanos // 10**9)
    fraction = f".{nanos % 10**9:09}".rstrip("0").rstrip(".")
    return time.strftime(f"%Y-%m-%d %H:%M:%S{fraction} %z %Z", local)


def duration(nanos: int) -> str:
    """A duration as Go prints one: 1h2m3.5s, 2.5ms, 17ns."""
    sign, n = ("-", -nanos) if nanos < 0 else ("", nanos)
    for limit, unit, digits in ((10**3, "ns", 0), (10**6, "µs", 3), (10**9, "ms", 6)):
        if n < limit:
            return f"{sign}{_fraction(n, digits)}{unit}"
    hours, rest = divmod(n, 3600 * 10**9)
    minutes, rest = divmod(rest, 60 * 10**9)
    text = f"{_fraction(rest, 9)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _fraction(n: int, digits: int) -> str:
    whole, part = divmod(n, 10**digits)
    return f"{whole}.{part:0{digits}}".rstrip("0").rstrip(".") if digits else str(n)
