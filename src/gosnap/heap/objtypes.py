"""Types for every object: the type table made ready for the kernel, the roots, the names of what came out.

The propagation itself runs in _kernels/propagate.pyx. It starts at package variables (DWARF) and at what the
runtime itself knows (malloc headers, interface words, closures), and follows pointers, slices, strings, maps,
channels and interfaces.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gosnap._kernels.heap import Heap
from gosnap._kernels.memory import Space
from gosnap._kernels.propagate import Propagation
from gosnap._kernels.rtypes import RuntimeTypes
from gosnap._kernels.typeprog import TypePrograms
from gosnap.binary.dwarf import Closures
from gosnap.binary.types import TypeTable
from gosnap.errors import GosnapError
from gosnap.goruntime.maptypes import field_index, map_parts
from gosnap.goruntime.program import GoProgram
from gosnap.goruntime.rtypes import rtype_name
from gosnap.goruntime.sizeclasses import slot_sizes
from gosnap.goruntime.slotnames import SlotNames
from gosnap.heap.roles import NO_ROW, ROLE_SHIFT, ROW_MASK, Role
from gosnap.heap.typenames import object_kind, object_name

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
KIND_FUNC, KIND_INTERFACE, KIND_MAP, KIND_CHAN, KIND_POINTER, KIND_STRUCT = 19, 20, 21, 18, 22, 25
# the kernel's own kinds
KIND_VEC = 27  # a pointer and, in the next word, how many values it points at
KIND_NODE = 28  # elem if the first byte is not 0, else part


@dataclass
class KernelTypes:
    """The type table as the kernel takes it; rows beyond the table's own are synthetic."""

    kind: npt.NDArray[np.uint8]
    size: I64
    elem: I32
    length: I64
    impl: I32
    iface: npt.NDArray[np.uint8]
    field_start: I64
    field_offset: I64
    field_type: I32
    part: I32
    owner: I32
    owner_role: npt.NDArray[np.uint8]


def kernel_types(types: TypeTable) -> KernelTypes:
    """Add to the type table what Go's static types do not say: parts of maps, atomic.Pointer, sync.Pool."""
    n = len(types.kind)
    kt = KernelTypes(
        kind=np.append(types.kind, np.uint8(KIND_VEC)),
        size=np.append(types.size, np.int64(8)),
        elem=np.append(types.elem, np.int32(0)),
        length=np.append(types.length, np.int64(0)),
        impl=np.append(types.impl, np.int32(0)),
        iface=np.append(types.iface, np.uint8(0)),
        field_start=np.append(types.field_start, types.field_start[-1]),
        field_offset=np.ascontiguousarray(types.field_offset, np.int64),
        field_type=types.field_type.astype(np.int32),
        part=np.zeros(n + 1, np.int32),
        owner=np.zeros(n + 1, np.int32),
        owner_role=np.zeros(n + 1, np.uint8),
    )
    for row in np.flatnonzero(types.kind == KIND_MAP).tolist():
        _map_parts(types, kt, row)
    _bucket_owners(types, kt)
    for row in np.flatnonzero(types.kind == KIND_CHAN).tolist():
        impl = int(types.impl[row])
        if impl and not kt.owner[impl]:
            kt.owner[impl], kt.owner_role[impl] = row, Role.CHAN
    for row in types.rows_with_prefix("sync/atomic.Pointer[", "internal/runtime/atomic.Pointer["):
        # its only trace of the type is the zero-length field `_ [0]*T` (sync/atomic/type.go)
        array = (
            int(types.field_type[types.field_start[row]])
            if types.field_start[row + 1] > types.field_start[row]
            else 0
        )
        pointer = int(types.elem[array])
        if types.kind[pointer] == KIND_POINTER and types.size[row] == 8:
            kt.kind[row], kt.elem[row] = KIND_POINTER, types.elem[pointer]
    for package in ("internal/sync", "internal/concurrent"):
        # a node is the head of an entry or of an inner node, as its first field isEntry says
        # (internal/sync/hashtriemap.go; internal/concurrent in Go 1.23)
        for row in types.rows_with_prefix(f"{package}.node["):
            arguments = types.name[row].removeprefix(f"{package}.node")
            entry = types.type_by_name(f"{package}.entry{arguments}")
            if entry is None:  # compiled for its shape only
                entry = types.type_by_name(f"{package}.entry{_shaped(arguments)}")
            inner = types.type_by_name(f"{package}.indirect{arguments}")
            if entry is not None and inner is not None:
                kt.kind[row], kt.elem[row], kt.part[row] = KIND_NODE, entry, inner
    ring = types.type_by_name("sync.eface")
    if ring is not None and types.size[ring] == 16:
        # a slot of a pool's ring is an interface by its parts (sync/poolqueue.go)
        kt.kind[ring], kt.iface[ring] = KIND_INTERFACE, 1
    pool, local = types.type_by_name("sync.Pool"), types.type_by_name("sync.poolLocal")
    if pool is not None and local is not None:
        # local and victim are unsafe.Pointers to [n]poolLocal, n in the next word (sync/pool.go)
        kt.elem[n] = local
        for name in ("local", "victim"):
            i = field_index(types, pool, name)
            if i >= 0:
                kt.field_type[i] = n
    return kt


