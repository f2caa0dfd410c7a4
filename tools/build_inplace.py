"""Build kernels beside their sources, for work with PYTHONPATH=src.

    python tools/build_inplace.py [NAME ...] [--asan]

Without names every kernel is built that is older than its source or than a declaration (.pxd) it may
depend on.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
KERNELS = SOURCE / "gosnap" / "_kernels"
CIMPORT = re.compile(r"^\s*(?:from|cimport)\s+gosnap\._kernels\.(\w+)", re.MULTILINE)


def depends(pyx: Path) -> set[Path]:
    """The source and every declaration that it names, itself or through another."""
    found: set[Path] = set()
    ask = [pyx, pyx.with_suffix(".pxd")]
    while ask:
        path = ask.pop()
        if path not in found and path.exists():
            found.add(path)
            ask += [KERNELS / f"{name}.pxd" for name in CIMPORT.findall(path.read_text())]
    return found


def build(pyx: Path, asan: bool) -> None:
    c = pyx.with_suffix(".c")
    so = pyx.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))
    cython = [sys.executable, "-m", "cython", "-3", "-I", str(SOURCE), "--output-file", str(c), str(pyx)]
    subprocess.run(cython, check=True)
    flags = ["-O1", "-g", "-fsanitize=address"] if asan else ["-O3", "-g0"]
    include = sysconfig.get_paths()["include"]
    tmp = so.with_suffix(".so.tmp")
    cc = ["gcc", "-shared", "-fPIC", "-fno-strict-aliasing", *flags, f"-I{include}", str(c), "-o", str(tmp)]
    subprocess.run(cc, check=True)
    tmp.replace(so)
    c.unlink()
    print(f"built {so.name}")


def main(argv: list[str]) -> None:
    asan = "--asan" in argv
    names = [a for a in argv if not a.startswith("-")]
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    for pyx in sorted(KERNELS.glob("*.pyx")):
        so = pyx.with_suffix(suffix)
        stale = not so.exists() or so.stat().st_mtime < max(p.stat().st_mtime for p in depends(pyx))
        if pyx.stem in names if names else (stale or asan):
            build(pyx, asan)


if __name__ == "__main__":
    main(sys.argv[1:])
