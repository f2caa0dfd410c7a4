"""``gosnap top TARGET --holders FUNC``: who holds what a function allocated.

A process is stopped for a moment, for a snapshot that does not stay.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gosnap.commands import common, profile_flags, profile_sources, profiles, progress
from gosnap.errors import UsageError
from gosnap.profile import fetch
from gosnap.profile.options import OPTIONS
from gosnap.profile.regex import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from gosnap.commands.profile_flags import Arguments
    from gosnap.heap.snapshot import Snapshot
    from gosnap.heap.views import View

ROWS = 10
_USED = frozenset({"nodecount"})
"""Settings of a profile that mean something here."""


def run(found: Arguments) -> int:
    """Answer the command line; the exit code."""
    profile_flags.split(found)
    _check(found)
    pattern = str(found.flags["holders"])
    match = compile_regex("holders", pattern)
    target, count = found.sources[0], found.config.nodecount
    view = _view(
        target,
        str(found.flags["exe"]) or None,
        lambda snapshot: snapshot.holders(
            lambda name: match(name.encode("utf-8", "surrogateescape")),
            top=ROWS if count < 0 else count or None,
            pattern=pattern,
        ),
        quiet=bool(found.flags["quiet"]),
    )
    if found.format == "json":
        from gosnap.report.canonical import to_json

        profile_flags.write(found, to_json(view))
        return 0
    from gosnap.report.text import holders as text
    from gosnap.report.text.table import Page

    page = Page() if found.output else Page.for_stream(sys.stdout)
    text.render(page, view, target if profiles.kind(target) == "snapshot" else "")
    profile_flags.write(found, common.utf8(page.text()))
    return 0


def _check(found: Arguments) -> None:
    """UsageError for what --holders cannot do."""
    if found.format == "csv":
        raise UsageError("--holders has no --format=csv", "it has text and json")
    for option in OPTIONS:
        if option.name not in _USED and getattr(found.config, option.name) != option.default:
            raise UsageError(
                f"--{option.name} does not go with --holders", "--holders takes -n, --format, --exe and -o"
            )
    if found.flags["view"] != "pprof":
        raise UsageError(
            "--view does not go with --holders", "who holds what is always of the present moment"
        )
    if len(found.sources) > 1 or found.executable:
        raise UsageError(
            "--holders takes one target", "give a PID, the name of a Go program, a .gosnap file or a core"
        )
    target = found.sources[0]
    if fetch.is_address(target) or profile_sources.is_profile(target):
        raise UsageError(
            f"{target}: a profile does not say who holds what: --holders needs the objects themselves",
            "give the process (its PID or name), a .gosnap file or a core",
        )


def _view(target: str, exe: str | None, answer: Callable[[Snapshot], View], *, quiet: bool) -> View:
    """The answer of a snapshot that there is, or of one that is taken for it."""
    from gosnap.heap.snapshot import open_snapshot

    if profiles.kind(target) == "snapshot":
        if exe is not None:
            raise UsageError("--exe goes with a core", "leave --exe out")
        return answer(open_snapshot(target, alone=True))
    from gosnap.heap.take import take

    line = progress.line("auto", quiet)
    with tempfile.TemporaryDirectory(prefix="gosnap-holders-") as name:
        path = Path(name) / "target.gosnap"
        try:
            # of many objects at once keys and strings are not shown, so the bytes of the heap can stay out
            take(target, exe=exe, contents=False, out=path, progress=line)
        finally:
            if line is not None:
                line.clear()
        return answer(open_snapshot(path, alone=True))
