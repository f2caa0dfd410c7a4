# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""The runtime's memory profile: buckets, unsampling, specials. mprof.pyi is the documentation."""

from libc.math cimport fma, rint
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from gosnap._kernels.memory cimport MAX_ADDR, Space, load64

cdef enum:
    CYCLES = 4  # active and three future ones
    COUNTERS = 2 * CYCLES
    FIELDS = 14
    DOUBT_HASH = 1
    DOUBT_COUNTERS = 2


cdef struct Words:
    uint64_t *data
    Py_ssize_t n
    Py_ssize_t cap


cdef bint push(Words *w, const void *values, Py_ssize_t n) noexcept nogil:
    """Append n words; False where there is no memory."""
    cdef Py_ssize_t cap
    cdef uint64_t *grown
    if w.n + n > w.cap:
        cap = 2 * w.cap if 2 * w.cap > w.n + n else w.n + n + 256
        grown = <uint64_t *>realloc(w.data, cap * 8)
        if grown == NULL:
            return False
        w.data, w.cap = grown, cap
    memcpy(w.data + w.n, values, n * 8)
    w.n += n
    return True


cdef bytes taken(Words *w):
    return (<char *>w.data)[:w.n * 8] if w.n else b""


cdef class Chain:
    """A list of buckets, linked by allnext."""

    cdef Words address, size, start, pcs, counters, doubt
    cdef readonly uint64_t next
    cdef readonly Py_ssize_t damaged
    cdef uint64_t bytes, max_bytes, kind, max_stack
    cdef Py_ssize_t allnext, typ, size_at, nstk, header, record, active, future, cycle
    cdef Py_ssize_t allocs, frees, alloc_bytes, free_bytes, hash_at
    cdef uint64_t hare, steps, power

    def __cinit__(self, uint64_t head, layout, uint64_t kind, uint64_t max_stack, uint64_t max_bytes):
        cdef uint64_t zero = 0
        if len(layout) != FIELDS:
            raise ValueError("mprof: a layout has 14 numbers")
        (self.allnext, self.typ, self.size_at, self.nstk, self.header, self.record, self.active, self.future,
         self.cycle, self.allocs, self.frees, self.alloc_bytes, self.free_bytes, self.hash_at) = layout
        for at in (self.allnext, self.typ, self.size_at, self.nstk, max(self.hash_at, 0)):
            if not 0 <= at <= self.header - 8 or self.header > 4096:
                raise ValueError("mprof: a field outside of the bucket")
        last = max(self.active + self.cycle, self.future + 3 * self.cycle)
        if self.active < 0 or self.future < 0 or not 0 < self.cycle <= 256 or not last <= self.record <= 4096:
            raise ValueError("mprof: a cycle outside of the record")
        if self.header % 8 or self.record % 8:
            raise ValueError("mprof: a structure that is not aligned")
        for at in (self.allocs, self.frees, max(self.alloc_bytes, 0), max(self.free_bytes, 0)):
            if not 0 <= at <= self.cycle - 8:
                raise ValueError("mprof: a counter outside of the cycle")
        self.next, self.kind, self.max_stack, self.max_bytes = head, kind, max_stack, max_bytes
        self.power = 1
        if not push(&self.start, &zero, 1):
            raise MemoryError

    def __dealloc__(self):
        free(self.address.data)
        free(self.size.data)
        free(self.start.data)
        free(self.pcs.data)
        free(self.counters.data)
        free(self.doubt.data)

    cdef const uint8_t *part(self, Space space, uint64_t at, uint64_t size) noexcept nogil:
        return space.at(at, size) if at % 8 == 0 else NULL

    cdef bint hashed(self, const uint8_t *p, uint64_t nstk, uint64_t size) noexcept nogil:
        """Whether a bucket's hash is that of its stack and size (runtime/mprof.go, stkbucket)."""
        cdef uint64_t h = 0, i
        for i in range(nstk + 1):
            h += load64(p + self.header + 8 * i) if i < nstk else size
            h += h << 10
            h ^= h >> 6
        h += h << 3
        h ^= h >> 11
        return self.hash_at < 0 or load64(p + self.hash_at) == h

    cdef int count(self, const uint8_t *p, uint64_t size, bint hashed) noexcept nogil:
        """The counters of one record, and what contradicts itself; -1 where there is no memory."""
        cdef uint64_t[COUNTERS] row
        cdef uint64_t allocs = 0, frees = 0, doubt
        cdef bint wrong = False
        cdef const uint8_t *c
        cdef int i
        for i in range(CYCLES):
            c = p + (self.active if i == 0 else self.future + (i - 1) * self.cycle)
            row[i] = load64(c + self.allocs)
            row[CYCLES + i] = load64(c + self.frees)
            allocs += row[i]
            frees += row[CYCLES + i]
            wrong |= row[i] >> 48 != 0 or row[CYCLES + i] >> 48 != 0
            if self.alloc_bytes >= 0:
                wrong |= load64(c + self.alloc_bytes) != row[i] * size
            if self.free_bytes >= 0:
                wrong |= load64(c + self.free_bytes) != row[CYCLES + i] * size
        doubt = (0 if hashed else DOUBT_HASH) | (DOUBT_COUNTERS if wrong or frees > allocs else 0)
        self.damaged += doubt != 0
        return 0 if push(&self.counters, row, COUNTERS) and push(&self.doubt, &doubt, 1) else -1

    cdef int run(self, Space space) noexcept nogil:
        """1 for memory that is not there; -1 no bucket, -2 a loop, -3 more than allowed, -4 no memory."""
        cdef const uint8_t *p
        cdef uint64_t at, nstk, size, total, link
        while self.next:
            at = self.next
            p = self.part(space, at, self.header)
            if p == NULL:
                return 1
            nstk, size = load64(p + self.nstk), load64(p + self.size_at)
            if load64(p + self.typ) != self.kind or nstk > self.max_stack or not 0 < size < MAX_ADDR:
                return -1
            total = self.header + 8 * nstk + self.record
            p = self.part(space, at, total)
            if p == NULL:
                return 1
            self.bytes += total
            if self.bytes > self.max_bytes:
                return -3
            # Brent: the hare is where the tortoise stood at the last power of two
            if at == self.hare:
                return -2
            self.steps += 1
            if self.steps == self.power:
                self.hare = at
                self.power *= 2
                self.steps = 0
            if not push(&self.address, &at, 1) or not push(&self.size, &size, 1):
                return -4
            if not push(&self.pcs, p + self.header, <Py_ssize_t>nstk):
                return -4
            link = <uint64_t>self.pcs.n
            if not push(&self.start, &link, 1):
                return -4
            if self.count(p + self.header + 8 * nstk, size, self.hashed(p, nstk, size)) < 0:
                return -4
            self.next = load64(p + self.allnext)
        return 0

    def walk(self, Space space not None):
        cdef int got
        with nogil:
            got = self.run(space)
        if got == -1:
            raise ValueError(f"no bucket of the memory profile at {self.next:#x}")
        if got == -2:
            raise ValueError(f"the list of buckets runs in a circle at {self.next:#x}")
        if got == -3:
            raise ValueError(f"the buckets claim more than {self.max_bytes:,} bytes")
        if got == -4:
            raise MemoryError
        return got == 0

    def columns(self):
        return {
            "address": taken(&self.address),
            "size": taken(&self.size),
            "start": taken(&self.start),
            "pcs": taken(&self.pcs),
            "counters": taken(&self.counters),
            "doubt": taken(&self.doubt),
        }


