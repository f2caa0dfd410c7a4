"""The notes of an ELF core: threads, process, mapped files, auxiliary vector.

Formats: elf(5); struct elf_prstatus and elf_prpsinfo of <linux/elfcore.h> and <linux/elfcore-compat.h>;
fill_files_note and create_elf_tables of fs/binfmt_elf.c in Linux; linux_make_mappings_corefile_notes of
gdb/linux-tdep.c. All numbers are little-endian, all layouts those of x86-64.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gosnap.errors import GosnapError, ReadError
from gosnap.target.space import AddressSpace

NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE = 1, 3, 6, 0x46494C45
AT_PHDR, AT_PHNUM, AT_ENTRY, AT_RANDOM, AT_EXECFN, AT_SYSINFO_EHDR = 3, 5, 9, 25, 31, 33

_MAX_NOTES = 1 << 20
"""The kernel writes about five a thread."""
_MAX_FILES = 1 << 20
_MAX_AUXV = 1 << 12
_REGISTERS = 27 * 8
_STACK_WINDOW = 1 << 23
_MAX_ARGUMENTS = 1 << 16
_MAX_ARGUMENT_BYTES = 1 << 20


@dataclass(frozen=True)
class FileRow:
    """One mapping of NT_FILE: the bytes of [start, end) come from ``path`` at ``offset``, in bytes."""

    start: int
    end: int
    offset: int
    path: str


@dataclass
class CoreNotes:
    """What the notes say. Whatever they lack is empty or 0."""

    files: list[FileRow] = field(default_factory=list)
    """In the order of the note."""
    tids: list[int] = field(default_factory=list)
    registers: list[bytes] = field(default_factory=list)
    """struct user_regs_struct (27 words) of each thread."""
    auxv: dict[int, int] = field(default_factory=dict)
    auxv_raw: bytes = b""
    """As it lies on the stack, up to and with AT_NULL."""
    pid: int = 0
    program: str = ""
    """The first 15 bytes of the command's name."""
    cmdline: list[str] = field(default_factory=list)
    """Arguments, split at blanks from what fits into 80 bytes."""
    count: int = 0
    """Notes seen so far."""


def text(raw: bytes) -> str:
    """Bytes of the target as text that can always be printed and stored, and that stays distinct."""
    return raw.decode("utf-8", "backslashreplace")


def parse_notes(
    raw: bytes | memoryview, label: str, offset: int, found: CoreNotes | None = None
) -> CoreNotes:
    """Reads the bytes of one PT_NOTE segment, which lie at ``offset`` of the file ``label``.

    With ``found`` it adds to what other segments held. GosnapError names the file and the offset of a note
    that is damaged. Notes of other owners than "CORE" and of unknown types are skipped.
    """
    found = found or CoreNotes()
    for at, kind, desc in _core_notes(memoryview(raw), label, offset, found):
        if kind == NT_PRSTATUS:
            _prstatus(desc, label, at, found)
        elif kind == NT_PRPSINFO:
            _prpsinfo(desc, label, at, found)
        elif kind == NT_AUXV:
            _auxv(desc, found)
        elif kind == NT_FILE:
            _files(desc, label, at, found)
    return found


def _core_notes(
    raw: memoryview, label: str, offset: int, found: CoreNotes
) -> Iterator[tuple[int, int, memoryview]]:
    """(file offset, type, description) of each note named "CORE". Nothing is copied: a lying size costs
    nothing."""
    at = 0
    while at + 12 <= len(raw):
        found.count += 1
        if found.count > _MAX_NOTES:
            raise GosnapError(f"{label}: offset {offset + at}: more than {_MAX_NOTES:,} notes")
        namesz, descsz, kind = struct.unpack_from("<III", raw, at)
        desc = at + 12 + (namesz + 3 & ~3)
        if desc + descsz > len(raw):
            raise GosnapError(
                f"{label}: offset {offset + at}: a note of {namesz}+{descsz} bytes "
                f"does not fit its segment of {len(raw)} bytes"
            )
        # The kernel counts the NUL in, some writers do not.
        if namesz in {4, 5} and bytes(raw[at + 12 : at + 12 + namesz]).rstrip(b"\0") == b"CORE":
            yield offset + at, kind, raw[desc : desc + descsz]
        at = desc + (descsz + 3 & ~3)


