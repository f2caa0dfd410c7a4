"""The DWARF scan against pyelftools and against what the specification says."""

from typing import Any

import dwarforacle
import pytest
from dwarfwriter import (
    INT,
    OP_ADDRX,
    OP_PLUS_UCONST,
    UINT8,
    Die,
    Dwarf,
    GoUnit,
    Index,
    Unit,
    at_address,
    uleb,
)
from elfwriter import ET_DYN, ElfWriter, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap.binary.dwarf import GoDwarf


def executable(sections: dict[str, bytes], how: str = "plain", **options: Any) -> bytes:
    elf = ElfWriter(**options)
    elf.debug(sections, how)
    return elf.build()


def read(dwarf: Dwarf | dict[str, bytes]) -> GoDwarf:
    return GoDwarf(opened(executable(dwarf.sections() if isinstance(dwarf, Dwarf) else dwarf)))


def types_by_name(dwarf: GoDwarf) -> dict[str, dict[str, Any]]:
    """The type table the way that the oracle puts it."""
    t = dwarf.types
    out = {}
    for row in range(1, len(t)):
        fields = range(int(t.field_start[row]), int(t.field_start[row + 1]))
        out[t.name[row]] = {
            "kind": int(t.kind[row]),
            "size": int(t.size[row]),
            "elem": t.name[int(t.elem[row])],
            "key": t.name[int(t.key[row])],
            "length": int(t.length[row]),
            "impl": t.name[int(t.impl[row])],
            "rtype": int(t.rtype[row]),
            "fields": [
                (
                    t.field_name[i],
                    int(t.field_offset[i]),
                    t.name[int(t.field_type[i])],
                    bool(t.field_flags[i]),
                )
                for i in fields
            ],
        }
    return out


def globals_by_name(dwarf: GoDwarf) -> dict[str, tuple[int, str]]:
    g = dwarf.globals
    return {
        name: (int(a), dwarf.types.name[int(t)]) for name, a, t in zip(g.name, g.addr, g.type, strict=True)
    }


def program(version: int, offset_size: int = 4) -> tuple[Dwarf, GoUnit]:
    """One of everything that a Go program has."""
    dwarf = Dwarf()
    go = GoUnit(dwarf, version, offset_size)
    integer, byte = go.base("int", 8, INT, 0x1000), go.base("uint8", 1, UINT8)
    text = go.string(byte, integer, 0x1040)
    hmap = go.struct("hash<string,int>", 48, [("count", 0, integer)])
    hchan = go.struct("hchan<int>", 96, [("qcount", 0, integer), ("dataqsiz", 8, integer)])
    eface = go.struct("runtime.eface", 16, [("_type", 0, integer), ("data", 8, integer)])
    iface = go.struct("runtime.iface", 16, [("tab", 0, integer), ("data", 8, integer)])
    alias = go.unit.add("typedef", ("name", "string", "main.Alias"), ("type", "ref_addr", integer))
    item = go.struct("main.Item", 32, [("Name", 0, text), ("N", 16, alias)], embedded=("N",), rtype=0x1080)
    item.children[0].attributes[-1] = ("go_embedded_field", "flag", 0)
    pointer = go.pointer("*main.Item", item, 0x10C0)
    item.add("member", ("name", "string", "Next"), ("data_member_location", "udata", 24),
             ("type", "ref_addr", pointer), ("go_embedded_field", "flag", 0))  # fmt: skip
    values: list[Die] = [
        go.array(item, 32 * 7, 7, integer, 0x1100),
        go.slice(pointer, integer),
        go.map(text, integer, hmap, 0x1140),
        go.chan(integer, hchan),
        go.func("func(int) error"),
        go.interface("error", iface),
        go.interface("interface {}", eface),
    ]
    for i, value in enumerate(values):
        go.variable(f"main.v{i}", 0x500000 + 0x100 * i, value)
    go.constant("runtime._KindSpecial", -3, integer)
    go.constant("main.Big", 1 << 40, integer)
    go.function("main.main.func1", 0x401000, 0x401080, [("total", 8, pointer), ("name", 16, text)])
    go.function("main.main", 0x401080, 0x4010C0)
    return dwarf, go


