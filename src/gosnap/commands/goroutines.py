"""Goroutines by stack and state, with what they keep alive; the leaked ones; or one with what its frames
hold."""

import argparse

from gosnap.commands import common

_FRAMES = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--leaked", action="store_true", help="only those that nothing can wake any more")
    chosen.add_argument(
        "--id", type=common.count, metavar="N", help="one goroutine, and what its frames hold"
    )
    parser.add_argument(
        "--sort",
        choices=("bytes", "count"),
        default="bytes",
        help="by what they have in stacks and retain (default), or by their number",
    )
    common.add_top(parser, 20, "stacks")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help=f"whole stacks (of long ones the first {_FRAMES} lines)"
    )
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import goroutines as text

    snapshot = common.open_snapshot(options.file)
    if options.id is not None:
        view = snapshot.goroutine(options.id)
        common.emit(options, view, lambda page, v: text.render_one(page, v, options.file))
        return 0
    frames = None if options.verbose or options.format == "json" else _FRAMES
    view = snapshot.goroutines(options.leaked, common.top(options), frames, options.sort)
    asked = text.Asked(options.file, options.leaked)
    common.emit(options, view, lambda page, v: text.render(page, v, asked))
    return 0
