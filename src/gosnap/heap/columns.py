"""The objects of a written snapshot as columns: addresses, sizes, types, references."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.errors import GosnapError
from gosnap.heap import schema
from gosnap.heap.ownership import starts
from gosnap.target.container import Reader

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


class Columns:
    """What a snapshot stores of its objects; each column is read when it is first needed.

    GosnapError where a section is missing, or where sections contradict each other.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._of_roots: dict[str, npt.NDArray[np.generic]] = {}
        self._starts = np.zeros(0, np.int64)

    def column(self, name: str, dtype: str, spare: int = 0) -> npt.NDArray[np.generic]:
        """A section that must be a column of this type; with ``spare``, room for so many more behind it."""
        column = self.reader.array(name, spare)
        if column.dtype != np.dtype(dtype):
            raise self.wrong(f"section {name} holds {column.dtype}, expected {dtype}")
        return column

    def root_column(self, name: str, dtype: str) -> npt.NDArray[np.generic]:
        """A column of the roots; all have one length."""
        if name not in self._of_roots:
            column = self.column(f"roots.{name}", dtype)
            if name != "kind" and len(column) != len(self.root_column("kind", "|u1")):
                raise self.wrong("columns of the roots differ in length")
            self._of_roots[name] = column
        return self._of_roots[name]

    def wrong(self, what: str) -> GosnapError:
        """The error for sections that contradict each other."""
        return self.reader.wrong(what)

    @cached_property
    def counts(self) -> U32:
        """Objects per span."""
        return self.column("spans.counts", "<u4").astype(np.uint32, copy=False)

    @cached_property
    def first(self) -> I64:
        """First object of each span, and their number at the end."""
        first = np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])
        # before anything is made that is as large as there are objects
        typed = sum(s.raw_bytes for s in self.reader.sections if s.name == "objects.type")
        if int(first[-1]) * 4 != typed:
            raise self.wrong("objects.type does not fit the spans")
        return first

    @property
    def objects(self) -> int:
        """How many there are."""
        return int(self.first[-1])

    @cached_property
    def elemsize(self) -> U64:
        """Slot size of each span."""
        column = self.column("spans.elemsize", "<u8").astype(np.uint64, copy=False)
        if len(column) != len(self.counts):
            raise self.wrong("columns of the spans differ in length")
        if float(column.astype(np.float64) @ self.counts) >= 1 << 60:
            raise self.wrong("objects larger than any memory")
        return column

    @cached_property
    def sizes(self) -> U64:
        """Slot size of each object."""
        return np.repeat(self.elemsize, self.counts)

    @cached_property
    def types(self) -> U32:
        """The type of each object (see ``roles``)."""
        column = self.column("objects.type", "<u4").astype(np.uint32, copy=False)
        if len(column) != self.objects:
            raise self.wrong("objects.type does not fit the spans")
        return column

    @cached_property
    def references(self) -> tuple[I64, U32]:
        """References between objects as CSR."""
        return self._starts_of(0), self._targets(0)

    def references_with_room(self, nodes: int, edges: int) -> tuple[I64, U32]:
        """The same, to be changed: with room for so many nodes and references more."""
        return self._starts_of(nodes), self._targets(edges)

    def _targets(self, spare: int) -> U32:
        target = self.column("edges.target", "<u4", spare).astype(np.uint32, copy=False)
        edges = len(target) - spare
        if int(self._starts_of(0)[-1]) != edges:
            raise self.wrong("the references do not fit the objects")
        if edges and int(target[:edges].max()) >= self.objects:
            raise self.wrong("a reference to an object that is not there")
        return target

    def _starts_of(self, spare: int) -> I64:
        size = self.objects + 1 + spare
        if size > len(self._starts):
            # not kept: beside the places where references begin nobody asks for their numbers
            degree = self.column("edges.degree", "<u4").astype(np.uint32, copy=False)
            if len(degree) != self.objects:
                raise self.wrong("the references do not fit the objects")
            self._starts = starts(degree, spare)
        return self._starts[:size]

    @cached_property
    def _bits(self) -> U64:
        return self.column("objects.bitmap", "<u8").astype(np.uint64, copy=False)

    @cached_property
    def _word0(self) -> I64:
        """First word of each span in the bitmap."""
        nelems = self.column("spans.nelems", "<u8").astype(np.int64, copy=False)
        if len(nelems) != len(self.counts):
            raise self.wrong("columns of the spans differ in length")
        return np.concatenate([[0], np.cumsum((nelems + 63) // 64)])

    @cached_property
    def _base(self) -> U64:
        base = self.column("spans.base", "<u8").astype(np.uint64, copy=False)
        if len(base) != len(self.counts):
            raise self.wrong("columns of the spans differ in length")
        return base

    def span_of(self, objects: I64) -> I64:
        """The span row of each object."""
        return np.searchsorted(self.first, objects, side="right").astype(np.int64) - 1

    def address(self, index: int) -> int:
        """Where an object's slot begins."""
        span = int(self.span_of(np.array([index]))[0])
        slots = self._slots(span)
        k = index - int(self.first[span])
        if k >= len(slots):
            raise self.wrong("the bitmap does not fit the spans")
        return int(self._base[span]) + int(slots[k]) * int(self.elemsize[span])

    def _slots(self, span: int) -> I64:
        words = self._bits[int(self._word0[span]) : int(self._word0[span + 1])]
        return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))

    def at(self, address: int) -> int:
        """The object that holds an address; -1 where there is none."""
        base = self._base
        if not 0 <= address < 1 << 64:
            return -1
        span = int(np.searchsorted(base, np.uint64(address), side="right")) - 1
        if span < 0:
            return -1
        if not self.elemsize[span]:
            raise self.wrong("a span of objects without a size")
        slot = (address - int(base[span])) // int(self.elemsize[span])
        slots = self._slots(span)
        k = int(np.searchsorted(slots, slot))
        if k >= len(slots) or int(slots[k]) != slot:
            return -1
        return int(self.first[span]) + k

    @cached_property
    def type_table(self) -> dict[str, Any]:
        """The rows of ``types``: what is known of each type of object."""
        table = self.reader.json("answers.types")
        schema.check(table, schema.TYPES, f"{self.reader.path}: answers.types")
        counts = (*table["live_objects"], *table["live_bytes"])
        if (
            any(not 0 <= k < 1 << 32 for k in table["key"])
            or any(not 0 <= c < 1 << 8 for c in table["spanclass"])
            or any(not 0 <= c < 1 << 60 for c in counts)
        ):
            raise self.wrong("answers.types has numbers that make no sense")
        return dict(table)

    @cached_property
    def _names(self) -> dict[int, str]:
        return dict(zip(self.type_table["key"], self.type_table["name"], strict=True))

    def type_name(self, index: int) -> str:
        """The type of an object, as ``types`` names it."""
        return self.key_name(int(self.types[index]))

    def key_name(self, key: int) -> str:
        """The name of a type (``roles``), as ``types`` has it."""
        return self._names.get(key, "") if key else "untyped"

    @cached_property
    def headers(self) -> npt.NDArray[np.uint8]:
        """1 for spans whose slots begin with a malloc header."""
        headers = self.column("spans.headers", "|u1").astype(np.uint8, copy=False)
        if len(headers) != len(self.counts):
            raise self.wrong("columns of the spans differ in length")
        return headers

    @cached_property
    def spanclass(self) -> npt.NDArray[np.uint8]:
        """The span class of each span (runtime/mheap.go): its size class times two, and 1 where slots hold no
        pointers."""
        column = self.column("spans.spanclass", "|u1").astype(np.uint8, copy=False)
        if len(column) != len(self.counts):
            raise self.wrong("columns of the spans differ in length")
        return column

    @cached_property
    def types_base(self) -> int:
        """Where the program's runtime types begin: what an interface's first word is counted from."""
        meta = self.reader.json("meta")
        base = meta.get("types_base", 0) if isinstance(meta, dict) else 0
        return base if isinstance(base, int) else 0

    def has_header(self, index: int) -> bool:
        """Whether an object's slot begins with a malloc header."""
        return bool(self.headers[int(self.span_of(np.array([index]))[0])])

    def headers_of(self, objects: I64) -> I64:
        """The same of many: 1 or 0."""
        return self.headers[self.span_of(objects)].astype(np.int64)

    @cached_property
    def edge_start(self) -> I64:
        """First reference of each object, and their number at the end."""
        return self._starts_of(0)

    def edges_of(self, index: int) -> tuple[int, int]:
        """(first, number) of an object's references."""
        start = int(self.edge_start[index])
        return start, int(self.edge_start[index + 1]) - start

    @cached_property
    def far_steps(self) -> tuple[U64, U64]:
        """(reference, step) where a step did not fit, sorted."""
        edge = self.column("edges.far_edge", "<u8").astype(np.uint64, copy=False)
        step = self.column("edges.far_step", "<u8").astype(np.uint64, copy=False)
        if len(edge) != len(step) or bool((edge >= self.edge_start[-1]).any()):
            raise self.wrong("far steps of references that are not there")
        if bool((edge[1:] <= edge[:-1]).any()):
            raise self.wrong("far steps out of order")
        return edge, step

    @cached_property
    def captures(self) -> tuple[I64, I64, I64, Names]:
        """What closures capture, as binary.dwarf.Closures has it: start, offset, type, names."""
        start = self.column("closures.start", "<i8").astype(np.int64, copy=False)
        offset = self.column("closures.offset", "<i8").astype(np.int64, copy=False)
        rows = self.column("closures.type", "<i4").astype(np.int64, copy=False)
        try:
            names = Names.from_columns(
                {
                    "name_bytes": self.reader.array("closures.name_bytes"),
                    "name_offset": self.reader.array("closures.name_offset"),
                },
                "name",
            )
        except ValueError as e:
            raise self.wrong(f"the names of captured variables make no sense ({e})") from None
        count = len(rows)
        if (
            not len(start)
            or int(start[0]) != 0
            or int(start[-1]) != count
            or bool((np.diff(start) < 0).any())
            or not len(offset) == count == len(names)
            or bool((rows < 0).any())
        ):
            raise self.wrong("the captured variables do not fit the functions")
        return start, offset, rows, names

    def local_name(self, root: int) -> str:
        """The variable that a root on a stack is, or is in; "" where DWARF does not say."""
        if not self.reader.has("roots.name"):
            return ""
        number = int(self.root_column("name", "<u4")[root])
        names = self.reader.json("answers.locals")
        schema.check(names, [str], f"{self.reader.path}: answers.locals")
        return str(names[number - 1]) if 0 < number <= len(names) else ""

    def size(self, index: int) -> int:
        """Slot size of one object."""
        return int(self.elemsize[int(self.span_of(np.array([index]))[0])])

    @cached_property
    def static_types(self) -> TypeTable:
        """Go's static types, as DWARF gave them."""
        names = [s.name for s in self.reader.sections if s.name.startswith("types.")]
        try:
            return TypeTable.from_columns({n.removeprefix("types."): self.reader.array(n) for n in names})
        except (KeyError, ValueError) as e:
            raise self.wrong(f"the table of types makes no sense ({e})") from None

    def global_type(self, row: int) -> tuple[str, int]:
        """(name of the type, bytes) of a package variable."""
        types = self.column("globals.type", "<i4").astype(np.int64, copy=False)
        if not 0 <= row < len(types) or not 0 <= int(types[row]) < len(self.static_types):
            return "", 0
        return self.static_types.name[int(types[row])], int(self.static_types.size[int(types[row])])
