"""gosnap: memory snapshots of running Go programs.

    import gosnap

    snapshot = gosnap.capture(4242)
    snapshot = gosnap.open("gosnap-myserver.4242.gosnap")
    for row in snapshot.types(match=r"^main\\.").rows:
        print(row["type"], row["objects"], row["bytes"])

The verbs of the command line are methods: ``types()``, ``spans()``, ``info()``; each returns a ``View`` of
plain data.
Failures are a ``GosnapError``.
"""

from gosnap._version import __version__
from gosnap.errors import GosnapError

# typing and pathlib would be a third of the time that a small profile takes
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from gosnap.heap.snapshot import Snapshot
    from gosnap.heap.views import View

__all__ = ["GosnapError", "Snapshot", "View", "__version__", "capture", "open", "show"]


def capture(
    target: int | str,
    *,
    output: "str | Path | None" = None,
    force: bool = False,
    exe: str | None = None,
    fork: bool = False,
    contents: bool = True,
) -> "Snapshot":
    """Take a snapshot of a process (PID or name) or a core (path, with ``exe``), write it, and open it.

    The file is ``output``, by default gosnap-PROGRAM.PID.gosnap in the current directory; one that exists
    is replaced only with ``force``. ``fork``: stop the process only while it is cloned. ``contents``
    False: keep no heap bytes.
    """
    from pathlib import Path

    from gosnap.heap.take import take

    out = Path(output) if output is not None else None
    view = take(str(target), exe=exe, fork=fork, contents=contents, out=out, force=force)
    return open(view.extra["file"])


def open(path: "str | Path") -> "Snapshot":
    """Open a .gosnap file."""
    from gosnap.heap.snapshot import open_snapshot

    return open_snapshot(path)


def show(
    target: int | str,
    expression: str,
    *,
    exe: str | None = None,
    depth: int = 4,
    max_items: int | None = 100,
    max_string: int | None = 200,
    raw: bool = False,
    redact: bool = False,
) -> "dict[str, Any]":
    """The value of an expression as ``gosnap show --format json`` has it, of a process (PID or name), a
    snapshot or a core (path, with ``exe``). ``max_items``, ``max_string``: None for all."""
    from gosnap.commands.show import NODES, open_subject
    from gosnap.commands.show_answers import document, evaluate
    from gosnap.values.model import Limits

    subject = open_subject(str(target), exe, alone=False)
    nodes = NODES if max_items is not None else 1 << 26
    limits = Limits(depth, max_items, max_string, nodes, raw=raw, redact=redact)
    found: dict[str, Any] = document(subject, [(expression, evaluate(subject, limits, expression))])
    value: dict[str, Any] = found["values"][0]["value"]
    return value


def __getattr__(name: str) -> object:
    # the classes are there for annotations; importing them costs nothing until they are asked for
    if name == "Snapshot":
        from gosnap.heap.snapshot import Snapshot

        return Snapshot
    if name == "View":
        from gosnap.heap.views import View

        return View
    raise AttributeError(f"module 'gosnap' has no attribute {name!r}")
