"""Options that verbs share, and where an answer goes."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot
    from gosnap.heap.views import View
    from gosnap.report.text.table import Page

Renderer = Callable[["Page", "View"], None]


def add_output(parser: argparse.ArgumentParser, *, file: bool = True) -> None:
    """--format, and for answers -o and --force."""
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text for people (default), JSON for programs",
    )
    if file:
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="write the answer to FILE (made with mode 0600)"
        )
        parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def add_top(parser: argparse.ArgumentParser, default: int | None, what: str = "rows") -> None:
    """-n, --top."""
    text = f"how many {what}" + (f" (default {default}, 0 for all)" if default else "")
    parser.add_argument("-n", "--top", type=count, default=default, metavar="N", help=text)


def add_stacks(parser: argparse.ArgumentParser, *, asked: bool = True) -> None:
    """--alloc (where stacks are not shown unless asked for) and --stacks."""
    if asked:
        parser.add_argument(
            "--alloc", action="store_true", help="the stacks that allocated them, by what the runtime sampled"
        )
    parser.add_argument(
        "--stacks",
        type=count,
        default=None,
        metavar="N",
        help="how many allocation stacks of each (default 3, 0 for all)",
    )


def stacks(options: argparse.Namespace) -> int | None:
    """The limit of stacks, None for none."""
    return 3 if options.stacks is None else options.stacks or None


def count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def top(options: argparse.Namespace) -> int | None:
    """The row limit, None for none."""
    return options.top or None


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    """The positional FILE."""
    parser.add_argument("file", metavar="FILE", help="a .gosnap file, as `gosnap capture` writes it")


def open_snapshot(path: str) -> "Snapshot":
    """Open a file for a process that does nothing else; GosnapError for a process in its place."""
    from gosnap.heap.snapshot import open_snapshot as open_file

    if path.isascii() and path.isdecimal() and not Path(path).exists():
        _is_process(path)
    return open_file(path, alone=True)


def _is_process(pid: str) -> None:
    from gosnap.errors import GosnapError

    if Path(f"/proc/{pid[:20]}").is_dir():
        raise GosnapError(
            f"{pid} is a process, and this reads a snapshot of one", f"take it first: `gosnap capture {pid}`"
        )
    raise GosnapError(
        f"{pid}: no file, and no process of that number",
        "give the path of a .gosnap file; `gosnap ps` lists the Go processes that run here",
    )


def emit(options: argparse.Namespace, view: "View", render: Renderer) -> None:
    """Print the answer, or write it to the file that -o names."""
    from gosnap.report.text.table import Page

    path = getattr(options, "output", None)
    page = Page() if path else Page.for_stream(sys.stdout)
    if options.format == "json":
        from gosnap.report.canonical import to_json

        text = to_json(view)
    else:
        render(page, view)
        text = page.text()
    if path is None:
        data = utf8(text).encode()
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    write_file(Path(path), text, force=options.force, source=getattr(options, "file", None))
    if options.format == "text":
        sys.stderr.write(f"wrote {path}\n")


def utf8(text: str) -> str:
    """Bytes of a target that were no UTF-8 (lone surrogates here) as U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write_file(path: Path, data: str | bytes, *, force: bool, source: str | None = None) -> None:
    """A new file of mode 0600, whole or not at all; GosnapError where it cannot be, or exists and not
    ``force``.

    ``source``: the file that was read for it, which it must not replace.
    """
    from gosnap.commands.files import NewFile

    with NewFile(path, force=force, source=source) as file:
        file.write(utf8(data).encode() if isinstance(data, str) else data)
