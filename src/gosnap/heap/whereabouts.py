"""Where something piles up, as Go code would say it: ``main.server.clients``."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap._kernels.paths import shortest
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.labels import Labels, words_of
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.slots import slot_name
from gosnap.heap.tree import Tree
from gosnap.heap.typenames import is_standard

_LONGEST = 1 << 10
_MAP_PARTS = (Role.MAP_BUCKETS, Role.MAP_DIR, Role.MAP_TABLE)


@dataclass(frozen=True)
class Whereabouts:
    """``root``: "global main.server", "goroutine main.(*indexer).run". ``container``: the variable and fields
    that lead to the place. ``field``: the last of them with its type, "main.Server.clients". ``type``: of the
    variable that holds the place. ``through``: types of the objects on the way, the root's first. ``nodes``:
    the way
    itself."""

    root: str
    container: str
    field: str
    type: str
    through: tuple[str, ...]
    nodes: tuple[int, ...]


class Finder:
    """Finds shortest ways from the roots."""

    def __init__(self, tree: Tree, labels: Labels) -> None:
        self._tree = tree
        self._labels = labels

    @cached_property
    def _shortest(self) -> npt.NDArray[np.uint32]:
        """The node before each on a shortest way."""
        tree = self._tree
        graph, _, _ = tree.graph
        n = graph.nodes
        parent = np.empty(n, np.uint32)
        shortest(graph, tree.tops, np.zeros(n, np.uint8), parent, np.empty(n, np.uint32))
        return parent

    def way(self, node: int) -> tuple[list[int], list[int]]:
        """(nodes from a root to this one, the reference into each or -1); the first of a very long way are
        left out. Along the dominators, where each refers to the next, else a shortest one."""
        tree, n = self._tree, self._tree.objects
        nodes, edges = [node], []
        while nodes[-1] < n and len(nodes) < _LONGEST:
            above = int(tree.idom[nodes[-1]])
            edge = self._edge(above, nodes[-1])
            if edge is None:
                return self._shortest_way(node)
            nodes.append(above)
            edges.append(edge)
        return nodes[::-1], [-1, *edges[::-1]]

    def _edge(self, above: int, node: int) -> int | None:
        """The first reference from an object or group to an object; -1 from a group, None for none."""
        tree, n = self._tree, self._tree.objects
        if n <= above < tree.nodes:
            group, held = tree.held
            low, high = np.searchsorted(group, [above - n, above - n + 1])
            return -1 if bool((held[low:high] == node).any()) else None
        if above >= n:
            return None
        start, count = tree.columns.edges_of(above)
        found = np.flatnonzero(tree.columns.references[1][start : start + count] == np.uint32(node))
        return start + int(found[0]) if len(found) else None

    def _shortest_way(self, node: int) -> tuple[list[int], list[int]]:
        _, offset, target = self._tree.graph
        nodes, edges = [node], list[int]()
        while True:
            above = int(self._shortest[nodes[-1]])
            if above >= self._tree.nodes:
                return nodes[::-1], [-1, *edges[::-1]]
            start, stop = int(offset[above]), int(offset[above + 1])
            edges.append(start + int(np.argmax(target[start:stop] == np.uint32(nodes[-1]))))
            if len(nodes) == _LONGEST:
                return nodes[::-1], edges[::-1]
            nodes.append(above)

    def find(self, node: int) -> Whereabouts:
        """Where a node is."""
        tree, n = self._tree, self._tree.objects
        way, edges = self.way(node)
        groups = [v - n for v in way if v >= n]
        objects = [v for v in way if v < n]
        into = dict(zip(way, edges, strict=True))
        root, container, field, type_name = self._root(groups[-1] if groups else -1, objects[:1])
        first = tree.columns.type_name(objects[0]) if objects else ""
        if root.startswith("goroutine ") and len(objects) > 1 and _is_named(first) and not is_standard(first):
            # what only a stack knows is told by its type, not by the name that some frame has for it
            container = field = first
        for holder, inner in itertools.pairwise(objects):
            words = self._word(holder, into[inner])
            place = self._labels.place(holder, words)
            holder_type = tree.columns.type_name(holder)
            if place.kind == "part" or is_standard(holder_type):
                continue
            text = place.text
            if place.kind == "field":
                text = self._own_field(holder, words)
            if place.kind in ("element", "value", "item", "key"):
                inside = text[text.index("]") + 1 :] if "]" in text else ""
                text = f"[...]{inside}"
            elif place.kind == "capture":
                text = f".{text}" if text else ""
            elif place.kind == "word":
                text = ""
            if text:
                container += text
                field = f"{holder_type}{text}" if place.kind == "field" else field
            if place.row:
                type_name = self._labels.types.name[place.row]
        return Whereabouts(
            root=root,
            container=container,
            field=field,
            type=type_name,
            through=tuple(tree.columns.type_name(v) for v in objects),
            nodes=tuple(objects),
        )

    def held_by_root(self, group: int, node: int) -> Whereabouts:
        """Where an object is that a group holds itself."""
        root, container, field, type_name = self._root(group, [node])
        return Whereabouts(root, container, field, type_name, (self._tree.columns.type_name(node),), (node,))

    def _own_field(self, holder: int, word: int) -> str:
        key = int(self._tree.columns.types[holder])
        skipped = 8 if self._tree.columns.has_header(holder) else 0
        return self._own(key & ROW_MASK, word * 8 - skipped)[0]

    def _word(self, holder: int, edge: int) -> int:
        start, count = self._tree.columns.edges_of(holder)
        return int(words_of(self._tree.columns, holder)[edge - start]) if 0 <= edge - start < count else 0

    def _root(self, group: int, first: list[int]) -> tuple[str, str, str, str]:
        """(root, where its variable's path begins, field, type)."""
        tree = self._tree
        if group < 0:
            return "several roots", "", "", ""
        kind, ref = GroupKind(int(tree.group_kind[group])), int(tree.group_ref[group])
        if kind is GroupKind.GLOBAL and ref != NONE:
            return self._global(group, ref, first)
        if kind is GroupKind.GOROUTINE and ref < len(tree.goroutines):
            return self._goroutine(group, ref, first)
        if kind is GroupKind.QUEUE:
            return "finalizer queue", "runtime.allfin", "", "runtime.finalizer"
        name = tree.group_name(group)
        return name, name, "", ""

    def _global(self, group: int, ref: int, first: list[int]) -> tuple[str, str, str, str]:
        tree, columns = self._tree, self._tree.columns
        name = tree.global_name(ref)
        types = columns.column("globals.type", "<i4")
        text, type_name = "", columns.global_type(ref)[0]
        roots = np.flatnonzero(
            (columns.root_column("group", "<u4") == np.uint32(group))
            & (columns.root_column("object", "<i8") == (first[0] if first else -1))
        )
        known = 0 <= ref < len(types) and 0 <= int(types[ref]) < len(self._labels.types)
        if len(roots) and known and not is_standard(type_name):
            offset = int(columns.root_column("address", "<u8")[int(roots[0])]) - tree.global_address(ref)
            text, inner = self._own(int(types[ref]), offset)
            type_name = self._labels.types.name[inner]
        return f"global {name}", name + text, f"{name}{text}" if text else "", type_name

    def _own(self, row: int, offset: int) -> tuple[str, int]:
        """The fields down to the first of a type of the standard library."""
        types, text = self._labels.types, ""
        for _ in range(32):
            if is_standard(types.name[row]):
                break
            step = self._labels.step(row, offset)
            if step is None:
                break
            name, row, offset = step
            text += name
        return text, row

    def _goroutine(self, group: int, ref: int, first: list[int]) -> tuple[str, str, str, str]:
        tree, columns = self._tree, self._tree.columns
        g = tree.goroutines[ref]
        root = f"goroutine {tree.goroutines.entry(g.place.trace)}"
        roots = np.flatnonzero(
            (columns.root_column("group", "<u4") == np.uint32(group))
            & (columns.root_column("object", "<i8") == (first[0] if first else -1))
        )
        slots = [slot_name(columns, int(r)) for r in roots]
        frames = tree.goroutines.frames(g.place.trace)
        named = [s for s in slots if s.named and 0 <= s.frame < len(frames)]
        own = [s for s in named if not is_standard(frames[s.frame]["function"])]
        type_name = self._variable_type(first[0]) if first else ""
        if named:
            slot = min(own or named, key=lambda s: s.frame)
            return root, f"{plain(frames[slot.frame]['function'])}.{slot.name}", "", type_name
        if _is_named(type_name) and not is_standard(type_name):
            return root, type_name, "", type_name
        # without a name the function whose frame it is, and not one that was inlined into that
        holding = [s for s in slots if 0 <= s.frame < len(frames)]
        own = [s for s in holding if not is_standard(frames[s.frame]["function"])]
        if own:
            slot = min(own, key=lambda s: s.frame)
            return root, plain(frames[slot.frame]["function"]), "", type_name
        return root, plain(tree.goroutines.where(g.place.trace)), "", type_name

    def _variable_type(self, node: int) -> str:
        """The type of a variable on a stack that holds an object: of a map's part, the map's."""
        key = int(self._tree.columns.types[node])
        if key >> ROLE_SHIFT in _MAP_PARTS and key & ROW_MASK < len(self._labels.types):
            return self._labels.types.name[key & ROW_MASK]
        return self._tree.columns.type_name(node)


def _is_named(type_name: str) -> bool:
    """Whether it is the name of a type, and not how one is made."""
    return "." in type_name and not type_name.startswith(
        ("map[", "[", "*", "chan ", "func ", "untyped", "struct")
    )


def plain(function: str) -> str:
    """A function without the closure in it that is meant: "main.run.func1.2" is in main.run."""
    head, _, tail = function.rpartition("/")
    parts = tail.split(".")
    while len(parts) > 2 and (parts[-1].isdigit() or parts[-1].startswith(("func", "gowrap", "deferwrap"))):
        parts.pop()
    return (head + "/" if head else "") + ".".join(parts)
