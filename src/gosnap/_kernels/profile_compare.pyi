"""The two sides of a comparison."""

from typing_extensions import Buffer

def base_values(values: Buffer, types: int, index: int, sides: Buffer) -> tuple[memoryview, int, int]:
    """What a base was before it was subtracted.

    ``values`` i64[samples * types]; ``index``: the sample type; ``sides`` u8[samples]: 1 for samples of the
    base, whose values are negative. Returns i64[samples], of the base's samples their value, positive, of
    others 0; the sum of those; and the sum of the others. Sums wrap around. ValueError: lengths that differ.
    """
