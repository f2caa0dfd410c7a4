"""A profile as flat columns, and the rules that hold for a valid one.

Nothing in here is a Python object per sample, location, function or string.
"""

from __future__ import annotations

from gosnap.errors import GosnapError
from gosnap.profile.columns import zeros
from gosnap.profile.strings import Strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gosnap.profile.columns import Code

NONE = 0xFFFFFFFF
"""No mapping."""
BASE_LABEL = (b"pprof::base", b"true")
"""Key and value of the label that samples of a diff base have."""
HAS_FUNCTIONS, HAS_FILENAMES, HAS_LINE_NUMBERS, HAS_INLINE_FRAMES = 1, 2, 4, 8
"""Bits of ``mapping_flags``."""

COLUMNS: dict[str, Code] = {
    "values": "q",
    "stack_start": "q",
    "stack": "I",
    "label_start": "q",
    "label_key": "I",
    "label_str": "I",
    "label_num": "q",
    "label_unit": "I",
    "mapping_id": "Q",
    "mapping_start": "Q",
    "mapping_limit": "Q",
    "mapping_offset": "Q",
    "mapping_file": "I",
    "mapping_build_id": "I",
    "mapping_flags": "B",
    "location_id": "Q",
    "location_address": "Q",
    "location_mapping": "I",
    "location_folded": "B",
    "line_start": "q",
    "line_function": "I",
    "line_line": "q",
    "line_column": "q",
    "function_id": "Q",
    "function_name": "I",
    "function_system_name": "I",
    "function_filename": "I",
    "function_start_line": "q",
    "comments": "I",
}
"""Every column and its type."""

ValueType = tuple[str, str]
"""What is counted, and in which unit: ("inuse_space", "bytes")."""


class Profile:
    """Samples with their stacks and labels, and the tables that they refer to.

    Samples: ``values`` i64[samples * types], sample after sample; ``stack_start`` i64[samples + 1] and
    ``stack`` u32, places of locations, leaf first; ``label_start`` i64[samples + 1] with ``label_key``,
    ``label_str`` (0: a number) u32, ``label_num`` i64, ``label_unit`` u32: strings before numbers, each by
    key. Locations: ``location_id``, ``location_address`` u64, ``location_mapping`` u32 (a place or ``NONE``),
    ``location_folded`` u8, ``line_start`` i64[locations + 1]. Lines, innermost first: ``line_function`` u32
    (a place), ``line_line``, ``line_column`` i64. Functions: ``function_id`` u64, ``function_name``,
    ``function_system_name``, ``function_filename`` u32, ``function_start_line`` i64. Mappings:
    ``mapping_id``, ``_start``, ``_limit``, ``_offset`` u64, ``_file``, ``_build_id`` u32, ``_flags`` u8.
    ``comments`` u32. All that names a string is an index of ``strings``.

    A profile is not changed once it is made: what changes it is a copy that shares the other columns.
    """

    __slots__ = (
        *COLUMNS,
        "default_sample_type",
        "doc_url",
        "drop_frames",
        "duration_nanos",
        "keep_frames",
        "period",
        "period_type",
        "sample_types",
        "strings",
        "time_nanos",
    )

    strings: Strings
    sample_types: tuple[ValueType, ...]
    default_sample_type: str
    period_type: ValueType
    period: int
    time_nanos: int
    duration_nanos: int
    drop_frames: str
    keep_frames: str
    doc_url: str
    values: memoryview
    stack_start: memoryview
    stack: memoryview
    label_start: memoryview
    label_key: memoryview
    label_str: memoryview
    label_num: memoryview
    label_unit: memoryview
    mapping_id: memoryview
    mapping_start: memoryview
    mapping_limit: memoryview
    mapping_offset: memoryview
    mapping_file: memoryview
    mapping_build_id: memoryview
    mapping_flags: memoryview
    location_id: memoryview
    location_address: memoryview
    location_mapping: memoryview
    location_folded: memoryview
    line_start: memoryview
    line_function: memoryview
    line_line: memoryview
    line_column: memoryview
    function_id: memoryview
    function_name: memoryview
    function_system_name: memoryview
    function_filename: memoryview
    function_start_line: memoryview
    comments: memoryview

    def __init__(self, strings: Strings, **fields: Any) -> None:
        self.strings = strings
        self.sample_types = ()
        self.period_type = ("", "")
        self.period = self.time_nanos = self.duration_nanos = 0
        self.default_sample_type = self.drop_frames = self.keep_frames = self.doc_url = ""
        for name, code in COLUMNS.items():
            if name not in fields:
                setattr(self, name, zeros(code, 1 if name.endswith("_start") and code == "q" else 0))
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def from_decoded(cls, found: dict[str, Any]) -> Profile:
        """What the decode kernel returns."""
        header = found.pop("header")
        strings = Strings(found.pop("string_data"), found.pop("string_offset"))
        text = strings.text
        names = header.pop("sample_types")
        types = tuple((text(names[i]), text(names[i + 1])) for i in range(0, len(names), 2))
        period_type = (text(header.pop("period_type")), text(header.pop("period_unit")))
        for name in ("default_sample_type", "doc_url", "drop_frames", "keep_frames"):
            header[name] = text(header[name])
        return cls(strings, sample_types=types, period_type=period_type, **header, **found)

    def replace(self, **fields: Any) -> Profile:
        """A copy with other fields; what is not named is shared."""
        copy = Profile.__new__(Profile)
        for name in Profile.__slots__:
            setattr(copy, name, getattr(self, name))
        for name, value in fields.items():
            setattr(copy, name, value)
        return copy

    @property
    def samples(self) -> int:
        """How many samples."""
        return len(self.stack_start) - 1

    @property
    def locations(self) -> int:
        """How many locations."""
        return len(self.location_id)

    @property
    def functions(self) -> int:
        """How many functions."""
        return len(self.function_id)

    @property
    def mappings(self) -> int:
        """How many mappings; the first is the main executable."""
        return len(self.mapping_id)

    def sample_index(self, name: str) -> int:
        """The sample type that a name, a number or "" (the default, else the last) stands for.

        "inuse_space" also finds "space", as profiles of old call it. GosnapError where there is none.
        """
        names = [t for t, _ in self.sample_types]
        if not names:
            raise GosnapError("the profile has no samples", "capture it again; this one names no sample type")
        if not name:
            if self.default_sample_type and self.default_sample_type in names:
                return names.index(self.default_sample_type)
            return len(names) - 1
        if name.lstrip("+-").isascii() and name.lstrip("+-").isdigit():
            if not 0 <= int(name) < len(names):
                raise GosnapError(
                    f"sample_index {name} is outside the range 0 to {len(names) - 1}", self._choices(names)
                )
            return int(name)
        for i, known in enumerate(names):
            if known in (name, name.removeprefix("inuse_")):
                return i
        raise GosnapError(f"the profile has no sample type {name!r}", self._choices(names))

    @staticmethod
    def _choices(names: list[str]) -> str:
        return f"choose one with --sample_index: {', '.join(names)}"


