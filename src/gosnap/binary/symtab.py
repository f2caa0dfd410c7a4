"""All symbols of a kind, by address."""

import numpy as np

from gosnap.binary.elf import ElfFile

STT_OBJECT, STT_FUNC = 1, 2
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("shndx", "<u2"), ("value", "<u8"), ("size", "<u8")]
)


def symbols(elf: ElfFile, kind: int) -> list[tuple[int, int, str]]:
    """(link-time address, size, name) of the defined symbols of a kind that have a size, sorted."""
    raw, strings = elf.section(".symtab"), bytes(elf.section(".strtab"))
    table = np.frombuffer(raw, _SYMBOL, count=len(raw) // _SYMBOL.itemsize)
    rows = table[(table["info"] & 15 == kind) & (table["shndx"] != 0) & (table["size"] > 0)]
    out = []
    for start, value, size in rows[["name", "value", "size"]].tolist():
        end = strings.find(b"\0", start)
        out.append((value, size, strings[start : max(end, start)].decode("utf-8", "replace")))
    return sorted(out)
