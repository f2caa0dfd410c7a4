"""Executables: sections in every packing, symbols, notes, build information; against pyelftools and
elf(5)."""

import io
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elfwriter import (
    ET_DYN,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHF_WRITE,
    SHT_NOBITS,
    ElfWriter,
    Symbol,
    buildinfo,
    note,
    opened,
    pack_zdebug,
    pack_zlib,
    pack_zstd,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.binary import elfhead
from gosnap.binary.elf import ElfFile
from gosnap.errors import GosnapError

DATA = 0x500000


def program(kind: int = 2, info: bytes = buildinfo("go1.26.6"), sections: bool = True) -> ElfWriter:
    """A Go program with all that gosnap reads from one."""
    elf = ElfWriter(type=kind, with_sections=sections)
    elf.section(".text", b"\xcc" * 64, address=0x401000)
    elf.section(".go.buildinfo", info, flags=SHF_ALLOC | SHF_WRITE, address=DATA)
    elf.symbols += [
        Symbol("runtime.mheap_", 0x600000, 0x1234),
        Symbol("mheap_", 0x700000, 8),  # the tail of another name
        Symbol("main.main", 0x401000, 64),
        Symbol("undefined", 0x1, 1, shndx=0),
    ]
    elf.notes += [note("Go", 4, b"abc/def"), note("GNU", 3, bytes(range(20)))]
    return elf


@pytest.mark.parametrize("how", ["plain", "zlib", "zstd", "zdebug"])
@pytest.mark.parametrize(
    "raw", [b"", b"x", bytes(1 << 20), os.urandom(5000)], ids=["0", "1", "zeros", "random"]
)
def test_sections_unpack(how: str, raw: bytes) -> None:
    elf = ElfWriter()
    elf.debug({"info": raw}, how)
    got = opened(elf.build())
    assert bytes(got.section(".debug_info")) == raw
    assert got.has_dwarf
    assert bytes(got.section(".debug_line")) == b""


def test_sections_and_segments_as_pyelftools_lists_them() -> None:
    raw = program().build()
    got = opened(raw)
    oracle = ELFFile(io.BytesIO(raw))
    for s in oracle.iter_sections():
        if s.name:
            assert bytes(got.section(s.name)) == s.data()
            assert got.sections[s.name].address == s["sh_addr"]
    segments = [(s["p_offset"], s["p_vaddr"], s["p_filesz"], s["p_memsz"]) for s in oracle.iter_segments()]
    assert [(s.offset, s.vaddr, s.filesz, s.memsz) for s in got.segments] == segments


def test_symbols_by_their_whole_name() -> None:
    raw = program().build()
    got = opened(raw)
    for name in ("runtime.mheap_", "mheap_", "main.main"):
        [symbol] = ELFFile(io.BytesIO(raw)).get_section_by_name(".symtab").get_symbol_by_name(name)
        assert got.symbol(name) == (symbol["st_value"], symbol["st_size"])
    for name in ("main", "heap", "runtime.mheap", "undefined", "main.main2", ""):
        assert got.symbol(name) is None


def test_no_symbol_table_has_no_symbols() -> None:
    assert opened(ElfWriter().build()).symbol("main.main") is None


def test_nobits_has_no_bytes() -> None:
    elf = ElfWriter()
    elf.section(".bss", b"", type=SHT_NOBITS, size=1 << 40)
    assert bytes(opened(elf.build()).section(".bss")) == b""


def test_notes_and_versions() -> None:
    got = opened(program().build())
    assert got.go_build_id == "abc/def"
    assert got.gnu_build_id == bytes(range(20)).hex()
    assert got.go_version() == "go1.26.6"
    bare = opened(ElfWriter().build())
    assert (bare.go_build_id, bare.gnu_build_id, bare.go_version()) == (None, None, None)


@pytest.mark.parametrize("kind", [2, ET_DYN])
def test_pie(kind: int) -> None:
    assert opened(program(kind).build()).is_pie == (kind == ET_DYN)


def test_build_information_without_section_headers() -> None:
    got = opened(program(sections=False).build())
    assert not got.sections
    assert got.go_version() == "go1.26.6"


@pytest.mark.parametrize(
    ("raw", "version"),
    [
        (buildinfo("go1.27-devel_" + "x" * 60), "go1.27-devel_" + "x" * 60),
        (buildinfo("v" * 4000), "v" * 128),
        (buildinfo("go1.17", flags=0), "unknown"),
        (buildinfo("go1.26")[:20], None),
        (b"\xff Go buildinX" + bytes(40), None),
        (b"", None),
    ],
)
def test_build_information_in_every_form(raw: bytes, version: str | None) -> None:
    assert elfhead.buildinfo_version(raw[:4096]) == version


def test_go_facts(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program(ET_DYN).build())
    assert elfhead.go_facts(path) == elfhead.GoFacts("go1.26.6", dwarf=False, pie=True)
    elf = program()
    elf.debug({"info": b"x"}, "zdebug")
    path.write_bytes(elf.build())
    assert elfhead.go_facts(path) == elfhead.GoFacts("go1.26.6", dwarf=True, pie=False)
    for other in (ElfWriter().build(), b"#!/bin/sh\n", b""):
        path.write_bytes(other)
        assert elfhead.go_facts(path) is None
    with pytest.raises(FileNotFoundError):
        elfhead.go_facts(tmp_path / "none")


# ---- damage ----


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "prog: cannot read|prog: truncated"),
        (b"\x7fELF", "prog: truncated"),
        (b"MZ" + bytes(100), "prog: not an ELF file .*offset 0"),
        (ElfWriter(machine=183).build(), "prog: not for linux/amd64"),
        (ElfWriter().build()[:100], "prog: truncated: the program headers"),
    ],
)
def test_what_is_no_executable_is_said_so(raw: bytes, message: str) -> None:
    with pytest.raises(GosnapError, match=message):
        opened(raw)


