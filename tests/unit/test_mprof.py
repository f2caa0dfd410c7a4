"""Memory profiles in memory made by hand: formulas worked out from runtime/mprof.go, and chains that lie."""

import struct
from dataclasses import dataclass, field
from decimal import Decimal, getcontext
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap._kernels.mprof import Chain, sampled, unsample
from gosnap.errors import GosnapError
from gosnap.goruntime import mprof
from gosnap.goruntime.heapprofile import check_profiled
from gosnap.goruntime.layout import Layouts
from gosnap.goruntime.mprof import State, estimates, published, read_buckets
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import kernel_space
from gosnap.target.image import Mappings
from gosnap.target.peek import RunningSpace
from gosnap.target.space import AddressSpace

BASE, SIZE = 0x7F0000000000, 1 << 17
VARIABLES = 0x500000
HEAD, WORD, RATE, DISABLED = VARIABLES, VARIABLES + 8, VARIABLES + 16, VARIABLES + 24
LOCKS = VARIABLES + 32
SYMBOLS = {
    "runtime.mbuckets": HEAD,
    "runtime.mProfCycle": WORD,
    "runtime.MemProfileRate": RATE,
    "runtime.disableMemoryProfiling": DISABLED,
    "runtime.profMemActiveLock": LOCKS,
    "runtime.profMemFutureLock": LOCKS + 8,
}
Counts = tuple[int, int]
"""allocs, frees"""


def stack_hash(pcs: list[int], size: int) -> int:
    """What runtime.stkbucket computes: one word after the other, then the size, then the end."""
    mask = (1 << 64) - 1
    h = 0
    for word in (*pcs, size):
        h = (h + word) & mask
        h = (h + (h << 10)) & mask
        h ^= h >> 6
    h = (h + (h << 3)) & mask
    return h ^ h >> 11


def bucket(
    following: int,
    pcs: list[int],
    size: int,
    cycles: list[Counts],
    *,
    minor: int = 27,
    nstk: int | None = None,
    typ: int = 1,
) -> bytes:
    """A bucket as Go 1.minor has it; ``cycles``: active, then three future ones."""
    out = struct.pack(
        "<QQQQQQ",
        0x1111,
        following,
        typ,
        stack_hash(pcs, size),
        size,
        len(pcs) if nstk is None else nstk,
    ) + struct.pack(f"<{len(pcs)}Q", *pcs)
    for allocs, frees in cycles:
        out += struct.pack("<QQ", allocs, frees)
        if minor <= 26:
            out += struct.pack("<QQ", allocs * size, frees * size)
    return out


def mappings(*ranges: tuple[int, int]) -> Mappings:
    start, end = (np.array([r[i] for r in ranges], np.uint64) for i in (0, 1))
    n = len(ranges)
    zero = np.zeros(n, np.uint64)
    return Mappings(start, end, ["rw-p"] * n, zero, zero, [""] * n)


@dataclass
class FakeImage:
    mappings: Mappings
    exe_label: str = "/srv/shop"
    pid: int = 42
    notes: list[str] = field(default_factory=list)


class FakeProgram:
    """What ``read_buckets`` needs of a program: memory, symbols, layouts."""

    def __init__(self, space: AddressSpace, maps: Mappings, minor: int) -> None:
        self.space = space
        self.image = FakeImage(maps)
        self.layouts = Layouts(None, minor)
        self.minor = minor

    def need_address(self, symbol: str) -> int:
        return SYMBOLS[symbol]

    def address(self, symbol: str) -> int | None:
        return SYMBOLS.get(symbol)

    def read_uint(self, address: int, size: int) -> int:
        return int.from_bytes(self.space.read(address, size), "little")

    def global_uint(self, symbol: str, size: int) -> int | None:
        return self.read_uint(SYMBOLS[symbol], size)

    def constant(self, name: str) -> int | None:
        return {"runtime._KindSpecialProfile": 4}.get(name)


def table(column: memoryview) -> npt.NDArray[np.int64]:
    """Four counters a row."""
    return np.asarray(column).reshape(-1, 4)


def variables(
    head: int, word: int = 0, rate: int = 1, disabled: int = 0, locks: tuple[int, ...] = (0, 0, 0, 0)
) -> bytes:
    return struct.pack("<QQqQQQQQ", head, word, rate, disabled, *locks)


