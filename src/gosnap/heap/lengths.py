"""Length and capacity of the slice variable that leads to an array, read beside its pointer.

Of a variable on a stack the collector keeps the pointer alone: where the length and the capacity were, dead
words may be. So what is read must fit the array's slot.
"""

import numpy as np

from gosnap.goruntime.roots import RootKind
from gosnap.heap.labels import SLICE, Labels, words_of
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.tree import Tree

_ON_STACK = (RootKind.STACK, RootKind.CONSERVATIVE)


def slice_length(tree: Tree, labels: Labels, nodes: tuple[int, ...]) -> tuple[int, int] | None:
    """(len, cap) of the slice variable that refers to the last object of a way of objects from a root; None
    where that is no slice variable, or what is there cannot be the length of one."""
    if len(nodes) < 2:
        return _by_root(tree, labels, nodes[0]) if nodes else None
    holder, inner = nodes[-2:]
    columns = tree.columns
    target = columns.references[1]
    start, count = columns.edges_of(holder)
    words = words_of(columns, holder)
    for i in range(count):
        if int(target[start + i]) == inner:
            place = labels.place(holder, int(words[i]))
            if place.row and int(labels.types.kind[place.row]) == SLICE:
                return _read(tree, labels, inner, columns.address(holder) + place.at, 0)
    return None


def _by_root(tree: Tree, labels: Labels, node: int) -> tuple[int, int] | None:
    columns = tree.columns
    for root in np.flatnonzero(columns.root_column("object", "<i8") == node).tolist():
        address = int(columns.root_column("address", "<u8")[root])
        on_stack = int(columns.root_column("kind", "|u1")[root]) in _ON_STACK
        # what make and append allocate is filled by its capacity but for the rounding to a slot's size; an
        # accidental number is rarely near that
        found = _read(tree, labels, node, address, columns.size(node) // 2 if on_stack else 0)
        if found is not None:
            return found
    return None


def _read(tree: Tree, labels: Labels, node: int, address: int, least: int) -> tuple[int, int] | None:
    """The words behind the pointer at an address, if they can be the length and the capacity of a slice of
    this array: the capacity ends within the array's slot, and takes at least ``least`` bytes."""
    columns = tree.columns
    key = int(columns.types[node])
    row = key & ROW_MASK
    if not address or key >> ROLE_SHIFT != Role.ARRAY or row >= len(labels.types):
        return None
    pointer, length, cap = (labels.contents.word(address + 8 * i) for i in range(3))
    if pointer is None or length is None or cap is None:
        return None
    begin, elem = columns.address(node), int(labels.types.size[row])
    room = begin + columns.size(node) - pointer
    if pointer < begin or room <= 0 or not length <= cap or not least <= cap * elem <= room:
        return None
    return length, cap
