"""Takes a snapshot of a running Go process, or of an ELF core of one, and writes it to a .gosnap file. Of an
address (http://host:6060, host:6060, gops:PID) it saves the memory profiles that are served there.
"""

import argparse
import sys
from pathlib import Path

from gosnap.commands import common, progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", help="a PID, the name of a Go program, the path of a core, or an address"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the snapshot's name (default gosnap-PROGRAM.PID.gosnap); of an address, a directory",
    )
    parser.add_argument("--force", action="store_true", help="replace a snapshot that exists")
    parser.add_argument("--exe", metavar="PROGRAM", help="for a core: the executable that it came from")
    parser.add_argument(
        "--fork", action="store_true", help="stop the process only while it is cloned, then read the clone"
    )
    parser.add_argument(
        "--no-contents",
        action="store_true",
        help="keep objects, references and types, but no bytes of the heap",
    )
    common.add_top(parser, 10, "types in the summary")
    common.add_output(parser, file=False)
    parser.add_argument(
        "--progress", choices=("auto", "always", "never"), default="auto", help="on standard error"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", action="store_true", help="print the file's name only")
    group.add_argument("-v", "--verbose", action="store_true", help="say where the time went")


def run(options: argparse.Namespace) -> int:
    from gosnap.profile import fetch

    if fetch.is_address(options.target):
        from gosnap.commands import capture_url

        return capture_url.run(options)
    from gosnap.heap.take import take
    from gosnap.report.text import capture as text

    line = progress.line(options.progress, options.quiet)
    try:
        view = take(
            options.target,
            exe=options.exe,
            fork=options.fork,
            contents=not options.no_contents,
            out=Path(options.output) if options.output else None,
            force=options.force,
            progress=line,
            top=common.top(options),
        )
    finally:
        if line is not None:
            line.clear()
    if options.quiet and options.format == "text":
        sys.stdout.write(view.extra["file"] + "\n")
        return 0
    options.output = None
    common.emit(options, view, lambda page, v: text.render(page, v, verbose=options.verbose))
    return 0
