"""Heap profiles against the records that the program itself reads from its runtime: an oracle without pprof.

The expected values come from runtime.MemProfile in the target and the formula of runtime/pprof (protomem.go,
scaleHeapSample): count and size of a record are multiplied by 1/(1-exp(-(size/count)/rate)) and cut to
integers, apart for what was allocated and for what is in use; a rate of 1 or less scales nothing. Records of
one stack and one size of objects are one sample or several; what is compared is their sum.
"""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import gosnapcli
import profilecases
import pytest
from profilecases import DEFAULT_RATE, RECIPES, Recipe

import profileproto
from gosnap.cli import VERBS

pytestmark = pytest.mark.integration

# runtime.MemProfileRecord holds 32 frames, the profile 128 since Go 1.23. A runtime function in front of them
# is taken off, so what both have for certain is a little less.
_FRAMES = 24

_MADE = [r for r in RECIPES if not profilecases.missing_tool(r)]
_SAMPLE_TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")

Sums = dict[tuple[tuple[profileproto.Frame, ...], int], tuple[int, ...]]
"""(frames from the leaf on, bytes of an object) -> values in the order of _SAMPLE_TYPES"""


def scaled(count: int, size: int, rate: int) -> tuple[int, int]:
    """What a profile says for this many sampled objects and bytes."""
    if count == 0 or size == 0:
        return 0, 0
    if rate <= 1:
        return count, size
    scale = 1 / (1 - math.exp(-(size / count) / rate))
    return int(count * scale), int(size * scale)


def _short(name: str) -> str:
    """A function's name without its type arguments, as runtime.CallersFrames has it."""
    out, depth = "", 0
    for c in name:
        depth -= c == "]"
        if depth == 0:
            out += "...]" if c == "]" else c
        depth += c == "["
    return out


def _visible(frames: list[profileproto.Frame], runtime: tuple[str, ...]) -> tuple[profileproto.Frame, ...]:
    """The frames from the first one on that is not the runtime's; all, if the whole stack is.

    - runtime.goexit, where every goroutine begins, is in no profile.
    - A profile has one file per function. The init that the compiler writes for a package has lines of
    several
      files, so only its lines are compared.
    - Which leading frames are the runtime's is asked for the address that a call returns to (FuncForPC in
      runtime/pprof). Where runtime.CallersFrames is inlined into printStackRecord, that is taken for the
      runtime's as well, while runtime.CallersFrames itself, in the program, tells them apart.
    """
    frames = [frame for frame in frames if frame[0] != "runtime.goexit"]
    hidden = (*runtime, "runtime/pprof.printStackRecord")
    first = next((i for i, frame in enumerate(frames) if not frame[0].startswith(hidden)), 0)
    return tuple(
        (_short(name), "" if name.endswith(".init") else file, line) for name, file, line in frames[first:]
    )[:_FRAMES]


def _runtime(go: str) -> tuple[str, ...]:
    return (
        ("runtime.", "internal/runtime/") if tuple(map(int, go.split(".")[:2])) >= (1, 24) else ("runtime.",)
    )


def _summed(rows: Any) -> Sums:
    sums: dict[Any, Counter[int]] = {}
    for key, values in rows:
        counter = sums.setdefault(key, Counter())
        for index, value in enumerate(values):
            counter[index] += value
    return {
        key: tuple(counter[i] for i in range(4)) for key, counter in sums.items() if any(counter.values())
    }


def recorded(recipe: Recipe, rate: int | None = None) -> Sums:
    """What the runtime recorded in a run, scaled; by ``rate`` in place of the run's own."""
    said = json.loads((profilecases.made(recipe) / "records.json").read_text())
    rows = []
    for record in said["records"]:
        frames = [(f["function"], f["file"], f["line"]) for f in record["frames"]]
        count, size = record["alloc_objects"], record["alloc_bytes"]
        live = count - record["free_objects"], size - record["free_bytes"]
        by = said["rate"] if rate is None else rate
        rows.append(
            (
                (_visible(frames, _runtime(recipe.go)), size // count if count else 0),
                (*scaled(count, size, by), *scaled(*live, by)),
            )
        )
    return _summed(rows)


def profiled(data: bytes, go: str) -> Sums:
    """The same of a profile."""
    profile = profileproto.parse(data)
    types = [profileproto.text(profile, t.type) for t in profile.sample_type]
    assert tuple(types) == _SAMPLE_TYPES
    return _summed(
        ((_visible(list(frames), _runtime(go)), labels.get("bytes", 0)), values)
        for frames, values, labels in profileproto.stacks(profile)
    )


@pytest.mark.parametrize("recipe", _MADE, ids=lambda r: r.name)
@pytest.mark.parametrize("file", ["heap.pb.gz", "allocs.pb.gz"])
def test_a_profile_holds_what_the_runtime_recorded(recipe: Recipe, file: str) -> None:
    """Of the corpus itself: profile and records are of one moment, and the formula is understood."""
    expected = recorded(recipe)
    assert bool(expected) == (recipe.rate > 0)
    assert profiled((profilecases.made(recipe) / file).read_bytes(), recipe.go) == expected


@pytest.mark.skipif("proto" not in VERBS, reason="gosnap has no verb proto yet")
@pytest.mark.parametrize("recipe", _MADE, ids=lambda r: r.name)
@pytest.mark.parametrize("file", ["heap.pb.gz", "heap.txt"])
def test_we_read_what_the_runtime_recorded(recipe: Recipe, file: str, tmp_path: Path) -> None:
    """Text as well: with the symbols in its comments, and scaled by us, as text is not by the runtime."""
    out = tmp_path / "out.pb.gz"
    done = gosnapcli.run(["proto", "-o", str(out), str(profilecases.made(recipe) / file)])
    assert done.code == 0, done.stderr.decode()
    if recipe.rate > 0:
        assert profiled(out.read_bytes(), recipe.go) == recorded(recipe)


def test_scaling_is_that_of_the_runtime() -> None:
    """Numbers by hand: one object of exactly the rate stands for e/(e-1) of them; a rate of 1 for itself."""
    assert scaled(1000, 1000 * DEFAULT_RATE, DEFAULT_RATE) == (
        1581,
        int(1000 * DEFAULT_RATE * math.e / (math.e - 1)),
    )
    assert scaled(7, 700, 1) == (7, 700)
    assert scaled(0, 0, DEFAULT_RATE) == (0, 0)
