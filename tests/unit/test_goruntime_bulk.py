"""Reading many structures at once, from this process, and tables of spans and goroutines made of garbage."""

import ctypes
import mmap
import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.errors import GosnapError
from gosnap.goruntime.bulk import column, read_pointers, read_structs
from gosnap.goruntime.census import CensusTaker
from gosnap.goruntime.layout import Layouts
from gosnap.goruntime.survey import survey
from gosnap.target import procfs
from gosnap.target.peek import RunningSpace

PAGES = 64


class Own:
    """Memory of this process, with a hole, as if it were a target's."""

    def __init__(self) -> None:
        self.map = mmap.mmap(-1, PAGES * 4096)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.map.write(bytes(np.random.default_rng(7).integers(0, 256, PAGES * 4096, np.uint8)))
        # nothing may be read in the middle
        self.hole = (self.base + 20 * 4096, self.base + 24 * 4096)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(self.hole[0]), 4 * 4096, 0) == 0
        self.space = RunningSpace(os.getpid(), procfs.read_maps(os.getpid()))

    def bytes_at(self, address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)


@pytest.fixture(scope="module")
def own() -> Own:
    return Own()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, PAGES * 4096 - 512), max_size=60),
    st.integers(1, 500),
    st.lists(st.integers(0, (1 << 64) - 1), max_size=5),
)
def test_structures_are_what_is_there(own: Own, offsets: list[int], size: int, strays: list[int]) -> None:
    inside = [
        own.base + o for o in offsets if own.base + o + size <= own.hole[0] or own.base + o >= own.hole[1]
    ]
    # addresses of nothing at all: below the first page that a process may map, and beyond all of them
    lost = [a for a in strays if a < 4096 or a >= 1 << 47]
    table = read_structs(own.space, np.array(inside + lost, np.uint64), size)
    for i, address in enumerate(inside):
        assert table[i].tobytes() == own.bytes_at(address, size)
    assert not table[len(inside) :].any()


def test_what_is_missing_is_zero_and_takes_nothing_else_with_it(own: Own) -> None:
    at = [own.hole[0] - 100, own.hole[0] + 8, own.hole[1]]
    table = read_structs(own.space, np.array(at, np.uint64), 100)
    assert table[0].tobytes() == own.bytes_at(at[0], 100)
    assert not table[1].any()
    assert table[2].tobytes() == own.bytes_at(at[2], 100)


def test_columns() -> None:
    table = np.arange(32, dtype=np.uint8).reshape(2, 16)
    assert column(table, 3, 2).tolist() == [0x0403, 0x1413]
    assert column(table, 15, 1).tolist() == [15, 31]


class Garbage:
    """A program whose tables are what a test wrote into a page of this process."""

    def __init__(self) -> None:
        self.map = mmap.mmap(-1, 16 * 4096)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.space = RunningSpace(os.getpid(), procfs.read_maps(os.getpid()))
        self.layouts = Layouts(None, 26)
        self.elf = SimpleNamespace(symbol=lambda name: None)
        self.bias = 0

    def address(self, symbol: str) -> int | None:
        return None

    def need_address(self, symbol: str) -> int:
        offset = self.layouts.need("runtime.mheap", "allspans").offset
        return self.base - (offset if symbol == "runtime.mheap_" else 0)


@pytest.fixture(scope="module")
def garbage() -> Garbage:
    return Garbage()


WORDS = st.one_of(st.integers(0, (1 << 64) - 1), st.integers(0, 64), st.integers(0, 1 << 20))


@settings(max_examples=300, deadline=None)
@given(
    header=st.one_of(
        st.tuples(WORDS, WORDS),
        st.tuples(st.just(-1), st.integers(1, 40)),
    ),
    pointers=st.lists(st.one_of(WORDS, st.integers(-4096, 60000)), min_size=40, max_size=40),
    body=st.binary(min_size=0, max_size=8192),
)
def test_garbage_is_an_error_or_is_left_out(
    garbage: Garbage, header: tuple[int, int], pointers: list[int], body: bytes
) -> None:
    base = garbage.base
    where = base + 64 if header[0] == -1 else header[0]
    words = np.zeros(48, np.uint64)
    words[0], words[1] = where, header[1]
    # small numbers are places within the body
    words[8:48] = [p if p >= 0 and p > 60000 else (base + 4096 + p) % (1 << 64) for p in pointers]
    garbage.map[: 48 * 8] = words.tobytes()
    garbage.map[4096 : 4096 + len(body)] = body
    program: Any = garbage
    try:
        table = survey(program)
    except GosnapError as e:
        assert "makes no sense" in e.message or "no Go program" in e.message
    else:
        rows = np.concatenate([table.base, table.manual_base])
        assert len(np.unique(rows)) == len(rows)
        assert bool((table.objects <= table.slots).all())
        assert bool((table.size_class < 68).all())
    try:
        taken = CensusTaker(program, Names()).take()  # type: ignore[arg-type]
    except GosnapError as e:
        assert "makes no sense" in e.message or "no Go program" in e.message
    else:
        assert taken.user + taken.system == sum(g.count for g in taken.groups) <= taken.structures


class Names:
    """Function tables that know nothing."""

    def resolve(self, pcs: object) -> SimpleNamespace:
        return SimpleNamespace(names=[""], name=np.zeros(1, np.uint32))


def test_a_list_that_lies_about_its_length_is_an_error(garbage: Garbage) -> None:
    words = np.array([garbage.base + 64, 1 << 40], np.uint64)
    garbage.map[:16] = words.tobytes()
    with pytest.raises(GosnapError, match="makes no sense"):
        read_pointers(garbage.space, garbage.base, 1 << 27, "runtime.allgs")
