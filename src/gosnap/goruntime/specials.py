"""Specials: what the runtime hangs on single objects (runtime/mheap.go special, specialfinalizer, …)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import Spans

_MAX_SPECIALS = 1 << 27


@dataclass
class Specials:
    """One row per special: ``object`` (address of the slot), ``kind`` (as KINDS names it), ``words`` (three
    words
    behind the header: a finalizer's fn; a weak handle's handle; a cleanup's fn, or call, fn and argument)."""

    object: npt.NDArray[np.uint64]
    kind: list[str]
    words: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.kind)


KINDS = {
    "finalizer": "runtime._KindSpecialFinalizer",
    "weak": "runtime._KindSpecialWeakHandle",
    "profile": "runtime._KindSpecialProfile",
    "cleanup": "runtime._KindSpecialCleanup",
}


def read_specials(program: GoProgram, spans: Spans, wanted: tuple[str, ...]) -> Specials:
    """The specials of these kinds, of all spans in use. A list that cannot be read ends there."""
    lay = program.layouts
    size = lay.size("runtime.special")
    offset, kind_at = lay.need("runtime.special", "offset"), lay.need("runtime.special", "kind")
    names = {v: k for k in wanted if (v := program.constant(KINDS[k])) is not None}
    objects: list[int] = []
    kinds: list[str] = []
    words: list[bytes] = []
    rows = np.flatnonzero(spans.specials)
    left = _MAX_SPECIALS
    for base, elemsize, first in zip(
        spans.base[rows].tolist(), spans.elemsize[rows].tolist(), spans.specials[rows].tolist(), strict=True
    ):
        at = first
        while at and left:
            left -= 1
            try:
                raw = program.space.read(at, size + 24)
            except ReadError:
                break
            name = names.get(raw[kind_at.offset])
            if name is not None:
                inner = int.from_bytes(raw[offset.offset : offset.offset + offset.size], "little")
                objects.append(base + inner // elemsize * elemsize)
                kinds.append(name)
                words.append(raw[size : size + 24])
            at = int.from_bytes(raw[:8], "little")
    table = np.frombuffer(b"".join(words), "<u8").reshape(-1, 3).astype(np.uint64)
    return Specials(np.array(objects, np.uint64), kinds, table)
