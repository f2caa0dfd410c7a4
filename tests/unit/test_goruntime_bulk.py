"""Reading many structures at once, from this process, and tables of spans and goroutines made of garbage."""

import ctypes
import mmap
import os
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.errors import GosnapError
from gosnap.goruntime.bulk import Structs, read_pointers
from gosnap.goruntime.census import CensusTaker, tally
from gosnap.goruntime.layout import Field, Layouts
from gosnap.goruntime.survey import Surveyor
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


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, PAGES * 4096 - 512), max_size=60),
    st.integers(1, 500),
    st.lists(st.integers(0, (1 << 64) - 1), max_size=5),
    st.data(),
)
def test_fields_are_what_is_there(
    own: Own, offsets: list[int], size: int, strays: list[int], data: st.DataObject
) -> None:
    align = data.draw(st.sampled_from([1, 8]))
    places = [own.base + o // align * align for o in offsets]
    inside = [a for a in places if a + size <= own.hole[0] or a >= own.hole[1]]
    # addresses of nothing at all: below the first page that a process may map, and beyond all of them
    lost = [a for a in strays if a < 4096 or a >= 1 << 47]
    structs = Structs(np.array(inside + lost, np.uint64), size)
    width = data.draw(st.sampled_from([w for w in (1, 2, 4, 8) if w <= size]))
    at = data.draw(st.integers(0, size - width))
    for _ in range(2):
        structs.read(own.space)
        got = structs.column(Field(at, width)).tolist()
        there = [int.from_bytes(own.bytes_at(a + at, width), "little") for a in inside]
        assert got == there + [0] * len(lost)


def test_what_is_missing_is_zero_and_takes_nothing_else_with_it(own: Own) -> None:
    at = [own.hole[0] - 104, own.hole[0] + 8, own.hole[1]]
    structs = Structs(np.array(at, np.uint64), 104)
    for _ in range(2):
        structs.read(own.space)
        for offset in (0, 96):
            got = structs.column(Field(offset, 8)).tolist()
            words = [int.from_bytes(own.bytes_at(at[i] + offset, 8), "little") for i in (0, 2)]
            assert got == [words[0], 0, words[1]]


def test_a_second_reading_is_of_that_moment(own: Own) -> None:
    word = ctypes.c_uint64(5)
    structs = Structs(np.array([ctypes.addressof(word)], np.uint64), 8)
    space = RunningSpace(os.getpid(), procfs.read_maps(os.getpid()))
    structs.read(space)
    assert structs.column(Field(0, 8)).tolist() == [5]
    word.value = 1 << 63
    structs.read(space)
    assert structs.column(Field(0, 8)).tolist() == [1 << 63]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 3)), max_size=400))
def test_tally_is_a_counter(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([r[i] for r in rows], np.uint64) for i in range(3)]
    assert tally(columns) == Counter(rows)


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

    def variable_size(self, symbol: str) -> int | None:
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
        table = Surveyor(program).look()
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
