"""Callers and callees of the functions (files, lines, addresses) that a regular expression matches.

As `go tool pprof -peek` has it, with the same options; nothing is trimmed."""

from __future__ import annotations

from gosnap.commands.profile_run import Run
from gosnap.commands.tree import COLUMNS
from gosnap.errors import GosnapError

USAGE = "REGEXP FILE..."


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "peek", ("text", "json", "csv"), pattern=True)
    report = run.report
    graph = report.graph(edges=True)
    found = [node for node in graph.order if run.match(graph.name(node))]
    if not found:
        run.say()
        raise GosnapError(
            f"no matches found for regexp: {run.pattern}", "`gosnap top FILE` lists what there is"
        )
    from gosnap.profile import answers
    from gosnap.report.text import profile_tree

    run.answer(
        lambda: profile_tree.render(report, graph, found),
        lambda: answers.tree("peek", report, graph, found),
        COLUMNS,
    )
    return 0
