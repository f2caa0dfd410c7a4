"""Suspects in sentences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gosnap.heap.groups import GroupKind
from gosnap.heap.units import size

if TYPE_CHECKING:
    from gosnap.heap.suspects import Suspect, _Search


@dataclass(frozen=True)
class Told:
    """A title, sentences, and what to run next."""

    title: str
    evidence: list[str]
    next: str


_KIND = {
    "map": "a map that grows",
    "slice": "a slice that grows",
    "channel": "a channel that fills up",
    "goroutines": "goroutines that pile up",
    "timers": "timers that are not stopped",
    "context": "contexts that are not cancelled",
    "subslice": "small slices or strings that keep large arrays",
    "emptied-map": "a map that was emptied and kept its storage",
    "buffers": "buffers that are kept",
    "strings": "strings that pile up",
    "http": "HTTP requests or responses that are kept",
    "pool": "a pool that keeps large objects",
    "list": "a list that grows",
    "shared": "many objects of one type",
}

_ADVICE = {
    "map": "Is anything ever deleted from it? A limit, or an expiry, bounds it.",
    "slice": "Is it ever cut? Appending without a limit, or cutting only its front, keeps all of it.",
    "channel": "Its receivers are slower than its senders, or are gone: `gosnap goroutines` shows them.",
    "goroutines": "Each waits for something that does not come: a receiver, a close, a cancel, an unlock.",
    "timers": "A timer holds its function and what that captures until it fires: Stop those not needed.",
    "context": "A context stays with its parent until it is cancelled: call cancel on every way out.",
    "subslice": "Copy the part that is needed: strings.Clone, bytes.Clone, slices.Clone.",
    "emptied-map": "Deleting does not shrink a map: make a new one when it has become much too large.",
    "buffers": "Reuse them, or drop the reference when the data has been used.",
    "strings": "Limit how much is kept, or write it out as it comes.",
    "http": "Keep what is needed of a request: the whole holds headers, body, connection and context.",
    "pool": "Put back only objects of ordinary size; a pool gives up its objects in two collections.",
    "finalizers": "One finalizer blocks, and all behind it wait: see `gosnap goroutines`.",
    "list": "Is anything ever taken off it?",
    "shared": "Paths say what holds them: as long as one of the holders stays, they do.",
}


_MANY = ("goroutines", "timers", "shared")
"""Patterns that are told in the plural."""
_PLAIN = ("[]", "map[", "chan ", "string", "tiny block", "untyped", "internal/", "sync.", "runtime.")
"""Types that tell little of what a place is about."""
_NOTICED = 1 << 16
"""Bytes from which on it matters what a root held."""
_OF_ITEMS = frozenset(("map", "slice", "channel", "http", "list"))
"""Patterns of which the items are worth a look."""


def tell(search: "_Search", s: "Suspect") -> Told:
    """The sentences of a suspect."""
    where, found = s.where, s.found
    assert where is not None
    whole, of_what = search.live_bytes, "the live heap"
    if s.stacks:
        whole, of_what = whole + search.stack_bytes, "the live heap and all stacks"
    share = f"{100 * s.retained / whole:.0f}%" if whole else ""
    what = _what(search, s)
    verb = "keep" if found.pattern in _MANY or (len(s.shared) and " and " in where.root) else "keeps"
    title = f"{what} {verb} {size(s.retained)}, {share} of {of_what}"
    evidence = []
    if where.field and where.field != where.container:
        evidence.append(f"It is the field {where.field}, held by {where.root}.")
    if found.pattern:
        evidence.append(_looks(s, found.pattern))
    evidence += _holds(s)
    if found.pattern == "subslice" and found.sample_bytes:
        evidence.append(
            f"Of a sample of {size(found.sample_bytes)} of arrays, the slices and strings that keep them see "
            f"{size(found.used_bytes)}."
        )
    if found.mix:
        rows = [f"{m.count:,} {m.type.removesuffix(' (inside)')} ({size(m.size)})" for m in found.mix[:3]]
        evidence.append("Made of: " + ", ".join(rows) + ".")
    if found.pattern == "goroutines" and not s.leaked:
        evidence.append(
            "They can go on: what counts is how many there are, and what each keeps on its stack."
        )
    elif found.pattern == "finalizers" and not found.waiting[0] and found.waiting[1]:
        evidence.append("Cleanups block, and all behind them wait: see `gosnap goroutines`.")
    elif found.pattern == "context" and _wrapped(s):
        evidence.append("Each wraps the one before: derive from the context at hand, not from the last one.")
    elif found.pattern:
        evidence.append(_ADVICE[found.pattern])
    return Told(title, evidence, _next(search, s))


def told_growth(row: dict[str, Any], when: str, before: int, above: int = 0) -> str:
    """How a place grew since an older snapshot, in which it held ``before`` bytes; 0 where it was not found
    (``above``: what its root held then)."""
    many = row["pattern"] in _MANY
    it = "they" if many else "it"
    was, has = ("were", "have") if many else ("was", "has")
    if not before and above >= _NOTICED:
        return f"At {when}Z {it} {was} not found; {row['root']} held {size(above)} in all."
    if not before:
        return f"At {when}Z {it} {was} not there, or too small to be noticed."
    now, more = row["retained_bytes"], row["growth_items"]
    items = f", {more:+,} item{'s' * (abs(more) != 1)}" if more else ""
    if now == before:
        return f"Since {when}Z {it} {has} not grown{items}."
    changed = "grew" if now > before else "shrank"
    if size(now) == size(before):
        return f"Since {when}Z {it} {changed} by {size(abs(now - before))}, to {size(now)}{items}."
    return f"Since {when}Z {it} {changed} from {size(before)} to {size(now)}{items}."


def _looks(s: "Suspect", pattern: str) -> str:
    if pattern == "shared":
        return "Each is held by several roots or goroutines, so that none of those alone keeps them."
    if pattern == "goroutines":
        return (
            "They are leaked: nothing can wake them any more." if s.leaked else "Many goroutines do the same."
        )
    if pattern == "finalizers":
        return f"It looks like {_queue(s)} that wait to be run."
    if pattern == "context" and _wrapped(s):
        return "It looks like contexts that wrap each other without end."
    if pattern == "map" and s.found.entries and not s.found.shape:
        return "It looks like maps that grow."
    return f"It looks like {_KIND[pattern]}."


def _wrapped(s: "Suspect") -> bool:
    """Whether contexts are a chain of values, which nobody can cancel."""
    return s.chain > 0 and s.found.items_type == "context.valueCtx"


def _queue(s: "Suspect") -> str:
    """What waits in the queue."""
    names = [name for n, name in zip(s.found.waiting, ("finalizers", "cleanups"), strict=True) if n]
    return " and ".join(names) or "finalizers"


def _what(search: "_Search", s: "Suspect") -> str:
    where, found = s.where, s.found
    assert where is not None
    if found.pattern == "goroutines":
        waits = ""
        n = search.tree.objects
        if s.node >= n and int(search.tree.group_kind[s.node - n]) == GroupKind.PLACE:
            place = search.tree.goroutines.place(int(search.tree.group_ref[s.node - n]))
            waits = f" [{place.label}]"
        return f"{s.crowd:,} goroutines in {where.container}{waits}"
    if found.pattern == "shared":
        return f"{s.crowd:,} {where.type}"
    if found.pattern == "timers":
        return f"runtime timers of {s.crowd} processors"
    if found.pattern == "finalizers":
        return f"the queue of {_queue(s)}"
    kind = f", {where.type}," if where.type and where.type not in where.container else ""
    held = ""
    if where.root.startswith("goroutine "):
        held = f" (on the stack of {where.root})"
    return f"{where.container}{held}{kind}"


def _holds(s: "Suspect") -> list[str]:
    found = s.found
    if found.pattern == "goroutines":
        each = s.retained // max(s.crowd, 1)
        return [f"{size(each)} each; {size(s.stacks)} of it all is stacks, the rest what only they hold."]
    if found.pattern == "shared":
        return [f"{size(s.retained // max(s.crowd, 1))} each with what hangs on it."]
    if found.pattern == "list" or s.chain:
        return [f"{found.items:,} {found.items_type} in a row."]
    if found.shape == "nodes":
        return [f"{found.items:,} {found.items_type} that hold each other."]
    out = []
    for n, name in zip(found.waiting, ("finalizer", "cleanup"), strict=True):
        if n:
            out.append(f"{n:,} {name}{'s wait' if n > 1 else ' waits'}.")
    room = f" of {found.capacity:,}" if found.capacity else ""
    if found.pattern == "emptied-map":
        out.append(f"It has {found.items:,} entries, and room for {found.capacity:,}.")
    elif found.shape == "map" and found.items and found.capacity:
        out.append(f"It has {found.items:,} entries.")
    elif found.shape == "channel":
        out.append(f"{found.items:,}{room} places of its buffer are taken.")
        if not found.pattern:
            out.append("A buffer is allocated whole when the channel is made, however little is in it.")
    elif found.shape == "slice" and found.capacity:
        out.append(f"Its length is {found.items:,}, its capacity {found.capacity:,}.")
    if found.holds:
        first = found.holds[0]
        one = size(first.retained // max(first.count, 1))
        hangs = " with what hangs on it" if first.retained > first.size else ""
        what = "objects without a type" if first.type == "untyped" else first.type.removesuffix(" (inside)")
        entries = f" with {found.entries:,} entries in all" if found.entries else ""
        number = "one" if first.count == 1 and first.type != "untyped" else f"{first.count:,}"
        if first.count == 1:
            what = what.removesuffix("s without a type") + " without a type" * (first.type == "untyped")
        out.append(f"It holds {number} {what}{entries}, {one}{' each' * (first.count > 1)}{hangs}.")
    return out


def _next(search: "_Search", s: "Suspect") -> str:
    n = search.tree.objects
    if s.found.pattern == "finalizers":
        return "goroutines"
    if s.node >= n:
        if int(search.tree.group_kind[s.node - n]) == GroupKind.PLACE:
            return "goroutines" + (" --leaked" if s.leaked else "")
        inside = next((m.type for m in s.found.mix if m.count > 1 and not m.type.startswith(_PLAIN)), "")
        return _paths_to(inside) if inside else "dominators --by root"
    if len(s.shared):
        return _paths_to(s.found.items_type)
    held = s.found.holds[0].type if s.found.holds else ""
    if held and "untyped" not in held and s.found.pattern in _OF_ITEMS and s.found.items > 1:
        return _paths_to(held)
    return f"paths {search.tree.columns.address(s.node):#x}"


def _paths_to(name: str) -> str:
    quoted = name.replace("'", "'\\''")
    return f"paths '{quoted}'"
