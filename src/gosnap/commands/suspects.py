"""The few places that hold most of the heap, in sentences, each with its evidence and the next command to
run."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    parser.add_argument(
        "--since", metavar="OLD", help="an older snapshot of the same program: say what grew since"
    )
    common.add_stacks(parser, asked=False)
    common.add_top(parser, 5, "suspects")
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import suspects as text

    since = common.open_snapshot(options.since) if options.since else None
    view = common.open_snapshot(options.file).suspects(
        since, common.top(options), stacks=common.stacks(options)
    )
    common.emit(options, view, lambda page, v: text.render(page, v, options.file))
    return 0
