"""Values that a view keeps an eye on. How an expression becomes text is for the caller to say."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gosnap.errors import GosnapError
from gosnap.live.process import TargetGone

Lines = Callable[[], list[str]]
"""Reads a value anew: as lines of text, the first of which is all of it on one line."""
MOST = 50


@dataclass
class Watch:
    """One expression. ``line``: its value on one line; ``error``: why it has none now."""

    expression: str
    read: Lines
    line: str = ""
    lines: list[str] = field(default_factory=list)
    error: str = ""
    changes: int = 0
    """How often a reading differed from the one before."""
    changed_unix_ns: int = 0
    """When it last did; 0: never."""
    _seen: bool = False

    def look(self, unix_ns: int) -> None:
        """Read it once more. TargetGone when the process is."""
        before = (self.lines, self.error)
        try:
            self.lines, self.error = self.read(), ""
        except TargetGone:
            raise
        except GosnapError as e:
            # a map entry may come and go
            self.lines, self.error = [], e.message.partition("\n")[0]
        self.line = self.lines[0] if self.lines else ""
        if self._seen and before != (self.lines, self.error):
            self.changes += 1
            self.changed_unix_ns = unix_ns
        self._seen = True


class Watches:
    """Those of a view, in the order in which they were added."""

    def __init__(self, compile_expression: Callable[[str], Lines]) -> None:
        self._compile = compile_expression
        self._all: dict[str, Watch] = {}

    def __iter__(self) -> "Iterator[Watch]":
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, expression: str) -> Watch:
        """One more. GosnapError for what is no expression, or means nothing in this program."""
        if len(self._all) >= MOST:
            raise GosnapError(f"{MOST} expressions are watched already", "take one away first")
        if expression not in self._all:
            read = self._compile(expression)
            read()
            self._all[expression] = Watch(expression, read)
        return self._all[expression]

    def remove(self, expression: str) -> None:
        """Watch it no more."""
        self._all.pop(expression, None)

    def look(self, unix_ns: int) -> None:
        """Read all of them once more."""
        for watch in self:
            watch.look(unix_ns)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
