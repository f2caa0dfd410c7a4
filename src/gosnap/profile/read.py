"""Read a profile: gzip or not, profile.proto or Go's text."""

from __future__ import annotations

import zlib

from gosnap._kernels.profile_decode import Decoder
from gosnap.errors import GosnapError
from gosnap.profile.model import Profile
from gosnap.profile.parallel import ranges, together

SMALL_BOMB = 256 << 20
RATIO = 32
"""A compressed profile may expand to 256 MiB, or to 32 times its size if that is more. Real ones expand to 3
to 15 times."""
_AGAIN = "fetch it again; was it copied or downloaded whole?"


def read_file(path: str, max_size: int = 0, *, symbols: bool = True) -> Profile:
    """The profile in a file.

    ``max_size``: how many bytes it may have uncompressed; 0 for the default. ``symbols``: whether to read
    what a text says of its addresses.
    """
    try:
        with open(path, "rb", buffering=0) as f:
            data = f.readall()
    except IsADirectoryError:
        raise GosnapError(f"{path}: is a directory", "give a profile in it") from None
    return parse(data or b"", path, max_size, symbols=symbols)


def parse(data: bytes, name: str, max_size: int = 0, *, symbols: bool = True) -> Profile:
    """The profile in these bytes, which ``name`` names in errors. GosnapError where they are none."""
    if data[:2] == b"\x1f\x8b":
        data = inflate(data, name, max_size)
    if not data:
        raise GosnapError(f"{name}: is empty", _AGAIN)
    if is_text(data):
        from gosnap.profile.text_format import parse_text

        return parse_text(data, name, symbols=symbols)
    try:
        return decode(data)
    except ValueError as e:
        looks = looks_like(data)
        if looks:
            raise GosnapError(f"{name}: is no profile: {looks[0]}", looks[1]) from None
        if "concatenated" in str(e):
            raise GosnapError(
                f"{name}: {e}", "split the file where the second begins, and give both: they are merged"
            ) from None
        raise GosnapError(f"{name}: is no valid profile: {e}", _AGAIN) from None


def decode(data: bytes) -> Profile:
    """The profile that these bytes are in profile.proto, uncompressed; ValueError where they are none."""
    decoder = Decoder(data)
    together(decoder.read_samples, ranges(decoder.parts, len(data)))
    return Profile.from_decoded(decoder.result())


def inflate(data: bytes, name: str, max_size: int = 0) -> bytes:
    """All members of a gzip file."""
    limit = max_size or max(SMALL_BOMB, RATIO * len(data))
    parts: list[bytes] = []
    size = at = 0
    try:
        # what is no profile is found before all of it is expanded
        head = zlib.decompressobj(31).decompress(data[:4096], 512)
        if head and not plausible(head):
            what = looks_like(head) or ("its first bytes are no message of a profile", _AGAIN)
            raise GosnapError(f"{name}: is no profile: compressed, and {what[0]}", what[1])
        while True:
            inflater = zlib.decompressobj(31)
            part = inflater.decompress(data[at:] if at else data, limit - size + 1)
            size += len(part)
            parts.append(part)
            if size > limit:
                raise GosnapError(
                    f"{name}: {len(data):,} bytes expand to more than {limit:,}",
                    "if it is not made to exhaust memory, allow more with --max_size=BYTES",
                )
            if not inflater.eof:
                raise GosnapError(
                    f"{name}: the compressed data ends after {len(data):,} bytes, before its end was reached",
                    _AGAIN,
                )
            rest = len(inflater.unused_data)
            at = len(data) - rest
            if not rest or not data[at : at + 4096].strip(b"\0"):
                break
    except zlib.error as e:
        raise GosnapError(f"{name}: damaged gzip data: {_reason(e)}", _AGAIN) from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _reason(e: zlib.error) -> str:
    return str(e).partition(": ")[2] or str(e)


def is_text(data: bytes) -> bool:
    """Whether this is one of Go's text profiles."""
    head = data[:4096].lstrip()
    return head.startswith(b"heap profile:") or b" profile: total " in head.split(b"\n", 1)[0]


def plausible(head: bytes) -> bool:
    """Whether bytes may begin a profile: a field that it has, of a wire type that the field has."""
    if is_text(head) or head[:1] == b"#":
        return True
    field, wire = head[0] >> 3, head[0] & 7
    return field > 0 and wire in (0, 1, 2, 5) and looks_like(head) is None


def looks_like(data: bytes) -> tuple[str, str] | None:
    """(what bytes that are no profile look like, what to do then)."""
    head = data[:512]
    text = head.lstrip().lower()
    if head.startswith(b"\x7fELF"):
        if head[16:18] in (b"\4\0", b"\0\4"):
            return "this is a core", "its heap: `gosnap capture CORE --exe PROGRAM`"
        return "this is an executable (ELF)", "give the profile behind it; or a PID"
    if head.startswith((b"GOSNAP", b"gosnap")):
        return "this is a snapshot of gosnap", "its objects: `gosnap types FILE`"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "this is an HTML or XML page", "check the URL: is it the profile, or a login or index page?"
    if text[:1] in (b"{", b"["):
        return "this looks like JSON", "ask for the profile in its binary form"
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what, "gosnap reads profile.proto, compressed by gzip or not, and Go's text (debug=1)"
    if head.startswith(b"goroutine ") and head.split(b"\n", 1)[0].rstrip().endswith(b"]:"):
        return (
            "this is a dump of goroutines, each by itself (debug=2)",
            "fetch /debug/pprof/goroutine with debug=1 or without; `gosnap goroutines` needs no endpoint",
        )
    # control characters that text does not have
    if head and not head.translate(None, bytes(range(32, 256)) + b"\t\r\n\x0b\x0c\x1b"):
        line = head.split(b"\n", 1)[0][:80].decode("utf-8", "replace").strip()
        return f"this is text: {line!r}", "check the URL or file: is it an error message?"
    return None


_MAGIC = (
    (b"PERFILE2", "this is a perf.data file"),
    (b"\x28\xb5\x2f\xfd", "this is compressed by zstd"),
    (b"\xfd7zXZ", "this is compressed by xz"),
    (b"BZh", "this is compressed by bzip2"),
    (b"PK\x03\x04", "this is a ZIP archive"),
    (b"go 1.", "this is an execution trace of Go"),
    (b"go1.7 heap dump", "this is a heap dump of Go (debug.WriteHeapDump)"),
    (b"\x1f\x8b", "this is compressed twice"),
    (b"\x1f\x9d", "this is compressed by compress"),
    (b"SQLite format 3", "this is an SQLite database"),
)
