# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Shortest paths from the roots, and many of them merged into one tree. paths.pyi is the documentation."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from gosnap._kernels.graph cimport Graph
from gosnap._kernels.memory cimport HASH, prefetch

cdef uint32_t NONE = 0xFFFFFFFF
cdef uint64_t NO_FIELD = ~<uint64_t>0
cdef uint64_t OWN = 64     # the label of what is held by one of its own type

cdef enum:
    FAR = 0xFFFF    # a step that did not fit (edges.scan_spans)
    AHEAD = 8       # nodes and references that are asked for in advance
    TURNING = 1 << 10   # places upwards that are looked at for one that goes on
    VALUES = 1 << 28    # types below are plain values (heap/roles.py)


def shortest(
    Graph graph not None,
    const uint32_t[::1] roots not None,
    const uint8_t[::1] shut not None,
    uint32_t[::1] parent not None,
    uint32_t[::1] order not None,
):
    cdef int64_t n = graph.nodes
    cdef const int64_t *offset = graph.offset
    cdef const uint32_t *target = graph.target
    cdef int64_t head = 0, tail = 0, i, e, end
    cdef uint32_t v, w
    if shut.shape[0] < n or parent.shape[0] < n or order.shape[0] < n or graph.edges >= NONE:
        raise ValueError("paths: columns do not fit the nodes")
    for i in range(roots.shape[0]):
        if roots[i] >= <uint64_t> n:
            raise ValueError("paths: a root that is no node")
    with nogil:
        for i in range(n):
            parent[i] = NONE
        for i in range(roots.shape[0]):
            v = roots[i]
            if parent[v] == NONE:
                parent[v] = <uint32_t> n
                order[tail] = v
                tail += 1
        while head < tail:
            # of the nodes that come next: where their references are, the references, what is known of those
            if head + 3 * AHEAD < tail:
                prefetch(&offset[order[head + 3 * AHEAD]])
                prefetch(&shut[order[head + 3 * AHEAD]])
                prefetch(&target[offset[order[head + 2 * AHEAD]]])
                v = order[head + AHEAD]
                for e in range(offset[v], min(offset[v + 1], offset[v] + AHEAD // 2)):
                    prefetch(&parent[target[e]])
            v = order[head]
            head += 1
            if shut[v]:
                continue
            end = offset[v + 1]
            for e in range(offset[v], end):
                if e + AHEAD < end:
                    prefetch(&parent[target[e + AHEAD]])
                w = target[e]
                if parent[w] == NONE:
                    parent[w] = v
                    order[tail] = w
                    tail += 1
    return tail


def chain(const uint32_t[::1] parent not None, uint32_t node, uint32_t[::1] out not None):
    cdef int64_t n = parent.shape[0]
    cdef int64_t length = 0
    cdef uint32_t v = node
    with nogil:
        while v < n and length <= n:
            if length < out.shape[0]:
                out[length] = v
            length += 1
            v = parent[v]
    if length > n:
        raise ValueError("paths: parents in a circle")
    return length


def on_paths(
    const uint32_t[::1] parent not None, const uint32_t[::1] nodes not None, uint8_t[::1] mark not None
):
    cdef int64_t n = parent.shape[0], i
    cdef int64_t marked = 0
    cdef uint32_t v
    if mark.shape[0] < n:
        raise ValueError("paths: columns do not fit the nodes")
    with nogil:
        for i in range(nodes.shape[0]):
            v = nodes[i]
            while v < n and not mark[v]:
                mark[v] = 1
                marked += 1
                v = parent[v]
    return marked


def thread(
    Graph graph not None,
    const uint32_t[::1] order not None,
    const uint8_t[::1] mark not None,
    const uint32_t[::1] parent not None,
    int64_t[::1] member not None,
    int64_t[::1] above not None,
    uint32_t[::1] via not None,
):
    cdef int64_t n = graph.nodes, i
    cdef const int64_t *offset = graph.offset
    cdef const uint32_t *target = graph.target
    cdef int64_t count = 0, room = min(member.shape[0], above.shape[0], via.shape[0])
    cdef int64_t up = 0, e = 0, end = 0
    cdef uint32_t v, p, last = NONE
    cdef bint good = True
    if mark.shape[0] < n or parent.shape[0] < n:
        raise ValueError("paths: columns do not fit the nodes")
    with nogil:
        for i in range(order.shape[0]):
            if i + 2 * AHEAD < order.shape[0] and order[i + 2 * AHEAD] < n:
                prefetch(&mark[order[i + 2 * AHEAD]])
            if i + AHEAD < order.shape[0]:
                v = order[i + AHEAD]
                if v < n and mark[v]:
                    prefetch(&parent[v])
            v = order[i]
            if v >= n or not mark[v]:
                continue
            if count == room:
                good = False
                break
            p = parent[v]
            member[count] = v
            if p >= n:
                above[count] = -1
                via[count] = NONE
                count += 1
                continue
            if p != last:
                # what is reached first is left first: parents come in the order of their own places
                while up < count and member[up] != p:
                    up += 1
                if up == count:
                    good = False
                    break
                last = p
                e = offset[p]
                end = offset[p + 1]
            # and those below one in the order of the references to them
            while e < end and target[e] != v:
                e += 1
            if e == end:
                good = False
                break
            above[count] = up
            via[count] = <uint32_t> e
            count += 1
    if not good:
        raise ValueError("paths: more nodes than there is room for, or not in the order of their paths")
    return count


cdef struct Walk:
    # the sum of steps up to a reference, so that the next one of the same object goes on from there
    int64_t holder
    int64_t edge
    int64_t word


cdef inline bint walk_to(
    Walk *at, int64_t holder, int64_t edge, const int64_t *offset, int64_t nodes,
    const uint16_t *step, int64_t steps, const uint64_t *far_edge, const uint64_t *far_step, int64_t fars,
) noexcept nogil:
    cdef int64_t e, lo, hi, mid
    cdef int64_t total
    if not (0 <= holder < nodes and 0 <= offset[holder] <= edge < offset[holder + 1] and edge < steps):
        return False
    if holder == at.holder and edge >= at.edge:
        e = at.edge
        total = at.word
    else:
        e = offset[holder] - 1
        total = 0
    while e < edge:
        e += 1
        if step[e] != FAR:
            total += step[e]
            continue
        lo = 0
        hi = fars
        while lo < hi:
            mid = (lo + hi) >> 1
            if far_edge[mid] < <uint64_t> e:
                lo = mid + 1
            else:
                hi = mid
        if lo == fars or far_edge[lo] != <uint64_t> e:
            return False
        total += <int64_t> far_step[lo]
    at.holder = holder
    at.edge = edge
    at.word = total
    return True


def words(
    const uint16_t[::1] step not None,
    const uint64_t[::1] far_edge not None,
    const uint64_t[::1] far_step not None,
    const int64_t[::1] offset not None,
    const int64_t[::1] edge not None,
    const int64_t[::1] holder not None,
    int64_t[::1] out not None,
):
    cdef int64_t n = edge.shape[0], i
    cdef Walk at
    cdef bint good = offset.shape[0] > 0
    if holder.shape[0] != n or out.shape[0] < n or far_edge.shape[0] != far_step.shape[0]:
        raise ValueError("paths: columns do not fit the references")
    with nogil:
        at.holder = -1
        for i in range(n if good else 0):
            if not walk_to(
                &at, holder[i], edge[i], &offset[0], offset.shape[0] - 1,
                &step[0], step.shape[0], &far_edge[0], &far_step[0], far_edge.shape[0],
            ):
                good = False
                break
            out[i] = at.word
    if not good and n:
        raise ValueError("paths: a reference that is not its object's, or a step that is missing")


def fields(
    const int64_t[::1] member not None,
    const int64_t[::1] above not None,
    const uint32_t[::1] via not None,
    const uint16_t[::1] step not None,
    const uint64_t[::1] far_edge not None,
    const uint64_t[::1] far_step not None,
    const int64_t[::1] offset not None,
    const uint32_t[::1] kind not None,
    const int64_t[::1] first not None,
    const uint8_t[::1] header not None,
    const uint32_t[::1] known not None,
    const int64_t[::1] period not None,
    uint64_t[::1] out not None,
):
    cdef int64_t n = member.shape[0], objects = kind.shape[0], i
    cdef int64_t spans = first.shape[0] - 1, types = known.shape[0]
    cdef int64_t span = 0, row = 0, lo, hi, mid, at
    cdef int64_t v, p, last = -1
    cdef Walk walk
    cdef bint good = True
    if (out.shape[0] < n or header.shape[0] != spans or period.shape[0] != types or spans < 0
            or above.shape[0] != n or via.shape[0] != n
            or offset.shape[0] != objects + 1 or far_edge.shape[0] != far_step.shape[0]):
        raise ValueError("paths: columns differ in length")
    with nogil:
        walk.holder = -1
        for i in range(n):
            if i + AHEAD < n and 0 <= above[i + AHEAD] < n:
                p = member[above[i + AHEAD]]
                if 0 <= p < objects and via[i + AHEAD] < step.shape[0]:
                    prefetch(&kind[p])
                    prefetch(&offset[p])
                    prefetch(&step[via[i + AHEAD]])
            out[i] = NO_FIELD
            v = member[i]
            if v < 0 or above[i] >= n:
                good = False
                break
            p = member[above[i]] if above[i] >= 0 else objects
            if v >= objects or p >= objects:
                continue
            if p < 0:
                good = False
                break
            if p != last:
                # nodes come as they were reached: those below one object follow each other
                last = p
                if span >= spans or not first[span] <= p < first[span + 1]:
                    lo = 0
                    hi = spans
                    while lo < hi:
                        mid = (lo + hi) >> 1
                        if first[mid + 1] <= p:
                            lo = mid + 1
                        else:
                            hi = mid
                    span = lo
                if row >= types or known[row] != kind[p]:
                    lo = 0
                    hi = types
                    while lo < hi:
                        mid = (lo + hi) >> 1
                        if known[mid] < kind[p]:
                            lo = mid + 1
                        else:
                            hi = mid
                    row = lo
            if span >= spans or row >= types or known[row] != kind[p]:
                good = False
                break
            if not walk_to(
                &walk, p, via[i], &offset[0], objects,
                &step[0], step.shape[0], &far_edge[0], &far_step[0], far_edge.shape[0],
            ):
                good = False
                break
            at = walk.word * 8 - (8 if header[span] else 0)
            if at < 0:
                at = 0
            if period[row] > 0:
                at %= period[row]
            out[i] = <uint64_t> kind[p] << 32 | <uint32_t> at
    if not good:
        raise ValueError("paths: a node of no type or in no span, or a reference of another object")


def labelled(
    const int64_t[::1] member not None,
    const uint32_t[::1] kind not None,
    const uint32_t[::1] which not None,
    const int64_t[::1] field not None,
    const uint32_t[::1] holder not None,
    const uint8_t[::1] hides not None,
    uint64_t[::1] key not None,
    uint8_t[::1] inside not None,
):
    cdef int64_t n = member.shape[0], i
    cdef bint good = hides.shape[0] == 16 and holder.shape[0] == field.shape[0]
    cdef uint32_t own
    if which.shape[0] != n or key.shape[0] < n or inside.shape[0] < n:
        raise ValueError("paths: columns differ in length")
    with nogil:
        for i in range(n if good else 0):
            if member[i] < 0 or which[i] >= <uint64_t> field.shape[0]:
                good = False
                break
            own = 0
            inside[i] = 0
            if member[i] < kind.shape[0]:
                own = kind[member[i]]
                inside[i] = hides[own >> 28]
            # a value within another of its type, as in a list or tree
            if own and own < VALUES and holder[which[i]] == own:
                key[i] = OWN << 32 | own
            else:
                key[i] = <uint64_t> field[which[i]] << 32 | own
    if not good:
        raise ValueError("paths: a field that is not there")


def number(const uint64_t[::1] key not None, uint32_t[::1] out not None, uint32_t[::1] first not None):
    cdef int64_t n = key.shape[0], i
    cdef int64_t count = 0
    cdef uint64_t cap = 1 << 16, h, j
    cdef uint32_t *table
    cdef uint32_t *grown
    if out.shape[0] < n or first.shape[0] < n or n >= NONE:
        raise ValueError("paths: columns do not fit the keys")
    table = <uint32_t *> malloc(cap * 4)
    if table == NULL:
        raise MemoryError
    with nogil:
        memset(table, 0xFF, cap * 4)
        for i in range(n):
            if i and key[i] == key[i - 1]:
                out[i] = out[i - 1]
                continue
            if <uint64_t> count * 2 >= cap:
                grown = <uint32_t *> malloc(cap * 8)
                if grown == NULL:
                    break
                free(table)
                table = grown
                cap *= 2
                memset(table, 0xFF, cap * 4)
                for j in range(<uint64_t> count):
                    h = key[first[j]] * HASH
                    h = (h ^ h >> 29) & (cap - 1)
                    while table[h] != NONE:
                        h = (h + 1) & (cap - 1)
                    table[h] = <uint32_t> j
            h = key[i] * HASH
            h = (h ^ h >> 29) & (cap - 1)
            while table[h] != NONE and key[first[table[h]]] != key[i]:
                h = (h + 1) & (cap - 1)
            if table[h] == NONE:
                table[h] = <uint32_t> count
                first[count] = <uint32_t> i
                count += 1
            out[i] = table[h]
        else:
            i = n
    free(table)
    if i < n:
        raise MemoryError
    return count


cdef struct Below:
    # what is below a place under a label: a place of its own, or one above it that goes on
    uint32_t up
    uint32_t label
    uint32_t place


def merge(
    const int64_t[::1] above not None,
    const uint32_t[::1] label not None,
    const uint8_t[::1] inside not None,
    uint32_t[::1] place not None,
    uint32_t[::1] up not None,
    uint32_t[::1] example not None,
    uint8_t[::1] again not None,
):
    cdef int64_t n = above.shape[0], i
    cdef int64_t places = 0, known = 0, steps
    cdef int64_t room = min(up.shape[0], example.shape[0], again.shape[0])
    cdef uint64_t cap = 1024, h, key
    cdef uint32_t p, at, q
    cdef uint32_t *table
    cdef Below *below
    if label.shape[0] != n or inside.shape[0] != n or place.shape[0] != n or room < 1 or room >= NONE // 4:
        raise ValueError("paths: columns do not fit the nodes")
    for i in range(n):
        if above[i] >= i:
            raise ValueError("paths: a node before the one above it")
    room = min(room, max(n, 1))
    while cap < 4 * <uint64_t> room:
        cap *= 2
    table = <uint32_t *> malloc(cap * 4)
    below = <Below *> malloc(2 * room * sizeof(Below))
    if table == NULL or below == NULL:
        free(table)
        free(below)
        raise MemoryError
    with nogil:
        memset(table, 0xFF, cap * 4)
        for i in range(n):
            p = NONE
            if above[i] >= 0:
                p = place[above[i]]
                if inside[i]:
                    place[i] = p
                    continue
            key = (<uint64_t> p << 32 | label[i]) * HASH
            h = (key ^ key >> 29) & (cap - 1)
            while True:
                at = table[h]
                if at == NONE or (below[at].up == p and below[at].label == label[i]):
                    break
                h = (h + 1) & (cap - 1)
            if at != NONE:
                place[i] = below[at].place
                continue
            # a list, or a tree of like nodes, is one place however deep it is; so is what goes through
            # several types in turn
            q = p
            steps = 0
            while q != NONE and label[example[q]] != label[i]:
                q = up[q] if steps < TURNING else NONE
                steps += 1
            if q != NONE:
                again[q] = 1
            elif places == room:
                # no room for one more: it counts for the place above it
                q = p if p != NONE else 0
            else:
                q = <uint32_t> places
                up[q] = p
                example[q] = <uint32_t> i
                again[q] = 0
                places += 1
            place[i] = q
            if known < 2 * room:
                below[known].up = p
                below[known].label = label[i]
                below[known].place = q
                table[h] = <uint32_t> known
                known += 1
    free(table)
    free(below)
    return places
