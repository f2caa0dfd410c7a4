"""Values as pprof prints them (google/pprof internal/measurement/measurement.go, as in Go 1.27)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Unit = tuple[str, tuple[str, ...], float]
"""Canonical name, what else it is called, and how many base units it is."""

MEMORY: tuple[Unit, ...] = (
    ("B", ("b", "byte"), 1.0),
    ("kB", ("kb", "kbyte", "kilobyte"), 1024.0),
    ("MB", ("mb", "mbyte", "megabyte"), 1024.0**2),
    ("GB", ("gb", "gbyte", "gigabyte"), 1024.0**3),
    ("TB", ("tb", "tbyte", "terabyte"), 1024.0**4),
    ("PB", ("pb", "pbyte", "petabyte"), 1024.0**5),
)
TIME: tuple[Unit, ...] = (
    ("ns", ("ns", "nanosecond"), 1.0),
    ("us", ("μs", "us", "microsecond"), 1e3),
    ("ms", ("ms", "millisecond"), 1e6),
    ("s", ("s", "sec", "second"), 1e9),
    ("hrs", ("hour", "hr"), 3600e9),
)
GCU: tuple[Unit, ...] = (
    ("n*GCU", ("nanogcu",), 1e-9),
    ("u*GCU", ("microgcu",), 1e-6),
    ("m*GCU", ("milligcu",), 1e-3),
    ("GCU", ("gcu",), 1.0),
    ("k*GCU", ("kilogcu",), 1e3),
    ("M*GCU", ("megagcu",), 1e6),
    ("G*GCU", ("gigagcu",), 1e9),
    ("T*GCU", ("teragcu",), 1e12),
    ("P*GCU", ("petagcu",), 1e15),
)
UNIT_TYPES: tuple[tuple[tuple[Unit, ...], Unit], ...] = (
    (MEMORY, MEMORY[0]),
    (TIME, TIME[3]),
    (GCU, GCU[3]),
)
"""Units of one kind, and the one that values are shown in where a foreign unit is asked for."""
UNSHOWN = ("count", "sample", "unit", "minimum", "auto")
"""Units that are not printed behind a number."""
_LEAST = -(1 << 63)


def sniff(units: tuple[Unit, ...], name: str) -> Unit | None:
    """The unit that a name, in any case, singular or plural, stands for."""
    name = name.lower()
    if len(name) > 2 and name.endswith("s"):
        name = name[:-1]
    for unit in units:
        if name in unit[1]:
            return unit
    return None


def scale(value: int, unit: str, to: str) -> tuple[float, str]:
    """A value in another unit, and that unit's canonical name, "" for one that is not printed.

    ``to`` "auto" or "minimum": the largest unit in which it is 1 or more.
    """
    if _LEAST < value < 0:
        scaled, name = scale(-value, unit, to)
        return -scaled, name
    for units, default in UNIT_TYPES:
        known = sniff(units, unit)
        if known is None:
            continue
        base = float(value) * known[2]
        wanted = default
        if to in ("minimum", "auto"):
            factor = 0.0
            for candidate in units:
                if candidate[2] >= factor and base / candidate[2] >= 1.0:
                    factor, wanted = candidate[2], candidate
        else:
            wanted = _wanted(units, default, to)
        return base / wanted[2], wanted[0]
    return float(value), "" if to in UNSHOWN else to


def _wanted(units: tuple[Unit, ...], default: Unit, to: str) -> Unit:
    """The unit of that kind that is asked for; for one of another kind, the kind's own."""
    return sniff(units, to) or default


def plan(unit: str, to: str = "auto") -> tuple[float, list[float], list[bytes], int, int]:
    """What ``label`` does for one unit, as data for kernels.

    (base units of a value, base units of each unit it may be shown in, what these are called, which of them
    is taken: -1 for the largest in which it is 1 or more, and which one where there is no such).
    """
    for units, default in UNIT_TYPES:
        known = sniff(units, unit)
        if known is None:
            continue
        chosen = -1
        if to not in ("minimum", "auto"):
            chosen = units.index(_wanted(units, default, to))
        return known[2], [u[2] for u in units], [u[0].encode() for u in units], chosen, units.index(default)
    return 1.0, [1.0], [b"" if to in UNSHOWN else to.encode("utf-8", "surrogateescape")], 0, 0


def label(value: int, unit: str, to: str = "auto") -> str:
    """ "512.19kB", "3", "0"."""
    scaled, name = scale(value, unit, to)
    text = f"{scaled:.2f}".removesuffix(".00")
    return "0" if text in ("0", "-0") else text + name


def labeller(unit: str, to: str) -> Callable[[int], str]:
    """``label`` for many values of one unit in another, which is looked up once."""
    if to in ("minimum", "auto"):
        return lambda value: label(value, unit, to)
    # what a unit is worth does not depend on the value
    one, name = scale(1, unit, to)
    factors = [
        (known[2], _wanted(units, default, to)[2])
        for units, default in UNIT_TYPES
        if (known := sniff(units, unit))
    ]
    factor, divisor = factors[0] if factors else (one, 1.0)

    def labelled(value: int) -> str:
        text = f"{float(value) * factor / divisor:.2f}"
        if text.endswith(".00"):
            text = text[:-3]
        return "0" if text in ("0", "-0") else text + name

    return labelled


def percentage(value: int, total: int) -> str:
    """The share of a total, without its sign: " 5.18%", "  100%", "0.52%", six columns or more."""
    ratio = abs(value / total) * 100 if total else 0.0
    if 99.95 <= ratio <= 100.05:
        return "  100%"
    return f"{ratio:5.2f}%" if ratio >= 1.0 else f"{ratio:5.2g}%"


def truncate(value: float) -> int:
    """As Go converts a float64 to int64 on amd64: towards 0; what does not fit is the least int64."""
    if -9223372036854775808.0 <= value < 9223372036854775808.0:
        return int(value)
    return _LEAST


def wrap(value: int) -> int:
    """An int64 as arithmetic in Go leaves it."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def absolute(value: int) -> int:
    """The absolute value of an int64; the least one has none and stays."""
    return value if value >= 0 or value == _LEAST else -value


def quotient(value: int, divisor: int) -> int:
    """Integer division towards 0; by 0 the value itself, as a mean without samples."""
    if not divisor:
        return value
    result = abs(value) // abs(divisor)
    return wrap(result if (value < 0) == (divisor < 0) else -result)


def compatible(a: str, b: str) -> bool:
    """Whether values of one unit can be given in the other."""
    return a == b or any(
        sniff(units, a) is not None and sniff(units, b) is not None for units, _ in UNIT_TYPES
    )
