"""What a written snapshot answers, and what it says of a file that gosnap did not write."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snapshotfile import meta, spans_table, types_table, write_snapshot

import gosnap
from gosnap.errors import GosnapError
from gosnap.heap.growth import growth
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.report.text import info, spans, types
from gosnap.report.text.table import Page


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return open_snapshot(write_snapshot(tmp_path / "a.gosnap"))


def test_types_are_summed_up(snapshot: Snapshot) -> None:
    view = snapshot.types()
    assert view.rows == [
        {"type": "main.Session", "objects": 101, "bytes": 4848},
        {"type": "untyped (48 B, pointers)", "objects": 2, "bytes": 96},
        {"type": "[]uint8", "objects": 8, "bytes": 56},
    ]
    assert view.totals == {
        "objects": 111,
        "bytes": 5000,
        "untyped_bytes": 96,
        "reachable_objects": 108,
        "reachable_bytes": 4904,
    }
    assert [r["package"] for r in snapshot.types(by="package").rows] == ["main", "(untyped)", "(builtin)"]
    assert snapshot.types(by="kind").rows[0] == {"kind": "struct", "objects": 101, "bytes": 4848}
    # span class 12 is size class 6 with pointers, 13 the same without (runtime/mheap.go, makeSpanClass)
    first, *_, last = snapshot.types(by="size-class").rows
    assert first == {"size_class": 6, "size": 64, "scan": 1, "objects": 100, "bytes": 4800}
    assert last["scan"] == 0


def test_order_limit_and_match(snapshot: Snapshot) -> None:
    assert snapshot.types(sort="name").rows[0]["type"] == "[]uint8"
    assert [r["objects"] for r in snapshot.types(sort="objects").rows] == [101, 8, 2]
    view = snapshot.types(top=1)
    assert len(view.rows) == 1 and view.left_out == {"rows": 2, "objects": 10, "bytes": 152}
    view = snapshot.types(match=r"^main\.")
    assert view.totals == {
        "objects": 101,
        "bytes": 4848,
        "untyped_bytes": 0,
        "reachable_objects": 100,
        "reachable_bytes": 4800,
    }
    view = snapshot.types(match="untyped", by="kind")
    assert view.rows == [{"kind": "untyped", "objects": 2, "bytes": 96}]
    assert view.totals["untyped_bytes"] == 96
    for wrong in ({"match": "("}, {"by": "colour"}, {"sort": "weight"}):
        with pytest.raises(GosnapError):
            snapshot.types(**wrong)  # type: ignore[arg-type]


def test_live_and_garbage(snapshot: Snapshot, tmp_path: Path) -> None:
    live, garbage = snapshot.types(only="live"), snapshot.types(only="garbage")
    assert live.rows[0] == {"type": "main.Session", "objects": 100, "bytes": 4800}
    assert garbage.rows == [
        {"type": "untyped (48 B, pointers)", "objects": 2, "bytes": 96},
        {"type": "main.Session", "objects": 1, "bytes": 48},
    ]
    whole = snapshot.types().totals
    for key in ("objects", "bytes", "untyped_bytes"):
        assert live.totals[key] + garbage.totals[key] == whole[key]
    assert live.totals["objects"] == whole["reachable_objects"]
    document = meta()
    del document["totals"]["reachable_objects"], document["totals"]["reachable_bytes"]
    other = open_snapshot(write_snapshot(tmp_path / "b.gosnap", document=document))
    assert "reachable_objects" not in other.types().totals
    with pytest.raises(GosnapError, match="does not tell live objects"):
        other.types(only="live")


def test_python_interface(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path / "a.gosnap")
    opened = gosnap.open(path)
    assert isinstance(opened, gosnap.Snapshot) and isinstance(opened.types(), gosnap.View)
    with pytest.raises(gosnap.GosnapError):
        gosnap.open(tmp_path / "none")
    with pytest.raises(AttributeError):
        _ = gosnap.nothing  # type: ignore[attr-defined]


def test_growth(tmp_path: Path) -> None:
    grown = types_table()
    grown["objects"][0] += 10
    grown["bytes"][0] += 480
    old = open_snapshot(write_snapshot(tmp_path / "a.gosnap")).types(top=None)
    new = open_snapshot(write_snapshot(tmp_path / "b.gosnap", **{"answers.types": grown})).types(top=None)
    rows = growth(old, new).rows
    assert rows[0] == {
        "type": "main.Session",
        "objects": 111,
        "bytes": 5328,
        "objects_before": 101,
        "bytes_before": 4848,
    }
    assert all(r["bytes"] == r["bytes_before"] for r in rows[1:])
    assert growth(old, new, top=1).left_out["rows"] == 2


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    out = [path]
    if isinstance(value, dict):
        for k, v in value.items():
            out += _places(v, (*path, k))
    elif isinstance(value, list):
        for i, v in enumerate(value):
            out += _places(v, (*path, i))
    return out


def _put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    document = copy.deepcopy(document)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    if value is _GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return document


_GONE = object()
_JUNK = st.sampled_from([None, "x", 1.5, True, [], {}, [1], {"a": 1}, -1, 10**30, "\x1b[31m", _GONE])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_that_lies_gives_one_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    """The checksums are right, the content is not what gosnap writes: GosnapError or an answer."""
    parts = {"meta": meta(), "answers.types": types_table(), "answers.spans": spans_table()}
    name = data.draw(st.sampled_from(sorted(parts)))
    place = data.draw(st.sampled_from([p for p in _places(parts[name]) if p]))
    parts[name] = _put(parts[name], place, data.draw(_JUNK))
    path = tmp_path / "a.gosnap"
    path.unlink(missing_ok=True)
    write_snapshot(path, document=parts.pop("meta"), **parts)
    page = Page(80)
    try:
        opened = open_snapshot(path)
        for by in ("type", "size-class"):
            types.render(page, opened.types(by=by), types.Asked(str(path), by))
        spans.render(page, opened.spans(), str(path))
        info.render(page, opened.info(), verbose=True)
    except GosnapError as e:
        assert str(path) in e.message or "class" in e.message
    assert "\x1b" not in page.text()  # nothing of the file reaches the terminal as an escape sequence
