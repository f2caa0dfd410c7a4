"""DWARF 2 to 5 made by hand: entries in, sections out.

After the DWARF specifications (version 5: chapter 7) and, for Go's own attributes and the shape of its types,
cmd/internal/dwarf/dwarf.go and cmd/link/internal/ld/dwarf.go.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

TAG = {
    "array_type": 0x01, "formal_parameter": 0x05, "lexical_block": 0x0B, "member": 0x0D,
    "pointer_type": 0x0F, "compile_unit": 0x11, "structure_type": 0x13, "subroutine_type": 0x15,
    "typedef": 0x16, "union_type": 0x17, "inlined_subroutine": 0x1D, "subrange_type": 0x21,
    "base_type": 0x24, "const_type": 0x26, "constant": 0x27, "subprogram": 0x2E, "variable": 0x34,
    "volatile_type": 0x35, "unspecified_type": 0x3B, "type_unit": 0x41,
}  # fmt: skip
AT = {
    "location": 0x02, "name": 0x03, "byte_size": 0x0B, "low_pc": 0x11, "high_pc": 0x12, "language": 0x13,
    "const_value": 0x1C, "upper_bound": 0x2F, "producer": 0x25, "abstract_origin": 0x31, "count": 0x37,
    "data_member_location": 0x38, "encoding": 0x3E, "external": 0x3F, "type": 0x49, "ranges": 0x55,
    "inline": 0x20, "frame_base": 0x40, "rnglists_base": 0x74, "loclists_base": 0x8C,
    "data_bit_offset": 0x6B, "str_offsets_base": 0x72, "addr_base": 0x73, "go_kind": 0x2900,
    "go_key": 0x2901, "go_elem": 0x2902, "go_embedded_field": 0x2903, "go_runtime_type": 0x2904,
    "go_closure_offset": 0x2907,
}  # fmt: skip
FORM = {
    "addr": 0x01, "block2": 0x03, "block4": 0x04, "data2": 0x05, "data4": 0x06, "data8": 0x07,
    "string": 0x08, "block": 0x09, "block1": 0x0A, "data1": 0x0B, "flag": 0x0C, "sdata": 0x0D, "strp": 0x0E,
    "udata": 0x0F, "ref_addr": 0x10, "ref1": 0x11, "ref2": 0x12, "ref4": 0x13, "ref8": 0x14,
    "ref_udata": 0x15, "indirect": 0x16, "sec_offset": 0x17, "exprloc": 0x18, "flag_present": 0x19,
    "strx": 0x1A, "addrx": 0x1B, "loclistx": 0x22, "rnglistx": 0x23,
    "data16": 0x1E, "line_strp": 0x1F, "ref_sig8": 0x20,
    "implicit_const": 0x21, "strx1": 0x25, "strx2": 0x26, "strx3": 0x27, "strx4": 0x28, "addrx1": 0x29,
    "addrx2": 0x2A, "addrx3": 0x2B, "addrx4": 0x2C,
}  # fmt: skip
_FIXED = {
    "addr": 8, "data1": 1, "data2": 2, "data4": 4, "data8": 8, "data16": 16, "flag": 1, "ref_sig8": 8,
    "strx1": 1, "strx2": 2, "strx3": 3, "strx4": 4, "addrx1": 1, "addrx2": 2, "addrx3": 3, "addrx4": 4,
}  # fmt: skip
_BLOCK_LENGTH = {"block1": 1, "block2": 2, "block4": 4}
_REFS = {"ref1": 1, "ref2": 2, "ref4": 4, "ref8": 8, "ref_udata": 5}
OP_ADDR, OP_PLUS_UCONST, OP_ADDRX = 0x03, 0x23, 0xA1


def uleb(n: int, width: int = 0) -> bytes:
    """Unsigned LEB128, padded to ``width`` bytes, which is valid too."""
    out = bytearray()
    while n >= 0x80 or len(out) + 1 < width:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def sleb(n: int) -> bytes:
    """Signed LEB128."""
    out = bytearray()
    while True:
        low, n = n & 0x7F, n >> 7
        if (n == 0 and not low & 0x40) or (n == -1 and low & 0x40):
            return bytes([*out, low])
        out.append(low | 0x80)


def at_address(address: int) -> bytes:
    """The expression DW_OP_addr."""
    return bytes([OP_ADDR]) + struct.pack("<Q", address)


Attribute = tuple[str, str, Any]


class Index(int):
    """A bare index for addrx or strx, where the value itself would be put into the table."""


@dataclass
class Die:
    """One entry. Attributes are (name, form, value); the value of a reference is another entry."""

    unit: "Unit"
    tag: str
    attributes: list[Attribute]
    children: list["Die"] = field(default_factory=list)
    parent: bool = False  # a list of children follows, be it empty
    offset: int = -1

    def add(self, tag: str, *attributes: Attribute) -> "Die":
        child = Die(self.unit, tag, list(attributes))
        self.children.append(child)
        return child


class Unit:
    """A compilation unit. Version 5 tells its bases to the first entry, so that strx and addrx work."""

    def __init__(self, dwarf: "Dwarf", version: int, offset_size: int, unit_type: int) -> None:
        self.dwarf, self.version, self.offset_size, self.unit_type = dwarf, version, offset_size, unit_type
        self.root = Die(self, "compile_unit", [])
        self.start = -1
        self.address_size = 8

    def add(self, tag: str, *attributes: Attribute) -> Die:
        return self.root.add(tag, *attributes)


class Dwarf:
    """Units in, sections out. All share one .debug_addr and .debug_str_offsets, as wide as the first unit."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.tables: dict[str, bytearray] = {"str": bytearray(b"\0"), "line_str": bytearray(b"\0")}
        self.addresses: list[int] = []
        self.strings: list[int] = []

    def unit(self, version: int = 5, offset_size: int = 4, unit_type: int = 1, bases: bool = True) -> Unit:
        u = Unit(self, version, offset_size, unit_type)
        if version >= 5 and bases:
            header = 8 if offset_size == 4 else 16
            u.root.attributes += [
                ("str_offsets_base", "sec_offset", header),
                ("addr_base", "sec_offset", header),
            ]
        u.root.attributes += [("name", "string", f"unit{len(self.units)}"), ("language", "data1", 0x16)]
        self.units.append(u)
        return u

    def address(self, value: int) -> int:
        """The index of an address in .debug_addr."""
        self.addresses.append(value)
        return len(self.addresses) - 1

    def _text(self, table: str, value: str) -> int:
        raw = value.encode() + b"\0"
        at = self.tables[table].find(raw)
        if at < 0:
            at = len(self.tables[table])
            self.tables[table] += raw
        return at

    def _encode(self, u: Unit, form: str, value: Any, fixups: list[tuple[int, str, Die]], at: int) -> bytes:
        if form in ("implicit_const", "flag_present"):
            return b""
        if form == "indirect":
            inner, value = value
            lead = uleb(FORM[inner])
            return lead + self._encode(u, inner, value, fixups, at + len(lead))
        if form in _REFS or form == "ref_addr":
            wide = _REFS.get(form) or (8 if u.version == 2 else u.offset_size)
            if isinstance(value, Die):
                fixups.append((at, form, value))
                return bytes(wide)
            return uleb(value, 5) if form == "ref_udata" else int(value).to_bytes(wide, "little")
        if form in ("strp", "line_strp"):
            if isinstance(value, str):
                value = self._text("str" if form == "strp" else "line_str", value)
            return int(value).to_bytes(u.offset_size, "little")
        if form.startswith("strx") and isinstance(value, str):
            self.strings.append(self._text("str", value))
            value = len(self.strings) - 1
        if form.startswith("addrx") and not isinstance(value, Index):
            value = self.address(value)
        if form == "string":
            return value.encode() + b"\0" if isinstance(value, str) else value + b"\0"
        if form in ("udata", "strx", "addrx", "loclistx", "rnglistx"):
            return uleb(value)
        if form == "sdata":
            return sleb(value)
        if form == "sec_offset":
            return int(value).to_bytes(u.offset_size, "little")
        if form in _BLOCK_LENGTH:
            return len(value).to_bytes(_BLOCK_LENGTH[form], "little") + value
        if form in ("block", "exprloc"):
            return uleb(len(value)) + value
        return (int(value) & (1 << 8 * _FIXED[form]) - 1).to_bytes(_FIXED[form], "little")

    def _entry(
        self, u: Unit, die: Die, info: bytearray, codes: dict[bytes, int], fixups: list[tuple[int, str, Die]]
    ) -> None:
        shape = uleb(TAG[die.tag]) + bytes([bool(die.children or die.parent)])
        for name, form, value in die.attributes:
            shape += uleb(AT[name]) + uleb(FORM[form])
            if form == "implicit_const":
                shape += sleb(value)
        code = codes.setdefault(shape + b"\0\0", len(codes) + 1)
        die.offset = len(info)
        info += uleb(code)
        for _, form, value in die.attributes:
            info += self._encode(u, form, value, fixups, len(info))
        for child in die.children:
            self._entry(u, child, info, codes, fixups)
        if die.children or die.parent:
            info.append(0)

    def sections(self) -> dict[str, bytes]:
        """The contents by name without ".debug_": info, abbrev, str, line_str, str_offsets, addr."""
        info = bytearray()
        abbrev = bytearray()
        fixups: list[tuple[int, str, Die]] = []
        for u in self.units:
            u.start = len(info)
            size_at = u.start + (4 if u.offset_size == 8 else 0)
            info += b"\xff" * (size_at - u.start) + bytes(u.offset_size) + struct.pack("<H", u.version)
            where = len(abbrev).to_bytes(u.offset_size, "little")
            if u.version >= 5:
                info += bytes([u.unit_type, u.address_size]) + where
                if u.unit_type in (2, 6):
                    info += bytes(8 + u.offset_size)  # the signature, and where its type is
                elif u.unit_type in (4, 5):
                    info += bytes(8)  # the dwo id
            else:
                info += where + bytes([u.address_size])
            codes: dict[bytes, int] = {}
            self._entry(u, u.root, info, codes, fixups)
            length = len(info) - size_at - u.offset_size
            info[size_at : size_at + u.offset_size] = length.to_bytes(u.offset_size, "little")
            abbrev += b"".join(uleb(code) + shape for shape, code in codes.items()) + b"\0"
        for at, form, die in fixups:
            value = die.offset - (0 if form == "ref_addr" else die.unit.start)
            owner = next(u for u in reversed(self.units) if u.start <= at)
            wide = _REFS.get(form) or (8 if owner.version == 2 else owner.offset_size)
            raw = uleb(value, 5) if form == "ref_udata" else value.to_bytes(wide, "little")
            info[at : at + wide] = raw
        wide = self.units[0].offset_size if self.units else 4
        return {
            "info": bytes(info),
            "abbrev": bytes(abbrev),
            "str": bytes(self.tables["str"]),
            "line_str": bytes(self.tables["line_str"]),
            "str_offsets": self._table(wide, b"".join(s.to_bytes(wide, "little") for s in self.strings)),
            "addr": self._table(wide, struct.pack(f"<{len(self.addresses)}Q", *self.addresses), b"\x08\0"),
        }

    @staticmethod
    def _table(wide: int, body: bytes, extra: bytes = b"\0\0") -> bytes:
        """A table of DWARF 5: length, version 5, two bytes, the items (7.26, 7.27)."""
        if not body:
            return b""
        rest = struct.pack("<H", 5) + extra + body
        return (b"\xff\xff\xff\xff" if wide == 8 else b"") + len(rest).to_bytes(wide, "little") + rest


