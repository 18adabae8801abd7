"""How Sphinx builds these pages; scripts/docs runs it."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "handgrad"
author = "The handgrad developers"
copyright = f"2026, {author}"  # noqa: A001  (Sphinx calls it so)
release = version = version_of("handgrad")

extensions = ["myst_parser", "handgrad_reference", "handgrad_gallery"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
toc_object_entries = False  # the headings are enough

html_theme = "furo"
html_title = "handgrad"
html_static_path = ["_static"]
html_css_files = ["handgrad.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
