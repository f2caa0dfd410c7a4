"""A list with a cursor, drawn line by line: it costs what is seen of it, however long it is."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gosnap.tui.columns import Column, Fitted, fit, line
from gosnap.tui.panes import Row

_HEAD = Style(bold=True, underline=True)
_CURSOR = Style(reverse=True)
_PLAIN = Style()
_DIM = Style(dim=True)


class Listing(ScrollView, can_focus=True):
    """Rows below a head that stays; a cursor that stays on its row when rows move."""

    class Chosen(Message):
        """A row was chosen by Enter or by a click on the cursor."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Sort(Message):
        """The head of a column was clicked."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._columns: Sequence[Column] = ()
        self._rows: list[Row] = []
        self._fitted = Fitted([], {})
        self._empty = ""
        self._mark = (0, "")
        self.cursor = 0
        self._moved = False

    @property
    def rows(self) -> list[Row]:
        """As they are shown."""
        return self._rows

    def fill(
        self, columns: Sequence[Column], rows: list[Row], empty: str, mark: tuple[int, str], *, new: bool
    ) -> None:
        """Show rows. ``empty``: what to say where there are none; ``mark``: (column, sign) of the sort;
        ``new``: these are others than before, the cursor begins at the top."""
        key = self._rows[self.cursor].key if self._moved and self.cursor < len(self._rows) else None
        if new:
            self._moved, key, self.cursor = False, None, 0
            self.scroll_to(0, 0, animate=False)
        self._columns, self._rows, self._empty, self._mark = columns, rows, empty, mark
        if key is not None:
            self.cursor = next((i for i, r in enumerate(rows) if r.key == key), self.cursor)
        self.cursor = min(self.cursor, max(len(rows) - 1, 0))
        self._fit()
        self.refresh()

    def _fit(self) -> None:
        # the head takes one line of the view; a scrollbar takes a column of it
        self.virtual_size = Size(0, len(self._rows) + 1)
        width = self.size.width - (len(self._rows) + 1 > self.size.height)
        self._fitted = fit(self._columns, [r.cells for r in self._rows], max(width, 1))

    def on_resize(self, event: events.Resize) -> None:
        self._fit()
        self._show()
        self.refresh()

    def move(self, by: int) -> None:
        """The cursor up or down."""
        self._moved = True
        self.cursor = min(max(self.cursor + by, 0), max(len(self._rows) - 1, 0))
        self._show()
        self.refresh()

    def page(self) -> int:
        """Rows that are seen at once."""
        return max(self.size.height - 1, 1)

    def _show(self) -> None:
        """Scroll to where the cursor is seen."""
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(0, self.cursor, animate=False, force=True)
        elif self.cursor >= top + self.page():
            self.scroll_to(0, self.cursor - self.page() + 1, animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            at = 0
            for i in self._fitted.shown:
                at += self._fitted.widths[i] + 2
                if event.x < at:
                    self.post_message(self.Sort(i))
                    return
            return
        row = event.y - 1 + self.scroll_offset.y
        if row >= len(self._rows):
            return
        if self._moved and row == self.cursor:
            self.choose()
            return
        self._moved, self.cursor = True, row
        self.refresh()

    def choose(self) -> None:
        """What Enter does."""
        if self.cursor < len(self._rows):
            self._moved = True
            self.post_message(self.Chosen(self._rows[self.cursor]))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            titles = [c.title for c in self._columns]
            column, sign = self._mark
            if column < len(titles):
                titles[column] += sign
            return _strip(line(self._columns, self._fitted, titles), width, _HEAD)
        row = y - 1 + self.scroll_offset.y
        if row < len(self._rows):
            text = line(self._columns, self._fitted, self._rows[row].cells)
            return _strip(text, width, _CURSOR if row == self.cursor else _PLAIN)
        if not self._rows:
            words = _wrapped(self._empty, width)
            return _strip(words[y - 1] if y <= len(words) else "", width, _DIM)
        return Strip.blank(width)


def _strip(text: str, width: int, style: Style) -> Strip:
    return Strip([Segment(text, style)]).adjust_cell_length(width, style)


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(width, 1))
