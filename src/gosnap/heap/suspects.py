"""The few places that hold most of the heap, each with what it is, what it holds, and how it grew.

A suspect is an accumulation point of the dominator tree: from a root that retains much one goes down as long
as one child has nearly all of it (Eclipse MAT: FindLeaksQuery, big_drop_ratio). Heaps have shapes that this
rule alone does not see: lists, of which every node has nearly all; goroutines, timers and finalizers, which
are many small ones.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap._kernels.tree import heaviest, mark_below, run, translate
from gosnap.heap.allocations import STACKS, allocations
from gosnap.heap.columns import Columns
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.labels import Labels
from gosnap.heap.linked import LIST, in_a_row
from gosnap.heap.patterns import Found, Known, classify
from gosnap.heap.prose import tell, told_growth
from gosnap.heap.roles import ROLE_SHIFT, UNTYPED, Role
from gosnap.heap.since import Before
from gosnap.heap.tree import Tree
from gosnap.heap.units import size as size_text
from gosnap.heap.views import Row, View
from gosnap.heap.whereabouts import Finder, Whereabouts

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

I64 = npt.NDArray[np.int64]
THRESHOLD_PERCENT = 10
"""Of the live heap, as MAT's leak report has it."""
LEAST_BYTES = 1 << 20
"""Below, nothing is worth a suspicion."""
_DROP = 0.7
"""A child with less of its parent's bytes than this is where things pile up (MAT's big_drop_ratio)."""
_PERIODS = (1, 2, 3)
_CROWD = 50
"""Goroutines in one place from which on they are a crowd."""
_DEEPEST = 4096
_MOST_NAMED = 200
_FEW_ROOTS = 4
"""That hold one list together."""
_BY_TYPE = ("goroutines", "timers", "shared")
"""Patterns of places that are below no root of their own."""


def suspects_view(
    snapshot: "Snapshot",
    *,
    since: "Snapshot | None" = None,
    top: int | None = 5,
    stacks: int | None = STACKS,
) -> View:
    """Rows: title, root, container, field, pattern ("" where no known one fits), retained_bytes,
    retained_objects, object (address to go on from, "" for goroutines), type, items, growth_bytes and
    growth_items (with ``since``), evidence (sentences), next (a command without the file: "paths 0xc000…"),
    and, where the program keeps a memory profile, alloc: the stacks that allocated what it holds, at most
    ``stacks`` of them (``Allocations.stacks``).
    The largest first; with an older snapshot ``since`` those that grew most. Totals: suspects, bytes,
    objects: of all that is live.

    No rows: nothing holds a tenth of the live heap (and a megabyte) in one place.
    """
    search = _Search(snapshot)
    suspects = search.suspects()
    rows = [_row(search, s) for s in suspects]
    by_row = {id(row): s for row, s in zip(rows, suspects, strict=True)}
    parts = _of_one_name(rows)
    rows = _joined(rows)
    told = [(row, [by_row[id(part)] for part in parts[row["root"], row["container"]]]) for row in rows]
    if since is not None:
        _growth(since, search, told)
        told.sort(key=lambda t: (-t[0]["growth_bytes"], -t[0]["retained_bytes"], t[0]["container"]))
        rows = [row for row, _ in told]
    known = snapshot.meta["totals"]
    totals = {
        "suspects": len(rows),
        "objects": known.get("reachable_objects", 0),
        "bytes": known.get("reachable_bytes", 0),
    }
    cut = rows[top:] if top is not None else []
    rows = rows[:top] if top is not None else rows
    left = {
        "rows": len(cut),
        "objects": sum(r["retained_objects"] for r in cut),
        "bytes": sum(r["retained_bytes"] for r in cut),
    }
    view = View("suspects", snapshot.meta["snapshot"], snapshot.meta["checks"], totals, rows, left)
    view.extra = {
        "threshold_bytes": search.threshold,
        "sampling": _add_stacks(search.tree, told[: len(rows)], stacks),
        "since": dict(since.meta["snapshot"]) if since is not None else {},
        "notes": [_another(snapshot, since)] if since is not None and _another(snapshot, since) else [],
    }
    return view


