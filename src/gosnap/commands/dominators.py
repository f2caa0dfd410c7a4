"""Who holds the memory: the live objects that retain most, each with all that would go with it."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    parser.add_argument(
        "--under", metavar="ADDR", type=_address, help="what the object at this address holds (0xc000123400)"
    )
    common.add_top(parser, 20)
    common.add_output(parser)


def _address(text: str) -> int:
    value = int(text, 0)
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError("not an address")
    return value


def run(options: argparse.Namespace) -> int:
    from gosnap.heap.snapshot import open_snapshot
    from gosnap.report.text import dominators as text

    view = open_snapshot(options.file).dominators(options.under, common.top(options))
    common.emit(options, view, lambda page, v: text.render(page, v, options.file, options.under))
    return 0
