"""A Go program that runs on while it is read."""

import platform
import time
from pathlib import Path

import numpy as np

from gosnap.binary.elf import ElfFile
from gosnap.binary.elfhead import PF_W, PT_LOAD
from gosnap.goruntime.program import GoProgram, check_is_go, load_bias, remark_on
from gosnap.target import procfs
from gosnap.target.image import Image, Threads
from gosnap.target.peek import RunningSpace


def open_running(pid: int) -> GoProgram:
    """The program of a process, without stopping it. What the file holds and nobody can write to is read
    from there. GosnapError for what is no Go program, or not ours to read."""
    from gosnap.binary.dwarf import GoDwarf

    procfs.check(pid)
    exe = f"/proc/{pid}/exe"
    try:
        label = str(Path(exe).readlink())
    except PermissionError:
        raise procfs.permission_error(pid) from None
    except OSError as e:
        raise procfs.lost(pid, e) from None
    elf = ElfFile.open(exe, label)
    version = elf.go_version()
    check_is_go(elf)
    mappings = procfs.read_maps(pid)
    space = RunningSpace(pid, mappings)
    image = Image(
        space=space,
        source="running",
        pid=pid,
        program=Path(label.removesuffix(" (deleted)")).name,
        exe_path=exe,
        exe_label=label,
        cmdline=procfs.cmdline(pid),
        mappings=mappings,
        threads=Threads(np.zeros(0, np.int64), np.zeros((0, 27), np.uint64)),
        taken_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        kernel=platform.release(),
        hostname=platform.node(),
    )
    if remark := remark_on(version or "", label):
        image.notes.append(remark)
    bias = load_bias(image, elf)
    for s in elf.segments:
        if s.type == PT_LOAD and not s.flags & PF_W and s.filesz:
            space.add_region(s.vaddr + bias, elf.file_bytes(s.offset, s.filesz))
    return GoProgram(image, elf, GoDwarf(elf) if elf.has_dwarf else None)