@pytest.mark.parametrize(("version", "offset_size"), [(2, 4), (3, 4), (4, 4), (5, 4), (3, 8), (4, 8), (5, 8)])
def test_a_go_program_reads_as_pyelftools_reads_it(version: int, offset_size: int) -> None:
    raw = executable(program(version, offset_size)[0].sections())
    expected = dwarforacle.read(raw)
    dwarf = GoDwarf(opened(raw))
    assert dwarf.dies == expected["dies"]
    assert types_by_name(dwarf) == expected["types"]
    assert globals_by_name(dwarf) == expected["globals"]
    for name, value in expected["constants"].items():
        assert dwarf.constants.get(name) == value
    assert len(dwarf.constants.name) == len(expected["constants"]) == 2
    assert dwarf.constants.get("runtime._NoSuch") is None


@pytest.mark.parametrize("version", [4, 5])
def test_functions_and_what_they_capture(version: int) -> None:
    dwarf = read(program(version)[0])
    c = dwarf.closures
    assert c.pc.tolist() == [0x401000, 0x401080]
    assert c.end.tolist() == [0x401080, 0x4010C0]
    assert list(c.name) == ["main.main.func1", "main.main"]
    assert c.start.tolist() == [0, 2, 2]
    assert c.offset.tolist() == [8, 16]
    assert [dwarf.types.name[int(t)] for t in c.type] == ["*main.Item", "string"]
    assert list(c.capture_name) == ["total", "name"]


def test_functions_out_of_order_keep_their_captures() -> None:
    dwarf = Dwarf()
    go = GoUnit(dwarf)
    integer = go.base("int", 8, INT)
    go.function("c", 0x3000, 0x3010, [("z", 8, integer)])
    go.function("a", 0x1000, 0x1010, [("x", 8, integer), ("y", 16, integer)])
    go.function("b", 0x2000, 0x2010)
    c = read(dwarf).closures
    assert list(c.name) == ["a", "b", "c"]
    assert c.start.tolist() == [0, 2, 2, 3]
    assert list(c.capture_name) == ["x", "y", "z"]


def test_interfaces_tell_whether_they_have_methods() -> None:
    t = read(program(4)[0]).types
    assert {name: int(t.iface[row]) for name in ("error", "interface {}") for row in t.name.find(name)} == {
        "error": 2,
        "interface {}": 1,
    }


def test_unsafe_pointer_is_the_pointer_without_kind() -> None:
    dwarf = Dwarf()
    GoUnit(dwarf).pointer("unsafe.Pointer", None, 0x2000)
    t = read(dwarf).types
    assert (int(t.kind[1]), int(t.size[1]), int(t.elem[1]), int(t.rtype[1])) == (26, 8, 0, 0x2000)


def test_position_independent_addresses_are_link_time_ones() -> None:
    raw = executable(program(5)[0].sections(), type=ET_DYN)
    elf = opened(raw)
    assert elf.is_pie
    assert globals_by_name(GoDwarf(elf)) == dwarforacle.read(raw)["globals"]


@pytest.mark.parametrize("how", ["plain", "zlib", "zstd", "zdebug"])
def test_packed_sections_read_as_plain_ones(how: str) -> None:
    sections = program(5)[0].sections()
    dwarf = GoDwarf(opened(executable(sections, how)))
    assert types_by_name(dwarf) == dwarforacle.read(executable(sections))["types"]


# ---- forms, one by one, after the specification ----


def one_unit(version: int = 5, offset_size: int = 4) -> tuple[Dwarf, Unit]:
    dwarf = Dwarf()
    return dwarf, dwarf.unit(version, offset_size)


