"""``gosnap live`` against what the program says: runtime.MemStats, runtime/metrics, NumGoroutine."""

import contextlib
import fcntl
import itertools
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gosnap.commands.live_watch import compiler
from gosnap.errors import GosnapError
from gosnap.live.changes import History
from gosnap.live.process import Process, TargetGone
from gosnap.live.record import record
from gosnap.live.watcher import Watcher
from gosnap.live.watches import Watches

pytestmark = pytest.mark.integration

Build = Callable[..., Path]
Start = Callable[..., Any]
TRIES = 40
"""How often a comparison is made until the program stood still around it: its runtime has work of its own."""


@contextmanager
def watching(pid: int) -> Iterator[Watcher]:
    watcher = Watcher(pid)
    try:
        yield watcher
    finally:
        watcher.close()


def look(watcher: Watcher, history: History) -> dict[str, Any]:
    """One line, as ``--headless`` writes it."""
    cycles = history.add(watcher.tick(everything=True))
    return json.loads(json.dumps(record(watcher, history, cycles, 100)))  # type: ignore[no-any-return]


def said(answer: dict[str, Any]) -> dict[str, Any]:
    """What the program counts, by the names of a line."""
    return {
        ("heap", "object_bytes"): answer["HeapAlloc"],
        ("heap", "alloc_bytes"): answer["TotalAlloc"],
        ("heap", "mallocs"): answer["Mallocs"],
        ("heap", "frees"): answer["Frees"],
        ("heap", "objects"): answer["HeapObjects"],
        ("heap", "in_spans_bytes"): answer["HeapInuse"],
        ("heap", "released_bytes"): answer["HeapReleased"],
        ("heap", "stack_bytes"): answer["StackInuse"],
        ("heap", "goal_bytes"): answer["NextGC"] if answer["NextGC"] < 1 << 60 else 0,
        ("gc", "cycles"): answer["NumGC"],
        ("gc", "forced_cycles"): answer["NumForcedGC"],
        ("gc", "pause_total_ns"): answer["PauseTotalNs"],
        ("gc", "last_gc_unix_ns"): answer["LastGC"],
        ("goroutines", "count"): answer["NumGoroutine"],
    }


