"""The screen of ``gosnap live``."""

import asyncio
import contextlib
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Protocol

from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from gosnap.errors import GosnapError
from gosnap.live.changes import History
from gosnap.live.process import TargetGone
from gosnap.live.sites import Frame, Stack
from gosnap.live.watcher import Tick
from gosnap.live.watches import Lines, Watches
from gosnap.report.text.units import clean, shorten
from gosnap.tui.board import assembled, board, heights
from gosnap.tui.listing import Listing
from gosnap.tui.panes import Detail, Pane, Row, Seen, Watched, age, folded, panes

_NOTICE_SECONDS = 20.0


class Source(Protocol):
    """What the screen shows: ``live.watcher.Watcher`` behind it."""

    title: str
    """Program, PID, Go version."""

    def tick(self, *, everything: bool = False) -> Tick: ...
    def stacks(self, frame: Frame, most: int) -> list[Stack]: ...
    def restart(self) -> None: ...
    def capture(self) -> str: ...
    def compile(self, expression: str) -> Lines: ...


@dataclass
class _Shown:
    """How a pane is shown."""

    pane: Pane
    sort: int
    reverse: bool = False
    pattern: str = ""
    chosen: Callable[[str], bool] = field(default=lambda text: True)


class LiveApp(App[None]):
    """Sparklines, and below them one of several lists."""

    # the terminal's own colours, and none at all with NO_COLOR
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    #title, #keys, #notice, #tabs, #note { height: 1; }
    #title { text-style: bold; }
    #keys, #note { text-style: dim; }
    #board { height: auto; }
    #notice { height: auto; max-height: 5; text-style: bold; display: none; }
    #list, #detail { height: 1fr; scrollbar-size: 1 1; background: ansi_default; color: ansi_default; }
    #detail { display: none; }
    #filter { display: none; height: 1; border: none; padding: 0; background: ansi_default; }
    #filter.-shown, #notice.-shown { display: block; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "quit"),
        Binding("escape", "leave", "back"),
        Binding("tab,greater_than_sign,right", "pane(1)", "next list", priority=True),
        Binding("shift+tab,less_than_sign,left", "pane(-1)", "list before", priority=True),
        Binding("down,j", "move(1)", "down"),
        Binding("up,k", "move(-1)", "up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up"),
        Binding("home,g", "end(-1)", "first"),
        Binding("end,G", "end(1)", "last"),
        Binding("enter", "drill", "details"),
        Binding("slash", "filter", "filter"),
        Binding("space", "pause", "pause"),
        Binding("r", "now", "look now"),
        Binding("s", "since", "since now"),
        Binding("o", "reverse", "reverse"),
        Binding("c", "capture", "snapshot"),
        Binding("w", "watch", "watch an expression"),
        Binding("x,delete", "unwatch", "watch it no more"),
        Binding("question_mark", "help", "help"),
        *(Binding(str(n), f"sort({n - 1})", f"sort by column {n}") for n in range(1, 10)),
    ]

    def __init__(self, source: Source, interval: float = 1.0) -> None:
        super().__init__(ansi_color=True)
        self._source = source
        self._interval = interval
        self.history = History()
        self.watches = Watches(source.compile)
        self.seen = Seen(self.history, source.stacks, self.watches)
        self._shown = [_Shown(p, p.sort) for p in panes()]
        self._at = 0
        self._busy = False
        self._capturing = False
        self.paused = False
        self.ended = ""
        self._detail: Row | None = None
        self._notice_until = 0.0
        self._submit: Callable[[str], None] = self._choose

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(id="board", markup=False)
        yield Static(id="tabs", markup=False)
        yield Static(id="note", markup=False)
        yield Listing(id="list")
        with VerticalScroll(id="detail", can_focus=False):
            yield Static(id="lines", markup=False)
        yield Static(id="notice", markup=False)
        yield Input(id="filter", compact=True)
        yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # an exception in the loop would leave the terminal as the screen needs it
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))
        self.query_one(Listing).focus()
        self.set_interval(self._interval, self._due)
        self._due()
        self._draw()

    @property
    def pane(self) -> Pane:
        """The list that is shown."""
        return self._shown[self._at].pane

    def _due(self) -> None:
        if self._notice_until and time.monotonic() > self._notice_until:
            self._say("")
        if not self.paused and not self.ended:
            self._look()

    def _look(self, *, everything: bool = False) -> None:
        # a look that takes longer than the interval leaves out those that it missed
        if not self._busy and not self.ended:
            self._busy = True
            self._read(everything)

    @work(thread=True, exit_on_error=False, group="look")
    def _read(self, everything: bool) -> None:
        try:
            tick = self._source.tick(everything=everything)
            self.watches.look(tick.unix_ns)
        except TargetGone as e:
            self.call_from_thread(self._gone, e.message)
        except GosnapError as e:
            self.call_from_thread(self._missed, e)
        else:
            self.call_from_thread(self._took, tick)

    def _took(self, tick: Tick) -> None:
        self._busy = False
        self.history.add(tick)
        self._draw()

    def _missed(self, error: GosnapError) -> None:
        self._busy = False
        self._say(f"{error.message} {error.hint}".strip())

    def _gone(self, message: str) -> None:
        self._busy = False
        self.ended = message
        self._say(f"{message}: these are its last numbers; q leaves")
        self._notice_until = 0.0
        self._draw()

    # drawing

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self, *, new: bool = False) -> None:
        if not self.query("#keys"):
            return
        width, height = self.size
        self.query_one("#title", Static).update(self._title(width))
        lines = board(self.history, width, heights(height))
        self.query_one("#board", Static).update(assembled(lines, width))
        self.query_one("#tabs", Static).update(self._tabs(width))
        self.query_one("#keys", Static).update(Text(self._keys(width), no_wrap=True, overflow="crop"))
        note = self.query_one("#note", Static)
        note.display = height >= 20
        note.update(Text(shorten(self._note(), width), no_wrap=True, overflow="crop"))
        self._fill(new=new)
        self._draw_detail()

    def _title(self, width: int) -> Text:
        tick = self.history.last
        state = "EXITED" if self.ended else "PAUSED" if self.paused else ""
        if self._capturing:
            state = "TAKING A SNAPSHOT"
        when = time.strftime("%H:%M:%S", time.localtime(tick.unix_ns / 1e9)) if tick else ""
        right = "  ".join(filter(None, (state, when)))
        left = shorten(clean(self._source.title), max(width - len(right) - 2, 8))
        return Text(f"{left:<{max(width - len(right), 0)}}{right}", no_wrap=True, overflow="crop")

    def _tabs(self, width: int) -> Text:
        out = Text(no_wrap=True, overflow="crop")
        for i, s in enumerate(self._shown):
            style = "reverse bold" if i == self._at else ""
            out.append(f" {s.pane.name} ", style)
            out.append(" ")
        shown = self._shown[self._at]
        if shown.pattern:
            out.append(f" /{shown.pattern}", "italic")
        return out

    def _note(self) -> str:
        text = self.pane.note(self.seen)
        tick = self.history.last
        if tick is not None and self.pane.part:
            old = tick.age_ns.get(self.pane.part, 0) / 1e9
            if old >= 1.5 * self._interval:
                text += f" ({age(old)} ago: reading it takes {tick.cost_us[self.pane.part] / 1000:.0f} ms)"
            if self.pane.part in tick.absent and self.pane.part in tick.age_ns:
                text = f"not read anew: {tick.absent[self.pane.part]}"
        return text

    def _keys(self, width: int) -> str:
        words = ["q quit", "? help", "tab list", "enter details", "/ filter", "1-9 sort", "space pause"]
        words += ["w watch", "c snapshot", "s since now", "r look now", "o reverse"]
        if self._detail is not None:
            words = ["esc back", "q quit", "? help", "up, down scroll"]
        out = ""
        for word in words:
            if len(out) + len(word) + 2 > width:
                break
            out += f"  {word}" if out else word
        return out

    def _fill(self, *, new: bool) -> None:
        shown = self._shown[self._at]
        self.seen.chosen = shown.chosen
        rows = shown.pane.rows(self.seen, shown.sort, shown.reverse)
        empty = shown.pane.empty(self.seen)
        if shown.pattern and not rows:
            empty = f"nothing matches {shown.pattern!r}: / and Enter show all again"
        down = rows and not isinstance(rows[0].values[shown.sort], str)
        sign = "↓" if bool(down) != shown.reverse else "↑"
        mark = (shown.sort, sign)
        self.query_one(Listing).fill(shown.pane.columns, rows, empty, mark, new=new)

    def _draw_detail(self) -> None:
        box, listing = self.query_one("#detail"), self.query_one(Listing)
        box.display = self._detail is not None
        listing.display = self._detail is None
        if self._detail is None:
            return
        # the same row of the last tick, where it is still there
        row = next((r for r in listing.rows if r.key == self._detail.key), self._detail)
        detail: Detail = row.detail()
        width = max(self.size.width - 1, 1)
        lines = Text(no_wrap=True, overflow="crop")
        lines.append("\n".join(folded(detail.title, width)) + "\n", "bold")
        lines.append("\n".join(detail.fitted(width)))
        self.query_one("#lines", Static).update(lines)

    def _say(self, text: str) -> None:
        notice = self.query_one("#notice", Static)
        notice.update(Text(clean(text)))
        notice.set_class(bool(text), "-shown")
        self._notice_until = time.monotonic() + _NOTICE_SECONDS if text else 0.0

    # keys

    def _scroll(self, by: int) -> None:
        self.query_one("#detail").scroll_relative(y=by, animate=False)

    def action_move(self, by: int) -> None:
        if self._detail is not None:
            self._scroll(by)
        else:
            self.query_one(Listing).move(by)

    def action_page(self, by: int) -> None:
        self.action_move(by * self.query_one(Listing).page() if self._detail is None else by * 5)

    def action_end(self, way: int) -> None:
        self.action_move(way * (1 << 30))

    def action_pane(self, by: int) -> None:
        if self._filtering():
            return
        self._detail = None
        self._at = (self._at + by) % len(self._shown)
        self._draw(new=True)

    def on_click(self, event: events.Click) -> None:
        if event.widget is None or event.widget.id != "tabs":
            return
        at = 0
        for i, s in enumerate(self._shown):
            at += len(s.pane.name) + 3
            if event.x < at:
                self.action_pane(i - self._at)
                return

    def action_sort(self, column: int) -> None:
        shown = self._shown[self._at]
        if self._detail is not None or column >= len(shown.pane.columns):
            return
        if not shown.pane.columns[column].title:
            return
        shown.reverse = not shown.reverse if column == shown.sort else False
        shown.sort = column
        self._draw(new=True)

    def on_listing_sort(self, message: Listing.Sort) -> None:
        self.action_sort(message.column)

    def action_reverse(self) -> None:
        self.action_sort(self._shown[self._at].sort)

    def action_drill(self) -> None:
        if self._detail is None:
            self.query_one(Listing).choose()

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        self._detail = message.row
        self.query_one("#detail").scroll_to(0, 0, animate=False)
        self._draw()

    def action_leave(self) -> None:
        """Out of the details, of the filter, of the view."""
        shown = self._shown[self._at]
        if self._filtering():
            self._end_filter()
        elif self._detail is not None:
            self._detail = None
            self._draw()
        elif shown.pattern:
            self._choose("")
        else:
            self.exit()

    def action_pause(self) -> None:
        self.paused = not self.paused and not self.ended
        self._draw()

    def action_now(self) -> None:
        self._look(everything=True)

    def action_since(self) -> None:
        self._source.restart()
        self.history.restart()
        self._say("what is counted as since begins now")
        self._draw()

    def action_help(self) -> None:
        self.push_screen(Help())

    # the filter

    def _filtering(self) -> bool:
        return self.query_one("#filter", Input).has_class("-shown")

    def action_filter(self) -> None:
        if self._detail is None:
            self._submit = self._choose
            self._ask("part of a name, or a regular expression", self._shown[self._at].pattern)

    def _ask(self, what: str, value: str) -> None:
        box = self.query_one("#filter", Input)
        box.placeholder = what
        box.value = value
        box.add_class("-shown")
        self.query_one("#keys").display = False
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._end_filter()
        self._submit(event.value.strip())

    def _end_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("-shown")
        self.query_one("#keys").display = True
        self.query_one(Listing).focus()

    def _choose(self, pattern: str) -> None:
        shown = self._shown[self._at]
        try:
            matches = re.compile(pattern, re.IGNORECASE).search
        except re.error as e:
            self._say(f"{pattern!r} is no regular expression: {e}")
            return
        shown.pattern = pattern
        shown.chosen = (lambda text: matches(text) is not None) if pattern else (lambda text: True)
        self._draw(new=True)

    # watched expressions

    def action_watch(self) -> None:
        if self.ended:
            return
        self._detail = None
        self._submit = self._watch
        self._ask('an expression: main.queue, main.sessions["u42"].Cart[0], len(main.queue)', "")
        self._draw()

    def _watch(self, expression: str) -> None:
        if not expression:
            return
        self._at = next(i for i, s in enumerate(self._shown) if isinstance(s.pane, Watched))
        self._draw(new=True)
        self._compile(expression)

    @work(thread=True, exit_on_error=False, group="watch")
    def _compile(self, expression: str) -> None:
        # the first one reads all variables' names and types
        try:
            self.watches.add(expression).look(time.time_ns())
        except GosnapError as e:
            self.call_from_thread(self._say, f"{e.message} {e.hint}".strip())
        self.call_from_thread(self._draw)

    def action_unwatch(self) -> None:
        if isinstance(self.pane, Watched):
            listing = self.query_one(Listing)
            if listing.cursor < len(listing.rows):
                self.watches.remove(listing.rows[listing.cursor].key)
            self._detail = None
            self._draw()

    # the snapshot

    def action_capture(self) -> None:
        if self.ended or self._capturing:
            return
        self._capturing = True
        self._say("taking a snapshot: the process is stopped for some milliseconds, then analysed")
        self._draw()
        self._capture()

    @work(thread=True, exit_on_error=False, group="capture")
    def _capture(self) -> None:
        try:
            text = self._source.capture()
        except GosnapError as e:
            text = f"no snapshot: {e.message} {e.hint}".strip()
        except OSError as e:
            text = f"no snapshot: {e.strerror or e}"
        self.call_from_thread(self._captured, text)

    def _captured(self, text: str) -> None:
        self._capturing = False
        self._say(text)
        self._draw()


