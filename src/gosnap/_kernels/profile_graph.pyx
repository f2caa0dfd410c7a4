# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Nodes, weights and edges of a profile's call graph. profile_graph.pyi is the documentation."""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from gosnap._kernels.profile_columns cimport HASH, room, view

cdef uint32_t NONE = 0xFFFFFFFF
cdef uint32_t SKIPPED = 0xFFFFFFFE

cdef enum:
    RESIDUAL = 1
    INLINE = 2


# ---- nodes ----


cdef struct Info:
    uint64_t address
    int64_t start_line
    int64_t line
    int64_t column
    uint32_t name
    uint32_t file
    uint32_t objfile


cdef inline bint same_info(const Info *a, const Info *b) noexcept nogil:
    return (
        a.name == b.name and a.address == b.address and a.line == b.line and a.file == b.file
        and a.start_line == b.start_line and a.column == b.column and a.objfile == b.objfile
    )


cdef inline uint64_t hash_info(const Info *a) noexcept nogil:
    cdef uint64_t h = a.address * HASH
    h = (h ^ (<uint64_t> a.name << 32 | a.file)) * HASH
    h ^= h >> 31
    h = (h ^ <uint64_t> a.line) * HASH
    h = (h ^ <uint64_t> a.column) * HASH
    h ^= h >> 31
    h = (h ^ <uint64_t> a.start_line) * HASH
    h = (h ^ a.objfile) * HASH
    return h ^ (h >> 29)


cdef uint32_t find_info(
    Info *nodes, int64_t *n, uint32_t *table, uint64_t mask, const Info *want
) noexcept nogil:
    cdef uint64_t slot = hash_info(want) & mask
    while table[slot]:
        if same_info(&nodes[table[slot] - 1], want):
            return table[slot] - 1
        slot = (slot + 1) & mask
    nodes[n[0]] = want[0]
    n[0] += 1
    table[slot] = <uint32_t> n[0]
    return <uint32_t> n[0] - 1


