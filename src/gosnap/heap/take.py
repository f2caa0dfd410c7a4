"""Take a snapshot: from a process or a core to a written, analysed file and its summary."""

import contextlib
import ctypes
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gosnap._version import __version__
from gosnap.errors import GosnapError
from gosnap.goruntime.sizeclasses import PAGE_SIZE
from gosnap.heap.analyse import Analysis, Progress, analyse
from gosnap.heap.answers import span_table, type_table
from gosnap.heap.regions import Regions, merge, reconcile, subtract
from gosnap.heap.snapshot import FORMAT, types_view
from gosnap.heap.views import View

if TYPE_CHECKING:
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.target.container import Writer
    from gosnap.target.image import Image

_PIECE = 1 << 20
TOP_ROWS = 10


def take(
    target: str,
    *,
    exe: str | None = None,
    fork: bool = False,
    contents: bool = True,
    out: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    top: int = TOP_ROWS,
) -> View:
    """Capture ``target`` (a pid, a process name, or the path of a core) into a .gosnap file.

    The view's totals: objects, bytes, untyped_bytes. Its extra keys: file, file_bytes, copied_bytes, timings_us.
    """
    from gosnap.target.container import Writer

    started = time.monotonic_ns()
    with ThreadPoolExecutor(2) as pool:
        core = _as_core(target)
        if core is not None:
            image, loading = _open_core(core, exe, pool)
        else:
            image, loading = _capture(target, fork, out, force, pool, progress)
        captured = time.monotonic_ns()
        path = out if out is not None else Path(default_name(image.program, image.pid))
        with Writer(path, force=force) as writer:
            elf, dwarf = loading.result()
            analysis = analyse(image, elf, dwarf, progress)
            content: Future[None] | None = None
            if contents:
                content = pool.submit(_write_contents, writer, analysis)
            regions = reconcile(analysis.program, analysis.heap, analysis.spans)
            meta = _meta(image, elf, analysis, regions, contents)
            _write_answers(writer, analysis, regions, meta)
            _write_graph(writer, analysis)
            if progress is not None:
                progress("writing", None)
            if content is not None:
                content.result()
            written = time.monotonic_ns()
            timings = {
                **image.timings_us,
                "capture": (captured - started) // 1000,
                **analysis.timings_us,
                "write": (written - captured) // 1000 - sum(analysis.timings_us.values()),
                "total": (written - started) // 1000,
            }
            meta["timings_us"] = timings
            writer.add_json("meta", meta)
            writer.commit()
    view = types_view(meta, type_table(analysis), by="type", match=None, sort="bytes", top=top)
    view.kind = "capture"
    view.extra = {
        "file": str(path),
        "file_bytes": path.stat().st_size,
        "copied_bytes": image.copied_bytes,
        "timings_us": timings,
        "rss_bytes": meta["info"]["totals"]["rss_bytes"],
        "notes": list(image.notes),
    }
    return view


