"""What all verbs of profiles do first: read the command line and the profiles, and make a report of them."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from gosnap.profile.answers import ProfileView
    from gosnap.profile.model import Profile
    from gosnap.profile.options import Config
    from gosnap.profile.pipeline import Notes, Report
    from gosnap.profile.regex import Match


class Run:
    """A verb under way: its command line, the report, the pattern it was given, and what to say on stderr."""

    __slots__ = ("base", "found", "match", "notes", "pattern", "report")

    loaded: ClassVar[tuple[Profile, Config] | None] = None
    """In the interactive shell, which has read the profile: it, and the options in force."""
    base: Profile
    """The profile before the report's filters."""
    found: flags.Arguments
    report: Report
    notes: Notes
    pattern: str
    match: Match

    def __init__(
        self, words: list[str], verb: str, formats: tuple[str, ...] = ("text",), *, pattern: bool = False
    ) -> None:
        """``formats``: the values of --format that the verb has, the first without one. ``pattern``: a
        regular expression comes before the files."""
        self.found = found = flags.parse(words)
        if not found.format:
            found.flags["format"] = formats[0]
        if found.format not in formats:
            raise UsageError(f"{verb} has no --format={found.format}", f"it has {', '.join(formats)}")
        if found.flags["holders"]:
            raise UsageError("--holders goes with top", "for example `gosnap top PID --holders main.load`")
        self.pattern = ""
        if pattern:
            if not found.arguments:
                raise UsageError(
                    f"{verb} needs a regular expression", f"for example `gosnap {verb} 'main\\.' heap.pb.gz`"
                )
            self.pattern = found.arguments.pop(0)
        flags.split(found)
        if pattern:
            from gosnap.profile.regex import compile_regex

            # before profiles are read, which takes longer
            self.match = compile_regex("argument", self.pattern)
        from gosnap.profile import pipeline

        self.notes = []
        if Run.loaded is not None:
            self.base, found.config = Run.loaded
        else:
            from gosnap.commands import profile_sources

            self.base = pipeline.load(
                found.sources,
                found.config,
                self.notes,
                executable=found.executable,
                open_source=profile_sources.opener(found, self.notes),
            )
        self.report = pipeline.prepare(self.base, found.config, verb, self.notes)

    def say(self) -> None:
        """The notes, to stderr; each is said once."""
        flags.say(self.found, self.notes)
        self.notes = []

    def answer(self, text: Callable[[], str], view: Callable[[], ProfileView], columns: list[str]) -> None:
        """Say the notes, and write the answer in the format that is asked for."""
        if self.found.format == "text":
            answer = text()
        else:
            made = view()
            if self.found.format == "json":
                from gosnap.report.canonical import to_json

                answer = to_json(made)
            else:
                from gosnap.report.table import to_csv

                answer = to_csv(columns, made.rows)
        self.say()
        flags.write(self.found, answer)
