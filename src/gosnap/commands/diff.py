"""What changed between two profiles: functions (files, lines, addresses) with what they had before, what they
have after, and the change; what is new and what is gone is marked.

A is the older one. Both may be all that `gosnap top` takes: of processes, snapshots and cores the memory
profiles are compared. `gosnap top -diff_base A B` shows the same in pprof's table."""

from __future__ import annotations

from gosnap.commands.profile_run import Run

USAGE = "A B"
FORMATS = ("text", "json", "csv")
NODE = ["name", "function", "file", "line", "address"]
COLUMNS = [f"{what}_{when}" for what in ("flat", "cum") for when in ("before", "after", "change")]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "diff", FORMATS, changes=True, pair=True)
    from gosnap.commands.profiles import kind

    config = run.found.config
    if Run.loaded is None and all(kind(s) == "snapshot" for s in (*config.diff_base, *run.found.sources)):
        old, new = config.diff_base[0], run.found.sources[0]
        run.notes.append(f"compared are the memory profiles; objects: `gosnap suspects {new} --since {old}`")
    return answer(run, "top")


def answer(run: Run, verb: str, nodes_that: str = "") -> int:
    """Answer a verb that was asked for changes: "top", "tree" or "peek"; ``nodes_that``: what no node may
    match is an error."""
    from gosnap.profile import answers
    from gosnap.profile.changes import Changes

    report = run.report
    found = Changes(report, edges=verb != "top")
    nodes = found.graph.order
    if nodes_that:
        nodes = [node for node in nodes if run.match(found.graph.name(node))]
        if not nodes:
            run.none_matches()
    left = found.graph.dropped_edges
    if verb != "top" and left:
        limit = report.cutoff(report.edgefraction)
        run.notes.append(f"{left:,} calls that changed by less than {limit} are not shown; --edgefraction=0")
    from gosnap.report.text import profile_changes

    run.answer(
        lambda: (
            profile_changes.table(report, found)
            if verb == "top"
            else profile_changes.tree(report, found, nodes)
        ),
        lambda: answers.changes(verb, report, found, nodes),
        [*COLUMNS, "state", *NODE],
    )
    return 0
