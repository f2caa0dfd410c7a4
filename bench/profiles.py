"""Measure profile verbs beside ``go tool pprof``, and compare with the targets that the project set itself.

    python bench/profiles.py [--rounds 5] [--json FILE]

Synthetic profiles (synthetic.py) of 10 samples, of 2,000, and of 200,000 with 50 frames each; every command
runs once per round, gosnap's and pprof's in turn. pprof is built from the pinned toolchain's sources and run
as such, which spares it the start of ``go tool``.
"""

import argparse
import filecmp
import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from run import ROOT, Table, gosnap_command, measured

sys.path.insert(0, str(ROOT / "tests"))

import gotool
import synthetic

GO = "1.27.3"
PROFILES = {"tiny": (10, 5, 20), "2k": (2_000, 20, 8_000), "200k": (200_000, 50, 8_000)}
"""Name -> samples, frames of each, functions."""


def pprof() -> Path:
    """The program behind ``go tool pprof``, built once."""
    binary = gotool.cache_dir() / "targets" / f"pprof-{GO}" / "pprof"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        root = gotool.toolchain(GO)
        command = [str(root / "bin" / "go"), "build", "-o", str(binary), "cmd/pprof"]
        environment = gotool.go_env(GO) | {"GOFLAGS": "-buildvcs=false"}
        subprocess.run(command, cwd=root / "src", env=environment, check=True)
    return binary


# verb and options, profile, whether a base is given too, limits: seconds, and RSS as a multiple of what was
# read
COMMANDS: tuple[tuple[Sequence[str], str, bool, float, float | None], ...] = (
    (("top",), "tiny", False, 0.032, None),
    (("top",), "2k", False, 0.040, None),
    (("top",), "200k", False, 0.3, 5.0),
    (("top", "-lines", "-cum"), "200k", False, 0.4, 5.0),
    (("top", "-base"), "200k", True, 1.0, 5.0),
    (("top", "-diff_base"), "200k", True, 1.0, 5.0),
    (("top", r"-focus=mod7\."), "200k", False, 1.0, 5.0),
    (("raw",), "200k", False, 2.0, 5.0),
    (("traces",), "200k", False, 2.0, 5.0),
    (("traces", "-lines"), "200k", False, 2.0, 5.0),
    (("dot", "-call_tree"), "200k", False, 2.0, 5.0),
    (("flame",), "200k", False, 2.0, 5.0),
)
LONG = ("raw", "traces", "dot", "flame")
"""Verbs whose answer goes to a file."""
OURS = ("flame",)
"""Verbs that pprof has not."""


def expanded(path: Path) -> int:
    """How large a compressed file is uncompressed."""
    with gzip.open(path) as f:
        return sum(len(part) for part in iter(lambda: f.read(1 << 20), b""))


class Bench:
    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.options = options
        self.table = Table()
        self.files: dict[str, Path] = {}
        self.sizes: dict[str, int] = {}
        self.answers = work / "ours", work / "theirs"
        for name, (samples, depth, functions) in PROFILES.items():
            for seed, more in ((1, ""), (2, "-base")):
                path = self.files[name + more] = work / f"{name}{more}.pb.gz"
                # by a child: what this process has used would be counted as that of those it starts
                words = [str(n) for n in (path, samples, depth, seed, functions)]
                subprocess.run([sys.executable, synthetic.__file__, *words], check=True)
                self.sizes[name + more] = expanded(path)
        self.gosnap = gosnap_command()
        self.pprof = None if options.no_peers else pprof()

    def round(self, first: bool) -> None:
        for (verb, *flags), name, base, limit, rss in COMMANDS:
            sources = [str(self.files[name])]
            size = self.sizes[name]
            if base:
                sources.insert(0, str(self.files[f"{name}-base"]))
                size += self.sizes[f"{name}-base"]
            label = f"{' '.join((verb, *flags))}, {name}"
            mine, theirs = self.answers
            for old in self.answers:
                old.unlink(missing_ok=True)
            long = verb in LONG
            done = measured([*self.gosnap, verb, *flags, *([f"-output={mine}"] if long else []), *sources])
            if done.code != 0:
                raise gotool.ToolError(f"{label}: {done.err}")
            self.table.add(label, "wall", "ms", done.wall * 1e3, limit=limit * 1e3)
            self.table.add(label, "user + sys", "ms", done.cpu * 1e3)
            self.table.add(label, "peak RSS / uncompressed", "", done.rss / size, limit=rss)
            # the large ones take pprof half a minute each: once is enough to know
            if self.pprof and verb not in OURS and (first or name != "200k"):
                output = [f"-output={theirs}"] if long else []
                peer = measured([str(self.pprof), f"-{verb}", *flags, *output, *sources])
                self.table.add(f"pprof {label}", "wall", "ms", peer.wall * 1e3, ours=(label, "wall"))
                rss_row = "peak RSS / uncompressed"
                self.table.add(f"pprof {label}", rss_row, "", peer.rss / size, ours=(label, rss_row))
                same = filecmp.cmp(mine, theirs, shallow=False) if long else peer.out == done.out
                if first and not same:
                    self.table.note(f"{label}: not the table that pprof prints")


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="write all values there")
    parser.add_argument("--no-peers", action="store_true", help="leave pprof out")
    options = parser.parse_args()
    # an installed package has been compiled once; so has this one after its first run
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="gosnap-bench-") as folder:
        bench = Bench(options, Path(folder))
        for i in range(options.rounds):
            bench.round(i == 0)
    print(f"Python {platform.python_version()}, Go {GO}, {platform.machine()}\n")
    print(bench.table.text())
    if options.json:
        rows = [asdict(row) | {"median": row.median} for row in bench.table.rows.values()]
        Path(options.json).write_text(json.dumps({"rows": rows, "notes": bench.table.notes}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
