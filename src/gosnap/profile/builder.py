"""Make a profile from its parts: functions, mappings and locations are deduplicated, samples are kept as
given.

builder = ProfileBuilder([("inuse_objects", "count"), ("inuse_space", "bytes")], ("space", "bytes"), 524288)
f = builder.function("main.serve", "/src/main.go", 12)
here = builder.location(0x401234, [(f, 17)])
builder.sample([here], [3, 48], {"bytes": (16, "")})
profile = builder.build()
"""

from __future__ import annotations

from array import array

from gosnap.profile.columns import column
from gosnap.profile.model import NONE, Profile, ValueType, check_valid
from gosnap.profile.strings import Strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Number = int | tuple[int, str]
    Labels = Mapping[str, str | Number | list[str | Number]]
    """By key: a string, a number, a number and its unit, or a list of these."""


class ProfileBuilder:
    """Collects a profile. What ``function``, ``mapping`` and ``location`` return is theirs to give back here.

    ``sample_types`` and ``period_type`` are (type, unit); ``period``: how many units from sample to sample.
    Attributes to set: ``time_nanos``, ``duration_nanos``, ``default_sample_type``, ``doc_url``,
    ``drop_frames``, ``keep_frames``, ``comments``.
    """

    def __init__(
        self,
        sample_types: Sequence[ValueType],
        period_type: ValueType = ("", ""),
        period: int = 0,
    ) -> None:
        self.sample_types = tuple((t, u) for t, u in sample_types)
        self.period_type = period_type
        self.period = period
        self.time_nanos = 0
        self.duration_nanos = 0
        self.default_sample_type = ""
        self.doc_url = ""
        self.drop_frames = ""
        self.keep_frames = ""
        self.keep_zeros = False
        """Whether labels that are 0, without a unit, are kept; a file would lose them."""
        self.comments: list[str] = []
        self._strings: dict[bytes, int] = {b"": 0}
        self._functions: dict[tuple[int, int, int, int], int] = {}
        self._mappings: dict[tuple[int, int, int, int, int, int], int] = {}
        self._locations: dict[tuple[int, int, bool, tuple[tuple[int, int, int], ...]], int] = {}
        self._values = array("q")
        self._stack_start = array("q", [0])
        self._stack = array("I")
        self._label_start = array("q", [0])
        self._label_key = array("I")
        self._label_str = array("I")
        self._label_num = array("q")
        self._label_unit = array("I")

    def _string(self, text: str | bytes) -> int:
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        return self._strings.setdefault(raw, len(self._strings))

    def function(self, name: str, filename: str = "", start_line: int = 0, system_name: str = "") -> int:
        """A function; ``system_name`` is the linker's, by default the same."""
        key = (self._string(name), self._string(system_name or name), self._string(filename), start_line)
        return self._functions.setdefault(key, len(self._functions))

    def mapping(  # noqa: PLR0917 (what profile.proto has, in its order)
        self,
        start: int = 0,
        limit: int = 0,
        offset: int = 0,
        file: str = "",
        build_id: str = "",
        flags: int = 0,
    ) -> int:
        """Where an executable or library lies; the first is the main executable. ``flags``: HAS_FUNCTIONS and
        so on, what its locations know."""
        key = (start, limit, offset, self._string(file), self._string(build_id), flags)
        return self._mappings.setdefault(key, len(self._mappings))

    def location(
        self,
        address: int,
        lines: Sequence[tuple[int, int] | tuple[int, int, int]] = (),
        mapping: int | None = None,
        *,
        folded: bool = False,
    ) -> int:
        """A place in the code. ``lines``: (function, line) or (function, line, column), the innermost inlined
        call first."""
        full = tuple((line[0], line[1], line[2] if len(line) > 2 else 0) for line in lines)
        for function, _, _ in full:
            if not 0 <= function < len(self._functions):
                raise ValueError(f"no function {function}")
        if mapping is not None and not 0 <= mapping < len(self._mappings):
            raise ValueError(f"no mapping {mapping}")
        key = (address, NONE if mapping is None else mapping, folded, full)
        return self._locations.setdefault(key, len(self._locations))

    def sample(self, locations: Sequence[int], values: Sequence[int], labels: Labels | None = None) -> None:
        """A stack, leaf first, with a value for each sample type."""
        if len(values) != len(self.sample_types):
            raise ValueError(f"{len(values)} values for {len(self.sample_types)} sample types")
        for location in locations:
            if not 0 <= location < len(self._locations):
                raise ValueError(f"no location {location}")
        self._values.extend(values)
        self._stack.extend(locations)
        self._stack_start.append(len(self._stack))
        self._label(labels or {})
        self._label_start.append(len(self._label_key))

    def _label(self, labels: Labels) -> None:
        texts: list[tuple[bytes, int, int, int, int]] = []
        numbers: list[tuple[bytes, int, int, int, int]] = []
        for key, given in labels.items():
            raw, place = key.encode("utf-8", "surrogateescape"), self._string(key)
            values: Sequence[str | Number]
            # a number with its unit is a tuple; several values are a list
            values = given if isinstance(given, list) else [given]
            for value in values:
                if isinstance(value, str):
                    if value:
                        texts.append((raw, place, self._string(value), 0, 0))
                    continue
                number, unit = (value, "") if isinstance(value, int) else value
                # without a unit, 0 cannot be told from nothing in profile.proto
                if number or unit or self.keep_zeros:
                    numbers.append((raw, place, 0, number, self._string(unit)))
        for rows in (texts, numbers):
            for row in sorted(rows, key=lambda row: row[0]):
                self._label_key.append(row[1])
                self._label_str.append(row[2])
                self._label_num.append(row[3])
                self._label_unit.append(row[4])

    def build(self) -> Profile:
        """The profile. The builder can go on to be used; GosnapError where what it was given is no
        profile."""
        comments = [self._string(text) for text in self.comments]
        functions, mappings, locations = list(self._functions), list(self._mappings), list(self._locations)
        lines = [line for *_, some in locations for line in some]
        starts = array("q", [0])
        for *_, some in locations:
            starts.append(starts[-1] + len(some))
        profile = Profile(
            Strings.of(list(self._strings)),
            sample_types=self.sample_types,
            period_type=self.period_type,
            period=self.period,
            time_nanos=self.time_nanos,
            duration_nanos=self.duration_nanos,
            default_sample_type=self.default_sample_type,
            doc_url=self.doc_url,
            drop_frames=self.drop_frames,
            keep_frames=self.keep_frames,
            comments=column("I", comments),
            values=memoryview(array("q", self._values)),
            stack_start=memoryview(array("q", self._stack_start)),
            stack=memoryview(array("I", self._stack)),
            label_start=memoryview(array("q", self._label_start)),
            label_key=memoryview(array("I", self._label_key)),
            label_str=memoryview(array("I", self._label_str)),
            label_num=memoryview(array("q", self._label_num)),
            label_unit=memoryview(array("I", self._label_unit)),
            mapping_id=column("Q", range(1, len(mappings) + 1)),
            mapping_start=column("Q", [m[0] for m in mappings]),
            mapping_limit=column("Q", [m[1] for m in mappings]),
            mapping_offset=column("Q", [m[2] for m in mappings]),
            mapping_file=column("I", [m[3] for m in mappings]),
            mapping_build_id=column("I", [m[4] for m in mappings]),
            mapping_flags=column("B", [m[5] for m in mappings]),
            location_id=column("Q", range(1, len(locations) + 1)),
            location_address=column("Q", [entry[0] for entry in locations]),
            location_mapping=column("I", [entry[1] for entry in locations]),
            location_folded=column("B", [entry[2] for entry in locations]),
            line_start=memoryview(starts),
            line_function=column("I", [line[0] for line in lines]),
            line_line=column("q", [line[1] for line in lines]),
            line_column=column("q", [line[2] for line in lines]),
            function_id=column("Q", range(1, len(functions) + 1)),
            function_name=column("I", [f[0] for f in functions]),
            function_system_name=column("I", [f[1] for f in functions]),
            function_filename=column("I", [f[2] for f in functions]),
            function_start_line=column("q", [f[3] for f in functions]),
        )
        check_valid(profile)
        return profile
