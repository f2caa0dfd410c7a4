"""``gosnap show`` against the program itself: tests/targets/values says by reflection, by %#v and by its
types' own String methods what each of its variables is."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gosnap.commands.show_answers import described, type_names
from gosnap.errors import GosnapError
from gosnap.report.text.values import GoText
from gosnap.report.values import Document
from gosnap.values import sources
from gosnap.values.evaluate import Evaluator
from gosnap.values.expression import parse
from gosnap.values.model import CHANGED, CUT, UNREADABLE, Limits, Node, Value
from gosnap.values.subject import Subject

ALL = Limits(depth=100, items=None, string=None, nodes=1 << 30, raw=True)
SAID = Limits(depth=100, items=None, string=None, nodes=1 << 30)


@pytest.fixture(scope="module")
def target(go_version: str, request: pytest.FixtureRequest) -> Any:
    """The target of a Go version, running; nobody changes it."""
    import gotool

    found = gotool.running(gotool.gobuild("values", go_version))
    request.addfinalizer(found.stop)
    return found


@pytest.fixture(scope="module")
def subject(target: Any) -> Subject:
    return sources.of_process(target.pid)


def show(subject: Subject, expression: str, limits: Limits = ALL) -> Value:
    return Evaluator(subject, limits, expression).value(parse(expression))


def plain(subject: Subject, expression: str, limits: Limits = ALL) -> Any:
    """A value as the JSON has it, read back."""
    document = Document(described(subject)).value(show(subject, expression, limits))
    return json.loads(json.dumps(document))


def text(subject: Subject, expression: str, limits: Limits = SAID) -> str:
    return GoText(type_names(subject)).one_line(show(subject, expression, limits))


BASIC = {
    *("bool", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64"),
    *("uintptr", "float32", "float64", "complex64", "complex128", "string"),
}


def ours(value: Any) -> Any:
    """A document of ours in the shape of the target's."""
    if not isinstance(value, dict) or "kind" not in value:
        return value
    assert not set(value.get("marks", [])) - {"cycle"}, value
    kind = value["kind"]
    if kind in BASIC:
        return value["value"]
    out: dict[str, Any] = {"kind": kind, "type": value["type"]}
    if kind == "struct":
        out["fields"] = [[name.partition("#")[0], ours(v)] for name, v in value.get("fields", {}).items()]
    elif kind in ("array", "slice"):
        out["len"] = value["len"]
        if kind == "slice":
            out |= {"nil": value["nil"], "cap": value["cap"]}
        if "hex" in value and not value.get("nil"):
            out["hex"] = value["hex"]
        else:
            out["items"] = [ours(v) for v in value.get("items", [])]
    elif kind == "map":
        entries = [[ours(k), ours(v)] for k, v in value["entries"]]
        out |= {
            "len": value["len"],
            "nil": value["nil"],
            "pointer": value["pointer"],
            "entries": by_text(entries),
        }
    elif kind == "ptr":
        out["pointer"] = value["pointer"]
        if "cycle" in value.get("marks", []):
            out["cycle"] = True
        elif "target" in value:
            out["target"] = ours(value["target"])
    elif kind == "interface":
        held = value["holds"]
        out["holds"] = None if held is None else {"type": held["type"], "value": ours(held)}
    elif kind == "chan":
        out |= {"pointer": value["pointer"], "nil": value["nil"]}
        if not value["nil"]:
            out |= {"len": value["len"], "cap": value["cap"]}
    elif kind == "func" and value["pointer"]:
        out["text"] = value["text"]
    elif kind == "unsafe.Pointer":
        out["pointer"] = value["pointer"]
    return out


def theirs(value: Any) -> Any:
    """The target's document; the order of a map's entries means nothing."""
    if isinstance(value, dict):
        out = {k: theirs(v) for k, v in value.items()}
        if "entries" in out:
            out["entries"] = by_text(out["entries"])
        return out
    return [theirs(v) for v in value] if isinstance(value, list) else value


def by_text(entries: list[Any]) -> list[Any]:
    return sorted(entries, key=lambda e: json.dumps(e, sort_keys=True))


def test_every_variable_is_what_reflection_says(target: Any, subject: Subject) -> None:
    said = target.ask("dump")
    assert len(said) > 90
    assert said["MLarge"]["len"] == 100_000
    if subject.minor < 24:
        assert target.json["growing"]
        assert target.json["same_size_grow"]
    for name, expected in said.items():
        assert ours(plain(subject, f"main.{name}")) == theirs(expected), name


