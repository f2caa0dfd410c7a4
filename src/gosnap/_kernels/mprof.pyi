"""The runtime's memory profile (runtime/mprof.go): buckets, unsampling, and which object is of which bucket.

Whatever the target's memory says is checked before it is followed. Loops run without the GIL.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gosnap._kernels.memory import Space

_U64 = npt.NDArray[np.uint64]
_I64 = npt.NDArray[np.int64]

class Chain:
    """The buckets from ``head`` on, by their links allnext.

    ``layout``: 14 byte offsets and sizes: of runtime.bucket the fields allnext, typ, size, nstk and its
    size; the size of runtime.memRecord and in it active and future; the size of runtime.memRecordCycle and in
    it allocs, frees, alloc_bytes, free_bytes (-1 where Go has them no more); of runtime.bucket the field hash
    (-1 where it is not known). ``kind``: what typ must be.
    ``max_stack``: the most that nstk may be. ``max_bytes``: the most that all buckets may take up together.
    ValueError for a layout that contradicts itself.
    """

    next: int
    """The bucket to read next; 0 behind the last one."""
    damaged: int
    """Buckets so far that contradict themselves: freed more than allocated, bytes that are not the count
    times the size, or a hash that is not that of the stack and size (runtime/mprof.go, stkbucket, the same in
    Go 1.21 to 1.27)."""

    def __init__(
        self, head: int, layout: tuple[int, ...], kind: int, max_stack: int, max_bytes: int
    ) -> None: ...
    def walk(self, space: Space) -> bool:
        """Read on. False where ``next`` is not in ``space``; call again with more. ValueError for what is no
        bucket, a circle, or too much."""

    def columns(self) -> dict[str, bytes]:
        """address u64[n], size u64[n], start u64[n+1] into pcs, pcs u64, counters u64[n][8]: allocs of active
        and of the three future cycles, then frees of the same; doubt u64[n]: 1 for a wrong hash, 2 for
        counters that contradict each other, 3 for both."""

def exp(x: float) -> float:
    """e**x for x <= 0 as Go's math.Exp on amd64 with FMA computes it (math/exp_amd64.s)."""

def unsample(count: Any, size: Any, rate: int, by_total: bool, objects: Any, space: Any) -> None:
    """Estimates (i64) from counts (i64) of samples of a size (u64), as runtime/pprof's scaleHeapSample has
    them to the last unit: scale = 1/(1-exp(-size/rate)); objects = int(count*scale), space =
    int(count*size*scale), toward zero; unscaled where rate <= 1. ``by_total``: the average size is
    count*size/count, as Go <= 1.26 has it, which differs once that is beyond 2**53.
    """

def sampled(
    space: Space,
    base: _U64,
    elemsize: _U64,
    first: _U64,
    layout: tuple[int, int, int, int, int],
    kind: int,
    most: int,
) -> tuple[bytes, bytes, int]:
    """The objects that the memory profile samples, from the specials of each span.

    ``base``, ``elemsize``, ``first``: u64[n] of the spans: address, slot size, first special. ``layout``: the
    size of runtime.special, of its field offset the offset and size, the offset of kind, and of b in
    runtime.specialprofile. ``most``: how many specials to look at.
    Returns u64 addresses of slots, u64 addresses of buckets, and how many lists could not be read to their
    end.
    """