def _prstatus(desc: memoryview, label: str, at: int, found: CoreNotes) -> None:
    """struct elf_prstatus: pr_pid at 32, pr_reg at 112."""
    if len(desc) < 112 + _REGISTERS:
        raise GosnapError(
            f"{label}: offset {at}: NT_PRSTATUS of {len(desc)} bytes, expected at least {112 + _REGISTERS}"
        )
    found.tids.append(struct.unpack_from("<i", desc, 32)[0])
    found.registers.append(bytes(desc[112 : 112 + _REGISTERS]))


def _prpsinfo(desc: memoryview, label: str, at: int, found: CoreNotes) -> None:
    """struct elf_prpsinfo: pr_pid at 24, pr_fname at 40 (16 bytes), pr_psargs at 56 (80 bytes)."""
    if len(desc) < 136:
        raise GosnapError(f"{label}: offset {at}: NT_PRPSINFO of {len(desc)} bytes, expected at least 136")
    found.pid = struct.unpack_from("<i", desc, 24)[0]
    found.program = text(bytes(desc[40:56]).split(b"\0")[0])
    found.cmdline = text(bytes(desc[56:136]).split(b"\0")[0]).split()


def _auxv(desc: memoryview, found: CoreNotes) -> None:
    """Pairs of type and value, up to type 0 (getauxval(3))."""
    end = min(len(desc) & ~15, _MAX_AUXV)
    for at in range(0, end, 16):
        kind, value = struct.unpack_from("<QQ", desc, at)
        if kind == 0:
            end = at + 16
            break
        found.auxv[kind] = value
    found.auxv_raw = bytes(desc[:end])


def _files(desc: memoryview, label: str, at: int, found: CoreNotes) -> None:
    """Count and unit of the offsets; (start, end, offset in that unit) a mapping; the names, each with a NUL.

    The unit is the page size in the kernel's cores, 1 in gdb's.
    """
    count, unit = struct.unpack_from("<QQ", desc, 0) if len(desc) >= 16 else (0, 0)
    if len(desc) < 16 or count > (len(desc) - 16) // 24 or len(found.files) + count > _MAX_FILES:
        raise GosnapError(
            f"{label}: offset {at}: NT_FILE of {len(desc)} bytes cannot hold {count:,} mappings"
        )
    names = bytes(desc[16 + 24 * count :]).split(b"\0")
    if len(names) <= count:
        raise GosnapError(
            f"{label}: offset {at}: NT_FILE has {count:,} mappings, but {len(names) - 1:,} names"
        )
    for i in range(count):
        start, end, offset = struct.unpack_from("<QQQ", desc, 16 + 24 * i)
        if start >= end or offset * unit + end - start >= 1 << 63:
            raise GosnapError(
                f"{label}: offset {at}: mapping {i} of NT_FILE makes no sense "
                f"({start:#x}-{end:#x}, file offset {offset:#x} x {unit})"
            )
        found.files.append(FileRow(start, end, offset * unit, text(names[i])))


def stack_cmdline(space: AddressSpace, found: CoreNotes) -> list[str]:
    """The arguments in full, from where the kernel put them: below the auxiliary vector on the stack.

    From low to high addresses: argc, the pointers to the arguments, 0, those to the environment, 0, the
    auxiliary vector, and not far above it the bytes of AT_RANDOM (create_elf_tables). Empty when the core
    does not hold that.
    """
    top = found.auxv.get(AT_RANDOM, 0)
    raw = found.auxv_raw
    at = int(np.searchsorted(space.start, np.uint64(top), side="right")) - 1
    if not raw or at < 0 or top >= int(space.end[at]):
        return []
    low = max(int(space.start[at]), top - _STACK_WINDOW)
    window = space.read(low, top - low)
    where = window.rfind(raw)
    if where < 0 or (low + where) % 8:
        return []
    words = np.frombuffer(window[where % 8 : where], dtype="<u8")
    zeros = np.flatnonzero(words == 0)
    if len(zeros) < 2 or zeros[-1] != len(words) - 1:
        return []
    end = int(zeros[-2])
    # With an empty environment the two zeros are neighbours; argc is the word that equals its distance.
    back = words[max(0, end - _MAX_ARGUMENTS - 1) : end][::-1]
    hits = np.flatnonzero(back == np.arange(len(back), dtype=np.uint64))
    if not len(hits):
        return []
    out: list[str] = []
    left = _MAX_ARGUMENT_BYTES
    try:
        for pointer in back[: int(hits[0])][::-1].tolist():
            argument = space.cstr(pointer, left)
            out.append(text(argument))
            left -= len(argument) + 1
            if left <= 0:
                break
    except ReadError:
        return []
    return out
