"""Tables and paragraphs on a terminal or in a file, laid out by rich."""

import io
import sys
import textwrap
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gosnap.report.text.units import clean, shorten

NARROW = 24
_WIDEST = 1 << 16
_NARROWEST = 40


@dataclass
class Page:
    """Collects lines for one stream: with colour and cut to the width on a terminal, plain and whole
    otherwise."""

    width: int = 0
    """Columns; 0: as wide as it gets."""
    colour: bool = False
    lines: list[str] = field(default_factory=list)

    @classmethod
    def for_stream(cls, stream: TextIO | None = None) -> "Page":
        """What suits a stream: rich decides on colour (NO_COLOR, FORCE_COLOR, TERM) and width (COLUMNS)."""
        console = Console(file=stream if stream is not None else sys.stdout)
        if not console.is_terminal:
            return cls()
        return cls(max(console.width, _NARROWEST), console.color_system is not None and not console.no_color)

    def _render(self, what: Text | Table) -> list[str]:
        console = Console(
            file=io.StringIO(),
            width=self.width or _WIDEST,
            force_terminal=self.colour,
            color_system="standard" if self.colour else None,
            no_color=not self.colour,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        with console.capture() as capture:
            console.print(what, soft_wrap=isinstance(what, Text))
        return [line.rstrip() for line in capture.get().splitlines()]

    def style(self, text: str, name: str) -> str:
        """The text in a style, where there are styles."""
        return self._render(Text(text, name))[0] if self.colour and text else text

    def line(self, text: str = "", style: str = "") -> None:
        """One line."""
        self.lines.append(self.style(text, style) if style else text)

    def paragraph(self, text: str, indent: str = "") -> None:
        """Plain text, broken between words where it does not fit the width."""
        if not self.width:
            self.line(indent + text)
            return
        for line in textwrap.wrap(text, self.width - len(indent), break_on_hyphens=False) or [""]:
            self.line(indent + line)

    def item(self, number: int, text: str, style: str) -> None:
        """A numbered paragraph in a style; further lines begin below the text."""
        start, mark = len(self.lines), f"{number}. "
        self.paragraph(text, " " * len(mark))
        self.lines[start] = mark + self.lines[start].lstrip()
        self.lines[start:] = [self.style(line, style) for line in self.lines[start:]]

    def title(self, text: str) -> None:
        """A blank line and a heading."""
        if self.lines and self.lines[-1]:
            self.line()
        self.line(text, "bold")

    def pairs(self, rows: list[tuple[str, str]]) -> None:
        """Names and values, made safe for a terminal; empty values are left out."""
        rows = [(clean(k), clean(v)) for k, v in rows if v]
        wide = max((len(k) for k, _ in rows), default=0)
        for key, value in rows:
            room = self.width - wide - 4 if self.width else 0
            name = self.style(key, "dim") + " " * (wide - len(key))
            self.line(f"  {name}  {shorten(value, room) if room else value}")

    def room(self, head: list[str], rows: list[list[str]]) -> int:
        """What is left of a line beside these columns of a table for the one that is behind them; 0 where
        there is no width to fit in, else 30 at least."""
        widths = [max(cell_len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
        return max(self.width - sum(widths) - 2 * (len(head) + 1), 30) if self.width else 0

    def table(
        self,
        head: list[str],
        rows: list[list[str]],
        *,
        left: tuple[int, ...] = (),
        drop: tuple[int, ...] = (),
        flexible: tuple[int, ...] = (),
        strong: Collection[int] = (),
    ) -> None:
        """A table of texts that are made safe for a terminal; columns in ``left`` are left-aligned. The
        ``flexible`` ones, by default the last of these, give way when the terminal is narrow. Rows in
        ``strong`` are bold.

        ``drop``: columns that may be left out, in this order, before those get narrower than 24.
        """
        rows = [[clean(cell) for cell in row] for row in rows]
        keep = list(range(len(head)))
        widths = [max([cell_len(head[i]), *(cell_len(r[i]) for r in rows)]) for i in keep]
        if not flexible:
            flexible = (max((i for i in left if i not in drop), default=-1),)
        flexible = tuple(i for i in flexible if i >= 0)
        if self.width:
            for i in drop:
                if self._needed(keep, widths, flexible) <= self.width:
                    break
                keep.remove(i)
            self._fit(keep, widths, flexible)
        table = Table(
            box=None, pad_edge=True, padding=(0, 0, 0, 2), header_style="dim" if self.colour else ""
        )
        for i in keep:
            table.add_column(Text(head[i]), justify="left" if i in left else "right", no_wrap=True)
        for at, row in enumerate(rows):
            cells = (Text(shorten(row[i], widths[i])) for i in keep)
            table.add_row(*cells, style="bold" if self.colour and at in strong else None)
        self.lines += self._render(table)

    @staticmethod
    def _needed(keep: list[int], widths: list[int], flexible: tuple[int, ...]) -> int:
        return sum(min(widths[i], NARROW) if i in flexible else widths[i] for i in keep) + 2 * len(keep)

    def _fit(self, keep: list[int], widths: list[int], flexible: tuple[int, ...]) -> None:
        """Share what room there is among the flexible columns: each gets what it needs, or an even part."""
        todo = sorted((i for i in flexible if i in keep), key=lambda i: widths[i])
        room = self.width - 2 * len(keep) - sum(widths[i] for i in keep if i not in flexible)
        while todo:
            i = todo.pop(0)
            widths[i] = min(widths[i], max(room // (len(todo) + 1), 8))
            room -= widths[i]

    def next(self, *commands: str) -> None:
        """What a person would run next."""
        self.line()
        for i, command in enumerate(commands):
            self.line(("next: " if i == 0 else "      ") + self.style(clean(command), "cyan"))

    def text(self) -> str:
        """All lines, each with a newline."""
        return "".join(line + "\n" for line in self.lines)
