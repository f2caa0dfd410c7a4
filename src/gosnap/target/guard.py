"""Watches over a capture with a clone: when gosnap dies, collects the clone that is left as a zombie of the
target.

A process of its own (``python -m gosnap.target.guard PID``), because nothing in a killed process can clean
up. It waits for the end of its standard input; a ``D`` before it means that there is nothing to do.
"""

import os
import signal
import sys
import time

from gosnap.target import inject, procfs


def main() -> None:
    """Says ``R`` when it is ready."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    pid = int(sys.argv[1])
    began = procfs.start_time(pid)
    since = procfs.start_time(os.getpid())
    os.write(1, b"R")
    if b"D" in sys.stdin.buffer.read():
        return
    deadline = time.monotonic() + 10.0
    quiet = 0
    # The kernel kills the clone while it takes gosnap apart; a moment later it is there to be collected.
    while time.monotonic() < deadline and quiet < 20 and procfs.start_time(pid) == began:
        left = inject.leftovers(pid, since)
        quiet = 0 if left else quiet + 1
        for child in left:
            state = procfs.stat_fields(child)
            if state and state[0] not in {"Z", "X"}:
                if procfs.status(child).get("TracerPid") == "0":
                    os.kill(child, signal.SIGKILL)
                continue
            inject.collect(pid, child, 1.0)
        time.sleep(0.005)


if __name__ == "__main__":
    main()
