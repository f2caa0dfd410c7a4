"""`gosnap diff` and `--changes`: before, after and change. The oracle is `gosnap top` of each side alone."""

import csv
import io
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels.profile_compare import base_values
from gosnap.cli import main
from gosnap.profile import pipeline
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.changes import Changes
from gosnap.profile.columns import column
from gosnap.profile.encode import to_gzip
from gosnap.profile.model import Profile
from gosnap.profile.options import Config

KB = 1024
Rows = list[tuple[tuple[str, ...], int]]


def profile(rows: Rows, labels: bool = False) -> Profile:
    """Stacks, leaf first, with their bytes in use."""
    b = ProfileBuilder([("inuse_objects", "count"), ("inuse_space", "bytes")], ("space", "bytes"), 512 * KB)
    mapping = b.mapping(1, 1000, 0, "/bin/shop")
    places: dict[str, int] = {}
    for stack, value in rows:
        for name in stack:
            if name not in places:
                at = len(places) + 1
                places[name] = b.location(at, [(b.function(name, f"{name}.go"), at)], mapping)
        b.sample([places[name] for name in stack], [1, value], {"who": stack[0]} if labels else {})
    return b.build()


BEFORE: Rows = [
    (("grow", "serve", "main"), 100 * KB),
    (("lost", "main"), 50 * KB),
    (("same", "main"), 30 * KB),
    (("shrink", "serve", "main"), 80 * KB),
]
AFTER: Rows = [
    (("grow", "serve", "main"), 300 * KB),
    (("made", "serve", "main"), 70 * KB),
    (("same", "main"), 30 * KB),
    (("shrink", "serve", "main"), 20 * KB),
]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    paths = tmp_path / "before.pb.gz", tmp_path / "after.pb.gz"
    for path, rows in zip(paths, (BEFORE, AFTER), strict=True):
        path.write_bytes(to_gzip(profile(rows, labels=True)))
    return str(paths[0]), str(paths[1])


TABLE = """\
File: shop
Type: inuse_space
Before 260kB, after 420kB: +160kB (+62%)
1 node with the same as before not shown
flat before      after      change  change%  cum change
      100kB      300kB      +200kB    +200%      +200kB  grow
          0       70kB       +70kB      new       +70kB  made
       80kB       20kB       -60kB     -75%       -60kB  shrink
       50kB          0       -50kB     gone       -50kB  lost
          0          0           0               +160kB  main
          0          0           0               +210kB  serve
"""


