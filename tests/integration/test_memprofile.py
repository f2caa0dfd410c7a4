"""The memory profile as we read it, against what the program itself writes: runtime/pprof in both forms."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import profileproto
from gosnap._kernels import copy
from gosnap._kernels.mprof import exp
from gosnap.cli import main
from gosnap.errors import GosnapError
from gosnap.goruntime import mprof
from gosnap.goruntime.heapprofile import HeapProfile, read_heap_profile
from gosnap.goruntime.layout import shipped
from gosnap.goruntime.mprof import published, read_buckets
from gosnap.goruntime.running import open_running
from gosnap.heap.snapshot import open_snapshot
from gosnap.heap.take import take
from gosnap.profile.memory import of_process

pytestmark = pytest.mark.integration

Build = Callable[..., Path]
Start = Callable[..., Any]
RATES = [1, 4096, 524288]
EVERYTHING = {"GODEBUG": "memprofilerate=1"}

Line = tuple[str, str, int, int]
"""function, file, start line, line"""
Sample = tuple[tuple[tuple[int, int, tuple[Line, ...]], ...], tuple[int, ...], int]
"""locations (address, start of the mapping, lines), values, label bytes (0: none)"""


def ours(heap: HeapProfile, view: str) -> list[Sample]:
    s = heap.sites
    start, function = s.line_start.tolist(), s.line_function.tolist()
    locations = [
        (
            int(s.address[i]),
            heap.mappings[s.mapping[i]].start if s.mapping[i] >= 0 else 0,
            tuple(
                (s.name[f], s.file[f], int(s.start_line[f]), int(s.line[k]))
                for k, f in zip(range(start[i], start[i + 1]), function[start[i] : start[i + 1]], strict=True)
            ),
        )
        for i in range(len(s.address))
    ]
    values = list(zip(*(c.tolist() for c in heap.values(view)), strict=True))  # type: ignore[arg-type]
    label = heap.labels(view).tolist()  # type: ignore[arg-type]
    begin = s.stack_start.tolist()
    return [
        (tuple(locations[k] for k in s.stack[begin[i] : begin[i + 1]].tolist()), values[i], label[i])
        for i in range(len(heap))
    ]


def theirs(profile: Any) -> list[Sample]:
    def text(index: int) -> str:
        return bytes(profile.string_table[index]).decode("utf-8", "surrogateescape")

    functions = {f.id: (text(f.name), text(f.filename), f.start_line) for f in profile.function}
    mappings = {m.id: m.memory_start for m in profile.mapping}
    locations = {
        x.id: (
            x.address,
            mappings.get(x.mapping_id, 0),
            tuple((*functions[line.function_id], line.line) for line in x.line),
        )
        for x in profile.location
    }
    out = []
    for sample in profile.sample:
        labels = [(text(label.key), label.str, label.num, label.num_unit) for label in sample.label]
        assert [(key, s, unit) for key, s, _, unit in labels] in ([], [("bytes", 0, 0)])
        stack = tuple(locations[i] for i in sample.location_id)
        out.append((stack, tuple(sample.value), labels[0][2] if labels else 0))
    return out


def counting(samples: list[Sample]) -> list[Sample]:
    return [s for s in samples if any(s[1])]


def functions(sample: Sample) -> set[str]:
    return {line[0] for _, _, lines in sample[0] for line in lines}


def counts(heap: HeapProfile, view: str, function: str) -> tuple[int, int]:
    """(allocations, frees) of samples of stacks with a function in them."""
    rows = [i for i, s in enumerate(ours(heap, view)) if function in functions(s)]
    allocs, frees = map(np.asarray, published(heap.allocs, heap.frees, heap.state.cycle, view))  # type: ignore[arg-type]
    return int(allocs[rows].sum()), int(frees[rows].sum())


def written(target: Any, path: Path) -> tuple[Any, str, dict[str, Any]]:
    """The target's own profile in both forms. It is written twice: only the first time adds stacks."""
    target.ask(f"profile {path}")
    said = target.ask(f"profile {path}")
    proto = profileproto.parse(path.with_suffix(".pb.gz").read_bytes())
    return proto, path.with_suffix(".txt").read_text(), said


