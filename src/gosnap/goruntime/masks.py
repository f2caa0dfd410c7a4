"""The words of data and bss that the collector takes for pointers: moduledata.gcdatamask and gcbssmask,
bitvector{n int32, bytedata *uint8} (runtime/symtab.go)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from gosnap.goruntime.program import GoProgram

U64 = npt.NDArray[np.uint64]


def pointer_words(program: "GoProgram") -> Iterator[tuple[U64, U64]]:
    """(addresses, values) of pointer words that are not 0, of each part of each module."""
    lay = program.layouts
    for m in program.modules:
        for low, high, mask in ((m.data, m.edata, "gcdatamask"), (m.bss, m.ebss, "gcbssmask")):
            at = m.address + lay.need("runtime.moduledata", mask).offset
            bits = program.read_uint(at, 4)
            words = min(bits, (high - low) // 8)
            data = program.space.u64(at + 8)
            if not words or not data:
                continue
            raw = np.frombuffer(program.space.read(data, (words + 7) // 8), np.uint8)
            chosen = np.flatnonzero(np.unpackbits(raw, bitorder="little")[:words])
            values = np.frombuffer(program.space.read(low, words * 8), "<u8")[chosen]
            keep = values != 0
            addresses = np.uint64(low) + chosen.astype(np.uint64) * np.uint64(8)
            yield addresses[keep], values[keep].astype(np.uint64)
