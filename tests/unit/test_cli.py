"""The command line without any target: help, usage, errors, and what it imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from snapshotfile import write_snapshot

from gosnap.cli import VERBS, main


def modules_after(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    code = (
        "import sys, io, contextlib\n"
        "from gosnap.cli import main\n"
        "with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):\n"
        f"    code = main({list(arguments)!r})\n"
        "print(code, *sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    code_text, *names = done.stdout.split()
    assert code_text == "0", done.stderr
    return set(names)


def test_help_is_light() -> None:
    loaded = modules_after("--help")
    assert not {"numpy", "rich", "asyncio", "ctypes", "subprocess"} & {n.partition(".")[0] for n in loaded}
    assert not [
        n
        for n in loaded
        if n.startswith("gosnap.") and n not in {"gosnap.cli", "gosnap._version", "gosnap.errors"}
    ]


def test_json_needs_no_layout(tmp_path: Path) -> None:
    loaded = modules_after("types", str(write_snapshot(tmp_path / "a.gosnap")), "--format", "json")
    # the analysis is not even imported: opening a snapshot never repeats it
    assert not {"gosnap.heap.analyse", "gosnap.heap.take", "gosnap._kernels.heap"} & loaded


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out for verb in VERBS)


@pytest.mark.parametrize("verb", list(VERBS))
def test_help_of_a_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    by_option = capsys.readouterr().out
    assert main(["help", verb]) == 0
    assert capsys.readouterr().out == by_option
    # proto writes one format only
    assert f"gosnap {verb}" in by_option and ("--format" in by_option or verb == "proto")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: gosnap"),
        (["tyeps"], "did you mean 'types'"),
        (["--nonsense"], "options come after the verb"),
        (["types"], "FILE"),
        (["types", "x", "-n", "-3"], "-n"),
        (["types", "x", "--sort", "weight"], "--sort"),
        (["capture", "1", "-q", "-v"], "not allowed"),
        (
            ["capture", "1", "--form", "json"],
            "unrecognized",
        ),  # no abbreviations: they would break scripts later
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import gosnap

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gosnap {gosnap.__version__}\n"


def test_errors_have_one_line_and_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["types", str(tmp_path / "none.gosnap")]) == 1
    message, hint = capsys.readouterr().err.splitlines()
    assert message.startswith("gosnap: ") and "none.gosnap" in message and hint.startswith("  ")


def test_every_answer_as_json(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = str(write_snapshot(tmp_path / "a.gosnap"))
    for verb in ("types", "spans", "info"):
        assert main([verb, path, "--format", "json"]) == 0
        first = capsysbinary.readouterr().out
        document = json.loads(first)
        assert document["kind"] == verb
        assert main([verb, path, "--format", "json"]) == 0
        assert capsysbinary.readouterr().out == first


def test_closed_pipe(tmp_path: Path) -> None:
    """`gosnap types … | head -1` is no error."""
    path = write_snapshot(tmp_path / "a.gosnap", types=3000)
    command = f"{sys.executable} -m gosnap types {path} -n 0 | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == ""


def test_a_signal_waits_for_an_import_to_end(tmp_path: Path) -> None:
    """An exception inside of the import system leaves its lock held, and other threads wait for it for
    ever."""
    (tmp_path / "slow.py").write_text(
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "sum(range(200_000))\n"
        "print('imported')\n"
    )
    script = (
        "import sys, time\n"
        "from gosnap import cli\n"
        "cli._end_in_order()\n"
        "try:\n"
        "    import slow\n"
        "    time.sleep(60)\n"
        "except cli._Terminated as e:\n"
        "    print(e.name)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.stdout.split() == ["imported", "SIGTERM"], done.stderr
