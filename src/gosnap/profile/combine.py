"""Several profiles made one, and a base subtracted (google/pprof profile/merge.go and
internal/measurement/measurement.go, as in Go 1.27).

Equal samples (locations and labels) become one; samples whose values are all 0 go, and with them what only
they refer to. Other than in pprof, a sample stays if only values that were not scaled are left of it, columns
of inlined lines tell locations apart, and the time is the earliest that is known.
"""

from __future__ import annotations

from gosnap._kernels import profile_merge as kernel
from gosnap.errors import GosnapError
from gosnap.profile.columns import column, zeros
from gosnap.profile.model import BASE_LABEL, Profile, ValueType
from gosnap.profile.strings import Strings
from gosnap.profile.units import compatible, scale, truncate, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SAME_KIND = "profiles of one kind can be put together: heap with heap, CPU with CPU"


def combine(profiles: list[Profile]) -> Profile:
    """One profile of all: the sample types that all have, in the finest units. GosnapError where they have
    none in common, or in units that cannot be converted.

    The list is emptied: what is in the merged profile can be freed at once.
    """
    matched = _common_units(_common_types(profiles))
    profiles.clear()
    return matched[0] if len(matched) == 1 else merge(matched)


def subtract(pair: list[Profile], *, diff: bool = False, normalize: bool = False) -> Profile:
    """A profile without its base; ``pair`` holds both, and is emptied.

    ``diff``: the base's samples keep a label, so that none cancels another and totals are the base's.
    ``normalize``: the profile is first scaled, type by type, to sum up to what the base does.
    """
    profile, base = pair
    pair.clear()
    if diff:
        base = _labelled(base)
    if normalize:
        _same_types(profile, base)
        types = len(profile.sample_types)
        ours, theirs = kernel.sums(profile.values, types), kernel.sums(base.values, types)
        profile = scaled(profile, [b / a if a else 0.0 for a, b in zip(ours, theirs, strict=True)])
    pair += [profile, scaled(base, [-1.0] * len(base.sample_types))]
    del profile, base
    return combine(pair)


def scaled(profile: Profile, ratios: Sequence[float]) -> Profile:
    """Every value times the ratio of its sample type, rounded half away from 0."""
    if all(ratio == 1 for ratio in ratios):
        return profile
    numbers = memoryview(bytearray(8 * len(ratios))).cast("d")
    for i, ratio in enumerate(ratios):
        numbers[i] = ratio
    return profile.replace(values=kernel.scale(profile.values, numbers))


def merge(profiles: list[Profile]) -> Profile:
    """Profiles of the same sample types and units as one; what no sample refers to is dropped. The list is
    emptied."""
    first = profiles[0]
    for other in profiles[1:]:
        _same_types(first, other)
    comments: dict[bytes, None] = {}
    for profile in profiles:
        comments.update((profile.strings.raw(i), None) for i in profile.comments)
    header = {
        "sample_types": first.sample_types,
        "period_type": first.period_type,
        "period": _first_or_largest([p.period for p in profiles]),
        "time_nanos": min((p.time_nanos for p in profiles if p.time_nanos), default=0),
        "duration_nanos": wrap(sum(p.duration_nanos for p in profiles)),
        "default_sample_type": next((p.default_sample_type for p in profiles if p.default_sample_type), ""),
        "doc_url": next((p.doc_url for p in profiles if p.doc_url), ""),
        "drop_frames": first.drop_frames,
        "keep_frames": first.keep_frames,
    }
    merger = kernel.Merger(len(first.sample_types))
    del first, profile
    while profiles:
        merger.add(profiles.pop(0))
    cancelled = merger.zeros
    found = merger.result()
    del merger
    strings = Strings(found.pop("string_data"), found.pop("string_offset"))
    merged = Profile(
        strings, comments=column("I", [strings.intern(text) for text in comments]), **header, **found
    )
    # samples that cancelled each other, and what only they refer to, go in a second round
    return merge([merged]) if cancelled else merged


def _first_or_largest(periods: list[int]) -> int:
    largest = 0
    for period in periods:
        if largest == 0 or largest < period:
            largest = period
    return largest


def _same_types(a: Profile, b: Profile) -> None:
    if a.period_type != b.period_type:
        raise GosnapError(
            f"profiles of different periods: {_spell([a.period_type])} and {_spell([b.period_type])}",
            _SAME_KIND,
        )
    if a.sample_types != b.sample_types:
        raise GosnapError(
            f"profiles of different sample types: {_spell(a.sample_types)} and {_spell(b.sample_types)}",
            _SAME_KIND,
        )


def _spell(types: Sequence[ValueType]) -> str:
    return ", ".join(f"{t}/{u}" for t, u in types) or "none"


def _common_types(profiles: Sequence[Profile]) -> list[Profile]:
    """Sample types that all have, in the order of the first."""
    counts: dict[str, int] = {}
    for profile in profiles:
        for name, _ in profile.sample_types:
            counts[name] = counts.get(name, 0) + 1
    common = [name for name, _ in profiles[0].sample_types if counts[name] == len(profiles)]
    if not common:
        kinds = " and ".join(dict.fromkeys(_spell(p.sample_types) for p in profiles))
        raise GosnapError(f"profiles without a common sample type: {kinds}", _SAME_KIND)
    return [_with_types(profile, common) for profile in profiles]


def _with_types(profile: Profile, names: list[str]) -> Profile:
    own = [name for name, _ in profile.sample_types]
    if own == names:
        return profile
    places = [own.index(name) for name in names]
    return profile.replace(
        sample_types=tuple(profile.sample_types[i] for i in places),
        values=kernel.pick(profile.values, len(own), places),
        default_sample_type=profile.default_sample_type if profile.default_sample_type in names else names[0],
    )


def _common_units(profiles: list[Profile]) -> list[Profile]:
    """Values and periods in the finest unit that any of the profiles uses."""
    if len(profiles) == 1:
        return profiles
    period_type = _finest([p.period_type for p in profiles], "periods")
    finest = [
        _finest([p.sample_types[i] for p in profiles], "sample types")
        for i in range(len(profiles[0].sample_types))
    ]
    out = []
    for p in profiles:
        ratios = [scale(1, unit, to)[0] for (_, unit), (_, to) in zip(p.sample_types, finest, strict=True)]
        types = tuple((name, to) for (name, _), (_, to) in zip(p.sample_types, finest, strict=True))
        period = truncate(scale(p.period, p.period_type[1], period_type[1])[0])
        out.append(
            scaled(p, ratios).replace(
                sample_types=types, period=period, period_type=(p.period_type[0], period_type[1])
            )
        )
    return out


def _finest(types: list[ValueType], what: str) -> ValueType:
    finest = types[0]
    for other in types[1:]:
        if finest[0].removesuffix("s") != other[0].removesuffix("s") or not compatible(finest[1], other[1]):
            raise GosnapError(
                f"profiles whose {what} differ: {_spell([finest])} and {_spell([other])}", _SAME_KIND
            )
        if scale(1, other[1], finest[1])[0] < 1:
            finest = other
    return finest


def _labelled(profile: Profile) -> Profile:
    """All samples marked as a diff base's."""
    strings = profile.strings
    key, value = (strings.intern(text) for text in BASE_LABEL)
    before = zeros("B", len(strings))
    for index in set(profile.label_key):
        before[index] = strings.raw(index) < BASE_LABEL[0]
    found = kernel.set_label(
        profile.label_start,
        profile.label_key,
        profile.label_str,
        profile.label_num,
        profile.label_unit,
        before,
        key,
        value,
    )
    return profile.replace(**found)
