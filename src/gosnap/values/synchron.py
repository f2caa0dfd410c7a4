"""sync and sync/atomic: who holds what, who waits, what is in there.

Sources, Go 1.21 to 1.27: sync/mutex.go (since 1.24 internal/sync/mutex.go), rwmutex.go, waitgroup.go,
once.go, pool.go, map.go and internal/sync/hashtriemap.go (sync.Map since 1.24), sync/atomic/type.go.
"""

import numpy as np

from gosnap.errors import ReadError
from gosnap.values import maps
from gosnap.values.columns import Chain
from gosnap.values.model import CHANGED, CUT
from gosnap.values.presenting import Work

_LOCKED, _STARVING, _WAITERS_SHIFT = 1, 4, 3
_MAX_READERS = 1 << 30
_MOST_NODES = 1 << 22
_MOST_PROCESSORS = 1 << 12
_FAN_OUT = 16


def _people(n: int, what: str) -> str:
    return f"{n:,} {what}"


def mutex(work: Work) -> None:
    """sync.Mutex{locked, 2 waiting}."""
    state = work.number("state", "mu.state")
    work.node.note = "sync.Mutex{" + ", ".join(_mutex(state)) + "}"


def _mutex(state: int) -> list[str]:
    said = ["locked" if state & _LOCKED else "unlocked"]
    waiting = state >> _WAITERS_SHIFT
    if waiting:
        said.append(_people(waiting, "waiting"))
    if state & _STARVING:
        said.append("starving")
    return said


def rw_mutex(work: Work) -> None:
    """sync.RWMutex{read-locked by 3, a writer waits}."""
    count = work.number("readerCount", signed=True)
    leaving = work.number("readerWait", signed=True)
    queue = _mutex(work.number("w.state", "w.mu.state"))[1:]
    if count >= 0:
        said = [f"read-locked by {count:,}" if count else "unlocked"]
    elif leaving > 0:
        said = [f"read-locked by {leaving:,}", "a writer waits"]
    else:
        said = ["locked"]
    if count < 0 and count + _MAX_READERS - max(leaving, 0) > 0:
        said.append(_people(count + _MAX_READERS - max(leaving, 0), "waiting to read"))
    said += [f"for writing {w}" for w in queue if "waiting" in w]
    work.node.note = "sync.RWMutex{" + ", ".join(said) + "}"


def wait_group(work: Work) -> None:
    """sync.WaitGroup{counter 3, 1 waiting}."""
    state = work.number("state")
    counter = state >> 32
    counter -= (counter & 1 << 31) << 1
    waiting = state & 0x7FFFFFFF
    said = [f"counter {counter:,}"] + ([_people(waiting, "waiting")] if waiting else [])
    work.node.note = "sync.WaitGroup{" + ", ".join(said) + "}"


def once(work: Work) -> None:
    """sync.Once{done}."""
    work.node.note = "sync.Once{" + ("done" if work.number("done") else "not done") + "}"


def atomic(work: Work) -> None:
    """atomic.Int64(5): the number is in the node's value."""
    name = work.node.type.rpartition(".")[2]
    value = work.number("v", signed=name.startswith("Int"))
    text = (
        ("true" if value else "false")
        if name == "Bool"
        else f"{value:#x}"
        if name == "Uintptr"
        else str(value)
    )
    work.node.note = f"atomic.{name}({text})"


def pointer(work: Work) -> None:
    """atomic.Pointer[T]: what it points at, by its type, which only its first field has: [0]*T."""
    first = work.place("_")
    found = work.place("v")
    if first is None or found is None:
        return
    row = work.subject.shape(first[1]).elem
    if work.subject.shape(row).kind != "ptr":
        return
    raw = np.frombuffer(work.raw[found[0] : found[0] + 8], np.uint8).reshape(1, 8)
    values = work.decoder.values(row, raw, work.node.address + found[0], work.chain, work.depth)
    work.node.names, work.node.rows, work.node.items = ("v",), (row,), values
    work.node.left, work.node.marks = 0, ()


def pool(work: Work) -> None:
    """sync.Pool: how many values it has at hand (poolLocal.private, shared and those of the victim)."""
    subject = work.subject
    local = subject.type_row("sync.poolLocal")
    inner = subject.member(local, "poolLocalInternal")
    if inner is None:
        return
    private, shared = subject.member(inner.row, "private"), subject.member(inner.row, "shared")
    if private is None or shared is None:
        return
    count = 0
    for name in ("local", "victim"):
        array, size = work.number(name), work.number(name + "Size")
        for i in range(min(size, _MOST_PROCESSORS) if array else 0):
            at = array + i * subject.shape(local).size + inner.offset
            count += bool(subject.memory.word(at + private.offset))
            count += _chained(work, at + shared.offset, shared.row)
    work.node.facts += (("at hand", f"{count:,}"),)


