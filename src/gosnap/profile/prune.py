"""drop_frames, keep_frames and prune_from: what is below certain functions is of no interest (google/pprof
profile/prune.go, as in Go 1.27)."""

from __future__ import annotations

from gosnap._kernels import profile_filter as kernel
from gosnap.errors import GosnapError
from gosnap.profile.columns import zeros
from gosnap.profile.regex import compile_regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.model import Profile
    from gosnap.profile.regex import Match

_RESERVED = (b"(anonymous namespace)", b"operator()")


def simplified(name: bytes) -> bytes:
    """A function's name without the dot in front and without arguments; C++ has two names with brackets."""
    name = name.removeprefix(b".")
    at = 0
    while True:
        at = name.find(b"(", at)
        if at < 0:
            return name
        reserved = next((r for r in _RESERVED if _holds(name, r, at)), b"")
        if not reserved:
            return name[:at]
        at = at - reserved.find(b"(") + len(reserved)


def _holds(name: bytes, reserved: bytes, at: int) -> bool:
    begin = at - reserved.find(b"(")
    return begin >= 0 and name[begin : begin + len(reserved)] == reserved


def _hits(p: Profile, match: Match) -> memoryview:
    known: dict[int, bool] = {0: False}  # a function without a name is no match
    out = zeros("B", p.functions)
    for i, index in enumerate(p.function_name):
        found = known.get(index)
        if found is None:
            found = known[index] = match(simplified(p.strings.raw(index)))
        out[i] = found
    return out


def _pruned(p: Profile, match: Match, lines: int, stacks: int) -> Profile:
    from gosnap.profile.filters import kept_stacks, with_lines

    flags = zeros("B", p.locations)
    start, picked, found = kernel.lines(
        lines,
        p.line_start,
        p.line_function,
        p.location_mapping,
        _hits(p, match),
        zeros("B", p.mappings),
        flags,
    )
    return kept_stacks(with_lines(p, start, picked), stacks, flags) if found else p


def prune_from(profile: Profile, match: Match) -> Profile:
    """Stacks without what is below the match nearest the leaf; the match stays."""
    return _pruned(profile, match, kernel.PRUNE_FROM, kernel.ABOVE_LEAF_MATCH)


def remove_uninteresting(profile: Profile, notes: list[str]) -> Profile:
    """Stacks without what ``drop_frames`` matches whole and ``keep_frames`` does not, and what is below.

    A profile's own patterns may be wrong: that is noted, and nothing dropped.
    """
    try:
        drop = compile_regex("drop_frames", f"^({profile.drop_frames})$")
        keep = compile_regex("keep_frames", f"^({profile.keep_frames})$") if profile.keep_frames else None
    except GosnapError as e:
        notes.append(f"{e.message}: the profile's own pattern is not used")
        return profile

    def match(name: bytes) -> bool:
        return drop(name) and not (keep is not None and keep(name))

    return _pruned(profile, match, kernel.PRUNE, kernel.ABOVE_ROOT_MATCH)
