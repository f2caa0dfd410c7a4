"""A Go program that runs on while it is read."""

from __future__ import annotations

import os
import time

from gosnap.binary.elf import ElfFile
from gosnap.binary.elfhead import PF_W, PT_LOAD
from gosnap.goruntime.layout import is_shipped
from gosnap.goruntime.program import GoProgram, check_is_go, load_bias, remark_on
from gosnap.target import procfs
from gosnap.target.image import Image, Threads
from gosnap.target.peek import RunningSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NONE: Any = memoryview(b"")
"""Columns of threads that are not stopped: nothing is known of them."""


def open_running(pid: int, *, dwarf: bool = True, cached: bool = False) -> GoProgram:
    """The program of a process, without stopping it. What the file holds and nobody can write to is read
    from there. ``dwarf`` False: its DWARF is not looked at where the shipped table has the very Go version;
    ``cached``: use and keep what was read of it (gosnap.binary.dwarfindex). GosnapError for what is no Go
    program, or not ours to read."""
    procfs.check(pid)
    exe = f"/proc/{pid}/exe"
    try:
        label = os.readlink(exe)  # noqa: PTH115 (pathlib takes longer to import)
    except PermissionError:
        raise procfs.permission_error(pid) from None
    except OSError as e:
        raise procfs.lost(pid, e) from None
    elf = ElfFile.open(exe, label)
    version = elf.go_version()
    check_is_go(elf)
    mappings = procfs.read_maps(pid, plain=True)
    space = RunningSpace(pid, mappings)
    image = Image(
        space=space,
        source="running",
        pid=pid,
        program=os.path.basename(label.removesuffix(" (deleted)")),  # noqa: PTH119
        exe_path=exe,
        exe_label=label,
        cmdline=procfs.cmdline(pid),
        mappings=mappings,
        threads=Threads(_NONE, _NONE),
        taken_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        kernel=os.uname().release,
        hostname=os.uname().nodename,
    )
    if remark := remark_on(version or "", label):
        image.notes.append(remark)
    bias = load_bias(image, elf)
    for s in elf.segments:
        if s.type == PT_LOAD and not s.flags & PF_W and s.filesz:
            space.add_region(s.vaddr + bias, elf.file_bytes(s.offset, s.filesz))
    if not elf.has_dwarf or (not dwarf and is_shipped(version or "")):
        return GoProgram(image, elf, None)
    if cached:
        from gosnap.binary.dwarfindex import load_dwarf

        return GoProgram(image, elf, load_dwarf(elf))
    from gosnap.binary.dwarf import GoDwarf

    return GoProgram(image, elf, GoDwarf(elf))
