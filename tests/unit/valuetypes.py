"""A type table made by hand, and memory to decode it from: no executable, no process."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gosnap.binary.dwarf import Closures
from gosnap.binary.names import Names
from gosnap.binary.types import TypeTable
from gosnap.target.space import AddressSpace
from gosnap.values.memory import Memory
from gosnap.values.subject import KINDS, Subject, Variables


@dataclass
class Types:
    """Types are added one by one; each method returns the row. ``rows``: what TypeTable has of each."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add("", "unknown", 0)

    def add(self, name: str, kind: str, size: int, **more: Any) -> int:
        self.rows.append({"name": name, "kind": KINDS.index(kind), "size": size, **more})
        return len(self.rows) - 1

    def struct(self, name: str, size: int, *fields: tuple[str, int, int], **more: Any) -> int:
        return self.add(name, "struct", size, fields=fields, **more)

    def pointer(self, to: int) -> int:
        return self.add("*" + self.rows[to]["name"], "ptr", 8, elem=to)

    def slice(self, of: int, name: str = "") -> int:
        return self.add(name or "[]" + self.rows[of]["name"], "slice", 24, elem=of)

    def array(self, of: int, n: int) -> int:
        return self.add(
            f"[{n}]{self.rows[of]['name']}", "array", n * self.rows[of]["size"], elem=of, length=n
        )

    def table(self) -> TypeTable:
        def column(name: str, dtype: type) -> Any:
            return np.array([r.get(name, 0) for r in self.rows], dtype)

        fields = [f for r in self.rows for f in r.get("fields", ())]
        start = np.cumsum([0] + [len(r.get("fields", ())) for r in self.rows])
        rtype = np.array([r.get("rtype", -1) for r in self.rows], np.int64)
        return TypeTable(
            kind=column("kind", np.uint8),
            size=column("size", np.int64),
            elem=column("elem", np.int32),
            key=column("key", np.int32),
            length=column("length", np.int64),
            impl=column("impl", np.int32),
            iface=column("iface", np.uint8),
            rtype=rtype,
            field_start=start.astype(np.int64),
            field_offset=np.array([f[1] for f in fields], np.int64),
            field_type=np.array([f[2] for f in fields], np.int32),
            field_flags=np.zeros(len(fields), np.uint8),
            name=Names.of([r["name"] for r in self.rows]),
            field_name=Names.of([f[0] for f in fields]),
        )


