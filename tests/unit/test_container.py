"""The snapshot file: whole or not there, and every damage told apart from a sound file."""

import errno
import os
import resource
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.errors import GosnapError
from gosnap.target.container import CHUNK, Reader, Writer

COLUMNS = {
    "empty": np.zeros(0, "<u8"),
    "small": np.arange(10, dtype="<u4"),
    "words": np.arange(300_000, dtype="<u8") * 7919,  # more than two chunks
    "exact": np.arange(CHUNK // 2, dtype="<i2"),  # exactly one
    "float": np.linspace(-1, 1, 100),
}
FACTS = {"name": "søk", "pid": 42, "list": [1, 2.5, None, True]}


def write(path: Path, **options: Any) -> None:
    with Writer(path, **options) as w:
        w.add_json("facts", FACTS)
        for name, column in COLUMNS.items():
            w.add_array(name, column)
        w.commit()


def content(path: Path) -> dict[str, Any]:
    """All that a reader can get."""
    r = Reader.open(path)
    return {s.name: (s.dtype, r.read(s.name)) for s in r.sections}


def only(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir())


# ---- writing ----


def test_parts_of_killed_runs_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.gosnap"
    stale, other = tmp_path / "a.gosnap.1-0.part", tmp_path / "b.gosnap.1-0.part"
    stale.write_bytes(b"half")
    other.write_bytes(b"another's")
    with Writer(path) as first:
        assert not stale.exists() and other.exists()
        # one that is still being written is let be
        with Writer(path) as second:
            assert len(list(tmp_path.glob("a.gosnap.*.part"))) == 2
            second.add_json("x", 1)
        first.add_json("x", 2)
        first.commit()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gosnap", other.name]


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a.gosnap"
    write(path)
    r = Reader.open(path)
    assert r.json("facts") == FACTS
    for name, column in COLUMNS.items():
        got = r.array(name)
        assert got.dtype == column.dtype
        assert got.tolist() == column.tolist()
    assert r.has("small")
    assert not r.has("none")
    raw = sum(c.nbytes for c in COLUMNS.values()) + len(r.read("facts"))
    assert r.verify() == raw == sum(s.raw_bytes for s in r.sections)
    assert sum(s.stored_bytes for s in r.sections) < path.stat().st_size
    assert only(path) == ["a.gosnap"]


def test_parts_and_columns_of_many_chunks(tmp_path: Path) -> None:
    """A part is what the whole has there, as far as it goes; columns are unpacked by threads."""
    path = tmp_path / "a.gosnap"
    column = np.random.default_rng(3).integers(0, 1 << 62, 5 * CHUNK // 8 + 77).astype("<u8")
    with Writer(path) as w:
        w.add_array("x", column)
        w.add_array("none", column[:0])
        w.commit()
    r = Reader.open(path)
    assert np.array_equal(r.array("x"), column) and not r.array("x").flags.writeable
    raw, n = column.tobytes(), column.nbytes
    cuts = (0, 1, 8, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, n - 1, n, n + 1, n + 2 * CHUNK)
    for start in cuts:
        for stop in cuts:
            assert r.part("x", start, stop) == raw[start : max(start, stop)]
    assert r.part("none", 0, 10) == b""


def test_text_that_is_no_utf8_comes_back(tmp_path: Path) -> None:
    """A command line of any bytes, as os.fsdecode gives it."""
    path = tmp_path / "a.gosnap"
    with Writer(path) as w:
        w.add_json("facts", {"argv": os.fsdecode(b"prog \xff")})
        w.commit()
    assert os.fsencode(Reader.open(path).json("facts")["argv"]) == b"prog \xff"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=3000), max_size=10), st.integers(1, 700))
