"""The command line of profile verbs: pprof's flags, with one dash or two, anywhere among the sources.

argparse takes longer to import than a small profile takes to read, and has no long options with one dash.
"""

from __future__ import annotations

import sys

from gosnap.errors import GosnapError, UsageError
from gosnap.profile.options import BY_NAME, CHOICES, OPTIONS, SHORTCUTS, Config, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OUTPUT = "Output"
_LIVE = "Processes, snapshots and cores"
FLAGS = (
    Option(
        "format",
        "string",
        "",
        _OUTPUT,
        "in which form",
        value="FORMAT",
    ),
    Option(
        "view",
        "string",
        "pprof",
        _LIVE,
        "as the endpoint would show it, or with what is not published yet",
        choices=(("pprof", ""), ("now", "")),
        value="pprof|now",
    ),
    Option("exe", "string", "", _LIVE, "of a core: the executable that it came from", value="PROGRAM"),
    Option(
        "holders",
        "string",
        "",
        _LIVE,
        "of top: who holds what the functions that match allocated, and is still alive",
        value="REGEXP",
    ),
    Option("output", "string", "", _OUTPUT, "write the answer to FILE (made with mode 0600)", value="FILE"),
    Option("force", "bool", False, _OUTPUT, "replace FILE if it exists"),
    Option("quiet", "bool", False, _OUTPUT, "say nothing but the answer"),
)
"""What the command line has besides the settings of a profile."""
SHORT = {"o": "output", "n": "nodecount", "top": "nodecount", "q": "quiet"}
"""Other spellings."""


class Arguments:
    """What the command line says."""

    __slots__ = ("arguments", "config", "executable", "flags", "sources")

    def __init__(self) -> None:
        self.config = Config()
        self.flags: dict[str, str | bool] = {option.name: option.default for option in FLAGS}
        self.arguments: list[str] = []
        """What is no option; ``split`` makes sources of it."""
        self.sources: list[str] = []
        self.executable = ""

    @property
    def format(self) -> str:
        return str(self.flags["format"])

    @property
    def output(self) -> str:
        return str(self.flags["output"])


def parse(words: list[str]) -> Arguments:
    """Read a command line; UsageError where it is wrong."""
    found = Arguments()
    shortcuts: list[str] = []
    chosen: dict[str, list[str]] = {}
    flags = {option.name: option for option in FLAGS}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            found.arguments += words[at:]
            break
        if not word.startswith("-") or word == "-":
            found.arguments.append(word)
            continue
        name, given, value = word.lstrip("-").partition("=")
        name = name.replace("-", "_")
        # -n is nodecount; --top, as the other verbs have it, is so too, but pprof's -top has no number
        if name in SHORT and not (name == "top" and not given and not _is_number(words[at : at + 1])):
            name = SHORT[name]
        option = BY_NAME.get(name) or flags.get(name)
        if option is None:
            if name not in CHOICES and name not in SHORTCUTS:
                raise UsageError(f"no option {word.split('=')[0]}", _close(name))
            if not given or _boolean(name, value):
                if name in CHOICES:
                    chosen.setdefault(CHOICES[name].name, []).append(name)
                else:
                    shortcuts.append(name)
            continue
        if option.kind != "bool" and not given:
            if at == len(words):
                raise UsageError(f"{word} needs a value", f"{option.name}: {option.help}")
            value = words[at]
            at += 1
        try:
            parsed = option.parse(value)
        except GosnapError as e:
            raise UsageError(e.message, e.hint) from None
        if option.kind == "choice" and parsed:
            chosen.setdefault(option.name, []).append(parsed)
        elif option.kind == "list":
            if parsed:
                setattr(found.config, option.name, (*getattr(found.config, option.name), parsed))
        elif option.name in flags:
            found.flags[option.name] = parsed
        else:
            setattr(found.config, option.name, parsed)
    for name, choices in chosen.items():
        if len(set(choices)) > 1:
            listed = ", ".join(f"--{c}" for c in dict.fromkeys(choices))
            raise UsageError(f"{listed} exclude each other", "give one of them")
        setattr(found.config, name, choices[0])
    for name in shortcuts:
        settings = dict(SHORTCUTS[name])
        if found.config.sample_index and found.config.sample_index != settings["sample_index"]:
            raise UsageError(
                f"--{name}: {found.config.sample_index} is chosen already", "give one sample type"
            )
        found.config.set(**settings)
    return found