def test_text_is_what_fmt_prints(target: Any, subject: Subject) -> None:
    write = GoText(type_names(subject), elide=False)
    for name, expected in target.ask("gosyntax").items():
        got = write.one_line(show(subject, f"main.{name}", SAID))
        # fmt prints maps without a space, bytes and nil in other words than composite literals have
        spaced = re.sub(r'((?:"|\w)):(?=\S)', r"\1: ", expected)
        assert re.sub(r"\buint8\b", "byte", got) == re.sub(r"\buint8\b", "byte", spaced), name


def test_standard_types_are_what_they_print(target: Any, subject: Subject) -> None:
    said = target.ask("texts")
    durations = show(subject, "main.TDurations", SAID)
    assert isinstance(durations, Node)
    assert [d.note for d in durations.items if isinstance(d, Node)] == said.pop("TDurations")
    for name, expected in said.items():
        found = show(subject, f"*main.{name[1:]}" if name.startswith("*") else f"main.{name}", SAID)
        assert isinstance(found, Node)
        assert found.note == expected, name


def test_sync_types(target: Any, subject: Subject) -> None:
    for expression, expected in {
        "main.SMutex": "sync.Mutex{locked, 2 waiting}",
        "main.SFree": "sync.Mutex{unlocked}",
        "main.SReaders": "sync.RWMutex{read-locked by 2}",
        "main.SWriter": "sync.RWMutex{locked, 1 waiting to read}",
        "main.SGroup": "sync.WaitGroup{counter 3, 1 waiting}",
        "main.SOnce": "sync.Once{done}",
        "main.SNotYet": "sync.Once{not done}",
        "main.AInt32": "atomic.Int32(-32)",
        "main.AInt64": f"atomic.Int64({-(1 << 63)})",
        "main.AUint64": f"atomic.Uint64({(1 << 64) - 1})",
        "main.ABool": "atomic.Bool(true)",
        "main.AValue": 'atomic.Value{v: "in a value"}',
        "main.SBuffer": 'bytes.Buffer{contents: "not read"}',
        "main.SBuilder": 'strings.Builder{contents: "built"}',
        "*main.SRegexp": 'regexp.Regexp{expr: "^a+(b|c)$"}',
    }.items():
        assert text(subject, expression) == expected
    assert text(subject, "main.APointer").startswith(
        "atomic.Pointer[main.User]{v: &main.User{Base: main.Base{ID: 7}"
    )
    target.ask("pool")
    pool = show(subject, "main.SPool", SAID)
    assert isinstance(pool, Node)
    assert ("at hand", "1") in pool.facts
    found = show(subject, "main.SMap", SAID)
    assert isinstance(found, Node)
    entries = {
        k.target.value if isinstance(k, Node) and isinstance(k.target, Node) else k: v
        for k, v in zip(found.keys, found.items, strict=True)
    }
    assert found.length == 26
    assert {k for k in entries if isinstance(k, str)} == {f"k{i}" for i in range(1, 50, 2)}
    values = {
        k: v.target.value for k, v in entries.items() if isinstance(v, Node) and isinstance(v.target, Node)
    }
    assert values["k7"] == 7
    assert values[None] == "point"


def test_channels(subject: Subject) -> None:
    assert plain(subject, "main.CRing")["items"] == ["item 3", "item 4", "item 5"]
    assert plain(subject, "main.CRing[1]")["value"] == "item 4"
    assert [p["fields"]["Y"] for p in plain(subject, "main.CStructs")["items"]] == [0, 1, 4, 9, 16]
    assert plain(subject, "main.CClosed")["facts"] == {"closed": ["yes"]}
    assert len(plain(subject, "main.CSignal")["items"]) == 2
    (waiting,) = plain(subject, "main.CReceivers")["facts"]["waiting_to_receive"]
    assert re.fullmatch(r"goroutines \d+, \d+", waiting)
    (waiting,) = plain(subject, "main.CSenders")["facts"]["waiting_to_send"]
    assert re.fullmatch(r"goroutine \d+", waiting)


