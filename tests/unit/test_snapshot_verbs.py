"""What the verbs answer of a heap so small that it can be worked out by hand (smallheap.py)."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import smallheap as heap
from snapshotfile import write_snapshot

from gosnap._kernels.graph import Graph
from gosnap.errors import GosnapError
from gosnap.goruntime.roots import RootKind
from gosnap.heap.columns import Columns
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.tree import Tree


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return open_snapshot(heap.write(tmp_path / "a.gosnap", heap.sections()))


def at(address: int) -> str:
    return f"{address:#x}"


def test_the_dominators_worked_out_by_hand_are_those_of_the_references(snapshot: Snapshot) -> None:
    tree = Tree(Columns(snapshot.reader))
    _, offset, target = tree.graph
    idom = np.zeros(tree.nodes, np.uint32)
    columns = tree.columns
    found = Graph(offset, target).dominators(tree.tops, columns.elemsize, columns.counts, idom)
    assert idom.tolist() == tree.idom.tolist()
    heads = [np.zeros(tree.nodes, d) for d in ("u4", "u8", "u4")]
    count = found.heads(tree.objects, *heads)
    want = [columns.column(f"dominators.{n}", d) for n, d in (("heads", "<u4"), ("bytes", "<u8"))]
    assert heads[0][:count].tolist() == want[0].tolist() and heads[1][:count].tolist() == want[1].tolist()
    assert [columns.address(i) for i in range(columns.objects)] == list(heap.OBJECTS)
    assert [columns.at(a + 1) for a in heap.OBJECTS] == list(range(columns.objects))
    assert columns.at(heap.BOB + 32) == columns.at(0) == columns.at(heap.BIG + (1 << 20)) == -1


# ---------------------------------------------------------------------- dominators


def kept(rows: list[dict[str, Any]], name: str) -> list[tuple[str, int, int]]:
    return [(r[name], r["retained_bytes"], r["retained_objects"]) for r in rows]


def test_objects_that_only_roots_dominate(snapshot: Snapshot) -> None:
    view = snapshot.dominators()
    assert view.totals == {"objects": heap.LIVE_OBJECTS, "bytes": heap.LIVE_BYTES}
    seven = "goroutine 7 [chan receive, 12 minutes]"
    assert [(r["object"], r["name"], r["type"]) for r in view.rows] == [
        (at(heap.BIG), "global main.big", "[]main.Item"),
        (at(heap.SERVER), "global main.server", "main.Server"),
        (at(heap.G), seven, "untyped"),
        (at(heap.JOB), seven, "main.Job"),
        (at(heap.CLOSURE), "global main.hook", "func main.start.func1"),
        (at(heap.SHARED), "global main.sharedRef, goroutine 8 [chan receive]", "main.Item"),
        (at(heap.FINALIZED), "finalizers", "main.Item"),
    ]
    sums = [(1_048_608, 2), (1424, 7), (448, 1), (152, 2), (48, 2), (32, 1), (32, 1)]
    assert [(r["retained_bytes"], r["retained_objects"]) for r in view.rows] == sums
    assert [r["shallow_bytes"] for r in view.rows] == [1 << 20, 48, 448, 24, 16, 32, 32]
    assert [r["below"] for r in view.rows] == [1, 2, 0, 1, 1, 0, 0]
    assert sum(r["retained_bytes"] for r in view.rows) == heap.LIVE_BYTES
    view = snapshot.dominators(top=1)
    assert view.left_out == {"rows": 6, "objects": 14, "bytes": 1424 + 448 + 152 + 48 + 64}


def test_what_an_object_holds(snapshot: Snapshot) -> None:
    view = snapshot.dominators(heap.SERVER + 40)  # an address inside of it
    assert view.totals == {"objects": 7, "bytes": 1424}
    assert kept(view.rows, "object") == [(at(heap.ARRAY), 1056, 2), (at(heap.HEADER), 320, 4)]
    assert [r["name"] for r in view.rows] == ["", ""]
    assert snapshot.dominators(heap.LAST).rows == []
    for address, what in ((heap.GARBAGE, "garbage"), (heap.BOB + 32, "no object"), (0, "no object")):
        with pytest.raises(GosnapError, match=f"{what} at {address:#x}"):
            snapshot.dominators(address)


def test_sets_of_roots(snapshot: Snapshot) -> None:
    view = snapshot.dominators(by="root")
    want = [("globals of main", 1_050_080, 11), ("goroutines", 600, 3), ("finalizers", 32, 1)]
    assert kept(view.rows, "name") == want
    view = snapshot.dominators(by="global")
    assert kept(view.rows, "name") == [
        ("global main.big", 1_048_608, 2),
        ("global main.server", 1424, 7),
        ("global main.hook", 48, 2),
        ("global main.sharedRef", 0, 0),
    ]
    assert [r["type"] for r in view.rows] == ["[]main.Item", "*main.Server", "func()", "*main.Item"]
    assert [r["shallow_bytes"] for r in view.rows] == [24, 8, 8, 8]
    assert [r["object"] for r in view.rows] == [at(heap.DATA + o) for o in (16, 0, 40, 8)]
    view = snapshot.dominators(by="goroutine")
    assert kept(view.rows, "name") == [
        ("goroutine 7 [chan receive, 12 minutes] main.work", 600, 3),
        ("goroutine 1 [running] main.main", 0, 0),
        ("goroutine 8 [chan receive] main.work", 0, 0),
    ]
    assert [r["shallow_bytes"] for r in view.rows] == [2048, 8192, 2048]


@pytest.mark.parametrize("top", [20, None, 2])
def test_sets_of_objects(snapshot: Snapshot, top: int | None) -> None:
    view = snapshot.dominators(by="type", top=top)
    want = [
        ("[]main.Item", 1056 + 1_048_608, 4),
        ("main.Server", 1424, 7),
        ("untyped", 448, 1),
        ("map[string]*main.Item", 320, 4),  # with its group, which is a part of it
        ("main.Item", 7 * 32, 7),
        ("main.Job", 152, 2),
        ("[]uint8", 128, 1),
        ("func main.start.func1", 48, 2),
    ]
    assert kept(view.rows, "type") == want[:top]
    assert view.left_out["rows"] == len(want) - len(want[:top])
    assert [r["shallow_bytes"] for r in view.rows][:2] == [1024 + (1 << 20), 48]
    assert [r["objects"] for r in view.rows][:2] == [2, 1]
    view = snapshot.dominators(by="package", top=top)
    packages = [
        ("main", heap.LIVE_BYTES - 448, 15),
        ("(untyped)", 448, 1),
        ("(builtin)", 128, 1),
    ]
    assert kept(view.rows, "type") == packages[:top]
    assert view.rows[0]["shallow_bytes"] == heap.LIVE_BYTES - 448 - 128
    assert view.rows[0]["objects"] == 14


def test_what_dominators_refuse(snapshot: Snapshot) -> None:
    with pytest.raises(GosnapError, match="cannot group"):
        snapshot.dominators(by="colour")
    with pytest.raises(GosnapError, match="--under"):
        snapshot.dominators(heap.SERVER, by="type")


# ---------------------------------------------------------------------- paths

Step = tuple[str, str, str, str]


def steps(row: dict[str, Any]) -> list[Step]:
    return [(s["kind"], s["label"], s["object"], s["type"]) for s in row["steps"]]


SERVER: Step = ("root", "global main.server", "", "*main.Server")


def field(text: str) -> Step:
    return ("field", f"*main.Server{text}", at(heap.SERVER), "main.Server")


def target(address: int, type_name: str = "main.Item") -> Step:
    return ("target", type_name, at(address), type_name)


def test_a_field_a_slice_and_an_element(snapshot: Snapshot) -> None:
    view = snapshot.paths(heap.NESTED + 8)
    assert view.totals == {"objects": 1, "bytes": 32, "retained_bytes": 32, "retained_objects": 1}
    assert view.extra["target"] == {"name": "", "object": at(heap.NESTED), "type": "main.Item"}
    # the finalized object refers to it too, but does not own it
    (row,) = view.rows
    assert row["length"] == 3
    assert steps(row) == [
        SERVER,
        field(".Items ([]main.Item, len 3, cap 31)"),
        ("element", "[1].Next", at(heap.ARRAY), "[]main.Item"),
        target(heap.NESTED),
    ]


GROUP = "map[string]*main.Item (groups)"


def test_values_of_a_map_are_told_by_their_keys(snapshot: Snapshot) -> None:
    for address, shown in ((heap.ALICE, 'map["alice"]'), (heap.BOB, 'map["bob"]')):
        (row,) = snapshot.paths(at(address)).rows
        assert steps(row) == [
            SERVER,
            field(".Clients"),
            ("value", shown, at(heap.GROUP), GROUP),
            target(address),
        ]
        assert row["length"] == 4
    (row,) = snapshot.paths(heap.BOB, redact=True).rows
    assert steps(row)[2] == ("value", "map[…]", at(heap.GROUP), GROUP)


def test_all_that_refer_to_a_shared_object(snapshot: Snapshot) -> None:
    view = snapshot.paths(heap.SHARED)
    assert [steps(r) for r in view.rows] == [
        [("root", "global main.sharedRef", "", "*main.Item"), target(heap.SHARED)],
        [SERVER, field(".Shared"), target(heap.SHARED)],
        [
            ("root", "goroutine 8 [chan receive] main.work work.go:20 an argument", "", ""),
            target(heap.SHARED),
        ],
    ]
    assert [r["length"] for r in view.rows] == [1, 2, 1]
    view = snapshot.paths(heap.SHARED, 1)
    assert len(view.rows) == 1 and view.left_out["rows"] == 2
    view = snapshot.paths(heap.SHARED, exclude=("main.Server.Shared",))
    assert [steps(r)[0][1][:10] for r in view.rows] == ["global mai", "goroutine "]


def test_locals_far_elements_captures_and_finalizers(snapshot: Snapshot) -> None:
    local = "goroutine 7 [chan receive, 12 minutes] main.work work.go:20 job"
    (row,) = snapshot.paths(heap.BUFFER).rows
    assert steps(row) == [
        ("root", local, "", ""),
        ("field", "*main.Job.Buf ([]uint8, len 100, cap 128)", at(heap.JOB), "main.Job"),
        target(heap.BUFFER, "[]uint8"),
    ]
    (row,) = snapshot.paths(heap.LAST).rows
    assert steps(row) == [
        ("root", "global main.big ([]main.Item, len 32,768, cap 32,768)", "", "[]main.Item"),
        ("element", "[32767].Next", at(heap.BIG), "[]main.Item"),
        target(heap.LAST),
    ]
    (row,) = snapshot.paths(heap.CAPTURED).rows
    function = "func main.start.func1"
    assert steps(row) == [
        ("root", "global main.hook", "", "func()"),
        ("capture", f"{function} captures item", at(heap.CLOSURE), function),
        target(heap.CAPTURED),
    ]
    (row,) = snapshot.paths(heap.FINALIZED).rows
    assert steps(row) == [("root", "finalizers", "", ""), target(heap.FINALIZED)]


def test_merged_paths_of_a_type(snapshot: Snapshot) -> None:
    view = snapshot.paths("main.Item", None)
    assert view.totals == {"objects": 7, "bytes": 224}
    end = ("target", "main.Item", "", "main.Item")
    want = [
        [
            ("root", "global main.server", "", "*main.Server"),
            ("field", "*main.Server.Clients", "", "main.Server"),
            ("value", "map[…]", "", GROUP),
            end,
        ],
        [("root", "finalizers", "", ""), end],
        [("root", "global main.sharedRef", "", "*main.Item"), end],
        [
            ("root", "global main.server", "", "*main.Server"),
            ("field", "*main.Server.Items ([]main.Item)", "", "main.Server"),
            ("element", "[…].Next", "", "[]main.Item"),
            end,
        ],
        [
            ("root", "global main.big", "", "[]main.Item"),
            ("element", "[…].Next", "", "[]main.Item"),
            end,
        ],
        [
            ("root", "global main.hook", "", "func()"),
            ("capture", "func main.start.func1 captures item", "", "func main.start.func1"),
            end,
        ],
    ]
    assert steps(view.rows[0]) == want[0]
    assert sorted(map(steps, view.rows)) == sorted(want)
    assert [(r["objects"], r["bytes"]) for r in view.rows] == [(2, 64), *[(1, 32)] * 5]
    assert [(s["objects"], s["bytes"]) for s in view.rows[0]["steps"]] == [(3, 96), (2, 64), (2, 64), (2, 64)]
    assert view.left_out == {"rows": 0, "objects": 0, "bytes": 0}
    assert snapshot.paths("main.Item", 2).left_out == {"rows": 4, "objects": 4, "bytes": 128}
    view = snapshot.paths("main.Item", None, ("main.Item.Next", "main.Server.Clients"))
    assert view.totals == {"objects": 3, "bytes": 96}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: s.paths(heap.GARBAGE), "is garbage"),
        (lambda s: s.paths(heap.BOB + 32), "no object at"),
        (lambda s: s.paths("main.Itm"), "no objects of a type 'main.Itm'"),
        (lambda s: s.paths("Item"), "no objects of a type 'Item'"),
        (lambda s: s.paths("untyped (448 B, pointers)"), "no objects of a type"),
        (lambda s: s.paths(heap.NESTED, exclude=("main.Item.Next",)), "no way to"),
        (lambda s: s.paths("[]uint8", exclude=("main.Job.Buf",)), r"no way to any \[\]uint8"),
        (lambda s: s.paths(heap.NESTED, exclude=("main.Item.Nxt",)), "no field 'Nxt' in main.Item"),
        (lambda s: s.paths(heap.NESTED, exclude=("main.Itm.Next",)), "no type 'main.Itm'"),
        (lambda s: s.paths(heap.NESTED, exclude=("",)), "no type ''"),
        (lambda s: s.dominators(under="main.serv"), "no variable 'main.serv' that holds anything"),
        (lambda s: s.dominators(under=heap.DATA + 48), "no object at 0x600030"),
        (lambda s: s.goroutine(9), "no goroutine 9"),
        (lambda s: s.goroutine(-1), "no goroutine -1"),
        (lambda s: s.goroutine(1 << 70), "no goroutine"),
    ],
)
def test_what_is_not_there(snapshot: Snapshot, ask: Callable[[Snapshot], object], message: str) -> None:
    with pytest.raises(GosnapError, match=message) as e:
        ask(snapshot)
    assert e.value.hint


# ---------------------------------------------------------------------- goroutines


def test_goroutines_by_place(snapshot: Snapshot) -> None:
    view = snapshot.goroutines()
    assert view.totals == {"goroutines": 3, "leaked": 1, "stack_bytes": 12288, "retained_bytes": 600}
    work = {"function": "main.work", "file": "/src/work.go", "line": 20}
    start = {"function": "main.start", "file": "/src/main.go", "line": 8}
    known = {"count": 1, "system": 0, "more_frames": 0}
    first = {"frames": [{"function": "main.main", "file": "/src/main.go", "line": 10}], "created_by": {}}
    first |= {"state": "running", "wait_reason": "", "wait_seconds": -1, "stack_bytes": 8192}
    nothing = {"retained_bytes": 0, "retained_objects": 0, "leaked": 0}
    waits = {"state": "waiting", "wait_reason": "chan receive", "stack_bytes": 2048}
    waits |= {"frames": [work], "created_by": start}
    leaked = {**known, **waits, "wait_seconds": 720, "ids": [7], "leaked": 1}
    leaked |= {"retained_bytes": 600, "retained_objects": 3}
    assert view.rows == [
        {**known, **first, **nothing, "ids": [1]},
        leaked,
        {**known, **waits, **nothing, "wait_seconds": -1, "ids": [8]},
    ]
    assert snapshot.goroutines(leaked=True).rows == [leaked]
    view = snapshot.goroutines(top=1, frames=0)
    assert view.left_out == {"rows": 2, "objects": 3, "bytes": 600}
    assert view.rows[0]["frames"] == [] and view.rows[0]["more_frames"] == 1


def test_one_goroutine_with_a_named_local(snapshot: Snapshot) -> None:
    view = snapshot.goroutine(7)
    (row,) = view.rows
    assert [f["function"] for f in row["frames"]] == ["runtime.gopark", "main.work"]
    assert row["retained_bytes"] == 600 and row["leaked"] == 1
    assert view.extra["slots"] == [
        {
            "frame": -1,
            "name": "its g structure",
            "kind": "goroutine",
            "object": at(heap.G),
            "type": "untyped",
            "shallow_bytes": 448,
            "retained_bytes": 448,
        },
        {
            "frame": 1,
            "name": "job",
            "kind": "local",
            "object": at(heap.JOB),
            "type": "main.Job",
            "shallow_bytes": 24,
            "retained_bytes": 152,
        },
    ]
    (slot,) = snapshot.goroutine(8).extra["slots"]
    assert (slot["name"], slot["kind"], slot["frame"]) == ("an argument", "argument", 1)
    assert snapshot.goroutine(1).extra["slots"] == []


def test_what_a_variable_dominates(snapshot: Snapshot) -> None:
    """As the address that --by global gives, or by its name; main.big is a slice of three words."""
    for row in snapshot.dominators(by="global").rows:
        assert row["name"].startswith("global main.") and row["object"]
        wants = [int(row["object"], 16), row["name"], row["name"].removeprefix("global ")]
        for view in (snapshot.dominators(under=under) for under in wants):
            assert view.totals == {"objects": row["retained_objects"], "bytes": row["retained_bytes"]}
            assert len(view.rows) == row["below"]
    (first,) = snapshot.dominators(under="main.server").rows
    assert first["object"] == at(heap.SERVER) and first["type"] == "main.Server"
    (inner,) = snapshot.dominators(under=heap.DATA + 16 + 23).rows
    assert inner["object"] == at(heap.BIG)
    assert snapshot.dominators(under="main.sharedRef").rows == []


# ---------------------------------------------------------------------- suspects


def test_the_one_place_that_holds_a_megabyte(snapshot: Snapshot, tmp_path: Path) -> None:
    view = snapshot.suspects()
    assert view.totals == {"suspects": 1, "objects": heap.LIVE_OBJECTS, "bytes": heap.LIVE_BYTES}
    (row,) = view.rows
    want = {
        "root": "global main.big",
        "container": "main.big",
        "field": "",
        "pattern": "slice",
        "retained_bytes": 1_048_608,
        "retained_objects": 2,
        "object": at(heap.BIG),
        "type": "[]main.Item",
        "items": 32768,
        "growth_bytes": 0,
        "growth_items": 0,
    }
    assert {name: row[name] for name in want} == want
    assert row["title"].startswith("main.big") and "keeps 1MB" in row["title"] and "100%" in row["title"]
    assert any("length is 32,768, its capacity 32,768" in s for s in row["evidence"])
    grown = open_snapshot(heap.write(tmp_path / "b.gosnap", heap.sections(big=1 << 22)))
    (row,) = grown.suspects(snapshot).rows
    assert row["growth_bytes"] == (1 << 22) - (1 << 20)
    assert row["growth_items"] == ((1 << 22) - (1 << 20)) // 32
    assert grown.suspects(snapshot).extra["since"]["program"] == "shop"
    (row,) = grown.suspects(grown).rows
    assert row["growth_bytes"] == row["growth_items"] == 0


@pytest.mark.parametrize(
    ("kind", "length", "capacity", "said"),
    [
        # the array has room for 32,768
        (RootKind.GLOBAL, 11_462_962_159_616, 11_462_962_159_664, False),
        (RootKind.GLOBAL, 32768, 32769, False),
        (RootKind.GLOBAL, 9, 8, False),
        (RootKind.GLOBAL, 0, 4096, True),
        # dead words on a stack are often small numbers
        (RootKind.STACK, 0, 4096, False),
        (RootKind.STACK, 11_462_962_159_616, 11_462_962_159_664, False),
        (RootKind.STACK, 5, 30000, True),
    ],
)
def test_a_length_is_told_only_if_the_array_can_have_it(
    tmp_path: Path, kind: RootKind, length: int, capacity: int, said: bool
) -> None:
    parts = heap.sections()
    words = struct.pack("<3Q", heap.BIG, length, capacity)
    at = 32 + 16  # behind the text, in the variables
    contents = parts["contents.bytes"].tobytes()
    parts["contents.bytes"] = np.frombuffer(contents[:at] + words + contents[at + 24 :], "<u1")
    parts["roots.kind"][2] = kind
    (row,) = open_snapshot(heap.write(tmp_path / "l.gosnap", parts)).suspects().rows
    sentence = f"Its length is {length:,}, its capacity {capacity:,}."
    assert (sentence in row["evidence"]) == said
    assert said or not any("length" in s for s in row["evidence"])


def test_nothing_stands_out_of_a_small_heap(tmp_path: Path) -> None:
    view = open_snapshot(heap.write(tmp_path / "s.gosnap", heap.sections(big=1 << 19))).suspects()
    assert view.rows == [] and view.extra["threshold_bytes"] == 1 << 20


# ---------------------------------------------------------------------- snapshots with less in them


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.dominators(),
        lambda s: s.dominators(by="type"),
        lambda s: s.paths("main.Session"),
        lambda s: s.paths(0xC000000000),
        lambda s: s.goroutines(),
        lambda s: s.goroutine(1),
        lambda s: s.suspects(),
    ],
)
def test_an_old_snapshot_has_no_roots(tmp_path: Path, ask: Callable[[Snapshot], object]) -> None:
    path = write_snapshot(tmp_path / "old.gosnap")
    with pytest.raises(GosnapError, match="has no roots") as e:
        ask(open_snapshot(path))
    assert str(path) in e.value.message and "must be taken again" in e.value.hint


def test_growth_since_an_old_snapshot_is_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    old = open_snapshot(write_snapshot(tmp_path / "old.gosnap"))
    with pytest.raises(GosnapError, match=r"old\.gosnap: has no roots"):
        snapshot.suspects(old)


@pytest.fixture
def bare(tmp_path: Path) -> Snapshot:
    """Without contents, as --no-contents has it."""
    parts = {n: v for n, v in heap.sections().items() if not n.startswith("contents.")}
    parts["meta"]["contents"] = 0
    return open_snapshot(heap.write(tmp_path / "bare.gosnap", parts))


def test_without_contents_there_are_no_keys_and_lengths(bare: Snapshot) -> None:
    view = bare.paths(heap.BOB)
    assert view.extra["contents"] == 0
    assert [s[1] for s in steps(view.rows[0])] == [
        "global main.server",
        "*main.Server.Clients",
        "map[…]",
        "main.Item",
    ]
    (row,) = bare.paths(heap.NESTED).rows
    assert [s[1] for s in steps(row)][1:3] == ["*main.Server.Items ([]main.Item)", "[1].Next"]
    (row,) = bare.suspects().rows
    # what is known without its length
    assert row["container"] == "main.big" and row["pattern"] == "slice"
    assert len(bare.dominators().rows) == 7 and len(bare.goroutines().rows) == 3
    assert len(bare.paths("main.Item", None).rows) == 6
    assert bare.goroutine(7).extra["slots"][1]["name"] == "job"


def test_without_names_of_locals_slots_say_what_they_are(tmp_path: Path) -> None:
    parts = {n: v for n, v in heap.sections().items() if n not in ("roots.name", "answers.locals")}
    opened = open_snapshot(heap.write(tmp_path / "b.gosnap", parts))
    assert [s["name"] for s in opened.goroutine(7).extra["slots"]] == ["its g structure", "a slot"]


def test_a_snapshot_of_no_objects(tmp_path: Path) -> None:
    """A process that has just begun: every column of objects is empty."""
    parts = heap.sections()
    for name, value in parts.items():
        if isinstance(value, np.ndarray) and name.split(".")[0] in ("spans", "objects", "edges"):
            parts[name] = value[:0]
    for name in ("groups.edge_group", "groups.edge_object", "mprof.object", "mprof.object_bucket"):
        parts[name] = np.zeros(0, "<u4")
    groups = len(parts["groups.kind"])
    parent = parts["groups.parent"]
    parts["dominators.idom"] = np.where(parent == 0xFFFFFFFF, groups, parent).astype("<u4")
    parts["dominators.heads"] = np.arange(groups, dtype="<u4")
    parts["dominators.bytes"], parts["dominators.objects"] = (np.zeros(groups, d) for d in ("<u8", "<u4"))
    parts["roots.object"] = np.full(8, -1, "<i8")
    table = parts["answers.types"]
    parts["answers.types"] = {name: [] for name in table}
    parts["meta"]["totals"] |= {"objects": 0, "bytes": 0, "reachable_objects": 0, "reachable_bytes": 0}
    opened = open_snapshot(heap.write(tmp_path / "c.gosnap", parts))
    assert opened.dominators().rows == opened.suspects().rows == []
    for by in ("type", "package"):
        assert opened.dominators(by=by).rows == []
    assert [r["retained_bytes"] for r in opened.dominators(by="root").rows] == [0, 0, 0]
    assert len(opened.goroutines().rows) == 3 and opened.goroutine(7).extra["slots"] == []
    with pytest.raises(GosnapError, match="no object at"):
        opened.paths(heap.SERVER)
    with pytest.raises(GosnapError, match="no objects of a type"):
        opened.paths("main.Item")