def _shaped(arguments: str) -> str:
    """The shape of type arguments, "[interface {},int]" say, as far as their names tell it."""
    parts, depth, start = [], 0, 1
    for i, c in enumerate(arguments):
        depth += (c in "[{(") - (c in "]})")
        if (c == "," and depth == 1) or (c == "]" and depth == 0):
            parts.append("go.shape." + arguments[start:i])
            start = i + 1
    return f"[{','.join(parts)}]"


def _map_parts(types: TypeTable, kt: KernelTypes, row: int) -> None:
    found = map_parts(types, row)
    kt.part[row] = found.buckets
    for part, role in (
        (found.header, Role.MAP),
        (found.buckets, Role.MAP_BUCKETS),
        (found.table, Role.MAP_TABLE),
    ):
        if part and not kt.owner[part]:
            kt.owner[part], kt.owner_role[part] = row, role


def _bucket_owners(types: TypeTable, kt: KernelTypes) -> None:
    """What malloc headers call the buckets or groups of maps (cmd/compile/internal/reflectdata/map.go); the
    table of types has them beside those that the maps' own structures name."""
    for prefix in ("map.bucket[", "noalg.map.bucket[", "map.group[", "noalg.map.group["):
        for row in types.rows_with_prefix(prefix):
            owner = types.type_by_name("map[" + types.name[row].removeprefix(prefix))
            if owner is not None and types.kind[owner] == KIND_MAP and not kt.owner[row]:
                kt.owner[row], kt.owner_role[row] = owner, Role.MAP_BUCKETS


def _captures(closures: Closures, types: TypeTable) -> tuple[I64, I64, I32]:
    """Captured variables as CSR (start, offset, type).

    With those of method values, which DWARF does not describe: x.Method as a value is a closure over
    T.Method-fm that holds a copy of x behind the function's address
    (cmd/compile/internal/typecheck/func.go, MethodValueType: struct { F uintptr; R T }).
    """
    count = np.diff(closures.start)
    extra: list[tuple[int, int]] = []
    for row in closures.name.with_suffix("-fm"):
        if count[row]:
            continue
        receiver = closures.name[row].removesuffix("-fm").rpartition(".")[0]
        if receiver.endswith(")"):
            package, _, name = receiver[:-1].rpartition(".(*")
            receiver = f"*{package}.{name}"
        found = types.type_by_name(receiver)
        if found is not None:
            extra.append((row, found))
    start = closures.start.astype(np.int64)
    if not extra:
        return start, closures.offset.astype(np.int64), closures.type.astype(np.int32)
    rows = np.array([r for r, _ in extra], np.int64)
    at = start[rows]  # with no captures of its own, a function's begin where the next one's do
    offset = np.insert(closures.offset.astype(np.int64), at, 8)
    type_ = np.insert(closures.type.astype(np.int32), at, [t for _, t in extra])
    start[1:] += np.cumsum(np.bincount(rows, minlength=len(count)))
    return start, offset, type_


def type_objects(
    program: GoProgram,
    heap: Heap,
    rtypes: RuntimeTypes,
    slots: SlotNames | None = None,
    typed: npt.NDArray[np.uint64] | None = None,
) -> npt.NDArray[np.uint32]:
    """Run the propagation, from variables, from what is known of stacks, and from values that the runtime
    knows the types of (``Roots.typed``). Returns one u32 per object (see ``roles``)."""
    types = program.types
    kt = kernel_types(types)
    lay = program.layouts
    swiss = lay.has("internal/runtime/maps.Map") and not lay.has("runtime.hmap")
    offsets = {
        "swiss": int(swiss),
        "map_ptr": lay.offset("internal/runtime/maps.Map", "dirPtr")
        if swiss
        else lay.offset("runtime.hmap", "buckets"),
        "map_len": lay.offset("internal/runtime/maps.Map", "dirLen", 0),
        "map_old": lay.offset("runtime.hmap", "oldbuckets", 0),
        "map_extra": lay.offset("runtime.hmap", "extra", 0),
        "table_groups": lay.offset("internal/runtime/maps.table", "groups", 0),
        "chan_buf": lay.need("runtime.hchan", "buf").offset,
    }
    if offsets["map_ptr"] < 0:
        raise GosnapError(
            "the executable's DWARF describes no map of the runtime", "this Go version is not known to gosnap"
        )
    closures = program.closures
    captures = _captures(closures, types)
    programs = TypePrograms(
        kt.kind,
        np.ascontiguousarray(kt.size, np.int64),
        kt.elem,
        np.ascontiguousarray(kt.length, np.int64),
        kt.iface,
        np.ascontiguousarray(kt.field_start, np.int64),
        kt.field_offset,
        kt.field_type,
    )
    propagation = Propagation(
        heap,
        rtypes,
        programs,
        kt.impl,
        kt.part,
        kt.owner,
        kt.owner_role,
        (closures.pc + np.uint64(program.bias)).astype(np.uint64),
        *captures,
        slot_sizes(),
        offsets,
    )
    out = np.zeros(heap.nobjects, np.uint32)
    globals_ = program.variables
    address = (globals_.addr + np.uint64(program.bias)).astype(np.uint64)
    rows = np.ascontiguousarray(globals_.type, np.int32)
    if slots is not None:
        address, rows = np.concatenate([address, slots.address]), np.concatenate([rows, slots.type])
    if typed is not None and len(typed):
        row_of = _rows_of_rtypes(types, typed[:, 1] - np.uint64(program.modules[0].types))
        functions = np.flatnonzero(types.kind == KIND_FUNC)
        # of a func value's type nothing but that is asked
        row_of[typed[:, 1] == 0] = functions[0] if len(functions) else 0
        known = row_of > 0
        address = np.concatenate([address, typed[known, 0]])
        rows = np.concatenate([rows, row_of[known]])
    propagation.run(np.ascontiguousarray(address), np.ascontiguousarray(rows), out)
    return out