def test_closures_tell_what_they_captured(subject: Subject) -> None:
    found = plain(subject, "main.FAdder")
    if subject.minor < 23:
        # by reference n, by value label and p
        words = list(found["captures"].values())
        assert text(subject, f"*(*int)({words[0]:#x})") == "41"
        user = show(subject, "main.VUser")
        assert isinstance(user, Node)
        assert user.word in words
        assert len("forty") in words
        return
    captures = {name.removeprefix("&"): v for name, v in found["captures"].items()}
    assert captures["label"] == "forty"
    assert captures["n"]["target"] == 41
    assert captures["p"]["target"]["fields"]["Name"] == "Ada"
    assert plain(subject, "main.FMethod")["text"] == "main.(*Square).Area-fm"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("main.VUser.Name", '"Ada"'),
        ("main.VUser.ID", "7"),
        ("(*main.VUser).Friend.Name", '"Grace"'),
        ("main.VUser.Friend.Base.ID", "8"),
        ("main.VAdmin.Name", '"Ada"'),
        ("main.VAdmin.By", '"root"'),
        ("main.VAdmin.ID", "7"),
        ("(*main.VPtrPtr).Age", "36"),
        ("main.VUser.Tags[1]", '"b"'),
        ("main.VNested[1][0].Y", "6"),
        ("main.VSlice[1:3]", "[]int{2, 3}"),
        ("main.VSub[:4]", "[]int{2, 3, 4, 5}"),
        ("main.VSlice[:]", "[]int{1, 2, 3, 4, 5}"),
        ("main.VArray[1:]", "[]int{2, 3}"),
        ("main.VString[:5]", '"hello"'),
        ("main.VString[1]", "101"),
        ("len(main.VString)", str(len('hello, 世界\n\t"quoted" \\ \x00\x7f'.encode()))),
        ("len(main.MLarge)", "100000"),
        ("len(main.VSub)", "2"),
        ("cap(main.VSub)", "4"),
        ("len(main.CRing)", "3"),
        ("cap(main.CRing)", "4"),
        ("len(main.VArray)", "3"),
        ("len(main.MNil)", "0"),
        ("len(main.VNilSlice)", "0"),
        ('main.MOne["one"]', "1"),
        ("main.MEight[70]", "-7"),
        ("main.MNine[80]", "-8"),
        ("main.MLarge[699993]", "99999"),
        ("main.MHoles[4995]", '"4995"'),
        ("main.MGrowing[3000]", "-3000"),
        ('main.MKeys[{"host7", 457}].Name', '"user 457"'),
        ('main.MKeys[main.Key{Host: "host7", Port: 457}].Base.ID', "457"),
        ("main.MPoints[{3, 4}]", '"b"'),
        ("main.MPoints[{Y: 2, X: 1}]", '"a"'),
        ("main.MArrays[{3, 4}]", "false"),
        ("main.MArrays[[2]int8{1, 2}]", "true"),
        ("main.MAny[int8(1)]", "3"),
        ('main.MAny["1"]', "2"),
        ("main.MAny[main.Point{1, 2}]", "5"),
        ("main.MAny[true]", "6"),
        ("main.MAny[nil]", "7"),
        ("main.MAny[float64(1.0)]", "4"),
        ("main.MFloats[+Inf]", "2"),
        ("main.MFloats[-0.25]", "3"),
        ("main.MBools[false]", '"f"'),
        ("main.MUint8[200]", "3"),
        ("main.MBigElems[5][39]", "-5"),
        ('main.MNested["a"][1][0]', '"x"'),
        ('main.MShapes["c"].(main.Circle).R', "1"),
        ('main.MShapes["s"].(*main.Square).A', "2"),
        ('main.MShapes["s"].A', "2"),
        ("main.VAnys[8].(main.Point).Y", "2"),
        ("main.VAnys[10].([]int)[0]", "1"),
        ('main.VAnys[11]["a"]', "1"),
        ("main.VError.msg", '"wrapped: cause"'),
        ("main.VTree.Left.Value", "1"),
        ("main.VAnon.B.C", '"inner"'),
        ("main.VPair.Key", '"seven"'),
        ("main.VPoint.*", "main.Point{X: 3, Y: -4}"),
        ("*main.VTree.Right", "main.Tree[int]{Left: nil, Right: nil, Value: 3}"),
        ("*(*int)(main.VUnsafe)", "-5"),
        ("main.VCycle.Next.Next.Next.N", "2"),
        ("main.VList.Next.Next.N", "3"),
        ("main.CStructs[2].Y", "4"),
        ("main.VBytes[6]", "255"),
    ],
)
def test_expressions(subject: Subject, expression: str, expected: str) -> None:
    if expression == "main.MGrowing[3000]":
        assert text(subject, expression) == expected
        return
    assert text(subject, expression) == expected


