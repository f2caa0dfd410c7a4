"""What filters take away from a profile's lines, stacks and labels.

Columns are memoryviews of native items (gosnap.profile.model); what is returned is new. ValueError where
columns do not fit together. Loops run without the GIL.
"""

Column = memoryview

HIDE: int
SHOW: int
SHOW_FROM: int
PRUNE_FROM: int
PRUNE: int
FOCUSED: int
IGNORED: int
HIDDEN: int
MATCHED: int
WHOLE: int
SELECT: int
BELOW_MATCH: int
ABOVE_LEAF_MATCH: int
ABOVE_ROOT_MATCH: int

def touched(
    line_start: Column,
    line_function: Column,
    location_mapping: Column,
    function_hit: Column,
    mapping_hit: Column,
    bit: int,
    flags: Column,
    unless: int = 0,
) -> int:
    """Set ``bit`` in ``flags`` (u8[locations]) for locations with a line whose function is hit, or whose
    mapping is; ``function_hit``, ``mapping_hit``: u8, 1 for what matches. Not for those that have a bit of
    ``unless``. Returns how many there are.
    """

def lines(
    mode: int,
    line_start: Column,
    line_function: Column,
    location_mapping: Column,
    function_hit: Column,
    mapping_hit: Column,
    flags: Column,
) -> tuple[Column, Column, int]:
    """(new line_start, places of the lines that stay u32, how many locations match).

    HIDE: what is not hit stays; SHOW: what is hit. Either sets HIDDEN in ``flags`` where nothing is left. A
    mapping that is hit stands for all lines. SHOW_FROM: up to the outermost line that is hit; PRUNE_FROM:
    from the innermost that is hit on; PRUNE: what is outside of the outermost that is hit. These set
    MATCHED, PRUNE also WHOLE where the outermost line is hit and the location has to go.
    """

def stacks(mode: int, stack_start: Column, stack: Column, flags: Column) -> tuple[Column, Column, Column]:
    """(new stack_start, new stack, which samples stay i64). ``flags``: u8[locations].

    SELECT: samples with a FOCUSED and no IGNORED location, without HIDDEN ones; not those of which nothing
    is left. BELOW_MATCH: from the MATCHED location nearest the root down, no sample without one.
    ABOVE_LEAF_MATCH: from the MATCHED location nearest the leaf up. ABOVE_ROOT_MATCH: nothing below the
    MATCHED location nearest the root, nor that itself if it is WHOLE; those at the root, before the first
    that is not MATCHED, do not count.
    """

def chosen(keep: Column) -> Column:
    """The places of what is not 0 in u8[n]: i64."""

def rows(column: Column, width: int, which: Column) -> Column:
    """These rows (i64) of a table of i64 with so many columns."""

def runs(start: Column, which: Column) -> tuple[Column, Column]:
    """(where each of these runs begins in what is left i64[n + 1], the places of their items u32)."""

def take(column: Column, which: Column) -> Column:
    """The items of a column of u32 or i64 at these places (u32)."""

def distinct(key: Column, text: Column, number: Column, unit: Column) -> tuple[Column, Column]:
    """(the number of each label among those that differ u32, the place of each of these u32)."""

def having(label_start: Column, which: Column, hit: Column, out: Column) -> int:
    """Set out[i] (u8[samples]) to 1 for samples that have a label with hit[which[label]], else to 0; returns
    how many there are.
    """

def narrow(keep: Column, having: Column, wanted: bool) -> int:
    """Clear keep[i] (u8) where having[i] is not as wanted; returns how many of ``having`` are not 0."""

def outermost(line_start: Column) -> tuple[Column, Column]:
    """(new line_start, places of the lines that stay u32): the last line of each location."""

def without(label_start: Column, which: Column, drop: Column) -> tuple[Column, Column]:
    """(new label_start, places of the labels that stay u32): those without drop[which[label]]."""

def extended(
    stack_start: Column, stack: Column, leaf: Column, leaves: int, root: Column, roots: int
) -> tuple[Column, Column]:
    """(new stack_start, new stack) with ``leaves`` locations more at each sample's leaf and ``roots`` at its
    root, sample after sample.
    """
