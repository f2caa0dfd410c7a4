"""The objects of a written snapshot as columns: addresses, sizes, types, references, roots."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.goruntime.roots import RootKind
from gosnap.heap import schema
from gosnap.heap.reach import adjacency
from gosnap.target.container import Reader

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

_ROOT_NAMES = {
    RootKind.CONSERVATIVE: "goroutine",
    RootKind.STACK: "goroutine",
    RootKind.GOROUTINE: "goroutine",
    RootKind.FINALIZER: "a finalizer's function",
    RootKind.CLEANUP: "a cleanup",
    RootKind.WEAK_HANDLE: "a weak pointer's handle",
    RootKind.QUEUE: "the queue of finalizers",
}


class Columns:
    """What a snapshot stores of its objects; each column is read when it is first needed.

    GosnapError where a section is missing, or where sections contradict each other.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def _column(self, name: str, dtype: str) -> npt.NDArray[np.generic]:
        column = self.reader.array(name)
        if column.dtype != np.dtype(dtype):
            raise self._wrong(f"section {name} holds {column.dtype}, expected {dtype}")
        return column

    def _wrong(self, what: str) -> GosnapError:
        return GosnapError(
            f"{self.reader.path}: {what}", "this file was not written by gosnap; take the snapshot again"
        )

    @cached_property
    def counts(self) -> U32:
        """Objects per span."""
        return self._column("spans.counts", "<u4").astype(np.uint32)

    @cached_property
    def first(self) -> I64:
        """First object of each span, and their number at the end."""
        return np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])

    @property
    def objects(self) -> int:
        """How many there are."""
        return int(self.first[-1])

    @cached_property
    def elemsize(self) -> U64:
        """Slot size of each span."""
        column = self._column("spans.elemsize", "<u8").astype(np.uint64)
        if len(column) != len(self.counts):
            raise self._wrong("columns of the spans differ in length")
        return column

    @cached_property
    def sizes(self) -> U64:
        """Slot size of each object."""
        return np.repeat(self.elemsize, self.counts)

    @cached_property
    def types(self) -> U32:
        """The type of each object (see ``roles``)."""
        column = self._column("objects.type", "<u4").astype(np.uint32)
        if len(column) != self.objects:
            raise self._wrong("objects.type does not fit the spans")
        return column

    @cached_property
    def graph(self) -> tuple[I64, U32]:
        """References as CSR."""
        degree = self._column("edges.degree", "<u4").astype(np.uint32)
        target = self._column("edges.target", "<u4").astype(np.uint32)
        offset, target = adjacency(degree, [target])
        if len(degree) != self.objects or int(offset[-1]) != len(target):
            raise self._wrong("the references do not fit the objects")
        return offset, target

    @cached_property
    def held(self) -> U32:
        """The objects that a root holds directly."""
        if not self.reader.has("roots.held"):
            raise GosnapError(
                f"{self.reader.path}: has no roots, so it cannot say what holds what",
                "its notes say why: `gosnap info FILE`",
            )
        return self._column("roots.held", "<u4").astype(np.uint32)

    @cached_property
    def _bits(self) -> U64:
        return self._column("objects.bitmap", "<u8").astype(np.uint64)

    @cached_property
    def _word0(self) -> I64:
        """First word of each span in the bitmap."""
        nelems = self._column("spans.nelems", "<u8").astype(np.int64)
        return np.concatenate([[0], np.cumsum((nelems + 63) // 64)])

    def span_of(self, objects: I64) -> I64:
        """The span row of each object."""
        return np.searchsorted(self.first, objects, side="right").astype(np.int64) - 1

    def address(self, index: int) -> int:
        """Where an object's slot begins."""
        span = int(self.span_of(np.array([index]))[0])
        slots = self._slots(span)
        k = index - int(self.first[span])
        if k >= len(slots):
            raise self._wrong("the bitmap does not fit the spans")
        base = int(self._column("spans.base", "<u8")[span])
        return base + int(slots[k]) * int(self.elemsize[span])

    def _slots(self, span: int) -> I64:
        words = self._bits[int(self._word0[span]) : int(self._word0[span + 1])]
        return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))

    def at(self, address: int) -> int:
        """The object that holds an address; -1 where there is none."""
        base = self._column("spans.base", "<u8").astype(np.uint64)
        if not 0 <= address < 1 << 64:
            return -1
        span = int(np.searchsorted(base, np.uint64(address), side="right")) - 1
        if span < 0:
            return -1
        slot = (address - int(base[span])) // int(self.elemsize[span])
        slots = self._slots(span)
        k = int(np.searchsorted(slots, slot))
        if k >= len(slots) or int(slots[k]) != slot:
            return -1
        return int(self.first[span]) + k

    @cached_property
    def _names(self) -> dict[int, str]:
        table = self.reader.json("answers.types")
        schema.check(table, schema.TYPES, f"{self.reader.path}: answers.types")
        return dict(zip(table["key"], table["name"], strict=True))

    def type_name(self, index: int) -> str:
        """The type of an object, as ``types`` names it."""
        key = int(self.types[index])
        return self._names.get(key, "") if key else "untyped"

    @cached_property
    def _roots_by_object(self) -> tuple[I64, I64]:
        objects = self._column("roots.object", "<i8").astype(np.int64)
        order = np.argsort(objects, kind="stable")
        return objects[order], order

    def roots_of(self, index: int) -> Iterator[str]:
        """What holds an object directly: "global main.sessions", "goroutine 71"."""
        objects, order = self._roots_by_object
        low, high = np.searchsorted(objects, [index, index + 1])
        for row in order[low:high].tolist():
            yield self._root_name(row)

    def _root_name(self, row: int) -> str:
        kind = int(self._column("roots.kind", "|u1")[row])
        if kind == RootKind.GLOBAL:
            return "global " + self._global_name(int(self._column("roots.address", "<u8")[row]))
        name = _ROOT_NAMES.get(RootKind(kind), "a root") if kind < len(RootKind) else "a root"
        if name == "goroutine":
            ids = self._column("goroutines.id", "<u8")
            owner = int(self._column("roots.owner", "<u4")[row])
            return f"goroutine {int(ids[owner])}" if owner < len(ids) else name
        return name

    @cached_property
    def _globals(self) -> tuple[U64, bytes, I64]:
        return (
            self._column("globals.address", "<u8").astype(np.uint64),
            self.reader.read("globals.name_bytes"),
            self._column("globals.name_offset", "<i8").astype(np.int64),
        )

    def _global_name(self, address: int) -> str:
        """The variable at or below an address; some hold many words."""
        addresses, data, offset = self._globals
        row = int(np.searchsorted(addresses, np.uint64(address), side="right")) - 1
        if row < 0 or row + 1 >= len(offset):
            return f"at {address:#x}"
        return data[int(offset[row]) : int(offset[row + 1]) - 1].decode("utf-8", "replace")
