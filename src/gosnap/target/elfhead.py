from gosnap.binary.elfhead import *  # noqa: F403 - moved; callers follow
