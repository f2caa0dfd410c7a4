"""What lines of the interactive shell mean (google/pprof internal/driver/interactive.go, as in Go 1.27)."""

from __future__ import annotations

import importlib
import sys

from gosnap.commands.profile_run import Run
from gosnap.errors import GosnapError, UsageError
from gosnap.profile.options import BY_NAME, CHOICES, OPTIONS, SHORTCUTS, Config, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

WITH_PATTERN = ("peek", "list")
TABLES = ("top", "text")
TO_FILE = {"proto": ".pb.gz", "topproto": ".pb.gz", "callgrind": ".out", "svg": ".svg", "flame": ".html"}
"""Verbs whose answer is nothing for a terminal, and what their files are called."""
VERBS = (
    *("top", "text", "tree", "peek", "list", "traces", "tags", "raw", "comments"),
    *("dot", "svg", "flame", "proto", "topproto", "callgrind"),
)
_MODULES = {"text": "top"}
_COMMENT = "//:"
_SHELL_ROWS = 10
"""Of `top`, where the command line has no limit."""
# what a shell cannot change any more
_FIXED = ("base", "diff_base", "normalize", "buildid", "all_frames", "add_comment", "seconds", "timeout")
_HIDDEN = (*_FIXED, "symbolize", "max_size")
_FILTERS = ("focus", "ignore", "hide", "tagfocus", "tagignore", "show", "show_from", "tagshow", "taghide")


