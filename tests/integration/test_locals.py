"""Variables of real Go functions, against pyelftools, and the names of slots on the stacks of a program."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarf_expr import DWARFExprParser
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.locationlists import BaseAddressEntry, LocationEntry, LocationExpr, LocationParser
from elftools.dwarf.ranges import BaseAddressEntry as RangeBase
from elftools.elf.elffile import ELFFile

from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.binary.locals import Local, Locals
from gosnap.goruntime.functions import Functions
from gosnap.goruntime.goroutines import read_goroutines
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.stacks import SlotKind, Unwinder
from gosnap.target.live import capture

pytestmark = pytest.mark.integration

FUNCTIONS = 200
Row = tuple[str, str, str, bool, bool, bool, tuple[tuple[int, int, int], ...]]


class Oracle:
    """The same answers by way of pyelftools. Only what Go writes; anything else is a failed assertion."""

    def __init__(self, info: DWARFInfo, types: dict[int, tuple[str, int]]) -> None:
        self.info = info
        self.types = types
        self.lists, self.ranges = info.location_lists(), info.range_lists()
        self.places = LocationParser(self.lists)

    def functions(self) -> list[DIE]:
        return [
            die
            for unit in self.info.iter_CUs()
            for die in unit.get_top_DIE().iter_children()
            if die.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in die.attributes
        ]

    def bounds(self, die: DIE) -> tuple[int, int]:
        low, high = die.attributes["DW_AT_low_pc"].value, die.attributes["DW_AT_high_pc"]
        return low, high.value if high.form == "DW_FORM_addr" else low + high.value

    def base(self, unit: CompileUnit) -> int:
        low = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
        return int(low.value) if low else 0

    def origin(self, die: DIE) -> DIE:
        while "DW_AT_abstract_origin" in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
        return die

    def name(self, die: DIE) -> str:
        return str(self.origin(die).attributes["DW_AT_name"].value.decode())

    def covers(self, die: DIE, pc: int) -> bool:
        if "DW_AT_low_pc" in die.attributes:
            low, high = self.bounds(die)
            return bool(low <= pc < high)
        base = self.base(die.cu)
        value = die.attributes["DW_AT_ranges"].value
        for entry in self.ranges.get_range_list_at_offset(value, cu=die.cu):
            if isinstance(entry, RangeBase):
                base = entry.base_address
                continue
            add = 0 if getattr(entry, "is_absolute", False) else base
            if entry.begin_offset + add <= pc < entry.end_offset + add:
                return True
        return False

    def expression(self, die: DIE, pc: int) -> list[int]:
        where = die.attributes.get("DW_AT_location")
        if where is None or where.form in ("DW_FORM_block1", "DW_FORM_exprloc"):
            return list(where.value) if where else []
        found = self.places.parse_from_attribute(where, die.cu["version"], die)
        if isinstance(found, LocationExpr):
            return list(found.loc_expr)
        base = self.base(die.cu)
        for entry in found:
            if isinstance(entry, BaseAddressEntry):
                base = entry.base_address
            elif isinstance(entry, LocationEntry):
                add = 0 if entry.is_absolute else base
                if entry.begin_offset + add <= pc < entry.end_offset + add:
                    return list(entry.loc_expr)
        return []

    def row(self, die: DIE, pc: int, function: str) -> Row | None:
        ops = DWARFExprParser(die.cu.structs).parse_expr(self.expression(die, pc))
        if not ops:
            return None
        type_name, size = self.types[self.origin(die).get_DIE_from_attribute("DW_AT_type").offset]
        pieces: list[tuple[int, int, int]] = []
        registers = heap = False
        at: int | None = None
        within = 0
        for op in ops:
            match op.op_name:
                case "DW_OP_call_frame_cfa":
                    at = 0
                case "DW_OP_fbreg":
                    at = op.args[0]
                case "DW_OP_consts" | "DW_OP_plus":
                    at = (at or 0) + (op.args[0] if op.args else 0)
                case "DW_OP_deref":
                    heap = True
                case "DW_OP_piece":
                    if at is not None:
                        pieces.append((at, op.args[0], within))
                    within, at = within + op.args[0], None
                case "DW_OP_addr" | "DW_OP_stack_value" | "DW_OP_addrx":
                    return None
                case name:
                    assert name.startswith("DW_OP_reg"), ops
                    registers = True
        if not within and at is not None:
            pieces.append((at, 8 if heap else size, 0))
        pieces = [p for p in pieces if p[1]]
        if not pieces and not registers:
            return None
        name = self.name(die)
        parameter = die.tag == "DW_TAG_formal_parameter"
        return name, function, type_name, parameter, registers, heap or name[0] == "&", tuple(pieces)

    def at(self, die: DIE, pc: int, function: str = "") -> Iterator[Row]:
        function = function or self.name(die)
        for child in die.iter_children():
            if child.tag in ("DW_TAG_variable", "DW_TAG_formal_parameter"):
                row = self.row(child, pc, function)
                if row is not None:
                    yield row
            elif child.tag == "DW_TAG_lexical_block" and self.covers(child, pc):
                yield from self.at(child, pc, function)
            elif child.tag == "DW_TAG_inlined_subroutine" and self.covers(child, pc):
                yield from self.at(child, pc, self.name(child))


class Types(dict[int, tuple[str, int]]):
    """Name and size of the type at an offset, resolved as it is asked for."""

    def __init__(self, info: DWARFInfo) -> None:
        super().__init__()
        self.info = info

    def __missing__(self, offset: int) -> tuple[str, int]:
        die = self.info.get_DIE_from_refaddr(offset)
        while die.tag == "DW_TAG_typedef" and 0x2900 not in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_type")
        size = die.attributes.get("DW_AT_byte_size")
        kind = die.attributes[0x2900].value if 0x2900 in die.attributes else 0
        name = die.attributes["DW_AT_name"].value.decode()
        self[offset] = name, size.value if size else 16 if kind == 20 else 8
        return self[offset]


def mine(local: Local, dwarf: GoDwarf) -> Row:
    return (
        local.name,
        local.function,
        dwarf.types.name[local.type],
        local.parameter,
        local.partial,
        local.escaped,
        local.pieces,
    )


@pytest.mark.parametrize("flags", [(), ("-gcflags=all=-N -l",)], ids=["optimized", "debug"])
def test_variables_are_those_of_pyelftools(
    go_version: str, gobuild: Callable[..., Path], flags: tuple[str, ...]
) -> None:
    exe = gobuild("types", go_version, flags=flags)
    dwarf = GoDwarf(ElfFile.open(str(exe)))
    local = Locals(dwarf)
    dice = random.Random(f"{go_version}{flags}")
    with exe.open("rb") as f:
        info = ELFFile(f).get_dwarf_info()
        oracle = Oracle(info, Types(info))
        functions = oracle.functions()
        own = [die for die in functions if oracle.name(die).startswith("main.")]
        compared = inlined = stack = 0
        for die in dice.sample(functions, FUNCTIONS) + dice.sample(own, 30):
            low, high = oracle.bounds(die)
            for pc in {low, high - 1, *(dice.randrange(low, high) for _ in range(4))}:
                expected = list(oracle.at(die, pc))
                assert [mine(v, dwarf) for v in local.at(pc)] == expected, (oracle.name(die), hex(pc))
                compared += len(expected)
                inlined += sum(row[1] != oracle.name(die) for row in expected)
                stack += sum(bool(row[-1]) for row in expected)
    print(f"{go_version} {flags}: {compared} variables, {inlined} of inlined calls, {stack} in the frame")
    assert compared > 500
    assert stack > 100
    assert inlined > 50 or flags


def test_slots_of_a_running_program_have_names(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any]
) -> None:
    exe = gobuild("types", go_version)
    target = running(exe)
    elf = ElfFile.open(str(exe))
    dwarf = GoDwarf(elf)
    program = GoProgram(capture(target.pid), elf, dwarf)
    goroutines = read_goroutines(program)
    unwinder = Unwinder(program, Functions(program))
    local = Locals(dwarf)
    slots = named = mains = main_named = 0
    unnamed: dict[str, int] = {}
    names: dict[tuple[str, str], set[str]] = {}
    for row in range(len(goroutines)):
        stack = unwinder.unwind(goroutines, row)
        for address, _, index, kind in stack.slots:
            if kind not in (SlotKind.LOCAL, SlotKind.ARGUMENT, SlotKind.STACK_OBJECT):
                continue
            frame = stack.frames[index]
            found = local.slot(frame.call_pc - program.bias, address - frame.fp)
            ours = frame.function.name.startswith("main.")
            slots, mains = slots + 1, mains + ours
            named, main_named = named + (found is not None), main_named + (found is not None and ours)
            if found is None:
                unnamed[frame.function.name] = unnamed.get(frame.function.name, 0) + 1
            else:
                names.setdefault((frame.function.name, found[0].name), set()).add(
                    dwarf.types.name[found[0].type]
                )
    print(f"{go_version}: {named} of {slots} slots named, {main_named} of {mains} in main's functions")
    print("unnamed:", sorted(unnamed.items(), key=lambda item: -item[1])[:12])
    print("named:", sorted((f, v, sorted(t)) for (f, v), t in names.items() if f.startswith("main.")))
    assert named > 0
    assert main_named > 0
