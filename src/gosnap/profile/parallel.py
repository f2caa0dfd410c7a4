"""Kernels over large profiles on two threads: they hold no lock of the interpreter.

Threads are those of ``_thread``: importing ``threading`` would cost small profiles more than it gives large
ones.
"""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

LARGE = 2 << 20
"""Work below which a thread costs more than it saves: bytes, or entries of stacks."""
MOST_THREADS = 4


def ranges(n: int, work: int) -> list[tuple[int, int]]:
    """n things as ranges, one for each thread that ``work`` is worth."""
    threads = 1
    if work >= LARGE and n > 1:
        threads = min(len(os.sched_getaffinity(0)), MOST_THREADS, n)
    return [(n * i // threads, n * (i + 1) // threads) for i in range(threads)]


def together(task: Callable[[int, int], T], over: list[tuple[int, int]]) -> list[T]:
    """The task for every range, each on a thread of its own; the first failure is raised when all have
    ended."""
    if len(over) == 1:
        return [task(*over[0])]
    results: list[T | BaseException | None] = [None] * len(over)
    locks = [_thread.allocate_lock() for _ in over]

    def run(place: int) -> None:
        try:
            results[place] = task(*over[place])
        except BaseException as e:
            results[place] = e
        finally:
            locks[place].release()

    for place, lock in enumerate(locks):
        lock.acquire()
        if place:
            _thread.start_new_thread(run, (place,))
    run(0)
    done: list[T] = []
    for place, lock in enumerate(locks):
        lock.acquire()
        result = results[place]
        if isinstance(result, BaseException):
            raise result
        done.append(result)  # type: ignore[arg-type]
    return done
