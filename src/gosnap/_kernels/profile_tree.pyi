"""Stacks of samples as one tree of calls: for flame graphs and what is made like them, and for pictures with
a node for each path.

A place is a path of calls. Places below each other that have the same weights are one ``chain``; only these
are stored, fewer than two for each sample, so that the tree is as large as the samples are many and not as
their stacks are deep. A place is given as (its chain, its depth), u32 each; the root, which stands for all,
is 0xFFFFFFFF.
"""

from typing import Any

from gosnap._kernels.profile_text import Out

Column = memoryview

SHOWN: int
LINKED: int
DIRECT: int
INLINED: int

class Tree:
    """The tree in the order of a walk: each place above its children, these by weight.

    ``values`` i64[samples * types], ``stack_start``, ``stack``: of the samples (gosnap.profile.model);
    ``wanted`` u32: the sample types that are summed up, in this order. ``frame_start`` and ``frame_node``:
    the nodes of each location, innermost first (gosnap.profile.graph.Nodes); ``nodes``: how many there are.
    ``sides``: u8[samples], 0 or 1: values are summed up apart, for comparisons. ``order_by``: the one of
    ``wanted`` that children are sorted by, by the sum of the absolute values of both sides; between equal
    weights ``rank``, u32 by node, decides. ``zeros``: whether samples count of which all wanted values are 0.

    Sums wrap around as Go's do. ValueError where columns do not fit; MemoryError. Runs without the GIL. The
    columns of the stacks are kept and must not change.
    """

    places: int
    """How many there are."""

    def __init__(
        self,
        values: Column,
        types: int,
        wanted: Column,
        stack_start: Column,
        stack: Column,
        frame_start: Column,
        frame_node: Column,
        nodes: int,
        *,
        sides: Column | None = None,
        rank: Column | None = None,
        order_by: int = -1,
        zeros: bool = True,
    ) -> None: ...
    def heaviest(self, limit: int, only: int = -1, root: bool = False) -> dict[str, Column]:
        """The heaviest places: at most ``limit``, about as many of each of ``wanted`` or of one ``only``,
        with nothing left out above what stays. All of them where there are no more. ``root``: a row for the
        root comes first, and depths are one more.

        ``chain``, ``depth``, ``node`` u32, ``inlined`` u8 (1 where all of its calls were inlined).
        """

    def total(self, chain: Column, type_: int, side: int = 0) -> Column:
        """What places and all that they call have, i64."""

    def self_(self, chain: Column, depth: Column, type_: int, side: int = 0) -> Column:
        """What places (not the root) have themselves, i64."""

    def folded(self, out: Out, type_: int, names: Column, offset: Column) -> None:
        """A line for each path that has something itself, both sides added up: "main;f 4096". ``names`` u8
        and ``offset`` i64[nodes + 1]: how nodes are called."""

    def paths(self, out: Out) -> None:
        """Lists of nodes, "[1,2],[3]", of all paths that have something themselves on the first side."""

    def weights(self, out: Out, type_: int) -> None:
        """What each of these paths has, "1,2", and 0 for what is negative."""

    def positive(self, type_: int) -> int:
        """The sum of ``weights``."""

    def choose(self, drop_negative: bool) -> tuple[int, int]:
        """(how many places are nodes of a picture, the sum of what they have themselves) of the first of
        ``wanted``: those whose own value or total is not 0 and, with ``drop_negative``, not negative."""

    def shown(self, drop_negative: bool, cutoff: int) -> dict[str, Any]:
        """The nodes of a picture whose totals are not below ``cutoff``, and those without a weight beside
        them: these are no nodes, yet what is on either side of one is not joined.

        In the order in which samples come to them: ``node``, ``up`` u32 (the next row above, or none),
        ``flat``, ``cum`` i64, with a second of ``wanted`` also ``flat_div``, ``cum_div`` i64, else None.
        ``flags`` u8: SHOWN it is a node; LINKED it is joined to ``up``; DIRECT with nothing left out between;
        INLINED: all calls of it, and of what is left out between, were. By sample: ``leaf`` u32, the last row
        that its stack comes to, or none; ``ends`` u8: 1 where that is the stack's last frame.
        """

def negated(column: Column) -> Column:
    """The numbers of an i64 column with their signs turned."""
