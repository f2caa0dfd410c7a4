"""Roots: the words outside of the heap that keep objects alive.

What the collector takes for roots (runtime/mgcmark.go markroot): package variables by the pointer masks of
data and
bss; finalizers, cleanups and weak handles of objects; the queues of finalizers and cleanups; goroutine
stacks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from gosnap.errors import ReadError
from gosnap.goruntime.blocked import values_to_send
from gosnap.goruntime.functions import Functions
from gosnap.goruntime.goroutines import Goroutines, read_goroutines
from gosnap.goruntime.masks import pointer_words
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import Spans
from gosnap.goruntime.specials import Specials, read_specials
from gosnap.goruntime.stacks import SlotKind, Stack, Unwinder
from gosnap.goruntime.traces import Traces, read_traces

U64 = npt.NDArray[np.uint64]
_MAX_BLOCKS = 1 << 20


class RootKind(IntEnum):
    """What a root is."""

    GLOBAL = 0
    STACK = 1
    CONSERVATIVE = 2
    GOROUTINE = 3
    """The g structure itself, which runtime.allgs lists."""
    FINALIZER = 4
    """The function of a finalizer, and what the object that has one refers to."""
    CLEANUP = 5
    WEAK_HANDLE = 6
    QUEUE = 7
    """Finalizers and cleanups that wait to be run."""


class QueueKind(IntEnum):
    """What waits in a queue to be called."""

    FINALIZER = 0
    CLEANUP = 1


@dataclass
class Roots:
    """One row per root: the address of the word (0: none), its value, what it is, and of what: for STACK and
    CONSERVATIVE a row of ``goroutines``, with the frame's row in ``frame`` and the slot's kind in ``slot``;
    for QUEUE the number of the call that waits, from 1 on, with a ``QueueKind`` in ``slot``."""

    address: U64
    value: U64
    kind: npt.NDArray[np.uint8]
    owner: npt.NDArray[np.uint32]
    frame: npt.NDArray[np.uint32]
    slot: npt.NDArray[np.uint8]
    goroutines: Goroutines
    stacks: list[Stack]
    traces: Traces
    specials: Specials
    finalized: U64
    """Objects with a finalizer: what they refer to is alive, they themselves need not be."""
    typed: U64
    """(n, 2): where a value is that the runtime knows the type of, and its runtime type: a pointer to an
    object that waits for its finalizer, what a goroutine wants to send. 0 for a func value that waits to be
    called."""

    def __len__(self) -> int:
        return len(self.value)

    @property
    def on_stack(self) -> npt.NDArray[np.bool_]:
        """Which of them are of a goroutine's stack or registers."""
        return np.isin(self.kind, (RootKind.STACK, RootKind.CONSERVATIVE))


class _Columns:
    def __init__(self) -> None:
        self.parts: list[tuple[U64, U64, int]] = []
        self.rows: list[tuple[int, ...]] = []
        self.typed: list[tuple[int, int]] = []
        self._calls = 0

    def add(self, value: int, kind: RootKind, owner: int = 0) -> None:
        """A word that lies nowhere in particular."""
        self.rows.append((0, value, kind, owner, 0, 0))

    def call(self, address: int, words: list[int], kind: QueueKind, functions: int = 1) -> None:
        """A call that waits in a queue; the first of its words are func values."""
        self._calls += 1
        self.typed += [(address + 8 * i, 0) for i in range(min(functions, len(words)))]
        self.rows += [(0, word, RootKind.QUEUE, self._calls, 0, kind) for word in words if word]

    def extend(self, address: U64, value: U64, kind: RootKind) -> None:
        """Words by the column."""
        self.parts.append((address, value, kind))

    def stack(self, row: int, stack: Stack) -> None:
        """What a goroutine's stack holds."""
        for address, value, frame, slot in stack.slots:
            guess = slot in (SlotKind.CONSERVATIVE, SlotKind.REGISTER)
            kind = RootKind.CONSERVATIVE if guess else RootKind.STACK
            self.rows.append((address, value, kind, row, frame, slot))

    def table(self) -> U64:
        """(n, 6): address, value, kind, owner, frame, slot."""
        out = [np.array(self.rows, np.uint64).reshape(-1, 6)]
        for address, value, kind in self.parts:
            part = np.zeros((len(address), 6), np.uint64)
            part[:, 0], part[:, 1], part[:, 2] = address, value, kind
            out.append(part)
        return np.concatenate(out)


