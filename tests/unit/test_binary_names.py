"""Names as columns, against plain lists of strings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap.binary.names import Names

# NUL separates names, so no name holds one; a lone surrogate is no text
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
SHORT = st.text("ab.", max_size=4)  # so that names repeat and contain one another
LISTS = st.lists(st.one_of(TEXT, SHORT), max_size=20)


@given(LISTS)
def test_names_read_back(names: list[str]) -> None:
    got = Names.of(names)
    assert len(got) == len(names)
    assert list(got) == names
    assert [got[i] for i in range(len(names))] == names


@given(LISTS, st.one_of(TEXT, SHORT))
def test_find_and_prefix_as_a_list_would(names: list[str], wanted: str) -> None:
    got = Names.of(names)
    assert list(got.find(wanted)) == [i for i, n in enumerate(names) if n == wanted]
    assert got.with_prefix(wanted) == [i for i, n in enumerate(names) if n.startswith(wanted)]
    assert got.with_prefix(wanted, "a") == [i for i, n in enumerate(names) if n.startswith((wanted, "a"))]


@given(LISTS, st.data())
def test_take_as_a_list_would(names: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=20)) if names else []
    assert list(Names.of(names).take(np.array(rows, np.intp))) == [names[i] for i in rows]


@given(LISTS)
def test_columns_make_the_same_names(names: list[str]) -> None:
    columns = Names.of(names).to_columns("name")
    assert set(columns) == {"name_bytes", "name_offset"}
    assert list(Names.from_columns(columns, "name")) == names


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert Names(b"a\xff\0", np.array([0, 3], np.int64))[0] == "a�"


@pytest.mark.parametrize(
    "offset", [[], [0], [1, 4], [0, 3], [0, 5], [0, 2, 2, 4], [0, 3, 2, 4], [0, -1, 4], [0, 9, 4]]
)
def test_offsets_that_contradict_the_bytes_are_refused(offset: list[int]) -> None:
    with pytest.raises(ValueError, match="names:"):
        Names(b"a\0b\0", np.array(offset, np.int64))


@given(st.binary(max_size=20), st.lists(st.integers(-5, 25), max_size=6))
def test_any_columns_are_refused_or_read(data: bytes, offset: list[int]) -> None:
    try:
        names = Names(data, np.array(offset, np.int64))
    except ValueError:
        return
    assert len(list(names)) == len(offset) - 1
    list(names.find("a"))
    names.with_prefix("", "b")
