"""Charts and tables of text: what they must hold whatever they are given."""

from hypothesis import given
from hypothesis import strategies as st
from liveticks import facts, tick, vitals
from rich.cells import cell_len

from gosnap.live.changes import History
from gosnap.tui import spark
from gosnap.tui.board import assembled, board, heights, short
from gosnap.tui.columns import Column, fit, line

LEVEL = {c: i for i, c in enumerate(" ▁▂▃▄▅▆▇█")}


@given(st.lists(st.integers(0, 1 << 50), max_size=80), st.integers(1, 60), st.integers(1, 6), st.data())
def test_bars_are_as_high_as_their_values(
    values: list[int], width: int, height: int, data: st.DataObject
) -> None:
    ceiling = max([1, *values]) + data.draw(st.integers(0, 1 << 40))
    lines = spark.bars(values, width, height, ceiling)
    assert len(lines) == height
    assert all(len(text) == width for text in lines)
    shown = values[-width:]
    heights_ = [sum(LEVEL[text[i]] for text in lines) for i in range(width)]
    drawn = heights_[width - len(shown) :]
    assert not any(heights_[: width - len(shown)])
    for value, eighths in zip(shown, drawn, strict=True):
        assert abs(eighths - 8 * height * value / ceiling) <= 1
        assert bool(eighths) == bool(value)


def test_bars_by_hand() -> None:
    assert spark.bars([0, 1, 4, 8], 6, 1, 8) == ["   ▁▄█"]
    assert spark.bars([4, 8, 16], 3, 2, 16) == ["  █", "▄██"]


def test_a_goal_is_drawn_where_no_bar_is() -> None:
    lines = spark.bars([2, 16], 2, 2, 16)
    assert spark.with_goal(lines, [16, 16], 16) == ["╌█", "▂█".replace("▂", lines[1][0])]
    assert spark.with_goal(lines, [0, 0], 16) == lines


def test_marks() -> None:
    assert spark.marks([0, 1, 3, 12, 0], 7) == "   ^3+ "
    assert spark.marks([1] * 9, 4) == "^^^^"


CELLS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=60)


@given(
    st.lists(
        st.builds(
            Column, CELLS, left=st.booleans(), flexible=st.booleans(), drop=st.sampled_from([0, 1, 2, 3])
        ),
        min_size=1,
        max_size=7,
    ),
    st.integers(10, 220),
    st.data(),
)
def test_only_what_may_not_be_left_out_is_wider_than_the_screen(
    columns: list[Column], width: int, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(columns), max_size=len(columns)), max_size=5))
    fitted = fit(columns, rows, width)
    for i, c in enumerate(columns):
        assert c.drop or i in fitted.shown
    fixed = [i for i in fitted.shown if not columns[i].flexible]
    least = sum(fitted.widths[i] + 2 for i in fixed) + 3 * (len(fitted.shown) - len(fixed)) - 2
    for row in rows:
        assert cell_len(line(columns, fitted, row)) <= max(width, least)
    if any(columns[i].drop for i in fitted.shown):
        assert sum(fitted.widths[i] for i in fixed) + 2 * (len(fitted.shown) - 1) <= width


def test_short_counts() -> None:
    assert [short(n) for n in (0, 999, 12_345, 1_065_471, 2_000_000_000)] == [
        *("0", "999", "12.3k", "1.07M", "2G"),
    ]


def test_no_half_fact() -> None:
    lines = [("gc", "^" * 10, "#25, 24.4% CPU, pause 8 ms, marking")]
    shown = [assembled(lines, width).plain[17:] for width in (60, 45, 35, 25, 20)]
    assert shown == [
        "#25, 24.4% CPU, pause 8 ms, marking",
        "#25, 24.4% CPU, pause 8 ms",
        "#25, 24.4% CPU",
        "#25",
        "#25",
    ]


def long_history() -> History:
    history = History()
    for i in range(300):
        v = vitals(heap_live_bytes=i << 20, goal_bytes=300 << 20, cycles=i // 3)
        history.add(tick(i, v, facts(rss_bytes=i << 21, limit_bytes=1 << 30)))
    return history


LONG = long_history()


@given(st.integers(40, 250), st.integers(10, 80))
def test_the_board_leaves_room_for_a_list(width: int, height: int) -> None:
    tall = heights(height)
    lines = board(LONG, width, tall)
    assert len(lines) == tall.total <= height - 7
    assert len({len(chart) for _, chart, _ in lines}) == 1
    assert all(len(text) <= width for text in assembled(lines, width).plain.splitlines())