def test_the_table(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    before, after = pair
    for words in (
        ["diff", before, after],
        ["top", "--changes", "--diff_base", before, after],
        ["top", "--changes", f"-base={before}", after],
        ["-top", "-changes", "-diff_base", before, after],
        ["diff", before, after, "--taghide=.*"],
    ):
        assert main(words) == 0
        out = capsys.readouterr().out
        if "--taghide=.*" in words:
            out = out.replace("Active filters:\n   taghide=.*\n", "")
        assert out == TABLE, words


def test_rows_are_those_of_pprofs_table(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    before, after = pair
    assert main(["top", "-diff_base", before, after]) == 0
    plain = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[4:]]
    assert plain == [line.split()[-1] for line in TABLE.splitlines()[5:]]


def test_sorted_by_cum_and_cut(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    before, after = pair
    assert main(["diff", before, after, "-cum", "-n", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "Showing top 2 nodes out of 6",
        "1 node with the same as before not shown",
        " cum before      after      change  change% flat change",
        "      180kB      390kB      +210kB    +117%           0  serve",
        "      100kB      300kB      +200kB    +200%      +200kB  grow",
    ]
    assert main(["diff", before, after, "-nodefraction=0.15"]) == 0
    out = capsys.readouterr().out
    # of 420 kB, which is more than before
    assert "Dropped 2 nodes (cum <= 63kB)" in out and "lost" not in out and "shrink" not in out


def test_callers_and_callees(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    before, after = pair
    assert main(["peek", "--changes", "serve", "--diff_base", before, after]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[5:-1] == [
        "flat change cum before      after      change  change%   context",
        lines[4],
        "                 180kB      390kB      +210kB    +117% |   main",
        "          0      180kB      390kB      +210kB    +117% | serve",
        "                 100kB      300kB      +200kB    +200% |   grow",
        "                     0       70kB       +70kB      new |   made",
        "                  80kB       20kB       -60kB     -75% |   shrink",
    ]
    assert main(["tree", "--changes", "--diff_base", before, after]) == 0
    tree = capsys.readouterr().out.splitlines()
    assert "                  50kB          0       -50kB     gone |   lost" in tree
    assert main(["peek", "--changes", "nosuch", "--diff_base", before, after]) == 1
    assert "no matches found" in capsys.readouterr().err


def test_json_and_csv(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    before, after = pair
    assert main(["diff", before, after, "--format=json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "diff"
    assert document["totals"] == {"before": 260 * KB, "after": 420 * KB, "change": 160 * KB}
    assert document["left_out"] == {"rows": 0, "unchanged": 1}
    states = {row["name"]: row["state"] for row in document["rows"]}
    assert states == {
        "grow": "changed",
        "made": "new",
        "shrink": "changed",
        "lost": "gone",
        "main": "changed",
        "serve": "changed",
    }
    assert document["rows"][0]["flat_change"] == 200 * KB
    assert main(["tree", "--changes", "--base", before, after, "--format=json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "diff-tree"
    made = next(row for row in document["rows"] if row["name"] == "made")
    assert made["callers"] == [
        {
            "name": "serve",
            "inlined": "no",
            "direct": "yes",
            "before": 0,
            "after": 70 * KB,
            "change": 70 * KB,
            "state": "new",
        }
    ]
    assert main(["diff", before, after, "--format=csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[3]["name"] == "lost" and rows[3]["flat_before"] == str(50 * KB) and rows[3]["state"] == "gone"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["diff", "a"], "diff compares two profiles"),
        (["diff", "a", "b", "c"], "diff compares two profiles"),
        (["diff", "a", "b", "--base=c"], "diff compares two profiles"),
        (["top", "--changes", "a"], "needs what to compare with"),
        (["top", "--changes", "--errors", "--base=a", "b"], "--errors is not for changes"),
        (["diff", "a", "b", "-mean"], "--mean is not for changes"),
        (["list", "--changes", "x", "a"], "list has no --changes"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_the_shell_has_them(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = pair
    monkeypatch.setattr("sys.stdin", io.StringIO("changes=true\ntop\nchanges=false\ntop1\nq\n"))
    assert main(["profile", "--diff_base", before, after]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Before 260kB") and "\nShowing nodes accounting for 200kB, 76.92% of 260kB" in out
    monkeypatch.setattr("sys.stdin", io.StringIO("changes=true\ntop\nq\n"))
    assert main(["profile", "--base", before, after]) == 0
    assert "needs what to compare with" in capsys.readouterr().err


def test_empty_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full, empty = tmp_path / "full.pb.gz", tmp_path / "empty.pb.gz"
    full.write_bytes(to_gzip(profile(BEFORE)))
    empty.write_bytes(to_gzip(profile([])))
    assert main(["diff", str(empty), str(full)]) == 0
    out = capsys.readouterr().out
    assert "Before 0, after 260kB: +260kB (new)" in out and out.count(" new ") == 6
    assert main(["diff", str(full), str(empty)]) == 0
    assert capsys.readouterr().out.count(" gone ") == 6
    assert main(["diff", str(full), str(full)]) == 0
    assert "6 nodes with the same as before not shown" in capsys.readouterr().out


names = st.sampled_from("abcde")
stacks = st.lists(
    st.tuples(st.lists(names, min_size=1, max_size=4).map(tuple), st.integers(1, 9)), max_size=8
)


def _alone(rows: Rows, index: int = 1) -> dict[str, tuple[int, int]]:
    """flat and cum of every function, counted anew."""
    out: dict[str, tuple[int, int]] = {}
    for stack, value in rows:
        for name in set(stack):
            flat, cum = out.get(name, (0, 0))
            out[name] = flat + (value if name == stack[0] else 0), cum + value
    return out


def _calls(rows: Rows) -> dict[tuple[str, str], int]:
    out: dict[tuple[str, str], int] = {}
    for stack, value in rows:
        for pair in {(caller, callee) for callee, caller in pairwise(stack)}:
            if pair[0] != pair[1]:
                out[pair] = out.get(pair, 0) + value
    return out


@settings(max_examples=150, deadline=None)
@given(before=stacks, after=stacks)
def test_both_sides_are_what_each_is_alone(before: Rows, after: Rows) -> None:
    sides = {"before": before, "after": after}
    config = Config(diff_base=("before",), changes=True, trim=False)
    loaded = pipeline.load(["after"], config, [], open_source=lambda name: profile(sides[name]))
    found = Changes(pipeline.prepare(loaded, config, "tree", []), edges=True)
    graph = found.graph
    was, is_ = _alone(before), _alone(after)
    shown = {graph.name(node).decode(): node for node in graph.order}
    for name, node in shown.items():
        flat, cum = found.flat(node), found.cum(node)
        assert (flat.before, cum.before) == was.get(name, (0, 0))
        assert (flat.after, cum.after) == is_.get(name, (0, 0))
        assert cum.state == ("new" if name not in was else "gone" if name not in is_ else cum.state)
    same = {name for name in was.keys() & is_.keys() if was[name] == is_[name]}
    assert set(shown) == (was.keys() | is_.keys()) - same and found.unchanged == len(same)
    assert found.total.before == sum(v for _, v in before) and found.total.after == sum(v for _, v in after)
    calls, calls_after = _calls(before), _calls(after)
    for edge in range(len(graph.edge_src)):
        ends = tuple(graph.name(n[edge]).decode() for n in (graph.edge_src, graph.edge_dst))
        if set(ends) & set(shown):
            change = found.edge(edge)
            assert (change.before, change.after) == (calls.get(ends, 0), calls_after.get(ends, 0))


def test_columns_that_do_not_fit() -> None:
    values, sides = column("q", [5, -7, 9, -1]), column("B", [0, 1])
    # sample 0: (5, -7), sample 1, of the base: (9, -1)
    assert base_values(values, 2, 1, sides) == (column("q", [0, 1]), 1, -7)
    for bad in ((values, 2, 2, sides), (values, 2, -1, sides), (values, 1, 0, sides), (values, 0, 0, sides)):
        with pytest.raises(ValueError):
            base_values(*bad)
