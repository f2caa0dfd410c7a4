"""time.Time, time.Duration and their kin (time/time.go, time/zoneinfo.go)."""

import datetime
import struct
from bisect import bisect_right

from gosnap.errors import ReadError
from gosnap.values.presenting import Work

_MONOTONIC = 1 << 63
_WALL_TO_INTERNAL = (1884 * 365 + 1884 // 4 - 1884 // 100 + 1884 // 400) * 86400
_UNIX_TO_INTERNAL = (1969 * 365 + 1969 // 4 - 1969 // 100 + 1969 // 400) * 86400
_MOST_ZONES = 1 << 12
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def time(work: Work) -> None:
    """As Time.String has it, but with nanoseconds only where there are some, in the time's own zone."""
    wall, ext = work.number("wall"), work.number("ext", signed=True)
    if wall & _MONOTONIC:
        seconds = ((wall >> 30) & ((1 << 33) - 1)) + _WALL_TO_INTERNAL - _UNIX_TO_INTERNAL
    else:
        seconds = ext - _UNIX_TO_INTERNAL
    nanoseconds = wall & ((1 << 30) - 1)
    name, offset = _zone(work, work.number("loc"), seconds)
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds + offset)
        text = f"{moment.year:04d}-{moment:%m-%d %H:%M:%S}"
    except (OverflowError, ValueError):
        work.node.note = f"time.Time({seconds} s since 1970)"
        return
    if nanoseconds:
        text += f".{nanoseconds:09d}".rstrip("0")
    sign, away = ("-", -offset) if offset < 0 else ("+", offset)
    shift = f"{sign}{away // 3600:02d}{away // 60 % 60:02d}"
    work.node.note = f"{text} {shift} {name or shift}"


def _zone(work: Work, location: int, seconds: int) -> tuple[str, int]:
    """(abbreviation, seconds east of UTC) that a Location has at a time (Location.lookup)."""
    subject = work.subject
    if not location:
        return "UTC", 0
    row = subject.type_row("time.Location")
    memory = subject.memory
    raw = memory.read(location, subject.shape(row).size) if row else b""
    at = {m.name: m.offset for m in subject.shape(row).fields}
    if not {"zone", "tx", "cacheStart", "cacheEnd", "cacheZone"} <= set(at) or len(raw) < 88:
        raise ReadError("no time.Location")

    def header(name: str) -> tuple[int, int]:
        pointer, length = struct.unpack_from("<QQ", raw, at[name])
        if length > _MOST_ZONES:
            raise ReadError(f"a location of {length} zones")
        return pointer, length

    zones, count = header("zone")
    if not count:
        return "UTC", 0
    start, end, cached = (
        struct.unpack_from("<q", raw, at[name])[0] for name in ("cacheStart", "cacheEnd", "cacheZone")
    )
    if cached and start <= seconds < end:
        return _read_zone(work, cached)
    size = subject.shape(subject.type_row("time.zone")).size or 32
    changes, n = header("tx")
    which = 0
    if n:
        # {when int64, index uint8, isstd, isutc bool}
        table = memory.read(changes, n * 16)
        when = [struct.unpack_from("<q", table, i * 16)[0] for i in range(n)]
        i = bisect_right(when, seconds) - 1
        which = table[i * 16 + 8] if i >= 0 else 0
    if which >= count:
        raise ReadError("a zone that is not there")
    return _read_zone(work, zones + which * size)


def _read_zone(work: Work, address: int) -> tuple[str, int]:
    """zone: name string, offset int, isDST bool."""
    pointer, length, offset = struct.unpack("<QQq", work.subject.memory.read(address, 24))
    if length > 64 or abs(offset) > 1 << 20:
        raise ReadError("no zone")
    return work.subject.memory.read(pointer, length).decode("utf-8", "replace"), offset


def duration(work: Work) -> None:
    """Duration.String: 1h2m3.5s."""
    work.node.note = duration_text(int.from_bytes(work.raw, "little", signed=True))


def duration_text(nanoseconds: int) -> str:
    """1h2m3.5s, 1.5ms, 0s."""
    sign, n = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if not n:
        return "0s"
    for unit, name in ((1, "ns"), (10**3, "µs"), (10**6, "ms")):
        if n < unit * 1000:
            return f"{sign}{_fraction(n, unit)}{name}"
    minutes, rest = divmod(n, 60 * 10**9)
    text = f"{_fraction(rest, 10**9)}s"
    if minutes:
        text = f"{minutes % 60}m{text}"
        if minutes >= 60:
            text = f"{minutes // 60}h{text}"
    return sign + text


def _fraction(n: int, unit: int) -> str:
    whole, part = divmod(n, unit)
    if not part:
        return str(whole)
    return f"{whole}.{part:0{len(str(unit)) - 1}d}".rstrip("0")


def month(work: Work) -> None:
    """January."""
    n = int.from_bytes(work.raw, "little", signed=True)
    if 1 <= n <= len(_MONTHS):
        work.node.note = f"time.{_MONTHS[n - 1]}"


def weekday(work: Work) -> None:
    """Sunday."""
    n = int.from_bytes(work.raw, "little", signed=True)
    if 0 <= n < len(_DAYS):
        work.node.note = f"time.{_DAYS[n]}"
