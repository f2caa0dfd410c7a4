"""Goroutines: what state each is in, since when, and where its stack is (runtime/runtime2.go,
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
    *("atomicstatus", "goid", "waitsince", "waitreason", "gopc", "startpc", "m", "_defer"),
)


@dataclass
class Goroutines:
    """One row per goroutine that is not dead. Columns are u64; ``parent`` is 0 before Go 1.21."""

    address: U64
    status: U64
    """Without the collector's scan bit."""
    columns: dict[str, U64]
    wait_reasons: list[str]

    def __len__(self) -> int:
        return len(self.address)

    def __getitem__(self, name: str) -> U64:
        return self.columns[name]

    def wait_reason(self, row: int) -> str:
        """Why a waiting goroutine waits, in the runtime's words ("chan receive"); "" for others."""
        reason = int(self.columns["waitreason"][row])
        if int(self.status[row]) not in {WAITING, LEAKED} or reason >= len(self.wait_reasons):
            return ""
        return self.wait_reasons[reason]


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
        wait_reasons=_wait_reasons(program),
    )


def _wait_reasons(program: GoProgram) -> list[str]:
    """runtime.waitReasonStrings: an array of strings whose length differs between versions."""
    for symbol in ("runtime.waitReasonStrings",):
        found = program.elf.symbol(symbol)
        if found is None:
            continue
        out = []
        at = found[0] + program.bias
        for i in range(min(found[1] // 16, 256)):
            try:
                pointer, length = program.space.u64(at + i * 16), program.space.u64(at + i * 16 + 8)
                out.append(
                    program.space.read(pointer, min(length, 256)).decode("utf-8", "replace") if length else ""
                )
            except ReadError:
                out.append("")
        return out
    return []
