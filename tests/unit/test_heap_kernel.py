"""The kernels on heaps made by hand: objects, look-ups, edges by every pointer mask, hostile columns."""

import itertools
import random

import numpy as np
import pytest
from fakeheap import PAGE, TYPES_AT, FakeHeap
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels.edges import HeapBits, scan_spans
from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space
from gosnap._kernels.rtypes import RuntimeTypes


def edges_of(fake: FakeHeap, heap: Heap) -> tuple[dict[int, list[int]], tuple]:
    degree = np.zeros(heap.nobjects, np.uint32)
    result = scan_spans(heap, fake.rtypes, 0, len(fake.spans), degree)
    targets = np.frombuffer(result[0], np.uint32).tolist()
    steps = np.frombuffer(result[1], np.uint16).astype(np.int64)
    far = np.frombuffer(result[2], np.uint64).reshape(-1, 2)
    assert np.flatnonzero(steps == 0xFFFF).tolist() == far[:, 0].tolist()
    steps[far[:, 0].astype(np.int64)] = far[:, 1]
    addresses = np.zeros(max(heap.nobjects, 1), np.uint64)
    heap.addresses(addresses)
    out: dict[int, list[int]] = {}
    at = 0
    for i in range(heap.nobjects):
        n = int(degree[i])
        # each reference is where it is said to be
        where = np.uint64(addresses[i]) + np.cumsum(steps[at : at + n]).astype(np.uint64) * np.uint64(8)
        words, there = np.zeros(n, np.uint64), np.zeros(n, np.uint8)
        assert n == 0 or fake.space.gather(where, 8, words.view(np.uint8), there) == 0
        assert [heap.find(int(w))[0] for w in words] == targets[at : at + n]
        out[int(addresses[i])] = sorted(int(addresses[t]) for t in targets[at : at + n])
        at += n
    assert at == len(targets)
    return {a: t for a, t in out.items() if t}, result[3:]


def test_objects_are_the_allocated_slots() -> None:
    fake = FakeHeap()
    small = fake.span(1, 48, 5)
    bytes_ = fake.span(1, 16, 2, noscan=True)
    large = fake.span(5, 5 * PAGE, 0, noscan=True)
    for slot in (0, 1, 63, 64, 65, small.nelems - 1):
        fake.new(small, slot)
    for slot in range(0, bytes_.nelems, 3):
        fake.new(bytes_, slot)
    fake.new(large, 0)
    heap = fake.build()
    addresses = np.zeros(heap.nobjects, np.uint64)
    assert heap.addresses(addresses) == heap.nobjects
    assert addresses.tolist() == fake.slots()
    assert fake.counts.tolist() == [6, len(bytes_.allocated), 1]


def test_find_tells_objects_from_free_slots_and_free_memory() -> None:
    fake = FakeHeap()
    s = fake.span(1, 48, 5)
    first = fake.new(s, 0)
    third = fake.new(s, 3)
    heap = fake.build()
    assert heap.find(first)[0] == 0
    assert heap.find(first + 47)[0] == 0
    assert heap.find(third + 8)[0] == 1
    assert heap.find(first + 48)[0] == -3
    assert heap.find(s.base + s.nelems * 48)[0] == -3
    assert heap.find(s.base + PAGE)[0] == -2
    assert heap.find(0x1000)[0] == -1
    assert heap.find(s.base + (1 << 40))[0] == -1
    assert heap.find((1 << 64) - 1)[0] == -1


def test_freeindex_allocates_everything_below_it() -> None:
    fake = FakeHeap()
    s = fake.span(1, 64, 6, noscan=True)
    fake.new(s, 100)
    heap = fake.build()
    fake.args["freeindex"] = np.array([70], np.uint64)
    fake.args["scanindex"] = np.array([70], np.uint64)
    heap.enumerate(*fake.args.values(), fake.counts)
    assert heap.nobjects == 71
    assert heap.find(s.base + 69 * 64)[0] == 69
    assert heap.find(s.base + 70 * 64)[0] == -3
    assert heap.find(s.base + 100 * 64)[0] == 70


def test_unswept_spans_use_mark_bits_and_inline_marks() -> None:
    fake = FakeHeap()
    s = fake.span(1, 64, 6, noscan=True)
    for slot in (1, 2, 3):
        fake.new(s, slot)
    heap = fake.build()
    marks = np.zeros(16, np.uint8)
    marks[0] = 0b0000_0100
    fake.arena[PAGE - 64] = 0b0001_0000
    fake.arena[PAGE - 1] = 0xFF  # the class byte behind the marks is not a mark
    fake.args["mode"] = np.array([1], np.uint8)
    fake.args["mark_host"] = np.array([marks.ctypes.data], np.uint64)
    heap.enumerate(*fake.args.values(), fake.counts)
    assert heap.nobjects == 1
    fake.args["inline_marks"] = np.array([1], np.uint8)
    heap.enumerate(*fake.args.values(), fake.counts)
    assert heap.nobjects == 2
    assert heap.find(s.base + 2 * 64)[0] == 0
    assert heap.find(s.base + 4 * 64)[0] == 1


