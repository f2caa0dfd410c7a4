"""Text of millions of lines from the columns of a profile, written in pieces of 256 KiB.

Columns are memoryviews of native items (gosnap.profile.model); strings are (data u8, offset i64[n + 1]), and
are written as they are: what must not reach a terminal is escaped before. Loops run without the GIL, which
they take to write a piece. ValueError where columns do not fit together, before anything is written.
"""

from collections.abc import Callable

Column = memoryview

class Values:
    """How numbers of one unit are printed: gosnap.profile.units.label."""

    def __init__(
        self,
        base: float,
        factors: list[float],
        names: list[bytes],
        chosen: int,
        smallest: int,
        ratio: float = 0.0,
    ) -> None:
        """The arguments as gosnap.profile.units.plan gives them: a number is ``base`` base units, and is
        shown in unit ``chosen`` (-1: the largest in which it is 1 or more, else ``smallest``) of ``factors``
        base units, of which there are at most 16. ``ratio``: numbers are multiplied by this first, if it is
        neither 0 nor 1."""

    def text(self, value: int) -> bytes:
        """An int64, as it is printed."""

class Out:
    """Where text goes: ``write`` is called with a memoryview that it must not keep."""

    def __init__(self, write: Callable[[memoryview], object]) -> None: ...
    def put(self, data: bytes) -> None:
        """Some text more."""

    def flush(self) -> int:
        """Write what there is."""

def traces(
    out: Out,
    shown: Values,
    values: Column,
    types: int,
    index: int,
    divisor: int,
    stack_start: Column,
    stack: Column,
    frame_start: Column,
    frame_node: Column,
    node_columns: tuple[Column, Column, Column, Column, Column, Column],
    label_start: Column,
    label_key: Column,
    label_str: Column,
    label_num: Column,
    key_unit: Column,
    units: list[Values],
    string_data: Column,
    string_offset: Column,
) -> None:
    """A block for every sample that has a stack: labels, then the value (sample type ``index``, divided by
    ``divisor`` if that is not -1) and the frames, leaf first; pprof's -traces.

    ``node_columns``: name, file, objfile u32, address u64, line, column i64 of gosnap.profile.graph.Nodes.
    ``key_unit``: by string, which of ``units`` numbers of labels with that key have.
    """

def raw_samples(
    out: Out,
    values: Column,
    types: int,
    stack_start: Column,
    stack: Column,
    location_id: Column,
    label_start: Column,
    label_key: Column,
    label_str: Column,
    label_num: Column,
    label_unit: Column,
    string_data: Column,
    string_offset: Column,
) -> None:
    """A line for every sample, with values and ids of locations, and lines for its labels; pprof's -raw."""

def raw_locations(
    out: Out,
    location_id: Column,
    location_address: Column,
    location_mapping: Column,
    location_folded: Column,
    mapping_id: Column,
    line_start: Column,
    line_function: Column,
    line_line: Column,
    line_column: Column,
    function_name: Column,
    function_system_name: Column,
    function_filename: Column,
    function_start_line: Column,
    string_data: Column,
    string_offset: Column,
) -> None:
    """A line for every line of a location, or for a location without any; pprof's -raw."""
