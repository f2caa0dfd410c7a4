"""Span columns and type tables that lie, as tools/fuzz.py makes them: an error or an answer, and soon."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from fakeheap import PAGE, FakeHeap

from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space
from gosnap._kernels.propagate import Propagation
from gosnap._kernels.rtypes import RuntimeTypes
from gosnap._kernels.typeprog import TypePrograms

ARRAY, POINTER, STRUCT, UNSAFE_POINTER, INT = 17, 22, 25, 26, 2
BASE = 0xC000000000
OFFSETS = dict.fromkeys(
    ("swiss", "map_ptr", "map_len", "map_old", "map_extra", "table_groups", "chan_buf"), 0
)


@dataclass
class Types:
    """A type table; row 0 is no type. ``add`` returns the row."""

    rows: list[tuple[int, int, int, int, list[tuple[int, int]]]] = field(
        default_factory=lambda: [(0, 0, 0, 0, [])]
    )
    owner_role: int = 0
    offsets: dict[str, int] = field(default_factory=lambda: dict(OFFSETS))

    def add(
        self,
        kind: int,
        size: int,
        elem: int = 0,
        length: int = 0,
        fields: list[tuple[int, int]] | None = None,
    ) -> int:
        """``fields``: (offset, type)."""
        self.rows.append((kind, size, elem, length, fields or []))
        return len(self.rows) - 1

    def programs(self) -> TypePrograms:
        fields = [f for row in self.rows for f in row[4]]
        return TypePrograms(
            np.array([r[0] for r in self.rows], np.uint8),
            np.array([r[1] for r in self.rows], np.int64),
            np.array([r[2] for r in self.rows], np.int32),
            np.array([r[3] for r in self.rows], np.int64),
            np.zeros(len(self.rows), np.uint8),
            np.cumsum([0, *(len(r[4]) for r in self.rows)]).astype(np.int64),
            np.array([f[0] for f in fields], np.int64),
            np.array([f[1] for f in fields], np.int32),
        )

    def propagation(self, heap: Heap, rtypes: RuntimeTypes) -> Propagation:
        n = len(self.rows)
        zero = np.zeros(n, np.int32)
        return Propagation(
            heap,
            rtypes,
            self.programs(),
            zero,
            zero,
            zero,
            np.full(n, self.owner_role, np.uint8),
            np.zeros(0, np.uint64),
            np.zeros(1, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0, np.int32),
            np.full(4097, 1024, np.uint16),
            self.offsets,
        )


def propagate(types: Types, root: int, word: int = 0) -> list[int]:
    """The types of two objects of 1 KiB; the first is a root and is full of pointers to the second."""
    fake = FakeHeap(pages=1)
    s = fake.span(1, 1024, 32, noscan=True)
    first, second = fake.new(s, 0), fake.new(s, 1)
    for at in range(first, first + 1024, 8):
        fake.put(at, second + word)
    heap = fake.build()
    propagation = types.propagation(heap, fake.rtypes)
    out = np.zeros(heap.nobjects, np.uint32)
    propagation.run(np.array([first], np.uint64), np.array([root], np.int32), out)
    return out.tolist()


def test_arrays_inside_arrays_are_walked() -> None:
    """What the limits below must leave as it is."""
    t = Types()
    node = t.add(INT, 1024)
    pointer = t.add(POINTER, 8, node)
    inner = t.add(ARRAY, 64, pointer, 8)
    outer = t.add(ARRAY, 1024, inner, 16)
    assert propagate(t, outer) == [0, node]


def test_a_type_that_holds_itself_has_an_end() -> None:
    t = Types()
    node = t.add(INT, 1024)
    pointer = t.add(POINTER, 8, node)
    array = t.add(ARRAY, 1024, 4, 100)
    struct = t.add(STRUCT, 1024, fields=[(0, pointer), (0, array), (8, array)])
    assert struct == 4
    assert propagate(t, struct) == [0, node]


@pytest.mark.parametrize("size", [0, 1, 7])
def test_an_array_of_elements_too_small_has_an_end(size: int) -> None:
    t = Types()
    pointer = t.add(POINTER, 8, t.add(INT, 1024))
    lie = t.add(STRUCT, size, fields=[(0, pointer)])
    propagate(t, t.add(ARRAY, 1024, lie, 1 << 62))


def test_types_that_overlap_cost_no_more_than_their_memory() -> None:
    """Sixty levels of a hundred arrays each, all over the same bytes."""
    t = Types()
    last = t.add(POINTER, 8, t.add(INT, 1024))
    for _ in range(60):
        array = t.add(ARRAY, 1024, last, 128)
        last = t.add(STRUCT, 8, fields=[(0, array)] * 100)
    propagate(t, t.add(ARRAY, 1024, last, 128))


def test_a_type_without_pointers_to_follow_compiles_soon() -> None:
    """Four to the power of eighty unsafe pointers, none of which is an entry of the program."""
    t = Types()
    last = t.add(UNSAFE_POINTER, 8)
    for _ in range(80):
        last = t.add(ARRAY, 8, last, 4)
    assert propagate(t, last) == [0, 0]


@pytest.mark.parametrize("offset", [(1 << 63) - 1, (1 << 63) - 4, 1 << 62, 1 << 47, 1024, 1017])
def test_offsets_that_wrap_around_stay_inside(offset: int) -> None:
    """Offsets add up to just below 2**64: the word before the value."""
    t = Types()
    pointer = t.add(POINTER, 8, t.add(INT, 1024))
    one = t.add(STRUCT, 8, fields=[(offset, pointer)])
    two = t.add(STRUCT, 8, fields=[(offset, one)])
    four = t.add(STRUCT, 8, fields=[(offset, two)])
    huge = t.add(ARRAY, 8, t.add(STRUCT, offset, fields=[(0, pointer)]), 4)
    struct = t.add(STRUCT, 1024, fields=[(offset, one), (offset, two), (offset, four), (offset, huge)])
    assert propagate(t, struct) == [0, 0]


@pytest.mark.parametrize("name", [n for n in OFFSETS if n != "swiss"])
@pytest.mark.parametrize("offset", [-8, -1, PAGE, 1 << 40])
def test_fields_of_the_runtime_at_impossible_offsets(name: str, offset: int) -> None:
    t = Types()
    t.offsets[name] = offset
    with pytest.raises(ValueError, match=name):
        propagate(t, 0)


@pytest.mark.parametrize("role", [9, 16, 255])
def test_owners_in_a_role_that_none_has(role: int) -> None:
    t = Types(owner_role=role)
    with pytest.raises(ValueError, match="owner"):
        propagate(t, 0)


@pytest.mark.parametrize("row", [-1, 1, 1 << 30])
def test_runtime_types_of_a_row_that_is_not_there(row: int) -> None:
    fake = FakeHeap(pages=1)
    fake.new(fake.span(1, 1024, 32), 0, fake.rtype(8, [0]))
    heap = fake.build()
    rtypes = fake.runtime_types(np.array([8], np.int64), np.array([row], np.int32))
    with pytest.raises(ValueError, match="runtime type"):
        Types().propagation(heap, rtypes)


# ---- spans ----


def spans(
    base: int = BASE, npages: int = 1, elemsize: int = PAGE, manual: tuple[tuple[int, int], ...] = ()
) -> tuple[Heap, np.ndarray]:
    """One large span, which is really there, and spans of stacks."""
    memory = np.zeros(npages * PAGE, np.uint8)
    space = Space(*np.array([[BASE], [BASE + len(memory)], [memory.ctypes.data]], np.uint64))
    one, zero = np.ones(1, np.uint64), np.zeros(1, np.uint64)
    heap = Heap(
        space,
        one * base,
        one * npages,
        one * elemsize,
        one,
        np.zeros(1, np.uint32),
        np.zeros(1, np.uint8),
        one * memory.ctypes.data,
        zero,
        np.zeros(1, np.uint8),
        zero,
        np.array([m[0] for m in manual], np.uint64),
        np.array([m[1] for m in manual], np.uint64),
    )
    return heap, memory


@pytest.mark.parametrize("base", [(1 << 64) - PAGE, 1 << 63, 1 << 47, (1 << 47) - PAGE + 1])
def test_spans_outside_the_address_space(base: int) -> None:
    with pytest.raises(ValueError, match="heap:"):
        spans(base)
    with pytest.raises(ValueError, match="heap: manual"):
        spans(manual=((base, 1),))


@pytest.mark.parametrize(
    "manual",
    [
        ((PAGE, (1 << 34) - 2),),  # all of the address space
        ((BASE, 1 << 28),),
        ((BASE, 1 << 20),) * 100_000,  # the same stack many times over
        tuple((i << 26, 1) for i in range(1, 20_000)),  # one stack in each of 20,000 arenas
    ],
)
def test_stacks_of_more_memory_than_there_is(manual: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="more memory than there is"):
        spans(manual=manual)


def test_stacks_are_told_from_the_heap() -> None:
    heap, _ = spans(manual=((BASE + 2 * PAGE, 4), (BASE + (1 << 36), 8)))
    assert heap.find(BASE + 3 * PAGE)[0] == -4
    assert heap.find(BASE + (1 << 36) + 7 * PAGE)[0] == -4
    assert heap.find(BASE + PAGE)[0] == -2


def test_a_large_object_ends_where_its_size_ends() -> None:
    heap, _memory = spans(npages=4, elemsize=PAGE)
    bits = np.ones(8, np.uint8)
    zero, small = np.zeros(1, np.uint64), np.zeros(1, np.uint8)
    where = np.array([bits.ctypes.data], np.uint64)
    counts = np.zeros(1, np.uint32)
    heap.enumerate(zero, zero, where, zero, small, small, counts, counts)
    assert heap.find(BASE + PAGE - 1)[0] == 0
    assert heap.find(BASE + PAGE)[0] == -3
    assert heap.find(BASE + 4 * PAGE - 1)[0] == -3