def _rows_of_rtypes(types: TypeTable, offset: npt.NDArray[np.uint64]) -> I32:
    """The row of each runtime type, by its offset from moduledata.types; 0 where the table has none."""
    rows = np.flatnonzero(types.rtype >= 0)
    rows = rows[np.argsort(types.rtype[rows], kind="stable")]
    if not len(rows):
        return np.zeros(len(offset), np.int32)
    known = types.rtype[rows].astype(np.uint64)
    at = np.minimum(np.searchsorted(known, offset), len(rows) - 1)
    return np.where(known[at] == offset, rows[at], 0).astype(np.int32)


def runtime_types(program: GoProgram, space: Space) -> RuntimeTypes:
    """The runtime types, and which of them is which row of the type table."""
    types = program.types
    module = program.modules[0]
    rows = np.flatnonzero(types.rtype >= 0)
    order = rows[np.argsort(types.rtype[rows], kind="stable")]
    return RuntimeTypes(
        space,
        module.types,
        module.etypes,
        np.ascontiguousarray(types.rtype[order], np.int64),
        order.astype(np.int32),
        # the flag "stored directly in an interface" moved from Kind_ to TFlag in Go 1.26, TFlagGCMaskOnDemand
        # came with Go 1.24, when GC programs went (internal/abi/type.go)
        program.constant("internal/abi.TFlagDirectIface") is None,
        program.constant("internal/abi.TFlagGCMaskOnDemand") is not None,
    )


@dataclass
class TypeRow:
    """Objects of one type in spans of one class. ``key``: the u32 of ``roles``."""

    key: int
    spanclass: int
    objects: int
    bytes: int
    name: str
    kind: str
    live_objects: int = 0
    live_bytes: int = 0


def name_rows(
    program: GoProgram,
    rows: list[tuple[int, int, int, int]],
    live: list[tuple[int, int, int, int]] | None = None,
) -> list[TypeRow]:
    """Attach names to the kernel's (otype, span class, objects, bytes); untyped rows get an empty name.

    ``live``: the same of live objects only.
    """
    alive = {(key, spanclass): (objects, size) for key, spanclass, objects, size in live or []}
    types = program.types
    swiss = not program.layouts.has("runtime.hmap")
    cache: dict[int, tuple[str, str]] = {}
    out = []
    for key, spanclass, objects, size in rows:
        if key not in cache:
            cache[key] = _name(program, types, swiss, key)
        name, kind = cache[key]
        counted = alive.get((key, spanclass), (0, 0))
        out.append(TypeRow(key, spanclass, objects, size, name, kind, *counted))
    return out


def _name(program: GoProgram, types: TypeTable, swiss: bool, key: int) -> tuple[str, str]:
    if key == 0:
        return "", ""
    role, row = Role(key >> ROLE_SHIFT), key & ROW_MASK
    if role in (Role.STRING, Role.TINY):
        return object_name(role, "", swiss), object_kind(role, 0)
    if role is Role.CLOSURE:
        return object_name(role, program.closures.name[row], swiss), object_kind(role, 0)
    if role in (Role.RTYPE, Role.RTYPE_ARRAY):
        if row == NO_ROW:
            return object_name(role, "(type made at run time)", swiss), object_kind(role, 0)
        name, kind = rtype_name(program, program.modules[0].types + row * 8)
        return object_name(role, name, swiss), object_kind(role, kind)
    return object_name(role, types.name[row], swiss), object_kind(role, int(types.kind[row]))
