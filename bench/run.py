"""Measure gosnap on a large heap, beside its peers, and compare with the targets that the project set itself.

    python bench/run.py [--mb 1000] [--rounds 3] [--json FILE]

A Go program with a heap of that size is built and started; each round runs every measured command once.
``bench/README.md`` says how to install the peers and what each row means.
"""

import argparse
import json
import mmap
import os
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import gotool  # noqa: E402  (found through the line above)

# Words of the heartbeat page, see tests/targets/ready/heartbeat.go.
LONGEST, RESET = 2, 5

# Reads DWARF and symbols as a capture does. Timed inside: Python's own start is not in it, imports are.
BINARY = """
import sys, time
start = time.perf_counter()
from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
elf = ElfFile.open(sys.argv[1], sys.argv[1])
dwarf = GoDwarf(elf)
elf.symbol("runtime.mheap_"), dwarf.types, dwarf.globals, dwarf.closures
print(time.perf_counter() - start)
"""


# The dominators of a written snapshot alone. Timed inside: neither reading the file nor Python's start is in
# it.
DOMINATORS = """
import sys, time
import numpy as np
from gosnap.heap.columns import Columns
from gosnap.heap.tree import Tree
from gosnap.heap.snapshot import open_snapshot
columns = Columns(open_snapshot(sys.argv[1]).reader)
tree = Tree(columns)
graph, _, _ = tree.graph
idom = np.empty(graph.nodes, np.uint32)
start = time.perf_counter()
found = graph.dominators(tree.tops, columns.elemsize, columns.counts, idom)
print((time.perf_counter() - start) / found.reached * 1e9)
"""

VERBS = (
    ("dominators",),
    ("dominators", "--by", "type"),
    ("dominators", "--by", "package"),
    ("dominators", "--by", "global"),
    ("goroutines",),
    ("suspects",),
    ("paths", "main.User"),
)
"""Commands on a written snapshot, each with its own limit of a second."""


@dataclass
class Row:
    """One measured quantity: its value in every round, and the most it may be."""

    command: str
    quantity: str
    unit: str
    limit: float | None = None
    values: list[float] = field(default_factory=list)
    peer: bool = False
    """Measured on a peer; ``ours`` names the command and quantity of gosnap to compare with."""
    ours: tuple[str, str] | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        if self.limit is None or not self.values:
            return ""
        return "pass" if self.median <= self.limit else "MISS"


