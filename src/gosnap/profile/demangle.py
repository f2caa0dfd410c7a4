"""Names as pprof shows them where it is not told otherwise (internal/symbolizer/symbolizer.go, as in Go
1.27).

It takes names with brackets for C++ and drops what looks like parameters of theirs, so that of Go's
``sync.OnceValue[go.shape.interface { Error() string }]`` no ``()`` is left. Whoever knows pprof knows these
names, and writes filters for them. Names that are mangled are left as they are: Go's are not.
"""

from __future__ import annotations

from gosnap.profile.columns import column
from gosnap.profile.model import Profile

_SIGNS = (b"[", b"]", b"<", b">", b"::")
"""What a name of C++ has, says pprof."""


def wanted(symbolize: str) -> bool:
    """Whether names are looked at at all: not with --symbolize=none."""
    return not {"none", "no"} & set(symbolize.lower().split(":"))


def simplify(profile: Profile, symbolize: str = "") -> Profile:
    """A profile whose functions have pprof's names.

    ``symbolize``: as pprof has it, of which ``demangle=none``, ``full`` and ``templates`` and ``force``
    count.
    """
    options = set(symbolize.lower().split(":"))
    mode = next((o.removeprefix("demangle=") for o in options if o.startswith("demangle=")), "")
    force = "force" in options or mode in ("full", "none", "templates")
    p = profile
    names, system_names = p.function_name, p.function_system_name
    if force and names != system_names:
        system = [s if s and n else n for n, s in zip(names, system_names, strict=True)]
        names = column("I", system)
        p = p.replace(function_name=names)
    if mode in ("none", "full"):
        return p
    marked = _with_signs(p)
    if not marked and 0 not in names:
        return p
    pairs = b"()" if mode == "templates" else b"()<>"
    shorter: dict[int, int] = {}
    for index in marked:
        raw = p.strings.raw(index)
        new = plain(raw, pairs)
        if new != raw:
            shorter[index] = p.strings.intern(new)
    changed = [(shorter.get(s, s) if n in (0, s) else n) for n, s in zip(names, system_names, strict=True)]
    made = column("I", changed)
    return p if made == names else p.replace(function_name=made)


def plain(name: bytes, pairs: bytes = b"()<>") -> bytes:
    """A name without what pprof takes for parameters of C++."""
    if b".<" in name or b"])." in name or not any(sign in name for sign in _SIGNS):
        return name
    for i in range(0, len(pairs), 2):
        name = _without(name, pairs[i], pairs[i + 1])
    return name


def _without(name: bytes, start: int, end: int) -> bytes:
    """Without balanced pairs and what is in them; an end without its start stops it."""
    kept = bytearray()
    depth = first = 0
    for at, c in enumerate(name):
        if c == start:
            depth += 1
            if depth == 1:
                first = at
        elif c == end:
            depth -= 1
            if depth < 0:
                return bytes(kept) + name[at:]
            if depth == 0:
                continue
        if depth == 0:
            kept.append(c)
    return bytes(kept) + name[first:] if depth else bytes(kept)


def _with_signs(p: Profile) -> list[int]:
    """Strings that have one of the signs; most profiles have few."""
    data, offset = p.strings.columns()
    raw = data.obj
    assert isinstance(raw, (bytes, bytearray))
    found: dict[int, None] = {}
    for sign in _SIGNS:
        at = raw.find(sign)
        if at >= 0:
            from bisect import bisect_right
        while at >= 0:
            index = bisect_right(offset, at) - 1
            found[index] = None
            # on behind this string
            at = raw.find(sign, offset[index + 1])
    return list(found)
