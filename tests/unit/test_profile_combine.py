"""Profiles merged, scaled and subtracted: sums by stack and labels, whatever the order of the tables."""

import random
from array import array
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap._kernels.profile_merge import scale
from gosnap.errors import GosnapError
from gosnap.profile import combine
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.columns import column
from gosnap.profile.model import Profile, check_valid
from gosnap.profile.units import truncate

Key = tuple[tuple[bytes, ...], tuple[tuple[bytes, bytes | int, bytes], ...]]


def at_random(dice: random.Random) -> Profile:
    b = ProfileBuilder([("objects", "count"), ("space", "bytes")], ("space", "bytes"), dice.randrange(3))
    start = 0x1000 * dice.randrange(1, 4)
    mapping = b.mapping(start, start + 0x8000, 0, "/bin/x")
    names = [f"f{i}" for i in range(6)]
    dice.shuffle(names)
    functions = {name: b.function(name, "x.go", 3) for name in names}
    for _ in range(dice.randrange(12)):
        stack = [
            b.location(start + int(n[1]), [(functions[n], 7)], mapping) for n in dice.choices(names, k=3)
        ]
        labels = {k: dice.choice(["x", "y"]) for k in dice.sample(["b", "a"], dice.randrange(3))}
        numbers = {"bytes": (dice.randrange(1, 3), dice.choice(["", "kb"]))} if dice.random() < 0.5 else {}
        b.sample(stack, [dice.randrange(-2, 3), dice.randrange(-20, 20)], labels | numbers)
    return b.build()


def sums(p: Profile, sign: int = 1) -> Counter[tuple[Key, int]]:
    """Values by names of functions, labels and sample type."""
    raw = p.strings.raw
    found: Counter[tuple[Key, int]] = Counter()
    types = len(p.sample_types)
    for i in range(p.samples):
        stack = tuple(
            raw(p.function_name[p.line_function[p.line_start[k]]])
            for k in p.stack[p.stack_start[i] : p.stack_start[i + 1]]
        )
        labels = tuple(
            (
                raw(p.label_key[j]),
                raw(p.label_str[j]) if p.label_str[j] else p.label_num[j],
                raw(p.label_unit[j]),
            )
            for j in range(p.label_start[i], p.label_start[i + 1])
        )
        for t in range(types):
            found[(stack, labels), t] += sign * p.values[i * types + t]
    return Counter({k: v for k, v in found.items() if v})


@pytest.mark.parametrize("seed", range(150))
def test_merging_adds_and_subtracting_takes_away(seed: int) -> None:
    dice = random.Random(seed)
    parts = [at_random(dice) for _ in range(dice.randrange(2, 4))]
    expected: Counter[tuple[Key, int]] = Counter()
    for part in parts:
        expected.update(sums(part))
    expected = Counter({k: v for k, v in expected.items() if v})
    merged = combine.combine(list(parts))
    check_valid(merged)
    assert sums(merged) == expected
    assert merged.samples == len({k for k, _ in sums(merged)}), "equal samples are one, empty ones are gone"
    assert set(merged.stack) == set(range(merged.locations)), "what no sample refers to is gone"
    assert merged.period == max(p.period for p in parts)
    first, second = parts[:2]
    expected = sums(first)
    expected.update(sums(second, -1))
    less = combine.subtract([first, second])
    check_valid(less)
    assert sums(less) == Counter({k: v for k, v in expected.items() if v})
    assert combine.subtract([first, first]).samples == 0


def one(value: int, unit: str = "bytes", name: str = "space", **labels: str) -> Profile:
    b = ProfileBuilder([("objects", "count"), (name, unit)], ("space", unit), 1)
    b.sample([b.location(1, [(b.function("f"), 1)])], [1, value], labels)
    return b.build()


def test_a_diff_base_keeps_its_samples() -> None:
    p = combine.subtract([one(5), one(5, z="1", a="2")], diff=True)
    check_valid(p)
    assert sums(p) == {
        (((b"f",), ()), 0): 1,
        (((b"f",), ()), 1): 5,
        (((b"f",), ((b"a", b"2", b""), (b"pprof::base", b"true", b""), (b"z", b"1", b""))), 0): -1,
        (((b"f",), ((b"a", b"2", b""), (b"pprof::base", b"true", b""), (b"z", b"1", b""))), 1): -5,
    }


def test_normalizing_scales_to_the_base() -> None:
    p = combine.subtract([one(10), one(30)], normalize=True)
    assert p.samples == 0
    b = ProfileBuilder([("space", "bytes")])
    for name, value in (("f", 3), ("g", 5)):
        b.sample([b.location(1, [(b.function(name), 1)])], [value])
    two = b.build()
    b.sample([b.location(1, [(b.function("g"), 1)])], [4])
    # 12 / 8: 3 becomes 4.5, rounded away from zero, and 5 becomes 7.5
    assert sums(combine.subtract([two, b.build()], normalize=True)) == {
        (((b"f",), ()), 0): 2,
        (((b"g",), ()), 0): -1,
    }


def test_units_become_the_finest() -> None:
    p = combine.combine([one(3, "kilobytes"), one(5, "bytes")])
    assert p.sample_types == (("objects", "count"), ("space", "bytes"))
    assert p.period_type == ("space", "bytes") and p.period == 1024
    assert list(p.values) == [2, 3 * 1024 + 5]


def test_sample_types_that_all_have() -> None:
    b = ProfileBuilder([("space", "bytes"), ("more", "count"), ("objects", "count")], ("space", "bytes"), 1)
    b.sample([b.location(1, [(b.function("f"), 1)])], [7, 8, 9])
    p = combine.combine([one(5), b.build()])
    assert p.sample_types == (("objects", "count"), ("space", "bytes"))
    assert list(p.values) == [10, 12]
    b = ProfileBuilder([("other", "count")])
    with pytest.raises(GosnapError, match="without a common sample type"):
        combine.combine([one(5), b.build()])
    with pytest.raises(GosnapError, match="differ"):
        combine.combine([one(5), one(5, "seconds")])


def test_addresses_are_those_of_the_first_mapping() -> None:
    """A program may lie elsewhere each time it runs."""
    profiles = []
    for start in (0x1000, 0x5000):
        b = ProfileBuilder([("space", "bytes")])
        m = b.mapping(start, start + 0x800, 0, "/bin/x", "id")
        b.sample([b.location(start + 0x10, [(b.function("f"), 1)], m)], [1])
        profiles.append(b.build())
    p = combine.combine(profiles)
    assert (p.samples, p.locations, p.mappings) == (1, 1, 1) and list(p.location_address) == [0x1010]


@given(
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-100, 100), max_size=20),
    st.sampled_from([1 / 3, 0.5, 3.7, 1e5]),
)
def test_values_divided_are_cut_as_go_does(values: list[int], ratio: float) -> None:
    got = scale(column("q", values), array("d", [ratio]), True)
    assert got.tolist() == [truncate(value * ratio) for value in values]
