"""A decoded value: plain Python values, and nodes for what has parts, an address or something to say."""

from collections.abc import Sequence
from dataclasses import dataclass

Plain = bool | int | float | complex | str | bytes
"""A value of a basic kind. ``str``: a string; ``bytes``: one that is not UTF-8. A float32 is the float64
whose shortest decimal is the same."""

CUT, CYCLE, CHANGED, UNREADABLE = "cut", "cycle", "changed while read", "unreadable"
"""Marks. CUT: there is more, and an option shows it. CYCLE: this is what one is in already. CHANGED: the
program kept writing to it. UNREADABLE: the address is not mapped, or not in the snapshot."""


@dataclass(slots=True)
class Node:
    """One value. What a kind does not have is empty.

    ``kind``: reflect's names ("struct", "ptr", "map", ...), "unknown" for what only C has. ``row``: of the
    type table, 0 for a type that it does not have. ``address``: where the value lies, 0 for what lies
    nowhere (in registers, or made by the expression).
    """

    kind: str
    type: str
    row: int = 0
    address: int = 0
    value: Plain | None = None
    """Of a basic kind; of a slice or array of bytes its bytes."""
    word: int = 0
    """Of a pointer, channel, map, func or slice: where it points, 0 for nil; of an interface: the runtime
    type of what it holds."""
    names: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    """Of a struct: names and types of its fields, which are in ``items``; of a func: what it captures."""
    items: "Sequence[Value]" = ()
    """Fields, elements, values of a map; what a channel has buffered, next first."""
    keys: "Sequence[Value]" = ()
    """Of a map."""
    target: "Value | None" = None
    """What a pointer points at, or an interface holds."""
    length: int = -1
    capacity: int = -1
    left: int = 0
    """Items (or bytes of a string) that are not shown."""
    marks: tuple[str, ...] = ()
    note: str = ""
    """The value as a person says it: a moment, an IP address, the name of a function."""
    facts: tuple[tuple[str, str], ...] = ()
    """Further things to know: who waits on a channel, the state of a mutex."""
    internals: "Sequence[tuple[str, Value]]" = ()
    """What the runtime stores, by what it is."""

    def mark(self, what: str) -> None:
        """Add a mark once."""
        if what not in self.marks:
            self.marks = (*self.marks, what)


Value = Plain | Node


@dataclass(frozen=True)
class Limits:
    """How far to go. ``depth``: levels of parts in parts; ``items``: of one value, None for all; ``string``:
    bytes of one string, None for all; ``nodes``: values in all."""

    depth: int = 4
    items: int | None = 100
    string: int | None = 200
    nodes: int = 20_000
    raw: bool = False
    internals: bool = False
    redact: bool = False
