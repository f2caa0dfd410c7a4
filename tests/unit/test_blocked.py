"""What goroutines that block in a send want to send."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from gosnap.errors import ReadError
from gosnap.goruntime.blocked import values_to_send
from gosnap.goruntime.goroutines import LEAKED, WAITING, Goroutines
from gosnap.goruntime.program import GoProgram

RUNNABLE = 1
ELEM, CHANNEL, ELEMTYPE = 24, 80, 32


class Memory(dict[int, int]):
    """Words by address."""

    def u64(self, address: int) -> int:
        if address not in self:
            raise ReadError(f"{address:#x}")
        return self[address]


def program(words: dict[int, int], *, elemtype: bool = True) -> GoProgram:
    offsets = {"elem": ELEM, "c": CHANNEL}
    layouts = SimpleNamespace(
        need=lambda _, field: SimpleNamespace(offset=offsets[field]),
        find=lambda *_: SimpleNamespace(offset=ELEMTYPE) if elemtype else None,
    )
    return cast(GoProgram, SimpleNamespace(layouts=layouts, space=Memory(words)))


class Table:
    """Goroutines: (status, reason, the first of their sudogs)."""

    def __init__(self, *rows: tuple[int, str, int]) -> None:
        self._rows = rows
        self.status = np.array([r[0] for r in rows])

    def __getitem__(self, name: str) -> Any:
        assert name == "waiting"
        return np.array([r[2] for r in self._rows])

    def reason(self, row: int) -> str:
        return self._rows[row][1]


def test_the_value_and_the_type_of_the_channel() -> None:
    words = {0x1000 + ELEM: 0xC0, 0x1000 + CHANNEL: 0x2000, 0x2000 + ELEMTYPE: 0x77}
    words |= {0x3000 + ELEM: 0, 0x3000 + CHANNEL: 0x2000}  # nothing to send
    words |= {0x4000 + ELEM: 0xD0, 0x4000 + CHANNEL: 0}  # no channel: a semaphore's
    rows = [
        (WAITING, "chan send", 0x1000),
        (LEAKED, "chan send", 0x1000),
        # what is received is not there yet; in a select nobody knows
        (WAITING, "chan receive", 0x1000),
        (WAITING, "select", 0x1000),
        (RUNNABLE, "chan send", 0x1000),
        (WAITING, "chan send", 0),
        (WAITING, "chan send", 0x3000),
        (WAITING, "chan send", 0x4000),
        (WAITING, "chan send", 0x5000),  # not readable
    ]
    table = cast(Goroutines, Table(*rows))
    assert values_to_send(program(words), table) == [(0xC0, 0x77), (0xC0, 0x77)]
    assert values_to_send(program(words, elemtype=False), table) == []
