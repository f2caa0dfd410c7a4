"""Goroutines: what state each is in, and where its stack is (runtime/runtime2.go,
runtime/proc.go)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram

U64 = npt.NDArray[np.uint64]

IDLE, RUNNABLE, RUNNING, SYSCALL, WAITING, DEAD, COPYING, PREEMPTED, LEAKED, DEAD_EXTRA = (
    *(0, 1, 2, 3, 4),
    *(6, 8, 9, 10, 11),
)
SCAN_BIT = 0x1000
STATES = {
    IDLE: "idle",
    RUNNABLE: "runnable",
    RUNNING: "running",
    SYSCALL: "syscall",
    WAITING: "waiting",
    DEAD: "dead",
    COPYING: "copying stack",
    PREEMPTED: "preempted",
    LEAKED: "leaked",
    DEAD_EXTRA: "dead",
}
_MAX = 1 << 26
_FIELDS = (
    *("stack.lo", "stack.hi", "sched.sp", "sched.pc", "sched.ctxt", "syscallsp", "syscallpc"),
    *("atomicstatus", "goid", "m", "_defer"),
)


@dataclass
class Goroutines:
    """One row per goroutine that is not dead. Columns are u64; ``parent`` is 0 before Go 1.21."""

    address: U64
    status: U64
    """Without the collector's scan bit."""
    columns: dict[str, U64]

    def __len__(self) -> int:
        return len(self.address)

    def __getitem__(self, name: str) -> U64:
        return self.columns[name]

    def by_state(self) -> dict[str, int]:
        """How many goroutines are in each state."""
        states, counts = np.unique(self.status, return_counts=True)
        out: dict[str, int] = {}
        for state, n in zip(states.tolist(), counts.tolist(), strict=True):
            name = STATES.get(state, "unknown")
            out[name] = out.get(name, 0) + n
        return dict(sorted(out.items()))


def read_goroutines(program: GoProgram) -> Goroutines:
    """All goroutines of runtime.allgs. What cannot be read is left out."""
    lay = program.layouts
    size = lay.size("runtime.g")
    at = program.need_address("runtime.allgs")
    pointers = np.zeros(0, np.uint64)
    count = min(program.space.u64(at + 8), _MAX)
    if count:
        pointers = np.frombuffer(program.space.read(program.space.u64(at), count * 8), "<u8")
    raw, kept = [], []
    for p in pointers.tolist():
        try:
            raw.append(program.space.read(p, size))
        except ReadError:
            continue
        kept.append(p)
    table = np.frombuffer(b"".join(raw), np.uint8).reshape(-1, size)
    columns = {}
    for name in (*_FIELDS, "parentGoid"):
        f = lay.find("runtime.g", name) if name == "parentGoid" else lay.need("runtime.g", name)
        column = np.zeros((len(table), 8), np.uint8)
        if f is not None:
            column[:, : f.size] = table[:, f.offset : f.offset + f.size]
        columns[name] = column.view("<u8").ravel().astype(np.uint64)
    status = columns.pop("atomicstatus") & np.uint64(~SCAN_BIT & (1 << 32) - 1)
    live = ~np.isin(status, (IDLE, DEAD, DEAD_EXTRA))
    return Goroutines(
        address=np.array(kept, np.uint64)[live],
        status=status[live],
        columns={name: column[live] for name, column in columns.items()},
    )
