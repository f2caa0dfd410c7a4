"""``gosnap show`` as JSON, from which no bit of a value is missing.

A bool is true or false, an integer of any size a number, a string that is UTF-8 a string. A float that JSON
has no number for is "NaN", "+Inf" or "-Inf"; bytes, and strings that are no UTF-8, are {"hex": "..."}; a
complex number is {"real": ..., "imag": ...}. All that has parts is an object with its "type" and "kind";
what its marks mean is in docs/commands/show.md.
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from gosnap.values.model import Node, Plain, Value

SCHEMA_VERSION = 1
_SIMPLE = frozenset((int, str, bool))
_INDENTED = 20_000
"""Characters up to which a document is indented, for people to read."""
TypeOf = Callable[[int], dict[str, Any]]
"""Describes a row of the type table."""


class Document:
    """Collects values, and the types of what they consist of."""

    def __init__(self, type_of: TypeOf) -> None:
        self._type_of = type_of
        self.types: dict[str, dict[str, Any]] = {}
        self._names: dict[tuple[str, ...], list[str]] = {}

    def value(self, value: Value) -> Any:
        """A value as plain data."""
        if type(value) in _SIMPLE:
            return value
        return self._node(value) if isinstance(value, Node) else plain(value)

    def values(self, values: Sequence[Value]) -> list[Any]:
        """Many."""
        return [v if type(v) in _SIMPLE else self.value(v) for v in values]

    def _node(self, node: Node) -> dict[str, Any]:
        out: dict[str, Any] = {"type": node.type, "kind": node.kind}
        if node.address:
            out["address"] = hex(node.address)
        if node.kind == "struct" and node.names and not (node.marks or node.note or node.facts):
            # most are such, and there may be a million of them
            out["fields"] = dict(zip(self._keys(node), self.values(node.items), strict=False))
            return out
        if node.length >= 0:
            out["len"] = node.length
        if node.capacity >= 0 and node.kind in ("slice", "chan"):
            out["cap"] = node.capacity
        self._content(node, out)
        if node.left > 0:
            out["left_out"] = node.left
        if node.note:
            out["text"] = node.note
        if node.facts:
            facts: dict[str, Any] = {}
            for what, text in node.facts:
                facts.setdefault(what.replace(" ", "_"), []).append(text)
            out["facts"] = facts
        if node.marks:
            out["marks"] = list(node.marks)
        if node.internals:
            out["internals"] = {name: self.value(v) for name, v in node.internals}
        return out

    def _keys(self, node: Node) -> list[str]:
        """The names of a struct's fields, or of what a func captured; a struct's type is described once."""
        known = self._names.get(node.names)
        if known is None:
            known = self._names[node.names] = unique(node.names)
        if node.kind == "struct" and node.type not in self.types:
            self.types[node.type] = self._type_of(node.row)
        return known

    def _content(self, node: Node, out: dict[str, Any]) -> None:
        if node.kind in ("struct", "func") and node.names:
            key = "fields" if node.kind == "struct" else "captures"
            out[key] = dict(zip(self._keys(node), self.values(node.items), strict=False))
        elif node.kind == "map":
            out["nil"] = not node.word
            out["entries"] = [
                list(e) for e in zip(self.values(node.keys), self.values(node.items), strict=False)
            ]
        elif node.kind in ("array", "slice", "chan"):
            if node.kind != "array":
                out["nil"] = not node.word
            if isinstance(node.value, bytes):
                out["hex"] = node.value.hex()
            else:
                out["items"] = self.values(node.items)
        elif node.kind == "interface":
            out["holds"] = None if node.target is None else self.value(node.target)
            return
        if node.kind in ("ptr", "map", "chan", "func", "unsafe.Pointer"):
            out["pointer"] = f"{node.word:#x}" if node.word else None
            if node.kind == "ptr" and node.target is not None:
                out["target"] = self.value(node.target)
        elif node.kind not in ("struct", "array", "slice") and node.value is not None:
            out["value"] = plain(node.value)


def plain(value: Plain) -> Any:
    """A value of a basic kind as plain data."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return value


def unique(names: tuple[str, ...]) -> list[str]:
    """Names of fields as keys: of those that share one ("_"), the second is "_#2"."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return out


def to_json(document: dict[str, Any]) -> str:
    """One object on one line, or indented where it is short; a newline at the end."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) <= _INDENTED:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
    return text + "\n"
