"""Flat columns: a memoryview of native items over memory of its own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SIZES = {"B": 1, "I": 4, "q": 8, "Q": 8}
"""Bytes of an item: u8, u32, i64, u64."""


def zeros(code: str, n: int) -> memoryview:
    """n items that are 0."""
    return memoryview(bytearray(n * SIZES[code])).cast(code)


def column(code: str, items: Iterable[int]) -> memoryview:
    """These items."""
    # imported where it is needed: most reports make no columns of their own
    from array import array

    return memoryview(array(code, items))
