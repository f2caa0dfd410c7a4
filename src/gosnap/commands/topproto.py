"""Writes the functions of `gosnap top` as a pprof file (.pb.gz): one sample each, with cum and flat.

As `go tool pprof -topproto` has it, with the same options."""

from __future__ import annotations

from gosnap.commands import proto
from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
FORMATS = ("pprof",)


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "topproto", FORMATS)
    graph = run.report.graph()
    left = graph.original - len(graph.order) + graph.dropped_nodes
    if left:
        run.notes.append(f"{left:,} functions are left out; --trim=false takes all")
    from gosnap.profile.export import top

    proto.write(run, top(run.report, graph))
    return 0