def settled(target: Any, watcher: Watcher, history: History) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the program says, our line), taken while two of its answers around ours are the same.

    metrics_…: what runtime/metrics said just before MemStats.
    """
    for _ in range(TRIES):
        before = target.ask("m")
        line = look(watcher, history)
        after = target.ask("m")
        if said(before) == said(after):
            return after, line
    raise AssertionError(f"the program never stood still: {said(before)} {said(after)}")


def _minor(version: str) -> int:
    return int(version.split(".")[1])


SETTINGS = [
    {},
    {"GOGC": "off"},
    {"GOGC": "off", "GOMEMLIMIT": "60MiB"},
    {"GOGC": "30", "GOMEMLIMIT": "25MiB"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: ",".join(f"{k}={v}" for k, v in s.items()))
@pytest.mark.parametrize("flags", [(), ("-ldflags=-w",)], ids=["dwarf", "no-dwarf"])
def test_counters_are_the_programs_own(
    go_version: str, gobuild: Build, running: Start, flags: tuple[str, ...], settings: dict[str, str]
) -> None:
    target = running(gobuild("vitals", go_version, flags=flags), "-profile", env=settings)
    with watching(target.pid) as watcher:
        history = History()
        for command in "mgap":
            target.ask(command)
            answer, line = settled(target, watcher, history)
            got = {key: line[key[0]][key[1]] for key in said(answer)}
            assert got == said(answer)
            assert line["absent"] == {}
            # runtime/metrics, which counts the same without stopping anything
            assert line["heap"]["object_bytes"] == answer["metrics_objects"]
            assert line["heap"]["released_bytes"] == answer["metrics_released"]
            assert line["heap"]["alloc_bytes"] == answer["metrics_allocs"]
            goroutines = line["goroutines"]
            own = goroutines["system"] if _minor(go_version) >= 26 else 0
            assert goroutines["count"] + own == answer["metrics_goroutines"]
            wanted = -1 if settings.get("GOGC") == "off" else answer["metrics_gogc"]
            assert line["heap"]["gogc"] == wanted
            cpu = line["gc"]["cpu_ns"]
            fraction = (cpu["collector"] - cpu["idle_marking"]) / cpu["all"]
            assert fraction == pytest.approx(answer["GCCPUFractionE9"] / 1e9, abs=2e-9)
            by_size = {size: (mallocs, frees) for size, mallocs, frees in answer["by_size"] if mallocs}
            ours = {r["size"]: (r["allocs"], r["frees"]) for r in line["size_classes"] if r["class"]}
            assert {size: n for size, n in ours.items() if size in by_size} == by_size


def test_what_happens_between_two_looks(go_version: str, gobuild: Build, running: Start) -> None:
    # a collection that begins in an allocation makes goroutines there, which count as allocated by the caller
    target = running(
        gobuild("vitals", go_version), "-profile", env={"GODEBUG": "memprofilerate=1", "GOGC": "off"}
    )
    with watching(target.pid) as watcher:
        history = History()
        settled(target, watcher, history)
        history = History()
        base = look(watcher, history)
        watcher.tracker.since_now()

        target.ask("a")
        line = look(watcher, history)
        step = line["change"]["alloc_bytes"]
        assert step == line["heap"]["alloc_bytes"] - base["heap"]["alloc_bytes"]
        # 5000 items, two slices of a mebibyte, the slice that holds those, what the runtime needs itself
        least = 5000 * 208 + (2 << 20)
        assert least <= step < least + (64 << 10)
        assert 5002 <= line["change"]["alloc_objects"] < 5100
        # every allocation is sampled: 5000 items of 208 bytes, two slices of a mebibyte
        sites = {s["function"]: s for s in line["sites"]["since_open"]}
        assert (sites["main.keep"]["alloc_objects"], sites["main.keep"]["alloc_bytes"]) == (5000, 5000 * 208)
        assert sites["main.keepBig"]["alloc_bytes"] >= 2 << 20
        assert sites["main.keep"]["grown_bytes"] == 5000 * 208
        now = {s["function"]: s for s in line["sites"]["now"]}
        assert now["main.keep"]["inuse_now_objects"] == 25_000

        started = target.ask("p")
        line = look(watcher, history)
        assert line["goroutines"]["count"] == started["NumGoroutine"]
        states = {(s["state"], s["reason"]): s for s in line["goroutines"]["states"]}
        assert states["waiting", "chan receive"]["count"] == 140
        assert states["waiting", "chan receive"]["change"] == 100
        assert states["waiting", "select"]["count"] == 7
        assert states["waiting", "sleep"]["count"] >= 2
        groups = {g["function"]: g for g in line["goroutines"]["groups"] if not g["system"]}
        assert (groups["main.receive"]["count"], groups["main.receive"]["created_by"]) == (140, "main.start")
        assert groups["main.locked"]["count"] == 3
        assert groups["runtime.main"]["created_by"] == ""

        cycles = line["gc"]["cycles"]
        collected = target.ask("g")
        line = look(watcher, history)
        ended = line["gc"]["ended"]
        assert [c["cycle"] for c in ended] == list(range(cycles + 1, collected["NumGC"] + 1))
        assert ended[-1]["pause_ns"] == collected["LastPause"]
        assert ended[-1]["end_unix_ns"] == collected["LastGC"]
        assert line["change"]["gc_pause_ns"] == sum(c["pause_ns"] for c in ended)
        assert 0 <= ended[-1]["cpu_bp"] <= 10_000
        assert line["since_open"]["gc_cycles"] >= 1


def test_both_views_of_the_profile(go_version: str, gobuild: Build, running: Start) -> None:
    """What was allocated since the last collection is not in the endpoint's view, but it is there now."""
    target = running(
        gobuild("vitals", go_version), "-profile", env={"GODEBUG": "memprofilerate=1", "GOGC": "off"}
    )
    with watching(target.pid) as watcher:
        history = History()
        target.ask("g")
        target.ask("a")
        line = look(watcher, history)
        site = next(s for s in line["sites"]["now"] if s["function"] == "main.keep")
        assert (site["inuse_objects"], site["inuse_now_objects"]) == (20_000, 25_000)
        # published two collections later (runtime/mprof.go)
        target.ask("g")
        target.ask("g")
        line = look(watcher, history)
        site = next(s for s in line["sites"]["now"] if s["function"] == "main.keep")
        assert (site["inuse_objects"], site["inuse_now_objects"]) == (25_000, 25_000)


def test_the_regions_add_up(go_version: str, gobuild: Build, running: Start) -> None:
    target = running(gobuild("vitals", go_version), "-mb", "64", "-items", "200000")
    with watching(target.pid) as watcher:
        answer, line = settled(target, watcher, History())
        rows = {r["region"]: r for r in line["regions"]}
        assert sum(r["bytes"] for r in rows.values()) == line["regions_rss_bytes"]
        # the spans' own counts are the runtime's
        assert rows["allocated objects"]["virtual_bytes"] == answer["HeapAlloc"]
        objects, free = rows["allocated objects"], rows["free slots in spans"]
        assert objects["virtual_bytes"] + free["virtual_bytes"] == answer["HeapInuse"]
        assert rows["goroutine stacks"]["virtual_bytes"] >= answer["StackInuse"]
        assert line["spans_left_out"] == 0 and line["sites"].get("doubts", []) == []
        assert abs(rows["not explained"]["bytes"]) <= line["regions_rss_bytes"] // 100
        classes = {r["class"]: r for r in line["size_classes"]}
        assert sum(r["span_bytes"] for r in classes.values()) == answer["HeapInuse"]
        assert sum(r["spans"] for r in classes.values() if r["class"] == 0) == classes[0]["objects"]


