"""Programs without DWARF and symbols against the same programs with them."""

import ctypes
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gotool
from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.errors import GosnapError
from gosnap.goruntime.code import operands
from gosnap.goruntime.layout import Layouts, shipped
from gosnap.goruntime.program import GoProgram, minor_version
from gosnap.heap.analyse import Analysis, analyse
from gosnap.heap.roles import ROLE_SHIFT, Role
from gosnap.heap.snapshot import open_snapshot
from gosnap.heap.take import take
from gosnap.target.image import Image
from gosnap.target.live import capture

pytestmark = pytest.mark.integration

Build = Callable[..., Path]
Start = Callable[..., Any]
CLEAN = {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0}
STRIPPED = "-ldflags=-s -w"
HOW = {
    "1.21.13": ("-ldflags=-w",),
    "1.22.10": ("-buildmode=pie", STRIPPED),
    "1.23.9": ("-trimpath", STRIPPED),
    "1.24.11": ("-ldflags=-s",),
    "1.25.5": ("-buildmode=pie", "-trimpath", STRIPPED),
    "1.26.6": (STRIPPED,),
    "1.27.3": ("-buildmode=pie", "-trimpath", STRIPPED),
}
"""How a target is built for each version; a version that is not here is stripped."""


class Hidden(ElfFile):
    """An executable of which nobody looks at the symbols."""

    def symbol(self, name: str) -> None:
        return None


def hidden(path: Path) -> ElfFile:
    elf = ElfFile.open(str(path))
    return Hidden(elf._data, elf.head, elf.sections)


def both(path: Path, image: Image) -> tuple[Analysis, Analysis]:
    """(with DWARF, without DWARF and symbols): the same memory, read twice."""
    elf = ElfFile.open(str(path))
    return analyse(image, elf, GoDwarf(elf)), analyse(image, hidden(path), None)


@pytest.fixture(params=("types", "owners", "shapes", "storm"))
def twice(
    request: pytest.FixtureRequest, go_version: str, gobuild: Build, running: Start
) -> Iterator[tuple[Analysis, Analysis]]:
    path = gobuild(request.param, go_version)
    target = running(path)
    image = capture(target.pid)
    target.stop()
    yield both(path, image)
    assert not image.notes


def same(a: Any, b: Any) -> None:
    assert np.array_equal(a, b)


def test_the_same_graph(twice: tuple[Analysis, Analysis]) -> None:
    known, found = twice
    assert found.checks == known.checks == CLEAN
    assert found.objects == known.objects > 500
    same(known.degree, found.degree)
    for column in ("targets", "steps"):
        for x, y in zip(getattr(known, column), getattr(found, column), strict=True):
            same(x, y)
    assert known.owners is not None and found.owners is not None
    for column in ("address", "value", "kind", "owner", "frame", "slot"):
        same(getattr(known.owners.roots, column), getattr(found.owners.roots, column))
    same(known.owners.live, found.owners.live)
    same(known.owners.weak, found.owners.weak)
    same(known.owners.leaked, found.owners.leaked)

    # what an object retains; the groups of variables above are others, as variables have no bounds
    def retained(a: Analysis) -> dict[int, tuple[int, int]]:
        o = a.owners
        assert o is not None
        heads = zip(o.heads.tolist(), o.head_bytes.tolist(), o.head_objects.tolist(), strict=True)
        return {v: (size, count) for v, size, count in heads if v < a.objects}

    assert retained(known) == retained(found)


def test_the_same_goroutines(twice: tuple[Analysis, Analysis]) -> None:
    known, found = (a.owners.roots for a in twice if a.owners is not None)
    same(known.goroutines["goid"], found.goroutines["goid"])
    assert known.goroutines.reasons == found.goroutines.reasons
    assert len(known.goroutines.reasons) > 20
    for row in range(len(known.goroutines)):
        assert known.goroutines.state(row) == found.goroutines.state(row)
        assert known.traces.traces[known.traces.of[row]] == found.traces.traces[found.traces.of[row]]
        assert known.traces.created[row] == found.traces.created[row]


