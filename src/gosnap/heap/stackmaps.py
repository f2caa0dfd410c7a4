"""Maps that do not escape: their header is on a goroutine's stack, and nothing there says of what type it is.

Groups of more than 512 bytes carry their type in a malloc header. From them the tables and the directory
above are told by what they refer to (internal/runtime/maps of Go >= 1.24). And the header itself is where the
root is that leads to a directory, a group or the buckets.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.maptypes import field_index, map_parts
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.spans import Spans
from gosnap.heap.labels import Labels
from gosnap.heap.ownership import starts
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.tree import Tree

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Edges:
    """The reference graph, by parts as the scan left it."""

    start: I64
    targets: list[U32]
    steps: list[npt.NDArray[np.uint16]]

    def _at(self, column: list[npt.NDArray[np.uint16]] | list[U32], edge: I64) -> I64:
        out, before = np.zeros(len(edge), np.int64), 0
        for part in column:
            mine = (edge >= before) & (edge < before + len(part))
            out[mine] = part[edge[mine] - before]
            before += len(part)
        return out

    def target(self, edge: I64) -> I64:
        """What references lead to."""
        return self._at(self.targets, edge)

    def step(self, edge: I64) -> I64:
        """Their steps (``edges.scan_spans``)."""
        return self._at(self.steps, edge)


def type_parts(
    program: GoProgram,
    spans: Spans,
    otype: U32,
    degree: U32,
    columns: tuple[list[U32], list[npt.NDArray[np.uint16]]],
) -> None:
    """Give tables and directories of maps whose groups have a type theirs, in ``otype``. ``columns``: targets
    and steps of the references."""
    lay = program.layouts
    groups = lay.offset("internal/runtime/maps.table", "groups", -1)
    size = lay.size("internal/runtime/maps.table")
    if groups < 0 or not size:
        return
    types = program.types
    # what a large directory's malloc header says, and through it of its tables
    plain = types.type_by_name("internal/runtime/maps.table") or 0
    pointer = types.type_by_name("*internal/runtime/maps.table") or 0
    known = [0, *([plain] if plain else []), *([Role.ARRAY << ROLE_SHIFT | pointer] if pointer else [])]
    chosen = np.flatnonzero(np.isin(otype, np.array(known, np.uint32)) & (degree > 0))
    span = np.searchsorted(np.cumsum(spans.counts.astype(np.int64)), chosen, side="right")
    header = spans.headers[span].astype(np.int64)
    room = spans.elemsize[span].astype(np.int64) - 8 * header
    edges = _Edges(starts(degree), *columns)
    first = edges.start[chosen]

    # the only pointer of a table is that to its groups; a header, which has one there too, is larger
    small = (degree[chosen] == 1) & (room >= size) & (room < size + 16)
    small[small] = edges.step(first[small]) == groups // 8
    tables = chosen[small]
    _as_part_of(otype, tables, otype[edges.target(first[small])], Role.MAP_BUCKETS, Role.MAP_TABLE)

    # a directory is all pointers to tables
    wide = (8 * degree[chosen].astype(np.int64) <= room) & (edges.step(first) == header)
    wide[wide] = otype[edges.target(first[wide])] >> np.uint32(ROLE_SHIFT) == Role.MAP_TABLE
    for directory in chosen[wide].tolist():
        of = np.arange(edges.start[directory], edges.start[directory + 1])
        kinds = np.unique(otype[edges.target(of)])
        if len(kinds) == 1 and bool((edges.step(of[1:]) == 1).all()):
            _as_part_of(otype, np.array([directory]), kinds, Role.MAP_TABLE, Role.MAP_DIR)


def _as_part_of(otype: U32, objects: I64, below: U32, wanted: Role, role: Role) -> None:
    """Give objects a role in the maps of which what is below them has the wanted one."""
    good = below >> np.uint32(ROLE_SHIFT) == wanted
    otype[objects[good]] = np.uint32(role << ROLE_SHIFT) | (below[good] & np.uint32(ROW_MASK))


def entries_on_stack(tree: Tree, labels: Labels, node: int) -> int | None:
    """How many entries the map has whose directory, groups or buckets an object is, by its header beside the
    root that leads there; None where there is no such header."""
    columns = tree.columns
    row = int(columns.types[node]) & ROW_MASK
    header = map_parts(labels.types, row).header if row < len(labels.types) else 0
    field = next((i for n in ("dirPtr", "buckets") if (i := field_index(labels.types, header, n)) >= 0), -1)
    if not header or field < 0:
        return None
    offset = int(labels.types.field_offset[field])
    for root in np.flatnonzero(columns.root_column("object", "<i8") == node).tolist():
        address = int(columns.root_column("address", "<u8")[root])
        # hmap.count and Map.used are the first word of either
        used = labels.contents.word(address - offset) if address > offset else None
        if used is not None and labels.contents.word(address) == columns.address(node):
            return used
    return None
