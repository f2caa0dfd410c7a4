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
    common.add_top(parser, 20)
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.heap.snapshot import open_snapshot
    from gosnap.report.text import types as text

    snapshot = open_snapshot(options.file)
    view = snapshot.types(by=options.by, match=options.match, sort=options.sort, top=common.top(options))
    common.emit(options, view, lambda page, v: text.render(page, v, options.file, options.by, options.match))
    return 0
