# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""How far off estimates from sampled allocations may be. profile_estimate.pyi is the documentation."""

from libc.math cimport ceil, exp, expm1, fabs, lgamma, log, rint, sqrt
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from gosnap._kernels.profile_columns cimport HASH

cdef uint32_t NONE = 0xFFFFFFFF

cdef enum:
    STEPS = 200  # of an iteration that needs far fewer


cdef struct Sum:
    double samples          # k
    double seen             # of what was counted, what the samples themselves are
    double mean             # expected of what was not sampled
    double variance
    double lumps            # mean times the size of what it consists of
    double none             # log of the probability that nothing was missed
    double next_mean        # of the one more sample that would weigh most
    double next_variance
    double least            # the smallest probability to be sampled
    uint64_t stamp          # sample + 1 of the last that was added


cdef inline void put(Sum *to, uint64_t stamp, double k, double unit, double p) noexcept nogil:
    cdef double odds, mean, variance
    if to.stamp == stamp:
        return
    to.stamp = stamp
    odds = (1.0 - p) / p
    mean = unit * odds
    variance = unit * mean / p
    to.samples += k
    to.seen += k * unit
    to.mean += k * mean
    to.variance += k * variance
    to.lumps += k * unit * mean
    to.none += k * log(p)
    if mean > to.next_mean:
        to.next_mean = mean
    if variance > to.next_variance:
        to.next_variance = variance
    if to.least == 0.0 or p < to.least:
        to.least = p


cdef double gamma_below(double a, double x) noexcept nogil:
    """The regularised lower incomplete gamma function P(a, x): by its series, or by the continued fraction of
    what is above (Abramowitz and Stegun 6.5.29 and 6.5.31)."""
    cdef double term, total, n, b, c, d, h, factor
    cdef int i, _n
    if x <= 0.0:
        return 0.0
    factor = exp(a * log(x) - x - lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        n = a
        for _n in range(100000):
            n += 1.0
            term *= x / n
            total += term
            if term < total * 1e-15:
                break
        return total * factor
    b = x + 1.0 - a
    c = 1e300
    d = 1.0 / b
    h = d
    for i in range(1, 100000):
        term = -i * (i - a)
        b += 2.0
        d = term * d + b
        d = 1.0 / (d if fabs(d) > 1e-300 else 1e-300)
        c = b + term / c
        c = c if fabs(c) > 1e-300 else 1e-300
        h *= c * d
        if fabs(c * d - 1.0) < 1e-15:
            break
    return 1.0 - factor * h


cdef double normal_quantile(double p) noexcept nogil:
    """Of the standard normal distribution, to 4.5e-4 (Abramowitz and Stegun 26.2.23)."""
    cdef double t = sqrt(-2.0 * log(p if p < 0.5 else 1.0 - p))
    cdef double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
        1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    )
    return -z if p < 0.5 else z


cdef double gamma_quantile(double a, double p) noexcept nogil:
    """x with P(a, x) = p, for a > 0 and 0 < p < 1: Newton's steps within a bracket that shrinks."""
    cdef double low = 0.0, high, x, below, slope, z, next
    cdef int _n
    z = normal_quantile(p)
    # Wilson and Hilferty: the cube root is nearly normal
    x = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * sqrt(a))
    x = a * x * x * x
    if a > 1e5:
        return x
    high = a + 40.0 * sqrt(a) + 40.0
    if not low < x < high:
        # where a is small: P(a, x) is about x**a / gamma(a + 1)
        x = exp((log(p) + lgamma(a + 1.0)) / a)
    if x < 1e-280:
        return 0.0
    if x >= high:
        x = 0.5 * high
    for _n in range(STEPS):
        below = gamma_below(a, x) - p
        if below > 0.0:
            high = x
        else:
            low = x
        slope = exp((a - 1.0) * log(x) - x - lgamma(a))
        next = x - below / slope if slope > 0.0 else -1.0
        if not low < next < high:
            next = 0.5 * (low + high)
        if fabs(next - x) <= 1e-10 * x or next < 1e-280:
            return next
        x = next
    return x


cdef double missed(double mean, double variance, double p) noexcept nogil:
    """The quantile of what was not sampled, as a gamma distribution of this mean and variance."""
    if mean <= 0.0 or variance <= 0.0:
        return 0.0
    return gamma_quantile(mean * mean / variance, p) * variance / mean


def quantile(double a, double p):
    if not (a > 0.0 and 0.0 < p < 1.0):
        raise ValueError("quantile: of no gamma distribution")
    return gamma_quantile(a, p)