def everything() -> Types:
    """One of every kind, maps of both makes, and the types of the standard library that are shown in a way of
    their own."""
    t = Types()
    basic = {
        name: t.add(name, name, size)
        for name, size in (
            *(("bool", 1), ("int", 8), ("int8", 1), ("int16", 2), ("int32", 4), ("int64", 8)),
            *(("uint", 8), ("uint8", 1), ("uint16", 2), ("uint32", 4), ("uint64", 8), ("uintptr", 8)),
            *(("float32", 4), ("float64", 8), ("complex64", 8), ("complex128", 16)),
            *(("string", 16), ("unsafe.Pointer", 8)),
        )
    }
    word, text, u8 = basic["uint64"], basic["string"], basic["uint8"]
    pointer = basic["unsafe.Pointer"]
    eface = t.add("interface {}", "interface", 16, iface=1, rtype=0x40)
    t.add("error", "interface", 16, iface=2)
    t.add("func()", "func", 8, rtype=0x80)
    words, texts, octets = t.slice(basic["int"]), t.slice(text), t.slice(u8)
    t.slice(t.slice(texts))
    t.slice(eface)
    t.slice(t.struct("main.Empty", 0))
    node = t.add("main.Node", "struct", 32)
    next_ = t.pointer(node)
    t.rows[node]["fields"] = (("Next", 0, next_), ("Name", 8, text), ("N", 24, basic["int"]))
    t.pointer(next_)
    t.array(node, 3)
    t.array(u8, 7)
    t.slice(node)
    # hmap and bucket of Go 1.21; the key of the second is larger than 128 bytes, and stored as a pointer
    wide = t.array(basic["int"], 20)
    for key, stored in ((text, text), (wide, t.pointer(wide))):
        size = t.rows[stored]["size"]
        bucket = t.add(f"bucket<{key}>", "struct", 8 + 8 * size + 64 + 8)
        to_bucket = t.pointer(bucket)
        t.rows[bucket]["fields"] = (
            ("tophash", 0, t.array(u8, 8)),
            ("keys", 8, t.array(stored, 8)),
            ("values", 8 + 8 * size, t.array(basic["int"], 8)),
            ("overflow", 8 + 8 * size + 64, to_bucket),
        )
        hmap = t.struct(
            f"hash<{key}>",
            48,
            *(("count", 0, basic["int"]), ("flags", 8, u8), ("B", 9, u8), ("noverflow", 10, basic["uint16"])),
            *(("hash0", 12, basic["uint32"]), ("buckets", 16, to_bucket), ("oldbuckets", 24, to_bucket)),
            ("nevacuate", 32, basic["uintptr"]),
        )
        t.add(f"map[{t.rows[key]['name']}]int", "map", 8, key=key, elem=basic["int"], impl=hmap)
    slot = t.struct("slot", 24, ("key", 0, basic["int"]), ("elem", 8, text))
    group = t.struct("group", 8 + 8 * 24, ("ctrl", 0, word), ("slots", 8, t.array(slot, 8)))
    reference = t.struct("groupReference", 16, ("data", 0, t.pointer(group)), ("lengthMask", 8, word))
    table = t.struct(
        "table", 32, ("used", 0, basic["uint16"]), ("index", 8, basic["int"]), ("groups", 16, reference)
    )
    swiss = t.struct(
        "map<int,string>",
        48,
        *(("used", 0, word), ("seed", 8, basic["uintptr"]), ("dirPtr", 16, t.pointer(t.pointer(table)))),
        *(("dirLen", 24, basic["int"]), ("globalDepth", 32, u8)),
    )
    t.add("map[int]string", "map", 8, key=basic["int"], elem=text, impl=swiss)
    waitq = t.struct("waitq<int>", 16, ("first", 0, pointer), ("last", 8, pointer))
    hchan = t.struct(
        "hchan<string>",
        96,
        *(("qcount", 0, basic["uint"]), ("dataqsiz", 8, basic["uint"]), ("buf", 16, pointer)),
        *(("elemsize", 24, basic["uint16"]), ("closed", 28, basic["uint32"]), ("sendx", 40, basic["uint"])),
        *(("recvx", 48, basic["uint"]), ("recvq", 56, waitq), ("sendq", 72, waitq)),
    )
    t.add("chan string", "chan", 8, elem=text, impl=hchan)
    t.struct("runtime.sudog", 96, ("g", 0, pointer), ("next", 8, pointer))
    t.struct("runtime.g", 400, ("goid", 152, word))
    standard(t, basic)
    t.add("C.thing", "unknown", 12)
    assert words
    assert octets
    return t