def same(heap: HeapProfile, profile: Any) -> None:
    """Every sample of the profile in its place, with its stack, and nothing else that counts anything."""
    mine, others = ours(heap, "pprof"), theirs(profile)
    assert len(others) > 10
    assert counting(mine) == counting(others)
    # stacks that were met since then are in front
    assert mine[len(mine) - len(others) :] == others
    assert heap.state.rate == profile.period
    mappings = [
        (m.memory_start, m.memory_limit, m.file_offset, profileproto.text(profile, m.filename))
        for m in profile.mapping
    ]
    assert [(m.start, m.limit, m.offset, m.file) for m in heap.mappings] == mappings
    assert [m.build_id for m in heap.mappings] == [
        profileproto.text(profile, m.build_id) for m in profile.mapping
    ]
    assert heap.sites.complete == [m.has_functions for m in profile.mapping]


@pytest.mark.parametrize("rate", RATES)
def test_equals_the_endpoint(
    go_version: str, rate: int, gobuild: Build, running: Start, tmp_path: Path
) -> None:
    env = {"GODEBUG": f"memprofilerate={rate}"}
    # so many that chance does not decide whether there is anything to compare
    stacks = "300" if rate < 100_000 else "5000"
    target = running(gobuild("mprof", go_version), "-stacks", stacks, env=env)
    proto, _, said = written(target, tmp_path / "heap")
    heap = read_heap_profile(open_running(target.pid))
    assert said["rate"] == rate
    same(heap, proto)
    inlined = sum(len(location[2]) > 1 for s in ours(heap, "pprof") for location in s[0])
    assert inlined > 0


def test_equals_the_text_form(go_version: str, gobuild: Build, running: Start, tmp_path: Path) -> None:
    """Raw counts and return addresses, which the other form does not have."""
    target = running(gobuild("mprof", go_version), "-stacks", "50", env=EVERYTHING)
    _, text, said = written(target, tmp_path / "heap")
    rows = [
        (int(m[1]), int(m[3]), int(m[4]), tuple(int(pc, 16) for pc in m[5].split()))
        for m in re.finditer(r"^(\d+): (\d+) \[(\d+): (\d+)\] @((?: 0x[0-9a-f]+)*)$", text, re.MULTILINE)
    ]
    b = read_buckets(open_running(target.pid))
    allocs, frees = b.counts("pprof")
    mine = [
        (a - f, a, a * size, tuple(b.pcs[low:high].tolist()))
        for a, f, size, low, high in zip(
            allocs.tolist(), frees.tolist(), b.size.tolist(), b.start[:-1], b.start[1:], strict=True
        )
    ]
    assert len(rows) > 100
    assert sorted(r for r in mine if r[1]) == sorted(r for r in rows if r[1])
    assert (sum(allocs), sum(frees)) == (said["allocs"], said["frees"])
    assert b.damaged == 0


@pytest.mark.parametrize("busy", [False, True])
def test_equals_the_endpoint_while_the_collector_marks(
    go_version: str, busy: bool, gobuild: Build, running: Start, tmp_path: Path
) -> None:
    env = {"GODEBUG": "memprofilerate=1,asyncpreemptoff=1", "GOMAXPROCS": "4"}
    arguments = ("-stacks", "50", "-links", "400000", *(["-busy"] if busy else []))
    target = running(gobuild("mprof", go_version), *arguments, env=env)
    program = open_running(target.pid)
    if busy:
        # collections of its own end before their sweep does, which leaves frees behind
        target.ask("churn on")
        for _ in range(20):
            target.ask("more 100")
        target.ask("churn off")
    phase = program.need_address("runtime.gcphase")
    # what the next collection will publish, and what it will find
    target.ask("more 11")
    target.ask("gc")
    target.ask("drop")
    target.ask("more 3")
    try:
        assert target.ask(f"mark {phase:#x}") == {"phase": 1}
        target.ask("more 2")
        for _ in range(2):
            target.ask(f"proto {tmp_path / 'heap'}")
        proto = profileproto.parse((tmp_path / "heap.pb.gz").read_bytes())
        assert program.space.u32(phase) == 1
        heap = read_heap_profile(program)
        assert program.space.u32(phase) == 1
        assert np.asarray(heap.allocs).reshape(-1, 4)[:, 1:].any(), "nothing is waiting to be published"
        assert busy or np.asarray(heap.allocs).reshape(-1, 4)[:, 0].any()
        same(heap, proto)
        assert counts(heap, "now", "main.(*shelf).fill")[0] >= 7 + 11 + 3 + 2
    finally:
        target.ask("unmark")


