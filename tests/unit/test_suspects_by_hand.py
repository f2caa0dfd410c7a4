"""What suspects and other verbs say of heaps that were put together by hand (madeheap.py)."""

import os
from pathlib import Path

import pytest
import smallheap
from madeheap import Heap
from smallheap import ITEM, MAP_ROW, UINT8

from gosnap.cli import main
from gosnap.errors import GosnapError
from gosnap.goruntime.roots import QueueKind
from gosnap.goruntime.stacks import SlotKind
from gosnap.heap.roles import Role
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.views import Row

MB = 1 << 20


def opened(made: Heap, path: Path) -> Snapshot:
    return open_snapshot(made.write(path))


def first(snapshot: Snapshot, since: Snapshot | None = None) -> Row:
    return snapshot.suspects(since).rows[0]


# ---------------------------------------------------------------------- growth


def many_parts(parts: int = 20) -> Heap:
    """Something without a type on a stack, of parts that are places of their own where little is enough."""
    made = Heap()
    top = made.new(8 * parts)
    for i in range(parts):
        part = made.new(32)
        made.point(top + 8 * i, part)
        for word in range(2):
            made.point(part + 8 * word, made.new(60_000, Role.ARRAY, UINT8))
    goroutine = made.goroutine(7, "runtime.gopark", "main.hold")
    made.slot(goroutine, 64, top, line=1)
    return made


def test_items_are_counted_then_as_they_are_now(tmp_path: Path) -> None:
    snapshot = opened(many_parts(), tmp_path / "a.gosnap")
    row = first(snapshot, snapshot)
    assert row["items"] == 20
    assert row["growth_bytes"] == row["growth_items"] == 0
    assert row["evidence"][0].endswith("it has not grown.")


