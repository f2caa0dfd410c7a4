"""Files that answers go to."""

from __future__ import annotations

import contextlib
import os
import secrets

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO


class NewFile:
    """A new file of mode 0600, whole or not at all; GosnapError where it cannot be, or exists and not
    ``force``.

    ``source``: the file that was read for it, which it must not replace. As a context it gives the file, open
    for bytes; where its body fails, nothing is left of it.
    """

    def __init__(self, path: Path, *, force: bool, source: str | None = None) -> None:
        self.path = path
        if path.exists() and not path.is_file():
            raise GosnapError(f"{path}: is not a regular file", "give the name of a file with -o")
        if path.exists() and not force:
            raise GosnapError(
                f"{path}: exists already", "give another name with -o, or --force to replace it"
            )
        if source is not None and path.exists() and path.samefile(source):
            raise GosnapError(f"{path}: is the file that is read", "give another name with -o")
        self.part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")

    def __enter__(self) -> BinaryIO:
        try:
            fd = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise self._cannot(e) from None
        self.file: BinaryIO = os.fdopen(fd, "wb")
        return self.file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed: OSError | None = error if isinstance(error, OSError) else None
        try:
            self.file.close()
            if error is None:
                self.part.replace(self.path)
        except OSError as e:
            failed = failed or e
        if error is not None or failed is not None:
            with contextlib.suppress(OSError):
                self.part.unlink()
        if failed is not None:
            raise self._cannot(failed) from None

    def _cannot(self, e: OSError) -> GosnapError:
        return GosnapError(f"{self.path}: cannot write: {e.strerror or e}", "give another place with -o FILE")
