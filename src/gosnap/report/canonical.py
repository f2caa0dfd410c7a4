"""Canonical JSON of a view: the same keys in the same order in every run, integers only."""

import json
from typing import Any

from gosnap.heap.views import View

SCHEMA_VERSION = 1


def to_document(view: View) -> dict[str, Any]:
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


def to_json(view: View) -> str:
    """One object, indented, with a newline at the end."""
    return (
        json.dumps(to_document(view), ensure_ascii=False, indent=2, allow_nan=False, default=_refuse) + "\n"
    )


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} in a view: only str, int, list and dict belong there")