def check_valid(profile: Profile) -> None:
    """Raise GosnapError where columns contradict each other: lengths, references, ids.

    What is read from a file has been checked by the decode kernel; this is for profiles that were built.
    """
    from gosnap._kernels.profile_check import check

    types = len(profile.sample_types)
    p = profile
    try:
        if p.samples and not types:
            raise ValueError(f"{p.samples:,} samples, but no sample type")
        if len(p.values) != p.samples * types:
            raise ValueError(
                f"{len(p.values):,} values of {p.samples:,} samples with {types} sample types each"
            )
        strings, locations, functions = len(p.strings), p.locations, p.functions
        for start, column, what in (
            ("stack_start", "stack", "stacks"),
            ("label_start", "label_key", "labels"),
            ("line_start", "line_function", "lines"),
        ):
            check(what, getattr(p, column), strings if what == "labels" else NONE, getattr(p, start))
        check("stacks", p.stack, locations)
        check("lines", p.line_function, functions)
        for name, code in COLUMNS.items():
            if code == "I" and name not in ("stack", "line_function", "location_mapping"):
                check(name, getattr(p, name), strings)
        check("mappings of locations", p.location_mapping, p.mappings, none=NONE)
        for table, n in (("mapping", p.mappings), ("location", locations), ("function", functions)):
            check(f"{table} ids", getattr(p, f"{table}_id"), 0)
            for name in COLUMNS:
                if name.startswith(f"{table}_") and len(getattr(p, name)) != n:
                    raise ValueError(f"{len(getattr(p, name)):,} of {name} for {n:,} {table}s")
        if len(p.label_start) != p.samples + 1 or len(p.line_start) != locations + 1:
            raise ValueError("labels or lines that belong to no sample or location")
        for name, size in (("label", len(p.label_key)), ("line", len(p.line_function))):
            for other in COLUMNS:
                if (
                    other.startswith(f"{name}_")
                    and other != f"{name}_start"
                    and len(getattr(p, other)) != size
                ):
                    raise ValueError(f"{len(getattr(p, other)):,} of {other} for {size:,} {name}s")
    except ValueError as e:
        raise GosnapError(
            f"an invalid profile: {e}", "this is a mistake of what made it; report it"
        ) from None
