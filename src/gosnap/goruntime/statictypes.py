"""Go's static types without DWARF: the descriptors that the running program has of its own types.

Names, fields and elements are in the descriptors; what maps and channels are made of is in the layouts; what
package variables and closures are the code tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap.binary.dwarf import Closures
from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.errors import ReadError
from gosnap.goruntime.codetypes import ARRAY as ARRAY_OF
from gosnap.goruntime.codetypes import CHAN as CHAN_OF
from gosnap.goruntime.codetypes import INSIDE as INSIDE_OF
from gosnap.goruntime.codetypes import MAP as MAP_OF
from gosnap.goruntime.codetypes import POINTER as POINTER_TO
from gosnap.goruntime.codetypes import CodeTypes, Held
from gosnap.goruntime.descriptors import (
    ARRAY,
    CHAN,
    EMBEDDED,
    EXTRA_STAR,
    FUNC,
    INTERFACE,
    MAP,
    MOST_ITEMS,
    NAMED,
    POINTER,
    SLICE,
    STRUCT,
    UNCOMMON,
    Descriptors,
    map_type,
)

if TYPE_CHECKING:
    from gosnap.goruntime.program import GoProgram

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

UINT8, UINT16, UINT32, UINT64 = 8, 9, 10, 11
_LAST_NUMBER = 16
_MOST_NAME = 1 << 14
_DEEPEST = 64
"""Types in each other whose names are made of each other's."""


@dataclass
class StaticTypes:
    """``table``: one row per descriptor, and some for structures of the runtime. ``variables``: rows of what
    the code says that package variables are, by run-time address. ``captured``: by entry of a function the
    row of the structure that a closure of it is."""

    table: TypeTable
    variables: dict[int, int]
    captured: dict[int, int]
    code: CodeTypes
    _rows: dict[tuple[int, int], int]

    def row(self, kind: int, address: int) -> int:
        """The row of what a word holds that the code tells of (``codetypes``); 0 for none."""
        return self._rows.get((POINTER_TO if kind == ARRAY_OF else kind, address), 0)


def static_types(program: "GoProgram") -> StaticTypes:
    """The types of the first module. GosnapError where there are none, or where what the program lists of
    them is not among what was found."""
    return _Builder(program).build()


def functions(program: "GoProgram") -> Closures:
    """All functions of the first module, and what closures capture as far as the code tells."""
    static = program.static
    found, table = static.code.functions, static.table
    entry = found.entry
    count, offsets, rows, names = np.zeros(len(entry), np.int64), [], [], []
    for i, row in sorted((int(np.searchsorted(entry, pc)), row) for pc, row in static.captured.items()):
        # the first field is the function's address
        first, end = int(table.field_start[row]) + 1, int(table.field_start[row + 1])
        if i >= len(entry) - 1 or end <= first:
            continue
        count[i + 1] = end - first
        offsets += table.field_offset[first:end].tolist()
        rows += table.field_type[first:end].tolist()
        names += [table.field_name[k] for k in range(first, end)]
    linked = entry - np.uint64(program.bias)
    return Closures(
        pc=linked[:-1].astype(np.uint64),
        end=linked[1:].astype(np.uint64),
        name=found.names(),
        start=np.cumsum(count),
        offset=np.array(offsets, np.int64),
        type=np.array(rows, np.int32),
        capture_name=Names.of(names),
    )


@dataclass
class _Row:
    """A type on its way into the table; fields are (name, offset, row, flags)."""

    kind: int
    size: int
    name: str = ""
    elem: int = 0
    key: int = 0
    length: int = 0
    impl: int = 0
    iface: int = 0
    rtype: int = -1
    fields: list[tuple[str, int, int, int]] = field(default_factory=list)


