"""Values in a few characters, as Go would write them: keys of maps, mostly."""

import struct

import numpy as np

from gosnap.binary.types import KIND_NAMES, TypeTable
from gosnap.heap.contents import Contents

CUT = 40
"""Characters of a string that are shown."""
_FIELDS = 4
_DEPTH = 3
_KIND = {name: i for i, name in enumerate(KIND_NAMES)}
_SIGNED = {_KIND[n] for n in ("int", "int8", "int16", "int32", "int64")}
_UNSIGNED = {_KIND[n] for n in ("uint", "uint8", "uint16", "uint32", "uint64", "uintptr")}


class Brief:
    """Shows values of static types; "…" stands for what is not in the snapshot or has no short form."""

    def __init__(self, types: TypeTable, contents: Contents, redact: bool, types_base: int = 0) -> None:
        self._types = types
        self._contents = contents
        self._redact = redact
        self._types_base = types_base

    def show(self, row: int, address: int, depth: int = 0) -> str:
        """The value of a type at an address."""
        if self._redact:
            return "…"
        t = self._types
        kind, size = int(t.kind[row]), int(t.size[row])
        if kind == _KIND["string"]:
            return self._string(address)
        if kind == _KIND["struct"] and depth < _DEPTH:
            fields = range(int(t.field_start[row]), int(t.field_start[row + 1]))
            shown = [
                self.show(int(t.field_type[i]), address + int(t.field_offset[i]), depth + 1)
                for i in fields[:_FIELDS]
            ]
            return "{" + ", ".join([*shown, *(["…"] if len(fields) > _FIELDS else [])]) + "}"
        if kind == _KIND["array"] and depth < _DEPTH:
            return self._array(row, address, depth)
        if kind == _KIND["interface"]:
            return self._interface(row, address, depth)
        if not 0 < size <= 16:
            return "…"
        raw = self._contents.read(address, size)
        return "…" if raw is None else _scalar(kind, raw)

    def _interface(self, row: int, address: int, depth: int) -> str:
        """The value in an interface without methods: the word of its type, and the value or a pointer to
        it."""
        rtype, data = self._contents.word(address), self._contents.word(address + 8)
        if int(self._types.iface[row]) != 1 or rtype is None or data is None or depth >= _DEPTH:
            return "…"
        if not rtype:
            return "nil"
        found = np.flatnonzero(self._types.rtype == rtype - self._types_base)
        if not len(found):
            return "…"
        dynamic = int(found[0])
        if int(self._types.kind[dynamic]) in (_KIND["ptr"], _KIND["chan"], _KIND["map"], _KIND["func"]):
            return f"{data:#x}"
        return self.show(dynamic, data, depth + 1)

    def _string(self, address: int) -> str:
        pointer, length = self._contents.word(address), self._contents.word(address + 8)
        if pointer is None or length is None:
            return "…"
        raw = self._contents.read(pointer, min(length, CUT * 4)) if length else b""
        if raw is None:
            return "…"
        text = raw.decode("utf-8", "replace")
        cut = length > len(raw) or len(text) > CUT
        return quote(text[:CUT]) + ("…" if cut else "")

    def _array(self, row: int, address: int, depth: int) -> str:
        t = self._types
        elem, length = int(t.elem[row]), int(t.length[row])
        if int(t.kind[elem]) == _KIND["uint8"]:
            raw = self._contents.read(address, min(length, 16))
            return "…" if raw is None else raw.hex() + ("…" if length > 16 else "")
        size = int(t.size[elem])
        shown = [self.show(elem, address + i * size, depth + 1) for i in range(min(length, _FIELDS))]
        return "{" + ", ".join([*shown, *(["…"] if length > _FIELDS else [])]) + "}"


def _scalar(kind: int, raw: bytes) -> str:
    value = int.from_bytes(raw, "little")
    if kind == _KIND["bool"]:
        return "true" if value else "false"
    if kind in _SIGNED:
        return str(int.from_bytes(raw, "little", signed=True))
    if kind in _UNSIGNED:
        return str(value)
    if kind in (_KIND["float32"], _KIND["float64"]) and len(raw) in (4, 8):
        (number,) = struct.unpack("<f" if len(raw) == 4 else "<d", raw)
        return f"{number:g}"
    if kind in (_KIND["ptr"], _KIND["unsafe.Pointer"], _KIND["chan"]):
        return f"{value:#x}" if value else "nil"
    return "…"


def quote(text: str) -> str:
    """A string as Go would write it."""
    out = []
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c.isprintable():
            out.append(c)
        else:
            out.append({"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c) or c.encode("unicode_escape").decode())
    return '"' + "".join(out) + '"'
