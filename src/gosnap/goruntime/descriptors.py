"""Descriptors of Go types (abi.Type) as the linker laid them out in a program's read-only data.

Source: internal/abi/type.go and map_*.go, the same in Go 1.21 to 1.27. They lie among other data, and are
found by what every field of one must be (and each refers to others that must be ones, too). Some of them the
program lists itself, which proves the search.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, ReadError

if TYPE_CHECKING:
    from gosnap.goruntime.program import GoProgram

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

ARRAY, CHAN, FUNC, INTERFACE, MAP, POINTER, SLICE, STRING, STRUCT, UNSAFE = (
    *(17, 18, 19, 20, 21, 22),
    *(23, 24, 25, 26),
)
_SIZES = {
    **dict.fromkeys((1, 3, 8), 1),  # bool, int8, uint8
    **dict.fromkeys((4, 9), 2),
    **dict.fromkeys((5, 10, 13), 4),
    **dict.fromkeys((2, 6, 7, 11, 12, 14, 15, CHAN, FUNC, MAP, POINTER, UNSAFE), 8),
    **dict.fromkeys((16, INTERFACE, STRING), 16),
    SLICE: 24,
}
"""Bytes of a value by its kind; arrays and structures have their own."""
_DESCRIPTOR = {
    ARRAY: 72,
    CHAN: 64,
    FUNC: 56,
    INTERFACE: 80,
    POINTER: 56,
    SLICE: 56,
    STRUCT: 80,
}
"""Bytes of a descriptor before its abi.UncommonType, by kind; others 48, a map's by the layouts."""
_TYPE = 48
UNCOMMON, EXTRA_STAR, NAMED = 1, 2, 4
EMBEDDED = 8
_MOST_REGION = 1 << 30
MOST_ITEMS = 1 << 16
_MOST_NAME = 1 << 14


