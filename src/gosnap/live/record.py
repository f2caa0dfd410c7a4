"""One tick as plain data: the line of ``gosnap live --headless``. Integers only, keys in a fixed order, lists
cut to their most important rows."""

import time
from typing import Any

from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE
from gosnap.live.changes import Change, Cycle, History
from gosnap.live.sites import SiteTable
from gosnap.live.watcher import Tick, Watcher
from gosnap.live.watches import Watches

Row = dict[str, Any]


def header(watcher: Watcher) -> Row:
    """Which program it is."""
    image = watcher.program.image
    return {
        "program": image.program,
        "pid": image.pid,
        "go_version": watcher.program.version,
        "arch": "amd64",
        "exe": image.exe_label,
    }


def record(watcher: Watcher, history: History, cycles: list[Cycle], top: int) -> Row:
    """The last tick of a history. ``cycles``: that ended since the one before; ``top``: rows per list."""
    tick = history.last
    assert tick is not None
    step, since = history.change(), history.since()
    v, p = tick.vitals, tick.process
    out: Row = {
        "snapshot": {
            **header(watcher),
            "taken_at": _iso(tick.unix_ns),
            "pause_us": 0,
            "source": "running",
        },
        "tick": tick.number,
        "unix_ns": tick.unix_ns,
        "heap": {
            "live_bytes": v.heap_live_bytes,
            "goal_bytes": v.goal_bytes or 0,
            "marked_bytes": v.heap_marked_bytes,
            "object_bytes": v.object_bytes,
            "objects": v.objects,
            "alloc_bytes": v.alloc_bytes,
            "free_bytes": v.free_bytes,
            "mallocs": v.mallocs,
            "frees": v.frees,
            "in_spans_bytes": v.in_spans_bytes,
            "released_bytes": v.released_bytes,
            "stack_bytes": v.stack_bytes,
            "gogc": v.gogc,
            "memory_limit_bytes": v.memory_limit_bytes or 0,
        },
        "gc": {
            "phase": v.phase,
            "cycles": v.cycles,
            "forced_cycles": v.forced_cycles,
            "pause_total_ns": v.pause_total_ns,
            "last_gc_unix_ns": v.last_gc_unix_ns,
            "cpu_ns": v.cpu_ns,
            "ended": [_cycle(c) for c in cycles[-top:]] if tick.number else [],
        },
        "process": {
            "rss_bytes": p.rss_bytes,
            "swap_bytes": p.swap_bytes,
            "threads": p.threads,
            "cpu_ns": p.cpu_ns,
            "cgroup_limit_bytes": p.limit_bytes or 0,
            "cgroup_usage_bytes": p.usage_bytes or 0,
        },
        "change": _change(step),
        "since_open": _change(since),
        "goroutines": goroutines(tick, step, top),
        "size_classes": size_classes(tick, history.before),
        "regions": tick.memory.rows if tick.memory else [],
        "regions_rss_bytes": tick.memory.rss_bytes if tick.memory else 0,
        "spans_left_out": tick.memory.left_out if tick.memory else 0,
        "sites": sites(tick.sites, top) if tick.sites else {},
        "absent": tick.absent,
        "age_ms": {name: ns // 10**6 for name, ns in tick.age_ns.items()},
        "cost_us": tick.cost_us,
    }
    return out


def _iso(unix_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_ns // 10**9))


def _cycle(c: Cycle) -> Row:
    return {
        "cycle": c.number,
        "end_unix_ns": c.end_unix_ns,
        "pause_ns": c.pause_ns,
        "cpu_bp": c.cpu_bp,
        "together": c.together,
        "marked_bytes": c.marked_bytes,
        "forced": int(c.forced),
    }


def _change(c: Change | None) -> Row:
    """Empty for the first tick."""
    if c is None:
        return {}
    return {
        "elapsed_ns": round(c.seconds * 1e9),
        "alloc_bytes": c.alloc_bytes,
        "alloc_objects": c.alloc_objects,
        "free_bytes": c.free_bytes,
        "alloc_bytes_per_s": c.alloc_rate,
        "alloc_objects_per_s": c.alloc_object_rate,
        "live_bytes": c.live_bytes,
        "rss_bytes": c.rss_bytes,
        "cpu_bp": c.cpu_bp,
        "gc_cycles": c.cycles,
        "gc_pause_ns": c.pause_ns,
        "gc_cpu_bp": c.gc_cpu_bp,
        "goroutines": c.goroutines,
    }


def goroutines(tick: Tick, step: Change | None, top: int) -> Row:
    """Counts, by state and reason, and the largest groups; empty where they could not be read."""
    census = tick.census
    if census is None:
        return {}
    moved = step.states if step else {}
    states = census.by_state()
    gone = {k: 0 for k in moved if k not in states}
    return {
        "count": census.user,
        "system": census.system,
        "structures": census.structures,
        "states": [
            {"state": state, "reason": reason, "count": n, "change": moved.get((state, reason), 0)}
            for (state, reason), n in (states | gone).items()
        ],
        "groups": [
            {
                "state": g.state,
                "reason": g.reason,
                "function": g.function,
                "created_by": g.created_by,
                "system": int(g.system),
                "count": g.count,
            }
            for g in census.groups[:top]
        ],
        "groups_left_out": max(len(census.groups) - top, 0),
    }


def size_classes(tick: Tick, before: Tick | None) -> list[Row]:
    """One row per size class that was ever used, class 0 (large objects) last.

    Counts are the allocator's own; spans, their bytes and free slots come with the table of spans and are as
    old as that.
    """
    v = tick.vitals
    spans = tick.memory.classes if tick.memory else None
    seconds = (tick.monotonic_ns - before.monotonic_ns) / 1e9 if before else 0
    out = []
    for i in (*range(1, len(CLASS_TO_SIZE)), 0):
        allocs, frees = int(v.alloc_count[i]), int(v.free_count[i])
        if not allocs:
            continue
        then = int(before.vitals.alloc_class_bytes[i]) if before else 0
        step = int(v.alloc_class_bytes[i]) - then if before else 0
        out.append(
            {
                "class": i,
                "size": CLASS_TO_SIZE[i],
                "objects": max(allocs - frees, 0),
                "bytes": max(int(v.alloc_class_bytes[i] - v.free_class_bytes[i]), 0),
                "allocs": allocs,
                "frees": frees,
                "alloc_bytes_per_s": round(max(step, 0) / seconds) if seconds else 0,
                "spans": int(spans["spans"][i]) if spans else 0,
                "span_bytes": int(spans["span_bytes"][i]) if spans else 0,
                "free_slots": int(spans["free_slots"][i]) if spans else 0,
            }
        )
    return out


def watched(watches: Watches) -> list[Row]:
    """Expressions with their values as text; ``error`` says why there is none."""
    return [
        {"expression": w.expression, "value": w.line, "error": w.error, "changes": w.changes} for w in watches
    ]


def sites(table: SiteTable, top: int) -> Row:
    """Allocation sites that hold most, and those that allocated most since the view was opened."""

    def rows(by: str) -> list[Row]:
        return [
            {"function": f.function, "file": f.file, "line": f.line, **table.row(r)}
            for r in table.top(by, top)
            for f in [table.frames[r]]
            if table.columns[by][r]
        ]

    return {
        "inuse_bytes": table.total("inuse_bytes"),
        "inuse_now_bytes": table.total("inuse_now_bytes"),
        "alloc_bytes": table.total("alloc_bytes"),
        "doubts": table.doubts,
        "now": rows("inuse_now_bytes"),
        "since_open": rows("alloc_bytes"),
    }
