"""What was read of an executable's DWARF, kept for the next time.

One file per executable in the user's cache directory ($XDG_CACHE_HOME/gosnap, else ~/.cache/gosnap): the
columns of ``GoDwarf``, so that a second look at a program costs a read of some megabytes instead of a scan.
Layout:

==========  ==================================================================
offset      content
==========  ==================================================================
0           magic ``GOSNAPIX``, length of the directory u64
16          the directory, JSON: key, and {name: [dtype, offset, bytes]}
...         columns, each at a multiple of 8
==========  ==================================================================

A file is believed only as far as it can be checked: it is the user's own, nobody else may write to it, its
key fits the executable, and every row refers to one that is there. Anything else is read from the executable
again, and replaced.
"""

import contextlib
import json
import os
import re
import stat
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gosnap._version import __version__
from gosnap.binary.dwarf import Closures, Constants, Globals, GoDwarf, Index
from gosnap.binary.elf import ElfFile
from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.errors import GosnapError

_MAGIC = b"GOSNAPIX"
_SUFFIX = ".dwarf"
_MOST_FILE = 1 << 28
MOST_BYTES = 1 << 29
"""Of all files together; the ones that were not used for longest go first."""
_SAMPLE = 1 << 16
_UNSAFE = re.compile(r"[^A-Za-z0-9]")
_LONGEST_NAME = 60
Columns = dict[str, npt.NDArray[np.generic]]


def load_dwarf(elf: ElfFile) -> GoDwarf:
    """The DWARF of an executable, from the cache where that has it. GosnapError as ``GoDwarf``."""
    place = _place(elf)
    if place is None:
        return GoDwarf(elf)
    path, key = place
    index = _read(path, key)
    if index is not None:
        with contextlib.suppress(OSError):
            os.utime(path)
        return GoDwarf(elf, index)
    dwarf = GoDwarf(elf)
    _write(path, key, dwarf)
    return dwarf


def cache_directory() -> Path | None:
    """Where the files are; None where there is no place for them, or one that others can write to."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    home = os.environ.get("HOME", "")
    if not root.startswith("/"):
        if not home.startswith("/"):
            return None
        root = f"{home}/.cache"
    path = Path(root) / "gosnap"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _ours(path.lstat(), stat.S_ISDIR) else None
    except OSError:
        return None


def _ours(found: os.stat_result, kind: "object") -> bool:
    """Whether a file or directory is the user's, and nobody else's to write to."""
    right = callable(kind) and bool(kind(found.st_mode))
    return right and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _place(elf: ElfFile) -> tuple[Path, str] | None:
    """(file, key) of an executable; None for one that has no build id, or where there is no cache."""
    identity = [elf.go_build_id or "", elf.gnu_build_id or ""]
    if not any(identity):
        return None
    directory = cache_directory()
    if directory is None:
        return None
    key: list[object] = [__version__, *identity]
    for name in (".debug_info", ".zdebug_info", ".debug_abbrev", ".symtab"):
        section = elf.sections.get(name)
        if section is None:
            continue
        key += [name, section.offset, section.size, section.flags]
        # a build id is what the builder says it is: the bytes are looked at too
        for at in (0, section.size // 2, max(section.size - _SAMPLE, 0)):
            with contextlib.suppress(GosnapError):
                key.append(zlib.crc32(elf.file_bytes(section.offset + at, min(_SAMPLE, section.size - at))))
    text = json.dumps(key)
    name = _UNSAFE.sub("", "".join(identity))[:_LONGEST_NAME]
    return directory / f"{name}-{zlib.crc32(text.encode()):08x}{_SUFFIX}", text


def _read(path: Path, key: str) -> Index | None:
    """The index in a file; None where it is not there, or not to be believed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not _ours(found, stat.S_ISREG) or not 16 <= found.st_size <= _MOST_FILE:
            return None
        with os.fdopen(os.dup(fd), "rb") as f:
            raw = f.read(found.st_size)
        return _parse(raw, key)
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, MemoryError):
        return None
    finally:
        os.close(fd)