def program(
    memory: bytes,
    head: int = BASE,
    *,
    word: int = 0,
    rate: int = 1,
    minor: int = 27,
    locks: tuple[int, ...] = (0, 0, 0, 0),
) -> GoProgram:
    """A program whose buckets lie in ``memory`` at BASE."""
    space = AddressSpace()
    space.add_region(BASE, memory.ljust(SIZE, b"\0"))
    space.add_region(VARIABLES, variables(head, word, rate, locks=locks))
    maps = mappings((VARIABLES, VARIABLES + 64), (BASE, BASE + SIZE))
    return cast(GoProgram, FakeProgram(space, maps, minor))


def chain(*buckets: dict[str, Any], minor: int = 27) -> bytes:
    """Buckets one behind the other, each linked to the next."""
    out = b""
    for i, b in enumerate(buckets):
        length = len(bucket(0, **b, minor=minor))
        following = BASE + len(out) + length if i + 1 < len(buckets) else 0
        out += bucket(following, **b, minor=minor)
    return out


ONE = {"pcs": [0x401000, 0x402000], "size": 48, "cycles": [(10, 4), (1, 0), (2, 1), (30, 0)]}
TWO = {"pcs": [0x401000], "size": 4096, "cycles": [(0, 0), (0, 0), (5, 2), (0, 0)]}
NONE = {"pcs": [], "size": 16, "cycles": [(0, 0), (0, 0), (0, 0), (1, 1)]}


@pytest.mark.parametrize("minor", range(21, 28))
def test_reads_every_layout(minor: int) -> None:
    b = read_buckets(program(chain(ONE, TWO, NONE, minor=minor), word=7, rate=4096, minor=minor))
    assert b.size.tolist() == [48, 4096, 16]
    assert b.start.tolist() == [0, 2, 3, 3]
    assert b.pcs.tolist() == [0x401000, 0x402000, 0x401000]
    assert table(b.allocs).tolist() == [[10, 1, 2, 30], [0, 0, 5, 0], [0, 0, 0, 1]]
    assert table(b.frees).tolist() == [[4, 0, 1, 0], [0, 0, 2, 0], [0, 0, 0, 1]]
    assert b.address[0] == BASE
    assert (b.state.cycle, b.state.rate, b.damaged, b.moving) == (3, 4096, 0, 0)
    assert b.total_bytes == (minor <= 26)


# published with cycle C: active and future[C % 3]; the flushed bit does not matter, as what is flushed is 0
@pytest.mark.parametrize(
    ("word", "allocs", "frees"),
    [
        (0, [11, 0], [4, 0]),
        (1, [11, 0], [4, 0]),
        (2, [12, 5], [5, 2]),
        (4, [40, 0], [4, 0]),
        (2 * 3, [11, 0], [4, 0]),
        (2 * 100_000_001, [40, 0], [4, 0]),
    ],
)
def test_what_is_published(word: int, allocs: list[int], frees: list[int]) -> None:
    b = read_buckets(program(chain(ONE, TWO), word=word))
    a, f = b.counts("pprof")
    assert (a.tolist(), f.tolist()) == (allocs, frees)
    a, f = b.counts("now")
    assert (a.tolist(), f.tolist()) == ([43, 5], [5, 2])


def test_nothing_published_yet_means_everything() -> None:
    first = {"pcs": [1], "size": 8, "cycles": [(0, 0), (0, 0), (0, 0), (7, 2)]}
    b = read_buckets(program(chain(first, NONE), word=0))
    a, f = b.counts("pprof")
    assert (a.tolist(), f.tolist()) == ([7, 1], [2, 1])
    # in cycle 2 the same is what is flushed first, in cycle 1 all of it again, for want of anything else
    for cycle in (1, 2):
        a, _ = published(b.allocs, b.frees, cycle, "pprof")
        assert a.tolist() == [7, 1]
    # one bucket that has something published makes the others wait
    b = read_buckets(program(chain({**first, "cycles": [(1, 1), (0, 0), (0, 0), (0, 0)]}, NONE)))
    a, _ = b.counts("pprof")
    assert a.tolist() == [1, 0]


