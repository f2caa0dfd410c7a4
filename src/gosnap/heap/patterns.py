"""Known patterns of leaks, told by what a place is made of and what it holds."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.maptypes import map_parts
from gosnap.goruntime.roots import QueueKind, RootKind
from gosnap.heap.holding import Items, Mix, held_by, items_of, mix_of, objects_below
from gosnap.heap.labels import SLICE, STRING, Labels, words_of
from gosnap.heap.lengths import slice_length
from gosnap.heap.linked import in_a_row
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.stackmaps import entries_on_stack
from gosnap.heap.tree import Tree
from gosnap.heap.whereabouts import Whereabouts

I64 = npt.NDArray[np.int64]
_MAP_ROLES = (
    *(Role.MAP, Role.MAP_DIR, Role.MAP_TABLE, Role.MAP_BUCKETS, Role.MAP_OVERFLOW, Role.MAP_OVERFLOW_ARRAY),
)
_PARTS = _MAP_ROLES[1:]
_LEVELS = 16
_SAMPLE = 64
_MANY = 1000
"""Entries in all of several maps that together are one that grows."""
_MAPS_READ = 1 << 16
"""Of more maps nobody counts the entries: each is a read of the file."""
_PINNED_LEAST = 1024
"""Arrays smaller than this are not what a sub-slice is feared for."""


@dataclass
class Found:
    """``pattern``: its name, or "". ``items``: how many entries, elements, nodes or goroutines there are;
    ``items_type``: of what type. ``shape``: map, slice or channel, "nodes" for a tree of like objects, "" for
    none of them. ``capacity``: how many there is room for, where that is known. ``used_bytes``: of a sample
    of arrays (``sample_bytes``), what the slices and strings into them can see. ``entries``: of all maps, if
    it holds maps. ``waiting``: finalizers and cleanups in a queue, where the snapshot counts them."""

    pattern: str = ""
    items: int = 0
    items_type: str = ""
    capacity: int = 0
    shape: str = ""
    holds: list[Items] = field(default_factory=list)
    mix: list[Mix] = field(default_factory=list)
    used_bytes: int = 0
    sample_bytes: int = 0
    entries: int = 0
    waiting: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Known:
    """What the search knows already: a pattern, or "", how many nodes of a list begin here, further nodes of
    the same place, and all the objects that it is, where they are of one type."""

    pattern: str = ""
    chain: int = 0
    others: tuple[int, ...] = ()
    members: I64 = field(default_factory=lambda: np.zeros(0, np.int64))


def classify(tree: Tree, labels: Labels, where: Whereabouts, node: int, known: Known) -> Found:
    """What a place is."""
    found, given, chain = Found(pattern=known.pattern), known.pattern, known.chain
    n = tree.objects
    if given == "timers":
        nodes = (node, *known.others)
        found.holds = _sum_items([items_of(tree, v) for v in nodes])
        found.items = sum(i.count for i in found.holds)
        found.mix = _sum_mix([mix_of(tree, v) for v in nodes])
        return found
    found.mix = mix_of(tree, node, known.members)
    if len(known.members):
        found.items, found.items_type = len(known.members), tree.columns.type_name(node)
    if given in ("goroutines", "shared") or len(known.members):
        return found
    found.holds = items_of(tree, node)
    if found.holds:
        found.items, found.items_type = found.holds[0].count, found.holds[0].type
    if chain:
        name = tree.columns.type_name(node)
        found.items, found.items_type = next((m.count for m in found.mix if m.type == name), chain), name
        found.pattern = "list"
    found.entries = _entries(tree, labels, node, found)
    if node < n:
        _container(tree, labels, where, node, found)
    found.pattern = found.pattern or _by_way(where, found) or ("map" if found.entries >= _MANY else "")
    if not found.pattern and found.holds:
        _nodes(tree, node, found)
    special = _special(where, found)
    if special:
        found.pattern = special
        if special == "pool":
            # the rings and chains of the pool itself are not what it is about
            held = [m for m in found.mix if not m.type.startswith(("sync.", "[]sync.", "[]interface"))]
            found.holds = [Items(m.type, m.count, m.size, m.size) for m in held]
            found.items, found.shape = sum(m.count for m in held[:1]), ""
        elif special == "finalizers":
            found.waiting = _waiting(tree)
            found.items = sum(found.waiting) or found.items
    elif _pins(tree, labels, node, found) and found.pattern in ("map", "slice", "strings", "buffers", ""):
        found.pattern = "subslice"
    return found


def _nodes(tree: Tree, node: int, found: Found) -> None:
    """Objects of one type that hold each other: in a row, or as a tree of which this is the first."""
    types, name = tree.columns.types, found.holds[0].type
    held = held_by(tree, node)
    keys = [k for k in np.unique(types[held]).tolist() if k and tree.columns.key_name(k) == name]
    members = held[np.isin(types[held], keys)]
    own = node < tree.objects and int(types[node]) in keys
    if own:
        members = np.union1d(members, [node])
    total = next((m.count for m in found.mix if m.type == name), 0)
    if in_a_row(tree.columns, np.sort(members)):
        found.pattern, found.items, found.items_type = "list", len(members), name
    elif own and total > len(members):
        found.shape, found.items, found.items_type = "nodes", total, name


def _entries(tree: Tree, labels: Labels, node: int, found: Found) -> int:
    """How many entries there are in all the maps that a place holds, if maps are what it holds most of."""
    if not found.holds or not found.holds[0].type.startswith("map[") or found.holds[0].count > _MAPS_READ:
        return 0
    total = 0
    for v in held_by(tree, node).tolist():
        if _role(tree, v) is Role.MAP:
            # hmap.count and Map.used are the first word of either
            total += labels.contents.word(tree.columns.address(v)) or 0
    return total


def _sum_items(parts: list[list[Items]]) -> list[Items]:
    sums: dict[str, Items] = {}
    for i in (item for part in parts for item in part):
        had = sums.get(i.type, Items(i.type, 0, 0, 0))
        sums[i.type] = Items(i.type, had.count + i.count, had.size + i.size, had.retained + i.retained)
    return sorted(sums.values(), key=lambda i: (-i.retained, i.type))


def _sum_mix(parts: list[list[Mix]]) -> list[Mix]:
    sums: dict[str, Mix] = {}
    for m in (item for part in parts for item in part):
        had = sums.get(m.type, Mix(m.type, 0, 0))
        sums[m.type] = Mix(m.type, had.count + m.count, had.size + m.size)
    return sorted(sums.values(), key=lambda m: (-m.size, m.type))


def _role(tree: Tree, node: int) -> Role:
    return Role(int(tree.columns.types[node]) >> ROLE_SHIFT)


def _row(tree: Tree, labels: Labels, node: int) -> int:
    """The row of an object's type in the type table; 0 where it has none."""
    row = int(tree.columns.types[node]) & ROW_MASK
    return row if row < len(labels.types) else 0


