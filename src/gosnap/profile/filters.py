"""Filters by names of frames and by labels, in pprof's order: focus, ignore, hide and show in one pass, then
show_from, then labels, then prune_from (internal/driver/driver_focus.go, profile/filter.go, as in Go 1.27).

A pattern is matched once for each name, of functions, of source files and of executables; what follows from
that is the kernel's.
"""

from __future__ import annotations

from gosnap._kernels import profile_filter as kernel
from gosnap.profile import labels, prune, tagfilter
from gosnap.profile.columns import zeros
from gosnap.profile.regex import compile_regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.model import Profile
    from gosnap.profile.options import Config
    from gosnap.profile.regex import Match

    Notes = list[str]


def apply(profile: Profile, config: Config, notes: Notes) -> Profile:
    """What is left of a profile. What matches nothing is noted. GosnapError for patterns that are none."""
    wanted = {
        name: compile_regex(name, getattr(config, name))
        for name in ("focus", "ignore", "hide", "show", "show_from")
        if getattr(config, name)
    }
    # patterns are read before anything is done, so that a wrong one is told of alone
    units = labels.number_units(profile)[0] if config.tagfocus or config.tagignore else {}
    tags = {
        name: tagfilter.TagFilter(name, getattr(config, name), units, notes)
        for name in ("tagfocus", "tagignore")
        if getattr(config, name)
    }
    names = {
        name: compile_regex(name, getattr(config, name))
        for name in ("tagshow", "taghide")
        if getattr(config, name)
    }
    from_here = compile_regex("prune_from", config.prune_from) if config.prune_from else None
    profile = _by_name(profile, wanted, notes)
    if "show_from" in wanted:
        profile = _show_from(profile, wanted["show_from"], notes)
    if tags:
        profile = _by_tag(profile, tags, notes)
    if names:
        profile = _tags_by_name(profile, names, notes)
    if from_here is not None:
        profile = prune.prune_from(profile, from_here)
    return profile


class Hits:
    """Which functions and which mappings a pattern matches: u8 each."""

    __slots__ = ("functions", "mappings")

    def __init__(self, profile: Profile, match: Match) -> None:
        known: dict[int, bool] = {}
        raw = profile.strings.raw

        def hit(index: int) -> bool:
            found = known.get(index)
            if found is None:
                found = known[index] = match(raw(index))
            return found

        self.functions = memoryview(
            bytearray(
                hit(name) or hit(file)
                for name, file in zip(profile.function_name, profile.function_filename, strict=True)
            )
        )
        self.mappings = memoryview(bytearray(hit(file) for file in profile.mapping_file))


def _note(notes: Notes, name: str, found: bool) -> None:
    if not found:
        notes.append(f"{_SPOKEN[name]} expression matched no samples")


_SPOKEN = {
    "focus": "Focus",
    "ignore": "Ignore",
    "hide": "Hide",
    "show": "Show",
    "show_from": "ShowFrom",
    "tagfocus": "TagFocus",
    "tagignore": "TagIgnore",
    "tagshow": "TagShow",
    "taghide": "TagHide",
}
"""How pprof names its filters in what it says."""


def _by_name(profile: Profile, wanted: dict[str, Match], notes: Notes) -> Profile:
    """focus, ignore, hide and show: which stacks, and which of their frames."""
    if not wanted.keys() & {"focus", "ignore", "hide", "show"}:
        return profile
    p = profile
    hits = {name: Hits(p, match) for name, match in wanted.items() if name != "show_from"}
    every = 0 if "focus" in hits else kernel.FOCUSED
    flags = memoryview(bytearray(bytes([every]) * p.locations))
    if "ignore" in hits:
        _note(notes, "ignore", _touched(p, hits["ignore"], kernel.IGNORED, flags) > 0)
    if "focus" in hits:
        # what is ignored counts as no match of the focus
        _note(notes, "focus", _touched(p, hits["focus"], kernel.FOCUSED, flags, kernel.IGNORED) > 0)
    for name, mode in (("hide", kernel.HIDE), ("show", kernel.SHOW)):
        if name in hits:
            p, count = _lines(p, mode, hits[name], flags)
            _note(notes, name, count > 0)
    return kept_stacks(p, kernel.SELECT, flags)


