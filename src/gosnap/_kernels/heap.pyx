# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""The spans of a Go heap and their allocated slots. heap.pyi is the documentation."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from gosnap._kernels.memory cimport HASH, MAX_ADDR, Space, ctz, load64, popcount, word_at

cdef int64_t MAX_OBJECTS = <int64_t>0xfffffff0


cdef struct Tally:
    uint64_t *keys      # 0: free
    uint64_t *sums      # objects and bytes of each
    uint64_t cap
    uint64_t n


cdef inline uint64_t place_of(const uint64_t *keys, uint64_t cap, uint64_t key) noexcept nogil:
    """Where a hash table has the key, or would have it."""
    cdef uint64_t h = (key * HASH >> 24) & (cap - 1)
    while keys[h] and keys[h] != key:
        h = (h + 1) & (cap - 1)
    return h


cdef int double_room(Tally *t) noexcept nogil:
    """Twice the room, every key in its new place; -1 without memory."""
    cdef uint64_t i, at, cap = t.cap * 2
    cdef uint64_t *keys = <uint64_t *>calloc(cap, 8)
    cdef uint64_t *sums = <uint64_t *>calloc(cap, 16)
    if keys == NULL or sums == NULL:
        free(keys)
        free(sums)
        return -1
    for i in range(t.cap):
        if t.keys[i]:
            at = place_of(keys, cap, t.keys[i])
            keys[at] = t.keys[i]
            sums[at * 2] = t.sums[i * 2]
            sums[at * 2 + 1] = t.sums[i * 2 + 1]
    free(t.keys)
    free(t.sums)
    t.keys = keys
    t.sums = sums
    t.cap = cap
    return 0


cdef inline uint64_t bits_word(const uint8_t *bits, uint64_t w, uint64_t nbytes) noexcept nogil:
    """Word w of a bitmap of that many bytes, the bits beyond it zero."""
    cdef uint64_t v = 0
    if nbytes - w * 8 >= 8:
        return load64(bits + w * 8)
    memcpy(&v, bits + w * 8, nbytes - w * 8)
    return v