cdef double go_exp(double x) noexcept nogil:
    """e**x for x <= 0, to the last bit as math.Exp on amd64 with FMA (math/exp_amd64.s, Go 1.21 to 1.27).

    Reduction by ln 2 in two parts and by 16, a polynomial of degree 8, (1+r)**16 - 1 by r(r+2) four times.
    """
    cdef double k, r, p
    cdef int64_t e
    cdef uint64_t bits
    cdef double power
    if x < -745.2:
        return 0.0
    k = rint(x * 1.4426950408889634073599246810018920)
    r = fma(-k, 0.69314718055966295651160180568695068359375, x)
    r = fma(-k, 0.28235290563031577122588448175013436025525412068e-12, r)
    r *= 0.0625
    p = 2.4801587301587301587e-5
    p = fma(p, r, 1.9841269841269841270e-4)
    p = fma(p, r, 1.3888888888888888889e-3)
    p = fma(p, r, 8.3333333333333333333e-3)
    p = fma(p, r, 4.1666666666666666667e-2)
    p = fma(p, r, 1.6666666666666666667e-1)
    p = fma(p, r, 0.5)
    p = fma(p, r, 1.0)
    r *= p
    r *= r + 2.0
    r *= r + 2.0
    r *= r + 2.0
    r = fma(r + 2.0, r, 1.0)
    e = <int64_t>k + 0x3FF
    if e <= 0:
        # a result below 2**-1022: nothing that 1 - e**x could tell from 0
        return 0.0
    bits = <uint64_t>e << 52
    memcpy(&power, &bits, 8)
    return r * power