_SAME_BEGINNING = {"reflect.structType", "reflect.ptrType", "reflect.funcType", "reflect.interfaceType"}
"""An abi.Type is what each of them begins with, and what the runtime takes them for."""


def plain(name: str) -> str:
    """A type's name without what only the compiler's own symbols have: noalg., a local type's number, the
    shape that generic code is compiled for."""
    name = name.replace("noalg.", "").replace("go.shape.", "")
    head, dot, number = name.rpartition("·")
    return head if dot and number.isdigit() else name


def agree(known: str, found: str) -> bool:
    known, found = plain(known), plain(found)
    if known == found or found.endswith(" (inside)") or known in _SAME_BEGINNING:
        return True
    # a map of a named type has the buckets of the map type that it is made of; of a channel that a variable
    # can only receive from, the maker knows more; a tiny block may hold one string
    parts = ("(groups)", "(buckets)", "(table)", "(directory)", "(overflow)")
    if any(known.endswith(p) and found.endswith(p) for p in parts) or known.startswith("<-chan "):
        return True
    if {known, found} == {"string", "tiny block"} or known.startswith("[]map.bucket["):
        return True
    # a package's name where it was meant to be its path
    return known.rpartition(".")[2] == found.rpartition(".")[2]


def test_types_that_agree(twice: tuple[Analysis, Analysis]) -> None:
    known, found = twice
    names = [{r.key: r.name for r in a.rows} for a in twice]
    typed = (known.otype != 0) & (found.otype != 0)
    pairs, counts = np.unique(
        np.stack([known.otype[typed], found.otype[typed]], axis=1), axis=0, return_counts=True
    )
    differ = Counter[tuple[str, str]]()
    for (x, y), n in zip(pairs.tolist(), counts.tolist(), strict=True):
        roles = [Role(key >> ROLE_SHIFT) for key in (x, y)]
        if Role.INSIDE not in roles and not agree(names[0][x], names[1][y]):
            differ[names[0][x], names[1][y]] += n
    assert not differ
    # of what DWARF types, and of all
    lost = sum(r.bytes for r in found.rows if r.key == 0) - known.untyped_bytes
    print(f"typed: {1 - found.untyped_bytes / found.bytes:.2%} of {found.bytes:,} bytes")
    assert lost <= known.bytes * 0.1 or known.bytes < 1 << 20


def test_stripped_equals_memstats(go_version: str, gobuild: Build, running: Start, tmp_path: Path) -> None:
    target = running(gobuild("types", go_version, flags=HOW.get(go_version, (STRIPPED,))), "-mallocs")
    for fork in (False, True):
        view = take(str(target.pid), out=tmp_path / "a.gosnap", force=True, fork=fork)
        assert view.checks == CLEAN and not view.extra["notes"]
        assert view.totals["objects"] == target.json["heap_objects"]
        assert view.totals["bytes"] == target.json["heap_alloc"]
        garbage = open_snapshot(tmp_path / "a.gosnap").types(only="garbage", top=None)
        if go_version.startswith("1.24."):
            # closures that unique's cleanups made while the last collection marked (see test_reach.py)
            assert {r["type"] for r in garbage.rows} == {"untyped (24 B, pointers)"}
            assert garbage.totals["objects"] <= 16
        else:
            assert garbage.rows == [] and view.totals["objects"] == view.totals["reachable_objects"]
        assert view.totals["untyped_bytes"] <= view.totals["bytes"] * 0.02
    snapshot = open_snapshot(tmp_path / "a.gosnap")
    table = {r["type"]: r["objects"] for r in snapshot.types(top=None).rows}
    # what main counts itself, but for 100 values that only the stacks of blocked goroutines know
    counts = {n: c for n, c in target.json["counts"].items() if n != "main.Parked"}
    assert {name: table.get(name, 0) for name in counts} == counts
    rows = {r["region"]: r["bytes"] for r in snapshot.info().rows}
    assert abs(rows["not explained"]) <= snapshot.info().totals["rss_bytes"] // 100
    variables = {r["name"] for r in snapshot.dominators(by="global", top=None).rows}
    if "-ldflags=-w" in HOW.get(go_version, ()):
        assert "global main.usersByName" in variables
    else:
        assert any(name.startswith(("global data+0x", "global bss+0x")) for name in variables)


