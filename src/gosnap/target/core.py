"""A target's memory from an ELF core: what the core holds, and from the files below it what it leaves out.

Formats: elf(5), core(5), <linux/elfcore.h>. The kernel (vma_dump_size in fs/coredump.c, with the default
coredump_filter) leaves out what a mapping of a file holds unchanged, but for the first page of an ELF file,
and memory that was never touched; gdb's gcore leaves out read-only parts of files that it knows
(gcore_create_callback in gdb/gcore.c).
"""

import contextlib
import os
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gosnap.binary.elfhead import ET_CORE, PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE, Segment
from gosnap.errors import GosnapError, ReadError
from gosnap.target import pages
from gosnap.target.coreexe import (
    PAGE,
    MappedFile,
    Rows,
    build_ids,
    difference,
    floor,
    is_loaded,
    load_bias,
    open_elf,
    open_regular,
)
from gosnap.target.corenotes import (
    AT_ENTRY,
    AT_EXECFN,
    AT_PHDR,
    AT_SYSINFO_EHDR,
    CoreNotes,
    FileRow,
    parse_notes,
    stack_cmdline,
    text,
)
from gosnap.target.image import REGISTERS, Image, Mappings, Resident, Threads
from gosnap.target.space import AddressSpace

__all__ = ["build_ids", "is_core", "open_core", "parse_notes"]

_MAX_NOTE_BYTES = 1 << 30
_MAX_MODULES = 256
_NAMED = 20
_HINT = "give the executable that was running with --exe FILE"


def is_core(path: str | Path) -> bool:
    """Whether a file begins as an ELF core does; False also for what cannot be opened."""
    try:
        with open_regular(path) as f:
            raw = f.read(18)
    except (GosnapError, OSError):
        return False
    return len(raw) == 18 and raw[:4] == b"\x7fELF" and raw[16:18] == bytes((ET_CORE, 0))


@dataclass
class _Core:
    """A core file with its headers and notes read."""

    file: MappedFile
    notes: CoreNotes
    segments: list[Segment]
    """The PT_LOADs by address, none overlapping another."""
    rows: Rows
    space: AddressSpace
    """What the core itself holds."""
    areas: list[Segment] = field(default_factory=list)
    """The PT_LOADs, and what else NT_FILE says was mapped, as segments without bytes in the file."""
    modules: dict[str, MappedFile | None] = field(default_factory=dict)
    """Files to fill from, by their path in NT_FILE; None for those that cannot be used."""
    remarks: list[str] = field(default_factory=list)


def open_core(path: str | Path, exe: Path | None = None) -> Image:
    """The image of a process from its core and its executable; ReadError for memory that neither holds.

    ``exe`` is by default the file that the core names, if it is there and the same. GosnapError for a file
    that is not a core, is damaged or truncated (naming the file, the offset and how many bytes are missing),
    for an executable that is not there, and for one that the core did not come from.

    The core is mapped, not read: a sparse one of terabytes costs nothing. Bytes that it leaves out come from
    the executable and the shared libraries (``Image.notes`` says which of those are not here); writable
    memory of no file was never touched and reads as zero. ``Image.resident``, ``Image.copied_bytes``: dumped
    pages that hold anything but zeros. ``Image.unread_bytes``: what reads as zero because it was not dumped.
    """
    core = _read(open_elf(path))
    label = _label(core)
    program = _executable(core, label, exe)
    if label and core.rows.of(label):
        core.modules[label] = program
    else:
        label = label or program.label
        _place(core, label, program)
    core.areas = _areas(core)
    space, zero = _fill(core)
    resident = _resident(core)
    notes = core.notes
    name = Path(label.removesuffix(" (deleted)")).name
    return Image(
        space=space,
        source="core",
        pid=notes.pid or (notes.tids[0] if notes.tids else 0),
        program=name or notes.program,
        exe_path=program.label,
        exe_label=label,
        cmdline=stack_cmdline(core.space, notes) or notes.cmdline,
        mappings=_mappings(core),
        threads=_threads(notes),
        taken_at=_utc(core.file.mtime_ns),
        resident=resident,
        copied_bytes=pages.total(resident.start, resident.end),
        unread_bytes=zero,
        notes=core.remarks,
    )


