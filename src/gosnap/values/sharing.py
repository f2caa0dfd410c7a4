"""Who else uses the array of a slice."""

import numpy as np

from gosnap.values.subject import KINDS, Subject

_MOST = 20


def sharers(subject: Subject, own: int, array: int, size: int) -> list[str]:
    """Package variables whose slices lie in [array, array + size), and in a snapshot whatever else points
    there:
    "main.recent (len 5, cap 8)", "main.User.Tags in 0xc000123400". ``own``: the address of the slice that is
    asked about."""
    out: list[str] = []
    v, t = subject.variables, subject.types
    rows = np.flatnonzero(t.kind[v.type] == KINDS.index("slice"))
    addrs = v.address[rows]
    raw, ok = subject.memory.gather(addrs, 24)
    heads = raw.view("<u8").reshape(-1, 3)
    for row, at, head, there in zip(rows.tolist(), addrs.tolist(), heads.tolist(), ok.tolist(), strict=True):
        elem = subject.shape(subject.shape(int(v.type[row])).elem).size
        first, length, capacity = head
        if not there or at == own or not elem or not first or capacity >= 1 << 47:
            continue
        if first < array + size and array < first + max(capacity, 1) * elem:
            out.append(f"{v.name[row]} (len {length:,}, cap {capacity:,})")
    if subject.holders is not None:
        out += [h for h in subject.holders(array, own) if h not in out]
    return out[:_MOST]
