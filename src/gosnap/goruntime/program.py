"""A Go program as found in an address space: its executable, load bias, globals, modules and version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from gosnap.binary.gofile import has_pclntab, named_version
from gosnap.errors import GosnapError, ReadError
from gosnap.goruntime.layout import Layouts, shipped
from gosnap.goruntime.moduledata import Place, find_moduledata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.binary.dwarf import Closures, Globals, GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.binary.types import TypeTable
    from gosnap.goruntime.locate import Locator
    from gosnap.goruntime.statictypes import StaticTypes
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
    enoptrdata: int
    noptrbss: int
    enoptrbss: int
    rodata: int

    @property
    def variables(self) -> tuple[tuple[int, int], ...]:
        """The ranges that package variables lie in."""
        return (
            (self.noptrdata, self.enoptrdata),
            (self.data, self.edata),
            (self.bss, self.ebss),
            (self.noptrbss, self.enoptrbss),
        )


class GoProgram:
    """The executable and the address space of one Go program, tied together.

    ``dwarf`` may be None: what can be read without it is read by the shipped table of layouts.
    """

    def __init__(self, image: Image, elf: ElfFile, dwarf: GoDwarf | None) -> None:
        self.image = image
        self.space = image.space
        self.elf = elf
        self._dwarf = dwarf
        self._addresses: dict[str, int | None] = {}
        self.bias = load_bias(image, elf)
        self.place = Place(elf, self.bias, image.space, image.exe_label)
        self.version = elf.go_version() or self._runtime_version() or named_version(elf)
        self.minor = minor_version(self.version)
        self.layouts = Layouts(dwarf.types if dwarf is not None else None, self.minor)
        self.modules = self._read_modules()

    @property
    def dwarf(self) -> GoDwarf:
        """What DWARF says; GosnapError where the program has none."""
        if self._dwarf is None:
            raise GosnapError(
                f"{self.image.exe_label}: has no DWARF (built with -ldflags=-w, or stripped)",
                "build it without -ldflags='-s -w'",
            )
        return self._dwarf

    @property
    def has_dwarf(self) -> bool:
        """Whether DWARF tells types and variables; the program's own tables do where it does not."""
        return self._dwarf is not None

    @cached_property
    def has_symbols(self) -> bool:
        """Whether a symbol table tells where the runtime's variables are."""
        return self.elf.symbol("runtime.mheap_") is not None

    @cached_property
    def types(self) -> TypeTable:
        """Go's static types, by DWARF; without it, the types that the running program has descriptors of."""
        return self._dwarf.types if self._dwarf is not None else self.static.table

    @cached_property
    def static(self) -> StaticTypes:
        """What the program's own descriptors and its code say of types."""
        from gosnap.goruntime.statictypes import static_types

        return static_types(self)

    @cached_property
    def closures(self) -> Closures:
        """Functions, and what closures capture as far as it is known."""
        if self._dwarf is not None:
            return self._dwarf.closures
        from gosnap.goruntime.statictypes import functions

        return functions(self)

    @cached_property
    def variables(self) -> Globals:
        """Package variables, by name, with what the linker laid out for their initial values; without DWARF
        by their addresses."""
        from gosnap.goruntime.variables import variables
        from gosnap.goruntime.words import variable_words

        return variables(self) if self._dwarf is not None else variable_words(self)

    @cached_property
    def _locator(self) -> Locator:
        from gosnap.goruntime.locate import Locator

        return Locator(self)

    def address(self, symbol: str) -> int | None:
        """Run-time address of a package variable or function; None if the binary does not have it. Without a
        symbol table, of a variable of the runtime that can be recognised."""
        if symbol not in self._addresses:
            self._addresses[symbol] = self._address(symbol)
        return self._addresses[symbol]

    def _address(self, symbol: str) -> int | None:
        found = self.elf.symbol(symbol)
        if found is not None:
            return found[0] + self.bias
        return None if self.has_symbols else self._locator.address(symbol)

    def variable_size(self, symbol: str) -> int | None:
        """Bytes of a package variable; None where they are not known."""
        found = self.elf.symbol(symbol)
        if found is not None:
            return found[1]
        return None if self.has_symbols else self._locator.size(symbol)

    def need_address(self, symbol: str) -> int:
        """Like ``address``, but GosnapError if it is missing."""
        found = self.address(symbol)
        if found is None:
            raise GosnapError(
                f"{self.image.exe_label}: {symbol} was not found: no symbol table has it, and "
                "nothing, or more than one thing, in the program's data looks like it",
                "is this the executable that was running? If so, please report it with the Go version",
            )
        return found

    @cached_property
    def extent(self) -> tuple[int, int]:
        """From the first to behind the last byte of the executable in memory."""
        loads = [s for s in self.elf.segments if s.type == PT_LOAD]
        return (
            min(s.vaddr for s in loads) + self.bias,
            max(s.vaddr + s.memsz for s in loads) + self.bias,
        )

    def code(self, start: int, end: int) -> bytes | memoryview:
        """The machine code at addresses of the running program, from the file; empty where it has none."""
        for s in self.elf.segments:
            at = start - self.bias - s.vaddr
            if s.type == PT_LOAD and at >= 0 and at + end - start <= s.filesz and start <= end:
                return self.elf.file_bytes(s.offset + at, end - start)
        return b""

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
            return shipped(self.minor).constants.get(name)
        return self._dwarf.constants.get(name)

    def _runtime_version(self) -> str:
        symbol = self.elf.symbol("runtime.buildVersion")
        if symbol is None:
            return ""
        at = symbol[0] + self.bias
        try:
            ptr, n = self.space.u64(at), self.space.u64(at + 8)
            return self.space.read(ptr, min(n, _MAX_STRING)).decode("utf-8", "replace")
        except ReadError:
            return ""

    def _read_modules(self) -> list[Module]:
        names = tuple(Module.__dataclass_fields__)[1:]
        symbol = self.elf.symbol("runtime.firstmoduledata")
        at = symbol[0] + self.bias if symbol else find_moduledata(self.place, self.layouts)
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


def check_is_go(elf: ElfFile) -> None:
    """GosnapError for a file that no Go linker made."""
    if elf.go_version() is None and elf.symbol("runtime.buildVersion") is None and not has_pclntab(elf):
        raise GosnapError(
            f"{elf.label}: not a Go program",
            "gosnap reads Go programs; `gosnap ps` lists those that run here",
        )


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
