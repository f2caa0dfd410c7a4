"""tagfocus and tagignore: which samples have a label that matches.

As internal/driver/driver_focus.go of Go 1.27 has it.
"""

from __future__ import annotations

from gosnap._kernels import profile_filter as kernel
from gosnap.profile.columns import zeros
from gosnap.profile.regex import compile_regex
from gosnap.profile.units import scale

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gosnap.profile.labels import Labels

    Range = Callable[[int, str], bool]

_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class TagFilter:
    """``[KEY=]RANGE`` or ``[KEY=]RE[,RE…]``.

    A range, "32kb", "4mb:", ":64kb" or "12kb:64mb", is for numbers, in the unit of their key (``units``).
    Patterns are for strings: with a key any of them may match any of its values; without one each must match
    some "key:value".
    """

    def __init__(self, name: str, text: str, units: dict[bytes, str], notes: list[str]) -> None:
        key, given, value = text.partition("=")
        self._key = key.encode("utf-8", "surrogateescape") if given else b""
        value = value if given else text
        self._units = units
        self._range = parse_range(value)
        self._patterns: list[Callable[[bytes], bool]] = []
        if self._range is not None:
            notes.append(f"{name}:Interpreted '{value}' as range, not regexp")
        else:
            self._patterns = [compile_regex(name, part) for part in value.split(",")]

    def samples(self, labels: Labels) -> memoryview:
        """u8[samples]: 1 for those that match."""
        p = labels.profile
        out = zeros("B", p.samples)
        if self._range is not None or self._key:
            accept = self._number if self._range is not None else self._value
            self._having(labels, [accept], out)
            return out
        self._having(labels, [self._pair(match) for match in self._patterns], out)
        return out

    def _having(self, labels: Labels, tests: list[Callable[[Labels, int], bool]], out: memoryview) -> None:
        """Samples with a label for every test."""
        p = labels.profile
        for n, test in enumerate(tests):
            hit = memoryview(bytearray(test(labels, i) for i in range(len(labels))))
            found = zeros("B", p.samples) if n else out
            kernel.having(p.label_start, labels.which, hit, found)
            if n:
                kernel.narrow(out, found, True)

    def _number(self, labels: Labels, i: int) -> bool:
        assert self._range is not None
        key = labels.key(i)
        return (
            labels.is_number(i)
            and (not self._key or key == self._key)
            and self._range(labels.number(i), self._units.get(key, ""))
        )

    def _value(self, labels: Labels, i: int) -> bool:
        if labels.is_number(i) or labels.key(i) != self._key:
            return False
        text = labels.text(i)
        return any(match(text) for match in self._patterns)

    @staticmethod
    def _pair(match: Callable[[bytes], bool]) -> Callable[[Labels, int], bool]:
        return lambda labels, i: not labels.is_number(i) and match(labels.key(i) + b":" + labels.text(i))


def parse_range(text: str) -> Range | None:
    """A test for (number, its unit); None where the text is no range.

    Numbers are compared in the unit of the first bound, and only those that have such a unit match.
    """
    low, colon, high = text.partition(":")
    if not colon:
        bound = _bound(text)
        if bound is None:
            return None
        wanted, unit = scale(bound[0], bound[1], bound[1])
        return lambda value, of: _in(value, of, unit, wanted, wanted)
    first, second = _bound(low), _bound(high)
    if first is not None and not high:
        wanted, unit = scale(first[0], first[1], first[1])
        return lambda value, of: _in(value, of, unit, wanted, None)
    if second is not None and not low:
        wanted, unit = scale(second[0], second[1], second[1])
        return lambda value, of: _in(value, of, unit, None, wanted)
    if first is None or second is None:
        return None
    least, unit = scale(first[0], first[1], first[1])
    most, other = scale(second[0], second[1], unit)
    if unit != other:
        return None
    return lambda value, of: _in(value, of, unit, least, most)


def _in(value: int, of: str, unit: str, least: float | None, most: float | None) -> bool:
    scaled, found = scale(value, of, unit)
    return found == unit and (least is None or scaled >= least) and (most is None or scaled <= most)


def _bound(text: str) -> tuple[int, str] | None:
    """(number, unit) of "32kb"; None for what is nothing like it."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    digits = text[len(sign) :]
    end = next((i for i, c in enumerate(digits) if c not in _DIGITS), len(digits))
    unit = digits[end:]
    if not end or any(c not in _LETTERS for c in unit):
        return None
    value = int(sign + digits[:end])
    return (value, unit) if -(1 << 63) <= value < 1 << 63 else None
