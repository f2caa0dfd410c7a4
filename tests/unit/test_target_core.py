"""ELF cores: what is read from them, what is filled from the executable, and every way in which they lie."""

import contextlib
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from target_files import BASE, DATA, ENTRY, STACK, Core, executable, header, note, ntfile, phdr, prstatus

from gosnap.binary import elfhead
from gosnap.errors import GosnapError, ReadError
from gosnap.target import core as core_module
from gosnap.target.core import is_core, open_core, parse_notes


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    exe, core = tmp_path / "server", tmp_path / "core"
    exe.write_bytes(executable())
    core.write_bytes(Core(executable(), path=str(exe)).build())
    return exe, core


def test_reads_a_core(files: tuple[Path, Path]) -> None:
    exe, core = files
    assert is_core(core) and not is_core(exe)
    image = open_core(core)
    assert (image.pid, image.program, image.cmdline) == (4242, "server", ["server", "-v"])
    assert image.threads.tid.tolist() == [4242, 4243]
    assert image.threads.register("rip").tolist() == [ENTRY, ENTRY]
    assert image.exe_path == str(exe) and image.source == "core"
    # pages that hold more than zeros: the text's first, two of three of data, the stack's
    assert image.resident is not None and image.rss_bytes is None
    runs = list(zip(image.resident.start.tolist(), image.resident.end.tolist(), strict=True))
    data = [(DATA, DATA + 0x1000), (DATA + 0x2000, DATA + 0x3000)]
    assert runs == [(BASE, BASE + 0x1000), *data, (STACK, STACK + 0x1000)]
    assert image.copied_bytes == 0x4000
    assert image.space.read(BASE, 4) == b"\x7fELF"
    assert image.space.read(BASE + 0x1000, 14) == b"read-only data"  # absent in the core: the executable's
    assert image.space.read(DATA + 0x2000, 4) == b"heap"
    assert image.space.read(STACK, 5) == b"stack"
    assert image.space.read(STACK + 0xFF8, 16) == b"s" * 8 + bytes(8)  # writable, not dumped: zero
    with pytest.raises(ReadError):
        image.space.read(0x1000, 1)
    assert image.mappings.perms == ["r-xp", "r--p", "rw-p", "rw-p"]
    assert image.mappings.path[1] == str(exe) and int(image.mappings.offset[1]) == 0x1000


def test_executable_given_by_name(files: tuple[Path, Path], tmp_path: Path) -> None:
    exe, core = files
    moved = tmp_path / "elsewhere"
    exe.rename(moved)
    with pytest.raises(GosnapError, match="needs the executable") as e:
        open_core(core)
    assert "--exe" in e.value.hint
    assert open_core(core, moved).space.read(BASE + 0x1000, 4) == b"read"


def test_wrong_executable(files: tuple[Path, Path], tmp_path: Path) -> None:
    _, core = files
    other = tmp_path / "other"
    other.write_bytes(executable("two"))
    with pytest.raises(GosnapError, match="Go build id two, the core's is one"):
        open_core(core, other)
    # The same build id, as with -ldflags=-buildid=: data and text tell them apart.
    other.write_bytes(executable(data=struct.pack("<128Q", *(BASE + 0x1010 + i * 16 for i in range(128)))))
    with pytest.raises(GosnapError, match="initialised data differs"):
        open_core(core, other)
    other.write_bytes(executable(text=b"\x90" * 100))
    with pytest.raises(GosnapError, match="first pages differ"):
        open_core(core, other)
    other.write_bytes(executable().replace(b"go1.26.6", b"go1.26.5"))
    with pytest.raises(GosnapError, match="initialised data differs"):
        open_core(core, other)


