"""Labels of samples, and how much memory each of their values stands for.

As `go tool pprof -tags` has it, with the same options."""

from __future__ import annotations

from gosnap.commands.profile_run import Run

USAGE = "SOURCE..."
FORMATS = ("text", "json", "csv")
COLUMNS = ["key", "value", "weight"]


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "tags", FORMATS)
    from gosnap.profile import answers
    from gosnap.profile.tags import tags
    from gosnap.report.text import profile_tags

    found = tags(run.report)
    run.answer(
        lambda: profile_tags.render(run.report, found),
        lambda: answers.tags(run.report, found),
        COLUMNS,
        answers.tag_values,
    )
    return 0
