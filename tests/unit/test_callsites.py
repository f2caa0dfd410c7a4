"""Locations of stacks by the rules of runtime/pprof, on tables made by hand."""

import contextlib
import itertools
import struct
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels import callsites as kernel
from gosnap._kernels.symbols import Folder, Pclntab, distinct
from gosnap.goruntime.callsites import printed
from gosnap.profile.columns import column, offsets

# entry, name, inlined; the places are "return addresses" 0, 1, 2, …
Place = tuple[int, str, bool]


def fold(places: list[Place], *stacks: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """(frames of each location, locations of each stack)"""
    names = sorted({name for _, name, _ in places})
    entry = np.array([p[0] for p in places], np.uint64)
    key = np.array([names.index(p[1]) for p in places], np.uint32)
    inlined = np.array([p[2] for p in places], np.uint8)
    goexit = np.array([p[1] == "runtime.goexit" for p in places], np.uint8)
    start = np.cumsum([0, *map(len, stacks)]).astype(np.int64)
    rows = np.array([pc for s in stacks for pc in s], np.uint32)
    line_start, frames, stack_start, locations = (
        np.frombuffer(c, "<u4").tolist() for c in Folder(entry, key, inlined).fold(start, rows, goexit)
    )
    return (
        [frames[a:b] for a, b in itertools.pairwise(line_start)],
        [locations[a:b] for a, b in itertools.pairwise(stack_start)],
    )


def test_a_call_and_what_is_inlined_into_it_are_one_location() -> None:
    places = [
        (16, "a", True),
        (16, "b", True),
        (16, "F", False),
        (64, "G", False),
        (96, "runtime.goexit", False),
    ]
    assert fold(places, [0, 1, 2, 3, 4], [0, 1, 2], [1, 2, 3], [4]) == (
        [[0, 1, 2], [3], [1, 2]],
        [[0, 1], [0], [2, 1], []],
    )


def test_recursion_and_code_that_is_not_gos() -> None:
    # F in F's own frame twice: each is a location; C code (entry 0) is never joined with anything
    places = [(16, "F", False), (16, "a", True), (0, "", False), (0, "", False)]
    locations, stacks = fold(places, [0, 0, 1, 0], [2, 3, 2])
    assert locations == [[0], [1, 0], [2], [3]]
    assert stacks == [[0, 0, 1], [2, 3, 2]]
    # an inlined call whose outer function has the same name is not joined ("maybe recursion")
    places = [(16, "F", True), (16, "F", False)]
    assert fold(places, [0, 1]) == ([[0], [1]], [[0, 1]])


def test_stacks_out_of_order() -> None:
    one = Folder(np.zeros(1, np.uint64), np.zeros(1, np.uint32), np.zeros(1, np.uint8))
    for start, rows in (([0, 2], [0]), ([1, 0], [0]), ([0, 1], [1])):
        with pytest.raises(ValueError, match="fold"):
            one.fold(np.array(start, np.int64), np.array(rows, np.uint32), np.zeros(1, np.uint8))


@settings(max_examples=300)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=8),
    st.lists(st.booleans(), min_size=9, max_size=9),
    st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 8), max_size=3)),
)
def test_leading_hidden_frames_go_unless_all_are_hidden_and_last_ones_are_completed(
    stacks: list[list[int]], hidden: list[bool], tails: dict[int, list[int]]
) -> None:
    """Frames are rows of pcs already; of some the last one stands for several."""
    ends = [stack[-1] if stack else 99 for stack in stacks]
    known = sorted(set(ends))
    pieces = [tails.get(end, []) if end in tails else [] for end in known]
    flat = [pc for stack in stacks for pc in stack]
    start, stack = kernel.join(
        offsets(map(len, stacks)),
        column("I", flat + [pc for piece in pieces for pc in piece]),
        bytes(hidden),
        column("I", [known.index(end) for end in ends]),
        offsets(map(len, pieces)),
        bytes(end in tails for end in known),
        len(flat),
    )
    wanted = []
    for each, end in zip(stacks, ends, strict=True):
        shown = list(itertools.dropwhile(hidden.__getitem__, each)) or each
        wanted.append([*shown[:-1], *tails[end]] if end in tails else shown)
    assert [stack[a:b].tolist() for a, b in itertools.pairwise(start)] == wanted