cdef class Sums:
    cdef Sum *flat
    cdef Sum *cum
    cdef Sum *edge
    cdef Sum every
    cdef const int64_t[::1] values, label_start, label_num, stack_start, frame_start
    cdef const uint32_t[::1] label_key, label_str, stack, frame_node
    cdef int64_t types, index, objects, space
    cdef double period
    cdef uint32_t size_key
    cdef readonly int64_t n
    cdef readonly int64_t edges
    cdef readonly int64_t negative
    cdef readonly int64_t sizeless

    def __cinit__(
        self,
        const int64_t[::1] values not None,
        int64_t types,
        int64_t index,
        int64_t objects,
        int64_t space,
        int64_t period,
        const int64_t[::1] label_start not None,
        const uint32_t[::1] label_key not None,
        const uint32_t[::1] label_str not None,
        const int64_t[::1] label_num not None,
        uint32_t size_key,
        const int64_t[::1] stack_start not None,
        const uint32_t[::1] stack not None,
        const int64_t[::1] frame_start not None,
        const uint32_t[::1] frame_node not None,
        int64_t n,
    ):
        cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1
        cdef int64_t labels = label_key.shape[0], i
        if (
            samples < 0 or locations < 0 or types < 1 or not 0 <= index < types or objects >= types
            or space >= types or period < 1 or not 0 <= n < (<int64_t> 1 << 32) - 1
        ):
            raise ValueError("estimate: no such sample type")
        if (
            values.shape[0] != samples * types or label_start.shape[0] != samples + 1
            or stack_start[0] != 0 or stack_start[samples] != stack.shape[0]
            or frame_start[0] != 0 or frame_start[locations] != frame_node.shape[0]
            or label_start[0] != 0 or label_start[samples] != labels
            or label_str.shape[0] != labels or label_num.shape[0] != labels
        ):
            raise ValueError("estimate: columns differ in length")
        for i in range(frame_node.shape[0]):
            if frame_node[i] >= n:
                raise ValueError("estimate: a node that is not there")
        for i in range(locations):
            if frame_start[i + 1] <= frame_start[i]:
                raise ValueError("estimate: a location without a frame")
        for i in range(samples):
            if stack_start[i + 1] < stack_start[i] or label_start[i + 1] < label_start[i]:
                raise ValueError("estimate: a stack or labels that end before they begin")
        for i in range(stack.shape[0]):
            if stack[i] >= locations:
                raise ValueError("estimate: a location that is not there")
        self.values, self.label_start, self.label_num = values, label_start, label_num
        self.stack_start, self.frame_start = stack_start, frame_start
        self.label_key, self.label_str, self.stack, self.frame_node = label_key, label_str, stack, frame_node
        self.types, self.index, self.objects, self.space = types, index, objects, space
        self.period, self.size_key, self.n = <double> period, size_key, n
        self.flat = <Sum *> calloc(n + 1, sizeof(Sum))
        self.cum = <Sum *> calloc(n + 1, sizeof(Sum))
        if self.flat == NULL or self.cum == NULL:
            raise MemoryError
        with nogil:
            self.gather()

    def __dealloc__(self):
        free(self.flat)
        free(self.cum)
        free(self.edge)

    cdef bint measure(self, int64_t s, double *k, double *unit, double *p) noexcept nogil:
        """How many objects a sample is of, what each counts, and how likely it was to be sampled; False for
        one that counts nothing, or of which that is not known."""
        cdef int64_t value = self.values[s * self.types + self.index], i
        cdef double count, total, size = 0.0, found
        if value <= 0:
            return False
        count = <double> self.values[s * self.types + self.objects] if self.objects >= 0 else 0.0
        total = <double> self.values[s * self.types + self.space] if self.space >= 0 else 0.0
        for i in range(self.label_start[s], self.label_start[s + 1]):
            if self.label_key[i] == self.size_key and self.size_key and self.label_str[i] == 0:
                size = <double> self.label_num[i]
                break
        if size <= 0.0 and count > 0.0:
            size = total / count
        if size <= 0.0:
            return False
        p[0] = -expm1(-size / self.period) if self.period > 1.0 else 1.0
        # the writer cut what it counted to an integer, of objects or of bytes; these lose less
        found = total * p[0] / size if total > 0.0 else count * p[0]
        # merged profiles were cut more than once; where that is little, the nearest is right
        if total > 0.0 and p[0] < 0.25 * size:
            found = rint(found)
        else:
            found = ceil(found - 1e-6 * (found if found > 1.0 else 1.0))
        k[0] = found if found > 1.0 else 1.0
        unit[0] = 1.0 if self.index == self.objects else size
        return True

    cdef void gather(self) noexcept nogil:
        cdef int64_t s, i, j
        cdef uint64_t stamp
        cdef double k = 0.0, unit = 0.0, p = 0.0
        cdef uint32_t location
        for s in range(self.stack_start.shape[0] - 1):
            if not self.measure(s, &k, &unit, &p):
                self.negative += self.values[s * self.types + self.index] < 0
                self.sizeless += self.values[s * self.types + self.index] > 0
                continue
            stamp = <uint64_t> s + 1
            put(&self.every, stamp, k, unit, p)
            for i in range(self.stack_start[s], self.stack_start[s + 1]):
                location = self.stack[i]
                if i == self.stack_start[s]:
                    put(&self.flat[self.frame_node[self.frame_start[location]]], stamp, k, unit, p)
                for j in range(self.frame_start[location], self.frame_start[location + 1]):
                    put(&self.cum[self.frame_node[j]], stamp, k, unit, p)

    def add_edges(
        self, const uint32_t[::1] src not None, const uint32_t[::1] dst not None, const uint8_t[::1] keep
    ):
        cdef int64_t m = src.shape[0], i
        cdef uint64_t mask = 15, slot, want
        cdef uint64_t *key
        cdef uint32_t *place
        if dst.shape[0] != m or (keep is not None and keep.shape[0] != self.n) or m >= NONE:
            raise ValueError("estimate: columns differ in length")
        while mask < 2 * <uint64_t> m:
            mask = 2 * mask + 1
        free(self.edge)
        self.edges = 0
        self.edge = <Sum *> calloc(m + 1, sizeof(Sum))
        key = <uint64_t *> calloc(mask + 1, 8)
        place = <uint32_t *> calloc(mask + 1, 4)
        if self.edge == NULL or key == NULL or place == NULL:
            free(key)
            free(place)
            raise MemoryError
        with nogil:
            for i in range(m):
                want = <uint64_t> src[i] << 32 | dst[i]
                slot = want * HASH >> 24 & mask
                while place[slot] and key[slot] != want:
                    slot = (slot + 1) & mask
                key[slot] = want
                place[slot] = <uint32_t> i + 1
            self.walk(key, place, mask, keep)
        self.edges = m
        free(key)
        free(place)

    cdef void walk(
        self, const uint64_t *key, const uint32_t *place, uint64_t mask, const uint8_t[::1] keep
    ) noexcept nogil:
        """Add every sample to the edges that it takes."""
        cdef int64_t s, i, j
        cdef uint64_t want, slot
        cdef double k = 0.0, unit = 0.0, p = 0.0
        cdef uint32_t parent, node
        for s in range(self.stack_start.shape[0] - 1):
            if not self.measure(s, &k, &unit, &p):
                continue
            parent = NONE
            for i in range(self.stack_start[s + 1] - 1, self.stack_start[s] - 1, -1):
                for j in range(
                    self.frame_start[self.stack[i] + 1] - 1, self.frame_start[self.stack[i]] - 1, -1
                ):
                    node = self.frame_node[j]
                    if keep is not None and not keep[node]:
                        continue
                    if parent != NONE and parent != node:
                        want = <uint64_t> parent << 32 | node
                        slot = want * HASH >> 24 & mask
                        while place[slot] and key[slot] != want:
                            slot = (slot + 1) & mask
                        if place[slot]:
                            put(&self.edge[place[slot] - 1], <uint64_t> s + 1, k, unit, p)
                    parent = node

    def call(self, int64_t edge, double level=0.95):
        if not 0 <= edge < self.edges:
            raise IndexError(edge)
        return bounds(&self.edge[edge], level)

    def own(self, int64_t node, double level=0.95):
        if not 0 <= node < self.n:
            raise IndexError(node)
        return bounds(&self.flat[node], level)

    def whole(self, int64_t node, double level=0.95):
        if not 0 <= node < self.n:
            raise IndexError(node)
        return bounds(&self.cum[node], level)

    def all(self, double level=0.95):
        return bounds(&self.every, level)


cdef object bounds(const Sum *of, double level):
    cdef double tail = 0.5 * (1.0 - level), low, high, step
    if not 0.0 < level < 1.0:
        raise ValueError("a level is between 0 and 1")
    if of.samples <= 0.0:
        return 0.0, 0.0, 0.0
    # a step of the distribution, which has no values between whole objects
    step = of.lumps / of.mean if of.mean > 0.0 else 0.0
    low = missed(of.mean, of.variance, tail) - step
    high = 0.0
    if exp(of.none) * of.least < 1.0 - tail:
        high = missed(of.mean + of.next_mean, of.variance + of.next_variance, 1.0 - tail) + step
    return of.samples, of.seen + (low if low > 0.0 else 0.0), of.seen + high
