"""Variables of a function by pc, on DWARF made by hand after the specification; damaged DWARF."""

import random
import struct

import pytest
from dwarfwriter import FORM, INT, Dwarf, GoUnit, at_address, name_of, sleb, uleb
from elfwriter import opened
from hypothesis import given, settings
from hypothesis import strategies as st
from test_binary_dwarf import executable

from gosnap._kernels.dwarf import Scan
from gosnap._kernels.locals import LocalsReader
from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.locals import Locals
from gosnap.errors import GosnapError

LOW, HIGH = 0x401000, 0x401100
CFA = b"\x9c"
LISTS = ("loc", "loclists", "ranges", "rnglists")


def fbreg(offset: int) -> bytes:
    return b"\x91" + sleb(offset)


def piece(size: int, where: bytes = b"") -> bytes:
    return where + b"\x93" + uleb(size)


def lists(version: int, entries: list[tuple[int, int, bytes | None]], base: int) -> bytes:
    """One list: entries relative to ``base``, which is selected first; without expressions, of ranges."""
    if version < 5:
        out = struct.pack("<QQ", (1 << 64) - 1, base)
        for low, high, where in entries:
            out += struct.pack("<QQ", low, high)
            out += b"" if where is None else struct.pack("<H", len(where)) + where
        return out + bytes(16)
    # rnglists have their base_address by number 5, loclists by 6
    ranges = all(where is None for _, _, where in entries)
    out = bytes([5 if ranges else 6]) + struct.pack("<Q", base)
    for low, high, where in entries:
        out += b"\x04" + uleb(low) + uleb(high) + (b"" if where is None else uleb(len(where)) + where)
    return out + b"\0"


def program(version: int, offset_size: int = 4) -> tuple[dict[str, bytes], GoUnit]:
    """A function with parameters, a nested block, an inlined call with one inlined into it, all of lists."""
    dwarf = Dwarf()
    go = GoUnit(dwarf, version, offset_size)
    integer = go.base("int", 8, INT)
    text = go.struct("string", 16, [("str", 0, integer), ("len", 8, integer)])
    pointer = go.pointer("*int", integer)
    head = 12 if offset_size == 4 else 20
    loc, rng = bytearray(head), bytearray(head)

    def located(entries: list[tuple[int, int, bytes | None]]) -> tuple[str, str, int]:
        loc.extend(lists(version, entries, LOW))
        return "location", "sec_offset", len(loc) - len(lists(version, entries, LOW))

    def ranged(entries: list[tuple[int, int]]) -> tuple[str, str, int]:
        raw = lists(version, [(low, high, None) for low, high in entries], LOW)
        rng.extend(raw)
        return "ranges", "sec_offset", len(rng) - len(raw)

    helper = go.unit.add("subprogram", ("name", "string", "main.helper"), ("inline", "data1", 1))
    size = helper.add("formal_parameter", ("name", "string", "size"), ("type", "ref_addr", integer))
    deep = go.unit.add("subprogram", ("name", "string", "main.deep"), ("inline", "data1", 1))
    d = deep.add("variable", ("name", "string", "d"), ("type", "ref_addr", integer))
    f = go.function("main.f", LOW, HIGH)
    f.attributes.append(("frame_base", "block1", CFA))
    f.add(
        "formal_parameter", ("name", "string", "p"), ("type", "ref_addr", text), ("location", "exprloc", CFA)
    )
    f.add(
        "variable",
        ("name", "string", "&x"),
        ("type", "ref_addr", pointer),
        located([(0x10, 0x90, fbreg(-16))]),
    )
    f.add(
        "variable",
        ("name", "string", "s"),
        ("type", "ref_addr", text),
        located([
            (0, 0x20, piece(8, b"\x50") + piece(8, fbreg(-24))),
            (0x20, 0x40, piece(8, fbreg(-40)) + piece(8, fbreg(-24))),
            (0x40, 0x60, piece(8) + piece(8, b"\x53")),
        ]),
    )  # fmt: skip
    f.add(
        "variable", ("name", "string", "static"), ("type", "ref_addr", integer),
        ("location", "exprloc", at_address(0x600000)),
    )  # fmt: skip
    f.add("formal_parameter", ("name", "string", "h"), ("type", "ref_addr", text),
          ("location", "exprloc", fbreg(-64) + b"\x06"))  # fmt: skip
    block = f.add("lexical_block", ranged([(0x20, 0x30), (0x50, 0x60)]))
    block.add(
        "variable", ("name", "string", "b"), ("type", "ref_addr", integer),
        ("location", "exprloc", CFA + b"\x11" + sleb(-72) + b"\x22"),
    )  # fmt: skip
    call = f.add("inlined_subroutine", ("abstract_origin", "ref_addr", helper), ranged([(0x20, 0x40)]))
    call.add("formal_parameter", ("abstract_origin", "ref_addr", size), located([(0x20, 0x40, fbreg(-80))]))
    inner = call.add("inlined_subroutine", ("abstract_origin", "ref_addr", deep), ranged([(0x28, 0x30)]))
    inner.add("variable", ("abstract_origin", "ref_addr", d), ("location", "exprloc", fbreg(-88)))
    f.add(
        "variable",
        ("name", "string", "last"),
        ("type", "ref_addr", integer),
        ("location", "exprloc", fbreg(-96)),
    )
    # the out-of-line instance of the inlined function
    low, high = ("addrx", "udata") if version >= 5 else ("addr", "udata")
    g = go.unit.add(
        "subprogram", ("abstract_origin", "ref_addr", helper), ("low_pc", low, HIGH), ("high_pc", high, 0x10),
        ("frame_base", "block1", CFA),
    )  # fmt: skip
    g.add("formal_parameter", ("abstract_origin", "ref_addr", size), ("location", "exprloc", CFA))
    sections = dwarf.sections()
    names = ("loclists", "rnglists") if version >= 5 else ("loc", "ranges")
    return {**sections, names[0]: bytes(loc), names[1]: bytes(rng)}, go


