"""profile.proto by google/protobuf, from a description of the format made here: an oracle that is not ours.

``parse(bytes)`` takes a profile with or without gzip and returns the message, ``stacks(message)`` reads it.
The field numbers are those of google/pprof's proto/profile.proto.
"""

import gzip
from collections import Counter
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_NUMBERS = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "int64": _NUMBERS.TYPE_INT64,
    "uint64": _NUMBERS.TYPE_UINT64,
    "bool": _NUMBERS.TYPE_BOOL,
    # bytes, not string: nothing makes a profile's names valid UTF-8
    "bytes": _NUMBERS.TYPE_BYTES,
}
_SCHEMA = {
    "Profile": """1 ValueType* sample_type; 2 Sample* sample; 3 Mapping* mapping; 4 Location* location;
        5 Function* function; 6 bytes* string_table; 7 int64 drop_frames; 8 int64 keep_frames;
        9 int64 time_nanos; 10 int64 duration_nanos; 11 ValueType period_type; 12 int64 period;
        13 int64* comment; 14 int64 default_sample_type; 15 int64 doc_url""",
    "ValueType": "1 int64 type; 2 int64 unit",
    "Sample": "1 uint64* location_id; 2 int64* value; 3 Label* label",
    "Label": "1 int64 key; 2 int64 str; 3 int64 num; 4 int64 num_unit",
    "Mapping": """1 uint64 id; 2 uint64 memory_start; 3 uint64 memory_limit; 4 uint64 file_offset;
        5 int64 filename; 6 int64 build_id; 7 bool has_functions; 8 bool has_filenames;
        9 bool has_line_numbers; 10 bool has_inline_frames""",
    "Location": "1 uint64 id; 2 uint64 mapping_id; 3 uint64 address; 4 Line* line; 5 bool is_folded",
    "Line": "1 uint64 function_id; 2 int64 line; 3 int64 column",
    "Function": "1 uint64 id; 2 int64 name; 3 int64 system_name; 4 int64 filename; 5 int64 start_line",
}


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="oracle.proto", package="oracle", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field in fields.split(";"):
            number, kind, label = field.split()
            repeated = kind.endswith("*")
            kind = kind.rstrip("*")
            described = message.field.add(
                name=label,
                number=int(number),
                label=_NUMBERS.LABEL_REPEATED if repeated else _NUMBERS.LABEL_OPTIONAL,
            )
            if kind in _TYPES:
                described.type = _TYPES[kind]
            else:
                described.type = _NUMBERS.TYPE_MESSAGE
                described.type_name = f".oracle.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("oracle.Profile"))


Profile: Any = _message_class()
"""The message class; ``Profile()`` makes an empty profile to fill and serialise."""


def parse(data: bytes) -> Any:
    """The profile in these bytes, gzipped or not."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    message = Profile()
    message.ParseFromString(data)
    return message


def text(profile: Any, index: int) -> str:
    """A string of the table."""
    return bytes(profile.string_table[index]).decode("utf-8", "replace")


Frame = tuple[str, str, int]
"""function, file, line"""


def stacks(profile: Any) -> Iterator[tuple[tuple[Frame, ...], tuple[int, ...], dict[str, Any]]]:
    """(frames from the leaf on with the inlined ones, values, labels) of each sample.

    Labels are ``key -> str``, or ``key -> int`` where they are numbers; the last one of several counts.
    """
    functions = {f.id: (text(profile, f.name), text(profile, f.filename)) for f in profile.function}
    lines: dict[int, tuple[Frame, ...]] = {
        location.id: tuple((*functions[line.function_id], line.line) for line in location.line)
        for location in profile.location
    }
    for sample in profile.sample:
        frames = tuple(frame for location in sample.location_id for frame in lines[location])
        labels = {
            text(profile, label.key): text(profile, label.str) if label.str else label.num
            for label in sample.label
        }
        yield frames, tuple(sample.value), labels


def interesting(profile: Any) -> dict[str, str]:
    """Names of a profile that filters can be tried on.

    ``leaf`` is the function that allocates most, ``mid`` one that most stacks lead through without ending
    there, ``root`` the outermost one of most stacks, ``file`` the base name of mid's file, ``size`` a value
    of the bytes label that occurs. Functions of the program's own packages come first, main.main and the
    writing of profiles after them, what runs before main next, then the standard library and the runtime.
    Where the profile has no symbols they are names that match nothing.
    """
    leaves: Counter[str] = Counter()
    mids: Counter[str] = Counter()
    roots: Counter[str] = Counter()
    sizes: Counter[int] = Counter()
    files: dict[str, str] = {}
    for frames, values, labels in stacks(profile):
        if isinstance(size := labels.get("bytes"), int):
            sizes[size] += 1
        if not frames:
            continue
        names = [name for name, _, _ in frames]
        files.update((name, file) for name, file, _ in frames)
        weight = values[min(1, len(values) - 1)] + 1
        leaves[names[0]] += weight
        mids.update({name for name in names[1:-1] if name != names[0]})
        roots[names[-1]] += 1

    def first(counted: Counter[str], *others: str) -> str:
        ranked = sorted(counted, key=lambda name: (name in others, _rank(name), -counted[name], name))
        return ranked[0] if ranked else "no-such-function"

    leaf = first(leaves)
    root = first(roots, leaf)
    mid = first(mids, leaf, root)
    return {
        "leaf": quoted(leaf),
        "mid": quoted(mid),
        "root": quoted(root),
        "file": quoted(files.get(mid, "no-such-file").rpartition("/")[2]),
        "size": str(sorted(sizes)[len(sizes) // 2] if sizes else 48),
    }


def _rank(name: str) -> int:
    """Lower is better: see ``interesting``."""
    if name in ("main.main", "main.write", "main.writeHeap", "main.writeRest", "main.settle"):
        return 1
    if name.startswith(("main.", "gosnap.test/", "example.com/")):
        return 2 if ".init" in name or "/globals." in name else 0
    return 4 if name.startswith(("runtime.", "internal/runtime/", "unicode.")) or ".init" in name else 3


def quoted(name: str) -> str:
    """A regular expression of RE2 and of Python that matches exactly this."""
    return "".join("\\" + c if c in r"\.+*?()|[]{}^$" else c for c in name)
