"""Nodes, weights and edges of a profile's call graph.

Definitions are those of google/pprof internal/graph/graph.go as in Go 1.27. Columns are memoryviews of native
items (u8, u32, u64, i64). Sums wrap around as int64 in Go. Loops over samples run without the GIL.
ValueError: columns that do not fit together, or references to what is not there.
"""

from typing import Any

from typing_extensions import Buffer

def frames(
    line_start: Buffer,
    location_address: Buffer,
    location_mapping: Buffer,
    line_function: Buffer,
    line_line: Buffer,
    line_column: Buffer,
    function_name: Buffer,
    function_filename: Buffer,
    function_start_line: Buffer,
    mapping_file: Buffer,
    addresses: bool,
    lines: bool,
    columns: bool,
    inlines: bool,
    objfiles: bool,
) -> dict[str, memoryview]:
    """The nodes of all locations, equal ones once.

    What makes a node: ``addresses``, ``lines``, ``columns`` where asked for, name and filename as given (0
    where they do not count), and with ``objfiles``, or where there is no name, the executable and the start
    line. A location without lines is one frame. ``inlines`` False: only the last line of a location counts.

    By location: frame_start i64[locations + 1] and frame_node u32, innermost first. By node: name, file,
    objfile u32 (strings), address u64, start_line, line, column i64, inlined u8 (1: a frame that was
    inlined).
    """

def weights(
    values: Buffer,
    types: int,
    index: int,
    divisor: int,
    stack_start: Buffer,
    stack: Buffer,
    frame_start: Buffer,
    frame_node: Buffer,
    n: int,
    begin: int = 0,
    end: int = -1,
) -> dict[str, memoryview]:
    """flat and cum i64[n] of sample type ``index``; with ``divisor`` >= 0 the same of that type as flat_div
    and cum_div. A node counts once a sample; samples whose value (and divisor) is 0 count nothing. ``begin``
    and ``end``: only these samples.
    """

def edges(
    values: Buffer,
    types: int,
    index: int,
    divisor: int,
    stack_start: Buffer,
    stack: Buffer,
    frame_start: Buffer,
    frame_node: Buffer,
    n: int,
    keep: Buffer | None,
    into: Buffer | None,
    begin: int = 0,
    end: int = -1,
) -> dict[str, memoryview]:
    """edge_src, edge_dst u32 (caller and callee), edge_weight, edge_div i64, edge_flags u8 (1 residual: a
    node in between was not kept, 2 inline: all its calls were inlined), each pair once.

    A pair counts once a sample; calls of a node by itself are none. ``keep`` u8[n]: nodes that take part,
    None for all. ``into`` u8[n]: nodes whose callers are wanted, None for all. ``begin``, ``end`` as above.
    """

def add(to: Buffer, more: Buffer) -> None:
    """Add one i64 column to another of its length."""

def join_edges(parts: list[dict[str, Any]]) -> dict[str, memoryview]:
    """What ``edges`` found in parts of the samples, as it would have found it in all."""

def total(
    values: Buffer,
    types: int,
    index: int,
    divisor: int,
    label_start: Buffer,
    label_key: Buffer,
    label_str: Buffer,
    base_key: int,
    base_value: int,
) -> tuple[int, int]:
    """(sum of absolute values, sum of divisors); of samples with the label ``base_key``: ``base_value`` alone
    if theirs is more than 0. ``base_key`` 0: there is no such label.
    """

def choose(flat: Buffer, cum: Buffer, drop_negative: bool, chosen: Buffer) -> tuple[int, int]:
    """Set chosen u8[n] for nodes whose flat or cum is not 0 and, with ``drop_negative``, not negative.
    Returns how many there are and the sum of their flat.
    """

def cut(cum: Buffer, cutoff: int, chosen: Buffer) -> int:
    """Clear chosen u8[n] where |cum| < cutoff; how many are left."""

def cut_edges(dst: Buffer, weight: Buffer, chosen: Buffer, cutoff: int, alive: Buffer) -> int:
    """Clear alive u8[edges] of edges into chosen nodes where |weight| < cutoff; how many that were."""

def inlining(dst: Buffer, flags: Buffer, alive: Buffer, out: Buffer) -> None:
    """Of edges that are alive: set bit 1 of out u8[n] where one into the node is inline, bit 2 where one is
    not.
    """