def frames(
    const int64_t[::1] line_start not None,
    const uint64_t[::1] location_address not None,
    const uint32_t[::1] location_mapping not None,
    const uint32_t[::1] line_function not None,
    const int64_t[::1] line_line not None,
    const int64_t[::1] line_column not None,
    const uint32_t[::1] function_name not None,
    const uint32_t[::1] function_filename not None,
    const int64_t[::1] function_start_line not None,
    const uint32_t[::1] mapping_file not None,
    bint addresses,
    bint lines,
    bint columns,
    bint inlines,
    bint objfiles,
):
    cdef int64_t locations = location_address.shape[0], functions = function_name.shape[0]
    cdef int64_t mappings = mapping_file.shape[0], all_lines = line_function.shape[0]
    cdef int64_t most = 0, i, j, first, n = 0, frame = 0
    cdef uint64_t size = 16, mask
    cdef uint32_t objfile, f, node
    cdef Info want
    cdef Info *nodes
    cdef uint32_t *table
    cdef bint ok = True
    if (
        line_start.shape[0] != locations + 1 or location_mapping.shape[0] != locations
        or line_line.shape[0] != all_lines or line_column.shape[0] != all_lines
        or function_filename.shape[0] != functions or function_start_line.shape[0] != functions
        or line_start[0] != 0 or line_start[locations] != all_lines
    ):
        raise ValueError("frames: columns differ in length")
    for i in range(locations):
        if line_start[i + 1] < line_start[i]:
            raise ValueError("frames: lines of a location end before they begin")
        j = line_start[i + 1] - line_start[i]
        most += j if j and inlines else 1
    while size < <uint64_t> most * 2:
        size *= 2
    mask = size - 1
    cdef bytearray frame_start = room(locations + 1, 8)
    cdef bytearray frame_node = room(most, 4)
    cdef bytearray inlined = room(most, 1)
    cdef int64_t *start_at = <int64_t *> PyByteArray_AS_STRING(frame_start)
    cdef uint32_t *node_at = <uint32_t *> PyByteArray_AS_STRING(frame_node)
    cdef uint8_t *inlined_at = <uint8_t *> PyByteArray_AS_STRING(inlined)
    nodes = <Info *> malloc((most + 1) * sizeof(Info))
    table = <uint32_t *> calloc(size, 4)
    if nodes == NULL or table == NULL:
        free(nodes)
        free(table)
        raise MemoryError
    with nogil:
        memset(inlined_at, 0, most)
        for i in range(locations):
            start_at[i] = frame
            objfile = mapping_file[location_mapping[i]] if location_mapping[i] < mappings else 0
            first = line_start[i]
            if not inlines and line_start[i + 1] - first > 1:
                first = line_start[i + 1] - 1
            for j in range(first, line_start[i + 1] if line_start[i + 1] > first else first + 1):
                want = Info(location_address[i] if addresses else 0, 0, 0, 0, 0, 0, 0)
                f = line_function[j] if j < line_start[i + 1] else NONE
                if f == NONE:
                    want.objfile = objfile
                elif f >= functions:
                    ok = False
                    break
                else:
                    if lines:
                        want.line = line_line[j]
                    if columns:
                        want.column = line_column[j]
                    want.name = function_name[f]
                    want.file = function_filename[f]
                    if objfiles or want.name == 0:
                        want.objfile = objfile
                        want.start_line = function_start_line[f]
                node = find_info(nodes, &n, table, mask, &want)
                node_at[frame] = node
                if j < line_start[i + 1] - 1:
                    inlined_at[node] = 1
                frame += 1
        start_at[locations] = frame
    free(table)
    if not ok:
        free(nodes)
        raise ValueError("frames: a line of a function that is not there")
    cdef bytearray name = room(n, 4)
    cdef bytearray file = room(n, 4)
    cdef bytearray obj = room(n, 4)
    cdef bytearray address = room(n, 8)
    cdef bytearray start_line = room(n, 8)
    cdef bytearray line = room(n, 8)
    cdef bytearray column = room(n, 8)
    for i in range(n):
        (<uint32_t *> PyByteArray_AS_STRING(name))[i] = nodes[i].name
        (<uint32_t *> PyByteArray_AS_STRING(file))[i] = nodes[i].file
        (<uint32_t *> PyByteArray_AS_STRING(obj))[i] = nodes[i].objfile
        (<uint64_t *> PyByteArray_AS_STRING(address))[i] = nodes[i].address
        (<int64_t *> PyByteArray_AS_STRING(start_line))[i] = nodes[i].start_line
        (<int64_t *> PyByteArray_AS_STRING(line))[i] = nodes[i].line
        (<int64_t *> PyByteArray_AS_STRING(column))[i] = nodes[i].column
    free(nodes)
    return {
        "frame_start": view(frame_start, "q"),
        "frame_node": view(frame_node, "I"),
        "name": view(name, "I"),
        "file": view(file, "I"),
        "objfile": view(obj, "I"),
        "address": view(address, "Q"),
        "start_line": view(start_line, "q"),
        "line": view(line, "q"),
        "column": view(column, "q"),
        "inlined": view(inlined, "B")[:n],
    }


# ---- samples ----


cdef struct Edge:
    int64_t weight
    int64_t div
    uint32_t src
    uint32_t dst
    uint32_t seen
    uint32_t flags


cdef struct Edges:
    Edge *edge
    int64_t n
    int64_t room
    uint64_t *key           # src << 32 | dst; 0 is an edge from node 0 to itself, which there is not
    uint32_t *place
    uint64_t mask


