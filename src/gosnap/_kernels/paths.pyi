"""Shortest paths from the roots of a graph, and many of them merged into one tree.

Everything is iterative: a path may be as long as there are nodes. Loops run without the GIL.
"""

import numpy as np
import numpy.typing as npt

from gosnap._kernels.graph import Graph

_U64 = npt.NDArray[np.uint64]
_U16 = npt.NDArray[np.uint16]
_U32 = npt.NDArray[np.uint32]
_I64 = npt.NDArray[np.int64]
_U8 = npt.NDArray[np.uint8]

def shortest(graph: Graph, roots: _U32, shut: _U8, parent: _U32, order: _U32) -> int:
    """Breadth first from the roots; nodes where ``shut`` (u8[n]) is not 0 are reached, but not left again.

    parent[v] (u32[n]): the node before v on a shortest path; n for a root, 0xFFFFFFFF for what is not
    reached. order (u32[n]): the nodes as they were reached. Returns how many were. A path comes to a node by
    the first reference to it from the one before: ``thread`` and a look into the graph find it, and a column
    of them would be as large as the others. ValueError where columns do not fit or edges are 2**32 - 1 or
    more.
    """

def chain(parent: _U32, node: int, out: _U32) -> int:
    """The path up from a node, itself first, as far as there is room in ``out``; returns its whole length.

    ValueError where the parents go round in a circle.
    """

def on_paths(parent: _U32, nodes: _U32, mark: _U8) -> int:
    """Set mark[v] (u8[n]) to 1 for all that is on the paths up from these nodes; returns how many are."""

def thread(graph: Graph, order: _U32, mark: _U8, parent: _U32, member: _I64, above: _I64, via: _U32) -> int:
    """The marked nodes in the order in which ``shortest`` reached them; with a node, those before it on its
    path are marked, too.

    Writes them into ``member``, into ``above`` the place of each one's parent there, or -1, and into ``via``
    the reference by which it was reached, or 0xFFFFFFFF. Returns how many there are. ValueError where there
    is no room for them, or where the columns are not of one search in this graph.
    """

def words(
    step: _U16, far_edge: _U64, far_step: _U64, offset: _I64, edge: _I64, holder: _I64, out: _I64
) -> None:
    """The word of each of these references in its object: the sum of steps (``edges.scan_spans``) up to it.

    ``offset``: i64[n + 1], the first reference of each object; ``edge``, ``holder``: i64[m]; writes i64[m].
    Fast where references of one object follow each other in order. ValueError where a reference is not of its
    holder.
    """

def fields(
    member: _I64,
    above: _I64,
    via: _U32,
    step: _U16,
    far_edge: _U64,
    far_step: _U64,
    offset: _I64,
    kind: _U32,
    first: _I64,
    header: _U8,
    known: _U32,
    period: _I64,
    out: _U64,
) -> None:
    """For nodes in the order in which ``shortest`` reached them, what they are to the object before: its type
    in the upper half of a word, the offset of the reference in it in the lower one; 2**64 - 1 where either is
    no object.

    ``member``, ``above``, ``via``: as ``thread`` left them; ``step``, ``far_edge``, ``far_step``, ``offset``:
    as for ``words``. ``kind``: u32 per object, its type. ``first``: i64[s + 1], the first object of each
    span, ``header``: u8[s], 1 where slots begin with a malloc header, behind which offsets are counted.
    ``known``: u32, all types, sorted, and ``period``: i64, after how many bytes what an object of each holds
    begins again, 0 for never: offsets are taken modulo that. ValueError where columns do not fit.
    """

def labelled(
    member: _I64, kind: _U32, which: _U32, field: _I64, holder: _U32, hides: _U8, key: _U64, inside: _U8
) -> None:
    """A key per node: field[which[i]] in the upper half, its type in the lower one, 0 for what is no object.
    Where that type is a plain value's (``roles``) and holder[which[i]] too, the upper half is 64: a list or
    tree goes on.

    ``hides``: u8[16], by role (the upper 4 bits of a type), what is written to ``inside`` (u8[m]), which is 0
    for what is no object. ValueError where columns do not fit.
    """

def number(key: _U64, out: _U32, first: _U32) -> int:
    """Number keys in the order of their first occurrence.

    ``key``: u64[n]; writes out[i] (u32[n]), the number of each, and first[k] (u32[n]), where number k is
    first. Returns how many different ones there are. ValueError where columns do not fit. MemoryError.
    """

def merge(above: _I64, label: _U32, inside: _U8, place: _U32, up: _U32, example: _U32, again: _U8) -> int:
    """Merge nodes that have the same labels on their way from the roots.

    ``above``: i64[n], the node above each, -1 for none; it comes before. ``label``: u32[n]. A node whose
    label one of the last 1,024 places above it has, as in lists and trees and in lists of two types in turn,
    is in that place; one where ``inside`` (u8[n]) is not 0 is in the place above it. Writes place[i]
    (u32[n]), and per place the one above it (``up``, 0xFFFFFFFF for none), its first node (``example``), and
    1 in ``again`` where nodes are below others of the same place. Returns how many places there are: at most
    as many as fit; what is beyond counts for the place above it. ValueError where columns do not fit.
    MemoryError.
    """
