"""Where a program's first moduledata is, without a symbol that says so.

The tables of functions (pclntab) begin with a number of their own (runtime/symtab.go, pcHeader); the word
that holds their address is the first field of the moduledata (runtime.firstmoduledata).
"""

from dataclasses import dataclass

from gosnap.binary.elf import ElfFile
from gosnap.binary.elfhead import PF_W, PT_LOAD
from gosnap.binary.gofile import pclntabs
from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.layout import Layouts
from gosnap.target.space import AddressSpace

_MOST = 1 << 31


@dataclass(frozen=True)
class Place:
    """An executable in memory: the file, what to add to its addresses, and the memory."""

    elf: ElfFile
    bias: int
    space: AddressSpace
    label: str


def find_moduledata(place: Place, layouts: Layouts) -> int:
    """The address of the only moduledata of the executable whose fields agree with each other. GosnapError
    where there is none, or more than one."""
    tables = [address + place.bias for address in pclntabs(place.elf)]
    if not tables:
        if next(pclntabs(place.elf, older=True), None) is not None:
            raise GosnapError(
                f"{place.label}: its table of functions is that of a Go version before 1.20",
                "gosnap reads programs of Go 1.21 and later: rebuild it",
            )
        raise GosnapError(
            f"{place.label}: not a Go program: it has no table of functions (pclntab)",
            "gosnap reads Go programs; `gosnap ps` lists those that run here",
        )
    candidates = [at for table in tables for at in _words(place, table)]
    found = [at for at in candidates if _is_sane(place, layouts, at)]
    if len(found) != 1:
        what = "none makes sense" if not found else f"{len(found)} make sense"
        raise GosnapError(
            f"{place.label}: of {len(candidates)} words that may begin the module data, {what}",
            "is this the executable that was running, and its memory whole? If so, please report it with the "
            "Go version",
        )
    return found[0]


def _words(place: Place, value: int) -> list[int]:
    """Where the program's writable data hold a word."""
    out: list[int] = []
    for s in place.elf.segments:
        if s.type != PT_LOAD or not s.flags & PF_W or s.filesz < 8:
            continue
        start = (s.vaddr + place.bias + 7) & -8
        try:
            raw = bytes(place.space.view(start, (s.vaddr + place.bias + s.filesz - start) & -8))
        except ReadError:
            continue
        at = -1
        while (at := raw.find(value.to_bytes(8, "little"), at + 1)) >= 0:
            if not at & 7:
                out.append(start + at)
    return out


def _is_sane(place: Place, layouts: Layouts, at: int) -> bool:
    """Whether a moduledata could be at an address: its ranges are in order, and in the executable."""
    loads = [s for s in place.elf.segments if s.type == PT_LOAD]
    low = min(s.vaddr for s in loads) + place.bias
    high = max(s.vaddr + s.memsz for s in loads) + place.bias

    def field(name: str) -> int:
        return place.space.u64(at + layouts.need("runtime.moduledata", name).offset)

    try:
        ranges = [
            (field("text"), field("etext")),
            (field("minpc"), field("maxpc")),
            (field("types"), field("etypes")),
            (field("data"), field("edata")),
            (field("noptrdata"), field("enoptrdata")),
            (field("bss"), field("ebss")),
            (field("noptrbss"), field("enoptrbss")),
        ]
        inside = [field("rodata"), field("gofunc"), field("ftab"), field("funcnametab"), field("pclntable")]
        ftab = layouts.need("runtime.moduledata", "ftab").offset
        functions = place.space.u64(at + ftab + 8)
    except ReadError:
        return False
    ordered = all(low <= a <= b <= high for a, b in ranges) and all(a < b for a, b in ranges[:3])
    (text, etext), (minpc, maxpc) = ranges[:2]
    return (
        ordered
        and text <= minpc
        and maxpc <= etext
        and all(low <= a < high for a in inside)
        and 1 < functions < _MOST
    )
