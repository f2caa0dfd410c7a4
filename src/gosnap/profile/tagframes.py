"""tagroot and tagleaf: values of labels as frames (internal/driver/tagroot.go, as in Go 1.27)."""

from __future__ import annotations

from gosnap._kernels import profile_filter as kernel
from gosnap._kernels.profile_picture import label_sets
from gosnap.profile.columns import zeros
from gosnap.profile.labels import Labels
from gosnap.profile.model import NONE
from gosnap.profile.units import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.columns import Code
    from gosnap.profile.model import Profile
    from gosnap.profile.options import Config


def add(profile: Profile, config: Config, notes: list[str]) -> Profile:
    """A profile whose stacks have a frame more for each key of ``tagroot``, the first nearest the root, and
    of ``tagleaf``, the last nearest the leaf: its function is the label's values, its file the key."""
    frames = _Frames(profile, config.unit)
    roots = [k for k in config.tagroot.split(",") if k]
    leaves = [k for k in config.tagleaf.split(",") if k]
    # the last key comes first: stacks begin with the leaf
    root, root_found = frames.of(roots[::-1])
    leaf, leaf_found = frames.of(leaves[::-1])
    for name, text, found in (
        ("TagRoot", config.tagroot, root_found),
        ("TagLeaf", config.tagleaf, leaf_found),
    ):
        if text and not found:
            notes.append(f"{name} expression matched no samples")
    if not roots and not leaves:
        return profile
    start, stack = kernel.extended(profile.stack_start, profile.stack, leaf, len(leaves), root, len(roots))
    return frames.added().replace(stack_start=start, stack=stack)


class _Frames:
    """Locations for (function, file), made when they are first asked for."""

    def __init__(self, profile: Profile, unit: str) -> None:
        self._profile = profile
        self._unit = unit
        self._labels = Labels(profile)
        self._known: dict[tuple[bytes, bytes], int] = {}

    def of(self, keys: list[str]) -> tuple[memoryview, bool]:
        """(u32[samples * keys]: a location for each sample and key, whether any sample has one of them)."""
        p, found = self._profile, False
        out = zeros("I", p.samples * len(keys))
        for k, text in enumerate(keys):
            key = text.encode("utf-8", "surrogateescape")
            wanted = memoryview(bytearray(self._labels.key(i) == key for i in range(len(self._labels))))
            # most samples have the same few values
            set_of, first = label_sets(p.label_start, self._labels.which, wanted)
            found = found or len(first) > 1
            places = zeros("I", len(first))
            for number, s in sorted(enumerate(first), key=lambda pair: pair[1]):
                if s != NONE:
                    labels = self._labels.which[p.label_start[s] : p.label_start[s + 1]]
                    places[number] = self._place(self._values([i for i in labels if wanted[i]]), key)
            out[k :: len(keys)] = kernel.take(places, set_of)
        return out, found

    def _values(self, labels: list[int]) -> bytes:
        """Strings before numbers, as the sample has them."""
        texts = [self._labels.text(i) for i in labels if not self._labels.is_number(i)]
        for i in labels:
            if self._labels.is_number(i):
                unit = self._labels.unit(i).decode("utf-8", "surrogateescape")
                shown = label(self._labels.number(i), unit, self._unit if self._has_units(labels) else "")
                texts.append(shown.encode("utf-8", "surrogateescape"))
        return b",".join(texts)

    def _has_units(self, labels: list[int]) -> bool:
        return any(self._labels.unit(i) for i in labels if self._labels.is_number(i))

    def _place(self, function: bytes, file: bytes) -> int:
        known = self._known.setdefault((function, file), len(self._known))
        return self._profile.locations + known

    def added(self) -> Profile:
        """The profile with the functions and locations that were made."""
        p, n = self._profile, len(self._known)
        names = [p.strings.intern(function) for function, _ in self._known]
        files = [p.strings.intern(file) for _, file in self._known]
        last_function, last_location = max(p.function_id, default=0), max(p.location_id, default=0)
        ones = range(1, n + 1)
        return p.replace(
            function_id=_longer(p.function_id, "Q", [last_function + i for i in ones]),
            function_name=_longer(p.function_name, "I", names),
            function_system_name=_longer(p.function_system_name, "I", [0] * n),
            function_filename=_longer(p.function_filename, "I", files),
            function_start_line=_longer(p.function_start_line, "q", [0] * n),
            location_id=_longer(p.location_id, "Q", [last_location + i for i in ones]),
            location_address=_longer(p.location_address, "Q", [0] * n),
            location_mapping=_longer(p.location_mapping, "I", [NONE] * n),
            location_folded=_longer(p.location_folded, "B", [0] * n),
            line_start=_longer(p.line_start, "q", [len(p.line_function) + i for i in ones]),
            line_function=_longer(p.line_function, "I", [p.functions + i for i in range(n)]),
            line_line=_longer(p.line_line, "q", [0] * n),
            line_column=_longer(p.line_column, "q", [0] * n),
        )


def _longer(old: memoryview, code: Code, more: list[int]) -> memoryview:
    new = zeros(code, len(old) + len(more))
    new[: len(old)] = old
    for i, item in enumerate(more, len(old)):
        new[i] = item & 0xFFFFFFFFFFFFFFFF if code == "Q" else item
    return new
