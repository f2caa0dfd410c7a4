"""The options of profile verbs, once: for the command line, for the interactive shell, and for help.

Names and defaults are pprof's (google/pprof internal/driver/config.go and commands.go, as in Go 1.27). This
module parses values; where they come from is not its business.
"""

from __future__ import annotations

from gosnap.errors import GosnapError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Option:
    """One setting.

    ``kind``: bool, int, float, string, list (may be given more than once) or choice, each of whose
    ``choices`` is an option by itself as well (``--cum`` is ``--sort=cum``). ``group`` is the heading it is
    listed under.
    """

    __slots__ = ("choices", "default", "group", "help", "kind", "name", "value")

    def __init__(
        self,
        name: str,
        kind: str,
        default: Any,
        group: str,
        help: str,
        *,
        choices: tuple[tuple[str, str], ...] = (),
        value: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.group = group
        self.help = help
        self.choices = choices
        """(choice, its line of help)."""
        self.value = value or {"int": "N", "float": "F", "string": "S", "list": "FILE"}.get(kind, "")
        """What a value is called in help."""

    def parse(self, text: str) -> Any:
        """The value that a text stands for; GosnapError where it stands for none."""
        try:
            if self.kind == "bool":
                return boolean(text)
            if self.kind == "int":
                return int(text, 0)
            if self.kind == "float":
                return number(text)
        except ValueError:
            raise GosnapError(
                f"--{self.name}: {text!r} is no {_KINDS[self.kind]}", f"{self.name}: {self.help}"
            ) from None
        names = [name for name, _ in self.choices]
        if names and text not in names:
            raise GosnapError(f"--{self.name}: no {text!r}", f"choose one of {', '.join(names)}")
        return text


_KINDS = {"bool": "yes or no", "int": "whole number", "float": "number"}


def boolean(text: str) -> bool:
    """pprof's spellings of yes and no, in any case; nothing at all is yes."""
    low = text.lower()
    if low in ("true", "t", "yes", "y", "1", ""):
        return True
    if low in ("false", "f", "no", "n", "0"):
        return False
    raise ValueError(text)


def number(text: str) -> float:
    """A finite number."""
    value = float(text)
    if value - value != 0:
        raise ValueError(text)
    return value


_SOURCE, _SHOWN, _ROWS, _FRAMES, _TAGS, _OUT = (
    "What to read",
    "Which values",
    "How many rows",
    "Which frames (regular expressions in RE2's syntax)",
    "Labels",
    "Output",
)

OPTIONS = (
    Option("base", "list", (), _SOURCE, "subtract this profile; several are merged first"),
    Option("diff_base", "list", (), _SOURCE, "compare with this profile: percentages are of its total"),
    Option("normalize", "bool", False, _SOURCE, "scale the profile to the base before they are compared"),
    Option(
        "symbolize", "string", "", _SOURCE, "none: do not name functions by what a text profile says of them"
    ),
    Option("buildid", "string", "", _SOURCE, "the main executable's build ID, where the profile has none"),
    Option("all_frames", "bool", False, _SOURCE, "keep what the profile's drop_frames would hide"),
    Option("add_comment", "string", "", _SOURCE, "put a comment into the profile"),
    Option("seconds", "int", -1, _SOURCE, "over how long to take a profile that takes time"),
    Option("timeout", "int", -1, _SOURCE, "seconds after which fetching is given up"),
    Option(
        "max_size", "int", 0, _SOURCE, "bytes that a profile may expand to (0: 256 MiB or 32 times its file)"
    ),
    Option("sample_index", "string", "", _SHOWN, "the sample type, by name or number", value="TYPE"),
    Option("unit", "string", "minimum", _SHOWN, "print values in this unit", value="UNIT"),
    Option("mean", "bool", False, _SHOWN, "divide by the first sample type: the mean of an object"),
    Option("divide_by", "float", 1.0, _SHOWN, "divide all values by this"),
    Option("relative_percentages", "bool", False, _SHOWN, "percentages of what the filters left"),
    Option(
        "errors", "bool", False, _SHOWN, "samples behind numbers, and 95% intervals (top, tree, peek, list)"
    ),
    Option(
        "changes", "bool", False, _SHOWN, "of a comparison: before, after and change (top, tree, peek; diff)"
    ),
    Option("nodecount", "int", -1, _ROWS, "at most this many nodes"),
    Option("nodefraction", "float", 0.005, _ROWS, "no nodes below this share of the total"),
    Option("edgefraction", "float", 0.001, _ROWS, "no edges below this share of the total"),
    Option("trim", "bool", True, _ROWS, "honour the three limits above"),
    Option("drop_negative", "bool", False, _ROWS, "no nodes that are negative in a comparison"),
    Option(
        "sort",
        "choice",
        "flat",
        _ROWS,
        "what rows are sorted by",
        choices=(
            ("cum", "sort by what nodes and their callees have"),
            ("flat", "sort by what nodes have themselves"),
        ),
    ),
    Option(
        "granularity",
        "choice",
        "",
        _FRAMES,
        "what a node is",
        choices=(
            ("functions", "a node is a function"),
            ("filefunctions", "a node is a function of one file"),
            ("files", "a node is a file"),
            ("lines", "a node is a line of source"),
            ("addresses", "a node is an address of code"),
        ),
    ),
    Option(
        "noinlines", "bool", False, _FRAMES, "give what was inlined to the function that it was inlined into"
    ),
    Option("showcolumns", "bool", False, _FRAMES, "columns of source lines too, for --lines"),
    Option("call_tree", "bool", False, _FRAMES, "a node per call path, in graphs"),
    Option("focus", "string", "", _FRAMES, "only stacks with a frame that matches", value="RE"),
    Option("ignore", "string", "", _FRAMES, "no stacks with a frame that matches", value="RE"),
    Option("hide", "string", "", _FRAMES, "no frames that match", value="RE"),
    Option("show", "string", "", _FRAMES, "only frames that match", value="RE"),
    Option("show_from", "string", "", _FRAMES, "no frames above the first that matches", value="RE"),
    Option("prune_from", "string", "", _FRAMES, "no frames below the one that matches", value="RE"),
    Option(
        "tagfocus", "string", "", _TAGS, "only samples with a label that matches or is in range", value="RE"
    ),
    Option(
        "tagignore", "string", "", _TAGS, "no samples with a label that matches or is in range", value="RE"
    ),
    Option("tagshow", "string", "", _TAGS, "only labels whose name matches", value="RE"),
    Option("taghide", "string", "", _TAGS, "no labels whose name matches", value="RE"),
    Option("tagroot", "string", "", _TAGS, "values of these labels as frames at the root", value="KEY,…"),
    Option("tagleaf", "string", "", _TAGS, "values of these labels as frames at the leaf", value="KEY,…"),
    Option("source_path", "string", "", _OUT, "where sources are searched for", value="PATH"),
    Option("trim_path", "string", "", _OUT, "what names of source files lose", value="PATH"),
    Option("compact_labels", "bool", False, _OUT, "no lines about the profile above the table"),
)
"""All settings of all profile verbs."""

BY_NAME = {option.name: option for option in OPTIONS}
"""Setting by name."""
CHOICES = {choice: option for option in OPTIONS for choice, _ in option.choices}
"""The setting that a choice belongs to."""
SHORTCUTS: dict[str, dict[str, str | bool]] = {
    "inuse_space": {"sample_index": "inuse_space"},
    "inuse_objects": {"sample_index": "inuse_objects"},
    "alloc_space": {"sample_index": "alloc_space"},
    "alloc_objects": {"sample_index": "alloc_objects"},
    "contentions": {"sample_index": "contentions"},
    "total_delay": {"sample_index": "delay"},
    "mean_delay": {"sample_index": "delay", "mean": True},
}
"""What an option of one word sets."""


class Config:
    """A value for every setting, as attributes of its name."""

    # settings of the table are made below; these are the ones that code names
    base: tuple[str, ...]
    diff_base: tuple[str, ...]
    normalize: bool
    symbolize: str
    buildid: str
    all_frames: bool
    add_comment: str
    max_size: int
    seconds: int
    timeout: int
    sample_index: str
    unit: str
    mean: bool
    divide_by: float
    relative_percentages: bool
    errors: bool
    changes: bool
    nodecount: int
    nodefraction: float
    edgefraction: float
    trim: bool
    drop_negative: bool
    sort: str
    granularity: str
    noinlines: bool
    showcolumns: bool
    call_tree: bool
    focus: str
    ignore: str
    hide: str
    show: str
    show_from: str
    prune_from: str
    tagfocus: str
    tagignore: str
    tagshow: str
    taghide: str
    tagroot: str
    tagleaf: str
    source_path: str
    trim_path: str
    compact_labels: bool

    def __init__(self, **settings: Any) -> None:
        for option in OPTIONS:
            setattr(self, option.name, option.default)
        self.set(**settings)

    def set(self, **settings: Any) -> None:
        """Change settings by name."""
        for name, value in settings.items():
            if name not in BY_NAME:
                raise TypeError(f"no setting {name}")
            setattr(self, name, value)

    def copy(self) -> Config:
        """Another one with the same values."""
        other = Config()
        other.__dict__.update(self.__dict__)
        return other
