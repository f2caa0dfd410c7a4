"""``go tool pprof`` of the pinned Go version as an oracle, and what may differ from it.

The program is built once from the toolchain's own sources and run as such: ``go tool`` costs more at start-up
than the report. Nothing of the user's surroundings reaches it: an empty home, no PATH (so no browser and no
Graphviz), no proxy, UTC. Its answers are kept on disk by the contents of its files, its arguments and its own
contents.

``normalise`` is the whole list of what may differ.
"""

import concurrent.futures
import contextlib
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gotool

VERSION = "1.26.6"
"""The Go version whose pprof is the oracle."""
AT_ONCE = 2
"""How many of it may run at a time."""


@dataclass(frozen=True)
class Done:
    """What a command line tool said."""

    code: int
    stdout: bytes
    stderr: bytes


@functools.cache
def binary() -> Path:
    """The pprof program, built on first use."""
    path = gotool.cache_dir() / "targets" / f"pprof-{VERSION}" / "pprof"
    if path.exists():
        return path
    with gotool._locked(f"build-pprof-{VERSION}"):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            root = gotool.toolchain(VERSION)
            environment = gotool.go_env(VERSION) | {"GOFLAGS": "-buildvcs=false"}
            command = [str(root / "bin" / "go"), "build", "-o", str(part), "cmd/pprof"]
            gotool._run(command, f"go{VERSION} build cmd/pprof", cwd=root / "src", env=environment)
            part.rename(path)
    return path


@functools.cache
def home() -> Path:
    """An empty directory: where pprof runs, and what it takes for the user's."""
    path = Path(tempfile.gettempdir()) / f"gosnap-pprof-home-{os.getuid()}"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def environment() -> dict[str, str]:
    """All that pprof sees of the outside."""
    return {
        "HOME": str(home()),
        "PPROF_TMPDIR": str(home()),
        "PPROF_BINARY_PATH": str(home()),
        "PATH": "",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        # The profiles are small; more threads only cost.
        "GOMAXPROCS": "1",
    }