def _another(snapshot: "Snapshot", since: "Snapshot") -> str:
    """What is to be said of an older snapshot that is not of this process, or not older."""
    now, then = snapshot.meta["snapshot"], since.meta["snapshot"]
    if now["program"] != then["program"]:
        return f"the other snapshot is of another program, {then['program']}: places are compared by name"
    if now["pid"] != then["pid"]:
        return f"the other snapshot is of another process, pid {then['pid']}: places are compared by name"
    if now["taken_at"] < then["taken_at"]:
        return "the other snapshot is the newer one: what grew is told as shrunk"
    return ""


@dataclass
class Suspect:
    """A place before it is told of. ``node``: of the tree; ``chain``: how many nodes of a list it begins.
    ``crowd``: how many goroutines there are, with so many bytes of ``stacks``; ``leaked``: nothing can wake
    them; or how many objects of one type several roots hold each, with the largest as ``node``."""

    node: int
    retained: int
    objects: int
    pattern: str = ""
    chain: int = 0
    crowd: int = 0
    stacks: int = 0
    leaked: bool = False
    others: tuple[int, ...] = ()
    """Nodes that are of the same place."""
    shared: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    """All the objects of one type that several roots hold each."""
    where: Whereabouts | None = None
    found: Found = field(default_factory=Found)

    @property
    def tops(self) -> I64:
        """The nodes below which all is that the place holds."""
        return np.concatenate([[self.node, *self.others], self.shared]).astype(np.int64)


