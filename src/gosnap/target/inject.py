"""Running one system call in a thread of a Go program, so that dying half way does no harm.

The thread is one that waits in ``runtime.futex``. Its frame has size 0, its code after the call is
``MOVL AX, ret+40(FP); RET`` and the calling convention (ABI0) has no callee-saved registers, so everything
but the stack pointer is dead there; both callers (futexsleep, futexwakeup in os_linux.go) take any positive
result as a wake-up and look at their condition again (runtime/sys_linux_amd64.s, os_linux.go,
lock_futex.go; go1.21 to go1.27).

- ``wait4`` is run by that very ``SYSCALL`` instruction: a thread that is left alone with these registers
  returns the child's PID to futexsleep: a spurious wake-up.
- ``clone`` is run by the ``SYSCALL`` of ``runtime.clone``, which has the same frame and the same code after
  the call in the parent, ``ret+40(FP)`` too: again a spurious wake-up. The child, left alone, finds R13 (m)
  = 0, skips the set-up of a Go thread and calls R12, which points at the code behind that call:
  ``exit(111)``. It runs on stack space below the thread's own, in its private copy of the memory.

So at no instant do the registers hold something that would run wild, and nothing is written into the
target's memory.
Afterwards the interrupted wait is restarted as the kernel would have done (arch/x86/kernel/signal.c).
"""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gosnap._kernels import copy
from gosnap.binary import elfhead
from gosnap.errors import GosnapError
from gosnap.target import procfs
from gosnap.target.image import REGISTERS
from gosnap.target.space import U64

R13, R12, R10, R9, R8 = (REGISTERS.index(r) for r in ("r13", "r12", "r10", "r9", "r8"))
RAX, RDX, RSI, RDI = (REGISTERS.index(r) for r in ("rax", "rdx", "rsi", "rdi"))
ORIG_RAX, RIP, RSP = (REGISTERS.index(r) for r in ("orig_rax", "rip", "rsp"))

SYS_CLONE, SYS_WAIT4, SYS_FUTEX, SYS_RESTART = 56, 61, 202, 219
WALL, WNOHANG, NOTHREAD = 0x40000000, 1, 0x20000000

# SYSCALL; MOVL AX, 0x30(SP); RET
FUTEX_CODE = bytes.fromhex("0f05 89442430 c3")
# MOVL $56, AX; SYSCALL; CMPQ AX, $0; JEQ 3(PC); MOVL AX, 0x30(SP); RET; MOVQ SI, SP; CMPQ R13, $0; JEQ
CLONE_CODE = bytes.fromhex("b838000000 0f05 4883f800 7405 89442430 c3 4889f4 4983fd00 74")
# CALL R12; MOVL $111, DI; MOVL $60, AX; SYSCALL
CLONE_EXIT = bytes.fromhex("41ffd4 bf6f000000 b83c000000 0f05")

_RESTART_PLAIN = {-512, -513, -514}  # ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND (<linux/errno.h>)
_RESTART_BLOCK = -516
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class CloneSite:
    """Addresses in runtime.clone of a running program."""

    syscall: int
    exit: int


def find_clone(pid: int, exe: str, label: str) -> CloneSite | None:
    """Looks for runtime.clone in the program's text; None when it is not there as it is known."""
    with open(exe, "rb") as f:
        head = elfhead.read_head(f, label)
        loads = [s for s in head.segments if s.type == elfhead.PT_LOAD]
        for segment in loads:
            if not segment.flags & elfhead.PF_X:
                continue
            step, overlap = 4 << 20, 256
            for at in range(0, segment.filesz, step):
                f.seek(segment.offset + at)
                raw = f.read(min(step + overlap, segment.filesz - at))
                found = raw.find(CLONE_CODE)
                if found < 0 or found >= step:
                    continue
                jump = found + len(CLONE_CODE)  # the displacement of JEQ nog2
                if jump + 1 > len(raw):
                    continue
                nog2 = jump + 1 + struct.unpack_from("b", raw, jump)[0]
                # m is nil and the jump goes to nog1's successor, the CALL of fn.
                if raw[nog2 : nog2 + len(CLONE_EXIT)] != CLONE_EXIT:
                    continue
                base = segment.vaddr + at + _bias(pid, head)
                return CloneSite(base + found + 5, base + nog2 + 3)
    return None


