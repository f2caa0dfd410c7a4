"""A type for every object: from roots, and from what the runtime knows, along pointers.

Sources: runtime/map.go (Go <= 1.23), internal/runtime/maps (Go >= 1.24), runtime/chan.go,
internal/abi/iface.go.
"""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.heap import Heap
from gosnap._kernels.rtypes import RuntimeTypes
from gosnap._kernels.typeprog import TypePrograms

_U64 = npt.NDArray[np.uint64]
_U32 = npt.NDArray[np.uint32]
_U16 = npt.NDArray[np.uint16]
_U8 = npt.NDArray[np.uint8]
_I64 = npt.NDArray[np.int64]
_I32 = npt.NDArray[np.int32]

class Propagation:
    """Whatever typing an object takes, besides the roots.

    Columns beside the type table's: ``impl``: of a map or channel type, its runtime header's type. ``part``:
    of a map type, its bucket or group type. ``owner``, ``owner_role``: the map or channel type that a runtime
    structure serves, and the role (gosnap.heap.roles) in which. Functions, sorted by run-time pc, with
    captured variables as CSR: ``func_pc``, ``capture_*``. ``class_size``: u16[4097], slot size for (size + 7)
    // 8. ``offsets`` of the runtime's structures: swiss, map_ptr, map_len, map_old, map_extra, table_groups,
    chan_buf.

    ValueError where a row refers to nothing, columns differ in length, or an offset is impossible.
    """

    def __init__(
        self,
        heap: Heap,
        rtypes: RuntimeTypes,
        types: TypePrograms,
        impl: _I32,
        part: _I32,
        owner: _I32,
        owner_role: _U8,
        func_pc: _U64,
        capture_start: _I64,
        capture_offset: _I64,
        capture_type: _I32,
        class_size: _U16,
        offsets: dict[str, int],
    ) -> None: ...
    def run(self, root_addr: _U64, root_type: _I32, otype: _U32) -> None:
        """Give every object a type, starting at the roots and at what the runtime knows.

        otype[object]: see gosnap.heap.roles; 0 stays for objects that nothing typed reaches. ValueError where
        a root's type is not there or ``otype`` is too small. MemoryError.
        """
