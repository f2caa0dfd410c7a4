"""Containers of the runtime and of sync that refer to objects without owning them.

sync.Pool gives up what it holds whenever the collector wishes (sync/pool.go); the heap of a P's timers
(runtime/time.go), the list of all goroutines (runtime/proc.go) and the sudogs of waiting ones
(runtime/chan.go) are books that the runtime keeps of what others own.
"""

from collections.abc import Iterator

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram

_MAX_POOLS = 1 << 16
_MAX_PROCESSORS = 1 << 12
_MAX_PARTS = 1 << 20


def weak_containers(program: GoProgram) -> set[int]:
    """Addresses of the arrays and nodes whose references own nothing that anything else owns."""
    out = {_word(program, program.address("runtime.allgs"))}
    out.update(_timer_heaps(program))
    out.update(_pools(program))
    out.discard(0)
    return out


def _word(program: GoProgram, address: int | None) -> int:
    if not address:
        return 0
    try:
        return program.space.u64(address)
    except ReadError:
        return 0


def _slice(program: GoProgram, address: int | None, most: int) -> list[int]:
    """The words of a slice of pointers."""
    if address is None:
        return []
    array, count = _word(program, address), min(_word(program, address + 8), most)
    return [_word(program, array + i * 8) for i in range(count)] if array else []


def _timer_heaps(program: GoProgram) -> Iterator[int]:
    """p.timers: []*timer, from Go 1.23 on a structure with heap []timerWhen."""
    lay = program.layouts
    heap = lay.find("runtime.p", "timers.heap") or lay.find("runtime.p", "timers")
    if heap is None:
        return
    for p in _slice(program, program.address("runtime.allp"), _MAX_PROCESSORS):
        if p:
            yield _word(program, p + heap.offset)


def _pools(program: GoProgram) -> Iterator[int]:
    """sync.allPools and sync.oldPools: of each pool the arrays local and victim of poolLocal, and of each of
    these the chain of poolChainElt with their rings."""
    lay = program.layouts
    size = lay.size("sync.poolLocal")
    head = lay.find("sync.poolLocal", "poolLocalInternal.shared.head")
    ring = lay.find("sync.poolChainElt", "poolDequeue.vals")
    previous = lay.find("sync.poolChainElt", "prev")
    fields = [
        (lay.find("sync.Pool", name), lay.find("sync.Pool", name + "Size")) for name in ("local", "victim")
    ]
    if not size or head is None or ring is None or previous is None:
        return
    pools: dict[int, None] = {}
    for symbol in ("sync.allPools", "sync.oldPools"):
        pools.update(dict.fromkeys(_slice(program, program.address(symbol), _MAX_POOLS)))
    left = _MAX_PARTS
    for pool in pools:
        for array_field, count_field in fields:
            if not pool or array_field is None or count_field is None:
                continue
            array = _word(program, pool + array_field.offset)
            count = min(_word(program, pool + count_field.offset), _MAX_PROCESSORS)
            if not array:
                continue
            yield array
            for i in range(count):
                element = _word(program, array + i * size + head.offset)
                while element and left:
                    left -= 1
                    yield element
                    yield _word(program, element + ring.offset)
                    element = _word(program, element + previous.offset)
