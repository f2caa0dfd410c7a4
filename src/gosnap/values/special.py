"""Types of the standard library as a person says them: which presenter is whose.

A presenter adds to a decoded value: a note, which stands for it in text, or parts that are more telling than its
own fields. What it cannot read it leaves as it is.
"""

from gosnap.values import moments, networks, numbers, synchron
from gosnap.values.presenting import Presenter, Work
from gosnap.values.subject import Shape, Subject

__all__ = ["Presenter", "Work", "presenter"]

_BY_NAME: dict[str, Presenter] = {
    "time.Time": moments.time,
    "time.Duration": moments.duration,
    "time.Month": moments.month,
    "time.Weekday": moments.weekday,
    "net.IP": networks.ip,
    "net.IPNet": networks.ip_net,
    "net.HardwareAddr": networks.hardware,
    "net/netip.Addr": networks.addr,
    "net/netip.AddrPort": networks.addr_port,
    "net/netip.Prefix": networks.prefix,
    "github.com/google/uuid.UUID": networks.uuid,
    "math/big.Int": numbers.big_int,
    "math/big.Rat": numbers.big_rat,
    "bytes.Buffer": numbers.buffer,
    "strings.Builder": numbers.builder,
    "regexp.Regexp": numbers.regexp,
    "sync.Mutex": synchron.mutex,
    "internal/sync.Mutex": synchron.mutex,
    "sync.RWMutex": synchron.rw_mutex,
    "sync.WaitGroup": synchron.wait_group,
    "sync.Once": synchron.once,
    "sync.Map": synchron.sync_map,
    "sync.Pool": synchron.pool,
    **{
        f"sync/atomic.{name}": synchron.atomic
        for name in ("Bool", "Int32", "Int64", "Uint32", "Uint64", "Uintptr")
    },
}


def presenter(subject: Subject, shape: Shape) -> Presenter | None:
    """What presents values of a type; None for those that are shown as they are."""
    if shape.name.startswith("sync/atomic.Pointer["):
        return synchron.pointer
    return _BY_NAME.get(shape.name)
