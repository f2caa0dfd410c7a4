"""A snapshot put together object by object, for shapes of heaps that ``smallheap`` does not have.

Types, contents and names of the small heap are taken over; what dominates what is worked out by the graph
kernel, which has tests of its own.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import smallheap
from snapshotfile import meta, spans_table

from gosnap._kernels.graph import Graph
from gosnap.binary.names import Names
from gosnap.goruntime.roots import QueueKind, RootKind
from gosnap.heap.groups import NONE, WEAK, GroupKind
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.typenames import object_kind, object_name

Field = tuple[str, int, int]
BASE, STEP, DATA = 0xC000000000, 1 << 24, 0x600000
STACK = 0xC800000000


class Heap:
    """Objects get their addresses by size class, in the order in which they are made."""

    def __init__(self) -> None:
        self.types: list[tuple[str, int, int, int, int, int, int, list[Field]]] = [*smallheap._TYPES]
        self._spans: dict[tuple[int, bool], list[int]] = {}
        self._keys: dict[int, int] = {}
        self._edges: list[tuple[int, int, int]] = []
        self._words: dict[int, int] = {}
        self._globals: list[tuple[str, int, int]] = []
        self._data = DATA
        self._roots: list[tuple[int, RootKind, int, int, int, int, int]] = []
        self._locals: list[str] = []
        self._lines: list[list[str]] = []
        self._traces: list[list[int]] = []
        self._places: list[list[int]] = []
        self._goroutines: list[tuple[int, int]] = []
        self._queued = False

    # ------------------------------------------------------------------ what a heap is made of

    def type(self, name: str, kind: int, size: int, *, elem: int = 0, fields: tuple[Field, ...] = ()) -> int:
        """A row of the type table; kinds are those of reflect."""
        self.types.append((name, kind, size, elem, 0, 0, 0, list(fields)))
        return len(self.types) - 1

    def struct(self, name: str, size: int, *fields: Field) -> int:
        """A structure with (name, offset, row of its type)."""
        return self.type(name, 25, size, fields=fields)

    def pointer(self, row: int) -> int:
        """The pointer to a type."""
        return self.type("*" + self.types[row][0], 22, 8, elem=row)

    def slice(self, row: int) -> int:
        """The slice of a type."""
        return self.type("[]" + self.types[row][0], 23, 24, elem=row)

    def new(self, size: int, role: Role = Role.VALUE, row: int = 0) -> int:
        """An object; its address. Without a row it has no type."""
        if (size, False) not in self._spans:
            self._spans[size, False] = []
        span = self._spans[size, False]
        index = list(self._spans).index((size, False))
        span.append(BASE + index * STEP + len(span) * size)
        assert len(span) * size <= STEP
        self._keys[span[-1]] = smallheap.key(role, row) if row else 0
        return span[-1]

    def put(self, address: int, *words: int) -> None:
        """Plain words at an address."""
        self._words.update({address + 8 * i: w for i, w in enumerate(words)})

    def point(self, address: int, target: int, holder: int | None = None) -> None:
        """A pointer at an address in an object."""
        self.put(address, target)
        holder = self._holder(address) if holder is None else holder
        self._edges.append((holder, (address - holder) // 8, target))

    def variable(self, name: str, row: int, *targets: int) -> int:
        """A package variable whose words point at these objects (0: nothing); its address."""
        address = self._data
        self._globals.append((name, address, row))
        self._data += max(self.types[row][2], 8)
        row_of_it = len(self._globals) - 1
        for i, target in enumerate(targets):
            if target:
                self.put(address + 8 * i, target)
                self._roots.append((address + 8 * i, RootKind.GLOBAL, row_of_it, target, -1, 0, 0))
        return address

    def goroutine(self, number: int, *lines: str, reason: int = 1) -> int:
        """A goroutine that waits; the functions of its trace, the innermost first. Its row."""
        known = [line[0] for line in self._lines]
        for line in lines:
            if line not in known:
                self._lines.append([line, "/src/main.go", "10", ""])
                known.append(line)
        trace = [known.index(line) for line in lines]
        if trace not in self._traces:
            self._traces.append(trace)
        place = [self._traces.index(trace), 4, reason]
        if place not in self._places:
            self._places.append(place)
        self._goroutines.append((number, self._places.index(place)))
        return len(self._goroutines) - 1

    def slot(
        self, goroutine: int, offset: int, target: int, *, line: int, name: str = "", kind: int = 0
    ) -> int:
        """A word of a goroutine's stack that points at an object, in a frame of this line of its trace."""
        address = STACK + (goroutine << 16) + offset
        self.put(address, target)
        if name and name not in self._locals:
            self._locals.append(name)
        number = self._locals.index(name) + 1 if name else 0
        self._roots.append((address, RootKind.STACK, goroutine, target, line, number, kind))
        return address

    def queued(self, call: int, kind: QueueKind, *targets: int) -> None:
        """The objects of a call that waits in the queue of finalizers and cleanups."""
        self._queued = True
        self._roots += [(0, RootKind.QUEUE, call, t, -1, 0, kind) for t in targets]

    # ------------------------------------------------------------------ the file

    def _holder(self, address: int) -> int:
        for (size, _), span in self._spans.items():
            slot = (address - span[0]) // size if span else -1
            if 0 <= slot < len(span):
                return span[slot]
        raise ValueError(f"no object at {address:#x}")

    def sections(self) -> dict[str, Any]:
        """All sections by name."""
        objects = sorted(self._keys)
        number = {address: i for i, address in enumerate(objects)}
        groups, held = self._groups(number)
        spans = [(span[0], size, len(span)) for (size, _), span in self._spans.items()]
        bitmap = [(1 << min(n - 64 * i, 64)) - 1 for _, _, n in spans for i in range((n + 63) // 64)]
        edges = sorted((number[a], w, number[b]) for a, w, b in self._edges)
        degree = np.bincount([e[0] for e in edges], minlength=len(objects)).astype("<u4")
        step = [e[1] - (edges[i - 1][1] if i and edges[i - 1][0] == e[0] else 0) for i, e in enumerate(edges)]
        document = meta()
        parts: dict[str, Any] = {
            "meta": document,
            "answers.spans": spans_table(),
            "spans.base": np.array([s[0] for s in spans], "<u8"),
            "spans.elemsize": np.array([s[1] for s in spans], "<u8"),
            "spans.nelems": np.array([s[2] for s in spans], "<u8"),
            "spans.counts": np.array([s[2] for s in spans], "<u4"),
            "spans.headers": np.zeros(len(spans), "<u1"),
            "spans.spanclass": np.arange(len(spans), dtype="<u1") * np.uint8(2) + np.uint8(4),
            "objects.bitmap": np.array(bitmap, "<u8"),
            "objects.type": np.array([self._keys[a] for a in objects], "<u4"),
            "edges.degree": degree,
            "edges.target": np.array([e[2] for e in edges], "<u4"),
            "edges.step": np.array(step, "<u2"),
            "edges.far_edge": np.zeros(0, "<u8"),
            "edges.far_step": np.zeros(0, "<u8"),
            **self._type_table(),
            **self._names(),
            **self._goroutine_sections(),
        }
        self._own(parts, groups, held)
        live = np.array(parts["dominators.idom"][: len(objects)]) != NONE
        sizes = np.repeat(parts["spans.elemsize"], parts["spans.counts"])
        document["totals"] = {
            "objects": len(objects),
            "bytes": int(sizes.sum()),
            "untyped_bytes": 0,
            "reachable_objects": int(live.sum()),
            "reachable_bytes": int(sizes[live].sum()),
        }
        document["contents"] = 1
        parts["answers.types"] = self._answers(parts, live, sizes)
        return parts

    def write(self, path: Path) -> Path:
        """A file of it."""
        return smallheap.write(path, self.sections())

    def _groups(self, number: dict[int, int]) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
        rows: list[tuple[int, int, int]] = []
        held: list[tuple[int, int]] = []
        if self._globals:
            rows.append((GroupKind.PACKAGE, 0, NONE))
            rows += [(GroupKind.GLOBAL, i, 0) for i in range(len(self._globals))]
        first = len(rows)
        if self._goroutines:
            rows.append((GroupKind.GOROUTINES, NONE, NONE))
            rows += [(GroupKind.PLACE, i, first) for i in range(len(self._places))]
            own = len(rows)
            rows += [
                (GroupKind.GOROUTINE, i, first + 1 + place) for i, (_, place) in enumerate(self._goroutines)
            ]
        self._root_groups = []
        for _, kind, owner, target, *_ in self._roots:
            if kind == RootKind.QUEUE:
                group = len(rows)
            else:
                group = 1 + owner if kind == RootKind.GLOBAL else own + owner
            self._root_groups.append(group)
            held.append((group, number[target]))
        if self._queued:
            rows.append((GroupKind.QUEUE, NONE, NONE))
        return rows, sorted(set(held))

    def _own(
        self, parts: dict[str, Any], groups: list[tuple[int, int, int]], held: list[tuple[int, int]]
    ) -> None:
        n = len(parts["objects.type"])
        below = [(g[2], n + i) for i, g in enumerate(groups) if g[2] != NONE]
        pairs = sorted([*held, *below])
        count = np.bincount([p[0] for p in pairs], minlength=len(groups))
        offset = np.concatenate([[0], np.cumsum([*parts["edges.degree"], *count])]).astype(np.int64)
        target = np.array([*parts["edges.target"], *(p[1] for p in pairs)], np.uint32)
        graph = Graph(offset, target)
        strong, weak = np.zeros(n + len(groups), np.uint8), np.zeros(n + len(groups), np.uint8)
        weak[n:] = [g[0] in WEAK for g in groups]
        tops = np.array([n + i for i, g in enumerate(groups) if g[2] == NONE and g[0] not in WEAK], np.uint32)
        graph.reach(tops, strong)
        strong[n:] = 1
        parts["objects.weak"] = np.zeros(0, "<u4")
        graph.weaken(target, strong, weak)
        every = np.array([n + i for i, g in enumerate(groups) if g[2] == NONE], np.uint32)
        idom = np.empty(n + len(groups), np.uint32)
        found = graph.dominators(every, parts["spans.elemsize"], parts["spans.counts"], idom)
        heads = [np.zeros(n + len(groups), d) for d in ("u4", "u8", "u4")]
        used = found.heads(n, *heads)
        parts["objects.weakly_held"] = np.flatnonzero((idom[:n] != NONE) & (strong[:n] == 0)).astype("<u4")
        parts["dominators.idom"] = idom.astype("<u4")
        for name, column in zip(("heads", "bytes", "objects"), heads, strict=True):
            parts[f"dominators.{name}"] = column[:used]
        for name, i, dtype in (("kind", 0, "<u1"), ("ref", 1, "<u4"), ("parent", 2, "<u4")):
            parts[f"groups.{name}"] = np.array([g[i] for g in groups], dtype)
        parts["groups.edge_group"] = np.array([h[0] for h in held], "<u4")
        parts["groups.edge_object"] = np.array([h[1] for h in held], "<u4")
        number = {a: i for i, a in enumerate(sorted(self._keys))}
        roots = self._roots
        parts |= {
            "roots.address": np.array([r[0] for r in roots], "<u8"),
            "roots.kind": np.array([r[1] for r in roots], "<u1"),
            "roots.owner": np.array([r[2] if r[1] != RootKind.GLOBAL else 0 for r in roots], "<u4"),
            "roots.frame": np.zeros(len(roots), "<u4"),
            "roots.slot": np.array([r[6] for r in roots], "<u1"),
            "roots.object": np.array([number[r[3]] for r in roots], "<i8"),
            "roots.line": np.array([r[4] for r in roots], "<i4"),
            "roots.name": np.array([r[5] for r in roots], "<u4"),
            "roots.group": np.array(self._root_groups, "<u4"),
            "answers.locals": self._locals,
        }

    def _type_table(self) -> dict[str, Any]:
        known, smallheap._TYPES = smallheap._TYPES, self.types
        try:
            return smallheap._types()
        finally:
            smallheap._TYPES = known

    def _names(self) -> dict[str, Any]:
        parts = {n: v for n, v in smallheap._rest().items() if n.startswith("closures.")}
        parts["globals.address"] = np.array([g[1] for g in self._globals], "<u8")
        parts["globals.type"] = np.array([g[2] for g in self._globals], "<i4")
        names = Names.of([g[0] for g in self._globals])
        parts |= {f"globals.{name}": column for name, column in names.to_columns("name").items()}
        return parts | self._contents()

    def _contents(self) -> dict[str, Any]:
        """The words that were put, and zeros in the rest of each object and variable."""
        ranges = [(DATA, self._data)] if self._globals else []
        ranges += [(span[0], span[0] + len(span) * size) for (size, _), span in self._spans.items() if span]
        ranges += [(STACK + (i << 16), STACK + (i + 1 << 16)) for i in range(len(self._goroutines))]
        whole = {start: bytearray(end - start) for start, end in ranges}
        for address, value in self._words.items():
            start = max(s for s, _ in ranges if s <= address)
            struct.pack_into("<Q", whole[start], address - start, value)
        return {
            "contents.start": np.array([r[0] for r in ranges], "<u8"),
            "contents.end": np.array([r[1] for r in ranges], "<u8"),
            "contents.bytes": np.frombuffer(b"".join(whole[r[0]] for r in ranges), "<u1"),
        }

    def _goroutine_sections(self) -> dict[str, Any]:
        n = len(self._goroutines)
        return {
            "goroutines.id": np.array([g[0] for g in self._goroutines], "<u8"),
            "goroutines.since": np.zeros(n, "<u8"),
            "goroutines.stack_bytes": np.full(n, 2048, "<u8"),
            "goroutines.place": np.array([g[1] for g in self._goroutines], "<u4"),
            "goroutines.leaked": np.zeros(n, "<u1"),
            "goroutines.created": np.full(n, -1, "<i4"),
            "answers.goroutines": {
                "reasons": ["", "sleep"],
                "now": 0,
                "packages": ["main"],
                "places": self._places,
                "traces": self._traces,
                "lines": self._lines,
            },
        }

    def _answers(self, parts: dict[str, Any], live: Any, sizes: Any) -> dict[str, Any]:
        """The table of types, by objects."""
        rows = []
        span = np.repeat(parts["spans.spanclass"], parts["spans.counts"])
        keys = parts["objects.type"]
        for key, cls in sorted({(int(k), int(c)) for k, c in zip(keys, span, strict=True)}):
            of = (keys == key) & (span == cls)
            role, row = Role(key >> ROLE_SHIFT), key & ROW_MASK
            name = object_name(role, self.types[row][0], True) if key else "untyped"
            kind = object_kind(role, self.types[row][1]) if key else "untyped"
            counted = int(of.sum()), int(sizes[of].sum())
            alive = int((of & live).sum()), int(sizes[of & live].sum())
            rows.append((name, kind, "main", int(key != 0), cls, *counted, key, *alive))
        names = ("name", "kind", "package", "typed", "spanclass", "objects", "bytes", "key")
        columns = (*names, "live_objects", "live_bytes")
        return {name: [r[i] for r in rows] for i, name in enumerate(columns)}
