"""Channels: what they have buffered, in the order in which it will be received, and who waits on them
(runtime/chan.go, Go 1.21 to 1.27)."""

from typing import TYPE_CHECKING

import numpy as np

from gosnap.errors import ReadError
from gosnap.values.columns import Chain, Column
from gosnap.values.model import CHANGED, UNREADABLE, Node
from gosnap.values.subject import Shape, Subject

if TYPE_CHECKING:
    from gosnap.values.decode import Decoder

_FIELDS = ("qcount", "dataqsiz", "buf", "closed", "sendx", "recvx", "recvq", "sendq")
_MOST_WAITING = 1000
_SHOWN_WAITING = 10


def fill(decoder: "Decoder", node: Node, shape: Shape, chain: Chain, depth: int) -> None:
    """Decode the channel that a node points at. ReadError where it is not there."""
    pointer = node.word
    subject = decoder.subject
    at = {m.name: m for m in subject.shape(shape.impl).fields}
    elem = subject.shape(shape.elem)
    if not set(_FIELDS) <= set(at):
        node.mark(UNREADABLE)
        return

    def read() -> tuple[dict[str, int], bytes, bytes]:
        header = subject.memory.read(pointer, subject.shape(shape.impl).size)
        words = {
            name: int.from_bytes(
                header[at[name].offset : at[name].offset + subject.shape(at[name].row).size], "little"
            )
            for name in _FIELDS[:6]
        }
        for name in ("recvq", "sendq"):
            words[name] = int.from_bytes(header[at[name].offset : at[name].offset + 8], "little")
        size, count, first = words["dataqsiz"], words["qcount"], words["recvx"]
        if not 0 <= count <= size or (size and first >= size) or count * elem.size > 1 << 31:
            return words, b"", header
        take = 0 if decoder.stop(depth) else count
        if decoder.limits.items is not None:
            take = min(take, decoder.limits.items)
        # the buffer is a ring: up to its end, then from its beginning
        whole = min(take, size - first)
        raw = subject.memory.read(words["buf"] + first * elem.size, whole * elem.size)
        raw += subject.memory.read(words["buf"], (take - whole) * elem.size)
        return words, raw, header

    (words, raw, _), steady = subject.memory.steady(read, lambda a, b: a == b)
    if not steady:
        node.mark(CHANGED)
    node.length, node.capacity = words["qcount"], words["dataqsiz"]
    if not 0 <= node.length <= node.capacity:
        node.mark(UNREADABLE)
        return
    if words["closed"]:
        node.facts += (("closed", "yes"),)
    for name, what in (("recvq", "waiting to receive"), ("sendq", "waiting to send")):
        ids, more = _waiting(subject, words[name])
        if ids:
            listed = ", ".join(map(str, ids[:_SHOWN_WAITING]))
            more += max(len(ids) - _SHOWN_WAITING, 0)
            rest = f" and {more} more" if more else ""
            node.facts += ((what, ("goroutine " if len(ids) == 1 else "goroutines ") + listed + rest),)
    n = len(raw) // elem.size if elem.size else min(node.length, decoder.limits.items or node.length)
    if not elem.size and (decoder.stop(depth) or n > 1 << 20):
        n = 0
    first = words["recvx"]
    place = (first + np.arange(n)) % max(node.capacity, 1)
    addrs = np.uint64(words["buf"]) + (place * elem.size).astype(np.uint64)
    data = np.frombuffer(raw, np.uint8)[: n * elem.size].reshape(n, elem.size)
    node.items = decoder.column(Column(elem, data, addrs, [chain] * n), depth - 1)
    node.left = node.length - n
    if node.left:
        node.mark("cut")
    if decoder.limits.internals:
        node.internals = [("header", decoder.internals(shape.impl, pointer))]


def _waiting(subject: Subject, first: int) -> tuple[list[int], int]:
    """Numbers of the goroutines of a list of sudogs, the one that will be next first."""
    sudog, g = subject.type_row("runtime.sudog"), subject.type_row("runtime.g")
    fields = [subject.member(sudog, "g"), subject.member(sudog, "next"), subject.member(g, "goid")]
    owner, following, number = fields
    out: list[int] = []
    seen: set[int] = set()
    if owner is None or following is None or number is None:
        return out, 0
    at = first
    try:
        while at and at not in seen:
            if len(out) >= _MOST_WAITING:
                return out, 1
            seen.add(at)
            goroutine = subject.memory.word(at + owner.offset)
            out.append(subject.memory.word(goroutine + number.offset))
            at = subject.memory.word(at + following.offset)
    except ReadError:
        return out, 0
    return out, 0