def test_equals_the_endpoint_after_each_collection(
    go_version: str, gobuild: Build, running: Start, tmp_path: Path
) -> None:
    target = running(gobuild("mprof", go_version), "-stacks", "20", env=EVERYTHING)
    cycles = set()
    for step in range(7):
        target.ask(f"more {step}")
        if step % 3 == 1:
            target.ask("drop")
        proto, _, _ = written(target, tmp_path / "heap")
        heap = read_heap_profile(open_running(target.pid))
        cycles.add(heap.state.cycle % 3)
        same(heap, proto)
        target.ask("gc")
    assert cycles == {0, 1, 2}


def made(heap: HeapProfile, view: str) -> tuple[int, int]:
    """(allocations, frees) of the objects that fill made: 3000 bytes take a slot of 3072."""
    rows = [
        i
        for i, s in enumerate(ours(heap, view))
        if "main.(*shelf).fill" in functions(s) and heap.size[i] == 3072
    ]
    allocs, frees = map(np.asarray, published(heap.allocs, heap.frees, heap.state.cycle, view))  # type: ignore[arg-type]
    # the slice of them may have grown through this size, too: its stack ends in runtime.growslice
    plain = [i for i in rows if not any(n.endswith("growslice") for n in functions(ours(heap, view)[i]))]
    return int(allocs[plain].sum()), int(frees[plain].sum())


def test_now_is_the_present_moment(go_version: str, gobuild: Build, running: Start) -> None:
    target = running(gobuild("mprof", go_version), "-stacks", "20", env=EVERYTHING)

    def look() -> dict[str, tuple[int, int]]:
        heap = read_heap_profile(open_running(target.pid))
        return {view: made(heap, view) for view in ("pprof", "now")}

    assert look() == {"pprof": (7, 0), "now": (7, 0)}
    target.ask("more 5")
    assert look() == {"pprof": (7, 0), "now": (12, 0)}
    target.ask("drop")
    assert look()["now"] == (12, 0)
    target.ask("gc")
    # all twelve are found dead, none of the new ones
    target.ask("more 1")
    assert look()["now"] == (13, 12)
    for _ in range(3):
        target.ask("gc")
    assert look() == {"pprof": (13, 12), "now": (13, 12)}


def test_before_the_first_collection_all_is_published(
    go_version: str, gobuild: Build, running: Start, tmp_path: Path
) -> None:
    target = running(gobuild("mprof", go_version), "-gc=false", "-stacks", "20", env=EVERYTHING)
    heap = read_heap_profile(open_running(target.pid))
    assert heap.state.cycle == 0 and not np.asarray(heap.allocs).reshape(-1, 4)[:, 0].any()
    assert made(heap, "pprof") == (7, 0)
    proto, _, _ = written(target, tmp_path / "heap")
    before = [s for s in ours(heap, "pprof") if "main.everything" in functions(s)]
    after = [s for s in theirs(proto) if "main.everything" in functions(s)]
    assert len(before) > 100
    assert before == after


def test_five_thousand_stacks(gobuild: Build, running: Start, tmp_path: Path) -> None:
    for version in ("1.21.13", "1.27.3"):
        target = running(gobuild("mprof", version), "-stacks", "5000", env=EVERYTHING)
        proto, _, _ = written(target, tmp_path / "heap")
        heap = read_heap_profile(open_running(target.pid))
        assert len({s[0] for s in ours(heap, "pprof")}) > 5000
        same(heap, proto)


