"""Writes a profile as a pprof file (.pb.gz): merged, subtracted, filtered, as the options say.

As `go tool pprof -proto` has it, with the same options. Of a PID, the name of a Go program, a .gosnap file or
a core it writes the memory profile that the runtime keeps; then the options are -o FILE, --force,
--exe=PROGRAM (of a core) and --view=pprof (as /debug/pprof/heap would show it, up to two collections old) or
--view=now (with what is not published yet)."""

from __future__ import annotations

import sys

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run
from gosnap.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.model import Profile

USAGE = "FILE..."
_OF_TARGETS = ("exe", "view")
"""Options that profiles in files do not have."""


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    if _is_target(words):
        from gosnap.commands import proto_target

        return proto_target.main(words)
    run = Run(words, "proto")
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


def _is_target(words: list[str]) -> bool:
    """Whether one process, snapshot or core is named, and no profile."""
    if any(word.startswith("-") and word.lstrip("-").partition("=")[0] in _OF_TARGETS for word in words):
        return True
    named = flags.parse(words).arguments
    if len(named) != 1:
        return False
    from gosnap.commands import profiles

    return profiles.kind(named[0]) != ""
