"""What a place held in an older snapshot of the program.

A place is found again by its way from the root: variables do not move, nor do objects of Go's heap, and what
was allocated anew since, as the array of a slice that grew, is where the old one was: at the same word of
what holds it. Only where that leads nowhere it is found by its name among the suspects of then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.labels import words_of
from gosnap.heap.patterns import Known, classify
from gosnap.heap.tree import Tree
from gosnap.heap.views import Row

if TYPE_CHECKING:
    from gosnap.heap.suspects import Suspect, _Search

_TRIES = 8
"""Objects of a way from which on the rest of it is looked for."""
_LEAST = 1 << 16
"""Bytes from which on a place is looked for by its name."""


@dataclass(frozen=True)
class Then:
    """What a place held. ``items``: None where they were not counted as they are now."""

    retained: int
    items: int | None


class Before:
    """Places in an older snapshot. ``named``: its suspects as rows, each name once."""

    def __init__(self, now: "_Search", older: "_Search", named: Callable[["_Search"], list[Row]]) -> None:
        self._now = now
        self._older = older
        self._named = named
        older.threshold = _LEAST

    def find(self, row: Row, places: Sequence["Suspect"]) -> Then | None:
        """What all the places of a row held then; None where none of them is found."""
        found = [then for then in (self._place(row, s) for s in places) if then is not None]
        if found:
            items = [then.items for then in found if then.items is not None]
            return Then(sum(t.retained for t in found), sum(items) if len(items) == len(found) else None)
        return self._by_name.get((row["root"], row["container"], row["pattern"]))

    def root_held(self, places: Sequence["Suspect"]) -> int:
        """What the roots of such places held in all."""
        sizes = [0]
        for s in places:
            groups = [v for v in self._now.finder.way(s.node)[0] if v >= self._now.tree.objects]
            group = self._group(groups[-1] - self._now.tree.objects) if groups else -1
            if group >= 0:
                sizes.append(self._older.tree.retained_of(group + self._older.tree.objects)[0])
        return max(sizes)

    @cached_property
    def _by_name(self) -> dict[tuple[str, str, str], Then]:
        return {
            (r["root"], r["container"], r["pattern"]): Then(r["retained_bytes"], r["items"])
            for r in self._named(self._older)
        }

    def _place(self, row: Row, s: "Suspect") -> Then | None:
        tree, older = self._now.tree, self._older
        if s.pattern == "goroutines":
            return self._crowd(s)
        if len(s.shared):
            name = tree.columns.type_name(s.node)
            same = [o for o in self._shared if older.tree.columns.type_name(o.node) == name]
            return Then(same[0].retained, same[0].crowd) if same else None
        if s.pattern == "timers":
            timers = older.timers()
            return self._counted(s, timers[0].node, timers[0].retained, timers[0].others) if timers else None
        if s.node >= tree.objects:
            group = self._group(s.node - tree.objects)
            node = group + older.tree.objects if group >= 0 else -1
        else:
            node = next((v for v in self._candidates(s.node) if self._is_at(v, row)), -1)
        return None if node < 0 else self._counted(s, node, older.tree.retained_of(node)[0])

    def _counted(self, s: "Suspect", node: int, retained: int, others: tuple[int, ...] = ()) -> Then:
        """A place of then, its items counted as they are now."""
        where = self._older.finder.find(node)
        known = Known(s.pattern, s.chain, others)
        found = classify(self._older.tree, self._older.labels, where, node, known)
        return Then(retained, found.items if found.shape == s.found.shape else None)

    def _is_at(self, node: int, row: Row) -> bool:
        where = self._older.finder.find(node)
        return (where.root, where.container) == (row["root"], row["container"])

    # ------------------------------------------------------------------ objects, by their way from the root

    def _candidates(self, node: int) -> Iterator[int]:
        """Objects of then that may be what an object of now is."""
        n = self._now.tree.objects
        way, edges = self._now.finder.way(node)
        first = next(i for i, v in enumerate(way) if v < n)
        tried = 0
        for i in range(len(way) - 1, first - 1, -1):
            then = self._same(way[i])
            if then >= 0:
                yield from self._follow(then, way[i:], edges[i:])
                tried += 1
            if tried == _TRIES:
                break
        if first:
            for then in self._held(way[first - 1] - n, way[first]):
                if self._alike(then, way[first]):
                    yield from self._follow(then, way[first:], edges[first:])

    def _follow(self, then: int, way: list[int], edges: list[int]) -> Iterator[int]:
        """What the words lead to, from an object of then, that lead on the rest of a way now."""
        for holder, inner, edge in zip(way, way[1:], edges[1:], strict=False):
            if edge < 0:
                return
            columns = self._now.tree.columns
            word = int(words_of(columns, holder)[edge - columns.edges_of(holder)[0]])
            then = self._at_word(then, word)
            if then < 0 or not self._alike(then, inner):
                return
        yield then

    def _at_word(self, holder: int, word: int) -> int:
        columns = self._older.tree.columns
        found = np.flatnonzero(words_of(columns, holder) == word)
        return int(columns.references[1][columns.edges_of(holder)[0] + int(found[0])]) if len(found) else -1

    def _same(self, node: int) -> int:
        """The object of the same address and type; -1 for none."""
        then = self._older.tree.columns.at(self._now.tree.columns.address(node))
        return then if then >= 0 and self._alike(then, node) else -1

    def _alike(self, then: int, node: int) -> bool:
        older = self._older.tree
        return bool(older.live[then]) and older.columns.type_name(then) == self._now.tree.columns.type_name(
            node
        )

    # ------------------------------------------------------------------ roots

    def _held(self, group: int, node: int) -> list[int]:
        """The objects that the words of a group held then that hold an object now."""
        then = self._group(group)
        if then < 0:
            return []
        mine = _roots(self._now.tree, group)
        columns, older = self._now.tree.columns, self._older.tree.columns
        objects = columns.root_column("object", "<i8")
        addresses = {int(columns.root_column("address", "<u8")[r]) for r in mine if int(objects[r]) == node}
        theirs = _roots(self._older.tree, then)
        found = {
            int(older.root_column("object", "<i8")[r])
            for r in theirs
            if int(older.root_column("address", "<u8")[r]) in addresses
        }
        return sorted(o for o in found if 0 <= o < older.objects)

    def _group(self, group: int) -> int:
        """The same root of then: a variable by its name, a goroutine by its number; -1 for none."""
        tree, older = self._now.tree, self._older.tree
        kind, ref = int(tree.group_kind[group]), int(tree.group_ref[group])
        for g in np.flatnonzero(older.group_kind == kind).tolist():
            then = int(older.group_ref[g])
            if kind == GroupKind.GLOBAL:
                same = (ref == NONE) == (then == NONE) and tree.group_name(group) == older.group_name(g)
            elif kind == GroupKind.GOROUTINE:
                mine, theirs = tree.goroutines, older.goroutines
                same = ref < len(mine) and then < len(theirs) and bool(mine.ids[ref] == theirs.ids[then])
            else:
                same = ref == then == NONE
            if same:
                return g
        return -1

    # ------------------------------------------------------------------ goroutines

    @cached_property
    def _shared(self) -> list["Suspect"]:
        return self._older.shared()

    def _crowd(self, s: "Suspect") -> Then | None:
        """Goroutines that stood in the same place; in the same functions, if the lines are others."""
        mine = _place_keys(self._now.tree).get(s.node - self._now.tree.objects)
        if mine is None:
            return None
        theirs = _place_keys(self._older.tree)
        for length in range(len(mine), 0, -1):
            same = {g for g, key in theirs.items() if key[:length] == mine[:length]}
            if same:
                return self._of_places(same)
        return None

    def _of_places(self, places: set[int]) -> Then:
        tree = self._older.tree
        retained = sum(tree.retained_of(g + tree.objects)[0] for g in places)
        members = np.flatnonzero(
            (tree.group_kind == GroupKind.GOROUTINE) & np.isin(tree.group_parent, list(places))
        )
        refs = tree.group_ref[members].astype(np.int64)
        refs = refs[refs < len(tree.goroutines)]
        return Then(retained + int(tree.goroutines.stack_bytes[refs].sum()), len(refs))


def _roots(tree: Tree, group: int) -> list[int]:
    found = np.flatnonzero(tree.columns.root_column("group", "<u4") == np.uint32(group))
    return [int(r) for r in found]


def _place_keys(tree: Tree) -> dict[int, tuple[object, ...]]:
    """Per group of goroutines in one place: (functions, what they wait for, lines, leaked or not)."""
    out: dict[int, tuple[object, ...]] = {}
    for g in np.flatnonzero(tree.group_kind == GroupKind.PLACE).tolist():
        ref, parent = int(tree.group_ref[g]), int(tree.group_parent[g])
        if ref >= len(tree.goroutines.answers["places"]):
            continue
        place = tree.goroutines.place(ref)
        frames = tree.goroutines.frames(place.trace)
        leaked = parent != NONE and int(tree.group_kind[parent]) == GroupKind.LEAKED
        functions, lines = (tuple(f[name] for f in frames) for name in ("function", "line"))
        out[g] = functions, place.label, lines, leaked
    return out