def read(sections: dict[str, bytes], how: str = "plain") -> Locals:
    return Locals(opened(executable(sections, how)))


def shown(local: Locals, pc: int) -> dict[str, tuple[str, str, tuple[tuple[int, int, int], ...], str]]:
    """name -> function, type, pieces, flags."""
    return {
        v.name: (
            v.function,
            local.dwarf.types.name[v.type],
            v.pieces,
            "p" * v.parameter + "r" * v.partial + "e" * v.escaped,
        )
        for v in local.at(pc)
    }


@pytest.mark.parametrize(("version", "offset_size"), [(4, 4), (4, 8), (5, 4), (5, 8)])
@pytest.mark.parametrize("how", ["plain", "zlib"])
def test_variables_in_scope_and_where_they_lie(version: int, offset_size: int, how: str) -> None:
    local = read(program(version, offset_size)[0], how)
    always = {
        "p": ("main.f", "string", ((0, 16, 0),), "p"),
        "h": ("main.f", "string", ((-64, 8, 0),), "pe"),
        "last": ("main.f", "int", ((-96, 8, 0),), ""),
    }
    x = {"&x": ("main.f", "*int", ((-16, 8, 0),), "e")}
    b = {"b": ("main.f", "int", ((-72, 8, 0),), "")}
    size = {"size": ("main.helper", "int", ((-80, 8, 0),), "p")}
    d = {"d": ("main.deep", "int", ((-88, 8, 0),), "")}
    both = {"s": ("main.f", "string", ((-40, 8, 0), (-24, 8, 8)), "")}
    half = {"s": ("main.f", "string", ((-24, 8, 8),), "r")}
    none = {"s": ("main.f", "string", (), "r")}
    assert shown(local, LOW) == always | half
    assert shown(local, LOW + 0x1F) == always | x | half
    assert shown(local, LOW + 0x20) == always | x | both | b | size
    assert shown(local, LOW + 0x28) == always | x | both | b | size | d
    assert shown(local, LOW + 0x30) == always | x | both | size
    assert shown(local, LOW + 0x50) == always | x | none | b
    assert shown(local, LOW + 0x90) == shown(local, HIGH - 1) == always
    assert shown(local, HIGH) == {"size": ("main.helper", "int", ((0, 8, 0),), "p")}
    assert local.at(LOW - 1) == local.at(HIGH + 0x10) == local.at(0) == local.at(1 << 63) == []


