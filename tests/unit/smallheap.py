"""A snapshot of a heap so small that every answer can be worked out by hand.

main.server *Server ──> server {Items, Clients, Shared}
    .Items ([]Item, len 3, cap 31, behind a malloc header) ──> array ──[1].Next, [2].Next──> nested
    .Clients (a swiss map of one group) ──> header ──> group ──"alice"──> alice, "bob"──> bob
    .Shared ──> shared <── main.sharedRef, and an argument of goroutine 8
main.big []Item ──> big (a megabyte) ──[32767].Next (a far step)──> last
main.hook func() ──> closure, captures item ──> captured
goroutine 7, leaked: local job *Job {Buf []uint8} ──> buffer; its g structure
finalizers ──> finalized ──Next──> nested (a reference that owns nothing)
garbage ──Next──> alice
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from snapshotfile import meta, spans_table

from gosnap.binary.names import Names
from gosnap.heap.groups import NONE, GroupKind
from gosnap.heap.roles import ROLE_SHIFT, Role
from gosnap.target.container import Writer

Sections = dict[str, Any]

SERVER, HEADER = 0xC000000000, 0xC000000060
ITEMS = 0xC000002000
ALICE, BOB, SHARED, GARBAGE, NESTED, FINALIZED, LAST, CAPTURED = (
    ITEMS + 32 * slot for slot in (0, 1, 3, 5, 7, 8, 9, 10)
)
GROUP, BUFFER, ARRAY, JOB = 0xC000004000, 0xC000006000, 0xC000008000, 0xC00000A000
G, CLOSURE, BIG = 0xC00000C000, 0xC00000E000, 0xC000200000
OBJECTS = (
    *(SERVER, HEADER, ALICE, BOB, SHARED, GARBAGE, NESTED, FINALIZED, LAST, CAPTURED),
    *(GROUP, BUFFER, ARRAY, JOB, G, CLOSURE, BIG),
)
"""In the order of their numbers."""
LIVE_BYTES = 1_050_744
LIVE_OBJECTS = 16

# name, kind (reflect/type.go), size, elem, key, length, impl, fields
_TYPES: list[tuple[str, int, int, int, int, int, int, list[tuple[str, int, int]]]] = [
    ("", 0, 0, 0, 0, 0, 0, []),
    ("int", 2, 8, 0, 0, 0, 0, []),
    ("string", 24, 16, 0, 0, 0, 0, []),
    ("main.Item", 25, 32, 0, 0, 0, 0, [("Name", 0, 2), ("Next", 16, 4), ("N", 24, 1)]),
    ("*main.Item", 22, 8, 3, 0, 0, 0, []),
    ("[]main.Item", 23, 24, 3, 0, 0, 0, []),
    ("uint8", 8, 1, 0, 0, 0, 0, []),
    ("[]uint8", 23, 24, 6, 0, 0, 0, []),
    ("main.Server", 25, 40, 0, 0, 0, 0, [("Items", 0, 5), ("Clients", 24, 9), ("Shared", 32, 4)]),
    ("map[string]*main.Item", 21, 8, 4, 2, 0, 10, []),
    ("internal/runtime/maps.Map", 25, 48, 0, 0, 0, 0, [("used", 0, 1), ("seed", 8, 1), ("dirPtr", 16, 11)]),
    ("**table<string,*main.Item>", 22, 8, 12, 0, 0, 0, []),
    ("*table<string,*main.Item>", 22, 8, 13, 0, 0, 0, []),
    ("table<string,*main.Item>", 25, 32, 0, 0, 0, 0, [("used", 0, 1), ("groups", 16, 14)]),
    ("groupReference<string,*main.Item>", 25, 16, 0, 0, 0, 0, [("data", 0, 15), ("lengthMask", 8, 1)]),
    ("*noalg.map.group[string]*main.Item", 22, 8, 16, 0, 0, 0, []),
    ("noalg.map.group[string]*main.Item", 25, 200, 0, 0, 0, 0, [("ctrl", 0, 1), ("slots", 8, 17)]),
    ("[8]slot", 17, 192, 18, 0, 8, 0, []),
    ("slot", 25, 24, 0, 0, 0, 0, [("key", 0, 2), ("elem", 16, 4)]),
    ("main.Job", 25, 24, 0, 0, 0, 0, [("Buf", 0, 7)]),
    ("*main.Server", 22, 8, 8, 0, 0, 0, []),
    ("func()", 19, 8, 0, 0, 0, 0, []),
]
ITEM, UINT8, SERVER_ROW, MAP_ROW, JOB_ROW = 3, 6, 8, 9, 19


def key(role: Role, row: int) -> int:
    return role << ROLE_SHIFT | row


def _types() -> Sections:
    fields = [f for t in _TYPES for f in t[7]]
    out: dict[str, Any] = {
        "kind": np.array([t[1] for t in _TYPES], "<u1"),
        "size": np.array([t[2] for t in _TYPES], "<i8"),
        "elem": np.array([t[3] for t in _TYPES], "<i4"),
        "key": np.array([t[4] for t in _TYPES], "<i4"),
        "length": np.array([t[5] for t in _TYPES], "<i8"),
        "impl": np.array([t[6] for t in _TYPES], "<i4"),
        "iface": np.zeros(len(_TYPES), "<u1"),
        "rtype": np.full(len(_TYPES), -1, "<i8"),
        "field_start": np.cumsum([0, *(len(t[7]) for t in _TYPES)]).astype("<i8"),
        "field_offset": np.array([f[1] for f in fields], "<i8"),
        "field_type": np.array([f[2] for f in fields], "<i4"),
        "field_flags": np.zeros(len(fields), "<u1"),
        **Names.of([t[0] for t in _TYPES]).to_columns("name"),
        **Names.of([f[0] for f in fields]).to_columns("field_name"),
    }
    return {f"types.{name}": column for name, column in out.items()}


_SPANS = (
    # base, slot size, malloc header, slots in use, span class (as in the table of types)
    (SERVER, 48, 0, (0, 2), 10),
    (ITEMS, 32, 0, (0, 1, 3, 5, 7, 8, 9, 10), 8),
    (GROUP, 208, 0, (0,), 32),
    (BUFFER, 128, 0, (0,), 21),
    (ARRAY, 1024, 1, (0,), 64),
    (JOB, 24, 0, (0,), 6),
    (G, 448, 0, (0,), 54),
    (CLOSURE, 16, 0, (0,), 4),
    (BIG, 0, 0, (0,), 0),
)


def _spans(big: int) -> Sections:
    size = [s[1] or big for s in _SPANS]
    nelems = [max(8192 // s, 1) for s in size]
    bitmap: list[int] = []
    for (_, _, _, slots, _), n in zip(_SPANS, nelems, strict=True):
        bits = sum(1 << slot for slot in slots)
        bitmap += [bits >> 64 * i & (1 << 64) - 1 for i in range((n + 63) // 64)]
    return {
        "spans.base": np.array([s[0] for s in _SPANS], "<u8"),
        "spans.elemsize": np.array(size, "<u8"),
        "spans.nelems": np.array(nelems, "<u8"),
        "spans.counts": np.array([len(s[3]) for s in _SPANS], "<u4"),
        "spans.headers": np.array([s[2] for s in _SPANS], "<u1"),
        "spans.spanclass": np.array([s[4] for s in _SPANS], "<u1"),
        "objects.bitmap": np.array(bitmap, "<u8"),
        "objects.type": np.array(
            [
                *(key(Role.VALUE, SERVER_ROW), key(Role.MAP, MAP_ROW), *[key(Role.VALUE, ITEM)] * 8),
                *(key(Role.MAP_BUCKETS, MAP_ROW), key(Role.ARRAY, UINT8), key(Role.ARRAY, ITEM)),
                *(key(Role.VALUE, JOB_ROW), 0, key(Role.CLOSURE, 0), key(Role.ARRAY, ITEM)),
            ],
            "<u4",
        ),
    }


def _edges(big: int) -> Sections:
    """(from, word, to) of every reference, in order."""
    last = (big - 32 + 16) // 8
    known = [
        *((SERVER, 0, ARRAY), (SERVER, 3, HEADER), (SERVER, 4, SHARED), (HEADER, 2, GROUP)),
        *((GARBAGE, 2, ALICE), (FINALIZED, 2, NESTED), (GROUP, 3, ALICE), (GROUP, 6, BOB)),
        # behind 8 bytes of header
        *((ARRAY, (8 + 32 + 16) // 8, NESTED), (ARRAY, (8 + 64 + 16) // 8, NESTED)),
        *((JOB, 0, BUFFER), (CLOSURE, 1, CAPTURED), (BIG, last, LAST)),
    ]
    number = {address: i for i, address in enumerate(OBJECTS)}
    step, before = [], (0, 0)
    for source, word, _ in known:
        step.append(word - (before[1] if source == before[0] else 0))
        before = source, word
    return {
        "edges.degree": np.array([sum(k[0] == o for k in known) for o in OBJECTS], "<u4"),
        "edges.target": np.array([number[k[2]] for k in known], "<u4"),
        "edges.step": np.array([min(s, 0xFFFF) for s in step], "<u2"),
        "edges.far_edge": np.array([i for i, s in enumerate(step) if s >= 0xFFFF], "<u8"),
        "edges.far_step": np.array([s for s in step if s >= 0xFFFF], "<u8"),
    }


K = GroupKind
_GROUPS = (
    # kind, ref, parent, the addresses that it holds
    (K.PACKAGE, 0, NONE, ()),
    (K.GLOBAL, 0, 0, (SERVER,)),
    (K.GLOBAL, 1, 0, (SHARED,)),
    (K.GLOBAL, 2, 0, (BIG,)),
    (K.GLOBAL, 3, 0, (CLOSURE,)),
    (K.GOROUTINES, NONE, NONE, ()),
    (K.LEAKED, NONE, 5, ()),
    (K.PLACE, 0, 5, ()),
    (K.GOROUTINE, 0, 7, ()),
    (K.PLACE, 1, 6, ()),
    (K.GOROUTINE, 1, 9, (JOB, G)),
    (K.PLACE, 1, 5, ()),
    (K.GOROUTINE, 2, 11, (SHARED,)),
    (K.FINALIZERS, NONE, NONE, (FINALIZED,)),
)


def _owners(big: int) -> Sections:
    number = {address: i for i, address in enumerate(OBJECTS)}
    n = len(OBJECTS)
    top = n + len(_GROUPS)
    idom = {
        SERVER: n + 1,
        HEADER: 0,
        ALICE: 10,
        BOB: 10,
        SHARED: top,
        GARBAGE: NONE,
        NESTED: 12,
        FINALIZED: n + 13,
        LAST: 16,
        CAPTURED: 15,
        GROUP: 1,
        BUFFER: 13,
        ARRAY: 0,
        JOB: n + 10,
        G: n + 10,
        CLOSURE: n + 4,
        BIG: n + 3,
    }
    # what goes with each, and how many objects that are
    heads = {
        0: (48 + 1024 + 32 + 48 + 208 + 2 * 32, 7),
        1: (48 + 208 + 2 * 32, 4),
        10: (208 + 2 * 32, 3),
        12: (1024 + 32, 2),
        13: (24 + 128, 2),
        15: (16 + 32, 2),
        16: (big + 32, 2),
        n + 0: (1424 + big + 32 + 48, 11),
        n + 1: (1424, 7),
        n + 2: (0, 0),
        n + 3: (big + 32, 2),
        n + 4: (48, 2),
        **{n + g: (600, 3) for g in (5, 6, 9, 10)},
        **{n + g: (0, 0) for g in (7, 8, 11, 12)},
        n + 13: (32, 1),
    }
    order = sorted(heads)
    held = sorted((g, number[a]) for g, row in enumerate(_GROUPS) for a in row[3])
    parents = [top if g[2] == NONE else n + g[2] for g in _GROUPS]
    return {
        "groups.kind": np.array([g[0] for g in _GROUPS], "<u1"),
        "groups.ref": np.array([g[1] for g in _GROUPS], "<u4"),
        "groups.parent": np.array([g[2] for g in _GROUPS], "<u4"),
        "groups.edge_group": np.array([h[0] for h in held], "<u4"),
        "groups.edge_object": np.array([h[1] for h in held], "<u4"),
        "objects.weak": np.zeros(0, "<u4"),
        "objects.weakly_held": np.array([number[FINALIZED]], "<u4"),
        "dominators.idom": np.array([*(idom[a] for a in OBJECTS), *parents], "<u4"),
        "dominators.heads": np.array(order, "<u4"),
        "dominators.bytes": np.array([heads[v][0] for v in order], "<u8"),
        "dominators.objects": np.array([heads[v][1] for v in order], "<u4"),
    }


DATA = 0x600000


def _roots() -> Sections:
    number = {address: i for i, address in enumerate(OBJECTS)}
    rows = [
        # address, kind, owner, frame, slot, object, line, name, group
        (DATA, 0, 0, 0, 0, SERVER, -1, 0, 1),
        (DATA + 8, 0, 0, 0, 0, SHARED, -1, 0, 2),
        (DATA + 16, 0, 0, 0, 0, BIG, -1, 0, 3),
        (DATA + 40, 0, 0, 0, 0, CLOSURE, -1, 0, 4),
        (0xC000100010, 1, 1, 1, 0, JOB, 1, 1, 10),
        (0, 3, 1, 0, 0, G, -1, 0, 10),
        (0xC000102010, 1, 2, 1, 1, SHARED, 1, 0, 12),
        (0, 4, 0, 0, 0, FINALIZED, -1, 0, 13),
    ]
    names = ("address", "kind", "owner", "frame", "slot", "object", "line", "name", "group")
    types = ("<u8", "<u1", "<u4", "<u4", "<u1", "<i8", "<i4", "<u4", "<u4")
    columns = {
        f"roots.{name}": np.array([number[r[5]] if name == "object" else r[i] for r in rows], dtype)
        for i, (name, dtype) in enumerate(zip(names, types, strict=True))
    }
    return {**columns, "answers.locals": ["job"]}


def _goroutines() -> Sections:
    return {
        "goroutines.id": np.array([1, 7, 8], "<u8"),
        "goroutines.since": np.array([0, 80_000_000_000, 0], "<u8"),
        "goroutines.stack_bytes": np.array([8192, 2048, 2048], "<u8"),
        "goroutines.place": np.array([0, 1, 1], "<u4"),
        "goroutines.leaked": np.array([0, 1, 0], "<u1"),
        "goroutines.created": np.array([-1, 3, 3], "<i4"),
        "answers.goroutines": {
            "reasons": ["", "chan receive"],
            "now": 800_000_000_000,
            "packages": ["main"],
            "places": [[0, 2, 0], [1, 4, 1]],
            "traces": [[0], [1, 2]],
            "lines": [
                ["main.main", "/src/main.go", "10", ""],
                ["runtime.gopark", "/go/src/runtime/proc.go", "400", ""],
                ["main.work", "/src/work.go", "20", ""],
                ["main.start", "/src/main.go", "8", ""],
            ],
        },
    }


def _rest() -> Sections:
    variables = [("main.server", 0, 20), ("main.sharedRef", 8, 4), ("main.big", 16, 5), ("main.hook", 40, 21)]
    names = Names.of([v[0] for v in variables]).to_columns("name")
    captured = Names.of(["item"]).to_columns("name")
    return {
        "globals.address": np.array([DATA + v[1] for v in variables], "<u8"),
        "globals.type": np.array([v[2] for v in variables], "<i4"),
        **{f"globals.{name}": column for name, column in names.items()},
        "closures.start": np.array([0, 1], "<i8"),
        "closures.offset": np.array([8], "<i8"),
        "closures.type": np.array([4], "<i4"),
        **{f"closures.{name}": column for name, column in captured.items()},
    }


TEXT = 0x500000


def _contents(big: int) -> Sections:
    """All of the small spans, the variables, and what the keys of the map refer to."""
    heap, data, text = bytearray(CLOSURE + 8192 - SERVER), bytearray(48), bytearray(32)

    def put(address: int, *words: int) -> None:
        struct.pack_into(f"<{len(words)}Q", heap, address - SERVER, *words)

    put(SERVER, ARRAY, 3, 31, HEADER, SHARED)
    put(HEADER, 2, 12345, GROUP)
    put(GROUP, 0x8080808080800101, TEXT, 5, ALICE, TEXT + 16, 3, BOB)
    put(JOB, BUFFER, 100, 128)
    put(ARRAY + 8 + 32 + 16, NESTED)
    put(ARRAY + 8 + 64 + 16, NESTED)
    struct.pack_into("<6Q", data, 0, SERVER, SHARED, BIG, big // 32, big // 32, CLOSURE)
    text[:5], text[16:19] = b"alice", b"bob"
    ranges = [(TEXT, text), (DATA, data), (SERVER, heap)]
    return {
        "contents.start": np.array([r[0] for r in ranges], "<u8"),
        "contents.end": np.array([r[0] + len(r[1]) for r in ranges], "<u8"),
        "contents.bytes": np.frombuffer(b"".join(r[1] for r in ranges), "<u1"),
    }


def _table(big: int) -> Sections:
    # name, kind, package, typed, span class, objects, bytes, key, live objects, live bytes
    rows = [
        ("main.Server", "struct", "main", 1, 10, 1, 48, key(Role.VALUE, SERVER_ROW), 1, 48),
        ("main.Item", "struct", "main", 1, 8, 8, 256, key(Role.VALUE, ITEM), 7, 224),
        ("main.Job", "struct", "main", 1, 6, 1, 24, key(Role.VALUE, JOB_ROW), 1, 24),
        ("map[string]*main.Item", "map", "main", 1, 10, 1, 48, key(Role.MAP, MAP_ROW), 1, 48),
        (
            *("map[string]*main.Item (groups)", "map", "main", 1, 32, 1, 208),
            *(key(Role.MAP_BUCKETS, MAP_ROW), 1, 208),
        ),
        ("[]uint8", "slice", "(builtin)", 1, 21, 1, 128, key(Role.ARRAY, UINT8), 1, 128),
        ("[]main.Item", "slice", "main", 1, 64, 1, 1024, key(Role.ARRAY, ITEM), 1, 1024),
        ("[]main.Item", "slice", "main", 1, 0, 1, big, key(Role.ARRAY, ITEM), 1, big),
        ("untyped (448 B, pointers)", "untyped", "(untyped)", 0, 54, 1, 448, 0, 1, 448),
        ("func main.start.func1", "func", "main", 1, 4, 1, 16, key(Role.CLOSURE, 0), 1, 16),
    ]
    names = ("name", "kind", "package", "typed", "spanclass", "objects", "bytes", "key")
    columns = (*names, "live_objects", "live_bytes")
    return {"answers.types": {name: [r[i] for r in rows] for i, name in enumerate(columns)}}


def _memprofile() -> Sections:
    """Three stacks in cycle 4, at rate 512: two objects of Item, one inlined call, the array ``big``; one
    whose objects are all dead; one that never had any."""
    names, files = [b"main.fill", b"main.newItem", b"main.main"], [b"/shop/fill.go", b"/shop/item.go", b"?"]
    return {
        "answers.mprof": {
            "why": "",
            "head": 0x7F0000000000,
            "word": 9,
            "rate": 512,
            "disabled": 0,
            "total_bytes": 1,
            "time_nanos": 1_700_000_000_000_000_000,
            "mappings": [
                {"start": 0x400000, "limit": 0x500000, "offset": 0, "file": "/shop/shop", "build_id": "ab"},
                {"start": 0x7F00, "limit": 0x8F00, "offset": 4096, "file": "[vdso]", "build_id": ""},
            ],
            "complete": [1, 0],
            "notes": [],
        },
        "mprof.size": np.array([32, 1 << 20, 48], "<u8"),
        # active, future[0..2]
        "mprof.allocs": np.array([1, 0, 1, 3, 5, 0, 0, 0, 0, 0, 0, 0], "<i8"),
        "mprof.frees": np.array([0, 0, 0, 3, 4, 1, 0, 0, 0, 0, 0, 0], "<i8"),
        "mprof.stack_start": np.array([0, 2, 4, 4], "<i8"),
        "mprof.stack": np.array([0, 1, 0, 2], "<u4"),
        "mprof.address": np.array([0x401000, 0x402000, 0x7F10], "<u8"),
        "mprof.mapping": np.array([0, 0, 1], "<i4"),
        "mprof.line_start": np.array([0, 2, 3, 4], "<i8"),
        "mprof.line_function": np.array([1, 0, 2, 2], "<u4"),
        "mprof.line": np.array([7, 11, 3, 0], "<i4"),
        "mprof.start_line": np.array([9, 6, 1], "<i8"),
        "mprof.name_bytes": np.frombuffer(b"".join(names), "|u1"),
        "mprof.name_start": np.cumsum([0, *map(len, names)]).astype("<i8"),
        "mprof.file_bytes": np.frombuffer(b"".join(files), "|u1"),
        "mprof.file_start": np.cumsum([0, *map(len, files)]).astype("<i8"),
        "mprof.object": np.array([2, 4, 16], "<u4"),
        "mprof.object_bucket": np.array([0, 0, 1], "<u4"),
    }


def sections(big: int = 1 << 20) -> Sections:
    """All sections by name, columns and JSON; ``big``: bytes of the large array."""
    document = meta()
    live = LIVE_BYTES - (1 << 20) + big
    document["totals"] = {
        "objects": 17,
        "bytes": live + 32,
        "untyped_bytes": 448,
        "reachable_objects": LIVE_OBJECTS,
        "reachable_bytes": live,
    }
    document["contents"] = 1
    return {
        "meta": document,
        "answers.spans": spans_table(),
        **_table(big),
        **_types(),
        **_spans(big),
        **_edges(big),
        **_owners(big),
        **_roots(),
        **_goroutines(),
        **_rest(),
        **_contents(big),
        **_memprofile(),
    }


def write(path: Path, parts: Sections) -> Path:
    """A file of these sections."""
    with Writer(path, force=True, threads=1) as writer:
        for name, value in parts.items():
            if isinstance(value, np.ndarray):
                writer.add_pieces(name, value.dtype.str, [value.tobytes()] if value.nbytes else [])
            else:
                writer.add_json(name, value)
        writer.commit()
    return path
