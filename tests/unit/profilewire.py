"""Profiles at random, as google/protobuf has them, and in every shape that the wire allows."""

import random
from typing import Any

from hypothesis import strategies as st

import profileproto

Meaning = dict[str, Any]

U64 = st.one_of(st.integers(1, 40), st.integers(1, (1 << 64) - 1))
I64 = st.one_of(st.integers(-3, 300), st.integers(-(1 << 63), (1 << 63) - 1))
TEXT = st.one_of(
    st.sampled_from([b"main.main", b"bytes", b"k", b"\xff\xfe", b"a/b.go", b"space", b""]),
    st.binary(max_size=6),
)


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """A valid profile."""
    m = profileproto.Profile()
    m.string_table.extend([b"", *draw(st.lists(TEXT, min_size=1, max_size=8))])
    index = st.integers(0, len(m.string_table) - 1)
    for _ in range(draw(st.integers(1, 3))):
        m.sample_type.add(type=draw(index), unit=draw(index))
    for id_ in draw(st.lists(U64, max_size=3, unique=True)):
        numbers = {k: draw(U64) for k in ("memory_start", "memory_limit", "file_offset")}
        flags = {f"has_{k}": draw(st.booleans()) for k in ("functions", "filenames", "line_numbers")}
        m.mapping.add(id=id_, filename=draw(index), build_id=draw(index), **numbers, **flags)
    for id_ in draw(st.lists(U64, min_size=1, max_size=4, unique=True)):
        m.function.add(
            id=id_, name=draw(index), system_name=draw(index), filename=draw(index), start_line=draw(I64)
        )
    for id_ in draw(st.lists(U64, min_size=1, max_size=5, unique=True)):
        # a mapping that is not there is none
        mapping = draw(st.sampled_from([0, 77, *(x.id for x in m.mapping)]))
        location = m.location.add(
            id=id_, mapping_id=mapping, address=draw(U64), is_folded=draw(st.booleans())
        )
        for _ in range(draw(st.integers(0, 3))):
            location.line.add(
                function_id=draw(st.sampled_from([f.id for f in m.function])),
                line=draw(I64),
                column=draw(I64),
            )
    for _ in range(draw(st.integers(0, 6))):
        sample = m.sample.add()
        sample.location_id.extend(draw(st.lists(st.sampled_from([x.id for x in m.location]), max_size=6)))
        sample.value.extend(draw(I64) for _ in m.sample_type)
        for _ in range(draw(st.sampled_from([0, 1, 2, 4, 20]))):
            kind = draw(st.integers(0, 2))
            label = sample.label.add(key=draw(index))
            if kind == 0:
                label.str = draw(index)
            else:
                label.num = draw(I64)
                label.num_unit = draw(index) if kind == 2 else 0
    if draw(st.booleans()):
        m.period_type.type, m.period_type.unit = draw(index), draw(index)
    m.time_nanos, m.duration_nanos, m.period = draw(I64), draw(I64), draw(I64)
    m.comment.extend(draw(st.lists(index, max_size=4)))
    m.default_sample_type, m.doc_url = draw(index), draw(index)
    m.drop_frames, m.keep_frames = draw(index), draw(index)
    return m


def meaning(m: Any) -> Meaning:
    """What a message says, with its strings in place and its labels in canonical order."""
    s = list(m.string_table)
    mappings = {x.id for x in m.mapping}
    samples = []
    for sample in m.sample:
        labels: list[tuple[bool, bytes, Any]] = []
        for label in sample.label:
            if label.str:
                labels.append((False, s[label.key], s[label.str]))
            elif label.num or label.num_unit:
                labels.append((True, s[label.key], (label.num, s[label.num_unit])))
        labels.sort(key=lambda x: x[:2])
        samples.append((list(sample.location_id), list(sample.value), labels))
    return {
        "sample_types": [(s[t.type], s[t.unit]) for t in m.sample_type],
        "samples": samples,
        "mappings": [
            (
                *(x.id, x.memory_start, x.memory_limit, x.file_offset, s[x.filename], s[x.build_id]),
                *(x.has_functions, x.has_filenames, x.has_line_numbers, x.has_inline_frames),
            )
            for x in m.mapping
        ],
        "locations": [
            (
                *(x.id, x.mapping_id if x.mapping_id in mappings else 0, x.address, x.is_folded),
                [(line.function_id, line.line, line.column) for line in x.line],
            )
            for x in m.location
        ],
        "functions": [(x.id, s[x.name], s[x.system_name], s[x.filename], x.start_line) for x in m.function],
        "header": (
            *(m.time_nanos, m.duration_nanos, m.period, s[m.period_type.type], s[m.period_type.unit]),
            *(s[m.default_sample_type], s[m.doc_url], s[m.drop_frames], s[m.keep_frames]),
            [s[c] for c in m.comment],
        ),
    }


