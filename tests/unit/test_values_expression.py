"""What is written, as it is understood, and where it is wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.errors import GosnapError
from gosnap.values.expression import (
    Address,
    Assert,
    Call,
    Composite,
    Convert,
    Deref,
    ExpressionError,
    Field,
    Index,
    Literal,
    Name,
    Part,
    parse,
)


def key(text: str) -> object:
    found = parse(f"m[{text}]")
    assert isinstance(found, Index)
    return found.key


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("3", 3), ("-7", -7), ("0x1F", 31), ("0b101", 5), ("0o17", 15), ("1_000", 1000), ("007", 7)),
        *(("1.5", 1.5), ("-2e3", -2000.0), (".5", 0.5), ("+Inf", float("inf")), ("'a'", 97), ("'\\n'", 10)),
        *(("true", True), ("false", False), ("nil", None)),
        *(('""', b""), ('"a b"', b"a b"), ("`a\\n`", b"a\\n")),
        ('"\\x00\\377\\u00e9\\U0001F600"', b"\x00\xff\xc3\xa9\xf0\x9f\x98\x80"),
        ('"\\"\\\\\\t"', b'"\\\t'),
        ('"世界"', "世界".encode()),
    ],
)
def test_literals(text: str, value: object) -> None:
    found = key(text)
    assert isinstance(found, Literal)
    assert found.value == value
    assert type(found.value) is type(value)


def test_names_hold_their_dots() -> None:
    assert parse("main.config.Port") == Name("main.config.Port", 0)
    assert parse("github.com/go-chi/chi/v5.mux") == Name("github.com/go-chi/chi/v5.mux", 0)
    assert parse("gopkg.in/yaml%2ev3.x") == Name("gopkg.in/yaml%2ev3.x", 0)


def test_selectors_and_indices() -> None:
    cart = Field(Index(Name("main.sessions", 0), Literal(b"u42", 14), 13), "Cart", 21)
    assert parse('main.sessions["u42"].Cart[0]') == Index(cart, Literal(0, 26), 25)
    assert parse("main.x.*") == Field(Name("main.x", 0), "*", 6)
    assert parse("main.x.(main.T)") == Assert(Name("main.x", 0), "main.T", 6)
    assert parse("main.x.(map[string]func(int) (int, error))") == Assert(
        Name("main.x", 0), "map[string]func(int) (int, error)", 6
    )
    assert parse("main.q[2:5]") == Part(Name("main.q", 0), 2, 5, 6)
    assert parse("main.q[:]") == Part(Name("main.q", 0), None, None, 6)
    assert parse("main.q[2:]") == Part(Name("main.q", 0), 2, None, 6)
    assert parse("len( main.q )") == Call("len", Name("main.q", 5), 0)
    assert parse("lengths.x") == Name("lengths.x", 0)


def test_pointers_and_conversions() -> None:
    to = Convert("*main.User", Address(0xC000123400, 15), 1)
    assert parse("*(*main.User)(0xc000123400)") == Deref(
        Convert("*main.User", Address(0xC000123400, 14), 1), 0
    )
    assert to.type == "*main.User"
    assert parse("(*main.head).next") == Field(Deref(Name("main.head", 2), 1), "next", 13)
    assert parse("*main.a.b") == Deref(Name("main.a.b", 1), 0)
    assert parse("0xc000") == Address(0xC000, 0)


def test_keys_of_types() -> None:
    assert key("int8(1)") == Convert("int8", Literal(1, 7), 2)
    assert key('{1, "a"}') == Composite("", (("", Literal(1, 3)), ("", Literal(b"a", 6))), 2)
    assert key("main.Key{X: 1, Y: {2}}") == Composite(
        "main.Key", (("X", Literal(1, 14)), ("Y", Composite("", (("", Literal(2, 21)),), 20))), 2
    )
    assert key("[2]int{1, 2}") == Composite("[2]int", (("", Literal(1, 9)), ("", Literal(2, 12))), 2)
    assert key("{}") == Composite("", (), 2)
    assert key("{1,}") == Composite("", (("", Literal(1, 3)),), 2)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        *(("", 0), ("   ", 3), ("main.x[", 7)),
        *(("main.x]", 6), ("main.x[1", 8), ('main.x["a]', 7), ("main.x[abc]", 7)),
        *(("main.x.(", 7), ("main.x.()", 8), ("(main.x", 0)),
        *(("*", 1), ("main.x[1:b]", 9), ('main.x["a":2]', 6)),
        *(("main.x[{1, X: 2}]", 7), ("main.x[''']", 7)),
        *(("main.x['ab']", 7), ('main.x["\\q"]', 8), ("main.x y", 7)),
        *(('main.x["\\ud800"]', 8), ("len(main.x", 10)),
        *(("main.x[1]..y", 10), ("main.x[1].2", 10), ("[1]", 0)),
    ],
)
def test_errors_have_their_column(text: str, column: int) -> None:
    with pytest.raises(ExpressionError) as e:
        parse(text)
    assert e.value.column == column
    *_, line, caret = e.value.message.split("\n")
    assert line == "  " + text
    assert caret == " " * (column + 2) + "^"


PIECES = st.sampled_from([*"()[]{}*.:,\"'`\\ \t0x1f-+eE", "main.x", "len(", "nil", "{1}", ".(", "[", "😀"])


def test_integers_are_gos() -> None:
    for text, value in (("0", 0), ("010", 8), ("0x1f", 31), ("0b11", 3), ("0o17", 15), ("1_000", 1000)):
        for expression in (f"a.b[{text}]", f"a.b[:{text}]"):
            found = parse(expression)
            assert (found.key.value if isinstance(found, Index) else found.high) == value  # type: ignore[union-attr]
    for text, column in (("a.b[:.5]", 5), ("a.b[08]", 4), ("a.b[:1.5]", 5)):
        with pytest.raises(ExpressionError) as failed:
            parse(text)
        assert failed.value.column == column


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ExpressionError as e:
        assert 0 <= e.column <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "main.x" + "[0]" * 10_000,
        "*" * 10_000,
        "m[" + "{" * 5000,
        "m[" + "a(" * 5000,
        "x" * 100_000,
    ],
)
def test_endless_text_is_refused(text: str) -> None:
    with pytest.raises(GosnapError):
        parse(text)
