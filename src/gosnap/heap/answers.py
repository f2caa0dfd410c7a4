"""The answers that a capture computes once and stores: type rows, allocator rows, regions, facts."""

from typing import Any

import numpy as np

from gosnap.goruntime.gcstate import processors
from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE, PAGE_SIZE
from gosnap.heap.analyse import Analysis
from gosnap.heap.regions import Regions
from gosnap.heap.typenames import package_of, untyped_name

LARGE_ROWS = 200
Row = dict[str, Any]


def type_table(a: Analysis) -> Row:
    """Objects and bytes by type and span class, as columns: name, kind, package, spanclass, objects,
    bytes."""
    names, kinds, packages = [], [], []
    for r in a.rows:
        cls, noscan = r.spanclass >> 1, bool(r.spanclass & 1)
        if r.key == 0:
            names.append(untyped_name(CLASS_TO_SIZE[cls], cls == 0, noscan))
            kinds.append("untyped")
            packages.append("(untyped)")
        else:
            names.append(r.name)
            kinds.append(r.kind)
            packages.append(package_of(r.name))
    return {
        "name": names,
        "kind": kinds,
        "package": packages,
        "typed": [int(r.key != 0) for r in a.rows],
        "spanclass": [r.spanclass for r in a.rows],
        "objects": [r.objects for r in a.rows],
        "bytes": [r.bytes for r in a.rows],
        "key": [r.key for r in a.rows],
        "live_objects": [r.live_objects for r in a.rows],
        "live_bytes": [r.live_bytes for r in a.rows],
    }


def span_table(a: Analysis, regions: Regions) -> Row:
    """Rows by size class, states of spans, the page heap, and the largest large objects."""
    s = a.spans
    rows: list[Row] = []
    room = s.npages * np.uint64(PAGE_SIZE)
    cached = np.isin(s.sweep, (1, 3))
    unswept = np.isin(s.sweep, (-2, 1, -1))
    used = s.counts.astype(np.uint64)
    for cls in np.unique(s.spanclass):
        m = s.spanclass == cls
        size = CLASS_TO_SIZE[int(cls) >> 1]
        slots, objects = int(s.nelems[m].sum()), int(used[m].sum())
        taken = int((used[m] * s.elemsize[m]).sum())
        capacity = int((s.nelems[m] * s.elemsize[m]).sum())
        full = (s.counts[m] == s.nelems[m]) & ~cached[m]
        empty = (s.counts[m] == 0) & ~cached[m]
        rows.append(
            {
                "class": int(cls) >> 1,
                "size": size,
                "scan": 1 - (int(cls) & 1),
                "spans": int(m.sum()),
                "span_bytes": int(room[m].sum()),
                "objects": objects,
                "bytes": taken,
                "free_slots": slots - objects,
                "free_bytes": capacity - taken,
                "tail_waste_bytes": int(room[m].sum()) - capacity,
                "mcache_spans": int(cached[m].sum()),
                "full_spans": int(full.sum()),
                "partial_spans": int((~full & ~empty & ~cached[m]).sum()),
                "empty_spans": int(empty.sum()),
                "unswept_spans": int(unswept[m].sum()),
            }
        )
    large = np.flatnonzero((s.size_class == 0) & (s.counts == 1))
    order = large[np.lexsort((s.base[large], -s.elemsize[large].astype(np.int64)))][:LARGE_ROWS]
    names = _names_of(a, [int(s.base[i]) for i in order])
    return {
        "rows": rows,
        "totals": {
            "spans": len(s),
            "span_bytes": int(room.sum()),
            "objects": a.objects,
            "bytes": a.bytes,
            "free_slots": int((s.nelems - used).sum()),
            "free_slot_bytes": int(((s.nelems - used) * s.elemsize).sum()),
            "tail_waste_bytes": int((room - s.nelems * s.elemsize).sum()),
            "large_objects": len(large),
            "large_bytes": int(s.elemsize[large].sum()),
        },
        "mcache": {
            "ps": processors(a.program),
            "spans": int(cached.sum()),
            "free_bytes": int(((s.nelems - used) * s.elemsize)[cached].sum()),
        },
        "mcentral": {
            "full_spans": sum(r["full_spans"] for r in rows),
            "partial_spans": sum(r["partial_spans"] for r in rows),
            "empty_spans": sum(r["empty_spans"] for r in rows),
            "free_bytes": int(((s.nelems - used) * s.elemsize)[~cached].sum()),
        },
        "states": {"in_use": len(s), "manual": len(s.manual_base), "dead": s.dead},
        "page_heap": regions.page_heap,
        "large": [
            {"address": f"{int(s.base[i]):#x}", "bytes": int(s.elemsize[i]), "type": name}
            for i, name in zip(order, names, strict=True)
        ],
    }


def _names_of(a: Analysis, addresses: list[int]) -> list[str]:
    from gosnap.heap.objtypes import name_rows

    out = []
    for address in addresses:
        obj, span, _slot = a.heap.find(address)
        if obj < 0:
            out.append("")
            continue
        key, cls = int(a.otype[obj]), int(a.spans.spanclass[span])
        name = name_rows(a.program, [(key, cls, 1, 0)])[0].name
        out.append(name or untyped_name(0, cls >> 1 == 0, bool(cls & 1)))
    return out