@pytest.mark.parametrize("form", ["string", "strp", "line_strp", "strx", "strx1", "strx2", "strx3", "strx4"])
@pytest.mark.parametrize("offset_size", [4, 8])
def test_every_form_of_a_name(form: str, offset_size: int) -> None:
    dwarf, unit = one_unit(5, offset_size)
    for name in ("one", "zwei", "été"):
        unit.add("base_type", ("name", form, name), ("byte_size", "data1", 8))
    assert list(read(dwarf).types.name) == ["", "one", "zwei", "été"]


@pytest.mark.parametrize("form", ["data1", "data2", "data4", "data8", "udata", "sdata", "implicit_const"])
def test_every_form_of_a_size(form: str) -> None:
    dwarf, unit = one_unit()
    unit.add("base_type", ("name", "string", "a"), ("byte_size", form, 100))
    assert int(read(dwarf).types.size[1]) == 100


@pytest.mark.parametrize("form", ["ref1", "ref2", "ref4", "ref8", "ref_udata", "ref_addr"])
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_every_form_of_a_reference(form: str, version: int) -> None:
    dwarf = Dwarf()
    dwarf.unit(version)  # so that offsets in the unit and in the section differ
    unit = dwarf.unit(version)
    base = unit.add("base_type", ("name", "string", "a"), ("byte_size", "data1", 4))
    unit.add("pointer_type", ("name", "string", "p"), ("type", form, base))
    t = read(dwarf).types
    assert t.name[int(t.elem[2])] == "a"


def test_a_reference_into_another_unit() -> None:
    dwarf = Dwarf()
    first, second = dwarf.unit(4), dwarf.unit(5)
    base = second.add("base_type", ("name", "string", "a"))
    first.add("pointer_type", ("name", "string", "p"), ("type", "ref_addr", base))
    t = read(dwarf).types
    assert t.name[int(t.elem[1])] == "a"


@pytest.mark.parametrize("form", ["addr", "addrx", "addrx1", "addrx2", "addrx3", "addrx4"])
@pytest.mark.parametrize("offset_size", [4, 8])
def test_every_form_of_an_address(form: str, offset_size: int) -> None:
    dwarf, unit = one_unit(5, offset_size)
    for at in (0x401000, 0x7FFF12345678):
        unit.add("subprogram", ("name", "string", "f"), ("low_pc", form, at), ("high_pc", "data4", 0x10))
    assert read(dwarf).closures.pc.tolist() == [0x401000, 0x7FFF12345678]


@pytest.mark.parametrize("form", ["exprloc", "block", "block1", "block2", "block4"])
def test_every_form_of_a_location(form: str) -> None:
    dwarf, unit = one_unit()
    index = dwarf.address(0x600010)
    unit.add("variable", ("name", "string", "a"), ("location", form, at_address(0x600000)))
    unit.add("variable", ("name", "string", "b"), ("location", form, bytes([OP_ADDRX]) + uleb(index)))
    # a register, an address with an offset behind it, and an index beyond the table are no fixed address
    unit.add("variable", ("name", "string", "c"), ("location", form, b"\x91\x10"))
    unit.add(
        "variable", ("name", "string", "d"), ("location", form, at_address(8) + bytes([OP_PLUS_UCONST, 8]))
    )
    unit.add("variable", ("name", "string", "e"), ("location", form, bytes([OP_ADDRX]) + uleb(1 << 40)))
    assert globals_by_name(read(dwarf)) == {"a": (0x600000, ""), "b": (0x600010, "")}


def test_offsets_of_members_in_old_and_new_forms() -> None:
    dwarf, unit = one_unit(2)
    s = unit.add("structure_type", ("name", "string", "s"), ("byte_size", "data1", 64))
    s.add(
        "member",
        ("name", "string", "a"),
        ("data_member_location", "block1", bytes([OP_PLUS_UCONST, 0x90, 1])),
    )
    s.add("member", ("name", "string", "b"), ("data_member_location", "udata", 40))
    s.add("member", ("name", "string", "c"), ("data_bit_offset", "udata", 131))
    s.add("member", ("name", "string", "d"))  # a union's or the first member: offset 0
    assert read(dwarf).types.field_offset.tolist() == [144, 40, 16, 0]


