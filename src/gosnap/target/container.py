"""The snapshot file: named sections in compressed chunks, each with a checksum, and a directory at the end.

Layout (little-endian):

====================  =====================================================================
offset                content
====================  =====================================================================
0                     magic ``GOSNAP\\r\\n`` (8 bytes), version u32, zero u32
16 ...                chunks, one zstd frame each, of any section in any order
directory             a zstd frame of JSON: ``{"sections": [{"name", "dtype", "chunks"}]}``;
                      a chunk is ``[offset, stored bytes, raw bytes, CRC-32 of the stored bytes]``
last 32 bytes         directory's offset u64, stored bytes u64, raw bytes u32, CRC-32 u32, ``GOSNAPEN``
====================  =====================================================================

All chunks of a section but the last have CHUNK raw bytes, so that a part can be read without the rest.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import itertools
import json
import mmap
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from gosnap.binary.zstd import compressor, decompress
from gosnap.errors import GosnapError

if TYPE_CHECKING:
    # verbs on profiles read a section or two, and no numpy for that
    import numpy as np
    import numpy.typing as npt

VERSION = 1
MAGIC = b"GOSNAP\r\n"
END = b"GOSNAPEN"
CHUNK = 1 << 20
_HEAD = struct.Struct("<8sII")
_TAIL = struct.Struct("<QQII8s")
_MAX_DIRECTORY = 1 << 28
# A mebibyte of zeros packs to about 50 bytes; what claims more than this is made to exhaust memory.
_MAX_RATIO = 1 << 15
_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WORTH_THREADS = 4
_RECENT = 64
"""Chunks that a reader keeps unpacked."""
_AHEAD = 8
"""Chunks that may wait for a compressing thread."""

_CODES: dict[str, Literal["B", "i", "I", "q", "Q"]] = {
    "|u1": "B",
    "<i4": "i",
    "<u4": "I",
    "<i8": "q",
    "<u8": "Q",
}
"""Formats of the struct module, by numpy's names of types."""

Bytes = bytes | memoryview


