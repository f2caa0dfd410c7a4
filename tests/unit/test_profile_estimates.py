"""`--errors`: samples behind a number, and the interval that holds the truth.

Oracles: closed forms (exponential, Erlang and error functions, the Poisson distribution, tables of Garwood's
exact intervals) and a simulation of Go's sampler whose truth is known.
"""

import csv
import io
import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gosnap._kernels.profile_estimate import quantile
from gosnap.cli import main
from gosnap.profile.builder import ProfileBuilder
from gosnap.profile.encode import to_gzip
from gosnap.profile.estimates import Estimates, GraphEstimates
from gosnap.profile.model import Profile
from gosnap.profile.options import Config
from gosnap.profile.pipeline import Report, prepare

RATE = 512 * 1024
TYPES = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
]


def scaled(k: int, size: int, rate: int) -> tuple[int, int]:
    """(objects, bytes) that runtime/pprof writes for k samples: scaleHeapSample in protomem.go."""
    if k == 0:
        return 0, 0
    if rate <= 1:
        return k, k * size
    scale = 1 / (1 - math.exp(-size / rate))
    return int(k * scale), int(k * size * scale)


def profile(
    rows: list[tuple[str, int, int, int]],
    rate: int = RATE,
    *,
    labels: bool = True,
    types: list[tuple[str, str]] = TYPES,
    period_type: tuple[str, str] = ("space", "bytes"),
) -> Profile:
    """Rows (function, size, samples allocated, samples in use), each called by main.main."""
    b = ProfileBuilder(types, period_type, rate)
    root = b.location(1, [(b.function("main.main", "main.go"), 3)])
    places: dict[str, int] = {}
    for name, size, allocated, used in rows:
        if name not in places:
            at = len(places) + 2
            places[name] = b.location(at, [(b.function(name, "main.go"), at)])
        four = (*scaled(allocated, size, rate), *scaled(used, size, rate))
        values = dict(zip([t for t, _ in TYPES], four, strict=True))
        given = [values[t] for t, _ in types]
        b.sample([places[name], root], given, {"bytes": size} if labels else {})
    return b.build()


def report(p: Profile, **settings: object) -> Report:
    return prepare(p, Config(**settings), "top", [])


def intervals(p: Profile, index: str = "inuse_space") -> dict[str, tuple[int, int, int]]:
    """Samples, low and high of what each function has itself."""
    made = report(p, sample_index=index)
    found = Estimates(made)
    assert not found.why, found.why
    graph = made.graph()
    nodes = graph.nodes
    own, _ = found.of(nodes.frame_start, nodes.frame_node, len(nodes))
    out = {}
    for node in range(len(nodes)):
        i = own(node, graph.flat_value(node))
        out[nodes.printable(node).decode()] = i.samples, i.low, i.high
    return out


# ---- the quantile ----


@pytest.mark.parametrize("p", [1e-6, 0.025, 0.3, 0.5, 0.975, 0.999999])
def test_quantiles_of_gamma_distributions(p: float) -> None:
    # a = 1: exponential; a = 1/2: of a squared normal variable; whole a: Erlang, whose sum is Poisson's
    assert quantile(1, p) == pytest.approx(-math.log1p(-p), rel=1e-8)
    assert math.erf(math.sqrt(quantile(0.5, p))) == pytest.approx(p, rel=1e-8)
    for a in (2, 7, 40, 400, 5000):
        x = quantile(a, p)
        below = math.fsum(math.exp(i * math.log(x) - x - math.lgamma(i + 1)) for i in range(a))
        # what is left of 1 has lost digits
        assert 1 - below == pytest.approx(p, rel=1e-5, abs=1e-11)


