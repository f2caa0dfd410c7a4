"""Write src/gosnap/goruntime/layouttable.py from the DWARF of one program per Go version.

    python tools/layout_table.py PROGRAM...

The table is for programs without DWARF. Only structures that those are read by are in it.
"""

import subprocess
import sys
from pathlib import Path

from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.goruntime.layout import Layouts
from gosnap.goruntime.program import minor_version

HEAD = '"""Layouts of the runtime for programs without DWARF. Written by tools/layout_table.py."""'
OUT = Path(__file__).resolve().parent.parent / "src" / "gosnap" / "goruntime" / "layouttable.py"
WANTED = {
    "runtime.moduledata": (
        *("funcnametab", "cutab", "filetab", "pctab", "pclntable", "ftab", "minpc", "maxpc", "text", "etext"),
        *("noptrdata", "data", "edata", "bss", "ebss", "enoptrbss", "types", "etypes", "rodata", "gofunc"),
        "next",
    ),
    "runtime._func": (
        *("entryOff", "nameOff", "args", "deferreturn", "pcsp", "pcfile", "pcln", "npcdata", "cuOffset"),
        *("startLine", "funcID", "flag", "nfuncdata"),
    ),
    "runtime.bucket": ("next", "allnext", "typ", "hash", "size", "nstk"),
    "runtime.memRecord": ("active", "future"),
    "runtime.memRecordCycle": ("allocs", "frees", "alloc_bytes", "free_bytes"),
}
CONSTANTS = (
    *("internal/abi.FuncIDWrapper", "internal/abi.FuncID_gopanic", "internal/abi.FuncID_sigpanic"),
    *("internal/abi.FuncID_panicwrap", "runtime.memProfile"),
)


def main(paths: list[str]) -> None:
    structs: dict[int, dict[str, tuple[int, dict[str, tuple[int, int]]]]] = {}
    constants: dict[int, dict[str, int]] = {}
    for path in paths:
        elf = ElfFile.open(path)
        dwarf = GoDwarf(elf)
        lay = Layouts(dwarf.types)
        minor = minor_version(elf.go_version() or "")
        structs[minor] = {
            struct: (
                lay.size(struct),
                {name: (f.offset, f.size) for name in fields if (f := lay.find(struct, name)) is not None},
            )
            for struct, fields in WANTED.items()
        }
        constants[minor] = {n: v for n in CONSTANTS if (v := dwarf.constants.get(n)) is not None}
    OUT.write_text(
        f"""{HEAD}

STRUCTS: dict[int, dict[str, tuple[int, dict[str, tuple[int, int]]]]] = {dict(sorted(structs.items()))!r}
\"\"\"Go 1.N -> structure -> (size, field -> (offset, size)).\"\"\"

CONSTANTS: dict[int, dict[str, int]] = {dict(sorted(constants.items()))!r}
\"\"\"Go 1.N -> constant -> value.\"\"\"
"""
    )
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(OUT)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