def test_a_slot_is_named_by_the_innermost_variable_there() -> None:
    local = read(program(5)[0])
    found = local.slot(LOW + 0x20, -20)
    assert found is not None
    assert (found[0].name, found[1]) == ("s", 12)
    assert local.slot(LOW + 0x20, 16) is None
    assert local.slot(0, 0) is None


def test_nothing_is_read_before_it_is_asked_for() -> None:
    local = read({"info": b"\xff" * 8, "abbrev": b"\0"})
    with pytest.raises(GosnapError, match="runs past"):
        local.at(LOW)


def test_rows_are_those_of_the_type_table() -> None:
    sections, go = program(5)
    dwarf = GoDwarf(opened(executable(sections)))
    for v in Locals(dwarf).at(LOW + 0x28):
        assert dwarf.types.name[v.type] in {name_of(die) for die in go.unit.root.children}
        assert v.type > 0


def five(entries: bytes, form: str = "loclistx", ranges: bool = False, **where: int) -> Locals:
    """A function in version 5 with one variable, whose location (or whose block's ranges) is this list."""
    dwarf = Dwarf()
    go = GoUnit(dwarf, 5)
    integer = go.base("int", 8, INT)
    for address in (LOW + 8, LOW + 16):
        dwarf.address(address)
    base = "rnglists_base" if ranges else "loclists_base"
    go.unit.root.attributes.append((base, "sec_offset", 12))
    f = go.function("main.f", LOW, HIGH)
    f.attributes.append(("frame_base", "exprloc", CFA))
    value = where.get("value", 1)
    holder = f.add("lexical_block", ("ranges", form, value)) if ranges else f
    location = ("location", "exprloc", fbreg(-8)) if ranges else ("location", form, value)
    holder.add("variable", ("name", "string", "v"), ("type", "ref_addr", integer), location)
    # a header and two offsets, the second of which is the list's
    table = bytes(12) + struct.pack("<II", 0xFFFF, 8) + entries
    return read({**dwarf.sections(), "rnglists" if ranges else "loclists": table})


def held(local: Locals) -> set[int]:
    return {pc - LOW for pc in range(LOW, LOW + 32) if local.at(pc)}


Q = struct.pack


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("startx_endx", b"\x00\x01"),
        ("startx_length", b"\x00\x08"),
        ("start_end", Q("<QQ", LOW + 8, LOW + 16)),
        ("start_length", Q("<Q", LOW + 8) + b"\x08"),
        ("offset_pair", b"\x08\x10"),
        ("addressx", b"\x00\x08"),
    ],
)
def test_every_kind_of_list_entry(kind: str, body: bytes, ranges: bool) -> None:
    """7.7.3 and 7.25: numbered alike up to offset_pair, then there is a default location."""
    number = {"startx_endx": 2, "startx_length": 3, "offset_pair": 4, "start_end": 7, "start_length": 8}
    where = b"" if ranges else b"\x02" + fbreg(-8)
    if kind == "offset_pair":
        base = bytes([5 if ranges else 6]) + Q("<Q", LOW)
        raw = base + b"\x04" + body
    elif kind == "addressx":
        raw = b"\x01\x00\x04" + body
    else:
        raw = bytes([number[kind] - (ranges and number[kind] > 4)]) + body
    form = "rnglistx" if ranges else "loclistx"
    expected = set(range(8, 16))
    assert held(five(raw + where + b"\0", form, ranges)) == expected
    assert held(five(raw + where + b"\0", "sec_offset", ranges, value=20)) == expected


