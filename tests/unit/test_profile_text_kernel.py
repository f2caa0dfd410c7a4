"""The kernels of reports: numbers as Python prints them, columns that lie, labels and paths counted by
hand."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels import profile_picture, profile_tags
from gosnap._kernels import profile_text as text
from gosnap.profile.columns import column, offsets, zeros
from gosnap.profile.units import label, plan, truncate

NONE = 0xFFFFFFFF
I64 = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-5000, 5000),
    st.integers(-60, 63).map(lambda e: (1 << e) - 1 if e > 0 else -(1 << -e)),
)
UNIT = st.sampled_from(
    ["bytes", "kb", "GiB", "nanoseconds", "ms", "hours", "gcu", "count", "widgets", "ü", ""]
)


@given(
    I64, UNIT, UNIT | st.sampled_from(["minimum", "auto"]), st.sampled_from([0.0, 1.0, 1 / 3, -2.0, 1e300])
)
@settings(max_examples=600, deadline=None)
def test_values_are_labels(value: int, unit: str, to: str, ratio: float) -> None:
    shown = truncate(value * ratio) if ratio > 0 and ratio != 1 else value
    assert text.Values(*plan(unit, to), ratio).text(value).decode() == label(shown, unit, to)


@given(st.integers(0, (1 << 53) * 64), st.integers(0, 70))
@settings(max_examples=800, deadline=None)
def test_decimals_are_rounded_exactly(numerator: int, shift: int) -> None:
    """Halves of a cent in their many forms: Python's formatting is exact, and so is C's."""
    numerator = min(numerator, (1 << 63) - 1)
    base = 2.0**-shift
    expected = f"{float(numerator) * base:.2f}".removesuffix(".00")
    assert text.Values(base, [1.0], [b""], 0, 0).text(numerator).decode() == expected


@given(st.lists(st.integers(0, 300_000), max_size=12))
@settings(max_examples=30, deadline=None)
def test_pieces_are_the_text(sizes: list[int]) -> None:
    parts = [bytes([65 + i % 26]) * size for i, size in enumerate(sizes)]
    written: list[bytes] = []
    out = text.Out(lambda piece: written.append(bytes(piece)))
    for part in parts:
        out.put(part)
    out.flush()
    assert b"".join(written) == b"".join(parts)
    assert all(len(piece) <= 1 << 18 for piece in written)


def test_a_writer_that_fails_is_heard() -> None:
    def write(piece: object) -> None:
        raise BrokenPipeError

    arguments = _traces()
    arguments["out"] = text.Out(write)
    with pytest.raises(BrokenPipeError):
        text.traces(*arguments.values())


# ---- columns that lie ----


def _strings(*strings: bytes) -> tuple[memoryview, memoryview]:
    return memoryview(bytearray(b"".join(strings))), offsets(map(len, strings))


STRINGS = (b"", b"f", b"a.go", b"key", b"value", b"bytes", b"/bin/x/")


def _traces() -> dict[str, Any]:
    data, offset = _strings(*STRINGS)
    return {
        "out": text.Out(lambda piece: None),
        "shown": text.Values(*plan("bytes")),
        "values": column("q", [1, 2, 3, 4]),
        "types": 2,
        "index": 1,
        "divisor": 0,
        "stack_start": offsets([2, 1]),
        "stack": column("I", [0, 1, 1]),
        "frame_start": offsets([1, 2]),
        "frame_node": column("I", [0, 1, 0]),
        "node_columns": tuple(
            column(code, items)
            for code, items in (
                ("I", [1, 0]),
                ("I", [2, 0]),
                ("I", [0, 6]),
                ("Q", [16, 0]),
                ("q", [3, 0]),
                ("q", [0, 0]),
            )
        ),
        "label_start": offsets([2, 1]),
        "label_key": column("I", [3, 5, 5]),
        "label_str": column("I", [4, 0, 0]),
        "label_num": column("q", [0, 7, 8]),
        "key_unit": zeros("I", len(STRINGS)),
        "units": [text.Values(*plan("bytes"))],
        "string_data": data,
        "string_offset": offset,
    }


def _raw_samples() -> dict[str, Any]:
    t = _traces()
    return {
        "out": t["out"],
        "values": t["values"],
        "types": 2,
        "stack_start": t["stack_start"],
        "stack": t["stack"],
        "location_id": column("Q", [7, 9]),
        **{name: t[name] for name in ("label_start", "label_key", "label_str", "label_num")},
        "label_unit": column("I", [0, 5, 0]),
        "string_data": t["string_data"],
        "string_offset": t["string_offset"],
    }


def _raw_locations() -> dict[str, Any]:
    data, offset = _strings(*STRINGS)
    return {
        "out": text.Out(lambda piece: None),
        "location_id": column("Q", [7, 9]),
        "location_address": column("Q", [1, 2]),
        "location_mapping": column("I", [0, NONE]),
        "location_folded": column("B", [0, 1]),
        "mapping_id": column("Q", [3]),
        "line_start": offsets([1, 0]),
        "line_function": column("I", [0]),
        "line_line": column("q", [-1]),
        "line_column": column("q", [5]),
        "function_name": column("I", [1]),
        "function_system_name": column("I", [4]),
        "function_filename": column("I", [2]),
        "function_start_line": column("q", [1]),
        "string_data": data,
        "string_offset": offset,
    }


def _picture() -> dict[str, Any]:
    t = _traces()
    return {k: t[k] for k in ("values", "types", "index", "divisor", "stack_start", "stack")} | {
        "frame_start": t["frame_start"],
        "frame_node": t["frame_node"],
    }


def _labels() -> dict[str, Any]:
    return {
        "set_of": column("I", [1, 0]),
        "label_start": offsets([2, 1]),
        "label_number": column("I", [NONE, 0, 0]),
        "label_num": column("q", [0, 7, 8]),
    }


def _node_tags() -> dict[str, Any]:
    return _picture() | {"slot": column("I", [0, NONE])} | _labels()


def _place_tags() -> dict[str, Any]:
    p = _picture()
    return (
        {k: p[k] for k in ("values", "types", "index", "divisor")}
        | {
            "leaf": column("I", [1, NONE]),
            "ends": column("B", [1, 0]),
            "parent": column("I", [NONE, 0]),
            "slot": column("I", [0, NONE]),
        }
        | _labels()
    )


def _sums() -> dict[str, Any]:
    t = _traces()
    which = {"label_start": t["label_start"], "which": column("I", [0, 1, 1]), "n": 2}
    return {"values": t["values"], "types": 2, "index": 1} | which


def _label_sets() -> dict[str, Any]:
    wanted = {"which": column("I", [0, 1, 1]), "wanted": column("B", [1, 0])}
    return {"label_start": offsets([2, 1])} | wanted


KERNELS = [
    (text.traces, _traces),
    (text.raw_samples, _raw_samples),
    (text.raw_locations, _raw_locations),
    (profile_tags.sums, _sums),
    (profile_picture.label_sets, _label_sets),
    (profile_picture.node_tags, _node_tags),
    (profile_picture.place_tags, _place_tags),
]


def _spoiled(value: Any, r: random.Random) -> Any:
    """A column that is shorter or longer, or has an item of another kind; another number."""
    if isinstance(value, tuple):
        place = r.randrange(len(value))
        return tuple(_spoiled(v, r) if i == place else v for i, v in enumerate(value))
    if isinstance(value, int):
        return r.choice([-1, 0, 1, 2, 5, 1 << 40, -(1 << 62)])
    if isinstance(value, list):
        return value[:-1]
    if not isinstance(value, memoryview):
        return value
    items = list(value)
    how = r.randrange(3)
    if how == 0:
        items = items[: r.randrange(len(items) + 1)]
    elif how == 1:
        items += r.choices(items or [0], k=r.randrange(1, 4))
    elif items:
        most = {"B": 255, "I": NONE, "q": (1 << 63) - 1, "Q": (1 << 64) - 1}[value.format]
        items[r.randrange(len(items))] = r.choice([0, 1, 7, most, most // 2])
    return column(value.format, items)


@pytest.mark.parametrize(("kernel", "good"), KERNELS, ids=lambda k: getattr(k, "__name__", ""))
def test_columns_that_lie(kernel: Any, good: Any) -> None:
    """An answer or a ValueError; AddressSanitizer sees the rest."""
    kernel(*good().values())
    r = random.Random(1)
    refused = 0
    for _ in range(3000):
        arguments = good()
        for name in r.choices(list(arguments), k=r.choice((1, 1, 2))):
            arguments[name] = _spoiled(arguments[name], r)
        try:
            kernel(*arguments.values())
        except (ValueError, OverflowError):
            refused += 1
    assert refused > 300


# ---- against counting by hand ----

STACKS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 4), max_size=6),
        st.integers(-4, 9),
        st.lists(st.sampled_from(["a:1", "a:2", "b:1"]), max_size=3),
        st.lists(st.integers(1, 3), max_size=2),
    ),
    max_size=12,
)
Sample = tuple[list[int], int, list[str], list[int]]


def _columns(samples: list[Sample]) -> dict[str, Any]:
    """Five nodes with a location each; labels: kinds 0 to 2 are strings, 3 to 5 the numbers 1 to 3."""
    kinds = {"a:1": 0, "a:2": 1, "b:1": 2}
    labels = [[kinds[s] for s in strings] + [n + 2 for n in numbers] for _, _, strings, numbers in samples]
    which = [k for sample in labels for k in sample]
    return {
        "values": column("q", [value for _, value, _, _ in samples]),
        "stack_start": offsets(len(stack) for stack, _, _, _ in samples),
        "stack": column("I", [node for stack, _, _, _ in samples for node in stack]),
        "frame_start": offsets([1] * 5),
        "frame_node": column("I", range(5)),
        "label_start": offsets(map(len, labels)),
        "which": column("I", which),
        "label_number": column("I", [k - 3 if k > 2 else NONE for k in which]),
        "label_num": column("q", [k - 2 if k > 2 else 0 for k in which]),
    }


@given(STACKS)
@settings(max_examples=200, deadline=None)
def test_labels_of_nodes_and_paths(samples: list[Sample]) -> None:
    c = _columns(samples)
    sets, first = profile_picture.label_sets(c["label_start"], c["which"], column("B", [1, 1, 1, 0, 0, 0]))
    names = [()] + [tuple(samples[s][2]) for s in first[1:]]
    assert [names[s] for s in sets] == [tuple(strings) for _, _, strings, _ in samples]
    assert len(set(names)) == len(names)

    stacks = (c["values"], 1, 0, -1, c["stack_start"], c["stack"], c["frame_start"], c["frame_node"])
    labels = (sets, c["label_start"], c["label_number"], c["label_num"])
    flat: Counter[Any] = Counter()
    cum: Counter[Any] = Counter()
    paths_flat: Counter[Any] = Counter()
    paths_cum: Counter[Any] = Counter()
    for stack, value, strings, numbers in samples:
        # leaf first; a label that a sample has twice counts twice
        tags = [(tuple(strings), 0)] * bool(strings) + [(tuple(strings), n) for n in numbers]
        for tag in tags if value else []:
            for node in set(stack):
                cum[node, tag] += value
            path = tuple(reversed(stack))
            for depth in range(1, len(path) + 1):
                paths_cum[path[:depth], tag] += value
            if stack:
                flat[stack[0], tag] += value
                paths_flat[path, tag] += value

    def read(found: dict[str, Any], of: Any) -> tuple[Counter[Any], Counter[Any]]:
        own: Counter[Any] = Counter()
        whole: Counter[Any] = Counter()
        for i, (slot, labels_, number) in enumerate(
            zip(found["slot"], found["labels"], found["number"], strict=True)
        ):
            key = of(slot), (names[labels_], found["sums"][5 * i] if number else 0)
            own[key] += found["sums"][5 * i + 1]
            whole[key] += found["sums"][5 * i + 3]
        return own, whole

    def same(a: Counter[Any], b: Counter[Any]) -> bool:
        return {k: v for k, v in a.items() if v} == {k: v for k, v in b.items() if v}

    own, whole = read(profile_picture.node_tags(*stacks, column("I", range(5)), *labels), int)
    assert same(own, flat) and same(whole, cum)

    # every path is a place; what has no value is in none
    place_of: dict[tuple[int, ...], int] = {}
    for stack, value, _, _ in samples:
        for depth in range(1, len(stack) + 1 if value else 0):
            place_of.setdefault(tuple(reversed(stack))[:depth], len(place_of))
    paths = list(place_of)
    leaf = [place_of[tuple(reversed(stack))] if value and stack else NONE for stack, value, _, _ in samples]
    found = profile_picture.place_tags(
        c["values"],
        1,
        0,
        -1,
        column("I", leaf),
        column("B", [1] * len(samples)),
        column("I", [place_of.get(path[:-1], NONE) for path in paths]),
        column("I", range(len(paths))),
        *labels,
    )
    own, whole = read(found, paths.__getitem__)
    assert same(own, paths_flat) and same(whole, paths_cum)
