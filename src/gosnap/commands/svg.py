"""A picture of a profile's call graph: drawn by Graphviz if its `dot` is there, else by gosnap itself.

What is drawn is what `go tool pprof -svg` draws, with the same options."""

from __future__ import annotations

from gosnap.commands import profile_flags as flags
from gosnap.commands.dot import draw
from gosnap.commands.profile_run import Run
from gosnap.errors import GosnapError

USAGE = "FILE..."
FORMATS = ("svg",)
PATIENCE = 120
"""Seconds that Graphviz may take."""


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "svg", FORMATS)
    shown = draw(run)
    import shutil

    program = shutil.which("dot")
    if program:
        from gosnap.report.dot import render

        flags.write(run.found, _graphviz(program, render(run.report, shown)))
        return 0
    from gosnap.report import svg

    flags.write(run.found, svg.render(run.report, shown))
    return 0


def _graphviz(program: str, graph: str) -> str:
    """What it draws."""
    import subprocess

    hint = "fewer nodes are drawn faster: --nodecount=40; `gosnap dot` writes what it was given"
    try:
        done = subprocess.run(
            [program, "-Tsvg"],
            input=graph.encode("utf-8", "replace"),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise GosnapError(f"{program} took more than {PATIENCE} seconds", hint) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise GosnapError(f"{program}: {said}", hint)
    return done.stdout.decode("utf-8", "replace")
