"""Go's size classes, identical in Go 1.21 to 1.27.

Source: runtime/sizeclasses.go (<= 1.25), internal/runtime/gc/sizeclasses.go (>= 1.26). Class 0 means a large
object, in a span of its own.
"""

import numpy as np
import numpy.typing as npt

PAGE_SIZE = 8192
MAX_SMALL_SIZE = 32768
# MinSizeForMallocHeader (internal/runtime/gc/malloc.go): slots above it start with an 8-byte malloc header
MIN_SIZE_FOR_MALLOC_HEADER = 512
MALLOC_HEADER_SIZE = 8

# fmt: off
CLASS_TO_SIZE = (
    0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320,
    352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048,
    2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240,
    10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
)
# fmt: on


def slot_sizes() -> npt.NDArray[np.uint16]:
    """Slot size for an allocation of up to (index * 8) bytes, index 0..4096."""
    sizes = np.asarray(CLASS_TO_SIZE[1:], dtype=np.int64)
    wanted = np.arange(4097, dtype=np.int64) * 8
    return sizes[np.searchsorted(sizes, np.maximum(wanted, 1))].astype(np.uint16)
