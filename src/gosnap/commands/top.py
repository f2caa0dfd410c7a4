"""Functions (files, lines, addresses) by how much memory they allocated or hold, from a profile.

As `go tool pprof -top` has it, with the same options."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags

USAGE = "FILE..."
COLUMNS = ["flat", "cum", "name", "function", "file", "line", "address", "inlined"]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    found = flags.parse(words)
    flags.split(found)
    from gosnap.profile import pipeline

    notes: pipeline.Notes = []
    profile = pipeline.load(found.sources, found.config, notes, executable=found.executable)
    report = pipeline.prepare(profile, found.config, "top", notes)
    graph = report.graph(edges=lambda nodes: nodes.inlined)
    flags.say(found, notes)
    if found.format == "text":
        from gosnap.report.text import profile_top

        flags.write(found, profile_top.render(report, graph))
        return 0
    from gosnap.profile import answers

    view = answers.top(report, graph)
    if found.format == "json":
        from gosnap.report.canonical import to_json

        flags.write(found, to_json(view))
    else:
        from gosnap.report.table import to_csv

        flags.write(found, to_csv(COLUMNS, view.rows))
    return 0
