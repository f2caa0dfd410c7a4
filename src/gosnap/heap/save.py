"""The columns of a snapshot file: what later verbs need of the target. Never a whole column of objects in
Python."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap._kernels.heap import Heap
from gosnap.goruntime.functions import Line
from gosnap.goruntime.goroutines import now
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.roots import RootKind, Roots
from gosnap.goruntime.sizeclasses import PAGE_SIZE
from gosnap.goruntime.slotnames import SlotNames
from gosnap.goruntime.spans import Spans
from gosnap.heap.analyse import Analysis
from gosnap.heap.intervals import clip, merge, subtract
from gosnap.heap.ownership import Ownership
from gosnap.target.space import host_bytes

if TYPE_CHECKING:
    from gosnap.target.container import Writer

_PIECE = 1 << 20


def save_graph(writer: "Writer", a: Analysis) -> None:
    """Spans, objects, edges, types and globals."""
    s = a.spans
    for name in (
        *("base", "npages", "elemsize", "nelems", "spanclass", "sweep", "counts", "large_type", "specials"),
        "headers",
        *("manual_base", "manual_npages"),
    ):
        writer.add_array(f"spans.{name}", getattr(s, name))
    bitmap = np.zeros(max(a.heap.words(), 1), np.uint64)
    a.heap.bitmap(bitmap)
    writer.add_array("objects.bitmap", bitmap)
    writer.add_array("objects.type", a.otype)
    writer.add_array("edges.degree", a.degree)
    writer.add_pieces("edges.target", "<u4", [t.data.cast("B") for t in a.targets if len(t)])
    writer.add_pieces("edges.step", "<u2", [t.data.cast("B") for t in a.steps if len(t)])
    writer.add_array("edges.far_edge", a.far[:, 0])
    writer.add_array("edges.far_step", a.far[:, 1])
    if a.owners is not None:
        save_owners(writer, a.program, a.owners, a.slots)
    for name, column in a.program.types.to_columns().items():
        writer.add_array(f"types.{name}", column)
    c = a.program.closures
    writer.add_array("closures.pc", c.pc)
    for name, column in c.name.to_columns("function").items():
        writer.add_array(f"closures.{name}", column)
    writer.add_array("closures.start", c.start)
    writer.add_array("closures.offset", c.offset)
    writer.add_array("closures.type", c.type)
    for name, column in c.capture_name.to_columns("name").items():
        writer.add_array(f"closures.{name}", column)
    g = a.program.variables
    writer.add_array("globals.address", (g.addr + np.uint64(a.program.bias)).astype(np.uint64))
    writer.add_array("globals.type", g.type)
    for name, column in g.name.to_columns("name").items():
        writer.add_array(f"globals.{name}", column)


def save_owners(writer: "Writer", program: GoProgram, owners: Ownership, slots: SlotNames | None) -> None:
    """Roots, their groups, the dominator tree, goroutines and their traces."""
    roots, groups = owners.roots, owners.groups
    for name in ("address", "kind", "owner", "frame", "slot"):
        writer.add_array(f"roots.{name}", getattr(roots, name))
    writer.add_array("roots.object", owners.root_objects)
    writer.add_array("roots.line", _lines(roots, slots))
    if slots is not None:
        writer.add_array("roots.name", slots.of_root)
        writer.add_json("answers.locals", slots.names)
    writer.add_array("roots.group", groups.of_root)
    for name in ("kind", "ref", "parent"):
        writer.add_array(f"groups.{name}", getattr(groups, name))
    writer.add_array("groups.edge_group", groups.edges[:, 0].astype(np.uint32))
    writer.add_array("groups.edge_object", groups.edges[:, 1].astype(np.uint32))
    writer.add_array("objects.weak", owners.weak)
    writer.add_array("objects.weakly_held", owners.weakly_held)
    writer.add_array("dominators.idom", owners.idom)
    writer.add_array("dominators.heads", owners.heads)
    writer.add_array("dominators.bytes", owners.head_bytes)
    writer.add_array("dominators.objects", owners.head_objects)
    g = roots.goroutines
    writer.add_array("goroutines.id", g["goid"])
    writer.add_array("goroutines.since", g["waitsince"])
    writer.add_array("goroutines.stack_bytes", g["stack.hi"] - g["stack.lo"])
    writer.add_array("goroutines.place", groups.place_of)
    writer.add_array("goroutines.leaked", owners.leaked.astype(np.uint8))
    lines: dict[Line, int] = {}
    created = [-1 if c is None else lines.setdefault(c, len(lines)) for c in roots.traces.created]
    writer.add_array("goroutines.created", np.array(created, np.int32))
    traces = [[lines.setdefault(line, len(lines)) for line in t] for t in roots.traces.traces]
    writer.add_json(
        "answers.goroutines",
        {
            "reasons": g.reasons,
            "now": now(program),
            "packages": groups.packages,
            "places": [list(place) for place in groups.places],
            "traces": traces,
            "lines": [
                [line.function, line.file, str(line.line), "wrapper" if line.wrapper else ""]
                for line in lines
            ],
        },
    )


def _lines(roots: Roots, slots: SlotNames | None) -> npt.NDArray[np.int32]:
    """For each root on a stack the line of the goroutine's trace that it belongs to; -1 for others."""
    out = np.full(len(roots), -1, np.int32)
    rows = np.flatnonzero(np.isin(roots.kind, (RootKind.STACK, RootKind.CONSERVATIVE)))
    start = np.searchsorted(roots.owner[rows], np.arange(len(roots.goroutines) + 1))
    for g, lines in enumerate(roots.traces.frame_lines):
        mine = rows[start[g] : start[g + 1]]
        if len(mine) and lines:
            frame = np.minimum(roots.frame[mine], len(lines) - 1)
            out[mine] = np.array(lines, np.int32)[frame]
    return out if slots is None else out - np.where(out >= 0, slots.depth.astype(np.int32), 0)


