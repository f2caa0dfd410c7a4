"""Profiles as pprof knows them: read, combined, filtered, summed up. Nothing here imports numpy or rich."""
