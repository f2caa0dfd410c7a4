"""Many names as two flat columns instead of many Python strings."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class Names:
    """A sequence of names: UTF-8 bytes, each with a NUL behind it, and where each begins.

    ``data``: the bytes. ``offset``: i64[n + 1]; name i is data[offset[i] : offset[i + 1] - 1]. A str is
    made only for the names that are asked for.
    """

    def __init__(self, data: bytes, offset: I64) -> None:
        if not len(offset) or int(offset[0]) != 0 or int(offset[-1]) != len(data):
            raise ValueError("names: the offsets do not cover the bytes")
        if len(offset) > 1 and int(np.diff(offset).min()) < 1:
            raise ValueError("names: offsets out of order")
        self.data = data
        self.offset = offset

    @classmethod
    def of(cls, names: list[str]) -> "Names":
        """The names of a list."""
        raw = [n.encode() + b"\0" for n in names]
        offset = np.zeros(len(raw) + 1, np.int64)
        np.cumsum([len(r) for r in raw], out=offset[1:])
        return cls(b"".join(raw), offset)

    def __len__(self) -> int:
        return len(self.offset) - 1

    def __getitem__(self, i: int) -> str:
        return self.data[int(self.offset[i]) : int(self.offset[i + 1]) - 1].decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def find(self, name: str) -> Iterator[int]:
        """The rows with exactly this name, in order."""
        wanted = name.encode() + b"\0"
        at = -1
        while True:
            at = self.data.find(wanted, at + 1)
            if at < 0:
                return
            row = int(np.searchsorted(self.offset, at))
            if int(self.offset[row]) == at:
                yield row

    def with_prefix(self, *prefixes: str) -> list[int]:
        """The rows whose name begins with one of these, in order."""
        rows: set[int] = set()
        for prefix in prefixes:
            wanted = prefix.encode()
            at = -1
            while (at := self.data.find(wanted, at + 1)) >= 0:
                row = int(np.searchsorted(self.offset, at))
                if int(self.offset[row]) == at and row < len(self):
                    rows.add(row)
        return sorted(rows)

    def with_suffix(self, suffix: str) -> list[int]:
        """The rows whose name ends with this, in order."""
        wanted = suffix.encode() + b"\0"
        rows: list[int] = []
        at = -1
        while (at := self.data.find(wanted, at + 1)) >= 0:
            rows.append(int(np.searchsorted(self.offset, at, side="right")) - 1)
        return rows

    def take(self, rows: npt.NDArray[np.intp]) -> "Names":
        """These rows, in this order."""
        length = (self.offset[1:] - self.offset[:-1])[rows]
        offset = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(length, out=offset[1:])
        source = np.frombuffer(self.data, np.uint8)
        index = np.repeat(self.offset[:-1][rows] - offset[:-1], length) + np.arange(int(offset[-1]))
        return Names(source[index].tobytes(), offset)

    def to_columns(self, name: str) -> dict[str, U8 | I64]:
        """The two columns, named for a snapshot's section."""
        return {f"{name}_bytes": np.frombuffer(self.data, np.uint8), f"{name}_offset": self.offset}

    @classmethod
    def from_columns(cls, columns: Mapping[str, npt.NDArray[np.generic]], name: str) -> "Names":
        """What ``to_columns`` made; ValueError where the columns contradict each other."""
        data, offset = columns[f"{name}_bytes"], columns[f"{name}_offset"]
        if data.dtype != np.dtype("u1") or offset.dtype != np.dtype("i8"):
            raise ValueError(f"names: columns of {data.dtype} and {offset.dtype}")
        return cls(data.tobytes(), offset.astype(np.int64))