class _Search:
    """Finds the places."""

    def __init__(self, snapshot: "Snapshot") -> None:
        self.tree = Tree(Columns(snapshot.reader))
        self.labels = Labels(self.tree.columns)
        live = snapshot.meta["totals"].get("reachable_bytes", 0)
        if not 0 <= live < 1 << 60:
            raise self.tree.columns.wrong("totals that make no sense")
        self.live_bytes = live
        self.threshold = max(live * THRESHOLD_PERCENT // 100, LEAST_BYTES)
        self._closed: set[int] = set()

    @cached_property
    def finder(self) -> Finder:
        """Ways from the roots."""
        return Finder(self.tree, self.labels)

    @cached_property
    def _big(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
        """(nodes that retain enough to matter, what each retains, the heaviest child of every node among
        them)."""
        tree = self.tree
        heads, size = tree.heads
        enough = size >= np.uint64(self.threshold * _DROP / 2)
        columns = tree.columns
        # a large leaf dominates nothing else, so it is no head
        spans = np.flatnonzero(columns.elemsize >= np.uint64(self.threshold * _DROP / 2))
        leaves = np.concatenate(
            [
                np.zeros(0, np.int64),
                *(np.arange(columns.first[s], columns.first[s + 1]) for s in spans.tolist()),
            ]
        )
        leaves = leaves[tree.live[leaves]]
        leaves = leaves[~np.isin(leaves, heads)]
        node = np.concatenate([heads[enough], leaves.astype(np.uint32)])
        kept = np.concatenate([size[enough], columns.elemsize[columns.span_of(leaves)]])
        best = np.empty(tree.nodes, np.uint32)
        heaviest(tree.idom, node, np.ascontiguousarray(kept), best)
        return node, kept, best

    @cached_property
    def stack_bytes(self) -> int:
        """Of all goroutines."""
        return int(self.tree.goroutines.stack_bytes.sum())

    def _child(self, node: int) -> tuple[int, int]:
        """(the heaviest child, what it retains); (-1, 0) for none that matters."""
        nodes, kept, best = self._big
        place = int(best[node])
        if place == NONE:
            return -1, 0
        return int(nodes[place]), int(kept[place])

    def suspects(self) -> list[Suspect]:
        """All places, the largest first."""
        tree, n = self.tree, self.tree.objects
        nodes, kept, _ = self._big
        enough = kept >= np.uint64(self.threshold)
        out = self._crowds() + self.timers()
        taken = {s.node for s in out}
        out += self.shared()
        above = tree.idom[nodes]
        # tops: groups of one variable or goroutine, and objects that several roots hold together
        kind = np.full(len(nodes), 255, np.uint8)
        is_group = nodes >= n
        kind[is_group] = tree.group_kind[nodes[is_group] - n]
        owner = np.full(len(nodes), 255, np.uint8)
        under_group = (above >= n) & (above < tree.nodes)
        owner[under_group] = tree.group_kind[above[under_group] - n]
        single = np.isin(kind, (GroupKind.GLOBAL, GroupKind.GOROUTINE, GroupKind.QUEUE, GroupKind.FINALIZERS))
        shared = ~is_group & ((above == tree.nodes) | np.isin(owner, _SEVERAL))
        for place in np.flatnonzero(enough & (single | shared)).tolist():
            node = int(nodes[place])
            if self._above(node) & taken or (self._closed and self._is_processors(node)):
                continue
            out += self._down(node, int(kept[place]))
        unique = {s.node: s for s in sorted(out, key=lambda s: s.retained)}
        return sorted(unique.values(), key=lambda s: (-s.retained, s.node))

    def _is_processors(self, node: int) -> bool:
        """Whether a node is runtime.allp, through which timers are held: they are told of as such."""
        group = node - self.tree.objects
        return group >= 0 and self.tree.group_name(group) == "global runtime.allp"

    def _above(self, node: int) -> set[int]:
        """The groups above a group."""
        out, group = {node}, node - self.tree.objects
        while group >= 0 and int(self.tree.group_parent[group]) != NONE:
            group = int(self.tree.group_parent[group])
            out.add(group + self.tree.objects)
        return out

    def _down(self, node: int, kept: int) -> list[Suspect]:
        """The places below a node where it piles up."""
        out: list[Suspect] = []
        todo = [(node, kept)]
        seen: set[int] = set()
        while todo and len(out) < 64:
            v, size = todo.pop()
            if v in seen:  # dominators in a circle: no heap has them
                raise self.tree.columns.wrong("an object that is below itself")
            seen.add(v)
            for _ in range(_DEEPEST):
                chain = self._chain(v)
                child, share = self._child(v)
                if chain or share < _DROP * size or self._alike(v, child):
                    break
                v, size = child, share
            big = [] if chain or not self._may_split(v) else self._big_children(v)
            if len(big) > 1 and sum(s for _, s in big) >= _DROP * size:
                todo += big
                continue
            if v in self._closed:
                continue
            out.append(Suspect(v, size, self.tree.retained_of(v)[1], chain=chain))
        return out

    def _alike(self, node: int, child: int) -> bool:
        """Whether a child is of its parent's type: a tree's nodes pile up where the tree begins."""
        types, n = self.tree.columns.types, self.tree.objects
        return node < n and child < n and bool(types[node] == types[child]) and int(types[node]) != 0

    def _may_split(self, node: int) -> bool:
        """Whether children are places of their own: those of a structure, not the items of a container."""
        if node >= self.tree.objects:
            return True
        role = int(self.tree.columns.types[node]) >> ROLE_SHIFT
        big = self._big_children(node)
        return role in (Role.VALUE, Role.CLOSURE) and not any(self._alike(node, v) for v, _ in big)

    def _big_children(self, node: int) -> list[tuple[int, int]]:
        nodes, kept, _ = self._big
        chosen = np.flatnonzero(
            (self.tree.idom[nodes] == np.uint32(node)) & (kept >= np.uint64(self.threshold))
        )
        return [(int(nodes[i]), int(kept[i])) for i in chosen.tolist()]

    def _chain(self, node: int) -> int:
        """How many objects of a list, or of a chain of two or three types in turn, begin here; 0 for none."""
        if node >= self.tree.objects:
            return 0
        nodes, _, best = self._big
        types = self.tree.columns.types
        for period in _PERIODS:
            length, _ = run(best, nodes, types, node, period)
            if length >= LIST * period:
                return int(length) // period
        return 0

    def _crowds(self) -> list[Suspect]:
        """Places where goroutines stand together: what they retain, with their stacks."""
        tree, n = self.tree, self.tree.objects
        table = tree.goroutines
        out = []
        stacks: dict[int, int] = {}
        members: dict[int, int] = {}
        enough = max((self.live_bytes + self.stack_bytes) * THRESHOLD_PERCENT // 100, LEAST_BYTES)
        group = np.flatnonzero(tree.group_kind == GroupKind.GOROUTINE)
        for kind, rows in (
            (GroupKind.GOROUTINE, len(table)),
            (GroupKind.PLACE, len(table.answers["places"])),
        ):
            if bool((tree.group_ref[tree.group_kind == kind] >= rows).any()):
                raise tree.columns.wrong("the groups do not fit the goroutines")
        for g, ref in zip(tree.group_parent[group].tolist(), tree.group_ref[group].tolist(), strict=True):
            stacks[g] = stacks.get(g, 0) + int(table.stack_bytes[ref])
            members[g] = members.get(g, 0) + 1
        for place in np.flatnonzero(tree.group_kind == GroupKind.PLACE).tolist():
            size, objects = tree.retained_of(place + n)
            own = stacks.get(place, 0)
            if members.get(place, 0) >= _CROWD and size + own >= enough:
                parent = int(tree.group_parent[place])
                out.append(
                    Suspect(
                        place + n,
                        size + own,
                        objects,
                        "goroutines",
                        crowd=members[place],
                        stacks=own,
                        leaked=parent != NONE and int(tree.group_kind[parent]) == GroupKind.LEAKED,
                    )
                )
        return out

    def shared(self) -> list[Suspect]:
        """Objects of one type that several roots hold each, so that no root and no other object is above all
        of them: connections, say, that a table and their goroutines hold."""
        tree, columns, n = self.tree, self.tree.columns, self.tree.objects
        several = np.zeros(tree.nodes - n + 1, bool)
        several[:-1] = np.isin(tree.group_kind, (GroupKind.GOROUTINES, GroupKind.PACKAGE))
        several[-1] = True
        idom = tree.idom[:n]
        top = np.flatnonzero((idom >= n) & (idom != np.uint32(NONE)))
        top = top[several[idom[top] - np.uint32(n)]]
        if not len(top):
            return []
        keys, kinds = np.array(sorted({UNTYPED, *columns.type_table["key"]}), np.uint32), columns.types[top]
        which = np.empty(len(top), np.uint32)
        try:
            translate(kinds, keys, np.arange(len(keys), dtype=np.uint32), which)
        except ValueError:
            raise columns.wrong("objects of a type that is not in the table") from None
        count = np.bincount(which, minlength=len(keys))
        wanted = np.array([self._told_by_type(int(k)) for k in keys]) & (count >= _CROWD)
        chosen = wanted[which]
        top, which = top[chosen], which[chosen]
        kept, objects = tree.retained(top)
        size = np.bincount(which, weights=kept, minlength=len(keys)).astype(np.int64)
        out = []
        for i in np.flatnonzero(size >= self.threshold).tolist():
            mine = np.flatnonzero(which == i)
            largest = mine[np.argmax(kept[mine])]
            number = int(objects[mine].sum())
            pattern = "list" if in_a_row(columns, top[mine]) else "shared"
            suspect = Suspect(int(top[largest]), int(size[i]), number, pattern, crowd=int(count[i]))
            suspect.shared = top[mine]
            out.append(suspect)
        return out

    def _told_by_type(self, key: int) -> bool:
        """Whether objects of a type say by their type what they are."""
        name = self.tree.columns.key_name(key)
        return (
            key != UNTYPED
            and key >> ROLE_SHIFT == Role.VALUE
            and not name.startswith(("runtime.", "internal/", "sync."))
        )

    def timers(self) -> list[Suspect]:
        """The timers of all processors together: what only they hold."""
        tree, columns = self.tree, self.tree.columns
        names = {"[]runtime.timerWhen", "[]*runtime.timer"}
        weak = tree.weak.astype(np.int64)
        heaps = [int(v) for v in weak if tree.live[v] and columns.type_name(int(v)) in names]
        if not heaps:
            return []
        kept, objects = tree.retained(np.array(heaps, np.int64))
        size = int(kept.sum())
        if size < self.threshold:
            return []
        self._closed.update(heaps)
        largest = heaps[int(np.argmax(kept))]
        others = tuple(v for v in heaps if v != largest)
        return [Suspect(largest, size, int(objects.sum()), "timers", crowd=len(heaps), others=others)]


_SEVERAL = (
    *(GroupKind.PACKAGE, GroupKind.GOROUTINES, GroupKind.LEAKED, GroupKind.PLACE),
    *(GroupKind.CLEANUPS, GroupKind.WEAK_HANDLES),
)


def _row(search: _Search, s: Suspect) -> Row:
    tree, n = search.tree, search.tree.objects
    s.where = _where(search, s)
    s.found = classify(tree, search.labels, s.where, s.node, Known(s.pattern, s.chain, s.others, s.shared))
    told = tell(search, s)
    return {
        "title": told.title,
        "root": s.where.root,
        "container": s.where.container,
        "field": s.where.field,
        "pattern": s.found.pattern,
        "retained_bytes": s.retained,
        "retained_objects": s.objects,
        "object": f"{tree.columns.address(s.node):#x}" if s.node < n else "",
        "type": s.where.type,
        "items": s.crowd if s.found.pattern in ("goroutines", "shared") else s.found.items,
        "growth_bytes": 0,
        "growth_items": 0,
        "evidence": told.evidence,
        "next": told.next,
    }


def _where(search: _Search, s: Suspect) -> Whereabouts:
    tree, n = search.tree, search.tree.objects
    if s.pattern == "timers":
        return Whereabouts(
            "global runtime.allp", "runtime.p.timers", "runtime.p.timers", "time.Timer", (), (s.node,)
        )
    if s.node >= n and int(tree.group_kind[s.node - n]) == GroupKind.PLACE:
        place = tree.goroutines.place(int(tree.group_ref[s.node - n]))
        entry, where = tree.goroutines.entry(place.trace), tree.goroutines.where(place.trace)
        return Whereabouts(f"goroutine {entry}", where, "", "goroutine", (), ())
    if len(s.shared):
        name = tree.columns.type_name(s.node)
        several = Whereabouts("several roots", name, "", name, (), (s.node,))
        return _between(search, s, name) or several if s.pattern == "list" else several
    return search.finder.find(s.node)


def _between(search: _Search, s: Suspect, name: str) -> Whereabouts | None:
    """Where a list is that a few variables hold together: its first node and its last, say."""
    tree = search.tree
    group, held = tree.held
    mark = np.zeros(tree.objects, bool)
    mark[s.shared] = True
    holding = np.flatnonzero(mark[held])
    if not 0 < len(holding) <= _FEW_ROOTS:
        return None
    pairs = zip(group[holding].tolist(), held[holding].tolist(), strict=True)
    ends = [search.finder.held_by_root(g, node) for g, node in pairs]
    roots, containers = (list(dict.fromkeys(getattr(e, n) for e in ends)) for n in ("root", "container"))
    return Whereabouts(" and ".join(roots), " and ".join(containers), "", f"*{name}", (name,), (s.node,))


def _growth(since: "Snapshot", search: _Search, told: list[tuple[Row, list[Suspect]]]) -> None:
    """How much more each place holds than in an older snapshot."""
    before = Before(search, _Search(since), _named)
    when = since.meta["snapshot"]["taken_at"].partition(".")[0].replace("T", " ")
    for row, places in told:
        then = before.find(row, places)
        held = then.retained if then is not None else 0
        row["growth_bytes"] = row["retained_bytes"] - held
        if then is None or then.items is not None:
            row["growth_items"] = row["items"] - (then.items or 0 if then is not None else 0)
        above = before.root_held(places) if then is None and row["pattern"] not in _BY_TYPE else 0
        row["evidence"].insert(0, told_growth(row, when, held, above))


def _named(search: _Search) -> list[Row]:
    """The places that stand out, each name once."""
    return _joined([_row(search, s) for s in search.suspects()[:_MOST_NAMED]])


def _of_one_name(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """Places of one name, in the order in which they come."""
    out: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        out.setdefault((row["root"], row["container"]), []).append(row)
    return out


def _joined(rows: list[Row]) -> list[Row]:
    """Places of one name as one, as the largest of them is told: maps in an array, the halves of a pool."""
    out = []
    for first, *others in _of_one_name(rows).values():
        for key in ("retained_bytes", "retained_objects", "items"):
            first[key] += sum(row[key] for row in others)
        if others:
            whole = size_text(first["retained_bytes"])
            said = f"There are {1 + len(others)} such places, with {whole} in all; this is the largest."
            first["evidence"].insert(0, said)
        out.append(first)
    return sorted(out, key=lambda r: (-r["retained_bytes"], r["container"]))


def _add_stacks(tree: Tree, told: list[tuple[Row, list[Suspect]]], most: int | None) -> Row:
    """Give each row the stacks that allocated what its places hold; how objects were sampled."""
    known, sampling = allocations(tree.columns)
    if known is None:
        return sampling
    mark = np.zeros(tree.nodes, np.uint8)
    for row, places in told:
        tops = np.unique(np.concatenate([s.tops for s in places])).astype(np.uint32)
        mark_below(tree.idom, tops, mark)
        row["alloc"] = known.of(mark[known.objects] == 1, most)
    return sampling
