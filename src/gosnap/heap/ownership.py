"""Who owns what: live objects, leaked goroutines, the dominator tree.

The tree's nodes are the objects, numbered as everywhere, and behind them the groups of roots (``groups``).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap._kernels.graph import Graph, offsets
from gosnap._kernels.heap import Heap
from gosnap.goruntime.blocked import Waits, read_waits
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import RootKind, Roots
from gosnap.goruntime.spans import Spans
from gosnap.goruntime.weak import weak_containers
from gosnap.heap.groups import NONE, WEAK, Groups, group_roots

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SEEN, SHUT, SHUT_SEEN = 1, 2, 3
"""Marks of ``Graph.reach``: reached; not to be entered; reached, but not entered."""
_WEAK_KINDS = (RootKind.FINALIZER, RootKind.CLEANUP, RootKind.QUEUE, RootKind.WEAK_HANDLE)


@dataclass
class Ownership:
    """``idom``: u32 per node: its immediate dominator, a node; the number of nodes where only the whole set
    of roots is above it; NONE for garbage. ``heads``: the objects that dominate others, and all groups,
    sorted, with what they retain in ``head_bytes`` and ``head_objects``. ``root_objects``: i64 per root, its
    object or a number below 0 (``Heap.find``). ``leaked``: per goroutine. ``weak``: objects that own only
    what nothing else does; ``weakly_held``: live objects that no other owner leads to."""

    roots: Roots
    root_objects: I64
    groups: Groups
    leaked: Bools
    weak: U32
    weakly_held: U32
    idom: U32
    heads: U32
    head_bytes: U64
    head_objects: U32
    live: U8
    count: int


def find_ownership(
    program: GoProgram, heap: Heap, roots: Roots, spans: Spans, graph_columns: tuple[U32, list[U32]]
) -> Ownership:
    """Mark from the roots as the collector would, then find the dominators. ``graph_columns``: degrees and
    targets."""
    degree, targets = graph_columns
    objects = np.zeros(len(roots), np.int64)
    heap.find_all(np.ascontiguousarray(roots.value), objects)
    most = 2 * len(roots) + 3 * len(roots.goroutines) + 16
    offset, target = adjacency(degree, targets, most)
    n, edges = heap.nobjects, int(offset[heap.nobjects])
    graph = Graph(offset[: n + 1], target[:edges])
    waits = read_waits(program, roots.goroutines, roots.stacks)
    finalized = _of_finalized(heap, roots, offset, target)
    weak = _objects_at(heap, weak_containers(program) | waits.sudogs)
    marking = _Marking(graph, heap, roots, objects)
    leaked, strong = marking.run(waits, weak, finalized)
    groups = group_roots(program, roots, objects, leaked, finalized)
    offset, target, tops = _add_groups(offset, target, n, groups)
    nodes = n + len(groups)
    graph = Graph(offset, target)
    strong_nodes, weak_nodes = np.ones(nodes, np.uint8), np.zeros(nodes, np.uint8)
    strong_nodes[:n] = strong
    weak_nodes[weak] = 1
    weak_nodes[n:] = np.isin(groups.kind, tuple(WEAK))
    graph.weaken(target, strong_nodes, weak_nodes)
    idom = np.empty(nodes, np.uint32)
    tree = graph.dominators(tops, spans.elemsize, spans.counts, idom)
    nothing = np.zeros(0, np.uint32)
    count = tree.heads(n, nothing, np.zeros(0, np.uint64), nothing)
    heads, size, number = np.empty(count, np.uint32), np.empty(count, np.uint64), np.empty(count, np.uint32)
    tree.heads(n, heads, size, number)
    return Ownership(
        roots=roots,
        root_objects=objects,
        groups=groups,
        leaked=leaked,
        weak=weak.astype(np.uint32),
        weakly_held=np.flatnonzero((idom[:n] != np.uint32(NONE)) & (strong == 0)).astype(np.uint32),
        idom=idom,
        heads=heads,
        head_bytes=size,
        head_objects=number,
        live=(idom[:n] != np.uint32(NONE)).astype(np.uint8),
        count=tree.reached - len(groups),
    )


def starts(degree: U32, spare: int = 0) -> I64:
    """Where the references of each object begin, and their number, before room for so many more."""
    offset = np.empty(len(degree) + 1 + spare, np.int64)
    offsets(degree, offset)
    return offset


def adjacency(degree: U32, targets: list[U32], spare: int = 0) -> tuple[I64, U32]:
    """The reference graph as CSR: (offset, target), each with room for ``spare`` more at its end."""
    edges = sum(len(t) for t in targets)
    target = np.empty(edges + spare, np.uint32)
    at = 0
    for part in targets:
        target[at : at + len(part)] = part
        at += len(part)
    return starts(degree, spare), target


def _add_groups(offset: I64, target: U32, n: int, groups: Groups) -> tuple[I64, U32, U32]:
    """Fill the spare room of the graph of n objects with the groups; also those that are below no other."""
    below = np.flatnonzero(groups.parent != np.uint32(NONE))
    pairs = np.concatenate(
        [groups.edges, np.stack([groups.parent[below].astype(np.int64), below + n], axis=1)]
    )
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    count = np.bincount(pairs[:, 0], minlength=len(groups))
    edges, nodes = int(offset[n]), n + len(groups)
    if nodes + 1 > len(offset) or edges + len(pairs) > len(target):
        # objects with finalizers refer to so much that the room is too small
        offset, target = np.resize(offset, nodes + 1), np.resize(target, edges + len(pairs))
    offset[n + 1 : nodes + 1] = edges + np.cumsum(count)
    target[edges : edges + len(pairs)] = pairs[:, 1]
    tops = np.flatnonzero(groups.parent == np.uint32(NONE)) + n
    return offset[: nodes + 1], target[: edges + len(pairs)], tops.astype(np.uint32)


def _find(heap: Heap, addresses: U64) -> I64:
    """The object at each address, or a number below 0."""
    found = np.zeros(len(addresses), np.int64)
    heap.find_all(np.ascontiguousarray(addresses), found)
    return found


def _objects_at(heap: Heap, addresses: set[int]) -> I64:
    found = np.zeros(len(addresses), np.int64)
    heap.find_all(np.array(sorted(addresses), np.uint64), found)
    return np.unique(found[found >= 0])


def _of_finalized(heap: Heap, roots: Roots, offset: I64, target: U32) -> I64:
    """What objects with finalizers refer to: alive, though they themselves need not be (gcScanFinalizer)."""
    objects = np.zeros(len(roots.finalized), np.int64)
    heap.find_all(roots.finalized, objects)
    parts = [target[offset[o] : offset[o + 1]].astype(np.int64) for o in objects.tolist() if o >= 0]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


class _Marking:
    """Marks by steps, each of which goes on from what is marked already.

    A goroutine that waits is leaked if what could wake it is marked neither from package variables and the
    like nor from goroutines that can still run: the reasoning of Go 1.27's goroutine leak profile
    (runtime/mgc.go findGoroutineLeaks).
    """

    def __init__(self, graph: Graph, heap: Heap, roots: Roots, objects: I64) -> None:
        self.graph = graph
        self.heap = heap
        self.roots = roots
        self.objects = objects
        own = np.isin(roots.kind, (RootKind.STACK, RootKind.CONSERVATIVE)) & (objects >= 0)
        self._stack_objects = objects[own]
        self._stack_owner = roots.owner[own]
        self._g = np.zeros(len(roots.goroutines), np.int64)
        heap.find_all(roots.goroutines.address, self._g)
        weak = np.array([kind == "weak" for kind in roots.specials.kind], bool)
        self._handles = _find(heap, roots.specials.words[weak, 0])
        self._referents = _find(heap, roots.specials.object[weak])

    def run(self, waits: Waits, weak: I64, finalized: I64) -> tuple[Bools, U8]:
        """(which goroutines are leaked, which objects have an owner that is not weak)."""
        kinds = self.roots.kind
        strong = np.zeros(self.heap.nobjects, np.uint8)
        weak_roots = np.isin(kinds, _WEAK_KINDS) & (self.objects >= 0)
        leaked = np.zeros(len(self._g), bool)
        leaked[list(waits.on)] = True
        strong[weak] = SHUT
        if waits.on:
            # books of the runtime, which name goroutines and what they wait on, but could wake none of them
            books = np.union1d(self._g[self._g >= 0], _objects_at(self.heap, waits.sudogs))
            strong[books] = SHUT
            wakers = _Wakers(self.heap, waits)
            self._mark(self.objects[(kinds == RootKind.GLOBAL) & (self.objects >= 0)], strong)
            self._enter(~leaked, strong)
            self._wake(wakers, leaked, strong)
            if leaked.any():
                # what weak containers and finalizers hold can wake a goroutine too
                every = strong.copy()
                self._open(np.setdiff1d(weak, books), every)
                # a handle is only of use to who has a weak pointer
                ready = weak_roots & (kinds != RootKind.WEAK_HANDLE)
                self._mark(np.concatenate([self.objects[ready], finalized]), every)
                self._wake(wakers, leaked, every)
            self._open(np.setdiff1d(books, weak), strong)
        self._mark(self.objects[~np.isin(kinds, _WEAK_KINDS) & (self.objects >= 0)], strong)
        return leaked & ~self._main_at_rest(), (strong & SEEN).astype(np.uint8)

    def _main_at_rest(self) -> Bools:
        """The main goroutine in an empty select is how some programs idle: not reported, as in Go 1.27."""
        g = self.roots.goroutines
        out = np.zeros(len(g), bool)
        for row in np.flatnonzero(g["goid"] == 1).tolist():
            out[row] = g.reason(row) == "select (no cases)"
        return out

    def _mark(self, objects: I64, seen: U8) -> None:
        if len(objects):
            self.graph.reach(np.ascontiguousarray(objects, np.uint32), seen)

    def _open(self, objects: I64, seen: U8) -> None:
        """Let objects be entered that were shut, and enter those that were met meanwhile."""
        met = objects[seen[objects] == SHUT_SEEN]
        seen[objects[seen[objects] >= SHUT]] = 0
        self._mark(met, seen)

    def _enter(self, chosen: Bools, seen: U8) -> None:
        """Mark from the stacks of goroutines, and from what their g structures refer to."""
        own = self._g[chosen]
        own = own[own >= 0]
        seen[own] = 0
        self._mark(np.concatenate([self._stack_objects[chosen[self._stack_owner]], own]), seen)

    def _wake(self, wakers: "_Wakers", asleep: Bools, seen: U8) -> None:
        """Let go on, and mark from, what can be woken; until nothing more can."""
        while True:
            woken = wakers.woken(seen, len(asleep)) & asleep
            if woken.any():
                asleep &= ~woken
                self._enter(woken, seen)
            elif not self._by_weak_pointers(seen):
                return

    def _by_weak_pointers(self, seen: U8) -> bool:
        """Mark what weak pointers lead to, which whoever has one may take hold of; whether there was
        anything."""
        both = (self._handles >= 0) & (self._referents >= 0)
        handle, referent = self._handles[both], self._referents[both]
        more = referent[((seen[handle] & SEEN) != 0) & (seen[referent] == 0)]
        self._mark(more, seen)
        return len(more) > 0


class _Wakers:
    """Which object could wake which goroutine."""

    def __init__(self, heap: Heap, waits: Waits) -> None:
        flat = [(row, address) for row, addresses in waits.on.items() for address in addresses]
        self._row = np.array([row for row, _ in flat], np.int64)
        self._object = np.zeros(len(flat), np.int64)
        heap.find_all(np.array([address for _, address in flat], np.uint64), self._object)

    def woken(self, seen: U8, count: int) -> Bools:
        """The goroutines, of so many, that something reached could wake."""
        out = np.zeros(count, bool)
        # outside of the heap is a package variable, or what we know nothing of
        reached = self._object < 0
        inside = np.flatnonzero(~reached)
        reached[inside] = (seen[self._object[inside]] & SEEN) != 0
        out[self._row[reached]] = True
        return out
