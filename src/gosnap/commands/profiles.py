"""Where verbs on profiles find one that no endpoint served: in a process, a snapshot or a core."""

import os

from gosnap.errors import GosnapError

TYPE_CHECKING = False  # importing typing takes as long as reading a profile; so does pathlib
if TYPE_CHECKING:
    from gosnap.profile.memory import HeapProfile
    from gosnap.profile.model import Profile

_SNAPSHOT = b"GOSNAP\r\n"
_ELF, _CORE = b"\x7fELF", b"\x04\x00"


def kind(target: str) -> str:
    """ "process" (a PID, a program's name, or the path of a running executable), "snapshot", "core", or ""
    for what is none of these: another file, or an address."""
    if target.isascii() and target.isdigit():
        return "process"
    if os.path.isfile(target):  # noqa: PTH113
        try:
            with open(target, "rb") as f:
                head = f.read(18)
        except OSError:
            return ""
        if head.startswith(_SNAPSHOT):
            return "snapshot"
        if head.startswith(_ELF):
            return "core" if head[16:18] == _CORE else "process"
        return ""
    return "" if "/" in target or ":" in target else "process"


def load(
    target: str, view: str = "pprof", *, exe: str | None = None, notes: "list[str] | None" = None
) -> "Profile":
    """The memory profile of a process, a snapshot or a core. ``view``: "pprof" or "now"; ``exe``: the
    executable of a core; what a person should know of it is added to ``notes``. GosnapError where there is
    none, with what to do about it."""
    from gosnap.profile.memory import checked_view, to_profile

    chosen = checked_view(view)
    heap = read(target, exe=exe)
    if notes is not None:
        notes.extend(heap.notes)
    return to_profile(heap, chosen)


def read(target: str, *, exe: str | None = None) -> "HeapProfile":
    """The same before a view is chosen."""
    from gosnap.profile import memory

    what = kind(target)
    if what != "core" and exe is not None:
        raise GosnapError("--exe goes with a core", "leave --exe out")
    if what == "process":
        if target.isdigit():
            return memory.of_process(int(target))
        from gosnap.target import procs

        return memory.of_process(procs.resolve(target))
    if what == "core":
        from pathlib import Path

        return memory.of_core(Path(target), Path(exe) if exe else None)
    if what == "snapshot":
        from gosnap.heap.snapshot import open_snapshot

        return open_snapshot(target).heap_profile()
    raise GosnapError(
        f"{target}: no process, snapshot or core", "give a PID, a program's name, or the path of a file"
    )