def test_a_core_of_a_stripped_program(gobuild: Build, running: Start, tmp_path: Path) -> None:
    if shutil.which("gcore") is None:
        pytest.skip("gcore is not here (Debian package gdb)")
    for version in ("1.21.13", "1.25.5", "1.27.3"):
        path = gobuild("owners", version, flags=("-buildmode=pie", STRIPPED))
        target = running(path)
        live = take(str(target.pid), out=tmp_path / "live.gosnap", force=True)
        subprocess.run(
            ["gcore", "-o", str(tmp_path / "core"), str(target.pid)], check=True, capture_output=True
        )
        target.stop()
        core = tmp_path / f"core.{target.pid}"
        dead = take(str(core), exe=str(path), out=tmp_path / "core.gosnap", force=True)
        core.unlink()
        assert dead.checks == live.checks == CLEAN
        # the process ran on a bit between the two
        assert dead.totals["objects"] == live.totals["objects"] == dead.totals["reachable_objects"]
        assert abs(dead.totals["untyped_bytes"] - live.totals["untyped_bytes"]) < 1000


# ---------------------------------------------------------------------- what ships


def test_the_table_is_what_dwarf_says(go_version: str, gobuild: Build) -> None:
    table = shipped(minor_version(f"go{go_version}"))
    assert table.minor == minor_version(f"go{go_version}")
    seen = set()
    for target in ("types", "profiles"):
        elf = ElfFile.open(str(gobuild(target, go_version)))
        dwarf = GoDwarf(elf)
        found = Layouts(dwarf.types)
        for struct, (size, fields) in table.structs.items():
            if not found.size(struct):
                continue
            seen.add(struct)
            assert found.size(struct) == size, struct
            for name, place in fields.items():
                f = found.find(struct, name)
                assert f is not None and (f.offset, f.size) == place, f"{struct}.{name}"
        for name, value in table.constants.items():
            assert dwarf.constants.get(name) in (value, None)
    assert seen == set(table.structs)


@pytest.mark.parametrize("flags", ((), ("-buildmode=pie",), ("-gcflags=all=-N -l",)))
def test_the_code_names_the_runtimes_variables(
    go_version: str, gobuild: Build, flags: tuple[str, ...]
) -> None:
    """What the table says of operands, against the symbol table; code that is not optimised has others, which
    must not lead astray."""
    if "-N" in "".join(flags) and go_version not in ("1.21.13", "1.27.3"):
        pytest.skip("one of the oldest and one of the newest will do")
    elf = ElfFile.open(str(gobuild("shapes", go_version, flags=flags)))
    ranges = []
    for part in ("noptrdata", "data", "bss", "noptrbss"):
        low, high = elf.symbol(f"runtime.{part}"), elf.symbol(f"runtime.e{part}")
        assert low is not None and high is not None
        ranges.append((low[0], high[0]))
    text, code = elf.sections[".text"], elf.section(".text")
    right = wrong = 0
    for name, variable in shipped(minor_version(f"go{go_version}")).variables.items():
        at = elf.symbol(name)
        if at is None:
            continue
        assert at[1] == variable.size
        for function, number, offset in variable.places:
            f = elf.symbol(function)
            if f is None:
                continue
            start = f[0] - text.address
            named = operands(code[start : start + f[1]], f[0], ranges)
            if number < len(named) and int(named[number]) - offset == at[0]:
                right += 1
            else:
                wrong += 1
    if "-N" in "".join(flags):
        assert right >= 20
    else:
        assert right >= 40 and wrong == 0


