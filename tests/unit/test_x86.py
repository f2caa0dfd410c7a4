"""Machine code is understood as the processor's manual has it (Intel SDM, volume 2)."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap._kernels.x86 import lengths, references
from gosnap.goruntime.code import CALL, JUMP, LEA, LOAD, OTHER, ROW, STORE, calls, operands

WHOLE = [
    # encodings as the manual's opcode map, tables 2-2 (ModR/M) and 2-3 (SIB) give them
    "90",  # nop
    "c3",  # ret
    "c21000",  # ret imm16
    "c8100000",  # enter imm16, imm8
    "55",  # push rbp
    "4157",  # push r15
    "4889e5",  # mov rbp, rsp
    "4883ec20",  # sub rsp, imm8
    "4881ec00010000",  # sub rsp, imm32
    "b801000000",  # mov eax, imm32
    "66b80100",  # mov ax, imm16
    "48b80102030405060708",  # mov rax, imm64
    "b001",  # mov al, imm8
    "48c7c001000000",  # mov rax, imm32
    "c60001",  # mov byte [rax], imm8
    "66c7000100",  # mov word [rax], imm16
    "488b442408",  # mov rax, [rsp+8]
    "488b8424f0000000",  # mov rax, [rsp+disp32]
    "488b04c8",  # mov rax, [rax+rcx*8]
    "488b04cd10000000",  # mov rax, [rcx*8+disp32], no base
    "498b4500",  # mov rax, [r13+0]
    "488b0510000000",  # mov rax, [rip+disp32]
    "48a10102030405060708",  # mov rax, moffs64
    "f60001",  # test byte [rax], imm8
    "f7d8",  # neg eax: no immediate
    "f7c001000000",  # test eax, imm32
    "66f7c00100",  # test ax, imm16
    "6bc005",  # imul eax, eax, imm8
    "69c005000000",  # imul eax, eax, imm32
    "7405",  # je rel8
    "0f8405000000",  # je rel32
    "eb05",  # jmp rel8
    "e905000000",  # jmp rel32
    "e805000000",  # call rel32
    "ff2500000000",  # jmp [rip]
    "ffd0",  # call rax
    "0f0b",  # ud2
    "0f05",  # syscall
    "0fa2",  # cpuid
    "0fb6c0",  # movzx eax, al
    "480fbae03f",  # bt rax, 63
    "0fc8",  # bswap eax
    "0f1f4000",  # nop [rax]
    "660f1f840000000000",  # nop word [rax+rax+disp32]
    "0f1000",  # movups xmm0, [rax]
    "440f117c2410",  # movups [rsp+16], xmm15
    "660f3a0fc108",  # palignr xmm0, xmm1, imm8
    "660f3800c1",  # pshufb xmm0, xmm1
    "f20f38f1c1",  # crc32 eax, ecx
    "f3a4",  # rep movsb
    "f04883400801",  # lock add qword [rax+8], imm8
    "64488b0425f8ffffff",  # mov rax, fs:[disp32]
    "c5f877",  # vzeroupper
    "c5fc28c1",  # vmovaps ymm0, ymm1
    "c4e37d46c120",  # vperm2i128 ymm0, ymm0, ymm1, imm8
    "62f17c4828c1",  # vmovaps zmm0, zmm1
    "62f17c48284001",  # vmovaps zmm0, [rax+64], disp8*64
    "62f3fd4803c101",  # valignq zmm0, zmm0, zmm1, imm8
    "cc",  # int3
]


@pytest.mark.parametrize("encoding", WHOLE)
def test_an_instruction_is_as_long_as_it_is(encoding: str) -> None:
    code = bytes.fromhex(encoding)
    assert lengths(code) == [len(code)]
    # whatever follows is no part of it; whatever is missing makes it none
    assert lengths(code + b"\xcc")[0] == len(code)
    for n in range(1, len(code)):
        assert lengths(code[:n])[0] < len(code)


@given(st.lists(st.sampled_from(WHOLE), max_size=40))
def test_one_behind_the_other(encodings: list[str]) -> None:
    parts = [bytes.fromhex(e) for e in encodings]
    assert lengths(b"".join(parts)) == [len(p) for p in parts]


@given(st.binary(max_size=400), st.integers(0, (1 << 64) - 1))
def test_anything_at_all(code: bytes, base: int) -> None:
    found = lengths(code)
    assert all(0 <= n <= 15 for n in found) and sum(found) <= len(code)
    assert sum(found) == len(code) or found[-1] == 0
    raw, swept = references(code, base)
    assert swept == sum(found)
    rows = np.frombuffer(raw, ROW)
    assert len(rows) <= len(found)
    starts = {(base + int(n)) % (1 << 64) for n in np.cumsum([0, *found])}
    assert set(rows["pc"].tolist()) <= starts


def test_what_is_referred_to() -> None:
    base = 0x401000
    parts: list[tuple[bytes, int, int, int, int]] = []
    at = base
    for head, op, reg, size, tail in (
        ("488d05", LEA, 0, 8, b""),  # lea rax, [rip+d]
        ("4c8d3d", LEA, 15, 8, b""),  # lea r15
        ("488b1d", LOAD, 3, 8, b""),  # mov rbx, [rip+d]
        ("8b0d", LOAD, 1, 4, b""),  # mov ecx
        ("488905", STORE, 0, 8, b""),  # mov [rip+d], rax
        ("833d", OTHER, 7, 4, b"\0"),  # cmp dword [rip+d], imm8: the immediate is before the end
        ("48c705", OTHER, 0, 8, b"\0\0\0\0"),
        ("0f1105", OTHER, 0, 0, b""),  # movups [rip+d], xmm0
        ("e8", CALL, 0, 0, b""),
        ("e9", JUMP, 0, 0, b""),
    ):
        target = 0x500000 + at % 97 * 8
        n = len(head) // 2 + 4 + len(tail)
        code = bytes.fromhex(head) + struct.pack("<i", target - at - n) + tail
        parts.append((code, op, target, reg, size))
        at += n
    raw, swept = references(b"".join(p[0] for p in parts), base)
    rows = np.frombuffer(raw, ROW)
    assert swept == at - base
    for row, (code, op, target, reg, size) in zip(rows, parts, strict=True):
        assert (row["op"], row["target"], row["length"]) == (op, target, len(code))
        if op in (LEA, LOAD, STORE):
            assert (row["reg"], row["size"]) == (reg, size)
        if op == OTHER:
            assert row["size"] == size
    ranges = [(0x500000, 0x500100), (0x500200, 0x600000)]
    wanted = [p[2] for p in parts[:8] if any(a <= p[2] < b for a, b in ranges)]
    assert operands(b"".join(p[0] for p in parts), base, ranges).tolist() == wanted


def test_calls_behind_what_is_not_understood() -> None:
    call = b"\xe8" + struct.pack("<i", 0x100)
    code = call + b"\x06" + bytes(10) + call  # 06: no instruction in 64-bit mode
    entry = np.array([0x1000, 0x1005, 0x1010, 0x1015], np.uint64)
    pc, target = calls(code, 0x1000, entry)
    assert pc.tolist() == [0x1000, 0x1010]
    assert target.tolist() == [0x1105, 0x1115]