def test_deeper_stacks(gobuild: Build, running: Start, tmp_path: Path) -> None:
    for depth in (0, 1, 2, 33, 1000):
        env = {"GODEBUG": f"memprofilerate=1,profstackdepth={depth}"}
        target = running(gobuild("mprof", "1.26.6"), "-stacks", "20", env=env)
        target.ask(f"profile {tmp_path / 'heap'}")
        program = open_running(target.pid)
        if not program.space.u64(program.need_address("runtime.mbuckets")):
            continue  # profstackdepth=0 turns it off
        proto, _, _ = written(target, tmp_path / "heap")
        heap = read_heap_profile(program)
        assert counting(ours(heap, "pprof")) == counting(theirs(proto))
        lengths = np.diff(read_buckets(program).start)
        assert int(lengths.max()) >= min(depth, 400)


@pytest.mark.parametrize(
    "flags",
    [
        ("-ldflags=-w",),
        ("-buildmode=pie",),
        ("-buildmode=pie", "-ldflags=-w"),
        ("-ldflags=-s -w",),
        ("-buildmode=pie", "-trimpath", "-ldflags=-s -w"),
    ],
)
def test_without_dwarf_and_anywhere_in_memory(
    go_version: str, flags: tuple[str, ...], gobuild: Build, running: Start, tmp_path: Path
) -> None:
    target = running(gobuild("mprof", go_version, flags=flags), "-stacks", "50", env=EVERYTHING)
    proto, _, _ = written(target, tmp_path / "heap")
    program = open_running(target.pid)
    assert program.has_dwarf == (not any("-w" in f for f in flags))
    assert program.has_symbols == (not any("-s" in f for f in flags))
    same(read_heap_profile(program), proto)


def test_with_c_and_its_linker(gobuild: Build, running: Start, tmp_path: Path) -> None:
    for version in ("1.21.13", "1.24.11", "1.27.3"):
        binary = gobuild("mprof", version, flags=["-ldflags=-linkmode=external"], env={"CGO_ENABLED": "1"})
        target = running(binary, "-stacks", "20", env=EVERYTHING)
        proto, _, _ = written(target, tmp_path / "heap")
        same(read_heap_profile(open_running(target.pid)), proto)


def test_exp_is_gos(go_version: str, gobuild: Build, running: Start) -> None:
    target = running(gobuild("mprof", go_version), "-stacks", "1")
    for rate in (2, 100, 4096, 524288, 1e9):
        bits = target.ask(f"exp 3000 {rate!r}")["bits"]
        mine = np.array([exp(-16.0 * (i + 1) / rate) for i in range(len(bits))])
        wanted = np.array(bits, np.uint64).view(np.float64)
        normal = wanted > 2.3e-308
        assert (mine[normal] == wanted[normal]).all()
        assert (1 - mine[~normal] == 1 - wanted[~normal]).all()


def test_a_busy_program_is_not_stopped(
    go_version: str, gobuild: Build, running: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the target was to be stopped")

    monkeypatch.setattr(copy, "Tracer", refuse)
    env = {"GODEBUG": "memprofilerate=4096"}
    target = running(gobuild("mprof", go_version), "-stacks", "300", "-busy", env=env)
    target.ask("churn on")
    allocated = 0
    for _ in range(20):
        try:
            b = read_buckets(open_running(target.pid))
        except GosnapError as e:
            assert "changed during each" in e.message
            continue
        allocs, frees = map(np.asarray, b.counts("now"))
        assert b.damaged == 0
        assert (frees <= allocs).all()
        assert int(allocs.sum()) >= allocated
        allocated = int(allocs.sum())
    assert allocated > 0
    # still, once more: what it says for itself
    target.ask("churn off")


def test_hashes_are_those_of_the_runtime(go_version: str, gobuild: Build, running: Start) -> None:
    """Every bucket's hash, which the runtime made of stack and size, is the one that we make of them."""
    target = running(gobuild("mprof", go_version), "-stacks", "300", env=EVERYTHING)
    program = open_running(target.pid)
    b = read_buckets(program)
    assert len(b) > 300 and b.damaged == 0
    # and they are looked at: with the size in their place none is right
    layout = mprof._layout(program)
    wrong = (*layout[:-1], program.layouts.need("runtime.bucket", "size").offset)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mprof, "_layout", lambda _: wrong)
        assert read_buckets(program).damaged == len(b)


