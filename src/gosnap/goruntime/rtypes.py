"""Runtime types (abi.Type) as the running program stores them.

Layout: internal/abi/type.go, the same in Go 1.21 to 1.27: Kind_ at 23, TFlag at 20, Str (offset from
moduledata.types) at 40. A name is one flag byte, a varint length and the bytes.
"""

from gosnap.errors import ReadError
from gosnap.goruntime.program import GoProgram

_TFLAG_EXTRA_STAR = 2
_MAX_NAME = 4096


def rtype_name(program: GoProgram, address: int) -> tuple[str, int]:
    """Name and reflect.Kind of the runtime type at ``address``; ("(unreadable type)", 0) if it is not
    there."""
    try:
        raw = program.space.read(address, 48)
        kind = raw[23] & 31
        at = program.modules[0].types + int.from_bytes(raw[40:44], "little", signed=True)
        head = program.space.read(at, 4)
        length, used = 0, 1
        for i in range(1, 4):
            length |= (head[i] & 0x7F) << (7 * (i - 1))
            used = i + 1
            if head[i] < 0x80:
                break
        name = program.space.read(at + used, min(length, _MAX_NAME)).decode("utf-8", "replace")
    except ReadError:
        return "(unreadable type)", 0
    if raw[20] & _TFLAG_EXTRA_STAR:
        name = name[1:]
    return name or "(unnamed type)", kind