class Descriptors:
    """The region of a module that holds type descriptors, and where in it they are."""

    def __init__(self, program: "GoProgram") -> None:
        module = program.modules[0]
        self.base = module.types
        self.program = program
        size = module.etypes - module.types
        if not 0 < size <= _MOST_REGION:
            raise GosnapError(
                f"{program.image.exe_label}: the program's types at {module.types:#x} make {size:,} bytes",
                "is this the executable that the process or core was running?",
            )
        self.raw = bytes(program.space.view(module.types, size))
        self.bytes: U8 = np.frombuffer(self.raw, np.uint8)
        self.at: I64 = self._search()
        self._check()

    def u64(self, at: int) -> int:
        """A word at an offset in the region; 0 outside of it."""
        return int.from_bytes(self.raw[at : at + 8], "little")

    def offset(self, address: int) -> int:
        """The offset of an address in the region; -1 for one elsewhere."""
        at = address - self.base
        return at if 0 <= at < len(self.raw) else -1

    def name_at(self, at: int) -> tuple[str, int]:
        """(name, flags) of the abi.Name at an offset: flags, a varint length, the bytes."""
        if not 0 <= at < len(self.raw) - 2:
            return "", 0
        flags, length, shift, i = self.raw[at], 0, 0, at + 1
        while i < len(self.raw) and shift < 21:
            length |= (self.raw[i] & 0x7F) << shift
            shift += 7
            i += 1
            if self.raw[i - 1] < 0x80:
                break
        if length > _MOST_NAME:
            return "", 0
        return self.raw[i : i + length].decode("utf-8", "replace"), flags

    def _search(self) -> I64:
        """Offsets of all that can be a descriptor, sorted."""
        b = self.bytes
        n = (len(b) - _TYPE) // 8
        if n <= 0:
            return np.zeros(0, np.int64)
        words = np.frombuffer(self.raw, "<u8", count=len(self.raw) // 8)
        at = np.arange(n, dtype=np.int64)
        size, pointers, gcdata = words[at], words[at + 1], words[at + 4]
        kind, align, falign, tflag = (b[at * 8 + k] for k in (23, 21, 22, 20))
        # bits 5 to 7 of Kind_ are flags until Go 1.26
        kind = kind & np.uint8(31)
        ok = (kind >= 1) & (kind <= UNSAFE) & (align == falign) & np.isin(align, (1, 2, 4, 8))
        ok &= (pointers <= size) & (pointers & np.uint64(7) == 0) & (size < np.uint64(1 << 40))
        ok &= (tflag & np.uint8(0xC0)) == 0
        ok &= (pointers == 0) | (gcdata != 0)
        at = at[ok]
        kind, size = kind[ok], size[ok]
        wanted = np.full(UNSAFE + 1, -1, np.int64)
        for k, n_bytes in _SIZES.items():
            wanted[k] = n_bytes
        ok = (wanted[kind] < 0) | (wanted[kind].astype(np.uint64) == size)
        at = at[ok] * 8
        # Str: the offset of an abi.Name, which has flags below 16 and at least one byte, none of them NUL
        where = np.frombuffer(self.raw, "<i4", count=len(self.raw) // 4)[at // 4 + 10].astype(np.int64)
        ok = (where > 0) & (where < len(b) - 4)
        at, where = at[ok], where[ok]
        first = b[where + 2 + (b[where + 1] >> 7)]
        ok = (b[where] < 16) & (b[where + 1] > 0) & (first > 32)
        at = at[ok]
        # Equal: a func value's address in read-only data, or none
        equal = words[at // 8 + 3]
        low, high = self.program.extent
        ok = (equal == 0) | (
            (equal >= np.uint64(low)) & (equal < np.uint64(high)) & (equal & np.uint64(7) == 0)
        )
        at = at[ok]
        refer = self._refer(at, words, b[at + 23] & np.uint8(31))
        out: I64 = at[refer]
        return out

    def _refer(self, at: I64, words: npt.NDArray[np.uint64], kind: U8) -> npt.NDArray[np.bool_]:
        """Which of the candidates refer, where their kind says so, only to candidates."""
        good = np.ones(len(at), bool)
        needs = np.isin(kind, (ARRAY, CHAN, POINTER, SLICE, MAP))
        for _ in range(8):
            known = at[good] + self.base
            place = at // 8 + 6
            elem = words[np.minimum(place, len(words) - 1)]
            found = np.isin(elem, known.astype(np.uint64))
            key = words[np.minimum(place + 1, len(words) - 1)]
            found &= (kind != MAP) | np.isin(key, known.astype(np.uint64))
            now = good & (~needs | found)
            if bool((now == good).all()):
                break
            good = now
        return good

    def _check(self) -> None:
        """GosnapError where a type that the program lists is not among those that were found."""
        label = self.program.image.exe_label
        if not len(self.at):
            raise GosnapError(
                f"{label}: no type descriptor in the program's types at {self.base:#x}",
                "is this the executable that was running? If so, please report it with the Go version",
            )
        listed = self._listed()
        missing = int((~np.isin(listed, self.at)).sum())
        if not len(listed) or missing:
            raise GosnapError(
                f"{label}: of {len(listed):,} types that the program lists, {missing:,} cannot be read",
                "this build of Go is not known to gosnap; please report it with the Go version",
            )

    def _listed(self) -> I64:
        """Offsets of the types that the program itself lists: by moduledata.typelinks, from Go 1.27 on one
        behind the other from the first word on (runtime/type.go, moduleTypelinks)."""
        program, address = self.program, self.program.modules[0].address
        links = program.layouts.find("runtime.moduledata", "typelinks")
        if links is not None:
            try:
                pointer, count = (program.space.u64(address + links.offset + i) for i in (0, 8))
                raw = program.space.read(pointer, count * 4) if count < _MOST_REGION else b""
            except ReadError:
                raw = b""
            return np.frombuffer(raw, "<i4").astype(np.int64)
        end = program.field_or_none(address, "runtime.moduledata", "typedesclen") or 0
        out, at = [], 8
        while at < min(end, len(self.raw) - _TYPE):
            out.append(at)
            at = (at + self._size(at) + 7) & -8
        return np.array(out, np.int64)

    def _size(self, at: int) -> int:
        """Bytes of a descriptor with all that belongs to it (abi.Type.DescriptorSize)."""
        kind = self.raw[at + 23] & 31
        own = self.own_size(kind)
        half = [int.from_bytes(self.raw[i : i + 2], "little") for i in (at + 48, at + 50)]
        if kind == FUNC:
            more = (half[0] + (half[1] & 0x7FFF)) * 8
        elif kind in (INTERFACE, STRUCT):
            more = min(self.u64(at + 64), MOST_ITEMS) * (8 if kind == INTERFACE else 24)
        else:
            more = 0
        if self.raw[at + 20] & UNCOMMON:
            methods = int.from_bytes(self.raw[at + own + 4 : at + own + 6], "little")
            more += 16 + methods * 16
        return own + more

    def own_size(self, kind: int) -> int:
        """Bytes of a descriptor of a kind before its abi.UncommonType."""
        if kind == MAP:
            return self.program.layouts.size(map_type(self.program))
        return _DESCRIPTOR.get(kind, _TYPE)


def map_type(program: "GoProgram") -> str:
    """The structure that describes a map type in this Go version."""
    names = ("internal/abi.MapType", "internal/abi.SwissMapType", "internal/abi.OldMapType")
    return next((m for m in names if program.layouts.has(m)), names[0])
