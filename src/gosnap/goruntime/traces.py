"""Stack traces as the runtime prints them; goroutines that stand in the same place share one."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap.goruntime.functions import Functions, Line
from gosnap.goruntime.goroutines import Goroutines
from gosnap.goruntime.stacks import Frame, Stack

Trace = tuple[Line, ...]


@dataclass
class Traces:
    """``of``: u32 per goroutine, its row in ``traces`` (innermost line first). ``created``: where each was
    started, None for the first one and for those of C. ``frame_lines``: for each goroutine's frames, the line
    of the frame's own function: calls that were inlined into it come before."""

    of: npt.NDArray[np.uint32]
    traces: list[Trace]
    created: list[Line | None]
    frame_lines: list[tuple[int, ...]]


def read_traces(functions: Functions, goroutines: Goroutines, stacks: list[Stack]) -> Traces:
    """The traces of all goroutines."""
    lines: dict[int, list[Line]] = {}
    by_place: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {}
    frame_lines = []
    rows: dict[Trace, int] = {}
    of = np.zeros(len(goroutines), np.uint32)
    for row, stack in enumerate(stacks):
        place = tuple(f.call_pc for f in stack.frames)
        if place not in by_place:
            parts = [_lines(lines, f) for f in stack.frames]
            trace = tuple(line for part in parts for line in part)
            ends = tuple(n - 1 for n in itertools.accumulate(len(part) for part in parts))
            by_place[place] = rows.setdefault(trace, len(rows)), ends
        of[row], ends = by_place[place]
        frame_lines.append(ends)
    # the first one was started by assembly; tracebacks do not say so either
    created = [
        _created(functions, pc) if number != 1 else None
        for number, pc in zip(goroutines["goid"].tolist(), goroutines["gopc"].tolist(), strict=True)
    ]
    return Traces(of, list(rows), created, frame_lines)


def _lines(known: dict[int, list[Line]], frame: Frame) -> list[Line]:
    if frame.call_pc not in known:
        known[frame.call_pc] = frame.function.lines(frame.call_pc)
    return known[frame.call_pc]


def _created(functions: Functions, pc: int) -> Line | None:
    """The go statement: g.gopc is the return address of its call (runtime/traceback.go, printcreatedby)."""
    function = functions.find(pc)
    if function is None or pc <= function.entry:
        return None
    found = function.lines(pc - 1)
    return found[-1] if found else None


def shown(function: str) -> bool:
    """Whether runtime.Stack shows a function: not the runtime's own, but for what it exports
    (runtime/traceback.go, showfuncinfo, isExportedRuntime)."""
    if not function.startswith("runtime."):
        return True
    name = function.rpartition(".")[2]
    return name[:1].isupper() and function not in {"runtime.gopanic", "runtime.Goexit"}
