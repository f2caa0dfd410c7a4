"""Values, percentages and names as pprof prints them: what follows from its rules."""

import pytest

from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.demangle import plain, simplify, wanted
from gosnap.profile.names import base_name, clean_path, is_clean
from gosnap.profile.units import label, percentage, quotient, scale, truncate, wrap


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (0, "bytes", "auto", "0"),
        (1, "bytes", "auto", "1B"),
        (1024, "bytes", "auto", "1kB"),
        (1536, "bytes", "auto", "1.50kB"),
        (-1536, "bytes", "auto", "-1.50kB"),
        (1 << 20, "kilobytes", "auto", "1GB"),
        (5 << 50, "B", "minimum", "5PB"),
        (1, "bytes", "MB", "0"),
        (20 << 20, "B", "gb", "0.02GB"),
        (2048, "bytes", "seconds", "2048B"),
        (1, "count", "auto", "1"),
        (7, "widgets", "auto", "7"),
        (7, "widgets", "gadgets", "7gadgets"),
        (1500, "ns", "auto", "1.50us"),
        (90, "minutes", "auto", "90"),
        (7200, "s", "auto", "2hrs"),
        (7, "milliseconds", "nonsense", "0.01s"),
        (-(1 << 63), "bytes", "auto", "-9223372036854775808B"),
    ],
)
def test_labels(value: int, unit: str, to: str, expected: str) -> None:
    assert label(value, unit, to) == expected


def test_scaling() -> None:
    assert scale(3, "kb", "bytes") == (3072.0, "B") and scale(3, "sample", "count") == (3.0, "")


@pytest.mark.parametrize(
    ("value", "total", "expected"),
    [
        (0, 0, "    0%"),
        (5, 0, "    0%"),
        (1, 1, "  100%"),
        (-1, 1, "  100%"),
        (9996, 10000, "  100%"),
        (9994, 10000, "99.94%"),
        (1, 3, "33.33%"),
        (2, 1, "200.00%"),
        (1, 100, " 1.00%"),
        (5, 1000, "  0.5%"),
        (1234, 1000000, " 0.12%"),
        (1, 10**7, "1e-05%"),
    ],
)
def test_percentages(value: int, total: int, expected: str) -> None:
    assert percentage(value, total) == expected


def test_integers_are_those_of_go() -> None:
    assert (quotient(-7, 2), quotient(7, -2), quotient(-(1 << 63), -1)) == (-3, -3, -(1 << 63))
    assert (truncate(-2.9), truncate(1e300), truncate(float("nan"))) == (-2, -(1 << 63), -(1 << 63))
    assert wrap((1 << 63) + 1) == -(1 << 63) + 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b.go", "/a/b.go"), ("/a//b/./c", "/a/b/c"), ("/a/../../b", "/b"), ("a/../../b", "../b"),
        ("./a/", "a"), ("/", "/"), ("..", ".."), (".", "."), ("a/..", "."), ("/a/.hidden", "/a/.hidden"),
    ],
)  # fmt: skip
def test_paths(path: str, expected: str) -> None:
    assert clean_path(path.encode()) == expected.encode()
    assert is_clean(path.encode()) == (path == expected)
    assert (base_name(""), base_name("/"), base_name("/a/b/")) == (".", "/", "b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("main.main", "main.main"),
        ("main.(*T).run", "main.(*T).run"),
        ("main.f[...]", "main.f[...]"),
        ("sync.Once[go.shape.interface { E() string }]", "sync.Once[go.shape.interface { E string }]"),
        ("main.w[go.shape.chan func(int) error].list", "main.w[go.shape.chan func error].list"),
        ("main.(*List[go.shape.int]).Push", "main.(*List[go.shape.int]).Push"),
        ("main.f[go.shape.<-chan int]", "main.f[go.shape.<-chan int]"),
        ("std::vector<int>::push(int, f(x))", "std::vector::push"),
        ("a::b(c))d(", "a::b)d("),
        ("a::b(c(d)", "a::b(c(d)"),
    ],
)  # fmt: skip
def test_names_lose_what_pprof_takes_for_parameters(name: str, expected: str) -> None:
    assert plain(name.encode()).decode() == expected
    b = ProfileBuilder([("space", "bytes")])
    places = [
        b.location(1, [(b.function(name), 1)]),
        b.location(2, [(b.function(name, system_name="other"), 1)]),
    ]
    b.sample(places, [1])
    p = simplify(b.build())
    # one whose name was already made from another stays
    assert [p.strings.text(i) for i in p.function_name] == [expected, name]
    assert [p.strings.text(i) for i in p.function_system_name] == [name, "other"]
    forced = simplify(b.build(), "local:demangle=none")
    assert [forced.strings.text(i) for i in forced.function_name] == [name, "other"]
    assert wanted("") and wanted("local") and not wanted("none")
