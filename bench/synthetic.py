"""Heap profiles of any size: a program that does not exist, with packages, inlining and a graph of calls."""

import random
import sys
from pathlib import Path

from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.encode import to_gzip

FUNCTIONS = 8000
CALLEES = 7
"""The most functions that one calls."""
SAMPLE_TYPES = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
]


def write(path: Path, samples: int, depth: int, *, seed: int = 1, functions: int = FUNCTIONS) -> None:
    """A profile of stacks that are all as deep; of one seed always the same bytes.

    Every location calls between one and seven others, the first of them most often, so that some paths are
    hot and most are not; one location in five has an inlined call.
    """
    dice = random.Random(seed)
    b = ProfileBuilder(SAMPLE_TYPES, ("space", "bytes"), 512 << 10)
    b.time_nanos = 1_700_000_000 * 10**9
    mapping = b.mapping(0x400000, 0x4000000, 0, "/srv/bin/synthetic", flags=1)
    names = [
        b.function(
            f"example.com/acme/pkg{i % 211}/v2/internal/mod{i % 37}.(*Type{i % 503}).Method{i}",
            f"/home/ci/go/src/example.com/acme/pkg{i % 211}/file{i % 89}.go",
            i % 700,
        )
        for i in range(functions)
    ]
    locations = []
    for i in range(2 * functions):
        lines = [(names[i % functions], 10 + i % 997)]
        if i % 5 == 0:
            lines.insert(0, (names[i * 7 % functions], 3 + i % 97))
        locations.append(b.location(0x400000 + i * 37, lines, mapping))
    callees = [
        [dice.randrange(len(locations)) for _ in range(1 + min(int(dice.expovariate(0.7)), CALLEES - 1))]
        for _ in locations
    ]
    for _ in range(samples):
        at = dice.randrange(3)
        stack = []
        for _ in range(depth):
            stack.append(locations[at])
            at = callees[at][int(dice.random() * dice.random() * len(callees[at]))]
        stack.reverse()
        size, count = 16 << dice.randrange(12), 1 + dice.randrange(200)
        live = dice.randrange(count + 1)
        b.sample(stack, (count, count * size, live, live * size), {"bytes": (size, "")})
    path.write_bytes(to_gzip(b.build()))


if __name__ == "__main__":
    file, *numbers = sys.argv[1:]
    samples_, depth_, seed_, functions_ = map(int, numbers)
    write(Path(file), samples_, depth_, seed=seed_, functions=functions_)