class Table:
    """Rows in the order in which they were first measured."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.notes: list[str] = []

    def add(
        self,
        command: str,
        quantity: str,
        unit: str,
        value: float,
        *,
        limit: float | None = None,
        ours: tuple[str, str] | None = None,
    ) -> None:
        key = (command, quantity)
        if key not in self.rows:
            self.rows[key] = Row(command, quantity, unit, limit, peer=ours is not None, ours=ours)
        self.rows[key].values.append(value)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            print(f"  {text}", file=sys.stderr)

    def ratio(self, row: Row) -> str:
        """How many times our own median a peer's is."""
        mine = self.rows.get(row.ours) if row.ours else None
        if mine is None or not mine.values or mine.median <= 0:
            return ""
        return f"{row.median / mine.median:.1f}x"

    def text(self) -> str:
        head = ["command", "quantity", "median", "min-max", "target", "", "peer/ours"]
        lines = [head]
        for r in self.rows.values():
            lines.append(
                [
                    r.command,
                    r.quantity,
                    f"{number(r.median)} {r.unit}",
                    f"{number(min(r.values))} - {number(max(r.values))}",
                    f"≤ {number(r.limit)}" if r.limit is not None else "",
                    r.verdict,
                    self.ratio(r),
                ]
            )
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        lines.insert(1, ["-" * w for w in widths])
        right = {2, 3, 4, 6}
        return "\n".join(
            "  ".join(
                c.rjust(w) if i in right else c.ljust(w)
                for i, (c, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass
class Done:
    """A finished child: its cost and what it printed."""

    code: int
    wall: float
    cpu: float
    rss: int
    out: str
    err: str


def measured(command: Sequence[str], timeout: float = 900.0) -> Done:
    """Run a command; its cost as wait4 gives it, so with that of its own children."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - start > timeout:
                child.kill()
            time.sleep(0.0005 if time.monotonic() - start < 1 else 0.005)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        text = []
        for stream in (out, err):
            stream.seek(0)
            text.append(stream.read().decode(errors="replace"))
    cpu = usage.ru_utime + usage.ru_stime
    return Done(child.returncode, wall, cpu, usage.ru_maxrss * 1024, text[0], text[1])


class Heartbeat:
    """The target's own view of how long it was stopped."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as f:
            self.page = mmap.mmap(f.fileno(), 4096)

    def reset(self) -> None:
        self.page[RESET * 8 : RESET * 8 + 8] = struct.pack("<q", 1)
        # The target takes the order at its next beat.
        while struct.unpack_from("<q", self.page, RESET * 8)[0]:
            time.sleep(0.005)

    def longest(self) -> float:
        """Seconds; waits for a few more beats, so that a gap that just ended is in."""
        time.sleep(0.5)
        longest: int = struct.unpack_from("<q", self.page, LONGEST * 8)[0]
        return longest / 1e9


def gosnap_command() -> list[str]:
    """The installed console script, else the module of this checkout."""
    script = Path(sys.executable).parent / "gosnap"
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", "import sys; from gosnap.cli import main; sys.exit(main())"]


class Bench:
    def __init__(self, options: argparse.Namespace, target: gotool.Running, binary: Path, work: Path) -> None:
        self.options = options
        self.target = target
        self.binary = binary
        self.work = work
        self.table = Table()
        self.heartbeat = Heartbeat(work / "heartbeat")
        self.gosnap = gosnap_command()
        self.heap = int(target.json["heap_inuse"])
        self.address = ""

    def run(self, name: str, command: Sequence[str], *, frozen: bool = False) -> tuple[Done, float] | None:
        """One command; None, with a note, if it failed. Also the longest gap of the heartbeat meanwhile."""
        if frozen:
            self.heartbeat.reset()
        done = measured(command)
        gap = self.heartbeat.longest() if frozen else 0.0
        if not self.target.alive():
            raise gotool.ToolError(f"the target ended while {name} ran")
        if done.code != 0:
            last = (done.err.strip() or done.out.strip() or "no output").splitlines()[-1]
            self.table.note(f"{name}: exit code {done.code}: {last}")
            return None
        return done, gap

    def capture(self, name: str, flags: Sequence[str], pause: float, share: float | None) -> Path | None:
        file = self.work / f"{name.replace(' ', '')}.gosnap"
        file.unlink(missing_ok=True)
        pid = str(self.target.pid)
        command = [*self.gosnap, "capture", pid, *flags, "-o", str(file), "--format", "json"]
        ran = self.run(name, command, frozen=True)
        if ran is None:
            return None
        done, gap = ran
        add = self.table.add
        said: dict[str, Any] = json.loads(done.out)
        add(name, "pause as reported", "ms", said["snapshot"]["pause_us"] / 1e3, limit=pause)
        add(name, "longest gap of the heartbeat", "ms", gap * 1e3, limit=pause)
        add(name, "wall", "s", done.wall, limit=6.0)
        add(name, "user + sys", "s", done.cpu)
        add(name, "peak RSS / heap in use", "", done.rss / self.heap, limit=2.5)
        add(name, "file / heap in use", "%", 100 * file.stat().st_size / self.heap, limit=share)
        for phase, us in said.get("timings_us", {}).items():
            add(name, f"  of it {phase}", "ms", us / 1e3)
        wrong = {k: v for k, v in said["checks"].items() if v}
        if wrong:
            self.table.note(f"{name}: self-checks failed: {wrong}")
        mine = said["totals"]
        for ours, theirs in (("objects", "heap_objects"), ("bytes", "heap_alloc")):
            if ours in mine and mine[ours] != self.target.json[theirs]:
                self.table.note(
                    f"{name}: {ours} {mine[ours]}, but the target says {self.target.json[theirs]}"
                )
        return file

    def ours(self) -> None:
        add = self.table.add
        file = self.capture("capture", [], 350, 50)
        self.capture("capture --fork", ["--fork"], 100, 50)
        # "Far below" the 50 % of a full snapshot is read as a fifth.
        self.capture("capture --no-contents", ["--no-contents"], 350, 20)
        if file is not None:
            ran = self.run("types", [*self.gosnap, "types", str(file), "--format", "json"])
            if ran is not None:
                add("types", "wall", "s", ran[0].wall, limit=0.5)
                add("types", "user + sys", "s", ran[0].cpu)
                add("types", "peak RSS / heap in use", "", ran[0].rss / self.heap)
            self.verbs(file)
        ran = self.run("--help", [*self.gosnap, "--help"])
        if ran is not None:
            add("--help", "wall", "ms", ran[0].wall * 1e3, limit=60)
        compiler = gotool.compiler(self.options.go)
        ran = self.run("DWARF and symbols", [sys.executable, "-c", BINARY, str(compiler)])
        if ran is not None:
            size = compiler.stat().st_size / 1e6
            add(f"DWARF and symbols, {size:.0f} MB", "wall", "s", float(ran[0].out), limit=0.5)

    def verbs(self, file: Path, limit: float | None = 1.0) -> None:
        """What answers from a written snapshot; the way from the PID to the first of them."""
        add = self.table.add
        listed = self.run("dominators", [*self.gosnap, "dominators", str(file), "--format", "json"])
        addresses = [r["object"] for r in json.loads(listed[0].out)["rows"]] if listed else []
        self.address = addresses[-1] if addresses else ""
        for verb, *rest in (*VERBS, *([("paths", self.address)] if addresses else [])):
            name = " ".join((verb, *("ADDR" if r.startswith("0x") else r for r in rest)))
            ran = self.run(name, [*self.gosnap, verb, str(file), *rest, "--format", "json"])
            if ran is None:
                continue
            add(name, "wall", "s", ran[0].wall, limit=limit)
            add(name, "peak RSS / heap in use", "", ran[0].rss / self.heap)
            if name == "dominators":
                captured = self.table.rows[("capture", "wall")].values[-1]
                both = max(
                    self.table.rows[("capture", "peak RSS / heap in use")].values[-1], ran[0].rss / self.heap
                )
                add("PID to dominators", "wall", "s", captured + ran[0].wall, limit=9.0 if limit else None)
                add("PID to dominators", "peak RSS / heap in use", "", both, limit=3.0 if limit else None)
        ran = self.run("dominators alone", [sys.executable, "-c", DOMINATORS, str(file)])
        if ran is not None:
            # 4 million objects per second
            add("dominators alone", "per object", "ns", float(ran[0].out), limit=250)

    def peers(self) -> None:
        add, pid = self.table.add, str(self.target.pid)
        core = None
        if shutil.which("gcore"):
            ran = self.run("gcore", ["gcore", "-o", str(self.work / "core"), pid], frozen=True)
            core = self.work / f"core.{pid}"
            if ran is not None:
                done, gap = ran
                add(
                    "gcore",
                    "longest gap of the heartbeat",
                    "ms",
                    gap * 1e3,
                    ours=("capture", "longest gap of the heartbeat"),
                )
                add("gcore", "wall", "s", done.wall, ours=("capture", "wall"))
                add(
                    "gcore",
                    "file / heap in use",
                    "%",
                    100 * core.stat().st_size / self.heap,
                    ours=("capture", "file / heap in use"),
                )
        if core is not None and core.exists():
            if shutil.which("viewcore"):
                command = ["viewcore", str(core), "--exe", str(self.binary), "histogram"]
                self.peer_answer("viewcore histogram", command)
                if self.address:
                    command = ["viewcore", str(core), "--exe", str(self.binary), "reachable", self.address]
                    self.peer_answer("viewcore reachable", command)
            core.unlink()
        if shutil.which("grf"):
            command = ["grf", "attach", pid, "-o", str(self.work / "grf.out")]
            ran = self.run("grf attach", command, frozen=True)
            if ran is not None:
                done, gap = ran
                add(
                    "grf attach",
                    "longest gap of the heartbeat",
                    "ms",
                    gap * 1e3,
                    ours=("capture", "longest gap of the heartbeat"),
                )
                self.peer_cost("grf attach", done, "capture")

    def peer_answer(self, name: str, command: Sequence[str]) -> None:
        """A peer that answers from a core: its analysis alone is set beside our whole capture."""
        ran = self.run(name, command)
        if ran is not None:
            self.peer_cost(name, ran[0], "capture")

    def peer_cost(self, name: str, done: Done, ours: str) -> None:
        add = self.table.add
        add(name, "wall", "s", done.wall, ours=(ours, "wall"))
        add(name, "user + sys", "s", done.cpu, ours=(ours, "user + sys"))
        add(name, "peak RSS / heap in use", "", done.rss / self.heap, ours=(ours, "peak RSS / heap in use"))


SHAPES = (("one list of 10 million nodes", "-list"), ("one map of 10 million entries", "-map"))


def hard_shapes(options: argparse.Namespace) -> dict[str, Table]:
    """What breaks programs that recurse, or that are quadratic: one round each."""
    out = {}
    for name, flag in SHAPES:
        with tempfile.TemporaryDirectory(prefix="gosnap-bench-", dir=options.dir) as directory:
            work = Path(directory)
            arguments = ["-mb", "20", flag, "10000000", "-hb", str(work / "heartbeat"), "-seconds", "3600"]
            binary = gotool.gobuild("bigheap", options.go)
            with gotool.running(binary, *arguments, timeout=600) as target:
                bench = Bench(options, target, binary, work)
                file = bench.capture("capture", [], 350, None)
                if file is not None:
                    bench.verbs(file, limit=None)
                said = target.json
                print(f"\n{name}: {said['heap_objects']:,} objects, {said['heap_alloc']:,} bytes\n")
                print(bench.table.text())
                out[name] = bench.table
    return out


def machine() -> str:
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mb", type=int, default=1000, help="size of the heap in MB (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--go", default="1.26.6", help="Go version of the target")
    parser.add_argument("--json", type=Path, help="also write all values to this file")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-shapes", action="store_true", help="leave the list and the map out")
    parser.add_argument(
        "--dir", type=Path, help="where snapshots and cores go (default: the temporary directory)"
    )
    parser.add_argument("--target-arg", action="append", default=[], help="passed to the target, e.g. -churn")
    options = parser.parse_args()

    binary = gotool.gobuild("bigheap", options.go)
    with tempfile.TemporaryDirectory(prefix="gosnap-bench-", dir=options.dir) as name:
        work = Path(name)
        arguments = ["-mb", str(options.mb), "-hb", str(work / "heartbeat"), *options.target_arg]
        with gotool.running(binary, *arguments, "-seconds", "7200", timeout=600) as target:
            bench = Bench(options, target, binary, work)
            said = target.json
            head = (
                f"{machine()}\n{said['go']}, heap {said['heap_alloc']:,} bytes "
                f"in {said['heap_objects']:,} objects, {said['heap_inuse']:,} bytes in use; "
                f"{options.rounds} rounds\n"
            )
            print(head, file=sys.stderr)
            for i in range(options.rounds):
                print(f"round {i + 1}", file=sys.stderr)
                bench.heartbeat.reset()
                bench.table.add(
                    "target alone", "longest gap of the heartbeat", "ms", bench.heartbeat.longest() * 1e3
                )
                bench.ours()
                if not options.no_peers:
                    bench.peers()
    print(head)
    print(bench.table.text())
    for text in bench.table.notes:
        print(f"note: {text}")
    shapes = {} if options.no_shapes else hard_shapes(options)
    if options.json:
        rows = [asdict(r) | {"median": r.median, "verdict": r.verdict} for r in bench.table.rows.values()]
        document = {
            "machine": machine(),
            "target": said,
            "rows": rows,
            "shapes": {name: [asdict(r) for r in t.rows.values()] for name, t in shapes.items()},
            "notes": bench.table.notes,
        }
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