def test_quantiles_far_out() -> None:
    # a large: nearly normal; the table of the normal distribution has 1.959964
    for a in (2e5, 1e12):
        assert (quantile(a, 0.975) - a) / math.sqrt(a) == pytest.approx(1.959964, rel=5e-3)
    # a small: P(a, x) is about x**a / gamma(a + 1)
    assert quantile(0.001, 0.5) == pytest.approx((0.5 * math.gamma(1.001)) ** 1000, rel=1e-3)
    for a, p in ((0, 0.5), (-1, 0.5), (math.nan, 0.5), (1, 0), (1, 1), (1, math.nan)):
        with pytest.raises(ValueError):
            quantile(a, p)


# ---- intervals ----

GARWOOD = {
    # 95% limits of a Poisson mean; F. Garwood, Biometrika 28 (1936), as tables of chi square give them
    1: (0.0253, 5.5716),
    2: (0.2422, 7.2247),
    3: (0.6187, 8.7673),
    5: (1.6235, 11.6683),
    10: (4.7954, 18.3904),
    20: (12.2165, 30.8884),
    50: (37.1111, 65.9188),
}


@pytest.mark.parametrize("k", GARWOOD)
def test_small_objects_are_a_poisson_count(k: int) -> None:
    size = 16
    p = -math.expm1(-size / RATE)
    low, high = GARWOOD[k]
    for index, unit in (("inuse_objects", 1), ("inuse_space", size), ("alloc_space", size)):
        samples, least, most = intervals(profile([("f", size, k, k)]), index)["f"]
        assert samples == k
        assert least == pytest.approx(low * unit / p, rel=1e-3)
        assert most == pytest.approx(high * unit / p, rel=1e-3)


def test_of_large_objects_none_is_missed() -> None:
    size = 64 << 20
    assert intervals(profile([("f", size, 9, 3)]))["f"] == (3, 3 * size, 3 * size)
    # and small ones beside them are as uncertain as they are alone
    both = intervals(profile([("f", size, 9, 3), ("f", 16, 2, 2)]))["f"]
    alone = intervals(profile([("f", 16, 2, 2)]))["f"]
    assert both == (5, alone[1] + 3 * size, alone[2] + 3 * size)


def test_with_a_rate_of_1_all_is_exact() -> None:
    p = profile([("f", 16, 1000, 77), ("g", 4096, 3, 0)], 1)
    assert intervals(p)["f"] == (77, 77 * 16, 77 * 16)
    assert intervals(p, "alloc_objects")["g"] == (3, 3, 3)
    found = Estimates(report(p))
    assert found.exact and found.total.samples == 77


@pytest.mark.parametrize("rate", [2, 7, 512, RATE, 1 << 40])
@pytest.mark.parametrize("labels", [True, False])
def test_samples_are_told_from_what_they_were_scaled_to(rate: int, labels: bool) -> None:
    r = random.Random(rate)
    rows = [
        (f"f{i}", r.choice((1, 2, 8, 16, 48, 4096, 1 << 20)), r.randint(1, 999), r.randint(0, 99))
        for i in range(300)
    ]
    p = profile(rows, rate, labels=labels)
    for index, place in (("alloc_objects", 2), ("alloc_space", 2), ("inuse_objects", 3), ("inuse_space", 3)):
        found = intervals(p, index)
        # without the label the size is a quotient of two numbers that were cut
        slack = 0 if labels else 1
        for row in rows:
            assert abs(found[row[0]][0] - row[place]) <= slack, row
    only_objects = profile(rows, rate, types=TYPES[2:3])
    found = intervals(only_objects, "inuse_objects")
    assert all(found[row[0]][0] == row[3] for row in rows)


def sampler(r: random.Random, sizes: list[int], rate: int) -> list[int]:
    """Which allocations Go's sampler takes: it waits for an exponential number of bytes, and waits anew
    behind an object that was taken (runtime/malloc.go, nextSample)."""
    taken, left = [], r.expovariate(1 / rate)
    for size in sizes:
        left -= size
        if left < 0:
            taken.append(size)
            left = r.expovariate(1 / rate)
    return taken


