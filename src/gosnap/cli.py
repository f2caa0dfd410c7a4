"""The command line: finds the verb, imports its module alone, and turns failures into exit codes.

0 done, 1 error, 2 wrong usage, 3 a gate failed.
"""

import os
import sys

from gosnap._version import __version__
from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

VERBS = {
    "ps": ("gosnap.commands.ps", "the Go processes here"),
    "live": ("gosnap.commands.live", "a running program by the second, without stopping it"),
    "capture": ("gosnap.commands.capture", "take a snapshot of a running process, or of a core"),
    "types": ("gosnap.commands.types", "objects and bytes by type, package, kind or size class"),
    "suspects": ("gosnap.commands.suspects", "the few places that hold most, told in sentences"),
    "dominators": ("gosnap.commands.dominators", "who holds the memory: retained sizes of live objects"),
    "paths": ("gosnap.commands.paths", "why is it alive: paths from the roots to an object or to a type"),
    "goroutines": ("gosnap.commands.goroutines", "goroutines by stack; those that nothing can wake any more"),
    "layout": (
        "gosnap.commands.layout",
        "how structures lie in memory: padding, pointers, a better order of fields",
    ),
    "show": ("gosnap.commands.show", "the value of a variable, field, map entry or address, as Go writes it"),
    "spans": ("gosnap.commands.spans", "the allocator: size classes, free slots, waste, large objects"),
    "profile": ("gosnap.commands.profile", "an interactive shell on a profile, as `go tool pprof` opens one"),
    "top": ("gosnap.commands.top", "functions by memory, from a pprof profile, as `go tool pprof -top`"),
    "diff": ("gosnap.commands.diff", "what changed between two profiles: before, after, new and gone"),
    "tree": ("gosnap.commands.tree", "a profile's call graph: each function with its callers and callees"),
    "peek": ("gosnap.commands.peek", "callers and callees of the functions that a pattern matches"),
    "list": ("gosnap.commands.list", "source lines of functions, with what each allocated or holds"),
    "traces": ("gosnap.commands.traces", "every sample of a profile, with its labels and its stack"),
    "tags": ("gosnap.commands.tags", "labels of a profile's samples, with what they weigh"),
    "comments": ("gosnap.commands.comments", "the comments in a profile"),
    "raw": ("gosnap.commands.raw", "all that is in a profile, as text"),
    "dot": ("gosnap.commands.dot", "a profile's call graph in Graphviz's language"),
    "svg": ("gosnap.commands.svg", "a picture of a profile's call graph"),
    "callgrind": ("gosnap.commands.callgrind", "a profile's call graph for KCachegrind"),
    "flame": ("gosnap.commands.flame", "a flame graph of a profile: one page, folded stacks, or speedscope"),
    "info": ("gosnap.commands.info", "target, collector, self-checks, and where the RSS went"),
    "proto": ("gosnap.commands.proto", "a profile, or that of a process or snapshot, as a pprof file"),
    "topproto": ("gosnap.commands.topproto", "the functions of `top` as a pprof file"),
    "demo": ("gosnap.commands.demo", "build a small leaking Go program, capture it, explain"),
}
"""verb -> (module, one line of help)."""
ALIASES = {"text": "top"}
"""Other names of verbs."""
PPROF_REPORTS = frozenset(
    (
        *("top", "tree", "peek", "list", "traces", "raw", "tags", "comments"),
        *("proto", "topproto", "dot", "svg", "callgrind"),
    )
)
"""Verbs that pprof has as flags."""

