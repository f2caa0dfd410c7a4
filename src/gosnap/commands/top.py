"""Functions (files, lines, addresses) by how much memory they allocated or hold, from a profile.

As `go tool pprof -top` has it, with the same options. Of a process, a .gosnap file or a core, --holders says
who holds what some functions allocated."""

from __future__ import annotations

from gosnap.commands.profile_flags import parse
from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
COLUMNS = ["flat", "cum", "name", "function", "file", "line", "address", "inlined"]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    if any(word.startswith(("-holders", "--holders")) for word in words):
        found = parse(words)
        if found.flags["holders"]:
            # of objects, not of a profile
            from gosnap.commands import holders

            return holders.run(found)
    run = Run(words, "top", ("text", "json", "csv"))
    report = run.report
    graph = report.graph(edges=lambda nodes: nodes.inlined)
    from gosnap.profile import answers
    from gosnap.report.text import profile_top

    run.answer(lambda: profile_top.render(report, graph), lambda: answers.top(report, graph), COLUMNS)
    return 0
