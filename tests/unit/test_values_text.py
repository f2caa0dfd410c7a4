"""Values as text and as JSON, and what changed between two of them."""

import json
import math
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from valuetypes import Types, subject

from gosnap.commands.show_answers import described, type_names
from gosnap.report.text.values import GoText, go_float, quote
from gosnap.report.values import Document, plain, to_json, unique
from gosnap.values.changes import changes
from gosnap.values.evaluate import Evaluator
from gosnap.values.expression import parse
from gosnap.values.model import CHANGED, Limits, Node
from gosnap.values.moments import duration_text

BASE = 0xC000000000


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back(x: float) -> None:
    text = go_float(x)
    assert float(text) == x
    assert math.copysign(1, float(text)) == math.copysign(1, x)
    assert float(go_float(x, sign=True)) == x


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1e5, "100000"),
        (123456.0, "123456"),
        (1e6, "1e+06"),
        (123456789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        *((1e-5, "1e-05"), (-0.0, "-0"), (0.1, "0.1"), (1e300, "1e+300"), (5e-324, "5e-324")),
    ],
)
def test_floats_are_as_fmt_has_them(x: float, text: str) -> None:
    assert go_float(x) == text


def test_strings_are_as_strconv_has_them() -> None:
    # fmt.Printf("%#v") of the same string
    raw = b'a\xff\xc3\xa9\xe2\x80\xa8\x7f"\\\n\xf0\x9f\x98\x80\xef\xbb\xbf\xe2\x80\x8b\x00\x07'
    assert quote(raw) == '"a\\xffé\\u2028\\x7f\\"\\\\\\n😀\\ufeff\\u200b\\x00\\a"'


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_durations_add_up(n: int) -> None:
    text = duration_text(n).removeprefix("-")
    units = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "µs": 1000, "ns": 1}
    total, number = 0.0, ""
    at = 0
    while at < len(text):
        if text[at].isdigit() or text[at] == ".":
            number += text[at]
            at += 1
            continue
        unit = text[at : at + 2] if text[at : at + 2] in units else text[at]
        total += float(number) * units[unit]
        number, at = "", at + len(unit)
    assert total == pytest.approx(abs(n), rel=1e-12)


@given(st.one_of(st.floats(), st.complex_numbers(), st.binary(), st.integers(), st.booleans(), st.text()))
def test_no_plain_value_loses_anything(value: float | complex | bytes | int | bool | str) -> None:
    if isinstance(value, str):
        value = value.encode("utf-8", "ignore").decode()
    back = json.loads(to_json({"value": plain(value)}))["value"]
    if isinstance(value, bytes):
        assert bytes.fromhex(back["hex"]) == value
    elif isinstance(value, complex):
        for part, x in (("real", value.real), ("imag", value.imag)):
            assert struct.pack("<d", float(back[part])) == struct.pack("<d", x) or math.isnan(x)
    elif isinstance(value, float):
        assert struct.pack("<d", float(back)) == struct.pack("<d", value) or math.isnan(value)
    else:
        assert back == value
        assert type(back) is type(value)


def test_a_value_is_shown_before_rich_is_imported() -> None:
    code = (
        "import sys, gosnap.commands.show_answers, gosnap.values.sources, gosnap.goruntime.running\n"
        "sys.exit(' '.join(sorted({'rich', 'gosnap.heap', 'secrets', 'difflib'} & set(sys.modules))) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_fields_that_share_a_name_are_all_there() -> None:
    assert unique(("_", "A", "_", "_")) == ["_", "A", "_#2", "_#3"]


def made() -> tuple[Types, int, int]:
    t = Types()
    integer = t.add("int", "int", 8)
    text = t.add("string", "string", 16)
    point = t.struct("main.Point", 16, ("X", 0, integer), ("Y", 8, integer))
    points = t.slice(point)
    shape = t.struct("main.Shape", 56, ("Name", 0, text), ("At", 16, point), ("Path", 32, points))
    return t, shape, points


def memory(path: list[int], name: bytes = b"box") -> bytes:
    head = struct.pack("<QQqqQQQ", BASE + 64, len(name), 1, -2, BASE + 128, len(path) // 2, len(path) // 2)
    return head.ljust(64, b"\0") + name.ljust(64, b"\0") + struct.pack(f"<{len(path)}q", *path)


def value(path: list[int], name: bytes = b"box", **limits: int) -> Node:
    t, shape, _ = made()
    s = subject(t.table(), [(BASE, memory(path, name))])
    found = Evaluator(s, Limits(**limits), "").value(parse(f"*(*main.Shape)({BASE:#x})"))
    assert isinstance(found, Node)
    assert found.row == shape
    return found


def write(width: int = 100) -> GoText:
    t, _, _ = made()
    return GoText(type_names(subject(t.table(), [(BASE, bytes(8))])), width)


def test_text_is_broken_to_the_width() -> None:
    whole = (
        'main.Shape{Name: "box", At: main.Point{X: 1, Y: -2}, Path: []main.Point{{X: 3, Y: 4}, {X: 5, Y: 6}}}'
    )
    found = value([3, 4, 5, 6])
    assert write(120).lines(found) == [whole]
    assert write(60).lines(found) == [
        "main.Shape{",
        '    Name: "box",',
        "    At: main.Point{X: 1, Y: -2},",
        "    Path: []main.Point{{X: 3, Y: 4}, {X: 5, Y: 6}},",
        "}",
    ]
    for room in range(20, 110):
        assert len(write().one_line(found, 0, room)) <= room


def test_what_is_cut_is_marked() -> None:
    assert "… 1 more" in write().one_line(value([3, 4, 5, 6], items=1))
    assert "Path: []main.Point{… 2 more}" in write().one_line(value([3, 4, 5, 6], depth=1))
    assert '"ab"… 4 more bytes' in write().one_line(value([], b"abcdef", string=2))
    assert "Name: …(len 6)" in write().one_line(value([], b"abcdef", redact=True))
    assert write().one_line(value([], depth=0)) == "main.Shape{…}"


def test_changes_are_the_innermost() -> None:
    found = [(c.path, c.before, c.after) for c in changes(value([3, 4, 5, 6]), value([3, 4, 5, 7]))]
    assert found == [(".Path[1].Y", 6, 7)]
    found = [(c.path, c.before, c.after) for c in changes(value([1, 2]), value([1, 2], b"bag"))]
    assert found == [(".Name", "box", "bag")]
    (longer,) = changes(value([1, 2]), value([1, 2, 3, 4]))
    assert (longer.path, longer.before) == (".Path[1]", None)
    assert isinstance(longer.after, Node)
    assert longer.after.items == [3, 4]
    assert changes(value([1, 2]), value([1, 2])) == []


def test_json_describes_types_once() -> None:
    t, _, _ = made()
    s = subject(t.table(), [(BASE, bytes(8))])
    document = Document(described(s))
    found = value([3, 4])
    found.mark(CHANGED)
    out = document.value(found)
    assert out["fields"]["Path"]["items"][0]["fields"] == {"X": 3, "Y": 4}
    assert out["marks"] == [CHANGED]
    assert document.types["main.Point"]["fields"][1] == {
        "name": "Y", "type": "int", "offset": 8, "size": 8, "embedded": 0
    }  # fmt: skip
    assert np.uint64(out["fields"]["Path"]["len"]) == 1