def headless(pid: int, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "gosnap", "live", str(pid), "--headless", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | options
    )


@pytest.fixture
def vitals(gobuild: Build, running: Start) -> Any:
    """Go 1.26 is enough for what does not depend on the runtime."""
    return running(gobuild("vitals", "1.26.6"), "-profile", "-load", "1")


def test_headless_writes_lines(vitals: Any) -> None:
    process = headless(vitals.pid, "--interval", "200ms", "--count", "4", "-n", "2")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and err == ""
    rows = [json.loads(text) for text in out.splitlines()]
    assert [r["tick"] for r in rows] == [0, 1, 2, 3]
    assert {r["kind"] for r in rows} == {"live"} and {r["schema_version"] for r in rows} == {1}
    assert list(rows[0]) == list(rows[3])
    for before, after in itertools.pairwise(rows):
        assert after["change"]["alloc_bytes"] == (
            after["heap"]["alloc_bytes"] - before["heap"]["alloc_bytes"]
        )
        assert after["gc"]["cycles"] - before["gc"]["cycles"] == after["change"]["gc_cycles"]
    assert all(len(r["goroutines"]["groups"]) <= 2 and len(r["sites"]["now"]) <= 2 for r in rows)
    assert rows[3]["since_open"]["alloc_bytes"] == (
        rows[3]["heap"]["alloc_bytes"] - rows[0]["heap"]["alloc_bytes"]
    )


def test_watched_expressions(go_version: str, gobuild: Build, running: Start) -> None:
    target = running(gobuild("vitals", go_version))
    with watching(target.pid) as watcher:
        watches = Watches(compiler(watcher))
        big, cycles = watches.add("len(main.big)"), watches.add("main.stats.NumGC")
        answer = target.ask("m")
        watches.look(1)
        assert (big.line, cycles.line) == ("8", str(answer["NumGC"]))
        answer = target.ask("g")
        watches.look(2)
        assert (big.changes, cycles.changes, cycles.line) == (0, 1, str(answer["NumGC"]))
        target.ask("a")
        watches.look(3)
        assert (big.line, big.changes) == ("10", 1)
        with pytest.raises(GosnapError, match="not in this binary"):
            watches.add("main.nothing")


def test_headless_watches_too(vitals: Any) -> None:
    process = headless(vitals.pid, "--count", "2", "--interval", "100ms", "--watch", "len(main.counters)")
    out, _ = process.communicate(timeout=120)
    rows = [json.loads(text)["watch"] for text in out.splitlines()]
    assert rows == [[{"expression": "len(main.counters)", "value": "1", "error": "", "changes": 0}]] * 2
    process = headless(vitals.pid, "--watch", "main.nothing")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and out == "" and "not in this binary" in err


