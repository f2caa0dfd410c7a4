"""Flat columns: a memoryview of native items over memory of its own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from typing_extensions import Buffer

    Code = Literal["B", "I", "q", "Q"]

SIZES: dict[Code, int] = {"B": 1, "I": 4, "q": 8, "Q": 8}
"""Bytes of an item: u8, u32, i64, u64."""


def zeros(code: Code, n: int) -> memoryview:
    """n items that are 0."""
    return memoryview(bytearray(n * SIZES[code])).cast(code)


def seen(code: Code, data: Buffer) -> memoryview:
    """The bytes of a contiguous buffer as items, without a copy."""
    return memoryview(data).cast("B").cast(code)


def column(code: Code, items: Iterable[int]) -> memoryview:
    """These items."""
    # imported where it is needed: most reports make no columns of their own
    from array import array

    return memoryview(array(code, items))


def offsets(lengths: Iterable[int]) -> memoryview:
    """Where each of several runs begins, and where the last ends."""
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return column("q", ends)
