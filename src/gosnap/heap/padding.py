"""What the layout of structures costs in the heap: size classes, padding, and what a better order of fields
would save of the objects of a snapshot."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gosnap.binary.structs import Better, Field, Struct, Structs, better_order
from gosnap.errors import GosnapError
from gosnap.goruntime.sizeclasses import (
    CLASS_TO_SIZE,
    MALLOC_HEADER_SIZE,
    MAX_SMALL_SIZE,
    MIN_SIZE_FOR_MALLOC_HEADER,
    PAGE_SIZE,
)
from gosnap.heap.columns import Columns
from gosnap.heap.roles import ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.views import Row, View

if TYPE_CHECKING:
    from gosnap.heap.snapshot import Snapshot

MASK_WORDS = 512
"""Words of a pointer mask that are shown."""
_HEADERS_SINCE = 22
"""Go 1.22 put headers before large objects with pointers (runtime/malloc.go, heapSetTypeSmallHeader)."""


@dataclass
class Population:
    """Live objects of one type: values on their own (``objects``), and arrays of it (``arrays``) of so many
    bytes in all."""

    objects: int = 0
    arrays: int = 0
    array_bytes: int = 0


def population(snapshot: "Snapshot") -> dict[str, Population]:
    """How many live objects a snapshot has of each type, by name. Structures in other structures and in maps
    count for those."""
    columns = Columns(snapshot.reader)
    table, types = columns.type_table, columns.static_types
    out: dict[str, Population] = {}
    for key, objects, size in zip(table["key"], table["live_objects"], table["live_bytes"], strict=True):
        role, row = key >> ROLE_SHIFT, key & ROW_MASK
        if not key or role not in (Role.VALUE, Role.ARRAY) or row >= len(types):
            continue
        p = out.setdefault(types.name[row], Population())
        if role == Role.VALUE:
            p.objects += objects
        else:
            p.arrays += objects
            p.array_bytes += size
    return out


def structs_of(snapshot: "Snapshot") -> Structs:
    """The structures of Go that a snapshot knows. GosnapError where it has no types of DWARF."""
    types = Columns(snapshot.reader).static_types
    if len(types) < 2:
        raise GosnapError(
            f"{snapshot.path}: the program had no DWARF, so no fields of structures are known",
            "give an executable of the same program that was built without -ldflags=-w",
        )
    return Structs(types)


def slot(size: int, *, pointers: bool, minor: int) -> int:
    """Bytes that an object of this size takes in the heap (runtime/malloc.go, mallocgc): its size class, or
    whole pages; objects of a pointer-free type below 16 bytes share slots of 16."""
    header = pointers and size > MIN_SIZE_FOR_MALLOC_HEADER and minor >= _HEADERS_SINCE
    wanted = size + MALLOC_HEADER_SIZE * header
    if wanted > MAX_SMALL_SIZE:
        return -(-size // PAGE_SIZE) * PAGE_SIZE
    return next(c for c in CLASS_TO_SIZE if c >= max(wanted, 1))


@dataclass(frozen=True)
class _Judged:
    """A structure with what it costs, and what another order of its fields would."""

    struct: Struct
    better: Better | None
    slot: int
    better_slot: int
    population: Population | None

    @property
    def saves_each(self) -> int:
        """Bytes less that one object would take."""
        return self.slot - self.better_slot

    @property
    def saves(self) -> int:
        """Bytes less that all live objects would take; of arrays the share by which elements shrink."""
        p = self.population
        if p is None or self.better is None:
            return 0
        shrink = self.struct.size - self.better.size
        return p.objects * self.saves_each + p.array_bytes * shrink // max(self.struct.size, 1)


def _judge(s: Struct, minor: int, people: dict[str, Population] | None) -> _Judged:
    better = better_order(s)
    if s.language != "Go":
        return _Judged(s, better, s.size, better.size if better else s.size, None)
    pointers = s.pointer_bytes > 0
    own = slot(s.size, pointers=pointers, minor=minor)
    other = slot(better.size, pointers=pointers, minor=minor) if better else own
    found = people.get(s.name, Population()) if people is not None else None
    return _Judged(s, better, own, other, found)


def layout_view(
    structs: Structs, name: str, facts: Row, people: dict[str, Population] | None, *, top: int | None = None
) -> View:
    """One structure.

    Rows: its fields as ``_field_row`` has them. Extra: struct, an object with what ``_struct_row`` says and
    gc_mask ("1" for words that the collector takes for pointers, at most 512 of them); better, the same rows
    in the order that takes least, empty where the order is as good as can be; others, the places of further
    structures of the same name. ``people``: of ``population``. GosnapError where there is no such structure.
    """
    rows = structs.find(name)
    if not rows:
        raise GosnapError(f"no structure {name!r} in {facts['program']}", _near(structs, name))
    minor = _minor(facts)
    judged = [_judge(structs.of(r), minor, people) for r in rows]
    j = judged[0]
    s = j.struct
    mask = "".join(map(str, structs.pointer_mask(s.row, MASK_WORDS))) if s.language == "Go" else ""
    fields = [_field_row(f) for f in s.fields]
    better = [_field_row(f) for f in j.better.fields] if j.better else []
    limit = len(fields) if top is None else top
    view = View("layout", facts, _checks(), _totals([j]), fields[:limit])
    view.left_out = {"rows": len(fields) - len(view.rows), "objects": 0, "bytes": 0}
    view.extra = {
        "struct": {**_struct_row(j), "gc_mask": mask},
        "better": better[:limit],
        "others": [_struct_row(other) for other in judged[1:]],
        "counted": int(people is not None),
    }
    return view


def layouts_view(
    structs: Structs,
    facts: Row,
    people: dict[str, Population] | None,
    *,
    match: str | None = None,
    padding: bool = False,
    top: int | None = 30,
) -> View:
    """All structures, those first of which a better order saves most: of all live objects, else of one.

    Rows: ``_struct_row``. ``match``: a regular expression that names must match; ``padding``: only those with
    padding or a better order. Totals: structures, with_padding, improvable, saves_bytes.
    """
    try:
        pattern = re.compile(match) if match is not None else None
    except re.error as e:
        raise GosnapError(
            f"--match {match}: {e}", "quote characters that mean something: '\\[', '\\*'"
        ) from None
    minor = _minor(facts)
    chosen = (structs.of(r) for r in structs.rows())
    judged = [_judge(s, minor, people) for s in chosen if pattern is None or pattern.search(s.name)]
    totals = _totals(judged)
    if padding:
        judged = [j for j in judged if j.struct.padding or j.better]
    judged.sort(
        key=lambda j: (-j.saves, -j.saves_each, -_gain(j), -j.struct.padding, j.struct.name, j.struct.row)
    )
    shown = judged if top is None else judged[:top]
    view = View("layout", facts, _checks(), totals, [_struct_row(j) for j in shown])
    view.left_out = {"rows": len(judged) - len(shown), "objects": 0, "bytes": 0}
    view.extra = {"counted": int(people is not None)}
    return view


def _gain(j: _Judged) -> int:
    return j.struct.size - j.better.size if j.better else 0


def _totals(judged: Iterable[_Judged]) -> dict[str, int]:
    all_of_them = list(judged)
    return {
        "structures": len(all_of_them),
        "with_padding": sum(j.struct.padding > 0 for j in all_of_them),
        "improvable": sum(_gain(j) > 0 for j in all_of_them),
        "saves_bytes": sum(j.saves for j in all_of_them),
    }


def _checks() -> dict[str, int]:
    return {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0}


def _struct_row(j: _Judged) -> Row:
    """name, language ("Go" or "C"), kind ("struct", "class", "union"), size, align, holes, padding_bytes;
    slot_bytes: what an object takes in Go's heap, wasted_bytes of it; pointer_bytes: as far as the collector
    looks; better_size, better_slot_bytes, better_pointer_bytes: in the best order; saves_each_bytes; and of a
    snapshot live_objects, live_arrays, live_array_bytes, saves_bytes."""
    s, b = j.struct, j.better
    p = j.population or Population()
    return {
        "name": s.name,
        "language": s.language,
        "kind": s.kind,
        "size": s.size,
        "align": s.align,
        "fields": len(s.fields),
        "holes": s.holes,
        "padding_bytes": s.padding,
        "slot_bytes": j.slot,
        "wasted_bytes": j.slot - s.size,
        "pointer_bytes": s.pointer_bytes,
        "better_size": b.size if b else s.size,
        "better_slot_bytes": j.better_slot,
        "better_pointer_bytes": b.pointer_bytes if b else s.pointer_bytes,
        "saves_each_bytes": j.saves_each,
        "live_objects": p.objects,
        "live_arrays": p.arrays,
        "live_array_bytes": p.array_bytes,
        "saves_bytes": j.saves,
    }


def _field_row(f: Field) -> Row:
    """name, type, offset, size, align, padding_bytes behind it; bit and bits of a bit-field; embedded;
    pointer_bytes; gc_mask of its first 16 words."""
    return {
        "name": f.name,
        "type": f.type,
        "offset": f.offset,
        "size": f.size,
        "align": f.align,
        "padding_bytes": f.hole,
        "bit": f.bit,
        "bits": f.bits,
        "embedded": int(f.embedded),
        "pointer_bytes": f.pointer_bytes,
        "gc_mask": f.mask,
    }


def _minor(facts: Row) -> int:
    found = re.match(r"go1\.(\d+)", str(facts["go_version"]))
    return int(found[1]) if found else 99


def _near(structs: Structs, name: str) -> str:
    import difflib

    names = sorted({structs.type_name(r) for r in structs.rows()})
    ends = [n for n in names if n.endswith(("." + name, "/" + name))]
    found = ends[:3] or difflib.get_close_matches(name, names, 3, 0.5)
    if found:
        return "did you mean " + " or ".join(repr(n) for n in found) + "?"
    return "`--all` lists the structures; the linker keeps only those that the program uses"
