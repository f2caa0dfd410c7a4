"""What is alive: the objects that the roots lead to."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap._kernels.graph import Graph
from gosnap._kernels.heap import Heap
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import Roots, read_roots
from gosnap.goruntime.spans import Spans

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


@dataclass
class Reach:
    """``live``: u8 per object, 1 where the roots lead to it; ``count``: how many. ``root_objects``: i64 per
    root, its
    object or a number below 0 (``Heap.find``). ``held``: u32, sorted: every object that a root holds
    directly."""

    roots: Roots
    root_objects: I64
    held: U32
    live: U8
    count: int


def find_reach(program: GoProgram, heap: Heap, spans: Spans, degree: U32, targets: list[U32]) -> Reach:
    """Mark from the roots, as the collector would."""
    roots = read_roots(program, spans)
    objects = np.zeros(len(roots), np.int64)
    heap.find_all(np.ascontiguousarray(roots.value), objects)
    offset, target = adjacency(degree, targets)
    held = np.unique(np.concatenate([objects[objects >= 0], _of_finalized(heap, roots, offset, target)]))
    held = held.astype(np.uint32)
    live = np.zeros(heap.nobjects, np.uint8)
    count = Graph(offset, target).reach(held, live)
    return Reach(roots, objects, held, live, count)


def adjacency(degree: U32, targets: list[U32]) -> tuple[I64, U32]:
    """The reference graph as CSR: (offset, target)."""
    offset = np.zeros(len(degree) + 1, np.int64)
    np.cumsum(degree, out=offset[1:])
    return offset, np.concatenate(targets) if targets else np.zeros(0, np.uint32)


def _of_finalized(heap: Heap, roots: Roots, offset: I64, target: U32) -> I64:
    """What objects with finalizers refer to: alive, though they themselves need not be (gcScanFinalizer)."""
    objects = np.zeros(len(roots.finalized), np.int64)
    heap.find_all(roots.finalized, objects)
    parts = [target[offset[o] : offset[o + 1]].astype(np.int64) for o in objects.tolist() if o >= 0]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
