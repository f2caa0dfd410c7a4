"""Objects joined with the stacks that allocated them, on a heap so small that all of it is known
(smallheap.py)."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import smallheap as heap
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gosnap.cli import main
from gosnap.errors import GosnapError, NoProfileError
from gosnap.heap.numbering import sequences
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.report.text import holders, paths, stacks, suspects, types
from gosnap.report.text.table import Page

Row = dict[str, Any]
NUMBER = {address: i for i, address in enumerate(heap.OBJECTS)}
FILL = [("main.newItem", "/shop/item.go", 7), ("main.fill", "/shop/fill.go", 11), ("main.main", "?", 3)]
BIG = [*FILL[:2], ("main.main", "?", 0)]
# a sample of 32 bytes at a rate of 512 stands for 1/(1-exp(-32/512)) = 16.505 objects, of a megabyte for one
ONE = {"samples": 1, "objects": 16, "bytes": 528}
TWO = {"samples": 2, "objects": 33, "bytes": 1056}
MEGABYTE = {"samples": 1, "objects": 1, "bytes": 1 << 20}
NONE = {"samples": 0, "objects": 0, "bytes": 0}


def opened(path: Path, **changed: Any) -> Snapshot:
    """The heap of which alice, shared, one that is garbage, and the large array are sampled."""
    parts = heap.sections()
    sampled = [(heap.ALICE, 0), (heap.SHARED, 0), (heap.GARBAGE, 0), (heap.BIG, 1)]
    parts["mprof.object"] = np.array([NUMBER[a] for a, _ in sampled], "<u4")
    parts["mprof.object_bucket"] = np.array([b for _, b in sampled], "<u4")
    return open_snapshot(heap.write(path / "a.gosnap", {**parts, **changed}))


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return opened(tmp_path)


def counts(row: Row) -> Row:
    return {key: row[key] for key in ("samples", "objects", "bytes")}


def frames(stack: Row) -> list[tuple[str, str, int]]:
    return [(f["function"], f["file"], f["line"]) for f in stack["frames"]]


def by_stack(alloc: Row) -> list[tuple[Row, list[tuple[str, str, int]]]]:
    return [(counts(s), frames(s)) for s in alloc["stacks"]]


def labels(row: Row) -> list[str]:
    return [step["label"] for step in row["steps"]]


# ---------------------------------------------------------------------- types


def test_types_with_their_stacks(snapshot: Snapshot) -> None:
    view = snapshot.types(alloc=True)
    known = {r["type"]: r["alloc"] for r in view.rows}
    three = {"samples": 3, "objects": 49, "bytes": 1584}  # 49.515 of 32 bytes each
    assert {name: counts(a) for name, a in known.items() if a["samples"]} == {
        "main.Item": three,
        "[]main.Item": MEGABYTE,
    }
    assert by_stack(known["main.Item"]) == [(three, FILL)]
    assert by_stack(known["[]main.Item"]) == [(MEGABYTE, BIG)]
    assert known["main.Job"] == {**NONE, "stacks": [], "left_out": {"stacks": 0, **NONE}}
    assert view.extra["sampling"] == {"rate": 512, "samples": 4, "note": "", "hint": ""}
    # nothing else changed
    without = snapshot.types()
    assert [{k: v for k, v in r.items() if k != "alloc"} for r in view.rows] == without.rows
    assert without.extra == {} and view.totals == without.totals


def test_filters_of_types_hold_for_samples(snapshot: Snapshot) -> None:
    def found(**asked: Any) -> list[tuple[Any, int]]:
        view = snapshot.types(alloc=True, **asked)
        return [(next(iter(r.values())), r["alloc"]["samples"]) for r in view.rows if r["alloc"]["samples"]]

    assert found(match=r"^main\.") == [("main.Item", 3)]
    assert found(match="Server") == []
    assert found(top=1) == [("[]main.Item", 1)]
    assert found(only="live") == [("[]main.Item", 1), ("main.Item", 2)]
    assert found(only="garbage") == [("main.Item", 1)]
    assert found(by="package") == [("main", 4)]
    assert found(by="package", match=r"^main\.Item$") == [("main", 3)]
    assert found(by="kind") == [("slice", 1), ("struct", 3)]
    assert found(by="size-class") == [(0, 1), (4, 3)]
    (row,) = snapshot.types(match=r"^main\.", by="kind", alloc=True, only="garbage").rows[:1]
    assert (row["kind"], row["objects"], row["alloc"]["samples"]) == ("struct", 1, 1)
    (row,) = snapshot.types(match=r"Item$", by="package", alloc=True, stacks=1).rows
    assert by_stack(row["alloc"]) == [(MEGABYTE, BIG)]
    assert row["alloc"]["left_out"] == {"stacks": 1, "samples": 3, "objects": 49, "bytes": 1584}


def test_what_has_no_type_is_told_apart_by_its_span(tmp_path: Path) -> None:
    parts = heap.sections()
    table = parts["answers.types"]
    extra = {**dict.fromkeys(table, 0), "name": "untyped (1024 B)", "kind": "untyped", "package": "(untyped)"}
    extra |= {"spanclass": 64, "objects": 1, "bytes": 1024}
    table = {k: [*v, extra[k]] for k, v in table.items()}
    kinds = parts["objects.type"].copy()
    kinds[NUMBER[heap.ARRAY]] = 0
    sampled = np.array([NUMBER[heap.ARRAY], NUMBER[heap.G]], "<u4")
    found = opened(
        tmp_path,
        **{
            "answers.types": table,
            "objects.type": kinds,
            "mprof.object": sampled,
            "mprof.object_bucket": np.zeros(2, "<u4"),
        },
    ).types(top=None, alloc=True)
    assert {r["type"] for r in found.rows if r["alloc"]["samples"] == 1} == {
        "untyped (448 B, pointers)",
        "untyped (1024 B)",
    }


def test_stacks_that_read_alike_are_one(tmp_path: Path) -> None:
    """Buckets differ in size, too, and locations in addresses of the same line."""
    found = opened(
        tmp_path,
        **{
            # the second stack is of other locations, with the same lines as the first
            "mprof.stack": np.array([0, 1, 3, 4], "<u4"),
            "mprof.address": np.array([0x401000, 0x402000, 0x7F10, 0x401010, 0x402020], "<u8"),
            "mprof.mapping": np.array([0, 0, 1, 0, 0], "<i4"),
            "mprof.line_start": np.array([0, 2, 3, 4, 6, 7], "<i8"),
            "mprof.line_function": np.array([1, 0, 2, 2, 1, 0, 2], "<u4"),
            "mprof.line": np.array([7, 11, 3, 0, 7, 11, 3], "<i4"),
        },
    ).types(by="package", alloc=True)
    (row,) = (r for r in found.rows if r["package"] == "main")
    total = {"samples": 4, "objects": 50, "bytes": 1584 + (1 << 20)}
    assert by_stack(row["alloc"]) == [(total, FILL)]


# ---------------------------------------------------------------------- paths


def test_paths_of_a_type_with_their_stacks(snapshot: Snapshot) -> None:
    view = snapshot.paths("main.Item", None, alloc=True)
    assert by_stack(view.extra["alloc"]) == [(TWO, FILL)]  # the third one is garbage
    sampled = {" ".join(labels(r)[:-1]): r["alloc"] for r in view.rows if r["samples"]}
    assert {way: by_stack(a) for way, a in sampled.items()} == {
        "global main.server *main.Server.Clients map[…]": [(ONE, FILL)],
        "global main.sharedRef": [(ONE, FILL)],
    }
    for row in view.rows:
        assert row["alloc"]["samples"] == row["samples"] == row["steps"][-1]["samples"]
    # what is held through main.server: alice, but neither bob nor nested
    roots = {s["label"]: s["samples"] for r in view.rows for s in r["steps"] if s["kind"] == "root"}
    assert roots["global main.server"] == 1 and roots["global main.big"] == 0
    view = snapshot.paths("main.Item", 1, alloc=True)
    assert [r["samples"] for r in view.rows] == [1]
    assert view.left_out == {"rows": 5, "objects": 5, "bytes": 160, "samples": 1}
    assert "alloc" not in snapshot.paths("main.Item").rows[0]


def test_paths_of_an_object_with_its_stack(snapshot: Snapshot) -> None:
    extra = snapshot.paths(heap.ALICE, alloc=True).extra
    assert [by_stack(extra[k]) for k in ("alloc", "alloc_retained")] == [[(ONE, FILL)]] * 2
    extra = snapshot.paths(heap.BOB, alloc=True).extra
    assert by_stack(extra["alloc"]) == []
    assert by_stack(extra["alloc_type"]) == [(TWO, FILL)]
    # alice is the server's alone, shared is not
    extra = snapshot.paths(heap.SERVER, alloc=True).extra
    assert by_stack(extra["alloc_retained"]) == [(ONE, FILL)] and extra["alloc_type"]["samples"] == 0
    assert set(snapshot.paths(heap.ALICE).extra) == {"target", "contents"}


# ---------------------------------------------------------------------- suspects


def test_suspects_with_their_stacks(snapshot: Snapshot, tmp_path: Path) -> None:
    (row,) = snapshot.suspects().rows
    assert row["container"] == "main.big" and by_stack(row["alloc"]) == [(MEGABYTE, BIG)]
    # last hangs on the array alone
    both = {
        "mprof.object": np.array([NUMBER[heap.LAST], NUMBER[heap.BIG]], "<u4"),
        "mprof.object_bucket": np.array([0, 1], "<u4"),
    }
    (row,) = opened(tmp_path, **both).suspects(stacks=1).rows
    assert counts(row["alloc"]) == {"samples": 2, "objects": 17, "bytes": (1 << 20) + 528}
    assert row["alloc"]["left_out"] == {"stacks": 1, **ONE}


# ---------------------------------------------------------------------- holders


def holding(snapshot: Snapshot, match: Callable[[str], object]) -> dict[str, Row]:
    return {" ".join(labels(r)): counts(r) for r in snapshot.holders(match, None).rows}


def test_who_holds_what_a_function_allocated(snapshot: Snapshot) -> None:
    want = {
        "global main.big []main.Item": MEGABYTE,
        "global main.server *main.Server.Clients map[…] main.Item": ONE,
        "global main.sharedRef main.Item": ONE,
    }
    for match in (lambda n: n == "main.fill", lambda n: n.endswith("/item.go"), lambda n: True):
        assert holding(snapshot, match) == want
    view = snapshot.holders(lambda n: n == "main.newItem", None, pattern="newItem")
    assert [r["bytes"] for r in view.rows] == [1 << 20, 528, 528]
    alive = {"samples": 3, "objects": 34, "bytes": (1 << 20) + 1056}
    assert view.totals == {
        **alive,
        "live_samples": 3,
        "live_bytes": alive["bytes"],
        "garbage_samples": 1,
        "garbage_bytes": 528,
    }
    assert view.kind == "holders" and view.left_out == {"rows": 0, **NONE}
    assert (view.extra["pattern"], view.extra["functions"]) == ("newItem", ["main.newItem"])
    assert snapshot.holders(lambda n: n == "main.fill", 1).left_out == {
        "rows": 2,
        "samples": 2,
        "objects": 32,
        "bytes": 1056,
    }


def test_a_function_that_is_only_in_some_stacks(tmp_path: Path) -> None:
    parts = heap.sections()
    names = [b"main.fill", b"main.newItem", b"main.main", b"main.load"]
    only = {
        "mprof.name_bytes": np.frombuffer(b"".join(names), "|u1"),
        "mprof.name_start": np.cumsum([0, *map(len, names)]).astype("<i8"),
        "mprof.file_bytes": np.frombuffer(parts["mprof.file_bytes"].tobytes() + b"?", "|u1"),
        "mprof.file_start": np.append(parts["mprof.file_start"], parts["mprof.file_start"][-1] + 1),
        "mprof.start_line": np.append(parts["mprof.start_line"], 1),
        # the outermost call of the second stack, which is the array's
        "mprof.line_function": np.array([1, 0, 2, 3], "<u4"),
    }
    snapshot = opened(tmp_path, **only)
    assert holding(snapshot, lambda n: n == "main.load") == {"global main.big []main.Item": MEGABYTE}
    assert len(holding(snapshot, lambda n: n == "main.main")) == 2


def test_holders_of_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(GosnapError, match="no function in its memory profile matches") as failed:
        snapshot.holders(lambda n: False)
    assert "gosnap top" in failed.value.hint
    dead = {
        "mprof.object": np.array([NUMBER[heap.GARBAGE]], "<u4"),
        "mprof.object_bucket": np.array([0], "<u4"),
    }
    with pytest.raises(GosnapError, match=r"no sampled object that is alive .*; 1 that is garbage"):
        opened(tmp_path, **dead).holders(lambda n: n == "main.fill")


# ---------------------------------------------------------------------- no profile


@pytest.fixture
def unprofiled(tmp_path: Path) -> Snapshot:
    parts = {n: v for n, v in heap.sections().items() if not n.startswith("mprof.")}
    parts["answers.mprof"] = {**parts["answers.mprof"], "disabled": 1}
    return open_snapshot(heap.write(tmp_path / "none.gosnap", parts))


def test_without_a_profile_there_is_a_note(unprofiled: Snapshot) -> None:
    for view in (
        unprofiled.types(alloc=True),
        unprofiled.paths("main.Item", alloc=True),
        unprofiled.paths(heap.ALICE, alloc=True),
        unprofiled.suspects(),
    ):
        told = view.extra["sampling"]
        assert (told["rate"], told["samples"]) == (0, 0) and told["note"].startswith(
            "keeps no memory profile"
        )
        assert "net/http/pprof" in told["hint"]
        assert all("alloc" not in row for row in view.rows)
    assert unprofiled.types(alloc=True).rows == unprofiled.types().rows
    with pytest.raises(NoProfileError, match="keeps no memory profile"):
        unprofiled.holders(lambda n: True)
    page = Page(80)
    types.render(page, unprofiled.types(alloc=True), types.Asked("x"))
    paths.render(page, unprofiled.paths("main.Item", alloc=True), "x")
    paths.render(page, unprofiled.paths(heap.ALICE, alloc=True), "x")
    assert page.text().count("no allocation stacks: it keeps no memory profile") == 3
    # nobody asked for stacks here
    page = Page(80)
    suspects.render(page, unprofiled.suspects(), "x")
    assert "stacks" not in page.text() and "sampled" not in page.text()


def test_a_snapshot_of_an_older_gosnap(tmp_path: Path) -> None:
    parts = {n: v for n, v in heap.sections().items() if "mprof" not in n}
    old = open_snapshot(heap.write(tmp_path / "old.gosnap", parts))
    told = old.types(alloc=True).extra["sampling"]
    assert told["note"] == "holds no memory profile: an older gosnap took it"
    assert told["hint"] == "take the snapshot again"
    assert len(old.suspects().rows) == 1


def test_a_damaged_profile_is_an_error(tmp_path: Path) -> None:
    damaged = opened(tmp_path, **{"mprof.object": np.array([900], "<u4")})
    for ask in (
        lambda: damaged.types(alloc=True),
        damaged.suspects,
        lambda: damaged.paths("main.Item", alloc=True),
    ):
        with pytest.raises(GosnapError, match="differ in length"):
            ask()


def test_stacks_deeper_than_any_of_gos(tmp_path: Path) -> None:
    deep = {
        "mprof.stack": np.zeros(40_000, "<u4"),
        "mprof.stack_start": np.array([0, 39_998, 40_000, 40_000]),
    }
    with pytest.raises(GosnapError, match="deeper than any of Go's"):
        opened(tmp_path, **deep).types(alloc=True)
    # few locations, each of many lines
    lines = {
        "mprof.stack": np.zeros(9000, "<u4"),
        "mprof.stack_start": np.array([0, 8998, 9000, 9000]),
        "mprof.line_start": np.array([0, 9000, 9001, 9002]),
        "mprof.line_function": np.zeros(9002, "<u4"),
        "mprof.line": np.zeros(9002, "<i4"),
    }
    with pytest.raises(GosnapError, match="deeper than any of Go's"):
        opened(tmp_path, **lines).types(alloc=True)


# ---------------------------------------------------------------------- numbering


@given(st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=30), st.randoms())
def test_sequences_are_numbered_by_what_is_in_them(rows: list[list[int]], dice: Any) -> None:
    start = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    items = np.array(list(itertools.chain.from_iterable(rows)), np.uint32)
    chosen = [dice.randrange(len(rows)) for _ in range(8)] if rows else []
    found = sequences(start, items, np.array(chosen, np.int64)).tolist()
    for (i, a), (j, b) in itertools.product(zip(chosen, found, strict=True), repeat=2):
        assert (a == b) == (rows[i] == rows[j])


# ---------------------------------------------------------------------- text


def calls(*names: str) -> list[Row]:
    return [{"function": n, "file": f"/src/{i}/f.go", "line": i + 1} for i, n in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("main.f", "main.main", "runtime.main", "runtime.goexit"), "main.f f.go:1 ← main.main f.go:2"),
        # calls of the standard library between the program's own
        (
            ("bytes.growSlice", "bytes.(*Buffer).Write", "fmt.Fprintf", "main.f", "net/http.serve"),
            "bytes.growSlice f.go:1 ← … ← main.f f.go:4 ← net/http.serve f.go:5",
        ),
        (
            ("bytes.growSlice", "bytes.Write", "main.f"),
            "bytes.growSlice f.go:1 ← bytes.Write f.go:2 ← main.f f.go:3",
        ),
        # all of the runtime's: without the allocator
        (
            ("runtime.mallocgc", "runtime.newobject", "runtime.malg", "runtime.mstart"),
            "runtime.malg f.go:3 ← runtime.mstart f.go:4",
        ),
        (("runtime.mallocgc",), "runtime.mallocgc f.go:1"),
        (("main.F[go.shape.struct { X int }]",), "main.F[...] f.go:1"),
        ((), "(no stack)"),
        (
            tuple(f"main.f{i}" for i in range(9)),
            " ← ".join(f"main.f{i} f.go:{i + 1}" for i in range(6)) + " ← …",
        ),
    ],
)
def test_short_stacks(names: tuple[str, ...], text: str) -> None:
    assert stacks.short(calls(*names)) == [text]


@given(
    st.lists(
        st.sampled_from(["main.f", "runtime.g", "example.org/a/b.(*T).method", "net/http.x"]), max_size=12
    ),
    st.integers(30, 200),
)
def test_short_stacks_fit(names: list[str], room: int) -> None:
    lines = stacks.short(calls(*names), room)
    assert 1 <= len(lines) <= 2 and all(cell_len(line) <= room for line in lines)
    assert room < 100 or len(lines) == 1
    if names:
        assert lines[0].startswith(names[0].rpartition("/")[2].partition("(")[0])


def test_estimates_are_marked_as_such() -> None:
    some = stacks.Numbers({"rate": 524288})
    assert (some.count(1234), some.size(1 << 20)) == ("~1,234", "~1MB")
    assert "per 512kB" in some.sampled and "estimated" in some.sampled
    every = stacks.Numbers({"rate": 1})
    assert (every.count(1234), every.size(1 << 20), every.sampled) == (
        "1,234",
        "1MB",
        "the rate is 1: each allocation is a sample",
    )


@pytest.mark.parametrize("width", [0, 40, 60, 80, 200])
def test_answers_fit_the_terminal(snapshot: Snapshot, width: int) -> None:
    page = Page(width)
    types.render(page, snapshot.types(alloc=True), types.Asked("a.gosnap"))
    paths.render(page, snapshot.paths("main.Item", alloc=True), "a.gosnap")
    for address in (heap.ALICE, heap.BOB, heap.SERVER):
        paths.render(page, snapshot.paths(address, alloc=True), "a.gosnap")
    suspects.render(page, snapshot.suspects(), "a.gosnap")
    holders.render(page, snapshot.holders(lambda n: n == "main.fill"), "a.gosnap", ["4242"])
    assert page.text().count("main.newItem item.go:7") >= (4 if 0 < width < 80 else 8)
    if width >= 80:
        wide = [line for line in page.lines if cell_len(line) > width and "gosnap " not in line]
        assert wide == []


# ---------------------------------------------------------------------- commands


@pytest.fixture
def file(snapshot: Snapshot) -> str:
    return str(snapshot.path)


def test_holders_on_the_command_line(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["top", file, "--holders", "fi.l", "--format", "json"],
        ["-top", "-holders=fi.l", "-format=json", file],
    ):
        assert main(words) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["kind"], document["schema_version"], len(document["rows"])) == ("holders", 1, 3)
        assert document["pattern"] == "fi.l" and document["functions"] == ["main.fill"]
    assert main(["top", file, "--holders", "fill", "-n", "1"]) == 0
    text = capsys.readouterr().out
    assert "… and 2 paths more" in text and "global main.big" in text
    assert text.splitlines()[-2].startswith("next: gosnap paths ")
    assert main(["top", file, "--holders", "fill", "-n", "0"]) == 0
    assert "more" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--holders", "nobody"], 1, "no function in its memory profile matches 'nobody'"),
        (["--holders", "("], 1, "parsing holders regexp"),
        (["--holders", "x", "--focus", "y"], 2, "--focus does not go with --holders"),
        (["--holders", "x", "-cum"], 2, "--sort does not go with --holders"),
        (["--holders", "x", "--view", "now"], 2, "--view does not go with --holders"),
        (["--holders", "x", "--format", "csv"], 2, "--holders has no --format=csv"),
        (["--holders", "x", "--exe", "y"], 2, "--exe goes with a core"),
        (["--holders", "x", "again"], 2, "takes one target"),
    ],
)
def test_what_holders_refuse(
    file: str, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", file, *words]) == code
    assert said in capsys.readouterr().err


def test_a_profile_does_not_say_who_holds_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "heap.pb.gz").write_bytes(b"\x1f\x8b")
    for target in (str(tmp_path / "heap.pb.gz"), "http://localhost:6060", "localhost:6060"):
        assert main(["top", target, "--holders", "x"]) == 2
        assert "needs the objects themselves" in capsys.readouterr().err
    for verb in ("tree", "traces", "flame"):
        assert main([verb, target, "--holders", "x"]) == 2
        assert "--holders goes with top" in capsys.readouterr().err


def test_stacks_on_the_command_line(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", file, "--alloc", "--by", "package", "--stacks", "1", "--format", "json"]) == 0
    (row, *_) = json.loads(capsys.readouterr().out)["rows"]
    assert len(row["alloc"]["stacks"]) == 1 and row["alloc"]["left_out"]["stacks"] == 1
    assert main(["types", file, "--alloc", "--by", "package", "--stacks", "0", "--format", "json"]) == 0
    (row, *_) = json.loads(capsys.readouterr().out)["rows"]
    assert len(row["alloc"]["stacks"]) == 2
    assert main(["paths", file, "main.Item", "--alloc"]) == 0
    assert "main.newItem item.go:7 ← main.fill fill.go:11" in capsys.readouterr().out
    assert main(["suspects", file, "--stacks", "1"]) == 0
    assert "Allocated by" in capsys.readouterr().out
