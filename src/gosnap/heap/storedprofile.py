"""The memory profile of a snapshot file, as ``memprofile`` wrote it; without numpy, as verbs on profiles
start without it."""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any

from gosnap.errors import NoProfileError
from gosnap.goruntime.callsites import CallSites
from gosnap.goruntime.heapprofile import HeapProfile, Mapping, check_profiled
from gosnap.goruntime.mprof import FUTURES, State
from gosnap.heap import schema

if TYPE_CHECKING:
    from gosnap.target.container import Reader

ANSWERS = "answers.mprof"
_MOST_COUNTED = 1 << 48
"""More samples than any program takes; sums of four times that fit an int64."""
_LARGEST = 1 << 47
_PLACES = ("start", "limit", "offset")


def stored_profile(reader: Reader) -> HeapProfile:
    """The memory profile as it was when the snapshot was taken. NoProfileError where there is none,
    GosnapError where sections contradict each other."""
    return _Stored(reader).profile()


class _Stored:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._path = reader.path

    def _answers(self) -> dict[str, Any]:
        if not self._reader.has(ANSWERS):
            raise NoProfileError(
                f"{self._path}: holds no memory profile: an older gosnap took it", "take the snapshot again"
            )
        answers: dict[str, Any] = self._reader.json(ANSWERS)
        schema.check(answers, schema.MPROF, f"{self._path}: {ANSWERS}")
        if (
            not all(0 <= answers[name] < 1 << 64 for name in ("head", "word", "time_nanos"))
            or not -(1 << 63) <= answers["rate"] < 1 << 63
            or any(not 0 <= m[name] < 1 << 64 for m in answers["mappings"] for name in _PLACES)
            or len(answers["complete"]) != len(answers["mappings"])
        ):
            raise self._reader.wrong(f"{ANSWERS} has numbers that make no sense")
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
        size = self._column("size", "<u8")
        counts = [self._column(name, "<i8") for name in ("allocs", "frees")]
        if any(len(c) != len(size) * (1 + FUTURES) for c in counts):
            raise self._reader.wrong("columns of the memory profile differ in length")
        if any(len(c) and not 0 <= min(c) <= max(c) < _MOST_COUNTED for c in counts):
            raise self._reader.wrong("the memory profile counts what makes no sense")
        if len(size) and not 0 < min(size) <= max(size) < _LARGEST:
            raise self._reader.wrong("the memory profile has sizes that make no sense")
        sites = self._sites(a)
        if len(sites.stack_start) != len(size) + 1:
            raise self._reader.wrong("columns of the memory profile differ in length")
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

    def _column(self, name: str, dtype: str) -> memoryview:
        return self._reader.column(f"mprof.{name}", dtype)

    def _starts(self, name: str, count: int) -> memoryview:
        """Offsets into ``count`` items: from 0 to the end, never back."""
        start = self._column(name, "<i8")
        if not len(start) or start[0] or start[-1] != count or not all(map(operator.le, start, start[1:])):
            raise self._reader.wrong(f"section mprof.{name} does not fit what it divides")
        return start

    def _rows(self, name: str, count: int) -> memoryview:
        """Rows of a table of ``count``."""
        rows = self._column(name, "<u4")
        if len(rows) and max(rows) >= count:
            raise self._reader.wrong(f"section mprof.{name} refers to what is not there")
        return rows

    def _texts(self, name: str) -> list[str]:
        data = self._column(f"{name}_bytes", "|u1").tobytes()
        start = self._starts(f"{name}_start", len(data)).tolist()
        return [data[a:b].decode("utf-8", "surrogateescape") for a, b in itertools.pairwise(start)]

    def _sites(self, answers: dict[str, Any]) -> CallSites:
        names, files = self._texts("name"), self._texts("file")
        start_line = self._column("start_line", "<i8")
        address = self._column("address", "<u8")
        mapping = self._column("mapping", "<i4")
        function = self._rows("line_function", len(names))
        line = self._column("line", "<i4")
        line_start = self._starts("line_start", len(function))
        stack = self._rows("stack", len(address))
        if (
            not len(names) == len(files) == len(start_line)
            or not len(address) == len(mapping) == len(line_start) - 1
            or len(line) != len(function)
        ):
            raise self._reader.wrong("columns of the memory profile differ in length")
        if len(mapping) and not -1 <= min(mapping) <= max(mapping) < len(answers["mappings"]):
            raise self._reader.wrong("section mprof.mapping refers to what is not there")
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