BOOL, INT, INT64, UINT8, UINTPTR, FLOAT64 = 1, 2, 6, 8, 12, 14
ARRAY, CHAN, FUNC, INTERFACE, MAP, POINTER, SLICE, STRING, STRUCT, UNSAFE_POINTER = range(17, 27)
"""reflect.Kind (reflect/type.go)."""


class GoUnit:
    """A unit with types as Go's linker writes them (abbreviations of go1.26, cmd/internal/dwarf/dwarf.go)."""

    def __init__(self, dwarf: Dwarf, version: int = 4, offset_size: int = 4) -> None:
        self.unit = dwarf.unit(version, offset_size)

    def _type(self, tag: str, name: str, kind: int, rtype: int, *rest: Attribute) -> Die:
        go = [("go_kind", "data1", kind), ("go_runtime_type", "addr", rtype)]
        return self.unit.add(tag, ("name", "string", name), *rest, *go)

    def base(self, name: str, size: int, kind: int, rtype: int = 0) -> Die:
        return self._type(
            "base_type", name, kind, rtype, ("encoding", "data1", 7), ("byte_size", "data1", size)
        )

    def pointer(self, name: str, to: Die | None, rtype: int = 0) -> Die:
        if to is None:  # unsafe.Pointer: BARE_PTRTYPE, without a kind
            return self.unit.add("pointer_type", ("name", "string", name), ("go_runtime_type", "addr", rtype))
        return self._type("pointer_type", name, POINTER, rtype, ("type", "ref_addr", to))

    def struct(
        self,
        name: str,
        size: int,
        fields: list[tuple[str, int, Die]],
        *,
        rtype: int = 0,
        kind: int = STRUCT,
        elem: Die | None = None,
        embedded: tuple[str, ...] = (),
    ) -> Die:
        die = self._type("structure_type", name, kind, rtype, ("byte_size", "udata", size))
        if elem is not None:
            die.attributes.append(("go_elem", "ref_addr", elem))
        die.parent = True
        for member, offset, type_ in fields:
            die.add(
                "member",
                ("name", "string", member),
                ("data_member_location", "udata", offset),
                ("type", "ref_addr", type_),
                ("go_embedded_field", "flag", member in embedded),
            )
        return die

    def array(self, elem: Die, size: int, count: int, index: Die, rtype: int = 0) -> Die:
        die = self._type(
            "array_type",
            f"[{count}]{name_of(elem)}",
            ARRAY,
            rtype,
            ("type", "ref_addr", elem),
            ("byte_size", "udata", size),
        )
        die.add("subrange_type", ("type", "ref_addr", index), ("count", "udata", count))
        return die

    def slice(self, elem: Die, integer: Die, rtype: int = 0) -> Die:
        name = name_of(elem)
        data = self.pointer("*" + name, elem)
        fields = [("array", 0, data), ("len", 8, integer), ("cap", 16, integer)]
        return self.struct("[]" + name, 24, fields, rtype=rtype, kind=SLICE, elem=elem)

    def string(self, byte: Die, integer: Die, rtype: int = 0) -> Die:
        data = self.pointer("*" + name_of(byte), byte)
        return self.struct("string", 16, [("str", 0, data), ("len", 8, integer)], rtype=rtype, kind=STRING)

    def map(self, key: Die, elem: Die, impl: Die, rtype: int = 0) -> Die:
        """``impl``: the structure behind it; the typedef refers to a pointer to it (synthesizemaptypes)."""
        link = self._link(impl)
        name = f"map[{name_of(key)}]{name_of(elem)}"
        die = self._type("typedef", name, MAP, rtype, ("type", "ref_addr", link))
        die.attributes += [("go_key", "ref_addr", key), ("go_elem", "ref_addr", elem)]
        return die

    def chan(self, elem: Die, impl: Die, rtype: int = 0) -> Die:
        link = self._link(impl)
        die = self._type("typedef", f"chan {name_of(elem)}", CHAN, rtype, ("type", "ref_addr", link))
        die.attributes.append(("go_elem", "ref_addr", elem))
        return die

    def _link(self, impl: Die) -> Die:
        return self.unit.add(
            "pointer_type", ("name", "string", "*" + name_of(impl)), ("type", "ref_addr", impl)
        )

    def interface(self, name: str, impl: Die, rtype: int = 0) -> Die:
        """``impl``: runtime.eface or runtime.iface, by way of a typedef as dwarfgen makes it."""
        die = self._type("typedef", name, INTERFACE, rtype, ("type", "ref_addr", impl))
        die.parent = True
        return die

    def func(self, name: str, rtype: int = 0) -> Die:
        die = self._type("subroutine_type", name, FUNC, rtype, ("byte_size", "udata", 8))
        die.parent = True
        return die

    def variable(self, name: str, address: int, type_: Die) -> Die:
        where = ("location", "block1", at_address(address))
        return self.unit.add(
            "variable", ("name", "string", name), where, ("type", "ref_addr", type_), ("external", "flag", 1)
        )

    def constant(self, name: str, value: int, type_: Die) -> Die:
        return self.unit.add(
            "constant", ("name", "string", name), ("type", "ref_addr", type_), ("const_value", "sdata", value)
        )

    def function(
        self, name: str, low: int, high: int, captures: list[tuple[str, int, Die]] | None = None
    ) -> Die:
        """Version 5 has its addresses in .debug_addr and a length, version 4 has two addresses."""
        five = self.unit.version >= 5
        die = self.unit.add(
            "subprogram",
            ("name", "string", name),
            ("low_pc", "addrx", low) if five else ("low_pc", "addr", low),
            ("high_pc", "udata", high - low) if five else ("high_pc", "addr", high),
        )
        die.parent = True
        for variable, offset, type_ in captures or []:
            die.add(
                "variable",
                ("name", "string", variable),
                ("type", "ref_addr", type_),
                ("go_closure_offset", "udata", offset),
                ("location", "exprloc", b"\x91\x00"),
            )
        return die


def name_of(die: Die) -> str:
    """The name that was given to an entry."""
    return next((str(value) for name, _, value in die.attributes if name == "name"), "")
