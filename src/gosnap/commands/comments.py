"""The comments in a profile.

As `go tool pprof -comments` has it."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
FORMATS = ("text",)


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "comments", FORMATS)
    run.say()
    from gosnap.report.text.profile_labels import comments

    flags.write(run.found, "".join(f"{line}\n" for line in comments(run.report.profile)))
    return 0
