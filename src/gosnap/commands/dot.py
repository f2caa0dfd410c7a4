"""A profile's call graph in Graphviz's language: `gosnap dot FILE | dot -Tsvg > graph.svg`.

As `go tool pprof -dot` has it, with the same options."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.picture import Picture

USAGE = "FILE..."
FORMATS = ("dot",)


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "dot", FORMATS)
    shown = draw(run)
    from gosnap.report import dot

    flags.write(run.found, dot.render(run.report, shown))
    return 0


def draw(run: Run) -> Picture:
    """The picture, and notes of what its legend does not tell: to stderr."""
    from gosnap.profile.picture import picture

    shown = picture(run.report, visual=True)
    if shown.redundant:
        run.notes.append(f"{shown.redundant:,} dotted edges are not drawn: other paths lead there")
    if shown.hidden:
        run.notes.append(f"{shown.hidden:,} labels of nodes are not drawn; --nodefraction=0 draws all")
    run.say()
    return shown
