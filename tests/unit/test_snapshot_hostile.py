"""Snapshots of which one section is missing, cut, of another type, or lies: every verb answers, or says what
is wrong. The checksums are right: only the content is not what gosnap writes. tools/fuzz.py goes on from
here."""

import contextlib
import copy
import random
import resource
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import smallheap as heap

from gosnap.binary.names import Names
from gosnap.errors import GosnapError
from gosnap.goruntime.mprof import VIEWS
from gosnap.heap.snapshot import Snapshot, open_snapshot
from gosnap.heap.views import View
from gosnap.profile.memory import to_profile
from gosnap.profile.model import check_valid
from gosnap.report.canonical import to_json
from gosnap.report.text import dominators, goroutines, holders, paths, suspects, types
from gosnap.report.text.table import Page

GOOD = heap.sections()
COLUMNS = sorted(n for n, v in GOOD.items() if isinstance(v, np.ndarray))
ROOM = 1 << 30
"""Bytes of address space that an answer may take, beyond what is in use: far more than this heap needs."""


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """An allocation of a size that nothing backs fails: MemoryError is no answer."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


Verb = Callable[[Snapshot], list[Callable[[Page], None]]]
"""Answers, and says how each is printed."""


def shown(view: View, render: Callable[..., None], *args: Any) -> Callable[[Page], None]:
    to_json(view)
    return lambda page: render(page, view, *args)


def by(what: str) -> Verb:
    asked = dominators.Asked("x", None, what)
    return lambda s: [shown(s.dominators(by=what, top=None), dominators.render, asked)]


def under(s: Snapshot) -> list[Callable[[Page], None]]:
    return [
        shown(s.dominators(a), dominators.render, dominators.Asked("x", a)) for a in (heap.SERVER, heap.BIG)
    ]


def way(what: int | str, exclude: tuple[str, ...] = (), redact: bool = False) -> Verb:
    return lambda s: [shown(s.paths(what, None, exclude, redact), paths.render, "x")]


def all_goroutines(s: Snapshot) -> list[Callable[[Page], None]]:
    return [
        shown(s.goroutines(leaked), goroutines.render, goroutines.Asked("x", leaked))
        for leaked in (False, True)
    ]


def one_goroutine(s: Snapshot) -> list[Callable[[Page], None]]:
    return [shown(s.goroutine(number), goroutines.render_one, "x") for number in (7, 8)]


def suspicion(s: Snapshot) -> list[Callable[[Page], None]]:
    return [shown(s.suspects(since), suspects.render, "x") for since in (None, s)]


def allocated(s: Snapshot) -> list[Callable[[Page], None]]:
    asked = [
        shown(s.types(by=b, only=only, top=None, alloc=True), types.render, types.Asked("x", b, None, only))
        for b, only in (("type", "all"), ("type", "garbage"), ("size-class", "live"))
    ]
    ways = (heap.ALICE, heap.BIG, "main.Item", "[]main.Item")
    return asked + [
        shown(s.paths(w, None, alloc=True, stacks=n), paths.render, "x")
        for w, n in zip(ways, (None, 1) * 2, strict=True)
    ]


def holding(s: Snapshot) -> list[Callable[[Page], None]]:
    matches = (lambda name: True, lambda name: "newItem" in name)
    return [shown(s.holders(match, None), holders.render, "x", ["y"]) for match in matches]


def memprofile(s: Snapshot) -> list[Callable[[Page], None]]:
    profile = s.heap_profile()
    for view in VIEWS:
        check_valid(to_profile(profile, view))
    s.allocation_sites(profile).of(np.arange(len(heap.OBJECTS)))
    return []


ADDRESSES = (heap.ALICE, heap.LAST, heap.CAPTURED, heap.BUFFER)
VERBS: list[Verb] = [
    *(by(what) for what in ("object", "type", "package", "root", "goroutine", "global")),
    under,
    *(way(address) for address in ADDRESSES),
    way("main.Item"),
    way("main.Item", ("main.Item.Next",)),
    way(heap.SHARED, ("main.Server.Shared",), True),
    all_goroutines,
    one_goroutine,
    suspicion,
    allocated,
    holding,
    memprofile,
]


def answers(path: Path, parts: heap.Sections, *, printed: bool = False, verbs: Sequence[Verb] = VERBS) -> int:
    """Ask everything; how many verbs answered. ``printed``: as text too, which takes longer."""
    heap.write(path, parts)
    count = 0
    page = Page(100)
    for verb in verbs:
        with contextlib.suppress(GosnapError):
            snapshot = open_snapshot(path)
            for render in verb(snapshot):
                if printed:
                    render(page)
            count += 1
    assert "\x1b" not in page.text()  # nothing of the file reaches the terminal as an escape sequence
    return count


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # hundreds of files, none of which has to outlive anything
    monkeypatch.setattr("os.fsync", lambda _: None)
    return tmp_path / "a.gosnap"


def changed(name: str, value: Any) -> heap.Sections:
    return {**GOOD, name: value}


def test_the_whole_is_answered(path: Path) -> None:
    assert answers(path, GOOD, printed=True) == len(VERBS)


@pytest.mark.parametrize("name", sorted(n for n in GOOD if n != "meta"))
def test_a_section_is_missing_or_no_column(path: Path, name: str) -> None:
    answers(path, {n: v for n, v in GOOD.items() if n != name})
    answers(path, changed(name, np.zeros(3, "<f4") if isinstance(GOOD[name], np.ndarray) else [1, 2]))


DTYPES = ("<u1", "<u2", "<u4", "<u8", "<i4", "<i8", "<f8", ">u4", "|b1", "<c8", "<M8[s]", "|S4", "<U1", "|V8")
"""Of which each column has other ones."""


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_cut_longer_or_of_another_type(path: Path, name: str) -> None:
    column = GOOD[name]
    for n in sorted({0, len(column) // 2, max(len(column) - 1, 0)}):
        answers(path, changed(name, column[:n]))
    answers(path, changed(name, np.concatenate([column, column])))
    raw = column.tobytes()
    others = [d for d in DTYPES if np.dtype(d) != column.dtype]
    for dtype in random.Random(name).sample(others, 3):
        size = np.dtype(dtype).itemsize
        answers(path, changed(name, np.frombuffer(raw[: len(raw) // size * size], dtype)))


def lie(dice: random.Random, column: np.ndarray) -> np.ndarray:
    """Other values of the same type and number."""
    bits = 8 * column.dtype.itemsize
    pick = dice.randrange(6)
    values = [int(v) for v in column.tolist()]
    if pick == 0:  # anything
        values = [dice.getrandbits(bits) for _ in values]
    elif pick == 1:  # small numbers, which are of something
        values = [dice.randrange(40) for _ in values]
    elif pick == 2:  # the largest ones
        values = [dice.choice(((1 << bits) - 1, (1 << bits) - 2, 1 << bits - 1, 0)) for _ in values]
    elif pick == 3:  # the same in another order
        dice.shuffle(values)
    elif pick == 4:  # one of them
        for _ in range(dice.choice((1, 1, 3))):
            at = dice.randrange(len(values)) if values else 0
            values[at : at + 1] = [dice.choice((dice.getrandbits(bits), dice.randrange(40)))]
    else:
        values = [dice.choice(values) for _ in values] if values else values
    raw = b"".join((v & (1 << bits) - 1).to_bytes(bits // 8, "little") for v in values)
    return np.frombuffer(raw, column.dtype)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_lies(path: Path, name: str) -> None:
    for seed in range(4):
        answers(path, changed(name, lie(random.Random(f"{name} {seed}"), GOOD[name])), printed=seed == 0)


def test_several_columns_lie(path: Path) -> None:
    for seed in range(50):
        dice = random.Random(seed)
        chosen = dice.sample(COLUMNS, dice.randrange(2, 5))
        answers(path, {**GOOD, **{n: lie(dice, GOOD[n]) for n in chosen}})


# ---------------------------------------------------------------------- JSON

JUNK: tuple[Any, ...] = (
    *(None, "", "x", 1.5, True, [], {}, [1], {"a": 1}, -1, 0, 1 << 31, 1 << 32, 1 << 63, 10**30, -(10**30)),
    "\x1b[31m",
    "a'b; \x1b]0;x\x07",
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out = [way] if way else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in inner:
        out += places(v, (*way, k))
    return out


def put(document: Any, place: tuple[Any, ...], junk: Any) -> Any:
    document = copy.deepcopy(document)
    inner = document
    for k in place[:-1]:
        inner = inner[k]
    inner[place[-1]] = junk
    return document


@pytest.mark.parametrize("name", ["answers.goroutines", "answers.locals", "answers.mprof", "answers.types"])
def test_a_table_lies(path: Path, name: str) -> None:
    where = places(GOOD[name])
    dice = random.Random(name)
    for _ in range(40):
        answers(path, changed(name, put(GOOD[name], dice.choice(where), dice.choice(JUNK))), printed=True)


def test_the_facts_lie(path: Path) -> None:
    where = places(GOOD["meta"]["totals"], ("totals",)) + places(GOOD["meta"]["snapshot"], ("snapshot",))
    dice = random.Random(2)
    for place in where:
        for junk in dice.sample(JUNK, 3):
            answers(path, changed("meta", put(GOOD["meta"], place, junk)), printed=True)


def test_names_that_are_made_to_hurt_a_terminal(path: Path) -> None:
    """Escape sequences in every name that is there, and quotes, which must not end an argument."""
    bad = "\x1b]0;x\x07' ; touch x '"
    table, locals_ = copy.deepcopy(GOOD["answers.types"]), [bad]
    table["name"] = [f"{n}{bad}" for n in table["name"]]
    goroutines_ = copy.deepcopy(GOOD["answers.goroutines"])
    for name in ("packages", "reasons"):
        goroutines_[name] = [f"{text}{bad}" for text in goroutines_[name]]
    goroutines_["lines"] = [[f"{text}{bad}" for text in line] for line in goroutines_["lines"]]
    parts = {**GOOD, "answers.types": table, "answers.locals": locals_, "answers.goroutines": goroutines_}
    for name in ("types.name", "types.field_name", "globals.name", "closures.name"):
        names = Names.from_columns({f"n_{c}": GOOD[f"{name}_{c}"] for c in ("bytes", "offset")}, "n")
        columns = Names.of([f"{n}{bad}" if n else "" for n in names]).to_columns("n")
        parts |= {f"{name}_{c}": columns[f"n_{c}"] for c in ("bytes", "offset")}
    assert answers(path, parts, printed=True) > len(VERBS) // 2
    page = Page()
    for render in suspicion(open_snapshot(path)):
        render(page)
    commands = [line.partition("next: ")[2] for line in page.text().splitlines() if "next: " in line]
    assert commands
    for command in commands:
        assert shlex.split(command)[:3] in (["gosnap", verb, "x"] for verb in ("paths", "dominators"))
        assert len(shlex.split(command)) == 4


# ---------------------------------------------------------------------- shapes that no program makes


def test_dominators_in_circles_that_branch(path: Path) -> None:
    """Objects that dominate each other, each with other large ones below: no way down may be without end."""
    n, parts = len(heap.OBJECTS), heap.sections()
    nodes = n + len(parts["groups.kind"])
    count = len(parts["dominators.heads"])
    parts["dominators.bytes"] = np.full(count, heap.LIVE_BYTES, "<u8")
    parts["dominators.objects"] = np.full(count, 9, "<u4")
    for seed in range(40):
        dice = random.Random(seed)
        pool = dice.choice(([*range(nodes + 1)], [*range(6), n + 1, n + 3, nodes], [0, 1, n + 1]))
        above = [dice.choice(pool) for _ in range(n)]
        parts["dominators.idom"] = np.array([*above, *parts["dominators.idom"][n:]], "<u4")
        parts["dominators.heads"] = np.array(sorted(dice.sample(range(nodes), count)), "<u4")
        answers(path, parts)
