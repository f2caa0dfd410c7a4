"""Compiled loops over raw buffers. Each module has a stub (.pyi) that is its documentation."""
