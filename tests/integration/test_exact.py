"""What a snapshot says against what the program itself says: runtime.MemStats, and counts that the target
made."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gosnap.goruntime.sizeclasses import CLASS_TO_SIZE
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.take import take

pytestmark = pytest.mark.integration

CLEAN = {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0}
MOMENTS = 20


@pytest.fixture
def quiet(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> tuple[Any, Snapshot]:
    """The types target, which allocates no more, and a snapshot of it."""
    target = running(gobuild("types", go_version), "-mallocs")
    take(str(target.pid), out=tmp_path / "a.gosnap")
    return target, open_snapshot(tmp_path / "a.gosnap")


def test_equals_memstats(quiet: tuple[Any, Snapshot], go_version: str) -> None:
    target, snapshot = quiet
    said = target.json
    info = snapshot.info()
    assert info.snapshot["go_version"].startswith(f"go{go_version}")
    assert info.checks == CLEAN
    assert info.totals["heap_objects"] == said["heap_objects"]
    assert info.totals["heap_bytes"] == said["heap_alloc"]

    # by size class; MemStats.BySize does not tell scan from noscan, and leaves large objects out
    ours: dict[int, int] = {}
    for row in snapshot.spans().rows:
        ours[row["size"]] = ours.get(row["size"], 0) + row["objects"]
    theirs = {size: mallocs - frees for size, mallocs, frees in said["by_size"] if mallocs != frees}
    sizes = [size for size, _, _ in said["by_size"]]
    assert sizes[1:] == list(CLASS_TO_SIZE[2:62])[: len(sizes) - 1] or set(sizes) <= set(CLASS_TO_SIZE)
    # the tiny allocator counts its small objects in Mallocs (mstats.go), a slot may hold several
    for size, n in theirs.items():
        assert ours.get(size, 0) == n, f"size {size}"

    # HeapInuse is what in-use spans take up
    assert snapshot.spans().totals["span_bytes"] == said["heap_inuse"]
    goroutines = info.extra["target"]["goroutines"]
    assert goroutines >= said["goroutines"]  # NumGoroutine leaves the runtime's own out
    assert info.extra["gc"]["phase"] == "off"
    assert info.extra["gc"]["cycles"] == said["num_gc"]
    assert info.extra["gc"]["gogc"] == -1


def test_types_are_the_programs(quiet: tuple[Any, Snapshot]) -> None:
    target, snapshot = quiet
    table = {r["type"]: r["objects"] for r in snapshot.types(top=None).rows}
    assert {name: table.get(name, 0) for name in target.json["counts"]} == target.json["counts"]
    totals = snapshot.types().totals
    assert totals["untyped_bytes"] * 100 <= totals["bytes"]
    # whatever it is summed up by, nothing is lost
    for by in ("type", "package", "kind", "size-class"):
        rows = snapshot.types(by=by, top=None).rows
        assert sum(r["objects"] for r in rows) == totals["objects"]
        assert sum(r["bytes"] for r in rows) == totals["bytes"]
    untyped = snapshot.types(match=r"^untyped \(", top=None)
    assert sum(r["bytes"] for r in untyped.rows) == totals["untyped_bytes"] == untyped.totals["bytes"]


def test_rss_adds_up(quiet: tuple[Any, Snapshot]) -> None:
    target, snapshot = quiet
    rollup = Path(f"/proc/{target.pid}/smaps_rollup").read_text().splitlines()
    rss = next(int(line.split()[1]) for line in rollup if line.startswith("Rss:")) * 1024
    info = snapshot.info()
    # the kernel charges RSS in batches per thread, so the two may differ by some pages
    assert abs(info.totals["rss_bytes"] - rss) <= rss // 100
    rows = {r["region"]: r["bytes"] for r in info.rows}
    assert sum(rows.values()) == info.totals["rss_bytes"]
    assert abs(rows["not explained"]) <= info.totals["rss_bytes"] // 100
    assert all(v >= 0 for v in rows.values())
    # a program without C takes nothing but its first thread's stack from elsewhere
    assert next(v for k, v in rows.items() if k.startswith("outside Go")) <= 512 << 10
    # every allocated byte of the target has been written to, so nearly all of them are resident
    allocated = rows["allocated objects, live"] + rows["allocated objects, garbage"]
    assert allocated <= target.json["heap_alloc"]
    assert allocated > target.json["heap_alloc"] * 0.9


def test_in_a_storm(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("storm", go_version), "-mb", "12")
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    phases = set()
    for i in range(MOMENTS):
        time.sleep(dice.uniform(0.0, 0.05))
        view = take(
            str(target.pid), out=tmp_path / "a.gosnap", force=True, contents=False, fork=bool(i % 4 == 3)
        )
        assert view.checks == CLEAN, f"moment {i}"
        assert view.totals["objects"] > 10_000
        info = open_snapshot(tmp_path / "a.gosnap").info()
        phases.add(info.extra["gc"]["phase"])
        rows = {r["region"]: r["bytes"] for r in info.rows}
        assert sum(rows.values()) == info.totals["rss_bytes"]
        assert abs(rows["not explained"]) <= info.totals["rss_bytes"] // 100, rows
    print("collector phases met:", sorted(phases))
    before = target.ask("s")["steps"]
    time.sleep(0.05)
    assert target.ask("s")["steps"] > before
