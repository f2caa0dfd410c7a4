"""``gosnap layout`` against what Go's reflect and runtime types say of structures, and what a C compiler
says."""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.binary.structs import Structs, better_order
from gosnap.cli import main

Build = Callable[..., Path]
SOURCES = Path(__file__).resolve().parents[1] / "targets" / "cstructs"

ON_DEMAND, PROGRAM = 16, 64
"""Pointer masks that are not plain bits: abi.TFlagGCMaskOnDemand (Go >= 1.24), kindGCProg (before)."""


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["layout", *words, "--format", "json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_structures_lie_as_reflect_says(
    go_version: str, gobuild: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = gobuild("layouts", go_version)
    said = json.loads(subprocess.run([binary], check=True, capture_output=True, timeout=60).stdout)
    assert len(said) == 14
    smaller = 0
    for wanted in said:
        answer = asked(capsys, str(binary), wanted["name"])
        s = answer["struct"]
        assert (s["size"], s["align"], s["pointer_bytes"]) == (
            wanted["size"],
            wanted["align"],
            wanted["pointer_bytes"],
        )
        if wanted["mask"]:
            assert s["gc_mask"] == wanted["mask"]
        assert [
            (f["name"], f["offset"], f["size"], f["align"], bool(f["embedded"])) for f in answer["rows"]
        ] == [(f["name"], f["offset"], f["size"], f["align"], f["embedded"]) for f in wanted["fields"]]
        # no order of all that there are takes less, or has its pointers further in front
        assert wanted["tried"] >= 1
        assert (s["better_size"], s["better_pointer_bytes"]) == (wanted["best"], wanted["best_pointers"])
        assert sum(f["padding_bytes"] + f["size"] for f in answer["rows"]) == wanted["size"]
        if s["size"] > 512 and s["pointer_bytes"] and go_version >= "1.22":
            assert s["slot_bytes"] > wanted["slot"] - 8
        else:
            assert s["slot_bytes"] == wanted["slot"]
        smaller += wanted["best"] < wanted["size"]
    assert smaller >= 4


def test_pointers_of_all_types_are_those_of_the_runtime(go_version: str, gobuild: Build) -> None:
    """Every type that has a runtime type: its size, alignment, and mask for the collector."""
    elf = ElfFile.open(str(gobuild("types", go_version)))
    dwarf = GoDwarf(elf)
    types, structs = dwarf.types, Structs(dwarf.types, dwarf.c_details)
    symbol = elf.symbol("runtime.types")
    assert symbol is not None

    def read(address: int, size: int) -> bytes:
        for s in elf.segments:
            if s.type == 1 and s.vaddr <= address and address + size <= s.vaddr + s.filesz:
                return bytes(elf.file_bytes(s.offset + address - s.vaddr, size))
        return b""

    checked = masks = 0
    for row in range(1, len(types)):
        if types.rtype[row] < 0 or not types.kind[row]:
            continue
        # an address until Go 1.21, an offset since (cmd/link/internal/ld/dwarf.go)
        place = int(types.rtype[row])
        raw = read(place if place >= symbol[0] else symbol[0] + place, 48)
        size, pointers, _, flags, align, _, kind = struct.unpack_from("<QQIBBBB", raw)
        assert (types.size[row], structs.align(row)) == (size, align), types.name[row]
        if kind & PROGRAM:
            # a program may go on behind the last pointer (cmd/compile/internal/reflectdata, dgcprog)
            assert structs.pointer_bytes(row) <= pointers <= size
        else:
            assert structs.pointer_bytes(row) == pointers, types.name[row]
        checked += 1
        if pointers and not kind & PROGRAM and not flags & ON_DEMAND:
            words = pointers // 8
            bits = read(struct.unpack_from("<Q", raw, 32)[0], (words + 7) // 8)
            assert structs.pointer_mask(row, words) == [bits[i // 8] >> i % 8 & 1 for i in range(words)]
            masks += 1
    assert checked > 1000 and masks > 800


@pytest.mark.parametrize("dwarf", ["-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def test_structures_of_c(dwarf: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("neither gcc nor clang is on PATH")
    binary = tmp_path / "a"
    subprocess.run([compiler, dwarf, str(SOURCES / "structs.c"), "-o", str(binary)], check=True, timeout=60)
    lines = subprocess.run(
        [binary], check=True, capture_output=True, text=True, timeout=10
    ).stdout.splitlines()
    said: dict[str, dict[str, tuple[int, int]]] = {}
    for line in lines:
        name, field, first, second = line.rsplit(" ", 3)
        said.setdefault(name, {})[field] = int(first), int(second)
    assert len(said) == 7
    for name, wanted in said.items():
        answer = asked(capsys, str(binary), name)
        s = answer["struct"]
        assert (s["size"], s["language"], s["pointer_bytes"]) == (wanted["-"][0], "C", 0)
        # until DWARF 5 nothing says that alignas was there
        if name != "struct aligned" or dwarf == "-gdwarf-5":
            assert s["align"] == wanted["-"][1]
        fields = {f["name"]: (f["offset"], f["size"]) for f in answer["rows"] if not f["bits"]}
        assert fields == {k: v for k, v in wanted.items() if k != "-"}
    bits = {f["name"]: f for f in asked(capsys, str(binary), "struct bits")["rows"] if f["bits"]}
    places = {k: (8 * f["offset"] + f["bit"], f["bits"]) for k, f in bits.items()}
    assert places == {"a": (0, 3), "b": (3, 5), "d": (64, 40)}
    item = asked(capsys, str(binary), "item")["struct"]
    assert (item["size"], item["padding_bytes"], item["holes"], item["better_size"]) == (12, 5, 2, 8)
    every = asked(capsys, str(binary), "--all", "-n", "0")
    assert {r["name"] for r in every["rows"]} >= {
        "item",
        "anon_t",
        "packed",
        "bits",
        "either",
        "aligned",
        "self",
    }
    assert every["totals"]["structures"] == len(every["rows"])


def test_classes_of_cpp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("neither g++ nor clang++ is on PATH")
    subprocess.run(
        [compiler, "-g", str(SOURCES / "classes.cc"), "-o", str(tmp_path / "a")], check=True, timeout=60
    )
    answer = asked(capsys, str(tmp_path / "a"), "Derived")
    # Itanium C++ ABI: a lies in the padding of Base, Empty takes no room, count is no part of it
    assert [(f["name"], f["type"], f["offset"], f["size"]) for f in answer["rows"]] == [
        ("(base)", "Base", 0, 13),
        ("(base)", "Empty", 0, 0),
        ("a", "char", 13, 1),
        ("b", "long int", 16, 8),
        ("d", "char", 24, 1),
        ("r", "int &", 32, 8),
    ]
    assert answer["struct"]["kind"] == "class" and answer["struct"]["better_size"] == 32


def test_a_better_order_is_never_worse(gobuild: Build) -> None:
    """Of all structures of a large program: nothing overlaps, all is aligned, and no field is lost."""
    dwarf = GoDwarf(ElfFile.open(str(gobuild("types", "1.26.6"))))
    structs = Structs(dwarf.types, dwarf.c_details)
    better = 0
    for row in structs.rows():
        s = structs.of(row)
        b = better_order(s)
        assert s.padding == s.size - sum(f.size for f in s.fields)
        if b is None:
            continue
        better += 1
        assert sorted(f.name for f in b.fields) == sorted(f.name for f in s.fields)
        end = 0
        for f in b.fields:
            assert f.offset >= end and f.offset % f.align == 0
            end = f.offset + f.size
        assert end <= b.size <= s.size and b.size % s.align == 0
        assert b.size < s.size or b.pointer_bytes < s.pointer_bytes
    assert better > 50


def test_what_live_objects_would_save(
    gobuild: Build, running: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Live objects are as many as the program itself counts, and each saves what its slot shrinks by."""
    binary = gobuild("types", "1.26.6")
    target = running(binary)
    path = tmp_path / "a.gosnap"
    assert main(["capture", str(target.pid), "-o", str(path), "--no-contents", "--quiet"]) == 0
    capsys.readouterr()
    one = asked(capsys, str(binary), "--snapshot", str(path), "main.User")
    assert one["struct"]["live_objects"] == target.json["counts"]["main.User"]
    for words in ((str(binary), "--snapshot", str(path)), (str(path),)):
        rows = asked(capsys, *words, "--all", "-n", "0")["rows"]
        counts: dict[str, int] = {}
        for r in rows:
            # structures that differ may share a name
            counts[r["name"]] = max(counts.get(r["name"], 0), r["live_objects"])
        common = sorted(set(target.json["counts"]) & set(counts))
        assert len(common) >= 5
        assert {n: counts[n] for n in common} == {n: target.json["counts"][n] for n in common}
        saving = [r for r in rows if r["saves_bytes"]]
        assert saving
        for r in saving:
            arrays = r["live_array_bytes"] * (r["size"] - r["better_size"]) // r["size"]
            assert r["saves_bytes"] == r["live_objects"] * r["saves_each_bytes"] + arrays
        assert [r["saves_bytes"] for r in rows] == sorted((r["saves_bytes"] for r in rows), reverse=True)
