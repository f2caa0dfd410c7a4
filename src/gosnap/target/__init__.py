"""Where bytes come from: a live process, an ELF core, a saved snapshot file."""