def test_no_bucket_at_all() -> None:
    b = read_buckets(program(b"", head=0))
    assert len(b) == 0 and b.start.tolist() == [0]
    for view in mprof.VIEWS:
        assert b.counts(view)[0].tolist() == []


@pytest.mark.parametrize(
    ("memory", "head", "message"),
    [
        pytest.param(bucket(BASE, [1], 8, [(0, 0)] * 4), BASE, "circle", id="itself"),
        pytest.param(
            chain(ONE, TWO) + bucket(BASE, [1], 8, [(0, 0)] * 4),
            BASE + len(chain(ONE, TWO)),
            None,
            id="back to a shorter list",
        ),
        pytest.param(bucket(0, [], 8, [(0, 0)] * 4, nstk=1 << 40), BASE, "no bucket", id="nstk"),
        pytest.param(bucket(0, [], 8, [(0, 0)] * 4, nstk=(1 << 64) - 1), BASE, "no bucket", id="nstk -1"),
        pytest.param(bucket(0, [], 8, [(0, 0)] * 4, nstk=1025), BASE, "no bucket", id="nstk 1025"),
        pytest.param(bucket(0, [1], 0, [(0, 0)] * 4), BASE, "no bucket", id="size 0"),
        pytest.param(bucket(0, [1], 1 << 60, [(0, 0)] * 4), BASE, "no bucket", id="size"),
        pytest.param(bucket(0, [1], 8, [(0, 0)] * 4, typ=2), BASE, "no bucket", id="of another profile"),
        pytest.param(b"", BASE, "no bucket", id="zeros"),
        pytest.param(b"", 8, "not there", id="head nowhere"),
        pytest.param(b"", (1 << 64) - 8, "not there", id="head at the end"),
        pytest.param(b"", BASE + 1, "not there", id="head not aligned"),
        pytest.param(bucket(0xDEAD0000, [1], 8, [(0, 0)] * 4), BASE, "not there", id="next nowhere"),
    ],
)
def test_chains_that_lie(memory: bytes, head: int, message: str | None) -> None:
    if message is None:
        assert len(read_buckets(program(memory, head))) == 3
        return
    with pytest.raises(GosnapError, match=message) as failed:
        read_buckets(program(memory, head))
    assert "/srv/shop" in failed.value.message


def test_long_circles_end() -> None:
    length = len(bucket(0, [1], 8, [(0, 0)] * 4))
    for back in (0, 1, 37, 98, 99):
        memory = b"".join(
            bucket(BASE + (back if i == 99 else i + 1) * length, [1], 8, [(0, 0)] * 4) for i in range(100)
        )
        with pytest.raises(GosnapError, match="circle"):
            read_buckets(program(memory))


@pytest.mark.parametrize("left", [8, 40, 47, 48, 56, 100])
def test_a_bucket_that_is_cut_off(left: int) -> None:
    memory = bytes(SIZE - left) + bucket(0, [1, 2, 3], 8, [(0, 0)] * 4)[:left]
    with pytest.raises(GosnapError, match="not there"):
        read_buckets(program(memory, BASE + SIZE - left))
    # in a process that runs, too
    with pytest.raises(GosnapError, match="not there"):
        read_buckets(moving([memory], [variables(BASE + SIZE - left)]))


def test_a_bucket_across_blocks_and_pages_that_were_never_touched() -> None:
    """The counters lie in a page that nobody wrote to: it is in no region, and reads as zero."""
    space = AddressSpace([(BASE, BASE + SIZE)])
    cut = 1 << 16
    raw = bucket(0, [7] * 10, 8, [(0, 0)] * 4)
    at = BASE + cut - 48 - 80
    space.add_region(BASE, bytes(cut - 128) + raw[:128])
    space.add_region(VARIABLES, variables(at))
    maps = mappings((VARIABLES, VARIABLES + 64), (BASE, BASE + SIZE))
    b = read_buckets(cast(GoProgram, FakeProgram(space, maps, 27)))
    assert b.pcs.tolist() == [7] * 10 and table(b.allocs).tolist() == [[0] * 4]


def test_more_than_any_program_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mprof, "_MAX_BYTES", 500)
    with pytest.raises(GosnapError, match="more than 500 bytes"):
        read_buckets(program(chain(ONE, TWO, NONE, ONE, TWO)))


