"""Columns as a profile.proto, fields in the order and packing of google/pprof profile/encode.go (Go 1.27).

ValueError: columns that do not fit together, or references to what is not there. ``strings`` u32[strings] is
the number that each string has in the file; 0 stands for the empty one, and for those that are left out.
"""

from typing_extensions import Buffer

class Writer:
    """The profile's fields one after the other; the methods are called in the order of the fields."""

    def field(self, number: int, value: int, always: bool = False) -> None:
        """A number; 0 is left out unless ``always``."""

    def value_type(self, number: int, type_: int, unit: int) -> None:
        """A ValueType of strings as the file numbers them."""

    def comments(self, comments: Buffer, strings: Buffer) -> None: ...
    def samples(
        self,
        values: Buffer,
        types: int,
        stack_start: Buffer,
        stack: Buffer,
        location_id: Buffer,
        label_start: Buffer,
        label_key: Buffer,
        label_str: Buffer,
        label_num: Buffer,
        label_unit: Buffer,
        strings: Buffer,
    ) -> None: ...
    def mappings(
        self,
        id: Buffer,
        start: Buffer,
        limit: Buffer,
        offset: Buffer,
        file: Buffer,
        build_id: Buffer,
        flags: Buffer,
        strings: Buffer,
    ) -> None: ...
    def locations(
        self,
        id: Buffer,
        address: Buffer,
        mapping: Buffer,
        folded: Buffer,
        line_start: Buffer,
        line_function: Buffer,
        line_line: Buffer,
        line_column: Buffer,
        mapping_id: Buffer,
        function_id: Buffer,
    ) -> None: ...
    def functions(
        self,
        id: Buffer,
        name: Buffer,
        system_name: Buffer,
        filename: Buffer,
        start_line: Buffer,
        strings: Buffer,
    ) -> None: ...
    def strings(self, data: Buffer, offset: Buffer, strings: Buffer) -> None:
        """The string table: number 0 and those that have a number, which ascend."""

    def result(self) -> bytes:
        """All that was written."""

def used(column: Buffer, mark: Buffer) -> None:
    """Set mark u8[strings] for every string that a u32 column names."""

def number(mark: Buffer, out: Buffer) -> int:
    """out u32[strings]: numbers from 1 on for what is marked, 0 for string 0 and for all others; how many."""
