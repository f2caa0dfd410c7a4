"""The memory profile into a snapshot file: buckets with their stacks by name, and which object is of which;
``storedprofile`` reads it back.

Sections (``answers.mprof`` is there in every snapshot that was taken since they exist, the others where the
program keeps a profile): ``mprof.size``, ``mprof.allocs``, ``mprof.frees`` (four per bucket: active and
three future cycles), ``mprof.stack_start``, ``mprof.stack`` (locations of each stack), ``mprof.address``,
``mprof.mapping``, ``mprof.line_start``, ``mprof.line_function``, ``mprof.line`` (of each location),
``mprof.name_*``, ``mprof.file_*``, ``mprof.start_line`` (of each function), ``mprof.object``,
``mprof.object_bucket``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gosnap.errors import GosnapError
from gosnap.goruntime.heapprofile import HeapProfile, read_heap_profile
from gosnap.goruntime.mprof import Buckets, read_buckets, read_sampled
from gosnap.heap.storedprofile import ANSWERS

if TYPE_CHECKING:
    from gosnap._kernels.heap import Heap
    from gosnap.goruntime.program import GoProgram
    from gosnap.goruntime.spans import Spans
    from gosnap.heap.columns import Columns
    from gosnap.target.container import Writer

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]


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


def allocation_sites(columns: "Columns", profile: HeapProfile) -> AllocationSites:
    """Which object is of which row of the profile. GosnapError where the sections contradict each other."""
    objects = columns.column("mprof.object", "<u4").astype(np.uint32, copy=False)
    bucket = columns.column("mprof.object_bucket", "<u4").astype(np.uint32, copy=False)
    if len(objects) != len(bucket):
        raise columns.wrong("columns of the sampled objects differ in length")
    if len(objects) and (int(objects.max()) >= columns.objects or int(bucket.max()) >= len(profile)):
        raise columns.wrong("a sampled object that is not there")
    if bool((objects[1:] < objects[:-1]).any()):
        raise columns.wrong("sampled objects out of order")
    return AllocationSites(objects, bucket)