cdef bint grow_table(Edges *e) noexcept nogil:
    cdef uint64_t size = (e.mask + 1) * 4 if e.key != NULL else 1024
    cdef uint64_t *key = <uint64_t *> calloc(size, 8)
    cdef uint32_t *place = <uint32_t *> malloc(size * 4)
    cdef uint64_t slot, want
    cdef int64_t i
    if key == NULL or place == NULL:
        free(key)
        free(place)
        return False
    for i in range(e.n):
        want = <uint64_t> e.edge[i].src << 32 | e.edge[i].dst
        slot = (want * HASH) >> 24 & (size - 1)
        while key[slot]:
            slot = (slot + 1) & (size - 1)
        key[slot] = want
        place[slot] = <uint32_t> i
    free(e.key)
    free(e.place)
    e.key = key
    e.place = place
    e.mask = size - 1
    return True


cdef int64_t find_edge(Edges *e, uint32_t src, uint32_t dst) noexcept nogil:
    """Its place, made if need be; -1: no memory."""
    cdef uint64_t want = <uint64_t> src << 32 | dst
    cdef uint64_t slot
    cdef Edge *more
    if <uint64_t> e.n * 2 >= e.mask:
        if not grow_table(e):
            return -1
    slot = (want * HASH) >> 24 & e.mask
    while e.key[slot]:
        if e.key[slot] == want:
            return e.place[slot]
        slot = (slot + 1) & e.mask
    if e.n == e.room:
        more = <Edge *> realloc(e.edge, (e.room * 2 + 256) * sizeof(Edge))
        if more == NULL:
            return -1
        e.edge = more
        e.room = e.room * 2 + 256
    e.key[slot] = want
    e.place[slot] = <uint32_t> e.n
    e.edge[e.n] = Edge(0, 0, src, dst, 0, INLINE)
    e.n += 1
    return e.n - 1


cdef inline int64_t plus(int64_t a, int64_t b) noexcept nogil:
    """As Go adds: what does not fit wraps around."""
    return <int64_t> (<uint64_t> a + <uint64_t> b)


cdef int no_such_columns(
    const int64_t[::1] values,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const int64_t[::1] stack_start,
    const uint32_t[::1] stack,
    const int64_t[::1] frame_start,
    const uint32_t[::1] frame_node,
    int64_t n,
) except -1:
    """ValueError where columns do not fit together; locations in stacks are left to the walk."""
    cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1, i
    if samples < 0 or locations < 0 or types < 1 or not 0 <= index < types or divisor >= types:
        raise ValueError("graph: no such sample type")
    if values.shape[0] != samples * types or stack_start[0] != 0 or stack_start[samples] != stack.shape[0]:
        raise ValueError("graph: columns differ in length")
    if frame_start[0] != 0 or frame_start[locations] != frame_node.shape[0]:
        raise ValueError("graph: columns differ in length")
    if samples >= NONE or n >= SKIPPED:
        raise ValueError("graph: more samples or nodes than there can be")
    for i in range(frame_node.shape[0]):
        if frame_node[i] >= n:
            raise ValueError("graph: a node that is not there")
    for i in range(locations):
        if frame_start[i + 1] <= frame_start[i]:
            raise ValueError("graph: a location without a frame")
    for i in range(samples):
        if stack_start[i + 1] < stack_start[i]:
            raise ValueError("graph: a stack ends before it begins")
    return 0


cdef struct Weight:
    int64_t cum
    int64_t cum_div
    uint64_t seen           # sample + 1 of the last that was counted


cdef inline void weigh(Weight *node, uint64_t stamp, int64_t w, int64_t d) noexcept nogil:
    # without a branch: nobody could foretell it in deep recursion
    cdef int64_t fresh = -<int64_t> (node.seen != stamp)
    node.cum = plus(node.cum, w & fresh)
    node.cum_div = plus(node.cum_div, d & fresh)
    node.seen = stamp


