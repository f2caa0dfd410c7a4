"""Reports of small profiles against what ``go tool pprof`` says of them.

tests/data/reports holds the profiles and the answers; tests/integration/reportcases.py makes them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gosnap.cli import PPROF_REPORTS, main

DATA = Path(__file__).resolve().parent.parent / "data" / "reports"
CASES = [
    pytest.param(name, case, id=f"{name} {case['command']}")
    for name in ("shop", "odd")
    for case in json.loads((DATA / f"{name}.json").read_text())
]
Case = dict[str, str | int | list[str]]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def words(command: str, path: Path) -> list[str]:
    """pprof's command line as ours: the verb without a dash, its argument behind it."""
    verb, *flags = command.replace("{data}", str(DATA)).split()
    verb, _, expression = verb.partition("=")
    return [verb, *(f"-{f.lstrip('-')}" for f in flags), *([expression] if expression else []), str(path)]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_report_is_pprofs(
    name: str, case: Case, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    command = str(case["command"])
    asked = words(command, DATA / f"{name}.pb.gz")
    if asked[0] in ("proto", "topproto"):
        out = tmp_path / "out.pb.gz"
        assert main([*asked, "-o", str(out)]) == 0
        # raw itself is one of the cases; names are kept as they were written
        asked = ["raw", str(out)]
    code = main(asked)
    said = capsysbinary.readouterr()
    if case["code"]:
        assert code == 1 and not said.out and b"no matches" in said.err
        return
    assert code == 0
    assert said.out.decode().splitlines() == case["stdout"]


def test_every_verb_has_a_case() -> None:
    tested = {str(case.values[1]["command"]).split()[0].partition("=")[0] for case in CASES}  # type: ignore[index,call-overload]
    # these have tests of their own
    assert tested | {"top", "svg"} == PPROF_REPORTS


def test_a_verb_and_its_argument_may_be_pprofs(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    shop = str(DATA / "shop.pb.gz")
    assert main(["-peek=serve", "-cum", shop]) == 0
    theirs = capsysbinary.readouterr().out
    assert main(["peek", "serve", shop, "--cum"]) == 0
    assert capsysbinary.readouterr().out == theirs and b"serve" in theirs


@pytest.mark.parametrize("verb", ["tree", "traces", "raw", "callgrind", "tags"])
def test_output_goes_to_a_file(verb: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    shop = str(DATA / "shop.pb.gz")
    assert main([verb, shop]) == 0
    out = tmp_path / "out"
    printed = capsysbinary.readouterr().out
    assert main([verb, shop, "-o", str(out)]) == 0
    assert out.read_bytes() == printed and out.stat().st_mode & 0o777 == 0o600
    assert b"wrote" in capsysbinary.readouterr().err
    assert main([verb, shop, "-o", str(out)]) == 1
    assert b"exists already" in capsysbinary.readouterr().err


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    assert main(["raw", str(DATA / "shop.pb.gz"), "-o", str(tmp_path / "none" / "out")]) == 1
    assert not list(tmp_path.iterdir())


def test_a_terminal_is_not_steered_by_names(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    from gosnap.profile.builder import ProfileBuilder
    from gosnap.profile.encode import to_gzip

    b = ProfileBuilder([("space", "by\x1btes")])
    name = "main.\x1b[31m\nred\u202e"
    f = b.function(name, "\x07/a.go", 1)
    here = b.location(0x10, [(f, 2)], b.mapping(0, 1 << 20, 0, "/bin/\x1bprog"))
    b.sample([here], [5], {"k\x1b": "v\x1b\n", "bytes": (3, "u\x1b")})
    b.comments = ["\x1b[2J"]
    path = tmp_path / "evil.pb.gz"
    path.write_bytes(to_gzip(b.build()))
    for verb in ("tree", "traces", "raw", "tags", "comments", "dot", "callgrind"):
        assert main([verb, "-lines", str(path)]) == 0
        said = capsysbinary.readouterr()
        assert not set(said.out.decode()) & {"\x1b", "\x07", "\u202e"}, verb
    assert main(["list", "red", "-trim_path=/x", str(path)]) == 0
    assert b"\x1b" not in capsysbinary.readouterr().out


def test_json_has_what_text_has(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    shop = str(DATA / "shop.pb.gz")
    assert main(["tree", shop, "--format=json", "-nodecount=2"]) == 0
    tree = json.loads(capsysbinary.readouterr().out)
    assert tree["kind"] == "tree" and len(tree["rows"]) == 2 and tree["left_out"]["rows"] == 3
    serve = tree["rows"][0]
    assert serve["function"] == "example.com/shop/v2.(*Server).serve"
    (grow,) = serve["callees"]
    # 40·16 + 20·48 + 10·1024 + 5·4096 + 2·10240 + 1·32768
    assert grow == {
        "name": "example.com/shop/v2.grow",
        "weight": 85568,
        "inlined": "yes",
        "direct": "yes",
    }
    assert main(["tags", shop, "--format", "json"]) == 0
    tags = json.loads(capsysbinary.readouterr().out)
    assert [row["key"] for row in tags["rows"]] == ["bytes", "path", "tenant"]
    assert tags["rows"][1] == {"key": "path", "total": 11, "values": [{"value": "/a b", "weight": 11}]}
    assert main(["raw", shop, "--format=json"]) == 2


def test_what_is_cut_off_is_told(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    shop = str(DATA / "shop.pb.gz")
    # pprof's tree does not say so, so that it is said elsewhere than in its text
    assert main(["tree", shop, "-edgefraction=0.2", "-nodefraction=0"]) == 0
    assert b"calls below 69.31kB are not shown" in capsysbinary.readouterr().err
    assert main(["tree", shop, "-edgefraction=0.2", "-nodefraction=0", "-quiet"]) == 0
    assert not capsysbinary.readouterr().err


@pytest.mark.parametrize("verb", ["tree", "traces", "raw", "tags", "dot"])
def test_verbs_start_light(verb: str) -> None:
    code = f"""
import sys
from gosnap.cli import main
assert main([{verb!r}, {str(DATA / "shop.pb.gz")!r}]) == 0
heavy = {{"numpy", "rich", "argparse", "re2"}} & set(sys.modules)
assert heavy <= {{"re2"}} and (not heavy or {verb!r} == "dot"), heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
