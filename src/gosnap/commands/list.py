"""Source lines of the functions that a regular expression matches, with what each allocated or holds.

As `go tool pprof -list` has it, with the same options. Sources are looked for where the profile says, then
where Go keeps them: GOROOT, the module cache, vendor, the module that the working directory or --source_path
is in."""

from __future__ import annotations

from gosnap.commands.profile_run import Run

USAGE = "REGEXP FILE..."
FORMATS = ("text", "json", "csv")
COLUMNS = ["function", "file", "line", "flat", "cum", "text"]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "list", FORMATS, pattern=True, errors=True)
    report, config = run.report, run.report.config
    from gosnap.profile import listing
    from gosnap.profile.sources import Sources

    estimates = run.estimates()
    found = listing.routines(report, run.match, estimates)
    if not found:
        run.none_matches()
    sources = Sources(config.source_path, config.trim_path)
    for file in dict.fromkeys(routine.file for routine in found if routine.file):
        source = sources.find(file)
        if source is not None and source.guessed:
            name = file.decode("utf-8", "replace")
            run.notes.append(f"{name}: shown is {source.path}, which may be another version of it")
    from gosnap.profile import answers
    from gosnap.report.text import profile_list

    run.answer(
        lambda: profile_list.render(report, found, sources, estimates),
        lambda: answers.listing(report, found, sources, estimates),
        COLUMNS if estimates is None else [*COLUMNS, *answers.ERRORS],
        answers.listed_lines,
    )
    return 0
