"""Write src/gosnap/goruntime/layouts.json, which says how the runtime of each Go version is laid out.

    python tools/layout_table.py [VERSION ...]

It is what gosnap reads programs without DWARF by. For each version (all that the tests know, by default;
others in the table stay as they are) programs of tests/targets are built with their DWARF, plain and position
independent, and from them come the sizes and fields of structures, constants, and where the runtime's code
names its own variables. A new Go release is one run of this and one diff to look at.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import numpy as np

import gotool
from gosnap.binary.dwarf import GoDwarf
from gosnap.binary.elf import ElfFile
from gosnap.binary.symtab import STT_FUNC, symbols
from gosnap.goruntime.code import operands
from gosnap.goruntime.layout import Layouts
from gosnap.goruntime.program import minor_version

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "gosnap" / "goruntime" / "layouts.json"
PROGRAMS = ("types", "profiles", "leaks")
"""Targets that between them link all that is asked for."""
BUILDS: tuple[tuple[str, ...], ...] = ((), ("-buildmode=pie",))
PLACES = 4
"""How many functions tell a variable's address."""
STRUCTS: dict[str, tuple[str, ...]] = {
    "runtime.moduledata": (
        *("pcHeader", "funcnametab", "cutab", "filetab", "pctab", "pclntable", "ftab", "minpc", "maxpc"),
        *("text", "etext", "noptrdata", "enoptrdata", "data", "edata", "bss", "ebss", "noptrbss"),
        *("enoptrbss", "types", "etypes", "typedesclen", "itaboffset", "typelinks", "itablinks", "rodata"),
        *("gofunc", "gcdatamask", "gcbssmask", "next"),
    ),
    "runtime._func": (
        *("entryOff", "nameOff", "args", "deferreturn", "pcsp", "pcfile", "pcln", "npcdata", "cuOffset"),
        *("startLine", "funcID", "flag", "nfuncdata"),
    ),
    "runtime.mheap": (
        *("sweepgen", "allspans", "arenas", "allArenas", "heapArenas", "userArenaArenas", "pages.chunks"),
        *("pages.summary", "pages.scav.index.chunks"),
    ),
    "runtime.mspan": (
        *("next", "startAddr", "npages", "freeindex", "nelems", "freeIndexForScan", "allocBits"),
        *("gcmarkBits", "sweepgen", "divMul", "allocCount", "spanclass", "state", "elemsize", "limit"),
        *("specials", "largeType"),
    ),
    "runtime.spanInlineMarkBits": ("marks",),
    "runtime.heapArena": ("bitmap", "noMorePtrs", "spans"),
    "runtime.atomicScavChunkData": (),
    "runtime.g": (
        *("stack.lo", "stack.hi", "m", "sched.sp", "sched.pc", "sched.ctxt", "syscallsp", "syscallpc"),
        *("atomicstatus", "goid", "parentGoid", "waitsince", "waitreason", "gopc", "startpc", "waiting"),
        "_defer",
    ),
    "runtime.m": ("procid",),
    "runtime.p": ("id", "timers", "timers.heap"),
    "runtime._defer": ("fn", "link"),
    "runtime.sudog": ("g", "next", "prev", "elem", "c", "parent", "waitlink", "waittail"),
    "runtime.semaRoot": ("treap",),
    "runtime.special": ("next", "offset", "kind"),
    "runtime.specialprofile": ("b",),
    "runtime.specialCleanup": ("fn", "cleanup"),
    "runtime.finblock": ("alllink", "cnt", "fin"),
    "runtime.finBlock": ("alllink", "cnt", "fin"),
    "runtime.finalizer": (),
    "runtime.cleanupQueue": ("all",),
    "runtime.cleanupBlock": (
        *("n", "alllink", "cleanups", "cleanupBlockHeader.n", "cleanupBlockHeader.alllink"),
    ),
    "runtime.cleanupFn": (),
    "runtime.mutex": ("key",),
    "runtime.bucket": ("next", "allnext", "typ", "hash", "size", "nstk"),
    "runtime.memRecord": ("active", "future"),
    "runtime.memRecordCycle": ("allocs", "frees", "alloc_bytes", "free_bytes"),
    "runtime.buckhashArray": (),
    "runtime.workType": ("cpuStats", "spanSPMCs.list", "wbufSpans.free.first", "wbufSpans.busy.first"),
    "runtime.spanSPMC": ("ring", "cap"),
    "runtime.mstats": (
        *("heapStats.stats", "buckhash_sys", "mspan_sys", "mcache_sys", "gcMiscSys", "other_sys"),
        *("stacks_sys", "last_gc_unix", "pause_total_ns", "pause_ns", "pause_end", "numgc", "numforcedgc"),
        "last_gc_nanotime",
    ),
    "runtime.heapStatsDelta": (
        *("committed", "released", "inHeap", "inStacks", "inWorkBufs", "inPtrScalarBits", "tinyAllocCount"),
        *("largeAlloc", "largeAllocCount", "smallAllocCount", "largeFree", "largeFreeCount"),
        "smallFreeCount",
    ),
    "runtime.cpuStats": tuple(
        name
        for lower in ("gcAssist", "gcDedicated", "gcIdle", "gcPause", "gcTotal", "scavengeTotal", "total")
        for name in (f"{lower}Time", f"{lower.replace('gc', 'GC')}Time", f"{lower[0].upper()}{lower[1:]}Time")
    ),
    "runtime.gcControllerState": (
        *("heapMarked", "heapLive", "gcPercentHeapGoal", "gcPercent", "memoryLimit", "sweepDistMinTrigger"),
        *("triggered", "heapFree", "totalAlloc", "totalFree", "mappedReady"),
    ),
    "runtime.schedt": ("lastpoll",),
    "runtime.waitq": ("first", "last"),
    "runtime.hchan": (
        *("qcount", "dataqsiz", "buf", "elemsize", "closed", "timer", "elemtype", "sendx", "recvx"),
        *("recvq", "sendq", "bubble", "lock"),
    ),
    "runtime.hmap": (
        *("count", "flags", "B", "noverflow", "hash0", "buckets", "oldbuckets", "nevacuate", "clearSeq"),
        "extra",
    ),
    "runtime.mapextra": ("overflow", "oldoverflow", "nextOverflow"),
    "internal/runtime/maps.Map": (
        *("used", "seed", "dirPtr", "dirLen", "globalDepth", "globalShift", "writing"),
        *("tombstonePossible", "clearSeq"),
    ),
    "internal/runtime/maps.table": (*("used", "capacity", "growthLeft", "localDepth", "index", "groups"),),
    "internal/runtime/maps.groupsReference": ("data", "lengthMask"),
    "internal/abi.MapType": ("Key", "Elem", "Bucket", "Group"),
    "internal/abi.SwissMapType": ("Key", "Elem", "Group"),
    "internal/abi.OldMapType": ("Key", "Elem", "Bucket"),
    "sync.Pool": ("local", "localSize", "victim", "victimSize"),
    "sync.poolLocal": ("poolLocalInternal.shared.head",),
    "sync.poolChainElt": ("poolDequeue.vals", "prev"),
}
CONSTANTS = (
    *("internal/abi.FuncIDWrapper", "internal/abi.FuncID_gopanic", "internal/abi.FuncID_sigpanic"),
    *("internal/abi.FuncID_panicwrap", "runtime.memProfile", "internal/abi.TFlagDirectIface"),
    *("internal/abi.TFlagGCMaskOnDemand", "runtime._KindSpecialFinalizer"),
    *("runtime._KindSpecialWeakHandle", "runtime._KindSpecialProfile", "runtime._KindSpecialCleanup"),
)
VARIABLES = (
    *("runtime.mheap_", "runtime.allgs", "runtime.allp", "runtime.mbuckets", "runtime.mProfCycle"),
    *("runtime.MemProfileRate", "runtime.disableMemoryProfiling", "runtime.gcController"),
    *("runtime.profMemActiveLock", "runtime.profMemFutureLock"),
    *("runtime.memstats", "runtime.gcphase", "runtime.allfin", "runtime.gcCleanups"),
    *("runtime.persistentChunks", "runtime.gcBitsArenas", "runtime.work", "runtime.buckhash"),
    *("runtime.semtable", "runtime.waitReasonStrings", "runtime.sched", "sync.allPools", "sync.oldPools"),
)


