"""The page of a flame graph: its columns read back by another reader, its text, and its policy."""

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import zlib
from array import array
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gosnap.report.html.flame import STATIC, Flame, Values, pack, render

I64 = st.integers(-(1 << 63), (1 << 63) - 1)


def column(code: str, items: Any) -> memoryview:
    return memoryview(array(code, items))


def small(**changes: Any) -> Flame:
    fields: dict[str, Any] = {
        "title": "heap",
        "names": ["root", "main.main", "main.leak"],
        "depth": column("I", [0, 1, 2, 1]),
        "name": column("I", [0, 1, 2, 2]),
        "values": [Values("inuse_space", "bytes", column("q", [10, 7, 7, 3]))],
    }
    return Flame(**(fields | changes))


def read(packed: bytes) -> tuple[dict[str, Any], list[list[int]]]:
    """The JSON text and the columns, by the description in ``pack``."""
    data = zlib.decompress(packed)
    size = int.from_bytes(data[:4], "little")
    facts = json.loads(data[4 : 4 + size])
    at, n, columns = 4 + size, facts["nodes"], []
    sizes = [4, 4] + [1] * facts["inlined"]
    for kind in facts["types"]:
        sizes += [8] * (2 if kind["diff"] else 1)
    for width in sizes:
        planes = data[at : at + width * n]
        at += width * n
        columns.append(
            [
                int.from_bytes(bytes(planes[k * n + i] for k in range(width)), "little", signed=width == 8)
                for i in range(n)
            ]
        )
    assert at == len(data)
    return facts, columns


@given(st.data())
def test_what_is_packed_is_read_back(data: st.DataObject) -> None:
    depth = [0]
    for _ in range(data.draw(st.integers(0, 12))):
        depth.append(data.draw(st.integers(1, depth[-1] + 1)))
    n = len(depth)
    names = data.draw(st.lists(st.text(max_size=8), min_size=1, max_size=5))
    name = data.draw(st.lists(st.integers(0, len(names) - 1), min_size=n, max_size=n))
    inlined = data.draw(st.none() | st.lists(st.integers(0, 1), min_size=n, max_size=n))
    diff = data.draw(st.booleans())
    totals = data.draw(st.lists(st.lists(I64, min_size=n, max_size=n), min_size=2, max_size=2))
    values = [
        Values("a", "bytes", column("q", totals[0]), column("q", totals[1]) if diff else None),
        Values("b", "count", column("q", totals[1]), column("q", totals[0]) if diff else None),
    ]
    flame = small(
        names=names,
        depth=column("I", depth),
        name=column("I", name),
        inlined=None if inlined is None else column("B", inlined),
        values=values,
        chosen=1,
    )
    facts, columns = read(pack(flame))
    assert facts["names"] == names
    assert [t["name"] for t in facts["types"]] == ["a", "b"]
    assert facts["chosen"] == 1
    expected = [depth, name] + ([] if inlined is None else [inlined])
    expected += [totals[0], totals[1], totals[1], totals[0]] if diff else totals
    assert columns == expected


class Reader(HTMLParser):
    """Elements with their attributes, and the text of each."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.elements[-1][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return ["".join(text) for name, _, text in self.elements if name == tag]


def page(flame: Flame) -> Reader:
    out = io.StringIO()
    render(flame, out)
    reader = Reader()
    reader.feed(out.getvalue())
    reader.close()
    return reader


HOSTILE = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>&\"'\x00\udcff"


def test_what_a_profile_says_is_never_markup() -> None:
    text = HOSTILE
    reader = page(
        small(
            title=text,
            names=[text, text, text],
            places=[text] * 3,
            notes=[text],
            values=[Values(text, text, column("q", [10, 7, 7, 3]))],
        )
    )
    assert [tag for tag, _, _ in reader.elements] == [tag for tag, _, _ in page(small()).elements]
    readable = text.replace("\udcff", "\ufffd")
    assert reader.texts("title") == [readable]
    data = next(text for tag, attrs, text in reader.elements if attrs.get("id") == "data")
    facts, _ = read(base64.b64decode("".join(data), validate=True))
    assert facts["title"] == facts["names"][1] == facts["places"][2] == facts["notes"][0] == readable
    assert facts["types"] == [{"name": readable, "unit": readable, "diff": False}]


def test_the_policy_names_what_is_in_the_page_and_nothing_else() -> None:
    reader = page(small())
    (content,) = [a["content"] for _, a, _ in reader.elements if "http-equiv" in a]
    assert content is not None
    policy = dict(part.split(" ", 1) for part in content.split("; "))
    assert policy["default-src"] == "'none'"

    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    scripts = [(attrs, "".join(text)) for tag, attrs, text in reader.elements if tag == "script"]
    assert [attrs.get("type") for attrs, _ in scripts] == ["application/octet-stream", None]
    # browsers hash what is between the tags, to the last byte
    assert policy["script-src"] == digest(scripts[1][1])
    assert policy["style-src"] == digest(reader.texts("style")[0])
    for _, attrs, _ in reader.elements:
        assert not {"src", "href", "srcset", "style"} & set(attrs)


def test_the_page_names_no_address() -> None:
    for path in STATIC.iterdir():
        assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]{2,}|@import|url\(", path.read_text("utf-8")), path


@pytest.mark.parametrize(
    "wrong",
    [
        {"depth": column("I", []), "name": column("I", []), "values": [Values("a", "b", column("q", []))]},
        {"depth": column("I", [1, 1, 2, 1])},
        {"depth": column("I", [0, 2, 2, 1])},
        {"depth": column("I", [0, 1, 0, 1])},
        {"depth": column("I", [0, 1, 2])},
        {"depth": column("Q", [0, 1, 2, 1])},
        {"name": column("I", [0, 1, 2, 3])},
        {"places": ["a"]},
        {"values": []},
        {"chosen": 1},
        {"inlined": column("B", [0])},
        {"values": [Values("a", "bytes", column("q", [1]))]},
        {
            "values": [
                Values("a", "bytes", column("q", [0] * 4), column("q", [0] * 4)),
                Values("b", "bytes", column("q", [0] * 4)),
            ]
        },
    ],
)
def test_columns_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        render(small(**wrong), io.StringIO())


def test_it_starts_fast() -> None:
    code = (
        "import sys, gosnap.report.html.flame; "
        "sys.exit(' '.join({'numpy', 'rich'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