def test_damage_lasts_and_what_is_written_does_not() -> None:
    still, moved = [5, 0, 0, 0], [6, 0, 0, 0]
    cases = [
        # (in doubt before, after, whether the counters moved, whether the bucket is damaged)
        (0, 0, False, False),
        (2, 2, False, True),
        (2, 2, True, False),
        (2, 0, True, False),
        (0, 2, True, False),
        # a hash is written once, before others see the bucket
        (1, 1, True, True),
        (1, 3, True, True),
        (3, 2, False, False),
    ]
    for before, after, moving, wanted in cases:
        for other in (still, moved):
            counters = [column("q", other + still), column("q", other + (moved if moving else still))]
            doubt = column("Q", [0, before]), column("Q", [0, after])
            same = column("q", still + still)
            assert kernel.lasting(*doubt, *counters, same, same) == wanted
            assert kernel.lasting(*doubt, same, same, *counters) == wanted


def test_ends_of_stacks() -> None:
    assert kernel.ends(offsets([2, 0, 1]), column("Q", [7, 8, 9])).tolist() == [8, 0, 9]


@given(st.lists(st.tuples(st.integers(-1, 2**32 - 1), st.integers(0, 3)), max_size=50))
def test_keys_tell_offsets_of_modules_apart(pairs: list[tuple[int, int]]) -> None:
    keys = kernel.keys(column("q", [p[0] for p in pairs]), column("I", [p[1] for p in pairs])).tolist()
    assert [key >> 33 for key in keys] == [owner for _, owner in pairs]
    offset = [k & 0x1FFFFFFFF for k in keys]
    assert [o - (1 << 33) if o >> 32 else o for o in offset] == [o if owner else 0 for o, owner in pairs]


@settings(max_examples=300)
@given(st.lists(st.lists(st.integers(-1, 6), max_size=5), min_size=7, max_size=7))
def test_columns_that_do_not_fit(lists: list[list[int]]) -> None:
    """An answer or a ValueError; AddressSanitizer sees the rest."""
    i = [column("I", [max(v, 0) for v in items]) for items in lists]
    q = [column("q", items) for items in lists]
    u = [column("Q", [max(v, 0) for v in items]) for items in lists]
    b = [bytes(max(v, 0) for v in items) for items in lists]
    s = [memoryview(array("i", items)) for items in lists]
    n = len(lists[6])
    calls = [
        lambda: kernel.split(q[0]),
        lambda: kernel.published(q[0], q[1], n - 1),
        lambda: kernel.minus(q[0], q[1]),
        lambda: kernel.labels(u[0], q[1]),
        lambda: kernel.present(q[0]),
        lambda: kernel.rows(q[0], q[1], q[2], q[3]),
        lambda: kernel.differing(q[0], q[1], q[2], q[3], b[4]),
        lambda: kernel.lasting(u[0], u[1], q[2], q[3], q[4], q[5]),
        lambda: kernel.ends(q[0], u[1]),
        lambda: kernel.join(q[0], i[1], b[2], i[3], q[4], b[5], n),
        lambda: kernel.flagged(i[0], b[1]),
        lambda: kernel.owned(u[0], i[1], n),
        lambda: kernel.keys(q[0], i[1]),
        lambda: kernel.sites(i[0], i[1], u[2], u[2], i[3], i[4], s[2], s[3], n, u[5], u[6]),
        lambda: kernel.symbol(b[0] * 24, u[1]),
    ]
    for call in calls:
        with contextlib.suppress(ValueError):
            call()


@given(st.lists(st.integers(0, 2**64 - 1), max_size=300))
def test_distinct(values: list[int]) -> None:
    given_ = np.array(values * 2, np.uint64)
    found, row = np.zeros(len(given_), np.uint64), np.zeros(len(given_), np.uint32)
    n = distinct(given_, found, row)
    assert found[:n].tolist() == list(dict.fromkeys(values))
    assert (found[row] == given_).all()


def test_names_as_tracebacks_of_go_1_21_print_them() -> None:
    assert printed("main.F") == "main.F"
    assert printed("main.F[go.shape.int]") == "main.F[...]"
    assert printed("main.(*T[go.shape.[]int]).M.func1") == "main.(*T[...]).M.func1"


def varints(*pairs: tuple[int, int]) -> bytes:
    """A pc-value table: (value, bytes of code it holds for), as the linker writes it."""
    out, last = b"", -1
    for value, length in pairs:
        delta, last = value - last, value
        for number in ((delta << 1) ^ (delta >> 31), length):
            n = number & 0xFFFFFFFF
            while n >= 0x80:
                out += bytes([n & 0x7F | 0x80])
                n >>= 7
            out += bytes([n])
    return out + b"\0"


TEXT = 0x400000
LAYOUT = (44, 0, 4, 20, 24, 28, 32, 36, 40, 43)
WRAPPER, PANIC = 23, 10


