"""The dominator tree of a written snapshot, with the groups of roots at its top.

Nodes are the objects, by their numbers, and behind them the groups (``groups``).
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap._kernels.graph import Graph
from gosnap.errors import GosnapError
from gosnap.heap.columns import Columns
from gosnap.heap.gotable import GoTable
from gosnap.heap.groups import NONE, WEAK, GroupKind

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


class Tree:
    """Dominators, what they retain, and groups; each column is read when it is first needed.

    GosnapError where a snapshot has no roots, or where sections contradict each other.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.goroutines = GoTable(columns)
        if not columns.reader.has("dominators.idom"):
            raise GosnapError(
                f"{columns.reader.path}: has no roots, so it cannot say what holds what",
                "its notes say why: `gosnap info FILE`; a snapshot of an older gosnap must be taken again",
            )

    @property
    def objects(self) -> int:
        """Objects; the groups are the nodes from here on."""
        return self.columns.objects

    @property
    def nodes(self) -> int:
        """Objects and groups."""
        return self.objects + len(self.group_kind)

    @cached_property
    def group_kind(self) -> U8:
        """GroupKind of each group."""
        kinds = self.columns.column("groups.kind", "|u1").astype(np.uint8, copy=False)
        if len(kinds) and int(kinds.max()) >= len(GroupKind):
            raise self.columns.wrong("a group of a kind that there is not")
        return kinds

    def _of_groups(self, name: str) -> U32:
        column = self.columns.column(f"groups.{name}", "<u4").astype(np.uint32, copy=False)
        if len(column) != len(self.group_kind):
            raise self.columns.wrong("columns of the groups differ in length")
        return column

    @cached_property
    def group_ref(self) -> U32:
        """What each group is of: see GroupKind."""
        return self._of_groups("ref")

    @cached_property
    def group_parent(self) -> U32:
        """The group above each, or NONE; always one that comes before it."""
        column = self._of_groups("parent")
        if (column[column != NONE] >= np.flatnonzero(column != NONE)).any():
            raise self.columns.wrong("a group below one that comes behind it")
        return column

    @cached_property
    def held(self) -> tuple[U32, U32]:
        """(group, object) of each root that holds an object, sorted by groups."""
        group = self.columns.column("groups.edge_group", "<u4").astype(np.uint32, copy=False)
        held = self.columns.column("groups.edge_object", "<u4").astype(np.uint32, copy=False)
        if len(group) != len(held) or (len(group) and int(group.max()) >= len(self.group_kind)):
            raise self.columns.wrong("groups hold objects that are not there")
        if len(held) and int(held.max()) >= self.objects:
            raise self.columns.wrong("groups hold objects that are not there")
        return group, held

    @cached_property
    def tops(self) -> U32:
        """Nodes of the groups that are below no other."""
        return (np.flatnonzero(self.group_parent == np.uint32(NONE)) + self.objects).astype(np.uint32)

    @cached_property
    def idom(self) -> U32:
        """The immediate dominator of each node; the number of nodes where nothing but all roots together is
        above it, NONE for garbage."""
        idom = self.columns.column("dominators.idom", "<u4").astype(np.uint32, copy=False)
        if len(idom) != self.nodes or bool(((idom > self.nodes) & (idom != NONE)).any()):
            raise self.columns.wrong("dominators.idom does not fit the objects")
        if bool((idom[self.objects :] < self.objects).any()):
            raise self.columns.wrong("roots below an object")
        return idom

    @cached_property
    def live(self) -> npt.NDArray[np.bool_]:
        """Which objects are live."""
        live: npt.NDArray[np.bool_] = self.idom[: self.objects] != np.uint32(NONE)
        return live

    @cached_property
    def _heads(self) -> tuple[U32, U64, U32]:
        node = self.columns.column("dominators.heads", "<u4").astype(np.uint32, copy=False)
        size = self.columns.column("dominators.bytes", "<u8").astype(np.uint64, copy=False)
        count = self.columns.column("dominators.objects", "<u4").astype(np.uint32, copy=False)
        if not len(node) == len(size) == len(count) or (len(node) and int(node.max()) >= self.nodes):
            raise self.columns.wrong("columns of the dominators differ in length")
        if len(node) > 1 and not bool((node[1:] > node[:-1]).all()):
            raise self.columns.wrong("dominators out of order")
        whole = int(self.columns.elemsize @ self.columns.counts.astype(np.uint64))
        if len(node) and (int(size.max()) > whole or int(count.max()) > self.objects):
            raise self.columns.wrong("something that retains more than there is")
        return node, size, count

    @property
    def heads(self) -> tuple[U32, U64]:
        """The objects that dominate others, and all groups, with the bytes that each retains."""
        return self._heads[0], self._heads[1]

    def retained(self, nodes: I64) -> tuple[I64, I64]:
        """(bytes, objects) that each of these nodes retains; garbage retains what it is itself."""
        heads, size, count = self._heads
        inside = nodes < self.objects
        sizes = np.zeros(len(nodes), np.int64)
        sizes[inside] = self.columns.elemsize[self.columns.span_of(nodes[inside])].astype(np.int64)
        numbers = inside.astype(np.int64)
        at = np.minimum(np.searchsorted(heads, nodes), max(len(heads) - 1, 0))
        known = heads[at] == nodes if len(heads) else np.zeros(len(nodes), bool)
        sizes[known] = size[at[known]].astype(np.int64)
        numbers[known] = count[at[known]]
        return sizes, numbers

    def retained_of(self, node: int) -> tuple[int, int]:
        """(bytes, objects) that a node retains."""
        size, number = self.retained(np.array([node], np.int64))
        return int(size[0]), int(number[0])

    def children(self, node: int) -> I64:
        """Nodes whose immediate dominator a node is."""
        return np.flatnonzero(self.idom == np.uint32(node))

    @cached_property
    def below(self) -> npt.NDArray[np.int64]:
        """How many nodes each node dominates immediately."""
        return np.bincount(self.idom[self.idom < self.nodes], minlength=self.nodes)

    @cached_property
    def graph(self) -> tuple[Graph, I64, U32]:
        """The references by which objects and groups own objects, with its columns: as ``ownership`` leaves
        them."""
        group, held = self.held
        n, count = self.objects, len(self.group_kind)
        child = np.flatnonzero(self.group_parent != np.uint32(NONE))
        source = np.concatenate([group, self.group_parent[child]])
        order = np.argsort(source, kind="stable")
        more = np.concatenate([held, (child + n).astype(np.uint32)])[order]
        offset, room = self.columns.references_with_room(count, len(more) + 1)
        offset[n + 1 :] = offset[n] + np.cumsum(np.bincount(source, minlength=count))
        target = room[: offset[-1]]
        target[offset[n] :] = more
        weak = np.zeros(n + count, np.uint8)
        weak[self.weak] = 1
        weak[n:] = np.isin(self.group_kind, tuple(WEAK))
        strong = np.ones(n + count, np.uint8)
        strong[:n] = self.live
        loosely = self.columns.column("objects.weakly_held", "<u4").astype(np.uint32, copy=False)
        if len(loosely) and int(loosely.max()) >= n:
            raise self.columns.wrong("objects.weakly_held holds what is no object")
        strong[loosely] = 0
        try:
            graph = Graph(offset, target)
            graph.weaken(target, strong, weak)
        except ValueError as e:
            raise self.columns.wrong(f"the references do not fit the objects ({e})") from None
        return graph, offset, target

    @cached_property
    def weak(self) -> U32:
        """Objects that own only what nothing else does: sync.Pool's and the runtime's books."""
        column = self.columns.column("objects.weak", "<u4").astype(np.uint32, copy=False)
        if len(column) and int(column.max()) >= self.objects:
            raise self.columns.wrong("objects.weak holds what is no object")
        return column

    # ------------------------------------------------------------------ names

    @cached_property
    def _globals(self) -> tuple[U64, bytes, I64]:
        return (
            self.columns.column("globals.address", "<u8").astype(np.uint64, copy=False),
            self.columns.reader.read("globals.name_bytes"),
            self.columns.column("globals.name_offset", "<i8").astype(np.int64, copy=False),
        )

    def global_name(self, row: int) -> str:
        """The name of a package variable."""
        _, data, offset = self._globals
        if not 0 <= row < len(offset) - 1:
            return "(data without a name)"
        return data[int(offset[row]) : int(offset[row + 1]) - 1].decode("utf-8", "replace")

    def global_address(self, row: int) -> int:
        """Where a package variable is; 0 for none."""
        addresses = self._globals[0]
        return int(addresses[row]) if 0 <= row < len(addresses) else 0

    def package_name(self, ref: int) -> str:
        """The import path of a group of variables."""
        packages = self.goroutines.answers["packages"]
        return (packages[ref] if ref < len(packages) else "") or "(no package)"

    def group_name(self, group: int) -> str:
        """What a group is: "global main.sessions", "goroutine 71 [chan receive, 12 minutes]", …"""
        kind, ref = GroupKind(int(self.group_kind[group])), int(self.group_ref[group])
        if kind is GroupKind.GLOBAL:
            return f"global {self.global_name(ref if ref != NONE else -1)}"
        if kind is GroupKind.PACKAGE:
            return f"globals of {self.package_name(ref)}"
        if kind is GroupKind.GOROUTINE and ref < len(self.goroutines):
            return self.goroutines[ref].label
        if kind is GroupKind.PLACE and ref < len(self.goroutines.answers["places"]):
            return f"goroutines in {self.goroutines.where(self.goroutines.place(ref).trace)}"
        return _GROUP_NAMES.get(kind, "roots")

    def holders(self, node: int) -> list[str]:
        """The groups that hold an object directly."""
        group, held = self.held
        return [self.group_name(int(g)) for g in group[held == np.uint32(node)]]


_GROUP_NAMES = {
    GroupKind.GOROUTINES: "goroutines",
    GroupKind.LEAKED: "leaked goroutines",
    GroupKind.FINALIZERS: "finalizers",
    GroupKind.CLEANUPS: "cleanups",
    GroupKind.QUEUE: "the queue of finalizers and cleanups",
    GroupKind.WEAK_HANDLES: "weak pointers",
    GroupKind.GOROUTINE: "a goroutine",
    GroupKind.PLACE: "goroutines",
}
