"""What code says of types: small functions, assembled here, of which one can see what they do."""

import struct
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap._kernels.codefacts import CodeFacts
from gosnap.goruntime.codetypes import _FACT, ARRAY, CHAN, INSIDE, MAP, POINTER

BASE = 0x401000
TYPES = 0x600000
T, U, V = TYPES, TYPES + 0x40, TYPES + 0x80
DATA, DATA_END = 0x700000, 0x701000
G, H = DATA + 0x10, DATA + 0x20
DICTIONARY = 0x610000
AX, CX, DX, BX, SI, DI = 0, 1, 2, 3, 6, 7
NEW, NEW_SECOND, MAKE_SLICE, GROW, MAKE_MAP, USE_MAP, MAKE_CHAN, BARRIER, NEVER, GENERIC = range(1, 11)
HOLDS, IS, CLOSURE, RESULT, SLOT, OF_GENERIC = 1, 2, 3, 4, 5, 6

Piece = bytes | Callable[[int], bytes]


def lea(reg: int, target: int) -> Piece:
    """lea reg, [rip + …]"""
    return lambda at: bytes((0x48, 0x8D, 5 | reg << 3)) + struct.pack("<i", target - at - 7)


def load(reg: int, target: int) -> Piece:
    return lambda at: bytes((0x48, 0x8B, 5 | reg << 3)) + struct.pack("<i", target - at - 7)


def store(target: int, reg: int) -> Piece:
    return lambda at: bytes((0x48, 0x89, 5 | reg << 3)) + struct.pack("<i", target - at - 7)


def call(function: int) -> Piece:
    """A call of function number ``function``: each has 256 bytes."""
    return lambda at: b"\xe8" + struct.pack("<i", BASE + function * 256 - at - 5)


def spill(offset: int, reg: int) -> bytes:
    """mov [rsp+offset], reg"""
    return bytes((0x48, 0x89, 0x44 | reg << 3, 0x24, offset))


def reload(reg: int, offset: int) -> bytes:
    return bytes((0x48, 0x8B, 0x44 | reg << 3, 0x24, offset))


def jump(opcode: int, by: int) -> bytes:
    return bytes((opcode, by & 0xFF))


RET, ZERO_AX = b"\xc3", b"\x31\xc0"
JMP, JE = 0xEB, 0x74


def assemble(pieces: Sequence[Piece], start: int) -> bytes:
    out = b""
    for piece in pieces:
        out += piece if isinstance(piece, bytes) else piece(start + len(out))
    return out


def facts(
    code: Sequence[Piece],
    roles: Sequence[int] = (),
    *,
    receivers: Sequence[int] = (),
    results: Sequence[tuple[int, int]] = (),
    watched: Sequence[int] = (),
) -> set[tuple[int, int, int, int, int]]:
    """(fact, kind, where, value, offset) of function 0; function i + 1 has roles[i], and so on."""
    n = 1 + len(roles)
    body = assemble(code, BASE)
    assert len(body) <= 256
    text = body.ljust(256, b"\xcc") + (RET + b"\xcc" * 255) * len(roles)
    kernel = CodeFacts(
        text,
        BASE,
        np.arange(BASE, BASE + n * 256 + 1, 256, np.uint64),
        np.array([0, *roles], np.uint8),
        np.array([T, U, V], np.uint64),
        np.array([DATA, DATA_END], np.uint64),
    )
    of = np.zeros(n, np.int64)
    of[: len(receivers)] = receivers
    kernel.receivers(of)
    pairs = np.zeros((n, 2), np.int64)
    if results:
        pairs[1 : 1 + len(results)] = results
    kernel.results(pairs[:, 0].astype(np.uint8), np.ascontiguousarray(pairs[:, 1]))
    rows = np.frombuffer(kernel.run(np.zeros(1, np.int64), np.array(watched, np.uint64)), _FACT)
    return {
        (int(r["fact"]), int(r["kind"]), int(r["where"]), int(r["value"]), int(r["offset"])) for r in rows
    }


def held(found: set[tuple[int, int, int, int, int]]) -> set[tuple[int, int, int]]:
    return {(where, kind, value) for fact, kind, where, value, _ in found if fact == HOLDS}


