"""Labels of samples: the units of those that are numbers, and the mark of a comparison's base."""

from __future__ import annotations

from gosnap._kernels import profile_filter as kernel
from gosnap.profile.model import BASE_LABEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.profile.model import Profile


class Labels:
    """The labels of a profile that differ from each other: few, where samples are many.

    ``which`` u32[labels]: the number of each label among them; ``first`` u32: where each of them is first.
    """

    __slots__ = ("first", "profile", "which")

    def __init__(self, profile: Profile) -> None:
        p = self.profile = profile
        self.which, self.first = kernel.distinct(p.label_key, p.label_str, p.label_num, p.label_unit)

    def __len__(self) -> int:
        return len(self.first)

    def is_number(self, i: int) -> bool:
        """Whether one of them is a number."""
        return self.profile.label_str[self.first[i]] == 0

    def key(self, i: int) -> bytes:
        """Its name."""
        return self.profile.strings.raw(self.profile.label_key[self.first[i]])

    def text(self, i: int) -> bytes:
        """Its value, if that is a string."""
        return self.profile.strings.raw(self.profile.label_str[self.first[i]])

    def number(self, i: int) -> int:
        """Its value, if that is a number."""
        return int(self.profile.label_num[self.first[i]])

    def unit(self, i: int) -> bytes:
        """The unit that comes with a number, b"" for none."""
        return self.profile.strings.raw(self.profile.label_unit[self.first[i]])


def number_units(profile: Profile) -> tuple[dict[bytes, str], dict[bytes, list[str]]]:
    """(the unit of the numbers of each key, other units that were met for it, sorted).

    The first unit that comes with a number of a key is that of all; where none does, numbers of "alignment"
    and "request" are bytes, and others are of a unit that is called as the key is (google/pprof
    profile/profile.go, NumLabelUnits, as in Go 1.27).
    """
    units: dict[bytes, str] = {}
    others: dict[bytes, set[str]] = {}
    labels = Labels(profile)
    for i in range(len(labels)):
        if not labels.is_number(i):
            continue
        key, unit = labels.key(i), labels.unit(i).decode("utf-8", "surrogateescape")
        known = units.setdefault(key, unit)
        if not known:
            units[key] = unit
        elif unit and unit != known:
            others.setdefault(key, set()).add(unit)
    for key, unit in units.items():
        if not unit:
            units[key] = (
                "bytes" if key in (b"alignment", b"request") else key.decode("utf-8", "surrogateescape")
            )
    return units, {key: sorted(found) for key, found in others.items()}


def mark_base(profile: Profile, sides: memoryview) -> bool:
    """Set sides[i] to 1 for samples of the base of a comparison; whether there are any."""
    p = profile
    labels = Labels(p)
    key, value = BASE_LABEL
    hit = memoryview(
        bytearray(
            not labels.is_number(i) and labels.key(i) == key and labels.text(i) == value
            for i in range(len(labels))
        )
    )
    return any(hit) and kernel.having(p.label_start, labels.which, hit, sides) > 0
