"""`gosnap svg`: what is drawn without Graphviz, and that Graphviz is used where it is."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.cli import main
from gosnap.profile.picture import Link, Spot
from gosnap.report import svg
from gosnap.report.dot import escape, unescaped

DATA = Path(__file__).resolve().parent.parent / "data" / "reports"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ET.Element:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["svg", *words]) == 0
    return ET.fromstring(capsys.readouterr().out)


def test_nodes_and_edges(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    root = drawn([str(DATA / "shop.pb.gz")], monkeypatch, capsys)
    titles = [t.text or "" for t in root.iter(f"{SVG}title")]
    assert "example.com/shop/v2.grow (83.56kB)" in titles
    assert "main.main -> example.com/shop/v2.(*Server).serve (346.56kB)" in titles
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert "83.56kB (inline)" in texts and "Type: inuse_space" in texts
    # nothing is run, nothing is loaded
    assert not list(root.iter(f"{SVG}script")) and not [
        a for e in root.iter() for a in e.attrib if a.startswith("on") or "href" in a
    ]


def test_names_cannot_leave_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gosnap.profile.builder import ProfileBuilder
    from gosnap.profile.encode import to_gzip

    b = ProfileBuilder([("space", 'by"</svg>')])
    evil = '</text><script>alert(1)</script>&"\x00\udcff'
    one, two = b.function(evil, "/a.go", 1), b.function("main.\\n\\", "/b.go", 2)
    b.sample([b.location(1, [(one, 2)]), b.location(2, [(two, 3)])], [5])
    path = tmp_path / "evil.pb.gz"
    path.write_bytes(to_gzip(b.build()))
    root = drawn([str(path), "-lines"], monkeypatch, capsys)
    assert not list(root.iter(f"{SVG}script"))
    assert main(["dot", str(path), "-lines"]) == 0
    # every quote that a name has is escaped: what stands outside of strings is ours
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', capsys.readouterr().out)
    assert "alert" not in outside and "svg" not in outside


def test_an_empty_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gosnap.profile.builder import ProfileBuilder
    from gosnap.profile.encode import to_gzip

    path = tmp_path / "empty.pb.gz"
    path.write_bytes(to_gzip(ProfileBuilder([("space", "bytes")]).build()))
    root = drawn([str(path)], monkeypatch, capsys)
    assert root.tag == f"{SVG}svg"


def test_graphviz_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\nread first\necho "$1 $first"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["svg", str(DATA / "shop.pb.gz")]) == 0
    assert capsys.readouterr().out == '-Tsvg digraph "shop" {\n'
    program.write_text("#!/bin/sh\necho no memory >&2\nexit 3\n")
    assert main(["svg", str(DATA / "shop.pb.gz")]) == 1
    assert "no memory" in capsys.readouterr().err


@given(st.text(st.characters(codec="utf-8")))
def test_quoted_text_is_read_back(text: str) -> None:
    assert "\n".join(unescaped(escape(text))) == text


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40))
@settings(deadline=None)
def test_boxes_do_not_touch(edges: list[tuple[int, int]]) -> None:
    spots = [Spot(i, i, b"f%d" % i, (1, 0, 1, 0)) for i in range(15)]
    boxes = {spot: svg.Box(["x" * (1 + spot.place * 3)], 8 + spot.place) for spot in spots}
    links = [
        Link(spots[a], spots[b], (a + 1, 0), residual=False, inlined=False)
        for a, b in dict.fromkeys(edges)
        if a != b
    ]
    legend = svg.Box(["legend"], 14)
    width, height = svg.arrange(boxes, links, legend)
    places = [*boxes.values(), legend]
    for i, one in enumerate(places):
        assert one.x - one.width / 2 >= 0 and one.x + one.width / 2 <= width
        assert one.y >= 0 and one.y + one.height <= height
        for other in places[:i]:
            beside = abs(one.x - other.x) >= (one.width + other.width) / 2 - 1e-6
            assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y
    # without recursion every call leads down
    if not _has_cycle(links):
        assert all(boxes[link.dst].y > boxes[link.src].y for link in links)


def _has_cycle(links: list[Link]) -> bool:
    reach = {link.src: {link.dst} for link in links}
    for link in links:
        reach.setdefault(link.src, set()).add(link.dst)
    for _ in reach:
        for spots in reach.values():
            spots.update(*[reach.get(spot, set()) for spot in spots])
    return any(spot in spots for spot, spots in reach.items())