def _bias(pid: int, head: elfhead.ElfHead) -> int:
    """Load address minus link address, from the entry point in the auxiliary vector (AT_ENTRY,
    getauxval(3))."""
    if head.type != elfhead.ET_DYN:
        return 0
    raw = Path(f"/proc/{pid}/auxv").read_bytes()
    for kind, value in struct.iter_unpack("<QQ", raw[: len(raw) // 16 * 16]):
        if kind == 9:
            return int(value) - head.entry
    return 0


def parked(pid: int, tracer: copy.Tracer, registers: U64, tids: list[int]) -> list[int]:
    """Indexes of stopped threads that wait in runtime.futex without a time limit first, then with one."""
    ready: list[tuple[int, int]] = []
    signals = tracer.signals()
    for i, tid in enumerate(tids):
        row = registers[i]
        if int(row[ORIG_RAX]) != SYS_FUTEX or signals.get(tid, (1, 1)) != (0, 0):
            continue
        if _signed(int(row[RAX])) not in _RESTART_PLAIN | {_RESTART_BLOCK}:
            continue
        if _peek(pid, int(row[RIP]) - 2, len(FUTEX_CODE)) == FUTEX_CODE:
            ready.append((0 if int(row[R10]) == 0 else 1, i))
    return [i for _, i in sorted(ready)]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _peek(pid: int, address: int, size: int) -> bytes:
    out = np.zeros(size, dtype=np.uint8)
    row = [np.array([v], dtype=np.uint64) for v in (address, out.ctypes.data, size)]
    try:
        copied, _ = copy.copy_ranges(pid, row[0], row[1], row[2], 0, 1, 0.0)
    except OSError:
        return b""
    return out.tobytes() if copied == size else b""


def restarted(row: U64) -> U64:
    """The registers with which a thread takes up its interrupted wait, as the kernel itself would set
    them."""
    out = row.copy()
    out[RAX] = SYS_RESTART if _signed(int(row[RAX])) == _RESTART_BLOCK else SYS_FUTEX
    out[RIP] = int(row[RIP]) - 2
    out[ORIG_RAX] = _MASK
    return out


def clone_registers(row: U64, site: CloneSite) -> U64:
    """clone(0, stack): a copy of the process that sends no signal when it ends."""
    out = row.copy()
    out[RAX], out[RIP], out[ORIG_RAX] = SYS_CLONE, site.syscall, _MASK
    out[RDI] = out[RDX] = out[R10] = out[R8] = 0
    # The child's own stack, for the one return address that its CALL pushes.
    out[RSI] = (int(row[RSP]) - 512) & ~15
    out[R13], out[R9], out[R12] = 0, 0, site.exit
    return out


def wait_registers(row: U64, child: int) -> U64:
    """wait4(child, NULL, __WALL|WNOHANG, NULL) by the futex call's own instruction; ``child`` as the target
    numbers
    it."""
    out = row.copy()
    out[RAX], out[RIP], out[ORIG_RAX] = SYS_WAIT4, int(row[RIP]) - 2, _MASK
    out[RDI], out[RSI], out[RDX], out[R10] = child, 0, WALL | WNOHANG, 0
    return out


def leftovers(pid: int, since: int) -> list[int]:
    """Children of a process that send no signal when they end and began at or after ``since`` (ticks): our
    clones."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            candidates = task.read_text().split()
        except OSError:
            continue
        for text in candidates:
            fields = procfs.stat_fields(int(text))
            # proc(5): ppid is field 4, starttime 22, exit_signal 38; the list begins with field 3.
            if len(fields) > 35 and fields[1] == str(pid) and fields[35] == "0" and int(fields[19]) >= since:
                found.append(int(text))
    return found


def _number_there(pid: int, child: int) -> int:
    """The PID that a child has in its parent's own PID namespace, which need not be ours; 0 if it is gone.

    NSpid (proc(5)) lists a process's numbers from our namespace inwards.
    """
    depth = len(procfs.status(pid).get("NSpid", "").split())
    numbers = procfs.status(child).get("NSpid", "").split()
    return int(numbers[depth - 1]) if 0 < depth <= len(numbers) else 0


def collect(pid: int, child: int, seconds: float) -> bool:
    """Has the target wait for a child that has ended, by one thread, stopped for a fraction of a
    millisecond."""
    from gosnap.target.stop import run_stopped

    number = _number_there(pid, child)
    if not number:
        return not procfs.stat_fields(child)
    deadline = copy.monotonic() + seconds
    while copy.monotonic() < deadline:
        for tid in _waiting(pid):
            if not procfs.stat_fields(child):
                return True

            def one(tracer: copy.Tracer, tid: int = tid) -> int:
                registers = np.zeros((1, 27), dtype=np.uint64)
                tracer.registers(tid, registers[0])
                if not parked(pid, tracer, registers, [tid]):
                    return 0
                result, _ = tracer.inject(
                    tid, restarted(registers[0]), wait_registers(registers[0], number), 1.0
                )
                return result

            try:
                result, _, _ = run_stopped(pid, one, only=tid, watchdog=5.0)
            except GosnapError:
                continue
            if result == number:
                return True
        if not procfs.stat_fields(child):
            return True
        time.sleep(0.002)
    return False


def _waiting(pid: int) -> list[int]:
    """Threads that are in a futex call now, by /proc/PID/task/TID/syscall; all threads where it cannot be
    read."""
    tids: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "syscall").read_text()
        except OSError:
            text = f"{SYS_FUTEX} "
        if text.startswith(f"{SYS_FUTEX} "):
            tids.append(int(task.name))
    return tids
