"""Text for people: units, tables at several widths, warnings."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from snapshotfile import meta, types_table, write_snapshot

from gosnap.heap.snapshot import open_snapshot
from gosnap.report.canonical import to_json
from gosnap.report.text import capture, info, spans, types
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, duration, percent, plural, shorten, size, typed_share


def test_units() -> None:
    # as `go tool pprof` prints them (internal/measurement: 1024-based, two decimals, no trailing .00)
    assert [size(n) for n in (0, 1023, 1024, 1536, 17309968, 1 << 30, -2048)] == [
        *("0B", "1023B", "1kB", "1.5kB", "16.51MB", "1GB", "-2kB")
    ]
    assert count(1234567) == "1,234,567"
    assert percent(1, 3) == "33.3%" and percent(1, 0) == ""
    assert [duration(n) for n in (830, 12345, 2_410_000)] == ["830 µs", "12.3 ms", "2.41 s"]
    assert plural(1, "object") == "1 object" and plural(2, "class", "classes") == "2 classes"
    assert typed_share(1, 1_000_000_000) == "99.99%" and typed_share(0, 5) == "100.00%"
    assert clean("a\x1b[31mb\n") == "a\\x1b[31mb\\n" and clean("日本 é") == "日本 é"


@given(st.text(max_size=60), st.integers(1, 40))
def test_shorten_fits(text: str, width: int) -> None:
    out = shorten(text, width)
    assert cell_len(out) <= width
    if cell_len(text) <= width:
        assert out == text


@given(
    st.lists(st.tuples(st.text("abc. []", max_size=90), st.integers(0, 10**12)), max_size=6),
    st.integers(40, 200),
)
def test_tables_fit_the_terminal(rows: list[tuple[str, int]], width: int) -> None:
    page = Page(width)
    page.table(
        ["bytes", "%", "objects", "type"],
        [[size(n), "1.0%", count(n), t] for t, n in rows],
        left=(3,),
        drop=(1,),
    )
    assert all(cell_len(line) <= width for line in page.lines)
    assert len(page.lines) == len(rows) + 1


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_answers_fit_the_terminal(tmp_path: Path, width: int) -> None:
    table = types_table()
    table["name"][0] = table["name"][1] = "example.org/a/very/long/import/path/" + "x" * 150 + ".Session[int]"
    snapshot = open_snapshot(write_snapshot(tmp_path / "a.gosnap", **{"answers.types": table}))
    for render in (
        lambda p: types.render(p, snapshot.types(), types.Asked("a.gosnap")),
        lambda p: spans.render(p, snapshot.spans(), "a.gosnap"),
        lambda p: info.rss_table(p, snapshot.info()),
    ):
        page = Page(width)
        render(page)
        tables = [line for line in page.lines if line.startswith("  ") and not line.startswith("  …")]
        assert tables and all(cell_len(line) <= max(width, 60) for line in tables)
    # a file, or a pipe, gets names whole
    page = Page()
    types.render(page, snapshot.types(), types.Asked("a.gosnap"))
    assert table["name"][0] in page.text() and "\x1b" not in page.text()


def test_failed_checks_are_loud(tmp_path: Path) -> None:
    document = meta()
    document["checks"]["dangling_pointers"] = 3
    snapshot = open_snapshot(write_snapshot(tmp_path / "a.gosnap", document=document))
    for render in (
        lambda p: types.render(p, snapshot.types(), types.Asked("a")),
        lambda p: spans.render(p, snapshot.spans(), "a"),
        lambda p: info.render(p, snapshot.info()),
    ):
        page = Page()
        render(page)
        assert "WARNING" in page.text() and "3 dangling pointers" in page.text()
        assert "self-checks passed" not in page.text()


def test_capture_summary(tmp_path: Path) -> None:
    view = open_snapshot(write_snapshot(tmp_path / "a.gosnap")).types(top=1)
    view.extra = {
        "file": "a b.gosnap",
        "file_bytes": 2048,
        "copied_bytes": 9000,
        "timings_us": {"total": 1500, "copy": 700},
        "rss_bytes": 10000,
        "contents": 1,
        "notes": ["not cloned: why"],
    }
    page = Page()
    capture.render(page, view, verbose=True)
    text = page.text()
    assert "note: not cloned: why" in text and "700 µs" in text
    assert "next: gosnap suspects 'a b.gosnap'" in text
    assert "and 2 types more: 10 objects, 152B" in text


def test_colour_only_where_it_is_wanted() -> None:
    page = Page(80, colour=True)
    page.title("title")
    page.table(["a", "b"], [["1", "x"]], left=(1,))
    page.next("gosnap ps")
    assert "\x1b[1mtitle\x1b[0m" in page.lines
    assert all(line.count("\x1b[") % 2 == 0 for line in page.lines)


def test_json_is_canonical(tmp_path: Path) -> None:
    view = open_snapshot(write_snapshot(tmp_path / "a.gosnap")).types()
    text = to_json(view)
    assert text == to_json(view) and text.endswith("}\n")
    view.totals["objects"] = object()  # type: ignore[assignment]
    with pytest.raises(TypeError):
        to_json(view)