cdef class Heap:
    """In-use spans, found by address, and their objects, numbered in the order of their addresses."""

    def __cinit__(
        self,
        Space space not None,
        const uint64_t[::1] base not None,
        const uint64_t[::1] npages not None,
        const uint64_t[::1] elemsize not None,
        const uint64_t[::1] nelems not None,
        const uint32_t[::1] divmul not None,
        const uint8_t[::1] spanclass not None,
        const uint64_t[::1] host not None,
        const uint64_t[::1] large_type not None,
        const uint8_t[::1] headers not None,
        const uint64_t[::1] hbits not None,
        const uint64_t[::1] manual_base not None,
        const uint64_t[::1] manual_npages not None,
    ):
        cdef Py_ssize_t i, n = base.shape[0]
        cdef uint64_t hi = 0, lo = MAX_ADDR, end, need
        cdef int64_t words = 0
        cdef SpanRow *s
        if not (npages.shape[0] == elemsize.shape[0] == nelems.shape[0] == divmul.shape[0] == n
                and spanclass.shape[0] == host.shape[0] == large_type.shape[0] == n
                and headers.shape[0] == hbits.shape[0] == n
                and manual_base.shape[0] == manual_npages.shape[0]):
            raise ValueError("heap: span columns differ in length")
        self.space = space
        self.nspans = n
        self.spans = <SpanRow *>calloc(n + 1, sizeof(SpanRow))
        self.obj0 = <int64_t *>calloc(n + 1, sizeof(int64_t))
        if self.spans == NULL or self.obj0 == NULL:
            raise MemoryError
        for i in range(n):
            if (base[i] & (PAGE_SIZE - 1) or base[i] == 0 or base[i] >= MAX_ADDR
                    or npages[i] == 0 or npages[i] > (<uint64_t>1 << 34)):
                raise ValueError("heap: span is not page aligned or empty")
            end = base[i] + (npages[i] << PAGE_SHIFT)
            if end > MAX_ADDR or elemsize[i] < 8 or elemsize[i] > (npages[i] << PAGE_SHIFT) or nelems[i] == 0:
                raise ValueError("heap: span with impossible element size")
            if nelems[i] > (npages[i] << PAGE_SHIFT) // elemsize[i] or nelems[i] > 0x7fffffff:
                raise ValueError("heap: span with more elements than room")
            if host[i] == 0:
                raise ValueError("heap: span without bytes")
            s = &self.spans[i]
            s.base = base[i]
            s.host = host[i]
            s.elemsize = elemsize[i]
            s.npages = <uint32_t>npages[i] if npages[i] < 0xffffffff else 0xffffffff
            s.nelems = <uint32_t>nelems[i]
            s.divmul = divmul[i]
            s.sizeclass = spanclass[i] >> 1
            s.flags = 0
            if spanclass[i] & 1:
                s.flags |= SPAN_NOSCAN
            if s.sizeclass == 0:
                s.flags |= SPAN_LARGE
                if nelems[i] != 1:
                    raise ValueError("heap: large span with more than one object")
            if headers[i]:
                s.flags |= SPAN_HEADER
                if elemsize[i] < 16:
                    raise ValueError("heap: span too small for malloc headers")
            if hbits[i]:
                need = (nelems[i] * elemsize[i] // 8 + 63) // 64 * 8
                if (hbits[i] >= (npages[i] << PAGE_SHIFT) or elemsize[i] > 512
                        or need > (npages[i] << PAGE_SHIFT) - hbits[i]):
                    raise ValueError("heap: inline bitmap beyond its span")
                s.flags |= SPAN_INLINE_BITS
            s.hbits = hbits[i]
            # a span that once held a large object keeps its type when it is cut into small slots
            s.large_type = large_type[i] if s.flags & SPAN_LARGE else 0
            s.bit0 = words
            words += (<int64_t>nelems[i] + 63) >> 6
            lo = min(lo, base[i])
            hi = max(hi, end)
        for i in range(manual_base.shape[0]):
            if manual_base[i] & (PAGE_SIZE - 1) or manual_npages[i] > (<uint64_t>1 << 34):
                raise ValueError("heap: manual span is not page aligned")
            if manual_base[i] >= MAX_ADDR or manual_base[i] + (manual_npages[i] << PAGE_SHIFT) > MAX_ADDR:
                raise ValueError("heap: manual span outside the address space")
            lo = min(lo, manual_base[i])
            hi = max(hi, manual_base[i] + (manual_npages[i] << PAGE_SHIFT))
        self.nwords = words
        self.bits = <uint64_t *>calloc(words + 1, 8)
        self.rank = <uint32_t *>calloc(words + 1, 4)
        if self.bits == NULL or self.rank == NULL:
            raise MemoryError
        if hi < lo:
            lo = hi = 0
        self.build_page_table(lo, hi, base, npages, manual_base, manual_npages)

    def __dealloc__(self):
        free(self.spans)
        free(self.l1)
        free(self.l2)
        free(self.bits)
        free(self.rank)
        free(self.obj0)

    cdef int build_page_table(
        self,
        uint64_t lo,
        uint64_t hi,
        const uint64_t[::1] base,
        const uint64_t[::1] npages,
        const uint64_t[::1] manual_base,
        const uint64_t[::1] manual_npages,
    ) except -1:
        """Two levels, as the runtime's own (arenas of 64 MiB; runtime/mheap.go).

        Addresses are random from Go 1.26 on and may lie far apart.
        """
        cdef Py_ssize_t i
        cdef uint64_t p, page, at, backed = 4096, pages = 0
        self.lo = lo & ~((<uint64_t>1 << ARENA_SHIFT) - 1)
        self.l1n = (hi - self.lo + (<uint64_t>1 << ARENA_SHIFT) - 1) >> ARENA_SHIFT
        self.l1 = <int32_t *>malloc((self.l1n + 1) * sizeof(int32_t))
        if self.l1 == NULL:
            raise MemoryError
        for p in range(self.l1n):
            self.l1[p] = -1
        self.chunks = 0
        for i in range(self.nspans):
            self.claim(base[i], npages[i])
        # Nobody has looked whether stacks are there: what they claim must not cost more than what is.
        backed += self.chunks
        for i in range(self.space.n):
            backed += (self.space.end[i] - self.space.start[i]) >> ARENA_SHIFT
        for i in range(manual_base.shape[0]):
            self.claim(manual_base[i], manual_npages[i])
            pages += manual_npages[i]
            if <uint64_t>self.chunks > backed or pages > backed * ARENA_PAGES:
                raise ValueError("heap: manual spans of more memory than there is")
        self.l2 = <int32_t *>malloc((<size_t>self.chunks * ARENA_PAGES + 1) * sizeof(int32_t))
        if self.l2 == NULL:
            raise MemoryError
        for i in range(self.chunks * ARENA_PAGES):
            self.l2[i] = PAGE_FREE
        for i in range(manual_base.shape[0]):
            for p in range(manual_npages[i]):
                page = ((manual_base[i] - self.lo) >> PAGE_SHIFT) + p
                at = <size_t>self.l1[page // ARENA_PAGES] * ARENA_PAGES + page % ARENA_PAGES
                self.l2[at] = PAGE_MANUAL
        for i in range(self.nspans):
            for p in range(npages[i]):
                page = ((base[i] - self.lo) >> PAGE_SHIFT) + p
                at = <size_t>self.l1[page // ARENA_PAGES] * ARENA_PAGES + page % ARENA_PAGES
                if self.l2[at] >= 0:
                    raise ValueError("heap: spans overlap")
                self.l2[at] = <int32_t>i
        return 0

    cdef int claim(self, uint64_t base, uint64_t npages) except -1:
        """A chunk of the lower level for every arena that the pages touch."""
        cdef uint64_t a
        cdef uint64_t first = (base - self.lo) >> ARENA_SHIFT
        cdef uint64_t last = (base - self.lo + ((npages << PAGE_SHIFT) - 1 if npages else 0)) >> ARENA_SHIFT
        for a in range(first, last + 1):
            if self.l1[a] < 0:
                self.l1[a] = <int32_t>self.chunks
                self.chunks += 1
        return 0

    def arena_chunks(self):
        cdef uint64_t a
        return [self.lo + (a << ARENA_SHIFT) for a in range(self.l1n) if self.l1[a] >= 0]

    def enumerate(
        self,
        const uint64_t[::1] freeindex,
        const uint64_t[::1] scanindex,
        const uint64_t[::1] alloc_host,
        const uint64_t[::1] mark_host,
        const uint8_t[::1] mode,
        const uint8_t[::1] inline_marks,
        const uint32_t[::1] alloc_count,
        uint32_t[::1] counts,
    ):
        cdef Py_ssize_t i, n = self.nspans
        cdef uint64_t w, word, nb, nw, fi, mask, inl
        cdef const uint8_t *bits
        cdef const uint8_t *abits
        cdef const uint8_t *marks
        cdef SpanRow *s
        cdef int64_t total = 0
        cdef uint64_t nbytes
        cdef uint64_t pop
        if not (freeindex.shape[0] == scanindex.shape[0] == alloc_host.shape[0] == mark_host.shape[0] == n
                and mode.shape[0] == inline_marks.shape[0] == alloc_count.shape[0] == n
                and counts.shape[0] == n):
            raise ValueError("enumerate: columns differ in length")
        with nogil:
            for i in range(n):
                s = &self.spans[i]
                self.obj0[i] = total
                nb = s.nelems
                nw = (nb + 63) >> 6
                nbytes = (nb + 7) >> 3
                fi = freeindex[i] if freeindex[i] < nb else nb
                abits = <const uint8_t *><size_t>alloc_host[i]
                marks = <const uint8_t *><size_t>mark_host[i]
                s.scan_limit = <uint32_t>(scanindex[i] if scanindex[i] < nb else nb)
                pop = 0
                for w in range(nw):
                    word = 0
                    mask = ~<uint64_t>0
                    if w == nw - 1 and nb & 63:
                        mask = (<uint64_t>1 << (nb & 63)) - 1
                    if mode[i] != 1:
                        bits = abits
                    else:
                        bits = marks
                    if bits != NULL:
                        word = bits_word(bits, w, nbytes)
                    if mode[i] == 1 and inline_marks[i] and w < 8:
                        # spanInlineMarkBits ends the first page: 63 bytes of marks, then the class byte
                        inl = word_at(s.host + PAGE_SIZE - 64 + w * 8)
                        if w == 7:
                            inl &= (<uint64_t>1 << 56) - 1
                        word |= inl
                    if mode[i] == 0:
                        # everything below freeindex is allocated (runtime/mheap.go, mspan.isFree)
                        if fi >= (w + 1) * 64:
                            word = ~<uint64_t>0
                        elif fi > w * 64:
                            word |= (<uint64_t>1 << (fi - w * 64)) - 1
                    word &= mask
                    self.bits[s.bit0 + w] = word
                    self.rank[s.bit0 + w] = <uint32_t>(total + pop)
                    pop += popcount(word)
                if mode[i] == 1:
                    s.scan_limit = s.nelems
                counts[i] = <uint32_t>pop
                total += pop
                if total > MAX_OBJECTS:
                    break
            self.obj0[n] = total
        if total > MAX_OBJECTS:
            raise OverflowError("more than 2**32 objects")
        self.nobjects = total
        # Slots allocated since the last sweep and not yet published (index >= freeIndexForScan and not in the
        # allocation bits) may hold junk; they count as allocated but are not scanned.
        with nogil:
            for i in range(n):
                if mode[i] == 1:
                    continue
                s = &self.spans[i]
                if s.scan_limit < s.nelems and freeindex[i] <= s.scan_limit:
                    s.scan_limit = s.nelems
        self.alloc_column = alloc_host
        self.alloc_host = &alloc_host[0] if n else NULL
        return total

    def bitmap(self, uint64_t[::1] out):
        if out.shape[0] < self.nwords:
            raise ValueError("bitmap: output too small")
        if self.nwords:
            memcpy(&out[0], self.bits, self.nwords * 8)
        return self.nwords

    def words(self):
        return self.nwords

    def find(self, uint64_t addr):
        cdef Py_ssize_t span = -1
        cdef uint32_t slot = 0
        cdef int64_t obj = self.object_at(addr, &span, &slot)
        return obj, span, slot

    def find_all(self, const uint64_t[::1] addrs, int64_t[::1] out):
        """The object of each address; see heap.pyi."""
        cdef Py_ssize_t i
        cdef Py_ssize_t span = -1
        cdef uint32_t slot = 0
        if out.shape[0] < addrs.shape[0]:
            raise ValueError("find_all: output too small")
        with nogil:
            for i in range(addrs.shape[0]):
                out[i] = self.object_at(addrs[i], &span, &slot)

    def addresses(self, uint64_t[::1] out):
        """Address of every object, in order."""
        cdef Py_ssize_t i
        cdef uint64_t w, word
        cdef int64_t k = 0
        cdef SpanRow *s
        if out.shape[0] < self.nobjects:
            raise ValueError("addresses: output too small")
        with nogil:
            for i in range(self.nspans):
                s = &self.spans[i]
                for w in range((<uint64_t>s.nelems + 63) >> 6):
                    word = self.bits[s.bit0 + <int64_t>w]
                    while word:
                        out[k] = s.base + (w * 64 + ctz(word)) * s.elemsize
                        word &= word - 1
                        k += 1
        return k

    def aggregate(self, const uint32_t[::1] otype, const uint8_t[::1] spanclass):
        """Objects and bytes by (otype, span class), sorted; see heap.pyi."""
        cdef Tally t
        cdef uint64_t key, i, at = 0, last = 0
        cdef Py_ssize_t si
        cdef int64_t o
        cdef int err = 0
        if otype.shape[0] < self.nobjects or spanclass.shape[0] != self.nspans:
            raise ValueError("aggregate: columns differ in length")
        t.n = 0
        t.cap = 1 << 14
        t.keys = <uint64_t *>calloc(t.cap, 8)
        t.sums = <uint64_t *>calloc(t.cap, 16)
        if t.keys == NULL or t.sums == NULL:
            free(t.keys)
            free(t.sums)
            raise MemoryError
        with nogil:
            for si in range(self.nspans):
                for o in range(self.obj0[si], self.obj0[si + 1]):
                    key = ((<uint64_t>otype[o] << 8) | spanclass[si]) + 1
                    if key != last:
                        at = place_of(t.keys, t.cap, key)
                        if not t.keys[at]:
                            if t.n * 2 >= t.cap:
                                if double_room(&t) < 0:
                                    err = 1
                                    break
                                at = place_of(t.keys, t.cap, key)
                            t.keys[at] = key
                            t.n += 1
                        last = key
                    t.sums[at * 2] += 1
                    t.sums[at * 2 + 1] += self.spans[si].elemsize
                if err:
                    break
        rows = []
        if not err:
            for i in range(t.cap):
                if t.keys[i]:
                    key = t.keys[i] - 1
                    rows.append((key >> 8, key & 255, t.sums[i * 2], t.sums[i * 2 + 1]))
        free(t.keys)
        free(t.sums)
        if err:
            raise MemoryError
        rows.sort()
        return rows

    def resident(
        self,
        const uint64_t[::1] start,
        const uint64_t[::1] end,
        uint64_t[::1] alloc,
        uint64_t[::1] total,
        const uint8_t[::1] chosen=None,
    ):
        """Per span: resident bytes of allocated slots, and resident bytes in all; see heap.pyi."""
        cdef Py_ssize_t si, j, m = start.shape[0], lo, hi, mid
        cdef bint some = chosen is not None
        cdef int64_t o
        cdef SpanRow *s
        cdef uint64_t a, b, first, last, idx, x, y, got, size
        cdef uint64_t full
        if end.shape[0] != m or alloc.shape[0] < self.nspans or total.shape[0] < self.nspans:
            raise ValueError("resident: columns differ in length")
        if some and chosen.shape[0] < self.nobjects:
            raise ValueError("resident: columns differ in length")
        with nogil:
            for si in range(self.nspans):
                s = &self.spans[si]
                size = <uint64_t>s.npages << PAGE_SHIFT
                lo = 0
                hi = m
                while lo < hi:
                    mid = (lo + hi) >> 1
                    if end[mid] <= s.base:
                        lo = mid + 1
                    else:
                        hi = mid
                alloc[si] = 0
                total[si] = 0
                full = 0
                for j in range(lo, m):
                    if start[j] >= s.base + size:
                        break
                    a = max(start[j], s.base) - s.base
                    b = min(end[j], s.base + size) - s.base
                    if b <= a:
                        continue
                    total[si] += b - a
                    if a == 0 and b == size:
                        full = 1
                        break
                    first = a // s.elemsize
                    last = (b - 1) // s.elemsize
                    for idx in range(first, last + 1):
                        if idx >= s.nelems:
                            break
                        y = self.bits[s.bit0 + <int64_t>(idx >> 6)]
                        if (y >> (idx & 63)) & 1:
                            if some:
                                o = self.rank[s.bit0 + <int64_t>(idx >> 6)]
                                o += popcount(y & ((<uint64_t>1 << (idx & 63)) - 1))
                                if not chosen[o]:
                                    continue
                            x = max(a, idx * s.elemsize)
                            y = min(b, (idx + 1) * s.elemsize)
                            alloc[si] += y - x
                if full and some:
                    got = 0
                    for o in range(self.obj0[si], self.obj0[si + 1]):
                        got += chosen[o] != 0
                    alloc[si] = got * s.elemsize
                elif full:
                    got = 0
                    for idx in range((<uint64_t>s.nelems + 63) >> 6):
                        got += popcount(self.bits[s.bit0 + <int64_t>idx])
                    alloc[si] = got * s.elemsize
