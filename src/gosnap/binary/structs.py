"""How structures lie in memory: fields, holes, the pointers that the collector looks at, and the order of
fields that takes the least room.

Sizes and offsets are what DWARF says. Alignments, which it does not give, follow from the types for Go
(cmd/compile/internal/types/size.go, go1.21 to go1.27) and for C (System V ABI, amd64 and arm64), and give
way to what the offsets prove: a packed structure's fields are aligned to less.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gosnap.binary.dwarf import CDetails
from gosnap.binary.types import KIND_ARRAY, KIND_NAMES, KIND_STRUCT, TypeTable

POINTER = 8
_COMPLEX = tuple(KIND_NAMES.index(n) for n in ("complex64", "complex128"))
_SCALARS = range(KIND_NAMES.index("bool"), KIND_NAMES.index("complex64"))
_INTERFACE, _POINTER = KIND_NAMES.index("interface"), KIND_NAMES.index("ptr")
_ONE_POINTER = tuple(
    KIND_NAMES.index(n) for n in ("chan", "func", "map", "ptr", "slice", "string", "unsafe.Pointer")
)
"""Kinds whose first word is a pointer, and no other."""
_DEEPEST = 64
_TAG_STRUCT, _TAG_CLASS, _TAG_UNION, _TAG_POINTER, _TAG_ARRAY, _TAG_FUNCTION, _TAG_ENUM = (
    *(0x13, 0x02, 0x17, 0x0F, 0x01, 0x15, 0x04),
)
_TAGS_REFERENCE = (0x10, 0x42)
_BIGGEST_C = 16
"""Alignment of long double and __int128, the largest of C's own types."""
_BASE = 2
_BASE_NAME = "(base)"
_MASK_WORDS = 16
"""Words of a field's mask."""
_ALIGN64 = ("internal/runtime/atomic.align64", "runtime/internal/atomic.align64", "sync/atomic.align64")
_NOT_IN_HEAP = ("internal/runtime/sys.NotInHeap", "runtime/internal/sys.NotInHeap", "runtime/cgo.Incomplete")
_OF_THE_LINKER = re.compile(r"\w+<")
"""Channels and maps as debuggers are told of them, "hchan<int>" (cmd/link/internal/ld/dwarf.go)."""
_DIRECTORIES = re.compile(r"(?:[\w.~%-]+/)+")
_HOST_LAYOUT = "structs.HostLayout"


@dataclass(frozen=True)
class Field:
    """A field: its type as its language writes it, offset, size and alignment in bytes; ``bits`` of a
    bit-field from ``bit`` behind the offset, else 0; ``hole``: padding behind it. Of Go ``pointer_bytes``: up
    to which of its bytes there are pointers, and ``mask``: "1" for each of its first words that is one, else
    "0"."""

    name: str
    type: str
    offset: int
    size: int
    align: int
    hole: int = 0
    embedded: bool = False
    fixed: bool = False
    bit: int = 0
    bits: int = 0
    pointer_bytes: int = 0
    mask: str = ""


@dataclass(frozen=True)
class Struct:
    """A structure.

    ``language``: "Go" or "C" (C++ too); ``kind``: "struct", "class" or "union". ``padding``: bytes that no
    field uses. ``pointer_bytes``: up to which of its bytes the collector looks for pointers
    (abi.Type.PtrBytes), 0 outside Go.
    """

    row: int
    name: str
    language: str
    kind: str
    size: int
    align: int
    fields: tuple[Field, ...]
    padding: int
    pointer_bytes: int

    @property
    def holes(self) -> int:
        """Places of padding, that at the end included."""
        return sum(f.hole > 0 for f in self.fields)


