"""AddressSpace: reads over regions, zero ranges and holes."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap.errors import ReadError
from gosnap.target.space import AddressSpace

MODEL = 4096


def test_reads_inside_and_across_regions() -> None:
    space = AddressSpace()
    space.add_region(0x2000, b"world!!!")
    space.add_region(0x1FF8, b"hello   ")
    assert space.read(0x1FFB, 10) == b"lo   world"
    assert space.u64(0x2000) == int.from_bytes(b"world!!!", "little")
    assert space.u32(0x2004) == int.from_bytes(b"d!!!", "little")
    assert space.start.tolist() == [0x1FF8, 0x2000]
    assert space.end.tolist() == [0x2000, 0x2008]
    assert ctypes.string_at(int(space.host[1]), 5) == b"world"


def test_untouched_writable_memory_is_zero() -> None:
    space = AddressSpace([(0x1000, 0x3000), (0x3000, 0x4000)])
    space.add_region(0x2000, b"\xff" * 16)
    assert space.mapped == [(0x1000, 0x4000)]
    assert space.read(0x1FF8, 32) == bytes(8) + b"\xff" * 16 + bytes(8)
    with pytest.raises(ReadError, match="0x4000 is not mapped"):
        space.read(0x3FF8, 9)
    assert space.contains(0x3FF8, 8) and not space.contains(0x3FF8, 9)


def test_a_lying_length_allocates_nothing() -> None:
    space = AddressSpace()
    space.add_region(0x1000, b"abc")
    with pytest.raises(ReadError, match="0x1003"):
        space.read(0x1000, 1 << 60)
    with pytest.raises(ReadError, match="-1 bytes"):
        space.read(0x1000, -1)


def test_regions_must_not_overlap() -> None:
    space = AddressSpace()
    space.add_region(0x1000, bytes(16))
    for start in (0xFFF, 0x1000, 0x100F, 0xFF1):
        with pytest.raises(ReadError, match="overlap"):
            space.add_region(start, bytes(16))
    space.add_region(0x1010, bytes(16))
    space.add_region(0xFF0, bytes(16))
    with pytest.raises(ReadError):
        space.add_host((1 << 64) - 8, 16, 0, None)


def test_cstr_ends_at_nul_limit_or_mapping() -> None:
    space = AddressSpace()
    space.add_region(0x1000, b"name\0more" + b"x" * 600)
    assert space.cstr(0x1000) == b"name"
    assert space.cstr(0x1005) == b"more" + b"x" * 600
    assert space.cstr(0x1005, 3) == b"mor"
    with pytest.raises(ReadError):
        space.cstr(0x900)


@given(
    st.lists(st.tuples(st.integers(0, MODEL), st.binary(min_size=1, max_size=64)), max_size=12),
    st.lists(st.tuples(st.integers(0, MODEL), st.integers(0, 300)), max_size=6),
    st.integers(0, MODEL + 80),
    st.integers(0, 200),
)
def test_like_a_byte_by_byte_model(
    regions: list[tuple[int, bytes]], zeros: list[tuple[int, int]], at: int, size: int
) -> None:
    model: dict[int, int] = {}
    for start, length in zeros:
        model.update((a, 0) for a in range(start, start + length))
    space = AddressSpace((start, start + length) for start, length in zeros)
    taken: set[int] = set()
    for start, raw in regions:
        here = set(range(start, start + len(raw)))
        if here & taken:
            continue
        taken |= here
        space.add_region(start, raw)
        model.update(zip(range(start, start + len(raw)), raw, strict=True))
    wanted = range(at, at + size)
    if all(a in model for a in wanted):
        assert space.read(at, size) == bytes(model[a] for a in wanted)
    else:
        with pytest.raises(ReadError):
            space.read(at, size)
