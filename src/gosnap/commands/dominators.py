"""Who holds the memory: the live objects that retain most, each with all that would go with it."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common.add_snapshot(parser)
    parser.add_argument(
        "--under",
        metavar="ADDR",
        type=place,
        help="what the object at this address holds (0xc000123400), or a package variable (main.sessions)",
    )
    parser.add_argument(
        "--by",
        choices=("object", "type", "package", "root", "goroutine", "global"),
        default="object",
        help="what to take together: objects of a type, or of a package's types; roots of a kind, each "
        "goroutine, each package variable (default object)",
    )
    common.add_top(parser, 20)
    common.add_output(parser)


def place(text: str) -> int | str:
    """An address, or else a name."""
    try:
        value = int(text, 0)
    except ValueError:
        return text
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError("not an address")
    return value


def run(options: argparse.Namespace) -> int:
    from gosnap.report.text import dominators as text

    view = common.open_snapshot(options.file).dominators(options.under, options.by, common.top(options))
    common.emit(
        options,
        view,
        lambda page, v: text.render(page, v, text.Asked(options.file, options.under, options.by)),
    )
    return 0
