"""The screen of ``gosnap live`` on ticks that a test makes: keys, sizes, the end of the target."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

pytest.importorskip("textual")

from liveticks import census, counts, facts, memory, sites, tick, vitals
from textual.pilot import Pilot

from gosnap.errors import GosnapError
from gosnap.live.process import TargetGone
from gosnap.live.sites import Frame, Stack
from gosnap.live.watcher import Tick
from gosnap.live.watches import Lines
from gosnap.tui.app import Help, LiveApp
from gosnap.tui.listing import Listing

SITES = {
    "main.small": {"inuse_now_bytes": 1 << 10, "inuse_now_objects": 9, "alloc_bytes": 5 << 20},
    "main.large": {"inuse_now_bytes": 7 << 20, "inuse_now_objects": 2, "alloc_bytes": 1 << 10},
    "net/http.read": {"inuse_now_bytes": 3 << 20, "inuse_now_objects": 50, "alloc_bytes": 2 << 20},
}


class Script:
    """A source whose ticks are scripted: the number of the tick is in everything that it counts."""

    title = "server  pid 4242  go1.26.6"

    def __init__(self) -> None:
        self.ticks = 0
        self.everything: list[bool] = []
        self.error: GosnapError | None = None
        self.restarts = 0
        self.captures = 0
        self.capture_error: GosnapError | None = None

    def tick(self, *, everything: bool = False) -> Tick:
        if self.error is not None:
            raise self.error
        n = self.ticks
        self.ticks += 1
        self.everything.append(everything)
        out = tick(
            n,
            vitals(
                heap_live_bytes=(n + 1) << 20,
                goal_bytes=100 << 20,
                cycles=n,
                alloc_count=counts(c2=100 * (n + 1), c5=3),
                alloc_class_bytes=counts(c2=1600 * (n + 1), c5=144),
            ),
            facts(rss_bytes=(n + 10) << 20, limit_bytes=1 << 30),
            census=census({("waiting", "chan receive"): 100 + n, ("running", ""): 2}),
            sites=sites(SITES),
            memory=memory({"allocated objects": (5 + n) << 20, "goroutine stacks": 1 << 20}),
        )
        out.age_ns = dict.fromkeys(("goroutines", "sites", "memory"), 0)
        return out

    def stacks(self, frame: Frame, most: int) -> list[Stack]:
        return [Stack([frame, Frame("main.caller", "/src/caller.go", 77)], 1 << 20, 2 << 20)]

    def restart(self) -> None:
        self.restarts += 1

    def capture(self) -> str:
        if self.capture_error is not None:
            raise self.capture_error
        self.captures += 1
        return "wrote FILE.gosnap"

    def compile(self, expression: str) -> Lines:
        if expression == "nonsense":
            raise GosnapError("nonsense: no such variable", "did you mean sense?")

        def read() -> list[str]:
            if expression == "gone" and self.ticks % 2:
                raise GosnapError("no such key")
            return [f"{expression} is {self.ticks}", f"whole {expression}", f"of {self.ticks}"]

        return read


Test = Callable[[LiveApp, Pilot[None], Script], Coroutine[Any, Any, None]]


def on_screen(test: Test, size: tuple[int, int] = (80, 24), ticks: int = 2) -> None:
    """Run a test on a screen that has seen so many ticks; no timer runs."""

    async def run() -> None:
        script = Script()
        app = LiveApp(script, interval=3600)
        async with app.run_test(size=size) as pilot:
            await settle(app, pilot)
            for _ in range(ticks - 1):
                await look(app, pilot)
            await test(app, pilot, script)

    asyncio.run(run())


async def settle(app: LiveApp, pilot: Pilot[None]) -> None:
    """Until nothing is read any more and all is drawn."""
    await app.workers.wait_for_complete()
    await pilot.pause()


async def look(app: LiveApp, pilot: Pilot[None]) -> None:
    """What the timer does."""
    app._due()
    await settle(app, pilot)


def lines(app: LiveApp) -> list[str]:
    """What is on the screen."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    out = ["".join(segment.text for segment in strip) for strip in strips]
    assert len(out) == height and all(len(text) <= width for text in out)
    return [text.rstrip() for text in out]


def names(app: LiveApp) -> list[str]:
    return [row.key for row in app.query_one(Listing).rows]


