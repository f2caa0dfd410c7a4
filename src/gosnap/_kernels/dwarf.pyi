"""One pass over .debug_info into flat columns.

DWARF 2 to 5 (32- and 64-bit) with Go's vendor attributes DW_AT_go_kind 0x2900 to DW_AT_go_closure_offset
0x2907 (cmd/internal/dwarf/dwarf.go). Type units and split DWARF are read as far as they lie in the section.
Every offset, length and reference is checked; a bad one is a ValueError that names the section and the
offset, or refers to nothing.
"""

from typing_extensions import Buffer

class Scan:
    """All entries of .debug_info.

    The arguments are the bytes of the sections, empty where there is none; they must stay unchanged while the
    object lives. ValueError: damaged DWARF. MemoryError: what the section promises does not fit into memory.

    Columns come as bytearrays of little-endian items. A name is a reference (u64) that ``names`` resolves. A
    type is a row (i32) of ``types_columns``; 0 is none.
    """

    units: int
    """Compilation units."""
    skipped_units: int
    """Units of a version or an address size that is not read."""
    dies: int
    """Entries read."""

    def __init__(
        self,
        info: Buffer,
        abbrev: Buffer,
        str_: Buffer,
        line_str: Buffer,
        str_offsets: Buffer,
        addr: Buffer,
    ) -> None: ...
    def types_columns(self) -> dict[str, bytearray]:
        """Columns of the type table, see gosnap.binary.types.TypeTable.

        kind u8, size i64, elem i32, key i32, length i64, impl i32, iface u8, rtype i64, name u64,
        field_start i64[n + 1], field_offset i64, field_type i32, field_flags u8, field_name u64.

        Beside them what only C's structures need: tag u16 (DW_TAG_*), align u32 (DW_AT_alignment, 0 where
        there is none), field_bit u8 and field_bits u8 (a bit-field's first bit behind its offset, and how
        many, 0 for other fields), field_align u8 (1 more than the logarithm of DW_AT_alignment, 0 for none).
        A field_flags of 2 is a base class.
        """

    def aliases_columns(self) -> dict[str, bytearray]:
        """Typedefs of C: type i32 (the row of what is behind them), name u64."""

    def globals_columns(self) -> dict[str, bytearray]:
        """Variables whose location is one address: value u64 (the address), type i32, name u64."""

    def constants_columns(self) -> dict[str, bytearray]:
        """DW_TAG_constant: value u64, type i32, name u64."""

    def functions_columns(self) -> dict[str, bytearray]:
        """Functions with code, in the section's order.

        low u64, high u64, die u64 (the entry's offset in the section), name u64, capture_start i64[n + 1],
        capture_offset i64, capture_type i32, capture_name u64.
        """

    def names(self, refs: Buffer) -> tuple[bytearray, bytearray]:
        """(bytes of the names with a NUL behind each, i64[n + 1] where each begins).

        ValueError where shared names would make more bytes than the sections can account for.
        """
