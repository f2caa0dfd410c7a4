"""What an expression stands for before it is decoded: where a value lies, and of which type it is."""

from dataclasses import dataclass

import numpy as np

from gosnap.values.memory import U8
from gosnap.values.model import Value
from gosnap.values.subject import Subject


@dataclass(frozen=True)
class Place:
    """A value of a type at an address; ``raw``: its bytes, where it lies nowhere in one piece."""

    row: int
    address: int
    raw: bytes | None = None
    partial: bool = False
    """Parts of it are in registers or nowhere, and read as zero."""

    def bytes_of(self, subject: Subject) -> bytes:
        """Its bytes. ReadError where they are not there."""
        if self.raw is not None:
            return self.raw
        return subject.memory.read(self.address, subject.shape(self.row).size)

    def matrix(self, subject: Subject) -> U8:
        """The same, as the only row of a column."""
        return np.frombuffer(self.bytes_of(subject), np.uint8).reshape(1, -1)


@dataclass(frozen=True)
class Ref:
    """An address as a pointer to a type, or to an array of ``count`` of them."""

    row: int
    address: int
    count: int = -1


@dataclass(frozen=True)
class Run:
    """Values of a type one after another: a part of an array, slice or string, or an array that no type has.

    ``kind``: "slice", "array" or "string"; ``name``: of the type.
    """

    kind: str
    name: str
    row: int
    address: int
    length: int
    capacity: int


@dataclass(frozen=True)
class Known:
    """A value that is here already: a length."""

    value: Value


Found = Place | Ref | Run | Known
