"""What tools/fuzz.py feeds to the kernels: a case asks one part something, from random numbers."""

import contextlib
import json
import os
import random
import struct
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import valuetypes
from dwarfwriter import Dwarf, GoUnit
from elfwriter import SHF_ALLOC, SHF_WRITE, ElfWriter, Symbol, buildinfo, note, opened
from fakeheap import META_AT, PAGE, TYPES_AT, FakeHeap
from test_binary_locals import HIGH, LOW, program
from test_snapshot_hostile import COLUMNS, GOOD, JUNK, VERBS, answers, lie, places, put

from gosnap._kernels import copy, paths, sets, texts, tree, x86
from gosnap._kernels.codefacts import CodeFacts
from gosnap._kernels.dwarf import Scan
from gosnap._kernels.edges import HeapBits, scan_spans
from gosnap._kernels.graph import Graph
from gosnap._kernels.heap import Heap
from gosnap._kernels.locals import LocalsReader
from gosnap._kernels.memory import Space
from gosnap._kernels.profile_text import Out
from gosnap._kernels.profile_tree import Tree
from gosnap._kernels.propagate import Propagation
from gosnap._kernels.rtypes import RuntimeTypes
from gosnap._kernels.typeprog import TypePrograms
from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.zstd import compressor
from gosnap.errors import GosnapError
from gosnap.profile import columns, combine, read
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.changes import Changes
from gosnap.profile.encode import encode
from gosnap.profile.estimates import Estimates
from gosnap.profile.graph import Nodes, trimmed
from gosnap.profile.model import Profile, check_valid
from gosnap.profile.options import Config
from gosnap.profile.pipeline import prepare
from gosnap.report.text.values import GoText
from gosnap.target.container import END, MAGIC, Reader
from gosnap.values.evaluate import Evaluator
from gosnap.values.model import Limits
from gosnap.values.places import Place

VALUE_TYPES = valuetypes.everything().table()
EDGES = (0, 1, 7, 8, 9, 63, 64, 255, 256, 511, 512, 513, 4096, 8191, 8192, 1 << 20, (1 << 26) - 1, 1 << 32)
HUGE = (1 << 31, 1 << 40, (1 << 47) - 8, 1 << 47, (1 << 62) - 1, 1 << 62, (1 << 63) - 1)


def expect(ask: Callable[..., object], *args: Any) -> bool:
    """Whether it answered; a documented error is no answer, any other goes on up."""
    try:
        ask(*args)
    except (ValueError, MemoryError, OverflowError, OSError, GosnapError):
        return False
    return True


# ---- hostile values ----


def number(rng: random.Random, top: int = 1 << 63) -> int:
    """A number below ``top`` that is likely to be at an edge."""
    pick = rng.random()
    if pick < 0.5:
        n = rng.choice(EDGES)
    elif pick < 0.7:
        n = rng.choice(HUGE) + rng.randrange(-2, 3)
    elif pick < 0.9:
        n = rng.randrange(1000)
    else:
        n = rng.getrandbits(64)
    return n % top


def mutate(rng: random.Random, raw: bytes) -> bytes:
    """The bytes with a few changes: flipped, overwritten, cut, doubled, put in."""
    out = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8, 40))):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(7):
            case 0 | 1 if out:
                out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2 if out:
                out[at] ^= 1 << rng.randrange(8)
            case 3:
                size = rng.choice((2, 4, 8))
                out[at : at + size] = number(rng, 1 << 8 * size).to_bytes(size, "little")
            case 4:
                del out[at : at + rng.choice((1, 2, 8, 100))]
            case 5:
                out[at:at] = out[at : at + rng.choice((1, 4, 50))]
            case 6 if rng.random() < 0.2:
                del out[at:]
    return bytes(out)


def words(rng: random.Random, n: int, values: Callable[[], int], dtype: str = "u8") -> Any:

    return np.array([values() for _ in range(n)], dtype)


# ---- the cases: each takes a generator of random numbers and feeds one part ----


def sample_dwarf(rng: random.Random) -> dict[str, bytes]:
    """The sections of a program with types that refer to each other, in any version of DWARF."""
    version = rng.randrange(2, 6)
    dwarf = Dwarf()
    wide = rng.choice((4, 8)) if version > 2 else 4
    units = [GoUnit(dwarf, version, wide) for _ in range(rng.randrange(1, 4))]
    known = [units[0].base("int", 8, 2), units[0].struct("runtime.eface", 16, [])]
    integer = known[0]
    for i in range(rng.randrange(30)):
        go = rng.choice(units)
        a, b, c = (rng.choice(known) for _ in range(3))
        match rng.randrange(9):
            case 0:
                die = go.pointer(f"*t{i}", a, number(rng))
            case 1:
                die = go.array(a, number(rng), number(rng), integer)
            case 2:
                fields = [(f"f{k}", number(rng), rng.choice(known)) for k in range(3)]
                die = go.struct(f"s{i}", number(rng), fields)
            case 3:
                die = go.slice(a, integer)
            case 4:
                die = go.map(a, b, c)
            case 5:
                die = go.chan(a, b)
            case 6:
                die = go.interface(f"i{i}", a)
            case 7:
                die = go.unit.add("typedef", ("name", "string", f"d{i}"), ("type", "ref4", a))
            case _:
                name = ("name", rng.choice(("string", "strp")), "x" * rng.randrange(2000))
                die = go.unit.add("base_type", name)
        known.append(die)
        go.variable(f"v{i}", number(rng), a)
        go.constant(f"c{i}", number(rng), b)
        go.function(f"fn{i}", 0x1000 * i, 0x1000 * i + 64, [("x", number(rng), b)] * rng.randrange(3))
    for die in rng.sample(known, min(len(known), 3)):  # rings
        for k, (name, form, value) in enumerate(die.attributes):
            if form == "ref_addr" and value.unit.version > 2:
                die.attributes[k] = (name, form, rng.choice(known))
    return dwarf.sections()


