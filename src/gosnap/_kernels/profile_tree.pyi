"""Stacks of samples as one tree of calls, for flame graphs and what is made like them."""

Column = memoryview

def grow(
    values: Column,
    types: int,
    stack_start: Column,
    stack: Column,
    frame_start: Column,
    frame_node: Column,
    rank: Column,
    sides: Column,
    order_by: int,
) -> dict[str, Column]:
    """The tree in the order of a walk: each place behind the one above it, its children by weight.

    ``values``, ``stack_start``, ``stack``: of the samples (gosnap.profile.model). ``frame_start`` and
    ``frame_node``: the nodes of each location, innermost first (gosnap.profile.graph.Nodes). ``rank``: u32 by
    node, its place among all names, which decides between equal weights. ``sides``: u8[samples], 0 or 1:
    values are summed up apart, for comparisons. ``order_by``: the sample type that children are sorted by, by
    the sum of the absolute values of both sides.

    Returns ``parent`` u32 (0xFFFFFFFF for none), ``node`` u32, ``inlined`` u8 (1 where all of its calls were
    inlined), and ``self`` and ``total``, i64[places * types * 2]: of each place and type, side 0, then side
    1. ValueError where columns do not fit. MemoryError. Runs without the GIL.
    """

def heaviest(parent: Column, total: Column, types: int, limit: int, only: int = -1) -> tuple[Column, Column]:
    """(places u32, their depths u32) of the heaviest: at most ``limit``, about as many of each sample type or
    of one ``only``, with nothing left out above what stays. All of them where there are no more. ValueError
    where columns do not fit.
    """
