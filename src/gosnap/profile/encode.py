"""Write a profile as profile.proto: the same bytes for the same profile, whenever and wherever."""

from __future__ import annotations

import zlib

from gosnap._kernels import profile_encode as kernel
from gosnap.profile.columns import zeros
from gosnap.profile.model import Profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NAMED = (
    "label_key",
    "label_str",
    "label_unit",
    "mapping_file",
    "mapping_build_id",
    "function_name",
    "function_system_name",
    "function_filename",
    "comments",
)
"""Columns that name strings."""


def encode(profile: Profile) -> bytes:
    """Uncompressed, fields in the order in which pprof writes them; strings that nothing names are left
    out."""
    p = profile
    intern = p.strings.intern
    types = [(_index(intern, t), _index(intern, u)) for t, u in p.sample_types]
    period_type = (_index(intern, p.period_type[0]), _index(intern, p.period_type[1]))
    texts = [_index(intern, t) for t in (p.drop_frames, p.keep_frames, p.default_sample_type, p.doc_url)]
    data, offset = p.strings.columns()
    mark = zeros("B", len(p.strings))
    for index in (*(i for pair in types for i in pair), *period_type, *texts):
        mark[index] = 1
    for name in _NAMED:
        kernel.used(getattr(p, name), mark)
    strings = zeros("I", len(p.strings))
    kernel.number(mark, strings)

    w = kernel.Writer()
    for type_, unit in types:
        w.value_type(1, strings[type_], strings[unit])
    w.samples(
        p.values,
        len(types),
        p.stack_start,
        p.stack,
        p.location_id,
        p.label_start,
        p.label_key,
        p.label_str,
        p.label_num,
        p.label_unit,
        strings,
    )
    w.mappings(
        p.mapping_id,
        p.mapping_start,
        p.mapping_limit,
        p.mapping_offset,
        p.mapping_file,
        p.mapping_build_id,
        p.mapping_flags,
        strings,
    )
    w.locations(
        p.location_id,
        p.location_address,
        p.location_mapping,
        p.location_folded,
        p.line_start,
        p.line_function,
        p.line_line,
        p.line_column,
        p.mapping_id,
        p.function_id,
    )
    w.functions(
        p.function_id,
        p.function_name,
        p.function_system_name,
        p.function_filename,
        p.function_start_line,
        strings,
    )
    w.strings(data, offset, strings)
    drop, keep, default, doc = (strings[t] for t in texts)
    w.field(7, drop)
    w.field(8, keep)
    w.field(9, p.time_nanos)
    w.field(10, p.duration_nanos)
    if any(period_type):
        w.value_type(11, strings[period_type[0]], strings[period_type[1]])
    w.field(12, p.period)
    w.comments(p.comments, strings)
    w.field(14, default, always=True)
    w.field(15, doc)
    return w.result()


def compress(data: bytes) -> bytes:
    """gzip, without a name or a time."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def to_gzip(profile: Profile) -> bytes:
    """The profile as a .pb.gz file has it."""
    return compress(encode(profile))


def _index(intern: Callable[[bytes], int], text: str) -> int:
    return intern(text.encode("utf-8", "surrogateescape"))