# ---------------------------------------------------------------------- what is refused


@pytest.fixture
def stripped(gobuild: Build, running: Start) -> tuple[Path, Image]:
    path = gobuild("shapes", "1.24.11", flags=(STRIPPED,))
    target = running(path)
    image = capture(target.pid)
    target.stop()
    return path, image


def test_the_table_of_another_version_is_refused(
    stripped: tuple[Path, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, image = stripped
    for minor in (21, 22, 23, 25, 26, 27, 28):
        elf = ElfFile.open(str(path))
        monkeypatch.setattr(elf, "go_version", lambda minor=minor: f"go1.{minor}.1")
        with pytest.raises(GosnapError) as e:
            analyse(image, elf, None)
        assert "its code is rather that of go1.24" in e.value.message or "module data" in e.value.message
        assert e.value.hint


def poke(image: Image, address: int, value: int) -> None:
    """Change a word of the copy."""
    space = image.space
    row = int(np.searchsorted(space.end, address, side="right"))
    assert int(space.start[row]) <= address
    ctypes.memmove(int(space.host[row]) + address - int(space.start[row]), value.to_bytes(8, "little"), 8)


@pytest.mark.parametrize("field", ("etext", "types", "ebss", "rodata", "ftab", "minpc"))
def test_a_damaged_moduledata_is_refused(stripped: tuple[Path, Image], field: str) -> None:
    path, image = stripped
    elf = ElfFile.open(str(path))
    program = GoProgram(image, elf, None)
    at = program.modules[0].address + program.layouts.need("runtime.moduledata", field).offset
    poke(image, at, 0x41414141414141)
    with pytest.raises(GosnapError, match="module data") as e:
        GoProgram(image, elf, None)
    assert e.value.hint


def test_damaged_types_are_refused(stripped: tuple[Path, Image]) -> None:
    path, image = stripped
    program = GoProgram(image, ElfFile.open(str(path)), None)
    # a size that no pointer has
    first = next(iter(np.flatnonzero(program.types.kind == 22)))
    listed = program.types.rtype[program.types.rtype >= 0]
    assert int(program.types.rtype[first]) in set(listed.tolist())
    for at in np.sort(listed)[:200].tolist():
        poke(image, program.modules[0].types + at, 1 << 50)
    with pytest.raises(GosnapError, match="cannot be read"):
        _ = GoProgram(image, ElfFile.open(str(path)), None).types


def test_no_go_at_all(tmp_path: Path) -> None:
    source = tmp_path / "idle.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    subprocess.run(["gcc", "-s", "-o", str(tmp_path / "idle"), str(source)], check=True)
    with subprocess.Popen([str(tmp_path / "idle")]) as process:
        try:
            with pytest.raises(GosnapError, match="not a Go program"):
                take(str(process.pid), out=tmp_path / "a.gosnap")
        finally:
            process.kill()


def test_without_build_information(go_version: str, gobuild: Build, running: Start, tmp_path: Path) -> None:
    """Some packers overwrite it; the version is then what the runtime's own strings say."""
    path = tmp_path / "shapes"
    raw = gobuild("shapes", go_version, flags=(STRIPPED,)).read_bytes()
    path.write_bytes(raw.replace(b"\xff Go buildinf:", b"\xff no buildinf:"))
    path.chmod(0o755)
    target = running(path)
    view = take(str(target.pid), out=tmp_path / "a.gosnap")
    assert view.checks == CLEAN
    assert open_snapshot(tmp_path / "a.gosnap").info().snapshot["go_version"] == f"go{go_version}"


def test_gotool_knows_all_versions() -> None:
    assert set(HOW) <= set(gotool.GO_VERSIONS)