def _read(file: MappedFile) -> _Core:
    """Headers and notes; everything that can be wrong with the core alone is refused here."""
    label, head = file.label, file.head
    if head.type != ET_CORE:
        raise GosnapError(
            f"{label}: not a core (ELF type {head.type}, expected {ET_CORE})",
            "the core comes first, the executable is given with --exe FILE",
        )
    used = [s for s in head.segments if s.type in {PT_LOAD, PT_NOTE} and s.filesz]
    last = max(used, key=lambda s: s.offset + s.filesz, default=None)
    if last and last.offset + last.filesz > file.size:
        missing = last.offset + last.filesz - file.size
        raise GosnapError(
            f"{label}: truncated: the segment at offset {last.offset:,} needs {last.filesz:,} bytes, "
            f"but the file ends at {file.size:,}: {missing:,} bytes are missing",
            "`ulimit -c`, a full disk or a broken copy cut it; take it again, and compare the sizes",
        )
    notes = CoreNotes()
    noted = [s for s in used if s.type == PT_NOTE]
    if sum(s.filesz for s in noted) > _MAX_NOTE_BYTES:
        raise GosnapError(f"{label}: offset {noted[0].offset}: more than {_MAX_NOTE_BYTES:,} bytes of notes")
    for s in noted:
        view = memoryview(file.area)[s.offset : s.offset + s.filesz]
        parse_notes(view, label, s.offset, notes)
    segments = sorted((s for s in head.segments if s.type == PT_LOAD and s.memsz), key=lambda s: s.vaddr)
    space = AddressSpace()
    end = 0
    for s in segments:
        if s.filesz > s.memsz or s.vaddr + s.memsz >= 1 << 64:
            raise GosnapError(
                f"{label}: a segment of {s.memsz:,} bytes at {s.vaddr:#x} makes no sense "
                f"({s.filesz:,} bytes at offset {s.offset:,} of the file)"
            )
        if s.vaddr < end:
            raise GosnapError(
                f"{label}: the segment at {s.vaddr:#x} (offset {s.offset:,} of the file) overlaps the one "
                f"that ends at {end:#x}"
            )
        end = s.vaddr + s.memsz
        if s.filesz:
            space.add_host(s.vaddr, s.filesz, file.host + s.offset, file.data)
    return _Core(file, notes, segments, Rows(list(notes.files), label), space)


def _label(core: _Core) -> str:
    """The executable's path as the process knew it; empty where the core does not say.

    Its program headers and its entry point lie in it (AT_PHDR, AT_ENTRY), and the process has its name,
    cut at 15 bytes.
    """
    notes = core.notes
    for kind in (AT_PHDR, AT_ENTRY):
        row = core.rows.at(notes.auxv.get(kind, 0))
        if row:
            return row.path
    for row in core.rows.rows:
        if notes.program and row.path.rpartition("/")[2][:15] == notes.program:
            return row.path
    return _execfn(core)


def _execfn(core: _Core) -> str:
    """What was given to execve, if that is an absolute path: where the working directory was is unknown."""
    try:
        name = text(core.space.cstr(core.notes.auxv.get(AT_EXECFN, 0)))
    except ReadError:
        return ""
    return name if name.startswith("/") else ""


def _executable(core: _Core, label: str, exe: Path | None) -> MappedFile:
    """Opens the executable, and proves as far as the core allows that it is the one."""
    if exe is not None:
        return _proven(core, label, exe, _HINT)
    refused: GosnapError | None = None
    for candidate in dict.fromkeys((label, label.removesuffix(" (deleted)"), _execfn(core))):
        if candidate.startswith("/") and os.path.lexists(candidate):
            try:
                return _proven(core, label, Path(candidate), f"it was replaced since; {_HINT}")
            except GosnapError as e:
                refused = refused or e
    if refused:
        raise refused
    what = f"the executable {label}, which is not here" if label else "the executable of the process"
    raise GosnapError(
        f"{core.file.label}: needs {what}",
        f"{_HINT}; a core holds neither its code nor its DWARF",
    )


