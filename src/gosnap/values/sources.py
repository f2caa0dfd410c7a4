"""Where values are read of: a process that runs on, a core, or a snapshot with contents."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gosnap.binary.dwarf import Closures
from gosnap.binary.names import Names
from gosnap.errors import GosnapError
from gosnap.goruntime.program import GoProgram, minor_version
from gosnap.values.memory import Memory
from gosnap.values.subject import Holders, ObjectAt, SlotAt, Subject, Variables, of_program

if TYPE_CHECKING:
    from gosnap.heap.columns import Columns
    from gosnap.heap.snapshot import Snapshot

_PAGE = 8192
_MOST_BYTES = 1 << 46
_MOST_HOLDERS = 100


def of_process(pid: int) -> Subject:
    """A running process, which is never stopped. GosnapError for what is no Go program, has no DWARF, or is
    not ours to read."""
    from gosnap.goruntime.running import open_running

    program = open_running(pid, cached=True)
    return of_program(program, f"{program.image.program} (pid {pid})")


def of_core(path: Path, exe: Path | None = None) -> Subject:
    """An ELF core; ``exe`` as ``gosnap capture --exe`` takes it."""
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.target.core import open_core

    image = open_core(path, exe)
    elf = ElfFile.open(image.exe_path)
    if elf.go_version() is None and elf.symbol("runtime.buildVersion") is None:
        raise GosnapError(f"{image.exe_label}: not a Go program", "gosnap reads Go programs")
    program = GoProgram(image, elf, GoDwarf(elf) if elf.has_dwarf else None)
    return of_program(program, f"{image.program} (core)")


def of_snapshot(snapshot: "Snapshot") -> Subject:
    """A snapshot. GosnapError for one without contents."""
    from gosnap.heap.columns import Columns
    from gosnap.target.stored import StoredSpace

    columns = Columns(snapshot.reader)
    types = columns.static_types
    address = columns.column("globals.address", "<u8").astype(np.uint64, copy=False)
    rows = columns.column("globals.type", "<i4").astype(np.int32, copy=False)
    try:
        names = Names.from_columns(
            {f"name_{part}": snapshot.reader.array(f"globals.name_{part}") for part in ("bytes", "offset")},
            "name",
        )
    except ValueError as e:
        raise columns.wrong(f"the names of variables make no sense ({e})") from None
    if not len(address) == len(rows) == len(names) or bool(((rows < 0) | (rows >= len(types))).any()):
        raise columns.wrong("the variables do not fit the types")
    meta = snapshot.meta
    return Subject(
        label=f"{meta['snapshot']['program']} (pid {meta['snapshot']['pid']})",
        memory=Memory(StoredSpace(snapshot.reader, _untouched(columns, address, types.size[rows]))),
        types=types,
        variables=Variables(address, rows, names),
        minor=minor_version(meta["snapshot"]["go_version"]),
        types_base=columns.types_base,
        functions=lambda: _functions(columns),
        bias=meta["bias"],
        object_at=_object_at(columns),
        holders=_holders(columns),
        slot_at=_slot_at(columns),
    )


def _untouched(
    columns: "Columns", address: "np.ndarray[tuple[int], np.dtype[np.uint64]]", size: object
) -> list[tuple[int, int]]:
    """Memory that reads as zero where the snapshot has no page of it: variables, and spans in use."""
    sizes = np.clip(np.asarray(size, np.int64), 0, 1 << 40).astype(np.uint64)
    good = address < np.uint64(1 << 47)
    low, high = address[good].tolist(), (address[good] + sizes[good]).tolist()
    out = [(a & -4096, (b + 4095) & -4096) for a, b in zip(low, high, strict=True) if a < b]
    for name in ("spans", "spans.manual"):
        start = columns.column(f"{name}.base" if name == "spans" else f"{name}_base", "<u8")
        pages = columns.column(f"{name}.npages" if name == "spans" else f"{name}_npages", "<u8")
        if len(start) != len(pages):
            raise columns.wrong("columns of the spans differ in length")
        for a, n in zip(start.tolist(), pages.tolist(), strict=True):
            if 0 < n * _PAGE < _MOST_BYTES and a < 1 << 47:
                out.append((a, a + n * _PAGE))
    return out


def _functions(columns: "Columns") -> Closures | None:
    """Functions and what they capture; None in a snapshot that does not have where they begin."""
    if not columns.reader.has("closures.pc"):
        return None
    start, offset, rows, captured = columns.captures
    pc = columns.column("closures.pc", "<u8").astype(np.uint64, copy=False)
    try:
        names = Names.from_columns(
            {
                f"function_{part}": columns.reader.array(f"closures.function_{part}")
                for part in ("bytes", "offset")
            },
            "function",
        )
    except ValueError as e:
        raise columns.wrong(f"the names of functions make no sense ({e})") from None
    if not len(pc) == len(names) == len(start) - 1 or bool((pc[1:] < pc[:-1]).any()):
        raise columns.wrong("the functions do not fit what they capture")
    if bool((rows >= len(columns.static_types)).any()):
        raise columns.wrong("what functions capture does not fit the types")
    return Closures(pc, pc, names, start, offset, rows.astype(np.int32), captured)


def _object_at(columns: "Columns") -> ObjectAt:
    """What a snapshot knows of the heap object that holds an address."""
    from gosnap.heap.labels import Labels
    from gosnap.heap.roles import ROLE_SHIFT, Role

    labels = Labels(columns)

    def object_at(address: int) -> tuple[int, int, int] | None:
        index = columns.at(address)
        if index < 0:
            return None
        key = int(columns.types[index])
        skipped = 8 if columns.has_header(index) else 0
        base, size = columns.address(index) + skipped, columns.size(index) - skipped
        role = Role(key >> ROLE_SHIFT)
        if key and role is Role.STRING:
            row = columns.static_types.type_by_name("uint8") or 0
            return row, base, size
        row = labels.base(key)
        if row and role in (Role.ARRAY, Role.CHAN_BUF, Role.MAP_BUCKETS):
            period = labels.period(key)
            return row, base, size // period if period > 0 else 0
        return row, base, -1

    return object_at


def _slot_at(columns: "Columns") -> SlotAt:
    """The slot of an object of the heap."""

    def slot_at(address: int) -> tuple[int, int] | None:
        index = columns.at(address)
        return None if index < 0 else (columns.address(index), columns.size(index))

    return slot_at


def _holders(columns: "Columns") -> Holders:
    """What refers to a heap object, by the fields that do."""
    from gosnap.heap.labels import Labels, words_of

    labels = Labels(columns)

    def holders(address: int, own: int) -> list[str]:
        index = columns.at(address)
        if index < 0:
            return []
        start, target = columns.references
        edges = np.flatnonzero(target == np.uint32(index))[:_MOST_HOLDERS]
        out = []
        for edge in edges.tolist():
            holder = int(np.searchsorted(start, edge, side="right")) - 1
            word = int(words_of(columns, holder)[edge - int(start[holder])])
            at = columns.address(holder)
            if at + word * 8 == own:
                continue
            place = labels.place(holder, word)
            out.append(f"{columns.type_name(holder)}{place.text} in {at:#x}")
        return out

    return holders
