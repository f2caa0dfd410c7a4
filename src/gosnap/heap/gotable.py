"""The goroutines of a written snapshot: states, waits, stack traces."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.goroutines import LEAKED, STATES, WAITING
from gosnap.goruntime.traces import shown
from gosnap.heap import schema
from gosnap.heap.columns import Columns
from gosnap.heap.typenames import is_standard

_BOTTOM = "runtime.goexit"
"""What every goroutine's function returns to."""
Frame = dict[str, Any]
"""function, file and line."""


@dataclass(frozen=True)
class Place:
    """What goroutines have in common that do the same in the same place."""

    trace: int
    state: str
    """"running", "waiting", …"""
    wait_reason: str
    """The runtime's words, "chan receive"; "" for one that does not wait."""

    @property
    def label(self) -> str:
        """What a person is told: the reason to wait, or the state."""
        return self.wait_reason or self.state


@dataclass(frozen=True)
class Goroutine:
    """One goroutine. ``wait_seconds``: at least so long, by the collector's last look; -1 where it waits for
    nothing, or has not been looked at since it does."""

    row: int
    id: int
    place: Place
    wait_seconds: int
    stack_bytes: int
    leaked: bool

    @property
    def label(self) -> str:
        """``goroutine 71 [chan receive, 12 minutes]``, as the runtime prints it."""
        minutes = self.wait_seconds // 60
        waited = "" if minutes < 1 else f", {minutes} minute{'s' * (minutes > 1)}"
        return f"goroutine {self.id} [{self.place.label}{waited}]"


class GoTable:
    """All goroutines; GosnapError where the sections contradict each other."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def _column(self, name: str, dtype: str) -> npt.NDArray[np.generic]:
        column = self._columns.column(f"goroutines.{name}", dtype)
        if len(column) != len(self.ids):
            raise self._columns.wrong("columns of the goroutines differ in length")
        return column

    @cached_property
    def ids(self) -> npt.NDArray[np.uint64]:
        """runtime.g.goid of each."""
        return self._columns.column("goroutines.id", "<u8").astype(np.uint64, copy=False)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def answers(self) -> dict[str, Any]:
        """What is the same for many: reasons, lines, traces."""
        table = self._columns.reader.json("answers.goroutines")
        schema.check(table, schema.GOROUTINES, f"{self._columns.reader.path}: answers.goroutines")
        lines, traces = len(table["lines"]), len(table["traces"])
        if (
            any(len(line) != 4 for line in table["lines"])
            or any(not 0 <= i < lines for trace in table["traces"] for i in trace)
            or any(len(place) != 3 or not 0 <= place[0] < traces for place in table["places"])
        ):
            raise self._columns.wrong("answers.goroutines refers to what is not there")
        if not 0 <= table["now"] < 1 << 63:
            raise self._columns.wrong("answers.goroutines has a time that makes no sense")
        return dict(table)

    @cached_property
    def place_of(self) -> npt.NDArray[np.int64]:
        """The place of each goroutine."""
        column = self._column("place", "<u4").astype(np.int64, copy=False)
        if len(column) and int(column.max()) >= len(self.answers["places"]):
            raise self._columns.wrong("a goroutine in a place that is not there")
        return column

    def place(self, row: int) -> Place:
        """One of the places."""
        trace, status, reason = self.answers["places"][row]
        waits = status in (WAITING, LEAKED)
        reasons = self.answers["reasons"]
        known = reasons[reason] if 0 <= reason < len(reasons) else f"reason {reason}"
        return Place(trace, STATES.get(status, "unknown"), known if waits else "")

    @cached_property
    def leaked(self) -> npt.NDArray[np.bool_]:
        """Which of them nothing can wake any more."""
        return self._column("leaked", "|u1").astype(bool)

    def frames(self, trace: int) -> list[Frame]:
        """The lines of a trace, innermost first: function, file, line."""
        return [self._line(i) for i in self.answers["traces"][trace]]

    def shown(self, trace: int) -> list[Frame]:
        """The lines that runtime.Stack would show: without the runtime's own and what the compiler made,
        unless there are no others."""
        lines = self.answers["lines"]
        chosen = [i for i in self.answers["traces"][trace] if shown(lines[i][0]) and not lines[i][3]]
        return [self._line(i) for i in chosen] or self.frames(trace)

    def entry(self, trace: int) -> str:
        """The function that the go statement called."""
        frames = self.shown(trace)
        return str(frames[-1]["function"]) if frames else ""

    def _line(self, i: int) -> Frame:
        function, file, line, _ = self.answers["lines"][i]
        return {"function": function, "file": file, "line": int(line[:9]) if line.isdecimal() else 0}

    def created(self, row: int) -> Frame | None:
        """The go statement that started it."""
        i = int(self._column("created", "<i4")[row])
        return self._line(i) if 0 <= i < len(self.answers["lines"]) else None

    @cached_property
    def wait_seconds(self) -> npt.NDArray[np.int64]:
        """How long each waits at least; -1 where that is not known."""
        since = self._column("since", "<u8").astype(np.int64, copy=False)
        waits = [bool(self.place(i).wait_reason) for i in range(len(self.answers["places"]))]
        known = (since > 0) & np.array([*waits, False], bool)[self.place_of]
        return np.where(known, np.maximum(self.answers["now"] - since, 0) // 1_000_000_000, -1)

    @cached_property
    def stack_bytes(self) -> npt.NDArray[np.int64]:
        """Size of each stack."""
        return self._column("stack_bytes", "<u8").astype(np.int64, copy=False)

    def __getitem__(self, row: int) -> Goroutine:
        return Goroutine(
            row=row,
            id=int(self.ids[row]),
            place=self.place(int(self.place_of[row])),
            wait_seconds=int(self.wait_seconds[row]),
            stack_bytes=int(self.stack_bytes[row]),
            leaked=bool(self.leaked[row]),
        )

    def where(self, trace: int) -> str:
        """The function of a trace that a person would look at: the innermost that is no library's, else the
        one that the goroutine began with."""
        frames = self.frames(trace)
        for frame in frames:
            if not is_standard(frame["function"]):
                return str(frame["function"])
        lines = [self.answers["lines"][i] for i in self.answers["traces"][trace]]
        own = [f for f, line in zip(frames, lines, strict=True) if line[0] != _BOTTOM and not line[3]]
        return str((own or frames)[-1]["function"]) if frames else "(no frames)"

    def is_system(self, trace: int) -> bool:
        """Whether a trace is of the runtime's own goroutines (runtime.isSystemGoroutine): those that it
        starts for the collector, finalizers and the like, while they do not run the program's code."""
        frames = self.frames(trace)
        return bool(frames) and all(
            f["function"].startswith("runtime.") and f["function"] != "runtime.main" for f in frames
        )
