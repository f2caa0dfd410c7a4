"""The executable file: ELF, DWARF types and globals, symbols, build info."""
