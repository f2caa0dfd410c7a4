"""``gosnap show`` as text: values in Go's syntax.

What Go's syntax has no words for stands in comments: /* cycle */, /* 3 goroutines wait */. What an option cut
off is an ellipsis with a number. This module does without rich: a value is on the screen before rich is
imported.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gosnap.values.model import CUT, CYCLE, UNREADABLE, Node, Plain, Value

TypeName = Callable[[int], tuple[str, str, int]]
"""(name, kind, row of the element type) of a row of the type table."""
_PATH = re.compile(r"(?:[\w.~%\-]+/)+(?=[\w%\-]+\.)")
_INDENT = "    "
_NARROW = 30
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b"}
_ESCAPES |= {"\f": "\\f", "\v": "\\v"}
_TYPED = {
    *("int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr"),
    *("float32", "float64", "complex64", "complex128"),
}
_LONGEST_KEY = 256
_LEAST_PART = 12
_EXPONENT = 6


Item = tuple[str, Value, int, bool]
"""A label, a value, the row of its type, whether the type can be left out."""


@dataclass
class Group:
    """A value with parts: what stands before the brace, the parts with their labels, what stands behind."""

    head: str
    items: list[Item] = field(default_factory=list)
    more: str = ""
    tail: str = ""


@dataclass
class GoText:
    """Writes values. ``types``: of a row of the type table. ``elide``: leave out types that the type of the
    whole tells, as composite literals may. ``short``: package names without the directories of their import
    paths."""

    types: TypeName
    width: int = 100
    elide: bool = True
    short: bool = True

    def lines(self, value: Value, row: int = 0) -> list[str]:
        """The value, broken to the width."""
        out: list[str] = []
        self._broken(out, "", ("", value, row, False), "")
        return out

    def one_line(self, value: Value, row: int = 0, room: int = 1 << 60, elide: bool = False) -> str:
        """The value on one line; where there is no room for all parts, the first ones."""
        text = self._flat(value, row, elide, room)
        if text is not None:
            return text
        found = self.parts(value, row, elide)
        if isinstance(found, str):
            return found if len(found) <= room else found[: max(room - 1, 0)] + "…"
        out = found.head + "{"
        left = room - len(found.tail) - 2
        for i, (label, item, item_row, item_elide) in enumerate(found.items):
            start = (", " if i else "") + label
            part = self._flat(item, item_row, item_elide, left - len(out) - len(start) - 2)
            if part is None:
                inner = left - len(out) - len(start) - 3
                if inner > _LEAST_PART:
                    out += start + self.one_line(item, item_row, inner, item_elide)
                break
            out += start + part
        out += "…}" if out.endswith("{") else ", …}"
        tail = found.tail if len(out) + len(found.tail) <= room else ""
        return out + tail if len(out + tail) <= room else out[: max(room - 1, 0)] + "…"

    def name(self, text: str) -> str:
        """A type's name as it is shown."""
        text = safe(text)
        return _PATH.sub("", text) if self.short else text

    # ---- layout ----

    def _flat(self, value: Value, row: int, elide: bool, room: int) -> str | None:
        found = self.parts(value, row, elide)
        if isinstance(found, str):
            return found if len(found) <= room else None
        out = [found.head, "{"]
        used = len(found.head) + len(found.tail) + 2
        for i, (label, item, item_row, item_elide) in enumerate(found.items):
            start = (", " if i else "") + label
            used += len(start)
            text = self._flat(item, item_row, item_elide, room - used) if used <= room else None
            if text is None:
                return None
            used += len(text)
            out += [start, text]
        if found.more:
            out.append((", " if found.items else "") + found.more)
        out += ["}", found.tail]
        text = "".join(out)
        return text if len(text) <= room else None

    def _broken(self, out: list[str], indent: str, item: Item, end: str) -> None:
        label, value, row, elide = item
        room = max(self.width - len(indent) - len(label) - len(end), _NARROW)
        flat = self._flat(value, row, elide, room)
        if flat is not None:
            out.append(indent + label + flat + end)
            return
        found = self.parts(value, row, elide)
        if isinstance(found, str):
            out.append(indent + label + found + end)
            return
        out.append(f"{indent}{label}{found.head}{{")
        inner = indent + _INDENT
        if found.items and all(not label and not isinstance(v, Node) for label, v, _, _ in found.items):
            self._filled(out, inner, found)
        else:
            for part in found.items:
                self._broken(out, inner, part, ",")
            if found.more:
                out.append(inner + found.more)
        out.append(f"{indent}}}{found.tail}{end}")

    def _filled(self, out: list[str], indent: str, found: Group) -> None:
        """Short values, as many on a line as fit."""
        line = indent
        words = [self._flat(v, r, e, 1 << 60) or "" for _, v, r, e in found.items]
        for word in [w + "," for w in words] + ([found.more] if found.more else []):
            if len(line) + len(word) + 1 > max(self.width, _NARROW) and line.strip():
                out.append(line.rstrip())
                line = indent
            line += word + " "
        out.append(line.rstrip())

    # ---- values ----

    def parts(self, value: Value, row: int, elide: bool) -> str | Group:
        """A value as text, or as what it consists of."""
        if not isinstance(value, Node):
            return self._plain(value, self.types(row)[1] if row else "", "")
        tail = self._tail(value)
        if UNREADABLE in value.marks and not (value.items or value.note or value.keys):
            where = f" at {value.address:#x}" if value.address else ""
            if value.kind not in ("slice", "interface") and value.word:
                where = f": points at {value.word:#x}"
            return f"{self.name(value.type)}(unreadable{where}){tail}"
        if value.note and value.kind != "func":
            return safe(value.note) + tail
        write = {
            "struct": self._struct,
            "array": self._list,
            "slice": self._list,
            "map": self._map,
            "ptr": self._pointer,
            "interface": self._interface,
            "chan": self._chan,
            "func": self._func,
        }.get(value.kind)
        if write is not None:
            return write(value, elide, tail)
        if value.kind == "unsafe.Pointer":
            return (f"unsafe.Pointer({value.word:#x})" if value.word else "unsafe.Pointer(nil)") + tail
        if "redacted" in value.marks:
            return f"…(len {value.length:,})"
        return self._plain(value.value, value.kind, value.type) + self._cut_text(value) + tail

    def _cut_text(self, value: Node) -> str:
        return f"… {value.left:,} more bytes" if value.left > 0 else ""

    def _plain(self, value: Plain | None, kind: str, name: str) -> str:
        match value:
            case None:
                return "nil"
            case bool():
                return "true" if value else "false"
            case int():
                return f"{value:#x}" if kind == "uintptr" else str(value)
            case float():
                return go_float(value)
            case complex():
                return f"({go_float(value.real)}{go_float(value.imag, sign=True)}i)"
            case str() | bytes():
                if kind == "unknown" and isinstance(value, bytes):
                    return f"/* {len(value)} bytes */ 0x{value.hex()}"
                return quote(value)

    def _tail(self, value: Node) -> str:
        said = [f"{what} {text}" for what, text in value.facts]
        said += [m for m in value.marks if m not in (CUT, UNREADABLE, "redacted")]
        if UNREADABLE in value.marks and (value.items or value.keys or value.note):
            said.append("parts of it are unreadable")
        return f" /* {safe(', '.join(said))} */" if said else ""

    def _head(self, value: Node, elide: bool) -> str:
        return "" if elide else self.name(value.type)

    def _more(self, value: Node) -> str:
        return f"… {value.left:,} more" if value.left > 0 else ""

    def _struct(self, value: Node, elide: bool, tail: str) -> str | Group:
        if value.left:
            return f"{self._head(value, elide)}{{…}}{tail}"
        items = [
            (f"{safe(n)}: ", v, r, False)
            for n, v, r in zip(value.names, value.items, value.rows, strict=False)
            if n != "_" or not self.elide
        ]
        return Group(self._head(value, elide), items, "", tail)

    def _elem(self, value: Node) -> tuple[int, bool]:
        """(row of the elements' type, whether their type can be left out)."""
        row = self.types(value.row)[2] if value.row else 0
        kind = self.types(row)[1] if row else ""
        return row, self.elide and kind in ("struct", "array", "slice", "map")

    def _list(self, value: Node, elide: bool, tail: str) -> str | Group:
        head = self._head(value, elide)
        if isinstance(value.value, bytes) and (value.word or value.kind == "array"):
            return self._octets(value, head) + tail
        if "redacted" in value.marks:
            return f"{self.name(value.type)}(…, len {value.length:,})"
        if value.kind == "slice" and not value.word and not value.length:
            return ("nil" if elide else f"{head}(nil)") + tail
        row, inner = self._elem(value)
        items = [("", v, row, inner) for v in value.items]
        return Group(head, items, self._more(value), tail)

    def _octets(self, value: Node, head: str) -> str:
        """Bytes as text where they are text."""
        raw = value.value
        assert isinstance(raw, bytes)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = "\0"
        if raw and all(c.isprintable() or c in "\n\t\r" for c in text):
            return f"{self.name(value.type)}({quote(text)}{self._cut_text(value)})"
        shown = ", ".join(f"{b:#x}" for b in raw)
        more = (", " if raw else "") + self._more(value) if value.left > 0 else ""
        return f"{head}{{{shown}{more}}}"

    def _map(self, value: Node, elide: bool, tail: str) -> str | Group:
        head = self._head(value, elide)
        if not value.word:
            return ("nil" if elide else f"{head}(nil)") + tail
        row, inner = self._elem(value)
        items = []
        for key, item in zip(value.keys, value.items, strict=False):
            label = self._flat(key, 0, self.elide, 1 << 60) or ""
            if len(label) > _LONGEST_KEY:
                label = label[:_LONGEST_KEY] + "…"
            items.append((label + ": ", item, row, inner))
        return Group(head, items, self._more(value), tail)

    def _pointer(self, value: Node, elide: bool, tail: str) -> str | Group:
        if not value.word:
            return ("nil" if elide or self.elide else f"({self.name(value.type)})(nil)") + tail
        if value.target is None:
            mark = " /* … */" if CUT in value.marks else ""
            return f"({self.name(value.type)})({value.word:#x}){mark}{tail}"
        found = self.parts(value.target, self.types(value.row)[2] if value.row else 0, False)
        if isinstance(found, str):
            return f"&{found}{tail}"
        found.head = "&" + found.head
        found.tail += tail
        return found

    def _interface(self, value: Node, elide: bool, tail: str) -> str | Group:
        if value.target is None:
            return "nil" + tail
        target = value.target
        found = self.parts(target, 0, False)
        if isinstance(found, str):
            named = isinstance(target, Node) and (
                target.kind in _TYPED or (target.kind in ("string", "bool") and target.type != target.kind)
            )
            if named and isinstance(target, Node) and not target.note:
                return f"{self.name(target.type)}({found}){tail}"
            return found + tail
        found.tail += tail
        return found

    def _chan(self, value: Node, elide: bool, tail: str) -> str | Group:
        if not value.word:
            return f"({self.name(value.type)})(nil)" + tail
        if value.length < 0:
            return f"({self.name(value.type)})({value.word:#x}){tail}"
        about = [f"len {value.length:,}", f"cap {value.capacity:,}"]
        about += ["closed" if what == "closed" else f"{who} {what}" for what, who in value.facts]
        about += [m for m in value.marks if m != CUT]
        row, inner = self._elem(value)
        items = [("", v, row, inner) for v in value.items]
        note = f" /* {safe(', '.join(about))} */"
        return Group(self.name(value.type), items, self._more(value), note)

    def _func(self, value: Node, elide: bool, tail: str) -> str | Group:
        if not value.word:
            return "nil" + tail
        head = f"func {self.name(value.note)}" if value.note else f"func at {value.word:#x}"
        if not value.items:
            return head + ("{…}" if value.left else "") + tail
        items = [
            (f"{safe(n)}: ", v, r, False)
            for n, v, r in zip(value.names, value.items, value.rows, strict=False)
        ]
        return Group(head, items, "", tail)


