"""The string table: bytes and offsets, decoded one at a time when they are shown."""

from __future__ import annotations

from gosnap.profile.columns import offsets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Strings:
    """Strings by index; equal strings that are in use have one index, 0 is the empty string.

    ``data`` is u8, ``offset`` i64[n + 1]. More can be added behind those that were read.
    """

    __slots__ = ("_added", "_bytes", "_places", "data", "offset")

    def __init__(self, data: memoryview, offset: memoryview) -> None:
        self.data = data
        self.offset = offset
        self._added: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._bytes: bytes | bytearray = data.obj if isinstance(data.obj, (bytes, bytearray)) else bytes(data)

    @classmethod
    def empty(cls) -> Strings:
        """Only the empty string."""
        return cls(memoryview(bytearray()), memoryview(bytearray(16)).cast("q"))

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Strings:
        """These strings, all different, the first of them empty."""
        return cls(memoryview(bytearray(b"".join(texts))), offsets(map(len, texts)))

    def __len__(self) -> int:
        return len(self.offset) - 1 + len(self._added)

    def raw(self, index: int) -> bytes:
        """Its bytes, as the file has them."""
        read = len(self.offset) - 1
        if index >= read:
            return self._added[index - read]
        return bytes(self._bytes[self.offset[index] : self.offset[index + 1]])

    def text(self, index: int) -> str:
        """The string; bytes that are no UTF-8 become lone surrogates, so that nothing is lost."""
        return self.raw(index).decode("utf-8", "surrogateescape")

    def find(self, text: bytes) -> int | None:
        """The index of a string, None where it is not in the table."""
        if not text:
            return 0
        at = self._bytes.find(text)
        if at >= 0:
            # most profiles have none of what is looked for
            from bisect import bisect_right
        while at >= 0:
            index = bisect_right(self.offset, at) - 1
            if self.offset[index] == at and self.offset[index + 1] - at == len(text):
                return index
            at = self._bytes.find(text, at + 1)
        return self._places.get(text)

    def intern(self, text: bytes) -> int:
        """The index of a string, added if need be."""
        place = self.find(text)
        if place is None:
            place = len(self)
            self._added.append(text)
            self._places[text] = place
        return place

    def columns(self) -> tuple[memoryview, memoryview]:
        """(data, offset) with all that was added."""
        if self._added:
            joined = b"".join(self._added)
            data = bytearray(self._bytes)
            at = len(data)
            data += joined
            old = self.offset
            offset = memoryview(bytearray(8 * (len(self) + 1))).cast("q")
            offset[: len(old)] = old
            for i, text in enumerate(self._added, len(old)):
                at += len(text)
                offset[i] = at
            # in place: who holds this table sees the same strings under the same indexes
            self.data, self.offset, self._bytes = memoryview(data), offset, data
            self._added, self._places = [], {}
        return self.data, self.offset