def weights(
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const int64_t[::1] frame_start not None,
    const uint32_t[::1] frame_node not None,
    int64_t n,
    int64_t begin=0,
    int64_t end=-1,
):
    cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1
    cdef int64_t s, i, j, w, d = 0
    cdef uint32_t leaf, node, location
    cdef bint means = divisor >= 0, ok = True
    cdef Weight *nodes
    cdef uint32_t *only
    no_such_columns(values, types, index, divisor, stack_start, stack, frame_start, frame_node, n)
    end = samples if end < 0 else end
    if not 0 <= begin <= end <= samples:
        raise ValueError("graph: samples that are not there")
    cdef bytearray flat = room(n, 8)
    cdef bytearray cum = room(n, 8)
    cdef bytearray flat_div = room(n, 8)
    cdef bytearray cum_div = room(n, 8)
    cdef int64_t *flat_at = <int64_t *> PyByteArray_AS_STRING(flat)
    cdef int64_t *cum_at = <int64_t *> PyByteArray_AS_STRING(cum)
    cdef int64_t *flat_div_at = <int64_t *> PyByteArray_AS_STRING(flat_div)
    cdef int64_t *cum_div_at = <int64_t *> PyByteArray_AS_STRING(cum_div)
    nodes = <Weight *> calloc(n + 1, sizeof(Weight))
    # the node of a location that has one frame, which are most
    only = <uint32_t *> malloc((locations + 1) * 4)
    if nodes == NULL or only == NULL:
        free(nodes)
        free(only)
        raise MemoryError
    with nogil:
        memset(flat_at, 0, n * 8)
        memset(flat_div_at, 0, n * 8)
        for i in range(locations):
            only[i] = frame_node[frame_start[i]] if frame_start[i + 1] - frame_start[i] == 1 else NONE
        for s in range(begin, end):
            w = values[s * types + index]
            if means:
                d = values[s * types + divisor]
            if w == 0 and d == 0:
                continue
            for i in range(stack_start[s], stack_start[s + 1]):
                location = stack[i]
                if location >= locations:
                    ok = False
                    break
                node = only[location]
                if node != NONE:
                    weigh(&nodes[node], <uint64_t> s + 1, w, d)
                    continue
                for j in range(frame_start[location], frame_start[location + 1]):
                    weigh(&nodes[frame_node[j]], <uint64_t> s + 1, w, d)
            if not ok:
                break
            if stack_start[s] < stack_start[s + 1]:
                leaf = frame_node[frame_start[stack[stack_start[s]]]]
                flat_at[leaf] = plus(flat_at[leaf], w)
                flat_div_at[leaf] = plus(flat_div_at[leaf], d)
        for i in range(n):
            cum_at[i] = nodes[i].cum
            cum_div_at[i] = nodes[i].cum_div
    free(nodes)
    free(only)
    if not ok:
        raise ValueError("graph: a location that is not there")
    answer = {"flat": view(flat, "q"), "cum": view(cum, "q")}
    if means:
        answer["flat_div"] = view(flat_div, "q")
        answer["cum_div"] = view(cum_div, "q")
    return answer


cdef struct Place:
    # what a location does to the walk
    uint32_t act            # a node that is nothing but a caller; SKIPPED: nothing of it is kept; else NONE
    uint32_t outer          # the node of its outermost frame, NONE if its frames must be looked at one by one
    uint32_t last_src       # of the edge into that node that was used last
    uint32_t last_edge


cdef inline void add_to_edge(
    Edge *edge, uint32_t stamp, int64_t w, int64_t d, bint residual, bint inline_
) noexcept nogil:
    if edge.seen != stamp:
        edge.seen = stamp
        edge.weight = plus(edge.weight, w)
        edge.div = plus(edge.div, d)
        if residual:
            edge.flags |= RESIDUAL
        if not inline_:
            edge.flags &= ~<uint32_t> INLINE


