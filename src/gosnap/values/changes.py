"""What differs between two readings of a value."""

from dataclasses import dataclass

from gosnap.values.model import Node, Value

MOST = 1000
"""Changes that are told apart at most."""


@dataclass(frozen=True)
class Change:
    """``path``: what follows the expression: ".Cart[0].Price". ``before`` or ``after`` None: there was, or
    is, nothing of that path."""

    path: str
    before: Value | None
    after: Value | None
    row: int


def changes(before: Value, after: Value) -> list[Change]:
    """The innermost differences, in the order of the value; at most MOST."""
    out: list[Change] = []
    _compare("", before, after, 0, out)
    return out


def _compare(path: str, a: Value, b: Value, row: int, out: list[Change]) -> None:
    if len(out) >= MOST or a == b:
        return
    if (
        not isinstance(a, Node)
        or not isinstance(b, Node)
        or a.type != b.type
        or a.kind != b.kind
        or a.note != b.note
    ):
        out.append(Change(path, a, b, row))
        return
    found = len(out)
    if a.kind == "struct" and a.names == b.names and len(a.items) == len(b.items):
        for name, field_row, x, y in zip(a.names, a.rows, a.items, b.items, strict=False):
            _compare(f"{path}.{name}", x, y, field_row, out)
    elif a.kind in ("array", "slice", "chan") and not isinstance(a.value, bytes):
        _listed(path, a, b, out)
    elif a.kind == "map":
        _keyed(path, a, b, out)
    elif a.kind in ("ptr", "interface") and isinstance(a.target, Node) and isinstance(b.target, Node):
        _compare(path, a.target, b.target, a.target.row, out)
    if len(out) == found and _differs(a, b):
        out.append(Change(path, a, b, row))


def _differs(a: Node, b: Node) -> bool:
    """Whether two nodes without different parts differ themselves."""
    keys = ("value", "length", "word", "capacity", "left", "facts", "note")
    return any(getattr(a, k) != getattr(b, k) for k in keys)


def _listed(path: str, a: Node, b: Node, out: list[Change]) -> None:
    for i, (x, y) in enumerate(zip(a.items, b.items, strict=False)):
        _compare(f"{path}[{i}]", x, y, 0, out)
    for i in range(len(b.items), len(a.items)):
        out.append(Change(f"{path}[{i}]", a.items[i], None, 0))
    for i in range(len(a.items), len(b.items)):
        out.append(Change(f"{path}[{i}]", None, b.items[i], 0))


def _keyed(path: str, a: Node, b: Node, out: list[Change]) -> None:
    # of a map that is cut, other entries may be shown than before: that is no change
    old, new = _entries(a), _entries(b)
    for key, (shown, x) in old.items():
        if key in new:
            _compare(f"{path}[{shown}]", x, new[key][1], 0, out)
        elif not b.left:
            out.append(Change(f"{path}[{shown}]", x, None, 0))
    if not a.left:
        for key, (shown, y) in new.items():
            if key not in old:
                out.append(Change(f"{path}[{shown}]", None, y, 0))
    if a.length != b.length and (a.left or b.left):
        out.append(Change(f"len({path or '.'})", a.length, b.length, 0))


def _entries(node: Node) -> dict[str, tuple[str, Value]]:
    return {_text(k): (_text(k), v) for k, v in zip(node.keys, node.items, strict=False)}


def _text(key: Value) -> str:
    """A key as it is written in an expression, as far as that goes."""
    if isinstance(key, str):
        return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(key, bytes):
        return repr(key)[1:]
    if not isinstance(key, Node):
        return str(key).lower() if isinstance(key, bool) else str(key)
    if key.note:
        return key.note
    if key.target is not None:
        return _text(key.target)
    if key.kind in ("struct", "array") and key.items:
        return "{" + ", ".join(_text(v) for v in key.items) + "}"
    if key.value is not None:
        return _text(key.value)
    return f"{key.word:#x}"