HELP = """\
tab, < and >    another list
up, down, j, k  move; page up, page down, home, end
enter           all about a row: the stacks of a site, goroutines by function
esc             back; leaves the view where there is no way back
/               only rows whose name matches; an empty line shows all
1-9             sort by that column; once more, or o: the other way round
space           pause
r               look at everything now, whatever it costs
s               what is counted as since begins now
w               watch an expression, in Go's syntax; x: no more
c               take a snapshot: stops the program for some milliseconds
q               quit

heap   bytes that are not known to be garbage, below the goal of the next collection (╌)
gc     ^ a collection, or how many of them within one column
RSS    resident memory, below the limit of the cgroup (╌)
alloc  bytes allocated per second

The program is not stopped: its memory is read while it runs on, so that the numbers of one look are of \
moments within a few milliseconds. Lists that take long to read are read less often; the line above a list \
says how old it is.

Sites: in use, grown, allocated and objects count all that is sampled up to now; pprof is what the heap \
endpoint would show at this moment, which lags behind by up to two collections.
"""


class Help(ModalScreen[None]):
    """What the keys do and what the numbers are."""

    CSS = """
    Help { background: ansi_default; align: center middle; }
    #help { background: ansi_default; color: ansi_default; width: 100%; height: 100%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter", "dismiss", "close"),
        Binding("q", "dismiss", "close"),
        Binding("down,j", "scroll(1)", "down"),
        Binding("up,k", "scroll(-1)", "up"),
        Binding("pagedown,space", "scroll(8)", "page down"),
        Binding("pageup", "scroll(-8)", "page up"),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(HELP, markup=False)

    def action_scroll(self, by: int) -> None:
        self.query_one("#help").scroll_relative(y=by, animate=False)
