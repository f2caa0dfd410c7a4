"""Shows values as they are stored: package variables, fields, map entries, objects by address, variables of
goroutines. Of a running process, which is never stopped; of a snapshot with contents; or of a core.

    gosnap show 4242 main.sessions
    gosnap show FILE 'main.sessions["u42"].Cart[0]'
    gosnap show 4242 '*(*main.User)(0xc000123400)'
    gosnap show 4242 'len(main.queue)' --watch 1s
    gosnap show 4242 --globals '^main[.]'
    gosnap show 4242 --goroutine 18
"""

import argparse
import re
import sys
from typing import TYPE_CHECKING

from gosnap.commands import common
from gosnap.errors import GosnapError, UsageError

if TYPE_CHECKING:
    from gosnap.values.model import Limits
    from gosnap.values.subject import Subject

_DEPTH, _ITEMS, _STRING = 4, 100, 200
NODES = 20_000
"""Values in all that are decoded unless all are asked for."""
_ALL_NODES = 1 << 26
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SHORTEST = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", metavar="TARGET", help="a PID, a program's name, a .gosnap file, or a core")
    parser.add_argument("expression", metavar="EXPRESSION", nargs="*", help="what to show, in Go's syntax")
    parser.add_argument("--globals", metavar="REGEX", help="all package variables whose name matches")
    parser.add_argument(
        "--goroutine", type=common.count, metavar="N", help="arguments and locals of a goroutine's frames"
    )
    parser.add_argument(
        "--frame", type=common.count, metavar="K", help="with --goroutine: only frame K, 0 is the innermost"
    )
    parser.add_argument(
        "--depth", type=common.count, default=_DEPTH, metavar="N", help=f"levels of parts (default {_DEPTH})"
    )
    parser.add_argument(
        "--max-items",
        "--width",
        type=common.count,
        default=_ITEMS,
        metavar="N",
        help=f"elements of one slice, map, ... (default {_ITEMS}, 0 for all)",
    )
    parser.add_argument(
        "--max-string",
        type=common.count,
        default=_STRING,
        metavar="N",
        help=f"bytes of one string (default {_STRING}, 0 for all)",
    )
    parser.add_argument(
        "--raw", action="store_true", help="plain structures, also of time.Time, sync.Mutex and the like"
    )
    parser.add_argument(
        "--internals", action="store_true", help="also what the runtime stores: headers of maps, slices, ..."
    )
    parser.add_argument("--redact", action="store_true", help="no contents of strings and bytes")
    parser.add_argument(
        "--watch", metavar="DURATION", help="of a process: show what changed, every 1s (500ms, 2m)"
    )
    parser.add_argument("--exe", metavar="PROGRAM", help="for a core: the executable that it came from")
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    _check(options)
    limits = _limits(options)
    subject = open_subject(options.target, options.exe)
    if options.watch is not None:
        from gosnap.commands import show_watch

        return show_watch.run(options, subject, limits, duration(options.watch))
    from gosnap.commands import show_answers

    return show_answers.run(options, subject, limits)


def _check(options: argparse.Namespace) -> None:
    asked = bool(options.expression) + (options.globals is not None)
    if not asked and options.goroutine is None:
        raise UsageError(
            "what to show? an EXPRESSION, --globals REGEX, or --goroutine N",
            "gosnap show TARGET --globals '^main[.]' lists the variables of package main",
        )
    if asked > 1:
        raise UsageError("--globals goes without an expression")
    if options.frame is not None and options.goroutine is None:
        raise UsageError("--frame goes with --goroutine N")
    if options.goroutine is not None and options.globals is not None:
        raise UsageError("--goroutine goes without --globals")
    if options.watch is not None:
        duration(options.watch)
        if options.output or not options.expression:
            raise UsageError("--watch goes with expressions, and without -o")
    if options.globals is not None:
        try:
            re.compile(options.globals)
        except re.error as e:
            raise UsageError(
                f"--globals '{options.globals}': {e}", "give a regular expression: '^main[.]'"
            ) from None


def _limits(options: argparse.Namespace) -> "Limits":
    from gosnap.values.model import Limits

    everything = not options.max_items or options.max_items > NODES
    return Limits(
        depth=options.depth,
        items=options.max_items or None,
        string=options.max_string or None,
        nodes=_ALL_NODES if everything else NODES if options.format == "text" else 10 * NODES,
        raw=options.raw,
        internals=options.internals,
        redact=options.redact,
    )


def duration(text: str) -> float:
    """Seconds of "1s", "500ms", "2m"; UsageError for what is none."""
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds < _SHORTEST:
        raise UsageError(f"--watch {text!r} is no duration", "write 1s, 500ms or 2m")
    return seconds


def open_subject(target: str, exe: str | None, *, alone: bool = True) -> "Subject":
    """The process, snapshot or core that a word stands for; ``alone``: for a process that does nothing
    else."""
    from pathlib import Path

    from gosnap.commands.profiles import kind
    from gosnap.values import sources

    what = kind(target)
    if what != "core" and exe is not None:
        raise GosnapError("--exe goes with a core", "leave --exe out")
    if what == "process":
        from gosnap.target import procs

        return sources.of_process(procs.resolve(target))
    if what == "core":
        return sources.of_core(Path(target), Path(exe) if exe else None)
    if what == "snapshot":
        from gosnap.heap.snapshot import open_snapshot

        return sources.of_snapshot(open_snapshot(target, alone=alone))
    raise GosnapError(
        f"{target}: no process, snapshot or core", "give a PID, a program's name, or the path of a file"
    )


def put(options: argparse.Namespace, text: str) -> None:
    """Print the answer, or write it to the file that -o names."""
    if options.output is None:
        sys.stdout.flush()
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = common.utf8(text).encode()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    from pathlib import Path

    source = options.target if Path(options.target).is_file() else None
    common.write_file(Path(options.output), text, force=options.force, source=source)
    if options.format == "text":
        sys.stderr.write(f"wrote {options.output}\n")