MIXES = {
    "small": ([16], (200, 500), 512),
    "of the rate": ([512], (4, 30), 512),
    "large": ([4096, 1024], (3, 30), 512),
    "all": ([16, 32, 48, 64, 128, 512, 1024, 4096, 32768], (60, 300), 512),
    "few": ([64], (20, 60), 512),
    "many": ([8, 16, 32, 256], (2000, 3000), 512),
}


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("index", ["inuse_space", "inuse_objects"])
def test_intervals_hold_the_truth(mix: str, index: str) -> None:
    sizes, (fewest, most), rate = MIXES[mix]
    trials = 200 if mix == "many" else 1000
    r = random.Random(f"{mix} 1")
    rows: list[tuple[str, int, int, int]] = []
    truth: dict[str, int] = {}
    for trial in range(trials):
        made = [r.choice(sizes) for _ in range(r.randint(fewest, most))]
        name = f"f{trial}"
        truth[name] = sum(made) if index == "inuse_space" else len(made)
        taken = sampler(r, made, rate)
        rows += [(name, size, taken.count(size), taken.count(size)) for size in set(taken)]
    found = intervals(profile(rows, rate), index)
    held, seen = 0, 0
    for name, value in truth.items():
        # what was never sampled has no row
        if name in found:
            seen += 1
            held += found[name][1] <= value <= found[name][2]
    assert seen >= 0.7 * trials
    # binomial: three standard deviations below 95 of 100
    assert held / seen >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / seen)


def test_intervals_are_no_wider_than_needed() -> None:
    # of many samples: 1.96 standard errors to each side, k (1-p) / p**2 the variance
    for size, k in ((16, 400), (512, 1000), (2048, 3000)):
        p = -math.expm1(-size / 512)
        _, low, high = intervals(profile([("f", size, k, k)], 512))["f"]
        error = size * math.sqrt(k * (1 - p)) / p
        # and one object, as they come whole
        assert 1 <= (high - low - 2 * size) / (2 * 1.959964 * error) + 0.02 <= 1.1


# ---- where there are none ----


@pytest.mark.parametrize(
    ("made", "settings", "said"),
    [
        (profile([("f", 16, 1, 1)], 0), {}, "no heap profile with a sampling rate"),
        (profile([("f", 16, 1, 1)], period_type=("cpu", "nanoseconds")), {}, "524288 cpu/nanoseconds"),
        (profile([("f", 16, 1, 1)]), {"mean": True}, "means"),
        (profile([("f", 16, 1, 1)]), {"base": ("x",)}, "differences"),
        (profile([("f", 16, 1, 1)]), {"diff_base": ("x",)}, "differences"),
        (profile([("f", 16, 1, -1)]), {}, "negative"),
    ],
)
def test_where_there_are_none(made: Profile, settings: dict[str, object], said: str) -> None:
    found = Estimates(report(made, **settings))
    assert said in found.why


def test_other_counts_have_none() -> None:
    b = ProfileBuilder([("goroutine", "count")], ("space", "bytes"), 512)
    b.sample([b.location(1, [(b.function("f", "f.go"), 1)])], [3])
    assert "'goroutine' counts neither" in Estimates(report(b.build())).why
    b = ProfileBuilder([("inuse_space", "bytes")], ("space", "bytes"), 512)
    b.sample([b.location(1, [(b.function("f", "f.go"), 1)])], [3])
    assert "do not say of what size" in Estimates(report(b.build())).why


# ---- what is printed ----


