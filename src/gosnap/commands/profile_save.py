"""A copy of what was fetched over the network, in a file, where and as pprof keeps it.

Source: google/pprof internal/driver/fetch.go and tempfile.go, as in Go 1.27. It is the merged profile, a base
subtracted. Other than pprof's, files are of mode 0600, and directories that are made for them 0700.
"""

from __future__ import annotations

import os

from gosnap.profile.names import base_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gosnap.profile.model import Profile

MOST = 10_000
"""Numbers of a name that are tried."""
_LONGEST = 200
"""Bytes of a name before its number; the profile says what is in it."""


def save(profile: Profile) -> str:
    """Write it; the sentence for people that says where it is, or why it is not."""
    from gosnap.profile.encode import to_gzip

    try:
        path, fd = _new(_folder(), name(profile))
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(to_gzip(profile))
        except BaseException:
            os.unlink(path)  # noqa: PTH108 (profile verbs start without pathlib)
            raise
    except OSError as e:
        return f"Could not save profile: {e.filename or ''}: {e.strerror or e}"
    return f"Saved profile in {path}"


def name(profile: Profile) -> str:
    """ "pprof.PROGRAM.alloc_objects.alloc_space.": what a file's name begins with."""
    parts = ["pprof"]
    if profile.mappings and profile.mapping_file[0]:
        parts.append(base_name(profile.strings.text(profile.mapping_file[0])))
    parts += [kind for kind, _ in profile.sample_types]
    # names are the server's to choose
    text = "".join(c if c.isprintable() and c != "/" else "_" for c in ".".join(parts))
    return text.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore") + "."


def folders() -> Iterator[str]:
    """Where files may be kept, best first."""
    if given := os.environ.get("PPROF_TMPDIR"):
        yield given
    if home := os.environ.get("HOME"):
        yield f"{home.rstrip('/')}/pprof"
    yield os.environ.get("TMPDIR") or "/tmp"


def _folder() -> str:
    failed: OSError | None = None
    for folder in folders():
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
        except OSError as e:
            failed = failed or e
            continue
        return folder
    raise failed or OSError("no directory")


def _new(folder: str, prefix: str) -> tuple[str, int]:
    """(path, descriptor) of a file that was not there."""
    for number in range(1, MOST):
        path = f"{folder}/{prefix}{number:03}.pb.gz"
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
    raise OSError(f"{folder}/{prefix}001.pb.gz: {MOST - 1:,} such files are there")