class Built:
    """One executable with DWARF."""

    def __init__(self, path: Path) -> None:
        self.elf = ElfFile.open(str(path))
        self.dwarf = GoDwarf(self.elf)
        self.layouts = Layouts(self.dwarf.types)
        self.functions = {name: (address, size) for name, address, size in self._functions()}
        self.places = self._places()

    def struct(self, name: str, fields: tuple[str, ...]) -> list[Any] | None:
        """[size, {field: [offset, size]}]; None where the program has no such structure."""
        size = self.layouts.size(name)
        if not size:
            return None
        found = {f: self.layouts.find(name, f) for f in fields}
        return [size, {name: [f.offset, f.size] for name, f in found.items() if f is not None}]

    def _places(self) -> dict[str, list[tuple[str, int, int]]]:
        """Of each variable: (function, which of its operands, how far behind the variable's first byte)."""
        variables = {n: found for n in VARIABLES if (found := self.elf.symbol(n)) is not None}
        starts = np.array(sorted(a for a, _ in variables.values()), np.uint64)
        by_address = {a: (n, size) for n, (a, size) in variables.items()}
        ranges = [
            (self._address(n), self._address("e" + n)) for n in ("noptrdata", "data", "bss", "noptrbss")
        ]
        text, code = self.elf.sections[".text"], self.elf.section(".text")
        out: dict[str, list[tuple[str, int, int]]] = {n: [] for n in variables}
        for name, (address, size) in self.functions.items():
            at = address - text.address
            for i, target in enumerate(operands(code[at : at + size], address, ranges).tolist()):
                row = int(np.searchsorted(starts, target, side="right")) - 1
                if row < 0:
                    continue
                first = int(starts[row])
                variable, length = by_address[first]
                if target - first < length:
                    out[variable].append((name, i, target - first))
        return out

    def _address(self, name: str) -> int:
        found = self.elf.symbol(f"runtime.{name}")
        assert found is not None
        return found[0]

    def _functions(self) -> list[tuple[str, int, int]]:
        """(name, address, bytes) of the runtime's and sync's functions that have one name only."""
        out: dict[str, tuple[str, int, int]] = {}
        twice = set()
        for address, size, name in symbols(self.elf, STT_FUNC):
            if not name.startswith(("runtime.", "sync.")) or name.endswith((".abi0", ".abiinternal")):
                continue
            if name in out:
                twice.add(name)
            out[name] = (name, address, size)
        return [f for name, f in out.items() if name not in twice]


