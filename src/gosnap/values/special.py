"""Types of the standard library as a person says them: which presenter is whose.

A presenter adds to a decoded value: a note, which stands for it in text, or parts that are more telling than
its own fields. What it cannot read it leaves as it is. Presenters are imported when a value of theirs is met.
"""

from importlib import import_module

from gosnap.values.presenting import Presenter, Work
from gosnap.values.subject import Shape

__all__ = ["Presenter", "Work", "presenter"]

_BY_NAME: dict[str, tuple[str, str]] = {
    "time.Time": ("moments", "time"),
    "time.Duration": ("moments", "duration"),
    "time.Month": ("moments", "month"),
    "time.Weekday": ("moments", "weekday"),
    "net.IP": ("networks", "ip"),
    "net.IPNet": ("networks", "ip_net"),
    "net.HardwareAddr": ("networks", "hardware"),
    "net/netip.Addr": ("networks", "addr"),
    "net/netip.AddrPort": ("networks", "addr_port"),
    "net/netip.Prefix": ("networks", "prefix"),
    "github.com/google/uuid.UUID": ("networks", "uuid"),
    "math/big.Int": ("numbers", "big_int"),
    "math/big.Rat": ("numbers", "big_rat"),
    "bytes.Buffer": ("numbers", "buffer"),
    "strings.Builder": ("numbers", "builder"),
    "regexp.Regexp": ("numbers", "regexp"),
    "sync.Mutex": ("synchron", "mutex"),
    "internal/sync.Mutex": ("synchron", "mutex"),
    "sync.RWMutex": ("synchron", "rw_mutex"),
    "sync.WaitGroup": ("synchron", "wait_group"),
    "sync.Once": ("synchron", "once"),
    "sync.Map": ("synchron", "sync_map"),
    "sync.Pool": ("synchron", "pool"),
    **{
        f"sync/atomic.{name}": ("synchron", "atomic")
        for name in ("Bool", "Int32", "Int64", "Uint32", "Uint64", "Uintptr")
    },
}


def presenter(shape: Shape) -> Presenter | None:
    """What presents values of a type; None for those that are shown as they are."""
    found = _BY_NAME.get(shape.name)
    if shape.name.startswith("sync/atomic.Pointer["):
        found = ("synchron", "pointer")
    if found is None:
        return None
    module, function = found
    present: Presenter = getattr(import_module(f"gosnap.values.{module}"), function)
    return present
