"""From bytes to values, a column at a time: all the strings of a slice of structs are read in one go.

A column is many values of one type: their bytes, where they lie, and which pointers led there. Garbage is
normal: a pointer to nowhere, a length beyond all memory or a structure that contains itself becomes a mark.
"""

import contextlib
from collections.abc import Callable

import numpy as np

from gosnap.errors import ReadError
from gosnap.values import chans, dynamic, maps, runs, special
from gosnap.values.columns import Chain, Column
from gosnap.values.memory import U8, U64
from gosnap.values.model import CHANGED, CUT, CYCLE, UNREADABLE, Limits, Node, Plain, Value
from gosnap.values.subject import Shape, Subject

_INTS = {
    "int": "<i8",
    "int8": "<i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "uint": "<u8",
    "uint8": "<u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "uint64": "<u8",
    "uintptr": "<u8",
}
_NUMBERS = {**_INTS, "float64": "<f8", "complex64": "<c8", "complex128": "<c16"}
_MOST_ELEMENTS = 1 << 24
"""Elements of one array or slice that are decoded; more are cut even where all are asked for."""
_DEEPEST = 100
_SORTED = 10_000
"""Entries of a map that are put into an order that a person can follow."""


class Decoder:
    """Decodes values of one target within limits."""

    def __init__(self, subject: Subject, limits: Limits) -> None:
        self.subject = subject
        self.memory = subject.memory
        self.limits = limits
        self.left = limits.nodes
        self._layouts: dict[int, maps.MapLayout | None] = {}
        self._presenters: dict[int, special.Presenter | None] = {}
        self._kinds: dict[str, Callable[[Column, int], list[Value]]] = {
            "bool": self._bools,
            "float32": self._float32,
            **dict.fromkeys(_NUMBERS, self._numbers),
            "string": lambda column, depth: runs.strings(self, column, depth),
            "struct": self._structs,
            "array": self._arrays,
            "slice": lambda column, depth: runs.slices(self, column, depth),
            "ptr": self._pointers,
            "map": self._maps,
            "chan": self._chans,
            "func": self._funcs,
            "interface": self._interfaces,
            "unsafe.Pointer": self._words,
        }

    def at(self, row: int, address: int) -> Value:
        """The value of a type at an address."""
        shape = self.subject.shape(row)
        raw, ok = self.memory.gather(np.array([address], np.uint64), shape.size)
        if not ok[0]:
            return self.unreadable(shape, address)
        return self.of_bytes(row, raw, address)

    def of_bytes(self, row: int, raw: U8, address: int = 0) -> Value:
        """The value that bytes (1 x size) are."""
        return self.of_shape(self.subject.shape(row), raw, address)

    def of_shape(self, shape: Shape, raw: U8, address: int = 0) -> Value:
        """The same of a type that the table may not have."""
        column = Column(shape, raw, np.array([address], np.uint64), [None])
        return self.column(column, self.limits.depth)[0]

    def unreadable(self, shape: Shape, address: int) -> Node:
        """A value that is not there."""
        return Node(shape.kind, shape.name, shape.row, address, marks=(UNREADABLE,))

    def column(self, column: Column, depth: int) -> list[Value]:
        """The values of a column; ``depth``: levels of parts that may follow."""
        if not len(column):
            return []
        self.left -= len(column)
        decode = self._kinds.get(column.shape.kind, self.unknown)
        found = decode(column, min(depth, _DEEPEST))
        if not self.limits.raw:
            found = self._present(column, found, depth)
        return found

    def _present(self, column: Column, found: list[Value], depth: int) -> list[Value]:
        """Say what a person would want to know of the types of the standard library."""
        row = column.shape.row
        if row not in self._presenters:
            self._presenters[row] = special.presenter(column.shape)
        present = self._presenters[row]
        if present is None:
            return found
        for i, value in enumerate(found):
            node = value if isinstance(value, Node) else self.node(column, i, value)
            # what cannot be said of it is shown as it is
            with contextlib.suppress(ReadError):
                present(special.Work(self, node, row, column.raw[i].tobytes(), column.chains[i], depth))
            found[i] = node
        return found

    def node(self, column: Column, i: int, value: Plain | None = None) -> Node:
        s = column.shape
        return Node(s.kind, s.name, s.row, int(column.addrs[i]), value)

    def _nodes(self, column: Column) -> list[Node]:
        s = column.shape
        return [Node(s.kind, s.name, s.row, a) for a in column.addrs.tolist()]

    def stop(self, depth: int) -> bool:
        """Whether parts are not to be gone into any more."""
        return depth <= 0 or self.left <= 0

    # ---- what has no parts ----

    def unknown(self, column: Column, depth: int) -> list[Value]:
        out: list[Value] = []
        for i, node in enumerate(self._nodes(column)):
            node.value = column.raw[i].tobytes()
            out.append(node)
        return out

    def _bools(self, column: Column, depth: int) -> list[Value]:
        if column.shape.size != 1:
            return self.unknown(column, depth)
        return [b != 0 for b in column.raw[:, 0].tolist()]

    def _numbers(self, column: Column, depth: int) -> list[Value]:
        dtype = np.dtype(_NUMBERS[column.shape.kind])
        if column.shape.size != dtype.itemsize:
            return self.unknown(column, depth)
        out: list[Value] = np.ascontiguousarray(column.raw).view(dtype).ravel().tolist()
        if column.shape.kind == "complex64":
            # as float32 below
            return [complex(_shortest(z.real), _shortest(z.imag)) for z in out if isinstance(z, complex)]
        return out

    def _float32(self, column: Column, depth: int) -> list[Value]:
        if column.shape.size != 4:
            return self.unknown(column, depth)
        return [float(str(x)) for x in np.ascontiguousarray(column.raw).view("<f4").ravel()]

    def _words(self, column: Column, depth: int) -> list[Value]:
        out: list[Value] = []
        for i, word in enumerate(column.words().tolist()):
            node = self.node(column, i)
            node.word = word
            out.append(node)
        return out

    # ---- what has parts ----

    def _structs(self, column: Column, depth: int) -> list[Value]:
        nodes = self._nodes(column)
        fields = column.shape.fields
        if self.stop(depth) and fields:
            for node in nodes:
                node.mark(CUT)
                node.left = len(fields)
            return list(nodes)
        columns = [self.field(column, m.offset, m.row, depth - 1) for m in fields]
        names, rows = tuple(m.name for m in fields), tuple(m.row for m in fields)
        if columns:
            for node, *values in zip(nodes, *columns, strict=True):
                node.items = values
        for node in nodes:
            node.names, node.rows = names, rows
        return list(nodes)

    def field(self, column: Column, offset: int, row: int, depth: int) -> list[Value]:
        """One field of all values of a column."""
        shape = self.subject.shape(row)
        raw = column.raw[:, offset : offset + shape.size]
        if raw.shape[1] != shape.size:
            # a type that does not fit the one that it is in
            return [self.unreadable(shape, a + offset) for a in column.addrs.tolist()]
        addrs = np.where(column.addrs != 0, column.addrs + np.uint64(offset), np.uint64(0))
        return self.column(Column(shape, raw, addrs, column.chains, column.bound), depth)

    def take(self, length: int, among: int = 1) -> int:
        """How many of so many elements are decoded; ``among``: of each of how many values."""
        take = length if self.limits.items is None else min(length, self.limits.items)
        return min(take, _MOST_ELEMENTS, max(self.left // max(among, 1), 1))

    def _arrays(self, column: Column, depth: int) -> list[Value]:
        elem = self.subject.shape(column.shape.elem)
        nodes = self._nodes(column)
        length = column.shape.length
        for node in nodes:
            node.length = length
        if elem.kind == "uint8" and column.shape.size == length:
            for i, node in enumerate(nodes):
                self.octets(node, column.raw[i, : self.take_bytes(length)].tobytes(), length)
            return list(nodes)
        take = self.take(length, len(column))
        if elem.size * length != column.shape.size or self.stop(depth):
            take = 0
        n = len(column)
        raw = np.ascontiguousarray(column.raw[:, : take * elem.size]).reshape(n * take, elem.size)
        step = (np.arange(take) * elem.size).astype(np.uint64)
        addrs = np.where(column.addrs[:, None] != 0, column.addrs[:, None] + step, np.uint64(0)).ravel()
        chains = [c for c in column.chains for _ in range(take)]
        values = self.column(Column(elem, raw, addrs, chains, column.bound), depth - 1)
        for i, node in enumerate(nodes):
            node.items = values[i * take : (i + 1) * take]
            self.left_out(node, length - take)
        return list(nodes)

    def take_bytes(self, length: int) -> int:
        return length if self.limits.string is None else min(length, self.limits.string)

    def octets(self, node: Node, raw: bytes, length: int) -> None:
        if self.limits.redact:
            node.mark("redacted")
            return
        node.value = raw
        self.left_out(node, length - len(raw))

    def left_out(self, node: Node, n: int) -> None:
        node.left = n
        if n > 0:
            node.mark(CUT)

    # ---- what leads on ----

    def _pointers(self, column: Column, depth: int) -> list[Value]:
        if column.shape.size != 8:
            return self.unknown(column, depth)
        nodes = self._nodes(column)
        words = column.words().tolist()
        elem = self.subject.shape(column.shape.elem)
        follow: list[int] = []
        for i, (node, word) in enumerate(zip(nodes, words, strict=True)):
            node.word = word
            if not word or not column.shape.elem:
                continue
            if _within(column.chains[i], elem.row, word):
                node.mark(CYCLE)
            elif self.stop(depth):
                node.mark(CUT)
            else:
                follow.append(i)
        targets = np.array([words[i] for i in follow], np.uint64)
        chains: list[Chain] = [(elem.row, words[i], column.chains[i]) for i in follow]
        for i, value in zip(follow, self._behind(elem, targets, chains, depth), strict=True):
            nodes[i].target = value
        return list(nodes)

    def _behind(self, elem: Shape, targets: U64, chains: list[Chain], depth: int) -> list[Value]:
        """Values of one type at addresses; those that are not there as nodes that say so."""
        raw, ok = self.memory.gather(targets, elem.size)
        out: list[Value] = [self.unreadable(elem, a) for a in targets.tolist()]
        rows = np.flatnonzero(ok)
        some = Column(elem, raw[rows], targets[rows], [chains[i] for i in rows.tolist()])
        for i, value in zip(rows.tolist(), self.column(some, depth), strict=True):
            out[i] = value
        return out

    def many(self, row: int, addrs: U64, chain: Chain, depth: int) -> list[Value]:
        """Values of one type at many addresses."""
        return self._behind(self.subject.shape(row), addrs, [chain] * len(addrs), depth)

    def values(self, row: int, raw: U8, address: int, chain: Chain, depth: int) -> list[Value]:
        """The only value of a column."""
        column = Column(self.subject.shape(row), raw, np.array([address], np.uint64), [chain])
        return self.column(column, depth)

    def behind(self, row: int, address: int, chain: Chain, depth: int) -> Value:
        """One value behind an address."""
        return self._behind(self.subject.shape(row), np.array([address], np.uint64), [chain], depth)[0]

    def _interfaces(self, column: Column, depth: int) -> list[Value]:
        if column.shape.size != 16:
            return self.unknown(column, depth)
        nodes = self._nodes(column)
        found = dynamic.resolve(self.subject, column.shape, column.words(0), column.words(8))
        groups: dict[tuple[int, bool], list[int]] = {}
        for i, (node, d) in enumerate(zip(nodes, found, strict=True)):
            if self.limits.internals:
                node.internals = dynamic.internals(column.shape, d)
            if d is None:
                continue
            node.word = d.rtype
            if d.row == 0:
                node.target = Node(d.kind, d.name, word=d.data)
                node.mark(UNREADABLE)
            elif _within(column.chains[i], d.row, d.data) and not d.direct:
                node.target = Node(self.subject.shape(d.row).kind, d.name, d.row, d.data, marks=(CYCLE,))
            else:
                groups.setdefault((d.row, d.direct), []).append(i)
        for (row, direct), rows in groups.items():
            shape = self.subject.shape(row)
            data = column.words(8)[rows]
            if direct:
                addrs = np.where(column.addrs[rows] != 0, column.addrs[rows] + np.uint64(8), np.uint64(0))
                raw = np.ascontiguousarray(column.raw[rows, 8 : 8 + min(shape.size, 8)])
                chains = [column.chains[i] for i in rows]
                if raw.shape[1] != shape.size:
                    values: list[Value] = [self.unreadable(shape, a) for a in addrs.tolist()]
                else:
                    values = self.column(Column(shape, raw, addrs, chains, column.bound), depth)
            else:
                chains = [(row, int(a), column.chains[i]) for a, i in zip(data.tolist(), rows, strict=True)]
                values = self._behind(shape, data, chains, depth)
            for i, value in zip(rows, values, strict=True):
                nodes[i].target = self._named_value(shape, found[i], value)
        return list(nodes)

    def _named_value(self, shape: Shape, d: dynamic.Dynamic | None, value: Value) -> Node:
        """A value that says its type, which nothing else does."""
        if isinstance(value, Node):
            return value
        return Node(shape.kind, shape.name, shape.row, d.data if d and not d.direct else 0, value)

    def _funcs(self, column: Column, depth: int) -> list[Value]:
        nodes = self._nodes(column)
        for i, (node, word) in enumerate(zip(nodes, column.words().tolist(), strict=True)):
            node.word = word
            if word:
                dynamic.closure(self, node, word, column.chains[i], depth)
        return list(nodes)

    def _chans(self, column: Column, depth: int) -> list[Value]:
        nodes = self._nodes(column)
        for i, (node, word) in enumerate(zip(nodes, column.words().tolist(), strict=True)):
            node.word = word
            if word:
                try:
                    chans.fill(self, node, column.shape, column.chains[i], depth)
                except ReadError:
                    node.mark(UNREADABLE)
        return list(nodes)

    def layout(self, row: int) -> maps.MapLayout | None:
        """How the maps of a type are made."""
        if row not in self._layouts:
            self._layouts[row] = maps.layout(self.subject, row)
        return self._layouts[row]

    def _maps(self, column: Column, depth: int) -> list[Value]:
        nodes = self._nodes(column)
        for i, (node, word) in enumerate(zip(nodes, column.words().tolist(), strict=True)):
            node.word = word
            if not word:
                node.length = 0
                continue
            try:
                self._map(node, column.shape, word, column.chains[i], depth)
            except ReadError:
                node.mark(UNREADABLE)
        return list(nodes)

    def _map(self, node: Node, shape: Shape, pointer: int, chain: Chain, depth: int) -> None:
        lay = self.layout(shape.row)
        if lay is None:
            node.mark(UNREADABLE)
            return
        node.length = maps.length(lay, self.memory.read(pointer, lay.size))
        if self.limits.internals:
            parts = [("header", lay.header, pointer), *maps.structures(self.subject, lay, pointer)]
            node.internals = [(name, self.internals(row, at)) for name, row, at in parts]
        if _within(chain, shape.row, pointer):
            node.mark(CYCLE)
            return
        most = 0 if self.stop(depth) else self.take(runs.MOST_LENGTH)
        if not most or not node.length:
            self.left_out(node, node.length)
            return
        cells, steady = self.memory.steady(
            lambda: maps.read_cells(self.subject, lay, pointer, most), maps.same
        )
        length = maps.length(lay, self.memory.read(pointer, lay.size))
        if not steady or (length != node.length and self.memory.live and most > length):
            node.mark(CHANGED)
        node.length = length
        if cells.broken or (len(cells.key_at) < min(length, most) and steady):
            node.mark(UNREADABLE)
        n = len(cells.key_at)
        chains: list[Chain] = [(shape.row, pointer, chain)] * n
        key, elem = self.subject.shape(lay.key.real), self.subject.shape(lay.elem.real)
        node.keys = self.column(Column(key, cells.key, cells.key_at, chains, True), depth - 1)
        node.items = self.column(Column(elem, cells.elem, cells.elem_at, chains, True), depth - 1)
        self.left_out(node, max(length - n, 0))
        self._sort(node)

    def _sort(self, node: Node) -> None:
        """Entries in the order in which fmt prints them, where keys have one and all are here."""
        if node.left or not 0 < len(node.keys) <= _SORTED or len({type(k) for k in node.keys}) > 1:
            return
        if isinstance(node.keys[0], (bool, int, float, str, bytes)):
            try:
                order = sorted(range(len(node.keys)), key=node.keys.__getitem__)  # type: ignore[arg-type]
            except TypeError:
                return
            node.keys = [node.keys[i] for i in order]
            node.items = [node.items[i] for i in order]

    def internals(self, row: int, address: int) -> Value:
        """A structure of the runtime's, as it is."""
        inner = Decoder(self.subject, Limits(depth=3, items=16, nodes=2000, raw=True))
        return inner.at(row, address)


def _within(chain: Chain, row: int, address: int) -> bool:
    """Whether a value is one that led to itself."""
    while chain is not None:
        if chain[0] == row and chain[1] == address:
            return True
        chain = chain[2]  # type: ignore[assignment]
    return False


def _shortest(x: float) -> float:
    return float(str(np.float32(x)))
