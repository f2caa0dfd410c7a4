"""What a sync.Map is made of: its nodes are no more of interest than a map's buckets are."""

from dataclasses import dataclass

from gosnap.heap.columns import Columns
from gosnap.heap.roles import ROLE_SHIFT, Role

MAP_TYPE = "sync.Map"
_NODE = ("internal/sync.indirect[", "internal/concurrent.indirect[")
_ENTRY = ("internal/sync.entry[", "internal/concurrent.entry[")
_READ_ONLY, _BOX = "sync.readOnly", "sync.entry"


@dataclass(frozen=True)
class SyncMaps:
    """Types of objects (``roles``). ``nodes``: those that only lead on; ``entries``: those with a key and a
    value in them (internal/sync/hashtriemap.go, Go >= 1.24; internal/concurrent in 1.23). Before Go 1.24 a
    sync.Map is a map of pointers to ``boxes``, which point to interfaces (sync/map.go)."""

    nodes: frozenset[int]
    entries: frozenset[int]
    boxes: frozenset[int]
    interfaces: frozenset[int]

    @property
    def insides(self) -> list[int]:
        """Those that are a step of no path: of the box of a value the step to it tells the key."""
        return sorted(self.nodes | self.entries)

    @property
    def all(self) -> list[int]:
        """What lies between a map and what it holds."""
        return sorted(self.nodes | self.entries | self.boxes | self.interfaces)


def sync_maps(columns: Columns) -> SyncMaps:
    """The inner types of the sync.Maps of a snapshot."""
    table = columns.type_table
    nodes, entries, boxes, interfaces = set(), set(), set(), set()
    for key, name, typed in zip(table["key"], table["name"], table["typed"], strict=True):
        if not typed or key >> ROLE_SHIFT != Role.VALUE:
            continue
        if name.startswith(_ENTRY):
            entries.add(key)
        elif name.startswith(_NODE) or name == _READ_ONLY:
            nodes.add(key)
        elif name == _BOX:
            boxes.add(key)
        elif name == "interface {}":
            interfaces.add(key)
    return SyncMaps(*(frozenset(s) for s in (nodes, entries, boxes, interfaces if boxes else ())))