def split(found: Arguments) -> None:
    """Make sources of what is no option: the first may be the executable, as pprof has it."""
    found.sources = found.arguments
    if len(found.sources) > 1 and _is_executable(found.sources[0]):
        found.executable, *found.sources = found.sources
    if not found.sources:
        raise UsageError(
            "no profile given", "give a file (heap.pb.gz), a PID, a .gosnap file, or http://HOST:PORT"
        )


def _is_number(words: list[str]) -> bool:
    return bool(words) and words[0].isascii() and words[0].isdigit()


def _boolean(name: str, value: str) -> bool:
    try:
        return bool(Option(name, "bool", False, "", "a switch").parse(value))
    except GosnapError as e:
        raise UsageError(e.message, e.hint) from None


def _is_executable(path: str) -> bool:
    try:
        with open(path, "rb") as f:
            head = f.read(18)
    except OSError:
        return False
    return head[:4] == b"\x7fELF" and head[16:18] not in (b"\4\0", b"\0\4")


def _close(name: str) -> str:
    import difflib

    known = [*BY_NAME, *CHOICES, *SHORTCUTS, *(o.name for o in FLAGS)]
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean --{close[0]}?" if close else "`--help` lists the options"


def help_text(verb: str, about: str, usage: str, formats: tuple[str, ...] = ("text",)) -> str:
    """All options of a verb, in their groups. ``formats``: those that it has; one alone is no choice."""
    lines = [f"usage: gosnap {verb} {usage} [options]", "", about.strip(), ""]
    groups: dict[str, list[tuple[str, str]]] = {}
    for option in (*OPTIONS, *FLAGS):
        rows = groups.setdefault(option.group, [])
        if option.name == "format":
            text = " or ".join((", ".join(formats[:-1]), formats[-1])) if len(formats) > 1 else formats[0]
            more = f" (default {formats[0]})" if len(formats) > 1 else " alone: this verb has no other"
            rows.append((f"--format={option.value}", text + more))
            continue
        if option.kind == "choice":
            names = " ".join(f"--{choice}" for choice, _ in option.choices)
            rows.append((names, option.help))
            continue
        text = option.help
        if option.default not in ("", False, (), -1, 0):
            text += f" (default {str(option.default).lower()})"
        rows.append((f"--{option.name}" + (f"={option.value}" if option.value else ""), text))
    groups["Which values"] += [(f"--{name}", "the same as " + _spelled(name)) for name in SHORTCUTS]
    for group, rows in groups.items():
        lines.append(f"{group}:")
        for name, text in rows:
            lines += [f"  {name:26} {text}"] if len(name) <= 26 else [f"  {name}", f"  {'':26} {text}"]
        lines.append("")
    lines.append("Options have one dash or two; -o is --output, -n is --nodecount, -q is --quiet.")
    return "\n".join(lines) + "\n"


def _spelled(shortcut: str) -> str:
    settings = SHORTCUTS[shortcut]
    return " ".join(f"--{k}={v}" if not isinstance(v, bool) else f"--{k}" for k, v in settings.items())


def say(found: Arguments, notes: list[str]) -> None:
    """Notes for people, on stderr."""
    if notes and not found.flags["quiet"] and sys.stderr is not None:
        sys.stderr.write("".join(f"gosnap: {note}\n" for note in notes))


def write(found: Arguments, text: str) -> None:
    """The answer, to where the command line wants it."""
    data = text.encode("utf-8", "surrogateescape")
    stream(found, lambda put: put(data))


def stream(found: Arguments, task: Callable[[Callable[[bytes | memoryview], object]], object]) -> None:
    """An answer that comes in pieces, to where the command line wants it: the task is given what writes
    one."""
    if not found.output:
        sys.stdout.flush()
        task(sys.stdout.buffer.write)
        return
    from pathlib import Path

    from gosnap.commands.files import NewFile

    with NewFile(Path(found.output), force=bool(found.flags["force"])) as file:
        task(file.write)
    if found.format not in ("json", "csv") and not found.flags["quiet"]:
        sys.stderr.write(f"wrote {found.output}\n")