def test_a_default_location_holds_where_nothing_else_does() -> None:
    raw = b"\x05\x02" + fbreg(-16) + b"\x07" + Q("<QQ", LOW + 8, LOW + 16) + b"\x02" + fbreg(-8) + b"\0"
    local = five(raw)
    assert [v.pieces for v in local.at(LOW + 8)] == [((-8, 8, 0),)]
    assert [v.pieces for v in local.at(LOW + 16)] == [((-16, 8, 0),)]


@pytest.mark.parametrize(
    ("raw", "form", "value", "message"),
    [
        (b"\x00", "loclistx", 0, "past the end"),
        (b"\x00", "loclistx", 1 << 40, "past the end"),
        (b"\x00", "sec_offset", 1 << 31, "past the end"),
        (b"\x07" + bytes(9), "loclistx", 1, "past the end"),
        (b"\x08" + bytes(8) + b"\x80", "loclistx", 1, "past the end"),
        (b"\x07" + bytes(16) + b"\x05", "loclistx", 1, "past the end"),
        (b"\x30", "loclistx", 1, "unknown kind"),
        (b"\x04\x00\x00\x00" * (1 << 22), "loclistx", 1, "more entries and lists"),
    ],
)
def test_damaged_lists_name_the_section(raw: bytes, form: str, value: int, message: str) -> None:
    with pytest.raises(GosnapError, match=f"prog: damaged DWARF: .debug_loclists offset .*{message}"):
        five(raw, form, value=value).at(LOW)


@pytest.mark.parametrize(
    ("expression", "pieces", "partial"),
    [
        (CFA, ((0, 8, 0),), False),
        (CFA + b"\x23\x10", ((16, 8, 0),), False),
        (CFA + b"\x08\x10\x1c", ((-16, 8, 0),), False),
        (CFA + b"\x09\xf0\x22", ((-16, 8, 0),), False),
        (b"\x38" + CFA + b"\x22", ((8, 8, 0),), False),
        (CFA + b"\x31\x32\x22\x22", ((3, 8, 0),), False),
        (b"\x50", (), True),
        (b"\x90\x05", (), True),
        (b"", None, False),
        (b"\x70\x00", None, False),
        (fbreg(-8) + b"\x9f", None, False),
        (b"\x9e\x02ab", None, False),
        (b"\x22", None, False),
        (b"\x93", None, False),
        (b"\x91", None, False),
        (b"\xff" + CFA, None, False),
        (CFA * 40, None, False),
        (b"\x91" + sleb(1 << 62), None, False),
        (piece(1 << 62, CFA), None, False),
        (piece(1 << 60) * 4 + piece(1, CFA), None, False),
        (piece(8, CFA) + piece(0, CFA), ((0, 8, 0),), False),
        (piece(3) + piece(8, CFA) + b"\x50" + piece(2), ((0, 8, 3),), True),
    ],
)
@pytest.mark.parametrize("version", [4, 5])
def test_expressions(
    version: int, expression: bytes, pieces: tuple[tuple[int, int, int], ...] | None, partial: bool
) -> None:
    dwarf = Dwarf()
    go = GoUnit(dwarf, version)
    integer = go.base("int", 8, INT)
    f = go.function("main.f", LOW, HIGH)
    f.attributes.append(("frame_base", "exprloc", CFA))
    f.add(
        "variable",
        ("name", "string", "v"),
        ("type", "ref_addr", integer),
        ("location", "exprloc", expression),
    )
    got = [(v.pieces, v.partial) for v in read(dwarf.sections()).at(LOW)]
    assert got == ([] if pieces is None else [(pieces, partial)])