def standard(t: Types, basic: dict[str, int]) -> None:
    """Types of the standard library."""
    u8, word, text = basic["uint8"], basic["uint64"], basic["string"]
    t.add("time.Duration", "int64", 8)
    t.add("time.Month", "int", 8)
    zone = t.struct(
        "time.zone", 32, ("name", 0, text), ("offset", 16, basic["int"]), ("isDST", 24, basic["bool"])
    )
    change = t.struct("time.zoneTrans", 16, ("when", 0, basic["int64"]), ("index", 8, u8))
    location = t.struct(
        "time.Location",
        104,
        *(("name", 0, text), ("zone", 16, t.slice(zone)), ("tx", 40, t.slice(change))),
        ("cacheStart", 80, basic["int64"]),
        *(("cacheEnd", 88, basic["int64"]), ("cacheZone", 96, t.pointer(zone))),
    )
    t.struct("time.Time", 24, ("wall", 0, word), ("ext", 8, basic["int64"]), ("loc", 16, t.pointer(location)))
    ip = t.slice(u8, "net.IP")
    mask = t.slice(u8, "net.IPMask")
    t.struct("net.IPNet", 48, ("IP", 0, ip), ("Mask", 24, mask))
    t.slice(u8, "net.HardwareAddr")
    u128 = t.struct("net/netip.uint128", 16, ("hi", 0, word), ("lo", 8, word))
    detail = t.struct("net/netip.addrDetail", 24, ("isV6", 0, basic["bool"]), ("zoneV6", 8, text))
    handle = t.struct("unique.Handle", 8, ("value", 0, t.pointer(detail)))
    addr = t.struct("net/netip.Addr", 24, ("addr", 0, u128), ("z", 16, handle))
    t.struct("net/netip.AddrPort", 32, ("ip", 0, addr), ("port", 24, basic["uint16"]))
    t.struct("net/netip.Prefix", 32, ("ip", 0, addr), ("bitsPlusOne", 24, u8))
    number = t.struct(
        "math/big.Int", 32, ("neg", 0, basic["bool"]), ("abs", 8, t.slice(word, "math/big.nat"))
    )
    t.struct("math/big.Rat", 64, ("a", 0, number), ("b", 32, number))
    t.struct("bytes.Buffer", 40, ("buf", 0, t.slice(u8)), ("off", 24, basic["int"]))
    t.struct("strings.Builder", 32, ("addr", 0, basic["unsafe.Pointer"]), ("buf", 8, t.slice(u8)))
    t.struct("regexp.Regexp", 16, ("expr", 0, text))
    mutex = t.struct("sync.Mutex", 8, ("state", 0, basic["int32"]), ("sema", 4, basic["uint32"]))
    t.struct(
        "sync.RWMutex",
        24,
        *(("w", 0, mutex), ("writerSem", 8, basic["uint32"]), ("readerSem", 12, basic["uint32"])),
        *(("readerCount", 16, basic["int32"]), ("readerWait", 20, basic["int32"])),
    )
    t.struct("sync.WaitGroup", 16, ("state", 0, word), ("sema", 8, basic["uint32"]))
    t.struct("sync.Once", 12, ("done", 0, basic["uint32"]), ("m", 4, mutex))
    t.struct("sync/atomic.Int64", 8, ("v", 0, basic["int64"]))
    t.struct(
        "sync/atomic.Pointer[int]",
        8,
        ("_", 0, t.array(t.pointer(basic["int"]), 0)),
        ("v", 0, basic["unsafe.Pointer"]),
    )
    children = t.array(basic["unsafe.Pointer"], 16)
    both = "[interface {},interface {}]"
    t.struct(f"internal/sync.indirect{both}", 160, ("isEntry", 0, basic["bool"]), ("children", 32, children))
    eface = 1 + [r["name"] for r in t.rows[1:]].index("interface {}")
    t.struct(
        f"internal/sync.entry{both}",
        48,
        *(("isEntry", 0, basic["bool"]), ("overflow", 8, basic["unsafe.Pointer"]), ("key", 16, eface)),
        ("value", 32, eface),
    )
    trie = t.struct("internal/sync.HashTrieMap", 48, ("root", 8, basic["unsafe.Pointer"]))
    t.struct("sync.Map", 48, ("m", 0, trie))


def subject(
    types: TypeTable, regions: list[tuple[int, bytes]], *, minor: int = 24, types_base: int = 0x1000
) -> Subject:
    """A program with these types and this memory, and no variables but one per type at its beginning."""
    space = AddressSpace()
    for start, data in regions:
        space.add_region(start, data)
    n = len(types) - 1
    start = regions[0][0] if regions else 0
    names = Names.of([f"main.v{row}" for row in range(1, n + 1)])
    variables = Variables(np.full(n, start, np.uint64), np.arange(1, n + 1, dtype=np.int32), names)
    functions = Closures(
        pc=np.array([start + 16], np.uint64),
        end=np.array([start + 32], np.uint64),
        name=Names.of(["main.function"]),
        start=np.array([0, 2], np.int64),
        offset=np.array([8, 1 << 40], np.int64),
        type=np.array([2, 3], np.int32),
        capture_name=Names.of(["&n", "s"]),
    )
    return Subject(
        label="made",
        memory=Memory(space),
        types=types,
        variables=variables,
        minor=minor,
        types_base=types_base,
        functions=lambda: functions,
        bias=0,
    )
