"""Go's text profiles: heap and allocs (debug=1), goroutine and threadcreate counts, with what their comments
say.

Numbers are read as google/pprof profile/legacy_profile.go (Go 1.27) reads them: the header's rate of a Go
heap is twice the real one, what was sampled is scaled up to what it stands for, addresses become those of the
calls. Other than pprof, the lines that begin with # are read too: with them there are functions without an
executable, labels of goroutines, and the runtime's own counters.
"""

from __future__ import annotations

import math
import re

from gosnap.errors import GosnapError
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.model import HAS_FILENAMES, HAS_FUNCTIONS, HAS_LINE_NUMBERS, Profile
from gosnap.profile.units import quotient, truncate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gosnap.profile.builder import Labels

_HEAP = re.compile(r"heap profile: *(\d+): *(\d+) *\[ *(\d+): *(\d+) *\] *@ *(\w+)/?(\d*)")
_HEAP_ROW = re.compile(r"(-?\d+): *(-?\d+) *\[ *(\d+): *(\d+) *\] @([ x0-9a-f]*)")
_COUNT = re.compile(r"(\S+) profile: total \d+")
_COUNT_ROW = re.compile(r"(\d+) @((?: 0x[0-9a-f]+)+)")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
# "#	0x4d9d2a	main.leaf+0x2a		/src/main.go:16", by printStackRecord in Go's runtime/pprof
_SYMBOL = re.compile(r"#\t(0x[0-9a-f]+)(?:\s+(.+)\+0x[0-9a-f]+\s+(.*):(\d+))?\s*")
_LABELS = re.compile(r"# labels: \{(.*)\}\s*")
_LABEL = re.compile(r'"((?:[^"\\]|\\.)*)":"((?:[^"\\]|\\.)*)"')
_COUNTER = re.compile(r"# (\w+) = (-?\d+)(?: / (\d+))?\s*")
_MAPS = ("--- Memory map: ---", "MAPPED_LIBRARIES:")
_HEX = r"(?:0x)?([0-9a-fA-F]+)"
_PROC_MAP = re.compile(
    rf"\s*{_HEX}[\s-]?\s*{_HEX}:?(?:\s+([-rwxp]+))?(?:\s+([0-9a-fA-F]+))?"
    r"\s+[0-9a-fA-F]+:[0-9a-fA-F]+\s+\d+(?:\s+(\S+))?"
)
_BRIEF_MAP = re.compile(
    rf"\s*{_HEX}[\s-]?\s*{_HEX}:?(?:\s+([-rwxp]+))?(?:\s+(\S+))?(?:\s+\(@([0-9a-fA-F]+)\))?"
    r"(?:\s+([0-9a-fA-F]+))?"
)
_LOG = re.compile(r"[^\[\]]+:[0-9]+\]\s")
_LIBRARY = re.compile(r"[.]so$|[.]so[._][0-9]+")

MEMSTATS = "# runtime.MemStats:"
"""How the comment begins that keeps the runtime's counters; comments with a # are in no heading."""
_U64 = 1 << 64
_AGAIN = "fetch it again; was it copied or downloaded whole?"


class _Row:
    """One stack: values, return addresses, labels, and what the comments below it say."""

    __slots__ = ("addresses", "labels", "symbols", "values")

    def __init__(self, values: list[int], addresses: list[int], labels: dict[str, str | int]) -> None:
        self.values = values
        self.addresses = addresses
        self.labels = labels
        self.symbols: list[tuple[int, str, str, int]] = []


class _Reader:
    """Lines with their numbers, for errors."""

    def __init__(self, data: bytes, name: str, symbols: bool) -> None:
        self.symbols = symbols
        self.lines = data.decode("utf-8", "surrogateescape").splitlines()
        self.name = name
        self.at = 0

    def __iter__(self) -> Iterator[str]:
        while self.at < len(self.lines):
            self.at += 1
            yield self.lines[self.at - 1]

    def comment(self, line: str, rows: list[_Row], counters: dict[str, int]) -> None:
        """What a line with a # says, of the row above it or of the program."""
        if self.symbols:
            _comment(line, rows[-1] if rows else None, counters)

    def bad(self, why: str) -> GosnapError:
        line = self.lines[self.at - 1][:80] if self.lines else ""
        return GosnapError(f"{self.name}: line {self.at}: {why}: {line!r}", _AGAIN)