@pytest.mark.parametrize(
    ("bounds", "length"),
    [([("count", 5)], 5), ([("upper_bound", 4)], 5), ([("count", 3), ("upper_bound", 3)], 12), ([], 0)],
)
def test_lengths_of_arrays(bounds: list[tuple[str, int]], length: int) -> None:
    dwarf, unit = one_unit(4)
    base = unit.add("base_type", ("name", "string", "e"), ("byte_size", "data1", 8))
    array = unit.add("array_type", ("name", "string", "a"), ("type", "ref4", base))
    array.parent = True
    for name, value in bounds:
        array.add("subrange_type", (name, "udata", value))
    t = read(dwarf).types
    assert (int(t.length[2]), int(t.size[2])) == (length, length * 8)


def test_typedefs_and_qualifiers_are_looked_through() -> None:
    dwarf, unit = one_unit(4)
    struct = unit.add("structure_type", ("byte_size", "data1", 8))
    name = unit.add("typedef", ("name", "string", "c_name"), ("type", "ref4", struct))
    const = unit.add("const_type", ("type", "ref4", name))
    volatile = unit.add("volatile_type", ("type", "ref4", const))
    unit.add(
        "variable",
        ("name", "string", "g"),
        ("type", "ref4", volatile),
        ("location", "exprloc", at_address(64)),
    )
    got = read(dwarf)
    assert globals_by_name(got) == {"g": (64, "c_name")}
    assert len(got.types) == 2


def test_a_ring_of_typedefs_is_no_type() -> None:
    dwarf, unit = one_unit(4)
    a = unit.add("typedef", ("name", "string", "a"))
    b = unit.add("typedef", ("name", "string", "b"), ("type", "ref4", a))
    a.attributes.append(("type", "ref4", b))
    unit.add(
        "variable", ("name", "string", "g"), ("type", "ref4", b), ("location", "exprloc", at_address(64))
    )
    assert globals_by_name(read(dwarf)) == {"g": (64, "")}


def test_indirect_forms() -> None:
    dwarf, unit = one_unit()
    unit.add("base_type", ("name", "indirect", ("strp", "a")), ("byte_size", "indirect", ("udata", 300)))
    t = read(dwarf).types
    assert (t.name[1], int(t.size[1])) == ("a", 300)


def test_units_of_other_kinds_and_sizes() -> None:
    dwarf = Dwarf()
    for kind in (1, 2, 3, 4, 5, 6):
        dwarf.unit(5, 4, unit_type=kind).add("base_type", ("name", "string", f"t{kind}"))
    small = dwarf.unit(4)
    small.address_size = 4  # not amd64's: left out
    small.add("base_type", ("name", "string", "no"))
    dwarf.unit(4).add("base_type", ("name", "string", "last"))
    assert list(read(dwarf).types.name) == ["", "t1", "t2", "t3", "t4", "t5", "t6", "last"]


def test_the_bases_default_to_the_first_table() -> None:
    """DWARF 5 as some producers write it: no DW_AT_addr_base, no DW_AT_str_offsets_base."""
    dwarf = Dwarf()
    unit = dwarf.unit(5, bases=False)
    unit.add("base_type", ("name", "strx1", "a"))
    unit.add("subprogram", ("name", "string", "f"), ("low_pc", "addrx", 0x1234), ("high_pc", "data1", 4))
    got = read(dwarf)
    assert got.types.name[1] == "a"
    assert got.closures.pc.tolist() == [0x1234]


