"""Profiles of programs that serve none: the runtime's memory profile as the heap endpoint would write it.

The one module of this room that imports rooms that know Go programs. Source of the layout:
runtime/pprof/protomem.go and proto.go, Go 1.21 to 1.27.
"""

from __future__ import annotations

from gosnap._kernels.callsites import present, rows, wider
from gosnap.errors import GosnapError
from gosnap.goruntime.heapprofile import HeapProfile, read_heap_profile
from gosnap.goruntime.mprof import VIEWS
from gosnap.profile.columns import column, seen, zeros
from gosnap.profile.model import HAS_FUNCTIONS, Profile
from gosnap.profile.strings import Strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from gosnap.goruntime.mprof import View

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
    label_start, label_num = present(heap.labels(view))
    labels, locations, lines = len(label_num), len(sites.address), len(sites.line)
    maps = heap.mappings
    functions = [texts.index(n) for n in sites.name]
    key = texts.index(_SIZE_LABEL) if labels else 0
    return Profile(
        sample_types=tuple(SAMPLE_TYPES),
        period_type=("space", "bytes"),
        period=heap.state.rate,
        time_nanos=heap.time_nanos,
        values=rows(*heap.values(view)),
        stack_start=seen("q", sites.stack_start),
        stack=seen("I", sites.stack),
        label_start=label_start,
        label_key=seen("I", column("I", [key]).tobytes() * labels),
        label_str=zeros("I", labels),
        label_num=label_num,
        label_unit=zeros("I", labels),
        mapping_id=column("Q", range(1, len(maps) + 1)),
        mapping_start=column("Q", [m.start for m in maps]),
        mapping_limit=column("Q", [m.limit for m in maps]),
        mapping_offset=column("Q", [m.offset for m in maps]),
        mapping_file=column("I", [texts.index(m.file) for m in maps]),
        mapping_build_id=column("I", [texts.index(m.build_id) for m in maps]),
        mapping_flags=column("B", [HAS_FUNCTIONS if done else 0 for done in sites.complete]),
        location_id=column("Q", range(1, locations + 1)),
        location_address=seen("Q", sites.address),
        # -1, for none, is NONE there
        location_mapping=seen("I", sites.mapping),
        location_folded=zeros("B", locations),
        line_start=seen("q", sites.line_start),
        line_function=seen("I", sites.line_function),
        line_line=wider(sites.line),
        line_column=zeros("q", lines),
        function_id=column("Q", range(1, len(functions) + 1)),
        function_name=column("I", functions),
        function_system_name=column("I", functions),
        function_filename=column("I", [texts.index(f) for f in sites.file]),
        function_start_line=seen("q", sites.start_line),
        strings=Strings.of(texts.raw()),
    )


def of_process(pid: int) -> HeapProfile:
    """The memory profile of a running process, which is not stopped for it. GosnapError where it keeps
    none."""
    from gosnap.goruntime.running import open_running

    program = open_running(pid, dwarf=False)
    try:
        return read_heap_profile(program)
    except GosnapError:
        if program.has_dwarf or not program.elf.has_dwarf:
            raise
    # structures may not be those of the release that the program says it was built with
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
