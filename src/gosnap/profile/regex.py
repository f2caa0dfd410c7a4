"""Regular expressions as users of Go's tools know them: RE2's. google-re2 is imported where one is given."""

from __future__ import annotations

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Match = Callable[[bytes], bool]


def compile_regex(what: str, pattern: str) -> Match:
    """Whether a pattern is found anywhere in a name. ``what``: the option that it comes from.

    GosnapError where the pattern is none.
    """
    try:
        import re2
    except ImportError:
        raise GosnapError(
            f"--{what} needs regular expressions of RE2", "install them with `pip install google-re2`"
        ) from None
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern.encode("utf-8", "surrogateescape"), options).search
    except re2.error as e:
        said = e.args[0] if e.args else str(e)
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise GosnapError(f"parsing {what} regexp: {text}: {pattern!r}", "its syntax is RE2's") from None
    return lambda name: search(name) is not None
