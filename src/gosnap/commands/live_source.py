"""What the screen of ``gosnap live`` asks for, from a program under observation."""

import time
from pathlib import Path

from gosnap.commands.live_watch import compiler
from gosnap.heap.take import default_name, take
from gosnap.live.sites import Frame, Stack
from gosnap.live.watcher import Tick, Watcher
from gosnap.report.text.units import duration, size


class Watched:
    """A ``tui.app.Source``."""

    def __init__(self, watcher: Watcher) -> None:
        image = watcher.program.image
        self.title = f"{image.program}  pid {image.pid}  {watcher.program.version}"
        self._watcher = watcher
        self.compile = compiler(watcher)

    def tick(self, *, everything: bool = False) -> Tick:
        """See ``Watcher.tick``."""
        return self._watcher.tick(everything=everything)

    def stacks(self, frame: Frame, most: int) -> list[Stack]:
        """See ``SiteTracker.stacks``."""
        return self._watcher.tracker.stacks(frame, most)

    def restart(self) -> None:
        """What the memory profile counts as since begins now."""
        self._watcher.tracker.since_now()

    def capture(self) -> str:
        """Take a snapshot into the working directory; what was written, and what to do with it."""
        image = self._watcher.program.image
        name = Path(default_name(image.program, image.pid))
        path = name.with_name(f"{name.stem}.{time.strftime('%H%M%S')}{name.suffix}")
        view = take(str(image.pid), out=path)
        pause = duration(view.snapshot["pause_us"])
        return (
            f"wrote {view.extra['file']} ({size(view.extra['file_bytes'])}); the process stood still for "
            f"{pause}. Next: gosnap suspects {view.extra['file']}"
        )
