"""The call graph as text: every function (file, line, address) between its callers and its callees.

As `go tool pprof -tree` has it, with the same options."""

from __future__ import annotations

from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
FORMATS = ("text", "json", "csv")
COLUMNS = ["flat", "cum", "name", "function", "file", "line", "address"]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "tree", FORMATS, errors=True, changes=True)
    report = run.report
    if run.compares:
        from gosnap.commands import diff

        return diff.answer(run, "tree")
    graph = report.graph(edges=True)
    if graph.dropped_edges:
        limit = report.cutoff(report.edgefraction)
        run.notes.append(
            f"{graph.dropped_edges:,} calls below {limit} are not shown; --edgefraction=0 shows all"
        )
    from gosnap.profile import answers
    from gosnap.report.text import profile_tree

    estimates = run.estimates()
    run.answer(
        lambda: profile_tree.render(report, graph, graph.order, estimates),
        lambda: answers.tree("tree", report, graph, graph.order, estimates),
        COLUMNS if estimates is None else [*COLUMNS, *answers.ERRORS],
    )
    return 0
