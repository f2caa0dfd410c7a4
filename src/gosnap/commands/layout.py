"""How structures lie in memory: offsets, padding, pointers, size class, and a better order of fields."""

import argparse
from typing import TYPE_CHECKING

from gosnap.commands import common

if TYPE_CHECKING:
    from gosnap.binary.structs import Structs
    from gosnap.heap.snapshot import Snapshot
    from gosnap.heap.views import Row

_MAGIC = b"GOSNAP\r\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="BINARY", help="an executable with DWARF, a process (PID or name), or a .gosnap file"
    )
    parser.add_argument(
        "type", metavar="TYPE", nargs="?", help="a structure: main.User, or item or 'struct item' of C"
    )
    parser.add_argument("--all", action="store_true", help="all structures, what can be saved most first")
    parser.add_argument(
        "--padding", action="store_true", help="with --all: only those with padding, or with a better order"
    )
    parser.add_argument("--match", metavar="REGEX", help="with --all: only structures whose name matches")
    parser.add_argument(
        "--snapshot", metavar="FILE", help="a snapshot of the same program: what its live objects would save"
    )
    common.add_top(parser, 30)
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.errors import UsageError
    from gosnap.heap import padding
    from gosnap.report.text import layout as text

    whole = options.all or options.padding or options.match is not None
    if whole == (options.type is not None):
        raise UsageError(
            "give a structure, or --all"
            if not whole
            else "a structure goes without --all, --padding and --match",
            f"gosnap layout {options.file} main.User",
        )
    structs, facts, own = _open(options.file)
    snapshot = common.open_snapshot(options.snapshot) if options.snapshot else own
    people = padding.population(snapshot) if snapshot is not None else None
    top = common.top(options)
    if whole:
        view = padding.layouts_view(
            structs, facts, people, match=options.match, padding=options.padding, top=top
        )
    else:
        view = padding.layout_view(structs, options.type, facts, people)
    asked = text.Asked(options.file, options.snapshot, whole=whole, padding=options.padding)
    common.emit(options, view, lambda page, v: text.render(page, v, asked))
    return 0


def _open(target: str) -> "tuple[Structs, Row, Snapshot | None]":
    """(structures, facts of the program, the snapshot that they are from)."""
    from pathlib import Path

    from gosnap.heap import padding

    path = Path(target)
    if path.is_file():
        with path.open("rb") as f:
            if f.read(len(_MAGIC)) == _MAGIC:
                snapshot = common.open_snapshot(target)
                return padding.structs_of(snapshot), snapshot.meta["snapshot"], snapshot
        return *_of_executable(target, path.name, 0), None
    if "/" in target:
        from gosnap.errors import GosnapError

        raise GosnapError(f"{target}: no such file", "give an executable, a PID, or a .gosnap file")
    from gosnap.target.procs import exe_of, resolve

    pid = resolve(target)
    return *_of_executable(f"/proc/{pid}/exe", exe_of(pid), pid), None


def _of_executable(path: str, program: str, pid: int) -> "tuple[Structs, Row]":
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.binary.structs import Structs
    from gosnap.target.stop import utc_now

    elf = ElfFile.open(path, f"{program} (pid {pid})" if pid else "")
    dwarf = GoDwarf(elf)
    facts = {
        "program": program,
        "pid": pid,
        "go_version": elf.go_version() or "",
        "arch": "amd64",
        "taken_at": utc_now(),
        "pause_us": 0,
        "source": "executable",
    }
    return Structs(dwarf.types, dwarf.c_details), facts
