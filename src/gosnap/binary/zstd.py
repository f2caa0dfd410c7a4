"""zstd, from the standard library (Python 3.14) or its backport, which has the same interface."""

import sys
from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 1
"""A heap packs little better at higher levels, and at several times the cost."""


def compressor() -> Callable[[bytes | memoryview], bytes]:
    """A function that packs one frame per call, for one thread: it keeps its tables between calls."""
    packer = zstd.ZstdCompressor(level=LEVEL)

    def pack(raw: bytes | memoryview) -> bytes:
        packer.set_pledged_input_size(memoryview(raw).nbytes)
        out: bytes = packer.compress(raw, zstd.ZstdCompressor.FLUSH_FRAME)
        return out

    return pack


def decompress(raw: bytes | memoryview, limit: int) -> bytes:
    """One frame's bytes, at most ``limit``. ValueError where it is damaged or would be longer."""
    try:
        unpacker = zstd.ZstdDecompressor()
        out: bytes = unpacker.decompress(raw, limit + 1)
    except zstd.ZstdError as e:
        raise ValueError(str(e)) from None
    if len(out) > limit or not unpacker.eof:
        raise ValueError(f"not one whole frame of up to {limit} bytes")
    return out
