"""A flame graph of a profile: one page that needs nothing else, or folded stacks and speedscope for other
tools.

With --diff_base both sides are in it, and what grew, shrank, is new or gone is marked."""

from __future__ import annotations

import sys

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.calltree import CallTree
    from gosnap.profile.pipeline import Report

USAGE = "SOURCE..."
FORMATS = ("html", "folded", "speedscope", "json", "csv")
COLUMNS = ["depth", "name", "flat", "cum", "flat_before", "cum_before"]
MOST_ROWS = 1000
"""Of JSON and CSV, without --nodecount."""
_ENDINGS = (".pb.gz", ".pprof.gz", ".prof.gz", ".gz", ".pb", ".pprof", ".prof", ".txt")


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "flame", FORMATS)
    found, report = run.found, run.report
    from gosnap.profile.calltree import CallTree
    from gosnap.report import stacks

    tree = CallTree(report)
    run.say()
    if found.format == "html":
        return _page(found, report, tree)
    if found.format == "folded":
        flags.stream(found, lambda put: stacks.folded(tree, put))
    elif found.format == "speedscope":
        flags.stream(found, lambda put: stacks.speedscope(report, tree, _title(found), put))
    else:
        limit = found.config.nodecount if found.config.nodecount > 0 else MOST_ROWS
        rows = stacks.rows(tree, limit)
        if found.format == "csv":
            from gosnap.report.table import to_csv

            text = to_csv(COLUMNS, rows)
        else:
            from gosnap.profile import answers
            from gosnap.report.canonical import to_json

            left = {"rows": len(tree) - len(rows)}
            totals = {"total": report.total}
            about, shown = answers.about(report.profile), answers.shown(report)
            text = to_json(
                answers.ProfileView(
                    "flame", snapshot=about, totals=totals, rows=rows, left_out=left, extra=shown
                )
            )
        flags.write(found, text)
    return 0


def _title(found: flags.Arguments) -> str:
    names = [source.rpartition("/")[2] for source in found.sources]
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    bases = found.config.diff_base or found.config.base
    return f"{title} compared with {bases[0].rpartition('/')[2]}" if bases else title


def _page(found: flags.Arguments, report: Report, tree: CallTree) -> int:
    """Write the page, to the file that -o names or to one called after the profile; "-" is standard
    output."""
    import io
    from pathlib import Path

    from gosnap.commands.common import write_file
    from gosnap.report import stacks
    from gosnap.report.html.flame import render
    from gosnap.report.text.profile_labels import profile_labels

    out = io.StringIO()
    render(stacks.flame(report, tree, _title(found), [*profile_labels(report), *report.filters]), out)
    if found.output == "-":
        sys.stdout.write(out.getvalue())
        return 0
    path = Path(found.output) if found.output else Path(_name(found.sources[0]))
    write_file(path, out.getvalue(), force=bool(found.flags["force"]))
    if not found.flags["quiet"]:
        sys.stderr.write(f"wrote {path}, {len(tree):,} places in the tree; open it in a browser\n")
    return 0


def _name(source: str) -> str:
    name = source.rpartition("/")[2] or "profile"
    for ending in _ENDINGS:
        if name.endswith(ending):
            name = name.removesuffix(ending)
            break
    return f"{name}.flame.html"
