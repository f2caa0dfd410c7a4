"""All that is in a profile as text: samples, locations, mappings.

As `go tool pprof -raw` has it, with the same options."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
FORMATS = ("text",)


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "raw", FORMATS)
    run.say()
    from gosnap.report.text import profile_raw

    flags.stream(run.found, lambda put: profile_raw.write(run.report, put))
    return 0
