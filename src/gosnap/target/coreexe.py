"""ELF files that a core was made from: opening them, and telling the right one from the wrong one."""

import contextlib
import io
import mmap
import os
import stat
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gosnap.binary import elfhead
from gosnap.binary.elfhead import PF_W, PF_X, PT_LOAD, PT_NOTE, ElfHead, Segment
from gosnap.errors import GosnapError
from gosnap.target.corenotes import AT_ENTRY, AT_PHDR, AT_PHNUM, FileRow
from gosnap.target.space import U64, AddressSpace

PAGE = 4096
NT_GNU_BUILD_ID, NT_GO_BUILD_ID = 3, 4
"""Types of notes: <elf.h>, and cmd/link/internal/ld/elf.go."""

_COMPARED = 1 << 16
_COMPARED_DATA = 1 << 24
_MAX_SEGMENTS = 256
_INT3 = 0xCC
_PACKED = {
    b"\x28\xb5\x2f\xfd": "zstd -d",
    b"\x1f\x8b": "gunzip",
    b"\xfd7zXZ": "unxz",
    b"\x04\x22\x4d\x18": "lz4 -d",
}


@dataclass
class MappedFile:
    """An ELF file in our memory, page by page as it is needed: never read whole.

    ``data`` is its whole length, u8, read-only. Should somebody shorten the file meanwhile, a read behind
    its new end is a SIGBUS, as with every mapped file.
    """

    label: str
    area: mmap.mmap
    data: npt.NDArray[np.uint8]
    head: ElfHead
    mtime_ns: int
    is_go: bool = False
    buildinfo: tuple[int, int] = (0, 0)
    """File offset and bytes of the Go build information."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    @property
    def host(self) -> int:
        """Where byte 0 lies in our memory; the last page is there to its end and reads as zero there."""
        return int(self.data.ctypes.data)

    def piece(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes; fewer at the end of the file."""
        return self.data[max(offset, 0) : max(offset + size, 0)].tobytes()

    def loads(self) -> list[Segment]:
        """The loaded segments that have bytes in the file, the first ones of a great many."""
        found = (s for s in self.head.segments if s.type == PT_LOAD and s.filesz)
        return [s for s, _ in zip(found, range(_MAX_SEGMENTS), strict=False)]


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a regular file to read; GosnapError, which names it, for anything else and where that fails."""
    try:
        # Not to wait for a writer, should the name be that of a pipe.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as e:
        raise GosnapError(f"{path}: {getattr(e, 'strerror', None) or e}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise GosnapError(f"{path}: not a regular file")
    return open(fd, "rb")


def open_elf(path: str | Path, *, program: bool = False) -> MappedFile:
    """Maps an ELF file for amd64; GosnapError, which names it, where it is not one, OSError's reasons
    included.

    With ``program`` its Go build information is looked for too.
    """
    label = str(path)
    with open_regular(path) as f:
        fd = f.fileno()
        facts = os.fstat(fd)
        if not facts.st_size:
            raise GosnapError(f"{label}: the file is empty", "was the disk full when it was written?")
        try:
            head = elfhead.read_head(f, label)
            area = mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        except GosnapError as e:
            f.seek(0)
            raise _packed(e, f.read(8), label) from None
        except (OSError, ValueError, OverflowError) as e:
            raise GosnapError(
                f"{label}: its {facts.st_size:,} bytes cannot be mapped: {e}",
                "raise `ulimit -v`, and keep the file on a local disk",
            ) from None
        found = MappedFile(label, area, np.frombuffer(area, dtype=np.uint8), head, facts.st_mtime_ns)
        if program and all(s.offset + s.filesz <= found.size for s in head.segments if s.type == PT_LOAD):
            # Else a segment that lies about its place is named below, when it is compared.
            at, size = elfhead.find_buildinfo(area, head, elfhead.sections(f, head))
            found.buildinfo = at, size
            found.is_go = size > 0 and elfhead.buildinfo_version(found.piece(at, size)) is not None
        return found


def _packed(error: GosnapError, first: bytes, label: str) -> GosnapError:
    for magic, command in _PACKED.items():
        if first.startswith(magic):
            return GosnapError(error.message, f"it is compressed: unpack it first (`{command} {label}`)")
    return error


def build_ids(page: bytes | memoryview, head: ElfHead) -> dict[str, str]:
    """The build ids that lie within the first bytes of an ELF file, by the notes that ``head`` names.

    {"Go": the text of Go's own id, "GNU": the GNU id in hexadecimal}; what is not there is left out.
    """
    out: dict[str, str] = {}
    found = [s for s in head.segments[: 1 << 16] if s.type == PT_NOTE]
    for s in found[:16]:
        if s.offset + s.filesz > len(page) or s.filesz > _COMPARED:
            continue
        with contextlib.suppress(GosnapError):
            raw = bytes(page[s.offset : s.offset + s.filesz])
            for name, kind, desc in elfhead.notes(raw, head.label, s.offset):
                if name == "Go" and kind == NT_GO_BUILD_ID and desc:
                    out.setdefault("Go", desc.rstrip(b"\0").decode("ascii", "backslashreplace"))
                elif name == "GNU" and kind == NT_GNU_BUILD_ID and desc:
                    out.setdefault("GNU", desc.hex())
    return out


@dataclass
class Rows:
    """NT_FILE by address. GosnapError where two mappings overlap."""

    rows: list[FileRow]
    label: str
    starts: list[int] = field(default_factory=list)
    paths: dict[str, list[FileRow]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows.sort(key=lambda r: r.start)
        self.starts = [r.start for r in self.rows]
        for r in self.rows:
            self.paths.setdefault(r.path, []).append(r)
        for a, b in zip(self.rows, self.rows[1:], strict=False):
            if a.end > b.start:
                raise GosnapError(
                    f"{self.label}: NT_FILE: the mapping at {b.start:#x} overlaps that at {a.start:#x}"
                )

    def at(self, address: int) -> FileRow | None:
        """The mapping that holds an address."""
        i = bisect_right(self.starts, address) - 1
        return self.rows[i] if i >= 0 and address < self.rows[i].end else None

    def within(self, start: int, end: int) -> Sequence[FileRow]:
        """The mappings that share bytes with [start, end)."""
        i = max(bisect_right(self.starts, start) - 1, 0)
        return [r for r in self.rows[i : bisect_right(self.starts, end)] if r.start < end and start < r.end]

    def of(self, path: str) -> list[FileRow]:
        """The mappings of one file."""
        return self.paths.get(path, [])


def floor(value: int) -> int:
    """The start of the page that holds an address or offset."""
    return value & ~(PAGE - 1)


def load_bias(file: MappedFile, mine: Sequence[FileRow], auxv: dict[int, int]) -> int | None:
    """What the process added to the file's addresses: 0 unless it is position independent, None where
    nothing tells."""
    loads = file.loads()
    if file.head.type != elfhead.ET_DYN or not loads:
        return 0
    first = min(loads, key=lambda s: s.vaddr)
    starts = [r.start for r in mine if r.offset == floor(first.offset)]
    if starts:
        return min(starts) - floor(first.vaddr)
    headers = headers_address(file)
    if AT_PHDR in auxv and headers is not None:
        return auxv[AT_PHDR] - headers
    if AT_ENTRY in auxv:
        return auxv[AT_ENTRY] - file.head.entry
    return None


def headers_address(file: MappedFile) -> int | None:
    """Where the program headers are linked to lie; None when no segment loads them."""
    at = file.head.phoff
    return next((s.vaddr + at - s.offset for s in file.loads() if 0 <= at - s.offset < s.filesz), None)


def held(space: AddressSpace, address: int, limit: int) -> bytes:
    """The bytes from an address on without a gap, at most ``limit``; empty where there are none."""
    if not 0 <= address < 1 << 64:
        return b""
    i = int(np.searchsorted(space.end, np.uint64(address), side="right"))
    end = address
    # A program's data is several mappings once a part of it was made read-only.
    while i < len(space.start) and int(space.start[i]) <= end < address + limit:
        end = int(space.end[i])
        i += 1
    return space.read(address, min(limit, end - address)) if end > address else b""


def difference(space: AddressSpace, rows: Rows, path: str, auxv: dict[int, int], file: MappedFile) -> str:
    """Why a file is not what the process had mapped as ``path``: the end of a sentence; empty when it fits.

    ``space`` holds what the core itself holds, nothing else; ``auxv`` is empty for a shared library. Checked
    are, as far as the core has them: build ids, entry point and program headers, the places of the segments,
    their first bytes, and initialised data that cannot have changed.
    """
    mine = rows.of(path)
    bias = load_bias(file, mine, auxv)
    if bias is None:
        return ""
    head = _mapped_head(space, mine, bias, file)
    return (
        _ids_differ(head, file)
        or _headers_differ(auxv, bias, file)
        or _places_differ(rows, path, bias, file)
        or _first_pages_differ(space, bias, file, head and head[1])
        or _data_differs(space, bias, file)
    )


def is_loaded(rows: Rows, path: str, file: MappedFile) -> bool:
    """Whether a mapped file is a module of the process: its code is mapped where its headers place it."""
    bias = load_bias(file, rows.of(path), {})
    code = [s for s in file.loads() if s.flags & PF_X]
    found = [rows.at(floor(s.vaddr) + (bias or 0)) for s in code]
    return bool(code) and all(r is not None and r.path == path for r in found)


def _mapped_head(
    space: AddressSpace, mine: Sequence[FileRow], bias: int, file: MappedFile
) -> tuple[bytes, ElfHead] | None:
    """The file's first bytes as the core holds them, with their headers; None where it does not."""
    bases = [r.start for r in mine if r.offset == 0]
    bases += [s.vaddr + bias for s in file.loads() if s.offset == 0]
    page = next((p for p in (held(space, b, _COMPARED) for b in bases) if p[:4] == b"\x7fELF"), b"")
    if not page:
        return None
    try:
        return page, elfhead.read_head(io.BytesIO(page), file.label)
    except GosnapError:
        return page, file.head  # the headers go on behind what the core holds


def _ids_differ(mapped: tuple[bytes, ElfHead] | None, file: MappedFile) -> str:
    if mapped is None:
        return ""
    page, head = mapped
    theirs, ours = build_ids(page, head), build_ids(file.piece(0, 1 << 20), file.head)
    for kind in ("Go", "GNU"):
        if kind in theirs and kind in ours and theirs[kind] != ours[kind]:
            return f"it has the {kind} build id {ours[kind]}, the core's is {theirs[kind]}"
    if head.type != file.head.type:
        return f"it is of ELF type {file.head.type}, the core's of {head.type}"
    return ""


def _headers_differ(auxv: dict[int, int], bias: int, file: MappedFile) -> str:
    entry = file.head.entry + bias
    if auxv.get(AT_ENTRY, entry) != entry:
        return f"its entry point is {entry:#x}, the core's is {auxv[AT_ENTRY]:#x}"
    if auxv.get(AT_PHNUM, file.head.phnum) != file.head.phnum:
        return f"it has {file.head.phnum} program headers, not {auxv[AT_PHNUM]}"
    headers = headers_address(file)
    if headers is not None and auxv.get(AT_PHDR, headers + bias) != headers + bias:
        return f"its program headers lie at {headers + bias:#x}, the core's at {auxv[AT_PHDR]:#x}"
    return ""


def _places_differ(rows: Rows, path: str, bias: int, file: MappedFile) -> str:
    for s in file.loads():
        if s.offset + s.filesz > file.size:
            return (
                f"it has {file.size:,} bytes, but its segment at offset {s.offset:,} "
                f"ends at {s.offset + s.filesz:,}"
            )
        start = floor(s.vaddr) + bias
        row = rows.at(start)
        # No mapping there, or another file's: the process put its own pages there (text in huge pages, say).
        if row and row.path == path and row.offset + start - row.start != floor(s.offset):
            return (
                f"its segment at {start:#x} lies at offset {floor(s.offset):#x} of the file, "
                f"the core's at {row.offset + start - row.start:#x}"
            )
    return ""


def _first_pages_differ(space: AddressSpace, bias: int, file: MappedFile, head: ElfHead | None) -> str:
    # `strip` and `objcopy` rewrite the headers and move the table of sections, which Go's linker puts behind
    # them; what counts in them has been compared by its meaning.
    tables = [(0, 64)]
    for h in (file.head, head or file.head):
        tables += [(h.phoff, h.phoff + 56 * h.phnum), (h.shoff, h.shoff + 64 * h.shnum)]
    for s in file.loads():
        if s.flags & PF_W:
            continue
        raw = held(space, s.vaddr + bias, min(s.filesz, _COMPARED))
        theirs = np.frombuffer(raw, dtype=np.uint8)
        ours = file.data[s.offset : s.offset + len(theirs)]
        # An int3 is a breakpoint that a debugger or a uprobe left there.
        unlike = (theirs[: len(ours)] != ours) & (theirs[: len(ours)] != _INT3)
        for low, high in tables:
            unlike[max(low - s.offset, 0) : max(high - s.offset, 0)] = False
        if unlike.any():
            return f"their first pages differ (at file offset {s.offset + int(np.argmax(unlike)):#x})"
    return ""


def _data_differs(space: AddressSpace, bias: int, file: MappedFile) -> str:
    said = "their initialised data differs"
    readonly = [s for s in file.loads() if not s.flags & PF_W]
    low = min((s.vaddr for s in readonly), default=0)
    high = min(max((s.vaddr + s.memsz for s in readonly), default=0), (1 << 64) - 1)
    for s in [s for s in file.loads() if s.flags & PF_W][:16]:
        at, info = file.buildinfo[0], _constant_buildinfo(file)
        if info and s.offset <= at < s.offset + s.filesz:
            theirs = held(space, s.vaddr + bias + at - s.offset, len(info))
            if theirs != info[: len(theirs)]:
                return f"{said} (build information at file offset {at:#x})"
        # Words of a position independent file are not what the linker at run time makes of them.
        if file.head.type == elfhead.ET_DYN or low >= high:
            continue
        skip = -s.vaddr % 8
        raw = held(space, s.vaddr + skip, max(min(s.filesz - skip, _COMPARED_DATA), 0))
        ours = file.piece(s.offset + skip, len(raw))
        count = min(len(raw), len(ours)) // 8
        mine, theirs_at = (np.frombuffer(b, dtype="<u8", count=count) for b in (ours, raw))
        if count and _pointers_differ(mine, theirs_at, np.uint64(low), np.uint64(high)):
            return f"{said} (pointers to constants in the segment at file offset {s.offset:#x})"
    return ""


def _pointers_differ(ours: U64, theirs: U64, low: np.uint64, high: np.uint64) -> bool:
    """Whether words of the file that point to constants, in [low, high), point elsewhere in the core.

    A program may set a few of them anew: most are types, functions and texts that it never touches.
    """
    pointing = (ours >= low) & (ours < high)
    both = pointing & (theirs >= low) & (theirs < high)
    equal, pairs, all_of_them = (int(np.count_nonzero(m)) for m in (both & (ours == theirs), both, pointing))
    return (pairs >= 16 and equal * 4 < pairs * 3) or (all_of_them >= 64 and equal * 8 < all_of_them)


def _constant_buildinfo(file: MappedFile) -> bytes:
    """The part of the build information that never changes: with Go 1.18 and later two strings inline
    (debug/buildinfo), before that only the header."""
    if not file.is_go:
        return b""
    at, size = file.buildinfo
    raw = file.piece(at, min(size, _COMPARED))
    if len(raw) < 34 or not raw[15] & 2:
        return raw[:16]
    end = 32
    for _ in range(2):
        length, shift = 0, 0
        while end < len(raw) and shift < 35:
            length |= (raw[end] & 0x7F) << shift
            shift += 7
            end += 1
            if raw[end - 1] < 0x80:
                break
        end += length
    return raw[:end]
