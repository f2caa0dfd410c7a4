"""Large numbers, buffers, patterns (math/big, bytes, strings, regexp)."""

from gosnap.errors import ReadError
from gosnap.values.model import CUT, Node
from gosnap.values.presenting import Work

_MOST_WORDS = 1 << 16
_DECIMAL_BITS = 13_000
"""Numbers of more bits (about 3,900 digits) are shown in hexadecimal: decimal takes time that grows with the
square, and Python refuses."""
_SHOWN_DIGITS = 400


def _nat(work: Work) -> int:
    """big.nat: words, the lowest first."""
    pointer, length = work.header()
    if length > _MOST_WORDS:
        raise ReadError(f"a number of {length} words")
    return int.from_bytes(work.subject.memory.read(pointer, length * 8), "little") if length else 0


def _integer(work: Work) -> int:
    value = _nat(work.inner("abs"))
    return -value if work.number("neg") else value


def _digits(value: int) -> str:
    if value.bit_length() <= _DECIMAL_BITS:
        return str(value)
    text = f"{abs(value):x}"
    shown = text[:_SHOWN_DIGITS] + (
        f"… {len(text) - _SHOWN_DIGITS:,} more digits" if len(text) > _SHOWN_DIGITS else ""
    )
    return f"{'-' if value < 0 else ''}0x{shown}"


def big_int(work: Work) -> None:
    """big.Int as a number."""
    work.node.note = _digits(_integer(work))


def big_rat(work: Work) -> None:
    """big.Rat as a fraction; a denominator without words is 1."""
    above, below = _integer(work.inner("a")), _nat(work.inner("b.abs"))
    work.node.note = f"{_digits(above)}/{_digits(below or 1)}"


def _contents(work: Work, pointer: int, length: int) -> None:
    """The bytes of a buffer, as a string in its only field."""
    decoder = work.decoder
    limit = decoder.limits.string
    take = length if limit is None else min(length, limit)
    raw = b"" if decoder.limits.redact else work.subject.memory.read(pointer, take)
    row = work.subject.type_row("string")
    try:
        text: str | bytes = raw.decode()
    except UnicodeDecodeError:
        text = raw
    node = Node("string", "string", row, pointer, text, length=length, left=length - len(raw))
    if decoder.limits.redact:
        node.value = None
        node.mark("redacted")
    elif node.left:
        node.mark(CUT)
    work.node.names, work.node.rows, work.node.items = ("contents",), (row,), [node]
    work.node.left, work.node.marks = 0, ()


def buffer(work: Work) -> None:
    """bytes.Buffer: what has not been read of it yet."""
    inner = work.inner("buf")
    pointer, length = inner.header()
    offset = work.number("off")
    if offset > length:
        raise ReadError("a buffer that was read beyond its end")
    _contents(work, pointer + offset, length - offset)


def builder(work: Work) -> None:
    """strings.Builder: the string so far."""
    _contents(work, *work.inner("buf").header())


def regexp(work: Work) -> None:
    """regexp.Regexp by what it was compiled from."""
    if work.decoder.limits.redact:
        return
    pointer, length = work.inner("expr").header()
    if length > 1 << 16:
        raise ReadError(f"a pattern of {length} bytes")
    raw = work.subject.memory.read(pointer, length)
    row = work.subject.type_row("string")
    text = raw.decode("utf-8", "replace")
    work.node.names, work.node.rows, work.node.items = ("expr",), (row,), [text]
    work.node.left, work.node.marks = 0, ()
