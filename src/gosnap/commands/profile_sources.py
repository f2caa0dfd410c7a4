"""What a profile verb's words stand for: a file of pprof, an address, a process, a snapshot or a core.

A file that exists wins over all else that a word might mean.
"""

from __future__ import annotations

import os

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gosnap.commands.profile_flags import Arguments
    from gosnap.profile.model import Profile

_SNAPSHOT = b"GOSNAP\r\n"


def opener(found: Arguments, notes: list[str], fetched: list[str]) -> Callable[[str], Profile]:
    """What reads one source; the command line says how. What a person should know of it is added to
    ``notes``, and to ``fetched`` what came over the network."""
    exe, view = str(found.flags["exe"]), str(found.flags["view"])
    config = found.config
    from gosnap.profile import demangle

    symbols = demangle.wanted(config.symbolize)

    def open_source(source: str) -> Profile:
        from gosnap.profile import read

        if is_profile(source):
            return read.read_file(source, config.max_size, symbols=symbols)
        if not source.isdigit() and _is_address(source):
            from gosnap.profile import fetch

            body = fetch.fetch(source, seconds=config.seconds, timeout=config.timeout)
            profile = read.parse(body, source, config.max_size, symbols=symbols)
            fetched.append(source)
            return profile
        from gosnap.commands import profiles

        if not profiles.kind(source):
            if "/" in source or ":" in source:
                raise GosnapError(
                    f"{source}: no such file", "give a profile, a PID, a .gosnap file, or http://HOST:PORT"
                )
            return read.read_file(source, config.max_size, symbols=symbols)
        try:
            return profiles.load(source, view, exe=exe or None, notes=notes)
        except GosnapError as e:
            if not e.message.startswith("no Go process named"):
                raise
            # a word may be meant as a file as well
            raise GosnapError(
                f"{source}: no such file, and no Go process of that name runs here",
                "give a profile, a PID, a .gosnap file, or http://HOST:PORT",
            ) from None

    return open_source


def _is_address(source: str) -> bool:
    # what reads them knows; a PID, which is none, starts sooner without it
    from gosnap.profile import fetch

    return fetch.is_address(source)


def is_profile(source: str) -> bool:
    """Whether a word is a file that is neither a snapshot, nor a core, nor an executable."""
    if not os.path.isfile(source):  # noqa: PTH113 (profile verbs start without pathlib)
        # a pipe is read as it comes; a directory has an error of its own
        return os.path.exists(source)  # noqa: PTH110
    with open(source, "rb", buffering=0) as f:
        head = f.read(8) or b""
    return not head.startswith((_SNAPSHOT, b"\x7fELF"))