cdef inline int64_t go_int64(double x) noexcept nogil:
    """Go's int64(x) on amd64 (CVTTSD2SQ): toward zero, the least number where it does not fit."""
    return <int64_t>x if -9223372036854775808.0 <= x < 9223372036854775808.0 else INT64_MIN


def exp(double x):
    return go_exp(x)


def unsample(
    const int64_t[::1] count not None,
    const uint64_t[::1] size not None,
    int64_t rate,
    bint by_total,
    int64_t[::1] objects not None,
    int64_t[::1] space not None,
):
    cdef Py_ssize_t i, n = count.shape[0]
    cdef int64_t total
    cdef double average, scale
    if size.shape[0] != n or objects.shape[0] < n or space.shape[0] < n:
        raise ValueError("unsample: columns differ in length")
    with nogil:
        for i in range(n):
            total = <int64_t>(<uint64_t>count[i] * size[i])
            if count[i] == 0 or (total if by_total else <int64_t>size[i]) == 0:
                objects[i] = space[i] = 0
            elif rate <= 1:
                objects[i], space[i] = count[i], total
            else:
                average = <double>total / <double>count[i] if by_total else <double><int64_t>size[i]
                scale = 1.0 / (1.0 - go_exp(-average / <double>rate))
                objects[i] = go_int64(<double>count[i] * scale)
                space[i] = go_int64(<double>total * scale)


def sampled(
    Space space not None,
    const uint64_t[::1] base not None,
    const uint64_t[::1] elemsize not None,
    const uint64_t[::1] first not None,
    layout,
    int kind,
    uint64_t most,
):
    cdef Py_ssize_t size, offset_at, offset_size, kind_at, bucket_at, s
    cdef Words objects, buckets
    cdef uint64_t at, inner, object_, seen = 0, broken = 0
    cdef uint16_t half
    cdef const uint8_t *p
    cdef bint full = False
    objects.data = buckets.data = NULL
    objects.n = objects.cap = buckets.n = buckets.cap = 0
    size, offset_at, offset_size, kind_at, bucket_at = layout
    if elemsize.shape[0] != base.shape[0] or first.shape[0] != base.shape[0]:
        raise ValueError("sampled: columns differ in length")
    if offset_size not in (2, 8) or not 8 <= size <= 4096:
        raise ValueError("sampled: a layout that no Go has")
    if not 0 <= offset_at <= size - offset_size or not 0 <= kind_at < size or not 0 <= bucket_at <= size:
        raise ValueError("sampled: a field outside of its structure")
    try:
        with nogil:
            for s in range(base.shape[0]):
                at = first[s]
                while at and seen < most:
                    seen += 1
                    p = space.at(at, size + 8)
                    if p == NULL or elemsize[s] == 0:
                        broken += 1
                        break
                    if p[kind_at] == kind:
                        if offset_size == 2:
                            memcpy(&half, p + offset_at, 2)
                            inner = half
                        else:
                            inner = load64(p + offset_at)
                        object_ = base[s] + inner // elemsize[s] * elemsize[s]
                        inner = load64(p + bucket_at)
                        if not push(&objects, &object_, 1) or not push(&buckets, &inner, 1):
                            full = True
                            break
                    at = load64(p)
        if full:
            raise MemoryError
        return taken(&objects), taken(&buckets), broken + (seen >= most)
    finally:
        free(objects.data)
        free(buckets.data)