def test_in_span_bits_across_word_borders() -> None:
    fake = FakeHeap()
    s = fake.span(1, 48, 5)
    objects = [fake.new(s, i) for i in range(s.nelems)]
    expected: dict[int, list[int]] = {}
    rng = random.Random(1)
    for a in objects:
        for w in range(6):
            if rng.random() < 0.4:
                target = rng.choice(objects)
                fake.pointer(s, a + w * 8, target + rng.randrange(48))
                expected.setdefault(a, []).append(target)
            else:
                fake.put(a + w * 8, rng.choice(objects))  # looks like a pointer, is none
    got, (dangling, bad, conservative, unpublished, _) = edges_of(fake, fake.build())
    assert got == {a: sorted(t) for a, t in expected.items()}
    assert (dangling, bad, conservative, unpublished) == (0, 0, 0, 0)


def test_malloc_headers_tile_the_mask_over_the_slot() -> None:
    fake = FakeHeap()
    node = fake.span(1, 48, 5)
    a, b = fake.new(node, 0), fake.new(node, 7)
    item = fake.rtype(24, [1])  # {int, *node, int}
    array = fake.span(1, 1024, 32)
    data = fake.new(array, 2, header=item)
    for i in range(42):  # 42 * 24 = 1008 of 1016 bytes
        fake.pointer(array, data + i * 24 + 8, a if i % 2 else b)
        fake.put(data + i * 24, a)
    got, (dangling, bad, *_rest) = edges_of(fake, fake.build())
    assert got == {data - 8: [a] * 21 + [b] * 21}
    assert (dangling, bad) == (0, 0)


def test_wide_masks_beyond_64_words() -> None:
    fake = FakeHeap()
    node = fake.span(1, 48, 5)
    a = fake.new(node, 0)
    words = [0, 63, 64, 65, 127, 128, 199]
    wide = fake.rtype(1600, words)
    s = fake.span(1, 1792, 37)
    data = fake.new(s, 1, header=wide)
    for w in range(200):
        fake.put(data + w * 8, a)
    got, _ = edges_of(fake, fake.build())
    assert got == {data - 8: [a] * len(words)}