def fuzz_dwarf(rng: random.Random) -> None:
    names = ("info", "abbrev", "str", "line_str", "str_offsets", "addr")
    if rng.random() < 0.1:
        parts = {name: rng.randbytes(rng.randrange(300)) for name in names}
    else:
        parts = sample_dwarf(rng)
        for name in names:
            if rng.random() < (0.8 if name in ("info", "abbrev") else 0.2):
                parts[name] = mutate(rng, parts[name])
    # buffers of their own, so that one byte beyond is seen
    scan = Scan(*(np.frombuffer(parts[name], np.uint8).copy() for name in names))
    types = scan.types_columns()
    n = len(types["kind"])
    for c in (types, scan.globals_columns(), scan.constants_columns(), scan.functions_columns()):
        for key, column in c.items():
            if key.endswith("name"):
                scan.names(np.frombuffer(column, np.uint64))
            elif key in ("elem", "key", "impl", "type", "field_type", "capture_type"):
                rows = np.frombuffer(column, np.int32)
                assert ((rows >= 0) & (rows < n)).all(), key
    scan.names(words(rng, 50, lambda: rng.randrange(16) << 60 | number(rng, 1 << 60)))


def fuzz_elf(rng: random.Random) -> None:
    elf = ElfWriter(type=rng.choice((2, 3)), with_sections=rng.random() < 0.9)
    elf.section(".go.buildinfo", buildinfo("go1.26.6"), flags=SHF_ALLOC | SHF_WRITE, address=0x500000)
    elf.symbols += [Symbol("runtime.mheap_", 0x600000, 8), Symbol("mheap_", 0x600000, 8)]
    elf.notes += [note("Go", 4, b"id"), note("GNU", 3, b"01234567890123456789")]
    elf.debug(sample_dwarf(rng), rng.choice(("plain", "zlib", "zstd", "zdebug")))
    file = opened(mutate(rng, elf.build()))
    expect(file.go_version)
    expect(lambda: (file.go_build_id, file.gnu_build_id))
    expect(file.symbol, "mheap_")
    dwarf = GoDwarf(file)
    for names in (dwarf.types.name, dwarf.globals.name, dwarf.constants.name, dwarf.closures.capture_name):
        list(names)


SIZES = {8: 1, 16: 2, 24: 3, 48: 5, 64: 6, 512: 25, 576: 27, 1024: 32, 1792: 37, 8192: 51}
"""Slot sizes and their classes (runtime/sizeclasses.go)."""


def fuzz_heap(rng: random.Random) -> None:
    """A sound heap whose memory is then overwritten, walked with hostile type tables."""
    plan = [
        (n := rng.randrange(1, 4), *(rng.choice([*SIZES.items()]) if rng.random() < 0.8 else (n * PAGE, 0)))
        for _ in range(rng.randrange(1, 8))
    ]
    fake = FakeHeap(pages=sum(p[0] for p in plan))  # nothing behind the last span
    spans = [fake.span(*p, noscan=rng.random() < 0.2) for p in plan]
    rtypes = [
        fake.rtype(8 * rng.randrange(1, 300), rng.sample(range(300), rng.randrange(1, 20)), rng.randrange(27))
        for _ in range(rng.randrange(1, 10))
    ]
    objects = []
    for s in spans:
        for slot in rng.sample(range(s.nelems), min(s.nelems, rng.randrange(1, 60))):
            objects.append((s, fake.new(s, slot, rng.choice(rtypes))))
    size = len(fake.arena)

    def address() -> int:
        match rng.randrange(3):
            case 0:
                return rng.choice(objects)[1] + rng.choice((0, 0, 0, 8, 9, 40))
            case 1:
                return rng.choice(rtypes)
        return rng.choice((fake.base, fake.base, fake.base, TYPES_AT, META_AT)) + rng.randrange(size)

    for s, at in objects:
        for word in range(0, min(s.elemsize - 8, 128), 8):
            if rng.random() < 0.5:
                fake.pointer(s, at + word, address())
    for block in (fake.arena, fake.types):
        for _ in range(rng.choice((0, 10, 1000))):
            at = rng.randrange(0, (len(block) if block is fake.arena else fake.next_type) - 8, 8)
            value = address() if rng.random() < 0.6 else number(rng, 1 << 64)
            block[at : at + 8] = np.frombuffer(value.to_bytes(8, "little"), np.uint8)
    heap = fake.build()
    walk(rng, heap, fake, address)


