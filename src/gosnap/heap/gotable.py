"""The goroutines of a written snapshot: states, waits, stack traces."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.goroutines import LEAKED, STATES, WAITING
from gosnap.heap import schema
from gosnap.heap.columns import Columns

Frame = dict[str, str]


@dataclass(frozen=True)
class Goroutine:
    """One goroutine. ``wait_seconds``: at least so long, by the collector's last look; -1 where it waits for
    nothing, or has not been looked at since it does."""

    row: int
    id: int
    state: str
    wait_reason: str
    wait_seconds: int
    stack_bytes: int
    trace: int
    leaked: bool

    @property
    def label(self) -> str:
        """``goroutine 71 [chan receive, 12 minutes]``, as the runtime prints it."""
        what = self.wait_reason or self.state
        minutes = self.wait_seconds // 60
        waited = "" if minutes < 1 else f", {minutes} minute{'s' * (minutes > 1)}"
        return f"goroutine {self.id} [{what}{waited}]"


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
        return self._columns.column("goroutines.id", "<u8").astype(np.uint64)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def answers(self) -> dict[str, Any]:
        """What is the same for many: reasons, lines, traces."""
        table = self._columns.reader.json("answers.goroutines")
        schema.check(table, schema.GOROUTINES, f"{self._columns.reader.path}: answers.goroutines")
        lines = len(table["lines"])
        if any(len(line) != 3 for line in table["lines"]) or any(
            not 0 <= i < lines for trace in table["traces"] for i in trace
        ):
            raise self._columns.wrong("answers.goroutines: a trace of lines that are not there")
        return dict(table)

    @cached_property
    def trace_of(self) -> npt.NDArray[np.int64]:
        """The trace of each goroutine."""
        column = self._column("trace", "<u4").astype(np.int64)
        if len(column) and int(column.max()) >= len(self.answers["traces"]):
            raise self._columns.wrong("a goroutine with a trace that is not there")
        return column

    @cached_property
    def leaked(self) -> npt.NDArray[np.bool_]:
        """Which of them nothing can wake any more."""
        return self._column("leaked", "|u1").astype(bool)

    def frames(self, trace: int) -> list[Frame]:
        """The lines of a trace, innermost first: function, file, line."""
        return [self._line(i) for i in self.answers["traces"][trace]]

    def _line(self, i: int) -> Frame:
        function, file, line = self.answers["lines"][i]
        return {"function": function, "file": file, "line": line}

    def created(self, row: int) -> Frame | None:
        """The go statement that started it."""
        i = int(self._column("created", "<i4")[row])
        return self._line(i) if 0 <= i < len(self.answers["lines"]) else None

    @cached_property
    def _facts(self) -> tuple[npt.NDArray[np.generic], ...]:
        return (
            self._column("status", "|u1"),
            self._column("reason", "|u1"),
            self._column("since", "<u8"),
            self._column("stack_bytes", "<u8"),
        )

    def __getitem__(self, row: int) -> Goroutine:
        status, reason, since, stack = (int(column[row]) for column in self._facts)
        waits = status in (WAITING, LEAKED)
        reasons = self.answers["reasons"]
        return Goroutine(
            row=row,
            id=int(self.ids[row]),
            state=STATES.get(status, "unknown"),
            wait_reason=(reasons[reason] if reason < len(reasons) else f"reason {reason}") if waits else "",
            wait_seconds=max(self.answers["now"] - since, 0) // 1_000_000_000 if waits and since else -1,
            stack_bytes=stack,
            trace=int(self.trace_of[row]),
            leaked=bool(self.leaked[row]),
        )