class Structs:
    """The structures of a type table. ``details``: what DWARF has of C's; None where only Go's are known."""

    def __init__(self, types: TypeTable, details: CDetails | None = None) -> None:
        self.types = types
        self._details = details
        self._aligns: dict[int, int] = {}
        self._pointers: dict[int, int] = {}

    # ------------------------------------------------------------------ which there are

    def rows(self) -> list[int]:
        """All structures and unions with a name and a field, one of each that are told alike."""
        t, seen, out = self.types, set[tuple[object, ...]](), list[int]()
        for row in range(1, len(t)):
            if t.field_start[row] == t.field_start[row + 1] or not self._is_struct(row):
                continue
            name = t.name[row]
            if self._is_go(row) and _OF_THE_LINKER.match(name):
                continue
            start, stop = int(t.field_start[row]), int(t.field_start[row + 1])
            same = name, int(t.size[row]), t.field_offset[start:stop].tobytes()
            if name and int(t.size[row]) > 0 and same not in seen:
                seen.add(same)
                out.append(row)
        return out

    def find(self, name: str) -> list[int]:
        """The structures of this name, or behind it as a typedef of C; "struct item" means C's item. Where
        there are none, those that read so without the directories of their import paths."""
        plain = name
        for word in ("struct ", "union ", "class "):
            plain = plain.removeprefix(word)
        rows = [r for r in self.types.name.find(plain) if self._is_struct(r)]
        if self._details is not None:
            d = self._details
            behind = [int(d.alias_type[i]) for i in d.alias_name.find(plain)]
            rows += [r for r in behind if self._is_struct(r) and r not in rows]
        if not rows:
            ends = self.types.name.with_suffix("/" + plain)
            rows = [r for r in ends if self._is_struct(r) and _DIRECTORIES.fullmatch(self._before(r, plain))]
        if plain != name:
            rows = [r for r in rows if not self._is_go(r)]
        out = dict[tuple[object, ...], int]()
        for row in rows:
            s = self.of(row)
            out.setdefault((s.language, s.size, tuple((f.name, f.type, f.offset) for f in s.fields)), row)
        return list(out.values())

    def _before(self, row: int, end: str) -> str:
        return self.types.name[row].removesuffix(end)

    def _is_go(self, row: int) -> bool:
        return int(self.types.kind[row]) != 0

    def _tag(self, row: int) -> int:
        return int(self._details.tag[row]) if self._details is not None else 0

    def _is_struct(self, row: int) -> bool:
        if self._is_go(row):
            return int(self.types.kind[row]) == KIND_STRUCT
        return self._tag(row) in (_TAG_STRUCT, _TAG_CLASS, _TAG_UNION)

    # ------------------------------------------------------------------ one of them

    def of(self, row: int) -> Struct:
        """A structure."""
        t = self.types
        size, language = int(t.size[row]), "Go" if self._is_go(row) else "C"
        kind = {_TAG_CLASS: "class", _TAG_UNION: "union"}.get(
            0 if language == "Go" else self._tag(row), "struct"
        )
        fields = [self._field(i, size) for i in range(int(t.field_start[row]), int(t.field_start[row + 1]))]
        fields = _with_holes(_trimmed(fields), size)
        return Struct(
            row,
            self.type_name(row),
            language,
            kind,
            size,
            self.align(row),
            tuple(fields),
            sum(f.hole for f in fields),
            self.pointer_bytes(row) if language == "Go" else 0,
        )

    def _field(self, i: int, whole: int) -> Field:
        t, d = self.types, self._details
        row, offset, flags = int(t.field_type[i]), int(t.field_offset[i]), int(t.field_flags[i])
        bit, bits = (int(d.bit[i]), int(d.bits[i])) if d is not None else (0, 0)
        size, align = int(t.size[row]), self._field_align(i)
        if bits:
            size = (bit + bits + 7) // 8
        name = t.field_name[i]
        fixed = bool(flags & _BASE) or name.startswith("_vptr")
        if flags & _BASE:
            name = _BASE_NAME
            # an empty base class takes no room
            empty = t.field_start[row] == t.field_start[row + 1]
            size = 0 if empty and size == 1 else size
        return Field(
            name,
            self.type_name(row),
            offset,
            max(min(size, whole - offset), 0),
            align,
            embedded=bool(flags & 1),
            fixed=fixed,
            bit=bit,
            bits=bits,
            pointer_bytes=self.pointer_bytes(row),
            mask="".join(map(str, self.pointer_mask(row, _MASK_WORDS))),
        )

    def _field_align(self, i: int) -> int:
        t, d = self.types, self._details
        align = self.align(int(t.field_type[i]))
        if d is not None:
            align = max(align, int(d.field_align[i]))
            if d.bits[i]:
                return align
        offset = int(t.field_offset[i])
        return align if offset % align == 0 else offset & -offset

    def align(self, row: int, depth: int = 0) -> int:
        """A type's alignment in bytes."""
        if row not in self._aligns:
            self._aligns[row] = 1  # what refers to itself
            self._aligns[row] = self._align(row, depth)
        return self._aligns[row]

    def _align(self, row: int, depth: int) -> int:
        t = self.types
        kind, size = int(t.kind[row]), int(t.size[row])
        if depth > _DEEPEST or row == 0:
            return 1
        if kind in _SCALARS:
            return max(size & -size, 1)
        if kind in _COMPLEX:
            return size // 2
        if kind == KIND_ARRAY or (kind == 0 and self._tag(row) == _TAG_ARRAY):
            return self.align(int(t.elem[row]), depth + 1)
        if kind == KIND_STRUCT and t.name[row] in _ALIGN64:
            return 8
        start, stop = int(t.field_start[row]), int(t.field_start[row + 1])
        if kind == KIND_STRUCT or (kind == 0 and self._is_struct(row)):
            align = 1
            for i in range(start, stop):
                own = self.align(int(t.field_type[i]), depth + 1)
                offset = int(t.field_offset[i])
                if self._details is not None:
                    own = max(own, int(self._details.field_align[i]))
                    if self._details.bits[i]:
                        offset = 0
                align = max(align, own if offset % own == 0 else offset & -offset)
            if self._details is not None:
                align = max(align, int(self._details.align[row]))
            return align if size % align == 0 else max(size & -size, 1)
        if kind == 0:
            return min(max(size & -size, 1), _BIGGEST_C)
        return POINTER

    # ------------------------------------------------------------------ pointers

    def pointer_bytes(self, row: int, depth: int = 0) -> int:
        """Up to which byte of a value of Go there are pointers; 0 for none (abi.Type.PtrBytes;
        cmd/compile/internal/types.PtrDataSize)."""
        if row not in self._pointers:
            self._pointers[row] = 0
            self._pointers[row] = self._pointer_bytes(row, depth)
        return self._pointers[row]

    def _pointer_bytes(self, row: int, depth: int) -> int:
        t = self.types
        kind = int(t.kind[row])
        if kind == KIND_ARRAY and depth < _DEEPEST:
            inner = self.pointer_bytes(int(t.elem[row]), depth + 1)
            return (int(t.length[row]) - 1) * int(t.size[int(t.elem[row])]) + inner if inner else 0
        if kind == KIND_STRUCT and depth < _DEEPEST:
            for i in range(int(t.field_start[row + 1]) - 1, int(t.field_start[row]) - 1, -1):
                inner = self.pointer_bytes(int(t.field_type[i]), depth + 1)
                if inner:
                    return int(t.field_offset[i]) + inner
            return 0
        if kind == _INTERFACE:
            return 2 * POINTER
        if kind == _POINTER and self._not_in_heap(int(t.elem[row])):
            return 0
        return POINTER if kind in _ONE_POINTER else 0

    def _not_in_heap(self, row: int, depth: int = 0) -> bool:
        """Whether values of a type are never in the heap, so that pointers to them are nothing to the
        collector: what has a marker for it in it (cmd/compile/internal/types/size.go, NotInHeap)."""
        t = self.types
        kind = int(t.kind[row])
        if depth > _DEEPEST:
            return False
        if kind == KIND_ARRAY:
            return self._not_in_heap(int(t.elem[row]), depth + 1)
        if kind != KIND_STRUCT:
            return False
        return t.name[row] in _NOT_IN_HEAP or any(
            self._not_in_heap(int(t.field_type[i]), depth + 1)
            for i in range(int(t.field_start[row]), int(t.field_start[row + 1]))
        )

    def pointer_mask(self, row: int, words: int) -> list[int]:
        """1 for each of the first words of a value of Go that the collector takes for a pointer, else 0
        (cmd/compile/internal/reflectdata, dgcptrmask). The first word of an interface is none to it: what it
        points at is never in the heap."""
        out = [0] * min(words, self.pointer_bytes(row) // POINTER)
        self._mark(row, 0, out, 0)
        return out

    def _mark(self, row: int, at: int, out: list[int], depth: int) -> None:
        t = self.types
        kind = int(t.kind[row])
        if depth > _DEEPEST or at // POINTER >= len(out) or not self.pointer_bytes(row):
            return
        if kind == KIND_ARRAY:
            size = int(t.size[int(t.elem[row])])
            for i in range(min(int(t.length[row]), (len(out) * POINTER - at) // size + 1)):
                self._mark(int(t.elem[row]), at + i * size, out, depth + 1)
        elif kind == KIND_STRUCT:
            for i in range(int(t.field_start[row]), int(t.field_start[row + 1])):
                self._mark(int(t.field_type[i]), at + int(t.field_offset[i]), out, depth + 1)
        else:
            word = at // POINTER + (kind == _INTERFACE)
            if word < len(out):
                out[word] = 1

    # ------------------------------------------------------------------ names

    def type_name(self, row: int, depth: int = 0) -> str:
        """A type as its language writes it."""
        t = self.types
        name = t.name[row]
        if name or self._is_go(row) or depth > _DEEPEST:
            return name
        if row == 0:
            return "void"
        tag, elem = self._tag(row), int(t.elem[row])
        if tag == _TAG_POINTER or tag in _TAGS_REFERENCE:
            mark = "*" if tag == _TAG_POINTER else "&"
            if self._tag(elem) == _TAG_FUNCTION:
                return f"function {mark}"
            inner = self.type_name(elem, depth + 1)
            return inner + mark if inner.endswith(("*", "&")) else f"{inner} {mark}"
        if tag == _TAG_ARRAY:
            return f"{self.type_name(elem, depth + 1)}[{int(t.length[row])}]"
        return {_TAG_UNION: "union {…}", _TAG_CLASS: "class {…}", _TAG_ENUM: "enum {…}"}.get(
            tag, "struct {…}" if tag == _TAG_STRUCT else "?"
        )


def _trimmed(fields: list[Field]) -> list[Field]:
    """A base class without the padding at its end where other fields lie in that (Itanium C++ ABI, 2.4)."""
    return [
        replace(f, size=min([f.size, *(g.offset - f.offset for g in fields if g.offset > f.offset)]))
        if f.name == _BASE_NAME
        else f
        for f in fields
    ]


def _with_holes(fields: Sequence[Field], size: int) -> list[Field]:
    """The same fields with the padding behind each; those at one place, as in unions, share it."""
    end = 0
    order = sorted(range(len(fields)), key=lambda i: (fields[i].offset, fields[i].bit, i))
    last = -1
    holes = [0] * len(fields)
    for i in order:
        f = fields[i]
        if f.offset > end and last >= 0:
            holes[last] = f.offset - end
        if f.offset + f.size >= end:
            end, last = f.offset + f.size, i
    if last >= 0 and end < size:
        holes[last] += size - end
    return [replace(f, hole=h) for f, h in zip(fields, holes, strict=True)]


# ---------------------------------------------------------------------- a better order


@dataclass(frozen=True)
class Better:
    """The order of fields that takes least room, at their new offsets, with the structure's size then."""

    fields: tuple[Field, ...]
    size: int
    pointer_bytes: int


def better_order(s: Struct) -> Better | None:
    """The order of fields that makes a structure smallest, and puts its pointers first among those that do;
    None where it is as good as that already, for unions, and where Go is told to keep C's order
    (structs.HostLayout).

    By alignment downwards nothing lies between two fields, since each one's size is a multiple of its
    alignment; where C says otherwise (alignas, bit-fields), smaller ones fill what is free. In Go a field of
    no size goes first: at the end it would cost a byte, so that a pointer to it does not point behind the
    object (cmd/compile/internal/types/size.go, CalcStructSize).
    """
    if s.kind == "union" or any(_HOST_LAYOUT in f.type for f in s.fields):
        return None
    units = _units(s.fields)
    end = 0
    gaps: list[tuple[int, int]] = []
    placed: list[Field] = []
    for unit in sorted(units, key=_rank):
        align, first = max(f.align for f in unit), unit[0].offset
        width = max(f.offset + f.size for f in unit) - first
        # what alignas or bit-fields left free
        fits = [(low, high) for low, high in gaps if width and _up(low, align) + width <= high]
        if fits:
            gaps.remove(fits[0])
            low, high = fits[0]
            start = _up(low, align)
            gaps += [(low, start), (start + width, high)]
        else:
            start = _up(end, align)
            gaps.append((end, start))
            end = start + width
        placed += [replace(f, offset=start + f.offset - first) for f in unit]
    placed.sort(key=lambda f: (f.offset, f.bit))
    pointers = max((f.offset + f.pointer_bytes for f in placed if f.pointer_bytes), default=0)
    if s.language == "Go" and placed and not placed[-1].size and end:
        end += 1
    size = _up(end, s.align)
    gain = s.size - size
    if gain < 0 or (not gain and not pointers < s.pointer_bytes):
        return None
    return Better(tuple(_with_holes(placed, size)), size, pointers if s.language == "Go" else 0)


def _units(fields: Sequence[Field]) -> list[list[Field]]:
    """Fields that stay together: neighbouring bit-fields; each other one alone."""
    units: list[list[Field]] = []
    for f in fields:
        if f.bits and units and units[-1][-1].bits:
            units[-1].append(f)
        else:
            units.append([f])
    return units


def _rank(unit: list[Field]) -> tuple[int, ...]:
    """Sort key: base classes and their tables, then what has no size, then by alignment; pointers first,
    those with the least behind their last one before others."""
    first = unit[0]
    size = max(f.offset + f.size for f in unit) - first.offset
    if first.fixed:
        return (0,)
    behind = size - first.pointer_bytes
    return (
        1,
        size > 0,
        -max(f.align for f in unit),
        not first.pointer_bytes,
        behind if first.pointer_bytes else 0,
    )


def _up(n: int, align: int) -> int:
    return -(-n // align) * align
