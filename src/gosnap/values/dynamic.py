"""What interfaces hold, and what functions are: types and code that only the running program knows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gosnap.errors import ReadError
from gosnap.goruntime.rtypes import rtype_name
from gosnap.values.columns import Chain
from gosnap.values.memory import U64
from gosnap.values.model import UNREADABLE, Node, Value
from gosnap.values.subject import KINDS, Shape, Subject

if TYPE_CHECKING:
    from gosnap.values.decode import Decoder

_CAPTURES_DESCRIBED = 23
_MOST_WORDS = 64
_ITAB_TYPE = 8
"""Offset of the dynamic type in an itab (runtime.itab, internal/abi.ITab; Go 1.21 to 1.27)."""


@dataclass(frozen=True)
class Dynamic:
    """What an interface holds. ``row`` 0: a type that the executable's DWARF does not have."""

    tab: int
    rtype: int
    data: int
    row: int
    name: str
    kind: str
    direct: bool


def resolve(subject: Subject, shape: Shape, tabs: U64, data: U64) -> list[Dynamic | None]:
    """What interfaces of a type hold, by their two words; None for nil."""
    known: dict[int, tuple[int, int, str, str, bool]] = {}
    out: list[Dynamic | None] = []
    for tab, word in zip(tabs.tolist(), data.tolist(), strict=True):
        if not tab:
            out.append(None)
            continue
        if tab not in known:
            known[tab] = _type(subject, shape, tab)
        rtype, row, name, kind, direct = known[tab]
        out.append(Dynamic(tab, rtype, word, row, name, kind, direct))
    return out


def _type(subject: Subject, shape: Shape, tab: int) -> tuple[int, int, str, str, bool]:
    rtype = tab
    if shape.iface != 1:
        try:
            rtype = subject.memory.word(tab + _ITAB_TYPE)
        except ReadError:
            return 0, 0, "(unreadable type)", "unknown", False
    row = subject.of_rtype(rtype)
    if row:
        s = subject.shape(row)
        return rtype, row, s.name, s.kind, subject.direct(row, rtype)
    name, kind = "(unknown type)", 0
    if subject.program is not None:
        name, kind = rtype_name(subject.program, rtype)
    return rtype, 0, name, KINDS[kind] if kind < len(KINDS) else "unknown", False


def internals(shape: Shape, found: Dynamic | None) -> list[tuple[str, Value]]:
    """The two words of an interface."""
    first = "type" if shape.iface == 1 else "tab"
    words = (0, 0, 0) if found is None else (found.tab, found.rtype, found.data)
    out: list[tuple[str, Value]] = [(first, _pointer(words[0]))]
    if shape.iface != 1:
        out.append(("tab.type", _pointer(words[1])))
    return [*out, ("data", _pointer(words[2]))]


def _pointer(word: int) -> Node:
    return Node("unsafe.Pointer", "unsafe.Pointer", word=word)


def closure(decoder: "Decoder", node: Node, pointer: int, chain: Chain, depth: int) -> None:
    """The function that a func value is, and what it captures (DW_AT_go_closure_offset, Go >= 1.23)."""
    subject = decoder.subject
    try:
        pc = subject.memory.word(pointer)
    except ReadError:
        node.mark(UNREADABLE)
        return
    row = subject.function_at(pc)
    functions = subject.functions
    if row < 0 or functions is None:
        node.note = f"code at {pc:#x}"
        return
    node.note = functions.name[row]
    captures: list[tuple[str, int, int]] = [
        (functions.capture_name[i], int(functions.type[i]), int(functions.offset[i]))
        for i in range(int(functions.start[row]), int(functions.start[row + 1]))
    ]
    if not captures and subject.minor < _CAPTURES_DESCRIBED:
        _words(subject, node, pointer)
        return
    if decoder.stop(depth) or not captures:
        node.left = len(captures)
        return
    node.names = tuple(name for name, _, _ in captures)
    node.rows = tuple(row for _, row, _ in captures)
    node.items = [decoder.behind(row, pointer + at, chain, depth - 1) for _, row, at in captures]


def _words(subject: Subject, node: Node, pointer: int) -> None:
    """What lies behind the code of a closure of Go <= 1.22, which DWARF does not describe: the words of its
    slot, the last of which may be unused. A function that captures nothing is not in the heap."""
    found = None if subject.slot_at is None else subject.slot_at(pointer)
    if found is None or found[0] != pointer or not 8 < found[1] <= _MOST_WORDS * 8:
        return
    raw = np.frombuffer(subject.memory.read(pointer + 8, (found[1] - 8) & ~7), "<u8").tolist()
    row = subject.type_row("uintptr")
    node.names = tuple(f"+{8 * i + 8:#x}" for i in range(len(raw)))
    node.rows, node.items = (row,) * len(raw), raw