def _container(tree: Tree, labels: Labels, where: Whereabouts, node: int, found: Found) -> None:
    """Maps, slices and channels: their length and room."""
    role = _role(tree, node)
    if role in _MAP_ROLES:
        _map(tree, labels, where, node, found)
    elif role in (Role.CHAN, Role.CHAN_BUF):
        _channel(tree, labels, where, node, found)
    elif found.pattern == "list":
        return
    elif role is Role.ARRAY:
        _slice(tree, labels, where, labels.types.name[_row(tree, labels, node)], found)
    elif role is Role.STRING:
        found.pattern, found.items, found.items_type = "strings", 1, "string"


def _map(tree: Tree, labels: Labels, where: Whereabouts, node: int, found: Found) -> None:
    columns = tree.columns
    header = next((v for v in reversed(where.nodes) if _role(tree, v) is Role.MAP), -1)
    found.pattern = found.shape = "map"
    if header >= 0:
        # hmap.count and Map.used are the first word of either
        used = labels.contents.word(columns.address(header))
    else:
        # on a stack; what it leads to is the first object
        header = where.nodes[0] if where.nodes else node
        used = entries_on_stack(tree, labels, header) if _role(tree, header) in _PARTS else None
    row = _row(tree, labels, header)
    part = map_parts(labels.types, row).buckets
    size = int(labels.types.size[part]) if part else 0
    storage = _storage(tree, header)
    if used is None or not size:
        return
    capacity = storage // size * 8
    if used > capacity:  # where a header was on a stack
        return
    found.items, found.items_type, found.capacity = used, labels.types.name[row], capacity
    kept = tree.retained_of(node)[0]
    if found.capacity >= 4 * used and storage * 2 >= kept:
        found.pattern = "emptied-map"


