"""What the collector is doing and what it aims at (runtime/mgcpacer.go, runtime/mstats.go,
runtime/mgc.go)."""

from typing import Any

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram

PHASES = {0: "off", 1: "mark", 2: "mark termination"}
NO_LIMIT = (1 << 63) - 1


def gc_state(program: GoProgram) -> dict[str, Any]:
    """Phase, cycles and goals; keys that this Go version does not have are missing."""
    controller = program.address("runtime.gcController")
    memstats = program.address("runtime.memstats")
    phase = program.global_uint("runtime.gcphase", 4)
    out: dict[str, Any] = {"phase": PHASES.get(phase if phase is not None else -1, "unknown")}
    wanted: dict[str, tuple[int | None, str, str]] = {
        "cycles": (memstats, "runtime.mstats", "numgc"),
        "forced_cycles": (memstats, "runtime.mstats", "numforcedgc"),
        "pause_total_ns": (memstats, "runtime.mstats", "pause_total_ns"),
        "last_gc_unix_ns": (memstats, "runtime.mstats", "last_gc_unix"),
        "heap_marked_bytes": (controller, "runtime.gcControllerState", "heapMarked"),
        "heap_live_bytes": (controller, "runtime.gcControllerState", "heapLive"),
        "goal_bytes": (controller, "runtime.gcControllerState", "gcPercentHeapGoal"),
        "gogc": (controller, "runtime.gcControllerState", "gcPercent"),
        "memory_limit_bytes": (controller, "runtime.gcControllerState", "memoryLimit"),
    }
    for key, (base, struct, field) in wanted.items():
        value = program.field_or_none(base, struct, field)
        if value is not None:
            out[key] = value
    # an atomic.Int32: -1 means GOGC=off
    if "gogc" in out and out["gogc"] >= 1 << 31:
        out["gogc"] -= 1 << 32
    if out.get("memory_limit_bytes") == NO_LIMIT:
        del out["memory_limit_bytes"]
    # ^0 in gcPercentHeapGoal: no goal, the collector is off
    if out.get("goal_bytes", 0) >= NO_LIMIT:
        del out["goal_bytes"]
    return out


def processors(program: GoProgram) -> int:
    """How many Ps the scheduler has (runtime.allp), each with an mcache; 0 if unknown."""
    at = program.address("runtime.allp")
    try:
        return program.space.u64(at + 8) if at is not None else 0
    except ReadError:
        return 0
