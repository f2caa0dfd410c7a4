"""What ``gosnap top`` shows of a program that keeps no memory profile: its objects by type, which need
none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gosnap.commands import common, passing, profile_flags, profiles
from gosnap.heap import take
from gosnap.heap.snapshot import open_snapshot

if TYPE_CHECKING:
    from gosnap.errors import NoProfileError
    from gosnap.heap.views import View

ROWS = 20


def instead(words: list[str], why: NoProfileError) -> int:
    """Say why there is no profile, and show the objects; the exit code. What cannot be answered so ends with
    ``why``."""
    found = profile_flags.parse(words)
    profile_flags.split(found)
    if len(found.sources) != 1 or found.format not in ("", "text", "json"):
        raise why
    target, exe = found.sources[0], str(found.flags["exe"]) or None
    top = ROWS if found.config.nodecount < 0 else found.config.nodecount or None
    stays = profiles.kind(target) == "snapshot"
    hint = why.hint.partition("; ")[0]
    notes = [why.message, hint, "no profile of calls, so here are the objects, by type"]
    profile_flags.say(found, notes)
    if stays:
        view = _view(Path(target), top)
    else:
        with passing.taken(target, exe=exe, quiet=bool(found.flags["quiet"])) as path:
            view = _view(path, top)
    if found.format == "json":
        from gosnap.report.canonical import to_json

        profile_flags.write(found, to_json(view))
        return 0
    from gosnap.report.text import types as text
    from gosnap.report.text.table import Page

    page = Page() if found.output else Page.for_stream(sys.stdout)
    capture = () if stays else (target, *(("--exe", exe) if exe else ()))
    file = target if stays else take.default_name(view.snapshot["program"], view.snapshot["pid"])
    text.render(page, view, text.Asked(file, capture=capture))
    profile_flags.write(found, common.utf8(page.text()))
    return 0


def _view(path: Path, top: int | None) -> View:
    return open_snapshot(path, alone=True).types(top=top)