def _storage(tree: Tree, header: int) -> int:
    """Bytes of a map's own buckets or groups: what its header, or its directory, leads to without leaving its
    insides."""
    own = _role(tree, header) in (Role.MAP_BUCKETS, Role.MAP_OVERFLOW)
    size = tree.columns.size(header) if own else 0
    frontier = np.array([header], np.int64)
    for _ in range(_LEVELS):
        mark = np.zeros(tree.nodes + 1, bool)
        mark[frontier] = True
        below = np.flatnonzero(mark[np.minimum(tree.idom[: tree.objects], tree.nodes)])
        roles = tree.columns.types[below] >> np.uint32(ROLE_SHIFT)
        frontier = below[np.isin(roles, _PARTS)]
        counted = below[np.isin(roles, (Role.MAP_BUCKETS, Role.MAP_OVERFLOW))]
        size += int(tree.columns.elemsize[tree.columns.span_of(counted)].sum())
        if not len(frontier):
            break
    return size


def _channel(tree: Tree, labels: Labels, where: Whereabouts, node: int, found: Found) -> None:
    """A channel fills up if what is in it, and not the room for more, is most of what it keeps."""
    found.pattern = found.shape = "channel"
    for v in reversed(where.nodes):
        if _role(tree, v) is Role.CHAN:
            address = tree.columns.address(v)
            # hchan: qcount, dataqsiz (runtime/chan.go)
            count, room = labels.contents.word(address), labels.contents.word(address + 8)
            found.items, found.capacity = count or 0, room or 0
            if count is not None and room and count <= room:
                storage = max(_chan_buffers(tree, v), default=0)
                if 2 * storage * (room - count) > room * tree.retained_of(node)[0]:
                    found.pattern = ""
            return


def _chan_buffers(tree: Tree, channel: int) -> list[int]:
    """Bytes of the buffer of a channel, where that is an object of its own."""
    start, count = tree.columns.edges_of(channel)
    held = tree.columns.references[1][start : start + count].tolist()
    return [tree.columns.size(v) for v in held if _role(tree, v) is Role.CHAN_BUF]


def _slice(tree: Tree, labels: Labels, where: Whereabouts, elem: str, found: Found) -> None:
    found.pattern = found.shape = "slice"
    length = slice_length(tree, labels, where.nodes)
    if length is not None:
        found.items, found.capacity = length
        found.items_type = elem
    if elem in ("[]uint8", "uint8"):
        found.pattern = "buffers"
    elif elem == "string":
        found.pattern = "strings"
    if any("strings.Builder" in t for t in where.through) or _held_by(tree, labels, where, "strings.Builder"):
        found.pattern = "strings"


def _held_by(tree: Tree, labels: Labels, where: Whereabouts, name: str) -> bool:
    """Whether the last object of the way is held by a field inside of a structure of this type."""
    if len(where.nodes) < 2:
        return False
    holder, inner = where.nodes[-2:]
    start, count = tree.columns.edges_of(holder)
    words = words_of(tree.columns, holder)
    target = tree.columns.references[1]
    if _role(tree, holder) is not Role.VALUE:
        return False
    row = _row(tree, labels, holder)
    skipped = 8 if tree.columns.has_header(holder) else 0
    for i in range(count):
        if int(target[start + i]) == inner:
            at: tuple[str, int, int] | None = ("", row, int(words[i]) * 8 - skipped)
            while at is not None:
                if labels.types.name[at[1]] == name:
                    return True
                at = labels.step(at[1], at[2])
    return False