def is_cut(value: Value) -> set[str]:
    """What was cut anywhere: "depth", "items", "string"; and CYCLE."""
    out: set[str] = set()
    todo: list[Value] = [value]
    while todo:
        v = todo.pop()
        if not isinstance(v, Node):
            continue
        if CYCLE in v.marks:
            out.add(CYCLE)
        if v.note and v.kind != "func":
            # the note stands for all of it
            continue
        if CUT in v.marks:
            octets = isinstance(v.value, bytes) or v.kind == "string"
            shown = v.items or v.keys
            out.add("string" if octets else "items" if shown else "depth")
        if v.kind == "func" and v.left:
            out.add("depth")
        todo += [x for x in v.items if isinstance(x, Node)]
        todo += [x for x in v.keys if isinstance(x, Node)]
        if isinstance(v.target, Node):
            todo.append(v.target)
    return out


def go_float(x: float, *, sign: bool = False) -> str:
    """As fmt's %v has it, which is strconv.FormatFloat(x, 'g', -1, 64): the shortest decimal that reads back
    the same, with an exponent below -4 and from 6 on."""
    if math.isnan(x):
        return "+NaN" if sign else "NaN"
    if math.isinf(x):
        return "+Inf" if x > 0 else "-Inf"
    text = repr(x).removesuffix(".0")
    if x:
        mantissa, _, power = _scientific(x).partition("e")
        exponent = int(power)
        if exponent < -4 or exponent >= _EXPONENT:
            text = f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
        elif "e" in text:
            text = f"{x:.{max(len(mantissa.lstrip('-')) - 2, 0) - exponent}f}"
    return ("+" if sign and not text.startswith("-") else "") + text


def _scientific(x: float) -> str:
    """The shortest decimal that reads back as x, with an exponent."""
    for digits in range(17):
        text = f"{x:.{digits}e}"
        if float(text) == x:
            return text
    return f"{x:.17e}"


def quote(text: str | bytes) -> str:
    """A string as Go writes it (strconv.Quote); bytes that are no UTF-8 as \\x escapes."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    out = []
    for c in text:
        if c in _ESCAPES:
            out.append(_ESCAPES[c])
        elif c.isprintable():
            out.append(c)
        else:
            n = ord(c)
            if 0xDC80 <= n <= 0xDCFF:
                out.append(f"\\x{n - 0xDC00:02x}")
            else:
                out.append(f"\\x{n:02x}" if n < 0x80 else f"\\u{n:04x}" if n < 0x10000 else f"\\U{n:08x}")
    return '"' + "".join(out) + '"'


def safe(text: str) -> str:
    """Text of a target, safe for a terminal."""
    if text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