class Shell:
    """A profile, the options in force, and what lines do with them."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._config = run.found.config.copy()
        # from here on labels stand above tables no more
        self._config.set(compact_labels=True)

    def line(self, text: str) -> bool:
        """Do what a line says; False where it ends the shell. What is wrong is told, and it goes on."""
        try:
            return self._line(text.strip())
        except GosnapError as e:
            sys.stderr.write(f"{e.message}\n" + (f"  {e.hint}\n" if e.hint else ""))
        except OSError as e:
            where = f"{e.filename}: " if e.filename else ""
            sys.stderr.write(f"{where}{e.strerror or e}\n")
        return True

    def _line(self, text: str) -> bool:
        for settings in self._shortcut(text):
            self._config.set(**settings)
            return True
        if self._assignment(text):
            return True
        words = text.split()
        if not words:
            return True
        if words[0] in ("q", "quit", "exit", "^D"):
            return False
        if words[0] in ("o", "options"):
            sys.stdout.write(self.options())
        elif words[0] in ("help", "h", "?"):
            sys.stdout.write(help_of(words[1:]))
        elif words[0] == ":":
            self._config.set(**dict.fromkeys(_FILTERS, ""))
        else:
            self._command(words)
        return True

    # ------------------------------------------------------------------ settings

    def _shortcut(self, text: str) -> list[dict[str, Any]]:
        """`inuse_space`, `alloc_objects` and so on, `total_X` and `mean_X`, as settings."""
        names = {name for name, _ in self._run.report.profile.sample_types}
        if text in names:
            return [{"sample_index": text}]
        if text in SHORTCUTS:
            return [dict(SHORTCUTS[text])]
        for prefix, mean in (("total_", False), ("mean_", True)):
            if text.startswith(prefix) and text.removeprefix(prefix) in names:
                return [{"sample_index": text.removeprefix(prefix), "mean": mean}]
        return []

    def _assignment(self, text: str) -> bool:
        """Whether a line is "name=value", or a switch or choice by itself; it is then in force."""
        name, given, value = text.partition("=")
        name = name.strip()
        option = BY_NAME.get(name)
        if name in CHOICES:
            wanted = Option(name, "bool", False, "", "a switch").parse(value.strip()) if given else True
            if wanted:
                self._config.set(**{CHOICES[name].name: name})
            return True
        if option is None or name in _FIXED:
            return False
        if not given and option.kind != "bool":
            raise UsageError(f"{name} needs a value", f"for example {name}={_example(option)}")
        value = value.rpartition(_COMMENT)[0] if _COMMENT in value else value
        parsed = option.parse(value.strip())
        if name == "sample_index":
            self._run.report.profile.sample_index(parsed)
        self._config.set(**{name: parsed})
        return True

    def options(self) -> str:
        """All options with their values, and what they may be."""
        lines = []
        for option in sorted(OPTIONS, key=lambda o: o.name):
            if option.name in _HIDDEN:
                continue
            value = getattr(self._config, option.name)
            note = ""
            if option.choices:
                note = "[" + " | ".join(choice for choice, _ in option.choices) + "]"
            elif option.name == "sample_index":
                types = self._run.report.profile.sample_types
                value = value or types[self._run.report.profile.sample_index("")][0]
                note = "[" + " | ".join(name for name, _ in types) + "]"
            elif option.name == "nodecount" and value == -1:
                note = "default"
            text = str(value).lower() if isinstance(value, bool) else str(value) or '""'
            if isinstance(value, float):
                text = f"{value:g}"
            lines.append(f"  {option.name:<25} = {text:<20} {_COMMENT + ' ' + note if note else ''}".rstrip())
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------------ commands

    def _command(self, words: list[str]) -> None:
        verb, number = _split(words[0])
        if verb not in VERBS:
            raise UsageError(f"no command {words[0]!r}", _meant(words[0]))
        config, rest = self._config.copy(), words[1:]
        pattern = ""
        if verb in WITH_PATTERN:
            if not rest:
                raise UsageError(f"{verb} needs an argument", f"for example `{verb} main\\.`")
            pattern = rest.pop(0)
        output = _read_rest(verb, config, [number, *rest] if number else rest)
        if verb in TABLES and config.nodecount == -1:
            config.set(nodecount=_SHELL_ROWS)
        if not output and verb in TO_FILE:
            output = _free(TO_FILE[verb])
        Run.loaded = self._run.base, config
        try:
            arguments = [pattern] if pattern else []
            _module(verb).main([*arguments, *(["-o", output, "--force"] if output else []), "--", "profile"])
        finally:
            Run.loaded = None

    def complete(self, text: str, state: int) -> str | None:
        """For readline: the state-th of what a word may become."""
        if state == 0:
            names = sorted({*VERBS, *BY_NAME, *CHOICES, *SHORTCUTS, "help", "options", "quit"} - set(_HIDDEN))
            found = [name for name in names if name.startswith(text)]
            if not found and len(text) > 1:
                p = self._run.report.profile
                every = {p.strings.text(index) for index in set(p.function_name)}
                found = sorted(name for name in every if text in name)[:100]
            self._found = found
        return self._found[state] if state < len(self._found) else None


def _read_rest(verb: str, config: Config, words: list[str]) -> str:
    """Set what the words after a command say: a number of rows, what to focus on, "-" and what to ignore,
    -cum; the file behind ">".
    """
    focus, ignore, output = [], [], ""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.isascii() and word.isdigit():
            config.set(nodecount=int(word))
        elif word.startswith(">"):
            output = word[1:]
            if not output:
                if at == len(words):
                    raise UsageError("no file behind >", "for example `top >out.txt`")
                output = words[at]
                at += 1
        elif word in ("-cum", "--cum"):
            config.set(sort="cum")
        elif word.startswith("-"):
            ignore.append(word[1:])
        else:
            focus.append(word)
    prefix = "tag" if verb == "tags" else ""
    if focus:
        config.set(**{f"{prefix}focus": "|".join(focus)})
    if ignore:
        config.set(**{f"{prefix}ignore": "|".join(ignore)})
    return output


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"gosnap.commands.{_MODULES.get(verb, verb)}")


def _split(word: str) -> tuple[str, str]:
    """("top", "10") of "top10"."""
    name = word.rstrip("0123456789")
    return (name, word[len(name) :]) if name in VERBS else (word, "")


def _example(option: Option) -> str:
    return {"int": "10", "float": "0.01"}.get(option.kind, option.value or "x")


def _meant(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, [*VERBS, *BY_NAME, *SHORTCUTS], 1)
    return f"did you mean {close[0]!r}?" if close else '"help" lists the commands'


def _free(ending: str) -> str:
    """The name of a file that is not there yet."""
    from pathlib import Path

    number = 1
    while Path(f"profile{number:03}{ending}").exists():
        number += 1
    return f"profile{number:03}{ending}"


def help_of(words: list[str]) -> str:
    """The commands and options; or one of them."""
    known = {verb: (_module(verb).__doc__ or "").strip().partition("\n")[0].rstrip(".") for verb in VERBS}
    known |= {option.name: option.help for option in OPTIONS if option.name not in _HIDDEN}
    known |= {choice: text for option in OPTIONS for choice, text in option.choices}
    if words:
        name = words[0]
        if name not in known:
            raise UsageError(f"no help on {name!r}", _meant(name))
        return f"  {name}: {known[name]}\n"
    lines = ["Commands:", *(f"  {verb:12} {known[verb]}" for verb in VERBS)]
    lines += [
        *(f"  {name:12} {text}" for name, text in (("o, options", "the options and their values"),)),
        "  :            clear the filters",
        "  quit, q, ^D  leave",
        "",
        "Options:",
        *(f"  {name:22} {known[name]}" for name in sorted(known) if name not in VERBS),
        "",
        "  top10                        a number of rows",
        "  top -cum alloc -runtime      sorted by cum; stacks with alloc, none with runtime",
        "  peek REGEXP, list REGEXP     need what to look for",
        "  top >FILE                    into a file",
        "  inuse_space, alloc_objects   the sample type; also sample_index=…",
    ]
    return "\n".join(lines) + "\n"