def written(tmp_path: Path, rows: list[tuple[str, int, int, int]], rate: int = RATE) -> str:
    path = tmp_path / "heap.pb.gz"
    path.write_bytes(to_gzip(profile(rows, rate)))
    return str(path)


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 1, 1), ("main.large", 64 << 20, 2, 2)])
    assert main(["top", "--errors", "-trim=false", path]) == 0
    # of one sample of 16 bytes: 0.0253178 and 5.571643 (Garwood's) times 16/p, which is 524296 bytes
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "Estimated from 3 samples, one per 512kB allocated on average"
    assert lines[3] == "95% interval of the total: 128-131MB"
    assert lines[6:] == [
        "     128MB 99.61% 99.61%      128MB 99.61%  main.large",
        "       n=2 exact                n=2 exact",
        "    0.50MB  0.39%   100%     0.50MB  0.39%  main.small",
        "       n=1 12.9kB-2.79MB        n=1 12.9kB-2.79MB",
        "         0     0%   100%   128.50MB   100%  main.main",
        "                                n=3 128-131MB",
    ]
    # without --errors it is pprof's
    assert main(["top", "-trim=false", path]) == 0
    plain = capsys.readouterr().out.splitlines()
    assert plain == [line for i, line in enumerate(lines) if i not in (2, 3, 4, 7, 9, 11)]


def test_counts_and_other_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 1, 1)])
    assert main(["top", "--errors", "-inuse_objects", path]) == 0
    # 32768.5 objects a sample
    assert "n=1 829-183k" in capsys.readouterr().out
    assert main(["top", "--errors", "-unit=kb", "-divide_by=2", path]) == 0
    assert "n=1 6.48-1427kB" in capsys.readouterr().out


def test_exact_profiles_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 9, 8)], 1)
    assert main(["top", "--errors", path]) == 0
    out = capsys.readouterr().out
    assert "Exact: every allocation was recorded (8 in all)" in out and "n=" not in out


def test_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 9, 8)])
    assert main(["top", "--errors", "-mean", path]) == 0
    captured = capsys.readouterr()
    assert "No sample counts and intervals: these are means" in captured.out
    assert "no interval can be given: these are means" in captured.err
    assert main(["top", "--errors", "-mean", "--format=json", path]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["errors"] == {"none": "these are means"}
    assert "flat_low" not in document["rows"][0]


def test_json_and_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 1, 1), ("main.large", 64 << 20, 2, 2)])
    assert main(["top", "--errors", "--format=json", path]) == 0
    document = json.loads(capsys.readouterr().out)
    large = document["rows"][0]
    assert [large[f"flat_{end}"] for end in ("samples", "low", "high")] == [2, 128 << 20, 128 << 20]
    main_ = next(row for row in document["rows"] if row["name"] == "main.main")
    assert (main_["flat_samples"], main_["cum_samples"]) == (0, 3)
    assert main_["cum_low"] < main_["cum"] < main_["cum_high"]
    errors = document["errors"]
    assert (errors["confidence_percent"], errors["period"], errors["samples"]) == (95, RATE, 3)
    assert (errors["low"], errors["high"]) == (main_["cum_low"], main_["cum_high"])
    assert main(["top", "--errors", "--format=csv", path]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["flat_low"] == str(128 << 20) and rows[0]["cum_samples"] == "2"


def test_list_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 1, 1)])
    assert main(["list", "--errors", "small", path, "--source_path", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    below = "       n=1        n=1        flat 12.9kB-2.79MB, cum 12.9kB-2.79MB"
    assert lines.count(below) == 2 and lines[-1] == below
    for words in (["--format=json"], ["--format=csv"]):
        assert main(["list", "--errors", "small", path, "--source_path", str(tmp_path), *words]) == 0
        out = capsys.readouterr().out
        if words[0].endswith("json"):
            row = json.loads(out)["rows"][0]
            assert row["flat_samples"] == 1 and row["lines"][0]["cum_high"] == row["cum_high"]
        else:
            (row,) = csv.DictReader(io.StringIO(out))
            assert (row["function"], row["line"], row["flat_samples"]) == ("main.small", "2", "1")


@pytest.mark.parametrize("verb", ["traces", "tags", "raw", "proto", "flame"])
def test_verbs_without_refuse(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--errors", "x"]) == 2
    assert f"{verb} has no --errors" in capsys.readouterr().err


def test_calls_have_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, [("main.small", 16, 1, 1), ("main.large", 64 << 20, 2, 2)])
    for words in (["tree"], ["peek", "main.main"]):
        assert main([words[0], "--errors", *words[1:], path, "-nodefraction=0", "-edgefraction=0"]) == 0
        lines = capsys.readouterr().out.splitlines()
        at = next(i for i, line in enumerate(lines) if line.endswith("| main.main"))
        assert lines[at + 1 : at + 6] == [
            "                                n=3 128-131MB             |",
            "                                             128MB 99.61% |   main.large",
            "                                               n=2        |   exact",
            "                                            0.50MB  0.39% |   main.small",
            "                                               n=1        |   12.9kB-2.79MB",
        ]
    assert main(["peek", "--errors", "--format=json", "small", path]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    (caller,) = row["callers"]
    assert [caller[end] for end in ("samples", "low", "high")] == [
        row[f"cum_{end}"] for end in ("samples", "low", "high")
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), st.integers(1, 9)), max_size=8
    ),
    st.integers(0, 3),
)
def test_samples_are_counted_as_values_are(rows: list[tuple[list[str], int]], count: int) -> None:
    """With a rate of 1 every object is a sample: what calls and functions have is how many samples they
    rest on, also where some are not shown."""
    b = ProfileBuilder(TYPES[2:], ("space", "bytes"), 1)
    places = {c: b.location(ord(c), [(b.function(c, "x.go"), 1)]) for c in "abcd"}
    for stack, n in rows:
        b.sample([places[c] for c in stack], [n, 8 * n], {"bytes": 8})
    made = report(b.build(), sample_index="inuse_objects", nodecount=count, nodefraction=0.0)
    graph = made.graph(edges=True)
    found = GraphEstimates(Estimates(made), graph, edges=True)
    for node in graph.order:
        assert found.flat(node).samples == graph.flat_value(node)
        assert found.cum(node).samples == graph.cum_value(node)
    for edge in range(len(graph.edge_src)):
        of = found.edge(edge)
        assert of.samples == of.low == of.high == graph.edge_weight[edge]


