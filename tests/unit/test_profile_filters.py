"""Filters of profiles: which stacks, frames and labels are left."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels import profile_filter as kernel
from gosnap.errors import GosnapError
from gosnap.profile import filters, labels, prune
from gosnap.profile.columns import column, offsets, zeros
from gosnap.profile.model import Profile
from gosnap.profile.options import Config
from gosnap.profile.strings import Strings
from gosnap.profile.tagfilter import parse_range
from gosnap.profile.tagframes import add

Frame = tuple[str, ...]
"""A location: its functions, the innermost first."""


def profile(
    stacks: list[list[Frame]], tags: list[list[tuple[str, str | int, str]]] | None = None, mapping: str = ""
) -> Profile:
    """Samples with these stacks, from the root to the leaf, of 1 byte each; labels: (key, value, unit)."""
    strings = Strings.empty()
    frames = list(dict.fromkeys(frame for stack in stacks for frame in stack))
    names = list(dict.fromkeys(name for frame in frames for name in frame))
    tags = tags or [[] for _ in stacks]
    flat = [tag for sample in tags for tag in sample]

    def intern(text: str) -> int:
        return strings.intern(text.encode())

    return Profile(
        strings,
        sample_types=(("space", "bytes"),),
        values=column("q", [1] * len(stacks)),
        stack_start=offsets(len(s) for s in stacks),
        stack=column("I", [frames.index(f) for s in stacks for f in reversed(s)]),
        label_start=offsets(len(t) for t in tags),
        label_key=column("I", [intern(key) for key, _, _ in flat]),
        label_str=column("I", [intern(v) if isinstance(v, str) else 0 for _, v, _ in flat]),
        label_num=column("q", [v if isinstance(v, int) else 0 for _, v, _ in flat]),
        label_unit=column("I", [intern(unit) for _, _, unit in flat]),
        mapping_id=column("Q", [1]),
        mapping_start=zeros("Q", 1),
        mapping_limit=zeros("Q", 1),
        mapping_offset=zeros("Q", 1),
        mapping_file=column("I", [intern(mapping)]),
        mapping_build_id=zeros("I", 1),
        mapping_flags=zeros("B", 1),
        location_id=column("Q", list(range(1, len(frames) + 1))),
        location_address=zeros("Q", len(frames)),
        location_mapping=zeros("I", len(frames)),
        location_folded=zeros("B", len(frames)),
        line_start=offsets(len(f) for f in frames),
        line_function=column("I", [names.index(name) for f in frames for name in f]),
        line_line=zeros("q", sum(map(len, frames))),
        line_column=zeros("q", sum(map(len, frames))),
        function_id=column("Q", list(range(1, len(names) + 1))),
        function_name=column("I", [intern(n) for n in names]),
        function_system_name=zeros("I", len(names)),
        function_filename=column("I", [intern(f"{n.lower()}.go") for n in names]),
        function_start_line=zeros("q", len(names)),
    )


def left(p: Profile) -> list[list[Frame]]:
    """The stacks of a profile, from the root to the leaf."""
    out = []
    for i in range(p.samples):
        stack: list[Frame] = []
        for place in reversed(list(p.stack[p.stack_start[i] : p.stack_start[i + 1]])):
            functions = p.line_function[p.line_start[place] : p.line_start[place + 1]]
            stack.append(tuple(p.strings.text(p.function_name[f]) for f in functions))
        out.append(stack)
    return out


def one(*names: str) -> list[Frame]:
    return [(name,) for name in names]


def filtered(p: Profile, **settings_: Any) -> Profile:
    return filters.apply(p, Config(**settings_), [])


# what google/pprof says of its own functions (profile/filter.go, profile/prune.go)
@pytest.mark.parametrize(
    ("pattern", "want"),
    [("A", [one("A", "B", "C", "B")]), ("B", [one("B", "C", "B")]), ("C", [one("C", "B")]), ("D", [])],
)
def test_show_from_as_its_documentation_has_it(pattern: str, want: list[list[Frame]]) -> None:
    assert left(filtered(profile([one("A", "B", "C", "B")]), show_from=pattern)) == want


@pytest.mark.parametrize(
    ("pattern", "stays"), [("A", "ABCBD"[:1]), ("B", "ABCB"), ("D", "ABCBD"), ("E", "ABCBD")]
)
def test_prune_from_as_its_documentation_has_it(pattern: str, stays: str) -> None:
    # from the leaf up: the first match is kept, with all above it
    assert left(filtered(profile([one(*"ABCBD")]), prune_from=pattern)) == [one(*stays)]


def test_drop_frames_go_from_the_root_down() -> None:
    p = profile([one("U", "drop", "V", "drop", "W"), one("drop", "drop", "U"), one("drop", "keepdrop")])
    p = p.replace(drop_frames="drop|keepdrop", keep_frames="keep.*")
    notes: list[str] = []
    assert left(prune.remove_uninteresting(p, notes)) == [
        one("U"),
        one("drop", "drop", "U"),
        one("drop", "keepdrop"),
    ]
    assert not notes
    broken = p.replace(drop_frames="[")
    assert left(prune.remove_uninteresting(broken, notes)) == left(p)
    assert "drop_frames" in notes[0]


def test_inlined_frames_are_hidden_one_by_one() -> None:
    # a location's functions, the innermost first
    p = profile([[("main",), ("leaf", "inlined", "outer")]])
    assert left(filtered(p, hide="inlined")) == [[("main",), ("leaf", "outer")]]
    assert left(filtered(p, show="inlined")) == [[("inlined",)]]
    assert left(filtered(p, hide="leaf|inlined|outer")) == [one("main")]
    assert left(filtered(p, hide=".")) == []
    assert left(filtered(p, show_from="inlined")) == [[("leaf", "inlined")]]
    assert left(filtered(p, prune_from="inlined")) == [[("main",), ("inlined", "outer")]]


def test_focus_is_any_frame_and_ignore_wins() -> None:
    p = profile([one("a", "b"), one("a", "c"), one("b", "c"), []])
    assert left(filtered(p, focus="b")) == [one("a", "b"), one("b", "c")]
    assert left(filtered(p, focus="b", ignore="c")) == [one("a", "b")]
    assert left(filtered(p, focus=r"C\.go$")) == []
    assert left(filtered(p, focus=r"c\.go$")) == [one("a", "c"), one("b", "c")]
    assert left(filtered(profile([one("a")], mapping="/bin/server"), focus="server")) == [one("a")]
    # focus and ignore are looked at before frames are hidden
    assert left(filtered(p, focus="b", hide="b")) == [one("a"), one("c")]


def test_what_matches_nothing_is_said() -> None:
    notes: list[str] = []
    config = Config(focus="x", ignore="x", hide="x", show="x", show_from="x", tagfocus="x", tagignore="x")
    filters.apply(profile([one("a")]), config, notes)
    said = [n.split()[0] for n in notes if n.endswith(" expression matched no samples")]
    assert sorted(said) == ["Focus", "Hide", "Ignore", "Show", "ShowFrom", "TagFocus", "TagIgnore"]


@pytest.mark.parametrize("name", ["focus", "tagfocus", "tagshow", "prune_from"])
def test_a_wrong_pattern_is_told_of(name: str) -> None:
    with pytest.raises(GosnapError, match=f"parsing {name} regexp"):
        filtered(profile([one("a")]), **{name: "("})


# the pattern of the whole test, as a model in plain Python with Python's own regular expressions
NAMES = ["a", "b", "ab", "c", "ca"]
PATTERNS = ["a", "b$", "^c", "ab|c", "x", "."]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.sampled_from(NAMES), min_size=0, max_size=3).map(tuple), max_size=5), max_size=5
    ),
    st.sampled_from(["", *PATTERNS]),
    st.sampled_from(["", *PATTERNS]),
    st.sampled_from(["", *PATTERNS]),
    st.sampled_from(["", *PATTERNS]),
)
def test_names_as_a_model_has_it(
    stacks: list[list[Frame]], focus: str, ignore: str, hide: str, show: str
) -> None:
    def hit(pattern: str, name: str) -> bool:
        return bool(re.search(pattern, name) or re.search(pattern, f"{name.lower()}.go"))

    def touches(pattern: str, frame: Frame) -> bool:
        return any(hit(pattern, n) for n in frame)

    want = []
    for stack in stacks:
        if focus or ignore or hide or show:
            verdicts = [
                False if ignore and touches(ignore, f) else True if not focus or touches(focus, f) else None
                for f in stack
            ]
            if False in verdicts or True not in verdicts:
                continue
            kept: list[Frame] = []
            for frame in stack:
                lines = frame
                gone = False
                if hide and touches(hide, frame):
                    lines = tuple(n for n in lines if not hit(hide, n))
                    gone = not lines
                if show:
                    lines = tuple(n for n in lines if hit(show, n))
                    gone = gone or not lines
                if not gone:
                    kept.append(lines)
            if not kept:
                continue
            want.append(kept)
        else:
            want.append(stack)
    assert left(filtered(profile(stacks), focus=focus, ignore=ignore, hide=hide, show=show)) == want


TAGS: list[list[tuple[str, str | int, str]]] = [
    [("key", "v1", ""), ("bytes", 1024, "")],
    [("key", "v2", ""), ("key", "w", "")],
    [("other", "v1", ""), ("bytes", 4096, "")],
    [("lag", 5, "ms")],
    [],
]


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("v1", [0, 2]),
        ("key=v", [0, 1]),
        ("key=w,v1", [0, 1]),
        ("key:v,w", [1]),
        ("v1,w", []),
        ("bytes=1kb", [0]),
        ("1kb", [0]),
        ("2kb:", [2]),
        (":2kb", [0]),
        ("1kb:4kb", [0, 2]),
        ("key=1kb", []),
        ("1024", []),
        ("lag=4ms:6ms", [3]),
        ("5000us", [3]),
        ("1.5kb", []),
    ],
)
def test_labels(pattern: str, want: list[int]) -> None:
    stacks = [one(f"f{i}") for i in range(len(TAGS))]
    p = profile(stacks, TAGS)
    assert left(filtered(p, tagfocus=pattern)) == [stacks[i] for i in want]
    assert left(filtered(p, tagignore=pattern)) == [s for i, s in enumerate(stacks) if i not in want]


def shown_labels(p: Profile) -> list[list[str]]:
    known = labels.Labels(p)
    return [
        [known.key(w).decode() for w in known.which[p.label_start[i] : p.label_start[i + 1]]]
        for i in range(p.samples)
    ]


def test_names_of_labels() -> None:
    p = profile([one("a")] * len(TAGS), TAGS)
    assert shown_labels(filtered(p, tagshow="key")) == [["key"], ["key", "key"], [], [], []]
    assert shown_labels(filtered(p, taghide="e")) == [[], [], [], ["lag"], []]
    assert shown_labels(filtered(p, tagshow="key|bytes", taghide="key")) == [["bytes"], [], ["bytes"], [], []]


def test_units_of_labels_are_the_first_that_come() -> None:
    tags: list[list[tuple[str, str | int, str]]] = [
        [("lag", 1, "")],
        [("lag", 1, "ms")],
        [("lag", 1, "s"), ("request", 2, ""), ("bytes", 3, "")],
    ]
    units, others = labels.number_units(profile([one("a")] * 3, tags))
    assert units == {b"lag": "ms", b"request": "bytes", b"bytes": "bytes"}
    assert others == {b"lag": ["s"]}


def test_labels_become_frames() -> None:
    p = profile([one("a", "b"), one("c")], [[("k", "v", ""), ("n", 2048, "bytes")], []])
    notes: list[str] = []
    q = add(p, Config(tagroot="k,n", tagleaf="n,none"), notes)
    assert left(q) == [
        [("v",), ("2kB",), ("a",), ("b",), ("2kB",), ("",)],
        [("",), ("",), ("c",), ("",), ("",)],
    ]
    assert not notes
    assert left(add(p, Config(tagroot="nosuch"), notes)) == [one("", "a", "b"), one("", "c")]
    assert notes == ["TagRoot expression matched no samples"]


@pytest.mark.parametrize("text", ["", "kb", "1kb:2ms", "a1kb", "1.5mb", "1kb:2kb:3kb", "::", "9" * 40])
def test_what_is_no_range(text: str) -> None:
    assert parse_range(text) is None


@pytest.mark.parametrize(
    ("name", "want"),
    [
        (b"main.f", b"main.f"),
        (b".main.f", b"main.f"),
        (b"f(int)", b"f"),
        (b"(anonymous namespace)::f(int)", b"(anonymous namespace)::f"),
        (b"g::operator()(int)", b"g::operator()"),
        (b"main.(*T).f", b"main."),
    ],
)
def test_simplified_names(name: bytes, want: bytes) -> None:
    assert prune.simplified(name) == want


_START = st.lists(st.integers(-2, 9), max_size=6)
_PLACES = st.lists(st.integers(0, 9), max_size=6)


def ask(call: Callable[[], Any]) -> None:
    """A kernel either answers, or says what does not fit."""
    try:
        call()
    except ValueError as e:
        assert str(e).startswith("filter: ")


@settings(max_examples=500, deadline=None)
@given(_START, _START, st.lists(_PLACES, min_size=6, max_size=6), st.integers(0, 5))
def test_hostile_columns(start: list[int], which: list[int], columns: list[list[int]], mode: int) -> None:
    q, w = column("q", start), column("q", which)
    a, b, c, d = (column("I", items) for items in columns[:4])
    e, f = (memoryview(bytearray(items)) for items in columns[4:])
    ask(lambda: kernel.touched(q, a, b, e, f, 1, zeros("B", len(c)), 2))
    ask(lambda: kernel.narrow(memoryview(bytearray(e)), f, True))
    ask(lambda: kernel.outermost(q))
    ask(lambda: kernel.lines(mode, q, a, b, e, f, zeros("B", len(c))))
    ask(lambda: kernel.stacks(mode, q, a, e))
    ask(lambda: kernel.rows(q, mode, w))
    ask(lambda: kernel.runs(q, w))
    ask(lambda: kernel.take(q, a))
    ask(lambda: kernel.take(a, b))
    ask(lambda: kernel.distinct(a, b, q, d))
    ask(lambda: kernel.having(q, a, e, zeros("B", len(b))))
    ask(lambda: kernel.without(q, a, e))
    ask(lambda: kernel.extended(q, a, b, mode, c, 1))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=20))
def test_locations_that_have_a_bit_are_passed_over(rows: list[tuple[bool, bool, bool]]) -> None:
    """Each location has one line, of a function of its own."""
    n = len(rows)
    none = column("I", [0xFFFFFFFF] * n)
    flags = column("B", [kernel.IGNORED if ignored else 0 for ignored, _, _ in rows])
    hits, mappings = column("B", [hit for _, hit, _ in rows]), zeros("B", 0)
    where = (offsets([1] * n), column("I", range(n)), none)
    found = kernel.touched(*where, hits, mappings, kernel.FOCUSED, flags, kernel.IGNORED)
    wanted = [kernel.IGNORED if ignored else kernel.FOCUSED * hit for ignored, hit, _ in rows]
    assert flags.tolist() == wanted
    assert found == wanted.count(kernel.FOCUSED)
    for has in (True, False):
        keep = column("B", [first for first, _, _ in rows])
        assert kernel.narrow(keep, column("B", [second for _, second, _ in rows]), has) == sum(
            second for _, second, _ in rows
        )
        assert keep.tolist() == [first and second == has for first, second, _ in rows]


@given(st.lists(st.integers(0, 4), max_size=20))
def test_the_outermost_lines(lengths: list[int]) -> None:
    start, picked = kernel.outermost(offsets(lengths))
    assert start.tolist() == offsets(min(length, 1) for length in lengths).tolist()
    ends = [sum(lengths[: i + 1]) - 1 for i, length in enumerate(lengths) if length]
    assert picked.tolist() == ends


def test_labels_that_differ_have_numbers_of_their_own() -> None:
    dice = random.Random(3)
    items = [
        (dice.randrange(3), dice.randrange(3), dice.randrange(-2, 2), dice.randrange(2)) for _ in range(500)
    ]
    columns = [column(code, [i[k] for i in items]) for k, code in enumerate("IIqI")]
    which, first = kernel.distinct(*columns)
    seen: dict[tuple[int, ...], int] = {}
    assert which.tolist() == [seen.setdefault(i, len(seen)) for i in items]
    assert [items[i] for i in first] == list(seen)