def test_wrong_entry_or_headers(tmp_path: Path) -> None:
    exe, core = tmp_path / "server", tmp_path / "core"
    exe.write_bytes(executable())
    for auxv, said in (
        ({9: ENTRY + 8}, "entry point"),
        ({9: ENTRY, 5: 9}, "program headers, not 9"),
        ({3: 64}, "lie at"),
    ):
        core.write_bytes(Core(executable(), auxv=auxv).build())
        with pytest.raises(GosnapError, match=said):
            open_core(core, exe)


def test_not_a_core_or_not_ours(files: tuple[Path, Path], tmp_path: Path) -> None:
    exe, core = files
    with pytest.raises(GosnapError, match="not a core"):
        open_core(exe)
    text = tmp_path / "text"
    text.write_bytes(b"#!/bin/sh\n" * 20)
    with pytest.raises(GosnapError, match="not an ELF file"):
        open_core(text)
    text.write_bytes(b"")
    with pytest.raises(GosnapError, match="empty"):
        open_core(text)
    with pytest.raises(GosnapError, match="No such file"):
        open_core(tmp_path / "missing")
    raw = bytearray(core.read_bytes())
    raw[18] = 183  # EM_AARCH64
    text.write_bytes(raw)
    with pytest.raises(GosnapError, match="not for linux/amd64"):
        open_core(text)
    text.write_bytes(b"#!/bin/sh\n" * 20)
    with pytest.raises(GosnapError, match="not an ELF file"):
        open_core(core, text)
    plain = executable().replace(b"\xff Go buildinf:", b"no build info!")
    text.write_bytes(plain)
    with pytest.raises(GosnapError, match="not a Go program"):
        open_core(core, text)


def test_truncated_at_every_header(files: tuple[Path, Path], tmp_path: Path) -> None:
    _, core = files
    raw = core.read_bytes()
    cut = tmp_path / "cut"
    for size in [*range(1, 400, 7), 400, 1000, len(raw) // 2, len(raw) - 1]:
        cut.write_bytes(raw[:size])
        with pytest.raises(GosnapError, match=r"truncated|not an ELF"):
            open_core(cut)
    cut.write_bytes(raw[:-100])
    with pytest.raises(GosnapError, match=r"100 bytes are missing") as e:
        open_core(cut)
    assert str(cut) in e.value.message and "offset" in e.value.message


def test_a_sparse_core_is_not_read_whole(files: tuple[Path, Path], tmp_path: Path) -> None:
    exe, _ = files
    core = tmp_path / "large"
    raw = bytearray(Core(executable(), path=str(exe)).build())
    # The stack's segment says one terabyte, in a hole of the file.
    at = 64 + 56 * 4
    struct.pack_into("<QQQ", raw, at + 24, 0, 1 << 40, 1 << 40)
    core.write_bytes(raw)
    try:
        os.truncate(core, (1 << 40) + len(raw))
    except OSError:
        pytest.skip("the file system has no room for a sparse terabyte")
    image = open_core(core)
    assert image.space.read(STACK + (1 << 39), 16) == bytes(16)


def test_overlapping_segments(files: tuple[Path, Path], tmp_path: Path) -> None:
    raw = bytearray(files[1].read_bytes())
    struct.pack_into("<Q", raw, 64 + 56 * 4 + 16, DATA + 0x1000)
    bad = tmp_path / "bad"
    bad.write_bytes(raw)
    with pytest.raises(GosnapError, match="overlaps"):
        open_core(bad)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=20))
def test_damaged_cores_fail_cleanly(files: tuple[Path, Path], changes: list[tuple[int, int]]) -> None:
    exe, core = files
    raw = bytearray(core.read_bytes())
    for at, value in changes:
        raw[at % len(raw)] = value
    bad = core.with_name("damaged")
    bad.write_bytes(raw)
    try:
        image = open_core(bad, exe)
    except GosnapError:
        return
    for start, end in zip(image.space.start.tolist(), image.space.end.tolist(), strict=True):
        image.space.read(start, min(16, end - start))


@given(st.binary(max_size=400))
def test_hostile_notes(raw: bytes) -> None:
    try:
        parse_notes(raw, "core", 0)
    except GosnapError as e:
        assert "core" in e.message


