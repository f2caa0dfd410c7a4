"""The Go processes of this machine (or container): which can be captured, and which serve pprof."""

import argparse
import os

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
    from gosnap.target.stop import utc_now

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
    # the envelope of every verb; nothing was read that could fail a check
    snapshot = {
        "program": "",
        "pid": 0,
        "go_version": "",
        "arch": "amd64",
        "taken_at": utc_now(),
        "pause_us": 0,
        "source": "processes",
    }
    checks = {"dangling_pointers": 0, "bad_type_headers": 0, "span_count_mismatches": 0}
    totals = {"processes": len(rows), "rss_bytes": sum(p.rss_bytes for p in found)}
    common.emit(
        options,
        View("ps", snapshot, checks, totals, rows),
        lambda page, v: text.render(page, v, os.geteuid() == 0),
    )
    return 0