def test_headless_ends_with_the_target(vitals: Any) -> None:
    process = headless(vitals.pid, "--interval", "100ms")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["snapshot"]["pid"] == vitals.pid
    os.kill(vitals.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == f"gosnap: process {vitals.pid} has exited\n"
    assert all(json.loads(text)["kind"] == "live" for text in out.splitlines())


def test_nothing_that_could_stop_a_process_is_loaded(vitals: Any) -> None:
    """Nor what a screen needs."""
    code = (
        "import sys\n"
        "from gosnap.cli import main\n"
        "code = main(['live', sys.argv[1], '--headless', '--count', '2', '--interval', '100ms'])\n"
        "print(code, *sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(vitals.pid)], capture_output=True, text=True, timeout=120, check=True
    )
    loaded = done.stderr.split()
    assert loaded[0] == "0"
    assert not {"gosnap.target.stop", "gosnap.target.live", "gosnap.target.inject", "textual"} & set(loaded)


def test_another_program_in_the_same_process(gobuild: Build) -> None:
    """After an exec the addresses that were found are of a program that is no more."""
    other = gobuild("quiet", "1.26.6")
    with subprocess.Popen(["sh", "-c", 'read line; exec "$0"', str(other)], stdin=subprocess.PIPE) as process:
        try:
            known = Process(process.pid)
            assert known.facts().rss_bytes > 0 and not known.gone()
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
            deadline = time.monotonic() + 60
            while not known.gone():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            with pytest.raises(TargetGone, match="runs another program"):
                known.facts()
        finally:
            process.kill()


COLOUR = re.compile(rb"\x1b\[[\d;]*m")


def on_terminal(
    pid: int, size: tuple[int, int], keys: bytes | signal.Signals, **env: str
) -> tuple[int, bytes]:
    """(exit code, all that was written) of the screen on a terminal, after these keys, or a signal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm-256color"} | env
    process = subprocess.Popen(
        [sys.executable, "-m", "gosnap", "live", str(pid), "--interval", "200ms"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    out = b""
    sent = asked = False
    deadline = time.monotonic() + 120
    try:
        while True:
            assert time.monotonic() < deadline, out[-2000:]
            try:
                piece = os.read(master, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            out += piece
            if sent and b"/" in (keys if isinstance(keys, bytes) else b""):
                if not asked and b"regular expression" in out:
                    asked = True
                    os.write(master, b"all\r?")
                elif asked:
                    # out of whatever it is in by now: of the field, of the help, of the view
                    with contextlib.suppress(OSError):
                        os.write(master, b"\x1b")
            if not sent and b"live, goal" in out:
                sent = True
                if isinstance(keys, signal.Signals):
                    process.send_signal(keys)
                    continue
                for key in keys:
                    os.write(master, bytes([key]))
        return process.wait(timeout=60), out
    finally:
        process.kill()
        process.wait()
        os.close(master)


def colours(out: bytes) -> set[bytes]:
    """The colours in escape sequences for text: 30-37, 38, 40-47, 48, 90-97, 100-107."""
    found = set()
    for sequence in COLOUR.findall(out):
        for part in sequence[2:-1].split(b";"):
            if part.isdigit() and (30 <= int(part) <= 38 or 40 <= int(part) <= 48 or int(part) >= 90):
                found.add(part)
    return found


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_the_screen_on_a_terminal(vitals: Any, size: tuple[int, int]) -> None:
    code, out = on_terminal(vitals.pid, size, b"\t\tjk/")
    assert code == 0, out[-2000:]
    assert colours(out)
    assert b"Traceback" not in out


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "vt100"}], ids=lambda e: next(iter(e)))
def test_the_screen_without_colours(vitals: Any, env: dict[str, str]) -> None:
    code, out = on_terminal(vitals.pid, (60, 15), b"q", **env)
    assert code == 0 and colours(out) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(vitals: Any, number: signal.Signals) -> None:
    code, out = on_terminal(vitals.pid, (80, 24), number)
    assert code == 128 + number
    # the alternate screen was entered, and left last
    assert out.count(b"\x1b[?1049h") == out.count(b"\x1b[?1049l") == 1
    assert b"Traceback" not in out


def test_headless_is_interrupted(vitals: Any) -> None:
    process = headless(vitals.pid, "--interval", "100ms")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["tick"] == 0
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_position_independent_executable(gobuild: Build, running: Start) -> None:
    target = running(gobuild("vitals", "1.26.6", flags=("-buildmode=pie",)), "-profile")
    with watching(target.pid) as watcher:
        answer, line = settled(target, watcher, History())
        assert {key: line[key[0]][key[1]] for key in said(answer)} == said(answer)
        assert line["absent"] == {}
        assert {s["function"] for s in line["sites"]["now"]} >= {"main.keepBig"}


def test_a_terminal_that_has_no_screen(vitals: Any) -> None:
    code, out = on_terminal(vitals.pid, (80, 24), b"q", TERM="dumb")
    assert code == 1
    assert b"a terminal of the kind dumb has no screen" in out and b"--headless" in out
    done = subprocess.run(
        [sys.executable, "-m", "gosnap", "live", str(vitals.pid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "is not a terminal" in done.stderr


def test_a_snapshot_from_the_screen(vitals: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gosnap.commands.live_source import Watched
    from gosnap.heap.snapshot import open_snapshot

    monkeypatch.chdir(tmp_path)
    with watching(vitals.pid) as watcher:
        text = Watched(watcher).capture()
        (file,) = tmp_path.glob("*.gosnap")
        assert file.name in text and "gosnap suspects" in text
        assert open_snapshot(file).meta["snapshot"]["pid"] == vitals.pid
        # the view goes on
        assert watcher.tick(everything=True).absent == {}


def test_a_program_without_a_profile_has_the_rest(gobuild: Build, running: Start) -> None:
    target = running(gobuild("quiet", "1.26.6"))
    with watching(target.pid) as watcher:
        tick = watcher.tick(everything=True)
        assert list(tick.absent) == ["sites"] and "keeps no memory profile" in tick.absent["sites"]
        assert tick.census is not None and tick.memory is not None
