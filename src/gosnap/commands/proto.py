"""Writes a profile as a pprof file (.pb.gz): merged, subtracted, filtered, as the options say.

As `go tool pprof -proto` has it, with the same options. Of a process, a .gosnap file or a core it is the
memory profile that the runtime keeps: as /debug/pprof/heap would show it, up to two collections old, or, with
--view=now, with what is not published yet."""

from __future__ import annotations

import sys

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run
from gosnap.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.model import Profile

USAGE = "SOURCE..."
FORMATS = ("pprof",)


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "proto", FORMATS)
    from gosnap.profile.export import whole

    write(run, whole(run.report))
    return 0


def write(run: Run, profile: Profile) -> None:
    """The notes, and the profile to where the command line wants it."""
    run.say()
    if not run.found.output and sys.stdout.isatty():
        raise UsageError("a profile is nothing for a terminal", "give a file with -o, or redirect the output")
    from gosnap.profile.encode import to_gzip

    data = to_gzip(profile)
    flags.stream(run.found, lambda put: put(data))
