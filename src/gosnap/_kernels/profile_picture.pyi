"""Labels of a profile's samples, as pictures show them. Columns are memoryviews of native items
(gosnap.profile.model); 0xFFFFFFFF stands for none. ValueError where columns do not fit together, MemoryError
where there is none. Loops run without the GIL.
"""

Column = memoryview

def label_sets(label_start: Column, which: Column, wanted: Column) -> tuple[Column, Column]:
    """(the set of labels of each sample u32, by set the first sample that has it u32).

    ``which`` u32[labels]: the kind of each; ``wanted`` u8: kinds that count. Set 0 is the empty one, which
    may be no sample's; of two sets, kinds or their order differ.
    """

def node_tags(
    values: Column,
    types: int,
    index: int,
    divisor: int,
    stack_start: Column,
    stack: Column,
    frame_start: Column,
    frame_node: Column,
    slot: Column,
    set_of: Column,
    label_start: Column,
    label_number: Column,
    label_num: Column,
) -> dict[str, Column]:
    """What labels weigh in nodes. ``slot`` u32[nodes]: a node's number in the answer, or none; ``set_of``: of
    ``label_sets``; ``label_number`` u32[labels]: the kind of each number, or none; ``label_num`` i64: what it
    is.

    By pair of a node and a set of labels, or these and a kind of number: ``slot``, ``labels`` (the set),
    ``number`` (0, or the kind + 1) u32, ``sums`` i64 × 5: the first number of that kind, flat, the divisor's
    flat, cum, the divisor's cum.
    """

def place_tags(
    values: Column,
    types: int,
    index: int,
    divisor: int,
    leaf: Column,
    ends: Column,
    parent: Column,
    slot: Column,
    set_of: Column,
    label_start: Column,
    label_number: Column,
    label_num: Column,
) -> dict[str, Column]:
    """The same for places of a tree of calls, each behind the one above it (``parent`` u32, or none);
    ``slot`` u32[places]. ``leaf`` u32[samples]: the last of them that a sample's stack comes to, or none;
    ``ends`` u8[samples]: 1 where it is the stack's last frame."""
