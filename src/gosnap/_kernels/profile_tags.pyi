"""What labels weigh. Columns are memoryviews of native items (gosnap.profile.model). ValueError where they do
not fit together. Loops run without the GIL.
"""

Column = memoryview

def sums(values: Column, types: int, index: int, label_start: Column, which: Column, n: int) -> Column:
    """i64[n]: for each of n kinds of labels, the sum of the values (sample type ``index``) of samples that
    have it, once for every time that they do; ``which`` u32[labels]: the kind of each.
    """
