"""`gosnap capture URL`: the memory profiles that a program serves, each in a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gosnap.errors import GosnapError

PROFILES = ("heap", "allocs", "goroutine", "goroutineleak")
"""What is asked for; the last is served from Go 1.27 on only, and is left out where it is not."""


def run(options: argparse.Namespace) -> int:
    """Fetch and write them; the exit code."""
    from gosnap.commands.common import write_file
    from gosnap.profile import fetch, read

    folder = Path(options.output or f"gosnap-{fetch.host(options.target)}")
    if folder.exists() and not folder.is_dir():
        raise GosnapError(f"{folder}: is a file", "give the name of a directory with -o")
    agent = options.target.startswith("gops:")
    found: list[tuple[str, bytes]] = []
    for name in PROFILES[:1] if agent else PROFILES:
        try:
            body = fetch.fetch(options.target if agent else fetch.beside(options.target, name))
        except fetch.NotServed:
            if name == "heap":
                raise
            continue
        # what is no profile is told of before anything is written
        read.parse(body, f"{name} of {options.target}")
        found.append((name, body))
    folder.mkdir(mode=0o700, exist_ok=True)
    paths = []
    for name, body in found:
        path = folder / f"{name}.pb.gz"
        write_file(path, body, force=options.force)
        paths.append(path)
    if options.quiet:
        sys.stdout.write("".join(f"{path}\n" for path in paths))
        return 0
    width = max(len(str(path)) for path in paths)
    for path, (_, body) in zip(paths, found, strict=True):
        sys.stdout.write(f"wrote {path!s:{width}}  {len(body):,} bytes\n")
    missing = [name for name in PROFILES if name not in dict(found)]
    if missing and not agent:
        sys.stdout.write(f"not served: {', '.join(missing)}\n")
    sys.stdout.write(f"\nnext: gosnap top {paths[0]}\n")
    return 0