def walk(rng: random.Random, heap: Any, fake: Any, address: Callable[[], int]) -> None:
    """Every question that a heap answers, several times."""
    n = len(fake.spans)
    ones = np.full(1 << 20, rng.randrange(256), np.uint8)
    arenas = np.array(heap.arena_chunks(), np.uint64)
    full = np.full(len(arenas), ones.ctypes.data, np.uint64)
    for _ in range(3):
        if rng.random() < 0.3:
            args = {**fake.args, "mode": words(rng, n, lambda: rng.randrange(3), "u1")}
            args["freeindex"] = words(rng, n, lambda: number(rng, 1 << 64))
            args["scanindex"] = words(rng, n, lambda: number(rng, 1 << 64))
            args["inline_marks"] = words(rng, n, lambda: rng.randrange(2), "u1")
            heap.enumerate(*args.values(), fake.counts)
        ntypes, bounds = rng.randrange(1, 40), (TYPES_AT, TYPES_AT + len(fake.types))
        offsets = np.array(sorted(rng.sample(range(0, 4096, 8), 30)), np.int64)
        ids = words(rng, 30, partial(rng.randrange, ntypes + (rng.random() < 0.05)), "i4")
        flags = rng.random() < 0.5, rng.random() < 0.5
        rtypes = RuntimeTypes(fake.space, *bounds, offsets, ids, *flags)
        rtypes.prepare(heap)
        degree = np.zeros(heap.nobjects, np.uint32)
        k = len(arenas) if rng.random() < 0.5 else 0
        bits = HeapBits(heap, arenas[:k], full[:k], full[:k]) if rng.random() < 0.4 else None
        columns = scan_spans(heap, rtypes, 0, n, degree, bits)
        targets, steps = np.frombuffer(columns[0], np.uint32), np.frombuffer(columns[1], np.uint16)
        assert int(degree.sum()) == len(targets) == len(steps)
        assert len(columns[2]) == 2 * int((steps == 0xFFFF).sum())
        assert (targets < max(heap.nobjects, 1)).all()
        otype = np.zeros(heap.nobjects, np.uint32)
        kinds = words(rng, 40, partial(rng.randrange, ntypes), "i4")
        expect(propagate, rng, heap, rtypes, ntypes, (words(rng, 40, address), kinds, otype))
        classes = np.array([s.spanclass for s in fake.spans], np.uint8)
        assert sum(row[2] for row in heap.aggregate(otype, classes)) == heap.nobjects
        ranges = np.sort(words(rng, 20, address))
        out = np.zeros((2, n), np.uint64)
        heap.resident(ranges[::2].copy(), ranges[1::2].copy(), out[0], out[1])
        heap.addresses(np.zeros(heap.nobjects, np.uint64))
        heap.bitmap(np.zeros(heap.words(), np.uint64))
        for _ in range(20):
            heap.find(address() if rng.random() < 0.5 else number(rng, 1 << 64))
    addrs = words(rng, 30, lambda: address() if rng.random() < 0.7 else number(rng, 1 << 64))
    size = rng.choice((1, 8, 100, 5000))
    fake.space.gather(addrs, size, np.zeros(30 * size, np.uint8), np.zeros(30, np.uint8))
    fake.space.locate(addrs, words(rng, 30, lambda: number(rng, 1 << 64)), np.zeros(30, np.uint64))


ROLES = [r for r in range(16) if r != 9]
"""What an owner may be (gosnap.heap.roles): no closure."""


def propagate(rng: random.Random, heap: Any, rtypes: Any, n: int, run: tuple[Any, Any, Any]) -> None:
    """With a table of n types: rows that refer to each other in any way, sizes and offsets that lie."""
    sane = rng.random() < 0.5

    def offset() -> int:
        return 8 * rng.randrange(12) if sane or rng.random() < 0.7 else number(rng)

    def row() -> int:
        return rng.randrange(n)

    def starts(rows: int) -> Any:
        return np.cumsum([0, *(rng.choice((0, 0, 1, 2, 5)) for _ in range(rows))]).astype("i8")

    kinds = (17, 17, 18, 19, 20, 21, 22, 22, 23, 24, 25, 25, 25, 26, 27, 28, 2, 0)
    fields, functions = starts(n), 8
    captures = starts(functions)
    m, k = int(fields[-1]), int(captures[-1])
    names = ("map_ptr", "map_len", "map_old", "map_extra", "table_groups", "chan_buf")
    where = {key: rng.choice((0, 8, 16, 24)) if sane or rng.random() < 0.9 else number(rng) for key in names}
    programs = TypePrograms(
        words(rng, n, lambda: rng.choice(kinds), "u1"),
        words(rng, n, lambda: 8 * rng.randrange(1, 20) if sane else number(rng), "i8"),
        words(rng, n, row, "i4"),
        words(rng, n, lambda: rng.randrange(1, 9) if sane else number(rng), "i8"),
        words(rng, n, lambda: rng.randrange(3), "u1"),
        fields,
        words(rng, m, offset, "i8"),
        words(rng, m, row, "i4"),
    )
    Propagation(
        heap,
        rtypes,
        programs,
        words(rng, n, row, "i4"),
        words(rng, n, row, "i4"),
        words(rng, n, lambda: row() if rng.random() < 0.3 else 0, "i4"),
        words(rng, n, partial(rng.choice, ROLES if rng.random() < 0.95 else range(256)), "u1"),
        np.sort(words(rng, functions, lambda: number(rng, 1 << 64))),
        captures,
        words(rng, k, offset, "i8"),
        words(rng, k, row, "i4"),
        words(rng, 4097, lambda: 0, "u2"),
        {"swiss": rng.randrange(2), **where},
    ).run(*run)


