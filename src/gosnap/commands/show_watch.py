"""``gosnap show --watch``: what changes, until SIGINT or the target's exit."""

import argparse
import datetime
import json
import sys
import time
from typing import Any

from gosnap.commands import common, show_answers
from gosnap.errors import GosnapError, UsageError
from gosnap.report import values as documents
from gosnap.report.text.values import safe
from gosnap.target import procfs
from gosnap.values.changes import MOST, Change, changes
from gosnap.values.model import Limits, Value
from gosnap.values.subject import Subject

_SHOWN = 20


def run(options: argparse.Namespace, subject: Subject, limits: Limits, interval: float) -> int:
    """Read again and again. Returns when the target has exited, or on SIGINT."""
    if subject.program is None or not subject.memory.live:
        raise UsageError("--watch goes with a process", "what is in a file does not change")
    pid = subject.program.image.pid
    began = procfs.start_time(pid)
    known: dict[str, Value | str] = {}
    try:
        for expression in options.expression:
            # what is wrong from the beginning is an error
            value = show_answers.evaluate(subject, limits, expression, _local(options, subject))
            known[expression] = value
            _first(options, subject, expression, value)
        due = time.monotonic()
        while True:
            due = max(due + interval, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0))
            if not _runs(pid, began):
                break
            for expression in options.expression:
                _look(options, subject, limits, expression, known)
    except KeyboardInterrupt:
        return 0
    except GosnapError:
        if _runs(pid, began):
            raise
    sys.stderr.write(f"{safe(subject.label)} has exited\n")
    return 0


def _local(options: argparse.Namespace, subject: Subject) -> Any:
    if options.goroutine is None:
        return None
    from gosnap.values import frames

    return frames.lookup(frames.read(subject, options.goroutine), options.frame)


def _runs(pid: int, began: int) -> bool:
    """Whether it is still the same process, and has memory."""
    try:
        return procfs.start_time(pid) == began and procfs.stat_fields(pid)[0] not in ("Z", "X")
    except (GosnapError, OSError, IndexError, ValueError):
        return False


def _look(
    options: argparse.Namespace,
    subject: Subject,
    limits: Limits,
    expression: str,
    known: dict[str, Value | str],
) -> None:
    """Read one expression once more, and print what changed; that it is not there now is a change too."""
    before = known[expression]
    after: Value | str
    try:
        after = show_answers.evaluate(subject, limits, expression, _local(options, subject))
        gone = ""
    except GosnapError as e:
        after, gone = "", e.message.partition("\n")[0]
        if not _runs(subject.program.image.pid, procfs.start_time(subject.program.image.pid)):  # type: ignore[union-attr]
            raise
    was_gone = isinstance(before, _Gone)
    if gone:
        known[expression] = _Gone(gone)
        if not (was_gone and before == gone):
            _say(options, expression, f"not there: {gone}", {"error": gone})
        return
    known[expression] = after
    if was_gone:
        _first(options, subject, expression, after)
        return
    _changed(options, subject, expression, changes(before, after))


class _Gone(str):
    """Why an expression has no value now."""

    __slots__ = ()


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")


def _put(text: str) -> None:
    sys.stdout.buffer.write(common.utf8(text).encode())
    sys.stdout.buffer.flush()


def _say(options: argparse.Namespace, expression: str, text: str, extra: dict[str, Any]) -> None:
    if options.format == "json":
        _put(json.dumps({"time": _now(), "expression": expression, **extra}, ensure_ascii=False) + "\n")
    else:
        _put(f"{_now()[11:23]}  {safe(expression)} {safe(text)}\n")


def _first(options: argparse.Namespace, subject: Subject, expression: str, value: Value) -> None:
    """The whole value."""
    if options.format == "json":
        made = documents.Document(show_answers.described(subject))
        _say(options, expression, "", {"value": made.value(value)})
        return
    write = show_answers.writer(subject, options)
    lines = show_answers.heading(expression, value, write) + write.lines(value)
    _put(f"{_now()[11:23]}  " + "\n".join(lines) + "\n")


def _changed(options: argparse.Namespace, subject: Subject, expression: str, found: list[Change]) -> None:
    if options.format == "json":
        made = documents.Document(show_answers.described(subject))
        for c in found:
            row: dict[str, Any] = {"path": c.path}
            if c.before is not None:
                row["before"] = made.value(c.before)
            if c.after is not None:
                row["after"] = made.value(c.after)
            _say(options, expression, "", row)
        return
    write = show_answers.writer(subject, options)
    room = max(write.width - 14, 40)
    for c in found[:_SHOWN]:
        name = f"len({expression})" if c.path.startswith("len(") else expression + c.path
        before, after = (
            "" if v is None else write.one_line(v, c.row, max((room - len(name)) // 2, 20))
            for v in (c.before, c.after)
        )
        text = (
            f"+ {after}" if c.before is None else f"- {before}" if c.after is None else f"{before} -> {after}"
        )
        _put(f"{_now()[11:23]}  {safe(name)}: {text}\n")
    if len(found) > _SHOWN:
        at_least = "at least " if len(found) >= MOST else ""
        _put(f"{_now()[11:23]}  … and {at_least}{len(found) - _SHOWN} more changes\n")
