# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Types compiled to programs that list their pointers. typeprog.pyi is the documentation."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc, realloc

from gosnap._kernels.memory cimport MAX_ADDR
from gosnap._kernels.rtypes cimport (
    KIND_ARRAY,
    KIND_CHAN,
    KIND_FUNC,
    KIND_INTERFACE,
    KIND_MAP,
    KIND_POINTER,
    KIND_SLICE,
    KIND_STRING,
    KIND_STRUCT,
    KIND_UNSAFE,
)

# What hostile types may cost: pointer sources in one type and in all, steps to find them.
cdef int64_t MAX_OPS = 65536
cdef int64_t MAX_OPS_IN_ALL = <int64_t>1 << 24
cdef int64_t MAX_EMITS = <int64_t>1 << 18


cdef class TypePrograms:
    """The type table as columns (gosnap.binary.types) and the programs of its types."""

    def __cinit__(
        self,
        const uint8_t[::1] kind not None,
        const int64_t[::1] size not None,
        const int32_t[::1] elem not None,
        const int64_t[::1] length not None,
        const uint8_t[::1] iface not None,
        const int64_t[::1] field_start not None,
        const int64_t[::1] field_offset not None,
        const int32_t[::1] field_type not None,
    ):
        cdef Py_ssize_t n = kind.shape[0], i, m = field_type.shape[0]
        if n == 0 or n >= (1 << 27) or not (
            size.shape[0] == elem.shape[0] == length.shape[0] == iface.shape[0] == n
            and field_start.shape[0] == n + 1 and field_offset.shape[0] == m
        ):
            raise ValueError("types: columns differ in length")
        for i in range(n):
            if not 0 <= elem[i] < n:
                raise ValueError("types: a row refers to a type that is not there")
            if field_start[i] > field_start[i + 1] or size[i] < 0:
                raise ValueError("types: fields or size out of order")
        if field_start[0] != 0 or field_start[n] != m:
            raise ValueError("types: field index does not cover the fields")
        for i in range(m):
            if not 0 <= field_type[i] < n or field_offset[i] < 0:
                raise ValueError("types: a field refers to a type that is not there")
        self.n = <int32_t>n
        self.kind = kind
        self.size = size
        self.elem = elem
        self.length = length
        self.iface = iface
        self.field_start = field_start
        self.field_offset = field_offset
        self.field_type = field_type
        self.pointers = <uint8_t *>calloc(n, 1)
        self.start = <int64_t *>malloc(n * sizeof(int64_t))
        self.count = <int32_t *>calloc(n, sizeof(int32_t))
        if self.pointers == NULL or self.start == NULL or self.count == NULL:
            raise MemoryError
        for i in range(n):
            self.start[i] = -1

    def __dealloc__(self):
        free(self.pointers)
        free(self.start)
        free(self.count)
        free(self.ops)

    cdef bint find_pointers(self, int32_t t, int depth) noexcept nogil:
        cdef int64_t i
        cdef uint8_t k
        cdef bint r = False
        if self.pointers[t] == HAS_NONE:
            return False
        if self.pointers[t] == HAS_SOME:
            return True
        if self.pointers[t] == BEING_ASKED or depth > 200:
            return False       # a type inside itself: no such Go type
        self.pointers[t] = BEING_ASKED
        k = self.kind[t]
        if k >= KIND_CHAN and k <= KIND_VEC and k != KIND_STRUCT:
            r = True
        elif k == KIND_ARRAY:
            r = self.length[t] > 0 and self.find_pointers(self.elem[t], depth + 1)
        else:
            for i in range(self.field_start[t], self.field_start[t + 1]):
                if self.find_pointers(self.field_type[i], depth + 1):
                    r = True
                    break
        self.pointers[t] = HAS_SOME if r else HAS_NONE
        return r

    cdef int append(self, int code, int64_t off, int32_t arg, int64_t count, int64_t stride) noexcept nogil:
        cdef Op *op
        cdef Op *grown
        if self.ops_n == self.ops_cap:
            grown = <Op *>realloc(self.ops, <size_t>(self.ops_cap * 2 + 4096) * sizeof(Op))
            if grown == NULL:
                return -1
            self.ops = grown
            self.ops_cap = self.ops_cap * 2 + 4096
        op = &self.ops[self.ops_n]
        op.code = code
        op.off = off
        op.arg = arg
        op.count = count
        op.stride = stride
        self.ops_n += 1
        return 0

    cdef int emit(self, int32_t t, int64_t off, int depth, int64_t limit) noexcept nogil:
        """Append the pointer sources of type t at offset off."""
        cdef uint8_t k = self.kind[t]
        cdef int64_t i, n, stride, at
        if depth > 100 or self.ops_n > limit or off > <int64_t>MAX_ADDR or not self.has_pointers(t):
            return 0
        self.emits -= 1
        if self.emits < 0:
            return 0
        if k == KIND_POINTER:
            return self.append(OP_PTR, off, self.elem[t], 0, 0)
        if k == KIND_STRING:
            return self.append(OP_STRING, off, 0, 0, 0)
        if k == KIND_SLICE:
            return self.append(OP_SLICE, off, self.elem[t], 0, 0)
        if k == KIND_INTERFACE:
            return self.append(OP_EFACE if self.iface[t] == 1 else OP_IFACE, off, 0, 0, 0)
        if k == KIND_MAP:
            return self.append(OP_MAP, off, t, 0, 0)
        if k == KIND_CHAN:
            return self.append(OP_CHAN, off, t, 0, 0)
        if k == KIND_FUNC:
            return self.append(OP_FUNC, off, 0, 0, 0)
        if k == KIND_UNSAFE:
            return 0
        if k == KIND_VEC:
            return self.append(OP_VEC, off, self.elem[t], 0, 0)
        if k == KIND_ARRAY:
            n = self.length[t]
            stride = min(self.size[self.elem[t]], <int64_t>MAX_ADDR)
            if n <= 4:
                for i in range(n):
                    if self.emit(self.elem[t], off + i * stride, depth + 1, limit) < 0:
                        return -1
                return 0
            return self.append(OP_REPEAT, off, self.elem[t], n, stride)
        for i in range(self.field_start[t], self.field_start[t + 1]):
            at = off + min(self.field_offset[i], <int64_t>MAX_ADDR)
            if self.emit(self.field_type[i], at, depth + 1, limit) < 0:
                return -1
        return 0

    cdef int compile(self, int32_t t) noexcept nogil:
        """Make the program of type t; -1 without memory."""
        cdef int64_t at = self.ops_n
        self.emits = MAX_EMITS
        if self.emit(t, 0, 0, min(at + MAX_OPS, MAX_OPS_IN_ALL)) < 0:
            return -1
        self.start[t] = at
        self.count[t] = <int32_t>(self.ops_n - at)
        return 0
