"""Many strings out of one run of bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap._kernels.texts import split


@given(st.lists(st.one_of(st.binary(max_size=30), st.text(max_size=20).map(str.encode)), max_size=50))
def test_texts_are_what_python_decodes(parts: list[bytes]) -> None:
    start = np.cumsum([0] + [len(p) for p in parts]).astype(np.int64)
    got = split(np.frombuffer(b"".join(parts), np.uint8), start)
    for part, text in zip(parts, got, strict=True):
        try:
            assert text == part.decode()
        except UnicodeDecodeError:
            assert text == part


@pytest.mark.parametrize("start", [[], [0, 4], [-1, 2], [2, 1], [0, 1 << 62]])
def test_ends_that_are_none_are_refused(start: list[int]) -> None:
    with pytest.raises(ValueError, match="texts"):
        split(np.zeros(3, np.uint8), np.array(start, np.int64))
