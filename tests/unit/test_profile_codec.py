"""profile.proto is read and written as google/protobuf does, in every shape that the wire allows; what is no
profile is one clear error."""

import gzip
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profilewire import Meaning, field, meaning, messages, reshaped, varint

import profileproto
from gosnap._kernels.profile_decode import Decoder
from gosnap.errors import GosnapError
from gosnap.profile import read
from gosnap.profile.encode import compress, encode, to_gzip
from gosnap.profile.model import NONE, Profile, check_valid

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def said(p: Profile) -> Meaning:
    """What a profile of ours says, as ``meaning`` has it of a message."""
    raw = p.strings.raw
    samples = []
    for i in range(p.samples):
        n = len(p.sample_types)
        labels: list[tuple[bool, bytes, Any]] = []
        for j in range(p.label_start[i], p.label_start[i + 1]):
            if p.label_str[j]:
                labels.append((False, raw(p.label_key[j]), raw(p.label_str[j])))
            else:
                labels.append((True, raw(p.label_key[j]), (p.label_num[j], raw(p.label_unit[j]))))
        stack = [p.location_id[k] for k in p.stack[p.stack_start[i] : p.stack_start[i + 1]]]
        samples.append((stack, list(p.values[i * n : (i + 1) * n]), labels))
    return {
        "sample_types": [tuple(x.encode("utf-8", "surrogateescape") for x in t) for t in p.sample_types],
        "samples": samples,
        "mappings": [
            (
                *(p.mapping_id[i], p.mapping_start[i], p.mapping_limit[i], p.mapping_offset[i]),
                *(raw(p.mapping_file[i]), raw(p.mapping_build_id[i])),
                *(bool(p.mapping_flags[i] & bit) for bit in (1, 2, 4, 8)),
            )
            for i in range(p.mappings)
        ],
        "locations": [
            (
                p.location_id[i],
                0 if p.location_mapping[i] == NONE else p.mapping_id[p.location_mapping[i]],
                p.location_address[i],
                bool(p.location_folded[i]),
                [
                    (p.function_id[p.line_function[j]], p.line_line[j], p.line_column[j])
                    for j in range(p.line_start[i], p.line_start[i + 1])
                ],
            )
            for i in range(p.locations)
        ],
        "functions": [
            (
                p.function_id[i],
                *(raw(c[i]) for c in (p.function_name, p.function_system_name, p.function_filename)),
                p.function_start_line[i],
            )
            for i in range(p.functions)
        ],
        "header": (
            *(p.time_nanos, p.duration_nanos, p.period),
            *(x.encode("utf-8", "surrogateescape") for x in p.period_type),
            *(
                x.encode("utf-8", "surrogateescape")
                for x in (p.default_sample_type, p.doc_url, p.drop_frames, p.keep_frames)
            ),
            [raw(c) for c in p.comments],
        ),
    }


@SLOW
@given(messages(), st.integers(0, 1 << 30))
def test_every_shape_is_read_as_protobuf_reads_it(m: Any, seed: int) -> None:
    shaped = reshaped(m, random.Random(seed))
    assert meaning(profileproto.parse(shaped)) == meaning(m), "the test's own shapes are the same message"
    p = read.parse(shaped, "x")
    check_valid(p)
    assert said(p) == meaning(m)


def lasting(m: dict[str, Any]) -> dict[str, Any]:
    """Without labels that are 0 of a unit that is an empty string: written, they are nothing."""
    samples = [(s, v, [label for label in labels if label[2] != (0, b"")]) for s, v, labels in m["samples"]]
    return {**m, "samples": samples}


@SLOW
@given(messages())
def test_what_is_written_protobuf_reads(m: Any) -> None:
    p = read.parse(m.SerializeToString(), "x")
    written = encode(p)
    assert meaning(profileproto.parse(written)) == lasting(meaning(m))
    assert encode(read.parse(written, "x")) == written
    assert read.inflate(to_gzip(p), "x") == written


