"""Pages for the browser tests and the bench: ``python frontend/test/pages.py DIRECTORY [NODES]``."""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

from gosnap.report.html.flame import Flame, Values, render

Stacks = list[tuple[Sequence[str], Sequence[int]]]
"""Stacks from the outermost call to the innermost, each with its values."""

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">\u2028'\"`${1}<!--"


def column(code: str, items: Sequence[int]) -> memoryview:
    return memoryview(array(code, items))


def tree(stacks: Stacks, columns: int, root: str = "root") -> tuple[list[str], array, array, list[array]]:
    """Names, depths, names of nodes, and the totals of each column, in pre-order."""
    names: dict[str, int] = {root: 0}
    children: list[dict[str, int]] = [{}]
    called = [root]
    totals = [array("q", [0]) for _ in range(columns)]
    for stack, values in stacks:
        node = 0
        for step in (None, *stack):
            if step is not None:
                names.setdefault(step, len(names))
                below = children[node].get(step)
                if below is None:
                    below = children[node][step] = len(children)
                    children.append({})
                    called.append(step)
                    for total in totals:
                        total.append(0)
                node = below
            for total, value in zip(totals, values, strict=True):
                total[node] += value
    depth, name, order = array("I"), array("I"), []
    todo = [(0, 0)]
    while todo:
        node, level = todo.pop()
        order.append(node)
        depth.append(level)
        name.append(names[called[node]])
        todo.extend((child, level + 1) for child in reversed(children[node].values()))
    return list(names), depth, name, [array("q", (total[node] for node in order)) for total in totals]


def flame(title: str, stacks: Stacks, types: Sequence[tuple[str, str]], diff: bool = False) -> Flame:
    """A graph of these stacks; in a diff each type has two values, before and after."""
    names, depth, name, totals = tree(stacks, len(types) * (2 if diff else 1))
    columns = [memoryview(total) for total in totals]
    values = [
        Values(kind, unit, columns[2 * i + 1], columns[2 * i]) if diff else Values(kind, unit, columns[i])
        for i, (kind, unit) in enumerate(types)
    ]
    return Flame(title, names, memoryview(depth), memoryview(name), values)


SHOP: Stacks = [
    (("main.main", "main.serve", "example.com/shop/cart.(*Cart).Add"), (4 << 20, 40)),
    (("main.main", "main.serve", "example.com/shop/cart.(*Cart).Add", "bytes.growSlice"), (2 << 20, 2)),
    (("main.main", "main.serve", "encoding/json.Unmarshal"), (1 << 20, 500)),
    (("main.main", "main.warm", "encoding/json.Unmarshal"), (512 << 10, 100)),
    (("main.main", "main.walk", "main.walk", "main.walk", "bytes.growSlice"), (256 << 10, 1)),
    (("net/http.(*conn).serve", "encoding/json.Unmarshal", "runtime.mallocgc"), (128 << 10, 7)),
]
"""Recursion, one function under several callers, a leaf that is not the first by name."""

GROWN: Stacks = [
    (("main.main", "main.kept"), (100, 100)),
    (("main.main", "main.grew"), (100, 300)),
    (("main.main", "main.shrank"), (400, 100)),
    (("main.main", "main.new", "main.newer"), (0, 150)),
    (("main.main", "main.gone"), (250, 0)),
]


def synthetic(nodes: int, seed: int = 1) -> Stacks:
    """Stacks of a service with many packages, of some 50 frames at most, that make that many nodes."""
    rng = random.Random(seed)
    packages = ["main", "runtime", "net/http", "encoding/json", "bytes"]
    packages += [f"github.com/company{i % 17}/module{i}/internal/part{i % 5}" for i in range(120)]
    functions = [
        f"{rng.choice(packages)}.{rng.choice(('', '(*Server).', '(*cache).'))}handle{i}{rng.choice(('', '.func1'))}"
        for i in range(6000)
    ]
    made: Stacks = []
    count = 0
    stem: list[str] = []
    while count < nodes:
        keep = min(len(stem), int(rng.triangular(0, 46, 22)))
        del stem[keep:]
        grow = min(rng.randint(1, 8), 50 - len(stem), nodes - count)
        for _ in range(grow):
            # a new name each time, so that each frame is a node of its own
            stem.append(f"{rng.choice(functions)[:60]}" + (f".func{rng.randint(1, 9)}" if rng.random() < 0.3 else ""))
        count += grow
        size = int(rng.paretovariate(0.9) * 512)
        made.append((tuple(stem), (size, size // 64 + 1, size * rng.randint(1, 9), size // 16 + 1)))
    return made


HEAP_TYPES = (
    ("inuse_space", "bytes"),
    ("inuse_objects", "count"),
    ("alloc_space", "bytes"),
    ("alloc_objects", "count"),
)


def write(directory: Path, nodes: int) -> None:
    """All pages."""
    two = (("inuse_space", "bytes"), ("inuse_objects", "count"))
    one = two[:1]
    shop = flame("shop, inuse", SHOP, two)
    shop.places = [f"/src/{i}.go:{10 + i}" if i else "" for i in range(len(shop.names))]
    shop.inlined = column("B", [int(shop.names[i] == "bytes.growSlice") for i in shop.name])
    shop.notes = ["Type: inuse_space", "one sample for 512kB"]
    shop.left_out = 1234
    hostile = flame(HOSTILE, [((HOSTILE, HOSTILE + "x"), (7,))], [(HOSTILE, HOSTILE)])
    hostile.notes = [HOSTILE]
    hostile.places = [HOSTILE] * len(hostile.names)
    pages = {
        "shop": shop,
        "diff": flame("shop, grown", GROWN, one, diff=True),
        "signed": flame("subtracted", [(("main.a",), (300,)), (("main.b",), (-100,))], one),
        "hostile": hostile,
        "empty": flame("empty", [], one),
        "half": flame("half", [(("main.a",), (0, 5))], two),
        "deep": flame("deep", [([f"main.f{i % 3}" for i in range(20_000)], (9,))], one),
        "large": flame(f"{nodes:,} nodes", synthetic(nodes), HEAP_TYPES),
    }
    before = {stack: values for stack, values in synthetic(4000, 7)}
    rng = random.Random(3)
    change = [
        (stack, (v[0] if rng.random() > 0.1 else 0, int(v[0] * rng.uniform(0.3, 1.8)) * (rng.random() > 0.1)))
        for stack, v in before.items()
    ]
    pages["change"] = flame("a service, yesterday and today", change, one, diff=True)
    pages["service"] = flame("a service", synthetic(4000, 7), HEAP_TYPES)
    for name, page in pages.items():
        with (directory / f"{name}.html").open("w", encoding="utf-8") as out:
            render(page, out)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200_000)
