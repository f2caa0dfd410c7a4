"""ELF headers: segments, sections, notes, and whether it is a Go program."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

PT_LOAD, PT_NOTE = 1, 4
PF_X, PF_W, PF_R = 1, 2, 4
ET_EXEC, ET_DYN, ET_CORE = 2, 3, 4
EM_X86_64 = 62
BUILDINFO_MAGIC = b"\xff Go buildinf:"
"""Start of the build information that the Go linker writes (debug/buildinfo/buildinfo.go, go1.18 and
later)."""
_MAX_HEADERS = 1 << 20
_MAX_BUILDINFO = 4096


@dataclass(frozen=True)
class Segment:
    """One program header (elf(5), Elf64_Phdr)."""

    type: int
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int


@dataclass
class ElfHead:
    """Header and program headers of an ELF file."""

    label: str
    type: int
    entry: int
    phoff: int
    phnum: int
    shoff: int
    shnum: int
    shstrndx: int
    size: int
    segments: list[Segment] = field(default_factory=list)


def read_head(f: BinaryIO, label: str) -> ElfHead:
    """Reads the headers; a GosnapError names the file and the offset of what is wrong."""
    size = f.seek(0, 2)
    raw = _read(f, label, 0, 64, "the ELF header")
    if raw[:4] != b"\x7fELF":
        raise GosnapError(
            f"{label}: not an ELF file (offset 0: expected 7f 45 4c 46, found {raw[:4].hex(' ')})"
        )
    machine = struct.unpack_from("<H", raw, 18)[0]
    if raw[4] != 2 or raw[5] != 1 or machine != EM_X86_64:
        raise GosnapError(
            f"{label}: not for linux/amd64 (class {raw[4]}, byte order {raw[5]}, machine {machine})",
            "gosnap reads 64-bit x86 programs",
        )
    kind = struct.unpack_from("<H", raw, 16)[0]
    entry, phoff, shoff = struct.unpack_from("<QQQ", raw, 24)
    phentsize, phnum, shentsize, shnum, shstrndx = struct.unpack_from("<HHHHH", raw, 54)
    if (phnum == 0xFFFF or shnum == 0) and shoff and shentsize == 64:
        # More than 65534 of either: the true numbers stand in section header 0 (elf(5), PN_XNUM).
        first = _read(f, label, shoff, 64, "section header 0")
        if phnum == 0xFFFF:
            phnum = struct.unpack_from("<I", first, 44)[0]
        if shnum == 0:
            shnum = struct.unpack_from("<Q", first, 32)[0]
    head = ElfHead(label, kind, entry, phoff, phnum, shoff, shnum, shstrndx, size)
    if phnum:
        if phentsize != 56 or phnum > _MAX_HEADERS:
            raise GosnapError(
                f"{label}: offset 54: {phnum} program headers of {phentsize} bytes, "
                f"expected up to {_MAX_HEADERS} of 56"
            )
        table = _read(f, label, phoff, phnum * 56, "the program headers")
        for at in range(0, phnum * 56, 56):
            kind, flags, offset, vaddr, _, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", table, at)
            head.segments.append(Segment(kind, flags, offset, vaddr, filesz, memsz))
    return head


def _read(f: BinaryIO, label: str, offset: int, count: int, what: str) -> bytes:
    raw = b""
    size = f.seek(0, 2)
    if offset + count <= size:
        f.seek(offset)
        raw = f.read(count)
    if len(raw) < count:
        raise GosnapError(
            f"{label}: truncated: {what} needs {count} bytes at offset {offset}, the file has {size}",
            "copy the file again, and compare the sizes",
        )
    return raw


def notes(raw: bytes, label: str, offset: int) -> list[tuple[str, int, bytes]]:
    """(name, type, description) of a PT_NOTE segment's bytes; ``offset`` is where it lies in the file."""
    out: list[tuple[str, int, bytes]] = []
    at = 0
    while at + 12 <= len(raw):
        namesz, descsz, kind = struct.unpack_from("<III", raw, at)
        desc = at + 12 + (namesz + 3 & ~3)
        if namesz > len(raw) or descsz > len(raw) or desc + descsz > len(raw):
            raise GosnapError(
                f"{label}: offset {offset + at}: a note of {namesz}+{descsz} bytes "
                f"does not fit its segment of {len(raw)} bytes"
            )
        name = raw[at + 12 : at + 12 + namesz].rstrip(b"\0").decode("latin-1")
        out.append((name, kind, raw[desc : desc + descsz]))
        at = desc + (descsz + 3 & ~3)
    return out