def save_contents(writer: "Writer", program: GoProgram, heap: Heap, spans: Spans) -> None:
    """The target's memory without free heap pages: (start, end) of each range and the bytes one after
    another."""
    ranges = content_ranges(program, heap, spans)
    table = np.asarray([(s, e) for s, e, _ in ranges], np.uint64).reshape(-1, 2)
    writer.add_array("contents.start", np.ascontiguousarray(table[:, 0]))
    writer.add_array("contents.end", np.ascontiguousarray(table[:, 1]))
    writer.add_pieces("contents.bytes", "|u1", _pieces(ranges))


def content_ranges(program: GoProgram, heap: Heap, spans: Spans) -> list[tuple[int, int, int]]:
    """(start, end, host address) of the bytes worth keeping: all that was copied but unused pages of the
    heap."""
    image = program.image
    size = np.uint64(PAGE_SIZE)
    used = merge(
        list(zip(spans.base.tolist(), (spans.base + spans.npages * size).tolist(), strict=True))
        + list(
            zip(
                spans.manual_base.tolist(),
                (spans.manual_base + spans.manual_npages * size).tolist(),
                strict=True,
            )
        )
    )
    arenas = merge([(c, c + (64 << 20)) for c in heap.arena_chunks()])
    unused = subtract(arenas, used)
    present: list[tuple[int, int]] | None = None
    if image.resident is not None:
        present = merge(list(zip(image.resident.start.tolist(), image.resident.end.tolist(), strict=True)))
    out = []
    space = image.space
    for start, end, host in zip(space.start.tolist(), space.end.tolist(), space.host.tolist(), strict=True):
        for s, e in subtract([(start, end)], unused):
            parts = [(s, e)] if present is None else clip(present, s, e)
            out += [(x, y, host + x - start) for x, y in parts]
    return out


def _pieces(ranges: list[tuple[int, int, int]]) -> Iterator[memoryview]:
    for start, end, host in ranges:
        for at in range(0, end - start, _PIECE):
            n = min(_PIECE, end - start - at)
            yield host_bytes(host + at, n)