def _proven(core: _Core, label: str, path: Path, hint: str) -> MappedFile:
    try:
        program = open_elf(path, program=True)
    except GosnapError as e:
        raise GosnapError(e.message, e.hint or hint) from None
    why = difference(core.space, core.rows, label, core.notes.auxv, program)
    if not program.is_go and "build id" not in why:
        raise GosnapError(f"{path}: not a Go program: it has no Go build information", hint)
    if why:
        raise GosnapError(f"{path}: not the executable that {core.file.label} came from: {why}", hint)
    return program


def _place(core: _Core, label: str, program: MappedFile) -> None:
    """Says where the executable's segments are, for a core whose NT_FILE does not."""
    bias = load_bias(program, (), core.notes.auxv)
    if bias is None:
        raise GosnapError(
            f"{core.file.label}: says neither which files were mapped (NT_FILE) nor where the program starts "
            "(NT_AUXV), so the load address is unknown",
            "take the core with gcore or let the kernel write it",
        )
    core.modules[label] = program
    new: list[FileRow] = []
    for s in program.loads():
        start, end = floor(s.vaddr) + bias, floor(s.vaddr + s.filesz + PAGE - 1) + bias
        if 0 <= start < end < 1 << 64 and not core.rows.within(start, end):
            new.append(FileRow(start, end, floor(s.offset), label))
    core.rows = Rows([*core.rows.rows, *new], core.file.label)


def _areas(core: _Core) -> list[Segment]:
    """gdb leaves read-only mappings of files out of the program headers; their true rights are unknown."""
    out = list(core.segments)
    low = [s.vaddr for s in core.segments]
    for row in core.rows.rows:
        at = row.start
        i = max(bisect_right(low, at) - 1, 0)
        while at < row.end:
            # Skips the segment that holds `at`, and finds the next one.
            while i < len(low) and core.segments[i].vaddr + core.segments[i].memsz <= at:
                i += 1
            start = low[i] if i < len(low) else row.end
            if start > at:
                out.append(Segment(PT_LOAD, PF_R, 0, at, 0, min(start, row.end) - at))
            at = core.segments[i].vaddr + core.segments[i].memsz if i < len(low) else row.end
    return sorted(out, key=lambda s: s.vaddr)


def _fill(core: _Core) -> tuple[AddressSpace, int]:
    """(everything that can be read, bytes of it that read as zero because the core leaves them out)."""
    code = {r.path for s in core.segments if s.flags & PF_X and (r := core.rows.at(s.vaddr))}
    pieces: list[tuple[int, int, int, object]] = []
    zero: list[tuple[int, int]] = []
    lost: dict[str, int] = {}
    for s in core.areas:
        if s.filesz:
            pieces.append((s.vaddr, s.filesz, core.file.host + s.offset, core.file.data))
        at, end = s.vaddr + s.filesz, s.vaddr + s.memsz
        for row in core.rows.within(at, end) if at < end else ():
            low, high = max(row.start, at), min(row.end, end)
            if s.flags & PF_W:
                zero.append((at, low))
            module = _module(core, row.path, row.path in code)
            offset = row.offset + low - row.start
            # The kernel fills the last page of a file with zeros; so does our own mapping of it.
            size = min(high - low, floor(module.size + PAGE - 1) - offset) if module else 0
            if module and size > 0:
                pieces.append((low, size, module.host + offset, module.data))
            elif row.path in code:
                lost[row.path] = lost.get(row.path, 0) + high - low
            at = high
        if s.flags & PF_W:
            zero.append((at, end))
    zero = [(low, high) for low, high in zero if low < high]
    space = AddressSpace(zero)
    for low, size, host, owner in sorted(pieces, key=lambda p: p[0]):
        space.add_host(low, size, host, owner)
    for path, size in list(lost.items())[:_NAMED]:
        core.remarks.append(f"{path}: {size:,} bytes of it that the core leaves out cannot be read")
    if len(lost) > _NAMED:
        core.remarks.append(f"and of {len(lost) - _NAMED:,} more files")
    _missing_stacks(core, space)
    return space, sum(high - low for low, high in zero)


