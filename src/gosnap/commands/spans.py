"""The allocator as it was: size classes, spans, free slots, waste, the page heap, and the largest objects."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    common.add_top(parser, None, "size classes (default all) and large objects (default 10)")
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import spans as text

    view = common.open_snapshot(options.file).spans(top=common.top(options))
    common.emit(options, view, lambda page, v: text.render(page, v, options.file))
    return 0