def default_name(program: str, pid: int) -> str:
    """gosnap-PROGRAM.PID.gosnap, without characters that a file name should not have."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in program) or "go"
    return f"gosnap-{safe[:100]}.{pid}.gosnap"


def _as_core(target: str) -> Path | None:
    """The path of a core, unless ``target`` is a pid or the name of a process."""
    path = Path(target)
    if target.isdigit() and not path.exists():
        return None
    if path.is_file():
        with path.open("rb") as f:
            head = f.read(18)
        # a bare name that is also a file in this directory means the core only if it is one
        if "/" in target or head[:4] == b"\x7fELF" and head[16:18] == b"\x04\x00":
            return path
        if not target.isdigit():
            return path
        return None
    if "/" in target:
        raise GosnapError(f"{target}: no such file", "give a pid, a process name, or the path of a core")
    return None


def _open_core(path: Path, exe: str | None, pool: ThreadPoolExecutor) -> "tuple[Image, Future[Any]]":
    from gosnap.target.core import open_core

    image = open_core(path, Path(exe) if exe else None)
    return image, pool.submit(_load_binary, image.exe_path, image.exe_label)


def _capture(
    target: str, fork: bool, out: Path | None, force: bool, pool: ThreadPoolExecutor, progress: Progress | None
) -> "tuple[Image, Future[Any]]":
    from gosnap.target import live, procs

    pid = procs.resolve(target)
    if out is not None:
        _check_writable(out, force)
    exe = f"/proc/{pid}/exe"
    live.check(pid)
    label = exe
    with contextlib.suppress(OSError):
        label = os.readlink(exe)
    if out is None:
        _check_writable(Path(default_name(Path(label.removesuffix(" (deleted)")).name, pid)), force)
    # the executable is read while the target runs, beside the copy
    loading = pool.submit(_load_binary, exe, label)
    # a binary that cannot be understood must not cost the target a stop
    if loading.done():
        loading.result()
    image = live.capture(pid, fork=fork, progress=progress)
    return image, loading


def _check_writable(path: Path, force: bool) -> None:
    """Fail before the target is stopped, not after."""
    if path.exists() and not force:
        raise GosnapError(f"{path}: exists already", "give another name with -o, or --force to replace it")
    parent = path.parent if str(path.parent) else Path()
    if not parent.is_dir():
        raise GosnapError(f"{parent}: no such directory", "create it, or give another name with -o")
    if not os.access(parent, os.W_OK):
        raise GosnapError(f"{parent}: not writable", "give another place with -o FILE")


def _load_binary(path: str, label: str) -> "tuple[ElfFile, GoDwarf]":
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile

    elf = ElfFile.open(path, label)
    if elf.go_version() is None and elf.symbol("runtime.buildVersion") is None:
        raise GosnapError(f"{label}: not a Go program", "gosnap reads Go programs; `gosnap ps` lists those that run here")
    if not elf.has_dwarf:
        raise GosnapError(
            f"{label}: has no DWARF (built with -ldflags=-s or -w, or stripped)",
            "build it without -ldflags='-s -w'; binaries without DWARF are not supported yet",
        )
    dwarf = GoDwarf(elf)
    _ = dwarf.types, dwarf.globals, dwarf.closures
    return elf, dwarf


def _meta(image: "Image", elf: "ElfFile", a: Analysis, regions: Regions, contents: bool) -> dict[str, Any]:
    from gosnap.goruntime.gcstate import gc_state, goroutine_counts

    goroutines = goroutine_counts(a.program)
    target: dict[str, Any] = {
        "exe": image.exe_label,
        "cmdline": list(image.cmdline),
        "go_version": a.program.version,
        "build_id": elf.go_build_id or "",
        "gnu_build_id": elf.gnu_build_id or "",
        "pie": int(elf.is_pie),
        "pid": image.pid,
        "threads": len(image.threads),
        "goroutines": sum(goroutines.values()),
        "goroutine_states": goroutines,
        "kernel": image.kernel,
        "hostname": image.hostname,
        "rss_known": int(image.rss_bytes is not None),
        "swap_bytes": image.swap_bytes or 0,
        "cgroup": image.limits.cgroup,
    }
    if image.limits.limit_bytes is not None:
        target["cgroup_limit_bytes"] = image.limits.limit_bytes
    if image.limits.usage_bytes is not None:
        target["cgroup_usage_bytes"] = image.limits.usage_bytes
    totals = {
        "rss_bytes": regions.rss_bytes,
        "accounted_bytes": regions.accounted_bytes,
        "unexplained_bytes": regions.rss_bytes - regions.accounted_bytes,
        "heap_objects": a.objects,
        "heap_bytes": a.bytes,
        "untyped_bytes": a.untyped_bytes,
        "edges": int(sum(len(t) for t in a.targets)),
        "objects_without_mask": a.conservative,
        "unpublished_slots": a.unpublished,
    }
    return {
        "format": FORMAT,
        "gosnap": __version__,
        "snapshot": {
            "program": image.program,
            "pid": image.pid,
            "go_version": a.program.version,
            "arch": "amd64",
            "taken_at": image.taken_at,
            "pause_us": image.pause_us,
            "source": image.source,
        },
        "checks": a.checks,
        "dangling": [{"object": f"{o:#x}", "pointer": f"{p:#x}"} for o, p in a.dangling],
        "totals": {"objects": a.objects, "bytes": a.bytes, "untyped_bytes": a.untyped_bytes},
        "info": {
            "target": target,
            "gc": gc_state(a.program),
            "totals": totals,
            "rows": regions.rows,
            "notes": list(image.notes),
        },
        "copied_bytes": image.copied_bytes,
        "contents": int(contents),
        "types_base": a.program.modules[0].types,
        "bias": a.program.bias,
    }


def _write_answers(writer: "Writer", a: Analysis, regions: Regions, meta: dict[str, Any]) -> None:
    writer.add_json("answers.types", type_table(a))
    writer.add_json("answers.spans", span_table(a, regions))


def _write_graph(writer: "Writer", a: Analysis) -> None:
    """What later verbs need of the target: spans, objects, edges, types, globals. Never a whole column in Python."""
    s = a.spans
    for name in (
        *("base", "npages", "elemsize", "nelems", "spanclass", "sweep", "counts", "large_type", "specials"),
        *("manual_base", "manual_npages"),
    ):
        writer.add_array(f"spans.{name}", getattr(s, name), compress=True)
    bitmap = np.zeros(max(a.heap.words(), 1), np.uint64)
    a.heap.bitmap(bitmap)
    writer.add_chunked("objects.bitmap", [memoryview(bitmap).cast("B")])
    writer.add_chunked("objects.type", [memoryview(a.otype).cast("B")])
    writer.add_chunked("edges.degree", [memoryview(a.degree).cast("B")])
    writer.add_chunked("edges.target", [memoryview(t).cast("B") for t in a.targets if len(t)])
    dwarf = a.program.dwarf
    for name, column in dwarf.types.to_columns().items():
        writer.add_array(f"types.{name}", column, compress=True)
    g = dwarf.globals
    writer.add_array("globals.address", (g.addr + np.uint64(a.program.bias)).astype(np.uint64), compress=True)
    writer.add_array("globals.type", g.type, compress=True)
    for name, column in g.name.to_columns("name").items():
        writer.add_array(f"globals.{name}", column, compress=True)


def _write_contents(writer: "Writer", a: Analysis) -> None:
    """The target's memory without free heap pages: (start, end) of each range and the bytes one after another."""
    ranges = content_ranges(a)
    table = np.asarray([(s, e) for s, e, _ in ranges], np.uint64).reshape(-1, 2)
    writer.add_array("contents.start", np.ascontiguousarray(table[:, 0]), compress=True)
    writer.add_array("contents.end", np.ascontiguousarray(table[:, 1]), compress=True)
    writer.add_chunked("contents.bytes", _pieces(ranges))


