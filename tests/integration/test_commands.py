"""The commands as a person or a script runs them, on real processes."""

import contextlib
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gosnap.target.container import Reader

pytestmark = pytest.mark.integration

VERSION = "1.26.6"
SNAPSHOT_KEYS = {"program", "pid", "go_version", "arch", "taken_at", "pause_us", "source"}
CHECKS = {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0}


def gosnap(
    *arguments: object, cwd: Path, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gosnap", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
    )


def answer(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = gosnap(*arguments, "--format", "json", cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout, parse_float=no_floats)
    return document


def no_floats(text: str) -> None:
    raise AssertionError(f"a float in canonical JSON: {text}")


def fails(*arguments: object, cwd: Path, code: int = 1) -> str:
    """A command that must fail with one clear error; what it said."""
    done = gosnap(*arguments, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("gosnap: ") or code == 2
    assert len(done.stderr.splitlines()) <= 2 or code == 2
    return done.stderr


@pytest.fixture
def quiet(gobuild: Callable[..., Path], running: Callable[..., Any]) -> Any:
    return running(gobuild("quiet", VERSION))


def test_every_verb(quiet: Any, tmp_path: Path) -> None:
    pid = quiet.pid
    listed = {r["pid"]: r for r in answer("ps", cwd=tmp_path)["rows"]}
    row = listed[pid]
    assert (row["program"], row["go_version"], row["dwarf"], row["pprof"]) == ("quiet", f"go{VERSION}", 1, "")
    assert row["rss_bytes"] > 1 << 20 and row["threads"] >= 1

    taken = answer("capture", pid, cwd=tmp_path)
    file = tmp_path / f"gosnap-quiet.{pid}.gosnap"
    assert taken["file"] == file.name and file.stat().st_size == taken["file_bytes"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert taken["copied_bytes"] > 0 and all(isinstance(v, int) for v in taken["timings_us"].values())
    assert (taken["totals"]["objects"], taken["totals"]["bytes"]) == (
        quiet.json["heap_objects"],
        quiet.json["heap_alloc"],
    )
    documents = {"capture": taken}
    for verb in ("types", "spans", "info"):
        documents[verb] = answer(verb, file, cwd=tmp_path)
    for kind, document in documents.items():
        first = ["schema_version", "kind", "snapshot", "checks", "totals", "rows", "left_out"]
        assert list(document)[: len(first)] == first
        assert document["schema_version"] == 1 and document["kind"] == kind
        assert set(document["snapshot"]) == SNAPSHOT_KEYS
        assert document["snapshot"] == taken["snapshot"]
        assert document["snapshot"]["source"] == "live" and document["snapshot"]["pid"] == pid
        assert document["checks"] == CHECKS
        assert set(document["left_out"]) == {"rows", "objects", "bytes"}
    dominators = answer("dominators", file, "-n", 0, cwd=tmp_path)
    assert list(dominators)[:7] == first and dominators["kind"] == "dominators"
    keys = ["object", "type", "name", "shallow_bytes", "retained_bytes", "retained_objects", "below"]
    assert all(list(row) == keys for row in dominators["rows"])
    notes = next(r for r in dominators["rows"] if r["name"] == "global main.notes")
    assert (notes["type"], notes["retained_objects"]) == ("main.note", 5)
    deeper = answer("dominators", file, "--under", notes["object"], cwd=tmp_path)
    assert deeper["totals"]["objects"] == 5
    assert [(r["type"], r["retained_objects"]) for r in deeper["rows"]] == [("main.note", 4)]
    assert "no object at 0x10" in fails("dominators", file, "--under", "0x10", cwd=tmp_path)
    types = documents["types"]
    assert (
        types["totals"]["objects"] == sum(r["objects"] for r in types["rows"]) + types["left_out"]["objects"]
    )
    assert types["totals"]["bytes"] == sum(r["bytes"] for r in types["rows"]) + types["left_out"]["bytes"]
    notes = answer("types", file, "--match", r"^main\.note$", cwd=tmp_path)
    assert [(r["type"], r["objects"]) for r in notes["rows"]] == [("main.note", 5)]

    # text names the file, the checks and the next command; the same options mean the same in both formats
    for verb in ("types", "spans", "info"):
        text = gosnap(verb, file, cwd=tmp_path)
        assert text.returncode == 0 and text.stderr == ""
        assert "quiet (pid" in text.stdout and "\x1b" not in text.stdout
        assert text.stdout.splitlines()[-1].strip().removeprefix("next: ").startswith("gosnap ")
    for by in ("type", "package", "kind", "size-class"):
        for sort in ("bytes", "objects", "name"):
            rows = answer("types", file, "--by", by, "--sort", sort, "-n", 0, cwd=tmp_path)["rows"]
            keys = [r[by.replace("-", "_")] if sort == "name" else -r[sort] for r in rows]
            assert keys == sorted(keys)
    assert answer("types", file, cwd=tmp_path) == types

    again = fails("capture", pid, cwd=tmp_path)
    assert "exists already" in again and "--force" in again
    assert gosnap("capture", pid, "--force", "-q", cwd=tmp_path).stdout == file.name + "\n"
    out = tmp_path / "answer.json"
    assert gosnap("types", file, "--format", "json", "-o", out, cwd=tmp_path).stdout == ""
    assert json.loads(out.read_text())["kind"] == "types" and out.stat().st_mode & 0o777 == 0o600
    assert "exists already" in fails("types", file, "-o", out, cwd=tmp_path)


def test_ps_finds_pprof(gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path) -> None:
    target = running(gobuild("quiet", VERSION, flags=("-tags=pprof",)))
    stripped = running(gobuild("quiet", VERSION, flags=("-ldflags=-s -w",)))
    listed = {r["pid"]: r for r in answer("ps", cwd=tmp_path)["rows"]}
    assert listed[target.pid]["pprof"] == f"127.0.0.1:{target.json['port']}"
    assert listed[stripped.pid]["dwarf"] == 0
    assert answer("ps", "--no-probe", cwd=tmp_path)["totals"]["processes"] >= 2
    captured = answer("capture", stripped.pid, cwd=tmp_path)
    assert captured["totals"]["objects"] == captured["totals"]["reachable_objects"] > 100


def test_the_file_is_all_that_is_needed(
    gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    """Without the executable, the process, a toolchain: the same answers, byte for byte."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    exe = here / "quiet"
    shutil.copy2(gobuild("quiet", VERSION), exe)
    target = running(exe)
    answer("capture", target.pid, "-o", "a.gosnap", cwd=here)
    before = {
        v: gosnap(v, "a.gosnap", "--format", "json", cwd=here).stdout for v in ("types", "spans", "info")
    }
    text = {v: gosnap(v, "a.gosnap", cwd=here).stdout for v in ("types", "spans", "info")}
    target.stop()
    shutil.move(here / "a.gosnap", there / "a.gosnap")
    shutil.rmtree(here)
    env = {"PATH": "/nowhere"}
    for verb, said in before.items():
        assert gosnap(verb, "a.gosnap", "--format", "json", cwd=there, env=env).stdout == said
        assert gosnap(verb, "a.gosnap", cwd=there, env=env).stdout == text[verb]


def test_without_contents(quiet: Any, tmp_path: Path) -> None:
    full = answer("capture", quiet.pid, "-o", "full.gosnap", cwd=tmp_path)
    graph = answer("capture", quiet.pid, "-o", "graph.gosnap", "--no-contents", cwd=tmp_path)
    assert graph["file_bytes"] < full["file_bytes"]
    a, b = (answer("info", f"{n}.gosnap", cwd=tmp_path) for n in ("full", "graph"))
    assert a["file"]["contents"] == 1 and b["file"]["contents"] == 0
    names = {s["name"] for s in b["file"]["sections"]}
    assert not [n for n in names if n.startswith("contents.")]
    assert "edges.target" in names and "objects.type" in names
    a, b = (answer("types", f"{n}.gosnap", "-n", 0, cwd=tmp_path) for n in ("full", "graph"))
    assert a["rows"] == b["rows"] and a["totals"] == b["totals"]
    # strings of the program are in the one file and not in the other
    assert b"quiet program" not in (tmp_path / "graph.gosnap").read_bytes()


def test_fork_says_the_same(quiet: Any, tmp_path: Path) -> None:
    plain = answer("capture", quiet.pid, "-o", "plain.gosnap", cwd=tmp_path)
    forked = answer("capture", quiet.pid, "-o", "fork.gosnap", "--fork", cwd=tmp_path)
    assert forked["snapshot"]["source"] == "fork" or forked["notes"]
    assert forked["totals"] == plain["totals"] and forked["rows"] == plain["rows"]
    assert forked["checks"] == CHECKS


@pytest.mark.parametrize("flags", [("-buildmode=pie",), ("-trimpath",), ("-gcflags=all=-N -l",)])
def test_other_builds(
    flags: tuple[str, ...], gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path
) -> None:
    target = running(gobuild("types", VERSION, flags=flags))
    taken = answer("capture", target.pid, "-o", "a.gosnap", cwd=tmp_path)
    assert taken["checks"] == CHECKS
    assert taken["totals"]["objects"] == target.json["heap_objects"]
    assert taken["totals"]["bytes"] == target.json["heap_alloc"]
    assert taken["totals"]["untyped_bytes"] * 100 <= taken["totals"]["bytes"]


def test_memory_of_c(gobuild: Callable[..., Path], running: Callable[..., Any], tmp_path: Path) -> None:
    """What a cgo program takes from malloc and mmap is a row of its own."""
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler here")
    target = running(gobuild("offheap", VERSION, env={"CGO_ENABLED": "1"}))
    taken = answer("capture", target.pid, "-o", "a.gosnap", cwd=tmp_path)
    assert taken["checks"] == CHECKS
    assert taken["totals"]["objects"] == target.json["heap_objects"]
    info = answer("info", "a.gosnap", cwd=tmp_path)
    rows = {r["region"]: r["bytes"] for r in info["rows"]}
    off = target.json["malloc_bytes"] + target.json["mmap_bytes"]
    outside = next(v for k, v in rows.items() if k.startswith("outside Go"))
    # thread stacks and the C library's own data come on top
    assert off <= outside <= off + (8 << 20)
    assert sum(rows.values()) == info["totals"]["rss_bytes"]
    assert abs(rows["not explained"]) <= info["totals"]["rss_bytes"] // 100


def test_errors(quiet: Any, tmp_path: Path) -> None:
    assert "no process" in fails("capture", 4194304, cwd=tmp_path)
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            said = fails("capture", other.pid, cwd=tmp_path)
        finally:
            other.kill()
    assert "not a Go program" in said and "gosnap ps" in said
    assert "no Go process named" in fails("capture", "surely-not-here", cwd=tmp_path)
    assert "no such directory" in fails("capture", quiet.pid, "-o", "no/such/a.gosnap", cwd=tmp_path)
    assert "no such file" in fails("capture", "./core.1", "--exe", "x", cwd=tmp_path)
    assert "--exe" in fails("capture", quiet.pid, "--exe", "x", cwd=tmp_path)
    assert "No such file" in fails("types", "none.gosnap", cwd=tmp_path)
    (tmp_path / "text").write_text("hello")
    assert "not a gosnap snapshot" in fails("info", "text", cwd=tmp_path)
    assert gosnap("capture", quiet.pid, "-o", "a.gosnap", cwd=tmp_path).returncode == 0
    raw = (tmp_path / "a.gosnap").read_bytes()
    (tmp_path / "cut.gosnap").write_bytes(raw[: len(raw) // 2])
    assert "truncated" in fails("types", "cut.gosnap", cwd=tmp_path)
    sections = {s.name: s for s in Reader.open(tmp_path / "a.gosnap").sections}
    for verb, section in (("types", "answers.types"), ("spans", "answers.spans"), ("info", "meta")):
        damaged = bytearray(raw)
        offset, stored, _, _ = sections[section].chunks[0]
        damaged[offset + stored // 2] ^= 0x10
        (tmp_path / "bad.gosnap").write_bytes(damaged)
        said = fails(verb, "bad.gosnap", cwd=tmp_path)
        assert f"bad.gosnap: damaged at offset {offset}" in said and section in said
    damaged = bytearray(raw)
    damaged[-20] ^= 1
    (tmp_path / "bad.gosnap").write_bytes(damaged)
    assert "damaged" in fails("types", "bad.gosnap", cwd=tmp_path)
    assert "--match" in fails("types", "a.gosnap", "--match", "(", cwd=tmp_path)
    # devices, pipes, over-long names, and the snapshot as its own report
    for verb in (("capture", quiet.pid), ("types", "a.gosnap")):
        assert "not a regular file" in fails(*verb, "-o", "/dev/null", "--force", cwd=tmp_path)
        assert "name too long" in fails(*verb, "-o", "x" * 300, cwd=tmp_path).lower()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert "is the file that is read" in fails("types", "a.gosnap", "-o", "a.gosnap", "--force", cwd=tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in fails("types", "pipe", cwd=tmp_path)
    for command in ("types a.gosnap > /dev/full", "--help > /dev/full", "types a.gosnap >&-"):
        line = f"{sys.executable} -m gosnap {command}"
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and done.stderr.startswith("gosnap: "), done.stderr
        assert "Traceback" not in done.stderr
    # a name, the path of the executable; never a part of a name
    (tmp_path / "quiet").symlink_to(f"/proc/{quiet.pid}/exe")
    taken = gosnap("capture", "./quiet", "-q", "--force", cwd=tmp_path)
    assert taken.stdout == f"gosnap-quiet.{quiet.pid}.gosnap\n", taken.stderr
    assert "did you mean quiet" in fails("capture", "quie", cwd=tmp_path)
    fails("types", cwd=tmp_path, code=2)
    fails("types", "a.gosnap", "--by", "colour", cwd=tmp_path, code=2)
    assert "did you mean 'types'" in fails("tpyes", "a.gosnap", cwd=tmp_path, code=2)


def test_killed_at_any_moment(quiet: Any, tmp_path: Path) -> None:
    """There is a whole file under the final name or none, and the target answers."""
    dice = random.Random(5)
    file = tmp_path / "a.gosnap"
    whole = 0
    for i in range(24):
        command = [
            sys.executable,
            "-m",
            "gosnap",
            "capture",
            str(quiet.pid),
            "-o",
            str(file),
            "--progress",
            "always",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(dice.uniform(0.05, 0.35))
            process.send_signal((signal.SIGKILL, signal.SIGTERM)[i % 2])
        quiet.ask("s")
        if file.exists():
            assert Reader.open(file).verify() > 0
            whole += 1
            file.unlink()
        left = [p for p in tmp_path.iterdir() if p.suffix == ".part"]
        assert len(left) <= (1 if i % 2 == 0 else 0), "SIGTERM left a file behind"
        for part in left:
            part.unlink()
        assert list(tmp_path.iterdir()) == []
    print(f"{whole} of 24 were done before the signal")


def test_full_disk(quiet: Any, tmp_path: Path) -> None:
    """A file system with no room: an error that says so, and nothing under the final name or beside it."""
    mount = tmp_path / "small"
    mount.mkdir()
    script = (
        f"mount -t tmpfs -o size=64k none {mount} && cd {mount} && "
        f"{sys.executable} -m gosnap capture {quiet.pid}; echo code $?; ls -A"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert "no space left" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout.splitlines() == ["code 1"]


def test_other_pid_namespace(quiet: Any, tmp_path: Path) -> None:
    """From inside a PID namespace the process cannot be seen: the error says what that means."""
    script = f"{sys.executable} -m gosnap capture {quiet.pid} -o {tmp_path}/a.gosnap; echo code $?"
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no PID namespace here: {done.stderr.strip()}")
    assert "no process" in done.stderr and "namespace" in done.stderr
    assert done.stdout == "code 1\n"


def test_another_user(quiet: Any, tmp_path: Path) -> None:
    """No permission: the error names the capability."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become another user")
    packages = os.pathsep.join(p for p in sys.path if p)
    program = (
        "import sys; sys.path[:0] = sys.argv[1].split(':'); from gosnap.cli import main; "
        f"sys.exit(main(['capture', '{quiet.pid}', '-o', '/tmp/gosnap-test-{quiet.pid}.gosnap']))"
    )
    done = subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            sys.executable,
            "-c",
            program,
            packages,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    if "Permission denied" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip("that user cannot run this interpreter")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "permission" in done.stderr and "CAP_SYS_PTRACE" in done.stderr and "uid 0" in done.stderr
