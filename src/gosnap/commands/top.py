"""Functions (files, lines, addresses) by how much memory they allocated or hold, from a profile.

As `go tool pprof -top` has it, with the same options. Of a process, a .gosnap file or a core, --holders says
who holds what some functions allocated."""

from __future__ import annotations

from gosnap.commands.profile_flags import parse
from gosnap.commands.profile_run import Run
from gosnap.errors import NoProfileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.answers import ProfileView

USAGE = "SOURCE..."
FORMATS = ("text", "json", "csv")
COLUMNS = ["flat", "cum", "name", "function", "file", "line", "address", "inlined"]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    if any(word.startswith(("-holders", "--holders")) for word in words):
        found = parse(words)
        if found.flags["holders"]:
            # of objects, not of a profile
            from gosnap.commands import holders

            return holders.run(found)
    try:
        run = Run(words, "top", FORMATS, errors=True, changes=True)
    except NoProfileError as why:
        from gosnap.commands import object_view

        return object_view.instead(words, why)
    report = run.report
    if run.compares:
        from gosnap.commands import diff

        return diff.answer(run, "top")
    graph = report.graph(edges=lambda nodes: nodes.inlined)
    from gosnap.report.text import profile_top

    estimates, columns = run.estimates(), COLUMNS
    if estimates is not None:
        from gosnap.profile.answers import ERRORS

        columns = [*COLUMNS, *ERRORS]

    def view() -> ProfileView:
        # programs are answered seldom, and what makes their answers takes its time to import
        from gosnap.profile import answers

        return answers.top(report, graph, estimates)

    run.answer(lambda: profile_top.render(report, graph, estimates), view, columns)
    return 0
