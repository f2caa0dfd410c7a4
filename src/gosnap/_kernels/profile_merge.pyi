"""Profiles made one (google/pprof profile/merge.go, as in Go 1.27). Loops run without the GIL."""

from typing import Any

from typing_extensions import Buffer

class Merger:
    """Takes profiles of the same ``types`` sample types, one after the other.

    Equal strings, functions (name, system name, filename, start line), mappings (size in whole pages, offset,
    build ID or else file), locations (place in their mapping, lines, folded) and samples (locations, labels)
    become one; samples of zeros are left out. All are numbered from 1 in the order in which samples lead to
    them, but for the first mapping, which stays the first.
    """

    zeros: int
    """Samples so far whose values cancelled each other."""

    def __init__(self, types: int) -> None: ...
    def add(self, p: Any) -> None:
        """The columns of a ``gosnap.profile.model.Profile``. ValueError: they do not fit together."""

    def result(self) -> dict[str, memoryview]:
        """Columns, named as ``profile_decode`` names them. Once."""

def sums(values: Buffer, types: int) -> list[int]:
    """The sum of each sample type."""

def scale(values: Buffer, ratios: Buffer, cut: bool = False) -> memoryview:
    """Values times f64[types], rounded half away from 0, or with ``cut`` towards 0; those of ratio 1 as they
    are."""

def pick(values: Buffer, types: int, places: list[int]) -> memoryview:
    """The values of some sample types, in another order if need be."""

def set_label(
    label_start: Buffer,
    label_key: Buffer,
    label_str: Buffer,
    label_num: Buffer,
    label_unit: Buffer,
    before: Buffer,
    key: int,
    value: int,
) -> dict[str, memoryview]:
    """Label columns in which every sample has this string label, in its place; older ones of the key go.
    ``before`` u8[strings]: keys that sort before it.
    """
