"""Sphinx configuration."""

import re
from pathlib import Path

_version = (Path(__file__).parent.parent / "src" / "gosnap" / "_version.py").read_text()

project = "gosnap"
author = "The gosnap founders"
project_copyright = "2026, The gosnap founders"
release = version = re.findall(r'__version__ = "([^"]+)"', _version)[0]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"gosnap {release}"