def test_what_allocations_return() -> None:
    assert held(facts([lea(AX, T), call(1), store(G, AX), RET], [NEW])) == {(G, POINTER, T)}
    assert held(facts([lea(BX, T), call(1), store(G, AX), RET], [NEW_SECOND])) == {(G, POINTER, T)}
    assert held(facts([lea(AX, T), call(1), store(G, AX), RET], [MAKE_SLICE])) == {(G, ARRAY, T)}
    assert held(facts([lea(SI, T), call(1), store(G, AX), RET], [GROW])) == {(G, ARRAY, T)}
    assert held(facts([lea(AX, T), call(1), store(G, AX), RET], [MAKE_MAP])) == {(G, MAP, T)}
    assert held(facts([lea(AX, T), call(1), store(G, AX), RET], [MAKE_CHAN])) == {(G, CHAN, T)}
    assert held(facts([lea(AX, T), call(1), store(G, AX), RET], [0], results=[(MAP, U)])) == {(G, MAP, U)}
    # nothing is known of what any other returns, nor of the other registers
    assert not held(facts([lea(AX, T), call(1), store(G, AX), RET], [0]))
    assert not held(facts([lea(BX, T), call(1), store(G, BX), RET], [NEW]))


def test_what_uses_say() -> None:
    assert held(facts([lea(AX, T), load(BX, G), call(1), RET], [USE_MAP])) == {(G, MAP, T)}
    assert not held(facts([lea(AX, T), load(CX, G), call(1), RET], [USE_MAP]))
    assert held(facts([load(AX, G), call(1), RET], [0], receivers=[0, T])) == {(G, POINTER, T)}
    found = facts([lea(AX, G), call(1), RET], [0], receivers=[0, T])
    assert (IS, POINTER, G, T, 0) in found and not held(found)
    found = facts([lea(AX, G), lea(BX, DICTIONARY), call(1), RET], [GENERIC])
    assert (OF_GENERIC, 0, G, 1, DICTIONARY) in found
    # a method's own receiver, kept in a variable
    assert held(facts([store(G, AX), RET], receivers=[T])) == {(G, POINTER, T)}


def test_values_move() -> None:
    moved = b"\x48\x89\xc1"  # mov rcx, rax
    assert held(facts([lea(AX, T), call(1), moved, store(G, CX), RET], [NEW])) == {(G, POINTER, T)}
    kept = [lea(AX, T), call(1), spill(16, AX), call(2), reload(BX, 16), store(G, BX), RET]
    assert held(facts(kept, [NEW, 0])) == {(G, POINTER, T)}
    barrier = [lea(AX, T), call(1), call(2), store(G, AX), RET]
    assert held(facts(barrier, [NEW, BARRIER])) == {(G, POINTER, T)}
    assert not held(facts(barrier, [NEW, 0]))
    through = [lea(AX, T), call(1), lea(CX, G), b"\x48\x89\x41\x08", RET]  # mov [rcx+8], rax
    assert held(facts(through, [NEW])) == {(G + 8, POINTER, T)}
    swapped = [lea(AX, T), call(1), lambda at: b"\x48\x87\x05" + struct.pack("<i", G - at - 7), RET]
    assert held(facts(swapped, [NEW])) == {(G, POINTER, T)}
    inside = [lea(AX, T), call(1), b"\x48\x83\xc0\x08", store(G, AX), RET]  # add rax, 8
    assert held(facts(inside, [MAKE_SLICE])) == {(G, INSIDE, T)}
    assert not held(facts(inside, [NEW]))


OVERWRITTEN = {
    "xor": ZERO_AX,
    "mov eax, 1": b"\xb8\1\0\0\0",
    "mov eax, ecx": b"\x89\xc8",
    "add": b"\x48\x01\xc8",
    "pop": b"\x58",
    "xchg": b"\x48\x91",
    "cmov": b"\x48\x0f\x44\xc1",
    "movzx": b"\x0f\xb6\xc1",
    "sete": b"\x0f\x94\xc0",
    "mul": b"\x48\xf7\xe1",
    "cqo and div": b"\x48\x99\x48\xf7\xf9",
    "cmpxchg": b"\xf0\x48\x0f\xb1\x0b",
    "movq rax, xmm0": b"\x66\x48\x0f\x7e\xc0",
    "rdtsc": b"\x0f\x31",
    "cpuid": b"\x0f\xa2",
    "popcnt": b"\xf3\x48\x0f\xb8\xc1",
    "bswap": b"\x48\x0f\xc8",
    "andn": b"\xc4\xe2\xf0\xf2\xc1",
    "lea": b"\x48\x8d\x41\x08",
    "load": b"\x48\x8b\x01",
    "movsxd": b"\x48\x63\xc1",
    "rep stosq": b"\xf3\x48\xab",
    "call rcx": b"\xff\xd1",
}


