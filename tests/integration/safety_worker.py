"""Helper of the safety tests: forks one capturing process per line on stdin, so that 200 kills take seconds.

``python safety_worker.py PID plain|fork``; it answers each line with the PID of a process that captures in a
loop, and with ``gone STATUS`` when that one has ended.
"""

import contextlib
import os
import resource
import sys

from gosnap.errors import GosnapError
from gosnap.target.live import capture


def main() -> None:
    pid, fork = int(sys.argv[1]), sys.argv[2] == "fork"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            # A child that outlives its killer would go on for good: it gives up after a while.
            for _ in range(200):
                with contextlib.suppress(GosnapError):
                    capture(pid, fork=fork)
            os._exit(3)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print("gone", status, flush=True)


if __name__ == "__main__":
    main()
