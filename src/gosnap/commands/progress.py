"""One line on standard error that says what goes on."""

import sys
import time
from collections.abc import Callable

Progress = Callable[[str, int, int], None]

_WORDS = {
    "prepare": "reserving memory",
    "copy": "copying",
    "files": "reading file mappings",
    "objects": "found the objects",
    "edges": "found the pointers",
    "types": "found the types",
    "writing": "writing the file",
}
_EVERY = 0.05


class Line:
    """Writes over itself; ``clear`` removes it."""

    def __init__(self) -> None:
        self._last = 0.0
        self._written = 0

    def __call__(self, phase: str, done: int, whole: int) -> None:
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        self._last = now
        text = _WORDS.get(phase, phase)
        if whole:
            text += f" {100 * done // whole}%"
        sys.stderr.write("\r" + text.ljust(self._written))
        sys.stderr.flush()
        self._written = len(text)

    def clear(self) -> None:
        """Leave no trace."""
        if self._written:
            sys.stderr.write("\r" + " " * self._written + "\r")
            sys.stderr.flush()
            self._written = 0


def line(when: str, quiet: bool) -> Line | None:
    """A progress line for --progress auto, always or never."""
    if quiet or when == "never" or (when == "auto" and not sys.stderr.isatty()):
        return None
    return Line()
