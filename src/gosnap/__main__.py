"""``python -m gosnap``."""

import sys

from gosnap.cli import main

sys.exit(main())
