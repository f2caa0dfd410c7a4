"""A snapshot in passing, for a question that only one answers: taken into a temporary file, and gone
after."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gosnap.commands import progress
from gosnap.errors import GosnapError
from gosnap.heap import take


@contextlib.contextmanager
def taken(target: str, *, exe: str | None, quiet: bool) -> Iterator[Path]:
    """A snapshot of a process, which is stopped for it, or of a core. Of many objects at once neither keys
    nor strings are shown, so the bytes of the heap stay out. Errors name the target, not the file."""
    line = progress.line("auto", quiet)
    with tempfile.TemporaryDirectory(prefix="gosnap-") as name:
        path = Path(name) / "target.gosnap"
        try:
            take.take(target, exe=exe, contents=False, out=path, progress=line)
        finally:
            if line is not None:
                line.clear()
        try:
            yield path
        except GosnapError as e:
            raise type(e)(*(text.replace(str(path), target) for text in (e.message, e.hint))) from None
