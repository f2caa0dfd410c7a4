"""Cores of a real process, the kernel's and gcore's, against the live capture of the same process."""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safety_target import Heartbeat, until

from gosnap.errors import GosnapError
from gosnap.heap.snapshot import open_snapshot
from gosnap.heap.take import take
from gosnap.target.core import open_core
from gosnap.target.image import Image
from gosnap.target.live import capture

pytestmark = pytest.mark.integration

ARGUMENTS = ("-mb", "24", "-spin", "0", "-alloc", "0")


def core_pattern() -> str:
    return Path("/proc/sys/kernel/core_pattern").read_text().strip()


@pytest.fixture
def in_cores(tmp_path: Path) -> Iterator[Path]:
    """A directory where the kernel may write cores; they do not outlive the test, failed or not."""
    old = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (old[1], old[1]))
    yield tmp_path
    resource.setrlimit(resource.RLIMIT_CORE, old)
    for path in tmp_path.iterdir():
        # gcore writes reserved addresses too: more than a gigabyte for a program of 30 MB
        if "core" in path.name and path.is_file():
            path.unlink()


def gcore(pid: int, where: Path) -> Path:
    if shutil.which("gcore") is None:
        pytest.skip("gcore is not here (Debian package gdb)")
    subprocess.run(
        ["gcore", "-o", str(where / "gcore"), str(pid)], check=True, capture_output=True, timeout=120
    )
    return where / f"gcore.{pid}"


def kernel_core(target: Any, where: Path) -> Path:
    """Aborts a target; the core that the kernel wrote."""
    if core_pattern().startswith("|") or resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        pytest.skip(f"the kernel writes no core file here: core_pattern is {core_pattern()}")
    os.kill(target.pid, signal.SIGABRT)
    target.proc.wait(timeout=60)
    found = [p for p in where.iterdir() if "core" in p.name and not p.name.startswith("gcore")]
    if not found:
        pytest.skip(f"the kernel wrote no core below {where}: core_pattern is {core_pattern()}")
    return found[0]


def same_bytes(a: Image, b: Image, low: int, high: int) -> float:
    """The share of equal bytes of a range."""
    x, y = (np.frombuffer(i.space.read(low, high - low), dtype=np.uint8) for i in (a, b))
    return float(np.count_nonzero(x == y)) / len(x)


@pytest.mark.parametrize("flags", [(), ("-buildmode=pie",)], ids=["exe", "pie"])
def test_live_and_both_cores(
    gobuild: Callable[..., Path],
    running: Callable[..., Any],
    in_cores: Path,
    flags: tuple[str, ...],
    go_version: str,
) -> None:
    exe = gobuild("heartbeat", go_version, flags=flags)
    target = running(
        exe, "-file", str(in_cores / "w"), *ARGUMENTS, env={"GOTRACEBACK": "crash"}, cwd=in_cores
    )
    live = capture(target.pid)
    images = [live, open_core(gcore(target.pid, in_cores))]
    images.append(open_core(kernel_core(target, in_cores)))
    for image in images:
        assert image.pid == target.pid and image.program == "heartbeat"
        assert Path(image.exe_label) == exe
        assert len(image.threads) >= 4
    # gcore stops the process in the same place; the crash starts no new threads either.
    assert set(live.threads.tid.tolist()) <= set(images[1].threads.tid.tolist())
    heap = max(
        (
            (int(s), int(e))
            for s, e, p in zip(live.mappings.start, live.mappings.end, live.mappings.perms, strict=True)
            if p == "rw-p"
        ),
        key=lambda r: r[1] - r[0],
    )
    parts = {
        (int(s), int(e), p)
        for s, e, p, f in zip(
            live.mappings.start, live.mappings.end, live.mappings.perms, live.mappings.path, strict=True
        )
        if f == str(exe) and p != "r-xp"
    }
    assert len(parts) >= 2
    for core in images[1:]:
        # The collector may run and a timer ticks between the three; the bulk of the heap is the same.
        assert same_bytes(live, core, *heap) > 0.95
        for low, high, perms in parts:
            assert (
                same_bytes(live, core, low, high) == 1.0
                if perms == "r--p"
                else same_bytes(live, core, low, high) > 0.9
            )


@pytest.fixture
def one(gobuild: Callable[..., Path], running: Callable[..., Any], in_cores: Path) -> tuple[Path, Path]:
    """An executable and a kernel core of it."""
    exe = gobuild("heartbeat", "1.26.6", flags=("-trimpath",))
    target = running(
        exe, "-file", str(in_cores / "w"), *ARGUMENTS, env={"GOTRACEBACK": "crash"}, cwd=in_cores
    )
    return exe, kernel_core(target, in_cores)


