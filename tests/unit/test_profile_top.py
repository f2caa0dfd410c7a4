"""`gosnap top`: the command line, what it prints, and that it starts light."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gosnap.cli import main
from gosnap.commands import profile_flags
from gosnap.errors import GosnapError
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.encode import to_gzip
from gosnap.profile.options import OPTIONS

KB = 1024


def write(path: Path, scale: int = 1, **names: str) -> str:
    b = ProfileBuilder(
        [
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes"),
        ],
        ("space", "bytes"),
        512 * KB,
    )
    mapping = b.mapping(0x400000, 0x500000, 0, "/srv/bin/shop", "abc123")
    main_ = b.function("main.main", "/src/main.go", 3)
    serve = b.function(names.get("serve", "main.(*Server).serve"), "/src/server.go", 7)
    grow = b.function("main.grow", "/src/server.go", 20)
    root = b.location(0x400010, [(main_, 5)], mapping)
    middle = b.location(0x400020, [(serve, 9)], mapping)
    leaf = b.location(0x400030, [(grow, 21), (serve, 10)], mapping)
    b.sample([leaf, root], [9, 900 * KB, 3, 300 * KB * scale], {"bytes": (100 * KB, "")})
    b.sample([middle, root], [1, 100 * KB, 1, 100 * KB])
    b.time_nanos = 1_700_000_000 * 10**9
    b.comments = ["built by hand", "# not shown"]
    path.write_bytes(to_gzip(b.build()))
    return str(path)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


# Laid out by hand after google/pprof's rules: values in ten columns, percentages in six, the smallest unit
# that suits the smallest value.
EXPECTED = """\
File: shop
Build ID: abc123
built by hand
Type: inuse_space
Time: 2023-11-14 22:13:20 UTC
Showing nodes accounting for 400kB, 100% of 400kB total
      flat  flat%   sum%        cum   cum%
     300kB 75.00% 75.00%      300kB 75.00%  main.grow (inline)
     100kB 25.00%   100%      400kB   100%  main.(*Server).serve
         0     0%   100%      400kB   100%  main.main
"""


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "heap.pb.gz")
    for words in (
        ["top", path],
        ["text", path],
        ["-top", path],
        ["-text", path],
        ["top", "--flat", path, "-inuse_space"],
    ):
        assert main(words) == 0
        assert capsys.readouterr().out == EXPECTED, words


def test_options_in_every_spelling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "heap.pb.gz")
    for words in (
        ["top", "-cum", "-nodecount=2", path],
        ["top", path, "--nodecount", "2", "--cum"],
        ["-nodecount=2", "-cum", "-top", path],
        ["top", "-n", "2", "--sort=cum", path],
    ):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert "Showing top 2 nodes out of 3\n" in out, words
        assert out.splitlines()[-2:] == [
            "     100kB 25.00% 25.00%      400kB   100%  main.(*Server).serve",
            "         0     0% 25.00%      400kB   100%  main.main",
        ]


def test_comparisons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, old = write(tmp_path / "new.pb.gz", 3), write(tmp_path / "old.pb.gz")
    assert main(["top", "--base", old, new]) == 0
    assert "Showing nodes accounting for 600kB, 100% of 600kB total" in capsys.readouterr().out
    assert main(["top", f"-diff_base={old}", new]) == 0
    # of the base's 400 kB
    assert "Showing nodes accounting for 600kB, 150.00% of 400kB total" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["top"], "no profile given"),
        (["top", "x", "--fucus=a"], "did you mean --focus?"),
        (["top", "x", "--cum", "--flat"], "exclude each other"),
        (["top", "x", "--lines", "--files"], "exclude each other"),
        (["top", "x", "--nodecount=many"], "whole number"),
        (["top", "x", "--nodefraction=nan"], "number"),
        (["top", "x", "--nodecount"], "needs a value"),
        (["top", "x", "--mean=perhaps"], "yes or no"),
        (["top", "x", "--sort=name"], "choose one of cum, flat"),
        (["top", "x", "--format=xml"], "choose one of text, json, csv"),
        (["top", "x", "--inuse_space", "--alloc_space"], "chosen already"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sample_index=heap"], "alloc_objects, alloc_space, inuse_objects, inuse_space"),
        (["--sample_index=4"], "outside the range 0 to 3"),
        (["--divide_by=0"], "divide"),
        (["--normalize"], "needs a base"),
        (["--base=a", "--diff_base=b"], "both"),
    ],
)
def test_what_cannot_be(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", write(tmp_path / "heap.pb.gz"), *words]) == 1
    assert said in capsys.readouterr().err


def test_sources_that_fail_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, none = write(tmp_path / "heap.pb.gz"), str(tmp_path / "none.pb.gz")
    assert main(["top", path, none]) == 0
    captured = capsys.readouterr()
    assert captured.out == EXPECTED and "none.pb.gz" in captured.err and "1 of 2 profiles" in captured.err
    assert main(["top", none]) == 1


def test_json_and_csv(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = write(tmp_path / "heap.pb.gz", serve="=cmd()")
    assert main(["top", path, "--format", "json", "-alloc_space"]) == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert document["kind"] == "top" and document["schema_version"] == 1
    assert document["totals"] == {"total": 1000 * KB, "shown": 1000 * KB}
    assert document["rows"][0] == {
        "name": "main.grow",
        "function": "main.grow",
        "flat": 900 * KB,
        "cum": 900 * KB,
        "inlined": "yes",
    }
    assert main(["top", path, "--format=csv", "--lines"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode(), newline="")))
    assert rows[0]["name"] == "main.grow /src/server.go:21" and rows[0]["line"] == "21"
    # a spreadsheet must not run a name
    assert all(not r["function"].startswith("=") for r in rows)


def test_names_cannot_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", write(tmp_path / "heap.pb.gz", serve="main.\x1b[2J\nx")]) == 0
    assert "main.\\x1b[2J\\nx" in capsys.readouterr().out


def test_answers_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = write(tmp_path / "heap.pb.gz"), tmp_path / "out.txt"
    assert main(["top", path, "-o", str(out)]) == 0
    assert out.read_text() == EXPECTED and capsys.readouterr().out == ""
    assert main(["top", path, "-output", str(out)]) == 1, "nothing is overwritten"
    assert main(["top", path, "-output", str(out), "--force"]) == 0


def test_the_executable_may_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", sys.executable, write(tmp_path / "heap.pb.gz")]) == 0
    assert capsys.readouterr().out.startswith(f"File: {Path(sys.executable).name}\n")


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--help"]) == 0
    out = capsys.readouterr().out
    for option in OPTIONS:
        assert option.help and option.help in out
        for choice, text in option.choices:
            assert text and f"--{choice}" in out
    assert max(map(len, out.splitlines())) <= 110


def test_options_do_not_swallow_sources() -> None:
    found = profile_flags.parse(["-trim", "x", "-mean=false", "--", "-y"])
    assert found.arguments == ["x", "-y"] and found.config.trim and not found.config.mean
    with pytest.raises(GosnapError):
        profile_flags.parse(["-nodecount"])


def test_it_starts_light(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from gosnap.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print(code, *sorted(sys.modules), file=sys.stderr)"
    )
    path = write(tmp_path / "heap.pb.gz")
    done = subprocess.run(
        [sys.executable, "-c", code, "top", path, "--base", path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code_text, *loaded = done.stderr.split()
    assert code_text == "0"
    heavy = {
        "numpy",
        "rich",
        "argparse",
        "typing",
        "dataclasses",
        "re",
        "pathlib",
        "json",
        "ctypes",
        "threading",
    }
    assert not heavy & set(loaded)
