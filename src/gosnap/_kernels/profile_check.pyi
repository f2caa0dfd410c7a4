"""Whether columns of a profile fit together."""

from typing_extensions import Buffer

def check(
    what: str, column: Buffer, limit: int, start: Buffer | None = None, none: int | None = None
) -> None:
    """ValueError, naming ``what``, unless all of a u32 column is below ``limit`` or equal to ``none``, and
    ``start`` (i64), if given, ascends from 0 to its length; of a u64 column: unless its items are unique and
    not 0.
    """
