"""Package variables: which there are, where the linker put them."""

import re
from dataclasses import dataclass

from gosnap.errors import ReadError
from gosnap.values.subject import Subject

_SECTIONS = (
    *(("data", "data", "edata"), ("bss", "bss", "ebss")),
    *(("noptrdata", "noptrdata", "enoptrdata"), ("noptrbss", "noptrbss", "enoptrbss")),
)
_MOST_MODULES = 64


@dataclass(frozen=True)
class Variable:
    """``section``: "data" (has an initial value), "bss" (begins as zero), both with pointers, "noptrdata",
    "noptrbss"; "rodata" for what is none of these."""

    name: str
    row: int
    address: int
    size: int
    section: str


def matching(subject: Subject, pattern: "re.Pattern[str]") -> list[Variable]:
    """The variables whose name matches, by name. Data of the linker's without a name of its own
    ("main..stmp_1") is left out."""
    v = subject.variables
    places = sections(subject)
    found = []
    for row, name in enumerate(v.name):
        if ".." in name or not pattern.search(name):
            continue
        address, type_row = int(v.address[row]), int(v.type[row])
        where = next((s for s, low, high in places if low <= address < high), "rodata")
        found.append(Variable(name, type_row, address, subject.shape(type_row).size, where))
    found.sort(key=lambda f: (f.name, f.address))
    return found


def sections(subject: Subject) -> list[tuple[str, int, int]]:
    """(name, first address, end) of the parts that variables are in, of all modules (runtime.moduledata)."""
    row = subject.type_row("runtime.moduledata")
    at = {m.name: m.offset for m in subject.shape(row).fields}
    out: list[tuple[str, int, int]] = []
    v = subject.variables
    start = next((int(v.address[i]) for i in v.name.find("runtime.firstmoduledata")), 0)
    try:
        for _ in range(_MOST_MODULES):
            if not start or "next" not in at:
                break
            for name, low, high in _SECTIONS:
                if low in at and high in at:
                    first, end = (subject.memory.word(start + at[n]) for n in (low, high))
                    out.append((name, first, end))
            start = subject.memory.word(start + at["next"])
    except ReadError:
        return out
    return out