def test_pieces_of_any_size_are_one_section(pieces: list[bytes], times: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gosnap"
        with Writer(path) as w:
            w.add_pieces("p", "|u1", pieces * times)
            w.commit()
        assert Reader.open(path).read("p") == b"".join(pieces) * times


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_only_the_owner_can_read_it(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "a.gosnap"
    before = os.umask(umask)
    try:
        with Writer(path) as w:
            [part] = tmp_path.iterdir()
            assert stat.S_IMODE(part.stat().st_mode) == 0o600
            w.commit()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_commit_there_is_no_file(tmp_path: Path) -> None:
    with Writer(tmp_path / "a.gosnap") as w:
        w.add_array("x", np.arange(10))
    assert not list(tmp_path.iterdir())


def test_an_exception_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "a.gosnap") as w:
        w.add_array("x", np.arange(10))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_pieces_that_raise_leave_no_file(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(3 * CHUNK)
        raise GosnapError("the target is gone")

    with pytest.raises(GosnapError, match="the target is gone"), Writer(tmp_path / "a.gosnap") as w:
        w.add_pieces("x", "|u1", pieces())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("force", [False, True])
def test_a_file_that_exists(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "a.gosnap"
    path.write_bytes(b"precious")
    if force:
        write(path, force=True)
        assert Reader.open(path).json("facts")["pid"] == 42
    else:
        with pytest.raises(GosnapError, match=r"a\.gosnap: exists already") as e:
            write(path)
        assert "--force" in e.value.hint
        assert path.read_bytes() == b"precious"
    assert only(path) == ["a.gosnap"]


def test_force_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gosnap"
    write(path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError), Writer(path, force=True) as w:
        w.add_array("x", np.arange(10))
        raise RuntimeError
    assert path.read_bytes() == before
    assert only(path) == ["a.gosnap"]


def test_a_name_taken_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.gosnap"
    with pytest.raises(GosnapError, match="exists already"), Writer(path) as w:
        path.write_bytes(b"another's")
        w.commit()
    assert path.read_bytes() == b"another's"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(GosnapError, match="cannot write: No such file") as e:
        Writer(tmp_path / "none" / "a.gosnap")
    assert "-o" in e.value.hint


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("calls", [0, 1, 3, 5])
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, calls: int) -> None:
    """The disk fails at the header, at a chunk or at the directory: one error, and nothing is left."""
    done = 0
    real = os.pwrite

    def failing(fd: int, data: bytes, at: int) -> int:
        nonlocal done
        done += 1
        if done > calls:
            raise OSError(code, os.strerror(code))
        return real(fd, data, at)

    monkeypatch.setattr(os, "pwrite", failing)
    message = "cannot write" if code == errno.EIO else "no space left"
    with pytest.raises(GosnapError, match=message) as e, Writer(tmp_path / "a.gosnap", threads=1) as w:
        w.add_array("x", COLUMNS["words"])
        w.commit()
    assert os.strerror(code) in e.value.message
    assert e.value.hint
    assert not list(tmp_path.iterdir())


def test_short_writes_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:1000], at))
    write(tmp_path / "a.gosnap")
    assert Reader.open(tmp_path / "a.gosnap").verify()


def test_a_limit_on_file_sizes(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(GosnapError, match="no space left"), Writer(tmp_path / "a.gosnap") as w:
            w.add_pieces("x", "|u1", [os.urandom(100_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.iterdir())


def test_a_section_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x twice"), Writer(tmp_path / "a.gosnap") as w:
        w.add_json("x", 1)
        w.add_json("x", 2)


def test_threads_add_sections_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.gosnap"
    columns = {f"c{i}": np.random.default_rng(i).integers(0, 1 << 60, 200_000 + i) for i in range(8)}
    errors: list[BaseException] = []

    def add(w: Writer, name: str, column: np.ndarray) -> None:
        try:
            w.add_array(name, column)
        except BaseException as e:
            errors.append(e)

    with Writer(path, threads=4) as w:
        threads = [threading.Thread(target=add, args=(w, n, c)) for n, c in columns.items()]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        w.commit()
    assert not errors
    r = Reader.open(path)
    assert [s.name for s in r.sections] == sorted(columns)
    assert all((r.array(name) == column).all() for name, column in columns.items())


def test_writers_of_one_process_to_one_name(tmp_path: Path) -> None:
    """One of them wins, the others say so; the file is whole."""
    path = tmp_path / "a.gosnap"
    outcome: list[str] = []
    gate = threading.Barrier(6)

    def one() -> None:
        gate.wait()
        try:
            write(path)
            outcome.append("written")
        except GosnapError as e:
            outcome.append(e.message)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert outcome.count("written") == 1
    assert len(outcome) == 6
    assert only(path) == ["a.gosnap"]
    assert Reader.open(path).verify()
