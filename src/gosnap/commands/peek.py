"""Callers and callees of the functions (files, lines, addresses) that a regular expression matches.

As `go tool pprof -peek` has it, with the same options; nothing is trimmed."""

from __future__ import annotations

from gosnap.commands.profile_run import Run
from gosnap.commands.tree import COLUMNS

USAGE = "REGEXP FILE..."
FORMATS = ("text", "json", "csv")


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "peek", FORMATS, errors=True, changes=True, pattern=True)
    report = run.report
    if run.compares:
        from gosnap.commands import diff

        return diff.answer(run, "peek", run.pattern)
    graph = report.graph(edges=True)
    found = [node for node in graph.order if run.match(graph.name(node))]
    if not found:
        run.none_matches()
    from gosnap.profile import answers
    from gosnap.report.text import profile_tree

    estimates = run.estimates()
    run.answer(
        lambda: profile_tree.render(report, graph, found, estimates),
        lambda: answers.tree("peek", report, graph, found, estimates),
        COLUMNS if estimates is None else [*COLUMNS, *answers.ERRORS],
    )
    return 0