@SLOW
@given(messages(), st.data())
def test_damage_is_an_error_or_another_valid_profile(m: Any, data: st.DataObject) -> None:
    raw = bytearray(m.SerializeToString())
    cut = data.draw(st.integers(0, len(raw)))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for damaged in (bytes(raw), bytes(raw[:cut])):
        try:
            p = read.parse(damaged, "x")
        except GosnapError:
            continue
        check_valid(p)


def minimal(**change: bytes) -> bytes:
    """A profile of one sample, field by field; ``change`` replaces some or adds to them."""
    fields = {
        "types": field(1, field(1, 1) + field(2, 2)),
        "sample": field(2, field(1, 1) + field(2, 5)),
        "mapping": field(3, field(1, 1)),
        "location": field(4, field(1, 1) + field(2, 1) + field(4, field(1, 1))),
        "function": field(5, field(1, 1) + field(2, 1)),
        "strings": field(6, b"") + field(6, b"space") + field(6, b"bytes"),
        "more": b"",
    }
    return b"".join((fields | change).values())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (minimal(more=varint(3 << 3 | 3)), "a group"),
        (minimal(more=varint(9 << 3 | 6)), "wire type"),
        (minimal(more=b"\0\0"), "field number"),
        (minimal(more=varint(12 << 3) + b"\xff" * 11), "more than 10 bytes"),
        (minimal(more=varint(12 << 3) + b"\x80"), "does not end"),
        (minimal(more=varint(3 << 3 | 2) + varint(1 << 62)), "longer than what holds it"),
        (minimal(more=varint(3 << 3 | 2) + b"\x05ab"), "longer than what holds it"),
        (minimal(more=varint(12 << 3 | 2) + b"\0"), "wrong wire type"),
        (minimal(types=field(1, 5)), "wrong wire type"),
        (minimal(strings=field(6, b"x") + field(6, b"") + field(6, b"")), "first string is not empty"),
        (minimal(strings=b""), "no string table"),
        (minimal(strings=field(6, b"")), "string table"),
        (minimal(more=field(9, 7) + field(9, 8)), "concatenated"),
        (minimal(types=b""), "no sample type"),
        (minimal(types=field(1, b"") * 5000), "sample types"),
        (minimal(sample=field(2, field(1, 1))), "a sample with 0 values"),
        (minimal(sample=field(2, field(2, b"\1\2\3"))), "a sample with 3 values"),
        (minimal(sample=field(2, field(1, 9) + field(2, 5))), "location 9"),
        (minimal(sample=field(2, field(1, b"\1\x80") + field(2, 5))), "does not end"),
        (minimal(location=field(4, field(1, 1) + field(4, b""))), "function 0"),
        (minimal(location=field(4, field(1, 1) + field(4, field(1, 8)))), "function 8"),
        (minimal(location=field(4, field(1, 1)) * 2), "two locations have the id 1"),
        (minimal(location=field(4, b"")), "a location has the id 0"),
        (minimal(mapping=field(3, field(1, 1 << 63)) * 2), "two mappings have the id 9223372036854775808"),
        (minimal(function=field(5, field(1, 1)) * 2), "two functions"),
        (minimal(function=field(5, field(1, 1) + field(2, -1))), "string table"),
        (minimal(more=field(13, 3)), "string table"),
        (minimal(sample=field(2, field(1, 1) + field(2, 5) + field(3, field(1, 9) + field(3, 1)))), "string"),
        (field(2, b"") * 1_000_000, "1,000,000 samples"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, expected: str) -> None:
    assert read.parse(minimal(), "x").samples == 1
    with pytest.raises(GosnapError) as e:
        read.parse(data, "some/file")
    assert expected in e.value.message and e.value.message.startswith("some/file: ")
    assert e.value.hint


def test_errors_name_the_place() -> None:
    good = minimal()
    with pytest.raises(GosnapError, match=f"at byte {len(good):,}"):
        read.parse(good + varint(1 << 3 | 3), "x")


