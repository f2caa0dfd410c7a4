"""An interactive shell on a profile, as `go tool pprof` opens one: `top10 -cum`, `list main.`,
`sample_index=alloc_space`, `o` for the options, `help`, `quit`.

The profile is read once; options that are given here hold until they are changed."""

from __future__ import annotations

import sys

from gosnap.commands.profile_run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.commands.profile_shell import Shell

USAGE = "SOURCE..."
PROMPT = "(pprof) "


def main(words: list[str]) -> int:
    """Run it; the exit code."""
    run = Run(words, "top", errors=True, changes=True)
    run.say()
    from gosnap.commands.profile_shell import Shell
    from gosnap.report.text.profile_labels import profile_labels

    shell = Shell(run)
    interactive = sys.stdin.isatty()
    if interactive:
        sys.stdout.write("\n".join(profile_labels(run.report)) + "\n")
        sys.stdout.write('Entering interactive mode (type "help" for commands, "o" for options)\n')
        _complete(shell)
    while True:
        try:
            line = input(PROMPT if interactive else "")
        except EOFError:
            if interactive:
                sys.stdout.write("\n")
            return 0
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            continue
        if not shell.line(line):
            return 0
        sys.stdout.flush()


def _complete(shell: Shell) -> None:
    """Tab completes commands, options and names of functions; lines can be edited and are remembered."""
    try:
        import readline
    except ImportError:
        return
    readline.set_completer_delims(" \t\n=|()[]")
    readline.set_completer(shell.complete)
    readline.parse_and_bind("tab: complete")