def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(GosnapError, match="cannot read the executable: No such file") as e:
        ElfFile.open(str(tmp_path / "none"))
    assert e.value.hint


@pytest.mark.parametrize(
    ("name", "raw", "flags", "message"),
    [
        (".debug_info", b"short", SHF_COMPRESSED, "too short for its header"),
        (".debug_info", struct.pack("<IIQQ", 9, 0, 8, 1) + b"x", SHF_COMPRESSED, "packed by method 9"),
        (".debug_info", struct.pack("<IIQQ", 1, 0, 1 << 60, 1) + b"x", SHF_COMPRESSED, "claims"),
        (".debug_info", struct.pack("<IIQQ", 2, 0, 1 << 60, 1) + b"x", SHF_COMPRESSED, "claims"),
        (
            ".debug_info",
            struct.pack("<IIQQ", 1, 0, 10, 1) + b"junkjunk",
            SHF_COMPRESSED,
            "does not decompress",
        ),
        (
            ".debug_info",
            struct.pack("<IIQQ", 2, 0, 10, 1) + b"junkjunk",
            SHF_COMPRESSED,
            "does not decompress",
        ),
        (".debug_info", pack_zlib(b"0123456789")[:-8], SHF_COMPRESSED, "decompress"),
        (".debug_info", pack_zstd(b"0123456789")[:-2], SHF_COMPRESSED, "decompress"),
        (".zdebug_info", b"ZLI", 0, "does not begin with ZLIB"),
        (".zdebug_info", b"GZIP" + bytes(20), 0, "does not begin with ZLIB"),
        (".zdebug_info", b"ZLIB" + b"\xff" * 8 + bytes(20), 0, "claims"),
        (".zdebug_info", pack_zdebug(b"0123456789" * 50)[:20], 0, "decompress"),
    ],
)
def test_sections_that_do_not_unpack(name: str, raw: bytes, flags: int, message: str) -> None:
    elf = ElfWriter()
    elf.section(name, raw, flags=flags)
    with pytest.raises(GosnapError, match=rf"prog: offset \d+: section .*{message}"):
        opened(elf.build()).section(".debug_info")


@pytest.mark.parametrize(
    ("pack", "claim"),
    [
        pytest.param(pack_zlib, 0),
        pytest.param(pack_zlib, 1),
        pytest.param(pack_zlib, 9_999_999),
        (pack_zlib, 10_000_001),
        (pack_zstd, 0),
        (pack_zstd, 1),
        (pack_zstd, 9_999_999),
        (pack_zstd, 10_000_001),
    ],
)
def test_a_section_that_unpacks_to_another_size(pack: Callable[[bytes], bytes], claim: int) -> None:
    raw = bytearray(pack(bytes(10_000_000)))
    raw[8:16] = claim.to_bytes(8, "little")
    elf = ElfWriter()
    elf.section(".debug_info", bytes(raw), flags=SHF_COMPRESSED)
    got = opened(elf.build())
    tracemalloc.start()
    try:
        with pytest.raises(GosnapError, match="decompress"):
            got.section(".debug_info")
        assert tracemalloc.get_traced_memory()[1] < claim * 2 + 1_000_000
    finally:
        tracemalloc.stop()


def test_a_section_outside_the_file() -> None:
    elf = ElfWriter()
    elf.section(".debug_info", b"x", size=1 << 50)
    with pytest.raises(GosnapError, match=r"prog: truncated: section \.debug_info needs"):
        opened(elf.build()).section(".debug_info")


def test_a_note_that_does_not_fit() -> None:
    elf = program()
    elf.notes.insert(0, struct.pack("<III", 4, 0x7FFFFFFF, 4) + b"Go\0\0")
    with pytest.raises(GosnapError, match="does not fit its segment"):
        _ = opened(elf.build()).go_build_id


def everything(raw: bytes) -> None:
    """Ask for all that an executable has: an answer, or a GosnapError that names the file on one line."""
    try:
        elf = opened(raw)
    except GosnapError as e:
        assert e.message.startswith("prog: ")
        return
    for ask in (
        lambda: [elf.section(n) for n in (*elf.sections, ".debug_info", ".debug_str")],
        lambda: [elf.symbol(n) for n in ("runtime.mheap_", "none")],
        lambda: (elf.go_build_id, elf.gnu_build_id),
        elf.go_version,
    ):
        try:
            ask()
        except GosnapError as e:
            assert e.message.startswith("prog: ")
            assert "\n" not in e.message


WHOLE = program()
WHOLE.debug({"info": b"some debug information" * 20}, "zlib")
WHOLE.debug({"str": b"some strings" * 20}, "zstd")
RAW = WHOLE.build()


def test_every_truncation() -> None:
    for n in range(0, len(RAW), 7):
        everything(RAW[:n])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), min_size=1, max_size=10))
def test_changed_bytes_never_crash(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for at, value in changes:
        raw[at] = value
    everything(bytes(raw))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(range(0, 64, 2)),
    st.sampled_from([0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1]),
    st.sampled_from([2, 4, 8]),
)
def test_lying_headers_never_crash(at: int, value: int, size: int) -> None:
    raw = bytearray(RAW)
    raw[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    everything(bytes(raw))
