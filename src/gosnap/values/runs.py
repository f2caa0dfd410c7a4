"""Strings and slices: headers, and what they point at, which may change while it is read."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap._kernels.texts import split
from gosnap.values.columns import Chain, Column
from gosnap.values.memory import MOST, TRIES, U8, U64
from gosnap.values.model import CHANGED, CUT, UNREADABLE, Node, Value
from gosnap.values.sharing import sharers
from gosnap.values.subject import Shape

if TYPE_CHECKING:
    from gosnap.values.decode import Decoder

MOST_LENGTH = 1 << 47
"""No string or slice is as long."""


def strings(decoder: "Decoder", column: Column, depth: int) -> list[Value]:
    if column.shape.size != 16:
        return decoder.unknown(column, depth)
    heads = np.ascontiguousarray(column.raw).view("<u8").astype(np.uint64)
    limit = decoder.limits.string
    if decoder.limits.redact:
        limit = 0
    out: list[Value] = [None] * len(column)  # type: ignore[list-item]
    todo = np.arange(len(column))
    for attempt in range(TRIES):
        pointers, lengths = heads[todo, 0], heads[todo, 1]
        possible = lengths < MOST_LENGTH
        takes = np.where(possible, lengths, 0)
        if limit is not None:
            takes = np.minimum(takes, np.uint64(limit))
        huge = decoder.memory.impossible(pointers, takes)
        possible &= ~huge
        takes[huge] = 0
        data, start, ok = decoder.memory.pieces(pointers, takes)
        now, there = _again(decoder, column, todo, heads[todo])
        changed = there & (now != heads[todo]).any(axis=1)
        _texts(
            decoder,
            column,
            out,
            todo,
            sizes=(lengths, takes),
            texts=split(data, start, takes.astype(np.int64)),
            ok=ok & possible,
        )
        todo_changed = todo[changed]
        if not len(todo_changed):
            break
        if column.bound or attempt + 1 == TRIES:
            for i in todo_changed.tolist():
                out[i] = _changed(decoder, column, i, out[i])
            break
        heads[todo_changed] = now[changed]
        todo = todo_changed
    if decoder.limits.internals:
        _headers(decoder, column, out, heads, ("pointer", "length"))
    return out


def _texts(
    decoder: "Decoder",
    column: Column,
    out: list[Value],
    rows: npt.NDArray[np.int64],
    *,
    sizes: tuple[U64, U64],
    texts: list[str | bytes],
    ok: npt.NDArray[np.bool_],
) -> None:
    """Put texts where they belong; ``sizes``: their lengths, and how much of each was read."""
    lengths, takes = sizes
    whole = ok & (lengths == takes)
    if whole.all() and len(rows) == len(out):
        out[:] = texts
        return
    for i, text, n, fine, there in zip(
        rows.tolist(), texts, lengths.tolist(), whole.tolist(), ok.tolist(), strict=True
    ):
        if fine:
            out[i] = text
            continue
        node = decoder.node(column, i)
        node.length = n
        out[i] = node
        if not there:
            node.mark(UNREADABLE)
        elif decoder.limits.redact:
            node.mark("redacted")
        else:
            node.value = text if isinstance(text, str) else _without_half(text)
            node.left = n - len(node.value.encode() if isinstance(node.value, str) else node.value)
            node.mark(CUT)


def _again(
    decoder: "Decoder", column: Column, rows: npt.NDArray[np.int64], heads: U64
) -> tuple[U64, npt.NDArray[np.bool_]]:
    """The headers of these rows once more, and which there are."""
    if not decoder.memory.live:
        return heads, np.zeros(len(rows), bool)
    raw, ok = decoder.memory.gather(column.addrs[rows], column.raw.shape[1])
    ok &= column.addrs[rows] != 0
    return raw.view("<u8").astype(np.uint64), ok


def _changed(decoder: "Decoder", column: Column, i: int, value: Value) -> Value:
    if isinstance(value, Node):
        value.mark(CHANGED)
        return value
    node = decoder.node(column, i, value)
    node.mark(CHANGED)
    return node


def _headers(
    decoder: "Decoder", column: Column, out: list[Value], heads: U64, names: tuple[str, ...]
) -> None:
    """What the runtime stores of a string or slice."""
    for i, words in enumerate(heads.tolist()):
        value = out[i]
        if not isinstance(value, Node):
            value = decoder.node(column, i, value)
        pointer: Value = Node("unsafe.Pointer", "unsafe.Pointer", word=words[0])
        value.internals = [(names[0], pointer), *zip(names[1:], words[1:], strict=True)]
        out[i] = value


def slices(decoder: "Decoder", column: Column, depth: int) -> list[Value]:
    if column.shape.size != 24:
        return decoder.unknown(column, depth)
    elem = decoder.subject.shape(column.shape.elem)
    heads = np.ascontiguousarray(column.raw).view("<u8").astype(np.uint64)
    octets = elem.kind == "uint8"
    out: list[Value] = [None] * len(column)  # type: ignore[list-item]
    todo = np.arange(len(column))
    kept: dict[int, U8] = {}
    for attempt in range(TRIES):
        takes, possible = _slice_takes(decoder, heads[todo], elem, octets, depth)
        sizes = takes * np.uint64(elem.size)
        data, start, ok = decoder.memory.pieces(heads[todo, 0], sizes)
        ok &= possible
        changed = np.zeros(len(todo), bool)
        if decoder.memory.live:
            again, where, _ = decoder.memory.pieces(heads[todo, 0], sizes)
            now, there = _again(decoder, column, todo, heads[todo])
            changed = there & (now != heads[todo]).any(axis=1)
            changed |= _differ((data, start), (again, where), sizes.astype(np.int64))
        for i, low, high, fine in zip(
            todo.tolist(),
            start.tolist(),
            (start + sizes.astype(np.int64)).tolist(),
            ok.tolist(),
            strict=True,
        ):
            kept[i] = data[low:high]
            node = decoder.node(column, i, None)
            node.length, node.capacity = int(heads[i, 1]), int(heads[i, 2])
            node.word = int(heads[i, 0])
            if not fine:
                node.mark(UNREADABLE)
                kept[i] = data[:0]
            out[i] = node
        rows = todo[changed]
        if not len(rows):
            break
        if (column.bound and (now != heads[todo]).any()) or attempt + 1 == TRIES:
            for i in rows.tolist():
                out[i] = _changed(decoder, column, i, out[i])
            break
        if decoder.memory.live:
            heads[rows[there[changed]]] = now[changed & there]
        todo = rows
    _elements(decoder, column, [n for n in out if isinstance(n, Node)], kept, depth)
    if decoder.limits.internals:
        _headers(decoder, column, out, heads, ("array", "len", "cap"))
        if len(out) == 1 and isinstance(out[0], Node) and out[0].word and elem.size:
            size = min(out[0].capacity, MOST_LENGTH) * elem.size
            others = sharers(decoder.subject, out[0].address, out[0].word, size)
            out[0].facts += tuple(("array shared with", other) for other in others)
    return out


def _slice_takes(
    decoder: "Decoder", heads: U64, elem: Shape, octets: bool, depth: int
) -> tuple[U64, npt.NDArray[np.bool_]]:
    """(how many elements to read of each, which headers can be true)."""
    most = decoder.take_bytes(MOST_LENGTH) if octets else decoder.take(MOST_LENGTH, len(heads))
    if (not octets and decoder.stop(depth)) or (octets and decoder.limits.redact):
        most = 0
    good = (heads[:, 1] <= heads[:, 2]) & (heads[:, 2] < MOST_LENGTH)
    takes = np.where(good, np.minimum(heads[:, 1], np.uint64(most)), np.uint64(0))
    if elem.size > MOST:
        return takes * np.uint64(0), good
    huge = decoder.memory.impossible(heads[:, 0], takes * np.uint64(elem.size))
    takes[huge] = 0
    return takes, good & ~huge


def _elements(decoder: "Decoder", column: Column, nodes: list[Node], kept: dict[int, U8], depth: int) -> None:
    """Decode what the slices of a column hold, in one go."""
    elem = decoder.subject.shape(column.shape.elem)
    if elem.kind == "uint8":
        for i, node in enumerate(nodes):
            if UNREADABLE not in node.marks:
                decoder.octets(node, kept[i].tobytes(), node.length)
        return
    counts = [len(kept[i]) // elem.size if elem.size else 0 for i in range(len(nodes))]
    if not elem.size:
        stop, n = decoder.stop(depth), len(nodes)
        counts = [0 if stop or UNREADABLE in v.marks else decoder.take(v.length, n) for v in nodes]
    total = sum(counts)
    raw = (
        np.concatenate([kept[i] for i in range(len(nodes))]).reshape(total, elem.size)
        if elem.size
        else np.zeros((total, 0), np.uint8)
    )
    addrs = np.zeros(total, np.uint64)
    chains: list[Chain] = []
    at = 0
    for i, (node, n) in enumerate(zip(nodes, counts, strict=True)):
        addrs[at : at + n] = np.uint64(node.word) + (np.arange(n) * elem.size).astype(np.uint64)
        chains += [column.chains[i]] * n
        at += n
    values = decoder.column(Column(elem, raw, addrs, chains), depth - 1)
    at = 0
    for node, n in zip(nodes, counts, strict=True):
        node.items = values[at : at + n]
        at += n
        if UNREADABLE not in node.marks:
            decoder.left_out(node, node.length - n)


def _differ(
    a: tuple[U8, npt.NDArray[np.int64]], b: tuple[U8, npt.NDArray[np.int64]], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which pieces of two reads differ: (bytes, where each begins)."""
    if len(a[0]) == len(b[0]) and np.array_equal(a[1], b[1]):
        which = np.flatnonzero(a[0] != b[0])
        apart: npt.NDArray[np.bool_] = np.searchsorted(which, a[1]) != np.searchsorted(which, a[1] + sizes)
        return apart
    rows = zip(a[1].tolist(), b[1].tolist(), sizes.tolist(), strict=True)
    return np.array([not np.array_equal(a[0][i : i + n], b[0][j : j + n]) for i, j, n in rows], bool)


def _without_half(raw: bytes) -> str | bytes:
    """Text that was cut in the middle of a character, without the half."""
    for n in range(1, min(4, len(raw) + 1)):
        try:
            return raw[:-n].decode()
        except UnicodeDecodeError:
            continue
    return raw