cdef bint plan(
    Edges *e, Place *places, uint32_t *inner, const int64_t[::1] frame_start,
    const uint32_t[::1] frame_node, const uint8_t[::1] keep, const uint8_t[::1] into
) noexcept nogil:
    """What each location does. ``inner``: by frame, the edge from the frame that it was inlined into, NONE
    where none is wanted. False: no memory."""
    cdef int64_t i, j, found
    cdef uint32_t node, kept
    cdef Place *place
    for i in range(frame_start.shape[0] - 1):
        place = &places[i]
        place[0] = Place(NONE, NONE, NONE, 0)
        kept = 0
        for j in range(frame_start[i], frame_start[i + 1]):
            inner[j] = NONE
            if keep is None or keep[frame_node[j]]:
                kept += 1
        if kept == 0:
            place.act = SKIPPED
            continue
        if kept < frame_start[i + 1] - frame_start[i]:
            continue
        place.outer = frame_node[frame_start[i + 1] - 1]
        if frame_start[i + 1] - frame_start[i] == 1:
            if into is not None and not into[place.outer]:
                place.act = place.outer
            continue
        for j in range(frame_start[i], frame_start[i + 1] - 1):
            node = frame_node[j]
            if node != frame_node[j + 1] and (into is None or into[node]):
                found = find_edge(e, frame_node[j + 1], node)
                if found < 0:
                    return False
                inner[j] = <uint32_t> found
    return True


def edges(
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const int64_t[::1] stack_start not None,
    const uint32_t[::1] stack not None,
    const int64_t[::1] frame_start not None,
    const uint32_t[::1] frame_node not None,
    int64_t n,
    const uint8_t[::1] keep,
    const uint8_t[::1] into,
    int64_t begin=0,
    int64_t end=-1,
):
    cdef int64_t samples = stack_start.shape[0] - 1, locations = frame_start.shape[0] - 1
    cdef int64_t s, i, j, w, d = 0, last, found
    cdef uint32_t parent, node, location, stamp
    cdef bint means = divisor >= 0, residual, ok = True, enough = True, every = into is None
    cdef Place *places
    cdef Place *place
    cdef uint32_t *inner
    cdef Edges e
    e = Edges(NULL, 0, 0, NULL, NULL, 0)
    no_such_columns(values, types, index, divisor, stack_start, stack, frame_start, frame_node, n)
    end = samples if end < 0 else end
    if not 0 <= begin <= end <= samples:
        raise ValueError("graph: samples that are not there")
    if (keep is not None and keep.shape[0] != n) or (into is not None and into.shape[0] != n):
        raise ValueError("graph: columns differ in length")
    places = <Place *> malloc((locations + 1) * sizeof(Place))
    inner = <uint32_t *> malloc((frame_node.shape[0] + 1) * 4)
    if places == NULL or inner == NULL:
        free(places)
        free(inner)
        raise MemoryError
    try:
        with nogil:
            enough = plan(&e, places, inner, frame_start, frame_node, keep, into)
            for s in range(begin, end if enough else begin):
                w = values[s * types + index]
                if means:
                    d = values[s * types + divisor]
                if w == 0 and d == 0:
                    continue
                stamp = <uint32_t> s + 1
                parent = NONE
                residual = False
                i = stack_start[s + 1]
                while i > stack_start[s]:
                    i -= 1
                    location = stack[i]
                    if location >= locations:
                        ok = False
                        break
                    place = &places[location]
                    if place.act != NONE:
                        residual = place.act == SKIPPED
                        parent = parent if place.act == SKIPPED else place.act
                        continue
                    last = frame_start[location + 1] - 1
                    if place.outer != NONE:
                        node = place.outer
                        if parent != node and parent != NONE and (every or into[node]):
                            if place.last_src != parent:
                                found = find_edge(&e, parent, node)
                                if found < 0:
                                    enough = False
                                    break
                                place.last_src = parent
                                place.last_edge = <uint32_t> found
                            add_to_edge(&e.edge[place.last_edge], stamp, w, d, residual, False)
                        for j in range(last - 1, frame_start[location] - 1, -1):
                            if inner[j] != NONE:
                                add_to_edge(&e.edge[inner[j]], stamp, w, d, False, True)
                        parent = frame_node[frame_start[location]]
                        residual = False
                        continue
                    for j in range(last, frame_start[location] - 1, -1):
                        node = frame_node[j]
                        if not keep[node]:
                            residual = True
                            continue
                        if parent != NONE and node != parent and (every or into[node]):
                            found = find_edge(&e, parent, node)
                            if found < 0:
                                enough = False
                                break
                            add_to_edge(&e.edge[found], stamp, w, d, residual, j != last)
                        parent = node
                        residual = False
                    if not enough:
                        break
                if not ok or not enough:
                    break
        if not enough:
            raise MemoryError
        if not ok:
            raise ValueError("graph: a location that is not there")
        return edge_columns(&e)
    finally:
        free(places)
        free(inner)
        free(e.edge)
        free(e.key)
        free(e.place)


