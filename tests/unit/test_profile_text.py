"""Go's text profiles; numbers after scaleHeapSample and the rules of google/pprof's legacy parser."""

import math

import pytest

from gosnap.errors import GosnapError
from gosnap.profile import read
from gosnap.profile.graph import Nodes, trimmed
from gosnap.profile.text_format import memstats, unsampled

HEAP = """\
heap profile: 3: 2097168 [5: 4194320] @ heap/1048576
1: 1048576 [2: 2097152] @ 0x401001 0x402011 0x403021 0x404031
#\t0x402010\tmain.leaf+0x10\t\t/src/main.go:16
#\t0x403020\tmain.main+0x20\t\t/src/main.go:20

2: 32 [3: 48] @ 0x403021 0x404031
#\t0x403020\tmain.main+0x20\t\t/src/main.go:20


# runtime.MemStats
# Alloc = 2097168
# Stack = 327680 / 393216
# PauseNs = [1 2 3]
# GCCPUFraction = 0.05
# MaxRSS = 19705856
"""


def test_a_heap_of_go() -> None:
    p = read.parse(HEAP.encode(), "x")
    assert p.sample_types == (
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    )
    # the header has twice the rate
    assert p.period == 524288 and p.period_type == ("space", "bytes")
    scale = 1 / (1 - math.exp(-2.0))
    assert list(p.values[:4]) == [int(2 * scale), int(2097152 * scale), int(scale), int(1048576 * scale)]
    assert list(p.label_num) == [1048576, 16]
    graph = trimmed(Nodes(p, "lines"), 3)
    assert [graph.name(n).decode() for n in graph.order] == [
        "main.leaf /src/main.go:16",
        "main.main /src/main.go:20",
    ]
    # a return address is behind its call
    assert list(p.location_address) == [0x402010, 0x403020]
    assert memstats(p) == {"Alloc": 2097168, "Stack": 327680, "StackSys": 393216, "MaxRSS": 19705856}
    assert memstats(read.parse(HEAP.replace("# ", "").split("\nruntime", 1)[0].encode(), "x")) == {}


def test_without_comments_there_are_addresses() -> None:
    plain = "\n".join(line for line in HEAP.splitlines() if not line.startswith("#"))
    p = read.parse(plain.encode(), "x")
    assert list(p.location_address) == [0x401000, 0x402010, 0x403020, 0x404030] and p.functions == 0
    assert p.mappings == 1 and list(p.location_mapping) == [0] * 4


@pytest.mark.parametrize(
    ("header", "period", "values"),
    [
        ("heap profile: 1: 8 [0: 0] @ heap/2", 1, [1, 8]),
        ("heap profile: 1: 8 [1: 8] @ heapprofile", 1, [1, 8]),
        ("heap profile: 1: 8 [1: 8] @ growthz", 1, [1, 8]),
        ("heap profile: 1: 8 [1: 8] @ fragmentationz", 1, [1, 8]),
        ("heap profile: 1: 8 [1: 8] @ heap_v2/16", 16, [2, 20]),
        ("heap profile: 1: 8 [1: 8] @ heap/0", 0, [1, 8]),
    ],
)
def test_kinds_of_heaps(header: str, period: int, values: list[int]) -> None:
    p = read.parse(f"{header}\n1: 8 [1: 8] @ 0x10\n".encode(), "x")
    assert p.sample_types == (("objects", "count"), ("space", "bytes"))
    assert p.period == period and list(p.values) == values


@pytest.mark.parametrize(
    ("count", "size", "rate"), [(1, 16, 524288), (7, 7168, 524288), (3, 3 << 20, 524288), (-2, -64, 4096)]
)
def test_what_a_sample_stands_for(count: int, size: int, rate: int) -> None:
    scale = 1 / (1 - math.exp(-(size / count) / rate))
    assert unsampled(count, size, rate) == (int(count * scale), int(size * scale))
    assert unsampled(count, size, 1) == (count, size) and unsampled(0, size, rate) == (0, 0)


def test_goroutines_have_labels() -> None:
    text = (
        "goroutine profile: total 3\n"
        "2 @ 0x11 0x21\n"
        '# labels: {"job":"a \\"b\\" \\u00e9", "shard":"7"}\n'
        "#\t0x10\tmain.work+0x1\t/src/w.go:5\n"
        "#\t0x20\tmain.main+0x1\t/src/w.go:9\n"
        "\n"
        "1 @ 0x31\n"
    )
    p = read.parse(text.encode(), "x")
    assert p.sample_types == (("goroutine", "count"),) and p.period == 1
    assert list(p.values) == [2, 1]
    labels = [(p.strings.text(k), p.strings.text(v)) for k, v in zip(p.label_key, p.label_str, strict=True)]
    assert labels == [("job", 'a "b" \u00e9'), ("shard", "7")]


def test_memory_maps() -> None:
    text = (
        "heap profile: 1: 8 [1: 8] @ heapprofile\n"
        "1: 8 [1: 8] @ 0x400101 0x7f0000000201 0x99\n"
        "MAPPED_LIBRARIES:\n"
        "build=/opt/app\n"
        "7f0000000000-7f0000001000 r-xp 00000000 08:01 12 /lib/libc.so.6\n"
        "00400000-00401000 r-xp 00000000 08:01 11 $build/server\n"
        "00401000-00402000 rw-p 00000000 08:01 11 /opt/app/data\n"
    )
    p = read.parse(text.encode(), "x")
    files = [p.strings.text(i) for i in p.mapping_file]
    # the executable in front, and one for what is in none
    assert files == ["/opt/app/server", "/lib/libc.so.6", ""]
    assert list(p.location_mapping) == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("heap profile: 1: 8 [1: 8] @ heap/2\nnonsense\n", "line 2"),
        ("heap profile: 1: 8 [1: 8] @ heap/2\n\n0: 8 [1: 8] @ 0x1\n", "line 3: bytes without an object"),
        ("heap profile: 1: 8 [1: 8] @ heap/2\n1: 8 [1: 8] @ 0x1ffffffffffffffff\n", "64 bits"),
        (f"heap profile: 1: 8 [1: 8] @ heap/2\n{1 << 64}: 8 [1: 8] @ 0x1\n", "64 bits"),
        ("heap profile: 1: 8 [1: 8] @ unheard\n", "unknown kind"),
        ("heap profile: nothing\n", "neither"),
        ("goroutine profile: total 1\nx @ 0x1\n", "line 2"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(GosnapError) as e:
        read.parse(text.encode(), "some/file")
    assert said in e.value.message and e.value.message.startswith("some/file: ") and e.value.hint
