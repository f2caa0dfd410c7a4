"""Types of variables from the code that uses them, in a program without DWARF.

The compiler hands a type's descriptor to newobject, makeslice, mapassign and the like, and a method's first
argument is its receiver; so the code that stores a new object in a variable, looks a key up in it or calls a
method of it tells the variable's type (_kernels/codefacts.pyx).
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gosnap._kernels.codefacts import CodeFacts
from gosnap.errors import ReadError
from gosnap.goruntime.code import calls
from gosnap.goruntime.funcnames import FunctionNames

if TYPE_CHECKING:
    from gosnap.goruntime.program import GoProgram

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

POINTER, ARRAY, MAP, CHAN, INSIDE = 3, 4, 5, 6, 10
_HOLDS, _IS, _CLOSURE, _RESULT, _SLOT, _GENERIC = 1, 2, 3, 4, 5, 6
_NEW, _NEW_SECOND, _MAKE_SLICE, _GROW, _MAKE_MAP, _USE_MAP, _MAKE_CHAN = range(1, 8)
_BARRIER, _NEVER, _OF_GENERIC = 8, 9, 10

_ROLES = {
    "runtime.newobject": _NEW,
    "runtime.makeslice": _MAKE_SLICE,
    "runtime.makeslice64": _MAKE_SLICE,
    "runtime.makeslicecopy": _MAKE_SLICE,
    "runtime.growslice": _GROW,
    "runtime.growsliceBuf": _GROW,
    "runtime.growsliceNoAlias": _GROW,
    "runtime.growsliceBufNoAlias": _GROW,
    "runtime.makemap": _MAKE_MAP,
    "runtime.makemap64": _MAKE_MAP,
    "runtime.makechan": _MAKE_CHAN,
    "runtime.makechan64": _MAKE_CHAN,
    "runtime.gopanic": _NEVER,
    "runtime.throw": _NEVER,
    "runtime.fatal": _NEVER,
}
_PREFIXES = (
    ("runtime.gcWriteBarrier", _BARRIER),
    ("runtime.goPanic", _NEVER),
    # malloc for one size class (Go >= 1.26): size, type, whether to clear
    *(("runtime.mallocgcSmall", _NEW_SECOND), ("runtime.mallocgcTiny", _NEW_SECOND)),
    *((f"runtime.map{n}", _USE_MAP) for n in ("access1", "access2", "assign", "delete", "clear", "iterinit")),
    ("runtime.mapIterStart", _USE_MAP),
)
_RETURNS = ("runtime.panicCheck", "runtime.panicwrap")
_METHOD = re.compile(r"(.*)\.\(\*([^().\[\]]+)\)\.[^().\[\]-]+")
_GENERIC_METHOD = re.compile(r"([^()\[\]]*)\.\(\*([^().\[\]]+)\[(.*)\]\)\.[^().\[\]-]+")
_SHAPE = "go.shape."
_MOST_WORDS = 8
"""Words of a dictionary that are looked at."""
_ROUNDS = 4
"""How often what functions return is fed back."""
_KIND_ARRAY = 17
_FACT = np.dtype(
    {
        "names": ["where", "value", "offset", "fact", "kind"],
        "formats": ["<u8", "<i8", "<i8", "u1", "u1"],
        "offsets": [0, 8, 16, 24, 25],
        "itemsize": 32,
    }
)
Held = tuple[int, int]
"""(POINTER, ARRAY, MAP, CHAN or INSIDE; address of the type)."""


@dataclass
class Facts:
    """``holds``: address of a variable -> what it holds, each that the code says. ``is_``: address -> types
    that a variable there is of. ``closures``: entry of a function -> the types of its closures."""

    holds: dict[int, set[Held]] = field(default_factory=dict)
    is_: dict[int, set[int]] = field(default_factory=dict)
    closures: dict[int, set[int]] = field(default_factory=dict)


class CodeTypes:
    """The code of a program and the types that it names. ``types``: addresses of the descriptors -> (name,
    kind)."""

    def __init__(self, program: "GoProgram", types: dict[int, tuple[str, int]]) -> None:
        self.program = program
        self._types = types
        self.functions = FunctionNames(program)
        self._by_name: dict[str, int] = {}
        for address, (name, _) in types.items():
            self._by_name.setdefault(name, address)

    @cached_property
    def _names(self) -> list[str]:
        return list(self.functions.names())

    @cached_property
    def _kernel(self) -> CodeFacts:
        entry = self.functions.entry
        names = self._names
        module = self.program.modules[0]
        code = self.program.code(int(entry[0]), int(entry[-1]))
        kernel = CodeFacts(
            code,
            int(entry[0]),
            np.ascontiguousarray(entry, np.uint64),
            np.array([_role(n) for n in names], np.uint8),
            np.array(sorted(self._types), np.uint64),
            np.array([b for pair in module.variables for b in pair], np.uint64),
        )
        kernel.receivers(np.array([_receiver(n, self._by_name) for n in names], np.int64))
        return kernel

    def _run(self, functions: I64, watched: U64) -> npt.NDArray[np.void]:
        return np.frombuffer(self._kernel.run(functions, watched), _FACT)

    @cached_property
    def facts(self) -> Facts:
        """What all of the code says."""
        n = len(self.functions.entry) - 1
        kind, of = np.zeros(n, np.uint8), np.zeros(n, np.int64)
        todo, parts = np.arange(n), []
        told: dict[int, Held] = {}
        for _ in range(_ROUNDS):
            rows = self._run(todo, np.zeros(0, np.uint64))
            # what was found with less knowledge holds still, but for what a function returns
            parts.append(rows[rows["fact"] != _RESULT])
            new = {row: held for row, held in self._results(rows).items() if told.get(row) != held}
            told |= new
            for row, (k, t) in new.items():
                kind[row], of[row] = k, t
            todo = self._callers(np.array(sorted(new), np.int64))
            if not len(todo):
                break
            self._kernel.results(kind, of)
        rows = np.concatenate(parts)
        out = Facts()
        wanted = rows[["fact", "where", "kind", "value", "offset"]]
        for fact, where, what, value, offset in np.unique(wanted).tolist():
            if fact == _HOLDS:
                out.holds.setdefault(where, set()).add((what, value))
            elif fact == _IS:
                out.is_.setdefault(where, set()).add(value)
            elif fact == _CLOSURE:
                out.closures.setdefault(where, set()).add(value)
            elif fact == _GENERIC and (receiver := self._instance(value, offset)):
                if what == POINTER:
                    out.holds.setdefault(where, set()).add((POINTER, receiver))
                else:
                    out.is_.setdefault(where, set()).add(receiver)
        return out

    def _callers(self, functions: I64) -> I64:
        """The functions that call one of these."""
        caller, callee = self._calls
        return np.unique(caller[np.isin(callee, functions)])

    @cached_property
    def _calls(self) -> tuple[I64, I64]:
        """(caller, callee) of the calls of functions, as rows of ``functions``."""
        entry = self.functions.entry
        start, end = int(entry[0]), int(entry[-1])
        pc, target = calls(self.program.code(start, end), start, entry)
        row = np.searchsorted(entry, target)
        real = (row < len(entry) - 1) & (entry[np.minimum(row, len(entry) - 1)] == target)
        caller = np.searchsorted(entry, pc[real], side="right") - 1
        return caller.astype(np.int64), row[real].astype(np.int64)

    def _instance(self, function: int, dictionary: int) -> int:
        """The type that the receiver of a generic method points at; 0 where it is not known.

        The dictionary has the descriptors that the method needs, often that of its receiver
        (cmd/compile/internal/noder, readerDict). Else the only type will do that has the method's shape: of
        the others each must have another.
        """
        found = _GENERIC_METHOD.fullmatch(self._names[function])
        if found is None:
            return 0
        name = f"{found[1]}.{found[2]}["
        for i in range(_MOST_WORDS):
            try:
                address = self.program.space.u64(dictionary + 8 * i)
            except ReadError:
                break
            known = self._types.get(address, ("", 0))[0].removeprefix("*")
            if known.startswith(name) and _SHAPE not in known:
                return self._by_name.get(known, 0)
        shapes = self._shapes.get(name, set())
        instances = {n for n in self._by_name if n.startswith(name) and _SHAPE not in n}
        mine = f"{name}{found[3]}]".replace(_SHAPE, "")
        return self._by_name[mine] if mine in instances and instances <= shapes else 0

    @cached_property
    def _shapes(self) -> dict[str, set[str]]:
        """Of each generic type ("main.Stack[") those that are their own shape, by the methods that there
        are."""
        out: dict[str, set[str]] = {}
        for text in self._names:
            found = _GENERIC_METHOD.fullmatch(text) if "])." in text else None
            if found is not None:
                name = f"{found[1]}.{found[2]}["
                out.setdefault(name, set()).add(f"{name}{found[3]}]".replace(_SHAPE, ""))
        return out

    def _results(self, rows: npt.NDArray[np.void]) -> dict[int, Held]:
        """The first result of each function of which all returns that tell anything tell the same."""
        told: dict[int, set[Held]] = {}
        silent: set[int] = set()
        for where, kind, value in np.unique(
            rows[rows["fact"] == _RESULT][["where", "kind", "value"]]
        ).tolist():
            if kind in (POINTER, ARRAY, MAP, CHAN):
                told.setdefault(where, set()).add((kind, value))
            elif kind != 1:
                silent.add(where)
        out = {}
        for where, held in told.items():
            if len(held) == 1:
                (one,) = held
                # a slice of a new array begins like a pointer to it
                array = one[0] == POINTER and self._types[one[1]][1] == _KIND_ARRAY
                if not array or where not in silent:
                    out[where] = one
        return out

    def slots(self, pcs: U64) -> dict[int, list[tuple[int, int, int]]]:
        """Of each of these pcs: (offset from the stack pointer, kind, address of the type) of words of the
        frame."""
        _ = self.facts  # what functions return
        entry = self.functions.entry
        rows = np.unique(np.searchsorted(entry, pcs, side="right").astype(np.int64) - 1)
        rows = rows[(rows >= 0) & (rows < len(entry) - 1)]
        out: dict[int, list[tuple[int, int, int]]] = {}
        found = self._run(rows, np.unique(pcs))
        for where, offset, kind, value in found[found["fact"] == _SLOT][
            ["where", "offset", "kind", "value"]
        ].tolist():
            out.setdefault(where, []).append((offset, kind, value))
        return out


def _role(name: str) -> int:
    if not name.startswith("runtime."):
        return _OF_GENERIC if "])." in name and _GENERIC_METHOD.fullmatch(name) else 0
    if name in _ROLES:
        return _ROLES[name]
    for prefix, role in _PREFIXES:
        if name.startswith(prefix):
            return role
    return _NEVER if name.startswith("runtime.panic") and not name.startswith(_RETURNS) else 0


def _receiver(name: str, by_name: dict[str, int]) -> int:
    """The type that a method's receiver points at; 0 for what is no method of a pointer."""
    found = _METHOD.fullmatch(name) if "(*" in name else None
    return by_name.get(f"{found[1]}.{found[2]}", 0) if found else 0
