"""Our reports of heap profiles against those of ``go tool pprof``, on real profiles.

Every profile of ``profilecases.PROFILES`` × every command line of ``profilecases.COMBINATIONS``, for the
verbs that gosnap has. Standard output is the same byte for byte, but for what ``pproforacle.normalise``
documents; where pprof fails, gosnap fails. ``GOSNAP_PPROF_SHARE=5`` runs one pair in five, the same ones each
time.
"""

import difflib
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import gosnapcli
import pproforacle
import profilecases
import pytest
from profilecases import COMBINATIONS, PROFILES, Combination, Profile

import gotool
from gosnap import cli

pytestmark = pytest.mark.integration

VERBS = {**cli.VERBS, **cli.ALIASES}

_SHARE = int(os.environ.get("GOSNAP_PPROF_SHARE", "1"))


def _chosen(profile: Profile, combination: Combination) -> bool:
    return zlib.crc32(f"{profile.name} {combination.name}".encode()) % _SHARE == 0


_MADE = [profile for profile in PROFILES if not profilecases.missing_tool(profile.recipe)]
_PAIRS = [
    (profile, combination)
    for combination in COMBINATIONS
    if combination.verb in VERBS
    for profile in _MADE
    if _chosen(profile, combination)
]


@pytest.fixture(scope="module")
def corpus() -> Iterator[None]:
    """All profiles are there, and pprof is asked in the background for what it says of them."""
    profilecases.make_all()
    # In the order of the tests: pprof is ahead of us on one processor while we use the other.
    with pproforacle.asking(combination.pprof(profile) for profile, combination in _PAIRS):
        yield


def _text(output: bytes, combination: Combination) -> list[str]:
    text = output.decode("utf-8", "surrogateescape")
    return pproforacle.normalise(text, combination.verb, combination.flags).splitlines()


_SUMS = re.compile(r" *(\S+) +(\S+) \(flat, cum\) +\S+ of Total")
_MISSING = (" Error: ", " No source found; ")


def _listings(theirs: list[str], ours: list[str]) -> tuple[list[str], list[str]]:
    """Two answers of ``list``, without what is meant to differ.

    pprof's cum of a function is the sum over its lines, which counts a sample twice that passes two of them;
    ours counts it once. Where pprof finds no source, gosnap lists lines without it, or finds it.
    """
    left, right = _routines(theirs), _routines(ours)
    for i, (one, other) in enumerate(zip(left, right, strict=False)):
        sums = [_SUMS.fullmatch(part[1]) if len(part) > 1 else None for part in (one, other)]
        # the same flat, and more lines than one that a sample may pass
        if sums[0] and sums[1] and sums[0][1] == sums[1][1]:
            counts = [
                line.split(None, 2)[1] for line in one[2:] if line.split(None, 2)[1:2] not in ([], ["."])
            ]
            if len(counts) > 1:
                one[1] = other[1] = "(a recursion)"
        if any(line.startswith(_MISSING) for line in one[2:3]):
            left[i], right[i] = one[:2], other[:2]
    return list(chain(*left)), list(chain(*right))


