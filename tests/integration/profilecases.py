"""Real heap profiles of many shapes, and the command lines that are compared with ``go tool pprof`` on them.

A ``Recipe`` is one run of the target program ``profiles``: a case, a Go version, a rate, a way to build. It
yields one or more ``Profile`` files. A ``Combination`` is one command line of pprof with ``{placeholders}``
for what differs from profile to profile: names that occur in it, and a second profile of the same program to
subtract or to add. Every combination can be run on every profile.

The corpus is made on first use and kept in the cache directory (``gotool.cache_dir()``), by the contents of
the programs that made it.

``python tests/integration/profilecases.py --list`` prints all of it; ``--command PROFILE COMBINATION`` prints
the command line of pprof to paste for one pair.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pproforacle

import gotool
import profileproto

DEFAULT_RATE = 524288
"""runtime.MemProfileRate where nobody sets it."""


@dataclass(frozen=True)
class Recipe:
    """One run of the target. ``files`` are those of its profiles that belong to the corpus."""

    case: str
    go: str
    rate: int = 1
    build: str = "plain"
    files: tuple[str, ...] = ("heap.pb.gz",)

    @property
    def name(self) -> str:
        parts = [self.case, self.go.rpartition(".")[0]]
        if self.build != "plain":
            parts.append(self.build)
        if self.rate != 1:
            parts.append("default" if self.rate == DEFAULT_RATE else f"rate{self.rate}")
        return "-".join(parts)


BUILDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "plain": ((), {}),
    "trimpath": (("-trimpath",), {}),
    "nodwarf": (("-ldflags=-w",), {}),
    "noinline": (("-gcflags=all=-l",), {}),
    "pie": (("-buildmode=pie",), {}),
    "cgo": ((), {"CGO_ENABLED": "1"}),
}
"""name -> (flags of ``go build``, environment)."""

_V = {version.split(".")[1]: version for version in gotool.GO_VERSIONS}
_HEAP = "heap.pb.gz"
_TEXT = "heap.txt"
_ALLOCS = "allocs.pb.gz"
_GOROUTINES = "goroutine.pb.gz"
_PAIR = ("before.pb.gz", _HEAP)

RECIPES = [
    Recipe("inline", _V["21"]),
    Recipe("deep", _V["21"]),
    Recipe("inits", _V["21"]),
    Recipe("runtime", _V["21"]),
    Recipe("generic", _V["21"], files=(_HEAP, _TEXT)),
    Recipe("labels", _V["21"], files=(_GOROUTINES,)),
    Recipe("inline", _V["22"]),
    Recipe("depths", _V["22"]),
    Recipe("sizes", _V["22"]),
    Recipe("closure", _V["22"]),
    Recipe("sampled", _V["22"], 512, files=(_HEAP, _TEXT)),
    Recipe("grow", _V["22"], files=_PAIR),
    Recipe("closure", _V["23"]),
    Recipe("iterators", _V["23"]),
    Recipe("depths", _V["23"]),
    Recipe("tiny", _V["23"]),
    Recipe("freed", _V["23"], 512),
    Recipe("method", _V["24"]),
    Recipe("goroutines", _V["24"]),
    Recipe("big", _V["24"], DEFAULT_RATE),
    Recipe("shrink", _V["24"]),
    Recipe("inline", _V["24"], build="noinline"),
    Recipe("recursion", _V["25"]),
    Recipe("generic", _V["25"]),
    Recipe("freed", _V["25"], files=(_HEAP, _ALLOCS)),
    Recipe("labels", _V["25"], files=(_HEAP, _GOROUTINES, "goroutine.txt")),
    Recipe("names", _V["25"], build="pie"),
    Recipe("mutual", _V["26"]),
    Recipe("many", _V["26"]),
    Recipe("names", _V["26"]),
    Recipe("runtime", _V["26"], files=(_HEAP, _ALLOCS)),
    Recipe("exchange", _V["26"], files=_PAIR),
    Recipe("sampled", _V["26"], DEFAULT_RATE, files=(_HEAP, _ALLOCS, _TEXT)),
    Recipe("nothing", _V["26"], DEFAULT_RATE),
    Recipe("nothing", _V["26"], 0, files=(_HEAP, _TEXT)),
    Recipe("generic", _V["26"], build="nodwarf"),
    Recipe("modules", _V["26"], build="trimpath"),
    Recipe("cgo", _V["26"], build="cgo"),
    Recipe("deep", _V["27"]),
    Recipe("modules", _V["27"]),
    Recipe("standard", _V["27"], files=(_HEAP, _ALLOCS)),
    Recipe("standard", _V["27"], DEFAULT_RATE),
    Recipe("iterators", _V["27"]),
    Recipe("empties", _V["27"]),
    Recipe("labels", _V["27"], files=("leaked.pb.gz",)),
    Recipe("sampled", _V["27"], 65536),
]

# What is subtracted from a profile of the corpus, or added to it: one of the same kind, of the same process,
# earlier.
_BASES = {
    _HEAP: "start.pb.gz",
    "before.pb.gz": "start.pb.gz",
    _ALLOCS: "start.pb.gz",
    _TEXT: "start.txt",
    _GOROUTINES: "begun.pb.gz",
    "leaked.pb.gz": "leaked.pb.gz",
    "goroutine.txt": "begun.txt",
}


@dataclass(frozen=True)
class Profile:
    """A file of the corpus."""

    recipe: Recipe
    file: str

    @property
    def name(self) -> str:
        return f"{self.recipe.name}-{self.file.removesuffix('.gz').removesuffix('.pb')}"

    @property
    def path(self) -> Path:
        return made(self.recipe) / self.file

    @property
    def base(self) -> Path:
        """The profile that is subtracted from this one."""
        before = made(self.recipe) / "before.pb.gz"
        if self.file == _HEAP and before.exists():
            return before
        return made(self.recipe) / _BASES[self.file]

    @property
    def is_text(self) -> bool:
        return self.file.endswith(".txt")

    @functools.cached_property
    def _words(self) -> dict[str, str]:
        # Text has its symbols in comments that pprof does not read: the names are those of the same moment's
        # proto.
        of = self.path.with_name(self.file.replace(".txt", ".pb.gz"))
        return profileproto.interesting(profileproto.parse(of.read_bytes()))

    def words(self) -> dict[str, str]:
        """What a combination's placeholders stand for in this profile."""
        return self._words | {"base": str(self.base)}


