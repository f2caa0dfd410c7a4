"""gosnap: memory snapshots of running Go programs."""

from gosnap._version import __version__

__all__ = ["__version__"]
