# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""A type for every object, from roots along pointers. propagate.pyi is the documentation."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from gosnap._kernels.heap cimport PAGE_SIZE, SPAN_HEADER, SPAN_LARGE, SPAN_NOSCAN, Heap, SpanRow
from gosnap._kernels.memory cimport HASH, ctz, load64, prefetch, word_at
from gosnap._kernels.rtypes cimport RuntimeTypes, TypeInfo
from gosnap._kernels.typeprog cimport (
    KIND_NODE,
    OP_CHAN,
    OP_EFACE,
    OP_FUNC,
    OP_IFACE,
    OP_MAP,
    OP_PTR,
    OP_REPEAT,
    OP_SLICE,
    OP_STRING,
    OP_VEC,
    Op,
    TypePrograms,
)

cdef enum:
    # object roles; gosnap.heap.roles gives them names
    ROLE_VALUE = 0
    ROLE_ARRAY = 1
    ROLE_STRING = 2
    ROLE_MAP = 3
    ROLE_MAP_BUCKETS = 4
    ROLE_MAP_DIR = 5
    ROLE_MAP_TABLE = 6
    ROLE_CHAN = 7
    ROLE_CHAN_BUF = 8
    ROLE_CLOSURE = 9
    ROLE_TINY = 10
    ROLE_INSIDE = 11
    ROLE_RTYPE = 12
    ROLE_RTYPE_ARRAY = 13
    ROLE_MAP_OVERFLOW = 14
    ROLE_MAP_OVERFLOW_ARRAY = 15
    ROLE_SHIFT = 28
    # How sure a type is; a higher rank replaces a lower one.
    RANK_INSIDE = 1        # a pointer into the middle
    RANK_INSIDE_SLICE = 2  # a slice into the middle
    RANK_SMALLER = 3       # fits but is smaller than the slot
    RANK_BYTES = 4         # string or tiny block of the right size
    RANK_FITS = 5          # the static type fits the slot's size class
    RANK_RUNTIME = 6       # the runtime itself says so: a malloc header, an interface word
    RANK_PART = 7          # part of a map, channel or closure, which knows more than a header on it does
    RANK_MASK = 127
    WAITS = 128            # on the stack
    # What hostile types may cost: nested arrays.
    MAX_NESTED = 64

cdef uint32_t TYPE_MASK = (<uint32_t>1 << ROLE_SHIFT) - 1
cdef uint64_t INNER_LIMIT = <uint64_t>1 << 26


cdef struct Work:
    uint32_t obj
    uint32_t span
    uint32_t slot


cdef struct Inner:
    uint64_t addr
    int32_t type_id


cdef inline uint64_t place_of(const uint64_t *keys, uint64_t cap, uint64_t key) noexcept nogil:
    """Where a hash table has the key, or would have it."""
    cdef uint64_t h = (key * HASH >> 20) & (cap - 1)
    while keys[h] and keys[h] != key:
        h = (h + 1) & (cap - 1)
    return h


