"""What an object is within its type: the value itself, a slice's array, a part of a map, and so on.

An object's type is one u32: the role in the upper 4 bits, a row in the lower 28: of the type table; for
CLOSURE of the function table; for RTYPE* the runtime type's offset from moduledata.types, divided by 8
(NO_ROW: outside the types). 0 is an object that could not be typed.
"""

from enum import IntEnum

ROLE_SHIFT = 28
ROW_MASK = (1 << ROLE_SHIFT) - 1
NO_ROW = ROW_MASK
UNTYPED = 0
GARBAGE = 0xFFFFFFFF
"""Stands for all garbage where only live objects are counted; no object's type is this."""


class Role(IntEnum):
    """The roles; the numbers are those of _kernels/propagate.pyx."""

    VALUE = 0
    ARRAY = 1
    STRING = 2
    MAP = 3
    MAP_BUCKETS = 4
    MAP_DIR = 5
    MAP_TABLE = 6
    CHAN = 7
    CHAN_BUF = 8
    CLOSURE = 9
    TINY = 10
    INSIDE = 11
    RTYPE = 12
    RTYPE_ARRAY = 13
    MAP_OVERFLOW = 14
    MAP_OVERFLOW_ARRAY = 15
