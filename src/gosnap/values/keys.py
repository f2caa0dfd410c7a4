"""Finding a map's entry by a key that was written down."""

import math
import re

import numpy as np
import numpy.typing as npt

from gosnap.binary.types import KIND_NAMES
from gosnap.errors import GosnapError
from gosnap.values import maps, names
from gosnap.values.columns import Column
from gosnap.values.decode import Decoder
from gosnap.values.expression import Composite, Convert, Expression, Literal
from gosnap.values.model import Limits, Node, Value
from gosnap.values.subject import Shape

_AT_ONCE = 1 << 16
_MOST_BYTES = 1 << 28
_INTEGERS = {n for n in KIND_NAMES if re.fullmatch(r"u?int(\d+|ptr)?", n)}
_LISTED = 20_000
_POINTERS = {"ptr", "chan", "unsafe.Pointer"}
BASIC = {*_INTEGERS, "bool", "float32", "float64", "complex64", "complex128", "string"}


def find(decoder: Decoder, cells: maps.Cells, key: Shape, wanted: Expression) -> int:
    """The entry that has a key; -1 for none."""
    rows = _quick(decoder, cells, key, wanted)
    if rows is None:
        rows = np.arange(len(cells.key_at))
    whole = Decoder(decoder.subject, Limits(depth=64, items=None, string=None, nodes=1 << 40, raw=True))
    for low in range(0, len(rows), _AT_ONCE):
        part = rows[low : low + _AT_ONCE]
        column = Column(key, cells.key[part], cells.key_at[part], [None] * len(part), True)
        for i, value in zip(part.tolist(), whole.column(column, 64), strict=True):
            if matches(value, wanted):
                return int(i)
    return -1


def _quick(
    decoder: Decoder, cells: maps.Cells, key: Shape, wanted: Expression
) -> npt.NDArray[np.int64] | None:
    """The entries that may have the key, by its bytes; None where these do not tell."""
    if not isinstance(wanted, Literal):
        return None
    value = wanted.value
    if key.kind == "string" and isinstance(value, bytes) and key.size == 16:
        heads = np.ascontiguousarray(cells.key).view("<u8")
        found: npt.NDArray[np.int64] = np.flatnonzero(heads[:, 1] == np.uint64(len(value)))
        if value and len(found) * len(value) <= _MOST_BYTES:
            # most are told apart by their bytes, without a string made of any
            texts, ok = decoder.memory.gather(heads[found, 0].astype(np.uint64), len(value))
            found = found[ok & (texts == np.frombuffer(value, np.uint8)).all(axis=1)]
        return found
    if key.kind in _INTEGERS and type(value) is int:
        try:
            raw = value.to_bytes(key.size, "little", signed=not key.kind.startswith("u"))
        except OverflowError:
            return np.zeros(0, np.int64)
        alike: npt.NDArray[np.int64] = np.flatnonzero((cells.key == np.frombuffer(raw, np.uint8)).all(axis=1))
        return alike
    return None


def plain(value: Value) -> Value:
    """A value of a basic kind without what is said of it."""
    if isinstance(value, Node) and value.kind in BASIC and value.value is not None:
        return value.value
    return value


def matches(value: Value, wanted: Expression) -> bool:
    """Whether a value is what was written."""
    if isinstance(wanted, Literal):
        return _literal(value, wanted.value)
    if isinstance(wanted, Convert):
        return _typed(value, wanted.type) and matches(_inside(value), wanted.of)
    if isinstance(wanted, Composite):
        value = value if _typed(value, wanted.type) else 0
        return _composite(_inside(value), wanted)
    return False


def _inside(value: Value) -> Value:
    """What is in an interface."""
    if isinstance(value, Node) and value.kind == "interface" and value.target is not None:
        return value.target
    return value


def _typed(value: Value, name: str) -> bool:
    """Whether a value in an interface is of a type; what is in none has the map's."""
    if not name or not isinstance(value, Node) or value.kind != "interface":
        return True
    if value.target is None:
        return False
    if not isinstance(value.target, Node):
        return False
    wanted = names.normal(name)
    return value.target.type == wanted or value.target.type.endswith("/" + wanted)


def _literal(value: Value, wanted: object) -> bool:
    value = plain(_inside(value))
    if isinstance(value, Node):
        if wanted is None:
            return value.target is None and not value.word and not value.items
        if isinstance(wanted, bytes):
            return value.value == wanted and value.kind in ("array", "slice")
        # a pointer or channel by its address
        return type(wanted) is int and value.kind in _POINTERS and value.word == wanted
    if isinstance(value, str):
        return isinstance(wanted, bytes) and value.encode() == wanted
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, float) and isinstance(value, float):
        return value == wanted or (math.isnan(value) and math.isnan(wanted))
    if isinstance(value, bytes):
        return value == wanted
    return isinstance(wanted, (int, float)) and value == wanted


def _composite(value: Value, wanted: Composite) -> bool:
    if not isinstance(value, Node):
        return False
    if value.kind == "array" and isinstance(value.value, bytes):
        given = [k.value if isinstance(k, Literal) else None for _, k in wanted.items]
        return given == list(value.value)
    if value.kind not in ("struct", "array"):
        return False
    if wanted.items and wanted.items[0][0]:
        given_by_name = dict(wanted.items)
        unknown = set(given_by_name) - set(value.names)
        if unknown:
            raise GosnapError(
                f"{value.type} has no field {min(unknown)}", names.close_to(min(unknown), list(value.names))
            )
        return all(
            matches(item, given_by_name[name]) if name in given_by_name else is_zero(item)
            for name, item in zip(value.names, value.items, strict=True)
        )
    if len(wanted.items) != len(value.items):
        if wanted.items:
            return False
        return all(is_zero(item) for item in value.items)
    return all(matches(item, k) for item, (_, k) in zip(value.items, wanted.items, strict=True))


def is_zero(value: Value) -> bool:
    """Whether a value is the zero value of its type."""
    if not isinstance(value, Node):
        return not value
    if isinstance(value.value, bytes):
        return not any(value.value)
    if value.kind in ("struct", "array"):
        return all(is_zero(item) for item in value.items)
    return not value.value and not value.word and value.target is None


def nearest(decoder: Decoder, cells: maps.Cells, key: Shape, wanted: Expression) -> str:
    """ "did you mean ...?" for a text that is no key."""
    if key.kind != "string" or len(cells.key_at) > _LISTED or not isinstance(wanted, Literal):
        return ""
    if decoder.limits.redact or not isinstance(wanted.value, bytes):
        return ""
    short = Decoder(decoder.subject, Limits(string=200, nodes=1 << 40, raw=True))
    column = Column(key, cells.key, cells.key_at, [None] * len(cells.key_at), True)
    known = [v for v in short.column(column, 1) if isinstance(v, str)]
    return names.close_to(wanted.value.decode("utf-8", "replace"), known)
