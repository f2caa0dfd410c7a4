"""The flame graph: one HTML file that holds the page, its script and the tree."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from dataclasses import dataclass, field
from operator import sub
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

STATIC = Path(__file__).parent / "static"
"""What ``npm run build`` in frontend/ makes; it is committed, so that nobody needs node to install gosnap."""


@dataclass
class Values:
    """One sample type: what it is called, its unit, and its totals.

    ``total`` is i64[nodes]: a node with all below it; what is left after its children's is its own (flat). In
    a diff it is the value after, and ``base`` (i64[nodes]) the value before; either may be 0: a frame that is
    gone, or new. Values may be negative where profiles were subtracted.
    """

    name: str
    unit: str
    total: memoryview
    base: memoryview | None = None


@dataclass
class Flame:
    """A tree of calls as columns, in pre-order: a node's children follow it, one level deeper.

    ``depth`` and ``name`` are u32[nodes]. Node 0 is the root, the only one of depth 0: all of the profile,
    shown under its own name. ``name`` is a place in ``names``; what has two entries there are two
    functions, even if they are called the same. ``places`` is as long as ``names``, or empty: where a
    function is ("net/http/server.go:3142", "" if unknown). ``inlined`` is u8[nodes], 1 for a call that the
    compiler inlined, or None. ``values``: one or more sample types over the same nodes, all diffs or none;
    ``chosen`` is the one that is shown first.

    ``title`` is what the page is called; ``notes`` are short lines about the profile. ``left_out`` is how
    many nodes were too small to be put in: it is shown. The page is as large as the tree is: who makes the
    tree bounds it; up to some 500,000 nodes are comfortable in a browser.
    """

    title: str
    names: list[str]
    depth: memoryview
    name: memoryview
    values: list[Values]
    places: list[str] = field(default_factory=list)
    inlined: memoryview | None = None
    chosen: int = 0
    notes: list[str] = field(default_factory=list)
    left_out: int = 0


def render(flame: Flame, out: TextIO) -> None:
    """Write the page.

    ValueError for columns that do not fit together: that is a mistake of the caller's, not of an input.
    """
    _check(flame)
    script = (STATIC / "flame.js").read_text(encoding="utf-8")
    style = (STATIC / "flame.css").read_text(encoding="utf-8")
    # Nothing is loaded, and only these two texts are run. Trusted Types: no string ever becomes markup.
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    out.write(
        "<!doctype html>\n"
        '<html lang="en">\n'
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{html.escape(_text(flame.title))}</title>\n"
        f"<style>{style}</style>\n"
        "<noscript>This page draws a flame graph, and needs JavaScript for it. "
        "It loads nothing from anywhere.</noscript>\n"
        '<script type="application/octet-stream" id="data">'
    )
    # Names too are in here: base64 has no character that means something in HTML.
    out.write(base64.b64encode(pack(flame)).decode("ascii"))
    out.write(f"</script>\n<script>{script}</script>\n</html>\n")


def pack(flame: Flame) -> bytes:
    """The tree as the page reads it (frontend/flame/data.ts), deflated.

    A u32 with the length of a JSON text, that text (names and all else that does not grow with the nodes),
    and the columns: depth, name, inlined if there is one, and for each sample type the total and, in diffs,
    the base. All little-endian. A column is stored byte plane by byte plane, the lowest bytes of all items
    first: most of the higher planes are 0 and take no room.
    """
    facts: dict[str, Any] = {
        "title": _text(flame.title),
        "nodes": len(flame.depth),
        "names": [_text(name) for name in flame.names],
        "places": [_text(place) for place in flame.places],
        "inlined": flame.inlined is not None,
        "types": [
            {"name": _text(v.name), "unit": _text(v.unit), "diff": v.base is not None} for v in flame.values
        ],
        "chosen": flame.chosen,
        "notes": [_text(note) for note in flame.notes],
        "left_out": flame.left_out,
    }
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    deflate = zlib.compressobj(6)
    parts = [deflate.compress(len(text).to_bytes(4, "little") + text)]
    for column in _columns(flame):
        raw = column.tobytes()
        for plane in range(column.itemsize):
            parts.append(deflate.compress(raw[plane :: column.itemsize]))
    parts.append(deflate.flush())
    return b"".join(parts)


def _columns(flame: Flame) -> list[memoryview]:
    columns = [flame.depth, flame.name]
    if flame.inlined is not None:
        columns.append(flame.inlined)
    for values in flame.values:
        columns.append(values.total)
        if values.base is not None:
            columns.append(values.base)
    return columns


def _check(flame: Flame) -> None:
    n = len(flame.depth)
    wanted = ["I", "I"] + ["B"] * (flame.inlined is not None)
    columns = _columns(flame)
    wanted += ["q"] * (len(columns) - len(wanted))
    for column, code in zip(columns, wanted, strict=True):
        if len(column) != n or column.format != code:
            raise ValueError(f"a column of {len(column)} {column.format!r}, {n} {code!r} expected")
    if not n or not flame.values or not 0 <= flame.chosen < len(flame.values):
        raise ValueError("a flame graph needs a root and a sample type that is shown first")
    if len({values.base is None for values in flame.values}) > 1:
        raise ValueError("sample types with and without a base")
    if max(flame.name) >= len(flame.names) or len(flame.places) not in (0, len(flame.names)):
        raise ValueError("a node whose name is not in the names, or not a place for each name")
    depth = flame.depth
    if depth[0] or (n > 1 and (min(depth[1:]) < 1 or max(map(sub, depth[1:], depth)) > 1)):
        raise ValueError("depths that are not those of a tree in pre-order with one root")


def _text(text: str) -> str:
    """Bytes that were no UTF-8 (lone surrogates by now) as U+FFFD, which JSON and HTML can hold."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
