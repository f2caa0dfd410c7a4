"""``gosnap show --goroutine``: arguments and locals of a goroutine's frames."""

import argparse
from typing import Any

from gosnap.commands import show, show_answers
from gosnap.errors import GosnapError
from gosnap.goruntime.traces import shown
from gosnap.report import values as documents
from gosnap.report.text.values import GoText, safe
from gosnap.values import frames
from gosnap.values.evaluate import Evaluator, Local
from gosnap.values.model import Limits
from gosnap.values.subject import Subject

_SLOTS = 12


def run(options: argparse.Namespace, subject: Subject, limits: Limits) -> Local | None:
    """Print the frames, or, where expressions are to be evaluated in them, how to find their variables."""
    goroutine = frames.read(subject, options.goroutine)
    if options.frame is not None and options.frame >= len(goroutine.frames):
        raise GosnapError(
            f"goroutine {goroutine.number} has no frame {options.frame}",
            f"its frames are 0 to {len(goroutine.frames) - 1}" if goroutine.frames else "none could be read",
        )
    if options.expression:
        return frames.lookup(goroutine, options.frame)
    chosen = [f for f in goroutine.frames if options.frame in (None, f.number)]
    if options.format == "json":
        show.put(options, documents.to_json(_document(subject, goroutine, chosen, limits)))
        return None
    write = show_answers.writer(subject, options)
    lines = [f"goroutine {goroutine.number}: {safe(goroutine.state)}"]
    if not goroutine.steady:
        lines.append("it ran on while it was read: frames and variables may be of different moments")
    for frame in chosen:
        # those of the runtime itself say nothing of the program
        quiet = options.frame is None and not limits.internals and not shown(frame.function)
        lines += ["", *_lines(subject, write, frame, limits, quiet=quiet)]
    if options.frame is None and not limits.internals:
        chosen = [f for f in chosen if shown(f.function)]
    named = [v for f in chosen for v in f.variables if v.place is not None]
    if named:
        lines += ["", f"next: {show_answers.command(options, named[0].name)}"]
    show.put(options, "\n".join(lines) + "\n")
    return None


def _lines(subject: Subject, write: GoText, frame: frames.Frame, limits: Limits, *, quiet: bool) -> list[str]:
    """One frame; ``quiet``: without its variables."""
    inlined = f" (with {', '.join(frame.inlined)} inlined)" if frame.inlined else ""
    out = [safe(f"#{frame.number} {frame.function}{inlined}  {frame.where}")]
    if quiet:
        return out
    for v in frame.variables:
        label = safe(f"    {'parameter ' if v.parameter else ''}{v.name}")
        label += safe(f" (of {v.function})") if v.function else ""
        if v.place is None:
            out.append(f"{label} {write.name(subject.shape(v.row).name)}: {v.why}")
            continue
        value = Evaluator(subject, limits, v.name).decode(v.place)
        first, *rest = GoText(write.types, write.width - 4).lines(value, v.row)
        out.append(f"{label} = {first}")
        out += ["    " + line for line in rest]
    if frame.slots:
        shown = ", ".join(f"{word:#x}" for _, word in frame.slots[:_SLOTS])
        more = f" and {len(frame.slots) - _SLOTS} more" if len(frame.slots) > _SLOTS else ""
        out.append(f"    pointers without a name: {shown}{more}")
    return out


def _document(
    subject: Subject, goroutine: frames.Goroutine, chosen: list[frames.Frame], limits: Limits
) -> dict[str, Any]:
    made = documents.Document(show_answers.described(subject))
    rows = []
    for frame in chosen:
        variables = []
        for v in frame.variables:
            row: dict[str, Any] = {
                "name": v.name,
                "type": subject.shape(v.row).name,
                "parameter": int(v.parameter),
                "function": v.function or frame.function,
            }
            if v.place is not None:
                row["value"] = made.value(Evaluator(subject, limits, v.name).decode(v.place))
            else:
                row["why"] = v.why
            variables.append(row)
        rows.append(
            {
                "number": frame.number,
                "function": frame.function,
                "where": frame.where,
                "inlined": frame.inlined,
                "variables": variables,
                "slots": [{"address": f"{a:#x}", "word": f"{w:#x}"} for a, w in frame.slots],
            }
        )
    return {
        "schema_version": documents.SCHEMA_VERSION,
        "kind": "show",
        "target": subject.label,
        "go_minor": subject.minor,
        "goroutine": {"number": goroutine.number, "state": goroutine.state, "steady": int(goroutine.steady)},
        "frames": rows,
        "types": made.types,
    }