def test_other_build_of_nearly_the_same_program(
    one: tuple[Path, Path], gobuild: Callable[..., Path], tmp_path: Path
) -> None:
    exe, core = one
    source = Path(__file__).resolve().parents[1] / "targets"
    shutil.copytree(source / "heartbeat", tmp_path / "t" / "heartbeat")
    shutil.copytree(source / "ready", tmp_path / "t" / "ready")
    main = tmp_path / "t" / "heartbeat" / "main.go"
    # One digit of one constant: the same size, the same layout.
    text = main.read_text()
    main.write_text(text.replace("mix(42)", "mix(43)"))
    assert main.read_text() != text
    # Without -trimpath the names of the two directories would make the files differ in size.
    other = gobuild(main.parent, "1.26.6", flags=("-trimpath",))
    assert other.stat().st_size == exe.stat().st_size
    with pytest.raises(GosnapError, match=r"not the executable that .* came from.*Go build id"):
        open_core(core, other)
    with pytest.raises(GosnapError, match="not the executable"):
        open_core(core, gobuild("heartbeat", "1.25.5"))
    with pytest.raises(GosnapError, match="not the executable"):
        open_core(core, gobuild("heartbeat", "1.26.6", flags=("-buildmode=pie",)))
    with pytest.raises(GosnapError, match="not the executable"):
        open_core(core, gobuild("quiet", "1.26.6"))
    assert open_core(core, exe).pid


def test_stripped_copy_of_the_executable_will_do(one: tuple[Path, Path], tmp_path: Path) -> None:
    """Segments are what counts; a core needs no sections."""
    exe, core = one
    if shutil.which("strip") is None:
        pytest.skip("no strip here")
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", str(stripped), str(exe)], check=True)
    assert open_core(core, stripped).space.read(0x400000, 4) == b"\x7fELF"


def test_truncated(one: tuple[Path, Path], tmp_path: Path) -> None:
    exe, core = one
    size = core.stat().st_size
    cut = tmp_path / "cut"
    with open(core, "rb") as src, open(cut, "wb") as dst:
        dst.write(src.read(size // 2))
    with pytest.raises(GosnapError, match=f"{size - size // 2:,} bytes are missing"):
        open_core(cut, exe)


def test_memory_outside_of_the_heap_is_read_too(
    gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """Every byte of every private writable mapping is as /proc/PID/mem has it in a frozen process."""
    target = running(gobuild("heartbeat", "1.26.6"), "-file", str(tmp_path / "w"), "-mb", "8")
    heart = Heartbeat(target.pid, tmp_path / "w")
    os.kill(target.pid, signal.SIGSTOP)
    until(lambda: set(heart.states().values()) == {"T"}, 10.0, "it did not stop")
    image = capture(target.pid)
    # before the loop below, whose reads make pages present
    rollup = Path(f"/proc/{target.pid}/smaps_rollup").read_text()
    rss = next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Rss:"))
    assert image.rss_bytes == rss
    compared = 0
    with open(f"/proc/{target.pid}/mem", "rb", buffering=0) as mem:
        for low, high, perms, path in zip(
            image.mappings.start.tolist(),
            image.mappings.end.tolist(),
            image.mappings.perms,
            image.mappings.path,
            strict=True,
        ):
            if perms in {"rw-p", "r--p"} and not path.startswith("[v"):
                mem.seek(low)
                assert mem.read(high - low) == image.space.read(low, high - low), f"{low:#x} {path}"
                compared += high - low
    assert compared > 8 << 20
    os.kill(target.pid, signal.SIGCONT)


@pytest.mark.parametrize("flags", [(), ("-buildmode=pie",)])
def test_cores_say_what_the_live_capture_says(
    go_version: str,
    flags: tuple[str, ...],
    gobuild: Callable[..., Path],
    running: Callable[..., Any],
    in_cores: Path,
) -> None:
    """The same objects, bytes and types from the process, from gcore's core and from the kernel's."""
    exe = gobuild("types", go_version, flags=flags)
    target = running(exe, env={"GOTRACEBACK": "crash"}, cwd=in_cores)
    said = target.json
    out = in_cores / "out"
    out.mkdir()
    take(str(target.pid), out=out / "live.gosnap")
    big = gcore(target.pid, in_cores)
    take(str(big), exe=str(exe), out=out / "gcore.gosnap")
    big.unlink()
    take(str(kernel_core(target, in_cores)), exe=str(exe), out=out / "kernel.gosnap")
    live, *cores = (open_snapshot(out / f"{n}.gosnap") for n in ("live", "gcore", "kernel"))
    clean = {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0}
    assert live.info().totals["heap_objects"] == said["heap_objects"]
    whole = live.types(top=None)
    for core in cores:
        info = core.info()
        assert info.snapshot["source"] == "core" and info.snapshot["pid"] == target.pid
        assert info.checks == clean
        totals = info.totals
        # the process is quiet, but for what the runtime allocates to report its own abort
        assert 0 <= totals["heap_objects"] - said["heap_objects"] <= 4
        assert 0 <= totals["heap_bytes"] - said["heap_alloc"] <= 4096
        mine = {r["type"]: r for r in core.types(top=None).rows}
        assert {n: r for n, r in mine.items() if "main." in n} == {
            r["type"]: r for r in whole.rows if "main." in r["type"]
        }
        # threads that wake up between the three come and go in the runtime's own lists
        moved = sum(abs(mine.get(r["type"], {"objects": 0})["objects"] - r["objects"]) for r in whole.rows)
        assert moved <= 16
        rows = {r["region"]: r["bytes"] for r in info.rows}
        assert sum(rows.values()) == totals["rss_bytes"]
        assert rows["not explained"] == 0
