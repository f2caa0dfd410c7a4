"""The Go processes of this machine (or container): which can be captured, and which serve pprof."""

import argparse

from gosnap.commands import common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-probe",
        action="store_true",
        help="do not ask the processes' own ports whether they serve /debug/pprof",
    )
    common.add_output(parser)


def run(options: argparse.Namespace) -> int:
    from gosnap.heap.views import View
    from gosnap.report.text import ps as text
    from gosnap.target.procs import list_go_processes

    found = list_go_processes(probe=not options.no_probe)
    rows = [
        {
            "pid": p.pid,
            "program": p.program,
            "go_version": p.go_version,
            "rss_bytes": p.rss_bytes,
            "threads": p.threads,
            "dwarf": -1 if p.dwarf is None else int(p.dwarf),
            "pprof": p.pprof or "",
            "user": p.user,
            "readable": int(p.state == "readable"),
        }
        for p in found
    ]
    totals = {"processes": len(rows), "rss_bytes": sum(p.rss_bytes for p in found)}
    common.emit(options, View("ps", {}, {}, totals, rows), text.render)
    return 0
