"""ELF executables made by hand after elf(5): any sections, packed or not, symbols, segments, notes, Go build
information. What a test checks against is what it put in here."""

import struct
import sys
import tempfile
import zlib
from dataclasses import dataclass, field

from gosnap.binary.elf import ElfFile

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ET_EXEC, ET_DYN, ET_CORE = 2, 3, 4
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOTE, SHT_NOBITS = 1, 2, 3, 7, 8
SHF_WRITE, SHF_ALLOC, SHF_COMPRESSED = 1, 2, 0x800
PT_LOAD, PT_NOTE = 1, 4
PF_X, PF_W, PF_R = 1, 2, 4
BASE = 0x400000
BUILDINFO_MAGIC = b"\xff Go buildinf:"


def pack_zlib(raw: bytes) -> bytes:
    """The contents of a section with SHF_COMPRESSED: Elf64_Chdr, then zlib."""
    return struct.pack("<IIQQ", 1, 0, len(raw), 1) + zlib.compress(raw)


def pack_zstd(raw: bytes) -> bytes:
    """The same with zstd."""
    return struct.pack("<IIQQ", 2, 0, len(raw), 1) + zstd.compress(raw)


def pack_zdebug(raw: bytes) -> bytes:
    """The contents of a section .zdebug_*: "ZLIB", the size in big-endian, then zlib."""
    return b"ZLIB" + struct.pack(">Q", len(raw)) + zlib.compress(raw)


def note(owner: str, kind: int, desc: bytes) -> bytes:
    """One note: sizes, type, name and description, both padded to four bytes."""
    name = owner.encode() + b"\0"
    return (
        struct.pack("<III", len(name), len(desc), kind)
        + name.ljust(len(name) + 3 & ~3, b"\0")
        + desc.ljust(len(desc) + 3 & ~3, b"\0")
    )


def buildinfo(version: str, flags: int = 2, module: str = "path\tdemo\n") -> bytes:
    """debug/buildinfo's form since go1.18: magic, pointer size, flags, two strings with varint lengths."""

    def text(value: bytes) -> bytes:
        n, out = len(value), b""
        while n >= 0x80:
            out += bytes([n & 0x7F | 0x80])
            n >>= 7
        return out + bytes([n]) + value

    head = (BUILDINFO_MAGIC + bytes([8, flags])).ljust(32, b"\0")
    return head + text(version.encode()) + text(module.encode())


def opened(raw: bytes, label: str = "prog") -> ElfFile:
    """The bytes as a file that gosnap has opened."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(raw)
        f.flush()
        return ElfFile.open(f.name, label)


@dataclass
class Symbol:
    name: str
    value: int
    size: int = 0
    shndx: int = 1
    info: int = 0x12


@dataclass
class _Section:
    name: str
    raw: bytes
    type: int
    flags: int
    address: int
    link: int = 0
    entsize: int = 0
    size: int | None = None
    offset: int = 0


@dataclass
class ElfWriter:
    """``section()`` as often as needed, then ``build()``. Sections are numbered from 1 as they are made."""

    type: int = ET_EXEC
    machine: int = 62
    with_sections: bool = True
    sections: list[_Section] = field(default_factory=list)
    symbols: list[Symbol] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)
    note_padding: bytes = b""

    def section(
        self,
        name: str,
        raw: bytes,
        *,
        type: int = SHT_PROGBITS,
        flags: int = 0,
        address: int = 0,
        size: int | None = None,
    ) -> int:
        """Adds a section and returns its number. ``size``: what the header claims, where that differs."""
        self.sections.append(_Section(name, raw, type, flags, address, size=size))
        return len(self.sections)

    def debug(self, sections: dict[str, bytes], how: str = "plain") -> None:
        """The sections of a DWARF writer, by "plain", "zlib", "zstd" or "zdebug"."""
        for name, raw in sections.items():
            if how == "zlib":
                self.section(f".debug_{name}", pack_zlib(raw), flags=SHF_COMPRESSED)
            elif how == "zstd":
                self.section(f".debug_{name}", pack_zstd(raw), flags=SHF_COMPRESSED)
            elif how == "zdebug":
                self.section(f".zdebug_{name}", pack_zdebug(raw))
            else:
                self.section(f".debug_{name}", raw)

    def _symbol_sections(self) -> list[_Section]:
        strings = b"\0"
        table = bytes(24)
        for s in self.symbols:
            at = strings.find(s.name.encode() + b"\0")  # the tail of a longer name serves, as linkers do
            if at < 0:
                at = len(strings)
                strings += s.name.encode() + b"\0"
            table += struct.pack("<IBBHQQ", at, s.info, 0, s.shndx, s.value, s.size)
        number = len(self.sections) + 1
        return [
            _Section(".symtab", table, SHT_SYMTAB, 0, 0, link=number + 1, entsize=24),
            _Section(".strtab", strings, SHT_STRTAB, 0, 0),
        ]

    def build(self) -> bytes:
        rows = [_Section("", b"", 0, 0, 0), *self.sections]
        if self.symbols:
            rows += self._symbol_sections()
        rows.append(_Section(".shstrtab", b"", SHT_STRTAB, 0, 0))
        names = b""
        at_name = []
        for s in rows:
            at_name.append(len(names))
            names += s.name.encode() + b"\0"
        rows[-1].raw = names
        notes = b"".join(self.notes) + self.note_padding
        loads = [s for s in rows if s.flags & SHF_ALLOC]
        phnum = 1 + len(loads) + bool(notes)
        at = 64 + 56 * phnum
        body = bytearray(notes)
        for s in rows[1:]:
            body += bytes(-(at + len(body)) % 16)
            s.offset = at + len(body)
            if s.type != SHT_NOBITS:
                body += s.raw
        body += bytes(-(at + len(body)) % 8)
        shoff = at + len(body) if self.with_sections else 0
        phdrs = struct.pack("<IIQQQQQQ", PT_LOAD, PF_R | PF_X, 0, BASE, 0, at, at, 4096)
        for s in loads:
            flags = PF_R | (PF_W if s.flags & SHF_WRITE else 0)
            size = len(s.raw)
            phdrs += struct.pack("<IIQQQQQQ", PT_LOAD, flags, s.offset, s.address, 0, size, size, 16)
        if notes:
            phdrs += struct.pack("<IIQQQQQQ", PT_NOTE, PF_R, at, BASE + at, 0, len(notes), len(notes), 4)
        head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
            "<HHIQQQIHHHHHH",
            *(self.type, self.machine, 1, BASE + at, 64, shoff, 0, 64, 56, phnum, 64),
            *((len(rows), len(rows) - 1) if shoff else (0, 0)),
        )
        table = b""
        if shoff:
            for s, where in zip(rows, at_name, strict=True):
                size = len(s.raw) if s.size is None else s.size
                table += struct.pack(
                    "<IIQQQQIIQQ",
                    *(where, s.type, s.flags, s.address, s.offset, size, s.link, 0, 1, s.entsize),
                )
        return head + phdrs + bytes(body) + table
