"""A Go program as found in an address space: its executable, load bias, globals, modules and version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.layout import Layouts, shipped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.binary.dwarf import Globals, GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.target.image import Image

PT_LOAD = 1
TESTED = (21, 27)
"""The Go versions, 1.N, that the tests run with."""
OLDEST_READABLE = 20
"""heapArena.bitmap had two bits per word before Go 1.20 (runtime/mbitmap.go)."""
_MAX_STRING = 4096


@dataclass(frozen=True)
class Module:
    """The part of a moduledata that gosnap uses (runtime/symtab.go). Addresses are those of the running
    program."""

    address: int
    text: int
    etext: int
    types: int
    etypes: int
    data: int
    edata: int
    bss: int
    ebss: int
    noptrdata: int
    enoptrbss: int
    rodata: int


class GoProgram:
    """The executable and the address space of one Go program, tied together.

    ``dwarf`` may be None: what can be read without it is read by the shipped table of layouts.
    """

    def __init__(self, image: Image, elf: ElfFile, dwarf: GoDwarf | None) -> None:
        self.image = image
        self.space = image.space
        self.elf = elf
        self._dwarf = dwarf
        self.bias = load_bias(image, elf)
        self.version = elf.go_version() or self._runtime_version()
        self.minor = minor_version(self.version)
        self.layouts = Layouts(dwarf.types if dwarf is not None else None, self.minor)
        self.modules = self._read_modules()

    @property
    def has_dwarf(self) -> bool:
        """Whether layouts are those that DWARF tells."""
        return self._dwarf is not None

    @property
    def dwarf(self) -> GoDwarf:
        """What DWARF says; GosnapError where the program has none."""
        if self._dwarf is None:
            raise GosnapError(
                f"{self.image.exe_label}: has no DWARF (built with -ldflags=-w, or stripped)",
                "build it without -ldflags='-s -w'",
            )
        return self._dwarf

    @cached_property
    def variables(self) -> Globals:
        """Package variables, by name, with what the linker laid out for their initial values."""
        from gosnap.goruntime.variables import variables

        return variables(self)

    def address(self, symbol: str) -> int | None:
        """Run-time address of a package variable or function; None if the binary does not have it."""
        found = self.elf.symbol(symbol)
        return None if found is None else found[0] + self.bias

    def need_address(self, symbol: str) -> int:
        """Like ``address``, but GosnapError if it is missing."""
        found = self.address(symbol)
        if found is None:
            raise GosnapError(
                f"{self.image.exe_label}: no symbol {symbol}",
                "the binary seems to be stripped; gosnap needs one built without -ldflags='-s -w'",
            )
        return found

    def read_uint(self, address: int, size: int) -> int:
        """A little-endian unsigned integer of the target."""
        return int.from_bytes(self.space.read(address, size), "little")

    def field(self, base: int, struct: str, name: str) -> int:
        """An unsigned field of a runtime structure at ``base``; GosnapError if this Go has no such field."""
        f = self.layouts.need(struct, name)
        return self.read_uint(base + f.offset, f.size)

    def field_or_none(self, base: int | None, struct: str, name: str) -> int | None:
        """Like ``field``; None where the structure, the field or the memory is missing."""
        f = self.layouts.find(struct, name)
        if f is None or base is None:
            return None
        try:
            return self.read_uint(base + f.offset, f.size)
        except ReadError:
            return None

    def global_uint(self, symbol: str, size: int) -> int | None:
        """The value of an integer package variable of the runtime, or None."""
        at = self.address(symbol)
        if at is None:
            return None
        try:
            return self.read_uint(at, size)
        except ReadError:
            return None

    def constant(self, name: str) -> int | None:
        """The value of a constant, "internal/abi.TFlagDirectIface" say; None if the binary has none."""
        if self._dwarf is None:
            return shipped(self.minor)[1].get(name)
        return self._dwarf.constants.get(name)

    def _runtime_version(self) -> str:
        at = self.address("runtime.buildVersion")
        if at is None:
            return ""
        try:
            ptr, n = self.space.u64(at), self.space.u64(at + 8)
            return self.space.read(ptr, min(n, _MAX_STRING)).decode("utf-8", "replace")
        except ReadError:
            return ""

    def _read_modules(self) -> list[Module]:
        names = tuple(Module.__dataclass_fields__)[1:]
        at: int = self.need_address("runtime.firstmoduledata")
        modules: list[Module] = []
        while at and len(modules) < 1024:
            values = {}
            for name in names:
                values[name] = self.field(at, "runtime.moduledata", name)
            modules.append(Module(address=at, **values))
            at = self.field(at, "runtime.moduledata", "next")
        first = modules[0]
        if not (first.text < first.etext and first.types < first.etypes and first.data <= first.edata):
            raise GosnapError(
                f"{self.image.exe_label}: the module data at {first.address:#x} makes no sense "
                f"(text {first.text:#x}..{first.etext:#x}, types {first.types:#x}..{first.etypes:#x})",
                "is this the executable that the process or core was running?",
            )
        return modules


def minor_version(version: str) -> int:
    """The minor number of "go1.N.P", "go1.N-X:experiment" or "devel go1.N-commit"; 0 if there is none."""
    found = re.search(r"\bgo1\.(\d{1,4})", version)
    return int(found[1]) if found else 0


def remark_on(version: str, label: str) -> str:
    """What a person should know about a Go version that gosnap is not tested with; "" for the others.

    GosnapError for versions whose heap cannot be read at all.
    """
    minor = minor_version(version)
    if 0 < minor < OLDEST_READABLE:
        raise GosnapError(
            f"{label}: built with {version}, whose heap is laid out in another way",
            f"gosnap reads programs of Go 1.{TESTED[0]} and later: rebuild it",
        )
    if not minor:
        return f"the Go version {version!r} tells no number; the self-checks decide"
    if minor < TESTED[0]:
        return f"{version} is older than gosnap is tested with (Go 1.{TESTED[0]}); the self-checks decide"
    if minor > TESTED[1]:
        return (
            f"{version} is newer than this gosnap is tested with (Go 1.{TESTED[1]}); the self-checks decide"
        )
    return ""


def load_bias(image: Image, elf: ElfFile) -> int:
    """What to add to a link-time address: 0 unless the executable is position independent."""
    if not elf.is_pie:
        return 0
    loads = [s for s in elf.segments if s.type == PT_LOAD]
    if not loads:
        raise GosnapError(f"{image.exe_label}: no loadable segment")
    first = min(loads, key=lambda s: s.vaddr)
    wanted = first.offset & ~0xFFF
    maps = image.mappings
    label = image.exe_label.removesuffix(" (deleted)")
    starts = [
        int(maps.start[i])
        for i in range(len(maps))
        if int(maps.offset[i]) == wanted and maps.path[i].removesuffix(" (deleted)") == label
    ]
    if not starts:
        raise GosnapError(
            f"{image.exe_label}: not mapped in the target, so its load address is unknown",
            "give the executable that was running with --exe",
        )
    return min(starts) - (first.vaddr & ~0xFFF)
