"""Errors that reach a person: what is wrong, and what to do about it."""


class GosnapError(Exception):
    """A failure with one clear message; the command line prints it without a traceback, exit code 1.

    ``hint`` says what to do next; it is printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ReadError(GosnapError):
    """An address that the target does not map, or whose bytes were not captured."""


class NoProfileError(GosnapError):
    """The target keeps no memory profile, or has sampled nothing yet; nothing is wrong with it."""


class UsageError(GosnapError):
    """The command line is wrong: exit code 2."""

    exit_code = 2
