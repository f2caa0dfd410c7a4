"""Take a snapshot: from a process or a core to a written, analysed file and its summary."""

import contextlib
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gosnap._version import __version__
from gosnap.errors import GosnapError
from gosnap.goruntime.program import check_is_go, remark_on
from gosnap.heap.analyse import Analysis, Progress, analyse
from gosnap.heap.answers import span_table, type_table
from gosnap.heap.memprofile import save_memprofile
from gosnap.heap.regions import Regions, reconcile
from gosnap.heap.save import save_contents, save_graph
from gosnap.heap.snapshot import FORMAT, types_view
from gosnap.heap.views import View

if TYPE_CHECKING:
    from gosnap._kernels.heap import Heap
    from gosnap.binary.dwarf import GoDwarf
    from gosnap.binary.elf import ElfFile
    from gosnap.goruntime.program import GoProgram
    from gosnap.goruntime.spans import Spans
    from gosnap.target.image import Image

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
    top: int | None = TOP_ROWS,
) -> View:
    """Capture ``target`` (a pid, a process name, or the path of a core) into a .gosnap file.

    The view's totals: objects, bytes, untyped_bytes. Its extra keys: file, file_bytes, copied_bytes,
    timings_us, rss_bytes, notes. ``exe``: the executable of a core. GosnapError for everything that can go
    wrong; a file of the final name exists only when all went well.
    """
    from gosnap.target.container import Writer

    started = time.monotonic_ns()
    place = _Place(out, force)
    core = _as_core(target)
    if core is None and exe is not None:
        raise GosnapError(
            "--exe goes with a core", "a live process knows its own executable: leave --exe out"
        )
    if core is not None and fork:
        raise GosnapError("--fork goes with a live process, not with a core")
    with ThreadPoolExecutor(1, thread_name_prefix="gosnap-load") as loader:
        if core is not None:
            image, loading = _open_core(core, exe, place, loader, progress)
        else:
            image, loading = _capture(target, fork, place, loader, progress)
        captured = time.monotonic_ns()
        path = place.path(image.program, image.pid)
        elf, dwarf = loading.result()
    with (
        Writer(path, force=force) as writer,
        ThreadPoolExecutor(1, thread_name_prefix="gosnap-save") as saver,
    ):
        saving: list[Future[None]] = []

        def save(program: "GoProgram", heap: "Heap", spans: "Spans") -> None:
            """Contents are packed and written beside the analysis, which leaves a core idle."""
            if contents:
                saving.append(saver.submit(save_contents, writer, program, heap, spans))

        analysis = analyse(image, elf, dwarf, progress, save)
        analysed = time.monotonic_ns()
        if remark := remark_on(analysis.program.version, image.exe_label):
            image.notes.append(remark)
        live = None if analysis.owners is None else analysis.owners.live
        regions = reconcile(analysis.program, analysis.heap, analysis.spans, live)
        table = type_table(analysis)
        writer.add_json("answers.types", table)
        writer.add_json("answers.spans", span_table(analysis, regions))
        save_graph(writer, analysis)
        save_memprofile(writer, analysis.program, analysis.heap, analysis.spans)
        # last, for the notes that all the others left
        meta = _meta(image, elf, analysis, regions, contents)
        if progress is not None:
            progress("writing", 0, 0)
        for job in saving:
            job.result()
        written = time.monotonic_ns()
        timings = {
            **image.timings_us,
            "capture": (captured - started) // 1000,
            **analysis.timings_us,
            "write": (written - analysed) // 1000,
            "total": (written - started) // 1000,
        }
        meta["timings_us"] = timings
        writer.add_json("meta", meta)
        writer.commit()
    view = types_view(meta, table, by="type", match=None, sort="bytes", top=top)
    view.kind = "capture"
    view.extra = {
        "file": str(path),
        "file_bytes": path.stat().st_size,
        "copied_bytes": image.copied_bytes,
        "timings_us": timings,
        "rss_bytes": meta["info"]["totals"]["rss_bytes"],
        "contents": int(contents),
        "notes": list(image.notes),
    }
    return view


def check_output(path: Path, force: bool) -> None:
    """GosnapError where a snapshot could not be written to this path."""
    _Place(path, force).check("", 0)


