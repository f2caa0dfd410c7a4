"""Small ELF executables and cores, written by hand after elf(5) and <linux/elfcore.h>."""

import struct
from dataclasses import dataclass, field

BASE = 0x400000
DATA = 0x500000
STACK = 0x7FFC00000000
ENTRY = BASE + 0x200
BUILDINFO = b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.26.6\x03mod"


def header(kind: int, entry: int, phnum: int, machine: int = 62) -> bytes:
    return (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56, phnum, 64, 0, 0)
    )


def phdr(kind: int, flags: int, offset: int, vaddr: int, *sizes: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, offset, vaddr, 0, *sizes, 4096)


def note(name: str, kind: int, desc: bytes) -> bytes:
    raw = name.encode() + b"\0"
    return (
        struct.pack("<III", len(raw), len(desc), kind)
        + raw.ljust(len(raw) + 3 & ~3, b"\0")
        + desc.ljust(len(desc) + 3 & ~3, b"\0")
    )


def executable(build_id: str = "one", data: bytes = b"", text: bytes = b"") -> bytes:
    """A program: text with the header and a Go build id, read-only data, data with the build information."""
    ident = note("Go", 4, build_id.encode())
    table = (
        phdr(1, 5, 0, BASE, 0x1000, 0x1000)
        + phdr(1, 4, 0x1000, BASE + 0x1000, 0x1000, 0x1000)
        + phdr(1, 6, 0x2000, DATA, 0x1000, 0x3000)
        + phdr(4, 4, 0x180, BASE + 0x180, len(ident), len(ident))
    )
    first = (header(2, ENTRY, 4) + table).ljust(0x180, b"\0") + ident
    rodata = b"read-only data ".ljust(0x1000, b"r")
    words = data or struct.pack("<128Q", *(BASE + 0x1000 + i * 16 for i in range(128)))
    return (
        (first.ljust(0x400, b"\xcc") + text).ljust(0x1000, b"\0")
        + rodata
        + (BUILDINFO.ljust(256, b"\0") + words).ljust(0x1000, b"\0")
    )


def prstatus(tid: int, rip: int) -> bytes:
    registers = [0] * 27
    registers[16] = rip
    return bytes(32) + struct.pack("<i", tid) + bytes(76) + struct.pack("<27Q", *registers) + bytes(8)


def prpsinfo(pid: int, name: str, arguments: str) -> bytes:
    return (
        bytes(24)
        + struct.pack("<iiii", pid, 1, 1, 1)
        + name.encode().ljust(16, b"\0")
        + arguments.encode().ljust(80, b"\0")
    )


def ntfile(rows: list[tuple[int, int, int, str]]) -> bytes:
    out = struct.pack("<QQ", len(rows), 4096)
    for start, end, offset, _ in rows:
        out += struct.pack("<QQQ", start, end, offset // 4096)
    return out + b"".join(r[3].encode() + b"\0" for r in rows)


@dataclass
class Core:
    """A core of ``executable()``: the kernel's, with the header page of the text only."""

    program: bytes
    path: str = "/nowhere/server"
    text: int = 0x1000
    threads: tuple[int, ...] = (4242, 4243)
    auxv: dict[int, int] = field(default_factory=lambda: {9: ENTRY, 3: BASE + 64, 5: 4})
    extra: bytes = b""
    stack: bytes = b"stack".ljust(0x1000, b"s")
    mapped: list[tuple[int, int, int, str]] = field(default_factory=list)
    """More rows of NT_FILE."""
    segments: list[tuple[int, int, bytes, int]] = field(default_factory=list)
    """More PT_LOADs: flags, address, bytes, size."""

    def notes(self) -> bytes:
        rows = [(BASE, BASE + 0x1000, 0, self.path), (BASE + 0x1000, BASE + 0x2000, 0x1000, self.path)]
        auxv = b"".join(struct.pack("<QQ", k, v) for k, v in [*self.auxv.items(), (0, 0)])
        return (
            note("CORE", 1, prstatus(self.threads[0], ENTRY))
            + note("CORE", 3, prpsinfo(4242, "server", "server -v "))
            + note("CORE", 6, auxv)
            + note(
                "CORE", 0x46494C45, ntfile([*rows, (DATA, DATA + 0x1000, 0x2000, self.path), *self.mapped])
            )
            + b"".join(note("CORE", 1, prstatus(t, ENTRY)) for t in self.threads[1:])
            + self.extra
        )

    def build(self) -> bytes:
        notes = self.notes()
        data = bytearray(self.program[0x2000:0x3000].ljust(0x3000, b"\0"))
        data[0x2000:0x2004] = b"heap"
        parts = [
            (5, BASE, self.program[: self.text], 0x1000),
            (4, BASE + 0x1000, b"", 0x1000),
            (6, DATA, bytes(data), 0x3000),
            *self.segments,
            (6, STACK, self.stack, 0x2000),
        ]
        at = 64 + 56 * (len(parts) + 1)
        table = phdr(4, 0, at, 0, len(notes), 0)
        body = notes
        for flags, vaddr, raw, memsz in parts:
            table += phdr(1, flags, at + len(body), vaddr, len(raw), memsz)
            body += raw
        return header(4, 0, len(parts) + 1) + table + body
