"""``gosnap show --globals``: package variables, where the linker put them, and what is in them."""

import argparse
import re
from typing import Any

from gosnap.commands import show, show_answers
from gosnap.errors import GosnapError
from gosnap.report import values as documents
from gosnap.report.text.units import size
from gosnap.report.text.values import safe
from gosnap.values import globals as variables
from gosnap.values.evaluate import Evaluator
from gosnap.values.model import Limits, Value
from gosnap.values.places import Place
from gosnap.values.subject import Subject

_BRIEF = Limits(depth=2, items=8, string=60, nodes=500)
_LEAST_ROOM = 30


def run(options: argparse.Namespace, subject: Subject, limits: Limits) -> int:
    """List them."""
    found = variables.matching(subject, re.compile(options.globals))
    if not found:
        raise GosnapError(
            f"no package variable matches '{options.globals}'",
            f"of {len(subject.variables.name):,} in this binary; the linker drops those that nothing uses",
        )
    if options.format == "json":
        show.put(options, documents.to_json(_document(subject, found, limits)))
        return 0
    brief = Limits(**{**vars(_BRIEF), "raw": limits.raw, "redact": limits.redact})
    write = show_answers.writer(subject, options)
    wide = max(len(v.section) for v in found)
    rows = [f"{v.section:{wide}}  {v.address:#12x}  {size(v.size):>10}  " for v in found]
    lines = [f"{'section':{wide}}  {'address':>12}  {'size':>10}  variable = value"]
    for v, start in zip(found, rows, strict=True):
        head = f"{start}{safe(v.name)} = "
        room = max(write.width - len(head), _LEAST_ROOM)
        lines.append(head + write.one_line(_value(subject, v, brief), v.row, room))
    lines.append("")
    lines.append(f"{len(found):,} variables, {size(sum(v.size for v in found))}")
    example = found[0].name
    lines.append(f"next: {show_answers.command(options, example)}")
    show.put(options, "\n".join(lines) + "\n")
    return 0


def _value(subject: Subject, v: variables.Variable, limits: Limits) -> Value:
    return Evaluator(subject, limits, v.name).decode(Place(v.row, v.address))


def _document(subject: Subject, found: list[variables.Variable], limits: Limits) -> dict[str, Any]:
    made = documents.Document(show_answers.described(subject))
    rows = [
        {
            "name": v.name,
            "type": subject.shape(v.row).name,
            "section": v.section,
            "address": f"{v.address:#x}",
            "size": v.size,
            "value": made.value(_value(subject, v, limits)),
        }
        for v in found
    ]
    return {
        "schema_version": documents.SCHEMA_VERSION,
        "kind": "show",
        "target": subject.label,
        "go_minor": subject.minor,
        "globals": rows,
        "types": made.types,
    }
