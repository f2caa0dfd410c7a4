"""What ``gosnap live`` costs the program that it watches: throughput with it and without it, in pairs.

    python bench/live.py [--pairs 20] [--seconds 10] [--interval 1s] [--json FILE]

A Go program works on all CPUs and counts what it does. Each pair is two stretches of the same length, one
with ``gosnap live --headless`` running and one while it is stopped (by SIGSTOP: its start is not measured),
in turns first one and then the other; the loss is that of the pair's rates. The machine's own noise is
measured in the same way: two stretches without it. Where others use the same CPUs, look at the operations by
CPU time of the program: what they take is not in it, and with the CPU time of gosnap it is all that the
program can lose. Stretches must be long: what is read less often than it could be is due at each beginning.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import gotool  # noqa: E402  (found through the line above)

LIMIT = 1.0
"""Percent, the target that the project set itself."""
_STARTED = 40_000
"""Bytes that it has written when it is past its first looks."""


def operations(target: gotool.Running) -> int:
    """What the program has done so far."""
    return int(target.ask("c")["ops"])


class Rate(NamedTuple):
    """Operations of a stretch: by the time that went by, and by the CPU time that the program was given."""

    second: float
    cpu_second: float


def rate(target: gotool.Running, seconds: float) -> Rate:
    """The rates of a stretch from now on."""
    began, before, used = time.monotonic(), operations(target), cpu_seconds(target.pid)
    time.sleep(seconds)
    after, ended = operations(target), time.monotonic()
    done = after - before
    return Rate(done / (ended - began), done / max(cpu_seconds(target.pid) - used, 0.01))


def cpu_seconds(pid: int) -> float:
    """CPU time of a process's threads so far, to the nanosecond (/proc/PID/task/TID/schedstat)."""
    return (
        sum(int((t / "schedstat").read_text().split()[0]) for t in Path(f"/proc/{pid}/task").iterdir()) / 1e9
    )


class Watching:
    """``gosnap live --headless`` on the target, which runs on and is stopped again and again."""

    def __init__(self, target: gotool.Running, interval: str) -> None:
        command = [sys.executable, "-m", "gosnap", "live", str(target.pid), "--headless"]
        # a pipe that nobody empties would stop it
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in stop)
        self.process = subprocess.Popen(
            [*command, "--interval", interval], stdout=self._out, stderr=subprocess.DEVNULL
        )
        # its start is not what is measured
        while os.fstat(self._out.fileno()).st_size < _STARTED:
            if self.process.poll() is not None:
                raise SystemExit("gosnap live ended by itself")
            time.sleep(0.05)
        self.process.send_signal(signal.SIGSTOP)

    def rate(self, target: gotool.Running, seconds: float) -> tuple[Rate, float]:
        """The target's rates while it is watched, and the CPU time that it took us, in percent of a CPU."""
        before = cpu_seconds(self.process.pid)
        self.process.send_signal(signal.SIGCONT)
        got = rate(target, seconds)
        self.process.send_signal(signal.SIGSTOP)
        return got, 100 * (cpu_seconds(self.process.pid) - before) / seconds

    def stop(self) -> list[dict[str, Any]]:
        """End it; the lines that it wrote."""
        self.process.kill()
        self.process.wait()
        with self._out:
            self._out.seek(0)
            return [json.loads(text) for text in self._out if text.endswith("}\n")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each stretch")
    parser.add_argument("--interval", default="1s", help="of gosnap live")
    parser.add_argument("--ring", type=int, default=50_000, help="objects that each worker keeps")
    parser.add_argument("--mb", type=int, default=64, help="further memory that it keeps")
    parser.add_argument("--parked", type=int, default=1000, help="goroutines that wait")
    parser.add_argument("--version", default=gotool.GO_VERSIONS[-2], help="Go version of the target")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    binary = gotool.gobuild("vitals", options.version)
    cpus = len(os.sched_getaffinity(0))
    arguments = ["-profile", "-load", str(cpus), "-ring", str(options.ring), "-mb", str(options.mb)]
    arguments += ["-parked", str(options.parked), "-seconds", "36000"]
    losses, slower, noise, slow_noise, used = [], [], [], [], []
    ticks: list[float] = []
    with gotool.running(binary, *arguments) as target:
        rate(target, 3.0)  # the heap grows to its size
        watching = Watching(target, options.interval)
        for i in range(options.pairs):
            watched = alone = Rate(0.0, 0.0)
            for now in (bool(i % 2), not i % 2):
                if now:
                    watched, cpu = watching.rate(target, options.seconds)
                    used.append(cpu)
                else:
                    alone = rate(target, options.seconds)
            losses.append(100 * (1 - watched.second / alone.second))
            slower.append(100 * (1 - watched.cpu_second / alone.cpu_second))
            again = rate(target, options.seconds)
            noise.append(100 * (1 - again.second / alone.second))
            slow_noise.append(100 * (1 - again.cpu_second / alone.cpu_second))
            print(
                f"pair {i + 1:2}: {alone.second:,.0f} operations/s alone, {watched.second:,.0f} "
                f"watched: {losses[-1]:+.2f}% lost ({slower[-1]:+.2f}% by CPU time); "
                f"without it {noise[-1]:+.2f}% ({slow_noise[-1]:+.2f}%)",
                flush=True,
            )
        ticks = [r["cost_us"]["tick"] / 1000 for r in watching.stop()[1:]]
    median = statistics.median(losses)
    verdict = "pass" if median <= LIMIT else "MISS"
    print(f"\nthroughput lost: median {median:+.2f}% of {len(losses)} pairs (≤ {LIMIT:g}%: {verdict})")
    print(f"  spread {min(losses):+.2f}% to {max(losses):+.2f}%, quartiles {_quartiles(losses)}")
    print(f"  noise  median {statistics.median(noise):+.2f}%, quartiles {_quartiles(noise)}")
    print(f"  by CPU time of the program: median {statistics.median(slower):+.2f}%, {_quartiles(slower)}")
    print(f"  noise of that: median {statistics.median(slow_noise):+.2f}%, {_quartiles(slow_noise)}")
    own = statistics.median(used)
    print(f"CPU of gosnap: median {own:.2f}% of one CPU, {own / cpus:.2f}% of the {cpus} here")
    print(f"  with the loss by CPU time: {own / cpus + statistics.median(slower):.2f}%")
    if ticks:
        print(f"a tick: median {statistics.median(ticks):.2f} ms of CPU, most {max(ticks):.1f} ms")
    if options.json:
        result = {
            "lost_percent": losses,
            "lost_by_cpu_percent": slower,
            "noise_percent": noise,
            "cpu_percent": used,
            "tick_ms": ticks,
        }
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n")


def _quartiles(values: list[float]) -> str:
    if len(values) < 4:
        return "-"
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:+.2f}% to {high:+.2f}%"


if __name__ == "__main__":
    main()