@functools.cache
def _digest(path: str, size: int, mtime: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_file(path: str) -> str:
    found = Path(path).stat()
    return _digest(path, found.st_size, found.st_mtime_ns)


def _key(arguments: Sequence[str]) -> str:
    """Files by what they hold, so that the same profile in another place is the same question."""
    parts = [_of_file(str(binary()))]
    for argument in arguments:
        name, equals, value = argument.partition("=")
        path = value if equals and argument.startswith("-") else argument
        parts.append(f"{name}={_of_file(path)}" if path and Path(path).is_file() else argument)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _kept(arguments: Sequence[str]) -> Path:
    key = _key(arguments)
    return gotool.cache_dir() / "oracle" / key[:2] / key[2:34]


_pending: dict[Path, "concurrent.futures.Future[None]"] = {}
_running = threading.BoundedSemaphore(AT_ONCE)


def run(arguments: Sequence[str], *, fresh: bool = False) -> Done:
    """What ``pprof ARGUMENTS`` says; ``fresh`` asks it again, for what it says in no fixed order."""
    if fresh:
        return _asked(arguments)
    kept = _kept(arguments)
    if pending := _pending.get(kept):
        with contextlib.suppress(concurrent.futures.CancelledError):
            pending.result()
    if not kept.exists():
        _keep(arguments, kept)
    head, _, body = zlib.decompress(kept.read_bytes()).partition(b"\n")
    said = json.loads(head)
    return Done(said["code"], body[: said["stdout"]], body[said["stdout"] :])


def _asked(arguments: Sequence[str]) -> Done:
    program = binary()
    with _running:
        done = subprocess.run(
            [program, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(),
            cwd=home(),
            timeout=300,
        )
    return Done(done.returncode, done.stdout, done.stderr)


def _keep(arguments: Sequence[str], kept: Path) -> None:
    answer = _asked(arguments)
    head = json.dumps({"code": answer.code, "stdout": len(answer.stdout)}).encode()
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.name}.{os.getpid()}.{threading.get_ident()}.part")
    part.write_bytes(zlib.compress(head + b"\n" + answer.stdout + answer.stderr, 1))
    part.rename(kept)


@contextlib.contextmanager
def asking(questions: Iterable[Sequence[str]]) -> Iterator[int]:
    """Ask, in the background and in this order, what was not asked before; the value is how many those are.

    ``run`` waits for its own answer only. What is not yet asked at the end of the block stays unasked.
    """
    missing = {kept: question for question in questions if not (kept := _kept(question)).exists()}
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    try:
        _pending.update((kept, pool.submit(_keep, question, kept)) for kept, question in missing.items())
        yield len(missing)
    finally:
        pool.shutdown(cancel_futures=True)
        for kept in missing:
            _pending.pop(kept, None)


def ask_all(questions: Iterable[Sequence[str]]) -> int:
    """Ask what was not asked before, and wait for all of it."""
    questions = list(questions)
    with asking(questions) as count:
        for pending in list(_pending.values()):
            pending.result()
    return count


def normalise(text: str, verb: str, flags: Sequence[str] = ()) -> str:
    """What both are put through before they are compared: nothing but where pprof has no fixed answer.

    It sorts by |flat| (or |cum|) and by name, and what is equal in both comes in the order of a hash table,
    another one in each run. That happens where different nodes have one name. So, for each of these alone:

    - ``top`` and ``text``: adjacent rows with the same name and the same flat (with ``-cum``: the same cum)
      are sorted, and their sums (``sum%``) blanked. With ``-files``, a function's first line is part of a
      node, so a file has many rows; without it, no two rows have one name.
    - ``tree`` and ``peek``: adjacent blocks whose nodes have the same name and flat or cum, likewise.
    - ``tags``: adjacent values of a label with the same number, but for its sign, are sorted: a tie of +20
      and -20 in a comparison.
    - everywhere: what is in round brackets inside of square ones is taken off. pprof takes Go's
      "wrapper[go.shape.chan func(int) error]" for C++ and cuts its "parameters"; names are not ours to
      change.
    - ``dot`` and ``callgrind`` with ``-call_tree``, where a function has a node for each of its stacks:
      numbers of nodes are taken off, and lines sorted.
    """
    text = _without_parameters(text)
    if verb in ("raw", "proto", "topproto"):
        text = _SYSTEM_NAME.sub(r"\1", text)
    call_tree = "-call_tree" in flags
    number = 3 if "-cum" in flags else 1
    if verb in ("top", "text"):
        return _sorted_runs(text.split("\n"), lambda line: _row_key(line, number), _row_shown)
    if verb in ("tree", "peek"):
        blocks = re.split(r"(?m)(?=^-+\+-+\n)", text)
        return _sorted_runs(blocks, lambda block: _block_key(block, number), _block_shown, joined="")
    if verb == "tags":
        return _sorted_runs(text.split("\n"), _tag_key, str)
    if verb == "dot" and call_tree:
        return "\n".join(sorted(re.sub(r"\bN\d+(_\d+)*\b|\bnode\d+\b", "N", text).split("\n")))
    if verb == "callgrind" and call_tree:
        # fn=(12) name [3/4]: the first number is how later lines name it, the second tells nodes of a name
        # apart
        bare = re.sub(r"(?m)^(c?f[nl])=\(\d+\)|\[\d+/\d+\]", r"\1", text)
        return "\n".join(sorted(re.sub(r"(?m)^(calls=\d+ |)[-+*]\S*", r"\1", bare).split("\n")))
    return text


def _without_parameters(text: str) -> str:
    """google/pprof internal/symbolizer/symbolizer.go, demangleSingleFunction, undone for Go's names."""
    if "(" not in text:
        return text
    out = []
    square = round_ = 0
    for c in text:
        if c == "\n":
            square = round_ = 0
        elif c == "[":
            square += 1
        elif c == "]" and square:
            square -= 1
        elif c == "(" and square:
            round_ += 1
        if not round_:
            out.append(c)
        if c == ")" and round_:
            round_ -= 1
    return "".join(out)


_SYSTEM_NAME = re.compile(r"(?m)^((?:.* )??(\S.*) \S*:-?\d+:-?\d+ s=-?\d+)\(\2\)$")
"""In `raw`, the system's name of a function where it differs, which by that cut it does."""
_INLINE = r"(?: \(inline\)| \(partial-inline\)|)"
_ROW = re.compile(rf"( *\S+ +\S+%) +(\S+%)( +\S+ +\S+%)  (.*?)({_INLINE})")
_NODE = re.compile(rf"(?m)^( *\S+ +\S+%) +(\S+%)( +\S+ +\S+%) +\| (.*?)({_INLINE})$")
_TAG = re.compile(r" *-?(\S+) \( *(\S+%)\): ")


def _row_key(line: str, number: int) -> tuple[str, ...] | None:
    found = _ROW.fullmatch(line)
    return found and (found[4], found[number])


def _row_shown(line: str) -> str:
    found = _ROW.fullmatch(line)
    assert found
    return f"{found[1]} {'':>6}{found[3]}  {found[4]}{found[5]}"


def _block_key(block: str, number: int) -> tuple[str, ...] | None:
    found = _NODE.search(block)
    return found and (found[4], found[number])


def _block_shown(block: str) -> str:
    return _NODE.sub(rf"\1 {'':>6}\3 | \4\5", block)


def _tag_key(line: str) -> tuple[str, ...] | None:
    found = _TAG.match(line)
    return found and (found[1], found[2])


def _sorted_runs(
    parts: list[str],
    key: Callable[[str], tuple[str, ...] | None],
    shown: Callable[[str], str],
    joined: str = "\n",
) -> str:
    """Sort what stands beside each other and has the same key; where there is none, nothing is moved."""
    out: list[str] = []
    run: list[str] = []

    def end() -> None:
        out.extend(sorted(map(shown, run)) if len(run) > 1 else run)
        run.clear()

    last = None
    for part in parts:
        this = key(part)
        if this is None or this != last:
            end()
        run.append(part)
        last = this
    end()
    return joined.join(out)
