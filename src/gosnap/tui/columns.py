"""Tables of text that fit a width: which columns are left out when it is narrow, how wide the rest are."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from gosnap.report.text.units import shorten

NARROW = 30
_GAP = 2


@dataclass(frozen=True)
class Column:
    """``flexible``: gives way, and takes what is left; ``drop``: left out when room is short, 1 first, 0
    never; ``head``: of what is too long the beginning is shown, of others both ends."""

    title: str
    left: bool = False
    flexible: bool = False
    drop: int = 0
    head: bool = False


@dataclass(frozen=True)
class Fitted:
    """Which columns are shown, and how wide."""

    shown: list[int]
    widths: dict[int, int]


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Fitted:
    """The columns that fit a width with these rows."""
    needed = [
        max([cell_len(c.title) + 1, *(cell_len(r[i]) for r in rows)]) if not c.flexible else NARROW
        for i, c in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    order = sorted((c.drop, i) for i, c in enumerate(columns) if c.drop)
    for _, i in order:
        if sum(needed[k] + _GAP for k in shown) - _GAP <= width:
            break
        shown.remove(i)
    widths = {i: needed[i] for i in shown}
    flexible = [i for i in shown if columns[i].flexible]
    room = width - sum(widths[i] + _GAP for i in shown if i not in flexible) - _GAP * (len(flexible) - 1)
    for n, i in enumerate(flexible):
        widths[i] = max(room // (len(flexible) - n), 1)
        room -= widths[i]
    return Fitted(shown, widths)


def line(columns: Sequence[Column], fitted: Fitted, cells: Sequence[str]) -> str:
    """One row of the table."""
    parts = []
    for i in fitted.shown:
        width = fitted.widths[i]
        text = _begin(cells[i], width) if columns[i].head else shorten(cells[i], width)
        pad = " " * max(width - cell_len(text), 0)
        parts.append(text + pad if columns[i].left else pad + text)
    return (" " * _GAP).join(parts).rstrip()


def _begin(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return chop_cells(text, max(width - 1, 1))[0] + "…"
