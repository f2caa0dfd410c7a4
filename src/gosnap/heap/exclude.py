"""References that a person does not want to be followed: --exclude TYPE.field."""

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.heap.labels import Labels, words_of_edges
from gosnap.heap.maptypes import field_index
from gosnap.heap.roles import ROLE_SHIFT, Role
from gosnap.heap.tree import Tree


def exclude(tree: Tree, labels: Labels, target: npt.NDArray[np.uint32], excluded: tuple[str, ...]) -> int:
    """Turn these references into references of an object to itself, in place; how many there were.

    "main.Node.prev" is the field prev of structures main.Node, on their own and in arrays. GosnapError where
    there is no such type or field.
    """
    return sum(_exclude(tree, labels, target, name) for name in excluded)


def _exclude(tree: Tree, labels: Labels, target: npt.NDArray[np.uint32], name: str) -> int:
    columns, types = tree.columns, labels.types
    type_name, _, field_name = name.rpartition(".")
    row = types.type_by_name(type_name) if type_name else None
    field = field_index(types, row, field_name) if row is not None else -1
    if row is None or field < 0:
        what = f"no type {type_name!r}" if row is None else f"no field {field_name!r} in {type_name}"
        raise GosnapError(f"--exclude {name}: {what}", "write it as TYPE.field, 'main.Node.prev' say")
    begin = int(types.field_offset[field])
    end = begin + max(int(types.size[int(types.field_type[field])]), 1)
    size = max(int(types.size[row]), 1)
    keys = [Role.VALUE << ROLE_SHIFT | row, Role.ARRAY << ROLE_SHIFT | row]
    holders = np.flatnonzero(np.isin(columns.types, np.array(keys, np.uint32)))
    holders = holders[tree.live[holders]]
    offset = columns.references[0]
    count = offset[holders + 1] - offset[holders]
    edges = np.repeat(offset[holders] - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(
        int(count.sum())
    )
    source = np.repeat(holders, count)
    words = words_of_edges(columns, edges, source)
    inside = (words * 8 - columns.headers_of(source) * 8) % size
    chosen = (inside >= begin) & (inside < end)
    target[edges[chosen]] = source[chosen].astype(np.uint32)
    return int(chosen.sum())