@given(st.integers(0, 1 << 64 - 1), st.binary(max_size=200))
def test_hostile_nt_file(count: int, rest: bytes) -> None:
    desc = struct.pack("<QQ", count & (1 << 64) - 1, 4096) + rest
    try:
        found = parse_notes(note("CORE", 0x46494C45, desc), "core", 0)
    except GosnapError:
        return
    assert len(found.files) * 24 <= len(rest)


def library(path: Path) -> bytes:
    """A position independent module that is not Go, 0x2000 bytes of which are mapped."""
    table = phdr(1, 5, 0, 0, 0x1000, 0x1000) + phdr(1, 4, 0x1000, 0x1000, 0x1000, 0x1000)
    table += phdr(4, 4, 0x180, 0x180, 24, 24)
    first = (header(3, 0x300, 3) + table).ljust(0x180, b"\0") + note("GNU", 3, b"12345678")
    path.write_bytes(first.ljust(0x1000, b"\x90") + b"constants of the library".ljust(0x1000, b"\0"))
    return path.read_bytes()


LIBRARY = 0x7F0000000000


def with_library(exe: Path, name: Path, held: bytes) -> bytes:
    """A core as gdb writes it: the library's constants have no program header."""
    core = Core(executable(), path=str(exe))
    core.mapped = [
        (LIBRARY, LIBRARY + 0x1000, 0, str(name)),
        (LIBRARY + 0x1000, LIBRARY + 0x2000, 0x1000, str(name)),
    ]
    core.segments = [(5, LIBRARY, held, 0x1000)]
    return core.build()


def test_shared_libraries(files: tuple[Path, Path], tmp_path: Path) -> None:
    exe, core = files
    lib = tmp_path / "libc.so.6"
    raw = library(lib)
    core.write_bytes(with_library(exe, lib, raw[:0x1000]))
    image = open_core(core)
    assert image.space.read(LIBRARY + 0x1000, 9) == b"constants" and image.notes == []
    assert image.mappings.path[-2] == str(lib) and image.mappings.perms[-2] == "r--p"
    # The core holds nothing of the library: its place still tells what it is.
    core.write_bytes(with_library(exe, lib, b""))
    assert open_core(core).space.read(LIBRARY + 0x300, 1) == b"\x90"
    core.write_bytes(with_library(exe, lib, raw[:0x1000].replace(b"12345678", b"87654321")))
    image = open_core(core)
    assert not image.space.contains(LIBRARY + 0x1000)
    assert "GNU build id 3132333435363738, the core's is 3837363534333231" in image.notes[0]
    lib.unlink()
    image = open_core(core)
    assert "No such file" in image.notes[0] and not image.space.contains(LIBRARY + 0x1000)


def test_a_file_that_is_no_module_is_not_read(files: tuple[Path, Path], tmp_path: Path) -> None:
    """What a core names is not trusted: its reader's files do not get into a snapshot."""
    exe, core = files
    secret = tmp_path / "secret"
    secret.write_bytes(b"password".ljust(0x2000, b"!"))
    core.write_bytes(with_library(exe, secret, b""))
    assert not open_core(core).space.contains(LIBRARY)
    os.mkfifo(tmp_path / "pipe")
    core.write_bytes(with_library(exe, tmp_path / "pipe", b""))
    assert not open_core(core).space.contains(LIBRARY)


def test_without_nt_file(files: tuple[Path, Path]) -> None:
    exe, core = files
    core.write_bytes(core.read_bytes().replace(b"ELIF", b"none"))
    with pytest.raises(GosnapError, match="needs the executable"):
        open_core(core)
    image = open_core(core, exe)
    assert image.space.read(BASE + 0x1000, 9) == b"read-only" and image.exe_label == str(exe)
    assert image.mappings.path == [str(exe), str(exe), str(exe), ""]


