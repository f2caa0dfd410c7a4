"""How often a costly part is read."""

from hypothesis import given
from hypothesis import strategies as st

from gosnap.live.watcher import SHARES, _Part

SECOND = 10**9


@given(
    st.lists(st.integers(1, 5 * SECOND), min_size=1, max_size=50), st.sampled_from([*SHARES.values(), 0.02])
)
def test_a_part_takes_no_more_than_its_share(costs: list[int], share: float) -> None:
    part = _Part(lambda: None, share)
    now, spent = 0, 0
    for cost in costs:
        while not part.due(now):
            # what it has taken so far is within the share of the time up to the next reading
            now += SECOND
        assert spent <= share * now + 1
        part.at, part.cost_ns = now, cost
        spent += cost


def test_what_cannot_be_read_is_tried_less_and_less_often() -> None:
    part = _Part(lambda: None, 1.0)
    part.at, part.cost_ns, part.why = 0, 0, "no profile"
    waits = []
    for tries in range(1, 9):
        part.tries = tries
        waits.append(next(s for s in range(100) if part.due(s * SECOND)))
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