def slice_of_nodes(nodes: int, *, moved: bool = False) -> Heap:
    """main.list []*Node, each with a megabyte and a half: of a single one the megabyte is the place."""
    made = Heap()
    node = made.struct("main.Node", 32, ("Buf", 0, 7))
    pointer = made.pointer(node)
    if moved:  # what was there has grown, and is elsewhere
        made.new(8 * nodes, Role.ARRAY, pointer)
    array = made.new(8 * nodes, Role.ARRAY, pointer)
    for i in range(nodes):
        inner = made.new(32, Role.VALUE, node)
        made.point(array + 8 * i, inner)
        made.point(inner, made.new(3 * MB // 2, Role.ARRAY, UINT8))
        made.put(inner + 8, 3 * MB // 2, 3 * MB // 2)
    address = made.variable("main.list", made.slice(pointer), array)
    made.put(address + 8, nodes, nodes)
    return made


def test_a_place_is_found_though_a_part_of_it_stood_out_before(tmp_path: Path) -> None:
    old = opened(slice_of_nodes(1), tmp_path / "old.gosnap")
    new = opened(slice_of_nodes(2, moved=True), tmp_path / "new.gosnap")
    assert first(old)["container"] == "main.list[...].Buf" and first(new)["container"] == "main.list"
    row = first(new, old)
    assert row["growth_bytes"] == 3 * MB // 2 + 32 + 8 and row["growth_items"] == 1
    assert "it grew from 1.5MB to 3MB, +1 item." in row["evidence"][0]
    # and the other way round
    row = first(old, new)
    assert row["growth_bytes"] <= 0 and "not there" not in row["evidence"][0]


def test_what_was_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    made = Heap()
    made.variable("main.list", made.slice(4))
    old = opened(made, tmp_path / "old.gosnap")
    new = opened(slice_of_nodes(2), tmp_path / "new.gosnap")
    row = first(new, old)
    assert row["growth_bytes"] == row["retained_bytes"]
    assert "it was not there, or too small to be noticed." in row["evidence"][0]


# ---------------------------------------------------------------------- channels


def channel(taken: int, room: int, each: int = 0) -> Heap:
    """main.backlog chan *Item with so many places taken, each with so many bytes."""
    made = Heap()
    row = made.type("chan *main.Item", 18, 8, elem=4)
    head, buffer = made.new(96, Role.CHAN, row), made.new(8 * room, Role.CHAN_BUF, row)
    made.put(head, taken, room)
    made.point(head + 16, buffer)
    for i in range(taken if each else 0):
        made.point(buffer + 8 * i, made.new(each, Role.VALUE, ITEM))
    made.variable("main.backlog", row, head)
    return made


@pytest.mark.parametrize(
    ("taken", "room", "each", "pattern"),
    [
        (0, 1 << 18, 0, ""),
        (100, 1 << 18, 32, ""),
        (200_000, 1 << 18, 0, "channel"),
        # few places, but what is in them is what counts
        (2000, 1 << 18, 4096, "channel"),
    ],
)
def test_an_empty_buffer_is_no_channel_that_fills_up(
    tmp_path: Path, taken: int, room: int, each: int, pattern: str
) -> None:
    row = first(opened(channel(taken, room, each), tmp_path / "a.gosnap"))
    assert (row["container"], row["items"], row["pattern"]) == ("main.backlog", taken, pattern)
    said = " ".join(row["evidence"])
    assert f"{taken:,} of {room:,} places of its buffer are taken." in said
    assert ("fills up" in said) == ("receivers" in said) == bool(pattern)


# ---------------------------------------------------------------------- finalizers and cleanups


@pytest.mark.parametrize(
    ("finalizers", "cleanups", "title"),
    [(900, 0, "finalizers"), (0, 900, "cleanups"), (500, 400, "finalizers and cleanups")],
)
def test_a_queue_says_how_many_calls_wait(tmp_path: Path, finalizers: int, cleanups: int, title: str) -> None:
    """Each call holds two objects."""
    made = Heap()
    for i in range(finalizers + cleanups):
        kind = QueueKind.FINALIZER if i < finalizers else QueueKind.CLEANUP
        made.queued(i + 1, kind, made.new(2048, Role.VALUE, ITEM), made.new(16))
    row = first(opened(made, tmp_path / "a.gosnap"))
    assert row["pattern"] == "finalizers" and row["items"] == 900
    assert row["title"].startswith(f"the queue of {title} keeps")
    said = " ".join(row["evidence"])
    assert (f"{finalizers:,} finalizers wait." in said) == bool(finalizers)
    assert (f"{cleanups:,} cleanups wait." in said) == bool(cleanups)


# ---------------------------------------------------------------------- stacks


def map_on_stack(used: int) -> Heap:
    """A map of 64 tables of 16 groups, its header in the frame of main.outer, into which main.inner was
    inlined."""
    made = Heap()
    directory = made.new(8 * 64, Role.MAP_DIR, MAP_ROW)
    for i in range(64):
        part = made.new(32, Role.MAP_TABLE, MAP_ROW)
        made.point(directory + 8 * i, part)
        groups = made.new(16 * 200, Role.MAP_BUCKETS, MAP_ROW)
        made.point(part + 16, groups)
        for slot in range(16):
            made.point(groups + 200 * slot + 24, made.new(2048, Role.VALUE, ITEM))
    goroutine = made.goroutine(7, "runtime.gopark", "time.Sleep", "main.inner", "main.outer")
    address = made.slot(goroutine, 512, directory, line=3, kind=SlotKind.STACK_OBJECT)
    made.put(address - 16, used)
    return made


def test_a_map_whose_header_is_on_a_stack(tmp_path: Path) -> None:
    row = first(opened(map_on_stack(1024), tmp_path / "a.gosnap"))
    assert (row["root"], row["container"]) == ("goroutine main.outer", "main.outer")
    assert (row["type"], row["pattern"], row["items"]) == ("map[string]*main.Item", "map", 1024)
    assert "It has 1,024 entries." in row["evidence"]


def test_a_header_that_cannot_be_one_says_nothing(tmp_path: Path) -> None:
    """There is room for 64 * 16 * 8 entries."""
    row = first(opened(map_on_stack(8193), tmp_path / "a.gosnap"))
    assert row["items"] == 1024 and not any("entries" in s for s in row["evidence"])


def test_merged_paths_say_which_frame_holds_what(tmp_path: Path) -> None:
    view = opened(map_on_stack(1024), tmp_path / "a.gosnap").paths("main.Item")
    (row,) = view.rows
    labels = [step["label"] for step in row["steps"]]
    assert labels == ["goroutines in main.inner", "main.outer a variable", "map[…]", "main.Item"]


# ---------------------------------------------------------------------- lists and trees

NODES = 15_000


class Nodes:
    """Nodes of 80 bytes: main.Node{next, prev *Node}."""

    def __init__(self, count: int = NODES) -> None:
        self.made = Heap()
        self.row = self.made.struct("main.Node", 80)
        self.pointer = self.made.pointer(self.row)
        self.made.types[self.row][7].extend([("next", 0, self.pointer), ("prev", 8, self.pointer)])
        self.at = [self.made.new(80, Role.VALUE, self.row) for _ in range(count)]

    def link(self, a: int, b: int, *, back: bool = True) -> None:
        self.made.point(self.at[a], self.at[b])
        if back:
            self.made.point(self.at[b] + 8, self.at[a])

    def row_of(self, path: Path) -> Row:
        return first(opened(self.made, path / "a.gosnap"))


def test_a_list_with_a_head_and_a_tail(tmp_path: Path) -> None:
    nodes = Nodes()
    for i in range(NODES - 1):
        nodes.link(i, i + 1)
    nodes.made.variable("main.head", nodes.pointer, nodes.at[0])
    nodes.made.variable("main.tail", nodes.pointer, nodes.at[-1])
    row = nodes.row_of(tmp_path)
    assert row["root"] == "global main.head and global main.tail"
    assert row["container"] == "main.head and main.tail"
    assert (row["pattern"], row["items"], row["type"]) == ("list", NODES, "*main.Node")
    assert row["retained_bytes"] == 80 * NODES
    assert f"{NODES:,} main.Node in a row." in row["evidence"]
    assert any(s == f"Made of: {NODES:,} main.Node (1.14MB)." for s in row["evidence"])
    assert row["next"] == "paths 'main.Node'"


@pytest.mark.parametrize("back", [True, False])
def test_a_list_that_closes_in_a_circle(tmp_path: Path, back: bool) -> None:
    """Linked one way it is a chain of dominators."""
    nodes = Nodes()
    for i in range(NODES):
        nodes.link(i, (i + 1) % NODES, back=back)
    nodes.made.variable("main.ring", nodes.pointer, nodes.at[5])
    row = nodes.row_of(tmp_path)
    assert (row["root"], row["container"]) == ("global main.ring", "main.ring")
    assert (row["pattern"], row["items"]) == ("list", NODES)
    assert f"{NODES:,} main.Node in a row." in row["evidence"]


def test_a_list_in_a_structure(tmp_path: Path) -> None:
    nodes = Nodes()
    for i in range(NODES - 1):
        nodes.link(i, i + 1)
    queue = nodes.made.struct("main.Queue", 16, ("first", 0, nodes.pointer), ("last", 8, nodes.pointer))
    holder = nodes.made.new(16, Role.VALUE, queue)
    nodes.made.point(holder, nodes.at[0])
    nodes.made.point(holder + 8, nodes.at[-1])
    nodes.made.variable("main.queue", nodes.made.pointer(queue), holder)
    row = nodes.row_of(tmp_path)
    assert (row["container"], row["pattern"], row["items"]) == ("main.queue", "list", NODES)


def test_many_short_lists_are_none(tmp_path: Path) -> None:
    """Ten in a row each, held by two arrays, both of variables."""
    nodes = Nodes()
    arrays = [nodes.made.new(8 * NODES // 10, Role.ARRAY, nodes.pointer) for _ in range(2)]
    for i in range(0, NODES, 10):
        for k in range(9):
            nodes.link(i + k, i + k + 1)
        for array, end in zip(arrays, (i, i + 9), strict=True):
            nodes.made.point(array + 8 * (i // 10), nodes.at[end])
    for name, array in zip(("main.a", "main.b"), arrays, strict=True):
        nodes.made.variable(name, nodes.made.slice(nodes.pointer), array)
    row = nodes.row_of(tmp_path)
    assert (row["root"], row["pattern"], row["items"]) == ("several roots", "shared", NODES)
    assert any(s.startswith(f"Made of: {NODES:,} main.Node") for s in row["evidence"])


def test_a_tree_is_told_by_all_its_nodes(tmp_path: Path) -> None:
    nodes = Nodes()
    for i in range(1, NODES):
        nodes.made.point(nodes.at[(i - 1) // 2] + 8 * (i % 2), nodes.at[i])
    nodes.made.variable("main.tree", nodes.pointer, nodes.at[0])
    row = nodes.row_of(tmp_path)
    assert (row["container"], row["pattern"], row["items"]) == ("main.tree", "", NODES)
    said = " ".join(row["evidence"])
    assert f"{NODES:,} main.Node that hold each other." in said and "each with" not in said


def test_contexts_of_values_cannot_be_cancelled(tmp_path: Path) -> None:
    made = Heap()
    context = made.struct("context.valueCtx", 48, ("Context", 0, 4))
    at = [made.new(48, Role.VALUE, context) for _ in range(30_000)]
    for i in range(len(at) - 1):
        made.point(at[i] + 8, at[i + 1])
    made.variable("main.root", made.pointer(context), at[0])
    row = first(opened(made, tmp_path / "a.gosnap"))
    assert (row["container"], row["pattern"], row["items"]) == ("main.root", "context", 30_000)
    said = " ".join(row["evidence"])
    assert "30,000 context.valueCtx in a row." in said and "derive from" in said
    assert "cancel" not in said and "each with" not in said


# ---------------------------------------------------------------------- names


def store(*packages: str) -> Heap:
    """main.first, a Node of each of these packages, which holds another."""
    made = Heap()
    for package in packages:
        node = made.struct(f"{package}.Node", 16)
        pointer = made.pointer(node)
        made.types[node][7].append(("next", 0, pointer))
        first, second = made.new(16, Role.VALUE, node), made.new(16, Role.VALUE, node)
        made.point(first, second)
        made.variable(f"{package}.first", pointer, first)
    return made


def test_an_excluded_type_may_leave_directories_out(tmp_path: Path) -> None:
    snapshot = opened(store("example.com/shop/store"), tmp_path / "a.gosnap")
    name = "example.com/shop/store.Node"
    for excluded in (f"{name}.next", "store.Node.next"):
        assert snapshot.paths(name, exclude=(excluded,)).totals["objects"] == 1
    assert snapshot.paths(name).totals["objects"] == 2
    with pytest.raises(GosnapError, match=r"no type 'store\.Nod'") as e:
        snapshot.paths(name, exclude=("store.Nod.next",))
    assert "did you mean 'store.Node'" in e.value.hint
    with pytest.raises(GosnapError, match="no field 'nxt'") as e:
        snapshot.paths(name, exclude=("store.Node.nxt",))
    assert e.value.hint == "did you mean 'next'?"


def test_an_excluded_type_of_several_packages_is_asked_for(tmp_path: Path) -> None:
    snapshot = opened(store("a/store", "b/store"), tmp_path / "a.gosnap")
    with pytest.raises(GosnapError, match=r"more than one type 'store\.Node'") as e:
        snapshot.paths("a/store.Node", exclude=("store.Node.next",))
    assert e.value.hint == "did you mean 'a/store.Node' or 'b/store.Node'?"


def test_the_runtimes_goroutines_are_told_by_what_they_began_with(tmp_path: Path) -> None:
    made = Heap()
    made.goroutine(2, "runtime.gopark", "runtime.forcegchelper", "runtime.goexit")
    made.goroutine(3, "runtime.gopark", "runtime.bgsweep", "runtime.gcenable.gowrap1", "runtime.goexit")
    made.goroutine(4, "internal/poll.wait", "net/http.(*conn).serve", "runtime.goexit")
    made.goroutine(5, "runtime.gopark", "main.work", "main.start", "runtime.goexit")
    parts = made.sections()
    for line in parts["answers.goroutines"]["lines"]:
        line[3] = "wrapper" if "gowrap" in line[0] else ""
    path = smallheap.write(tmp_path / "a.gosnap", parts)
    names = sorted(r["name"].partition("] ")[2] for r in open_snapshot(path).dominators(by="goroutine").rows)
    assert names == ["main.work", "net/http.(*conn).serve", "runtime.bgsweep", "runtime.forcegchelper"]


@pytest.mark.parametrize("verb", ["dominators", "paths", "goroutines", "suspects", "info", "types"])
def test_a_process_in_the_place_of_a_file(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["main.Item"] if verb == "paths" else []
    pid = os.getpid()
    assert main([verb, str(pid), *more]) == 1
    assert f"gosnap capture {pid}" in capsys.readouterr().err
    assert main([verb, str(1 << 40), *more]) == 1
    said = capsys.readouterr().err
    assert "no file, and no process" in said and "gosnap ps" in said
