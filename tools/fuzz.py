"""Fuzz the kernels, and what reads files around them, under AddressSanitizer.

    python tools/fuzz.py --seconds 60
    python tools/fuzz.py --seed SEED --iteration I    # repeat one failure

Builds the kernels with gcc -fsanitize=address into a temporary directory and feeds them what fuzz_cases.py
makes, in a child process. A failure is a report of AddressSanitizer, a signal, an iteration without an
end, more memory than LIMITS allows, or an exception that no stub documents: exit code 1, with the seed and
the iteration that repeat it.
"""

import argparse
import faulthandler
import importlib
import importlib.machinery
import mmap
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS = "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=2048:hard_rss_limit_mb=4096"
HANG = 120
"""Seconds after which one iteration counts as endless."""
FLAGS = "-shared -fPIC -O1 -g -w -fno-strict-aliasing -fno-omit-frame-pointer -fsanitize=address"


def build(to: Path) -> None:
    """The package with kernels under AddressSanitizer."""
    skip = shutil.ignore_patterns("*.so", "*.c", "__pycache__")
    shutil.copytree(ROOT / "src" / "gosnap", to / "gosnap", ignore=skip)
    include = sysconfig.get_paths()["include"]

    def one(pyx: Path) -> None:
        c, so = pyx.with_suffix(".c"), pyx.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))
        cython = [sys.executable, "-m", "cython", "-3", "-I", str(to), "--output-file", str(c), str(pyx)]
        subprocess.run(cython, check=True)
        subprocess.run(["gcc", *FLAGS.split(), f"-I{include}", str(c), "-o", str(so)], check=True)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(one, sorted((to / "gosnap" / "_kernels").glob("*.pyx"))))


def child(args: argparse.Namespace) -> None:
    """Iterations until the time is over; the file ``state`` keeps their number for when this ends badly."""
    sys.meta_path.insert(0, importlib.machinery.PathFinder)  # before the finder of an editable install
    cases = importlib.import_module("fuzz_cases")
    kernels = str(importlib.import_module("gosnap._kernels").__file__)
    assert Path(args.child) in Path(kernels).parents, f"not the sanitized kernels: {kernels}"
    names = args.only.split(",") if args.only else list(cases.CASES)
    answered = dict.fromkeys(names, 0)
    done = dict.fromkeys(names, 0)
    end = time.monotonic() + args.seconds
    i = args.iteration or 0
    with open(Path(args.child) / "state", "r+b") as f, mmap.mmap(f.fileno(), 8) as state:
        while True:
            state[:] = i.to_bytes(8, "little")
            name = names[i % len(names)]
            faulthandler.dump_traceback_later(HANG, exit=True)
            answered[name] += cases.expect(cases.CASES[name], random.Random(f"{args.seed}:{i}"))
            done[name] += 1
            i += 1
            if args.iteration is not None or time.monotonic() > end:
                break
    faulthandler.cancel_dump_traceback_later()
    print(", ".join(f"{name} {done[name]:,} ({answered[name]:,} without an error)" for name in names))


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default=str(random.SystemRandom().getrandbits(32)))
    parser.add_argument("--iteration", type=int, help="only this one")
    parser.add_argument("--only", default="", help="cases of fuzz_cases.py, separated by commas")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        try:
            child(args)
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    print(f"seed {args.seed}", flush=True)
    find = ["gcc", "-print-file-name=libasan.so"]
    library = subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="gosnap-fuzz-") as folder:
        build(Path(folder))
        state = Path(folder) / "state"
        state.write_bytes(bytes(8))
        environment = {
            **os.environ,
            "LD_PRELOAD": library,
            "ASAN_OPTIONS": LIMITS,
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": os.pathsep.join([folder, str(ROOT / "tests" / "unit")]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, __file__, "--child", folder, "--seed", args.seed]
        command += ["--seconds", str(args.seconds), "--only", args.only]
        if args.iteration is not None:
            command += ["--iteration", str(args.iteration)]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code:
            which = f"--seed {args.seed} --iteration {int.from_bytes(state.read_bytes(), 'little')}"
            only = f" --only {args.only}" if args.only else ""
            print(f"FAILED (exit code {code}); again: python tools/fuzz.py {which}{only}")
            return 1
    print("no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