def varint(n: int) -> bytes:
    """A number as the wire has it."""
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def field(number: int, value: int | bytes) -> bytes:
    """A varint or a length-delimited field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def reshaped(m: Any, rng: random.Random) -> bytes:
    """The same message: fields in another order, numbers packed or not, long varints, unknown fields."""
    parts: list[tuple[int, bytes]] = []
    for x in m.sample:
        parts.append((2, field(2, _sample(x, rng))))
    for name, number in (("sample_type", 1), ("mapping", 3), ("location", 4), ("function", 5)):
        parts += [(number, field(number, x.SerializeToString())) for x in getattr(m, name)]
    parts += [(6, field(6, text)) for text in m.string_table]
    for name, number in (("drop_frames", 7), ("keep_frames", 8), ("duration_nanos", 10), ("period", 12)):
        # the last of several counts
        if rng.random() < 0.2:
            parts.append((number, field(number, rng.randrange(3))))
        parts.append((number, field(number, getattr(m, name))))
    parts.append((9, field(9, m.time_nanos)))
    if m.HasField("period_type"):
        parts.append((11, field(11, m.period_type.SerializeToString())))
    parts += [(13, part) for part in _numbers(13, list(m.comment), rng)]
    parts += [(14, field(14, m.default_sample_type)), (15, field(15, m.doc_url))]
    parts += [(0, _unknown(rng)) for _ in range(rng.randrange(3))]
    # the order among fields of one number is theirs, all else is free
    order = [number for number, _ in parts]
    rng.shuffle(order)
    queues: dict[int, list[bytes]] = {}
    for number, part in parts:
        queues.setdefault(number, []).append(part)
    return b"".join(queues[number].pop(0) for number in order)


def _sample(x: Any, rng: random.Random) -> bytes:
    return b"".join(
        [
            *_numbers(1, list(x.location_id), rng),
            *([_unknown(rng)] if rng.random() < 0.2 else []),
            *_numbers(2, list(x.value), rng),
            *(field(3, label.SerializeToString()) for label in x.label),
        ]
    )


def _numbers(number: int, values: list[int], rng: random.Random) -> list[bytes]:
    """A repeated number in runs, each packed or not."""
    parts = []
    while values:
        n = rng.randrange(1, len(values) + 1)
        if rng.random() < 0.5:
            parts.append(field(number, b"".join(_long(v, rng) for v in values[:n])))
        else:
            parts += [varint(number << 3) + _long(v, rng) for v in values[:n]]
        values = values[n:]
    return parts


def _long(value: int, rng: random.Random) -> bytes:
    """A varint, now and then with more bytes than it needs."""
    raw = varint(value)
    if len(raw) < 10 and rng.random() < 0.1:
        raw = raw[:-1] + bytes([raw[-1] | 0x80]) + b"\x80" * rng.randrange(10 - len(raw)) + b"\0"
    return raw


def _unknown(rng: random.Random) -> bytes:
    number = rng.choice((16, 100, (1 << 29) - 1))
    kind = rng.choice((0, 1, 2, 5))
    tag = varint(number << 3 | kind)
    body = {0: varint(rng.getrandbits(64)), 1: bytes(8), 2: varint(3) + b"abc", 5: bytes(4)}[kind]
    return tag + body