def tables(ftab: list[int] | None = None) -> Pclntab:
    """main.F (name 1) at TEXT: 16 bytes of its own, then 16 of G (name 2, a wrapper) inlined, in which 8 are
    of H (name 3); at TEXT + 64 main.E (name 4)."""
    pctab = b"\0"
    offsets = []
    for table in (
        varints((0, 64)),  # file
        varints((10, 16), (20, 8), (30, 8), (11, 32)),  # line
        varints((-1, 16), (0, 8), (1, 8), (-1, 32)),  # inline tree
    ):
        offsets.append(len(pctab))
        pctab += table
    file, line, tree = offsets

    def func(entry: int, name: int, npcdata: int, nfuncdata: int, start: int) -> bytes:
        return struct.pack(
            "<IiiIIIIIIiBBBB", entry, name, 0, 0, 0, file, line, npcdata, 0, start, 0, 0, 0, nfuncdata
        )

    pcln = func(0, 1, 3, 4, 9) + struct.pack("<7I", 0, 0, tree, *[0xFFFFFFFF] * 3, 8)
    second = len(pcln)
    pcln += func(64, 4, 0, 0, 99)
    inline = bytes(8) + struct.pack("<BxxxiiiBxxxiii", WRAPPER, 2, 4, 19, 0, 3, 20, 29)
    rows = [0, 0, 64, second, 128, 0] if ftab is None else ftab
    return Pclntab(
        pctab,
        pcln,
        np.array(rows, np.uint32),
        np.array([77], np.uint32),
        inline,
        TEXT,
        TEXT,
        TEXT + 128,
        LAYOUT,
        WRAPPER,
        [PANIC],
    )


def resolve(table: Pclntab, *pcs: int) -> list[tuple[int, ...]]:
    """(entry, call, name, bare, file, line, start line, inlined) of each."""
    n = len(pcs)
    types = (np.uint64, np.uint64, np.int32, np.int32, np.int64, np.int32, np.int32, np.uint8)
    columns = [np.zeros(n, t) for t in types]
    table.resolve(np.array(pcs, np.uint64), *columns)  # type: ignore[call-arg]
    return [tuple(int(c[i]) for c in columns) for i in range(n)]


def test_return_addresses() -> None:
    assert resolve(tables(), TEXT + 5, TEXT + 17, TEXT + 25, TEXT + 24, TEXT + 33) == [
        (TEXT, TEXT + 4, 1, 1, 77, 10, 9, 0),
        (TEXT, TEXT + 16, 2, 2, 77, 20, 19, 1),
        (TEXT, TEXT + 24, 3, 3, 77, 30, 29, 1),
        # the call is the last instruction of G's part, the address itself is in H's
        (TEXT, TEXT + 23, 2, 3, 77, 20, 19, 1),
        (TEXT, TEXT + 32, 1, 1, 77, 11, 9, 0),
    ]
    # a return address at the beginning of a function is taken for what is there, and without a table
    # there is no line
    assert resolve(tables(), TEXT + 64)[0][:4] == (TEXT + 64, TEXT + 64, 4, 4)
    assert resolve(tables(), TEXT - 1, TEXT + 128, 0) == [(0,) * 8] * 3


def test_calls_around_an_inlined_one() -> None:
    # H is called by G, a wrapper, which is left out, by F: return addresses of H, and of F
    assert tables().outward(TEXT + 25) == [TEXT + 25, TEXT + 5]
    assert tables().outward(TEXT + 5) is None
    assert tables().outward(0) is None


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200),
    st.binary(min_size=44, max_size=300),
    st.lists(st.integers(0, 400), min_size=2, max_size=20),
    st.binary(max_size=100),
    st.integers(0, 400),
)
def test_any_tables(pctab: bytes, pcln: bytes, ftab: list[int], tree: bytes, pc: int) -> None:
    table = Pclntab(
        pctab,
        pcln,
        np.array(ftab, np.uint32),
        np.array([1, 2], np.uint32),
        tree,
        TEXT,
        TEXT,
        TEXT + 400,
        LAYOUT,
        WRAPPER,
        [PANIC],
    )
    assert len(resolve(table, TEXT + pc)) == 1
    assert len(table.outward(TEXT + pc) or []) <= 256


@pytest.mark.parametrize("layout", [(44, 41, *LAYOUT[2:]), (8, *LAYOUT[1:]), (44, -1, *LAYOUT[2:])])
def test_layouts_that_contradict_themselves(layout: tuple[int, ...]) -> None:
    empty = np.zeros(0, np.uint32)
    with pytest.raises(ValueError, match="pclntab"):
        Pclntab(b"", b"", empty, empty, b"", 0, 0, 0, layout, 0, [])
    resolve(Pclntab(b"", b"", empty, empty, b"", 0, 0, 100, LAYOUT, 0, []), 50)
