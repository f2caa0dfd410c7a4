"""Our command line beside pprof's: the same question, asked in this process.

Starting an interpreter for each of thousands of command lines would cost more than all the reports. What a
process of its own says is compared with what it says here in ``test_profile_against_pprof.py``.
"""

import contextlib
import io
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import pproforacle
from pproforacle import Done
from profilecases import Combination, Profile

BINARY = frozenset({"proto", "topproto"})
"""Verbs whose answer is a profile: written to a file, not to standard output."""


def arguments(combination: Combination, profile: Profile, out: Path | None = None) -> list[str]:
    """What stands after ``gosnap`` for a combination: the verb without its dash, and the files at the end.

    ``out`` is where a verb of ``BINARY`` writes to.
    """
    own = combination.filled(profile)
    return [
        own.verb,
        *own.flags,
        *(("-o", str(out)) if out else ()),
        *((own.expression,) if own.expression else ()),
        str(profile.path),
        *([str(profile.base)] * own.added),
    ]


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """As pprof sees the world: its directory, its time zone, nothing of the user's."""
    before = os.environ.copy()
    where = Path.cwd()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    os.environ.clear()
    os.environ.update(pproforacle.environment())
    time.tzset()
    os.chdir(pproforacle.home())
    try:
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)
        time.tzset()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run(words: Sequence[str]) -> Done:
    """What ``gosnap WORDS`` says. A traceback stands in stderr, under code 70."""
    from gosnap.cli import main

    def opened() -> io.TextIOWrapper:
        # A real file: what writes to the descriptor is caught as well as what writes to sys.stdout.
        file = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed with what is put around it)
        return io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")

    with opened() as out, opened() as err, _surroundings():
        kept = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = out, err
        try:
            code = main(list(words))
        except BaseException:
            traceback.print_exc()
            code = 70
        finally:
            sys.stdout, sys.stderr = kept
        said = []
        for file in (out, err):
            file.flush()
            file.seek(0)
            said.append(file.read().encode(errors="surrogateescape"))
    return Done(code, said[0], said[1])