def chosen(builds: list[Built], variable: str) -> list[Any] | None:
    """[bytes, [[function, operand, offset], …]]: places that are the same in every program, each function
    once, those with the least operands before first."""
    size = next((s[1] for b in builds if (s := b.elf.symbol(variable)) is not None), None)
    if size is None:
        return None
    tables = [b.places.get(variable, []) for b in builds]
    agreed: dict[str, tuple[str, int, int]] = {}
    for place in [p for t in tables for p in t]:
        if all(place in t for t in tables):
            best = agreed.get(place[0])
            if best is None or (place[2], place[1]) < (best[2], best[1]):
                agreed[place[0]] = place
    ranked = sorted(agreed.values(), key=lambda p: (p[2] != 0, p[1], p[0]))
    return [size, [list(p) for p in ranked[:PLACES]]]


def describe(version: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """(minor, {"structs": …, "constants": …, "variables": …}) of one Go version."""
    builds = [Built(gotool.gobuild(p, version, flags=f)) for p in PROGRAMS for f in BUILDS]
    minor = minor_version(builds[0].elf.go_version() or "")
    return minor, {
        "structs": {
            name: next((s for b in builds if (s := b.struct(name, fields)) is not None), None)
            for name, fields in STRUCTS.items()
        },
        "constants": {
            name: next((v for b in builds if (v := b.dwarf.constants.get(name)) is not None), None)
            for name in CONSTANTS
        },
        "variables": {name: chosen(builds, name) for name in VARIABLES},
    }


def merged(old: dict[str, Any], new: dict[int, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """kind -> name -> minor -> value."""
    out: dict[str, Any] = {}
    for kind in ("structs", "constants", "variables"):
        names = STRUCTS if kind == "structs" else CONSTANTS if kind == "constants" else VARIABLES
        out[kind] = {}
        for name in names:
            versions = {int(k): v for k, v in old.get(kind, {}).get(name, {}).items()}
            versions.update({minor: table[kind][name] for minor, table in new.items()})
            out[kind][name] = {str(k): v for k, v in sorted(versions.items())}
    return out


def text(table: dict[str, Any]) -> str:
    """One line per name and version, so that a difference shows what moved."""
    lines = ["{"]
    for kind, names in table.items():
        lines.append(f' "{kind}": {{')
        for name, versions in names.items():
            rows = [f'   "{minor}": {json.dumps(value)}' for minor, value in versions.items()]
            lines.append(f'  "{name}": {{\n' + ",\n".join(rows) + "\n  },")
        lines[-1] = lines[-1].rstrip(",")
        lines.append(" },")
    lines[-1] = " }"
    return "\n".join([*lines, "}", ""])


def main(versions: list[str]) -> None:
    """Describe these versions and write the table."""
    old = json.loads(OUT.read_text()) if OUT.exists() and versions else {}
    new = dict(describe(v) for v in versions or gotool.GO_VERSIONS)
    OUT.write_text(text(merged(old, new)))


if __name__ == "__main__":
    main(sys.argv[1:])
