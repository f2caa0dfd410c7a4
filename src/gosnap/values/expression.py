"""The language of ``gosnap show``: Go's expressions for values that are there, without operators that make
new ones.

    main.sessions["u42"].Cart[0]        variables, fields, map keys, indices
    main.queue[2:5], len(main.queue)    parts, lengths
    *main.head, (*main.head).next       what pointers point at
    *(*main.User)(0xc000123400)         an address as a type; without a type where the snapshot knows it
    main.shape.(main.Circle)            what is in an interface, if it is of that type
    main.config.*                       all fields

A package variable is written with its import path, or with the last element of it where that is enough.
"""

import re
from dataclasses import dataclass

from gosnap.errors import GosnapError

_MOST = 1 << 16
_DEEPEST = 200
_LONGEST = 300
"""Selectors and indices behind one another."""
_SPACE = re.compile(r"\s*")
# a dash is a part of a path ("go-chi"), as nothing here subtracts
_NAME = re.compile(r"[^\W\d][\w./\-~%·@+]*")
_NUMBER = re.compile(
    r"[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(\.\d*)?([eE][+-]?\d+)?|\.\d+)"
)
_FLOATS = re.compile(r"[+-]?(NaN|Inf)\b")
_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}


@dataclass(frozen=True)
class Literal:
    """A number, text (as bytes), truth, or nil (None)."""

    value: int | float | bytes | bool | None
    column: int


@dataclass(frozen=True)
class Composite:
    """A key in braces: {1, "a"}, main.Key{X: 1}, [2]int{1, 2}. ``type``: what stands before the brace."""

    type: str
    items: "tuple[tuple[str, Expression], ...]"
    column: int


@dataclass(frozen=True)
class Name:
    """A package variable and what follows it by dots: "main.config.Port". Which dots select fields only the
    program's names tell."""

    text: str
    column: int


@dataclass(frozen=True)
class Address:
    """A bare address: 0xc000123400."""

    value: int
    column: int


@dataclass(frozen=True)
class Field:
    """x.name; the name "*" is all fields."""

    of: "Expression"
    name: str
    column: int


@dataclass(frozen=True)
class Index:
    """x[key]."""

    of: "Expression"
    key: "Expression"
    column: int


@dataclass(frozen=True)
class Part:
    """x[low:high]; None: from the beginning, to the end."""

    of: "Expression"
    low: int | None
    high: int | None
    column: int


@dataclass(frozen=True)
class Deref:
    """*x."""

    of: "Expression"
    column: int


@dataclass(frozen=True)
class Convert:
    """(T)(0xc000123400) or T(3): an address as a type; as a key, a value of a type."""

    type: str
    of: "Expression"
    column: int


@dataclass(frozen=True)
class Assert:
    """x.(T)."""

    of: "Expression"
    type: str
    column: int


@dataclass(frozen=True)
class Call:
    """len(x) or cap(x)."""

    name: str
    of: "Expression"
    column: int


Expression = Literal | Composite | Name | Address | Field | Index | Part | Deref | Convert | Assert | Call


class ExpressionError(GosnapError):
    """What cannot be read, with the place: the message has the text and a caret below it."""

    def __init__(self, text: str, column: int, what: str, hint: str = "") -> None:
        super().__init__(f"{what}\n  {text}\n  {' ' * column}^", hint)
        self.column = column


