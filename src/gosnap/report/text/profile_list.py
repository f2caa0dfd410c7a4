"""`gosnap list`: source lines with flat and cum, laid out as pprof's."""

from __future__ import annotations

from gosnap.profile.listing import Routine
from gosnap.profile.pipeline import Report
from gosnap.profile.sources import Sources
from gosnap.profile.units import percentage
from gosnap.report.text.profile_labels import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.estimates import Estimates

MOST_PLACES = 6
"""Places that are named where a source was looked for."""


def render(
    report: Report, routines: list[Routine], sources: Sources, estimates: Estimates | None = None
) -> str:
    """The whole answer, with a newline at the end. ``estimates``: how far off they may be stands below
    values."""
    lines = [f"Total: {report.value(report.total)}"]
    exact = estimates is None or estimates.exact
    if estimates is not None:
        from gosnap.report.text.profile_errors import heading

        lines += heading(report, estimates)
    for routine in routines:
        if not routine.file:
            lines.append(f"No source information for {clean(routine.name)}")
            continue
        lines.append(f"ROUTINE ======================== {clean(routine.name)} in {clean(routine.file)}")
        lines.append(
            f"{report.value(routine.flat):>10} {report.value(routine.cum):>10} (flat, cum) "
            f"{percentage(routine.cum, report.total)} of Total"
        )
        if not exact:
            lines += _errors(report, routine, 0)
        source = sources.find(routine.file)
        if source is None:
            lines += _missing(report, routine, sources, exact)
            continue
        for number in range(max(routine.first, 1), routine.last + 1):
            text = source.line(number)
            if text is None:
                break
            lines.append(_row(report, routine, number) + _code(text))
            if not exact:
                lines += _errors(report, routine, number)
    return "\n".join(lines) + "\n"


def _row(report: Report, routine: Routine, number: int) -> str:
    flat, cum = (report.value(v) if v else "." for v in routine.values.get(number, (0, 0)))
    return f"{flat:>10} {cum:>10} {number:6}:"


def _code(text: bytes) -> str:
    # tabs are a part of sources
    return "\t".join(clean(part) for part in text.split(b"\t"))


def _errors(report: Report, routine: Routine, number: int) -> list[str]:
    """Samples below their values, intervals below the source; nothing where there are none."""
    from gosnap.report.text.profile_errors import behind, span

    if number not in routine.errors:
        return []
    flat, cum = routine.errors[number]
    both = (f"{name} {span(report, of)}" for name, of in (("flat", flat), ("cum", cum)) if of.samples)
    said = ", ".join(both)
    return [f"{behind(flat):>10} {behind(cum):>10}{'':8}{said}"] if said else []


def _missing(report: Report, routine: Routine, sources: Sources, exact: bool) -> list[str]:
    """Lines with values, without their text, and where the text was looked for."""
    places = sources.looked[routine.file]
    lines = [" No source found; looked at:"]
    lines += [f"   {clean(place.encode('utf-8', 'surrogateescape'))}" for place in places[:MOST_PLACES]]
    if len(places) > MOST_PLACES:
        lines.append(f"   and {len(places) - MOST_PLACES:,} more places")
    lines.append(" --source_path says where sources are, --trim_path what their names lose.")
    for number in sorted(routine.values):
        lines.append(_row(report, routine, number))
        if not exact:
            lines += _errors(report, routine, number)
    return lines
