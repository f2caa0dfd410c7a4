"""Every sample of a profile, with its labels and its stack.

As `go tool pprof -traces` has it, with the same options."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
FORMATS = ("text",)


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "traces", FORMATS)
    run.say()
    from gosnap.report.text import profile_traces

    flags.stream(run.found, lambda put: profile_traces.write(run.report, put))
    return 0