def test_addresses_as_types(subject: Subject) -> None:
    user = show(subject, "main.VUser")
    assert isinstance(user, Node)
    at = f"{user.word:#x}"
    assert text(subject, f"(*main.User)({at}).Name") == '"Ada"'
    assert text(subject, f"*(*main.Base)({at})") == "main.Base{ID: 7}"
    assert text(subject, f"*(*[3]int)({show(subject, 'main.VUnsafe').word:#x})").startswith("[3]int{-5,")  # type: ignore[union-attr]
    assert text(subject, f"*(*main.Pair[string, int])({show(subject, 'main.VPair').address:#x})") == (  # type: ignore[union-attr]
        'main.Pair[string,int]{Key: "seven", Value: 7}'
    )


def test_an_address_without_a_type(subject: Subject) -> None:
    user = show(subject, 'main.MMany["u7"]')
    assert isinstance(user, Node)
    with pytest.raises(GosnapError, match=f"an object of [0-9]+ bytes at {user.word:#x}"):
        show(subject, f"{user.word + 8:#x}")


@pytest.mark.parametrize(
    ("expression", "column", "words"),
    [
        ("main.VUsers", None, "did you mean main.VUser"),
        ("mian.VUser", None, "did you mean main"),
        ("main.helper", None, "is a function"),
        ("main.VUser.Nmae", 11, "did you mean Name"),
        ("main.VSlice[5]", 12, "out of range: the length is 5"),
        ("main.VSlice[2:9]", 11, "out of range"),
        ('main.MOne["two"]', 10, "no key"),
        ("main.MOne[2]", 10, "of type string"),
        ("main.MPoints[3]", 13, "main.Point"),
        ("main.VNilUser.Name", 14, "nil"),
        ("*main.VInt", 0, "no pointer"),
        ("main.VShape.(main.Square)", 13, "holds a main.Circle"),
        ("main.VInt.X", 10, "has no field"),
        ("main.VInt[0]", 9, "no elements"),
        ("*(*main.Nothing)(0x1000)", 2, "no type main.Nothing"),
        ("(main.User)(0x1000)", 1, "no pointer type"),
        ("0x1000", 0, "only a snapshot"),
        ("len(main.VInt)", 0, "there is none"),
        ("main.VSlice[", 12, "a key must be a literal"),
        ("main.VSlice[]", 12, "expected an index"),
        ("main.VSlice]", 11, "]"),
    ],
)
def test_errors_point_at_what_is_wrong(
    subject: Subject, expression: str, column: int | None, words: str
) -> None:
    with pytest.raises(GosnapError) as e:
        show(subject, expression)
    assert words in f"{e.value.message} {e.value.hint}"
    if column is not None:
        *_, line, caret = e.value.message.splitlines()
        assert line.strip() == expression
        assert caret.index("^") - 2 == column


def test_what_changes_while_it_is_read_is_whole_or_says_so(
    go_version: str, gobuild: Callable[..., Path], running: Callable[..., Any]
) -> None:
    """A goroutine writes to four variables as fast as it can. What does not say that it changed is one of the
    values that it writes; a thread that lost its processor between the two stores of a string looks the same
    in every read, so that a few may be wrong on a machine with more to do than it has processors."""
    target = running(gobuild("values", go_version))
    subject = sources.of_process(target.pid)
    target.ask("churn")
    whole = torn = 0
    for _ in range(150):
        for name in ("ChurnString", "ChurnAny", "ChurnSlice", "ChurnMap"):
            value = show(subject, f"main.{name}")
            assert isinstance(value, Node)
            held = value.target if name == "ChurnAny" and isinstance(value.target, Node) else value
            marks = {*value.marks, *held.marks}
            assert marks <= {CHANGED, UNREADABLE, CUT}
            if marks:
                continue
            whole += 1
            if name == "ChurnMap":
                pairs = zip(value.keys, value.items, strict=True)
                torn += any(v != k * 2 for k, v in pairs)  # type: ignore[operator]
            elif name == "ChurnSlice":
                torn += value.items not in ([1] * 4, [0] * 300)
            elif isinstance(held.value, str):
                torn += held.value not in ("a" * 10, "b" * 3000)
    assert target.alive()
    target.ask("calm")
    print(f"{go_version}: {whole} of 600 reads agreed, {torn} of them torn")
    assert torn * 10 <= whole
    value = show(subject, "main.ChurnMap")
    assert isinstance(value, Node)
    assert value.marks == ()
    assert value.length == len(value.keys)
    assert show(subject, "main.ChurnString").value in ("a" * 10, "b" * 3000)  # type: ignore[union-attr]
