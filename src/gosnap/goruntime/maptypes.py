"""The structures behind a map type: header, buckets or groups, table."""

from dataclasses import dataclass

from gosnap.binary.types import TypeTable


@dataclass(frozen=True)
class MapParts:
    """Rows of the type table, 0 where there is none: runtime.hmap or maps.Map; a bucket or group; a table of
    Go >= 1.24."""

    header: int
    buckets: int
    table: int


def field_index(types: TypeTable, row: int, name: str) -> int:
    """The field of a structure by its name; -1 where it has none such."""
    for i in range(int(types.field_start[row]), int(types.field_start[row + 1])):
        if types.field_name[i] == name:
            return i
    return -1


def field_type(types: TypeTable, row: int, name: str) -> int:
    """The type of a field; 0 where there is none such."""
    i = field_index(types, row, name)
    return int(types.field_type[i]) if i >= 0 else 0


def map_parts(types: TypeTable, row: int) -> MapParts:
    """What a map type is made of (runtime/map.go; internal/runtime/maps in Go >= 1.24)."""
    header = int(types.impl[row])
    if not header:
        return MapParts(0, 0, 0)
    buckets, table = int(types.elem[field_type(types, header, "buckets")]), 0
    if not buckets:  # a swiss map: dirPtr **table, table.groups.data *group
        table = int(types.elem[int(types.elem[field_type(types, header, "dirPtr")])])
        buckets = int(types.elem[field_type(types, field_type(types, table, "groups"), "data")])
    return MapParts(header, buckets, table)