def _touched(p: Profile, hits: Hits, bit: int, flags: memoryview, unless: int = 0) -> int:
    return kernel.touched(
        p.line_start, p.line_function, p.location_mapping, hits.functions, hits.mappings, bit, flags, unless
    )


def _lines(p: Profile, mode: int, hits: Hits, flags: memoryview) -> tuple[Profile, int]:
    start, picked, found = kernel.lines(
        mode, p.line_start, p.line_function, p.location_mapping, hits.functions, hits.mappings, flags
    )
    return with_lines(p, start, picked), found


def with_lines(p: Profile, start: memoryview, picked: memoryview) -> Profile:
    """A profile whose locations have only these lines."""
    return p.replace(
        line_start=start,
        line_function=kernel.take(p.line_function, picked),
        line_line=kernel.take(p.line_line, picked),
        line_column=kernel.take(p.line_column, picked),
    )


def kept_stacks(p: Profile, mode: int, flags: memoryview) -> Profile:
    """A profile with the samples and stacks that are left (kernel.stacks)."""
    start, stack, kept = kernel.stacks(mode, p.stack_start, p.stack, flags)
    return with_samples(p, kept).replace(stack_start=start, stack=stack)


def with_samples(p: Profile, kept: memoryview) -> Profile:
    """A profile with the values and labels of these samples only; stacks are the caller's."""
    if len(kept) == p.samples:
        return p
    start, picked = kernel.runs(p.label_start, kept)
    return p.replace(
        values=kernel.rows(p.values, len(p.sample_types), kept), **_labels(p, picked), label_start=start
    )


def _labels(p: Profile, picked: memoryview) -> dict[str, memoryview]:
    names = ("label_key", "label_str", "label_num", "label_unit")
    return {name: kernel.take(getattr(p, name), picked) for name in names}


def _show_from(p: Profile, match: Match, notes: Notes) -> Profile:
    flags = zeros("B", p.locations)
    p, found = _lines(p, kernel.SHOW_FROM, Hits(p, match), flags)
    _note(notes, "show_from", found > 0)
    return kept_stacks(p, kernel.BELOW_MATCH, flags)


def _by_tag(p: Profile, tags: dict[str, tagfilter.TagFilter], notes: Notes) -> Profile:
    """tagfocus and tagignore: which samples."""
    known = labels.Labels(p)
    keep = memoryview(bytearray(b"\1" * p.samples))
    for name, tag in tags.items():
        found = kernel.narrow(keep, tag.samples(known), name == "tagfocus")
        _note(notes, name, found > 0)
    kept = kernel.chosen(keep)
    if len(kept) == p.samples:
        return p
    start, picked = kernel.runs(p.stack_start, kept)
    return with_samples(p, kept).replace(stack_start=start, stack=kernel.take(p.stack, picked))


def _tags_by_name(p: Profile, names: dict[str, Match], notes: Notes) -> Profile:
    """tagshow and taghide: which labels."""
    known = labels.Labels(p)
    verdict: dict[bytes, bool] = {}
    shown = hidden = False
    for i in range(len(known)):
        key = known.key(i)
        if key not in verdict:
            show = "tagshow" not in names or names["tagshow"](key)
            hide = "taghide" in names and names["taghide"](key)
            shown, hidden = shown or show, hidden or hide
            verdict[key] = hide or not show
    for name, found in (("tagshow", shown), ("taghide", hidden)):
        if name in names:
            _note(notes, name, found)
    drop = memoryview(bytearray(verdict[known.key(i)] for i in range(len(known))))
    start, picked = kernel.without(p.label_start, known.which, drop)
    return p.replace(label_start=start, **_labels(p, picked))