def test_names_and_addresses_outside_their_tables_are_none() -> None:
    dwarf, unit = one_unit()
    unit.add("base_type", ("name", "strp", 1 << 30))
    unit.add("base_type", ("name", "strx", Index(1 << 50)))
    unit.add(
        "subprogram", ("name", "string", "f"), ("low_pc", "addrx", Index(1 << 50)), ("high_pc", "data1", 4)
    )
    unit.add("pointer_type", ("name", "string", "p"), ("type", "ref4", 0x7FFFFFFF))
    got = read(dwarf)
    assert list(got.types.name) == ["", "", "", "p"]
    assert len(got.closures.pc) == 0
    assert int(got.types.elem[3]) == 0


# ---- any set of types, against the oracle ----


@st.composite
def any_program(draw: st.DrawFn) -> bytes:
    """An executable with up to thirty types that refer to each other, in one to three units."""
    version = draw(st.sampled_from([2, 3, 4, 5]))
    wide = draw(st.sampled_from([4, 8])) if version > 2 else 4
    dwarf = Dwarf()
    units = [GoUnit(dwarf, version, wide) for _ in range(draw(st.integers(1, 3)))]
    integer = units[0].base("int", 8, INT)
    eface = units[0].struct("runtime.eface", 16, [])
    known = [integer, eface]

    def some() -> Die:
        return draw(st.sampled_from(known))

    for i in range(draw(st.integers(0, 30))):
        go = draw(st.sampled_from(units))
        rtype = draw(st.integers(0, 1 << 20))
        match draw(st.integers(0, 10)):
            case 0:
                die = go.base("b", draw(st.integers(0, 16)), draw(st.integers(1, 16)), rtype)
            case 1:
                die = go.pointer("p", some(), rtype)
            case 2:
                die = go.array(some(), draw(st.integers(0, 1 << 40)), draw(st.integers(0, 1 << 30)), integer)
            case 3:
                fields = [
                    (f"f{n}", draw(st.integers(0, 1 << 32)), some()) for n in range(draw(st.integers(0, 5)))
                ]
                die = go.struct("s", draw(st.integers(0, 1 << 32)), fields, rtype=rtype, embedded=("f1",))
            case 4:
                die = go.slice(some(), integer, rtype)
            case 5:
                die = go.string(some(), integer, rtype)
            case 6:
                die = go.map(some(), some(), some(), rtype)
            case 7:
                die = go.chan(some(), some(), rtype)
            case 8:
                die = go.interface("i", eface, rtype)
            case 9:
                die = go.unit.add("typedef", ("name", "string", "t"), ("type", "ref_addr", some()))
            case _:
                die = go.unit.add("const_type", ("type", "ref_addr", some()))
        known.append(die)
        if draw(st.booleans()):
            go.variable(f"v{i}", draw(st.integers(0, (1 << 64) - 1)), some())
            go.constant(f"c{i}", draw(st.integers(-(1 << 63), (1 << 63) - 1)), integer)
    text = draw(st.sampled_from(["string", "strp", *(["strx2", "line_strp"] if version == 5 else [])]))
    for u in units:
        for n, die in enumerate(u.unit.root.children):
            for k, (name, form, value) in enumerate(die.attributes):
                if name == "name":
                    keep = die is eface or die.tag in ("variable", "constant")
                    die.attributes[k] = (
                        name,
                        text,
                        value if keep else f"{u.unit.dwarf.units.index(u.unit)}.{n}",
                    )
                elif form == "ref_addr" and value.unit is u.unit and draw(st.booleans()):
                    die.attributes[k] = (name, draw(st.sampled_from(["ref4", "ref8", "ref_udata"])), value)
    return executable(dwarf.sections())


@settings(max_examples=150, deadline=None)
@given(any_program())
def test_any_types_read_as_pyelftools_reads_them(raw: bytes) -> None:
    expected = dwarforacle.read(raw)
    dwarf = GoDwarf(opened(raw))
    assert dwarf.dies == expected["dies"]
    assert types_by_name(dwarf) == expected["types"]
    assert globals_by_name(dwarf) == expected["globals"]
    assert {n: dwarf.constants.get(n) for n in expected["constants"]} == expected["constants"]