def read_roots(program: GoProgram, spans: Spans) -> Roots:
    """All roots; words that are 0 are left out."""
    out = _Columns()
    _globals(program, out)
    specials = read_specials(program, spans, ("finalizer", "weak", "cleanup"))
    finalized = _specials(program, specials, out)
    _finalizer_queue(program, out)
    _cleanup_queue(program, out)
    goroutines = read_goroutines(program)
    functions = Functions(program)
    unwinder = Unwinder(program, functions)
    stacks = []
    for row, address in enumerate(goroutines.address.tolist()):
        out.add(address, RootKind.GOROUTINE, row)
        stacks.append(unwinder.unwind(goroutines, row))
        out.stack(row, stacks[-1])
    table = out.table()
    return Roots(
        address=np.ascontiguousarray(table[:, 0]),
        value=np.ascontiguousarray(table[:, 1]),
        kind=table[:, 2].astype(np.uint8),
        owner=table[:, 3].astype(np.uint32),
        frame=table[:, 4].astype(np.uint32),
        slot=table[:, 5].astype(np.uint8),
        goroutines=goroutines,
        stacks=stacks,
        traces=read_traces(functions, goroutines, stacks),
        specials=specials,
        finalized=finalized,
        typed=np.array(out.typed + values_to_send(program, goroutines), np.uint64).reshape(-1, 2),
    )


def _globals(program: GoProgram, out: _Columns) -> None:
    for addresses, values in pointer_words(program):
        out.extend(addresses, values, RootKind.GLOBAL)


def _specials(program: GoProgram, specials: Specials, out: _Columns) -> U64:
    lay = program.layouts
    # from Go 1.26 on a cleanup special holds the call itself: function, closure, argument
    cleanup_words = 3 if lay.find("runtime.specialCleanup", "cleanup") is not None else 1
    finalized = []
    for row, kind in enumerate(specials.kind):
        words = specials.words[row].tolist()
        if kind == "finalizer":
            finalized.append(int(specials.object[row]))
            out.add(words[0], RootKind.FINALIZER, row)
        elif kind == "weak":
            out.add(words[0], RootKind.WEAK_HANDLE, row)
        else:
            for word in words[:cleanup_words]:
                if word:
                    out.add(word, RootKind.CLEANUP, row)
    return np.array(finalized, np.uint64)


def _finalizer_queue(program: GoProgram, out: _Columns) -> None:
    """runtime.allfin: blocks of finalizers that wait to be run (runtime/mfinal.go).

    A record has the object in ``arg``, and in ``ot`` the type of the pointer to it. Go 1.24 queues cleanups
    here too, which have neither (runtime/mheap.go freeSpecial).
    """
    lay = program.layouts
    struct = next((n for n in ("runtime.finBlock", "runtime.finblock") if lay.has(n)), None)
    if struct is None:
        return
    arg, of = (lay.find("runtime.finalizer", name) for name in ("arg", "ot"))
    first = program.global_uint("runtime.allfin", 8) or 0
    for address, words in _blocks(program, first, _Block(struct, "cnt", "fin", "runtime.finalizer")):
        known = arg is not None and of is not None and max(arg.offset, of.offset) < 8 * len(words)
        type_ = words[of.offset // 8] if known and of is not None else 0
        if type_ and arg is not None:
            out.typed.append((address + arg.offset, type_))
        out.call(address, words, QueueKind.CLEANUP if known and not type_ else QueueKind.FINALIZER)


def _cleanup_queue(program: GoProgram, out: _Columns) -> None:
    """runtime.gcCleanups.all: blocks of cleanups that wait to be run (runtime/mcleanup.go, Go >= 1.25)."""
    queue = program.address("runtime.gcCleanups")
    first = program.field_or_none(queue, "runtime.cleanupQueue", "all")
    if first and program.layouts.has("runtime.cleanupBlock"):
        # a block held addresses of closures before Go 1.26, whole calls since
        block = _Block("runtime.cleanupBlock", "n", "cleanups", "runtime.cleanupFn")
        for address, words in _blocks(program, first, block):
            # an adapter comes before the function then
            out.call(address, words, QueueKind.CLEANUP, functions=2 if len(words) > 1 else 1)


@dataclass(frozen=True)
class _Block:
    """A structure that holds ``count`` items of a type, and is linked to the next by alllink."""

    struct: str
    count: str
    items: str
    item: str


def _blocks(program: GoProgram, address: int, block: _Block) -> Iterator[tuple[int, list[int]]]:
    """(address, words) of each item."""
    lay = program.layouts
    header = "cleanupBlockHeader."
    count = lay.find(block.struct, block.count) or lay.find(block.struct, header + block.count)
    link = lay.find(block.struct, "alllink") or lay.find(block.struct, header + "alllink")
    items = lay.find(block.struct, block.items)
    if count is None or link is None or items is None:
        return
    size = lay.size(block.item) or 8
    for _ in range(_MAX_BLOCKS):
        if not address:
            return
        first = address + items.offset
        try:
            used = min(program.read_uint(address + count.offset, 4), items.size // size)
            raw = program.space.read(first, used * size)
            address = program.space.u64(address + link.offset)
        except ReadError:
            return
        for i in range(used):
            yield first + i * size, np.frombuffer(raw, "<u8", size // 8, i * size).tolist()