def parse_text(data: bytes, name: str, *, symbols: bool = True) -> Profile:
    """The profile in this text, which ``name`` names in errors. GosnapError where it is malformed.

    ``symbols`` False: its comments are not read, as pprof does not.
    """
    reader = _Reader(data, name, symbols)
    for line in reader:
        if not line.strip() or line.startswith("#"):
            continue
        heap, count = _HEAP.search(line), _COUNT.fullmatch(line)
        if heap:
            return _heap(reader, heap)
        if count:
            return _counts(reader, count[1])
        break
    raise reader.bad("neither a heap profile nor a count of stacks")


def memstats(profile: Profile) -> dict[str, int]:
    """The counters of runtime.MemStats, and MaxRSS, that came with a text heap profile; {} if none did.

    Names are the runtime's; of pairs ("Stack = 1 / 2") the second, what was got from the system, is "…Sys".
    """
    for index in profile.comments:
        text = profile.strings.text(index)
        if text.startswith(MEMSTATS):
            pairs = (word.split("=") for word in text[len(MEMSTATS) :].split())
            return {name: int(value) for name, value in pairs}
    return {}


# ---- heap ----


def _heap(reader: _Reader, header: re.Match[str]) -> Profile:
    inuse, alloc, kind = (header[1], header[2]), (header[3], header[4]), header[5]
    # the header's totals are not to be trusted, but that there are some is
    has_alloc = any(a not in (i, "0") for a, i in zip(alloc, inuse, strict=True))
    period = _int(reader, header[6] or "0")
    if kind in ("heapz_v2", "heap_v2"):
        unsample = True
    elif kind == "heap":
        period, unsample = period // 2, True
    elif kind in ("heapprofile", "growth", "growthz", "fragmentation", "fragmentationz"):
        period, unsample = 1, False
    else:
        raise reader.bad(f"a heap profile of the unknown kind {kind!r}")
    names = (
        ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
        if has_alloc
        else ("objects", "space")
    )
    builder = ProfileBuilder(
        [(n, "count" if "objects" in n else "bytes") for n in names], ("space", "bytes"), period
    )
    rows: list[_Row] = []
    counters: dict[str, int] = {}
    for line in reader:
        text = line.strip()
        if not text:
            continue
        if text.startswith("#"):
            reader.comment(line, rows, counters)
            continue
        if any(s in text for s in _MAPS):
            break
        found = _HEAP_ROW.search(text)
        if not found:
            raise reader.bad("no row of a heap profile")
        values: list[int] = []
        block = 0
        pairs = [(found[3], found[4])] if has_alloc else []
        for objects, space in [*pairs, (found[1], found[2])]:
            count, size = _int(reader, objects), _int(reader, space)
            if count == 0 and size != 0:
                raise reader.bad("bytes without an object")
            if count:
                block = quotient(size, count)
                if unsample:
                    count, size = unsampled(count, size, period)
            values += [count, size]
        rows.append(_Row(values, _addresses(reader, found[5]), {"bytes": block} if block else {}))
    if counters:
        pairs_ = " ".join(f"{name}={value}" for name, value in counters.items())
        builder.comments.append(f"{MEMSTATS} {pairs_}")
    return _built(builder, rows, reader)


def unsampled(count: int, size: int, rate: int) -> tuple[int, int]:
    """What a sample of ``count`` objects of ``size`` bytes stands for, of one in ``rate`` bytes.

    A block of S bytes is sampled with probability 1 - exp(-S/rate) (scaleHeapSample in
    google/pprof profile/legacy_profile.go and in Go's runtime/pprof/protomem.go).
    """
    if count == 0 or size == 0:
        return 0, 0
    if rate <= 1:
        return count, size
    missed = math.exp(-(size / count) / rate) if size / count > -700.0 * rate else math.inf
    scale = 1 / (1 - missed) if missed != 1 else math.inf
    return truncate(count * scale), truncate(size * scale)


