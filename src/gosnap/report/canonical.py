"""Canonical JSON of a view: the same keys in the same order in every run, integers only."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gosnap.heap.views import View
    from gosnap.profile.answers import ProfileView

SCHEMA_VERSION = 1


def to_document(view: View | ProfileView) -> dict[str, Any]:
    """The view as plain data, in the order in which it is printed."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": view.kind,
        "snapshot": view.snapshot,
        "checks": view.checks,
        "totals": view.totals,
        "rows": view.rows,
        "left_out": view.left_out,
        **view.extra,
    }


def to_json(view: View | ProfileView) -> str:
    """One object, indented, with a newline at the end."""
    return (
        json.dumps(to_document(view), ensure_ascii=False, indent=2, allow_nan=False, default=_refuse) + "\n"
    )


def to_line(kind: str, row: dict[str, Any]) -> str:
    """One line of a stream: the object without blanks, with what it is."""
    document = {"schema_version": SCHEMA_VERSION, "kind": kind, **row}
    compact = (",", ":")
    text = json.dumps(document, ensure_ascii=False, separators=compact, allow_nan=False, default=_refuse)
    return text + "\n"


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} in a view: only str, int, list and dict belong there")
