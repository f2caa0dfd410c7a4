"""Builds a small Go program that leaks, starts it, captures it twice, and walks through the answers."""

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gosnap.commands import common, progress
from gosnap.errors import GosnapError

PROGRAM = Path(__file__).parent / "demo_program"
BETWEEN_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the snapshot's name (default gosnap-leaky.PID.gosnap)"
    )
    parser.add_argument("--force", action="store_true", help="replace a snapshot that exists")
    common.add_output(parser, file=False)
    parser.add_argument(
        "--progress", choices=("auto", "always", "never"), default="auto", help="on standard error"
    )


def run(options: argparse.Namespace) -> int:
    from gosnap.commands import gotoolchain
    from gosnap.heap.growth import growth
    from gosnap.heap.snapshot import open_snapshot
    from gosnap.heap.take import check_output, take
    from gosnap.report.text import demo as text
    from gosnap.report.text.table import Page

    page = Page() if options.format == "json" else Page.for_stream(sys.stdout)
    line = progress.line(options.progress, quiet=False)

    def show() -> None:
        """What has been said so far, at once: a person reads along."""
        if options.format == "text":
            sys.stdout.write(page.text())
            sys.stdout.flush()
        page.lines.clear()

    if options.output:
        check_output(Path(options.output), options.force)
    toolchain = gotoolchain.find()
    with tempfile.TemporaryDirectory(prefix="gosnap-demo-") as name:
        work = Path(name)
        text.introduce(page, toolchain.version)
        show()
        source = work / "src"
        shutil.copytree(PROGRAM, source)
        if line is not None:
            line("building (half a minute the first time)", 0, 0)
        binary = gotoolchain.build(toolchain, source, work, "leaky")
        if line is not None:
            line.clear()
        with _started(binary) as pid:
            first = take(str(pid), out=work / "first.gosnap", progress=line)
            _clear(line)
            text.first(page, first, pid)
            show()
            time.sleep(BETWEEN_SECONDS)
            second = take(
                str(pid),
                out=Path(options.output) if options.output else None,
                force=options.force,
                progress=line,
            )
            _clear(line)
        path = second.extra["file"]
        before, after = open_snapshot(work / "first.gosnap"), open_snapshot(path)
        view = growth(before.types(top=None), after.types(top=None), top=6)
        if options.format == "json":
            view.kind = "demo"
            view.extra = {"file": path}
            options.output = None
            common.emit(options, view, lambda p, v: None)
        else:
            text.explain(page, view)
            text.holders(page, after.suspects(since=before, top=1), path)
            text.finish(page, after.info(), path)
            show()
    return 0


def _clear(line: "progress.Line | None") -> None:
    if line is not None:
        line.clear()


@contextlib.contextmanager
def _started(binary: Path) -> Iterator[int]:
    """The program's PID, once it is ready; it is ended by its PID whatever happens."""
    with subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != b"READY":
                raise GosnapError(
                    f"the demo program ended at once, with exit code {process.wait(timeout=10)}"
                )
            yield process.pid
        finally:
            process.kill()
