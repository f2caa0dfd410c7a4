"""DWARF that is cut off, lies, or was made to hurt: one GosnapError that names the file, or a quiet
answer."""

import pytest
from dwarfwriter import AT, FORM, TAG, Dwarf, uleb
from elfwriter import ElfWriter, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from test_binary_dwarf import executable, program

from gosnap._kernels.dwarf import Scan
from gosnap.binary.dwarf import GoDwarf
from gosnap.errors import GosnapError

SECTIONS = ("info", "abbrev", "str", "line_str", "str_offsets", "addr")
GOOD = {version: program(version)[0].sections() for version in (4, 5)}


def everything(sections: dict[str, bytes], label: str = "the label") -> GosnapError | None:
    """Read all that there is. The error, which must name the label and be one clear sentence; None without
    one."""
    try:
        dwarf = GoDwarf(opened(executable(sections), label))
        for names in (dwarf.types.name, dwarf.types.field_name, dwarf.globals.name, dwarf.constants.name):
            list(names)
        list(dwarf.closures.capture_name)
        t = dwarf.types
        for column in (t.elem, t.key, t.impl, t.field_type, dwarf.globals.type, dwarf.closures.type):
            assert ((column >= 0) & (column < len(t))).all()
        assert t.field_start[-1] == len(t.field_type) == len(t.field_offset)
    except GosnapError as e:
        assert label in e.message
        assert "\n" not in e.message
        return e
    return None


def unit(body: bytes, version: int = 4) -> bytes:
    """A unit whose abbreviations are at offset 0."""
    head = version.to_bytes(2, "little") + bytes(4) + b"\x08"
    return (len(head) + len(body)).to_bytes(4, "little") + head + body


def abbrev(*rows: tuple[int, str, bool, list[tuple[str, str]]]) -> bytes:
    out = b""
    for code, tag, children, attributes in rows:
        out += uleb(code) + uleb(TAG[tag]) + bytes([children])
        out += b"".join(uleb(AT[a]) + uleb(FORM[f]) for a, f in attributes) + b"\0\0"
    return out + b"\0"


def test_no_dwarf_says_how_to_build_with_it() -> None:
    with pytest.raises(GosnapError, match=r"^prog: no DWARF") as e:
        GoDwarf(opened(ElfWriter().build()))
    assert "-ldflags" in e.value.hint


@pytest.mark.parametrize("version", [4, 5])
def test_what_is_whole_has_no_error(version: int) -> None:
    assert everything(GOOD[version]) is None


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_truncation_of_every_section(version: int, section: str) -> None:
    whole = GOOD[version]
    for n in range(len(whole[section])):
        everything({**whole, section: whole[section][:n]})


def test_a_truncated_unit_is_an_error() -> None:
    whole = GOOD[4]
    for n in range(4, len(whole["info"])):
        assert everything({**whole, "info": whole["info"][:n]}) is not None


@pytest.mark.parametrize(
    ("info", "table", "message"),
    [
        (b"\xff\xff\xff\x7f" + bytes(20), b"\0", "runs past"),
        (b"\xff\xff\xff\xff" + b"\xff" * 8 + bytes(20), b"\0", "runs past"),
        (b"\xff\xff\xff\xff\x01", b"\0", "runs past"),
        (b"\x01\0\0\0\x04", b"\0", "too short for its header"),
        (b"\x07\0\0\0\x04\0\xff\xff\0\0\x08", b"\0", "outside .debug_abbrev"),
        (unit(b"\x05"), abbrev((1, "base_type", False, [])), "abbreviation code"),
        (unit(b"\x80"), abbrev((1, "base_type", False, [])), "runs past the end"),
        (unit(b"\x01ab"), abbrev((1, "base_type", False, [("name", "string")])), "runs past the end"),
        (unit(b"\x01\x40"), abbrev((1, "base_type", False, [("name", "block1")])), "runs past the end"),
        (unit(b"\x01"), b"\x01\x24\x00\x03\x7f\0\0\0", "unknown attribute form"),
        (unit(b"\x01\x7f"), b"\x01\x24\x00\x03\x16\0\0\0", "unknown attribute form"),
        (unit(b"\x01\x21"), b"\x01\x24\x00\x03\x16\0\0\0", "unknown attribute form"),
        (unit(b"\x01"), b"\x01\x24\x00\x03\x80", "no end"),
        (unit(b"\x01" * 5000), abbrev((1, "lexical_block", True, [])), "deeper than 4096"),
        (unit(b"\x01" * 10000), abbrev((1, "base_type", False, [])), "more types"),
    ],
)
def test_each_kind_of_damage_has_its_message(info: bytes, table: bytes, message: str) -> None:
    error = everything({**dict.fromkeys(SECTIONS, b""), "info": info, "abbrev": table})
    assert error is not None
    assert message in error.message
    assert ".debug_" in error.message


