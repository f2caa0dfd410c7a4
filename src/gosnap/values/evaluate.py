"""From an expression to the place that it names."""

from collections.abc import Callable

import numpy as np

from gosnap.errors import GosnapError, ReadError
from gosnap.values import dynamic, keys, maps, names
from gosnap.values.decode import Decoder
from gosnap.values.expression import (
    Address,
    Assert,
    Call,
    Convert,
    Deref,
    Expression,
    ExpressionError,
    Field,
    Index,
    Literal,
    Name,
    Part,
)
from gosnap.values.model import UNREADABLE, Limits, Node, Value
from gosnap.values.places import Found, Known, Place, Ref, Run
from gosnap.values.subject import Member, Shape, Subject

Local = Callable[[str], Place | None]
"""A variable of a frame by its name."""
_EMBEDDED_DEPTH = 8
_MOST_STEPS = 1 << 12


class Evaluator:
    """Evaluates expressions on one target. ``text``: what was written, for messages. ``local``: variables of
    a goroutine's frame, which hide package variables."""

    def __init__(self, subject: Subject, limits: Limits, text: str, local: Local | None = None) -> None:
        self.subject = subject
        self.limits = limits
        self.text = text
        self.local = local

    def wrong(self, column: int, what: str, hint: str = "") -> ExpressionError:
        """An error that points at a column."""
        return ExpressionError(self.text, column, what, hint)

    def value(self, expression: Expression) -> Value:
        """The decoded value of an expression. GosnapError says what is not there."""
        return self.decode(self.find(expression))

    def decode(self, found: Found) -> Value:
        """The value at a place."""
        decoder = Decoder(self.subject, self.limits)
        if isinstance(found, Known):
            return found.value
        if isinstance(found, Ref):
            return self._decode_ref(decoder, found)
        if isinstance(found, Run):
            return self._decode_run(decoder, found)
        try:
            raw = found.matrix(self.subject)
        except ReadError:
            return decoder.unreadable(self.subject.shape(found.row), found.address)
        value = decoder.of_bytes(found.row, raw, found.address)
        shape = self.subject.shape(found.row)
        if not isinstance(value, Node):
            value = Node(shape.kind, shape.name, shape.row, found.address, value)
        if found.partial:
            value.mark("some parts have no place here and are shown as zero")
        return value

    def _decode_ref(self, decoder: Decoder, ref: Ref) -> Node:
        name = self.subject.shape(ref.row).name
        if ref.count >= 0:
            run = Run("array", f"[{ref.count}]{name}", ref.row, ref.address, ref.count, ref.count)
            return Node("ptr", "*" + run.name, word=ref.address, target=self._decode_run(decoder, run))
        node = Node("ptr", "*" + name, self.subject.pointer_to(ref.row), word=ref.address)
        if ref.address:
            chain = (ref.row, ref.address, None)
            node.target = decoder.behind(ref.row, ref.address, chain, self.limits.depth)
        return node

    def _decode_run(self, decoder: Decoder, run: Run) -> Node:
        """As a slice is decoded: of a header that lies nowhere."""
        shape = Shape(
            0,
            run.name,
            "string" if run.kind == "string" else "slice",
            16 if run.kind == "string" else 24,
            *(run.row, 0, 0, 0, 0, ()),
        )
        words = [run.address, run.length, run.capacity][: 2 if run.kind == "string" else 3]
        value = decoder.of_shape(shape, np.array([words], np.uint64).view(np.uint8))
        if not isinstance(value, Node):
            return Node("string", run.name, value=value, length=run.length)
        value.kind = run.kind
        return value

    # ---- places ----

    def find(self, expression: Expression) -> Found:
        """The place that an expression names."""
        match expression:
            case Name():
                return self._name(expression)
            case Address():
                return self._address(expression)
            case Field():
                found = self.find(expression.of)
                return self._field(found, expression.name, expression.column)
            case Index():
                return self._index(self.find(expression.of), expression)
            case Part():
                return self._part(self.find(expression.of), expression)
            case Deref():
                return self._deref(self.find(expression.of), expression.column)
            case Convert():
                return self._convert(expression)
            case Assert():
                return self._assert(self.find(expression.of), expression)
            case Call():
                return self._call(self.find(expression.of), expression)
        raise self.wrong(
            expression.column, "a literal is no variable", "name a variable, such as main.sessions"
        )

    def _name(self, name: Name) -> Found:
        found: Found | None = None
        rest = ""
        if self.local is not None:
            head, _, rest = name.text.partition(".")
            found = self.local(head)
        if found is None:
            row, rest = names.variable(self.subject, name.text)
            v = self.subject.variables
            found = Place(int(v.type[row]), int(v.address[row]))
        column = name.column + len(name.text) - len(rest)
        for part in rest.split(".") if rest else ():
            found = self._field(found, part, column)
            column += len(part) + 1
        return found

    def _address(self, address: Address) -> Found:
        if self.subject.object_at is None:
            slot = None if self.subject.slot_at is None else self.subject.slot_at(address.value)
            if slot is not None:
                raise self.wrong(
                    address.column,
                    f"an object of {slot[1]:,} bytes at {slot[0]:#x}; its type only a snapshot knows",
                    f"give it a type: '*(*main.User)({slot[0]:#x})'; or `gosnap capture` first",
                )
            raise self.wrong(
                address.column,
                "what is at an address only a snapshot knows",
                f"give it a type: '*(*main.User)({address.value:#x})'; or `gosnap capture` first",
            )
        found = self.subject.object_at(address.value)
        if found is None or not found[0]:
            what = "no object of the heap" if found is None else "an object whose type is not known"
            raise self.wrong(
                address.column,
                f"{what} is at {address.value:#x}",
                f"give it a type: '*(*T)({address.value:#x})'",
            )
        row, base, count = found
        if count >= 0:
            return Run("array", f"[{count}]{self.subject.shape(row).name}", row, base, count, count)
        if address.value == base:
            return Place(row, base)
        _, inner, at = self.subject.types.descend(row, address.value - base)
        return Place(inner, base + at)

    def _shape(self, found: Found) -> Shape | None:
        return self.subject.shape(found.row) if isinstance(found, Place) else None

    def open(self, found: Found, column: int) -> Found:
        """What a selector or index goes into: behind pointers, and what an interface holds."""
        for _ in range(_EMBEDDED_DEPTH):
            shape = self._shape(found)
            if isinstance(found, Ref) or (shape is not None and shape.kind in ("ptr", "interface")):
                found = self._deref(found, column)
            else:
                break
        return found

    def _deref(self, found: Found, column: int) -> Found:
        if isinstance(found, Ref):
            if not found.address:
                raise self.wrong(column, "this pointer is nil")
            if found.count >= 0:
                name = f"[{found.count}]{self.subject.shape(found.row).name}"
                return Run("array", name, found.row, found.address, found.count, found.count)
            return Place(found.row, found.address)
        shape = self._shape(found)
        if shape is None or not isinstance(found, Place):
            if isinstance(found, Run) and found.kind == "array":
                return found
            raise self.wrong(column, "only pointers lead on")
        if shape.kind == "interface":
            return self._held(found, column)
        if shape.kind != "ptr":
            if shape.kind == "unsafe.Pointer":
                raise self.wrong(
                    column,
                    "an unsafe.Pointer does not tell what it points at",
                    "convert its value: '*(*T)(0x...)'",
                )
            if isinstance(found, Place) and self._is_object(found):
                return found
            raise self.wrong(column, f"{shape.name} is no pointer")
        word = self._word(found, column)
        if not word:
            raise self.wrong(column, f"this {shape.name} is nil")
        return Place(shape.elem, word)

    def _is_object(self, found: Place) -> bool:
        """Whether a place is what a bare address stood for: *0xc000123400 is what 0xc000123400 is."""
        at = self.subject.object_at
        return at is not None and found.raw is None and self.text.lstrip("* ").startswith("0x")

    def _word(self, found: Place, column: int, offset: int = 0) -> int:
        return int.from_bytes(self._bytes(found, column)[offset : offset + 8], "little")

    def _bytes(self, found: Place, column: int) -> bytes:
        try:
            return found.bytes_of(self.subject)
        except ReadError as e:
            raise self.wrong(column, f"not readable: {e.message}") from None

    def _held(self, found: Place, column: int) -> Place:
        """What an interface holds."""
        shape = self.subject.shape(found.row)
        raw = self._bytes(found, column)
        words = np.frombuffer(raw, "<u8").astype(np.uint64)
        d = dynamic.resolve(self.subject, shape, words[:1], words[1:2])[0]
        if d is None:
            raise self.wrong(column, f"this {shape.name} is nil")
        if not d.row:
            raise self.wrong(
                column, f"this {shape.name} holds a {d.name}, which the executable's DWARF does not have"
            )
        if d.direct:
            size = self.subject.shape(d.row).size
            return Place(d.row, found.address + 8 if found.address else 0, raw[8 : 8 + size])
        return Place(d.row, d.data)

    # ---- fields ----

    def _field(self, found: Found, name: str, column: int) -> Found:
        if name == "*":
            return self.open(found, column)
        found = self.open(found, column)
        shape = self._shape(found)
        if shape is None or not isinstance(found, Place):
            raise self.wrong(column, f"a {getattr(found, 'name', 'number')} has no fields")
        if shape.kind == "map":
            raise self.wrong(column, f"a {shape.name} has no fields", f'a key is written ["{name}"]')
        path = self._selector(shape, name)
        if path is None:
            close = names.close_to(name, [m.name for m in shape.fields])
            listed = ", ".join(m.name for m in shape.fields[:12]) + (
                ", ..." if len(shape.fields) > 12 else ""
            )
            what = f"{shape.name} has no field {name}"
            raise self.wrong(column, what, close or (f"it has {listed}" if shape.fields else ""))
        for i, member in enumerate(path):
            if i:
                found = self.open(found, column)
            assert isinstance(found, Place)
            found = self._part_of(found, member)
        return found

    def _part_of(self, found: Place, member: Member) -> Place:
        raw = None
        if found.raw is not None:
            raw = found.raw[member.offset : member.offset + self.subject.shape(member.row).size]
        at = found.address + member.offset if found.address or found.raw is None else 0
        return Place(member.row, at, raw, found.partial)

    def _selector(self, shape: Shape, name: str) -> list[Member] | None:
        """The way to a field: its own, or promoted from those embedded, the shallowest first (the Go
        specification, "Selectors")."""
        level: list[tuple[Shape, list[Member]]] = [(shape, [])]
        seen: set[int] = set()
        steps = 0
        while level and steps < _MOST_STEPS:
            below: list[tuple[Shape, list[Member]]] = []
            for s, path in level:
                steps += 1
                for m in s.fields:
                    if m.name == name:
                        return [*path, m]
                    if m.embedded and m.row not in seen:
                        seen.add(m.row)
                        inner = self.subject.shape(m.row)
                        if inner.kind == "ptr":
                            inner = self.subject.shape(inner.elem)
                        below.append((inner, [*path, m]))
            level = below
        return None

    # ---- indices, keys, parts ----

    def _index(self, found: Found, index: Index) -> Found:
        found = self.open(found, index.column)
        shape = self._shape(found)
        if shape is not None and isinstance(found, Place) and shape.kind == "map":
            return self._entry(found, shape, index)
        if not isinstance(index.key, Literal) or type(index.key.value) is not int:
            what = (
                "a number"
                if isinstance(found, Known)
                else getattr(found, "name", "") or (shape and shape.name)
            )
            raise self.wrong(index.key.column, f"an index of {what} is an integer")
        i = index.key.value
        if shape is not None and isinstance(found, Place) and shape.kind == "chan":
            return self._item(found, shape, i, index)
        if shape is not None and isinstance(found, Place) and shape.kind == "array":
            self._inside(i, shape.length, index.key.column)
            elem = self.subject.shape(shape.elem)
            return self._part_of(found, Member("", i * elem.size, shape.elem, False))
        run = self._run(found, index.column)
        self._inside(i, run.length, index.key.column)
        return Place(run.row, run.address + i * self.subject.shape(run.row).size)

    def _inside(self, i: int, length: int, column: int) -> None:
        if not 0 <= i < length:
            raise self.wrong(column, f"index {i} is out of range: the length is {length}")

    def _run(self, found: Found, column: int) -> Run:
        """An array, slice or string as what lies one after another."""
        if isinstance(found, Run):
            return found
        shape = self._shape(found)
        if shape is None or not isinstance(found, Place):
            raise self.wrong(column, "a number has no elements")
        if shape.kind == "array":
            if found.raw is not None and not found.address:
                raise self.wrong(column, "parts of what lies in registers cannot be taken")
            name = "[]" + self.subject.shape(shape.elem).name
            return Run("slice", name, shape.elem, found.address, shape.length, shape.length)
        if shape.kind in ("slice", "string"):
            raw = self._bytes(found, column)
            words = np.frombuffer(raw, "<u8").tolist()
            if not words[1] <= words[-1] < 1 << 47:
                raise self.wrong(column, f"this {shape.name} makes no sense: its length is {words[1]}")
            row = shape.elem if shape.kind == "slice" else self.subject.type_row("uint8")
            return Run(shape.kind, shape.name, row, words[0], words[1], words[-1])
        raise self.wrong(column, f"{shape.name} has no elements")

    def _part(self, found: Found, part: Part) -> Run:
        run = self._run(self.open(found, part.column), part.column)
        # a slice may be sliced up to its capacity
        most = run.length if run.kind == "string" else run.capacity
        low = 0 if part.low is None else part.low
        high = run.length if part.high is None else part.high
        if not 0 <= low <= high <= most:
            of = "the length is" if run.kind == "string" else f"length {run.length}, capacity"
            raise self.wrong(part.column, f"[{low}:{high}] is out of range: {of} {most}")
        size = self.subject.shape(run.row).size
        kind = "slice" if run.kind == "array" else run.kind
        name = "[]" + self.subject.shape(run.row).name if kind == "slice" else run.name
        name = run.name if run.kind == "slice" else name
        return Run(kind, name, run.row, run.address + low * size, high - low, run.capacity - low)

    def _entry(self, found: Place, shape: Shape, index: Index) -> Place:
        decoder = Decoder(self.subject, self.limits)
        lay = decoder.layout(shape.row)
        pointer = self._word(found, index.column)
        if lay is None:
            raise self.wrong(index.column, f"the layout of {shape.name} is not known")
        if isinstance(index.key, Name | Address | Field):
            raise self.wrong(index.key.column, "a key must be a literal")
        key = self.subject.shape(lay.key.real)
        cells, at = None, -1
        length = 0
        if pointer:
            try:
                length = maps.length(lay, self.subject.memory.read(pointer, lay.size))
                cells, _ = self.subject.memory.steady(
                    lambda: maps.read_cells(self.subject, lay, pointer, None), maps.same
                )
                at = keys.find(decoder, cells, key, index.key)
            except ReadError as e:
                raise self.wrong(index.column, f"not readable: {e.message}") from None
        if cells is None or at < 0:
            written = self.text[index.key.column :].partition("]")[0]
            close = keys.nearest(decoder, cells, key, index.key) if cells is not None else ""
            self._check_key(key, index)
            raise self.wrong(
                index.key.column, f"no key {written} in this {shape.name} of {length:,} entries", close
            )
        return Place(lay.elem.real, int(cells.elem_at[at]), cells.elem[at].tobytes())

    def _check_key(self, key: Shape, index: Index) -> None:
        """Say so where a key could never be one of the map's."""
        k = index.key
        if isinstance(k, Literal) and k.value is not None and key.kind in keys.BASIC:
            good = (
                isinstance(k.value, bytes)
                if key.kind == "string"
                else isinstance(k.value, bool)
                if key.kind == "bool"
                else isinstance(k.value, (int, float)) and not isinstance(k.value, bool)
            )
            if not good:
                raise self.wrong(
                    k.column,
                    f"keys of this map are of type {key.name}",
                    "text is quoted, also for the shell: 'main.m[\"u42\"]'" if key.kind == "string" else "",
                )
        if key.kind == "struct" and isinstance(k, Literal):
            shown = ", ".join(m.name for m in key.fields[:6])
            raise self.wrong(
                k.column, f"keys of this map are of type {key.name}", f"write {{{shown}}} in braces"
            )

    def _item(self, found: Place, shape: Shape, i: int, index: Index) -> Place:
        """What will be received after i others."""
        pointer = self._word(found, index.column)
        at = {m.name: m.offset for m in self.subject.shape(shape.impl).fields}
        if not pointer or not {"qcount", "dataqsiz", "buf", "recvx"} <= set(at):
            raise self.wrong(index.column, f"this {shape.name} is nil")
        try:
            count, size, buf, first = (
                self.subject.memory.word(pointer + at[n]) for n in ("qcount", "dataqsiz", "buf", "recvx")
            )
        except ReadError as e:
            raise self.wrong(index.column, f"not readable: {e.message}") from None
        self._inside(i, count, index.key.column)
        elem = self.subject.shape(shape.elem)
        return Place(shape.elem, buf + (first + i) % max(size, 1) * elem.size)

    # ---- types ----

    def _convert(self, convert: Convert) -> Ref:
        text = convert.type.strip()
        if not text.startswith("*"):
            raise self.wrong(
                convert.column + 1,
                f"{text} is no pointer type",
                f"an address is shown as '*(*{text})(0x...)'",
            )
        address = self._convertible(convert.of)
        inner = text[1:].strip()
        count = -1
        if inner.startswith("[") and (close := inner.find("]")) > 1 and inner[1:close].isdigit():
            row = self.subject.type_row(names.normal(inner))
            if row:
                return Ref(row, address)
            count, inner = int(inner[1:close]), inner[close + 1 :]
        try:
            return Ref(names.type_row(self.subject, inner), address, count)
        except GosnapError as e:
            raise self.wrong(convert.column + 1, e.message, e.hint) from None

    def _convertible(self, of: Expression) -> int:
        if isinstance(of, Address):
            return of.value
        found = self.find(of)
        if isinstance(found, Ref):
            return found.address
        shape = self._shape(found)
        if (
            shape is None
            or not isinstance(found, Place)
            or shape.size != 8
            or shape.kind in ("float64", "struct")
        ):
            raise self.wrong(of.column, "expected an address, such as 0xc000123400, or a pointer")
        return self._word(found, of.column)

    def _assert(self, found: Found, wanted: Assert) -> Place:
        shape = self._shape(found)
        if shape is None or shape.kind != "interface" or not isinstance(found, Place):
            name = getattr(found, "name", "") or (shape.name if shape else "number")
            raise self.wrong(wanted.column, f"a {name} is no interface")
        held = self._held(found, wanted.column)
        name, given = self.subject.shape(held.row).name, names.normal(wanted.type)
        star, bare = (given[: len(given) - len(given.lstrip("*"))], given.lstrip("*"))
        if name != given and not (name.startswith(star) and name.endswith("/" + bare)):
            raise self.wrong(wanted.column + 2, f"it holds a {name}, not a {given}", f"write .({name})")
        return held

    def _call(self, found: Found, call: Call) -> Known:
        if isinstance(found, Place) and self.subject.shape(found.row).kind == "ptr":
            inner = self.subject.shape(self.subject.shape(found.row).elem)
            # len of a pointer to an array is the array's
            found = self._deref(found, call.column) if inner.kind == "array" else found
        if isinstance(found, Ref) and found.count >= 0:
            found = self._deref(found, call.column)
        if isinstance(found, Place) and self.subject.shape(found.row).kind == "interface":
            found = self._held(found, call.column)
        if isinstance(found, Run):
            return self._known(found.length if call.name == "len" else found.capacity)
        shape = self._shape(found)
        kinds = {"array", "slice", "chan"} | ({"map", "string"} if call.name == "len" else set())
        if shape is None or shape.kind not in kinds:
            name = shape.name if shape else "number"
            raise self.wrong(call.column, f"{call.name}() of a {name}: there is none")
        # the header alone tells it
        value = Decoder(self.subject, Limits(depth=0, items=0, string=0, raw=True)).of_bytes(
            shape.row,
            np.frombuffer(self._bytes(found, call.column), np.uint8).reshape(1, -1),  # type: ignore[arg-type]
        )
        if not isinstance(value, Node):
            return self._known(0)
        if UNREADABLE in value.marks:
            raise self.wrong(call.column, f"this {shape.name} is not readable")
        count = value.length if call.name == "len" else value.capacity
        return self._known(shape.length if shape.kind == "array" else max(count, 0))

    def _known(self, n: int) -> Known:
        return Known(Node("int", "int", self.subject.type_row("int"), value=n))
