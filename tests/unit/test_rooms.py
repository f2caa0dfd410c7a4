"""The rooms: a package imports from rooms to its left, only commands know argv, only report formats."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "gosnap"
MAY_IMPORT = {
    "_kernels": set(),
    "binary": {"_kernels"},
    "target": {"_kernels", "binary"},
    "goruntime": {"_kernels", "binary", "target"},
    "heap": {"_kernels", "binary", "target", "goruntime"},
    # profile.memory alone knows Go programs; see test_profiles_of_files_know_no_programs
    "profile": {"_kernels", "binary", "target", "goruntime"},
    # a running program by the second
    "live": {"_kernels", "binary", "target", "goruntime", "heap"},
    # values of a snapshot are found by what heap knows of its file
    "values": {"_kernels", "binary", "target", "goruntime", "heap"},
    # a kernel writes the lines of texts that have millions
    "report": {"_kernels", "heap", "profile", "values"},
    "tui": {"report", "live"},
    "commands": {"report", "heap", "target", "goruntime", "binary", "profile", "values", "live", "tui"},
}
EVERYWHERE = {"errors", "_version"}


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0]
        if path.parent != SOURCE:
            yield room, path, ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module is not None
            yield node.module
            # `from gosnap import x` names a room (or a name of the package) by itself
            if node.module == "gosnap":
                yield from (f"gosnap.{a.name}" for a in node.names)


def test_every_room_is_known() -> None:
    assert {room for room, _, _ in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_go_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | EVERYWHERE | {room}
    for where, path, tree in modules():
        if where != room:
            continue
        for name in imported(tree):
            parts = name.split(".")
            if parts[0] == "gosnap" and len(parts) > 1:
                assert parts[1] in allowed, f"{path.relative_to(SOURCE)} imports {name}"


def test_profiles_of_files_know_no_programs() -> None:
    for room, path, tree in modules():
        if room == "profile" and path.name != "memory.py":
            rooms = {name.split(".")[1] for name in imported(tree) if name.startswith("gosnap.")}
            assert not rooms & {"goruntime", "target"}, path.relative_to(SOURCE)


def test_only_screens_import_textual() -> None:
    for room, path, tree in modules():
        if any(name.partition(".")[0] == "textual" for name in imported(tree)):
            assert room == "tui", path.relative_to(SOURCE)


def test_nothing_below_commands_knows_argv_or_prints() -> None:
    for room, path, tree in modules():
        if room == "commands":
            continue
        names = set(imported(tree))
        where = path.relative_to(SOURCE)
        assert not names & {"argparse", "getopt", "optparse"}, where
        assert (room == "report") or not names & {"rich", "rich.table", "rich.console", "csv"}, where
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{where}:{node.lineno}"
            # the guard is a program of its own and takes the PID as its argument
            if isinstance(node, ast.Attribute) and node.attr == "argv" and where.name != "guard.py":
                raise AssertionError(f"{where}:{node.lineno}")
