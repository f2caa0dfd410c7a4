"""The shapes of the JSON sections of a snapshot, and a check that a file's are so.

A checksum proves that a file is as it was written, not that gosnap wrote it.
"""

from dataclasses import dataclass
from typing import Any

from gosnap.errors import GosnapError


@dataclass(frozen=True)
class Maybe:
    """A key that may be missing."""

    shape: Any


@dataclass(frozen=True)
class Columns:
    """A dict of lists, all of one length."""

    keys: dict[str, type]


@dataclass(frozen=True)
class Values:
    """A dict whose keys are any text."""

    shape: Any


_SNAPSHOT = {
    "program": str,
    "pid": int,
    "go_version": str,
    "arch": str,
    "taken_at": str,
    "pause_us": int,
    "source": str,
}
_CHECKS = {"dangling_pointers": int, "bad_type_headers": int, "span_count_mismatches": int}
_TARGET = {
    "exe": str,
    "cmdline": [str],
    "go_version": str,
    "build_id": str,
    "gnu_build_id": str,
    "pie": int,
    "pid": int,
    "threads": int,
    "goroutines": int,
    "goroutine_states": Values(int),
    "kernel": str,
    "hostname": str,
    "rss_known": int,
    "swap_bytes": int,
    "cgroup": str,
    "cgroup_limit_bytes": Maybe(int),
    "cgroup_usage_bytes": Maybe(int),
}
_GC = {
    "phase": str,
    **{
        key: Maybe(int)
        for key in (
            *("cycles", "forced_cycles", "pause_total_ns", "last_gc_unix_ns", "heap_marked_bytes"),
            *("heap_live_bytes", "goal_bytes", "gogc", "memory_limit_bytes"),
        )
    },
}
META = {
    "format": int,
    "gosnap": str,
    "snapshot": _SNAPSHOT,
    "checks": _CHECKS,
    "dangling": [{"object": str, "pointer": str}],
    "totals": {
        "objects": int,
        "bytes": int,
        "untyped_bytes": int,
        "reachable_objects": Maybe(int),
        "reachable_bytes": Maybe(int),
    },
    "info": {
        "target": _TARGET,
        "gc": _GC,
        "totals": {
            "rss_bytes": int,
            "accounted_bytes": int,
            "unexplained_bytes": int,
            "heap_objects": int,
            "heap_bytes": int,
            "untyped_bytes": int,
            "edges": int,
            "objects_without_mask": int,
            "unpublished_slots": int,
        },
        "rows": [{"region": str, "bytes": int, "virtual_bytes": int, "note": str}],
        "notes": [str],
    },
    "copied_bytes": int,
    "contents": int,
    "types_base": int,
    "bias": int,
    "timings_us": Values(int),
}
TYPES = Columns(
    {
        **dict.fromkeys(("name", "kind", "package"), str),
        **dict.fromkeys(("typed", "spanclass", "objects", "bytes", "key", "live_objects", "live_bytes"), int),
    }
)
_SPAN_ROW = dict.fromkeys(
    (
        *("class", "size", "scan", "spans", "span_bytes", "objects", "bytes", "free_slots", "free_bytes"),
        *("tail_waste_bytes", "mcache_spans", "full_spans", "partial_spans", "empty_spans", "unswept_spans"),
    ),
    int,
)
SPANS = {
    "rows": [_SPAN_ROW],
    "totals": dict.fromkeys(
        (
            *("spans", "span_bytes", "objects", "bytes", "free_slots", "free_slot_bytes", "tail_waste_bytes"),
            *("large_objects", "large_bytes"),
        ),
        int,
    ),
    "mcache": {"ps": int, "spans": int, "free_bytes": int},
    "mcentral": {"full_spans": int, "partial_spans": int, "empty_spans": int, "free_bytes": int},
    "states": {"in_use": int, "manual": int, "dead": int},
    "page_heap": dict.fromkeys(
        (
            *("arena_bytes", "in_use_bytes", "stack_bytes", "work_buffer_bytes", "idle_bytes"),
            "released_bytes",
        ),
        int,
    ),
    "large": [{"address": str, "bytes": int, "type": str}],
}
GOROUTINES = {
    "reasons": [str],
    "now": int,
    "packages": [str],
    "places": [[int]],
    "traces": [[int]],
    "lines": [[str]],
}

MPROF = {
    "why": str,
    **dict.fromkeys(("head", "word", "rate", "disabled", "total_bytes", "time_nanos"), int),
    "mappings": [{"start": int, "limit": int, "offset": int, "file": str, "build_id": str}],
    "complete": [int],
    "notes": [str],
}


def check(value: Any, shape: Any, where: str) -> None:
    """GosnapError, which says where, if a value is not of a shape. Keys beyond the shape's are let pass."""
    if isinstance(shape, Columns):
        check(value, {k: [t] for k, t in shape.keys.items()}, where)
        if len({len(value[k]) for k in shape.keys}) > 1:
            raise _wrong(where, "columns of one length")
    elif isinstance(shape, Values):
        if not isinstance(value, dict):
            raise _wrong(where, "an object")
        for key, item in value.items():
            check(item, shape.shape, f"{where}.{key}")
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            raise _wrong(where, "an object")
        for key, inner in shape.items():
            if key in value:
                check(value[key], inner.shape if isinstance(inner, Maybe) else inner, f"{where}.{key}")
            elif not isinstance(inner, Maybe):
                raise _wrong(where, f"a key {key!r}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _wrong(where, "a list")
        for i, item in enumerate(value):
            check(item, shape[0], f"{where}[{i}]")
    elif type(value) is not shape:
        raise _wrong(where, {int: "an integer", str: "text"}[shape])


def _wrong(where: str, what: str) -> GosnapError:
    return GosnapError(
        f"{where}: expected {what}", "this file was not written by gosnap; take the snapshot again"
    )