def _parse(raw: bytes, key: str) -> Index:
    """ValueError, KeyError and the like where the file makes no sense."""
    length = int.from_bytes(raw[8:16], "little")
    if raw[:8] != _MAGIC or length > len(raw) - 16:
        raise ValueError("no index")
    directory = json.loads(raw[16 : 16 + length])
    if directory["key"] != key:
        raise ValueError("of another executable")
    columns: Columns = {}
    for name, (dtype, offset, size) in directory["columns"].items():
        kind = np.dtype(dtype)
        if kind.hasobject or not 0 <= offset <= offset + size <= len(raw) or size % kind.itemsize:
            raise ValueError("a column outside of the file")
        columns[name] = np.frombuffer(raw, kind, size // kind.itemsize, offset)
    return from_columns(columns)


def to_columns(index: "Index | GoDwarf") -> Columns:
    """Types, variables, constants and functions as columns."""
    out: Columns = {f"types.{name}": c for name, c in index.types.to_columns().items()}
    g, k, f = index.globals, index.constants, index.closures
    out |= {
        "globals.addr": g.addr,
        "globals.type": g.type,
        "constants.value": k.value,
        "constants.type": k.type,
    }
    out |= {"closures.pc": f.pc, "closures.end": f.end, "closures.start": f.start}
    out |= {"closures.offset": f.offset, "closures.type": f.type}
    for names, name in (
        (g.name, "globals"),
        (k.name, "constants"),
        (f.name, "closures"),
        (f.capture_name, "captures"),
    ):
        out |= {f"names.{part}": column for part, column in names.to_columns(name).items()}
    return out


def from_columns(columns: Columns) -> Index:
    """What ``to_columns`` made. KeyError or ValueError where it contradicts itself."""
    types = TypeTable.from_columns(
        {n.removeprefix("types."): c for n, c in columns.items() if n.startswith("types.")}
    )
    of_names = {n.removeprefix("names."): c for n, c in columns.items() if n.startswith("names.")}

    def names(name: str) -> Names:
        return Names.from_columns(of_names, name)

    def column(name: str, dtype: str) -> npt.NDArray[np.generic]:
        if columns[name].dtype != np.dtype(dtype):
            raise ValueError(f"{name} holds {columns[name].dtype}")
        return columns[name]

    def rows(name: str) -> npt.NDArray[np.int32]:
        found = column(name, "<i4").astype(np.int32, copy=False)
        if len(found) and not 0 <= int(found.min()) <= int(found.max()) < len(types):
            raise ValueError(f"a row of {name}")
        return found

    def words(name: str) -> npt.NDArray[np.uint64]:
        return column(name, "<u8").astype(np.uint64, copy=False)

    g = Globals(words("globals.addr"), rows("globals.type"), names("globals"))
    k = Constants(words("constants.value"), rows("constants.type"), names("constants"))
    f = Closures(
        pc=words("closures.pc"),
        end=words("closures.end"),
        name=names("closures"),
        start=column("closures.start", "<i8").astype(np.int64, copy=False),
        offset=column("closures.offset", "<i8").astype(np.int64, copy=False),
        type=rows("closures.type"),
        capture_name=names("captures"),
    )
    _check(g, k, f)
    return Index(types, g, k, f)


def _check(g: Globals, k: Constants, f: Closures) -> None:
    """ValueError where columns differ in length or are out of order."""
    if not len(g.addr) == len(g.type) == len(g.name) or not len(k.value) == len(k.type) == len(k.name):
        raise ValueError("variables or constants differ in length")
    if bool((g.addr[1:] < g.addr[:-1]).any()) or bool((f.pc[1:] < f.pc[:-1]).any()):
        raise ValueError("variables or functions out of order")
    n, m = len(f.pc), len(f.offset)
    if not n == len(f.end) == len(f.name) == len(f.start) - 1 or not m == len(f.type) == len(f.capture_name):
        raise ValueError("functions differ in length")
    if int(f.start[0]) != 0 or int(f.start[-1]) != m or bool((f.start[1:] < f.start[:-1]).any()):
        raise ValueError("what functions capture")


def _write(path: Path, key: str, dwarf: GoDwarf) -> None:
    """Keep an index; where that does not work there is none."""
    directory: dict[str, tuple[str, int, int]] = {}
    parts: list[bytes] = []
    columns = to_columns(dwarf)
    # offsets are counted from where the columns begin, which the directory's own length decides: room for it
    at = 0
    for name, column in columns.items():
        raw = np.ascontiguousarray(column).tobytes()
        directory[name] = column.dtype.str, at, len(raw)
        parts += [raw, bytes(-len(raw) % 8)]
        at += len(raw) + -len(raw) % 8
    base = 16 + len(json.dumps({"key": key, "columns": directory})) + 32 * len(columns)
    base += -base % 8
    placed = {n: (d, o + base, s) for n, (d, o, s) in directory.items()}
    head = json.dumps({"key": key, "columns": placed}).encode().ljust(base - 16)
    if base + at > _MOST_FILE or len(head) != base - 16:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as f:
            f.write(_MAGIC + len(head).to_bytes(8, "little") + head)
            f.writelines(parts)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        return
    _trim(path)


def _trim(newest: Path) -> None:
    """Keep the files together below a bound, the newest in any case; parts that were left are removed."""
    with contextlib.suppress(OSError):
        found = []
        for path in newest.parent.iterdir():
            if _SUFFIX not in path.name or not stat.S_ISREG((seen := path.lstat()).st_mode):
                continue
            found.append((seen.st_mtime, seen.st_size, path))
        found.sort(reverse=True)
        total = 0
        latest = max((when for when, _, _ in found), default=0.0)
        for when, size, path in found:
            total += size
            left = path.name.endswith(".part") and when < latest - 3600
            if path != newest and (total > MOST_BYTES or left):
                with contextlib.suppress(OSError):
                    path.unlink()
