"""Flat columns: a memoryview of native items over memory of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SIZES = {"B": 1, "I": 4, "q": 8, "Q": 8}
"""Bytes of an item: u8, u32, i64, u64."""


def zeros(code: str, n: int) -> memoryview:
    """n items that are 0."""
    return memoryview(bytearray(n * SIZES[code])).cast(code)


def column(code: str, items: Sequence[int]) -> memoryview:
    """These items."""
    made = zeros(code, len(items))
    for i, item in enumerate(items):
        made[i] = item
    return made


def offsets(lengths: Iterable[int]) -> memoryview:
    """Where each of several runs begins, and where the last ends."""
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return column("q", ends)
