"""`gosnap proto` of what is no profile yet: a process that runs on, a snapshot or a core."""

import argparse
import sys
from pathlib import Path

from gosnap.commands import common


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="gosnap proto", allow_abbrev=False)
    add_arguments(parser)
    try:
        options = parser.parse_args(words)
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 2
    return run(options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", help="a PID, the name of a Go program, a .gosnap file, or a core"
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the pprof file (.pb.gz)")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--exe", metavar="PROGRAM", help="for a core: the executable that it came from")
    parser.add_argument(
        "--view",
        choices=("pprof", "now"),
        default="pprof",
        help="pprof: as /debug/pprof/heap would show it, up to two collections old (default); "
        "now: with what is not published yet",
    )


def run(options: argparse.Namespace) -> int:
    from gosnap.commands import profiles
    from gosnap.profile.encode import to_gzip
    from gosnap.profile.memory import to_profile

    heap = profiles.read(options.target, exe=options.exe)
    data = to_gzip(to_profile(heap, options.view))
    common.write_file(Path(options.output), data, force=options.force, source=_source(options.target))
    for note in heap.notes:
        sys.stderr.write(f"gosnap: {note}\n")
    sys.stderr.write(f"wrote {options.output}\n  next: go tool pprof -top {options.output}\n")
    return 0


def _source(target: str) -> str | None:
    return target if Path(target).is_file() else None
