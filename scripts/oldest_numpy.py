"""Print the oldest NumPy that handgrad supports and that has wheels for this Python."""

import sys

FIRST_WHEELS = {(3, 13): "2.1", (3, 14): "2.3"}  # older Pythons: 2.0

print(f"numpy=={FIRST_WHEELS.get(sys.version_info[:2], '2.0')}.*")