def test_columns_that_do_not_fit() -> None:
    from gosnap._kernels.profile_estimate import Sums
    from gosnap.profile.columns import column, zeros

    q, i = zeros("q", 2), column("I", [0])
    good = [column("q", [5]), 1, 0, -1, 0, 1, q, zeros("I", 0), zeros("I", 0), zeros("q", 0), 0]
    walk = [column("q", [0, 1]), i, column("q", [0, 1]), i, 1]
    assert Sums(*good, *walk).sizeless == 1
    for place, wrong in ((0, zeros("q", 2)), (2, 1), (4, 1), (5, 0), (6, zeros("q", 1)), (9, zeros("q", 1))):
        bad = list(good)
        bad[place] = wrong
        with pytest.raises(ValueError):
            Sums(*bad, *walk)
    for place, wrong in ((0, q), (1, column("I", [1])), (2, q), (3, column("I", [1])), (4, -1)):
        bad = list(walk)
        bad[place] = wrong
        with pytest.raises(ValueError):
            Sums(*good, *bad)
    with pytest.raises(IndexError):
        Sums(*good, *walk).whole(1)
    sums = Sums(*good, *walk)
    for bad_edges in ((i, zeros("I", 2), None), (i, i, zeros("B", 2))):
        with pytest.raises(ValueError):
            sums.add_edges(*bad_edges)
    with pytest.raises(IndexError):
        sums.call(0)
    # ends that are no nodes are of no call
    sums.add_edges(column("I", [5, 0]), column("I", [7, 0]), None)
    assert sums.call(0) == sums.call(1) == (0, 0, 0)
    with pytest.raises(ValueError):
        Sums(*good, *walk).all(1.0)
