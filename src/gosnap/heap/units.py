"""Numbers as people read them, in the sentences of suspects and in tables alike."""

_UNITS = (("PB", 1 << 50), ("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10))


def size(value: int) -> str:
    """Bytes as `go tool pprof` prints them: 1024-based, "512B", "1.50kB", "16.51MB"."""
    for unit, scale in _UNITS:
        if abs(value) >= scale:
            return f"{value / scale:.2f}".rstrip("0").rstrip(".") + unit
    return f"{value}B"