class _Builder:
    def __init__(self, program: "GoProgram") -> None:
        self.program = program
        self.d = Descriptors(program)
        self.rows: list[_Row] = [_Row(0, 0)]
        self.row_of: dict[int, int] = {at: i + 1 for i, at in enumerate(self.d.at.tolist())}
        self._named: dict[str, int] = {}
        self._pointers: dict[int, int] = {}
        self._text: dict[int, str] = {}
        self._depth = 0
        self.map_type = map_type(program)

    def build(self) -> StaticTypes:
        """All of it."""
        self._describe()
        base = self.d.base
        types = {base + at: (self.rows[row].name, self.rows[row].kind) for at, row in self.row_of.items()}
        code = CodeTypes(self.program, types)
        variables = self._variables(code)
        captured = {
            entry: self._at(next(iter(of)))
            for entry, of in code.facts.closures.items()
            if len(of) == 1 and self._is_closure(self._at(next(iter(of))))
        }
        rows = {(MAP_OF, a): self.row_of[a - base] for a, (_, kind) in types.items() if kind == MAP}
        rows |= {(CHAN_OF, a): self.row_of[a - base] for a, (_, kind) in types.items() if kind == CHAN}
        for address, (name, _) in types.items():
            if _is_telling(name):
                rows[POINTER_TO, address] = self._pointer(self.row_of[address - base])
        return StaticTypes(self._columns(), variables, captured, code, rows)

    def _at(self, address: int) -> int:
        """The row of the descriptor at an address."""
        return self.row_of[address - self.d.base]

    def _is_closure(self, row: int) -> bool:
        """Whether a type is what the compiler makes of a closure: a function's address and what is
        captured."""
        fields = self.rows[row].fields
        return self.rows[row].kind == STRUCT and bool(fields) and fields[0][0] in ("F", ".F")

    def _variables(self, code: CodeTypes) -> dict[int, int]:
        out: dict[int, int] = {}
        for address, held in code.facts.holds.items():
            row = self._held(held, address)
            if row:
                out[address] = row
        for address, of in code.facts.is_.items():
            out[address] = max((self._at(t) for t in of), key=lambda row: self.rows[row].size)
        return out

    def _held(self, held: set[Held], address: int) -> int:
        """The row of a variable that holds all of these; 0 where they contradict each other."""
        known = {(kind, self._at(t)) for kind, t in held if _is_telling(self.rows[self._at(t)].name)}
        if not known:
            return 0
        # what is inside of an array of numbers is a number again
        known = {
            (ARRAY_OF, row) if kind == INSIDE_OF and self.rows[row].kind <= _LAST_NUMBER else (kind, row)
            for kind, row in known
        }
        kinds = {kind for kind, _ in known}
        if INSIDE_OF in kinds:
            return 0
        rows = sorted((row for _, row in known), key=lambda row: self.rows[row].size)
        if kinds <= {POINTER_TO} and all(self._is_closure(row) for row in rows):
            return self._function()
        if kinds <= {POINTER_TO, ARRAY_OF} and ARRAY_OF in kinds:
            elems = {row if kind == ARRAY_OF else self.rows[row].elem for kind, row in known}
            return self._slice(elems.pop()) if len(elems) == 1 else 0
        largest = self.rows[rows[-1]]
        if kinds == {POINTER_TO} and largest.kind == ARRAY and self._is_slice(address, largest.length):
            return self._slice(largest.elem)
        if kinds == {POINTER_TO}:
            # the larger one begins with the smaller
            heads = self._heads(rows[-1])
            return self._pointer(rows[-1]) if all(row in heads for row in rows) else 0
        return rows[0] if len(rows) == 1 else 0

    def _is_slice(self, address: int, length: int) -> bool:
        """Whether the words behind a pointer to an array are a length and a capacity in it."""
        try:
            used, room = (self.program.space.u64(address + i) for i in (8, 16))
        except ReadError:
            return False
        return used <= room <= length and room > 0

    def _heads(self, row: int) -> set[int]:
        """A type, and those of what it begins with."""
        out: set[int] = set()
        while row and row not in out:
            out.add(row)
            r = self.rows[row]
            row = r.elem if r.kind == ARRAY else r.fields[0][2] if r.fields and r.fields[0][1] == 0 else 0
        return out

    def _function(self) -> int:
        """The row of a function of which no more is known."""
        return self._named[FUNCTION] if FUNCTION in self._named else self._add(_Row(FUNC, 8, FUNCTION))

    def _slice(self, elem: int) -> int:
        name = "[]" + self.rows[elem].name
        return self._named[name] if name in self._named else self._add(_Row(SLICE, 24, name, elem=elem))

    def _describe(self) -> None:
        """The rows of the descriptors, and of what belongs to them."""
        for at in self.d.at.tolist():
            self.rows.append(self._read(at))
        for at, row in self.row_of.items():
            self.rows[row].name = self._name(at)
        for i, r in enumerate(self.rows):
            self._named.setdefault(r.name, i)
            if r.kind == POINTER and r.elem:
                self._pointers.setdefault(r.elem, i)
        for i in range(1, len(self.rows)):
            if self.rows[i].kind == MAP:
                self._map(i)
            elif self.rows[i].kind == CHAN:
                self._chan(i)
        self._add(_Row(INTERFACE, 16, EMPTY, iface=1))
        self._add(_Row(INTERFACE, 16, METHODS, iface=2))
        for name in ("runtime.g", "runtime.p", "sync.Pool"):
            if name in self._named:
                self._slice(self._pointer(self._named[name]))

    # ------------------------------------------------------------------ descriptors

    def _read(self, at: int) -> _Row:
        d = self.d
        kind = d.raw[at + 23] & 31
        row = _Row(kind, d.u64(at), rtype=at)
        if kind in (ARRAY, CHAN, POINTER, SLICE):
            row.elem = self._row(at + 48)
            row.length = d.u64(at + 64) if kind == ARRAY else 0
        elif kind == MAP:
            row.key, row.elem = self._row(at + 48), self._row(at + 56)
        elif kind == INTERFACE:
            row.iface = 1 if d.u64(at + 64) == 0 else 2
        elif kind == STRUCT:
            for name, flags, typ, offset in self._fields(at):
                row.fields.append((name, offset, self.row_of.get(typ, 0), int(bool(flags & EMBEDDED))))
        return row

    def _row(self, at: int) -> int:
        """The row of the type that a word of a descriptor points at; 0 for none."""
        return self.row_of.get(self.d.offset(self.d.u64(at)), 0)

    def _fields(self, at: int) -> Iterator[tuple[str, int, int, int]]:
        """(name, flags, offset of the type's descriptor, offset in the structure) of a structure's fields."""
        d = self.d
        first, count = d.offset(d.u64(at + 56)), d.u64(at + 64)
        if first < 0 or count > MOST_ITEMS:
            return
        for i in range(first, first + count * 24, 24):
            name, flags = d.name_at(d.offset(d.u64(i)))
            yield name, flags, d.offset(d.u64(i + 8)), d.u64(i + 16)

    def _uncommon(self, at: int) -> int:
        """The offset of a type's abi.UncommonType; -1 where it has none."""
        d = self.d
        if not d.raw[at + 20] & UNCOMMON:
            return -1
        return at + d.own_size(d.raw[at + 23] & 31)

    def _own_name(self, at: int) -> str:
        """The name that the descriptor itself has, with the package's name only."""
        d = self.d
        where = int.from_bytes(d.raw[at + 40 : at + 44], "little", signed=True)
        name = d.name_at(where)[0]
        return name[1:] if d.raw[at + 20] & EXTRA_STAR else name

    def _name(self, at: int) -> str:
        """The name as DWARF has it: with import paths."""
        if at in self._text:
            return self._text[at]
        own = self._own_name(at)
        self._text[at] = own  # for types that hold themselves, which none without a name does
        d = self.d
        if d.raw[at + 20] & NAMED:
            self._text[at] = self._qualified(at, own)
        else:
            self._depth += 1
            composed = self._composed(at) if self._depth < _DEEPEST else ""
            self._depth -= 1
            self._text[at] = composed if 0 < len(composed) < _MOST_NAME else own
        return self._text[at]

    def _qualified(self, at: int, own: str) -> str:
        where = self._uncommon(at)
        if where < 0:
            return own
        path = self.d.name_at(int.from_bytes(self.d.raw[where : where + 4], "little", signed=True))[0]
        if own.startswith(f"{path}."):
            return own  # "go.shape" and packages whose name is their path
        end = own.find("[")
        dot = own.find(".", 0, end if end >= 0 else len(own))
        return f"{_escaped(path)}.{own[dot + 1 :]}" if path and dot >= 0 else own

    def _of(self, at: int) -> str:
        """The name of the type that a word of a descriptor points at."""
        where = self.d.offset(self.d.u64(at))
        return self._name(where) if where in self.row_of else "?"

    def _composed(self, at: int) -> str:
        d = self.d
        kind = d.raw[at + 23] & 31
        if kind == POINTER:
            return "*" + self._of(at + 48)
        if kind == SLICE:
            return "[]" + self._of(at + 48)
        if kind == ARRAY:
            return f"[{d.u64(at + 64)}]{self._of(at + 48)}"
        if kind == MAP:
            return f"map[{self._of(at + 48)}]{self._of(at + 56)}"
        if kind == CHAN:
            elem, direction = self._of(at + 48), d.u64(at + 56)
            if direction == 1:
                return f"<-chan {elem}"
            if direction == 2:
                return f"chan<- {elem}"
            return f"chan ({elem})" if elem.startswith("<-") else f"chan {elem}"
        if kind == FUNC:
            return "func" + self._signature(at)
        if kind == STRUCT:
            return self._struct(at)
        if kind == INTERFACE:
            return self._interface(at)
        return ""

    def _signature(self, at: int) -> str:
        d = self.d
        count, results = (int.from_bytes(d.raw[i : i + 2], "little") for i in (at + 48, at + 50))
        variadic, results = results >> 15, results & 0x7FFF
        first = at + 56 + (16 if d.raw[at + 20] & UNCOMMON else 0)
        names = [self._of(first + 8 * i) for i in range(count + results)]
        if variadic and count:
            names[count - 1] = "..." + names[count - 1].removeprefix("[]")
        out = f"({', '.join(names[:count])})"
        if results == 1:
            return f"{out} {names[count]}"
        return f"{out} ({', '.join(names[count:])})" if results else out

    def _struct(self, at: int) -> str:
        d = self.d
        package = d.name_at(d.offset(d.u64(at + 48)))[0] if d.u64(at + 48) else ""
        parts = []
        for name, flags, typ, _ in self._fields(at):
            text = self._name(typ) if typ in self.row_of else "?"
            if not flags & EMBEDDED:
                exported = name[:1].isupper()
                text = f"{name if exported or not package else package + '.' + name} {text}"
            parts.append(text)
        return f"struct {{ {'; '.join(parts)} }}" if parts else "struct {}"

    def _interface(self, at: int) -> str:
        d = self.d
        package = d.name_at(d.offset(d.u64(at + 48)))[0] if d.u64(at + 48) else ""
        first, count = d.offset(d.u64(at + 56)), d.u64(at + 64)
        if not count:
            return "interface {}"
        if first < 0 or count > MOST_ITEMS:
            return ""
        parts = []
        for i in range(first, first + count * 8, 8):
            name = d.name_at(int.from_bytes(d.raw[i : i + 4], "little", signed=True))[0]
            typ = int.from_bytes(d.raw[i + 4 : i + 8], "little", signed=True)
            signature = (
                self._signature(typ)
                if typ in self.row_of and self.rows[self.row_of[typ]].kind == FUNC
                else "()"
            )
            parts.append((name if name[:1].isupper() or not package else f"{package}.{name}") + signature)
        return f"interface {{ {'; '.join(parts)} }}"

    # ------------------------------------------------------------------ the runtime's own structures

    def _add(self, row: _Row) -> int:
        self.rows.append(row)
        self._named.setdefault(row.name, len(self.rows) - 1)
        return len(self.rows) - 1

    def _number(self, size: int) -> int:
        """The row of an unsigned number; of an opaque pointer for a word that no number has."""
        kinds = {1: (UINT8, "uint8"), 2: (UINT16, "uint16"), 4: (UINT32, "uint32"), 8: (UINT64, "uint64")}
        if size not in kinds:
            return 0
        kind, name = kinds[size]
        return self._named[name] if name in self._named else self._add(_Row(kind, size, name))

    def _pointer(self, elem: int) -> int:
        if elem not in self._pointers:
            self._pointers[elem] = self._add(_Row(POINTER, 8, "*" + self.rows[elem].name, elem=elem))
        return self._pointers[elem]

    def _like(self, name: str, struct: str, types: dict[str, int], place: int = 0) -> int:
        """A structure of the runtime with some of its fields of these types, the others numbers; a new row,
        or in the place of one."""
        lay = self.program.layouts
        row = _Row(STRUCT, lay.size(struct), name)
        for f, found in sorted(lay.fields(struct).items(), key=lambda item: item[1].offset):
            if "." not in f:
                row.fields.append((f, found.offset, types.get(f) or self._number(found.size), 0))
        if not place:
            return self._add(row)
        self.rows[place] = row
        self._named.setdefault(name, place)
        return place

    def _map(self, row: int) -> None:
        """The structures behind a map type, as DWARF has them (cmd/link/internal/ld/dwarf.go)."""
        lay = self.program.layouts
        arguments = f"<{self.rows[self.rows[row].key].name},{self.rows[self.rows[row].elem].name}>"
        at = self.rows[row].rtype
        if lay.has("runtime.hmap"):
            bucket = self._row(at + lay.need(self.map_type, "Bucket").offset)
            if not bucket:
                return
            pointer = self._pointer(bucket)
            # unsafe.Pointer or uintptr in the descriptor
            self.rows[bucket].fields = [
                (n, o, pointer if n == "overflow" else t, f) for n, o, t, f in self.rows[bucket].fields
            ]
            types = {"buckets": pointer, "oldbuckets": pointer}
            self.rows[row].impl = self._like(f"hash{arguments}", "runtime.hmap", types)
            return
        group = self._row(at + lay.need(self.map_type, "Group").offset)
        if not group:
            return
        groups = self._like(
            f"groupReference{arguments}",
            "internal/runtime/maps.groupsReference",
            {"data": self._pointer(group)},
        )
        table = self._like(f"table{arguments}", "internal/runtime/maps.table", {"groups": groups})
        types = {"dirPtr": self._pointer(self._pointer(table))}
        self.rows[row].impl = self._like(f"map{arguments}", "internal/runtime/maps.Map", types)

    def _chan(self, row: int) -> None:
        elem = self.rows[row].elem
        arguments = f"<{self.rows[elem].name}>"
        known = self._named.get(f"hchan{arguments}")
        if known is None:
            # a channel's type is its elem's, whatever its direction
            sudog = self._add(_Row(STRUCT, 0, ""))
            pointer = self._pointer(sudog)
            fields = dict.fromkeys(("next", "prev", "parent", "waitlink", "waittail"), pointer)
            if elem:
                fields["elem"] = self._pointer(elem)
            if g := self._named.get("*runtime.g"):
                fields["g"] = g
            self._like(f"sudog{arguments}", "runtime.sudog", fields, sudog)
            queue = self._like(f"waitq{arguments}", "runtime.waitq", {"first": pointer, "last": pointer})
            known = self._like(f"hchan{arguments}", "runtime.hchan", {"recvq": queue, "sendq": queue})
        self.rows[row].impl = known

    def _columns(self) -> TypeTable:
        rows = self.rows
        start = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(r.fields) for r in rows], out=start[1:])
        fields = [f for r in rows for f in r.fields]
        return TypeTable(
            kind=np.array([r.kind for r in rows], np.uint8),
            size=np.array([min(r.size, 1 << 40) for r in rows], np.int64),
            elem=np.array([r.elem for r in rows], np.int32),
            key=np.array([r.key for r in rows], np.int32),
            length=np.array([min(r.length, 1 << 40) for r in rows], np.int64),
            impl=np.array([r.impl for r in rows], np.int32),
            iface=np.array([r.iface for r in rows], np.uint8),
            rtype=np.array([r.rtype for r in rows], np.int64),
            field_start=start,
            field_offset=np.array([min(f[1], 1 << 40) for f in fields], np.int64),
            field_type=np.array([f[2] for f in fields], np.int32),
            field_flags=np.array([f[3] for f in fields], np.uint8),
            name=Names.of([r.name for r in rows]),
            field_name=Names.of([f[0] for f in fields]),
        )


def _escaped(path: str) -> str:
    """An import path as symbols have it: dots behind the last slash as %2e (cmd/internal/objabi)."""
    head, slash, last = path.rpartition("/")
    return head + slash + last.replace("%", "%25").replace(".", "%2e").replace('"', "%22")


EMPTY, METHODS, FUNCTION = "runtime.eface", "runtime.iface", "func"
"""Names of the rows for an interface without methods, one with some, and a function, of which no more is
known."""
_INTERNAL = frozenset(
    {
        *("internal/runtime/maps.Map", "internal/runtime/maps.table", "runtime.hmap", "runtime.bmap"),
        *("runtime.hchan", "runtime.timeTimer"),
    }
)
"""What the runtime's own code calls maps, channels and timers: their types say more."""


def _is_telling(name: str) -> bool:
    """Whether code that has such a value knows its type: the runtime's own does not, nor generic code."""
    return name not in _INTERNAL and "go.shape." not in name
