"""What pyelftools reads in an executable's DWARF, put the way that gosnap.binary.types documents its columns.

Types go by name, so that neither side's numbering matters; every type of a program that is compared has its
own.
"""

import io
from typing import Any

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

TYPE_TAGS = {
    f"DW_TAG_{name}_type"
    for name in ("base", "pointer", "structure", "union", "array", "subroutine", "unspecified", "enumeration")
}
ALIAS_TAGS = {"DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type", "DW_TAG_atomic_type"}
GO = {
    "kind": 0x2900, "key": 0x2901, "elem": 0x2902, "embedded": 0x2903, "rtype": 0x2904, "closure": 0x2907
}  # fmt: skip


def _get(die: DIE, name: str | int) -> Any:
    attribute = die.attributes.get(name)
    return None if attribute is None else attribute.value


def _go(die: DIE, name: str) -> Any:
    for key, attribute in die.attributes.items():
        if key == GO[name] or (isinstance(key, str) and f"0x{GO[name]:x}" in key.lower()):
            return attribute.value
    return None


def _target(die: DIE, name: str) -> DIE | None:
    """The entry that an attribute refers to, a Go one too."""
    attribute = die.attributes.get(name)
    if attribute is None and name in GO:
        attribute = next((a for k, a in die.attributes.items() if k == GO[name]), None)
    if attribute is None:
        return None
    at = attribute.value
    if attribute.form != "DW_FORM_ref_addr":
        at += die.cu.cu_offset
    return die.dwarfinfo.get_DIE_from_refaddr(at)


def _name(die: DIE) -> str:
    value = _get(die, "DW_AT_name")
    return value.decode("utf-8", "replace") if value is not None else ""


def _is_alias(die: DIE) -> bool:
    return die.tag in ALIAS_TAGS or (die.tag == "DW_TAG_typedef" and _go(die, "kind") is None)


def _resolved(die: DIE | None) -> str:
    """The name of the type behind typedefs and qualifiers; "" for none."""
    while die is not None and _is_alias(die):
        die = _target(die, "DW_AT_type")
    return "" if die is None else _name(die)


def _pointee(die: DIE) -> str:
    inner = _target(die, "DW_AT_type")
    return _resolved(_target(inner, "DW_AT_type")) if inner is not None else ""


def _type(die: DIE) -> dict[str, Any]:
    kind = _go(die, "kind") or 0
    rtype = _go(die, "rtype")
    out: dict[str, Any] = {
        "kind": kind,
        "size": _get(die, "DW_AT_byte_size"),
        "elem": "",
        "key": "",
        "length": 0,
        "impl": "",
        "rtype": rtype or -1,
        "fields": [],
    }
    if die.tag in ("DW_TAG_pointer_type", "DW_TAG_array_type"):
        out["elem"] = _resolved(_target(die, "DW_AT_type"))
    elif kind in (18, 21, 23):
        out["elem"] = _resolved(_target(die, "elem"))
    if kind == 21:
        out["key"] = _resolved(_target(die, "key"))
    if kind in (18, 21):
        out["impl"] = _pointee(die)
    if out["size"] is None:
        out["size"] = 16 if kind == 20 else 8
    for child in die.iter_children():
        if child.tag == "DW_TAG_subrange_type":
            out["length"] = _get(child, "DW_AT_count")
        elif child.tag == "DW_TAG_member":
            row = (_name(child), _get(child, "DW_AT_data_member_location"))
            out["fields"].append(
                (*row, _resolved(_target(child, "DW_AT_type")), bool(_go(child, "embedded")))
            )
    return out


def read(raw: bytes) -> dict[str, Any]:
    """{"dies", "types": {name: columns}, "globals": {name: (address, type)}, "constants": {name: value}}."""
    info = ELFFile(io.BytesIO(raw)).get_dwarf_info()
    types: dict[str, dict[str, Any]] = {}
    globals_: dict[str, tuple[int, str]] = {}
    constants: dict[str, int] = {}
    dies = 0
    for unit in info.iter_CUs():
        for die in unit.iter_DIEs():
            if die.is_null():
                continue
            dies += 1
            if die.tag in TYPE_TAGS or (die.tag == "DW_TAG_typedef" and not _is_alias(die)):
                types[_name(die)] = _type(die)
            elif die.tag == "DW_TAG_constant":
                constants[_name(die)] = _get(die, "DW_AT_const_value") & (1 << 64) - 1
            elif (
                die.tag == "DW_TAG_variable"
                and (where := bytes(_get(die, "DW_AT_location") or b""))[:1] == b"\x03"
            ):
                address = int.from_bytes(where[1:], "little")
                globals_[_name(die)] = (address, _resolved(_target(die, "DW_AT_type")))
    return {"dies": dies, "types": types, "globals": globals_, "constants": constants}