cdef dict edge_columns(Edges *e):
    cdef int64_t i, n = 0
    # those that were foreseen, but that no sample took
    for i in range(e.n):
        if e.edge[i].seen:
            e.edge[n] = e.edge[i]
            n += 1
    cdef bytearray src = room(n, 4)
    cdef bytearray dst = room(n, 4)
    cdef bytearray weight = room(n, 8)
    cdef bytearray div = room(n, 8)
    cdef bytearray flags = room(n, 1)
    for i in range(n):
        (<uint32_t *> PyByteArray_AS_STRING(src))[i] = e.edge[i].src
        (<uint32_t *> PyByteArray_AS_STRING(dst))[i] = e.edge[i].dst
        (<int64_t *> PyByteArray_AS_STRING(weight))[i] = e.edge[i].weight
        (<int64_t *> PyByteArray_AS_STRING(div))[i] = e.edge[i].div
        (<uint8_t *> PyByteArray_AS_STRING(flags))[i] = <uint8_t> e.edge[i].flags
    return {
        "edge_src": view(src, "I"),
        "edge_dst": view(dst, "I"),
        "edge_weight": view(weight, "q"),
        "edge_div": view(div, "q"),
        "edge_flags": view(flags, "B"),
    }


def total(
    const int64_t[::1] values not None,
    int64_t types,
    int64_t index,
    int64_t divisor,
    const int64_t[::1] label_start not None,
    const uint32_t[::1] label_key not None,
    const uint32_t[::1] label_str not None,
    uint32_t base_key,
    uint32_t base_value,
):
    cdef int64_t samples = label_start.shape[0] - 1, s, i, w, d = 0
    cdef uint64_t sum_ = 0, div = 0, base = 0, base_div = 0
    if samples < 0 or types < 1 or not 0 <= index < types or divisor >= types:
        raise ValueError("total: no such sample type")
    if values.shape[0] != samples * types or label_key.shape[0] != label_str.shape[0]:
        raise ValueError("total: columns differ in length")
    for s in range(samples):
        if not 0 <= label_start[s] <= label_start[s + 1] <= label_key.shape[0]:
            raise ValueError("total: labels of a sample end before they begin")
    with nogil:
        for s in range(samples):
            w = values[s * types + index]
            if divisor >= 0:
                d = values[s * types + divisor]
            if w < 0:
                w = <int64_t> (0 - <uint64_t> w)
            sum_ += <uint64_t> w
            div += <uint64_t> d
            if base_key:
                for i in range(label_start[s], label_start[s + 1]):
                    if label_key[i] == base_key and label_str[i] == base_value:
                        base += <uint64_t> w
                        base_div += <uint64_t> d
                        break
    if <int64_t> base > 0:
        sum_ = base
        div = base_div
    return <int64_t> sum_, <int64_t> div


# ---- parts of it ----


def add(int64_t[::1] to not None, const int64_t[::1] more not None):
    cdef int64_t i
    if to.shape[0] != more.shape[0]:
        raise ValueError("add: columns differ in length")
    with nogil:
        for i in range(to.shape[0]):
            to[i] = plus(to[i], more[i])


