"""Functions by their names: the pclntab read the other way round."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.binary.names import Names
from gosnap.errors import GosnapError

if TYPE_CHECKING:
    from gosnap.goruntime.program import GoProgram

_MAX_TABLE = 1 << 31
_MAX_NAME = 4096


class FunctionNames:
    """The functions of the first module: ``entry`` (run-time addresses, sorted, and behind them where the
    last one ends) and the offset of each name in funcnametab. Sources as for ``functions``."""

    def __init__(self, program: "GoProgram") -> None:
        lay, space, module = program.layouts, program.space, program.modules[0].address

        def table(name: str, item: int) -> bytes | memoryview:
            at = module + lay.need("runtime.moduledata", name).offset
            size = space.u64(at + 8) * item
            if size > _MAX_TABLE:
                raise GosnapError(f"the program's {name} at {at:#x} claims {size:,} bytes")
            return space.view(space.u64(at), size)

        self._text = bytes(table("funcnametab", 1))
        functions = np.frombuffer(table("ftab", 8), "<u4").reshape(-1, 2)
        pcln = np.frombuffer(table("pclntable", 1), np.uint8)
        field = lay.need("runtime._func", "nameOff").offset
        at = functions[:-1, 1].astype(np.int64) + field
        good = at + 4 <= len(pcln)
        raw = pcln[np.where(good, at, 0)[:, None] + np.arange(4)] if len(at) else np.zeros((0, 4), np.uint8)
        self.name_offset: npt.NDArray[np.int64] = np.where(
            good, np.ascontiguousarray(raw).view("<i4").ravel(), -1
        ).astype(np.int64)
        self.entry: npt.NDArray[np.uint64] = np.uint64(program.modules[0].text) + functions[:, 0].astype(
            np.uint64
        )

    def find(self, name: str) -> tuple[int, int] | None:
        """(first address, end) of a function; None where there is none, or several have the name."""
        wanted = name.encode() + b"\0"
        at = 0 if self._text.startswith(wanted) else self._text.find(b"\0" + wanted) + 1
        if at == 0 and not self._text.startswith(wanted):
            return None
        rows = np.flatnonzero(self.name_offset == at)
        if len(rows) != 1:
            return None
        return int(self.entry[rows[0]]), int(self.entry[rows[0] + 1])

    def names(self) -> Names:
        """The name of every function, in the order of ``entry``."""
        out = []
        for offset in self.name_offset.tolist():
            end = self._text.find(b"\0", offset, offset + _MAX_NAME) if offset >= 0 else -1
            out.append(self._text[offset:end] + b"\0" if end > offset else b"\0")
        start = np.zeros(len(out) + 1, np.int64)
        np.cumsum([len(n) for n in out], out=start[1:])
        return Names(b"".join(out), start)