@cython.final
cdef class Propagation:
    """One heap, its types, and the state of a run."""
    cdef Heap heap
    cdef RuntimeTypes rtypes
    cdef TypePrograms types
    cdef const int32_t[::1] impl
    cdef const int32_t[::1] part       # map: bucket or group type
    cdef const int32_t[::1] owner      # bucket, group, table, header: the map type it serves
    cdef const uint8_t[::1] owner_role
    # functions, for closures
    cdef const uint64_t[::1] func_pc
    cdef const int64_t[::1] capture_start
    cdef const int64_t[::1] capture_offset
    cdef const int32_t[::1] capture_type
    cdef uint16_t class_size[4097]     # (size + 7) / 8 -> slot size, for sizes to 32 KiB
    # runtime structures of maps and channels
    cdef int swiss
    cdef int64_t map_ptr
    cdef int64_t map_len
    cdef int64_t map_old
    cdef int64_t map_extra
    cdef int64_t table_groups
    cdef int64_t chan_buf
    # the state of a run
    cdef uint32_t *otype
    cdef uint8_t *orank
    cdef Work *stack
    cdef int64_t stack_n
    cdef int64_t stack_cap
    cdef uint64_t *seen                # keys of (address, type) walked inside objects
    cdef uint64_t seen_cap
    cdef uint64_t seen_n
    cdef Inner *inner
    cdef int64_t inner_n
    cdef int64_t inner_cap
    cdef int64_t fuel                  # pointer sources that may still be looked at
    cdef int nested                    # OP_REPEAT inside OP_REPEAT
    cdef int nomem

    def __cinit__(
        self,
        Heap heap not None,
        RuntimeTypes rtypes not None,
        TypePrograms types not None,
        const int32_t[::1] impl not None,
        const int32_t[::1] part not None,
        const int32_t[::1] owner not None,
        const uint8_t[::1] owner_role not None,
        const uint64_t[::1] func_pc not None,
        const int64_t[::1] capture_start not None,
        const int64_t[::1] capture_offset not None,
        const int32_t[::1] capture_type not None,
        const uint16_t[::1] class_size not None,
        dict offsets not None,
    ):
        cdef Py_ssize_t i, n = types.n, functions = func_pc.shape[0]
        if not (
            impl.shape[0] == part.shape[0] == owner.shape[0] == owner_role.shape[0] == n
            and capture_start.shape[0] == functions + 1
            and capture_offset.shape[0] == capture_type.shape[0]
            and class_size.shape[0] == 4097
        ):
            raise ValueError("types: columns differ in length")
        for i in range(n):
            if not (0 <= impl[i] < n and 0 <= part[i] < n and 0 <= owner[i] < n):
                raise ValueError("types: a row refers to a type that is not there")
            if owner_role[i] == ROLE_CLOSURE or owner_role[i] > 15:
                raise ValueError("types: an owner in a role that no owner has")
        for i in range(functions):
            if capture_start[i] > capture_start[i + 1]:
                raise ValueError("types: captures out of order")
        if capture_start[0] != 0 or capture_start[functions] != capture_type.shape[0]:
            raise ValueError("types: capture index does not cover the captures")
        for i in range(capture_type.shape[0]):
            if not 0 <= capture_type[i] < n or capture_offset[i] < 0:
                raise ValueError("types: a capture refers to a type that is not there")
        for i in range(rtypes.row_id.shape[0]):
            if not 0 <= rtypes.row_id[i] < n:
                raise ValueError("types: a runtime type with a row that is not there")
        for name in ("map_ptr", "map_len", "map_old", "map_extra", "table_groups", "chan_buf"):
            if not 0 <= offsets[name] < PAGE_SIZE:
                raise ValueError(f"types: {name} at an impossible offset")
        self.heap = heap
        self.rtypes = rtypes
        self.types = types
        self.impl = impl
        self.part = part
        self.owner = owner
        self.owner_role = owner_role
        self.func_pc = func_pc
        self.capture_start = capture_start
        self.capture_offset = capture_offset
        self.capture_type = capture_type
        for i in range(4097):
            self.class_size[i] = class_size[i]
        self.swiss = offsets["swiss"]
        self.map_ptr = offsets["map_ptr"]
        self.map_len = offsets["map_len"]
        self.map_old = offsets["map_old"]
        self.map_extra = offsets["map_extra"]
        self.table_groups = offsets["table_groups"]
        self.chan_buf = offsets["chan_buf"]

    def __dealloc__(self):
        self.forget()

    cdef void forget(self) noexcept nogil:
        """Free the state of a run."""
        free(self.orank)
        free(self.stack)
        free(self.seen)
        free(self.inner)
        self.otype = NULL
        self.orank = NULL
        self.stack = NULL
        self.seen = NULL
        self.inner = NULL
        self.stack_n = self.stack_cap = 0
        self.inner_n = self.inner_cap = 0
        self.seen_n = self.seen_cap = 0

    def run(self, const uint64_t[::1] root_addr, const int32_t[::1] root_type, uint32_t[::1] otype):
        cdef Heap heap = self.heap
        cdef Py_ssize_t i, n = root_addr.shape[0]
        if root_type.shape[0] != n or otype.shape[0] < heap.nobjects:
            raise ValueError("propagate: columns differ in length")
        for i in range(n):
            if not 0 <= root_type[i] < self.types.n:
                raise ValueError("propagate: a root of a type that is not there")
        if heap.nobjects == 0:
            return
        self.forget()
        self.orank = <uint8_t *>calloc(heap.nobjects + 1, 1)
        if self.orank == NULL:
            raise MemoryError
        self.otype = &otype[0]
        memset(self.otype, 0, <size_t>heap.nobjects * 4)
        self.nomem = self.nested = 0
        # Sound types take a few steps per word of memory; types that lie, and overlap, could take any number.
        self.fuel = 1 << 24
        for i in range(heap.space.n):
            self.fuel += <int64_t>(heap.space.end[i] - heap.space.start[i]) >> 1
        for i in range(heap.nspans):
            self.fuel += (heap.obj0[i + 1] - heap.obj0[i]) * <int64_t>heap.spans[i].elemsize * 4
        with nogil:
            self.seed()
            self.drain()
            for i in range(n):
                if self.nomem:
                    break
                self.walk_root(root_addr[i], root_type[i])
                self.drain()
        self.forget()
        if self.nomem:
            raise MemoryError("type propagation")

    cdef void seed(self) noexcept nogil:
        """What the runtime itself says: malloc headers and large objects' types (>= 1.22)."""
        cdef Py_ssize_t si
        cdef uint64_t w, word, addr, room
        cdef uint32_t slot
        cdef int64_t o
        cdef SpanRow *s
        cdef TypeInfo *info
        for si in range(self.heap.nspans):
            s = &self.heap.spans[si]
            if s.flags & SPAN_NOSCAN or not (s.flags & SPAN_HEADER or s.large_type):
                continue
            o = self.heap.obj0[si] - 1
            room = s.elemsize - (8 if s.flags & SPAN_HEADER else 0)
            for w in range((<uint64_t>s.nelems + 63) >> 6):
                word = self.heap.bits[s.bit0 + <int64_t>w]
                while word:
                    slot = <uint32_t>(w * 64 + <uint64_t>ctz(word))
                    word &= word - 1
                    o += 1
                    if not self.heap.scannable(si, slot):
                        continue
                    addr = s.large_type
                    if s.flags & SPAN_HEADER:
                        addr = word_at(s.host + <uint64_t>slot * s.elemsize)
                    info = self.rtypes.read(addr) if addr else NULL
                    if info == NULL or not info.ok or info.size == 0 or info.kind == 0:
                        continue
                    self.set_from_header(o, si, slot, addr, info, room >= info.size * 2)

    cdef inline void set_from_header(
        self, int64_t o, Py_ssize_t si, uint32_t slot, uint64_t addr, const TypeInfo *info, bint several
    ) noexcept nogil:
        cdef int32_t t = info.type_id
        if t and self.owner[t]:
            self.set_type(o, si, slot, self.owner_role[t], self.owner[t], RANK_PART)
        elif t:
            self.set_type(o, si, slot, ROLE_ARRAY if several else ROLE_VALUE, <uint32_t>t, RANK_RUNTIME)
        elif self.rtypes.lo <= addr < self.rtypes.hi:
            self.set_type(o, si, slot, ROLE_RTYPE_ARRAY if several else ROLE_RTYPE,
                          <uint32_t>((addr - self.rtypes.lo) >> 3), RANK_RUNTIME)
        else:
            self.set_type(o, si, slot, ROLE_RTYPE, TYPE_MASK, RANK_RUNTIME)

    cdef void drain(self) noexcept nogil:
        """Walk what waits: objects first, then values inside objects."""
        cdef Work work
        cdef Work *ahead
        cdef Inner inner
        cdef SpanRow *s
        cdef Py_ssize_t si
        cdef uint32_t slot
        cdef uint64_t off
        while not self.nomem:
            if self.stack_n:
                self.stack_n -= 1
                work = self.stack[self.stack_n]
                if self.stack_n >= 4:
                    ahead = &self.stack[self.stack_n - 4]
                    s = &self.heap.spans[ahead.span]
                    prefetch(<const void *><size_t>(s.host + ahead.slot * s.elemsize))
                self.orank[work.obj] &= RANK_MASK
                self.walk_object(work.obj, work.span, work.slot)
            elif self.inner_n:
                self.inner_n -= 1
                inner = self.inner[self.inner_n]
                if self.heap.object_at(inner.addr, &si, &slot) >= 0:
                    s = &self.heap.spans[si]
                    off = inner.addr - s.base
                    self.walk(inner.type_id, <const uint8_t *><size_t>(s.host + off),
                              (<uint64_t>slot + 1) * s.elemsize - off)
            else:
                break

    cdef void walk_root(self, uint64_t addr, int32_t t) noexcept nogil:
        cdef uint64_t size = <uint64_t>self.types.size[t]
        cdef const uint8_t *p = self.heap.space.at(addr, size) if size else NULL
        if p != NULL:
            self.walk(t, p, size)

    # ------------------------------------------------------------------ what a pointer says of its object

    cdef inline bint fits(self, const SpanRow *s, uint64_t size) noexcept nogil:
        """Whether an allocation of `size` bytes would get a slot of this span's size."""
        if s.flags & SPAN_HEADER:
            size += 8
        if s.flags & SPAN_LARGE:
            return ((size + PAGE_SIZE - 1) & ~<uint64_t>(PAGE_SIZE - 1)) == s.elemsize
        if size == 0 or size > 32768:
            return False
        return self.class_size[(size + 7) >> 3] == s.elemsize

    cdef void queue_inner(self, uint64_t addr, int32_t t) noexcept nogil:
        """Queue a walk of a value of type t that lies inside an object of another or unknown type, once."""
        cdef uint64_t key, h
        cdef Inner *grown
        if t == 0 or not self.types.has_pointers(t) or self.seen_n > INNER_LIMIT:
            return
        if self.seen_n * 2 >= self.seen_cap and self.double_seen() < 0:
            self.nomem = 1
            return
        # 47 address bits and the type mixed into one word; a collision only loses a walk
        key = addr ^ (<uint64_t>t * <uint64_t>0xD6E8FEB86659FD93)
        if key == 0:
            key = 1
        h = place_of(self.seen, self.seen_cap, key)
        if self.seen[h]:
            return
        self.seen[h] = key
        self.seen_n += 1
        if self.inner_n == self.inner_cap:
            grown = <Inner *>realloc(self.inner, <size_t>(self.inner_cap * 2 + 1024) * sizeof(Inner))
            if grown == NULL:
                self.nomem = 1
                return
            self.inner = grown
            self.inner_cap = self.inner_cap * 2 + 1024
        self.inner[self.inner_n].addr = addr
        self.inner[self.inner_n].type_id = t
        self.inner_n += 1

    cdef int double_seen(self) noexcept nogil:
        cdef uint64_t i, cap = self.seen_cap * 2 if self.seen_cap else 65536
        cdef uint64_t *seen = <uint64_t *>calloc(cap, 8)
        if seen == NULL:
            return -1
        for i in range(self.seen_cap):
            if self.seen[i]:
                seen[place_of(seen, cap, self.seen[i])] = self.seen[i]
        free(self.seen)
        self.seen = seen
        self.seen_cap = cap
        return 0

    cdef void set_type(
        self, int64_t o, Py_ssize_t si, uint32_t slot, uint32_t role, uint32_t tid, int rank
    ) noexcept nogil:
        """Give an object a type and, if it can hold pointers, have it walked."""
        cdef Work *grown
        self.otype[o] = (role << ROLE_SHIFT) | (tid & TYPE_MASK)
        if self.heap.spans[si].flags & SPAN_NOSCAN or self.orank[o] & WAITS:
            self.orank[o] = <uint8_t>(rank | (self.orank[o] & WAITS))
            return
        if self.stack_n == self.stack_cap:
            grown = <Work *>realloc(self.stack, <size_t>(self.stack_cap * 2 + 65536) * sizeof(Work))
            if grown == NULL:
                self.nomem = 1
                return
            self.stack = grown
            self.stack_cap = self.stack_cap * 2 + 65536
        self.orank[o] = <uint8_t>(rank | WAITS)
        self.stack[self.stack_n].obj = <uint32_t>o
        self.stack[self.stack_n].span = <uint32_t>si
        self.stack[self.stack_n].slot = slot
        self.stack_n += 1

    cdef void assign(self, uint64_t q, int role, int32_t t, uint64_t count, bint dynamic) noexcept nogil:
        """A pointer q says: here lies a `role` of type t (count of them for arrays, bytes for strings).

        ``dynamic``: the runtime itself says so.
        """
        cdef Py_ssize_t si
        cdef uint32_t slot
        cdef int64_t o
        cdef SpanRow *s
        cdef const uint8_t *p
        cdef uint64_t base, room, off, size, bytes
        cdef int rank = 0, have
        cdef bint scan
        cdef uint32_t cur
        o = self.heap.object_at(q, &si, &slot)
        if o < 0:
            return
        have = self.orank[o] & RANK_MASK
        if have == RANK_PART:
            return
        if have == RANK_RUNTIME and (role == ROLE_VALUE or role == ROLE_ARRAY or role == ROLE_STRING):
            return
        s = &self.heap.spans[si]
        base = s.base + <uint64_t>slot * s.elemsize
        room = s.elemsize
        if s.flags & SPAN_HEADER:
            base += 8
            room -= 8
            if q < base:
                return
        off = q - base
        scan = not s.flags & SPAN_NOSCAN
        if role == ROLE_VALUE or role == ROLE_ARRAY:
            if t == 0:
                return
            if self.types.kind[t] == KIND_NODE and role == ROLE_VALUE:
                p = <const uint8_t *><size_t>(s.host + (q - s.base))
                t = self.types.elem[t] if p[0] else self.part[t]
                if t == 0:
                    return
            if self.owner[t] and off == 0 and self.owner_role[t]:
                role = self.owner_role[t]
                self.set_type(o, si, slot, role, self.owner[t], RANK_PART)
                return
            size = <uint64_t>self.types.size[t]
            if size == 0:
                return
            if not scan and s.sizeclass == 2 and size < 16 and (role == ROLE_VALUE or count < 16):
                if (size if role == ROLE_VALUE else size * count) < 16:
                    if have < RANK_BYTES:
                        self.set_type(o, si, slot, ROLE_TINY, 0, RANK_BYTES)
                    return
            if role == ROLE_VALUE:
                bytes = size
            elif count > room // size:
                # a slice that claims more than its slot: unsafe.Slice or a lie
                bytes = room // size * size if off == 0 else 0
            else:
                bytes = size * count
            if size > room - off or bytes > room - off:
                if role == ROLE_VALUE or off == 0:
                    return
                bytes = room - off
            if off == 0:
                if dynamic:
                    rank = RANK_RUNTIME
                elif self.types.has_pointers(t) == scan and self.fits(s, bytes):
                    rank = RANK_FITS
                else:
                    rank = RANK_SMALLER
            elif role == ROLE_ARRAY and off % size == 0 and self.types.has_pointers(t) == scan:
                rank = RANK_INSIDE_SLICE
            else:
                rank = RANK_INSIDE
                role = ROLE_INSIDE
            if rank == RANK_SMALLER and have == RANK_SMALLER:
                # two readings that both fall short of the slot: the larger one contains the other
                cur = self.otype[o]
                if (
                    (cur >> ROLE_SHIFT) == ROLE_VALUE
                    and role == ROLE_VALUE
                    and <uint64_t>self.types.size[cur & TYPE_MASK] < size
                ):
                    have = RANK_SMALLER - 1
            if rank > have:
                self.set_type(o, si, slot, role, t, rank)
                if rank == RANK_INSIDE:
                    self.queue_inner(q, t)
            elif have < RANK_FITS and scan and (self.otype[o] & TYPE_MASK) != <uint32_t>t:
                self.queue_inner(q, t)
            return
        if role == ROLE_STRING:
            if scan or count > room - off:
                return
            if s.sizeclass == 2 and count < 16:
                if have < RANK_BYTES:
                    self.set_type(o, si, slot, ROLE_TINY, 0, RANK_BYTES)
                return
            rank = RANK_INSIDE_SLICE
            if off == 0:
                rank = RANK_BYTES if self.fits(s, count) else RANK_SMALLER
            if rank > have:
                self.set_type(o, si, slot, ROLE_STRING, 0, rank)
            return
        # maps, channels, closures: the runtime's own structures, always at the start of their slot
        if off == 0:
            self.set_type(o, si, slot, role, t, RANK_PART)

    cdef void walk_interface(self, uint64_t rtype, const uint8_t *p) noexcept nogil:
        """The data word at p (an interface's second word) holds a value of the runtime type."""
        cdef TypeInfo *info
        if rtype == 0:
            return
        info = self.rtypes.read(rtype)
        if info == NULL:
            self.nomem = 1
            return
        if not info.ok:
            return
        if info.direct:
            if info.type_id:
                self.walk(info.type_id, p, 8)
            return
        if info.type_id:
            self.assign(load64(p), ROLE_VALUE, info.type_id, 1, True)
        else:
            self.assign_rtype(load64(p), rtype, info.size)

    cdef void assign_rtype(self, uint64_t q, uint64_t rtype, uint64_t size) noexcept nogil:
        """An object whose runtime type has no row in the type table."""
        cdef Py_ssize_t si
        cdef uint32_t slot
        cdef int64_t o
        cdef uint64_t tid = TYPE_MASK
        o = self.heap.object_at(q, &si, &slot)
        if o < 0 or (self.orank[o] & RANK_MASK) >= RANK_RUNTIME:
            return
        if self.rtypes.lo <= rtype < self.rtypes.hi and (rtype - self.rtypes.lo) >> 3 < TYPE_MASK:
            tid = (rtype - self.rtypes.lo) >> 3
        self.set_type(o, si, slot, ROLE_RTYPE, <uint32_t>tid, RANK_RUNTIME)

    cdef inline uint64_t itab_type(self, uint64_t itab) noexcept nogil:
        """The dynamic type of an itab (internal/abi/iface.go: ITab.Type at +8)."""
        cdef const uint8_t *p
        if itab == 0 or itab & 7:
            return 0
        p = self.heap.space.at(itab, 16)
        return load64(p + 8) if p != NULL else 0

    cdef void walk(self, int32_t t, const uint8_t *p, uint64_t limit) noexcept nogil:
        """Follow every pointer source of a value of type t whose bytes lie at p; never past limit bytes."""
        cdef int64_t i, _
        cdef int32_t n
        cdef Op op
        cdef uint64_t q, off
        if self.types.start[t] < 0 and self.types.compile(t) < 0:
            self.nomem = 1
            return
        n = self.types.count[t]
        self.fuel -= n + 1
        if self.fuel < 0:
            return
        for i in range(n):
            op = self.types.ops[self.types.start[t] + i]
            off = <uint64_t>op.off
            if op.code == OP_REPEAT:
                # no element with a pointer is smaller than one; types that hold themselves have no bottom
                if op.stride < 8 or self.nested >= MAX_NESTED:
                    continue
                self.nested += 1
                for _ in range(op.count):
                    if off >= limit or self.fuel < 0:
                        break
                    self.walk(op.arg, p + off, min(limit - off, <uint64_t>op.stride))
                    off += <uint64_t>op.stride
                self.nested -= 1
                continue
            if off + 8 > limit:
                continue
            q = load64(p + off)
            if q == 0:
                continue
            if op.code == OP_PTR:
                self.assign(q, ROLE_VALUE, op.arg, 1, False)
            elif op.code == OP_STRING:
                if off + 16 <= limit:
                    self.assign(q, ROLE_STRING, 0, load64(p + off + 8), False)
            elif op.code == OP_SLICE:
                if off + 24 <= limit and load64(p + off + 16):
                    self.assign(q, ROLE_ARRAY, op.arg, load64(p + off + 16), False)
            elif op.code == OP_VEC:
                if off + 16 <= limit and load64(p + off + 8):
                    self.assign(q, ROLE_ARRAY, op.arg, load64(p + off + 8), False)
            elif op.code == OP_EFACE:
                if off + 16 <= limit:
                    self.walk_interface(q, p + off + 8)
            elif op.code == OP_IFACE:
                if off + 16 <= limit:
                    self.walk_interface(self.itab_type(q), p + off + 8)
            elif op.code == OP_MAP:
                self.assign_map(q, op.arg)
            elif op.code == OP_CHAN:
                self.assign(q, ROLE_CHAN, op.arg, 1, True)
            elif op.code == OP_FUNC:
                self.assign_closure(q)

    cdef void assign_map(self, uint64_t q, int32_t t) noexcept nogil:
        """A map's header is an object, or, of a map that does not escape, on a goroutine's stack."""
        cdef Py_ssize_t si
        cdef uint32_t slot
        cdef uint64_t size = <uint64_t>self.types.size[self.impl[t]]
        cdef const uint8_t *p
        if self.heap.object_at(q, &si, &slot) >= 0:
            self.assign(q, ROLE_MAP, t, 1, True)
        elif q and size:
            p = self.heap.space.at(q, size)
            if p != NULL:
                self.walk_map(ROLE_MAP, <uint32_t>t, p, size)

    cdef void assign_closure(self, uint64_t q) noexcept nogil:
        """A func value points at {pc, captured variables...}; the pc names the function."""
        cdef Py_ssize_t si, lo, hi, mid
        cdef uint32_t slot
        cdef int64_t o
        cdef SpanRow *s
        cdef uint64_t pc
        o = self.heap.object_at(q, &si, &slot)
        if o < 0 or (self.orank[o] & RANK_MASK) == RANK_PART:
            return
        s = &self.heap.spans[si]
        if s.flags & SPAN_HEADER or q != s.base + <uint64_t>slot * s.elemsize:
            return
        pc = word_at(s.host + <uint64_t>slot * s.elemsize)
        lo = 0
        hi = self.func_pc.shape[0]
        while lo < hi:
            mid = (lo + hi) >> 1
            if self.func_pc[mid] < pc:
                lo = mid + 1
            else:
                hi = mid
        if lo < self.func_pc.shape[0] and self.func_pc[lo] == pc:
            self.set_type(o, si, slot, ROLE_CLOSURE, <uint32_t>lo, RANK_PART)

    cdef void walk_object(self, uint32_t o, Py_ssize_t si, uint32_t slot) noexcept nogil:
        """Follow the pointers of an object as its role and type say."""
        cdef SpanRow *s = &self.heap.spans[si]
        cdef uint32_t role = self.otype[o] >> ROLE_SHIFT
        cdef uint32_t tid = self.otype[o] & TYPE_MASK
        cdef const uint8_t *p = <const uint8_t *><size_t>(s.host + <uint64_t>slot * s.elemsize)
        cdef uint64_t room = s.elemsize, base = s.base + <uint64_t>slot * s.elemsize
        cdef uint64_t off, q
        cdef int64_t i
        if not self.heap.scannable(si, slot):
            return
        if s.flags & SPAN_HEADER:
            p += 8
            room -= 8
            base += 8
        if role == ROLE_VALUE:
            self.walk(<int32_t>tid, p, room)
        elif role == ROLE_ARRAY:
            self.walk_array(<int32_t>tid, p, room)
        elif role == ROLE_MAP_BUCKETS:
            self.walk_array(self.part[tid], p, room)
        elif role == ROLE_CHAN_BUF:
            self.walk_array(self.types.elem[tid], p, room)
        elif role == ROLE_CHAN:
            if room >= <uint64_t>self.chan_buf + 8:
                q = load64(p + self.chan_buf)
                if q - base >= room:
                    self.assign_part(q, ROLE_CHAN_BUF, tid)
                if self.impl[tid]:
                    self.walk(self.impl[tid], p, room)
        elif role == ROLE_CLOSURE:
            for i in range(self.capture_start[tid], self.capture_start[tid + 1]):
                off = <uint64_t>self.capture_offset[i]
                if off + 8 <= room:
                    self.walk(self.capture_type[i], p + off, room - off)
        else:
            self.walk_map(role, tid, p, room)

    cdef void walk_array(self, int32_t t, const uint8_t *p, uint64_t room) noexcept nogil:
        cdef uint64_t off = 0, stride = <uint64_t>self.types.size[t]
        if stride == 0 or t == 0 or not self.types.has_pointers(t):
            return
        while off + 8 <= room:
            self.walk(t, p + off, min(room - off, stride))
            off += stride

    cdef void walk_map(self, uint32_t role, uint32_t tid, const uint8_t *p, uint64_t room) noexcept nogil:
        """The parts of a map that are not its buckets or groups."""
        if role == ROLE_MAP:
            if self.swiss:
                if room < <uint64_t>max(self.map_len, self.map_ptr) + 8:
                    return
                if load64(p + self.map_len) == 0:
                    self.assign_part(load64(p + self.map_ptr), ROLE_MAP_BUCKETS, tid)
                else:
                    self.assign_part(load64(p + self.map_ptr), ROLE_MAP_DIR, tid)
            else:
                if room < <uint64_t>max(self.map_ptr, self.map_old, self.map_extra) + 8:
                    return
                self.assign_part(load64(p + self.map_ptr), ROLE_MAP_BUCKETS, tid)
                self.assign_part(load64(p + self.map_old), ROLE_MAP_BUCKETS, tid)
                self.assign_part(load64(p + self.map_extra), ROLE_MAP_TABLE, tid)
        elif role == ROLE_MAP_DIR:
            self.assign_parts(ROLE_MAP_TABLE, tid, p, room)
        elif role == ROLE_MAP_TABLE:
            if self.swiss:
                if room >= <uint64_t>self.table_groups + 8:
                    self.assign_part(load64(p + self.table_groups), ROLE_MAP_BUCKETS, tid)
            elif room >= 16:
                # runtime.mapextra (runtime/map.go, <= 1.23): overflow and oldoverflow *[]*bmap
                self.assign_part(load64(p), ROLE_MAP_OVERFLOW, tid)
                self.assign_part(load64(p + 8), ROLE_MAP_OVERFLOW, tid)
        elif role == ROLE_MAP_OVERFLOW:
            self.assign_part(load64(p), ROLE_MAP_OVERFLOW_ARRAY, tid)
        elif role == ROLE_MAP_OVERFLOW_ARRAY:
            self.assign_parts(ROLE_MAP_BUCKETS, tid, p, room)

    cdef inline void assign_part(self, uint64_t q, int role, uint32_t tid) noexcept nogil:
        """A map or channel of type tid points at a part of itself."""
        self.assign(q, role, <int32_t>tid, 1, True)

    cdef inline void assign_parts(
        self, int role, uint32_t tid, const uint8_t *p, uint64_t room
    ) noexcept nogil:
        """Every word of an object points at such a part."""
        cdef uint64_t off = 0
        while off + 8 <= room:
            self.assign_part(load64(p + off), role, tid)
            off += 8
