"""Types compiled to programs: a list of what a value of the type points at, and where."""

import numpy as np
import numpy.typing as npt

_U8 = npt.NDArray[np.uint8]
_I64 = npt.NDArray[np.int64]
_I32 = npt.NDArray[np.int32]

class TypePrograms:
    """The type table (gosnap.binary.types); a type is compiled when it is first met.

    One row per type, row 0 is no type; fields as CSR. ``kind``: those of reflect (internal/abi/type.go), and
    27: a pointer to ``elem`` and their number in the next word (sync.Pool); 28: ``elem`` if the first byte is
    not 0, else the type's part (a node of a hash trie). ``iface``: 1 for interfaces without methods.
    ValueError where a row refers to nothing or columns differ in length.
    """

    def __init__(
        self,
        kind: _U8,
        size: _I64,
        elem: _I32,
        length: _I64,
        iface: _U8,
        field_start: _I64,
        field_offset: _I64,
        field_type: _I32,
    ) -> None: ...