def _resident(core: _Core) -> Resident:
    """What the core holds, without pages of zeros: a core has no page table."""
    parts = [(s.vaddr, s.filesz, core.file.host + s.offset, s.offset) for s in core.segments if s.filesz]
    with open_regular(core.file.label) as f:
        return pages.touched(parts, f.fileno())


def _module(core: _Core, path: str, code: bool) -> MappedFile | None:
    """The file of a shared library or plugin, if it is here and the one that was mapped.

    Other files may have been mapped shared and hold something else by now: they are left out, as in a live
    capture. ``code`` says that the core has the file mapped executable; gdb leaves such mappings out.
    """
    if path in core.modules:
        return core.modules[path]
    if not code and len(core.rows.of(path)) < 2:
        return None
    module: MappedFile | None = None
    why = "not an absolute path"
    if len(core.modules) >= _MAX_MODULES:
        why = "too many files are mapped"
    elif path.startswith("/"):
        try:
            module = open_elf(path)
            why = difference(core.space, core.rows, path, {}, module)
        except GosnapError as e:
            why = e.message.removeprefix(f"{path}: ")
    if why and (code or ".so" in path) and len(core.remarks) < _NAMED:
        core.remarks.append(f"{path}: cannot stand in for what was mapped: {why}")
    if module and (why or not (code or is_loaded(core.rows, path, module))):
        module = None
    core.modules[path] = module
    return module


def _missing_stacks(core: _Core, space: AddressSpace) -> None:
    """A core without the memory that stack pointers point to was written without anonymous memory: its
    zeros are not the process's."""
    column = REGISTERS.index("rsp") * 8
    for raw in core.notes.registers[:64]:
        top = int.from_bytes(raw[column : column + 8], "little")
        if not core.space.contains(top) and space.contains(top):
            core.remarks.append(
                f"{core.file.label}: does not hold the stack at {top:#x}: it seems to leave out memory "
                "(coredump_filter), which reads as zero here"
            )
            return


def _mappings(core: _Core) -> Mappings:
    """One row a mapping. Whether a mapping was shared a core does not say: all are given as private.

    ``inode`` numbers the files from 1 on, as the core has no inodes.
    """
    numbers: dict[str, int] = {}
    places: list[tuple[int, int, int, int]] = []
    perms: list[str] = []
    paths: list[str] = []
    auxv = core.notes.auxv
    special = {auxv.get(AT_SYSINFO_EHDR, 0): "[vdso]"}
    for s in core.areas:
        row = core.rows.at(s.vaddr)
        path, offset, inode = special.get(s.vaddr, ""), 0, 0
        if row:
            path, offset = row.path, row.offset + s.vaddr - row.start
            inode = numbers.setdefault(path, len(numbers) + 1)
        elif s.vaddr <= auxv.get(AT_EXECFN, 0) < s.vaddr + s.memsz:
            path = "[stack]"
        places.append((s.vaddr, s.vaddr + s.memsz, offset, inode))
        letters = zip("rwx", (PF_R, PF_W, PF_X), strict=True)
        perms.append("".join(c if s.flags & flag else "-" for c, flag in letters) + "p")
        paths.append(path)
    table = np.array(places, dtype=np.uint64).reshape(-1, 4)
    start, end, offset_, inode_ = (np.ascontiguousarray(table[:, i]) for i in range(4))
    return Mappings(start=start, end=end, perms=perms, offset=offset_, inode=inode_, path=paths)


def _threads(notes: CoreNotes) -> Threads:
    words = np.frombuffer(b"".join(notes.registers), dtype="<u8").reshape(-1, len(REGISTERS))
    return Threads(np.array(notes.tids, dtype=np.int64), words.astype(np.uint64))


def _utc(ns: int) -> str:
    """ISO 8601 with milliseconds, UTC."""
    with contextlib.suppress(OverflowError, OSError, ValueError):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns // 10**6 % 1000:03d}Z"
    return "1970-01-01T00:00:00.000Z"
