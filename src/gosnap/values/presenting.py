"""What presenters of special types have to work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gosnap.errors import ReadError
from gosnap.values.columns import Chain
from gosnap.values.model import Node
from gosnap.values.subject import Subject

if TYPE_CHECKING:
    from gosnap.values.decode import Decoder


@dataclass
class Work:
    """One value to present: its node, its bytes, and what led to it."""

    decoder: "Decoder"
    node: Node
    row: int
    raw: bytes
    chain: Chain
    depth: int

    @property
    def subject(self) -> Subject:
        """What it is of."""
        return self.decoder.subject

    def place(self, path: str) -> tuple[int, int] | None:
        """(offset, row of the type) of a field of a field: "w.state"; None where this Go has none such."""
        offset, row = 0, self.row
        for name in path.split("."):
            member = self.subject.member(row, name)
            if member is None:
                return None
            offset, row = offset + member.offset, member.row
        return offset, row

    def number(self, *paths: str, signed: bool = False) -> int:
        """The integer in the first of these fields that there is, also of one in an atomic type. ReadError
        where there is none."""
        for path in paths:
            for whole in (path, path + ".v"):
                found = self.place(whole)
                if found is not None and self.subject.shape(found[1]).kind != "struct":
                    size = self.subject.shape(found[1]).size
                    part = self.raw[found[0] : found[0] + size]
                    if len(part) == size and size <= 8:
                        return int.from_bytes(part, "little", signed=signed)
        raise ReadError(f"no field {paths[0]}")

    def inner(self, path: str) -> "Work":
        """The same of a field. ReadError where there is none."""
        found = self.place(path)
        if found is None:
            raise ReadError(f"no field {path}")
        offset, row = found
        raw = self.raw[offset : offset + self.subject.shape(row).size]
        at = self.node.address + offset if self.node.address else 0
        node = Node(self.subject.shape(row).kind, self.subject.shape(row).name, row, at)
        return Work(self.decoder, node, row, raw, self.chain, self.depth)

    def header(self, offset: int = 0) -> tuple[int, int]:
        """(pointer, length) of a slice or string. ReadError for a length beyond all memory."""
        pointer = int.from_bytes(self.raw[offset : offset + 8], "little")
        length = int.from_bytes(self.raw[offset + 8 : offset + 16], "little")
        if length >= 1 << 40:
            raise ReadError(f"a length of {length}")
        return pointer, length


Presenter = Callable[[Work], None]
"""Adds to a decoded value. ReadError where what it needs is not there."""
