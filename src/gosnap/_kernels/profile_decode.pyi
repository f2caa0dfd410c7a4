"""A profile.proto (google/pprof proto/profile.proto) as flat columns.

What the wire may hold is all read: repeated numbers packed or not, or both; numbers of up to ten bytes;
unknown fields of wire types 0, 1, 2 and 5; fields in any order; ids that are any non-zero number. Loops run
without the GIL.
"""

from typing import Any

from typing_extensions import Buffer

class Decoder:
    """Reads uncompressed bytes, which must not change meanwhile: at once all but the samples, and how many of
    these there are; the samples part by part, by several threads if need be.

    ValueError, with the place where there is one: bytes that are no message (groups, numbers without an end,
    lengths that lie), a known field of another wire type, a first string that is not empty, concatenated
    profiles, a string, location or function that is not in its table, ids that are 0 or not unique, samples
    whose values are not as many as the sample types, more than 4,096 sample types. MemoryError: no memory;
    what is asked for is at most six times what the bytes hold.
    """

    parts: int
    """Into how many parts the samples fall, 8,192 in each."""

    def __init__(self, data: Buffer) -> None: ...
    def read_samples(self, first: int, last: int) -> None:
        """Read the parts from ``first`` on, up to and without ``last``. Each once, before ``result``."""

    def result(self) -> dict[str, Any]:
        """What was read.

        ``header`` is a dict of ints: time_nanos, duration_nanos, period, and as indexes of strings
        default_sample_type, doc_url, drop_frames, keep_frames, period_type, period_unit and the list
        sample_types (type, unit, type, unit, …). All else is a column, a memoryview of native items:

        - string_data u8, string_offset i64[strings + 1]; equal strings have one index everywhere
        - comments u32 (strings)
        - values i64[samples * types], sample after sample
        - stack_start i64[samples + 1] and stack u32: places of locations, leaf first
        - label_start i64[samples + 1], label_key u32, label_str u32 (0: a number), label_num i64, label_unit
          u32; of a sample, strings before numbers, each by key, and in the file's order for one key; labels
          without any value are dropped; an empty value has an index of its own
        - mapping_id, mapping_start, mapping_limit, mapping_offset u64, mapping_file, mapping_build_id u32,
          mapping_flags u8 (1 functions, 2 filenames, 4 line numbers, 8 inlined frames)
        - location_id, location_address u64, location_mapping u32 (a place, 0xFFFFFFFF for none),
          location_folded u8
        - line_start i64[locations + 1] and line_function u32 (a place), line_line, line_column i64: lines of
          a location, innermost first
        - function_id u64, function_name, function_system_name, function_filename u32, function_start_line i64
        """
