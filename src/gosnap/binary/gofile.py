"""What tells a file that Go's linker made from others, where it has neither symbols nor build information."""

import re
from collections import Counter
from collections.abc import Iterator

from gosnap.binary.elf import ElfFile
from gosnap.binary.elfhead import PT_LOAD

_PCHEADER = re.compile(rb"\xf1\xff\xff\xff\0\0[\x01\x02\x04]\x08")
"""go1.20magic of internal/abi/symtab.go, two zeros, the least size of an instruction, that of a pointer."""
_OLDER = re.compile(rb"[\xf0\xfa\xfb]\xff\xff\xff\0\0[\x01\x02\x04]\x08")
"""The same of Go 1.18, 1.16 and 1.2."""
_VERSION = re.compile(rb"go1\.\d{1,3}(?:\.\d{1,3})?(?:(?:rc|beta)\d+)?(?![\d.])")


def has_pclntab(elf: ElfFile) -> bool:
    """Whether a file has what looks like Go's table of functions."""
    return any(next(pclntabs(elf, older), None) is not None for older in (False, True))


def pclntabs(elf: ElfFile, older: bool = False) -> Iterator[int]:
    """Link-time addresses of what looks like the head of a pclntab; ``older``: of a Go before 1.20."""
    pattern = _OLDER if older else _PCHEADER
    for s in elf.segments:
        if s.type == PT_LOAD and s.filesz:
            raw = elf.file_bytes(s.offset, s.filesz)
            for match in pattern.finditer(raw):
                address = s.vaddr + match.start()
                if not address & 7:
                    yield address


def named_version(elf: ElfFile) -> str:
    """The Go version that the read-only data of the file names most often; "" for none.

    For files without build information: the runtime's own version is among its strings
    (runtime.buildVersion).
    """
    seen: Counter[bytes] = Counter()
    for s in elf.segments:
        if s.type == PT_LOAD and s.filesz:
            seen.update(_VERSION.findall(elf.file_bytes(s.offset, s.filesz)))
    # "go1.9" and the like are strings of go/build and of tools; a release has three numbers
    full = Counter({v: n for v, n in seen.items() if v.count(b".") == 2 or b"rc" in v})
    best = (full or seen).most_common(1)
    return best[0][0].decode() if best else ""