def test_arguments_from_the_stack(files: tuple[Path, Path]) -> None:
    exe, core = files
    auxv = {9: ENTRY, 25: STACK + 0x400, 31: STACK + 0x500}
    made = Core(executable(), path=str(exe), auxv=auxv)
    words = [2, STACK + 0x600, STACK + 0x610, 0, STACK + 0x620, 0]
    words += [w for pair in [*auxv.items(), (0, 0)] for w in pair]
    made.stack = struct.pack(f"<{len(words)}Q", *words).ljust(0x500, b"?") + b"/bin/server\0"
    made.stack = made.stack.ljust(0x600, b"?") + b"server\0".ljust(16, b"?") + b"two words\0"
    core.write_bytes(made.build())
    image = open_core(core)
    assert image.cmdline == ["server", "two words"] and image.mappings.path[-1] == "[stack]"


def test_breakpoints_and_taken_at(files: tuple[Path, Path]) -> None:
    exe, core = files
    raw = bytearray(core.read_bytes())
    at = raw.index(executable()[:0x180]) + 0x800
    raw[at] = 0xCC
    core.write_bytes(raw)
    os.utime(core, ns=(0, 1_700_000_000_123_456_789))
    assert open_core(core).taken_at == "2023-11-14T22:13:20.123Z"
    raw[at] = 0xCB
    core.write_bytes(raw)
    with pytest.raises(GosnapError, match="first pages differ"):
        open_core(core, exe)


def test_packed_and_other_files(tmp_path: Path) -> None:
    packed = tmp_path / "core.zst"
    packed.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    with pytest.raises(GosnapError, match="not an ELF file") as e:
        open_core(packed)
    assert "zstd -d" in e.value.hint
    with pytest.raises(GosnapError, match="not a regular file"):
        open_core(tmp_path)
    assert not is_core(tmp_path) and not is_core(tmp_path / "missing")


def test_nt_file_and_prstatus() -> None:
    raw = note("CORE", 0x46494C45, ntfile([(0x1000, 0x2000, 0x3000, "/a b"), (0x2000, 0x3000, 0, "/c")]))
    found = parse_notes(raw + note("CORE", 1, prstatus(7, 0x99)) + note("LINUX", 1, b"xx"), "core", 0)
    assert [(f.start, f.end, f.offset, f.path) for f in found.files] == [
        (0x1000, 0x2000, 0x3000, "/a b"),
        (0x2000, 0x3000, 0, "/c"),
    ]
    assert found.tids == [7]
    assert struct.unpack_from("<Q", found.registers[0], 16 * 8)[0] == 0x99
    with pytest.raises(GosnapError, match="NT_PRSTATUS"):
        parse_notes(note("CORE", 1, b"short"), "core", 0)


def test_go_facts(files: tuple[Path, Path], tmp_path: Path) -> None:
    facts = elfhead.go_facts(files[0])
    assert facts == elfhead.GoFacts(go_version="go1.26.6", dwarf=False, pie=False)
    other = tmp_path / "c"
    other.write_bytes(b"not elf")
    assert elfhead.go_facts(other) is None


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 0x2200), st.integers(0, 255)), max_size=30), st.integers(0, 0x3000))
def test_damaged_executables_fail_cleanly(
    files: tuple[Path, Path], changes: list[tuple[int, int]], size: int
) -> None:
    raw = bytearray(executable())
    for at, value in changes:
        raw[at] = value
    bad = files[0].with_name("bad-exe")
    bad.write_bytes(raw[:size] if size else raw)
    elfhead.go_facts(bad)
    with contextlib.suppress(GosnapError):
        open_core(files[1], bad)


def test_build_ids_of_a_page() -> None:
    page = executable("abc/def")[:4096]
    import io

    head = elfhead.read_head(io.BytesIO(executable("abc/def")), "x")
    assert core_module.build_ids(page, head) == {"Go": "abc/def"}
