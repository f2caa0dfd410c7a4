"""The target, its Go version, the state of the collector, the self-checks, and where the RSS went."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    common.add_output(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="also build ids, sections and timings")


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import info as text

    view = common.open_snapshot(options.file).info()
    common.emit(options, view, lambda page, v: text.render(page, v, verbose=options.verbose))
    return 0
