"""Why an object is alive: the shortest paths from the roots to it, or to all objects of a type, merged."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    parser.add_argument(
        "what", metavar="ADDR|TYPE", help="an object's address (0xc000123400), or a type ('main.Session')"
    )
    parser.add_argument(
        "--exclude",
        metavar="TYPE.FIELD",
        action="append",
        default=[],
        help="do not follow this field ('main.Node.prev'); may be given several times",
    )
    parser.add_argument("--redact", action="store_true", help="show no keys of maps and no strings")
    common.add_stacks(parser)
    common.add_top(parser, 5, "paths")
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import paths as text

    snapshot = common.open_snapshot(options.file)
    view = snapshot.paths(
        options.what,
        common.top(options),
        tuple(options.exclude),
        options.redact,
        alloc=options.alloc,
        stacks=common.stacks(options),
    )
    common.emit(options, view, lambda page, v: text.render(page, v, options.file))
    return 0