def fuzz_spans(rng: random.Random) -> None:
    """Span columns that lie, over memory of which every span has as much as it claims."""
    base, n, wild = 0xC000000000, rng.randrange(1, 5), rng.random() < 0.5

    def odd(sound: int, lie: int) -> int:
        return lie if wild and rng.random() < 0.1 else sound

    arena = np.frombuffer(rng.randbytes(64) * (16 * PAGE // 64), np.uint8).copy()
    start, end, host = np.array([[base], [base + len(arena)], [arena.ctypes.data]], np.uint64)
    space = Space(start, end, host)
    cuts = sorted(rng.sample(range(17), n + 1))
    first = [odd(p, rng.randrange(p + 1)) for p in cuts[:-1]]
    npages = [odd(b - p, rng.randrange(b - p + 1)) for p, b in zip(first, cuts[1:], strict=True)]
    sizes = [rng.choice((*SIZES, p * PAGE)) for p in npages]
    m = rng.randrange(3)
    heap = Heap(
        space,
        np.array([odd(base + p * PAGE, number(rng, 1 << 64) & -PAGE) for p in first], np.uint64),
        np.array(npages, np.uint64),
        np.array([odd(s, number(rng, 1 << 64)) for s in sizes], np.uint64),
        np.array(
            [odd(p * PAGE // max(s, 1), number(rng, 1 << 64)) for p, s in zip(npages, sizes, strict=True)],
            "u8",
        ),
        np.array([odd((1 << 32) // max(s, 1) & 0xFFFFFFFF, number(rng, 1 << 32)) for s in sizes], np.uint32),
        np.array([odd(2 * SIZES.get(s, 0), rng.randrange(256)) for s in sizes], np.uint8),
        np.array([arena.ctypes.data + p * PAGE for p in first], np.uint64),
        words(rng, n, lambda: rng.choice((0, base, number(rng, 1 << 64)))),
        np.array([odd(s > 512, 1 - (s > 512)) for s in sizes], np.uint8),
        np.array(
            [
                0 if s > 512 else odd(p * PAGE * 63 // 64, number(rng))
                for p, s in zip(npages, sizes, strict=True)
            ],
            "u8",
        ),
        words(
            rng,
            m,
            lambda: base + 32 * PAGE + odd(rng.randrange(1 << 16) * PAGE, number(rng, 1 << 64) & -PAGE),
        ).astype("u8"),
        words(rng, m, lambda: odd(rng.randrange(100), number(rng, 1 << 64))),
    )
    bits = np.full(16 * PAGE, rng.choice((255, rng.randrange(256))), np.uint8)

    zero, none = np.zeros(n, np.uint64), np.zeros(n, np.uint8)
    where = np.full(n, bits.ctypes.data, np.uint64)
    fake = SimpleNamespace(
        spans=[SimpleNamespace(spanclass=4)] * n, types=bits, counts=np.zeros(n, np.uint32)
    )
    fake.space = space
    fake.args = {"freeindex": zero, "scanindex": zero, "alloc_host": where, "mark_host": where, "mode": none}
    fake.args |= {"inline_marks": none, "alloc_count": fake.counts}
    heap.enumerate(*fake.args.values(), fake.counts)
    if heap.nobjects < 100_000:
        walk(rng, heap, fake, lambda: base + rng.randrange(17 * PAGE))


def fuzz_copy(rng: random.Random) -> None:
    """Hostile ranges of our own process; targets are always memory that is there."""
    top = 1 << 64
    target = np.zeros(1 << 16, np.uint8)
    here = int(target.ctypes.data)
    start = rng.choice((here & -4096, number(rng, top)))
    stop = rng.choice((start + rng.choice((0, 1, 4096, 1 << 20)), number(rng, top))) % top
    with open("/proc/self/pagemap", "rb") as f:
        out = np.zeros((rng.choice((1, 2, 100)), 3), np.uint64)
        expect(copy.page_scan, f.fileno(), start, stop, number(rng, 256), number(rng, 256), out)
        expect(copy.pagemap_runs, f.fileno(), start, min(stop, start + (1 << 34)), out)
    n = rng.randrange(1, 6)
    length = words(rng, n, lambda: rng.choice((0, 1, 8, 4095, 4096, 4097, 1 << 13)))
    source = words(rng, n, lambda: rng.choice((here, here + rng.randrange(1 << 16), number(rng, top))))
    place = np.array([here + i * (1 << 13) for i in range(n)], np.uint64)
    bounds = rng.choice(((0, n), (0, n), (rng.randrange(-2, 8), rng.randrange(-2, 8))))
    copied, skipped = copy.copy_ranges(os.getpid(), source, place, length, *bounds, 0.0)
    assert copied + skipped <= int(length.sum())
    with tempfile.TemporaryFile() as f:
        f.write(bytes(5000))
        f.flush()
        copy.read_file(f.fileno(), number(rng, top), here, rng.randrange(1 << 16))


def fuzz_container(rng: random.Random) -> None:
    """A snapshot file with changed bytes, or with a changed directory and sound checksums."""
    pack = compressor()
    body, rows = b"", []
    for i in range(rng.randrange(1, 5)):
        raw = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
        packed = pack(raw)
        if rng.random() < 0.2:
            packed = mutate(rng, packed)
        row = [16 + len(body), len(packed), len(raw), zlib.crc32(packed)]
        if rng.random() < 0.2:
            row[rng.randrange(3)] = number(rng, 1 << 64)
        rows.append({"name": f"s{i}", "dtype": rng.choice(("<u4", "json", "<f8", "|u1")), "chunks": [row]})
        body += packed
    text = json.dumps({"sections": rows}).encode()
    if rng.random() < 0.5:
        text = mutate(rng, text)
    packed = pack(text)
    tail = struct.pack("<QQII8s", 16 + len(body), len(packed), len(text), zlib.crc32(packed), END)
    whole = MAGIC + struct.pack("<II", 1, 0) + body + packed + tail
    with tempfile.NamedTemporaryFile() as f:
        f.write(mutate(rng, whole) if rng.random() < 0.3 else whole)
        f.flush()
        reader = Reader.open(Path(f.name))
        for s in reader.sections:
            for ask in (reader.read, reader.json, reader.array):
                expect(ask, s.name)
        reader.verify()


def fuzz_locals(rng: random.Random) -> None:
    """The variables of functions whose entries, lists and ranges were changed."""
    sections = program(rng.choice((4, 5)), rng.choice((4, 8)))[0]
    names = ("info", "abbrev", "str", "line_str", "str_offsets", "addr")
    lists = ("loc", "loclists", "ranges", "rnglists")
    for name in (*names, *lists):
        if sections.get(name) and rng.random() < (0.5 if name in lists else 0.2):
            sections[name] = mutate(rng, sections[name])
    parts = [np.frombuffer(sections.get(name, b""), np.uint8).copy() for name in (*names, *lists)]
    scan = Scan(*parts[: len(names)])
    reader = LocalsReader(scan, *parts[len(names) :])
    dies = np.frombuffer(scan.functions_columns()["die"], np.uint64).tolist()
    types = len(scan.types_columns()["kind"])
    for die in (*dies, rng.randrange(len(sections["info"]) + 9), number(rng, 1 << 64)):
        for pc in (rng.randrange(LOW, HIGH + 2), number(rng, 1 << 64)):
            # one that is damaged does not keep the others from being asked
            expect(variables, reader, die, pc, types)


def variables(reader: LocalsReader, die: int, pc: int, types: int) -> None:
    for _, _, row, _, _, _, pieces in reader.at(die, pc):
        assert 0 <= row < types
        assert all(size > 0 for _, size, _ in pieces)


def column(rng: random.Random, n: int, most: int, dtype: str = "u4", wild: float = 0.0) -> Any:
    """Numbers below ``most``, and some that are not; now and then too few or too many."""
    if rng.random() < 0.03:
        n = rng.choice((0, max(n - 1, 0), n + 1))
    bits = 8 * np.dtype(dtype).itemsize - (dtype[0] == "i")
    return words(
        rng, n, lambda: number(rng, 1 << bits) if rng.random() < wild else rng.randrange(max(most, 1)), dtype
    )


def some_graph(rng: random.Random) -> tuple[Any, Any, Any, int]:
    """(graph, its columns, nodes): sound mostly."""
    n = rng.choice((1, 2, 7, 64, 300))
    wild = rng.choice((0, 0, 0, 0.01))
    offset = np.zeros(n + 1, np.int64)
    np.cumsum([rng.choice((0, 0, 1, 2, 5)) for _ in range(n)], out=offset[1:])
    target = column(rng, int(offset[-1]), n, "u4", wild)
    if rng.random() < 0.05:
        offset[rng.randrange(n + 1)] = number(rng) - rng.choice((0, 1 << 62))
    return Graph(offset, target), offset, target, n


def fuzz_graph(rng: random.Random) -> None:
    """Marking, weak references, dominators and what sets retain."""
    graph, _, target, n = some_graph(rng)
    wild = rng.choice((0, 0, 0.02))
    for _ in range(3):
        roots, idom = column(rng, rng.randrange(5), n, "u4", wild), column(rng, n, n)
        seen = column(rng, n, 4, "u1")
        expect(graph.reach, roots, seen)
        runs = column(rng, rng.randrange(n + 1), rng.choice((1, 2, 3)), "u4", wild / 10)
        size = column(rng, len(runs), 1000, "u8", 0.1)
        member = column(rng, n, rng.choice((3, 64, 256)), "u1")
        out = [np.zeros(63 - (rng.random() < 0.05), np.uint64) for _ in range(2)]
        expect(sets.retained_by_sets, graph, roots, member, size, runs, *out)
        with contextlib.suppress(ValueError):
            found = graph.dominators(roots, size, runs, idom, rng.random() < 0.5)
            rooms = [rng.choice((0, n // 2, n)) for _ in range(3)]
            heads = [np.zeros(k, d) for k, d in zip(rooms, ("u4", "u8", "u4"), strict=True)]
            assert 0 <= found.heads(rng.choice((0, n // 2, n, number(rng))), *heads) <= n
            dominated(rng, idom[:n], n)
        # from here on another graph
        expect(graph.weaken, target, column(rng, n, 2, "u1"), column(rng, n, 2, "u1"))


def dominated(rng: random.Random, idom: Any, n: int) -> None:
    """Walks over a dominator tree, or what is none."""
    if rng.random() < 0.5:
        idom = column(rng, n, n + 1, "u4", 0.1)
    node = column(rng, rng.randrange(n + 1), n, "u4", rng.choice((0, 0, 0.02)))
    best = np.zeros(n, np.uint32)
    expect(tree.heaviest, idom, node, column(rng, len(node), 5, "u8", 0.1), best)
    if rng.random() < 0.2:
        best = column(rng, n, n, "u4", 0.1)
    kind = column(rng, n, 2)
    for _ in range(4):
        expect(
            tree.run, best, node, kind, rng.choice((0, n - 1, number(rng, 1 << 32))), rng.randrange(-1, 10)
        )
        tops = column(rng, rng.randrange(4), n, "u4", rng.choice((0, 0, 0.3)))
        expect(tree.mark_below, idom, tops, column(rng, n, 4, "u1"))


def fuzz_paths(rng: random.Random) -> None:
    """Shortest paths, their steps, and merging."""
    graph, offset, _, n = some_graph(rng)
    wild = rng.choice((0, 0, 0.02))
    parent, order = (column(rng, n, n) for _ in range(2))
    roots = column(rng, rng.randrange(1, 5), n, "u4", wild)
    expect(paths.shortest, graph, roots, column(rng, n, 2, "u1"), parent, order)
    if rng.random() < 0.5:
        parent = column(rng, n, n + 1, "u4", 0.1)
    for _ in range(5):
        node, room = rng.choice((0, n - 1, number(rng, 1 << 32))), rng.choice((0, 1, n, n + 1))
        expect(paths.chain, parent, node, np.zeros(room, np.uint32))
    expect(paths.on_paths, parent, column(rng, 5, n, "u4", wild), column(rng, n, 2, "u1"))
    m = int(offset[-1])
    step = column(rng, m, 9, "u2", 0.1)
    far = np.flatnonzero(step == 0xFFFF).astype(np.uint64)
    edge = np.array([rng.randrange(m) for _ in range(rng.randrange(40))] if 0 < m < 1 << 20 else [], np.int64)
    holder = np.searchsorted(offset, edge, side="right").astype(np.int64) - 1
    if rng.random() < 0.3:
        far, edge, holder, offset = (
            column(rng, len(c), max(m, 1), c.dtype.str[1:], 0.02) for c in (far, edge, holder, offset)
        )
    steps = column(rng, len(far), 1 << 20, "u8", 0.5)
    expect(paths.words, step, far, steps, offset, edge, holder, np.zeros(len(edge), np.int64))
    spans = rng.randrange(1, 9)
    first = np.sort(column(rng, spans + 1, n, "i8", wild))
    known = np.unique(column(rng, 4, 1 << 32))
    kind = words(rng, rng.choice((n, n, n // 2)), lambda: int(known[rng.randrange(len(known))]), "u4")
    if rng.random() < 0.5 and len(first):
        first[0], first[-1] = 0, n
    table = first, column(rng, spans, 2, "u1"), known, column(rng, len(known), 99, "i8", 0.1)
    member = order[: rng.randrange(n + 1)].astype(np.int64)
    starts = np.sort(column(rng, len(kind) + 1, len(step) + 1, "i8", wild))
    room = len(member) - (len(member) > 0 and rng.random() < 0.05)
    walked = step, far, steps, starts, kind
    up = column(rng, len(member), max(len(member), 1), "i8", wild) - 1
    by = column(rng, len(member), max(m, 1), "u4", wild)
    expect(paths.fields, member, up, by, *walked, *table, np.zeros(room, np.uint64))
    mark, rest = column(rng, n, 2, "u1"), np.zeros((2, rng.randrange(n + 1)), np.int64)
    expect(paths.thread, graph, order, mark, parent, *rest, np.zeros(n, np.uint32))
    which, field = column(rng, len(member), 4, "u4", 0.02), column(rng, 4, 1 << 30, "i8")
    hides = column(rng, 16, 2, "u1")
    keys = np.zeros(room, np.uint64), np.zeros(room, np.uint8)
    expect(paths.labelled, member, kind, which, field, column(rng, 4, 1 << 32), hides, *keys)
    expect(tree.translate, kind, known, column(rng, len(known), 99), np.zeros(len(kind), np.uint32))
    k = rng.choice((0, 1, 100, 100_000 if rng.random() < 0.05 else 10))
    pool = [number(rng, 1 << 64) for _ in range(rng.choice((1, 9, k + 1)))]
    out = [np.zeros(k - (k > 0 and rng.random() < 0.02), np.uint32) for _ in range(2)]
    expect(paths.number, words(rng, k, partial(rng.choice, pool)), *out)
    above = np.array([rng.randrange(-1, i) for i in range(n)], np.int64)
    if rng.random() < 0.1:
        above[rng.randrange(n)] = number(rng) - rng.choice((0, 1 << 62))
    rooms = [rng.choice((n, 1, rng.randrange(n + 1))) for _ in range(3)]
    places = [np.zeros(r, d) for r, d in zip(rooms, ("u4", "u4", "u1"), strict=True)]
    table = column(rng, n, rng.choice((2, 9)), "u4", 0.02), column(rng, n, 2, "u1")
    expect(paths.merge, above, *table, column(rng, n, 1), *places)


def fuzz_verbs(rng: random.Random) -> None:
    """Verbs on a snapshot of which some sections lie."""
    parts = dict(GOOD)
    columns = rng.sample(COLUMNS, rng.choice((0, 1, 1, 2, 4)))
    for name in columns:
        parts[name] = lie(rng, parts[name])
    if not columns or rng.random() < 0.1:
        name = rng.choice(("answers.goroutines", "answers.locals", "answers.types"))
        parts[name] = put(parts[name], rng.choice(places(parts[name])), rng.choice(JUNK))
    with tempfile.TemporaryDirectory() as folder:
        try:
            printed, verbs = rng.random() < 0.1, rng.sample(VERBS, 3)
            answers(Path(folder) / "a.gosnap", parts, printed=printed, verbs=verbs)
        except Exception as e:
            # all that is documented was an answer
            raise AssertionError(f"{type(e).__name__}: {e}") from e


def some_code(rng: random.Random) -> bytes:
    """Machine code: instructions that matter, jumps among them, and anything."""
    out = bytearray()
    for _ in range(rng.choice((0, 3, 30, 300, 3000 if rng.random() < 0.05 else 30))):
        far = rng.randrange(-(1 << 31), 1 << 31)
        near = struct.pack("<i", rng.choice((0, 5, -20, rng.randrange(-400, 400), far)))
        anything = rng.randbytes(rng.randrange(9))
        out += rng.choice(
            (
                *(b"\x48\x8d" + bytes([5 | rng.randrange(8) << 3]) + near, b"\x48\x8b\x05" + near),
                *(b"\x48\x89\x05" + near, b"\xe8" + near, b"\xe9" + near, b"\x0f\x84" + near),
                *(bytes([rng.choice((0x74, 0xEB)), rng.randrange(256)]), b"\xc3", anything),
                *(b"\x48\x89" + rng.randbytes(3), b"\x48\x8b\x44\x24" + rng.randbytes(1)),
            )
        )
    return bytes(out)


def fuzz_code(rng: random.Random) -> None:
    """Code that is none, and functions in it that lie over each other's ends."""
    code, base = some_code(rng), rng.choice((0, 0x401000, (1 << 64) - 100, 1 << 63))
    assert sum(x86.lengths(code)) <= len(code)
    expect(x86.references, code, base)
    n = rng.choice((0, 1, 2, 9))
    entry = words(rng, n + 1, lambda: (base + rng.randrange(len(code) + 1)) % (1 << 64))
    if rng.random() < 0.9:
        entry.sort()
    near = [base + rng.randrange(-500, 4000) for _ in range(rng.randrange(9))]
    types = np.array(sorted(a % (1 << 64) for a in near), np.uint64)
    ranges = words(rng, rng.choice((0, 2, 3)), lambda: (base + rng.randrange(-500, 4000)) % (1 << 64))
    try:
        facts = CodeFacts(code, base, entry, column(rng, n, 12, "u1"), types, ranges)
    except ValueError:
        return
    expect(facts.receivers, column(rng, n, 1 << 20, "i8"))
    expect(facts.results, column(rng, n, 12, "u1"), column(rng, n, 1 << 20, "i8"))
    expect(facts.run, column(rng, rng.randrange(20), n + 1, "i8"), np.sort(column(rng, 9, 1 << 23, "u8")))


# ---- profiles ----


def fuzz_profile(rng: random.Random) -> None:
    """profile.proto, damaged, through all that reads it: decoded, summed up, merged, and written again."""
    raw = bytearray(encode(some_profile(rng)))
    for _ in range(rng.choice((0, 0, 1, 1, 3, 10))):
        at = rng.randrange(len(raw))
        pick = rng.random()
        if pick < 0.5:
            raw[at] = rng.randrange(256)
        elif pick < 0.7:
            del raw[at : at + rng.choice((1, 2, 9, 100, 1 << 20))]
        elif pick < 0.9:
            raw[at:at] = rng.choice((b"\xff" * 10, b"\x80\x01", rng.randbytes(5), raw[at : at + 200]))
        else:
            # a reference to anything
            raw[at:at] = b"\x08" + wire_number(number(rng, 1 << 64))
        if not raw:
            raw = bytearray(b"\n\0")
    profile = read.parse(bytes(raw), "x")
    check_valid(profile)
    for granularity in ("functions", "lines", "addresses"):
        nodes = Nodes(profile, granularity, inlines=rng.random() < 0.7)
        index = rng.randrange(max(len(profile.sample_types), 1))
        if profile.sample_types:
            graph = trimmed(nodes, index, rng.choice((-1, 0)), nodecount=rng.randrange(9), edges=True)
            for node in graph.order:
                graph.name(node), graph.edges_in(node), graph.edges_out(node)
            calls(rng, profile, nodes, index)
    again = read.parse(encode(profile), "x")
    assert encode(again) == encode(profile)
    if profile.sample_types:
        estimate(profile, rng)
        compared = rng.random() < 0.5
        merged = combine.subtract([profile, again], diff=compared)
        check_valid(merged)
        if compared:
            config = Config(changes=True, diff_base=("x",))
            changes = Changes(prepare(merged, config, "tree", []), edges=True)
            for node in changes.graph.order:
                changes.flat(node), changes.cum(node), [*map(changes.edge, changes.graph.edges_in(node))]
    expect(read.parse, bytes(raw[: rng.randrange(len(raw) + 1)]), "x")


def estimate(profile: Profile, rng: random.Random) -> None:
    """Intervals of what is in a profile: around the estimates, whatever it says."""
    report = prepare(profile, Config(sample_index=str(rng.randrange(len(profile.sample_types)))), "top", [])
    found = Estimates(report)
    if found.why:
        return
    graph = report.graph()
    nodes = graph.nodes
    own, whole = found.of(nodes.frame_start, nodes.frame_node, len(nodes))
    for node in graph.order:
        for interval, value in (
            (own(node, graph.flat_value(node)), graph.flat_value(node)),
            (whole(node, graph.cum_value(node)), graph.cum_value(node)),
        ):
            assert not interval.samples or interval.low <= value <= interval.high


def calls(rng: random.Random, p: Profile, nodes: Nodes, index: int) -> None:
    """The tree of calls, as flame graphs and pictures take it."""
    found = Tree(
        p.values,
        len(p.sample_types),
        columns.column("I", [index]),
        p.stack_start,
        p.stack,
        nodes.frame_start,
        nodes.frame_node,
        len(nodes),
        zeros=rng.random() < 0.5,
    )
    every = found.heaviest(1 << 40)
    assert len(every["node"]) == found.places
    some = found.heaviest(rng.randrange(1, 50), root=True)
    found.total(some["chain"], 0), found.self_(every["chain"], every["depth"], 0)
    out = Out(lambda _piece: None)
    found.paths(out), found.weights(out, 0), found.positive(0), found.choose(rng.random() < 0.5)
    found.shown(rng.random() < 0.5, number(rng))


def some_profile(rng: random.Random) -> Profile:
    """A small profile with a little of everything."""
    b = ProfileBuilder(
        [("objects", "count"), ("space", "bytes")][: rng.randrange(1, 3)], ("space", "bytes"), 9
    )
    mappings = [b.mapping(i << 12, i + 1 << 12, 0, f"/bin/{i}") for i in range(rng.randrange(3))]
    functions = [b.function(f"f{i}", f"{i % 3}.go", i) for i in range(rng.randrange(1, 9))]
    locations = [
        b.location(
            number(rng, 1 << 64),
            [(rng.choice(functions), number(rng)) for _ in range(rng.randrange(4))],
            rng.choice([None, *mappings]),
        )
        for _ in range(rng.randrange(1, 9))
    ]
    signs = rng.choice(((1,), (1, -1)))
    for _ in range(rng.randrange(rng.choice((2, 20, 200)))):
        stack = rng.choices(locations, k=rng.choice((0, 1, 2, 5, 70)))
        labels = {f"k{i}": rng.choice(["v", 7, (8, "kb")]) for i in range(rng.choice((0, 0, 1, 30)))}
        if rng.random() < 0.3:
            labels["bytes"] = number(rng)
        b.sample(stack, [number(rng) * rng.choice(signs) for _ in b.sample_types], labels)
    return b.build()


def wire_number(n: int) -> bytes:
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def fuzz_text_profile(rng: random.Random) -> None:
    """Go's text profiles, damaged."""
    kind = rng.choice(("heap/1048576", "heap_v2/16", "growthz", "heapprofile", "heap/0"))
    lines = [f"heap profile: 1: 2 [3: 4] @ {kind}"]
    for _ in range(rng.randrange(20)):
        a, b = number(rng), number(rng)
        lines.append(f"{a}: {b} [{number(rng)}: {b}] @ {number(rng):#x} {number(rng):#x}")
        lines.append(f"#\t{number(rng):#x}\tmain.f+0x1\t/src/{b}.go:{a % 99}")
    lines += [
        "# Alloc = 7",
        "MAPPED_LIBRARIES:",
        "x=y",
        f"{a:x}-{b:x} r-xp 0 1:2 3 $x/z" if lines[1:] else "",
    ]
    raw = bytearray("\n".join(lines).encode())
    for _ in range(rng.choice((0, 1, 4))):
        raw[rng.randrange(len(raw))] = rng.choice(b"0123456789abcdefx:[]@# \n\xff")
    check_valid(read.parse(bytes(raw), "x"))


def fuzz_values(rng: random.Random) -> None:
    """Garbage as memory, and any type on it; the kernel that makes strings, asked for any."""
    size = rng.choice((0, 7, 64, 4096))
    n = rng.randrange(20)
    start, length = (np.array([number(rng, 1 << 63) for _ in range(n)], np.int64) for _ in range(2))
    with contextlib.suppress(ValueError):
        texts.split(np.frombuffer(rng.randbytes(size), np.uint8), start % 100, length % 100)
    with contextlib.suppress(ValueError):
        texts.split(np.frombuffer(rng.randbytes(size), np.uint8), start, length)
    base = 0xC000000000
    words = [rng.choice((number(rng), base + rng.randrange(4096), rng.randrange(10))) for _ in range(512)]
    subject = valuetypes.subject(VALUE_TYPES, [(base, struct.pack("<512Q", *(w % (1 << 64) for w in words)))])
    limits = Limits(depth=rng.randrange(8), nodes=3000, raw=rng.random() < 0.5, internals=rng.random() < 0.3)
    row = rng.randrange(1, len(VALUE_TYPES))
    value = Evaluator(subject, limits, "").decode(Place(row, base + 8 * rng.randrange(512)))
    GoText(lambda row: ("", "", 0), 80).lines(value)


CASES: dict[str, Callable[[random.Random], None]] = {
    "dwarf": fuzz_dwarf,
    "locals": fuzz_locals,
    "graph": fuzz_graph,
    "paths": fuzz_paths,
    "heap": fuzz_heap,
    "spans": fuzz_spans,
    "copy": fuzz_copy,
    "container": fuzz_container,
    "verbs": fuzz_verbs,
    "elf": fuzz_elf,
    "code": fuzz_code,
    "profile": fuzz_profile,
    "text_profile": fuzz_text_profile,
    "values": fuzz_values,
}
