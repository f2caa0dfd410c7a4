"""Random bytes as memory: whatever a pointer, a length or a map's header says, there is a value or an
error."""

import json
import struct

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from valuetypes import everything, subject

from gosnap.commands.show_answers import described, type_names
from gosnap.errors import GosnapError
from gosnap.report.text.values import GoText, is_cut
from gosnap.report.values import Document, to_json
from gosnap.values.changes import changes
from gosnap.values.evaluate import Evaluator
from gosnap.values.expression import parse
from gosnap.values.model import Limits, Node, Value
from gosnap.values.places import Place

BASE = 0xC000000000
SIZE = 1 << 12
TABLE = everything().table()
EDGES = (1 << 16, 1 << 31, (1 << 47) - 1, 1 << 63, (1 << 64) - 1)
SMALL = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 15, 16, 100, *EDGES])
ADDRESSES = st.one_of(st.integers(BASE - 8, BASE + SIZE + 8), st.integers(0x1000, 0x1100))
WORDS = st.one_of(SMALL, ADDRESSES, st.integers(0, 2**64 - 1))
MEMORY = st.lists(WORDS, min_size=8, max_size=SIZE // 8).map(lambda w: struct.pack(f"<{len(w)}Q", *w))
LIMITS = st.builds(
    Limits,
    depth=st.integers(0, 6),
    items=st.one_of(st.none(), st.integers(0, 20)),
    string=st.one_of(st.none(), st.integers(0, 50)),
    nodes=st.just(2000),
    raw=st.booleans(),
    internals=st.booleans(),
    redact=st.booleans(),
)
FEW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def size_of(value: Value) -> int:
    n, todo = 0, [value]
    while todo:
        v = todo.pop()
        n += 1
        if isinstance(v, Node):
            todo += [*v.items, *v.keys]
            todo += [v.target] if v.target is not None else []
    return n


@FEW
@given(
    MEMORY, st.integers(1, len(TABLE) - 1), st.integers(0, SIZE // 8), LIMITS, st.sampled_from([21, 24, 27])
)
def test_any_memory_is_some_value(memory: bytes, row: int, word: int, limits: Limits, minor: int) -> None:
    s = subject(TABLE, [(BASE, memory), (0x1000, memory[:256])], minor=minor)
    text = f"*(*{TABLE.name[row]})({BASE + word * 8:#x})"
    try:
        value = Evaluator(s, limits, "").value(parse(f"main.v{row}" if "<" in text else text))
    except GosnapError:
        return
    assert size_of(value) < 200_000
    write = GoText(type_names(s), 80)
    for line in write.lines(value):
        assert "\n" not in line
    assert len(write.one_line(value, 0, 70)) <= 70
    is_cut(value)
    made = Document(described(s))
    json.loads(to_json({"value": made.value(value), "types": made.types}))
    assert changes(value, value) == []


PARTS = st.sampled_from(
    [
        ".Next",
        ".Name",
        ".*",
        "[0]",
        "[1:2]",
        '["a"]',
        "[{1, 2}]",
        ".(main.Node)",
        "[:]",
        ".N",
        "[nil]",
        "[-1]",
        "[1.5]",
    ]
)


@FEW
@given(
    MEMORY,
    st.integers(1, len(TABLE) - 1),
    st.lists(PARTS, max_size=4),
    st.sampled_from(["", "*", "len(", "cap("]),
)
def test_any_expression_has_a_value_or_an_error(
    memory: bytes, row: int, parts: list[str], before: str
) -> None:
    s = subject(TABLE, [(BASE, memory)])
    text = f"{before}main.v{row}{''.join(parts)}{')' if before.endswith('(') else ''}"
    try:
        value = Evaluator(s, Limits(nodes=2000), text).value(parse(text))
    except GosnapError as e:
        assert e.message
        return
    assert isinstance(value, Node) or value is not None


def test_lengths_beyond_all_memory_are_told() -> None:
    names = list(TABLE.name)
    words = [BASE, (1 << 47) - 1, (1 << 47) - 1] * 8
    s = subject(TABLE, [(BASE, struct.pack("<24Q", *words))])
    for name in ("string", "[]int", "[]uint8", "[]string", "[]main.Empty"):
        for limits in (Limits(), Limits(items=None, string=None)):
            value = Evaluator(s, limits, "").decode(Place(names.index(name), BASE))
            assert isinstance(value, Node)
            assert value.length == (1 << 47) - 1
            assert value.marks, (name, limits)
