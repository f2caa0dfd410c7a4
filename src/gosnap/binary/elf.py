"""An executable file: sections (decompressed), symbols, build information. Formats: elf(5)."""

import mmap
import struct
import zlib
from array import array
from functools import cached_property

from gosnap._kernels import callsites
from gosnap.binary import elfhead
from gosnap.binary.elfhead import ET_DYN, PT_NOTE, ElfHead, Section, Segment
from gosnap.errors import GosnapError

SHF_COMPRESSED = 0x800
SHT_NOTE, SHT_NOBITS = 7, 8
_ELFCOMPRESS_ZLIB, _ELFCOMPRESS_ZSTD = 1, 2
_NOTE_GO_BUILD_ID, _NOTE_GNU_BUILD_ID = 4, 3
# More than deflate can pack (1032:1): a claim beyond it is a lie.
_MAX_RATIO = 1100
_MAX_NOTES = 1 << 20


class ElfFile:
    """An ELF executable for amd64, mapped into memory. ``label`` is its name in messages."""

    def __init__(self, data: mmap.mmap, head: ElfHead, sections: dict[str, Section]) -> None:
        self._data = data
        self.head = head
        self.label = head.label
        self.sections = sections

    @classmethod
    def open(cls, path: str, label: str = "") -> "ElfFile":
        """Map the file. GosnapError if it cannot be read, is no ELF file, or is truncated."""
        label = label or path
        try:
            with open(path, "rb") as f:
                head = elfhead.read_head(f, label)
                data = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
                sections = elfhead.sections(f, head)
        except (OSError, ValueError) as e:
            raise GosnapError(
                f"{label}: cannot read the executable: {getattr(e, 'strerror', None) or e}",
                "check the path and its permissions",
            ) from None
        return cls(data, head, sections)

    @property
    def segments(self) -> list[Segment]:
        """Program headers."""
        return self.head.segments

    @property
    def is_pie(self) -> bool:
        """Whether it is loaded at an address that the kernel chooses."""
        return self.head.type == ET_DYN

    @property
    def has_dwarf(self) -> bool:
        """Whether there is a .debug_info, compressed or not."""
        return any(n in self.sections for n in (".debug_info", ".zdebug_info"))

    def file_bytes(self, offset: int, size: int) -> memoryview:
        """A part of the file as it is mapped, without a copy; GosnapError where the file ends before it."""
        if offset + size > len(self._data):
            raise GosnapError(
                f"{self.label}: truncated: {size} bytes at offset {offset}, the file has {len(self._data)}",
                "copy the file again, and compare the sizes",
            )
        return memoryview(self._data)[offset : offset + size]

    def section(self, name: str) -> bytes | memoryview:
        """A section's bytes, decompressed; empty if the file has none of this name.

        GosnapError where it lies outside the file or does not decompress.
        """
        s = self.sections.get(name)
        if s is None:
            if name.startswith(".debug_") and (old := self.sections.get(".z" + name[1:])):
                return self._unpack_zdebug(name, self._bytes(name, old))
            return b""
        if s.type == SHT_NOBITS:
            return b""
        raw = self._bytes(name, s)
        return self._unpack(name, raw, s.offset) if s.flags & SHF_COMPRESSED else raw

    def _bytes(self, name: str, s: Section) -> memoryview:
        if s.offset + s.size > len(self._data):
            raise GosnapError(
                f"{self.label}: truncated: section {name} needs {s.size} bytes at offset {s.offset}, "
                f"the file has {len(self._data)}",
                "copy the file again, and compare the sizes",
            )
        return memoryview(self._data)[s.offset : s.offset + s.size]

    def _unpack(self, name: str, raw: memoryview, offset: int) -> bytes:
        """Elf64_Chdr: type u32, reserved u32, size u64, alignment u64, then the packed bytes."""
        if len(raw) < 24:
            raise GosnapError(f"{self.label}: offset {offset}: section {name} is too short for its header")
        kind, _, size, _ = struct.unpack_from("<IIQQ", raw, 0)
        if kind not in (_ELFCOMPRESS_ZLIB, _ELFCOMPRESS_ZSTD):
            raise GosnapError(f"{self.label}: offset {offset}: section {name} is packed by method {kind}")
        return self._inflate(name, raw[24:], size, offset, zstd=kind == _ELFCOMPRESS_ZSTD)

    def _unpack_zdebug(self, name: str, raw: memoryview) -> bytes:
        """The older form: "ZLIB" and the size as a big-endian u64."""
        offset = self.sections[".z" + name[1:]].offset
        if len(raw) < 12 or bytes(raw[:4]) != b"ZLIB":
            raise GosnapError(f"{self.label}: offset {offset}: section .z{name[1:]} does not begin with ZLIB")
        size = struct.unpack_from(">Q", raw, 4)[0]
        return self._inflate(name, raw[12:], size, offset, zstd=False)

    def _inflate(self, name: str, raw: memoryview, size: int, offset: int, *, zstd: bool) -> bytes:
        what = f"{self.label}: offset {offset}: section {name}"
        if size > len(raw) * (_MAX_RATIO if not zstd else 1 << 16) + 64:
            raise GosnapError(f"{what} claims {size} bytes, packed into {len(raw)}")
        try:
            if zstd:
                from gosnap.binary.zstd import decompress

                out = decompress(raw, size)
            else:
                unpacker = zlib.decompressobj()
                out = unpacker.decompress(raw, size + 1)
        except (zlib.error, ValueError) as e:
            raise GosnapError(
                f"{what} does not decompress: {e}", "copy the file again, or rebuild it"
            ) from None
        if len(out) != size:
            raise GosnapError(f"{what} decompresses to {len(out)} bytes, expected {size}")
        return out

    @cached_property
    def _symbols(self) -> tuple[bytes | memoryview, bytes]:
        """.symtab, and its strings."""
        return self.section(".symtab"), bytes(self.section(".strtab"))

    def symbol(self, name: str) -> tuple[int, int] | None:
        """(link-time address, size) of a defined symbol; None if the symbol table does not have it."""
        table, strings = self._symbols
        wanted = name.encode() + b"\0"
        places = array("Q")
        at = -1
        # linkers may store a name as the tail of a longer one, so every occurrence counts
        while (at := strings.find(wanted, at + 1)) >= 0:
            places.append(at)
        return callsites.symbol(table, places)

    def _note(self, owner: str, kind: int) -> bytes | None:
        # Go's linker has a segment for one note only: others are found by their sections (Go >= 1.24)
        places = [(s.offset, s.filesz) for s in self.segments if s.type == PT_NOTE]
        places += [(s.offset, s.size) for s in self.sections.values() if s.type == SHT_NOTE]
        for offset, size in places:
            if size > _MAX_NOTES or offset + size > len(self._data):
                continue
            raw = self._data[offset : offset + size]
            for name, number, desc in elfhead.notes(raw, self.label, offset):
                if name == owner and number == kind:
                    return desc
        return None

    @cached_property
    def go_build_id(self) -> str | None:
        """The Go linker's build id (cmd/link -buildid)."""
        raw = self._note("Go", _NOTE_GO_BUILD_ID)
        return raw.decode("utf-8", "replace") if raw is not None else None

    @cached_property
    def gnu_build_id(self) -> str | None:
        """The GNU build id, as hexadecimal digits."""
        raw = self._note("GNU", _NOTE_GNU_BUILD_ID)
        return raw.hex() if raw is not None else None

    def go_version(self) -> str | None:
        """The version in the Go build information, "go1.26.6" say; None where there is none."""
        at, size = elfhead.find_buildinfo(self._data, self.head, self.sections)
        return elfhead.buildinfo_version(self._data[at : at + size]) if size else None