_USAGE = "usage: gosnap VERB TARGET [options]"


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:{width}}  {text}" for name, (_, text) in VERBS.items())
    return f"""{_USAGE}

Memory snapshots of running Go programs: what is in memory, from outside, with no code change and no restart.

{verbs}

  gosnap VERB --help     the options of a verb
  gosnap --version       the version

Begin with `gosnap ps`, or with `gosnap demo` if nothing runs here yet.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # tables that grow with a heap are read by kernels of our own; BLAS threads only cost start-up time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = _dispatch(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except GosnapError as e:
        return _fail(e.message, e.hint, e.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted")
    except _Terminated as e:
        _fail(f"ended by {e.name}")
        return 128 + e.number
    except BrokenPipeError:
        # the reader (head, say) has seen enough; the interpreter must not complain at exit
        _silence()
        return 0
    except OSError as e:
        _silence()
        where = f"{e.filename}: " if e.filename else ""
        import errno

        hint = "raise the limit of open files: `ulimit -n 256`" if e.errno == errno.EMFILE else ""
        return _fail(f"{where}{e.strerror or e}", hint)
    except MemoryError:
        return _fail("not enough memory", "run it where there is more, or on a smaller snapshot")


def _dispatch(arguments: list[str]) -> int:
    if sys.stdout is None:
        raise GosnapError("standard output is closed", "redirect it to a file, or to /dev/null")
    if len(arguments) > 1 and arguments[0] == "help":
        arguments = [arguments[1], "--help"]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        (sys.stdout if arguments else sys.stderr).write(_help())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        sys.stdout.write(f"gosnap {__version__}\n")
        return 0
    if arguments[0].startswith("-"):
        arguments = _pprof_style(arguments)
    verb = ALIASES.get(arguments[0], arguments[0])
    if verb not in VERBS:
        sys.stderr.write(f"gosnap: {_unknown(verb)}\n{_USAGE}\n")
        return 2
    return _run(verb, arguments[1:])


def _pprof_style(arguments: list[str]) -> list[str]:
    """`-top -cum FILE`, as pprof has it, with the verb first: `top -cum FILE`; `-list=RE` as `list RE`."""
    for i, word in enumerate(arguments):
        name, given, value = word.lstrip("-").partition("=")
        if word.startswith("-") and ALIASES.get(name, name) in PPROF_REPORTS:
            return [name, *([value] if given else []), *arguments[:i], *arguments[i + 1 :]]
    return arguments


def _unknown(verb: str) -> str:
    import difflib

    if verb.startswith("-"):
        return f"{verb}: options come after the verb; `gosnap --help` lists the verbs"
    close = difflib.get_close_matches(verb, VERBS, 1)
    return f"no verb {verb!r}" + (
        f"; did you mean {close[0]!r}?" if close else "; `gosnap --help` lists them"
    )


def _run(verb: str, arguments: list[str]) -> int:
    import gc

    # what grows is in columns: looking for cycles among the few other objects, time and again while modules
    # are imported, is a tenth of what a small profile takes
    gc.set_threshold(20_000)
    code: int
    name, summary = VERBS[verb]
    # importlib itself takes longer to import than this
    __import__(name)
    module = sys.modules[name]
    if hasattr(module, "main"):
        # a profile verb reads its own command line, which argparse cannot, and starts faster without it
        if any(word in ("-h", "-help", "--help") for word in arguments):
            from gosnap.commands.profile_flags import help_text

            formats = getattr(module, "FORMATS", ("text",))
            sys.stdout.write(help_text(verb, module.__doc__ or summary, module.USAGE, formats))
            return 0
        code = module.main(arguments)
        return code
    import argparse

    parser = argparse.ArgumentParser(
        prog=f"gosnap {verb}", description=module.__doc__ or summary, allow_abbrev=False
    )
    module.add_arguments(parser)
    try:
        # words may stand behind options: `show PID --goroutine 1 s.clients`
        options = parser.parse_intermixed_args(arguments)
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 2
    _end_in_order()
    code = module.run(options)
    return code


def _silence() -> None:
    """What is still buffered for standard output cannot be written; exit must not try again."""
    import contextlib

    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Terminated(BaseException):
    """A signal that asks this process to end; half-written files are removed on the way out."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name


def _end_in_order() -> None:
    """Turn SIGTERM, SIGHUP and SIGINT into an exception, where nobody else handles them (or wants them
    ignored: nohup)."""
    import signal
    import threading

    def end(number: int, frame: "FrameType | None") -> None:
        if _importing(frame):
            # an exception in there would leave a lock of the import system held, which other threads would
            # wait for until the end of time
            again = threading.Timer(0.005, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise _Terminated(number, signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            try:
                signal.signal(number, end)
            except ValueError:  # not the main thread
                return


def _importing(frame: "FrameType | None") -> bool:
    """Whether a stack is inside of the import system."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _fail(message: str, hint: str = "", code: int = 1) -> int:
    if sys.stderr is not None:
        import contextlib

        with contextlib.suppress(OSError):
            sys.stderr.write(f"gosnap: {_printable(message)}\n" + (f"  {_printable(hint)}\n" if hint else ""))
    return code


def _printable(text: str) -> str:
    """Names of files and programs may hold anything; a terminal is only sent what it shows."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
