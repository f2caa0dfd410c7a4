"""Types that the executable's DWARF does not have, read from the running program's own descriptions.

The linker leaves types out of DWARF that no variable is of, such as the type of a constant in an interface;
reflect makes types that no linker knew. Their runtime types tell what they are made of: abi.Type and those
that begin with it (internal/abi/type.go, Go 1.21 to 1.27).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from gosnap.errors import ReadError

if TYPE_CHECKING:
    from gosnap.values.subject import Member, Shape, Subject

_HEAD = 48
_EXTRA_STAR = 2
_EMBEDDED = 8
_MOST_FIELDS = 1 << 12
_MOST_TYPES = 1 << 14
_MOST_NAME = 4096
_FIELD = 24


class MadeTypes:
    """Rows behind those of the type table, for the runtime types that were met."""

    def __init__(self, subject: "Subject") -> None:
        self._subject = subject
        self._rows: dict[int, int] = {}
        self.groups: dict[int, int] = {}
        """Of a map type: the row of its group or bucket."""

    def row(self, address: int) -> int:
        """The row of a runtime type; 0 where it makes no sense."""
        found = self._subject.known_rtype(address)
        if found:
            return found
        if address in self._rows:
            return self._rows[address]
        if len(self._rows) >= _MOST_TYPES:
            return 0
        row = self._subject.add_shape()
        # before it is read: a type may be made of itself
        self._rows[address] = row
        try:
            self._subject.set_shape(row, self._read(row, address))
        except ReadError:
            self._rows[address] = 0
        return self._rows[address]

    def _read(self, row: int, address: int) -> "Shape":
        memory = self._subject.memory
        raw = memory.read(address, _HEAD)
        kind = raw[23] & 31
        size = int.from_bytes(raw[:8], "little")
        at = self._subject.types_base + int.from_bytes(raw[40:44], "little", signed=True)
        name = self._name(at)[0]
        if raw[20] & _EXTRA_STAR:
            name = name[1:]
        shape = replace(
            self._subject.shape(0), row=row, name=name, kind=self._subject.kind_name(kind), size=size
        )
        if size >= 1 << 40 or shape.kind == "unknown":
            raise ReadError("no type")
        word = memory.word
        behind = address + _HEAD
        if shape.kind in ("ptr", "slice"):
            return replace(shape, elem=self.row(word(behind)))
        if shape.kind == "array":
            elem, length = self.row(word(behind)), word(behind + 16)
            if self._subject.shape(elem).size * length > size:
                raise ReadError("an array that does not fit its size")
            return replace(shape, elem=elem, length=length)
        if shape.kind == "chan":
            return replace(shape, elem=self.row(word(behind)), impl=self._subject.type_row("runtime.hchan"))
        if shape.kind == "map":
            self.groups[row] = self.row(word(behind + 16))
            impl = self._subject.type_row("runtime.hmap") or self._subject.type_row(
                "internal/runtime/maps.Map"
            )
            return replace(shape, key=self.row(word(behind)), elem=self.row(word(behind + 8)), impl=impl)
        if shape.kind == "interface":
            methods = word(behind + 16)
            return replace(shape, iface=2 if methods else 1)
        if shape.kind == "struct":
            return replace(shape, fields=self._fields(word(behind + 8), word(behind + 16), size))
        return shape

    def _fields(self, array: int, count: int, size: int) -> "tuple[Member, ...]":
        if count > _MOST_FIELDS:
            raise ReadError(f"a struct of {count} fields")
        memory = self._subject.memory
        out = []
        for i in range(count):
            name, embedded = self._name(memory.word(array + i * _FIELD))
            row = self.row(memory.word(array + i * _FIELD + 8))
            offset = memory.word(array + i * _FIELD + 16)
            if offset > size:
                raise ReadError("a field outside of its struct")
            out.append(self._subject.new_member(name, offset, row, embedded))
        return tuple(out)

    def _name(self, address: int) -> tuple[str, bool]:
        """(name, whether its field is embedded): a byte of flags, a varint, the bytes (abi.Name)."""
        memory = self._subject.memory
        flags = memory.read(address, 1)[0]
        length = shift = 0
        at = address + 1
        for _ in range(3):
            b = memory.read(at, 1)[0]
            at += 1
            length |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                break
        text = memory.read(at, min(length, _MOST_NAME)) if length else b""
        return text.decode("utf-8", "replace"), bool(flags & _EMBEDDED)