# ---- counts ----


def _counts(reader: _Reader, kind: str) -> Profile:
    builder = ProfileBuilder([(kind, "count")], (kind, "count"), 1)
    rows: list[_Row] = []
    for line in reader:
        text = line.strip()
        if not text:
            continue
        if text.startswith("#"):
            reader.comment(line, rows, {})
            continue
        if text.startswith("---"):
            break
        found = _COUNT_ROW.fullmatch(text)
        if not found:
            raise reader.bad("no row of a count of stacks")
        rows.append(_Row([_int(reader, found[1])], _addresses(reader, found[2]), {}))
    return _built(builder, rows, reader)


# ---- what both have ----


def _int(reader: _Reader, text: str) -> int:
    value = int(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise reader.bad("a number of more than 64 bits")
    return value


def _addresses(reader: _Reader, text: str) -> list[int]:
    found = [int(a, 16) for a in _ADDRESS.findall(text)]
    if any(a >= _U64 for a in found):
        raise reader.bad("an address of more than 64 bits")
    # behind a call is the next instruction; one byte before is the call
    return [(a - 1) % _U64 for a in found]


def _comment(line: str, row: _Row | None, counters: dict[str, int]) -> None:
    symbol = _SYMBOL.fullmatch(line)
    if symbol and row is not None:
        row.symbols.append((int(symbol[1], 16), symbol[2] or "", symbol[3] or "", int(symbol[4] or 0)))
        return
    labels = _LABELS.fullmatch(line)
    if labels and row is not None:
        row.labels.update((_unquoted(key), _unquoted(value)) for key, value in _LABEL.findall(labels[1]))
        return
    counter = _COUNTER.fullmatch(line)
    if counter:
        counters[counter[1]] = int(counter[2])
        if counter[3]:
            counters[f"{counter[1]}Sys"] = int(counter[3])


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")


def _unquoted(text: str) -> str:
    """What Go's strconv.Quote was given."""

    def plain(found: re.Match[str]) -> str:
        escape = found[1]
        if len(escape) == 3:
            return bytes([int(escape[1:], 16)]).decode("utf-8", "surrogateescape")
        if len(escape) > 1:
            code = int(escape[1:], 16)
            return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"
        return _ESCAPES.get(escape, escape)

    return _ESCAPE.sub(plain, text) if "\\" in text else text


def _frames(row: _Row) -> list[tuple[int, tuple[str, str, int] | None]]:
    """(address, function or None) of a stack.

    The comments name every frame but runtime.goexit and, at the leaf, those of the runtime itself: neither do
    Go's profile.proto profiles have these.
    """
    if not row.symbols:
        return [(address, None) for address in row.addresses]
    known: list[tuple[int, tuple[str, str, int] | None]] = []
    at = 0
    for address in row.addresses:
        if at < len(row.symbols) and row.symbols[at][0] in (address, (address + 1) % _U64):
            _, name, file, line = row.symbols[at]
            known.append((address, (name, file, line) if name else None))
            at += 1
        elif at:
            known.append((address, None))
    if at < len(row.symbols):
        # comments that are of another stack: nothing is named that might be wrong
        return [(address, None) for address in row.addresses]
    while len(known) > at and known[-1][1] is None:
        known.pop()
    return known


def _built(builder: ProfileBuilder, rows: list[_Row], reader: _Reader) -> Profile:
    mappings = _Mappings(reader)
    flags = 0
    if any(row.symbols for row in rows):
        flags = HAS_FUNCTIONS | HAS_FILENAMES | HAS_LINE_NUMBERS
    mappings.settle(address for row in rows for address in row.addresses)
    places = [
        builder.mapping(m.start, m.limit, m.offset, m.file, m.build_id, flags=flags) for m in mappings.all
    ]
    for row in rows:
        stack = []
        for address, known in _frames(row):
            lines = [(builder.function(known[0], known[1]), known[2])] if known else []
            of = mappings.find(address)
            stack.append(builder.location(address, lines, None if of is None else places[of]))
        labels: Labels = row.labels
        builder.sample(stack, row.values, labels)
    return builder.build()


# ---- mappings ----


class _Mapping:
    __slots__ = ("build_id", "file", "limit", "offset", "start")

    def __init__(self, start: int, limit: int, offset: int, file: str, build_id: str) -> None:
        self.start = start
        self.limit = limit
        self.offset = offset
        self.file = file
        self.build_id = build_id


class _Mappings:
    """The memory map at the end of a profile, where there is one."""

    def __init__(self, reader: _Reader) -> None:
        self.all: list[_Mapping] = []
        self._found: dict[int, int | None] = {}
        while reader.at < len(reader.lines) and not (
            reader.at and any(s in reader.lines[reader.at - 1] for s in _MAPS)
        ):
            reader.at += 1
        names: dict[str, str] = {}
        for raw in reader:
            line = _LOG.sub("", raw, count=1) if _LOG.match(raw) else raw
            for name, value in names.items():
                line = line.replace(name, value)
            mapping = _entry(line)
            if isinstance(mapping, _Mapping):
                self.all.append(mapping)
            elif mapping is None and "=" in line:
                name, _, value = line.partition("=")
                names[f"${name.strip()}"] = value.strip()
        self._join()

    def _join(self) -> None:
        """Put together what was split, and the executable in front."""
        joined: list[_Mapping] = []
        for m in self.all:
            last = joined[-1] if joined else None
            if last is not None and _adjacent(last, m):
                last.limit = m.limit
                last.file = m.file or last.file
                last.build_id = m.build_id or last.build_id
            else:
                joined.append(m)
        for i, m in enumerate(joined):
            file = m.file.replace("(deleted)", "").strip()
            if file and not _LIBRARY.search(file) and file[0] != "[":
                joined[0], joined[i] = joined[i], joined[0]
                break
        if (
            len(joined) > 1
            and joined[0].file.startswith("/anon_hugepage")
            and joined[0].limit == joined[1].start
        ):
            joined.pop(0)
        if joined and joined[0].start - joined[0].offset == 0x400000:
            joined[0].start, joined[0].offset = 0x400000, 0
        self.all = joined

    def settle(self, addresses: Iterator[int]) -> None:
        """Find the mapping of every address; what is in none is in one that is made up, as pprof does it."""
        made_up: int | None = None
        for address in addresses:
            if address in self._found:
                continue
            place = self._place(address)
            if place is None and address:
                if made_up is None:
                    made_up = len(self.all)
                    self.all.append(_Mapping(0, _U64 - 1, 0, "", ""))
                place = made_up
            self._found[address] = place

    def _place(self, address: int) -> int | None:
        if not address:
            return None
        for i, m in enumerate(self.all):
            if m.start <= address < m.limit and not (m.limit == _U64 - 1 and not m.file):
                return i
        for i, m in enumerate(self.all):
            # of a mapping that was split, the first part may be missing
            if m.offset and m.start - m.offset <= address < m.start:
                m.start, m.offset = m.start - m.offset, 0
                return i
        return None

    def find(self, address: int) -> int | None:
        """The place of an address's mapping."""
        return self._found.get(address)


def _entry(line: str) -> _Mapping | bool | None:
    """A mapping; True: a line of one that holds no code; None: another line."""
    found = _PROC_MAP.match(line)
    if found:
        start, limit, perm, offset, file = found.groups()
        build_id = ""
    else:
        found = _BRIEF_MAP.match(line)
        if not found:
            return None
        start, limit, perm, file, offset, build_id = found.groups()
    if perm and "x" not in perm:
        return True
    numbers = [int(n, 16) for n in (start, limit, offset or "0")]
    if any(n >= _U64 for n in numbers):
        return None
    return _Mapping(numbers[0], numbers[1], numbers[2], file or "", build_id or "")


def _adjacent(a: _Mapping, b: _Mapping) -> bool:
    """Whether the second goes on where the first ends."""
    if (a.file and b.file and a.file != b.file) or (a.build_id and b.build_id and a.build_id != b.build_id):
        return False
    if a.limit != b.start:
        return False
    return not (a.offset and b.offset) or a.offset + (a.limit - a.start) == b.offset