@pytest.mark.parametrize("what", OVERWRITTEN)
def test_what_overwrites_a_register_ends_what_was_known(what: str) -> None:
    code = [lea(AX, T), call(1), OVERWRITTEN[what], store(G, AX), RET]
    assert not held(facts(code, [NEW]))


HARMLESS = {
    "cmp": b"\x48\x39\xc8",
    "test": b"\x48\x85\xc0",
    "nop": b"\x90",
    "long nop": b"\x0f\x1f\x40\x00",
    "movups": b"\x0f\x10\xc1",
    "bt": b"\x48\x0f\xa3\xc8",
    "cmp imm": b"\x48\x83\xf8\x01",
    "mov ecx, 1": b"\xb9\1\0\0\0",
    "store": b"\x48\x89\x01",
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_does_not_is_no_end(what: str) -> None:
    code = [lea(AX, T), call(1), HARMLESS[what], store(G, AX), RET]
    assert held(facts(code, [NEW])) == {(G, POINTER, T)}


@pytest.mark.parametrize(
    "write",
    [
        spill(16, CX),
        b"\x89\x4c\x24\x14",  # mov [rsp+20], ecx: the upper half
        b"\xc6\x44\x24\x17\x00",  # mov byte [rsp+23], 0
        b"\x44\x0f\x11\x7c\x24\x08",  # movups [rsp+8], xmm15
        b"\x48\x01\x4c\x24\x10",  # add [rsp+16], rcx
        b"\x48\x83\xec\x08",  # sub rsp, 8: all lie elsewhere
        b"\x50",  # push
        b"\x48\x89\x4c\xcc\x08",  # mov [rsp+rcx*8+8], rcx
    ],
)
def test_what_overwrites_a_frame(write: bytes) -> None:
    code = [lea(AX, T), call(1), spill(16, AX), write, reload(BX, 16), store(G, BX), RET]
    assert not held(facts(code, [NEW]))
    if write[:2] == b"\x48\x89":
        beside = [lea(AX, T), call(1), spill(16, AX), spill(24, CX), reload(BX, 16), store(G, BX), RET]
        assert held(facts(beside, [NEW])) == {(G, POINTER, T)}


def test_ways_meet() -> None:
    new = assemble([lea(AX, T), call(1)], BASE)
    # je over the second of two: what is stored may be either
    both = [new, jump(JE, 12), lea(AX, U), call(1), store(G, AX), RET]
    assert not held(facts(both, [NEW]))
    # nil on one of the ways is as good as the pointer
    nil = [new, jump(JE, 2), ZERO_AX, store(G, AX), RET]
    assert held(facts(nil, [NEW])) == {(G, POINTER, T)}
    # one of the ways never gets here
    panics = [new, jump(JE, 5), call(2), store(G, AX), RET]
    assert held(facts(panics, [NEW, NEVER])) == {(G, POINTER, T)}
    assert not held(facts(panics, [NEW, 0]))


def test_loops() -> None:
    # the value is carried around unchanged, and at the loop's end still known
    same = [lea(AX, T), call(1), spill(16, AX), call(2), reload(AX, 16), store(G, AX), jump(JE, -19), RET]
    assert held(facts(same, [NEW, 0])) == {(G, POINTER, T)}
    # in the second round another is: the first round alone must not tell
    other = [lea(AX, T), call(1), store(G, AX), lea(AX, U), call(1), jump(JE, -21), RET]
    assert not held(facts(other, [NEW]))


def test_what_cannot_be_known_is_not() -> None:
    known = [lea(AX, T), call(1), store(G, AX)]
    assert not facts([*known, b"\xff\xe0"], [NEW])  # jmp rax: any place may be led to
    assert not facts([*known, b"\x06", RET], [NEW])  # no instruction
    assert not held(facts([jump(JMP, 0x13), *known, RET], [NEW]))  # never reached
    # a descriptor's middle is none; a variable beyond the ranges is none
    assert not held(facts([lea(AX, T + 8), call(1), store(G, AX), RET], [NEW]))
    assert not held(facts([lea(AX, T), call(1), store(DATA_END, AX), RET], [NEW]))


def test_results_and_closures() -> None:
    found = facts([lea(AX, T), call(1), RET], [NEW])
    assert (RESULT, POINTER, 0, T, 0) in found
    assert any(f[0] == RESULT and f[1] == 0 for f in facts([call(1), RET], [0]))
    assert (RESULT, 1, 0, 0, 0) in facts([ZERO_AX, RET])
    # a new object whose first word is a function's address
    closure = [lea(AX, T), call(1), lea(CX, BASE + 512), b"\x48\x89\x08", RET]
    assert (CLOSURE, POINTER, BASE + 512, T, 0) in facts(closure, [NEW, 0])


def test_words_of_a_frame() -> None:
    code = [lea(AX, T), call(1), spill(16, AX), call(2), RET]
    where = BASE + 7 + 5 + 5
    for pc in range(where, where + 5):
        assert (SLOT, POINTER, pc, T, 16) in facts(code, [NEW, 0], watched=[pc])
    assert not [
        f for f in facts(code, [NEW, 0], watched=[where - 1, where + 5]) if f[0] == SLOT and f[2] < where
    ]


@given(
    st.binary(max_size=300),
    st.lists(st.integers(0, 12), max_size=4),
    st.lists(st.integers(0, 300), max_size=5).map(sorted),
)
def test_anything_at_all(code: bytes, roles: list[int], cuts: list[int]) -> None:
    places = [min(c, len(code)) for c in (cuts + [0] * 4)[: len(roles)]]
    entry = np.array(sorted([*places, len(code)]), np.uint64) + np.uint64(BASE)
    kernel = CodeFacts(
        code,
        BASE,
        entry,
        np.array(roles, np.uint8),
        np.array([T, U], np.uint64),
        np.array([DATA, DATA_END], np.uint64),
    )
    kernel.receivers(np.full(len(roles), T, np.int64))
    kernel.results(np.full(len(roles), POINTER, np.uint8), np.full(len(roles), U, np.int64))
    pcs = np.arange(BASE, BASE + len(code), 7, dtype=np.uint64)
    rows = np.frombuffer(kernel.run(np.arange(len(roles)), pcs), _FACT)
    assert set(np.unique(rows["fact"]).tolist()) <= {1, 2, 3, 4, 5, 6}
    assert all(
        v in (T, U) for v in rows["value"][np.isin(rows["fact"], (1, 5)) & (rows["kind"] > 2)].tolist()
    )


def test_what_does_not_fit_is_refused() -> None:
    entry, nothing = np.array([BASE, BASE + 4], np.uint64), np.zeros(0, np.uint64)
    role = np.zeros(1, np.uint8)
    for wrong in (
        (b"\x90" * 3, BASE, entry, role, nothing, nothing),
        (b"\x90" * 4, BASE + 1, entry, role, nothing, nothing),
        (b"\x90" * 4, BASE, entry, np.zeros(2, np.uint8), nothing, nothing),
        (b"\x90" * 4, BASE, entry[::-1].copy(), role, nothing, nothing),
        (b"\x90" * 4, BASE, entry, role, nothing, np.zeros(1, np.uint64)),
    ):
        with pytest.raises(ValueError, match="code"):
            CodeFacts(*wrong)
    kernel = CodeFacts(b"\x90" * 4, BASE, entry, role, nothing, nothing)
    for rows in ([-1], [1], [1 << 40]):
        with pytest.raises(ValueError, match="not there"):
            kernel.run(np.array(rows, np.int64), nothing)
    for n in (0, 2):
        with pytest.raises(ValueError, match="columns"):
            kernel.receivers(np.zeros(n, np.int64))
        with pytest.raises(ValueError, match="columns"):
            kernel.results(np.zeros(n, np.uint8), np.zeros(1, np.int64))