def _chained(work: Work, address: int, row: int) -> int:
    """Values in a poolChain: rings of poolDequeues, of which headTail says how many are filled."""
    subject, memory = work.subject, work.subject.memory
    head = subject.member(row, "head")
    element = subject.type_row("sync.poolChainElt")
    ring, previous = subject.member(element, "poolDequeue"), subject.member(element, "prev")
    if head is None or ring is None or previous is None:
        return 0
    ends = subject.member(ring.row, "headTail")
    if ends is None:
        return 0
    where = ends.offset + (subject.shape(ends.row).size - 8)
    at = memory.word(address + head.offset)
    count = 0
    for _ in range(_MOST_PROCESSORS):
        if not at:
            break
        word = memory.word(at + ring.offset + where)
        count += ((word >> 32) - word) & 0xFFFFFFFF
        at = memory.word(at + previous.offset)
    return count


# ---- sync.Map ----


def sync_map(work: Work) -> None:
    """sync.Map as the map that it is."""
    limit = work.decoder.limits.items
    stop = work.decoder.stop(work.depth)
    work.decoder.left -= 1

    def read() -> list[tuple[int, int, int, int]]:
        return _trie(work) if work.place("m") is not None else _read_and_dirty(work)

    entries, steady = work.subject.memory.steady(read, lambda a, b: a == b)
    node = work.node
    if not steady:
        node.mark(CHANGED)
    take = 0 if stop else len(entries) if limit is None else min(len(entries), limit)
    node.kind, node.word, node.length = "map", work.node.address or 1, len(entries)
    node.names, node.rows, node.items, node.marks = (), (), [], tuple(m for m in node.marks if m != CUT)
    node.left = len(entries) - take
    if node.left:
        node.mark(CUT)
    if not take:
        return
    chain: Chain = work.chain
    for name, at in (("keys", 0), ("items", 2)):
        rows = {e[at] for e in entries[:take]}
        for row in rows:
            addrs = np.array([e[at + 1] for e in entries[:take]], np.uint64)
            setattr(node, name, work.decoder.many(row, addrs, chain, work.depth - 1))


def _trie(work: Work) -> list[tuple[int, int, int, int]]:
    """(row and address of the key, of the value) of the entries of a HashTrieMap."""
    subject, memory = work.subject, work.subject.memory
    indirect, entry = (
        subject.type_row(f"internal/sync.{name}[interface {{}},interface {{}}]")
        or subject.type_row(f"internal/sync.{name}[go.shape.interface {{}},go.shape.interface {{}}]")
        for name in ("indirect", "entry")
    )
    if not indirect or not entry:
        raise ReadError("no types of a HashTrieMap")
    children = subject.member(indirect, "children")
    overflow, key, value = (subject.member(entry, n) for n in ("overflow", "key", "value"))
    if children is None or overflow is None or key is None or value is None:
        raise ReadError("no fields of a HashTrieMap")
    out: list[tuple[int, int, int, int]] = []
    todo = [work.number("m.root")]
    seen: set[int] = set()
    pointer_at = subject.shape(overflow.row).size - 8
    stride = subject.shape(children.row).size // _FAN_OUT
    while todo:
        at = todo.pop()
        if not at or at in seen:
            continue
        seen.add(at)
        if len(seen) > _MOST_NODES:
            raise ReadError("a sync.Map without end")
        if memory.read(at, 1)[0]:
            out.append((key.row, at + key.offset, value.row, at + value.offset))
            todo.append(memory.word(at + overflow.offset + pointer_at))
        else:
            raw = memory.read(at + children.offset, stride * _FAN_OUT)
            words = [raw[i * stride + stride - 8 : (i + 1) * stride] for i in range(_FAN_OUT)]
            todo += [int.from_bytes(w, "little") for w in reversed(words)]
    return out


def _read_and_dirty(work: Work) -> list[tuple[int, int, int, int]]:
    """The same of a sync.Map before Go 1.24: those of the map that is read, and if it says so of the dirty
    one, without those that were deleted."""
    subject, memory = work.subject, work.subject.memory
    read_only, entry = subject.type_row("sync.readOnly"), subject.type_row("sync.entry")
    inner, amended = subject.member(read_only, "m"), subject.member(read_only, "amended")
    if inner is None or amended is None or not entry:
        raise ReadError("no types of a sync.Map")
    lay = maps.layout(subject, inner.row)
    if lay is None:
        raise ReadError("no layout of a sync.Map's maps")
    any_row = subject.type_row("interface {}")
    expunged = 0
    for row in subject.variables.name.find("sync.expunged"):
        expunged = memory.word(int(subject.variables.address[row]))
    held = []
    current = work.number("read.v", "read")
    dirty = work.number("dirty")
    if current:
        held.append(memory.word(current + inner.offset))
        if memory.read(current + amended.offset, 1)[0] and dirty:
            held = [dirty]
    elif dirty:
        held.append(dirty)
    out: list[tuple[int, int, int, int]] = []
    at = subject.shape(entry).size - 8
    for header in held:
        if not header:
            continue
        cells = maps.read_cells(subject, lay, header, None)
        boxes = np.ascontiguousarray(cells.elem).view("<u8").ravel().tolist()
        for where, box in zip(cells.key_at.tolist(), boxes, strict=True):
            value = memory.word(box + at) if box else 0
            if value and value != expunged:
                out.append((lay.key.real, where, any_row, value))
    return out
