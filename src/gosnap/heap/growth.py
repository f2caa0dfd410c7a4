"""What grew between two snapshots of a program, by type."""

from gosnap.heap.views import Row, View


def growth(before: View, after: View, *, top: int | None = None) -> View:
    """Rows: type, objects, bytes, objects_before, bytes_before; the largest growth in bytes first.

    Both views must hold every type (``types(top=None)``). Totals: objects, bytes and the same with _before.
    """
    old: dict[str, Row] = {r["type"]: r for r in before.rows}
    new: dict[str, Row] = {r["type"]: r for r in after.rows}
    rows = [
        {
            "type": name,
            "objects": new.get(name, {}).get("objects", 0),
            "bytes": new.get(name, {}).get("bytes", 0),
            "objects_before": old.get(name, {}).get("objects", 0),
            "bytes_before": old.get(name, {}).get("bytes", 0),
        }
        for name in sorted(old.keys() | new.keys())
    ]
    rows.sort(key=lambda r: (r["bytes_before"] - r["bytes"], r["type"]))
    cut = rows[top:] if top is not None else []
    totals = {
        "objects": after.totals["objects"],
        "bytes": after.totals["bytes"],
        "objects_before": before.totals["objects"],
        "bytes_before": before.totals["bytes"],
    }
    left = {
        "rows": len(cut),
        "objects": sum(r["objects"] for r in cut),
        "bytes": sum(r["bytes"] for r in cut),
    }
    return View("growth", after.snapshot, after.checks, totals, rows[:top], left)
