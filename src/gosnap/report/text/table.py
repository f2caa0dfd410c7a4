"""Tables and paragraphs on a terminal or in a file."""

import os
import shutil
import sys
from dataclasses import dataclass, field
from typing import TextIO

from gosnap.report.text.units import shorten

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass
class Page:
    """Collects lines for one stream: with colour and cut to the width on a terminal, plain and whole otherwise."""

    width: int = 0
    """Columns; 0: as wide as it gets."""
    colour: bool = False
    lines: list[str] = field(default_factory=list)

    @classmethod
    def for_stream(cls, stream: TextIO | None = None) -> "Page":
        """What suits a stream. NO_COLOR and TERM=dumb turn colour off (no-color.org)."""
        stream = stream if stream is not None else sys.stdout
        if not stream.isatty():
            return cls()
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(max(shutil.get_terminal_size().columns, 40), not plain)

    def style(self, text: str, name: str) -> str:
        """The text in a style, where there are styles."""
        return f"\033[{_STYLES[name]}m{text}\033[0m" if self.colour and text else text

    def line(self, text: str = "", style: str = "") -> None:
        """One line."""
        self.lines.append(self.style(text, style) if style else text)

    def title(self, text: str) -> None:
        """A blank line and a heading."""
        if self.lines and self.lines[-1]:
            self.line()
        self.line(text, "bold")

    def pairs(self, rows: list[tuple[str, str]]) -> None:
        """Names and values; empty values are left out."""
        rows = [r for r in rows if r[1]]
        wide = max((len(k) for k, _ in rows), default=0)
        for key, value in rows:
            room = self.width - wide - 4 if self.width else 0
            self.line(
                f"  {self.style(key.ljust(wide), 'dim')}  {shorten(value, room) if room > 8 else value}"
            )

    def table(
        self,
        head: list[str],
        rows: list[list[str]],
        *,
        left: tuple[int, ...] = (),
        drop: tuple[int, ...] = (),
    ) -> None:
        """A table; columns in ``left`` are left-aligned, the last of them gives way when the terminal is narrow.

        ``drop``: columns that may be left out, in this order, before that column gets narrower than 24.
        """
        keep = list(range(len(head)))
        widths = [max([len(head[i]), *(len(r[i]) for r in rows)]) for i in keep]
        flexible = max(left, default=-1)
        if self.width:
            for i in drop:
                if self._needed(keep, widths, flexible) <= self.width:
                    break
                keep.remove(i)
            spare = self.width - self._needed(keep, widths, flexible) + min(24, widths[flexible])
            if flexible >= 0:
                widths[flexible] = min(widths[flexible], max(spare, 8))
        for n, row in enumerate([head, *rows]):
            cells = []
            for i in keep:
                text = shorten(row[i], widths[i])
                cells.append(text.ljust(widths[i]) if i in left else text.rjust(widths[i]))
            text = "  " + "  ".join(cells).rstrip()
            self.line(text, "dim" if n == 0 else "")

    @staticmethod
    def _needed(keep: list[int], widths: list[int], flexible: int) -> int:
        return sum(min(widths[i], 24) if i == flexible else widths[i] for i in keep) + 2 * len(keep)

    def next(self, *commands: str) -> None:
        """What a person would run next."""
        self.line()
        for i, command in enumerate(commands):
            self.line(("next: " if i == 0 else "      ") + self.style(command, "cyan"))

    def text(self) -> str:
        """All lines, each with a newline."""
        return "".join(line + "\n" for line in self.lines)