def test_a_frame_base_that_is_not_the_cfa_says_nothing_of_it() -> None:
    dwarf = Dwarf()
    f = GoUnit(dwarf).function("c", LOW, HIGH)
    f.attributes.append(("frame_base", "exprloc", b"\x56"))
    f.add("variable", ("name", "string", "v"), ("location", "exprloc", piece(8, fbreg(-8))))
    assert read(dwarf.sections()).at(LOW) == []


def test_a_ring_of_origins_ends() -> None:
    dwarf = Dwarf()
    f = GoUnit(dwarf).function("main.f", LOW, HIGH)
    a = f.add("variable", ("location", "exprloc", piece(8, CFA)))
    b = f.add("variable", ("abstract_origin", "ref_addr", a))
    a.attributes.append(("abstract_origin", "ref_addr", b))
    assert [v.name for v in read(dwarf.sections()).at(LOW)] == [""]


def test_what_is_shared_does_not_multiply() -> None:
    """Ten thousand variables with one list of a megabyte."""
    dwarf = Dwarf()
    f = GoUnit(dwarf, 4).function("main.f", LOW, HIGH)
    for _ in range(10_000):
        f.add("variable", ("name", "string", "v"), ("location", "sec_offset", 0))
    entries = struct.pack("<QQH", 1, 1, 0) * 60_000 + bytes(16)
    with pytest.raises(GosnapError, match="more entries and lists"):
        read({**dwarf.sections(), "loc": entries}).at(LOW)


def test_the_kernel_refuses_what_is_no_function() -> None:
    sections, _ = program(5)
    scan = Scan(*(sections[name] for name in ("info", "abbrev", "str", "line_str", "str_offsets", "addr")))
    reader = LocalsReader(scan, *(sections.get(name, b"") for name in LISTS))
    for die in range(len(sections["info"]) + 20):
        try:
            reader.at(die, LOW)
        except ValueError as e:
            assert ".debug_" in str(e)
    with pytest.raises(ValueError, match="no unit"):
        reader.at(1 << 63, LOW)
    with pytest.raises(RuntimeError):
        reader.__init__(scan, b"", b"", b"", b"")  # type: ignore[misc]
    with pytest.raises(ValueError, match="not made"):
        LocalsReader(Scan.__new__(Scan), b"", b"", b"", b"")
    with pytest.raises(ValueError, match="not made"):
        LocalsReader.__new__(LocalsReader).at(0, 0)


GOOD = {version: program(version)[0] for version in (4, 5)}
PCS = (LOW, LOW + 0x28, LOW + 0x50, HIGH)


def everything(sections: dict[str, bytes]) -> None:
    local = read(sections)
    for pc in PCS:
        try:
            for v in local.at(pc):
                assert 0 <= v.type < len(local.dwarf.types)
                assert all(size > 0 for _, size, _ in v.pieces)
        except GosnapError as e:
            assert e.message.startswith("prog: ")


@pytest.mark.parametrize("version", [4, 5])
def test_every_truncation_of_every_section(version: int) -> None:
    for name, raw in GOOD[version].items():
        for n in range(len(raw)):
            everything({**GOOD[version], name: raw[:n]})


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([4, 5]), st.integers(0, 1 << 32))
def test_changed_bytes_never_crash(version: int, seed: int) -> None:
    dice = random.Random(seed)
    sections = dict(GOOD[version])
    name = dice.choice([n for n in sections if sections[n]])
    raw = bytearray(sections[name])
    for _ in range(dice.randint(1, 6)):
        raw[dice.randrange(len(raw))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    everything({**sections, name: bytes(raw)})


def test_the_forms_of_lists_are_those_of_the_specification() -> None:
    """7.5.6, table 7.6."""
    assert (FORM["loclistx"], FORM["rnglistx"], FORM["sec_offset"]) == (0x22, 0x23, 0x17)