def test_the_first_screen() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        shown = lines(app)
        assert shown[0].startswith("server  pid 4242  go1.26.6")
        text = "\n".join(shown)
        assert "2MB live, goal 100MB" in text  # of the second tick
        assert "11MB, limit 1GB" in text
        assert "100 objects/s" in text  # 100 more of 16 bytes in a second
        assert "1.56kB/s" in text
        assert any(t.split()[-2:] == ["main.large", "main.go:2"] for t in shown)

    on_screen(test)


def test_tab_goes_through_the_lists() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        seen = [app.pane.name]
        for key in ("tab", "greater_than_sign", "right", "tab", "tab"):
            await pilot.press(key)
            seen.append(app.pane.name)
        assert seen == ["sites", "goroutines", "memory", "classes", "gc", "watch"]
        await pilot.press("tab")
        assert app.pane.name == "sites"
        await pilot.press("shift+tab", "shift+tab")
        assert app.pane.name == "gc"
        await pilot.press("less_than_sign", "left")
        assert app.pane.name == "memory"
        assert names(app) == ["allocated objects", "goroutine stacks"]
        assert "+1MB" in "\n".join(lines(app))  # since the first tick

    on_screen(test)


def test_digits_sort_and_o_turns_round() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        def functions() -> list[str]:
            return [n.split()[0] for n in names(app)]

        assert functions() == ["main.large", "net/http.read", "main.small"]
        await pilot.press("5")  # allocated
        assert functions() == ["main.small", "net/http.read", "main.large"]
        await pilot.press("5")
        assert functions() == ["main.large", "net/http.read", "main.small"]
        await pilot.press("7")  # objects
        assert functions() == ["net/http.read", "main.small", "main.large"]
        await pilot.press("o")
        assert functions() == ["main.large", "main.small", "net/http.read"]
        await pilot.press("8")  # names
        assert functions() == ["main.large", "main.small", "net/http.read"]
        await pilot.press("tab", "8")  # there is no such column
        assert names(app) == ["waiting chan receive", "running"]

    on_screen(test)


def test_filter() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("slash", *"HTTP|small", "enter")
        assert [n.split()[0] for n in names(app)] == ["net/http.read", "main.small"]
        assert "/HTTP|small" in "\n".join(lines(app))
        # of this list only
        await pilot.press("tab")
        assert len(names(app)) == 2
        await pilot.press("shift+tab", "slash", *"[", "enter")
        assert "no regular expression" in "\n".join(lines(app))
        assert len(names(app)) == 2
        await pilot.press("escape")  # takes the filter away
        assert len(names(app)) == 3
        await pilot.press("slash", *"nothing like it", "enter")
        assert names(app) == [] and "nothing matches" in "\n".join(lines(app))

    on_screen(test)


def test_keys_typed_into_the_filter_do_nothing_else() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("slash", *"qcsr jk", "tab", "escape")
        await settle(app, pilot)
        assert app.is_running and script.captures == script.restarts == 0
        assert len(names(app)) == 3 and app.pane.name == "sites" and script.ticks == 2

    on_screen(test)


def test_enter_drills_down_and_the_detail_moves_on() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("down", "enter")
        text = "\n".join(lines(app))
        assert "net/http.read" in text and "main.caller  caller.go:77" in text
        assert "1MB in use, 2MB allocated since by" in text
        await pilot.press("escape", "tab", "enter")
        text = "\n".join(lines(app))
        assert "101  main.work\n" in text and "created by main.main" in text
        await look(app, pilot)
        assert "102  main.work\n" in "\n".join(lines(app))
        await pilot.press("escape")
        assert app.is_running and app.query_one(Listing).display

    on_screen(test)


def test_the_cursor_stays_on_its_row() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("j", "j", "k")
        listing = app.query_one(Listing)
        assert listing.rows[listing.cursor].key.startswith("net/http.read")
        SITES["net/http.read"]["inuse_now_bytes"] = 9 << 20
        try:
            await look(app, pilot)
            assert listing.cursor == 0
            assert listing.rows[0].key.startswith("net/http.read")
        finally:
            SITES["net/http.read"]["inuse_now_bytes"] = 3 << 20

    on_screen(test)


def test_space_pauses_and_r_looks_at_everything() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("space")
        await look(app, pilot)
        assert script.ticks == 2 and "PAUSED" in lines(app)[0]
        await pilot.press("r")
        await settle(app, pilot)
        assert script.ticks == 3 and script.everything == [False, False, True]
        await pilot.press("space")
        await look(app, pilot)
        assert script.ticks == 4 and "PAUSED" not in lines(app)[0]

    on_screen(test)


