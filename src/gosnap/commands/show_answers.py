"""What ``gosnap show`` prints once."""

import argparse
import gc
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from gosnap.commands import show
from gosnap.report.text import values as text
from gosnap.values.evaluate import Evaluator, Local
from gosnap.values.expression import parse
from gosnap.values.model import Limits, Node, Value
from gosnap.values.subject import Subject

if TYPE_CHECKING:
    from gosnap.report import values as documents

_PLAIN_WIDTH = 100


def run(options: argparse.Namespace, subject: Subject, limits: Limits) -> int:
    """Evaluate, and print."""
    # millions of values and no cycles among them: looking for some would take longer than all the rest
    gc.disable()
    local: Local | None = None
    if options.globals is not None:
        from gosnap.commands import show_globals

        return show_globals.run(options, subject, limits)
    if options.goroutine is not None:
        from gosnap.commands import show_frames

        local = show_frames.run(options, subject, limits)
        if local is None:
            return 0
    shown = [(e, evaluate(subject, limits, e, local)) for e in options.expression]
    if options.format == "json":
        from gosnap.report import values as documents

        show.put(options, documents.to_json(document(subject, shown)))
        return 0
    lines: list[str] = []
    for i, (expression, value) in enumerate(shown):
        lines += [""] if i else []
        write = writer(subject, options)
        lines += heading(expression, value, write)
        lines += write.lines(value)
        lines += internals(subject, options, value)
    lines += further(options, shown)
    show.put(options, "\n".join(lines) + "\n")
    return 0


def evaluate(subject: Subject, limits: Limits, expression: str, local: Local | None = None) -> Value:
    """The value of an expression."""
    return Evaluator(subject, limits, expression, local).value(parse(expression))


def writer(subject: Subject, options: argparse.Namespace) -> text.GoText:
    """Writes values of a target for where they go."""
    return text.GoText(type_names(subject), width(options))


def width(options: argparse.Namespace) -> int:
    """Columns to break at."""
    if options.output or not sys.stdout.isatty():
        return _PLAIN_WIDTH
    try:
        return max(int(os.environ.get("COLUMNS", "")) or os.get_terminal_size().columns, 40)
    except (OSError, ValueError):
        try:
            return max(os.get_terminal_size(sys.stdout.fileno()).columns, 40)
        except OSError:
            return _PLAIN_WIDTH


def type_names(subject: Subject) -> text.TypeName:
    """What the text needs to know of types."""

    def name(row: int) -> tuple[str, str, int]:
        shape = subject.shape(row)
        return shape.name, shape.kind, shape.elem

    return name


def heading(expression: str, value: Value, write: text.GoText) -> list[str]:
    """Name, type, length, place; the type with whole import paths where there is room for them."""
    if not isinstance(value, Node):
        return [text.safe(expression)]
    (line,) = _heading(expression, value, value.type)
    return [line] if len(line) <= write.width else _heading(expression, value, write.name(value.type))


def _heading(expression: str, value: Node, type_name: str) -> list[str]:
    parts = [type_name]
    if value.length >= 0 and value.kind != "array":
        parts.append(f"len {value.length:,}")
    if value.capacity >= 0 and value.kind in ("slice", "chan"):
        parts.append(f"cap {value.capacity:,}")
    if value.address:
        parts.append(f"at {value.address:#x}")
    if value.kind in ("ptr", "map", "chan") and value.word and value.word != value.address:
        parts.append(f"points at {value.word:#x}")
    return [text.safe(f"{expression}: {', '.join(parts)}")]


def internals(subject: Subject, options: argparse.Namespace, value: Value) -> list[str]:
    """What the runtime stores of a value, below it."""
    if not isinstance(value, Node) or not value.internals:
        return []
    out = ["", "what the runtime stores:"]
    write = writer(subject, options)
    for name, inner in value.internals:
        first, *rest = write.lines(inner)
        out.append(f"  {name}: {first}")
        out += ["  " + line for line in rest]
    return out


def further(options: argparse.Namespace, shown: list[tuple[str, Value]]) -> list[str]:
    """How to see what was cut."""
    cut: set[str] = set()
    for _, value in shown:
        cut |= text.is_cut(value)
    flags = []
    if "items" in cut:
        flags.append("--max-items 0")
    if "depth" in cut:
        flags.append(f"--depth {options.depth * 2 or 2}")
    if "string" in cut:
        flags.append("--max-string 0")
    if not flags:
        return []
    return ["", "next: " + command(options, *(e for e, _ in shown)) + " " + " ".join(flags)]


def command(options: argparse.Namespace, *expressions: str) -> str:
    """The same command for other expressions."""
    words = ["gosnap", "show", options.target, *expressions]
    for flag in ("exe", "goroutine", "frame"):
        if getattr(options, flag) is not None:
            words += [f"--{flag}", str(getattr(options, flag))]
    return " ".join(shlex.quote(w) for w in words)


def document(subject: Subject, shown: list[tuple[str, Value]]) -> dict[str, Any]:
    """The JSON of expressions and their values."""
    from gosnap.report import values as documents

    made = documents.Document(described(subject))
    values = []
    for expression, value in shown:
        values.append({"expression": expression, "value": made.value(value)})
    return {
        "schema_version": documents.SCHEMA_VERSION,
        "kind": "show",
        "target": subject.label,
        "go_minor": subject.minor,
        "values": values,
        "types": made.types,
    }


def described(subject: Subject) -> "documents.TypeOf":
    """Types as JSON has them."""

    def describe(row: int) -> dict[str, Any]:
        shape = subject.shape(row)
        fields = [
            {
                "name": m.name,
                "type": subject.shape(m.row).name,
                "offset": m.offset,
                "size": subject.shape(m.row).size,
                "embedded": int(m.embedded),
            }
            for m in shape.fields
        ]
        return {"size": shape.size, "fields": fields}

    return describe
