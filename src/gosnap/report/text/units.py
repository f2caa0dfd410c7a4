"""Numbers and names as people read them."""

import re

from rich.cells import cell_len, chop_cells

from gosnap.heap.units import size

__all__ = ["clean", "count", "duration", "percent", "plural", "short_paths", "shorten", "size", "typed_share"]


def count(value: int) -> str:
    """1,234,567."""
    return f"{value:,}"


def percent(part: int, whole: int) -> str:
    """One decimal; empty where there is no whole."""
    return f"{100 * part / whole:.1f}%" if whole else ""


def typed_share(untyped: int, whole: int) -> str:
    """Two decimals, rounded down: only what is typed to the last byte is 100%."""
    return f"{(whole - untyped) * 10000 // whole / 100:.2f}%" if whole else "100.00%"


def duration(microseconds: int) -> str:
    """ "830 µs", "12.3 ms", "2.41 s"."""
    if microseconds < 1000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.3g} ms"
    return f"{microseconds / 1e6:.2f} s"


def plural(n: int, one: str, many: str = "") -> str:
    """ "1 object", "1,234 objects"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def clean(text: str) -> str:
    """Text of a target or a file, safe for a terminal: control characters become visible escapes."""
    if text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_DIRECTORIES = re.compile(r"(?:[\w.~%\-]+/)+(?=[\w%\-]+\.)")


def short_paths(text: str) -> str:
    """Qualified names without the directories of their import paths: "server.client"."""
    return _DIRECTORIES.sub("", text)


def shorten(text: str, width: int) -> str:
    """At most ``width`` columns. First import paths lose their directories; what is still too long is cut
    from the middle, because both ends of a type's name matter."""
    if cell_len(text) <= width:
        return text
    text = short_paths(text)
    if cell_len(text) <= width:
        return text
    if width < 5:
        return chop_cells(text, width)[0]
    tail = (width - 1) // 2
    end = chop_cells(text[::-1], tail)[0][::-1]
    return chop_cells(text, width - 1 - tail)[0] + "…" + end
