"""Many strings out of one run of bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap._kernels.texts import split


@given(st.lists(st.one_of(st.binary(max_size=30), st.text(max_size=20).map(str.encode)), max_size=50))
def test_texts_are_what_python_decodes(parts: list[bytes]) -> None:
    length = np.array([len(p) for p in parts], np.int64)
    start = np.cumsum(length) - length
    got = split(np.frombuffer(b"".join(parts), np.uint8), start, length)
    for part, text in zip(parts, got, strict=True):
        try:
            assert text == part.decode()
        except UnicodeDecodeError:
            assert text == part


@pytest.mark.parametrize(
    ("start", "length"),
    [
        ([0], []),
        ([0], [4]),
        ([3], [1]),
        ([-1], [2]),
        ([0], [-1]),
        ([1 << 62], [1 << 62]),
        ([1], [(1 << 63) - 1]),
    ],
)
def test_texts_outside_are_refused(start: list[int], length: list[int]) -> None:
    with pytest.raises(ValueError, match="texts"):
        split(np.zeros(3, np.uint8), np.array(start, np.int64), np.array(length, np.int64))


def test_an_empty_text_may_be_at_the_end() -> None:
    assert split(np.zeros(3, np.uint8), np.array([3]), np.array([0])) == [""]
