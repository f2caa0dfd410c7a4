"""The memory profile of a snapshot made by hand (smallheap.py), and as a pprof profile."""

from pathlib import Path

import numpy as np
import pytest
import smallheap as heap

from gosnap.commands import profiles
from gosnap.errors import GosnapError
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.profile.memory import checked_view, to_profile
from gosnap.profile.model import HAS_FUNCTIONS, NONE, Profile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return heap.write(tmp_path / "a.gosnap", heap.sections())


@pytest.fixture
def snapshot(path: Path) -> Snapshot:
    return open_snapshot(path)


# 1/(1-exp(-32/512)) = 16.50520…; a megabyte is always sampled at that rate
VALUES = {
    "pprof": [[33, 1056, 33, 1056], [5, 5 << 20, 1, 1 << 20], [0, 0, 0, 0]],
    "now": [[82, 2640, 33, 1056], [5, 5 << 20, 0, 0], [0, 0, 0, 0]],
}


def frames(p: Profile, sample: int) -> list[list[tuple[str, str, int, int]]]:
    """(function, file, start line, line) of each location of a stack."""
    return [
        [
            (
                p.strings.text(p.function_name[f]),
                p.strings.text(p.function_filename[f]),
                p.function_start_line[f],
                p.line_line[k],
            )
            for k in range(p.line_start[place], p.line_start[place + 1])
            for f in [p.line_function[k]]
        ]
        for place in p.stack[p.stack_start[sample] : p.stack_start[sample + 1]]
    ]


@pytest.mark.parametrize("view", ["pprof", "now"])
def test_as_a_profile(path: Path, view: str) -> None:
    p = profiles.load(str(path), view)
    assert [list(p.values[4 * i : 4 * i + 4]) for i in range(3)] == VALUES[view]
    assert p.sample_types == (
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    )
    assert (p.period_type, p.period, p.time_nanos) == (("space", "bytes"), 512, 1_700_000_000_000_000_000)
    assert p.default_sample_type == "" and p.duration_nanos == 0
    fill = [("main.newItem", "/shop/item.go", 6, 7), ("main.fill", "/shop/fill.go", 9, 11)]
    assert frames(p, 0) == [fill, [("main.main", "?", 1, 3)]]
    assert frames(p, 1) == [fill, [("main.main", "?", 1, 0)]]
    assert frames(p, 2) == []
    # Go until 1.26 gives no size to what was never allocated
    assert list(p.label_start) == [0, 1, 2, 2] and list(p.label_num) == [32, 1 << 20]
    assert {p.strings.text(k) for k in p.label_key} == {"bytes"} and set(p.label_unit) == {0}
    assert list(p.mapping_flags) == [HAS_FUNCTIONS, 0]
    assert [p.strings.text(k) for k in p.mapping_file] == ["/shop/shop", "[vdso]"]
    assert [p.strings.text(k) for k in p.mapping_build_id] == ["ab", ""]
    assert list(p.location_mapping) == [0, 0, 1]


def test_every_size_is_a_label_since_go_1_27(tmp_path: Path) -> None:
    parts = heap.sections()
    parts["answers.mprof"]["total_bytes"] = 0
    parts["mprof.mapping"] = np.array([0, -1, 1], "<i4")
    p = to_profile(open_snapshot(heap.write(tmp_path / "a.gosnap", parts)).heap_profile())
    assert list(p.label_num) == [32, 1 << 20, 48]
    assert list(p.location_mapping) == [0, NONE, 1]


def test_which_object_was_allocated_where(snapshot: Snapshot) -> None:
    sites = snapshot.allocation_sites(snapshot.heap_profile())
    rows, samples = sites.of(np.array([2, 3, 4, 16]))
    assert (rows.tolist(), samples.tolist()) == ([0, 1], [2, 1])
    rows, samples = sites.of(np.array([0, 16]))
    assert (rows.tolist(), samples.tolist()) == ([1], [1])
    assert sites.of(np.zeros(0, np.int64))[0].tolist() == []


def test_what_a_snapshot_without_one_says(tmp_path: Path) -> None:
    parts = heap.sections()
    some = {k: v for k, v in parts.items() if not k.startswith("mprof.")}

    def said(**answers: object) -> str:
        some["answers.mprof"] = {**parts["answers.mprof"], **answers}
        with pytest.raises(GosnapError) as failed:
            profiles.load(str(heap.write(tmp_path / "a.gosnap", some)))
        return f"{failed.value.message}\n{failed.value.hint}"

    assert "keeps no memory profile" in said(disabled=1) and "gosnap types" in said(disabled=1)
    assert "MemProfileRate is 0" in said(rate=0, head=0)
    assert "nothing was sampled yet" in said(head=0)
    assert "the list of buckets runs in a circle" in said(why="the list of buckets runs in a circle")
    del some["answers.mprof"]
    with pytest.raises(GosnapError, match="an older gosnap took it"):
        profiles.load(str(heap.write(tmp_path / "a.gosnap", some)))


def test_what_a_target_is(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core, program, other = (tmp_path / name for name in ("core", "program", "heap.pb.gz"))
    core.write_bytes(b"\x7fELF" + bytes(12) + b"\x04\x00" + bytes(50))
    program.write_bytes(b"\x7fELF" + bytes(12) + b"\x02\x00" + bytes(50))
    other.write_bytes(b"\x1f\x8b rest")
    monkeypatch.chdir(tmp_path)
    kinds = {
        "4242": "process",
        "shop": "process",
        str(path): "snapshot",
        "a.gosnap": "snapshot",
        str(core): "core",
        "core": "core",
        str(program): "process",
        str(other): "",
        "/no/such/file": "",
        "http://localhost:6060": "",
        "localhost:6060": "",
        str(tmp_path): "",
    }
    assert {target: profiles.kind(target) for target in kinds} == kinds
    with pytest.raises(GosnapError, match="no process, snapshot or core"):
        profiles.load(str(other))
    with pytest.raises(GosnapError, match="--exe goes with a core"):
        profiles.load(str(path), exe="x")
    with pytest.raises(GosnapError, match="no view 'later'"):
        profiles.load(str(path), "later")
    assert checked_view("now") == "now"


def test_a_profile_of_nothing(tmp_path: Path) -> None:
    parts = heap.sections()
    for name, value in parts.items():
        if name.startswith("mprof."):
            parts[name] = value[:1] if name.endswith("start") and name != "mprof.start_line" else value[:0]
    parts["mprof.start_line"] = np.zeros(0, "<i8")
    parts["answers.mprof"] |= {"mappings": [], "complete": []}
    p = to_profile(open_snapshot(heap.write(tmp_path / "a.gosnap", parts)).heap_profile())
    assert (p.samples, p.mappings, p.functions, p.locations) == (0, 0, 0, 0)
