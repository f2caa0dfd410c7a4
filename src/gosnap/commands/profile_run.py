"""What all verbs of profiles do first: read the command line and the profiles, and make a report of them."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.errors import GosnapError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar, NoReturn

    from gosnap.profile.answers import ProfileView, Row
    from gosnap.profile.estimates import Estimates
    from gosnap.profile.model import Profile
    from gosnap.profile.options import Config
    from gosnap.profile.pipeline import Notes, Report
    from gosnap.profile.regex import Match


class Run:
    """A verb under way: its command line, the report, the pattern it was given, and what to say on stderr."""

    __slots__ = ("base", "compares", "found", "match", "notes", "pattern", "report")

    loaded: ClassVar[tuple[Profile, Config] | None] = None
    """In the interactive shell, which has read the profile: it, and the options in force."""
    base: Profile
    """The profile before the report's filters."""
    compares: bool
    """Whether changes are asked for."""
    found: flags.Arguments
    report: Report
    notes: Notes
    pattern: str
    match: Match

    def __init__(
        self,
        words: list[str],
        verb: str,
        formats: tuple[str, ...] = ("text",),
        *,
        pattern: bool = False,
        errors: bool = False,
        changes: bool = False,
        pair: bool = False,
    ) -> None:
        """``formats``: the values of --format that the verb has, the first without one. ``pattern``: a
        regular expression comes before the files. ``errors``, ``changes``: the verb has these options.
        ``pair``: it compares its two sources."""
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
        if pair:
            _compare(found)
        if pattern:
            from gosnap.profile.regex import compile_regex

            # before profiles are read, which takes longer
            self.match = compile_regex("argument", self.pattern)
        from gosnap.profile import pipeline

        self.notes = []
        if Run.loaded is not None:
            self.base, found.config = Run.loaded
        self.compares = found.config.changes
        _check(found.config, verb, errors, changes)
        if Run.loaded is None:
            from gosnap.commands import profile_sources

            fetched: list[str] = []
            self.base = pipeline.load(
                found.sources,
                found.config,
                self.notes,
                executable=found.executable,
                open_source=profile_sources.opener(found, self.notes, fetched),
            )
            if fetched:
                from gosnap.commands import profile_save

                self.notes.append(profile_save.save(self.base))
        # what changed is shown as `top` shows profiles
        self.report = pipeline.prepare(self.base, found.config, "top" if pair else verb, self.notes)

    def estimates(self) -> Estimates | None:
        """How far off the report's numbers may be, where that is asked for."""
        if not self.found.config.errors:
            return None
        from gosnap.profile.estimates import Estimates

        made = Estimates(self.report)
        if made.why:
            self.notes.append(f"--errors: no interval can be given: {made.why}")
        return made

    def none_matches(self) -> NoReturn:
        """The error that the verb's pattern matches nothing."""
        self.say()
        raise GosnapError(
            f"no matches found for regexp: {self.pattern}", "`gosnap top FILE` lists what there is"
        )

    def say(self) -> None:
        """The notes, to stderr; each is said once."""
        flags.say(self.found, self.notes)
        self.notes = []

    def answer(
        self,
        text: Callable[[], str],
        view: Callable[[], ProfileView],
        columns: list[str],
        rows: Callable[[ProfileView], list[Row]] | None = None,
    ) -> None:
        """Say the notes, and write the answer in the format that is asked for. ``rows``: what gives rows of
        a table, if those of the view are none."""
        if self.found.format == "text":
            answer = text()
        else:
            made = view()
            if self.found.format == "json":
                from gosnap.report.canonical import to_json

                answer = to_json(made)
            else:
                from gosnap.report.table import to_csv

                answer = to_csv(columns, made.rows if rows is None else rows(made))
        self.say()
        flags.write(self.found, answer)


def _compare(found: flags.Arguments) -> None:
    """Make the first of two sources the base of the other."""
    config = found.config
    if config.base or config.diff_base or len(found.sources) != 2:
        raise UsageError("diff compares two profiles", "for example `gosnap diff before.pb.gz after.pb.gz`")
    config.set(diff_base=(found.sources.pop(0),), changes=True)


def _check(config: Config, verb: str, errors: bool, changes: bool) -> None:
    """UsageError for options that the verb does not have, or that contradict each other."""
    if config.errors and not errors:
        raise UsageError(f"{verb} has no --errors", "`gosnap top`, `tree`, `peek` and `list` have it")
    if not config.changes:
        return
    if not changes:
        raise UsageError(f"{verb} has no --changes", "`gosnap diff`, `top`, `tree` and `peek` have it")
    for name in ("errors", "mean"):
        if getattr(config, name):
            raise UsageError(f"--{name} is not for changes", "ask for it of each profile alone")
    if config.base and not config.diff_base and Run.loaded is None:
        # a base that has been subtracted is not told from the rest any more
        config.set(diff_base=config.base, base=())
    if not config.diff_base:
        raise UsageError("--changes needs what to compare with", "give it with --diff_base=FILE")
