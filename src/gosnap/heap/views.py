"""What a verb answers: plain data, not yet text and not yet JSON.

A ``View`` is what analysis hands to ``report``. All counts and bytes are integers; rows are in a
deterministic order; nothing here grows with the number of objects in the heap.
"""

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class View:
    """The answer of one verb.

    ``kind``: the verb's name. ``snapshot``: program, pid, go_version, arch, taken_at (ISO 8601, UTC),
    pause_us, source ("live", "fork" or "core"). ``checks``: dangling_pointers, bad_type_headers,
    span_count_mismatches; all 0 in a correct read. ``totals`` and ``rows``: as each verb documents.
    ``left_out``: rows, objects and bytes that the row limit cut off. ``extra``: further top-level keys of
    this verb (all canonical: ints, strings, lists, dicts).
    """

    kind: str
    snapshot: Row
    checks: dict[str, int]
    totals: dict[str, int]
    rows: list[Row]
    left_out: dict[str, int] = field(default_factory=lambda: {"rows": 0, "objects": 0, "bytes": 0})
    extra: Row = field(default_factory=dict)
