"""Objects and bytes by type, from a written snapshot."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    parser.add_argument(
        "--by",
        choices=("type", "package", "kind", "size-class"),
        default="type",
        help="what to sum up by (default type)",
    )
    parser.add_argument("--sort", choices=("bytes", "objects", "name"), default="bytes", help="default bytes")
    parser.add_argument(
        "--match", metavar="REGEX", help="only types whose name matches; totals are then of these"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--live", action="store_true", help="only what the program can reach")
    chosen.add_argument("--garbage", action="store_true", help="only what the collector has yet to find")
    common.add_stacks(parser)
    common.add_top(parser, 20)
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import types as text

    only = "live" if options.live else "garbage" if options.garbage else "all"
    snapshot = common.open_snapshot(options.file)
    view = snapshot.types(
        options.by,
        options.match,
        options.sort,
        common.top(options),
        only,
        alloc=options.alloc,
        stacks=common.stacks(options),
    )
    asked = text.Asked(options.file, options.by, options.match, only)
    common.emit(options, view, lambda page, v: text.render(page, v, asked))
    return 0