def test_a_locked_profile_is_not_believed(go_version: str, gobuild: Build, running: Start) -> None:
    """A process that is stopped while one of its threads holds the profile's lock, which is where it says."""
    target = running(gobuild("mprof", go_version), "-stacks", "300", env=EVERYTHING)
    program = open_running(target.pid)
    assert read_buckets(program).held == 0
    target.ask("read on")
    # what holds the lock runs most of the time: it is met soon, or the lock is not where we look
    for _ in range(1000):
        # it has run on since it was stopped before
        target.ask("exp 1 2")
        os.kill(target.pid, signal.SIGSTOP)
        try:
            _all_stopped(target.pid)
            if mprof.read_state(program).held & 1:
                b = read_buckets(program)
                break
        finally:
            os.kill(target.pid, signal.SIGCONT)
    else:
        pytest.fail("the lock was never held")
    assert b.held & 1 and b.damaged == 0
    assert "is the process stopped?" in " ".join(read_heap_profile(program, b).notes)
    target.ask("read off")
    assert read_buckets(program).held == 0


def _all_stopped(pid: int) -> None:
    """Wait until every thread stands."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        while (thread / "stat").read_text().rpartition(")")[2].split()[0] not in ("T", "t", "Z", "X"):
            time.sleep(0.001)


def test_in_a_snapshot(go_version: str, gobuild: Build, running: Start, tmp_path: Path) -> None:
    target = running(gobuild("mprof", go_version), "-stacks", "300", env=EVERYTHING)
    proto, _, _ = written(target, tmp_path / "heap")
    take(str(target.pid), out=tmp_path / "a.gosnap", contents=False)
    target.stop()
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    heap = snapshot.heap_profile()
    same(heap, proto)
    # each sampled object that is allocated has the stack that allocated it, and no other has one
    allocs, frees = map(np.asarray, published(heap.allocs, heap.frees, heap.state.cycle, "now"))
    sites = snapshot.allocation_sites(heap)
    assert np.bincount(sites.bucket, minlength=len(heap)).tolist() == (allocs - frees).tolist()
    assert len(np.unique(sites.object)) == len(sites.object)
    assert made(heap, "now") == (7, 0)
    fill = [i for i, s in enumerate(ours(heap, "now")) if "main.(*shelf).fill" in functions(s)]
    mine = sites.object[np.isin(sites.bucket, fill)].astype(np.int64)
    rows, number = sites.of(mine)
    assert set(rows.tolist()) <= set(fill) and int(number.sum()) == len(mine) >= 7


def test_in_a_core(go_version: str, gobuild: Build, running: Start, tmp_path: Path) -> None:
    from gosnap.profile.memory import of_core

    target = running(gobuild("mprof", go_version), "-stacks", "20", env=EVERYTHING)
    proto, _, _ = written(target, tmp_path / "heap")
    if shutil.which("gcore") is None:
        pytest.skip("gcore is not here (Debian package gdb)")
    subprocess.run(
        ["gcore", "-o", str(tmp_path / "core"), str(target.pid)], check=True, capture_output=True, timeout=120
    )
    core = tmp_path / f"core.{target.pid}"
    try:
        heap = of_core(core)
    finally:
        core.unlink()  # more than a gigabyte
    assert counting(ours(heap, "pprof")) == counting(theirs(proto))


def test_proto(go_version: str, gobuild: Build, running: Start, tmp_path: Path) -> None:
    """What `gosnap proto` writes, read by google/protobuf."""
    target = running(gobuild("mprof", go_version), "-stacks", "100", env={"GODEBUG": "memprofilerate=512"})
    proto, _, _ = written(target, tmp_path / "heap")
    take(str(target.pid), out=tmp_path / "a.gosnap", contents=False)
    for source in (str(target.pid), str(tmp_path / "a.gosnap")):
        out = tmp_path / "ours.pb.gz"
        # symbolizing is to do as pprof does, which takes sync.OnceValue[…interface { Error() string }] for
        # C++
        assert main(["proto", source, "--symbolize", "none", "-o", str(out), "--force"]) == 0
        assert out.stat().st_mode & 0o777 == 0o600
        mine = profileproto.parse(out.read_bytes())
        assert counting(theirs(mine)) == counting(theirs(proto))

        def head(p: Any) -> list[Any]:
            types = [
                (profileproto.text(p, t.type), profileproto.text(p, t.unit))
                for t in (*p.sample_type, p.period_type)
            ]
            return [types, p.period, profileproto.text(p, p.default_sample_type), p.duration_nanos]

        assert head(mine) == head(proto)
        assert list(mine.mapping) != [] and [
            (
                m.memory_start,
                m.memory_limit,
                m.file_offset,
                m.has_functions,
                profileproto.text(mine, m.build_id),
            )
            for m in mine.mapping
        ] == [
            (
                m.memory_start,
                m.memory_limit,
                m.file_offset,
                m.has_functions,
                profileproto.text(proto, m.build_id),
            )
            for m in proto.mapping
        ]
        assert abs(mine.time_nanos - proto.time_nanos) < 3600 * 10**9
    target.ask("more 4")
    out = tmp_path / "now.pb.gz"
    assert main(["proto", str(target.pid), "-o", str(out), "--view", "now"]) == 0
    mine = profileproto.parse(out.read_bytes())

    def total(p: Any) -> int:
        return sum(s[1][0] for s in theirs(p) if "main.(*shelf).fill" in functions(s))

    assert total(mine) > total(proto)


@pytest.mark.parametrize("source", ["process", "snapshot"])
def test_profiles_are_read_without_numpy(
    go_version: str, source: str, gobuild: Build, running: Start, tmp_path: Path
) -> None:
    """Its import takes longer than all else; nor is DWARF opened for a Go that the table of layouts has."""
    target = running(gobuild("mprof", go_version), "-stacks", "100", env=EVERYTHING)
    word = str(target.pid)
    if source == "snapshot":
        word = str(tmp_path / "a.gosnap")
        take(str(target.pid), out=Path(word), contents=False)
    code = (
        "import sys\n"
        "from gosnap.cli import main\n"
        f"assert main(['top', {word!r}, '-nodecount=3']) == 0\n"
        "sys.exit(' '.join({'numpy', 'rich', 'argparse', 'gosnap.binary.dwarf'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "main." in done.stdout


def test_a_table_that_does_not_fit_is_left_for_dwarf(
    gobuild: Build, running: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = running(gobuild("mprof", "1.26.6"), "-stacks", "50", env=EVERYTHING)
    proto, _, _ = written(target, tmp_path / "heap")
    size, fields = shipped(26).structs["runtime.bucket"]
    moved = {name: (offset + 8 * (name != "next"), n) for name, (offset, n) in fields.items()}
    monkeypatch.setitem(shipped(26).structs, "runtime.bucket", (size + 8, moved))
    heap = of_process(target.pid)
    same(heap, proto)


def test_a_program_that_keeps_none(
    go_version: str, gobuild: Build, running: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = running(gobuild("quiet", go_version))
    with pytest.raises(GosnapError, match="keeps no memory profile") as failed:
        read_heap_profile(open_running(target.pid))
    assert "net/http/pprof" in failed.value.hint and "gosnap types" in failed.value.hint
    take(str(target.pid), out=tmp_path / "a.gosnap")
    for source in (str(target.pid), str(tmp_path / "a.gosnap")):
        assert main(["proto", source, "-o", str(tmp_path / "x")]) == 1
        assert "keeps no memory profile" in capsys.readouterr().err
        # top has another answer: the objects, as `types` shows them
        assert main(["top", source, "--format=json", "-nodecount=0"]) == 0
        out, err = capsys.readouterr()
        assert "keeps no memory profile" in err and "net/http/pprof" in err and "objects, by type" in err
        answer = json.loads(out)
        wanted = open_snapshot(tmp_path / "a.gosnap").types(top=None)
        assert answer["kind"] == "types" and answer["rows"][0] == wanted.rows[0]
        assert {r["type"] for r in answer["rows"]} >= {r["type"] for r in wanted.rows[:10]}
        assert main(["top", source, "--format=csv"]) == 1
        assert "keeps no memory profile" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_process_that_is_gone(gobuild: Build, running: Start) -> None:
    target = running(gobuild("mprof", "1.27.3"), "-stacks", "1")
    program = open_running(target.pid)
    os.kill(target.pid, signal.SIGKILL)
    target.proc.wait()
    with pytest.raises(GosnapError, match="has exited"):
        read_heap_profile(program)
