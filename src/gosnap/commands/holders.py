"""``gosnap top TARGET --holders FUNC``: who holds what a function allocated.

A process is stopped for a moment, for a snapshot that does not stay.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gosnap.commands import common, passing, profile_flags, profile_sources, profiles
from gosnap.errors import UsageError
from gosnap.heap import take
from gosnap.heap.allocations import matching
from gosnap.heap.holders import no_function
from gosnap.heap.snapshot import open_snapshot
from gosnap.profile import fetch
from gosnap.profile.options import OPTIONS
from gosnap.profile.regex import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from gosnap.commands.profile_flags import Arguments
    from gosnap.heap.views import View

ROWS = 10
_USED = frozenset({"nodecount"})
"""Settings of a profile that mean something here."""


def run(found: Arguments) -> int:
    """Answer the command line; the exit code."""
    profile_flags.split(found)
    _check(found)
    pattern = str(found.flags["holders"])
    search = compile_regex("holders", pattern)
    asked = _Asked(
        target=found.sources[0],
        exe=str(found.flags["exe"]) or None,
        match=lambda name: search(name.encode("utf-8", "surrogateescape")),
        pattern=pattern,
        top=ROWS if found.config.nodecount < 0 else found.config.nodecount or None,
    )
    if profiles.kind(asked.target) == "snapshot":
        if asked.exe is not None:
            raise UsageError("--exe goes with a core", "leave --exe out")
        view, stays = asked.answer(Path(asked.target)), True
    else:
        view, stays = _taken(asked, quiet=bool(found.flags["quiet"])), False
    if found.format == "json":
        from gosnap.report.canonical import to_json

        profile_flags.write(found, to_json(view))
        return 0
    from gosnap.report.text import holders as text
    from gosnap.report.text.table import Page

    page = Page() if found.output else Page.for_stream(sys.stdout)
    capture = [] if stays else [asked.target, *(["--exe", asked.exe] if asked.exe else [])]
    path = asked.target if stays else take.default_name(view.snapshot["program"], view.snapshot["pid"])
    text.render(page, view, path, capture)
    profile_flags.write(found, common.utf8(page.text()))
    return 0


@dataclass(frozen=True)
class _Asked:
    """What was asked for."""

    target: str
    exe: str | None
    match: Callable[[str], bool]
    pattern: str
    top: int | None

    def answer(self, path: Path) -> View:
        """The answer of a snapshot."""
        return open_snapshot(path, alone=True).holders(self.match, top=self.top, pattern=self.pattern)


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


def _taken(asked: _Asked, *, quiet: bool) -> View:
    """The answer of a process or core, from a snapshot that is taken for it."""
    # what the process itself says while it runs on: it is not stopped for a question that has no answer
    profile = profiles.read(asked.target, exe=asked.exe)
    if not matching(profile.sites, asked.match).any():
        raise no_function(asked.target, asked.pattern)
    with passing.taken(asked.target, exe=asked.exe, quiet=quiet) as path:
        return asked.answer(path)