def content_ranges(a: Analysis) -> list[tuple[int, int, int]]:
    """(start, end, host address) of the bytes worth keeping: all that was copied but unused pages of the heap."""
    image = a.program.image
    spans = a.spans
    size = np.uint64(PAGE_SIZE)
    used = merge(
        list(zip(spans.base.tolist(), (spans.base + spans.npages * size).tolist(), strict=True))
        + list(zip(spans.manual_base.tolist(), (spans.manual_base + spans.manual_npages * size).tolist(), strict=True))
    )
    arenas = merge([(c, c + (64 << 20)) for c in a.heap.arena_chunks()])
    unused = subtract(arenas, used)
    present: list[tuple[int, int]] | None = None
    if image.resident is not None:
        present = merge(list(zip(image.resident.start.tolist(), image.resident.end.tolist(), strict=True)))
    out = []
    space = image.space
    for start, end, host in zip(space.start.tolist(), space.end.tolist(), space.host.tolist(), strict=True):
        for s, e in subtract([(start, end)], unused):
            parts = [(s, e)] if present is None else _clip(present, s, e)
            out += [(x, y, host + x - start) for x, y in parts]
    return out


def _clip(intervals: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    import bisect

    out = []
    i = max(bisect.bisect_left(intervals, (start, start)) - 1, 0)
    while i < len(intervals) and intervals[i][0] < end:
        x, y = max(intervals[i][0], start), min(intervals[i][1], end)
        if x < y:
            out.append((x, y))
        i += 1
    return out


def _pieces(ranges: list[tuple[int, int, int]]) -> Iterator[memoryview]:
    for start, end, host in ranges:
        for at in range(0, end - start, _PIECE):
            n = min(_PIECE, end - start - at)
            yield memoryview((ctypes.c_ubyte * n).from_address(host + at)).cast("B")
