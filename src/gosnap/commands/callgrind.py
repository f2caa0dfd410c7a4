"""A profile's call graph in the format of Callgrind, for KCachegrind.

As `go tool pprof -callgrind` has it, with the same options; nothing is trimmed."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.commands.profile_run import Run

USAGE = "FILE..."
FORMATS = ("callgrind",)
PIECE = 1000
"""Lines that are written at once."""


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "callgrind", FORMATS)
    run.say()
    from itertools import islice

    from gosnap.profile.picture import picture
    from gosnap.report.callgrind import render

    lines = render(run.report, picture(run.report, visual=False))
    pieces = iter(lambda: "".join(islice(lines, PIECE)).encode("utf-8", "replace"), b"")
    flags.stream(run.found, lambda put: [put(piece) for piece in pieces])
    return 0
