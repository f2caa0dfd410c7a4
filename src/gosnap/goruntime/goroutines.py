"""Goroutines: what state each is in, what it waits for, and where its stack is (runtime/runtime2.go,
runtime/proc.go)."""

from dataclasses import dataclass, field

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
    LEAKED: "waiting",  # Go 1.27 found out that nothing can wake it (runtime/mgc.go, findGoroutineLeaks)
    DEAD_EXTRA: "dead",
}
_MAX = 1 << 26
_MAX_REASONS = 256
_FIELDS = (
    *("stack.lo", "stack.hi", "sched.sp", "sched.pc", "sched.ctxt", "syscallsp", "syscallpc"),
    *("atomicstatus", "goid", "m", "_defer", "waiting", "waitsince", "waitreason", "gopc", "startpc"),
)
_NEWER = ("parentGoid",)
"""Fields that came with later versions: 0 where there is none (parentGoid: Go 1.21)."""


@dataclass
class Goroutines:
    """One row per goroutine that is not dead. Columns are u64; ``parent`` is 0 before Go 1.21."""

    address: U64
    status: U64
    """Without the collector's scan bit."""
    columns: dict[str, U64]
    reasons: list[str] = field(default_factory=list)
    """What the numbers in ``waitreason`` mean (runtime.waitReasonStrings)."""

    def __len__(self) -> int:
        return len(self.address)

    def __getitem__(self, name: str) -> U64:
        return self.columns[name]

    def by_state(self) -> dict[str, int]:
        """How many goroutines are in each state."""
        out: dict[str, int] = {}
        states, counts = np.unique(self.status, return_counts=True)
        for state, n in zip(states.tolist(), counts.tolist(), strict=True):
            name = STATES.get(state, "unknown")
            out[name] = out.get(name, 0) + n
        return dict(sorted(out.items()))

    def state(self, row: int) -> str:
        """ "running", "waiting", …"""
        return STATES.get(int(self.status[row]), "unknown")

    def reason(self, row: int) -> str:
        """What a waiting goroutine waits for, in the runtime's words: "chan receive"; "" for all others."""
        if int(self.status[row]) not in (WAITING, LEAKED):
            return ""
        number = int(self.columns["waitreason"][row])
        return self.reasons[number] if number < len(self.reasons) else f"reason {number}"


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
    for name in (*_FIELDS, *_NEWER):
        f = lay.find("runtime.g", name) if name in _NEWER else lay.need("runtime.g", name)
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
        reasons=read_reasons(program),
    )


def read_reasons(program: GoProgram) -> list[str]:
    """runtime.waitReasonStrings: an array of strings, indexed by waitReason."""
    at = program.address("runtime.waitReasonStrings")
    size = program.variable_size("runtime.waitReasonStrings")
    out: list[str] = []
    if at is None or size is None:
        return out
    for i in range(min(size // 16, _MAX_REASONS)):
        try:
            pointer, length = program.space.u64(at + i * 16), program.space.u64(at + i * 16 + 8)
            out.append(program.space.read(pointer, min(length, 100)).decode("utf-8", "replace"))
        except ReadError:
            out.append("")
    return out


def now(program: GoProgram) -> int:
    """The moment of the snapshot by the clock of runtime.nanotime; 0 if unknown.

    Of a core, which has no clock, the latest moment that the runtime itself took note of.
    """
    if program.image.monotonic_ns:
        return program.image.monotonic_ns
    known = [0]
    for symbol, struct, name in (
        ("runtime.memstats", "runtime.mstats", "last_gc_nanotime"),
        ("runtime.sched", "runtime.schedt", "lastpoll"),
    ):
        value = program.field_or_none(program.address(symbol), struct, name)
        if value is not None and value < 1 << 62:
            known.append(value)
    return max(known)
