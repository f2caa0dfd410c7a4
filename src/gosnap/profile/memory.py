"""Profiles of programs that serve none: the runtime's memory profile as the heap endpoint would write it.

The one module of this room that imports numpy, and rooms that know Go programs. Source of the layout:
runtime/pprof/protomem.go and proto.go, Go 1.21 to 1.27.
"""

from pathlib import Path

import numpy as np

from gosnap.errors import GosnapError
from gosnap.goruntime.heapprofile import HeapProfile, read_heap_profile
from gosnap.goruntime.mprof import VIEWS, View
from gosnap.profile.model import HAS_FUNCTIONS, NONE, Profile, Strings, column

__all__ = ["HeapProfile", "checked_view", "of_core", "of_process", "to_profile"]

SAMPLE_TYPES = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
]
_SIZE_LABEL = "bytes"


def to_profile(heap: HeapProfile, view: View = "pprof") -> Profile:
    """The profile: samples in the order of the runtime's list, with those that count nothing.

    ``view``: "pprof" as the endpoint would show it at that moment, lagging up to two collections; "now" with
    what is not published yet. The same locations in both.
    """
    sites = heap.sites
    texts = _Texts()
    label = heap.labels(view)
    labelled = np.flatnonzero(label)
    mapping = np.where(sites.mapping < 0, NONE, sites.mapping).astype(np.uint32)
    maps = heap.mappings
    functions = [texts.index(n) for n in sites.name]
    key = texts.index(_SIZE_LABEL) if len(labelled) else 0
    columns = {
        "values": (np.stack(heap.values(view), axis=1).reshape(-1), "q"),
        "stack_start": (sites.stack_start, "q"),
        "stack": (sites.stack, "I"),
        "label_start": (np.concatenate([[0], np.cumsum(label != 0)]), "q"),
        "label_key": (np.full(len(labelled), key), "I"),
        "label_str": (np.zeros(len(labelled)), "I"),
        "label_num": (label[labelled], "q"),
        "label_unit": (np.zeros(len(labelled)), "I"),
        "mapping_id": (np.arange(1, len(maps) + 1), "Q"),
        "mapping_start": ([m.start for m in maps], "Q"),
        "mapping_limit": ([m.limit for m in maps], "Q"),
        "mapping_offset": ([m.offset for m in maps], "Q"),
        "mapping_file": ([texts.index(m.file) for m in maps], "I"),
        "mapping_build_id": ([texts.index(m.build_id) for m in maps], "I"),
        "mapping_flags": ([HAS_FUNCTIONS if done else 0 for done in sites.complete], "B"),
        "location_id": (np.arange(1, len(sites.address) + 1), "Q"),
        "location_address": (sites.address, "Q"),
        "location_mapping": (mapping, "I"),
        "location_folded": (np.zeros(len(sites.address)), "B"),
        "line_start": (sites.line_start, "q"),
        "line_function": (sites.line_function, "I"),
        "line_line": (sites.line, "q"),
        "line_column": (np.zeros(len(sites.line)), "q"),
        "function_id": (np.arange(1, len(functions) + 1), "Q"),
        "function_name": (functions, "I"),
        "function_system_name": (functions, "I"),
        "function_filename": ([texts.index(f) for f in sites.file], "I"),
        "function_start_line": (sites.start_line, "q"),
    }
    return Profile(
        sample_types=list(SAMPLE_TYPES),
        period_type=("space", "bytes"),
        period=heap.state.rate,
        time_nanos=heap.time_nanos,
        strings=Strings.of(texts.raw()),
        **{name: column(np.asarray(c, code).tobytes(), code) for name, (c, code) in columns.items()},
    )


def of_process(pid: int) -> HeapProfile:
    """The memory profile of a running process, which is not stopped for it. GosnapError where it keeps
    none."""
    from gosnap.goruntime.running import open_running

    return read_heap_profile(open_running(pid))


def of_core(path: Path, exe: Path | None = None) -> HeapProfile:
    """The memory profile in an ELF core; ``exe`` as ``gosnap capture --exe`` takes it."""
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.goruntime.program import GoProgram
    from gosnap.target.core import open_core

    image = open_core(path, exe)
    elf = ElfFile.open(image.exe_path)
    if elf.go_version() is None and elf.symbol("runtime.buildVersion") is None:
        raise GosnapError(f"{image.exe_label}: not a Go program", "gosnap reads Go programs")
    return read_heap_profile(GoProgram(image, elf, GoDwarf(elf) if elf.has_dwarf else None))


def checked_view(view: str) -> View:
    """A view by its name; GosnapError for any other."""
    for known in VIEWS:
        if view == known:
            return known
    raise GosnapError(f"no view {view!r} of a memory profile", f"one of {', '.join(VIEWS)}")


class _Texts:
    """A string table; 0 is the empty text."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {"": 0}

    def index(self, text: str) -> int:
        return self._rows.setdefault(text, len(self._rows))

    def raw(self) -> list[bytes]:
        return [t.encode("utf-8", "surrogateescape") for t in self._rows]
