"""Callers and callees of the functions (files, lines, addresses) that a regular expression matches.

As `go tool pprof -peek` has it, with the same options; nothing is trimmed."""

from __future__ import annotations

from gosnap.commands.profile_run import Run
from gosnap.commands.tree import COLUMNS

USAGE = "REGEXP FILE..."
FORMATS = ("text", "json", "csv")


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "peek", FORMATS, changes=True, pattern=True)
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

    run.answer(
        lambda: profile_tree.render(report, graph, found),
        lambda: answers.tree("peek", report, graph, found),
        COLUMNS,
    )
    return 0