def join_edges(list parts not None):
    cdef Edges e
    cdef const uint32_t[::1] src
    cdef const uint32_t[::1] dst
    cdef const int64_t[::1] weight
    cdef const int64_t[::1] div
    cdef const uint8_t[::1] flags
    cdef int64_t i, n, at
    e = Edges(NULL, 0, 0, NULL, NULL, 0)
    try:
        for part in parts:
            src, dst, weight = part["edge_src"], part["edge_dst"], part["edge_weight"]
            div, flags = part["edge_div"], part["edge_flags"]
            n = src.shape[0]
            if dst.shape[0] != n or weight.shape[0] != n or div.shape[0] != n or flags.shape[0] != n:
                raise ValueError("join_edges: columns differ in length")
            for i in range(n):
                if src[i] == dst[i]:
                    raise ValueError("join_edges: an edge from a node to itself")
                at = find_edge(&e, src[i], dst[i])
                if at < 0:
                    raise MemoryError
                e.edge[at].seen = 1
                e.edge[at].weight = plus(e.edge[at].weight, weight[i])
                e.edge[at].div = plus(e.edge[at].div, div[i])
                e.edge[at].flags |= flags[i] & RESIDUAL
                if not flags[i] & INLINE:
                    e.edge[at].flags &= ~<uint32_t> INLINE
        return edge_columns(&e)
    finally:
        free(e.edge)
        free(e.key)
        free(e.place)


# ---- what is shown ----


def choose(
    const int64_t[::1] flat not None,
    const int64_t[::1] cum not None,
    bint drop_negative,
    uint8_t[::1] chosen not None,
):
    cdef int64_t n = flat.shape[0], i, count = 0
    cdef uint64_t sum_ = 0
    if cum.shape[0] != n or chosen.shape[0] != n:
        raise ValueError("choose: columns differ in length")
    with nogil:
        for i in range(n):
            chosen[i] = flat[i] != 0 or cum[i] != 0
            if drop_negative and (flat[i] < 0 or (flat[i] == 0 and cum[i] < 0)):
                chosen[i] = 0
            if chosen[i]:
                count += 1
                sum_ += <uint64_t> flat[i]
    return count, <int64_t> sum_


def cut(const int64_t[::1] cum not None, int64_t cutoff, uint8_t[::1] chosen not None):
    cdef int64_t n = cum.shape[0], i, count = 0, v
    if chosen.shape[0] != n:
        raise ValueError("cut: columns differ in length")
    with nogil:
        for i in range(n):
            if chosen[i]:
                v = cum[i]
                if v < 0:
                    v = <int64_t> (0 - <uint64_t> v)
                if v < cutoff:
                    chosen[i] = 0
                count += chosen[i]
    return count


def cut_edges(
    const uint32_t[::1] dst not None,
    const int64_t[::1] weight not None,
    const uint8_t[::1] chosen not None,
    int64_t cutoff,
    uint8_t[::1] alive not None,
):
    cdef int64_t n = dst.shape[0], i, count = 0, v
    if weight.shape[0] != n or alive.shape[0] != n:
        raise ValueError("cut_edges: columns differ in length")
    for i in range(n):
        if dst[i] >= chosen.shape[0]:
            raise ValueError("cut_edges: a node that is not there")
    with nogil:
        for i in range(n):
            if alive[i] and chosen[dst[i]]:
                v = weight[i]
                if v < 0:
                    v = <int64_t> (0 - <uint64_t> v)
                if v < cutoff:
                    alive[i] = 0
                    count += 1
    return count


def inlining(
    const uint32_t[::1] dst not None,
    const uint8_t[::1] flags not None,
    const uint8_t[::1] alive not None,
    uint8_t[::1] out not None,
):
    cdef int64_t n = dst.shape[0], i
    if flags.shape[0] != n or alive.shape[0] != n:
        raise ValueError("inlining: columns differ in length")
    for i in range(n):
        if dst[i] >= out.shape[0]:
            raise ValueError("inlining: a node that is not there")
    with nogil:
        for i in range(n):
            if alive[i]:
                out[dst[i]] |= 1 if flags[i] & INLINE else 2
