"""Allocation stacks as text: short, innermost call first, with the samples behind them."""

import re

from gosnap.heap.typenames import is_standard
from gosnap.heap.views import Row
from gosnap.report.text.shared import broken
from gosnap.report.text.table import Page
from gosnap.report.text.units import clean, count, plural, short_paths, shorten, size

ARROW = " ← "
_MORE = "…"
_SHAPES = re.compile(r"\[go\.shape\..*\]")
_ALLOCATOR = re.compile(r"^runtime\.(?:mallocgc|newobject|newarray|makeslice|growslice|makemap|makechan)")
_FRAMES = 6
"""Calls that are shown where there is no width to fit in."""
_WIDE = 100
"""Columns from which on a stack has one line; below it may take two."""


def short(frames: list[Row], room: int = 0) -> list[str]:
    """``main.(*Cache).Put cache.go:88 ← main.handle server.go:12 ← …``, in lines of at most ``room`` columns
    (0: one line).

    The first call is always shown; of the others those of the standard library stand back for the
    program's own.
    """
    if not frames:
        return ["(no stack)"]
    parts = _parts(frames, tidy=bool(room))
    if not room:
        shown, rest = parts[:_FRAMES], parts[_FRAMES:]
        return [ARROW.join([*shown, *([_MORE] if rest and shown[-1] != _MORE else [])])]
    most = 1 if room >= _WIDE else 2
    for end in range(len(parts), 0, -1):
        some = parts[:end]
        if end < len(parts) and some[-1] != _MORE:
            some = [*some, _MORE]
        lines = broken(some, room, ARROW)
        if len(lines) <= most:
            return lines
    return [shorten(parts[0], room)]


def _parts(frames: list[Row], tidy: bool) -> list[str]:
    """A text for each call, and "…" for calls that are left out. ``tidy``: names without the directories of
    import paths."""
    own = [i for i, f in enumerate(frames) if not is_standard(f["function"])]
    at, end = 0, len(frames)
    if any(not f["function"].startswith("runtime.") for f in frames):
        # runtime.main calls main.main, that goes without saying
        while end > 1 and frames[end - 1]["function"].startswith("runtime."):
            end -= 1
    else:
        # of a stack that is all the runtime's, runtime/pprof leaves the allocator in
        while at < end - 1 and _ALLOCATOR.match(frames[at]["function"]):
            at += 1
    first = at
    out: list[str] = []
    while at < end:
        following = next((i for i in own if i >= at), end)
        if at > first and own and following - at > 1:
            out.append(_MORE)
            at = following
            continue
        out.append(_call(frames[at], tidy))
        at += 1
    return out


def _call(frame: Row, tidy: bool) -> str:
    name = _SHAPES.sub("[...]", clean(frame["function"]))
    file = clean(frame["file"].rpartition("/")[2])
    where = f" {file}:{frame['line']}" if frame["line"] else ""
    return (short_paths(name) if tidy else name) + where


class Numbers:
    """How numbers that rest on samples are written: "~" before what is estimated."""

    def __init__(self, sampling: Row) -> None:
        self.rate: int = sampling["rate"]
        self._mark = "~" if self.rate > 1 else ""

    def count(self, value: int) -> str:
        """``~1,234``."""
        return self._mark + count(value)

    def size(self, value: int) -> str:
        """``~16.51MB``."""
        return self._mark + size(value)

    @property
    def sampled(self) -> str:
        """How objects are sampled, in words."""
        if self.rate > 1:
            return f"one object was sampled per {size(self.rate)} allocated; ~ is estimated from the samples"
        return "the rate is 1: each allocation is a sample"


def more_stacks(left: Row) -> str:
    """``… and 12 stacks more``."""
    return f"{_MORE} and {plural(left['stacks'], 'stack')} more"


def block(page: Page, alloc: Row, numbers: Numbers, indent: str) -> None:
    """The stacks of a set of objects, one below the other."""
    rows = [(numbers.size(s["bytes"]), plural(s["samples"], "sample"), s["frames"]) for s in alloc["stacks"]]
    left = alloc["left_out"]
    if left["stacks"]:
        rows.append((numbers.size(left["bytes"]), plural(left["samples"], "sample"), []))
    wide = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    start = len(indent) + sum(wide) + 4
    room = max(page.width - start, 30) if page.width else 0
    for i, (bytes_text, samples, frames) in enumerate(rows):
        lines = short(frames, room) if i < len(alloc["stacks"]) else [more_stacks(left)]
        for j, line in enumerate(lines):
            head = (
                f"{bytes_text:>{wide[0]}}  {samples:>{wide[1]}}" if not j else " " * (start - len(indent) - 2)
            )
            page.line(f"{indent}{head}  {line}")


def missing(page: Page, sampling: Row) -> None:
    """Why there are no stacks, and what to do about it."""
    page.line()
    note = clean(sampling["note"])
    page.paragraph("no allocation stacks: " + ("it " if note.startswith(("keeps", "holds")) else "") + note)
    if sampling["hint"]:
        page.paragraph(clean(sampling["hint"]), "  ")