class Writer:
    """Writes a snapshot beside its final name; ``commit`` gives it that name, any other end removes it.

    Sections may be added from several threads at once. GosnapError for a file that exists (unless ``force``),
    a full disk, or a directory that cannot be written.
    """

    def __init__(self, path: Path, *, force: bool = False, threads: int = 2) -> None:
        self.path = path
        self._force = force
        self._part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        self._lock = threading.Lock()
        self._sections: dict[str, tuple[str, list[tuple[int, int, int, int]]]] = {}
        self._at = _HEAD.size
        self._fd = -1
        self._committed = False
        _remove_stale(path)
        try:
            self._fd = os.open(
                self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            os.fchmod(self._fd, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._pwrite(_HEAD.pack(MAGIC, VERSION, 0), 0)
        except OSError as e:
            self._abandon()
            raise self._error(e) from None
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gosnap-pack")
        self._local = threading.local()

    def _error(self, e: OSError) -> GosnapError:
        if e.errno in _SPACE:
            return GosnapError(
                f"{self.path}: no space left for the snapshot ({e.strerror})",
                "free space, give another place with -o FILE, or write less with --no-contents",
            )
        return GosnapError(f"{self.path}: cannot write: {e.strerror or e}", "give another place with -o FILE")

    def _pwrite(self, data: Bytes, at: int) -> None:
        view = memoryview(data).cast("B")
        while view:
            n = os.pwrite(self._fd, view, at)
            view, at = view[n:], at + n

    def _put(self, pieces: list[Bytes]) -> tuple[int, int, int, int]:
        """Compress one chunk, write it, and say where it is. Runs in the pool."""
        if not hasattr(self._local, "compress"):
            self._local.compress = compressor()
        raw = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        packed: bytes = self._local.compress(raw)
        with self._lock:
            at = self._at
            self._at += len(packed)
        self._pwrite(packed, at)
        return at, len(packed), memoryview(raw).nbytes, zlib.crc32(packed)

    def _add(self, name: str, dtype: str, pieces: Iterable[Bytes]) -> None:
        chunks: list[tuple[int, int, int, int]] = []
        waiting: list[Future[tuple[int, int, int, int]]] = []
        try:
            for chunk in _even(pieces):
                waiting.append(self._pool.submit(self._put, chunk))
                if len(waiting) >= _AHEAD:
                    chunks.append(waiting.pop(0).result())
            chunks += [w.result() for w in waiting]
        except OSError as e:
            raise self._error(e) from None
        finally:
            for w in waiting:
                w.cancel()
        with self._lock:
            if name in self._sections:
                raise ValueError(f"section {name} twice")
            self._sections[name] = (dtype, chunks)

    def add_json(self, name: str, value: Any) -> None:
        """A section of JSON."""
        self._add(name, "json", [_json(value)])

    def add_array(self, name: str, column: npt.NDArray[Any]) -> None:
        """A one-dimensional column."""
        import numpy as np

        flat = np.ascontiguousarray(column)
        self._add(name, flat.dtype.str, [flat.data.cast("B")] if flat.nbytes else [])

    def add_pieces(self, name: str, dtype: str, pieces: Iterable[Bytes]) -> None:
        """A column of ``dtype`` (numpy's name, "<u4" say) that comes in pieces, one after another."""
        self._add(name, dtype, pieces)

    def commit(self) -> None:
        """Write the directory, sync, and give the file its name."""
        try:
            table = [
                {"name": name, "dtype": dtype, "chunks": chunks}
                for name, (dtype, chunks) in sorted(self._sections.items())
            ]
            raw = _json({"sections": table})
            packed = compressor()(raw)
            self._pwrite(packed, self._at)
            tail = _TAIL.pack(self._at, len(packed), len(raw), zlib.crc32(packed), END)
            self._pwrite(tail, self._at + len(packed))
            os.fsync(self._fd)
            self._rename()
        except OSError as e:
            raise self._error(e) from None
        self._committed = True

    def _rename(self) -> None:
        if self.path.exists() and not self.path.is_file():
            raise GosnapError(f"{self.path}: is not a regular file", "give the name of a file with -o")
        if self._force:
            self._part.replace(self.path)
        else:
            try:
                # unlike rename this fails where the name was taken meanwhile
                os.link(self._part, self.path)
                self._part.unlink()
            except FileExistsError:
                raise GosnapError(
                    f"{self.path}: exists already", "give another name with -o, or --force to replace it"
                ) from None
            except OSError:
                # a file system without hard links
                self._part.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _abandon(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            if not self._committed:
                with contextlib.suppress(OSError):
                    self._part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._abandon()


def _remove_stale(path: Path) -> None:
    """Remove what killed runs left beside this name: parts that nobody holds a lock on any more."""
    with contextlib.suppress(OSError):
        for part in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
            with contextlib.suppress(OSError):
                fd = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink()
                finally:
                    os.close(fd)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "surrogateescape"
    )


def _even(pieces: Iterable[Bytes]) -> Iterator[list[Bytes]]:
    """The same bytes in lists of exactly CHUNK bytes; the last may be shorter."""
    batch: list[Bytes] = []
    room = CHUNK
    for piece in pieces:
        view = memoryview(piece)
        while len(view) >= room:
            yield [*batch, view[:room]]
            view, batch, room = view[room:], [], CHUNK
        if len(view):
            batch.append(view)
            room -= len(view)
    if batch:
        yield batch


@dataclass(frozen=True)
class Section:
    """A section as the directory lists it; chunks are (offset, stored bytes, raw bytes, CRC-32)."""

    name: str
    dtype: str
    chunks: list[tuple[int, int, int, int]]

    @property
    def raw_bytes(self) -> int:
        """Bytes when decompressed."""
        return sum(c[2] for c in self.chunks)

    @property
    def stored_bytes(self) -> int:
        """Bytes in the file."""
        return sum(c[1] for c in self.chunks)


class Reader:
    """A written snapshot. Opening reads the directory; sections are read, and checked, when they are asked
    for."""

    def __init__(self, path: Path, data: mmap.mmap, sections: dict[str, Section]) -> None:
        self.path = path
        self._data = data
        self._sections = sections
        self._recent: dict[tuple[str, int], bytes] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """GosnapError if it is not a snapshot, is truncated or damaged, or of a newer version."""
        try:
            if path.exists() and not path.is_file():
                # opening a pipe would wait for a writer
                raise GosnapError(f"{path}: not a regular file", "give the path of a .gosnap file")
            with path.open("rb") as f:
                size = os.fstat(f.fileno()).st_size
                if size < _HEAD.size + _TAIL.size:
                    raise _not_one(path, f.read(8), size)
                data = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        except (OSError, ValueError) as e:
            raise GosnapError(
                f"{path}: {getattr(e, 'strerror', None) or e}", "give the path of a .gosnap file"
            ) from None
        magic, version, _ = _HEAD.unpack_from(data, 0)
        if magic != MAGIC:
            raise _not_one(path, magic, len(data))
        if version != VERSION:
            raise GosnapError(
                f"{path}: format version {version}, this gosnap reads {VERSION}",
                "read it with the gosnap that wrote it"
                + (", or update this one" if version > VERSION else ""),
            )
        offset, stored, raw, crc, end = _TAIL.unpack_from(data, len(data) - _TAIL.size)
        if end != END:
            raise _damaged(path, len(data) - _TAIL.size, "truncated: the end mark is missing")
        if offset + stored != len(data) - _TAIL.size or raw > _MAX_DIRECTORY:
            raise _damaged(path, len(data) - _TAIL.size, "the directory does not lie before the end mark")
        directory = _unpack(path, "directory", data, (offset, stored, raw, crc))
        return cls(path, data, _directory(path, directory, offset))

    @property
    def sections(self) -> list[Section]:
        """All sections, by name."""
        return list(self._sections.values())

    def has(self, name: str) -> bool:
        """Whether the snapshot has this section."""
        return name in self._sections

    def wrong(self, what: str) -> GosnapError:
        """The error for sections that contradict each other."""
        return GosnapError(
            f"{self.path}: {what}", "this file was not written by gosnap; take the snapshot again"
        )

    def _section(self, name: str) -> Section:
        s = self._sections.get(name)
        if s is None:
            raise GosnapError(f"{self.path}: no section {name} in it", "take the snapshot again")
        return s

    def read(self, name: str) -> bytes:
        """A whole section."""
        s = self._section(name)
        return b"".join(_unpack(self.path, name, self._data, c) for c in s.chunks)

    def column(self, name: str, dtype: str) -> memoryview:
        """A section that must be a column of this type ("<u4"), without numpy: items by their format."""
        s = self._section(name)
        code = _CODES[dtype]
        if s.dtype != dtype or s.raw_bytes % struct.calcsize(code):
            raise self.wrong(f"section {name} holds {s.raw_bytes:,} bytes of {s.dtype}, expected {dtype}")
        return memoryview(self.read(name)).cast(code)

    def json(self, name: str) -> Any:
        """A section of JSON."""
        try:
            return json.loads(self.read(name).decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError) as e:
            raise _damaged(self.path, self._start(name), f"section {name} is no JSON: {e}") from None

    def _start(self, name: str) -> int:
        chunks = self._section(name).chunks
        return chunks[0][0] if chunks else 0

    def array(self, name: str, spare: int = 0) -> npt.NDArray[Any]:
        """A section that is a column; with ``spare`` one that may be changed, and has room for so many items
        more at its end, whose values are anything."""
        import numpy as np

        s = self._section(name)
        try:
            dtype = np.dtype(s.dtype)
            return self._bytes(s, spare * dtype.itemsize).view(dtype)
        except (TypeError, ValueError, SyntaxError):  # numpy's own parser raises the last
            raise GosnapError(f"{self.path}: section {name} is no column of {s.dtype!r}") from None

    def _bytes(self, s: Section, spare: int = 0) -> npt.NDArray[np.uint8]:
        """A whole section, and room behind it; large ones are unpacked by two threads."""
        import numpy as np

        for chunk in s.chunks:
            _believe(self.path, s.name, chunk)
        try:
            out = np.empty(s.raw_bytes + spare, np.uint8)
        except MemoryError:
            raise GosnapError(
                f"{self.path}: section {s.name} of {s.raw_bytes:,} bytes does not fit into memory",
                "read it on a machine with more memory",
            ) from None

        def unpack(number: int) -> None:
            chunk = _unpack(self.path, s.name, self._data, s.chunks[number])
            out[number * CHUNK : number * CHUNK + len(chunk)] = np.frombuffer(chunk, np.uint8)

        if len(s.chunks) < _WORTH_THREADS:
            for i in range(len(s.chunks)):
                unpack(i)
        else:
            with ThreadPoolExecutor(2, thread_name_prefix="gosnap-unpack") as pool:
                for _ in pool.map(unpack, range(len(s.chunks))):
                    pass
        out.flags.writeable = spare > 0
        return out

    def part(self, name: str, start: int, stop: int) -> bytes:
        """The bytes [start, stop) of a section, as far as it has them; reads only the chunks that hold
        them."""
        s = self._section(name)
        out = []
        for number in range(max(start, 0) // CHUNK, min((stop + CHUNK - 1) // CHUNK, len(s.chunks))):
            chunk = self._chunk(s, number)
            low = max(start - number * CHUNK, 0)
            out.append(chunk[low : stop - number * CHUNK])
        return b"".join(out)

    def _chunk(self, section: Section, number: int) -> bytes:
        key = (section.name, number)
        if key not in self._recent:
            if len(self._recent) >= _RECENT:
                self._recent.pop(next(iter(self._recent)))
            self._recent[key] = _unpack(self.path, section.name, self._data, section.chunks[number])
        return self._recent[key]

    def verify(self) -> int:
        """Check every chunk of every section; returns the raw bytes. GosnapError names the first that is
        damaged."""
        total = 0
        for s in self._sections.values():
            for c in s.chunks:
                total += len(_unpack(self.path, s.name, self._data, c))
        return total


def _not_one(path: Path, magic: bytes, size: int) -> GosnapError:
    if MAGIC.startswith(magic[:8]) and size:
        return _damaged(path, size, f"truncated: only {size} bytes")
    what = "is empty" if not size else f"begins with {magic[:8].hex(' ')}, not with {MAGIC.hex(' ')}"
    hint = "give a .gosnap file, as `gosnap capture` writes it"
    if magic[:4] == b"\x7fELF":
        hint = f"a core or an executable? `gosnap capture {path} --exe PROGRAM` makes a snapshot of a core"
    return GosnapError(f"{path}: not a gosnap snapshot: it {what}", hint)


def _damaged(path: Path, offset: int, what: str) -> GosnapError:
    return GosnapError(
        f"{path}: damaged at offset {offset}: {what}",
        "copy the file again and compare the sizes, or take it again",
    )


def _believe(path: Path, name: str, chunk: tuple[int, int, int, int]) -> None:
    """Whether a chunk can have as many bytes as it claims, before there is room for them."""
    offset, stored, raw, _ = chunk
    if raw > stored * _MAX_RATIO:
        raise _damaged(path, offset, f"section {name} claims {raw} bytes in {stored}")


def _unpack(path: Path, name: str, data: mmap.mmap, chunk: tuple[int, int, int, int]) -> bytes:
    offset, stored, raw, crc = chunk
    packed = memoryview(data)[offset : offset + stored]
    _believe(path, name, chunk)
    if len(packed) != stored:
        raise _damaged(path, offset, f"section {name} claims {raw} bytes in {stored}")
    if zlib.crc32(packed) != crc:
        raise _damaged(path, offset, f"the checksum of section {name} does not match")
    try:
        out = decompress(packed, raw)
    except ValueError as e:
        raise _damaged(path, offset, f"section {name} does not decompress: {e}") from None
    if len(out) != raw:
        raise _damaged(path, offset, f"section {name} has {len(out)} bytes, expected {raw}")
    return out


def _directory(path: Path, raw: bytes, end: int) -> dict[str, Section]:
    """The sections; chunks must lie before the directory, none over another, so that sizes stay honest."""
    out: dict[str, Section] = {}
    spans: list[tuple[int, int]] = []
    try:
        for row in json.loads(raw)["sections"]:
            chunks = [(int(o), int(s), int(r), int(c)) for o, s, r, c in row["chunks"]]
            for i, (offset, stored, size, _) in enumerate(chunks):
                if offset < _HEAD.size or stored <= 0 or offset + stored > end or not 0 <= size <= CHUNK:
                    raise ValueError(f"a chunk at {offset} of {stored} bytes")
                if size != CHUNK and i + 1 < len(chunks):
                    raise ValueError(f"a chunk of {size} bytes before the last")
                spans.append((offset, stored))
            name = str(row["name"])
            out[name] = Section(name, str(row["dtype"]), chunks)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as e:
        raise _damaged(path, end, f"the directory makes no sense: {e}") from None
    spans.sort()
    for (a, n), (b, _) in itertools.pairwise(spans):
        if a + n > b:
            raise _damaged(path, b, "two chunks overlap")
    return out