def _by_way(where: Whereabouts, found: Found) -> str:
    """The pattern of a place that is none itself, by what it is in."""
    if where.type.startswith("sync.Map") or any(
        t.startswith("internal/sync.HashTrieMap") for t in where.through
    ):
        return "map"
    if where.type in ("sync.Map", "*sync.Map") or "sync.Map" in where.through:
        return "map"
    if "container/list.List" in where.through or where.type.endswith("container/list.List"):
        return "list"
    if any(i.type == "container/list.Element" for i in found.holds[:1]):
        return "list"
    if found.mix and found.mix[0].type == "string" and where.type in ("string", "strings.Builder"):
        return "strings"
    if where.type in ("bytes.Buffer", "*bytes.Buffer"):
        return "buffers"
    if where.type in ("string",):
        return "strings"
    return ""


def _special(where: Whereabouts, found: Found) -> str:
    """What decides over the shape of the container."""
    if where.root == "finalizer queue":
        return "finalizers"
    if any("sync.poolLocal" in t or t == "sync.Pool" for t in where.through) or where.type.endswith(
        "sync.Pool"
    ):
        return "pool"
    names = [i.type for i in found.holds[:2]] + list(where.through[-2:])
    if any(t.startswith("context.") for t in names):
        return "context"
    if any(t.startswith(("net/http.Request", "net/http.Response", "net/http.body")) for t in names):
        return "http"
    return ""


def _waiting(tree: Tree) -> tuple[int, int]:
    """(finalizers, cleanups) that wait to be run; (0, 0) where a snapshot does not number them."""
    columns = tree.columns
    queued = columns.root_column("kind", "|u1") == RootKind.QUEUE
    number, kind = (columns.root_column(name, t)[queued] for name, t in (("owner", "<u4"), ("slot", "|u1")))
    first, second = (len(np.unique(number[(kind == k) & (number > 0)])) for k in QueueKind)
    return first, second


def _pins(tree: Tree, labels: Labels, node: int, found: Found) -> bool:
    """Whether slices and strings see only a small part of the arrays that they keep, by a sample of the large
    ones."""
    columns = tree.columns
    objects = objects_below(tree, node)
    roles = columns.types[objects] >> ROLE_SHIFT
    sizes = columns.elemsize[columns.span_of(objects)].astype(np.int64)
    large = np.isin(roles, (Role.ARRAY, Role.STRING)) & (sizes >= _PINNED_LEAST)
    if int(sizes[large].sum()) * 2 < int(sizes.sum()):
        return False
    chosen = objects[large]
    sample = chosen[:: max(len(chosen) // _SAMPLE, 1)][:_SAMPLE]
    used = size = 0
    target = columns.references[1]
    marked = np.zeros(columns.objects, bool)
    marked[sample] = True
    edges = np.flatnonzero(marked[target])
    holders = np.searchsorted(columns.edge_start, edges, side="right").astype(np.int64) - 1
    seen: dict[int, int] = {}
    for edge, holder in zip(edges.tolist()[: 8 * _SAMPLE], holders.tolist(), strict=False):
        start, _ = columns.edges_of(holder)
        place = labels.place(holder, int(words_of(columns, holder)[edge - start]))
        visible = _visible(labels, columns.address(holder) + place.at, place.row)
        if visible is None:
            continue
        inner = int(target[edge])
        seen[inner] = seen.get(inner, 0) + visible
    for inner, visible in seen.items():
        whole = columns.size(inner)
        used += min(visible, whole)
        size += whole
    found.used_bytes, found.sample_bytes = used, size
    return bool(seen) and used * 4 <= size


def _visible(labels: Labels, address: int, row: int) -> int | None:
    """Bytes that a slice or string variable can reach; None for other variables."""
    kind = int(labels.types.kind[row]) if row else 0
    if kind == STRING:
        return labels.contents.word(address + 8)
    if kind == SLICE:
        cap = labels.contents.word(address + 16)
        length = labels.contents.word(address + 8)
        size = int(labels.types.size[int(labels.types.elem[row])])
        return None if cap is None or length is None else length * max(size, 1)
    return None