def test_ids_may_be_any_number() -> None:
    top = (1 << 63) + 5
    p = read.parse(
        minimal(
            sample=field(2, field(1, top) + field(2, 5)),
            location=field(4, field(1, top) + field(4, field(1, top))),
            function=field(5, field(1, top) + field(2, 1)),
        ),
        "x",
    )
    assert list(p.stack) == [0] and p.location_id[0] == top and p.function_id[0] == top


def test_samples_come_in_parts() -> None:
    """Samples are read part by part, in any order, with the same result."""
    samples = b"".join(
        field(2, field(1, b"\1\1\1") + field(2, i) + field(3, field(1, 1) + field(3, i)))
        for i in range(20_000)
    )
    raw = minimal(sample=samples)
    whole, parts = Decoder(raw), Decoder(raw)
    assert whole.parts == 3
    whole.read_samples(0, 3)
    for first, last in ((2, 3), (0, 2)):
        parts.read_samples(first, last)
    for name, column in whole.result().items():
        assert column == parts.result()[name], name
    assert list(whole.result()["values"]) == list(range(20_000))
    with pytest.raises(ValueError, match="not there"):
        whole.read_samples(2, 4)


# ---- gzip, and what is no profile ----


def test_gzip_may_have_members() -> None:
    raw = minimal()
    members = gzip.compress(raw[:10]) + gzip.compress(raw[10:])
    assert read.inflate(members, "x") == raw
    assert read.inflate(members + bytes(512), "x") == raw
    assert compress(raw) == compress(raw) and gzip.decompress(compress(raw)) == raw


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda z: z[:-9], "before its end"),
        (lambda z: z[:40], "before its end"),
        (lambda z: z + b"more", "damaged gzip"),
        (lambda z: z[:-8] + b"abcd" + z[-4:], "damaged gzip"),
        (lambda z: z[:3] + b"\xff" + z[4:], "damaged gzip"),
    ],
)
def test_damaged_gzip(change: Any, expected: str) -> None:
    packed = gzip.compress(minimal() * 1, mtime=0)
    with pytest.raises(GosnapError, match=expected):
        read.parse(change(packed), "x")


def test_a_bomb_is_refused() -> None:
    bomb = gzip.compress(field(16, bytes(1 << 20)) * 16)
    with pytest.raises(GosnapError, match="expand to more than 1,000,000"):
        read.parse(bomb, "x", 1_000_000)
    # of zeros alone it is known at once that they are no profile
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with pytest.raises(GosnapError, match="no message of a profile"):
        read.parse(packer.compress(bytes(1 << 20)) + packer.flush(), "x")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<!DOCTYPE html><html>", "HTML"),
        (b'{"error": 1}', "JSON"),
        (b"goroutine 1 [running]:\nmain.main()\n\t/x.go:3 +0x1d\n", "dump of goroutines"),
        (b"goroutine 7 [chan receive, 3 minutes]:\nmain.f()\n", "(debug=2)"),
        (b"\x7fELF" + bytes(12) + b"\x04\x00" + bytes(40), "a core"),
        (b"\x7fELF" + bytes(12) + b"\x03\x00" + bytes(40), "an executable"),
        (b"PERFILE2" + bytes(40), "perf.data"),
        (b"404 page not found\n", "'404 page not found'"),
        (b"\x28\xb5\x2f\xfd" + bytes(10), "zstd"),
        (b"GOSNAP\r\n" + bytes(40), "a snapshot of gosnap"),
    ],
)
def test_what_bytes_look_like(data: bytes, expected: str) -> None:
    for given_ in (data, gzip.compress(data)):
        with pytest.raises(GosnapError) as e:
            read.parse(given_, "x")
        assert expected in e.value.message and e.value.hint


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(minimal()))
    assert read.read_file(str(tmp_path / "a")).samples == 1
    with pytest.raises(GosnapError, match="directory"):
        read.read_file(str(tmp_path))