PROFILES = [Profile(recipe, file) for recipe in RECIPES for file in recipe.files]


def missing_tool(recipe: Recipe) -> str:
    """Why this recipe cannot be made here; empty if it can."""
    if BUILDS[recipe.build][1].get("CGO_ENABLED") == "1" and not (
        shutil.which("gcc") or shutil.which("clang")
    ):
        return f"{recipe.name}: cgo needs a C compiler, and neither gcc nor clang is on PATH"
    return ""


def binary(recipe: Recipe) -> Path:
    """The built program of a recipe."""
    flags, environment = BUILDS[recipe.build]
    return gotool.gobuild("profiles", recipe.go, flags=flags, env=environment)


@functools.cache
def made(recipe: Recipe) -> Path:
    """The directory with everything that one run of a recipe wrote; made on first use."""
    program = binary(recipe)
    # The directory of a built program is named by the contents of its sources.
    key = hashlib.sha256(f"{program.parent.name} {recipe.case} {recipe.rate}".encode()).hexdigest()[:16]
    home = gotool.cache_dir() / "profiles"
    directory = home / f"{recipe.name}-{key}"
    if directory.exists():
        return directory
    with gotool._locked(f"profiles-{recipe.name}"):
        if directory.exists():
            return directory
        # What is left of older sources, or of a run that was killed.
        for old in home.glob(f"{recipe.name}-" + "[0-9a-f]" * 16 + "*"):
            shutil.rmtree(old)
        part = directory.with_name(f"{directory.name}.part")
        part.mkdir(parents=True)
        environment = {"PATH": os.defpath, "TZ": "UTC", "GOMAXPROCS": "2"}
        if recipe.rate != DEFAULT_RATE:
            environment["GODEBUG"] = f"memprofilerate={recipe.rate}"
        command = [str(program), "-dir", str(part), recipe.case]
        gotool._run(command, f"profiles {recipe.name}", env=environment)
        part.rename(directory)
    return directory