def _routines(lines: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith(("ROUTINE ", "No source information ")):
            parts.append([])
        parts[-1].append(line)
    return parts


def _reread(profile: bytes, file: Path) -> list[str]:
    """What pprof reads in a profile."""
    file.write_bytes(profile)
    done = pproforacle.run(["-raw", str(file)])
    assert done.code == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").splitlines()


@pytest.mark.skipif(not _PAIRS, reason="gosnap has none of these verbs yet")
@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize(
    ("profile", "combination"),
    [
        pytest.param(profile, combination, id=f"{combination.name}-{profile.name}")
        for profile, combination in _PAIRS
    ],
)
def test_a_report_is_pprofs(profile: Profile, combination: Combination, tmp_path: Path) -> None:
    asked = combination.pprof(profile)
    theirs = pproforacle.run(asked)
    out = tmp_path / "ours.pb.gz" if combination.verb in gosnapcli.BINARY else None
    words = gosnapcli.arguments(combination, profile, out)
    ours = gosnapcli.run(words)
    told = f"\n  pprof {' '.join(asked)}\n  gosnap {' '.join(words)}\n"
    assert (ours.code == 0) == (theirs.code == 0), (
        f"{told}exit codes {theirs.code} and {ours.code}\npprof: {theirs.stderr.decode()}\n"
        f"gosnap: {ours.stderr.decode()}"
    )
    if ours.code:
        assert ours.code in (1, 2) and ours.stderr and b"Traceback" not in ours.stderr, (
            told + ours.stderr.decode()
        )
        return
    if out:
        left, right = _reread(theirs.stdout, tmp_path / "theirs.pb.gz"), _reread(out.read_bytes(), out)
    else:
        left, right = _text(theirs.stdout, combination), _text(ours.stdout, combination)
        if combination.verb == "list":
            left, right = _listings(left, right)
    if left != right:
        different = list(difflib.unified_diff(left, right, "pprof", "gosnap", n=2, lineterm=""))
        pytest.fail(told + "\n".join(different[:40]), pytrace=False)


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("profile", [p for p in _MADE if "heap" in p.name], ids=lambda p: p.name)
def test_no_routine_has_more_than_all(profile: Profile) -> None:
    said = gosnapcli.run(["list", "-alloc_space", ".", str(profile.path)])
    shares = [float(s) for s in re.findall(rb"\(flat, cum\) +([\d.e+-]+)% of Total", said.stdout)]
    assert all(share <= 100.05 for share in shares)
    assert shares or said.code or not said.stdout.count(b"ROUTINE")


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("verb", sorted({c.verb for c in COMBINATIONS} & set(VERBS)))
def test_a_process_of_its_own_says_the_same(verb: str, tmp_path: Path) -> None:
    combination = next(c for c in COMBINATIONS if c.verb == verb)
    profile = next(p for p in _MADE if p.name == "generic-1.25-heap")
    words = gosnapcli.arguments(combination, profile, tmp_path / "own" if verb in gosnapcli.BINARY else None)
    packages = str(Path(sys.modules["gosnap"].__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, "-m", "gosnap", *words],
        env=pproforacle.environment() | {"PYTHONPATH": packages},
        cwd=pproforacle.home(),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    if verb in gosnapcli.BINARY:
        here = gosnapcli.arguments(combination, profile, tmp_path / "here")
        assert gosnapcli.run(here).code == done.returncode == 0, done.stderr.decode()
        assert (tmp_path / "own").read_bytes() == (tmp_path / "here").read_bytes()
    else:
        here_said = gosnapcli.run(words)
        assert (done.returncode, done.stdout) == (here_said.code, here_said.stdout), done.stderr.decode()


def test_every_profile_can_be_made_here() -> None:
    if missing := [why for recipe in profilecases.RECIPES if (why := profilecases.missing_tool(recipe))]:
        pytest.skip("; ".join(missing))


def test_verbs_that_gosnap_lacks() -> None:
    if missing := sorted({c.verb for c in COMBINATIONS} - set(VERBS)):
        pytest.skip(f"not compared with pprof, as gosnap has no verb {', '.join(missing)}")


def test_the_corpus_is_what_was_asked_for() -> None:
    assert len(PROFILES) >= 40 and len({p.name for p in PROFILES}) == len(PROFILES)
    assert len(COMBINATIONS) >= 60 and len({c.name for c in COMBINATIONS}) == len(COMBINATIONS)
    commands = [(c.verb, c.expression, c.flags, c.added) for c in COMBINATIONS]
    assert len(set(commands)) == len(commands)
    assert {r.go for r in profilecases.RECIPES} == set(gotool.GO_VERSIONS)


@pytest.mark.usefixtures("corpus")
def test_combinations_find_something_to_work_on() -> None:
    """A filter that matches nothing in any profile would compare nothing but the plain report."""
    meant = {c.name for c in COMBINATIONS if c.name.endswith(("-none", "-broken"))}
    failing = {"top-index-unknown", "top-both-bases", "top-normalize-alone"}
    for combination in COMBINATIONS:
        if combination.name in meant | failing:
            continue
        answers = (pproforacle.run(combination.pprof(p)) for p in _MADE if not p.is_text)
        if not any(a.code == 0 and b"matched no samples" not in a.stderr for a in answers):
            pytest.fail(f"{combination.name} matches nothing, or fails, in every profile")