@dataclass(frozen=True)
class Section:
    """One section header (elf(5), Elf64_Shdr)."""

    address: int
    offset: int
    size: int
    type: int
    flags: int


def sections(f: BinaryIO, head: ElfHead) -> dict[str, Section]:
    """The sections by name; empty when there is no section table, or one that cannot be read."""
    if not head.shoff or not 0 < head.shnum < 1 << 16 or head.shstrndx >= head.shnum:
        return {}
    try:
        table = _read(f, head.label, head.shoff, head.shnum * 64, "the section headers")
        rows = [struct.unpack_from("<IIQQQQ", table, i * 64) for i in range(head.shnum)]
        names_at, names_size = rows[head.shstrndx][4:6]
        if names_size > 1 << 20:
            return {}
        names = _read(f, head.label, names_at, names_size, "the section names")
    except GosnapError:
        return {}
    out: dict[str, Section] = {}
    for name, kind, flags, address, offset, size in rows:
        end = names.find(b"\0", name)
        out[names[name : max(end, name)].decode("latin-1")] = Section(address, offset, size, kind, flags)
    return out


@dataclass(frozen=True)
class GoFacts:
    """What the executable's headers tell about a Go program."""

    go_version: str
    dwarf: bool
    pie: bool


def find_buildinfo(data: bytes | mmap.mmap, head: ElfHead, named: dict[str, Section]) -> tuple[int, int]:
    """(file offset, bytes) of the Go build information; (0, 0) where there is none."""
    section = named.get(".go.buildinfo")
    if section and section.offset + 32 <= len(data):
        return section.offset, min(section.size, _MAX_BUILDINFO)
    # Stripped of sections: debug/buildinfo looks into the first writable segment, at multiples of 16.
    for s in head.segments:
        if s.type == PT_LOAD and s.flags & PF_W and s.offset < len(data):
            end = min(s.offset + min(s.filesz, 1 << 16), len(data))
            at = data.find(BUILDINFO_MAGIC, s.offset, end)
            if at >= 0:
                return at, min(end - at, _MAX_BUILDINFO)
    return 0, 0


def buildinfo_version(raw: bytes) -> str | None:
    """The Go version in the build information; "unknown" in a form that go1.17 and earlier wrote, None where
    it is none."""
    if raw[:14] != BUILDINFO_MAGIC or len(raw) < 34:
        return None
    if not raw[15] & 2:
        return "unknown"
    # the strings follow inline, each with its length as a varint
    length, where, shift = 0, 32, 0
    while where < len(raw) and shift < 35:
        length |= (raw[where] & 0x7F) << shift
        shift += 7
        where += 1
        if raw[where - 1] < 0x80:
            break
    return raw[where : where + min(length, 128)].decode("latin-1")


def go_facts(path: str | Path, label: str = "") -> GoFacts | None:
    """None when the file is not a Go program for amd64. OSError when it cannot be opened."""
    with open(path, "rb") as f:
        try:
            head = read_head(f, label or str(path))
        except GosnapError:
            return None
        named = sections(f, head)
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as data:
            at, size = find_buildinfo(data, head, named)
            version = buildinfo_version(data[at : at + size]) if size else None
        if version is None:
            return None
        dwarf = any(n in named for n in (".debug_info", ".zdebug_info"))
        return GoFacts(version, dwarf, head.type == ET_DYN)
