"""The cases of the target program ``leaks``: small programs of goroutines that are leaked, or only look so.

``running(binary, case.name)`` starts one. When it is ready its goroutines are blocked; ``.json`` has
``case``, ``leaked`` and ``goroutines``, ``.ask("profile")`` what the runtime's own goroutineleak profile says
(``supported``, ``total``, ``leaked`` as counts with stacks, ``ids``), ``.ask("stacks")`` the parsed traceback
of all goroutines.

Take the snapshot before asking for the profile: it turns the status of what it finds from waiting to leaked.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict


class _Listed(TypedDict, total=False):
    """An element of what ``leaks -list`` prints."""

    name: str
    kind: Literal["leak", "healthy"]
    leaked: int
    runtime_leaked: int
    why: str
    go: str
    states: str
    about: str


@dataclass(frozen=True)
class Case:
    """One case. A binary lists only those that its Go version can compile.

    ``leaked`` is how many goroutines are leaked in truth, ``runtime_leaked`` how many the goroutineleak
    profile of Go 1.27.3 finds; ``why`` explains the difference and is empty where there is none. ``go`` is
    the first version that has the case, ``states`` are those of all its goroutines, in the words of Go 1.27
    and of the target's ``settle``: ``"chan receive*2, sleep"``; ``busy`` is one that runs.
    """

    name: str
    kind: Literal["leak", "healthy"]
    leaked: int
    runtime_leaked: int
    why: str
    go: str
    states: str
    about: str


def cases(binary: Path) -> list[Case]:
    """The cases of a built ``leaks``, in the order of its sources."""
    done = subprocess.run(
        [binary, "-list"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60
    )
    listed: list[_Listed] = json.loads(done.stdout)
    return [
        Case(
            name=case["name"],
            kind=case["kind"],
            leaked=case["leaked"],
            runtime_leaked=case.get("runtime_leaked", case["leaked"]),
            why=case.get("why", ""),
            go=case["go"],
            states=case["states"],
            about=case["about"],
        )
        for case in listed
    ]
