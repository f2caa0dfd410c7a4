"""Watched expressions: what counts as a change."""

import pytest

from gosnap.errors import GosnapError
from gosnap.live.process import TargetGone
from gosnap.live.watches import MOST, Lines, Watches


def script(*answers: list[str] | GosnapError) -> Lines:
    """Reads these, one after the other."""
    left = list(answers)

    def read() -> list[str]:
        answer = left.pop(0)
        if isinstance(answer, GosnapError):
            raise answer
        return answer

    return read


def test_changes_are_counted() -> None:
    gone = GosnapError("no such key\nand more")
    # the first answer is what adding it reads
    read = script(["1"], ["1"], ["1"], ["2", "two"], gone, gone, ["2", "two"])
    watches = Watches(lambda expression: read)
    watch = watches.add("main.x")
    seen = []
    for moment in range(10, 16):
        watches.look(moment)
        seen.append((watch.line, watch.error, watch.changes, watch.changed_unix_ns))
    assert seen == [
        ("1", "", 0, 0),
        ("1", "", 0, 0),
        ("2", "", 1, 12),
        ("", "no such key", 2, 13),
        ("", "no such key", 2, 13),
        ("2", "", 3, 15),
    ]
    watches.remove("main.x")
    assert len(watches) == 0


def test_what_means_nothing_is_not_added() -> None:
    def compile_expression(expression: str) -> Lines:
        if expression == "(":
            raise GosnapError("no expression")
        return script(GosnapError("not in this binary"))

    watches = Watches(compile_expression)
    for expression in ("(", "main.none"):
        with pytest.raises(GosnapError):
            watches.add(expression)
    assert len(watches) == 0


def test_there_are_not_too_many_and_none_twice() -> None:
    watches = Watches(lambda expression: lambda: [expression])
    for i in range(MOST):
        watches.add(f"main.v[{i % (MOST - 1)}]")
    assert len(watches) == MOST - 1
    watches.add("one more")
    with pytest.raises(GosnapError, match="50 expressions"):
        watches.add("too many")


def test_the_end_of_the_target_is_no_value() -> None:
    watches = Watches(lambda expression: script([""], TargetGone(5)))
    watches.add("main.x")
    with pytest.raises(TargetGone):
        watches.look(1)