def test_abbreviation_tables_over_one_another_are_refused() -> None:
    """Each unit's table begins one byte further into the same bytes, so that all together would be
    quadratic."""
    table = b"\x01\x24\x00" + b"\x81\x01\x0b" * 30000 + b"\0\0\0"
    info = b"".join(
        (8).to_bytes(4, "little") + b"\x04\0" + (3 + 3 * at).to_bytes(4, "little") + b"\x08\0"
        for at in range(900)
    )
    error = everything({**dict.fromkeys(SECTIONS, b""), "info": info, "abbrev": table})
    assert error is not None
    assert "overlap" in error.message


def test_names_that_share_their_bytes_do_not_multiply() -> None:
    """Ten thousand types whose names are all but one and the same string of a hundred kilobytes."""
    dwarf = Dwarf()
    u = dwarf.unit(4)
    dwarf.tables["str"] += b"x" * 100_000
    for i in range(10_000):
        u.add("base_type", ("name", "strp", i + 1), ("byte_size", "data8", 8))
    error = everything(dwarf.sections())
    assert error is not None
    assert "names" in error.message


@pytest.mark.parametrize("version", [4, 5])
def test_lying_numbers_give_a_table_without_them(version: int) -> None:
    dwarf = Dwarf()
    u = dwarf.unit(version)
    top = (1 << 64) - 1
    s = u.add(
        "structure_type", ("name", "string", "s"), ("byte_size", "data8", top), ("go_kind", "data8", top)
    )
    s.add("member", ("name", "string", "m"), ("data_member_location", "data8", top), ("type", "ref8", top))
    a = u.add("array_type", ("name", "string", "a"), ("type", "ref4", s))
    a.add("subrange_type", ("count", "data8", top))
    a.add("subrange_type", ("upper_bound", "data8", top))
    f = u.add("subprogram", ("low_pc", "addr", top), ("high_pc", "data8", top))
    f.add("variable", ("go_closure_offset", "data8", top))
    assert everything(dwarf.sections()) is None
    t = GoDwarf(opened(executable(dwarf.sections()))).types
    assert (t.size >= 0).all()
    assert (t.length >= 0).all()
    assert (t.field_offset >= 0).all()
    assert (t.kind <= 26).all()


def test_a_scan_cannot_be_made_twice() -> None:
    parts = [GOOD[4][name] for name in SECTIONS]
    scan = Scan(*parts)
    with pytest.raises(RuntimeError):
        scan.__init__(*parts)  # type: ignore[misc]


def test_names_of_any_reference_stay_inside_the_sections() -> None:
    scan = Scan(*(GOOD[5][name] for name in SECTIONS))
    top = (1 << 64) - 1
    refs = b"".join(
        (kind << 60 | at).to_bytes(8, "little") for kind in range(16) for at in (0, 1, 1 << 40, top >> 4)
    )
    data, offset = scan.names(memoryview(refs).cast("Q"))
    assert len(offset) == (64 + 1) * 8
    assert data.count(0) == 64


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([4, 5]),
    st.sampled_from(SECTIONS),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_changed_bytes_never_crash(version: int, section: str, changes: list[tuple[int, int]]) -> None:
    raw = bytearray(GOOD[version][section])
    for at, value in changes:
        if raw:
            raw[at % len(raw)] = value
    everything({**GOOD[version], section: bytes(raw)})


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=100), st.binary(max_size=50))
def test_random_bytes_never_crash(info: bytes, table: bytes, rest: bytes) -> None:
    everything(
        {"info": info, "abbrev": table, "str": rest, "line_str": rest, "str_offsets": rest, "addr": rest}
    )
    everything({**dict.fromkeys(SECTIONS, rest), "info": unit(info), "abbrev": table + b"\0\0\0"})