@pytest.mark.parametrize(
    ("minor", "cycles"),
    [
        (27, [(1, 2), (0, 0), (0, 0), (0, 0)]),
        (27, [(0, 0), (0, 0), (0, 1), (0, 0)]),
        (27, [(1 << 60, 0), (0, 0), (0, 0), (0, 0)]),
        (27, [((1 << 64) - 1, 0), (1, 0), (0, 0), (0, 0)]),
    ],
)
def test_counters_that_contradict_themselves(minor: int, cycles: list[Counts]) -> None:
    b = read_buckets(program(chain(ONE, {**TWO, "cycles": cycles}, minor=minor), minor=minor))
    assert b.damaged == 1


def test_bytes_that_are_not_count_times_size() -> None:
    memory = bytearray(chain(ONE, TWO, minor=26))
    assert read_buckets(program(bytes(memory), minor=26)).damaged == 0
    struct.pack_into("<Q", memory, 48 + 16 + 16, 481)  # alloc_bytes of the first bucket's active
    assert read_buckets(program(bytes(memory), minor=26)).damaged == 1


@pytest.mark.parametrize("minor", range(21, 28))
def test_a_hash_that_is_not_that_of_the_stack(minor: int) -> None:
    good = chain(ONE, TWO, NONE, minor=minor)
    assert read_buckets(program(good, minor=minor)).damaged == 0
    # of the first bucket: its hash, its size, and both of its addresses, any bit of them
    for at in (24, 32, 48, 56):
        for bit in (0, 5, 31, 46):
            memory = bytearray(good)
            memory[at + bit // 8] ^= 1 << bit % 8
            b = read_buckets(program(bytes(memory), minor=minor))
            assert b.damaged == 1 and len(b) == 3


def test_the_order_of_a_stack_is_in_its_hash() -> None:
    memory = bytearray(chain(ONE))
    struct.pack_into("<Q", memory, 24, stack_hash([0x402000, 0x401000], 48))
    assert read_buckets(program(bytes(memory))).damaged == 1


@given(st.binary(max_size=4096), st.integers(0, 4096 // 8))
def test_any_bytes(memory: bytes, word: int) -> None:
    try:
        b = read_buckets(program(memory, BASE + 8 * word))
    except GosnapError:
        return
    assert len(b) * 112 <= len(memory) + 112


class Moving(RunningSpace):
    """A process whose memory is another one at each reading: the last of ``states`` stays."""

    def __init__(self, states: list[bytes], heads: list[bytes]) -> None:
        super().__init__(1, mappings((VARIABLES, VARIABLES + 64), (BASE, BASE + SIZE)))
        self.states, self.heads = states, heads
        self.reads = self.looks = 0

    def renew(self) -> None:
        pass

    # the state of locks is looked up behind the rate, and so belongs to the next look
    def _memory(self, at: int) -> bytes:
        if at < BASE:
            return self.heads[min(self.looks, len(self.heads) - 1)]
        return self.states[min(self.reads, len(self.states) - 1)].ljust(SIZE, b"\0")

    def read(self, addr: int, size: int) -> bytes:
        start = VARIABLES if addr < BASE else BASE
        data = self._memory(addr)[addr - start : addr - start + size]
        if addr == RATE:
            self.looks += 1
        return data

    def copy(self, source: Any, target: Any, length: Any) -> int:
        import ctypes

        for at, host, n in zip(source.tolist(), target.tolist(), length.tolist(), strict=True):
            ctypes.memmove(host, self._memory(at)[at - BASE : at - BASE + n], n)
        self.reads += 1
        return 0


def moving(states: list[bytes], heads: list[bytes] | None = None) -> GoProgram:
    space = Moving(states, heads or [variables(BASE)])
    return cast(GoProgram, FakeProgram(space, space.mappings, 27))


def counted(n: int, future: int = 0) -> bytes:
    return chain({**ONE, "cycles": [(n, 0), (0, 0), (future, 0), (0, 0)]}, TWO)


def test_a_process_that_comes_to_rest_is_read_as_it_is_then() -> None:
    b = read_buckets(moving([counted(i) for i in range(1, 7)]))
    assert table(b.allocs)[0].tolist() == [6, 0, 0, 0] and b.moving == 0


def test_a_process_that_samples_all_the_time_is_read_all_the_same() -> None:
    """future[1] grows with every reading; what cycle 0 publishes stays."""
    b = read_buckets(moving([counted(3, i) for i in range(1, 1000)]))
    assert table(b.allocs)[0, 0] == 3 and table(b.allocs)[0, 2] > 0 and b.moving == 1


def test_a_process_that_publishes_all_the_time_is_not_guessed_at() -> None:
    with pytest.raises(GosnapError, match="changed during each of 16 readings") as failed:
        read_buckets(moving([counted(i) for i in range(1, 1000)]))
    assert "gosnap capture" in failed.value.hint


def test_a_cycle_that_ends_in_between_is_read_again() -> None:
    heads = [variables(BASE, word) for word in range(0, 20, 2)]
    space = moving([counted(3)], heads)
    b = read_buckets(space)
    assert b.state.word == 18 and b.moving == 0


# a key of runtime.mutex: (held?)
KEYS = [
    (0, False),
    (1, True),
    (2, True),  # until Go 1.23: held, and others sleep
    (0x101, True),  # from Go 1.24 on: held, one spins
    (0xC000080003, True),  # held, with the last one that sleeps
    (0xC000080002, False),  # given back, and others are to be woken
    (0xC000080302, False),
    (0x100, False),
]


@pytest.mark.parametrize(("key", "held"), KEYS)
def test_which_keys_are_held(key: int, held: bool) -> None:
    for place in range(4):
        locks = tuple(key if i == place else 0 for i in range(4))
        b = read_buckets(program(chain(ONE, TWO), locks=locks))
        assert b.held == b.state.held == (1 << place if held else 0)


def _locked(*locks: tuple[int, int, int, int]) -> list[bytes]:
    return [variables(BASE, locks=each) for each in locks]


FREE, ACTIVE, FUTURE_0, FUTURE_1 = (0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)


@pytest.mark.parametrize("lock", [ACTIVE, FUTURE_0, FUTURE_1])
def test_a_writer_who_is_interrupted_half_way_is_not_believed(
    lock: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a flush, in many readings the same; then the writer goes on, and lets go of the lock."""
    waits: list[float] = []
    monkeypatch.setattr(mprof.time, "sleep", waits.append)
    half, whole = counted(3, 9), counted(12, 0)
    # each pass looks at the variables twice
    program_ = moving([half] * 6 + [whole], _locked(*[lock] * 10, FREE))
    b = read_buckets(program_)
    assert table(b.allocs)[0].tolist() == [12, 0, 0, 0] and (b.held, b.moving) == (0, 0)
    assert waits


def test_a_lock_between_two_readings_makes_a_third() -> None:
    for at in range(4):
        looks = [FREE] * 8
        looks[at] = ACTIVE
        process = moving([counted(3)], _locked(*looks))
        b = read_buckets(process)
        assert b.held == 0 and cast(Moving, process.space).reads >= 3 + at // 2


def test_a_lock_that_is_never_given_back_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mprof.time, "sleep", lambda _: None)
    b = read_buckets(moving([counted(3, 9)], _locked(ACTIVE)))
    assert b.held == 1 and table(b.allocs)[0].tolist() == [3, 0, 9, 0]
    # what is not published yet does not make what is doubtful
    b = read_buckets(moving([counted(3, i) for i in range(1000)], _locked(FUTURE_1)))
    assert b.held == 4 and b.moving == 1 and table(b.allocs)[0, 0] == 3
    # what changes while it is locked is nothing to go by
    with pytest.raises(GosnapError, match="changed during each"):
        read_buckets(moving([counted(i) for i in range(1, 1000)], _locked(ACTIVE)))


def test_estimates_are_toward_zero() -> None:
    """1/(1-exp(-size/rate)) in 50 digits; a float64 may be off by what it cannot hold."""
    getcontext().prec = 50
    rate = 524288
    size = np.array([16, 512, 4096, 524288, 1 << 22, 1 << 30] * 3, np.uint64)
    count = np.repeat(np.array([1, 3, 1000], np.int64), 6)
    objects, space = estimates(count, size, rate, False)
    for n, s, o, b in zip(count.tolist(), size.tolist(), objects.tolist(), space.tolist(), strict=True):
        scale = 1 / (1 - (-Decimal(s) / rate).exp())
        assert abs(Decimal(o) - int(n * scale)) <= n * scale * Decimal("1e-10")
        assert abs(Decimal(b) - int(n * s * scale)) <= 1 + n * s * scale * Decimal("1e-10")
    # exact where they can be worked out: 1/(1-1/e) = 1.58197670686932…
    assert estimates(np.array([1], np.int64), np.array([rate], np.uint64), rate, False)[0].tolist() == [1]
    objects, space = estimates(np.array([1000, -3], np.int64), np.array([rate] * 2, np.uint64), rate, True)
    assert objects.tolist() == [1581, -4]
    assert space.tolist() == [829411403, -2488234]


@pytest.mark.parametrize("rate", [1, 0, -5])
def test_all_sampled_is_not_scaled(rate: int) -> None:
    objects, space = estimates(np.array([7, 0], np.int64), np.array([48, 48], np.uint64), rate, True)
    assert (objects.tolist(), space.tolist()) == ([7, 0], [336, 0])


def test_columns_of_other_lengths() -> None:
    with pytest.raises(ValueError, match="length"):
        unsample(
            np.zeros(2, np.int64),
            np.zeros(1, np.uint64),
            1,
            True,
            np.zeros(2, np.int64),
            np.zeros(2, np.int64),
        )


@pytest.mark.parametrize(
    "wrong", [(0, 1 << 20), (4, 50), (6, 1000), (8, 0), (8, -8), (11, 16), (5, 8), (13, 48)]
)
def test_layouts_that_contradict_themselves(wrong: tuple[int, int]) -> None:
    good = [8, 16, 32, 40, 48, 64, 0, 16, 16, 0, 8, -1, -1, 24]
    Chain(0, tuple(good), 1, 1024, 1 << 30)
    good[wrong[0]] = wrong[1]
    with pytest.raises(ValueError, match="mprof"):
        Chain(0, tuple(good), 1, 1024, 1 << 30)


def specials(*rows: tuple[int, int, int], at: int = BASE) -> bytes:
    """(offset in the span, kind, bucket), as Go >= 1.24 links them."""
    out = b""
    for i, (offset, kind, b) in enumerate(rows):
        following = at + 32 * (i + 1) if i + 1 < len(rows) else 0
        out += struct.pack("<QQQQ", following, offset, kind, b)
    return out


def walk(memory: bytes, most: int = 1 << 20) -> tuple[list[int], list[int], int]:
    space = AddressSpace()
    space.add_region(BASE, memory)
    one = (np.array([v], np.uint64) for v in (0xC000000000, 48, BASE))
    objects, buckets, broken = sampled(kernel_space(space), *one, (24, 8, 8, 16, 24), 4, most)
    return np.frombuffer(objects, "<u8").tolist(), np.frombuffer(buckets, "<u8").tolist(), broken


def test_sampled_objects() -> None:
    memory = specials((0, 4, 111), (48, 2, 999), (48 * 3 + 8, 4, 222))
    assert walk(memory) == ([0xC000000000, 0xC000000000 + 144], [111, 222], 0)
    # a list that ends nowhere, one in a circle
    assert walk(struct.pack("<QQQQ", 0xDEAD, 0, 4, 1)) == ([0xC000000000], [1], 1)
    objects, _, broken = walk(struct.pack("<QQQQ", BASE, 0, 4, 1), most=1000)
    assert len(objects) == 1000 and broken == 1


def test_what_a_person_is_told() -> None:
    check_profiled("shop", State(head=1, word=0, rate=524288, disabled=False))
    # profiled until now, and what was sampled is there
    check_profiled("shop", State(head=1, word=0, rate=0, disabled=False))
    for state, why in (
        (State(0, 0, 0, True), "linker turned it off"),
        (State(0, 0, 0, False), "MemProfileRate is 0"),
        (State(0, 0, 524288, False), "nothing was sampled yet"),
    ):
        with pytest.raises(GosnapError, match=why) as failed:
            check_profiled("shop", state)
        assert "gosnap types" in failed.value.hint