def test_since_begins_anew() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("tab")
        assert app.history.since() is not None
        await pilot.press("s")
        assert script.restarts == 1 and app.history.since() is None

    on_screen(test)


def test_help_opens_and_closes() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, Help)
        assert "take a snapshot" in "\n".join(lines(app))
        await pilot.press("q")
        assert not isinstance(app.screen, Help) and app.is_running

    on_screen(test)


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c"])
def test_leaving(key: str) -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press(key)
        assert not app.is_running or app._exit
        assert app.return_code == 0

    on_screen(test)


def test_c_takes_a_snapshot_and_says_what_came_of_it() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("c")
        await settle(app, pilot)
        assert script.captures == 1 and "wrote FILE.gosnap" in "\n".join(lines(app))
        script.capture_error = GosnapError("no room", "make some")
        await pilot.press("c")
        await settle(app, pilot)
        assert "no snapshot: no room make some" in "\n".join(lines(app))

    on_screen(test)


def test_the_end_of_the_target_keeps_its_last_numbers() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        script.error = TargetGone(4242)
        await look(app, pilot)
        text = "\n".join(lines(app))
        assert "EXITED" in lines(app)[0] and "process 4242 has exited" in text
        assert "2MB live, goal 100MB" in text and "main.large" in text
        script.error = None
        await look(app, pilot)
        await pilot.press("r", "c", "tab", "enter")
        await settle(app, pilot)
        assert script.ticks == 2 and script.captures == 0  # nobody asks a process that is gone
        assert "101  main.work" in "\n".join(lines(app))
        await pilot.press("escape", "q")
        assert app.return_code == 0 and app.ended == "process 4242 has exited"

    on_screen(test)


def test_a_look_that_fails_is_told_and_the_next_one_is_taken() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        script.error = GosnapError("allgs makes no sense", "report it")
        await look(app, pilot)
        assert "allgs makes no sense report it" in "\n".join(lines(app))
        script.error = None
        await look(app, pilot)
        assert script.ticks == 3

    on_screen(test)


def test_watched_expressions() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("w", *"main.x", "enter")
        await settle(app, pilot)
        assert app.pane.name == "watch" and "main.x is 2" in "\n".join(lines(app))
        await look(app, pilot)
        text = next(t for t in lines(app) if "main.x is" in t)
        assert text.split() == ["main.x", "1", "0.0", "s", "ago", "main.x", "is", "3"]
        await pilot.press("enter")
        text = "\n".join(lines(app))
        assert "whole main.x" in text and "of 3" in text
        await pilot.press("escape", "w", *"nonsense", "enter")
        await settle(app, pilot)
        assert "no such variable did you mean sense?" in "\n".join(lines(app))
        assert names(app) == ["main.x"]
        await pilot.press("x")
        assert names(app) == [] and "w adds an expression" in "\n".join(lines(app))

    on_screen(test)


@pytest.mark.parametrize("size", [(60, 15), (40, 10), (80, 24), (200, 50)])
def test_any_size(size: tuple[int, int]) -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.resize_terminal(*size)
        await settle(app, pilot)
        shown = lines(app)
        assert shown[0].startswith("server  pid 4242")
        assert any(text.startswith("heap") for text in shown)
        assert any("main.large" in text for text in shown)
        assert shown[-1].startswith("q quit")
        for key in ("tab", "tab", "tab", "tab", "enter", "escape", "question_mark", "escape"):
            await pilot.press(key)
            lines(app)

    on_screen(test, (100, 30))


def test_a_filter_at_60_by_15() -> None:
    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        await pilot.press("slash", *"small")
        assert lines(app)[-1].startswith("small")
        await pilot.press("enter")
        assert [n.split()[0] for n in names(app)] == ["main.small"]

    on_screen(test, (60, 15))


@pytest.mark.parametrize("without", [True, False])
def test_no_colour(monkeypatch: pytest.MonkeyPatch, without: bool) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if without:
        monkeypatch.setenv("NO_COLOR", "1")

    async def test(app: LiveApp, pilot: Pilot[None], script: Script) -> None:
        found = set()
        for line in app.screen._compositor.render_strips():
            for strip_filter in app._filters:
                if strip_filter.enabled:
                    line = line.apply_filter(strip_filter, app.screen.background_colors[1])  # noqa: PLW2901
            for segment in line:
                style = segment.style
                for colour in (style.color, style.bgcolor) if style else ():
                    found.add(colour.name if colour else "default")
        assert found <= {"default"} if without else len(found) > 3

    on_screen(test)
