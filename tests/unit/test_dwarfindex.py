"""What is kept of an executable's DWARF: the same as what is read, or not believed."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from dwarfwriter import Dwarf
from elfwriter import ElfWriter, note, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_binary_dwarf import program

from gosnap.binary import dwarfindex
from gosnap.binary.dwarf import GoDwarf, Index
from gosnap.binary.dwarfindex import cache_directory, from_columns, load_dwarf, to_columns
from gosnap.binary.elf import ElfFile

GO_NOTE = 4


def executable(build_id: bytes = b"abc/def", dwarf: Dwarf | None = None) -> ElfFile:
    elf = ElfWriter()
    if build_id:
        elf.section(".note.go.buildid", note("Go", GO_NOTE, build_id), type=7)
    elf.debug((dwarf or program(4)[0]).sections(), "plain")
    return opened(elf.build())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "gosnap"


def files(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def same(a: Index | GoDwarf, b: Index | GoDwarf) -> bool:
    left, right = to_columns(a), to_columns(b)
    return left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)


def test_a_second_look_does_not_scan(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_dwarf(executable())
    (kept,) = files(cache)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    monkeypatch.setattr("gosnap.binary.dwarf.Scan", None)
    second = load_dwarf(executable())
    assert same(first, second)
    assert second.types.type_by_name("int") == first.types.type_by_name("int")


def test_other_executables_have_other_files(cache: Path) -> None:
    load_dwarf(executable(b"one"))
    load_dwarf(executable(b"two"))
    load_dwarf(executable(b"one", program(5)[0]))  # a build id is what the builder says it is
    assert len(files(cache)) == 3
    load_dwarf(executable(b""))
    assert len(files(cache)) == 3


def test_what_others_could_write_is_not_believed(cache: Path) -> None:
    load_dwarf(executable())
    (kept,) = files(cache)
    kept.chmod(0o622)
    assert load_dwarf(executable())._index is None
    assert stat.S_IMODE(files(cache)[0].stat().st_mode) == 0o600
    elsewhere = cache.parent / "elsewhere"
    kept.rename(elsewhere)
    kept.symlink_to(elsewhere)
    assert load_dwarf(executable())._index is None
    assert not files(cache)[0].is_symlink()
    cache.chmod(0o777)
    assert cache_directory() is None
    assert load_dwarf(executable())._index is None


@pytest.mark.parametrize("home", ["", "relative", "/proc/nothing"])
def test_without_a_place_nothing_is_kept(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", home)
    assert cache_directory() is None
    assert load_dwarf(executable()).types.type_by_name("int")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_again(cache: Path, data: st.DataObject) -> None:
    for left in files(cache):
        left.unlink()
    truth = load_dwarf(executable())
    (kept,) = files(cache)
    good = kept.read_bytes()
    how = data.draw(st.sampled_from(["cut", "flip", "number", "empty"]))
    at = data.draw(st.integers(0, len(good) - 9))
    if how == "cut":
        bad = good[:at]
    elif how == "empty":
        bad = b""
    else:
        n = 1 if how == "flip" else 8
        part = data.draw(st.binary(min_size=n, max_size=n))
        bad = good[:at] + part + good[at + n :]
    kept.write_bytes(bad)
    kept.chmod(0o600)
    found = load_dwarf(executable())
    # a flipped bit in a name or an address cannot be seen; whatever is taken fits together
    for index in (found.types, found.globals, found.constants, found.closures):
        assert index is not None
    t = found.types
    for row in range(len(t)):
        assert isinstance(t.name[row], str)
        assert 0 <= int(t.elem[row]) < len(t)
    if found._index is None:
        assert same(found, truth)
        assert files(cache)[0].read_bytes() == good


@pytest.mark.parametrize(
    "lie",
    [
        {"types.elem": np.array([1 << 20], np.int32)},
        {"globals.type": np.array([-1], np.int32)},
        {"closures.start": np.array([0, 1 << 40], np.int64)},
        {"constants.value": np.zeros(1 << 10, np.uint64)},
        {"globals.addr": np.array([1.5])},
    ],
)
def test_columns_that_lie_are_refused(lie: dict[str, np.ndarray]) -> None:  # type: ignore[type-arg]
    columns = to_columns(GoDwarf(executable()))
    for name, column in lie.items():
        part = len(column) < len(columns[name]) and column.dtype == columns[name].dtype
        columns[name] = np.concatenate([columns[name][: -len(column)], column]) if part else column
    with pytest.raises((ValueError, KeyError)):
        from_columns(columns)


def test_old_files_go_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        load_dwarf(executable(b"id%d" % i))
        (newest,) = [f for f in files(cache) if f.name.startswith(f"id{i}")]
        os.utime(newest, (1000 + i, 1000 + i))
    size = files(cache)[0].stat().st_size
    monkeypatch.setattr(dwarfindex, "MOST_BYTES", 2 * size + 100)
    load_dwarf(executable(b"id0"))
    load_dwarf(executable(b"new"))
    names = [f.name[:3] for f in files(cache)]
    assert names == ["id0", "new"]


def test_the_directory_of_a_file_is_json(cache: Path) -> None:
    load_dwarf(executable())
    raw = files(cache)[0].read_bytes()
    head = json.loads(raw[16 : 16 + int.from_bytes(raw[8:16], "little")])
    assert all(offset % 8 == 0 for _, offset, _ in head["columns"].values())
