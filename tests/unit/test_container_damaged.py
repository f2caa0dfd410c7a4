"""Snapshot files cut off, changed, or made to hurt: an error that names the file, or the same content."""

import contextlib
import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_container import COLUMNS, FACTS, content, write

from gosnap.binary.zstd import compressor
from gosnap.errors import GosnapError
from gosnap.target.container import CHUNK, END, MAGIC, VERSION, Reader, Writer


def small(folder: Path) -> bytes:
    with Writer(folder / "small.gosnap", force=True) as w:
        w.add_json("facts", FACTS)
        w.add_array("x", COLUMNS["small"])
        w.add_array("y", np.arange(500, dtype="<u8"))
        w.commit()
    return (folder / "small.gosnap").read_bytes()


def test_every_truncation(tmp_path: Path) -> None:
    raw = small(tmp_path)
    path = tmp_path / "cut.gosnap"
    for n in range(len(raw)):
        path.write_bytes(raw[:n])
        with pytest.raises(GosnapError, match=r"cut\.gosnap: ") as e:
            Reader.open(path)
        assert e.value.hint
        if n >= len(MAGIC):
            assert "damaged at offset" in e.value.message


def test_every_flipped_bit(tmp_path: Path) -> None:
    """An error, or the very same content (the reserved word in the header)."""
    raw = small(tmp_path)
    path = tmp_path / "bad.gosnap"
    path.write_bytes(raw)
    whole = content(path)
    for at in range(len(raw)):
        for bit in (0, 3, 7):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :])
            try:
                got = content(path)
            except GosnapError as e:
                assert str(path) in e.message
            else:
                assert got == whole
                assert 12 <= at < 16


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8), st.data())
def test_any_changed_bytes(changes: list[tuple[int, int]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        raw = bytearray(small(Path(folder)))
        path = Path(folder) / "bad.gosnap"
        path.write_bytes(raw)
        whole = content(path)
        for at, value in changes:
            raw[at % len(raw)] = value
        path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
        with contextlib.suppress(GosnapError):
            assert content(path) == whole


@pytest.mark.parametrize("version", [0, VERSION + 1, 0xFFFFFFFF])
def test_another_version_is_refused_clearly(tmp_path: Path, version: int) -> None:
    raw = bytearray(small(tmp_path))
    raw[8:12] = version.to_bytes(4, "little")
    path = tmp_path / "new.gosnap"
    path.write_bytes(raw)
    with pytest.raises(GosnapError, match=f"format version {version}, this gosnap reads {VERSION}") as e:
        Reader.open(path)
    assert ("update" in e.value.hint) == (version > VERSION)


@pytest.mark.parametrize("size", [4, 64, 5000])
def test_a_core_gets_a_hint(tmp_path: Path, size: int) -> None:
    path = tmp_path / "core.1"
    path.write_bytes(b"\x7fELF\x02\x01\x01".ljust(size, b"\0")[: max(size, 7)])
    with pytest.raises(GosnapError, match="not a gosnap snapshot") as e:
        Reader.open(path)
    assert "--exe" in e.value.hint


@pytest.mark.parametrize("raw", [b"", b"hello", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_other_files_are_said_to_be_none(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(raw)
    with pytest.raises(GosnapError, match="not a gosnap snapshot"):
        Reader.open(path)


def test_no_file_and_no_section(tmp_path: Path) -> None:
    with pytest.raises(GosnapError, match="No such file"):
        Reader.open(tmp_path / "none")
    with pytest.raises(GosnapError, match="not a regular file"):
        Reader.open(tmp_path)
    write(tmp_path / "a.gosnap")
    with pytest.raises(GosnapError, match="no section none in it"):
        Reader.open(tmp_path / "a.gosnap").read("none")
    with pytest.raises(GosnapError, match="section words is no JSON"):
        Reader.open(tmp_path / "a.gosnap").json("words")
    with pytest.raises(GosnapError, match="section facts is no column of 'json'"):
        Reader.open(tmp_path / "a.gosnap").array("facts")


# ---- files made to hurt, with sound checksums ----


def craft(path: Path, directory: Any, chunks: list[bytes], *, raw: int = -1) -> None:
    """A file after the layout in container.py with any directory; bytes are put in as they are."""
    text = directory if isinstance(directory, bytes) else json.dumps(directory).encode()
    packed = compressor()(text)
    body = b"".join(chunks)
    size = len(text) if raw < 0 else raw
    tail = struct.pack("<QQII8s", 16 + len(body), len(packed), size, zlib.crc32(packed), END)
    path.write_bytes(MAGIC + struct.pack("<II", VERSION, 0) + body + packed + tail)


def chunk(packed: bytes, raw: int, at: int = 16) -> list[int]:
    return [at, len(packed), raw, zlib.crc32(packed)]


def section(*chunks: Any, dtype: Any = "|u1") -> dict[str, Any]:
    return {"sections": [{"name": "x", "dtype": dtype, "chunks": list(chunks)}]}


ZEROS = compressor()(bytes(CHUNK))
HELLO = compressor()(b"hello")


def test_crafted_files_read(tmp_path: Path) -> None:
    path = tmp_path / "a.gosnap"
    craft(path, section(chunk(ZEROS, CHUNK), chunk(HELLO, 5, 16 + len(ZEROS))), [ZEROS, HELLO])
    assert Reader.open(path).read("x") == bytes(CHUNK) + b"hello"


@pytest.mark.parametrize("stored", [1, 40])
def test_a_column_that_claims_more_than_there_is_memory(tmp_path: Path, stored: int) -> None:
    """Many chunks of a few bytes, a mebibyte each as they say: nothing of that size is made for them."""
    count = 1 << 18
    rows = [[16 + i * stored, stored, CHUNK, 0] for i in range(count)]
    path = tmp_path / "a.gosnap"
    craft(path, section(*rows), [bytes(count * stored)])
    with pytest.raises(GosnapError, match=r"claims|does not fit|checksum"):
        Reader.open(path).array("x")


@pytest.mark.parametrize("bad", [0, 3, 5])
def test_a_damaged_chunk_among_many(tmp_path: Path, bad: int) -> None:
    """As many as are unpacked by two threads."""
    path = tmp_path / "a.gosnap"
    rows = [chunk(ZEROS, CHUNK, 16 + i * len(ZEROS)) for i in range(6)]
    craft(path, section(*rows, dtype="<u8"), [ZEROS] * 6)
    assert len(Reader.open(path).array("x")) == 6 * CHUNK // 8
    rows[bad][3] ^= 1
    craft(path, section(*rows, dtype="<u8"), [ZEROS] * 6)
    with pytest.raises(GosnapError, match="checksum"):
        Reader.open(path).array("x")


INFINITE = b'{"sections":[{"name":"x","dtype":"","chunks":[[16,%s,1,1]]}]}'
BOMBS: dict[str, Callable[[], tuple[Any, list[bytes]]]] = {
    "a chunk that claims more than a chunk": lambda: (section(chunk(ZEROS, CHUNK + 1)), [ZEROS]),
    "a chunk that claims less than it has": lambda: (section(chunk(ZEROS, 10)), [ZEROS]),
    "a chunk that claims nothing": lambda: (section(chunk(ZEROS, 0)), [ZEROS]),
    "a chunk that claims more than it has": lambda: (section(chunk(HELLO, 6)), [HELLO]),
    "a chunk with two frames": lambda: (section(chunk(HELLO * 2, 10)), [HELLO * 2]),
    "a chunk of no frame": lambda: (section(chunk(b"junk", 4)), [b"junk"]),
    "a chunk cut off": lambda: (section(chunk(HELLO[:-1], 5)), [HELLO]),
    "the same chunk twice": lambda: (section(chunk(ZEROS, CHUNK), chunk(ZEROS, CHUNK)), [ZEROS]),
    "overlap by a byte": lambda: (section(chunk(HELLO, CHUNK), [20, 8, 5, 0]), [HELLO * 4]),
    "a chunk in the header": lambda: (section([0, 16, 5, 0]), [HELLO]),
    "a chunk in the directory": lambda: (section([16, len(HELLO) + 1, 5, 0]), [HELLO]),
    "a chunk beyond the file": lambda: (section([1 << 62, 1 << 62, 5, 0]), [HELLO]),
    "negative numbers": lambda: (section([-5, 10, 5, 0]), [HELLO]),
    "a negative size": lambda: (section([16, 10, -5, 0]), [HELLO]),
    "an empty chunk": lambda: (section([16, 0, 0, 0]), [HELLO]),
    "a short chunk before the last": lambda: (section(chunk(HELLO, 5), [40, 1, 1, 0]), [HELLO * 4]),
    "no JSON": lambda: (b"{", [HELLO]),
    "no text": lambda: (b"\xff\xfe\xff", [HELLO]),
    "deep JSON": lambda: (b"[" * 200_000, [HELLO]),
    "a list": lambda: ([1, 2], [HELLO]),
    "no sections": lambda: ({"x": 1}, [HELLO]),
    "sections of numbers": lambda: ({"sections": [1, 2]}, [HELLO]),
    "no chunks": lambda: ({"sections": [{"name": "x", "dtype": "u1"}]}, [HELLO]),
    "chunks of text": lambda: (section("abcd"), [HELLO]),
    "chunks of three": lambda: (section([16, 5, 5]), [HELLO]),
    "huge numbers": lambda: (INFINITE.replace(b"%s", b"9" * 5000), []),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_crafted_damage_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.gosnap"
    craft(path, *BOMBS[name]())
    with pytest.raises(GosnapError, match="damaged at offset") as e:
        Reader.open(path).verify()
    assert len(e.value.message) < 500


@pytest.mark.parametrize("number", ["Infinity", "1e999"])
def test_infinite_numbers_are_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "a.gosnap"
    craft(path, INFINITE % number.encode(), [HELLO])
    with pytest.raises(GosnapError, match="damaged at offset"):
        Reader.open(path)


@pytest.mark.parametrize("claim", [1 << 28, (1 << 28) + 1, (1 << 32) - 1, 1, 0])
def test_a_directory_that_lies_about_its_size(tmp_path: Path, claim: int) -> None:
    path = tmp_path / "a.gosnap"
    craft(path, section(), [], raw=claim)
    with pytest.raises(GosnapError, match="damaged at offset"):
        Reader.open(path)


@example(",")
@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=12), st.text("<>|=?bBiufcmMOSUVa0123456789(),{}:[]' ", max_size=12)))
@pytest.mark.filterwarnings("ignore")
def test_any_dtype_is_a_column_or_an_error(dtype: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gosnap"
        craft(path, section(chunk(HELLO, 5), dtype=dtype), [HELLO])
        try:
            Reader.open(path).array("x")
        except GosnapError as e:
            assert str(path) in e.message