def test_large_objects_use_their_span_type() -> None:
    fake = FakeHeap()
    large = fake.span(6, 6 * PAGE, 0)
    t = fake.rtype(16, [0])
    data = fake.new(large, 0, header=t)
    for i in range(6 * PAGE // 16):
        fake.put(data + i * 16, data + 8)
    got, _ = edges_of(fake, fake.build())
    assert got == {data: [data] * (6 * PAGE // 16)}


def test_large_object_without_type_has_no_pointers() -> None:
    fake = FakeHeap()
    large = fake.span(6, 6 * PAGE, 0)
    data = fake.new(large, 0, header=0)
    fake.put(data, data)
    got, (dangling, bad, *_rest) = edges_of(fake, fake.build())
    assert got == {}
    assert (dangling, bad) == (0, 0)


def test_dangling_pointers_are_counted_and_named() -> None:
    fake = FakeHeap()
    s = fake.span(1, 48, 5)
    a = fake.new(s, 0)
    fake.pointer(s, a, s.base + 5 * 48)  # a free slot
    fake.pointer(s, a + 8, s.base + 100 * PAGE)  # a page of no span
    fake.pointer(s, a + 16, 0x1234)  # outside the heap: fine
    _, (dangling, _bad, _c, _u, which) = edges_of(fake, fake.build())
    assert dangling == 2
    assert which == [(a, s.base + 5 * 48), (a, s.base + 100 * PAGE)]


@pytest.mark.parametrize("header", [0, 1, TYPES_AT + 8192 + 3, 0xDEAD000, (1 << 64) - 8])
def test_bad_headers_are_counted(header: int) -> None:
    fake = FakeHeap()
    s = fake.span(1, 1024, 32)
    fake.new(s, 0, header=header)
    _, (_dangling, bad, *_rest) = edges_of(fake, fake.build())
    assert bad == 1


def test_unpublished_slots_are_not_scanned() -> None:
    fake = FakeHeap()
    s = fake.span(1, 48, 5)
    a = fake.new(s, 0)
    fake.pointer(s, a, s.base + 400)  # junk
    heap = fake.build()
    empty = np.zeros(64, np.uint8)
    fake.args["alloc_host"] = np.array([empty.ctypes.data], np.uint64)
    fake.args["freeindex"] = np.array([1], np.uint64)
    heap.enumerate(*fake.args.values(), fake.counts)
    assert heap.nobjects == 1
    _, (dangling, _bad, _c, unpublished, _) = edges_of(fake, heap)
    assert (dangling, unpublished) == (0, 1)


def test_threads_over_ranges_give_the_same_edges() -> None:
    fake = FakeHeap()
    spans = [fake.span(1, 48, 5) for _ in range(20)]
    rng = random.Random(2)
    objects = [(s, fake.new(s, i)) for s in spans for i in rng.sample(range(s.nelems), 50)]
    for s, a in objects:
        fake.pointer(s, a, rng.choice(objects)[1])
    heap = fake.build()
    degree = np.zeros(heap.nobjects, np.uint32)
    whole = np.frombuffer(scan_spans(heap, fake.rtypes, 0, 20, degree)[0], np.uint32).tolist()
    again = np.zeros(heap.nobjects, np.uint32)
    parts = [
        np.frombuffer(scan_spans(heap, fake.rtypes, lo, lo + 5, again)[0], np.uint32).tolist()
        for lo in (0, 5, 10, 15)
    ]
    assert list(itertools.chain.from_iterable(parts)) == whole
    assert again.tolist() == degree.tolist()


def test_the_scan_needs_its_own_heap_and_prepared_types() -> None:
    fake, other = FakeHeap(), FakeHeap()
    heap, degree = fake.build(), np.zeros(0, np.uint32)
    none = np.zeros(0, np.uint64)
    scan_spans(heap, fake.rtypes, 0, 0, degree, HeapBits(heap, none, none, none))
    with pytest.raises(ValueError, match="another heap"):
        scan_spans(heap, fake.rtypes, 0, 0, degree, HeapBits(other.build(), none, none, none))
    with pytest.raises(ValueError, match="prepare"):
        scan_spans(heap, fake.runtime_types(none.view("i8"), none.astype("i4")), 0, 0, degree)


def test_overlapping_spans_are_refused() -> None:
    fake = FakeHeap()
    fake.span(2, 48, 5)
    fake.next_page -= 1
    fake.span(2, 48, 5)
    with pytest.raises(ValueError, match="overlap"):
        fake.build()


@pytest.mark.parametrize(
    ("start", "end"), [([5], [5]), ([10], [5]), ([0, 5], [6, 9]), ([9, 0], [12, 3]), ([0], [(1 << 47) + 1])]
)
def test_space_refuses_bad_ranges(start: list[int], end: list[int]) -> None:
    with pytest.raises(ValueError, match="ranges"):
        Space(np.array(start, np.uint64), np.array(end, np.uint64), np.array(start, np.uint64))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_hostile_span_columns_never_crash(data: st.DataObject) -> None:
    """Whatever the span columns claim: ValueError, or a heap that stays inside its bytes."""
    arena = np.zeros(16 * PAGE, np.uint8)
    base = 0xC000000000
    space = Space(
        np.array([base], np.uint64),
        np.array([base + len(arena)], np.uint64),
        np.array([arena.ctypes.data], np.uint64),
    )
    numbers = st.one_of(
        st.integers(0, 64), st.integers(0, (1 << 64) - 1), st.sampled_from([PAGE, 48, 512, 1024, 32768])
    )
    n = data.draw(st.integers(1, 3))
    columns = {
        k: [data.draw(numbers) for _ in range(n)] for k in ("npages", "elemsize", "nelems", "large", "hbits")
    }
    pages = [data.draw(st.integers(0, 15)) for _ in range(n)]
    host = []
    for p, npages in zip(pages, columns["npages"], strict=True):
        # the caller's duty: a host address only where the whole span is there
        host.append(int(arena.ctypes.data) + p * PAGE if p + npages <= 16 else 0)
    try:
        heap = Heap(
            space,
            np.array([base + p * PAGE for p in pages], np.uint64),
            *(np.array(columns[k], np.uint64) for k in ("npages", "elemsize", "nelems")),
            np.array([data.draw(st.integers(0, (1 << 32) - 1)) for _ in range(n)], np.uint32),
            np.array([data.draw(st.integers(0, 255)) for _ in range(n)], np.uint8),
            np.array(host, np.uint64),
            np.array(columns["large"], np.uint64),
            np.array([data.draw(st.integers(0, 1)) for _ in range(n)], np.uint8),
            np.array(columns["hbits"], np.uint64),
            np.zeros(0, np.uint64),
            np.zeros(0, np.uint64),
        )
    except ValueError:
        return
    ones = np.full(32768, 255, np.uint8)
    arena[:] = np.frombuffer(data.draw(st.binary(min_size=64, max_size=64)) * (len(arena) // 64), np.uint8)
    full = np.array([ones.ctypes.data] * n, np.uint64)
    zero = np.zeros(n, np.uint64)
    counts = np.zeros(n, np.uint32)
    heap.enumerate(zero, zero, full, full, np.zeros(n, np.uint8), np.zeros(n, np.uint8), counts, counts)
    rtypes = RuntimeTypes(space, 0, 0, np.zeros(0, np.int64), np.zeros(0, np.int32), False, False)
    rtypes.prepare(heap)
    degree = np.zeros(heap.nobjects, np.uint32)
    targets = np.frombuffer(scan_spans(heap, rtypes, 0, n, degree)[0], np.uint32)
    assert int(degree.sum()) == len(targets)
    assert (targets < heap.nobjects).all()
