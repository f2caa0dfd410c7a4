"""Go's runtime types, each read once.

Source: abi.Type in internal/abi/type.go, identical in Go 1.21 to 1.27.
"""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space

_I64 = npt.NDArray[np.int64]
_I32 = npt.NDArray[np.int32]

class RuntimeTypes:
    """What malloc headers, large objects and interface words name.

    ``types_lo``, ``types_hi``: bounds of moduledata.types. ``row_offset``: i64, sorted offsets from
    ``types_lo`` of the runtime types that the type table has, ``row_id``: i32, its row of each.
    ``direct_in_kind``: whether the flag "stored directly in an interface" is in Kind_ (Go <= 1.25) or in
    TFlag. ``mask_on_demand``: whether pointer masks may be built on first use (Go >= 1.24) or be GC programs.
    ValueError where the columns differ in length.
    """

    def __init__(
        self,
        space: Space,
        types_lo: int,
        types_hi: int,
        row_offset: _I64,
        row_id: _I32,
        direct_in_kind: bool,
        mask_on_demand: bool,
    ) -> None: ...
    def prepare(self, heap: Heap) -> None:
        """Read the runtime type of every malloc header and large object; once, before ``edges.scan_spans``.

        MemoryError where they are more types than any binary has.
        """
