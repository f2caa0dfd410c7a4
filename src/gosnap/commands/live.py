"""A running program by the second: heap, collector, goroutines, allocation sites, where the memory is. It is
never stopped for this: its memory is read while it runs on."""

import argparse
import os
import re
import sys
import time

from gosnap.commands import common
from gosnap.errors import GosnapError

SHORTEST = 0.1
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="PID", help="a process id, or the name of a Go program that runs")
    parser.add_argument(
        "--interval",
        type=interval,
        default=1.0,
        metavar="TIME",
        help="how often to look: 500ms, 1s (default), 1m",
    )
    parser.add_argument("--headless", action="store_true", help="no screen: one line of JSON per look")
    parser.add_argument(
        "--format",
        choices=("jsonl",),
        default="jsonl",
        help="of --headless: one JSON object per line (the only one there is)",
    )
    parser.add_argument(
        "--count", type=common.count, default=0, metavar="N", help="with --headless: end after N lines"
    )
    parser.add_argument(
        "--watch",
        action="append",
        default=[],
        metavar="EXPR",
        help="the value of an expression too, as `gosnap show` has it; may be given again",
    )
    parser.add_argument(
        "--everything",
        action="store_true",
        help="read spans, goroutines and the memory profile each time, whatever it costs",
    )
    common.add_top(parser, 20, "rows per list of --headless")


def interval(text: str) -> float:
    """Seconds in "500ms", "1s", "2", "1m"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give 500ms, 1s or 1m")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds < SHORTEST:
        raise argparse.ArgumentTypeError("must be 100ms or more")
    return seconds


def run(options: argparse.Namespace) -> int:
    from gosnap.live.watcher import Watcher
    from gosnap.target.procs import resolve

    watcher = Watcher(resolve(options.target))
    try:
        if options.headless:
            return _headless(watcher, options)
        return _screen(watcher, options)
    except KeyboardInterrupt:
        # how a stream ends that has no end
        return 0
    finally:
        watcher.close()


def _headless(watcher: "Watcher", options: argparse.Namespace) -> int:
    from gosnap.commands.live_watch import compiler
    from gosnap.live.changes import History
    from gosnap.live.process import TargetGone
    from gosnap.live.record import record, watched
    from gosnap.live.watches import Watches
    from gosnap.report.canonical import to_line

    watches = Watches(compiler(watcher))
    for expression in options.watch:
        watches.add(expression)
    history = History()
    top = common.top(options) or sys.maxsize
    due = time.monotonic()
    while True:
        try:
            cycles = history.add(tick := watcher.tick(everything=options.everything))
            watches.look(tick.unix_ns)
        except TargetGone as e:
            sys.stdout.flush()
            sys.stderr.write(f"gosnap: {e.message}\n")
            return 0
        row = record(watcher, history, cycles, top) | {"watch": watched(watches)}
        sys.stdout.write(common.utf8(to_line("live", row)))
        sys.stdout.flush()
        if options.count and len(history.moments) >= options.count:
            return 0
        # a look that took longer than the interval leaves out those that it missed
        due = max(due + options.interval, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0))


def _screen(watcher: "Watcher", options: argparse.Namespace) -> int:
    check_terminal()
    try:
        from gosnap.tui.app import LiveApp
    except ImportError as e:
        if (e.name or "").partition(".")[0] != "textual":
            raise
        raise GosnapError(
            "the screen needs the package textual, which is not installed",
            "`pip install textual`, or use --headless",
        ) from None
    from gosnap.commands.live_source import Watched

    app = LiveApp(Watched(watcher), options.interval)
    for expression in options.watch:
        app.watches.add(expression)
    app.run()
    if app.ended:
        sys.stderr.write(f"gosnap: {app.ended}\n")
    return app.return_code or 0


def check_terminal() -> None:
    """GosnapError where there is no terminal that a screen can be drawn on."""
    hint = "use --headless, which writes lines of JSON"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise GosnapError("standard input or output is not a terminal, so there is no screen", hint)
    kind = os.environ.get("TERM", "")
    if kind in ("dumb", "unknown", ""):
        raise GosnapError(f"a terminal of the kind {kind or '(TERM is not set)'} has no screen", hint)
    if not _has_colours():
        os.environ.setdefault("NO_COLOR", "1")


def _has_colours() -> bool:
    """Whether the terminal knows colours, by its description."""
    try:
        import curses
    except ImportError:
        return True
    try:
        curses.setupterm()
        return curses.tigetnum("colors") >= 8
    except curses.error:
        # no description of this terminal: most have colours
        return True


TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.live.watcher import Watcher