def default_name(program: str, pid: int) -> str:
    """gosnap-PROGRAM.PID.gosnap, without characters that a file name should not have."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in program) or "go"
    return f"gosnap-{safe[:100]}.{pid}.gosnap"


@dataclass(frozen=True)
class _Place:
    """Where the snapshot goes."""

    out: Path | None
    force: bool

    def path(self, program: str, pid: int) -> Path:
        return self.out if self.out is not None else Path(default_name(program, pid))

    def check(self, program: str, pid: int) -> None:
        """Fail before the target is stopped, not after."""
        path = self.path(program, pid)
        if path.is_dir():
            raise GosnapError(f"{path}: is a directory", "give the name of a file with -o")
        if path.exists() and not path.is_file():
            # replaced by a file, /dev/null would be null no more
            raise GosnapError(f"{path}: is not a regular file", "give the name of a file with -o")
        if path.exists() and not self.force:
            raise GosnapError(
                f"{path}: exists already", "give another name with -o, or --force to replace it"
            )
        if not path.parent.is_dir():
            raise GosnapError(f"{path.parent}: no such directory", "create it, or give another name with -o")
        if not os.access(path.parent, os.W_OK):
            raise GosnapError(f"{path.parent}: not writable", "give another place with -o FILE")


def _as_core(target: str) -> Path | None:
    """The path of a core, unless ``target`` is a pid, the name of a process, or the path of its
    executable."""
    path = Path(target)
    if path.is_file():
        with contextlib.suppress(OSError), path.open("rb") as f:
            head = f.read(18)
            if head[:4] == b"\x7fELF" and head[16:18] != b"\x04\x00":
                return None  # an executable: a process may run it
            # a bare name or number that is also a file here means the core only if it is one
            if "/" in target or head[:4] == b"\x7fELF":
                return path
        return None if target.isdigit() else path
    if "/" in target:
        what = "is not a regular file" if path.exists() else "no such file"
        raise GosnapError(f"{target}: {what}", "give a pid, a process name, or the path of a core")
    return None


def _open_core(
    path: Path, exe: str | None, place: _Place, loader: ThreadPoolExecutor, progress: Progress | None
) -> "tuple[Image, Future[tuple[ElfFile, GoDwarf | None]]]":
    from gosnap.target.core import open_core

    if progress is not None:
        progress("reading the core", 0, 0)
    image = open_core(path, Path(exe) if exe else None)
    place.check(image.program, image.pid)
    elf = _open_binary(image.exe_path, image.exe_path)
    return image, loader.submit(_load_dwarf, elf)


def _capture(
    target: str, fork: bool, place: _Place, loader: ThreadPoolExecutor, progress: Progress | None
) -> "tuple[Image, Future[tuple[ElfFile, GoDwarf | None]]]":
    from gosnap.target import live, procfs, procs

    pid = procs.resolve(target)
    procfs.check(pid)
    exe = f"/proc/{pid}/exe"
    try:
        label = str(Path(exe).readlink())
    except PermissionError:
        raise procfs.permission_error(pid) from None
    except OSError as e:
        raise procfs.lost(pid, e) from None
    # what must fail fails before the target is stopped
    place.check(Path(label.removesuffix(" (deleted)")).name, pid)
    elf = _open_binary(exe, label)
    # DWARF is read while the target runs, beside the copy
    loading = loader.submit(_load_dwarf, elf)
    return live.capture(pid, fork=fork, progress=progress), loading


def _open_binary(path: str, label: str) -> "ElfFile":
    """The executable, once it is clear that it can be understood."""
    from gosnap.binary.elf import ElfFile

    elf = ElfFile.open(path, label)
    check_is_go(elf)
    remark_on(elf.go_version() or "", label)  # raises for what cannot be read
    return elf


def _load_dwarf(elf: "ElfFile") -> "tuple[ElfFile, GoDwarf | None]":
    from gosnap.binary.dwarf import GoDwarf

    if not elf.has_dwarf:
        return elf, None
    dwarf = GoDwarf(elf)
    _ = dwarf.types, dwarf.globals, dwarf.closures, elf.symbol("runtime.mheap_")
    return elf, dwarf


def _reachable(a: Analysis) -> dict[str, int]:
    if a.owners is None:
        return {}
    return {"reachable_objects": a.owners.count, "reachable_bytes": a.live_bytes}


def _goroutine_states(a: Analysis) -> dict[str, int]:
    """Goroutines by state; they can be read even where their stacks cannot."""
    from gosnap.goruntime.goroutines import read_goroutines

    if a.owners is not None:
        return a.owners.roots.goroutines.by_state()
    try:
        return read_goroutines(a.program).by_state()
    except GosnapError:
        return {}


def _meta(image: "Image", elf: "ElfFile", a: Analysis, regions: Regions, contents: bool) -> dict[str, Any]:
    from gosnap.goruntime.gcstate import gc_state

    goroutines = _goroutine_states(a)
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
        "totals": {
            "objects": a.objects,
            "bytes": a.bytes,
            "untyped_bytes": a.untyped_bytes,
            **_reachable(a),
        },
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
