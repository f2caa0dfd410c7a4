"""The memory profile in a snapshot file: buckets with their stacks by name, and which object is of which.

Sections (``answers.mprof`` is there in every snapshot that was taken since they exist, the others where the
program keeps a profile): ``mprof.size``, ``mprof.allocs``, ``mprof.frees`` (four per bucket: active and
three future cycles), ``mprof.stack_start``, ``mprof.stack`` (locations of each stack), ``mprof.address``,
``mprof.mapping``, ``mprof.line_start``, ``mprof.line_function``, ``mprof.line`` (of each location),
``mprof.name_*``, ``mprof.file_*``, ``mprof.start_line`` (of each function), ``mprof.object``,
``mprof.object_bucket``.
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError, NoProfileError
from gosnap.goruntime.callsites import CallSites
from gosnap.goruntime.heapprofile import HeapProfile, Mapping, check_profiled, read_heap_profile
from gosnap.goruntime.mprof import FUTURES, Buckets, State, read_buckets, read_sampled
from gosnap.heap import schema

if TYPE_CHECKING:
    from gosnap._kernels.heap import Heap
    from gosnap.goruntime.program import GoProgram
    from gosnap.goruntime.spans import Spans
    from gosnap.heap.columns import Columns
    from gosnap.target.container import Writer

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

ANSWERS = "answers.mprof"
_MOST_COUNTED = 1 << 48
"""More samples than any program takes; sums of four times that fit an int64."""
_LARGEST = 1 << 47
_PLACES = ("start", "limit", "offset")


def save_memprofile(writer: "Writer", program: "GoProgram", heap: "Heap", spans: "Spans") -> None:
    """Read the profile from the copy and write it. What cannot be read is a note, not an end of the
    capture."""
    answers: dict[str, Any] = {
        "why": "",
        "head": 0,
        "word": 0,
        "rate": 0,
        "disabled": 0,
        "total_bytes": 0,
        "time_nanos": 0,
        "mappings": [],
        "complete": [],
        "notes": [],
    }
    try:
        buckets = read_buckets(program)
        answers |= {
            "head": buckets.state.head,
            "word": buckets.state.word,
            "rate": buckets.state.rate,
            "disabled": int(buckets.state.disabled),
        }
        if len(buckets) and not buckets.state.disabled:
            _save(writer, program, buckets, answers)
            _save_objects(writer, program, heap, spans, buckets)
    except GosnapError as e:
        answers["why"] = e.message
        program.image.notes.append(f"the memory profile is not in the snapshot: {e.message}")
    writer.add_json(ANSWERS, answers)


def _save(writer: "Writer", program: "GoProgram", buckets: Buckets, answers: dict[str, Any]) -> None:
    profile = read_heap_profile(program, buckets)
    sites = profile.sites
    for name in ("size", "allocs", "frees"):
        writer.add_array(f"mprof.{name}", np.asarray(getattr(profile, name)))
    for name in ("stack_start", "stack", "address", "mapping", "line_start", "line_function", "line"):
        writer.add_array(f"mprof.{name}", np.asarray(getattr(sites, name)))
    writer.add_array("mprof.start_line", np.asarray(sites.start_line))
    for name, texts in (("name", sites.name), ("file", sites.file)):
        raw = [t.encode("utf-8", "surrogateescape") for t in texts]
        writer.add_array(f"mprof.{name}_bytes", np.frombuffer(b"".join(raw), np.uint8))
        writer.add_array(f"mprof.{name}_start", np.cumsum([0, *map(len, raw)]).astype(np.int64))
    answers |= {
        "total_bytes": int(profile.total_bytes),
        "time_nanos": profile.time_nanos,
        "mappings": [
            {
                "start": m.start,
                "limit": m.limit,
                "offset": m.offset,
                "file": m.file.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
                "build_id": m.build_id,
            }
            for m in profile.mappings
        ],
        "complete": [int(c) for c in sites.complete],
        "notes": profile.notes,
    }


def _save_objects(
    writer: "Writer", program: "GoProgram", heap: "Heap", spans: "Spans", buckets: Buckets
) -> None:
    found = read_sampled(program, spans, buckets, program.space)
    objects = np.zeros(len(found.object), np.int64)
    heap.find_all(np.ascontiguousarray(found.object), objects)
    # a special stays until its span is swept: the object may be dead, and its slot free
    there = objects >= 0
    order = np.argsort(objects[there], kind="stable")
    writer.add_array("mprof.object", objects[there][order].astype(np.uint32))
    writer.add_array("mprof.object_bucket", found.bucket[there][order])
    if found.broken or found.strangers:
        program.image.notes.append(
            f"not every sampled object has its stack: {found.broken:,} lists of specials end early, "
            f"{found.strangers:,} name a bucket that is not in the profile"
        )


@dataclass
class AllocationSites:
    """The objects of a snapshot that the memory profile samples, sorted: ``object``, and of each the row of
    its bucket in ``HeapProfile``."""

    object: U32
    bucket: U32

    def of(self, objects: I64) -> tuple[I64, I64]:
        """(buckets, samples) of some objects, given by number: which buckets their samples are of, and how
        many are of each, most first."""
        chosen = self.bucket[np.isin(self.object, objects)]
        rows, count = np.unique(chosen, return_counts=True)
        order = np.lexsort((rows, -count))
        return rows[order].astype(np.int64), count[order].astype(np.int64)


class StoredProfile:
    """Reads the sections back; NoProfileError where there are none, GosnapError where they contradict each
    other."""

    def __init__(self, columns: "Columns") -> None:
        self._columns = columns
        self._path = columns.reader.path

    def _answers(self) -> dict[str, Any]:
        if not self._columns.reader.has(ANSWERS):
            raise NoProfileError(
                f"{self._path}: holds no memory profile: an older gosnap took it", "take the snapshot again"
            )
        answers: dict[str, Any] = self._columns.reader.json(ANSWERS)
        schema.check(answers, schema.MPROF, f"{self._path}: {ANSWERS}")
        if (
            not all(0 <= answers[name] < 1 << 64 for name in ("head", "word", "time_nanos"))
            or not -(1 << 63) <= answers["rate"] < 1 << 63
            or any(not 0 <= m[name] < 1 << 64 for m in answers["mappings"] for name in _PLACES)
            or len(answers["complete"]) != len(answers["mappings"])
        ):
            raise self._columns.wrong(f"{ANSWERS} has numbers that make no sense")
        return answers

    def profile(self) -> HeapProfile:
        """The memory profile as it was when the snapshot was taken."""
        a = self._answers()
        if a["why"]:
            raise NoProfileError(
                f"{self._path}: holds no memory profile: {a['why']}",
                "`gosnap types` shows what is in memory, `gosnap paths` who holds it",
            )
        state = State(a["head"], a["word"], a["rate"], bool(a["disabled"]))
        check_profiled(str(self._path), state)
        size = self._column("size", "<u8").astype(np.uint64, copy=False)
        counts = [self._column(name, "<i8").astype(np.int64, copy=False) for name in ("allocs", "frees")]
        if any(len(c) != len(size) * (1 + FUTURES) for c in counts):
            raise self._columns.wrong("columns of the memory profile differ in length")
        if any(len(c) and not 0 <= int(c.min()) <= int(c.max()) < _MOST_COUNTED for c in counts):
            raise self._columns.wrong("the memory profile counts what makes no sense")
        if len(size) and not 0 < int(size.min()) <= int(size.max()) < _LARGEST:
            raise self._columns.wrong("the memory profile has sizes that make no sense")
        sites = self._sites(a)
        if len(sites.stack_start) != len(size) + 1:
            raise self._columns.wrong("columns of the memory profile differ in length")
        return HeapProfile(
            state=state,
            size=size,
            allocs=counts[0],
            frees=counts[1],
            sites=sites,
            mappings=[Mapping(**{k: m[k] for k in (*_PLACES, "file", "build_id")}) for m in a["mappings"]],
            total_bytes=bool(a["total_bytes"]),
            time_nanos=a["time_nanos"],
            notes=list(a["notes"]),
        )

    def sites(self, profile: HeapProfile) -> AllocationSites:
        """Which object is of which row of the profile."""
        objects = self._column("object", "<u4").astype(np.uint32, copy=False)
        bucket = self._column("object_bucket", "<u4").astype(np.uint32, copy=False)
        if len(objects) != len(bucket):
            raise self._columns.wrong("columns of the sampled objects differ in length")
        if len(objects) and (
            int(objects.max()) >= self._columns.objects or int(bucket.max()) >= len(profile)
        ):
            raise self._columns.wrong("a sampled object that is not there")
        if bool((objects[1:] < objects[:-1]).any()):
            raise self._columns.wrong("sampled objects out of order")
        return AllocationSites(objects, bucket)

    def _column(self, name: str, dtype: str) -> npt.NDArray[np.generic]:
        return self._columns.column(f"mprof.{name}", dtype)

    def _starts(self, name: str, count: int) -> I64:
        """Offsets into ``count`` items: from 0 to the end, never back."""
        start = self._column(name, "<i8").astype(np.int64, copy=False)
        if not len(start) or int(start[0]) or int(start[-1]) != count or bool((np.diff(start) < 0).any()):
            raise self._columns.wrong(f"section mprof.{name} does not fit what it divides")
        return start

    def _rows(self, name: str, count: int) -> U32:
        """Rows of a table of ``count``."""
        rows = self._column(name, "<u4").astype(np.uint32, copy=False)
        if len(rows) and int(rows.max()) >= count:
            raise self._columns.wrong(f"section mprof.{name} refers to what is not there")
        return rows

    def _texts(self, name: str) -> list[str]:
        data = self._column(f"{name}_bytes", "|u1").tobytes()
        start = self._starts(f"{name}_start", len(data)).tolist()
        return [data[a:b].decode("utf-8", "surrogateescape") for a, b in itertools.pairwise(start)]

    def _sites(self, answers: dict[str, Any]) -> CallSites:
        names, files = self._texts("name"), self._texts("file")
        start_line = self._column("start_line", "<i8").astype(np.int64, copy=False)
        address = self._column("address", "<u8").astype(np.uint64, copy=False)
        mapping = self._column("mapping", "<i4").astype(np.int32, copy=False)
        function = self._rows("line_function", len(names))
        line = self._column("line", "<i4").astype(np.int32, copy=False)
        line_start = self._starts("line_start", len(function))
        stack = self._rows("stack", len(address))
        if (
            not len(names) == len(files) == len(start_line)
            or not len(address) == len(mapping) == len(line_start) - 1
            or len(line) != len(function)
        ):
            raise self._columns.wrong("columns of the memory profile differ in length")
        if len(mapping) and not -1 <= int(mapping.min()) <= int(mapping.max()) < len(answers["mappings"]):
            raise self._columns.wrong("section mprof.mapping refers to what is not there")
        return CallSites(
            name=names,
            file=files,
            start_line=start_line,
            address=address,
            mapping=mapping,
            line_start=line_start,
            line_function=function,
            line=line,
            stack_start=self._starts("stack_start", len(stack)),
            stack=stack,
            complete=[bool(c) for c in answers["complete"]],
        )