def parse(text: str) -> Expression:
    """The expression; ExpressionError points at the column of what is wrong."""
    if len(text) > _MOST:
        raise GosnapError(
            f"an expression of {len(text):,} characters", "name a variable, and go on from there"
        )
    parser = _Parser(text)
    found = parser.expression()
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def wrong(self, what: str, column: int | None = None, hint: str = "") -> ExpressionError:
        return ExpressionError(self.text, self.at if column is None else column, what, hint)

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def peek(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.at += 1
        return True

    def need(self, wanted: str, after: str) -> None:
        if not self.take(wanted):
            raise self.wrong(f"expected {wanted!r} {after}")

    def end(self) -> None:
        if self.peek():
            raise self.wrong(
                f"what is {self.text[self.at]!r} doing here?", hint="quote the expression for the shell"
            )

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong("nested too deeply")
        found = self.unary()
        self.depth -= 1
        return found

    def unary(self) -> Expression:
        if self.peek() == "*":
            column = self.at
            self.at += 1
            return Deref(self.expression(), column)
        return self.postfix(self.primary())

    def primary(self) -> Expression:
        c, column = self.peek(), self.at
        if not c:
            raise self.wrong("expected a variable, such as main.sessions")
        if c == "(":
            return self.parenthesis()
        if c in "\"'`":
            return self.quoted()
        if c.isdigit():
            return Address(self.integer(), column)
        found = _NAME.match(self.text, self.at)
        if found is None:
            raise self.wrong(f"expected a variable, such as main.sessions, not {c!r}")
        name = found[0]
        self.at = found.end()
        if name in ("len", "cap") and self.take("("):
            inner = self.expression()
            self.need(")", f"after what {name}() is asked of")
            return Call(name, inner, column)
        # "main.x.(T)" and "main.x.*": the dot is not the name's
        if name.endswith("."):
            self.at -= len(name) - len(name.rstrip("."))
            name = name.rstrip(".")
        return Name(name, column)

    def parenthesis(self) -> Expression:
        """(x), or a type in parentheses before an address: (*main.User)(0xc000123400)."""
        column = self.at
        close = self.closing(column)
        after = self.text[close + 1 :].lstrip()
        if after.startswith("("):
            name = self.text[column + 1 : close].strip()
            self.at = close + 1
            self.need("(", "before the address")
            inner = self.expression()
            self.need(")", "after the address")
            return Convert(name, inner, column)
        self.at += 1
        inner = self.expression()
        self.need(")", "here")
        return inner

    def closing(self, column: int) -> int:
        """Where the bracket that opens at a column closes."""
        depth, quote, at = 0, "", column
        while at < len(self.text):
            c = self.text[at]
            if quote:
                if c == "\\" and quote != "`":
                    at += 1
                elif c == quote:
                    quote = ""
            elif c in "\"'`":
                quote = c
            elif c in "([{":
                depth += 1
            elif c in ")]}":
                depth -= 1
                if not depth:
                    return at
            at += 1
        raise self.wrong(f"{self.text[column]!r} is not closed", column)

    def postfix(self, found: Expression) -> Expression:
        for _ in range(_LONGEST):
            column = self.at
            if self.take("."):
                if self.peek() == "(":
                    close = self.closing(self.at)
                    name = self.text[self.at + 1 : close].strip()
                    if not name:
                        raise self.wrong("expected a type", self.at + 1)
                    self.at = close + 1
                    found = Assert(found, name, column)
                elif self.take("*"):
                    found = Field(found, "*", column)
                else:
                    found = self.selector(found)
            elif self.take("["):
                found = self.index(found, column)
            else:
                return found
        raise self.wrong("too many selectors and indices")

    def selector(self, found: Expression) -> Expression:
        name = re.compile(r"[^\W\d]\w*").match(self.text, self.at)
        if name is None:
            raise self.wrong("expected the name of a field")
        column, self.at = self.at, name.end()
        return Field(found, name[0], column)

    def index(self, found: Expression, column: int) -> Expression:
        if self.take(":"):
            high = self.bound()
            self.need("]", "after the part's end")
            return Part(found, None, high, column)
        key = self.key()
        if self.take(":"):
            if not isinstance(key, Literal) or type(key.value) is not int:
                raise self.wrong("a part begins and ends with integers: [2:5]", column)
            high = self.bound()
            self.need("]", "after the part's end")
            return Part(found, key.value, high, column)
        self.need("]", "after the index or key")
        return Index(found, key, column)

    def bound(self) -> int | None:
        if self.peek() == "]":
            return None
        return self.integer()

    def integer(self) -> int:
        self.skip()
        found = _NUMBER.match(self.text, self.at)
        column = self.at
        number = self.number(found, column) if found is not None else None
        if not isinstance(number, Literal) or not isinstance(number.value, int):
            raise self.wrong("expected an integer", column)
        return number.value

    def key(self) -> Expression:
        """What stands in brackets or braces: a literal, or a literal of a type."""
        c, column = self.peek(), self.at
        if c in ('"', "'", "`"):
            return self.quoted()
        if c == "{":
            return self.composite("", column)
        special = _FLOATS.match(self.text, self.at)
        if special is not None:
            self.at = special.end()
            return Literal(float(special[0]), column)
        number = _NUMBER.match(self.text, self.at)
        if number is not None:
            return self.number(number, column)
        if c in "[*":
            return self.typed(column)
        name = _NAME.match(self.text, self.at)
        if name is None:
            raise self.wrong('expected an index or a key: 3, "text", {1, 2}')
        if name[0] in ("true", "false", "nil"):
            self.at = name.end()
            return Literal({"true": True, "false": False, "nil": None}[name[0]], column)
        return self.typed(column)

    def typed(self, column: int) -> Expression:
        """int8(3), main.Key{1, 2}, [2]int{1, 2}."""
        at, depth = self.at, 0
        while at < len(self.text):
            c = self.text[at]
            if c in "({" and not depth:
                break
            depth += (c == "[") - (c == "]")
            if depth < 0:
                break
            at += 1
        name = self.text[self.at : at].strip()
        opened = self.text[at : at + 1]
        if not name or opened not in ("(", "{"):
            raise self.wrong(f"a key must be a literal, not {name!r}", column, 'text is quoted: ["u42"]')
        self.at = at
        if opened == "{":
            return self.composite(name, column)
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong("nested too deeply")
        inner = self.key()
        self.depth -= 1
        self.need(")", "after the value")
        return Convert(name, inner, column)

    def composite(self, name: str, column: int) -> Expression:
        self.need("{", "here")
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong("nested too deeply")
        items: list[tuple[str, Expression]] = []
        while self.peek() != "}":
            label = re.compile(r"([^\W\d]\w*)\s*:").match(self.text, self.at)
            if label is not None:
                self.at = label.end()
            items.append((label[1] if label else "", self.key()))
            if not self.take(","):
                break
        self.need("}", "after the last value")
        self.depth -= 1
        if len({bool(label) for label, _ in items}) > 1:
            raise self.wrong("some fields with names, some without", column)
        return Composite(name, tuple(items), column)

    def number(self, found: "re.Match[str]", column: int) -> Expression:
        text = found[0].replace("_", "")
        self.at = found.end()
        if found[2] or found[3] or found[1].startswith("."):
            return Literal(float(text), column)
        # a leading 0 alone means octal in Go
        base = 8 if text.isdigit() and text.startswith("0") else 0
        try:
            return Literal(int(text, base), column)
        except ValueError:
            raise self.wrong(f"{text} is no octal number, as which it begins", column) from None

    def quoted(self) -> Expression:
        """Text as bytes; a rune as its number."""
        column, quote = self.at, self.text[self.at]
        self.at += 1
        out = bytearray()
        runes = 0
        value = 0
        while True:
            if self.at >= len(self.text):
                raise self.wrong(f"{quote} is not closed", column)
            c = self.text[self.at]
            if c == quote:
                self.at += 1
                break
            runes += 1
            if c == "\\" and quote != "`":
                value, raw = self.escape()
                out += raw
            else:
                self.at += 1
                value = ord(c)
                out += c.encode("utf-8", "surrogateescape")
        if quote != "'":
            return Literal(bytes(out), column)
        if runes != 1:
            raise self.wrong("a rune is one character; text is in double quotes", column)
        return Literal(value, column)

    def escape(self) -> tuple[int, bytes]:
        """(the number, the bytes) of an escape (the Go specification, "Rune literals")."""
        start = self.at
        c = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if c in _ESCAPES and c:
            return _ESCAPES[c], bytes([_ESCAPES[c]])
        digits = {"x": 2, "u": 4, "U": 8}.get(c)
        if digits is not None:
            found = re.compile(f"[0-9a-fA-F]{{{digits}}}").match(self.text, self.at)
        else:
            self.at -= 1
            found = re.compile("[0-3][0-7]{2}").match(self.text, self.at)
        if found is None:
            raise self.wrong("an escape that Go does not have", start)
        self.at = found.end()
        value = int(found[0], 16 if digits else 8)
        if c in ("u", "U"):
            if value > 0x10FFFF or 0xD800 <= value < 0xE000:
                raise self.wrong("no character has this number", start)
            return value, chr(value).encode()
        return value, bytes([value])
