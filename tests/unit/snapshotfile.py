"""A small .gosnap file made by hand, without any target."""

from pathlib import Path
from typing import Any

from gosnap.heap.snapshot import FORMAT
from gosnap.target.container import Writer


def meta() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "gosnap": "0.0",
        "snapshot": {
            "program": "shop",
            "pid": 42,
            "go_version": "go1.26.6",
            "arch": "amd64",
            "taken_at": "2026-11-24T08:15:30.123Z",
            "pause_us": 12345,
            "source": "live",
        },
        "checks": {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0},
        "dangling": [],
        "totals": {
            "objects": 111,
            "bytes": 5000,
            "untyped_bytes": 96,
            "reachable_objects": 108,
            "reachable_bytes": 4904,
        },
        "info": {
            "target": {
                "exe": "/srv/shop",
                "cmdline": ["shop", "-v"],
                "go_version": "go1.26.6",
                "build_id": "abc",
                "gnu_build_id": "",
                "pie": 0,
                "pid": 42,
                "threads": 5,
                "goroutines": 7,
                "goroutine_states": {"running": 1, "waiting": 6},
                "kernel": "6.1",
                "hostname": "host",
                "rss_known": 1,
                "swap_bytes": 0,
                "cgroup": "",
            },
            "gc": {"phase": "off", "cycles": 3, "gogc": 100},
            "totals": {
                "rss_bytes": 10000,
                "accounted_bytes": 9990,
                "unexplained_bytes": 10,
                "heap_objects": 111,
                "heap_bytes": 5000,
                "untyped_bytes": 96,
                "edges": 50,
                "objects_without_mask": 0,
                "unpublished_slots": 0,
            },
            "rows": [
                {"region": "allocated objects", "bytes": 5000, "virtual_bytes": 5000, "note": "111 objects"},
                {"region": "outside Go", "bytes": 4990, "virtual_bytes": 9000, "note": ""},
                {"region": "not explained", "bytes": 10, "virtual_bytes": 0, "note": ""},
            ],
            "notes": [],
        },
        "copied_bytes": 9000,
        "contents": 0,
        "types_base": 0,
        "bias": 0,
        "timings_us": {"total": 1000},
    }


def types_table(more: int = 0) -> dict[str, Any]:
    """Four rows of three types, of which one lies in two span classes; ``more`` further ones of nothing."""
    rows = [
        ("main.Session", "struct", "main", 1, 12, 100, 4800, 7, 99, 4752),
        ("main.Session", "struct", "main", 1, 13, 1, 48, 7, 1, 48),
        ("[]uint8", "slice", "(builtin)", 1, 5, 8, 56, 8, 8, 56),
        ("untyped (48 B, pointers)", "untyped", "(untyped)", 0, 10, 2, 96, 0, 0, 0),
        *((f"main.T{i}", "struct", "main", 1, 4, 0, 0, 9 + i, 0, 0) for i in range(more)),
    ]
    names = (
        *("name", "kind", "package", "typed", "spanclass", "objects", "bytes"),
        *("key", "live_objects", "live_bytes"),
    )
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def spans_table() -> dict[str, Any]:
    row = {
        "class": 5,
        "size": 48,
        "scan": 1,
        "spans": 2,
        "span_bytes": 16384,
        "objects": 100,
        "bytes": 4800,
        "free_slots": 240,
        "free_bytes": 11520,
        "tail_waste_bytes": 64,
        "mcache_spans": 1,
        "full_spans": 0,
        "partial_spans": 1,
        "empty_spans": 0,
        "unswept_spans": 0,
    }
    return {
        "rows": [row],
        "totals": {
            "spans": 2,
            "span_bytes": 16384,
            "objects": 111,
            "bytes": 5000,
            "free_slots": 240,
            "free_slot_bytes": 11520,
            "tail_waste_bytes": 64,
            "large_objects": 1,
            "large_bytes": 81920,
        },
        "mcache": {"ps": 4, "spans": 1, "free_bytes": 5000},
        "mcentral": {"full_spans": 0, "partial_spans": 1, "empty_spans": 0, "free_bytes": 6520},
        "states": {"in_use": 2, "manual": 1, "dead": 0},
        "page_heap": {
            "arena_bytes": 67108864,
            "in_use_bytes": 16384,
            "stack_bytes": 32768,
            "work_buffer_bytes": 0,
            "idle_bytes": 0,
            "released_bytes": 4096,
        },
        "large": [{"address": "0xc000100000", "bytes": 81920, "type": "[]uint8"}],
    }


def write_snapshot(
    path: Path, *, types: int = 0, document: dict[str, Any] | None = None, **sections: Any
) -> Path:
    """Write it; ``document`` and ``sections`` stand in for the parts made here."""
    parts = {"answers.types": types_table(types), "answers.spans": spans_table(), **sections}
    with Writer(path) as writer:
        writer.add_json("meta", document if document is not None else meta())
        for name, value in parts.items():
            writer.add_json(name, value)
        writer.commit()
    return path
