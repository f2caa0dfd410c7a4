"""What changed between ticks: sums that can be done by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from liveticks import SECOND, census, counts, facts, tick, vitals

from gosnap.goruntime.vitals import RING, goal
from gosnap.live.changes import History, change, ended
from gosnap.live.record import goroutines, size_classes


def test_rates_are_by_the_time_that_went_by() -> None:
    first = vitals(alloc_class_bytes=counts(c2=1600), alloc_count=counts(c2=100), tiny_allocs=5)
    later = vitals(
        alloc_class_bytes=counts(c2=3200, c0=100_000), alloc_count=counts(c2=200, c0=1), tiny_allocs=9
    )
    got = change(
        tick(0, first, facts(rss_bytes=50, cpu_ns=0)),
        tick(4, later, facts(rss_bytes=30, cpu_ns=2 * SECOND)),
    )
    assert got.seconds == 4
    assert got.alloc_bytes == 1600 + 100_000
    assert got.alloc_rate == (1600 + 100_000) // 4
    assert got.alloc_objects == 100 + 1 + 4
    assert got.alloc_object_rate == 105 // 4
    assert got.rss_bytes == -20
    assert got.cpu_bp == 5000  # two seconds of CPU in four


def test_a_counter_that_goes_back_is_no_negative_rate() -> None:
    # an allocation is counted in two places one after the other; a reading may fall between them
    got = change(tick(0, vitals(alloc_class_bytes=counts(c3=240))), tick(1, vitals()))
    assert (got.alloc_bytes, got.alloc_rate) == (-240, 0)


def test_states_move() -> None:
    before = census({("waiting", "select"): 5, ("running", ""): 2})
    after = census({("waiting", "select"): 9, ("waiting", "sleep"): 1})
    got = change(tick(0, census=before), tick(1, census=after))
    assert got.states == {("waiting", "select"): 4, ("running", ""): -2, ("waiting", "sleep"): 1}
    assert got.goroutines == 3
    rows = goroutines(tick(1, census=after), got, 10)["states"]
    assert {(r["state"], r["reason"]): (r["count"], r["change"]) for r in rows} == {
        ("waiting", "select"): (9, 4),
        ("waiting", "sleep"): (1, 1),
        ("running", ""): (0, -2),
    }


def ring(cycles: int) -> dict[str, object]:
    """Pauses as the runtime keeps them: of cycle n the pause is n ns, its end n s."""
    pause, end = np.zeros(RING, np.int64), np.zeros(RING, np.int64)
    for n in range(max(cycles - RING, 0) + 1, cycles + 1):
        pause[(n - 1) % RING], end[(n - 1) % RING] = n, n * SECOND
    return {"cycles": cycles, "pause_ns": pause, "pause_end_ns": end}


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_each_cycle_is_told_once(a: int, b: int) -> None:
    low, high = sorted((a, b))
    got = ended(vitals(**ring(low)), vitals(**ring(high)))
    first = max(low, high - RING) + 1
    assert [(c.number, c.pause_ns, c.end_unix_ns) for c in got] == [
        (n, n, n * SECOND) for n in range(first, high + 1)
    ]


def test_the_collectors_share_leaves_out_idle_marking() -> None:
    cpu = {"assist": 0, "dedicated": 0, "pause": 0, "scavenger": 0}
    before = vitals(cycles=1, cpu_ns={**cpu, "collector": 100, "idle_marking": 40, "all": 1000})
    after = vitals(
        cycles=3, heap_marked_bytes=77, cpu_ns={**cpu, "collector": 400, "idle_marking": 140, "all": 3000}
    )
    got = ended(before, after)
    assert [(c.number, c.cpu_bp, c.together, c.marked_bytes) for c in got] == [
        (2, 1000, 2, -1),  # (300 - 100) of 2000
        (3, 1000, 2, 77),
    ]


def test_history_counts_since_it_began_or_was_told_to() -> None:
    history = History()
    for i in range(3):
        history.add(tick(i, vitals(alloc_class_bytes=counts(c1=8 * (i + 1)), **ring(i * 2))))
    since, step = history.since(), history.change()
    assert since is not None and step is not None
    assert (since.alloc_bytes, step.alloc_bytes, since.cycles, step.cycles) == (16, 8, 4, 2)
    assert [m.cycles for m in history.moments] == [0, 2, 2]
    assert [c.number for c in history.cycles] == [1, 2, 3, 4]
    history.restart()
    assert history.since() is None
    history.add(tick(3, vitals(alloc_class_bytes=counts(c1=100), **ring(4))))
    since = history.since()
    assert since is not None and since.alloc_bytes == 100 - 24


def test_size_classes_have_a_rate() -> None:
    before = tick(0, vitals(alloc_count=counts(c4=10), alloc_class_bytes=counts(c4=320)))
    after = tick(
        2,
        vitals(
            alloc_count=counts(c4=30, c0=1),
            free_count=counts(c4=5),
            alloc_class_bytes=counts(c4=960, c0=65536),
            free_class_bytes=counts(c4=160),
        ),
    )
    rows = size_classes(after, before)
    assert [(r["class"], r["objects"], r["bytes"], r["alloc_bytes_per_s"]) for r in rows] == [
        (4, 25, 800, 320),
        (0, 1, 65536, 32768),
    ]


LIMITLESS = {"memoryLimit": (1 << 63) - 1, "triggered": (1 << 64) - 1}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # GOGC alone; the numbers of runtime/mgcpacer.go, heapGoalInternal
        ({**LIMITLESS, "gcPercentHeapGoal": 4 << 20}, 4 << 20),
        ({**LIMITLESS, "gcPercentHeapGoal": 4 << 20, "sweepDistMinTrigger": 5 << 20}, 5 << 20),
        ({**LIMITLESS, "gcPercentHeapGoal": 4 << 20, "triggered": 4 << 20}, (4 << 20) + (64 << 10)),
        # off
        ({**LIMITLESS, "gcPercentHeapGoal": (1 << 64) - 1}, None),
        # off, but a limit of 100 MB: 10 MB are not the heap's, 3% of the rest are left free
        (
            {
                "memoryLimit": 100_000_000,
                "gcPercentHeapGoal": (1 << 64) - 1,
                "triggered": (1 << 64) - 1,
                "mappedReady": 60_000_000,
                "heapFree": 20_000_000,
                "totalAlloc": 90_000_000,
                "totalFree": 60_000_000,
            },
            90_000_000 - 2_700_000,
        ),
        # nothing left: what was marked
        (
            {
                "memoryLimit": 1_000_000,
                "gcPercentHeapGoal": 8_000_000,
                "mappedReady": 9_000_000,
                "heapMarked": 3_000_000,
            },
            3_000_000,
        ),
    ],
)
def test_goal(fields: dict[str, int], expected: int | None) -> None:
    assert goal(lambda name: fields.get(name, 0)) == expected
