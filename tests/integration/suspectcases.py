"""The cases of the target ``suspects``: small services with one seeded leak each, or with none.

``cases(gotool.gobuild("suspects", version))`` asks the program itself, so that what a case does and what is
expected of it stand side by side in the Go source. Run one with ``gotool.running(binary, case.name)``: its
ready line has ``case``, ``kind``, ``root``, ``container``, ``pattern``, ``items`` and ``heap_alloc``;
``ask("grow")`` makes a leak half as large again (an emptied map: twice as large) and answers
``{"grown": true, "items": N}``; ``ask("stats")`` answers ``heap_alloc``, ``heap_objects``, ``heap_inuse``,
``goroutines`` and ``num_gc``.
"""

import json
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

Kind = Literal["leak", "healthy"]

# What a case's pattern may be; "" for a leak that is none of these (a tree), and for all that is healthy.
PATTERNS = frozenset(
    {
        "map",
        "slice",
        "channel",
        "goroutines",
        "timers",
        "context",
        "subslice",
        "emptied-map",
        "buffers",
        "strings",
        "http",
        "pool",
        "finalizers",
        "list",
        "",
    }
)


@dataclass(frozen=True)
class Case:
    """One case. All texts are empty, and all tuples too, if it is healthy.

    Names are those of Go: ``main.server.clients`` is the field ``clients`` of what the package variable
    ``main.server`` is or, through pointers and interfaces, refers to; ``[...]`` is some element of a map or
    slice.
    """

    name: str
    """What the program takes for an argument."""
    kind: Kind
    root: str
    """What holds it: ``global main.server``; ``goroutine main.(*indexer).run``, after the function that the
    ``go`` statement called; or ``finalizer queue``."""
    container: str
    """The place where it piles up: a variable, or a field after its variable. A local variable follows its
    function, ``main.aggregate.totals``; a field of something that only a stack knows follows its type,
    ``main.indexer.postings``; leaked goroutines are the function that they are stuck in."""
    container_type: str
    """Go type of the container as Go's reflection spells it, ``goroutine``, or a runtime structure's type."""
    field: str
    """The container as type and field, ``main.Server.clients``; "" where it is no field."""
    pattern: str
    """One of ``PATTERNS``."""
    types: tuple[str, ...]
    """Types of which nearly all that the leak holds is made, the largest first. Some are stored within others
    (the values of a map): they are then not objects of their own.
    Where Go keeps no type (bytes that only a stack refers to) a tool cannot know them."""
    also_roots: tuple[str, ...]
    """Names for the root that are right too: there are more ways to put it, or more holders than one."""
    also_containers: tuple[str, ...]
    also_patterns: tuple[str, ...]
    what: str
    """The story in one sentence, for people."""

    @property
    def leaks(self) -> bool:
        return self.kind == "leak"

    @property
    def roots(self) -> tuple[str, ...]:
        """All names of the root that are right, the best first."""
        return (self.root, *self.also_roots)

    @property
    def containers(self) -> tuple[str, ...]:
        """All names of the container that are right, the best first; its type and field is one of them."""
        return tuple(dict.fromkeys(c for c in (self.container, self.field, *self.also_containers) if c))

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns that a fair judge would let pass, the best first."""
        return (self.pattern, *self.also_patterns)


def cases(binary: Path) -> list[Case]:
    """All cases that this build of the target has, leaks first.

    Raises ``ValueError`` where the program says what ``Case`` does not know.
    """
    done = subprocess.run([str(binary), "-list"], check=True, capture_output=True, timeout=60)
    out = [_case(row) for row in json.loads(done.stdout)]
    if len({c.name for c in out}) != len(out):
        raise ValueError(f"{binary} -list has a name twice")
    return out


def _case(row: dict[str, Any]) -> Case:
    known = {f.name for f in fields(Case)}
    if set(row) != known:
        raise ValueError(f"case {row.get('name')!r}: keys {sorted(set(row) ^ known)} are missing or unknown")
    if row["kind"] not in ("leak", "healthy") or not {row["pattern"], *row["also_patterns"]} <= PATTERNS:
        raise ValueError(f"case {row['name']!r}: kind {row['kind']!r} or a pattern is unknown")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Case(**values)