def make_all() -> None:
    """Build every program and make every profile that can be made here, two at a time."""
    recipes = [recipe for recipe in RECIPES if not missing_tool(recipe)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        # One of each program first, so that no two wait for the same build.
        programs = {(recipe.go, recipe.build): recipe for recipe in recipes}
        list(pool.map(binary, programs.values()))
        list(pool.map(made, recipes))


@dataclass(frozen=True)
class Combination:
    """One command line of pprof.

    ``expression`` is what ``list`` and ``peek`` look for, else empty; ``flags`` are pprof's own, with one
    dash. ``added`` says that the base is read as a second source: both are merged.
    """

    name: str
    verb: str
    expression: str = ""
    flags: tuple[str, ...] = ()
    added: bool = False

    def filled(self, profile: Profile) -> "Combination":
        """With the profile's words for the placeholders."""
        words = profile.words()
        fill = functools.partial(_filled, words=words)
        # Without a program's name neither tool looks for symbols; where text has its own (in lines that pprof
        # skips), only gosnap would find them.
        more = ("-symbolize=none",) if profile.is_text else ()
        return Combination(
            self.name, self.verb, fill(self.expression), (*map(fill, self.flags), *more), self.added
        )

    def pprof(self, profile: Profile) -> list[str]:
        """The arguments of pprof for this profile."""
        own = self.filled(profile)
        verb = f"-{own.verb}={own.expression}" if own.expression else f"-{own.verb}"
        sources = [str(profile.path)] + [str(profile.base)] * own.added
        return [verb, *own.flags, *sources]


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace("{" + word + "}", value)
    return text


# The second column is pprof's command line without its sources;
# {leaf} {mid} {root} are functions of the profile as regular expressions, {file} a source file, {size} a
# value of the label "bytes", {base} the earlier profile, {base} alone a second source.
_TABLE = r"""
top                     top
text                    text
top-cum                 top -cum
top-flat                top -flat
top-inuse-space         top -inuse_space
top-inuse-objects       top -inuse_objects
top-alloc-space         top -alloc_space
top-alloc-objects       top -alloc_objects -cum
top-index-name          top -sample_index=alloc_space
top-index-number        top -sample_index=1
top-index-first         top -sample_index=0 -cum
top-index-unknown       top -sample_index=contentions
top-lines               top -lines
top-lines-cum           top -lines -cum -alloc_space
top-files               top -files
top-files-cum           top -files -cum
top-filefunctions       top -filefunctions -alloc_objects
top-functions           top -functions
top-addresses           top -addresses
top-addresses-noinlines top -addresses -noinlines -cum
top-noinlines           top -noinlines
top-noinlines-lines     top -noinlines -lines -alloc_space
top-nodecount           top -nodecount=5
top-nodecount-cum       top -nodecount=7 -cum -alloc_space
top-nodecount-lines     top -nodecount=12 -lines
top-nodefraction        top -nodefraction=0.05
top-nodefraction-zero   top -nodefraction=0
top-nodefraction-all    top -nodefraction=2
top-notrim              top -trim=false -cum
top-unit-kb             top -unit=kb
top-unit-mb             top -unit=MB -alloc_space
top-unit-bytes          top -unit=B
top-unit-auto           top -unit=auto
top-unit-seconds        top -unit=ms
top-unit-objects        top -unit=count -alloc_objects
top-mean                top -mean
top-mean-alloc          top -mean -alloc_space -cum
top-divide              top -divide_by=3
top-divide-fraction     top -divide_by=0.5 -inuse_objects
top-compact             top -compact_labels
top-comment             top -add_comment=hello
top-focus-mid           top -focus={mid}
top-focus-leaf          top -focus={leaf} -cum
top-focus-root          top -focus={root} -alloc_objects
top-focus-file          top -focus={file} -cum -alloc_space
top-focus-mapping       top -focus=profiles$
top-focus-class         top -focus=[[:upper:]]\pL+\.func\d -alloc_space
top-focus-or            top -focus=({leaf}|{root})$
top-focus-fold          top -focus=(?i)MALLOC|MAKE -alloc_space
top-focus-none          top -focus=no_such_function
top-focus-broken        top -focus=(
top-focus-relative      top -focus={mid} -relative_percentages -cum
top-ignore-mid          top -ignore={mid}
top-ignore-leaf         top -ignore={leaf} -alloc_space
top-ignore-all          top -ignore=.
top-ignore-relative     top -ignore={mid} -relative_percentages
top-hide-leaf           top -hide={leaf}
top-hide-runtime        top -hide=^runtime\. -alloc_space
top-hide-file           top -hide={file} -lines -cum
top-hide-all            top -hide=.
top-show-main           top -show=^main\.
top-show-mid            top -show={mid} -lines
top-show-none           top -show=no_such_function
top-show-from           top -show_from={mid} -cum
top-show-from-root      top -show_from={root} -alloc_space
top-show-from-none      top -show_from=no_such_function
top-prune-from          top -prune_from={mid} -cum
top-prune-from-main     top -prune_from=^main\. -lines
top-all-filters         top -focus={root} -ignore={leaf} -hide=^runtime -show_from=main -alloc_space
top-tagfocus-size       top -tagfocus=bytes={size}b
top-tagfocus-from       top -tagfocus=bytes={size}b: -alloc_space
top-tagfocus-upto       top -tagfocus=:1kb -alloc_space -cum
top-tagfocus-range      top -tagfocus=bytes=64b:2kb -inuse_objects
top-tagfocus-bare-none  top -tagfocus={size} -alloc_space
top-tagfocus-string     top -tagfocus=tenant=t0|t2
top-tagfocus-regexps    top -tagfocus=tenant:t1,endpoint
top-tagignore-size      top -tagignore=bytes=:{size}b -alloc_space
top-tagignore-string    top -tagignore=tenant=t0
top-tagroot             top -tagroot=bytes -cum -alloc_space
top-tagroot-two         top -tagroot=tenant,endpoint -cum
top-tagleaf             top -tagleaf=bytes
top-tagleaf-focus       top -tagleaf=bytes -tagfocus=bytes=48b: -focus=^{size}$
top-call-tree           top -call_tree
top-merged              top {base}
top-merged-lines        top -lines -cum -alloc_objects {base}
top-base                top -base={base}
top-base-cum            top -base={base} -cum -alloc_space
top-base-focus          top -base={base} -focus={mid}
top-base-negative       top -base={base} -drop_negative
top-base-normalize      top -base={base} -normalize -alloc_space
top-diff-base           top -diff_base={base}
top-diff-base-cum       top -diff_base={base} -cum -lines
top-diff-base-focus     top -diff_base={base} -focus={leaf} -relative_percentages
top-diff-base-negative  top -diff_base={base} -drop_negative -inuse_objects
top-diff-base-normalize top -diff_base={base} -normalize -alloc_space
top-both-bases          top -diff_base={base} -base={base}
top-normalize-alone     top -normalize
tree                    tree
tree-cum                tree -cum -alloc_space
tree-nodecount          tree -nodecount=10
tree-lines              tree -lines -nodecount=30
tree-addresses          tree -addresses -nodecount=15
tree-edgefraction       tree -edgefraction=0.05 -alloc_objects
tree-notrim             tree -trim=false
tree-focus              tree -focus={mid} -cum
tree-hide               tree -hide=^runtime\. -alloc_space
tree-call-tree          tree -call_tree -nodecount=40
tree-diff-base          tree -diff_base={base} -cum
tree-tagleaf            tree -tagleaf=bytes -alloc_space
peek-mid                peek={mid}
peek-leaf               peek={leaf} -alloc_space
peek-all                peek=. -nodefraction=0.1
peek-runtime            peek=^runtime\. -cum -alloc_objects
peek-lines              peek={mid} -lines
peek-files              peek={file} -files
peek-none               peek=no_such_function
peek-focus              peek={mid} -focus={leaf} -hide=^runtime\.
peek-base               peek={mid} -base={base}
traces                  traces
traces-alloc            traces -alloc_space
traces-focus            traces -focus={mid}
traces-lines            traces -lines -inuse_objects
traces-addresses        traces -addresses -noinlines
traces-files            traces -files -hide=^runtime\.
traces-tagfocus         traces -tagfocus=bytes={size}b -alloc_objects
traces-taghide          traces -taghide=bytes|tenant
traces-tagshow          traces -tagshow=^ten
traces-unit             traces -unit=kb -alloc_space
traces-base             traces -base={base}
traces-diff-base        traces -diff_base={base} -focus={leaf}
traces-mean             traces -mean
traces-tagroot          traces -tagroot=bytes,tenant
tags                    tags
tags-alloc              tags -alloc_space
tags-objects            tags -alloc_objects -unit=auto
tags-unit               tags -unit=kb
tags-tagshow            tags -tagshow=^ten
tags-taghide            tags -taghide=bytes
tags-focus              tags -focus={mid}
tags-tagfocus           tags -tagfocus=bytes=64b:
tags-base               tags -base={base}
tags-diff-base          tags -diff_base={base} -inuse_objects
raw                     raw
raw-focus               raw -focus={mid}
raw-hide                raw -hide={leaf}
raw-show-from           raw -show_from={mid}
raw-prune-from          raw -prune_from={mid}
raw-noinlines           raw -noinlines
raw-divide              raw -divide_by=10
raw-merged              raw {base}
raw-base                raw -base={base}
raw-diff-base           raw -diff_base={base} -normalize
raw-tagroot             raw -tagroot=bytes
raw-taghide             raw -taghide=bytes -tagfocus=:1mb
raw-comment             raw -add_comment=hello
comments                comments
comments-added          comments -add_comment=hello
list-leaf               list={leaf}
list-mid                list={mid} -alloc_space
list-main               list=main\.
list-root               list={root} -inuse_objects
list-unit               list={leaf} -unit=kb -alloc_space
list-focus              list=main -focus={mid}
list-base               list={mid} -base={base}
list-diff-base          list={mid} -diff_base={base}
list-noinlines          list={mid} -noinlines -alloc_space
list-none               list=no_such_function
list-trim-path          list={leaf} -trim_path=/nowhere
list-source-path        list=main\. -source_path=/nowhere
proto                   proto
proto-focus             proto -focus={mid}
proto-hide              proto -hide={leaf} -show=.
proto-divide            proto -divide_by=7
proto-merged            proto {base}
proto-base              proto -base={base}
proto-diff-base         proto -diff_base={base}
proto-tagleaf           proto -tagleaf=bytes -taghide=bytes
proto-comment           proto -add_comment=hello
topproto                topproto
topproto-cum            topproto -cum -lines
topproto-focus          topproto -focus={mid} -alloc_space
dot                     dot
dot-nodecount           dot -nodecount=12 -cum
dot-lines               dot -lines -alloc_space
dot-call-tree           dot -call_tree -nodecount=0 -nodefraction=0.02
dot-focus               dot -focus={mid} -edgefraction=0.01
dot-taghide             dot -taghide=bytes
dot-diff-base           dot -diff_base={base}
callgrind               callgrind
callgrind-alloc         callgrind -alloc_objects
callgrind-focus         callgrind -focus={mid}
callgrind-call-tree     callgrind -call_tree
"""


def _parsed(line: str) -> Combination:
    name, verb, *flags = line.split()
    verb, _, expression = verb.partition("=")
    added = flags[-1:] == ["{base}"]
    return Combination(name, verb, expression, tuple(flags[:-1] if added else flags), added)


COMBINATIONS = [_parsed(line) for line in _TABLE.strip().splitlines()]


def _print_all() -> None:
    print(f"{len(PROFILES)} profiles (name, case, Go, rate, build, file)")
    for profile in PROFILES:
        made_by = profile.recipe
        how = f"{made_by.case:11} {made_by.go:8} {made_by.rate:>7} {made_by.build:9}"
        print(f"  {profile.name:32} {how} {profile.file}")
    print(f"\n{len(COMBINATIONS)} combinations (name, arguments of pprof before the sources)")
    for line in _TABLE.strip().splitlines():
        name, _, command = line.partition(" ")
        print(f"  {name:24} -{command.strip()}")
    print(
        "\n{leaf} {mid} {root}: functions of the profile; {file}: the source file of mid; {size}: a value of"
        "\nthe label bytes; {base}: an earlier profile of the same process, at the end of a line as a second"
        f"\nsource. {len(PROFILES) * len(COMBINATIONS)} pairs."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Heap profiles and command lines for tests against pprof.")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--list", action="store_true", help="print all profiles and combinations")
    chosen.add_argument("--make", action="store_true", help="make all profiles; print where they are")
    chosen.add_argument("--ask", action="store_true", help="ask pprof all that is not yet known")
    chosen.add_argument("--command", nargs=2, metavar=("PROFILE", "COMBINATION"), help="pprof's command line")
    options = parser.parse_args()
    if options.list:
        _print_all()
    elif options.make:
        make_all()
        for profile in PROFILES:
            print(missing_tool(profile.recipe) or f"{profile.name:32} {profile.path}")
    elif options.ask:
        start = time.monotonic()
        make_all()
        made_by = time.monotonic()
        profiles = [profile for profile in PROFILES if not missing_tool(profile.recipe)]
        count = pproforacle.ask_all(c.pprof(profile) for c in COMBINATIONS for profile in profiles)
        took = time.monotonic() - made_by
        print(f"{len(profiles)} profiles in {made_by - start:.1f} s, {count} answers in {took:.1f} s")
    else:
        on = next((p for p in PROFILES if p.name == options.command[0]), None)
        combination = next((c for c in COMBINATIONS if c.name == options.command[1]), None)
        if not on or not combination:
            parser.error(f"{options.command[on is not None]} is not known; --list shows what is")
        print(shlex.join([str(pproforacle.binary()), *combination.pprof(on)]))


if __name__ == "__main__":
    main()
